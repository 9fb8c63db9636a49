//! Structures of open files, paths and mounts.

use crate::kernel::Types;

super::field::structures! {
    /// `struct files_struct` (include/linux/fdtable.h): a process's table of descriptors.
    FilesStruct = "files_struct" {
        fdt: "fdt",
        /// Tasks that share it.
        count: "count.counter",
    }

    /// `struct fdtable`.
    FdTable = "fdtable" {
        max_fds: "max_fds",
        fd: "fd",
        close_on_exec: "close_on_exec",
        open_fds: "open_fds",
    }

    /// `struct file` (include/linux/fs.h).
    File = "file" {
        mnt: "f_path.mnt",
        dentry: "f_path.dentry",
        inode: "f_inode",
        flags: "f_flags",
        pos: "f_pos",
        mode: "f_mode",
    }

    /// `struct backing_file` (fs/file_table.c), since def3ae83da02 (6.7) with the path by which the user opened the
    /// file; before, `f_path` is that.
    BackingFile = "backing_file" {
        file: "file",
        user_mnt: "user_path.mnt",
        user_dentry: "user_path.dentry",
    }

    /// `struct fs_struct` (include/linux/fs_struct.h).
    FsStruct = "fs_struct" {
        pwd_mnt: "pwd.mnt",
        pwd_dentry: "pwd.dentry",
        root_mnt: "root.mnt",
        root_dentry: "root.dentry",
    }

    /// `struct dentry` (include/linux/dcache.h).
    Dentry = "dentry" {
        parent: "d_parent",
        name: "d_name.name",
        length: "d_name.len",
        inode: "d_inode",
        operations: "d_op",
        sb: "d_sb",
        fsdata: "d_fsdata",
        /// NULL once the name was removed.
        hash: "d_hash.pprev",
    }

    /// `struct dentry_operations`.
    DentryOperations = "dentry_operations" {
        dname: "d_dname",
    }

    /// `struct dma_buf` (include/linux/dma-buf.h).
    DmaBuf = "dma_buf" {
        name: "name",
    }

    /// `struct inode` (include/linux/fs.h).
    Inode = "inode" {
        number: "i_ino",
        mode: "i_mode",
        private: "i_private",
    }

    /// `struct super_block`.
    SuperBlock = "super_block" {
        kind: "s_type",
        subtype: "s_subtype",
        user_ns: "s_user_ns",
    }

    /// `struct file_system_type`.
    FileSystemType = "file_system_type" {
        name: "name",
    }

    /// `struct mount` (fs/mount.h).
    Mount = "mount" {
        /// The `struct vfsmount` within.
        mnt: "mnt",
        parent: "mnt_parent",
        mountpoint: "mnt_mountpoint",
        devname: "mnt_devname",
        flags: "mnt.mnt_flags",
        /// In a red-black tree of the namespace since 2eea9ce4310d (6.8) ...
        node: "mnt_node",
        /// ... in a list of it before.
        list: "mnt_list",
    }

    /// `struct vfsmount` (include/linux/mount.h).
    VfsMount = "vfsmount" {
        root: "mnt_root",
        sb: "mnt_sb",
        /// How users are mapped: a structure of its own since 256c8aed2b42 (6.2) ...
        idmap: "mnt_idmap",
        /// ... a user namespace before, since a6435940b62f (5.12).
        users: "mnt_userns",
    }

    /// `struct mnt_namespace` (fs/mount.h).
    MntNamespace = "mnt_namespace" {
        inum: "ns.inum",
        /// Root of a red-black tree of mounts since 2eea9ce4310d (6.8) ...
        mounts: "mounts",
        /// ... and head of a list before.
        list: "list",
    }

    /// `struct ns_common` (include/linux/ns_common.h).
    NsCommon = "ns_common" {
        operations: "ops",
    }

    /// `struct proc_ns_operations`.
    NsOperations = "proc_ns_operations" {
        name: "name",
    }
}

/// The layout of paths, files and mounts.
#[derive(Clone, Debug)]
pub(crate) struct FileLayout {
    pub files: FilesStruct,
    pub table: FdTable,
    pub file: File,
    pub backing_file: BackingFile,
    pub fs: FsStruct,
    pub dentry: Dentry,
    pub dentry_operations: DentryOperations,
    pub dma_buf: DmaBuf,
    pub inode: Inode,
    pub sb: SuperBlock,
    pub kind: FileSystemType,
    pub mount: Mount,
    pub vfsmount: VfsMount,
    pub mnt_ns: MntNamespace,
    pub ns: NsCommon,
    pub ns_operations: NsOperations,
}

impl FileLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            files: FilesStruct::compile(types),
            table: FdTable::compile(types),
            file: File::compile(types),
            backing_file: BackingFile::compile(types),
            fs: FsStruct::compile(types),
            dentry: Dentry::compile(types),
            dentry_operations: DentryOperations::compile(types),
            dma_buf: DmaBuf::compile(types),
            inode: Inode::compile(types),
            sb: SuperBlock::compile(types),
            kind: FileSystemType::compile(types),
            mount: Mount::compile(types),
            vfsmount: VfsMount::compile(types),
            mnt_ns: MntNamespace::compile(types),
            ns: NsCommon::compile(types),
            ns_operations: NsOperations::compile(types),
        }
    }
}
