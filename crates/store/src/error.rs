//! Errors of the store: each a sentence for a person.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use nfm_frame::SourceError;

/// The result of the store's functions.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// An error of the store.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder cannot be read or written.
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Stored bytes are not what was written: they are lost, and nothing of them is believed.
    Damaged {
        /// The file, and the place in it.
        place: String,
        /// The damage.
        reason: String,
    },
    /// A file that a newer version wrote in a way that this one cannot read.
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// Another recorder writes to the store.
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// Columns could not be made. It is a bug, or memory ran out.
    Columns {
        /// The message of the crates of Arrow and Parquet.
        reason: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "'{}': {error}", path.display()),
            Self::Damaged { place, reason } => {
                write!(f, "{place} is damaged and was left out: {reason}")
            }
            Self::Newer { path } => {
                write!(f, "'{}' was written by a newer nfm: read it with that one", path.display())
            }
            Self::Locked { path } => write!(
                f,
                "another recorder writes to '{}': end it, or record to another folder with --store",
                path.display()
            ),
            Self::Columns { reason } => write!(f, "the columns cannot be written: {reason}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl StoreError {
    /// The error of a file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }

    /// True if the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::File { error, .. } if error.kind() == io::ErrorKind::StorageFull)
    }

    /// True if the file is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::File { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

impl From<arrow_schema::ArrowError> for StoreError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Columns { reason: error.to_string() }
    }
}

impl From<parquet::errors::ParquetError> for StoreError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Columns { reason: error.to_string() }
    }
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::File { path, error } => {
                Self::File { path: path.display().to_string(), reason: error.to_string() }
            }
            _ => Self::NoFrame { reason: error.to_string() },
        }
    }
}
