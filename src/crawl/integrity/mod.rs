//! The section `integrity`: what the kernel keeps in two places is compared, and pointers to functions
//! are followed to the code that they lead to. `docs/integrity.md` tells each check's source and limits.
//!
//! The guest runs meanwhile, so a difference counts only if it is still there, of the same thing, in
//! several looks at fresh memory.

mod census;
mod code;
mod connections;
mod credentials;
mod functions;
mod interrupts;
mod looks;
mod modules;
mod probes;
mod processes;
mod prologue;
mod syscalls;
mod xarray;

use crate::crawl::reader::{Context, ReadError, ReadResult};
use crate::frame::{CheckOutcome, Integrity, IntegrityCheck, Text};

pub(super) fn crawl(context: &Context) -> Integrity {
    let mut found = Integrity::default();
    processes::check(context, &mut found);
    modules::check(context, &mut found);
    connections::check(context, &mut found);
    syscalls::check(context, &mut found);
    interrupts::check(context, &mut found);
    functions::check(context, &mut found);
    credentials::check(context, &mut found);
    for check in &found.checks {
        if check.outcome == CheckOutcome::Failed {
            let reason = check.reason.as_deref().unwrap_or_default();
            context.problem(format!("{}: {reason}", check.name), None);
        }
    }
    found
}

/// Notes how far a comparison went, and gives what it found.
fn conclude<T>(
    found: &mut Integrity,
    name: &'static str,
    result: ReadResult<(u64, Vec<T>)>,
) -> Vec<T> {
    let (check, rows) = match result {
        Ok((examined, rows)) => (done(name, examined), rows),
        Err(error) => (not_done(name, error), Vec::new()),
    };
    found.checks.push(check);
    rows
}

fn done(name: &'static str, examined: u64) -> IntegrityCheck {
    IntegrityCheck { name: Text::fixed(name), outcome: CheckOutcome::Done, examined, reason: None }
}

fn not_done(name: &'static str, error: ReadError) -> IntegrityCheck {
    let outcome = match error.is_lack() {
        true => CheckOutcome::Unavailable,
        false => CheckOutcome::Failed,
    };
    let at = error.address().map(|address| format!(" (at {address:#x})")).unwrap_or_default();
    IntegrityCheck {
        name: Text::fixed(name),
        outcome,
        examined: 0,
        reason: Some(Text::of(format_args!("{error}{at}"))),
    }
}
