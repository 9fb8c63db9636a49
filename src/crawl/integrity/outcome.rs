//! How far a check went.

use crate::crawl::reader::{ReadError, ReadResult};
use crate::frame::{CheckOutcome, Integrity, IntegrityCheck, Text};

/// The result of a comparison.
pub(super) struct Compared<T> {
    /// How much was compared.
    pub examined: u64,
    /// The findings.
    pub rows: Vec<T>,
    /// Why not all of it was.
    pub unread: Option<ReadError>,
}

/// Notes how far a comparison went, and gives what it found.
pub(super) fn conclude<T>(
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
pub(super) fn done(name: &'static str, examined: u64, unread: Option<ReadError>) -> IntegrityCheck {
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

pub(super) fn not_done(name: &'static str, error: ReadError) -> IntegrityCheck {
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
