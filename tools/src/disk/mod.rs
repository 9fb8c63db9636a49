//! A guest's disks: which images they are, and the worker that reads them.

mod sources;
mod worker;

pub(crate) use sources::{Sources, is_image};
pub(crate) use worker::Worker;

use nfm::SourceError;
use nfm_disk::DiskError;

use crate::Failure;

/// The exit status where a part of the disks could not be read.
pub(crate) const INCOMPLETE: u8 = 23;

/// The failure of a domain's disks, or of a file on them.
pub(crate) fn failure(domain: &str, error: &DiskError) -> Failure {
    SourceError::File { path: domain.to_owned(), reason: error.text.clone() }.into()
}
