//! Overlayfs: the file of another file system that has the status and the content of one of its files.

use super::flags::bit;
use crate::crawl::{ReadError, ReadResult, Reader, file_system};
use crate::layout::Overlay;

/// Overlays on overlays (`FILESYSTEM_MAX_STACK_DEPTH`, include/linux/fs.h).
const DEEPEST: u32 = 2;
/// Layers of one overlay (`OVL_MAX_STACK`, fs/overlayfs/params.h).
const MOST_LAYERS: u64 = 500;

/// Which of the two that an overlay's file may have in different layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Status,
    Content,
}

/// The inode below an overlay's, or the inode itself if it is no overlay's.
pub(super) fn inode_below(reader: &Reader, inode: u64, part: Part) -> ReadResult<u64> {
    let mut inode = inode;
    for _ in 0..=DEEPEST {
        let sb = reader.follow(inode, reader.layout.page_cache.inode.sb)?;
        if file_system(reader, sb)? != "overlay" {
            return Ok(inode);
        }
        inode = in_layer(reader, inode, part)?;
    }
    Err(ReadError::Nonsense { what: "the layers of an overlay do not end", address: inode })
}

fn in_layer(reader: &Reader, inode: u64, part: Part) -> ReadResult<u64> {
    let layout: Overlay = reader.driver()?;
    let own = reader.container(inode, layout.inode.inode)?;
    let of_dentry = |dentry| reader.follow(dentry, reader.layout.files.dentry.inode);
    if let Some(upper) = reader.pointer(own, layout.inode.upper)? {
        let has_content = reader.unsigned(own, layout.inode.flags)? & bit(layout.upper_data)? != 0;
        if part == Part::Status || has_content {
            return of_dentry(upper);
        }
        if layout.inode.lower_data.exists() {
            return reader.follow(own, layout.inode.lower_data);
        }
    }
    if layout.inode.lower_inode.exists() {
        return reader.follow(own, layout.inode.lower_inode);
    }
    if layout.inode.lower_dentry.exists() {
        return of_dentry(reader.follow(own, layout.inode.lower_dentry)?);
    }
    let entry = reader.follow(own, layout.inode.entry)?;
    let layers = reader.unsigned(entry, layout.entry.count)?;
    // The content is in the last of them.
    let layer = match part {
        Part::Status => Some(0),
        Part::Content => layers.checked_sub(1),
    };
    let layer = layer.filter(|layer| *layer < layers.min(MOST_LAYERS));
    let layer = layer.ok_or(ReadError::Nonsense {
        what: "a file of an overlay is in no layer",
        address: entry,
    })?;
    let stack = reader.at(entry, layout.entry.stack)?;
    let path = stack.wrapping_add(layer.wrapping_mul(u64::from(layout.path.size)));
    of_dentry(reader.follow(path, layout.path.dentry)?)
}
