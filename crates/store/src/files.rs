//! Files of the store: opened without following a link.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Result, StoreError};

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(StoreError::file(path))
}

/// All of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(StoreError::file(path))?;
    Ok(bytes)
}

/// Makes a folder and those above it, for its owner and its group.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(StoreError::file(path))
}

/// Writes a folder's list of files to the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    open(path)?.sync_all().map_err(StoreError::file(path))
}

/// Holds a store for one writer as long as it lives.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(store: &Path) -> Result<Self> {
        let path = store.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(StoreError::file(&path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(StoreError::Locked { path: store.to_owned() })
            }
            Err(error) => Err(StoreError::file(&path)(error.into())),
        }
    }
}
