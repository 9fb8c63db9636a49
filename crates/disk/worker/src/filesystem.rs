//! A filesystem that is only read: what all of them have in common.

use std::sync::Arc;

use nfm_disk::message::Usage;
use nfm_disk::{Content, DiskError, ReadAt, Result};

use crate::btrfs::Btrfs;
use crate::ext4::Ext4;
use crate::fat::Fat;
use crate::xfs::Xfs;

/// A file of a filesystem: the tree that it is in (a subvolume of btrfs; 0 elsewhere), and its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    /// The tree.
    pub tree: u64,
    /// The inode's number.
    pub inode: u64,
}

/// The facts of an inode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// The mode with the bits of its kind.
    pub mode: u32,
    pub generation: Option<u64>,
    pub links: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub rdev: Option<u64>,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub accessed_ns: Option<i64>,
    pub modified_ns: Option<i64>,
    pub changed_ns: Option<i64>,
}

impl Status {
    /// True for a mode of this kind (`S_IFDIR` and its like).
    fn is(&self, kind: u32) -> bool {
        self.mode & 0o170_000 == kind
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.is(0o040_000)
    }

    pub(crate) fn is_file(&self) -> bool {
        self.is(0o100_000)
    }

    pub(crate) fn is_symlink(&self) -> bool {
        self.is(0o120_000)
    }
}

/// A name in a directory.
pub(crate) struct Entry {
    pub name: Vec<u8>,
    pub node: Node,
}

/// A mounted filesystem. Each has the state of one moment as far as its journal tells it: a running guest's is mounted
/// anew for each file of interest.
pub(crate) trait Filesystem {
    /// The root directory.
    fn root(&self) -> Node;
    /// The facts of an inode.
    fn status(&self, node: Node) -> Result<Status>;
    /// The names in a directory, without `.` and `..`.
    fn entries(&self, directory: Node) -> Result<Vec<Entry>>;
    /// The file of a name in a directory.
    fn look_up(&self, directory: Node, name: &[u8]) -> Result<Option<Node>>;
    /// Reads a file from an offset on; fewer bytes at its end only.
    fn read(&self, file: Node, offset: u64, bytes: &mut [u8]) -> Result<usize>;
    /// A symbolic link's target.
    fn target(&self, link: Node) -> Result<Vec<u8>>;
    /// Extended attributes, by name.
    fn attributes(&self, node: Node) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;
    /// Its use.
    fn usage(&self) -> Result<Usage>;
}

/// Mounts the filesystem of a volume.
pub(crate) fn mount(content: Content, source: &Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
    let source = Arc::clone(source);
    match content {
        Content::Ext4 => Ok(Box::new(Ext4::mount(source)?)),
        Content::Xfs => Ok(Box::new(Xfs::mount(source)?)),
        Content::Btrfs => Ok(Box::new(Btrfs::mount(source)?)),
        Content::Vfat => Ok(Box::new(Fat::mount(source)?)),
        other => Err(DiskError::unsupported(format!("nfm does not read {}", other.name()))),
    }
}

/// Seconds and nanoseconds as nanoseconds; `None` where that is too far away.
pub(crate) fn nanoseconds(seconds: i64, nanoseconds: u32) -> Option<i64> {
    seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(nanoseconds))
}

/// A device's number as stat(2) has it: its major number above its minor one.
pub(crate) fn device_number(major: u32, minor: u32) -> u64 {
    rustix::fs::makedev(major, minor)
}
