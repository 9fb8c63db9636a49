//! The status of a file, as stat(2) tells it.

use serde::Serialize;

use super::error::FileResult;
use super::identity::FileIdentity;
use super::overlay::{Part, inode_below};
use super::page_cache::{FilePage, pages};
use super::storage::storage;
use crate::crawl::{ReadResult, Reader, file_system};
use crate::frame::{FileKind, Text};
use crate::layout::{Field, Xfs};
use crate::memory::{PAGE_SIZE, PhysicalMemory};

/// Bytes of a symbolic link's target (`PATH_MAX`).
const LONGEST_LINK: usize = 4096;
/// A flag in the nanoseconds of a time: somebody asked for it (`I_CTIME_QUERIED`, 4e40eff0b573, 6.13).
const QUERIED: u64 = 1 << 31;
const NANOSECONDS: i64 = 1_000_000_000;

/// The status of a file, as stat(2) and lstat(2) tell it and as its inode in the guest's memory has it; `None` of what could not be
/// read. Owners are the file system's own: a mount that maps users (idmapped) shows others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileStatus {
    /// The kind of file.
    pub kind: Option<FileKind>,
    /// The inode's number.
    pub inode: Option<u64>,
    /// The number of the device that the file system has, as stat(2) has it. Where the layers of an overlay are on several
    /// file systems, it shows other numbers for its files.
    pub device: Option<u64>,
    /// Permissions and the bits beside them (0o7777).
    pub mode: Option<u32>,
    /// Names that the file has; 0 once all were removed. `None` for a directory of an overlay, which counts otherwise
    /// where it is in several layers.
    pub links: Option<u32>,
    /// The owner.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// A device file's own number, as stat(2) has it.
    pub rdev: Option<u64>,
    /// Bytes.
    pub size: Option<u64>,
    /// When it was last read, in nanoseconds since 1970, as the file system keeps it.
    pub accessed_ns: Option<i64>,
    /// When its content changed last.
    pub modified_ns: Option<i64>,
    /// When it, or what stands here, changed last.
    pub changed_ns: Option<i64>,
    /// A symbolic link's target.
    pub target: Option<Text>,
    /// The type of the file system.
    pub filesystem: Option<Text>,
}

/// The status of an inode; of an overlay's, that of the file in its layer.
pub(crate) fn status(reader: &Reader, memory: &dyn PhysicalMemory, inode: u64) -> FileStatus {
    let layout = &reader.layout.page_cache;
    let own = &layout.inode;
    let number = reader.note("inode", reader.unsigned(inode, reader.layout.files.inode.number));
    let sb = reader.note("file system", reader.follow(inode, own.sb));
    // An overlay's file has its number and its device from the overlay, and all else from a layer.
    let below = reader.note("layer", inode_below(reader, inode, Part::Status));
    let Some(below) = below else {
        return FileStatus { inode: number, ..FileStatus::default() };
    };
    let is_overlay = below != inode;
    let inode = below;
    // All of it at one moment.
    reader.space.prefetch([(inode, u64::from(own.size))]);
    let of = |what, field| reader.note(what, reader.unsigned(inode, field));
    let small = |what, field| reader.note(what, reader.u32(inode, field));
    let mode = of("mode", reader.layout.files.inode.mode);
    let kind = mode.and_then(FileKind::of_mode);
    let device = sb.and_then(|sb| reader.note("device", reader.unsigned(sb, layout.sb.device)));
    let is_device = matches!(kind, Some(FileKind::CharacterDevice | FileKind::BlockDevice));
    let target = (kind == Some(FileKind::Symlink)).then(|| link_target(reader, memory, inode));
    let target = target.and_then(|target| target.ok().flatten());
    FileStatus {
        kind,
        inode: number,
        device: device.map(device_number),
        mode: mode.map(|mode| mode as u32 & 0o7777),
        links: if is_overlay && kind == Some(FileKind::Directory) {
            None
        } else {
            small("links", own.links)
        },
        uid: small("uid", own.uid),
        gid: small("gid", own.gid),
        rdev: if is_device { of("rdev", own.rdev).map(device_number) } else { None },
        size: reader
            .note("size", size(reader, inode, kind))
            .flatten()
            .filter(|size| *size <= i64::MAX as u64),
        accessed_ns: reader
            .note("accessed_ns", time(reader, inode, own.accessed_sec, own.accessed_nsec)),
        modified_ns: reader
            .note("modified_ns", time(reader, inode, own.modified_sec, own.modified_nsec)),
        changed_ns: reader
            .note("changed_ns", time(reader, inode, own.changed_sec, own.changed_nsec)),
        target: target.map(|target| Text::from_bytes(&target)),
        filesystem: sb.and_then(|sb| reader.note("file system", file_system(reader, sb))),
    }
}

