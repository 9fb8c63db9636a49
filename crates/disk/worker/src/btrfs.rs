//! Btrfs, by crate `rust-fs-btrfs`, through all subvolumes.
//!
//! A dirty log tree holds what was synced since the last commit. The crate refuses it, so the superblock is served without:
//! the view is that of the last commit, at most 30 seconds old (the guest's `commit=`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nfm_disk::message::Usage;
use nfm_disk::{DiskError, Fields, ReadAt, Result};

use crate::device::{Device, reason};
use crate::filesystem::{Entry, Filesystem, Node, Status, nanoseconds};

/// The superblocks (`btrfs_sb_offset` of the kernel), their length, and the members that matter here.
const SUPERBLOCKS: [u64; 3] = [0x1_0000, 0x400_0000, 0x40_0000_0000];
const SUPERBLOCK_BYTES: usize = 4096;
const CSUM: usize = 32;
const MAGIC: usize = 0x40;
const LOG_ROOT: usize = 0x60;
const LOG_LEVEL: usize = 0xc8;
const CSUM_TYPE: usize = 0xc4;
/// The types of checksums that the kernel has; the first is the default.
const CRC32C: u16 = 0;
/// The tree of files that is there without any subvolume.
const TOP: u64 = 5;
/// The directory that stands for a subvolume of a snapshot's origin.
const EMPTY: u64 = fs_btrfs::subvol::EMPTY_SUBVOL_DIR_OBJECTID;

/// A device on which no superblock names a log.
struct WithoutLog(Arc<dyn ReadAt>);

impl ReadAt for WithoutLog {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.0.read_at(offset, bytes)?;
        for at in SUPERBLOCKS {
            let end = offset.saturating_add(bytes.len() as u64);
            if at.saturating_add(SUPERBLOCK_BYTES as u64) <= offset || end <= at {
                continue;
            }
            let mut own = vec![0; SUPERBLOCK_BYTES];
            if self.0.read_at(at, &mut own).is_ok() && mask(&mut own) {
                lay_over(bytes, offset, &own, at);
            }
        }
        Ok(())
    }

    fn length(&self) -> u64 {
        self.0.length()
    }
}

/// Takes the log out of a whole superblock; false where it has none, or is not whole.
fn mask(own: &mut [u8]) -> bool {
    let is_whole = own.array(MAGIC) == Some(*b"_BHRfS_M")
        && own.le16(CSUM_TYPE) == Some(CRC32C)
        && own.le32(0) == own.get(CSUM..).map(crc32c::crc32c);
    if !is_whole || own.le64(LOG_ROOT) == Some(0) {
        return false;
    }
    own.get_mut(LOG_ROOT..LOG_ROOT + 8).unwrap_or_default().fill(0);
    own.get_mut(LOG_LEVEL..LOG_LEVEL + 1).unwrap_or_default().fill(0);
    let sum = own.get(CSUM..).map(crc32c::crc32c).unwrap_or_default();
    if let Some(first) = own.first_chunk_mut() {
        *first = sum.to_le_bytes();
    }
    true
}

