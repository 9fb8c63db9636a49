//! ext2, ext3 and ext4, by crate `rust-fs-ext4`. A dirty journal is replayed in memory when it is mounted.

use std::sync::Arc;

use fs_ext4::block_io::BlockDevice;
use fs_ext4::inode::Inode;
use nfm_disk::message::Usage;
use nfm_disk::{DiskError, Fields, ReadAt, Reason, Result};

use crate::device::Device;
use crate::filesystem::{Entry, Filesystem, Node, Status, device_number, nanoseconds};

const ROOT: u64 = 2;
/// `s_overhead_clusters` and `s_log_cluster_size` of the superblock.
const OVERHEAD: usize = 0x248;
const LOG_CLUSTER_SIZE: usize = 0x1c;
/// The feature of extents (`EXT4_FEATURE_INCOMPAT_EXTENTS`).
const EXTENTS: u32 = 0x40;
/// `i_links_count` of a directory with more names than fit.
const MANY_LINKS: u16 = 1;

/// Device files' kinds.
const CHARACTER: u32 = 0o020_000;
const BLOCK: u32 = 0o060_000;

impl BlockDevice for Device {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> fs_ext4::Result<()> {
        self.0.read_at(offset, bytes).map_err(|error| std::io::Error::other(error.text).into())
    }

    fn size_bytes(&self) -> u64 {
        self.0.length()
    }
}

pub(crate) struct Ext4 {
    own: fs_ext4::Filesystem,
}

impl Ext4 {
    pub(crate) fn mount(source: Arc<dyn ReadAt>) -> Result<Self> {
        Ok(Self { own: fs_ext4::Filesystem::mount(Arc::new(Device(source))).map_err(told)? })
    }

    fn inode(&self, node: Node) -> Result<(u32, Inode, Vec<u8>)> {
        let number = number(node)?;
        let (inode, raw) = self.own.read_inode_verified(number).map_err(told)?;
        Ok((number, inode, raw))
    }
}

fn number(node: Node) -> Result<u32> {
    u32::try_from(node.inode).map_err(|_| DiskError::damaged("an inode's number is too large"))
}

fn told(error: fs_ext4::Error) -> DiskError {
    use fs_ext4::Error;
    let text = error.to_string();
    let reason = match error {
        Error::UnsupportedIncompat(_) | Error::UnsupportedRoCompat(_) | Error::Unsupported(_) => {
            Reason::Unsupported
        }
        Error::Corrupt(text) if text.contains("not yet supported") => Reason::Unsupported,
        Error::NotFound => Reason::NoSuchFile,
        Error::NotADirectory | Error::IsADirectory => Reason::WrongKind,
        Error::Stale => Reason::Unstable,
        _ => Reason::Damaged,
    };
    DiskError::new(reason, text)
}

fn node(inode: u32) -> Node {
    Node { tree: 0, inode: u64::from(inode) }
}

impl Filesystem for Ext4 {
    fn root(&self) -> Node {
        Node { tree: 0, inode: ROOT }
    }

    fn status(&self, node: Node) -> Result<Status> {
        let (_, inode, _) = self.inode(node)?;
        let mode = u32::from(inode.mode);
        let is_device = matches!(mode & 0o170_000, CHARACTER | BLOCK);
        Ok(Status {
            mode,
            generation: Some(u64::from(inode.generation)),
            links: (inode.links_count != MANY_LINKS || mode & 0o170_000 != 0o040_000)
                .then_some(u32::from(inode.links_count)),
            uid: Some(inode.uid),
            gid: Some(inode.gid),
            rdev: is_device.then(|| rdev(&inode.block)).flatten(),
            size: inode.size,
            accessed_ns: nanoseconds(inode.atime, inode.atime_nsec),
            modified_ns: nanoseconds(inode.mtime, inode.mtime_nsec),
            changed_ns: nanoseconds(inode.ctime, inode.ctime_nsec),
        })
    }

    fn entries(&self, directory: Node) -> Result<Vec<Entry>> {
        let entries = self.own.read_dir_ino(number(directory)?).map_err(told)?;
        let entries = entries.into_iter().filter(|entry| entry.name != b"." && entry.name != b"..");
        Ok(entries.map(|entry| Entry { name: entry.name, node: node(entry.inode) }).collect())
    }

    fn look_up(&self, directory: Node, name: &[u8]) -> Result<Option<Node>> {
        match self.own.lookup_at(number(directory)?, name) {
            Ok(found) => Ok(Some(node(found))),
            Err(fs_ext4::Error::NotFound) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    fn read(&self, file: Node, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let (number, inode, raw) = self.inode(file)?;
        let length = (bytes.len() as u64).min(inode.size.saturating_sub(offset));
        let bytes = bytes.get_mut(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(0);
        }
        let read = fs_ext4::file_io::read_with_raw_verified(
            &self.own, &inode, &raw, number, offset, length, bytes,
        );
        usize::try_from(read.map_err(told)?).map_err(|_| DiskError::damaged("a length"))
    }

    fn target(&self, link: Node) -> Result<Vec<u8>> {
        self.own.read_link(number(link)?).map_err(told)
    }

    fn attributes(&self, node: Node) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let (_, inode, raw) = self.inode(node)?;
        let all = fs_ext4::xattr::read_all_resolved(&self.own, &inode, &raw).map_err(told)?;
        // Data of a small file, which the kernel does not show.
        let shown = all.into_iter().filter(|attribute| attribute.name != "system.data");
        Ok(shown.map(|attribute| (attribute.name.into_bytes(), attribute.value)).collect())
    }

    fn usage(&self) -> Result<Usage> {
        let sb = &self.own.sb;
        let block = u64::from(sb.block_size());
        let cluster = sb.raw.le32(LOG_CLUSTER_SIZE).and_then(|log| 1024_u64.checked_shl(log));
        let overhead = sb.raw.le32(OVERHEAD).map_or(0, u64::from);
        let overhead = overhead.saturating_mul(cluster.unwrap_or(block));
        // The superblock's own counts are those of the last unmount.
        let groups = &self.own.groups;
        let free: u64 = groups.iter().map(|group| u64::from(group.free_blocks_count)).sum();
        let free_inodes: u64 = groups.iter().map(|group| u64::from(group.free_inodes_count)).sum();
        let cluster = cluster.unwrap_or(block);
        let free = free.saturating_mul(cluster);
        // The kernel keeps some for itself, so that it never lacks one at a bad time (`ext4_set_resv_clusters`).
        let reserved = match sb.feature_incompat & EXTENTS {
            0 => 0,
            _ => (sb.blocks_count.saturating_mul(block) / cluster / 50)
                .min(4096)
                .saturating_mul(cluster),
        };
        let reserved = reserved.saturating_add(sb.r_blocks_count.saturating_mul(block));
        Ok(Usage {
            size_bytes: Some(sb.blocks_count.saturating_mul(block).saturating_sub(overhead)),
            free_bytes: Some(free),
            available_bytes: Some(free.saturating_sub(reserved)),
            inodes: Some(u64::from(sb.inodes_count)),
            free_inodes: Some(free_inodes),
        })
    }
}

/// A device file's number, in the old or the new encoding (`ext4_iget` and `new_decode_dev` of the kernel).
fn rdev(block: &[u8]) -> Option<u64> {
    let (old, new) = (block.le32(0)?, block.le32(4)?);
    let (major, minor) = match old {
        0 => (new >> 8 & 0xfff, new & 0xff | new >> 12 & 0xfff00),
        old => (old >> 8 & 0xff, old & 0xff),
    };
    Some(device_number(major, minor))
}
