//! Structures of inodes and of the page cache behind them.

use crate::kernel::Types;

super::field::structures! {
    /// `struct inode` (include/linux/fs.h), as stat(2) tells it.
    InodeStatus = "inode" {
        sb: "i_sb",
        /// Links to it; 0 once the last name was removed.
        links: "i_nlink",
        /// Users that it has now.
        count: "i_count.counter",
        uid: "i_uid.val",
        gid: "i_gid.val",
        rdev: "i_rdev",
        length: "i_size",
        /// Times have their parts in places of their own since 3aa63a569c64 (6.11), and were behind functions since
        /// 077c212f0344 (6.7).
        accessed_sec: "i_atime_sec" | "__i_atime.tv_sec" | "i_atime.tv_sec",
        accessed_nsec: "i_atime_nsec" | "__i_atime.tv_nsec" | "i_atime.tv_nsec",
        modified_sec: "i_mtime_sec" | "__i_mtime.tv_sec" | "i_mtime.tv_sec",
        modified_nsec: "i_mtime_nsec" | "__i_mtime.tv_nsec" | "i_mtime.tv_nsec",
        /// Behind functions since 13bc24457850 (6.6).
        changed_sec: "i_ctime_sec" | "__i_ctime.tv_sec" | "i_ctime.tv_sec",
        changed_nsec: "i_ctime_nsec" | "__i_ctime.tv_nsec" | "i_ctime.tv_nsec",
        generation: "i_generation",
        version: "i_version.counter",
        /// The page cache.
        mapping: "i_mapping",
        /// A symbolic link's target, where it is short.
        link: "i_link",
        /// The file's operations.
        operations: "i_fop",
    }

    /// `struct address_space` (include/linux/fs.h): the cached pages of an inode.
    PageCache = "address_space" {
        /// The inode whose pages they are.
        host: "host",
        /// The top of the XArray of its pages; a radix tree until f6bb2a2c0b81 (4.20).
        head: "i_pages.xa_head",
        flags: "flags",
    }

    /// `struct folio` (include/linux/mm_types.h) since 7b230db3b8d3 (5.16); before, the first `struct page` of one.
    Folio = "folio" | "page" {
        /// Within a structure since 53fbef56e07d (6.18).
        flags: "flags.f" | "flags",
        mapping: "mapping",
        index: "index",
    }

    /// `struct page`: one of each page of RAM, in one large array.
    Page = "page" {
    }

    /// A dentry as a member of its directory's list.
    DentryOfDirectory = "dentry" {
        /// Names in a directory since da549bdd15c2 (6.8) ...
        children: "d_children.first",
        sibling: "d_sib",
        /// ... and before.
        subdirs: "d_subdirs",
        child: "d_child",
        /// Its file system's own.
        fsdata: "d_fsdata",
    }

    /// `struct super_block`, of a file's own file system.
    FileSystemOf = "super_block" {
        device: "s_dev",
    }

    /// `struct shmem_inode_info` (include/linux/shmem_fs.h): a file of tmpfs.
    ShmemInode = "shmem_inode_info" {
        inode: "vfs_inode",
        /// Extended attributes: a list until 3b4c7bc01727 (6.2) ...
        xattr_list: "xattrs.head" | "xattrs.next",
        /// ... then a red-black tree, and by 7.2 a list again.
        xattr_tree: "xattrs.rb_root",
    }

    /// `struct simple_xattr` (include/linux/xattr.h).
    SimpleXattr = "simple_xattr" {
        in_list: "node" | "list",
        in_tree: "rb_node",
        name: "name",
        length: "size",
        value: "value",
    }

    /// `struct file_system_type`.
    FileSystemKind = "file_system_type" {
        flags: "fs_flags",
    }
}

/// Offsets for reading files by their paths, beside [`super::FileLayout`].
#[derive(Clone, Debug)]
pub(crate) struct PageCacheLayout {
    pub inode: InodeStatus,
    pub cache: PageCache,
    pub folio: Folio,
    pub page: Page,
    pub dentry: DentryOfDirectory,
    pub sb: FileSystemOf,
    pub kind: FileSystemKind,
    pub shmem: ShmemInode,
    pub xattr: SimpleXattr,
    /// The bit of `address_space.flags` of a file that is being removed from memory.
    pub exiting: Option<i64>,
    /// The bit of `folio.flags` of a folio whose content is that of its file.
    pub uptodate: Option<i64>,
    /// The bit of one that is newer than its disk.
    pub dirty: Option<i64>,
    /// The bit of one that is being written to its disk.
    pub writeback: Option<i64>,
}

impl PageCacheLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        let flag = |name| types.enumerator("pageflags", name);
        Self {
            inode: InodeStatus::compile(types),
            cache: PageCache::compile(types),
            folio: Folio::compile(types),
            page: Page::compile(types),
            dentry: DentryOfDirectory::compile(types),
            sb: FileSystemOf::compile(types),
            kind: FileSystemKind::compile(types),
            shmem: ShmemInode::compile(types),
            xattr: SimpleXattr::compile(types),
            exiting: types.enumerator("mapping_flags", "AS_EXITING"),
            uptodate: flag("PG_uptodate"),
            dirty: flag("PG_dirty"),
            writeback: flag("PG_writeback"),
        }
    }
}
