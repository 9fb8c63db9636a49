//! Why a file of the guest could not be had.

use std::fmt;

use crate::crawl::ReadError;
use crate::frame::Text;

/// Why a file of the guest could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileError {
    /// Guest memory could not be read.
    Read(ReadError),
    /// The guest has no such process.
    NoProcess(u32),
    /// The process has ended, and has no files any more.
    Ended(u32),
    /// The process has no such descriptor.
    NoDescriptor(u32, u32),
    /// There is nothing of this name.
    NoSuchFile,
    /// The name is not in memory: it may be on a disk.
    NotHeld,
    /// A name within something that is no directory.
    NotDirectory,
    /// Symbolic links lead to each other, or too far.
    EndlessLinks,
    /// The kernel makes the link's target when it is followed.
    MadeLink,
    /// It is a file without content: a directory, a pipe ...
    NoContent(&'static str),
    /// The kernel makes the content when it is read.
    MadeContent(Text),
    /// The pages of such a file system are not read.
    Unsupported(Text),
    /// The inode was freed, or is another file's by now.
    Replaced,
}

pub(crate) type FileResult<T> = Result<T, FileError>;

impl From<ReadError> for FileError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl FileError {
    /// True for what may be otherwise at the next look, as it was changed while it was read.
    pub fn may_be_torn(&self) -> bool {
        match self {
            Self::Read(error) => error.is_torn(),
            Self::NoSuchFile | Self::NotHeld | Self::NotDirectory => true,
            _ => false,
        }
    }

    /// True where the guest may have what was asked for, and its memory does not hold it.
    pub fn is_not_held(&self) -> bool {
        matches!(self, Self::NotHeld | Self::MadeLink | Self::MadeContent(_) | Self::Unsupported(_))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::NoProcess(pid) => write!(f, "there is no process {pid}"),
            Self::Ended(pid) => write!(f, "process {pid} has ended"),
            Self::NoDescriptor(pid, fd) => write!(f, "process {pid} has no descriptor {fd}"),
            Self::NoSuchFile => f.write_str("there is no such file"),
            Self::NotHeld => f.write_str(
                "the guest's memory does not hold its name: it may be on a disk, or made when it is asked for",
            ),
            Self::NotDirectory => f.write_str("a part of its path is no directory"),
            Self::EndlessLinks => f.write_str("its symbolic links do not end"),
            Self::MadeLink => {
                f.write_str("the kernel makes the target of a link in its path when it is followed")
            }
            Self::NoContent(kind) => write!(f, "it is a {kind}, which has no content"),
            Self::MadeContent(kind) => {
                write!(f, "the kernel makes the content of files in {kind} when they are read")
            }
            Self::Unsupported(kind) => write!(f, "nfm does not read the pages of {kind}"),
            Self::Replaced => f.write_str("it is gone: its inode was freed, or is another file's"),
        }
    }
}
