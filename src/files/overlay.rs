//! Overlayfs: the file of another file system that has the status and the content of one of its files.

use super::flags::bit;
use crate::crawl::{ReadError, ReadResult, Reader, file_system};
use crate::frame::FileKind;
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
        // NULL where the file below has both (`ovl_inode_lowerdata`, fs/overlayfs/util.c).
        if layout.inode.lower_data.exists()
            && let Some(data) = reader.pointer(own, layout.inode.lower_data)?
        {
            return Ok(data);
        }
    }
    if layout.inode.lower_inode.exists() {
        return reader.follow(own, layout.inode.lower_inode);
    }
    if layout.inode.lower_dentry.exists() {
        return of_dentry(reader.follow(own, layout.inode.lower_dentry)?);
    }
    let entry = reader.follow(own, layout.inode.entry)?;
    let layers = lower_layers(reader, &layout, entry)?;
    // The content is in the last of them.
    let layer = match part {
        Part::Status => layers.first(),
        Part::Content => layers.last(),
    };
    let what = "a file of an overlay is in no layer";
    of_dentry(*layer.ok_or(ReadError::Nonsense { what, address: entry })?)
}

/// The dentries of a directory of an overlay in its layers, the topmost first; none for any other's.
pub(super) fn layers_of(reader: &Reader, dentry: u64, inode: u64) -> ReadResult<Vec<u64>> {
    let sb = reader.follow(inode, reader.layout.page_cache.inode.sb)?;
    if file_system(reader, sb)? != "overlay" {
        return Ok(Vec::new());
    }
    let layout: Overlay = reader.driver()?;
    let own = reader.container(inode, layout.inode.inode)?;
    let mut layers = Vec::from_iter(reader.pointer(own, layout.inode.upper)?);
    let entry = match layout.inode.entry.exists() {
        true => reader.pointer(own, layout.inode.entry)?,
        false => reader.pointer(dentry, reader.layout.page_cache.dentry.fsdata)?,
    };
    if let Some(entry) = entry {
        layers.extend(lower_layers(reader, &layout, entry)?);
    }
    Ok(layers)
}

fn lower_layers(reader: &Reader, layout: &Overlay, entry: u64) -> ReadResult<Vec<u64>> {
    let count = reader.unsigned(entry, layout.entry.count)?.min(MOST_LAYERS);
    let stack = reader.at(entry, layout.entry.stack)?;
    let size = u64::from(layout.path.size);
    let paths = (0..count).map(|layer| stack.wrapping_add(layer.wrapping_mul(size)));
    paths.map(|path| reader.follow(path, layout.path.dentry)).collect()
}

/// True for a file that stands in a layer for a name that was removed (`ovl_is_whiteout`, fs/overlayfs/util.c).
pub(super) fn is_whiteout(reader: &Reader, inode: u64) -> ReadResult<bool> {
    let mode = reader.unsigned(inode, reader.layout.files.inode.mode)?;
    let is_device = FileKind::of_mode(mode) == Some(FileKind::CharacterDevice);
    Ok(is_device && reader.unsigned(inode, reader.layout.page_cache.inode.rdev)? == 0)
}
