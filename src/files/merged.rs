//! Directories of an overlay: names that its layers hold, and that it has no dentry for as nobody used them lately.
//!
//! A name of a layer counts if no layer above has it, which must be certain: the directory above has all of its names in
//! memory, or a negative dentry for this one. A directory that the overlay has no dentry for is shown as its topmost layer
//! has it: which layers below belong to it, the overlay finds out when it is used.

use rustc_hash::FxHashSet;

use super::directory::{NAME_COST, children, has_all_names, kind_of};
use super::overlay::{is_whiteout, layers_of};
use super::xattr::extended_attributes;
use crate::crawl::{ReadResult, Reader, is_removed};
use crate::frame::FileKind;

/// A name in a directory of an overlay that a layer holds.
pub(super) struct LayerName {
    pub name: Vec<u8>,
    /// Its dentry and its inode in the layer.
    pub dentry: u64,
    pub inode: u64,
}

/// The names in a directory of an overlay that its layers hold.
pub(super) struct LayerNames {
    pub names: Vec<LayerName>,
    /// True if memory holds all names of all layers; false also for what is no overlay's.
    pub complete: bool,
}

/// The meaning of a layer's inode for the overlay.
pub(super) enum InLayer {
    File,
    /// The name was removed.
    Removed,
    /// Its content is in another layer.
    NotHeld,
}

/// A layer's directory above the one that is looked at.
struct Above {
    has_all_names: bool,
    /// Names that it has not.
    missing: FxHashSet<Vec<u8>>,
}

/// The names in a directory that the layers of its overlay hold, but for those that were `seen`.
pub(super) fn names_of_layers(
    reader: &Reader,
    dentry: u64,
    inode: u64,
    mut seen: FxHashSet<Vec<u8>>,
) -> ReadResult<LayerNames> {
    let layers = layers_of(reader, dentry, inode)?;
    let mut above: Vec<Above> = Vec::new();
    let mut found = LayerNames { names: Vec::new(), complete: !layers.is_empty() };
    for layer in layers {
        let inode = reader.follow(layer, reader.layout.files.dentry.inode)?;
        let has_all_names = has_all_names(reader, inode)?;
        found.complete &= has_all_names;
        let mut missing = FxHashSet::default();
        for dentry in children(reader, layer) {
            if is_removed(reader, dentry)? {
                continue;
            }
            let name = reader.with_name(dentry, <[u8]>::to_vec)?;
            reader.keep(name.len().saturating_add(NAME_COST))?;
            let inode = reader.pointer(dentry, reader.layout.files.dentry.inode)?;
            let Some(inode) = inode else {
                missing.insert(name);
                continue;
            };
            let lacks = |one: &Above| one.has_all_names || one.missing.contains(&name);
            if !seen.insert(name.clone()) || !above.iter().all(lacks) {
                continue;
            }
            match in_layer(reader, inode)? {
                InLayer::File => found.names.push(LayerName { name, dentry, inode }),
                InLayer::Removed => {}
                InLayer::NotHeld => found.complete = false,
            }
        }
        above.push(Above { has_all_names, missing });
    }
    Ok(found)
}

/// The meaning of an inode in the topmost layer of a name.
pub(super) fn in_layer(reader: &Reader, inode: u64) -> ReadResult<InLayer> {
    if is_whiteout(reader, inode)? {
        return Ok(InLayer::Removed);
    }
    if kind_of(reader, inode)? == Some(FileKind::File) {
        // `ovl_check_metacopy_xattr`, fs/overlayfs/util.c.
        let notes = extended_attributes(reader, inode)?.unwrap_or_default();
        if notes.iter().any(|one| one.name.ends_with(".overlay.metacopy")) {
            return Ok(InLayer::NotHeld);
        }
    }
    Ok(InLayer::File)
}
