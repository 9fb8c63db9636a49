//! The section `integrity`: what the kernel keeps in two places is compared, and pointers to functions
//! are followed to the code that they lead to. `docs/integrity.md` tells each check's source and limits.
//!
//! The guest runs meanwhile, so a difference counts only if it is still there, of the same thing, in
//! several looks at fresh memory. Memory that cannot be read tells nothing: what would have to be seen in it is not
//! missing, but not checked.

mod census;
mod code;
mod confirm;
mod connections;
mod credentials;
mod functions;
mod interrupts;
mod modules;
mod outcome;
mod probes;
mod processes;
mod prologue;
mod syscalls;

use crate::crawl::context::Context;
use crate::frame::{CheckOutcome, Integrity};

pub(super) fn crawl(context: &Context) -> Integrity {
    let reader = &context.reader;
    let mut found = Integrity::default();
    processes::check(context, &mut found);
    modules::check(reader, &mut found);
    connections::check(reader, &mut found);
    syscalls::check(reader, &mut found);
    interrupts::check(reader, &mut found);
    functions::check(reader, &mut found);
    credentials::check(reader, &mut found);
    for check in &found.checks {
        if check.outcome == CheckOutcome::Failed {
            let reason = check.reason.as_deref().unwrap_or_default();
            reader.problem(format!("{}: {reason}", check.name), None);
        }
    }
    found
}
