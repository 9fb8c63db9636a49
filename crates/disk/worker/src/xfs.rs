//! XFS, by crate `rust-fs-xfs`. A dirty log is replayed in memory when it is mounted.

use std::sync::Arc;

use fs_xfs::inode::Inode;
use nfm_disk::message::Usage;
use nfm_disk::{Fields, ReadAt, Result};

use crate::device::{Device, reason};
use crate::filesystem::{Entry, Filesystem, Node, Status, device_number, nanoseconds};

/// Device files' kinds.
const CHARACTER: u32 = 0o020_000;
const BLOCK: u32 = 0o060_000;

pub(crate) struct Xfs {
    own: fs_xfs::Filesystem,
}

fn told(error: fs_xfs::Error) -> nfm_disk::DiskError {
    reason(&format!("{error:?}"), error.to_string())
}

impl Xfs {
    pub(crate) fn mount(source: Arc<dyn ReadAt>) -> Result<Self> {
        Ok(Self { own: fs_xfs::Filesystem::mount(Arc::new(Device(source))).map_err(told)? })
    }

    fn inode(&self, node: Node) -> Result<(Inode, Vec<u8>)> {
        self.own.read_inode_raw(node.inode).map_err(told)
    }
}

fn node(inode: u64) -> Node {
    Node { tree: 0, inode }
}

impl Filesystem for Xfs {
    fn root(&self) -> Node {
        node(self.own.superblock().rootino)
    }

    fn status(&self, node: Node) -> Result<Status> {
        let (inode, raw) = self.inode(node)?;
        let mode = u32::from(inode.mode);
        let is_device = matches!(mode & 0o170_000, CHARACTER | BLOCK);
        // In the data fork: 18 bits of the minor number below the major one (`sysv_encode_dev` of the kernel).
        let rdev = is_device.then(|| raw.be32(inode.data_fork_offset())).flatten();
        Ok(Status {
            mode,
            generation: Some(u64::from(inode.r#gen)),
            links: Some(inode.nlink),
            uid: Some(inode.uid),
            gid: Some(inode.gid),
            rdev: rdev.map(|device| device_number(device >> 18, device & 0x3_ffff)),
            size: inode.size,
            accessed_ns: nanoseconds(inode.atime.sec, inode.atime.nsec),
            modified_ns: nanoseconds(inode.mtime.sec, inode.mtime.nsec),
            changed_ns: nanoseconds(inode.ctime.sec, inode.ctime.nsec),
        })
    }

    fn entries(&self, directory: Node) -> Result<Vec<Entry>> {
        let (inode, raw) = self.inode(directory)?;
        let entries = self.own.read_dir(&inode, &raw).map_err(told)?;
        let entries = entries.into_iter().filter(|entry| entry.name != b"." && entry.name != b"..");
        Ok(entries.map(|entry| Entry { name: entry.name, node: node(entry.ino) }).collect())
    }

    fn look_up(&self, directory: Node, name: &[u8]) -> Result<Option<Node>> {
        let (inode, raw) = self.inode(directory)?;
        match self.own.lookup(&inode, &raw, name) {
            Ok(found) => Ok(Some(node(found.ino))),
            Err(fs_xfs::Error::NotFound) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    fn read(&self, file: Node, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let (inode, raw) = self.inode(file)?;
        self.own.read_at(&inode, &raw, offset, bytes).map_err(told)
    }

    fn target(&self, link: Node) -> Result<Vec<u8>> {
        let (inode, raw) = self.inode(link)?;
        self.own.read_link(&inode, &raw).map_err(told)
    }

    fn attributes(&self, node: Node) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let (inode, raw) = self.inode(node)?;
        let all = self.own.list_xattrs(&inode, &raw).map_err(told)?;
        Ok(all.into_iter().map(|one| (one.name, one.value)).collect())
    }

    /// The counters of the superblock and of the allocation groups; free space is what the last unmount or the log left.
    fn usage(&self) -> Result<Usage> {
        let sb = self.own.superblock();
        let block = u64::from(sb.blocksize);
        let (mut free, mut inodes, mut free_inodes) = (0_u64, 0_u64, 0_u64);
        for group in 0..sb.agcount {
            let space = self.own.read_agf(group).map_err(told)?;
            let own = self.own.read_agi(group).map_err(told)?;
            free = free
                .saturating_add(u64::from(space.freeblks))
                .saturating_add(u64::from(space.flcount));
            inodes = inodes.saturating_add(u64::from(own.count));
            free_inodes = free_inodes.saturating_add(u64::from(own.freecount));
        }
        let size = sb.dblocks.saturating_sub(u64::from(sb.logblocks));
        Ok(Usage {
            size_bytes: Some(size.saturating_mul(block)),
            free_bytes: Some(free.saturating_mul(block)),
            // The kernel sets some aside, by rules of its own.
            available_bytes: None,
            inodes: Some(inodes),
            free_inodes: Some(free_inodes),
        })
    }
}
