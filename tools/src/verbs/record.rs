//! `nfm record`: starts the program `nfm-record`, which has other rights than nfm.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::Verb;
use crate::programs::program;
use crate::record_args::Record;

/// `nfm record`.
pub(crate) fn record(connect: Option<&str>, record: &Record) -> Verb {
    // Comes back only where it fails.
    Err(Command::new(program("nfm-record")?).args(record.arguments(connect)).exec().into())
}
