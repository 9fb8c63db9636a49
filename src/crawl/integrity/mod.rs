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
mod probes;
mod processes;
mod prologue;
mod syscalls;
mod xarray;

use crate::crawl::context::Context;
use crate::crawl::reader::{ReadError, ReadResult};
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

/// What a comparison came to.
struct Compared<T> {
    /// How much was compared.
    examined: u64,
    /// The findings.
    rows: Vec<T>,
    /// Why not all of it was.
    unread: Option<ReadError>,
}

/// Notes how far a comparison went, and gives what it found.
fn conclude<T>(
    found: &mut Integrity,
    name: &'static str,
    result: ReadResult<Compared<T>>,
) -> Vec<T> {
    let (check, rows) = match result {
        Ok(compared) => (done(name, compared.examined, compared.unread), compared.rows),
        Err(error) => (not_done(name, error), Vec::new()),
    };
    found.checks.push(check);
    rows
}

/// A comparison of this much, which is not done if some of it could not be read.
fn done(name: &'static str, examined: u64, unread: Option<ReadError>) -> IntegrityCheck {
    match unread {
        None => IntegrityCheck {
            name: Text::fixed(name),
            outcome: CheckOutcome::Done,
            examined,
            reason: None,
        },
        Some(error) => IntegrityCheck { examined, ..not_done(name, error) },
    }
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
