//! Programs that `nfm` starts because they have other rights.

use std::path::PathBuf;

use nfm::SourceError;

use crate::Failure;

/// Folders where they may be, from the folder that nfm is in.
const FOLDERS: [&str; 2] = ["", "../libexec/nfm"];

/// The file of a program.
pub(crate) fn program(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let folder = own.parent().map(PathBuf::from).unwrap_or_default();
    let places = FOLDERS.map(|one| folder.join(one).join(name));
    if let Some(program) = places.iter().find(|path| path.is_file()) {
        return Ok(program.clone());
    }
    let path = places.last().map(|path| path.display().to_string()).unwrap_or_default();
    let reason = "the program is not installed there: install package nfm-tools whole".to_owned();
    Err(SourceError::File { path, reason }.into())
}
