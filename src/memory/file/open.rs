//! A dump file, opened so that nothing that poses as one does harm.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

/// An open regular file.
#[derive(Debug)]
pub(crate) struct DumpFile {
    file: File,
    length: u64,
    modified: SystemTime,
}

impl DumpFile {
    /// Opens a regular file. Anything else is left alone: a pipe would block, a device may act when it is
    /// opened.
    ///
    /// # Errors
    /// One clause that tells what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let words = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "you may not read it".to_owned(),
            _ => error.to_string(),
        };
        let regular = |meta: &fs::Metadata| match meta.is_file() {
            true => Ok(()),
            false if meta.is_dir() => Err("it is a directory".to_owned()),
            false => Err("it is no regular file".to_owned()),
        };
        regular(&fs::metadata(path).map_err(words)?)?;
        // Another file may have taken the name meanwhile.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
        let file = options.open(path).map_err(words)?;
        let meta = file.metadata().map_err(words)?;
        regular(&meta)?;
        if meta.len() == 0 {
            return Err("it is empty".to_owned());
        }
        let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self { file, length: meta.len(), modified })
    }

    /// Bytes, as of when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// When it was last written to.
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    /// The file itself, for crates that read on their own.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Reads bytes at an offset; false where the file does not have all of them (any more).
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> bool {
        self.file.read_exact_at(bytes, offset).is_ok()
    }

    /// True if so many bytes from an offset on are in the file.
    pub fn holds(&self, offset: u64, length: u64) -> bool {
        offset.checked_add(length).is_some_and(|end| end <= self.length)
    }
}
