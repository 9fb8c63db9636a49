//! Bytes at an offset: the one way in which all layers read each other. There is no way to write.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::error::{DiskError, Reason, Result};

/// A disk, an image, a partition or a volume: bytes that can be read.
pub trait ReadAt: Send + Sync {
    /// Fills the buffer from this offset; to read past the end is an error.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()>;

    /// The length in bytes.
    fn length(&self) -> u64;
}

/// Some bytes at an offset.
pub fn bytes_at<const N: usize>(source: &dyn ReadAt, offset: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// True if so many bytes at an offset are within a length.
pub(crate) fn fits(offset: u64, bytes: usize, length: u64) -> bool {
    let end = u64::try_from(bytes).ok().and_then(|bytes| offset.checked_add(bytes));
    end.is_some_and(|end| end <= length)
}

pub(crate) fn past_end(offset: u64, length: u64) -> DiskError {
    let text = format!("it ends at byte {length}, and byte {offset} is asked for");
    DiskError::new(Reason::Truncated, text)
}

/// A file or a block device of the host, open for reading.
pub struct HostFile {
    file: File,
    length: u64,
}

impl HostFile {
    /// A file that was opened for reading.
    pub fn new(mut file: File) -> Result<Self> {
        // The status of a block device has no length.
        let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
        Ok(Self { file, length })
    }
}

fn unreadable(error: std::io::Error) -> DiskError {
    DiskError::new(Reason::Unreadable, error.to_string())
}

impl ReadAt for HostFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        if !fits(offset, bytes.len(), self.length) {
            return Err(past_end(offset, self.length));
        }
        self.file.read_exact_at(bytes, offset).map_err(unreadable)
    }

    fn length(&self) -> u64 {
        self.length
    }
}

/// A part of another source.
#[derive(Clone)]
pub struct Slice {
    source: Arc<dyn ReadAt>,
    start: u64,
    length: u64,
}

impl Slice {
    /// So many bytes of a source from an offset on; it need not have them all.
    pub fn new(source: Arc<dyn ReadAt>, start: u64, length: u64) -> Self {
        Self { source, start, length }
    }
}

impl ReadAt for Slice {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let start = self.start.checked_add(offset);
        match start {
            Some(start) if fits(offset, bytes.len(), self.length) => {
                self.source.read_at(start, bytes)
            }
            _ => Err(past_end(offset, self.length)),
        }
    }

    fn length(&self) -> u64 {
        self.length
    }
}

/// Bytes in memory.
pub struct Bytes(pub Vec<u8>);

impl ReadAt for Bytes {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(bytes.len()));
        let found = start.zip(end).and_then(|(start, end)| self.0.get(start..end));
        bytes.copy_from_slice(found.ok_or_else(|| past_end(offset, self.length()))?);
        Ok(())
    }

    fn length(&self) -> u64 {
        self.0.len() as u64
    }
}
