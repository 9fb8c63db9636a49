//! The identity of a file: its inode's memory is another's once the file is gone.

use super::error::{FileError, FileResult};
use super::flags::bit;
use super::overlay::{Part, inode_below};
use super::storage::{Storage, storage};
use crate::crawl::{ReadError, ReadResult, Reader};
use crate::frame::FileKind;

/// One file of the guest, as its inode was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    /// Where its `struct inode` lies.
    pub inode: u64,
    sb: u64,
    number: u64,
    generation: u64,
    /// The `struct address_space` with its pages.
    pub mapping: u64,
    /// Where its content is.
    pub storage: Storage,
}

/// The facts of a file that change when it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    /// Bytes.
    pub length: u64,
    version: u64,
    modified: (u64, u64),
    changed: (u64, u64),
}

impl FileIdentity {
    /// The file of an inode; of an overlay's, that in the layer with its content.
    ///
    /// # Errors
    /// It is no regular file, or one whose content is in no page.
    pub fn of_inode(reader: &Reader, inode: u64) -> FileResult<Self> {
        let mode = reader.unsigned(inode, reader.layout.files.inode.mode)?;
        match FileKind::of_mode(mode) {
            Some(FileKind::File) => {
                Self::with_pages(reader, inode_below(reader, inode, Part::Content)?)
            }
            Some(kind) => Err(FileError::NoContent(kind.name())),
            None => Err(FileError::NoContent("file of no known kind")),
        }
    }

    /// The same of a symbolic link whose target is in a page.
    pub(super) fn of_link(reader: &Reader, inode: u64) -> FileResult<Self> {
        Self::with_pages(reader, inode)
    }

    fn with_pages(reader: &Reader, inode: u64) -> FileResult<Self> {
        let layout = &reader.layout.page_cache.inode;
        let sb = reader.follow(inode, layout.sb)?;
        let storage = storage(reader, sb)?;
        let mapping = reader.follow(inode, layout.mapping)?;
        let cache = &reader.layout.page_cache.cache;
        let exiting = bit(reader.layout.page_cache.exiting)?;
        // tmpfs sets no mark when it frees a file.
        let is_unused = reader.unsigned(inode, layout.count)? == 0
            && reader.unsigned(inode, layout.links)? == 0;
        if is_unused || reader.unsigned(mapping, cache.flags)? & exiting != 0 {
            return Err(FileError::Replaced);
        }
        if reader.unsigned(mapping, cache.host)? != inode {
            let what = "the page cache of a file is another's";
            return Err(ReadError::Nonsense { what, address: inode }.into());
        }
        Ok(Self {
            inode,
            sb,
            number: reader.unsigned(inode, reader.layout.files.inode.number)?,
            generation: reader.unsigned(inode, layout.generation)?,
            mapping,
            storage,
        })
    }

    /// Checks that the inode still is this file's.
    ///
    /// # Errors
    /// [`FileError::Replaced`] where it is not.
    pub fn check(&self, reader: &Reader) -> FileResult<()> {
        match Self::of_inode(reader, self.inode) {
            Ok(now) if now == *self => Ok(()),
            Err(FileError::Read(error)) if error.is_final() => Err(error.into()),
            _ => Err(FileError::Replaced),
        }
    }

    /// Its state now.
    pub(super) fn state(&self, reader: &Reader) -> ReadResult<FileState> {
        let layout = &reader.layout.page_cache.inode;
        let of = |field| reader.unsigned(self.inode, field);
        Ok(FileState {
            // A length below 0 is none (`i_size` is signed).
            length: of(layout.length)?.min(i64::MAX as u64),
            version: of(layout.version)?,
            modified: (of(layout.modified_sec)?, of(layout.modified_nsec)?),
            changed: (of(layout.changed_sec)?, of(layout.changed_nsec)?),
        })
    }
}
