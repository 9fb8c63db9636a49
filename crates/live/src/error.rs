//! Errors of a connection to a recorder: each a sentence for a person.

use std::{fmt, io};

use nfm_frame::SourceError;

use crate::message::Refusal;

/// An error of a connection to a recorder.
#[derive(Debug)]
#[non_exhaustive]
pub enum LiveError {
    /// No recorder serves there.
    NotThere {
        /// The socket.
        path: String,
    },
    /// ssh cannot connect to a host.
    Unreachable {
        /// The host.
        host: String,
    },
    /// The user may not look.
    Forbidden {
        /// The socket.
        path: String,
    },
    /// The connection broke, or brings what is no record.
    Broken {
        /// The socket, or the host.
        place: String,
        /// The fault.
        reason: String,
    },
    /// The recorder does not meet the request.
    Refused {
        /// The kind of reason.
        refusal: Refusal,
        /// Its reason.
        reason: String,
        /// The guests that there are, where another one was asked for.
        known: Vec<String>,
    },
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere { path } => {
                write!(f, "no recorder serves at '{path}': nfm record does, as root")
            }
            Self::Unreachable { host } => write!(
                f,
                "the host '{host}' cannot be reached by ssh: what it said is above; 'ssh {host} nfm serve' tries the same"
            ),
            Self::Forbidden { path } => write!(
                f,
                "the recorder's socket '{path}' is for root and its group: have root add you to that group \
                 (usermod -aG nfm USER), and log in anew"
            ),
            Self::Broken { place, reason } => {
                write!(f, "the connection to the recorder at '{place}' broke: {reason}")
            }
            Self::Refused { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for LiveError {}

impl LiveError {
    /// The error of a connection that breaks.
    pub(crate) fn broken(place: &str, reason: impl fmt::Display) -> Self {
        Self::Broken { place: place.to_owned(), reason: reason.to_string() }
    }

    /// The error of connecting to a socket.
    pub fn connecting(path: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Self::NotThere { path: path.to_owned() }
            }
            io::ErrorKind::PermissionDenied => Self::Forbidden { path: path.to_owned() },
            _ => Self::broken(path, error),
        }
    }
}

impl From<LiveError> for SourceError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Refused { refusal: Refusal::NoFrame, reason, .. } => {
                Self::NoFrame { reason }
            }
            error => Self::Crawl(Box::new(error)),
        }
    }
}