/// The status of a file in a layer of an overlay, without what the overlay shows otherwise.
pub(super) fn as_of_overlay(status: FileStatus) -> FileStatus {
    let is_directory = status.kind == Some(FileKind::Directory);
    FileStatus {
        inode: None,
        device: None,
        links: status.links.filter(|_| !is_directory),
        filesystem: Some("overlay".into()),
        ..status
    }
}

/// Bytes. Those of a directory xfs keeps in its own inode (`xfs_vn_getattr`, fs/xfs/xfs_iops.c); `None` where the module
/// brings no types.
fn size(reader: &Reader, inode: u64, kind: Option<FileKind>) -> ReadResult<Option<u64>> {
    let layout = &reader.layout.page_cache.inode;
    if kind == Some(FileKind::Directory)
        && file_system(reader, reader.follow(inode, layout.sb)?)? == "xfs"
    {
        let Ok(layout) = reader.driver::<Xfs>() else { return Ok(None) };
        let own = reader.container(inode, layout.inode.inode)?;
        return reader.unsigned(own, layout.inode.disk_size).map(Some);
    }
    reader.unsigned(inode, layout.length).map(Some)
}

fn time(reader: &Reader, inode: u64, seconds: Field, nanoseconds: Field) -> ReadResult<i64> {
    let seconds = reader.unsigned(inode, seconds)? as i64;
    let rest = (reader.unsigned(inode, nanoseconds)? & !QUERIED) as i64;
    Ok(seconds.saturating_mul(NANOSECONDS).saturating_add(rest.clamp(0, NANOSECONDS - 1)))
}

/// A device's number as the kernel has it (`MKDEV`, include/linux/kdev_t.h), as programs see it (`new_encode_dev`).
fn device_number(device: u64) -> u64 {
    let (major, minor) = (device >> 20 & 0xfff, device & 0xf_ffff);
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

/// A symbolic link's target: kept beside the inode where it is short, else in its first page; `None` where it is in
/// neither.
pub(super) fn link_target(
    reader: &Reader,
    memory: &dyn PhysicalMemory,
    inode: u64,
) -> FileResult<Option<Vec<u8>>> {
    let layout = &reader.layout.page_cache.inode;
    if let Some(link) = reader.pointer(inode, layout.link)? {
        return Ok(Some(reader.until_nul(reader.space, link, LONGEST_LINK)?));
    }
    let length = reader.unsigned(inode, layout.length)? as usize;
    let sb = reader.follow(inode, layout.sb)?;
    if length == 0 || length >= LONGEST_LINK || storage(reader, sb).is_err() {
        return Ok(None);
    }
    let link = FileIdentity::of_link(reader, inode)?;
    let Some(FilePage::Cached { frame, .. }) = pages(reader, &link, 0, 0)?.first().copied() else {
        return Ok(None);
    };
    let mut target = vec![0; length];
    let address = frame.checked_mul(PAGE_SIZE as u64);
    match address.is_some_and(|address| memory.read_run(address, &mut target)) {
        true => Ok(Some(target)),
        false => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::device_number;

    #[test]
    fn devices_are_numbered_as_stat_does() {
        // 8:1, and a minor number of more than 8 bits.
        assert_eq!(device_number(8 << 20 | 1), 0x801);
        assert_eq!(device_number(259 << 20 | 0x12345), 259 << 8 | 0x45 | 0x123 << 20);
    }
}
