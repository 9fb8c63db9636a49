//! A guest's disks: which images they are, and the worker that reads them.

mod sources;
mod worker;

pub(crate) use sources::{Sources, is_image};
pub(crate) use worker::Worker;

/// The exit status where a part of the disks could not be read.
pub(crate) const INCOMPLETE: u8 = 23;
