//! Files that are written here with what guests' memory holds: each has its name once it is complete.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode as Permissions, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// The file holds a guest's secrets: nobody but its owner reads it.
const OWNER_ONLY: u32 = 0o600;

/// A file while it is written, which nobody but its owner may read: without a name, so that nothing is left of it even if we are killed.
/// Where the file system cannot do that, with a name of its own until it is complete.
pub(super) struct NewFile {
    file: File,
    unnamed: bool,
    /// The name until then.
    part: PathBuf,
}

impl NewFile {
    /// A file that will have this name. With `overwrite`, it will replace a regular file.
    ///
    /// # Errors
    /// [`Error::Dump`]
    pub fn new(path: &Path, overwrite: bool) -> Result<Self> {
        let failed = |error: io::Error| failure(path, &error);
        match fs::symlink_metadata(path) {
            Ok(_) if !overwrite => return Err(failed(Errno::EXIST.into())),
            // A device must not be replaced by a file.
            Ok(meta) if !meta.is_file() => {
                return Err(failed(io::Error::other("what has this name is no regular file")));
            }
            _ => {}
        }
        let Some(name) = path.file_name() else {
            return Err(failed(io::Error::other("it names no file")));
        };
        let mut part = OsString::from(".");
        part.push(name);
        part.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(part);
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, folder, flags, Permissions::from_raw_mode(OWNER_ONLY));
        match file {
            Ok(file) => Ok(Self { file: file.into(), unnamed: true, part }),
            // open(2): what kernels and file systems without O_TMPFILE return.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let mut options = OpenOptions::new();
                let options = options.write(true).create_new(true).mode(OWNER_ONLY);
                let file = options.open(&part).map_err(failed)?;
                Ok(Self { file, unnamed: false, part })
            }
            Err(error) => Err(failed(error.into())),
        }
    }

    /// The file, empty at first.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name, once it is on the disk.
    ///
    /// # Errors
    /// [`Error::Dump`]
    pub fn complete(mut self, path: &Path, overwrite: bool) -> Result<()> {
        let named = self.file.sync_all().and_then(|()| self.give_name(path, overwrite));
        named.map_err(|error| failure(path, &error))
    }

    fn give_name(&mut self, path: &Path, overwrite: bool) -> io::Result<()> {
        if self.unnamed {
            let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            let first = if overwrite { self.part.as_path() } else { path };
            rustix::fs::linkat(CWD, own, CWD, first, AtFlags::SYMLINK_FOLLOW)?;
            self.unnamed = !overwrite;
        } else if !overwrite {
            return match rustix::fs::renameat_with(
                CWD,
                &self.part,
                CWD,
                path,
                RenameFlags::NOREPLACE,
            ) {
                // Network file systems know hard links only; the name until now goes with `self`.
                Err(Errno::INVAL) => fs::hard_link(&self.part, path),
                renamed => Ok(renamed?),
            };
        }
        if overwrite { fs::rename(&self.part, path) } else { Ok(()) }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.unnamed {
            // Not there any more if the file has its name.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// The error of such a file, with what to do.
pub(super) fn failure(path: &Path, error: &io::Error) -> Error {
    let reason = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "there is no space left for it; write it to another file system".to_owned()
        }
        io::ErrorKind::FileTooLarge => {
            "its file system or a limit (`ulimit -f`) allows no file as large".to_owned()
        }
        io::ErrorKind::AlreadyExists => {
            "there is such a file already; name another, or replace it (--force)".to_owned()
        }
        _ => error.to_string(),
    };
    let errno = error.raw_os_error().unwrap_or(0);
    Error::Dump { path: path.display().to_string(), reason, errno }
}
