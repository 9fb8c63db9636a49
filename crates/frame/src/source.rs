//! Sources of frames: living guests, dumps, recorded frames. Verbs and screens are written once, over
//! [`FrameSource`].

use std::error::Error;
use std::fmt;

use super::{DomainIdentity, Frame, Section};

/// A moment by the wall clock of the frames' hosts, nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest frame there is; of a living guest, one that is taken now.
    Latest,
    /// The last frame that was taken then or before.
    Before(u64),
    /// The first frame that was taken then or after.
    After(u64),
    /// The frame that was taken nearest to it.
    Nearest(u64),
}

/// A source of frames of one domain or of several.
pub trait FrameSource {
    /// The domains that it has frames of.
    ///
    /// # Errors
    /// The source cannot be read.
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError>;

    /// True if frames are taken when they are asked for, so that [`Self::next`] always has one.
    fn is_live(&self) -> bool;

    /// A domain's frame at a time, with these sections and no others.
    ///
    /// # Errors
    /// There is no such domain, no frame at that time, or none with these sections.
    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError>;

    /// The domain's frame after another one of this source; `None` where that was the last.
    ///
    /// # Errors
    /// As with [`Self::frame`].
    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError>;
}

/// An error of a source of frames. Its `Display` is one sentence for a person.
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceError {
    /// The source has no frames of that domain.
    NoSuchDomain {
        /// The domain asked for.
        domain: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// The source has no frame at that time.
    NoFrame {
        /// The request, and the names that there are.
        reason: String,
    },
    /// A recorded frame lacks a section.
    NoSection {
        /// The section.
        section: Section,
        /// The sections that it has.
        known: Vec<Section>,
    },
    /// A file cannot be read, or holds no frames.
    File {
        /// The file.
        path: String,
        /// The fault, and what to do.
        reason: String,
    },
    /// A guest's processes cannot be read: a frame without any would look like a guest that runs nothing.
    Unreadable {
        /// The domain.
        domain: String,
        /// The part that could not be read.
        reason: String,
    },
    /// A frame of a guest could not be taken.
    Crawl(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDomain { domain, known } => write!(
                f,
                "there are no frames of a domain '{domain}'; there are of {}",
                known.join(", ")
            ),
            Self::NoFrame { reason } => f.write_str(reason),
            Self::NoSection { section, known } => {
                let known: Vec<&str> = known.iter().map(|one| one.name()).collect();
                write!(
                    f,
                    "the recorded frame has no section '{}', only {}: record it with that section",
                    section.name(),
                    known.join(", ")
                )
            }
            Self::File { path, reason } => {
                write!(f, "no frames can be read from '{path}': {reason}")
            }
            Self::Unreadable { domain, reason } => {
                write!(f, "no process of '{domain}' can be read: {reason}")
            }
            Self::Crawl(error) => error.fmt(f),
        }
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Crawl(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}
