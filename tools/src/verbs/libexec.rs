//! `nfm record` and `nfm exporter`: start programs that have other rights than nfm.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::Verb;
use crate::exporter_args::Exporter;
use crate::programs::program;
use crate::record_args::Record;

/// `nfm record`.
pub(crate) fn record(connect: Option<&str>, record: &Record) -> Verb {
    become_program("nfm-record", record.arguments(connect))
}

/// `nfm exporter`.
pub(crate) fn exporter(connect: Option<&str>, exporter: &Exporter) -> Verb {
    become_program("nfm-exporter", exporter.arguments(connect))
}

fn become_program(name: &str, arguments: Vec<OsString>) -> Verb {
    // Comes back only where it fails.
    Err(Command::new(program(name)?).args(arguments).exec().into())
}
