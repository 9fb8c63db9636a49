//! `nfm record`: starts the program `nfm-record`, which has other rights than nfm.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nfm::SourceError;

use super::Verb;
use crate::record_args::Record;

/// The program's name.
const PROGRAM: &str = "nfm-record";
/// Folders where it may be, from the folder that nfm is in.
const FOLDERS: [&str; 2] = ["", "../libexec/nfm"];

/// `nfm record`.
pub(crate) fn record(connect: Option<&str>, record: &Record) -> Verb {
    let own = std::env::current_exe()?;
    let folder = own.parent().map(PathBuf::from).unwrap_or_default();
    let places = FOLDERS.map(|one| folder.join(one).join(PROGRAM));
    let Some(program) = places.iter().find(|path| path.is_file()) else {
        let path = places.last().map(|path| path.display().to_string()).unwrap_or_default();
        let reason = "the recorder is not installed there: install package nfm-tools whole";
        return Err(SourceError::File { path, reason: reason.to_owned() }.into());
    };
    // Comes back only where it fails.
    Err(Command::new(program).args(record.arguments(connect)).exec().into())
}
