//! The reasons for which a layer of a disk, or a file on it, cannot be read.

use serde::{Deserialize, Serialize};

/// The kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The host does not let its file or device be read.
    Unreadable,
    /// It is shorter than it says.
    Truncated,
    /// It contradicts itself.
    Damaged,
    /// It has a feature that nfm does not read.
    Unsupported,
    /// It is encrypted.
    Encrypted,
    /// A part of it was not given: a backing file, a physical volume, a member of an array.
    Missing,
    /// A backing file or a data file that the image names, and its domain does not.
    Unnamed,
    /// No filesystem has the guest's root directory, or nothing of the kind that was asked for is on the disk.
    Absent,
    /// There is no such file.
    NoSuchFile,
    /// A directory stands where a file was asked for, or the reverse.
    WrongKind,
    /// Symbolic links lead to one another.
    LinkLoop,
    /// The guest changed it each time that it was read.
    Unstable,
    /// The worker ended: its limits, or a fault in it.
    Worker,
}

/// One layer or file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct DiskError {
    /// The kind of reason.
    pub reason: Reason,
    /// A sentence's worth of it.
    pub text: String,
}

/// The result of reading a disk.
pub type Result<T> = std::result::Result<T, DiskError>;

impl DiskError {
    /// An error with a reason of this kind.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }

    /// It contradicts itself.
    pub fn damaged(text: impl Into<String>) -> Self {
        Self::new(Reason::Damaged, text)
    }

    /// It has a feature that nfm does not read.
    pub fn unsupported(text: impl Into<String>) -> Self {
        Self::new(Reason::Unsupported, text)
    }

    /// The same error, with the layer or file that it is of.
    pub fn of(self, place: &str) -> Self {
        Self { reason: self.reason, text: format!("{place}: {}", self.text) }
    }
}
