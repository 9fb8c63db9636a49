//! The format of what is on a disk, a partition or a volume, by its magic numbers.

use serde::{Deserialize, Serialize};

use crate::fields::{Fields, text, uuid};
use crate::read_at::ReadAt;

/// Formats, by blkid's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Nothing but zeros where formats have their marks.
    Empty,
    /// No format that nfm knows.
    Unknown,
    /// A partition table of UEFI's kind.
    Gpt,
    /// A partition table of the PC's kind.
    Dos,
    /// ext2, ext3 or ext4.
    Ext4,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// FAT, of any size of its entries.
    Vfat,
    /// Swap space.
    Swap,
    /// A physical volume of LVM2.
    Lvm2,
    /// A member of a Linux software RAID.
    Md,
    /// An encrypted volume: LUKS.
    Luks,
    /// An ISO 9660 image.
    Iso9660,
    /// Squashfs.
    Squashfs,
    /// NTFS.
    Ntfs,
    /// A physical member of bcache.
    Bcache,
    /// ZFS.
    Zfs,
}

impl Content {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Unknown => "unknown",
            Self::Gpt => "gpt",
            Self::Dos => "dos",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Vfat => "vfat",
            Self::Swap => "swap",
            Self::Lvm2 => "lvm2",
            Self::Md => "md",
            Self::Luks => "luks",
            Self::Iso9660 => "iso9660",
            Self::Squashfs => "squashfs",
            Self::Ntfs => "ntfs",
            Self::Bcache => "bcache",
            Self::Zfs => "zfs",
        }
    }

    /// True for a filesystem that the worker reads.
    pub fn is_filesystem(self) -> bool {
        matches!(self, Self::Ext4 | Self::Xfs | Self::Btrfs | Self::Vfat)
    }
}

/// A format with the names that its header gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The format.
    pub content: Content,
    /// Its UUID, or a FAT's serial number.
    pub uuid: Option<String>,
    /// Its label.
    pub label: Option<String>,
}

impl Identity {
    fn new(content: Content) -> Self {
        Self { content, uuid: None, label: None }
    }
}

/// The bytes that are looked at, from the beginning on.
const LOOKED_AT: usize = 0x1_1000;

/// The format of a source. What cannot be read counts as zeros.
pub fn identify(source: &dyn ReadAt) -> Identity {
    let mut bytes = vec![0; LOOKED_AT];
    let there = usize::try_from(source.length()).unwrap_or(LOOKED_AT).min(LOOKED_AT);
    let readable = source.read_at(0, bytes.get_mut(..there).unwrap_or_default());
    if readable.is_err() {
        // A hole in a truncated image: the first part alone may do.
        let _ = source.read_at(0, bytes.get_mut(..there.min(0x1000)).unwrap_or_default());
    }
    // The superblock of an array's member of the oldest formats is at its end: it is before all others, as the
    // filesystem in it looks whole.
    if crate::md::at_end(source) {
        return Identity::new(Content::Md);
    }
    by_magic(&bytes).unwrap_or_else(|| {
        let is_zero = bytes.iter().all(|byte| *byte == 0);
        Identity::new(if is_zero { Content::Empty } else { Content::Unknown })
    })
}

fn by_magic(bytes: &[u8]) -> Option<Identity> {
    let is = |at: usize, magic: &[u8]| {
        at.checked_add(magic.len()).and_then(|end| bytes.get(at..end)) == Some(magic)
    };
    let named = |content, id: usize, label: std::ops::Range<usize>| Identity {
        content,
        uuid: bytes.array(id).map(uuid),
        label: bytes.get(label).and_then(text),
    };
    if is(0, b"LUKS\xba\xbe") {
        let label = if is(6, &[0, 2]) { 24..72 } else { 0..0 };
        let uuid = bytes.get(168..208).and_then(text);
        return Some(Identity {
            content: Content::Luks,
            uuid,
            label: bytes.get(label).and_then(text),
        });
    }
    for sector in 0..4 {
        if is(sector * 512, b"LABELONE") && is(sector * 512 + 24, b"LVM2 001") {
            let id = bytes.get(sector * 512 + 32..).and_then(|bytes| bytes.get(..32));
            let id = id.and_then(text).map(|id| crate::lvm::dashed(&id));
            return Some(Identity { content: Content::Lvm2, uuid: id, label: None });
        }
    }
    for at in [0, 0x1000] {
        if bytes.le32(at) == Some(crate::md::MAGIC) && bytes.le32(at + 4) == Some(1) {
            return Some(named(Content::Md, at + 16, at + 32..at + 64));
        }
    }
    if is(0, b"XFSB") {
        return Some(named(Content::Xfs, 32, 108..120));
    }
    if is(0x438, &[0x53, 0xef]) {
        return Some(named(Content::Ext4, 0x468, 0x478..0x488));
    }
    if is(0x1_0040, b"_BHRfS_M") {
        return Some(named(Content::Btrfs, 0x1_0020, 0x1_012b..0x1_022b));
    }
    if is(4086, b"SWAPSPACE2") || is(4086, b"SWAP-SPACE") {
        return Some(named(Content::Swap, 1036, 1052..1068));
    }
    if is(4096 + 24, &[0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca]) {
        return Some(Identity::new(Content::Bcache));
    }
    if is(0x8001, b"CD001") {
        return Some(Identity::new(Content::Iso9660));
    }
    if is(0, b"hsqs") {
        return Some(Identity::new(Content::Squashfs));
    }
    if is(3, b"NTFS    ") {
        return Some(Identity::new(Content::Ntfs));
    }
    if is(510, &[0x55, 0xaa]) {
        let fat = |kind: usize, id: usize, label: std::ops::Range<usize>| {
            is(kind, b"FAT").then(|| {
                let serial =
                    bytes.le32(id).map(|id| format!("{:04X}-{:04X}", id >> 16, id & 0xffff));
                let label =
                    bytes.get(label).and_then(text).map(|label| label.trim_end().to_owned());
                let label = label.filter(|label| label != "NO NAME" && !label.is_empty());
                Identity { content: Content::Vfat, uuid: serial, label }
            })
        };
        return fat(0x52, 0x43, 0x47..0x52).or_else(|| fat(0x36, 0x27, 0x2b..0x36));
    }
    None
}
