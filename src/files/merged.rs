//! Directories of an overlay: names that its layers hold, and that it has no dentry for as nobody used them lately.
//!
//! A name of a layer counts if no layer above has it, which must be certain: the directory above has all of its names in
//! memory, or a negative dentry for this one. A directory that the overlay has no dentry for is shown as its topmost layer
//! has it: which layers below belong to it, the overlay finds out when it is used.

use rustc_hash::FxHashSet;

use super::overlay::{is_whiteout, layers_of};
use super::status::FileStatus;
use super::tree::{AtName, Found, NAME_COST, Tree};
use super::xattr::extended_attributes;
use crate::crawl::{PathRef, ReadResult, is_removed};
use crate::frame::FileKind;

/// A layer's directory above the one that is looked at.
struct Above {
    has_all_names: bool,
    /// Names that it has not.
    missing: FxHashSet<Vec<u8>>,
}

impl Tree<'_, '_> {
    /// Adds the names in a directory of an overlay that its layers hold and it has no dentry for; `missing` are those that
    /// it has not. True if memory holds all names of all layers; false also for what is no overlay's.
    pub(super) fn add_names_of_layers(
        &self,
        directory: Found,
        missing: FxHashSet<Vec<u8>>,
        names: &mut Vec<(Vec<u8>, Found)>,
    ) -> ReadResult<bool> {
        let reader = self.reader;
        let layers = layers_of(reader, directory.place.dentry, directory.inode)?;
        let mut seen = missing;
        seen.extend(names.iter().map(|(name, _)| name.clone()));
        let mut above: Vec<Above> = Vec::new();
        let mut complete = !layers.is_empty();
        for layer in layers {
            let inode = reader.follow(layer, reader.layout.files.dentry.inode)?;
            let has_all_names = self.has_all_names(inode)?;
            complete &= has_all_names;
            let mut missing = FxHashSet::default();
            for dentry in self.children(layer) {
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
                let place = PathRef { mnt: directory.place.mnt, dentry };
                match self.in_layer(place, inode)? {
                    AtName::File(found) => names.push((name, found)),
                    AtName::Nothing => {}
                    AtName::NotHeld => complete = false,
                }
            }
            above.push(Above { has_all_names, missing });
        }
        Ok(complete)
    }

    /// The file of an overlay that an inode in the topmost of its layers is.
    pub(super) fn in_layer(&self, place: PathRef, inode: u64) -> ReadResult<AtName> {
        if is_whiteout(self.reader, inode)? {
            return Ok(AtName::Nothing);
        }
        let found = Found { place, inode, in_layer: true };
        if self.kind(found)? == Some(FileKind::File) {
            // Its content is in a layer below (`ovl_check_metacopy_xattr`, fs/overlayfs/util.c).
            let notes = extended_attributes(self.reader, inode)?.unwrap_or_default();
            if notes.iter().any(|one| one.name.ends_with(".overlay.metacopy")) {
                return Ok(AtName::NotHeld);
            }
        }
        Ok(AtName::File(found))
    }
}

/// The status of a layer's file without what an overlay shows otherwise.
pub(super) fn as_of_overlay(status: FileStatus) -> FileStatus {
    let is_directory = status.kind == Some(FileKind::Directory);
    FileStatus {
        inode: None,
        device: None,
        links: status.links.filter(|_| !is_directory),
        filesystem: Some("overlay".into()),
        ..status
    }
}
