//! Where a file system keeps the content of its files.

use super::error::{FileError, FileResult};
use crate::crawl::{ReadResult, Reader, file_system};
use crate::frame::Text;

/// File systems that have their files in memory alone. `rootfs` is a tmpfs or a ramfs (init/do_mounts.c).
const IN_MEMORY: &[&str] = &["tmpfs", "ramfs", "rootfs", "devtmpfs"];
/// Those that cache pages of what is kept elsewhere than on a disk of the guest's.
const REMOTE: &[&str] = &[
    "9p", "afs", "ceph", "cifs", "fuse", "fuseblk", "nfs", "nfs4", "overlay", "smb3", "ubifs",
    "virtiofs", "zfs",
];
/// `FS_REQUIRES_DEV` (include/linux/fs.h).
const REQUIRES_DEVICE: u64 = 1;

/// Where the content of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In memory alone: what has no page was never written and is zeros, and what is in swap leaves a mark.
    Memory,
    /// Elsewhere, and cached: what has no page is not known.
    Cached,
}

/// The storage of a file system.
///
/// # Errors
/// The kernel makes the content of its files when they are read, or has it in pages of other sizes.
pub(super) fn storage(reader: &Reader, sb: u64) -> FileResult<Storage> {
    let kind = file_system(reader, sb)?;
    if IN_MEMORY.contains(&kind.as_str()) {
        return Ok(Storage::Memory);
    }
    if kind == "hugetlbfs" {
        return Err(FileError::Unsupported(kind));
    }
    match REMOTE.contains(&kind.as_str()) || requires_device(reader, sb)? {
        true => Ok(Storage::Cached),
        false => Err(FileError::MadeContent(Text::of(format_args!("{kind}")))),
    }
}

fn requires_device(reader: &Reader, sb: u64) -> ReadResult<bool> {
    let kind = reader.follow(sb, reader.layout.files.sb.kind)?;
    Ok(reader.unsigned(kind, reader.layout.page_cache.kind.flags)? & REQUIRES_DEVICE != 0)
}
