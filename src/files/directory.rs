//! Directories as the dentry cache has them.

use crate::crawl::{ReadResult, Reader};
use crate::frame::FileKind;

/// Bytes that a name costs while its directory is looked at, beside its own.
pub(super) const NAME_COST: usize = 64;

/// The dentries below one, read in one batch.
pub(super) fn children(reader: &Reader, dentry: u64) -> Vec<u64> {
    let layout = &reader.layout.page_cache.dentry;
    let (head, list): (_, fn(&Reader, u64) -> Vec<u64>) = match layout.children.exists() {
        true => (reader.at(dentry, layout.children), |reader, head| {
            reader.hlist("names", head, reader.layout.page_cache.dentry.sibling)
        }),
        false => (reader.at(dentry, layout.subdirs), |reader, head| {
            reader.list("names", head, reader.layout.page_cache.dentry.child)
        }),
    };
    let children = reader.note("names", head).map(|head| list(reader, head)).unwrap_or_default();
    let size = u64::from(reader.layout.files.dentry.size);
    reader.space.prefetch(children.iter().map(|child| (*child, size)));
    children
}

/// True if all names of a directory are in memory: the kernel itself lists such a directory by its dentries
/// (`dcache_readdir`, fs/libfs.c).
pub(super) fn has_all_names(reader: &Reader, inode: u64) -> ReadResult<bool> {
    let symbols = &reader.layout.symbols;
    let own = reader.pointer(inode, reader.layout.page_cache.inode.operations)?;
    let all = [symbols.simple_dir_operations, symbols.simple_offset_dir_operations];
    Ok(own.is_some() && all.iter().any(|one| one.address == own))
}

/// The kind of an inode's file.
pub(super) fn kind_of(reader: &Reader, inode: u64) -> ReadResult<Option<FileKind>> {
    let mode = reader.unsigned(inode, reader.layout.files.inode.mode)?;
    Ok(FileKind::of_mode(mode))
}
