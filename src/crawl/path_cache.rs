//! Paths that were already made in this frame: many files lie in the same folders, many processes in the same groups.

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashMap;

use super::reader::Reader;
use crate::frame::Text;

/// Bytes of paths that are kept to be used again.
const MOST_BYTES: usize = 4 << 20;

/// Where a descriptor, a mapping or a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathRef {
    /// The `struct vfsmount`.
    pub mnt: u64,
    /// The `struct dentry`.
    pub dentry: u64,
}

/// The text of a path.
#[derive(Clone, Debug)]
pub(super) struct FoundPath {
    pub text: Text,
    /// True if it is called so as long as it exists.
    pub always: bool,
}

/// The paths of one frame. All are forgotten when the reader forgets the pages that they were made from.
#[derive(Debug, Default)]
pub(super) struct PathCache {
    /// The reader's count of retries when they were made.
    made_at: Cell<u32>,
    paths: RefCell<FxHashMap<PathRef, FoundPath>>,
    bytes: Cell<usize>,
    /// Paths of control groups, by their `struct kernfs_node`.
    groups: RefCell<FxHashMap<u64, Text>>,
}

impl PathCache {
    /// A path that is known.
    #[inline]
    pub fn path(&self, reader: &Reader, path: &PathRef) -> Option<FoundPath> {
        self.follow(reader);
        self.paths.borrow().get(path).cloned()
    }

    /// Keeps a path for those who ask again.
    pub fn keep_path(&self, reader: &Reader, path: PathRef, found: &FoundPath) {
        self.follow(reader);
        let bytes = self.bytes.get() + found.text.len() + std::mem::size_of::<PathRef>();
        if bytes <= MOST_BYTES {
            self.bytes.set(bytes);
            self.paths.borrow_mut().insert(path, found.clone());
        }
    }

    /// The path of a control group that is known.
    #[inline]
    pub fn group(&self, reader: &Reader, group: u64) -> Option<Text> {
        self.follow(reader);
        self.groups.borrow().get(&group).cloned()
    }

    /// Keeps the path of a control group.
    pub fn keep_group(&self, reader: &Reader, group: u64, path: &Text) {
        self.follow(reader);
        self.groups.borrow_mut().insert(group, path.clone());
    }

    /// Begins anew if the reader did.
    #[inline]
    fn follow(&self, reader: &Reader) {
        if self.made_at.get() != reader.retries() {
            self.clear();
            self.made_at.set(reader.retries());
        }
    }

    #[cold]
    fn clear(&self) {
        self.paths.borrow_mut().clear();
        self.bytes.set(0);
        self.groups.borrow_mut().clear();
    }
}