/// Lays bytes at one offset over those at another, where they overlap.
fn lay_over(bytes: &mut [u8], offset: u64, over: &[u8], at: u64) {
    let skip = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    let to = bytes.get_mut(skip(offset, at)..).unwrap_or_default();
    let from = over.get(skip(at, offset)..).unwrap_or_default();
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

pub(crate) struct Btrfs {
    /// Where the root directory is: in the subvolume that is mounted by default.
    root: Node,
    /// The trees that were met, by their ids.
    trees: Mutex<BTreeMap<u64, Arc<fs_btrfs::Filesystem>>>,
    /// The ids' root blocks.
    roots: BTreeMap<u64, u64>,
}

fn told(error: fs_btrfs::Error) -> DiskError {
    reason(&format!("{error:?}"), error.to_string())
}

impl Btrfs {
    pub(crate) fn mount(source: Arc<dyn ReadAt>) -> Result<Self> {
        let device = Device(Arc::new(WithoutLog(source)));
        let top = fs_btrfs::Filesystem::mount(Arc::new(device)).map_err(told)?;
        let subvolumes = top.subvolumes().map_err(told)?;
        let inode = top.root_inode().map_err(told)?.ino;
        let roots = subvolumes.iter().map(|subvolume| (subvolume.id, subvolume.bytenr)).collect();
        let trees = Mutex::new(BTreeMap::from([(TOP, Arc::new(top))]));
        Ok(Self { root: Node { tree: TOP, inode }, trees, roots })
    }

    fn tree(&self, id: u64) -> Result<Arc<fs_btrfs::Filesystem>> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = trees.get(&id) {
            return Ok(Arc::clone(tree));
        }
        let none = || DiskError::damaged(format!("there is no subvolume {id}"));
        let top = trees.get(&TOP).ok_or_else(none)?;
        let root = *self.roots.get(&id).ok_or_else(none)?;
        let tree = Arc::new(top.open_subvolume_at(root).map_err(told)?);
        trees.insert(id, Arc::clone(&tree));
        Ok(tree)
    }

    /// The file of a directory's entry: one of the same tree, or the top directory of a subvolume.
    fn node(&self, directory: Node, entry: &fs_btrfs::dir::DirEntry) -> Result<Node> {
        if entry.is_inode() {
            return Ok(Node { tree: directory.tree, inode: entry.ino });
        }
        match self.roots.contains_key(&entry.ino) {
            true => {
                let inode = self.tree(entry.ino)?.root_inode().map_err(told)?.ino;
                Ok(Node { tree: entry.ino, inode })
            }
            false => Ok(Node { tree: directory.tree, inode: EMPTY }),
        }
    }
}

impl Filesystem for Btrfs {
    fn root(&self) -> Node {
        self.root
    }

    fn status(&self, node: Node) -> Result<Status> {
        if node.inode == EMPTY {
            return Ok(Status { mode: 0o040_755, ..Status::default() });
        }
        let inode = self.tree(node.tree)?.read_inode(node.inode).map_err(told)?;
        let is_device = matches!(inode.mode & 0o170_000, 0o020_000 | 0o060_000);
        let time = |time: fs_btrfs::inode::Timestamp| nanoseconds(time.sec, time.nsec);
        Ok(Status {
            mode: inode.mode,
            generation: Some(inode.generation),
            links: Some(inode.nlink),
            uid: Some(inode.uid),
            gid: Some(inode.gid),
            // The kernel's own number: 20 bits of the minor one below the major one.
            rdev: is_device.then(|| {
                let (major, minor) = (inode.rdev >> 20, inode.rdev & 0xf_ffff);
                crate::filesystem::device_number(major as u32, minor as u32)
            }),
            size: inode.size,
            accessed_ns: time(inode.atime),
            modified_ns: time(inode.mtime),
            changed_ns: time(inode.ctime),
        })
    }

    fn entries(&self, directory: Node) -> Result<Vec<Entry>> {
        if directory.inode == EMPTY {
            return Ok(Vec::new());
        }
        let entries = self.tree(directory.tree)?.read_dir(directory.inode).map_err(told)?;
        let entries = entries.into_iter().map(|entry| {
            let node = self.node(directory, &entry)?;
            Ok(Entry { name: entry.name, node })
        });
        entries.collect()
    }

    fn look_up(&self, directory: Node, name: &[u8]) -> Result<Option<Node>> {
        let entries = self.entries(directory)?;
        Ok(entries.into_iter().find(|entry| entry.name == name).map(|entry| entry.node))
    }

    fn read(&self, file: Node, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        self.tree(file.tree)?.read_at(file.inode, offset, bytes).map_err(told)
    }

    fn target(&self, link: Node) -> Result<Vec<u8>> {
        self.tree(link.tree)?.read_link(link.inode).map_err(told)
    }

    fn attributes(&self, node: Node) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        if node.inode == EMPTY {
            return Ok(Vec::new());
        }
        let all = self.tree(node.tree)?.list_xattrs(node.inode).map_err(told)?;
        Ok(all.into_iter().map(|one| (one.name, one.value)).collect())
    }

    /// The size alone: free space depends on profiles that chunks are yet to get.
    fn usage(&self) -> Result<Usage> {
        let top = self.tree(TOP)?;
        let sb = top.superblock();
        let free = sb.total_bytes.saturating_sub(sb.bytes_used);
        Ok(Usage { size_bytes: Some(sb.total_bytes), free_bytes: Some(free), ..Usage::default() })
    }
}
