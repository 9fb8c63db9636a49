//! Paths: from a process's root directory through mounts, names and symbolic links to a file.

use rustc_hash::FxHashSet;

use super::directory::{NAME_COST, children, has_all_names, kind_of};
use super::error::{FileError, FileResult};
use super::identity::FileIdentity;
use super::merged::{InLayer, LayerName, in_layer, names_of_layers};
use super::mount_tree::MountTree;
use super::status::{FileStatus, as_of_overlay, link_target, status};
use crate::crawl::{
    PathRef, ReadError, ReadResult, Reader, is_removed, namespace_of, open_file, process, root_of,
};
use crate::frame::{FileKind, Text};
use crate::memory::PhysicalMemory;

/// Symbolic links that one path may lead through (`MAXSYMLINKS`, include/linux/namei.h).
const MOST_LINKS: usize = 40;
/// Bytes of a path (as long as the kernel shows one of any length).
const LONGEST_PATH: usize = 64 << 10;
/// Files that one search finds.
const MOST_FOUND: u64 = 1 << 22;

/// How a symbolic link is taken that is the last name of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Keep,
}

/// The files that one process sees.
pub(crate) struct Tree<'t, 'r> {
    reader: &'t Reader<'r>,
    memory: &'t dyn PhysicalMemory,
    mounts: MountTree,
    root: PathRef,
}

/// A place in the tree with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Found {
    place: PathRef,
    /// The `struct inode`.
    pub inode: u64,
    /// True for a file in a layer of an overlay that has no dentry for it: its place has the overlay's mount and the
    /// layer's dentry.
    in_layer: bool,
}

/// The knowledge that memory has of a name.
enum AtName {
    File(Found),
    /// There is no such file.
    Nothing,
    /// It may be on a disk.
    NotHeld,
}

/// The names in a directory.
pub(crate) struct Names {
    /// Each with its file.
    pub names: Vec<(Vec<u8>, Found)>,
    /// True if the directory has no others.
    pub complete: bool,
}

impl<'t, 'r> Tree<'t, 'r> {
    /// The files as a process sees them, below its root directory and by the mounts of its namespace.
    pub fn of_process(
        reader: &'t Reader<'r>,
        memory: &'t dyn PhysicalMemory,
        pid: u32,
    ) -> FileResult<Self> {
        let task = process(reader, pid)?.ok_or(FileError::NoProcess(pid))?;
        let root = root_of(reader, task.address)?.ok_or(FileError::Ended(pid))?;
        let namespace = namespace_of(reader, task.address)?.ok_or(FileError::Ended(pid))?;
        let mounts = MountTree::read(reader, namespace)?;
        Ok(Self { reader, memory, mounts, root })
    }

    /// The file of a path; one that does not begin with `/` is taken from the root directory all the same.
    pub fn walk(&self, path: &[u8], links: Links) -> FileResult<Found> {
        let root = self.mounts.seen_at(self.reader, self.root)?;
        let mut here = self.found(root)?.ok_or(FileError::NoSuchFile)?;
        // The rest of the path, its first name last.
        let mut rest: Vec<Vec<u8>> = components(path);
        let must_be_directory = path.ends_with(b"/") || path.ends_with(b"/.");
        let mut followed = 0;
        while let Some(name) = rest.pop() {
            if self.kind(here)? != Some(FileKind::Directory) {
                return Err(FileError::NotDirectory);
            }
            if name == b".." && here.in_layer {
                return Err(FileError::NotHeld);
            }
            if name == b".." {
                if here.place != root && here.place != self.root {
                    let above = self.mounts.above(self.reader, here.place)?;
                    here = self.found(above)?.ok_or(FileError::NoSuchFile)?;
                }
                continue;
            }
            let next = self.child(here, &name)?;
            let is_last = rest.is_empty() && !must_be_directory;
            if self.kind(next)? != Some(FileKind::Symlink) || (is_last && links == Links::Keep) {
                here = next;
                continue;
            }
            followed += 1;
            let target = link_target(self.reader, self.memory, next.inode)?;
            let target = target.ok_or(FileError::MadeLink)?;
            let more = components(&target);
            let length = rest.iter().chain(&more).map(|name| name.len() + 1).sum::<usize>();
            if followed > MOST_LINKS || length > LONGEST_PATH {
                return Err(FileError::EndlessLinks);
            }
            rest.extend(more);
            if target.first() == Some(&b'/') {
                here = self.found(root)?.ok_or(FileError::NoSuchFile)?;
            }
        }
        match must_be_directory && self.kind(here)? != Some(FileKind::Directory) {
            true => Err(FileError::NotDirectory),
            false => Ok(here),
        }
    }

    /// The status of a file.
    pub fn status(&self, found: Found) -> FileStatus {
        let status = status(self.reader, self.memory, found.inode);
        if found.in_layer { as_of_overlay(status) } else { status }
    }

    /// The names in a directory, in the order of their bytes; of an overlay's, also those that its layers hold.
    pub fn names(&self, directory: Found) -> FileResult<Names> {
        let reader = self.reader;
        let mut names = Vec::new();
        // Names that there are not.
        let mut missing = FxHashSet::default();
        for dentry in children(reader, directory.place.dentry) {
            let entry = reader
                .with_name(dentry, <[u8]>::to_vec)
                .and_then(|name| Ok((self.at_dentry(directory, dentry)?, name)));
            match reader.note("name", entry) {
                Some((AtName::File(found), name)) => {
                    reader.keep(name.len().saturating_add(NAME_COST))?;
                    names.push((name, found));
                }
                Some((AtName::Nothing, name)) => {
                    missing.insert(name);
                }
                Some((AtName::NotHeld, _)) | None => {}
            }
        }
        let mut complete = self.is_complete(directory)?;
        if !directory.in_layer {
            missing.extend(names.iter().map(|(name, _)| name.clone()));
            complete |= self.add_names_of_layers(directory, missing, &mut names)?;
        }
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Names { names, complete })
    }

    /// The kind of a file.
    pub fn kind(&self, found: Found) -> ReadResult<Option<FileKind>> {
        kind_of(self.reader, found.inode)
    }

    /// The file that a dentry stands for in a directory.
    fn at_dentry(&self, directory: Found, dentry: u64) -> ReadResult<AtName> {
        let reader = self.reader;
        if is_removed(reader, dentry)? {
            return Ok(AtName::NotHeld);
        }
        let place = PathRef { mnt: directory.place.mnt, dentry };
        if !directory.in_layer {
            let found = self.found(self.mounts.seen_at(reader, place)?)?;
            return Ok(found.map_or(AtName::Nothing, AtName::File));
        }
        // A layer below may have what this one has not.
        let inode = reader.pointer(dentry, reader.layout.files.dentry.inode)?;
        let Some(inode) = inode else { return Ok(AtName::NotHeld) };
        Ok(match in_layer(reader, inode)? {
            InLayer::File => AtName::File(Found { place, inode, in_layer: true }),
            InLayer::Removed => AtName::Nothing,
            InLayer::NotHeld => AtName::NotHeld,
        })
    }

    fn found(&self, place: PathRef) -> ReadResult<Option<Found>> {
        let inode = self.reader.pointer(place.dentry, self.reader.layout.files.dentry.inode)?;
        Ok(inode.map(|inode| Found { place, inode, in_layer: false }))
    }

    /// The file of a name in a directory.
    fn child(&self, directory: Found, name: &[u8]) -> FileResult<Found> {
        let reader = self.reader;
        let layout = &reader.layout.files.dentry;
        let mut has_none = false;
        for dentry in children(reader, directory.place.dentry) {
            if reader.unsigned(dentry, layout.length)? != name.len() as u64
                || !reader.with_name(dentry, |own| own == name)?
            {
                continue;
            }
            match self.at_dentry(directory, dentry)? {
                AtName::File(found) => return Ok(found),
                // The kernel remembers that there is no such name.
                AtName::Nothing => has_none = true,
                AtName::NotHeld => {}
            }
        }
        if has_none {
            return Err(FileError::NoSuchFile);
        }
        if directory.in_layer {
            return Err(FileError::NotHeld);
        }
        let mut names = Vec::new();
        let complete = self.is_complete(directory)?
            || self.add_names_of_layers(directory, FxHashSet::default(), &mut names)?;
        match names.into_iter().find(|(one, _)| one == name) {
            Some((_, found)) => Ok(found),
            None if complete => Err(FileError::NoSuchFile),
            None => Err(FileError::NotHeld),
        }
    }

    /// Adds the names in a directory of an overlay that its layers hold, but for those that were seen. True if memory holds
    /// all names of all layers; false also for what is no overlay's.
    fn add_names_of_layers(
        &self,
        directory: Found,
        seen: FxHashSet<Vec<u8>>,
        names: &mut Vec<(Vec<u8>, Found)>,
    ) -> ReadResult<bool> {
        let layers = names_of_layers(self.reader, directory.place.dentry, directory.inode, seen)?;
        names.extend(layers.names.into_iter().map(|LayerName { name, dentry, inode }| {
            let place = PathRef { mnt: directory.place.mnt, dentry };
            (name, Found { place, inode, in_layer: true })
        }));
        Ok(layers.complete)
    }

    /// True if all names of a directory are in memory.
    fn is_complete(&self, directory: Found) -> ReadResult<bool> {
        Ok(!directory.in_layer && has_all_names(self.reader, directory.inode)?)
    }
}

/// The names of a path, the last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    let mut names: Vec<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
    names.reverse();
    names
}

/// A file that a search came to.
pub(crate) struct Visited<'v> {
    /// Its path.
    pub path: &'v [u8],
    pub status: FileStatus,
    /// For a directory: true if memory holds all of its names.
    pub complete: Option<bool>,
}

/// Visits a file and, if it is a directory, all that memory holds below it, each directory before what is in it, names in
/// the order of their bytes. `visit` tells whether to go on.
pub(crate) fn find(
    tree: &Tree,
    path: &[u8],
    one_file_system: bool,
    visit: &mut dyn FnMut(Visited) -> bool,
) -> FileResult<()> {
    let reader = tree.reader;
    let start = tree.walk(path, Links::Keep)?;
    let mut met = FxHashSet::default();
    let mut stack = vec![(path.to_vec(), start)];
    let mut found: u64 = 0;
    // Bytes of the paths that are still to be visited.
    let (mut waiting, most_waiting) = (0_usize, reader.space.budget().bytes() / 4);
    while let Some((path, file)) = stack.pop() {
        waiting = waiting.saturating_sub(path.len().saturating_add(NAME_COST));
        reader.begin_steps();
        reader.space.may_move_on();
        reader.space.budget().look_at_clock().map_err(ReadError::from)?;
        found += 1;
        let status = tree.status(file);
        let mut complete = None;
        let is_other = one_file_system && file.place.mnt != start.place.mnt;
        if status.kind == Some(FileKind::Directory) && !is_other {
            if !met.insert(file.place) {
                reader.problem(format!("'{}' is in itself", Text::from_bytes(&path)), None);
                continue;
            }
            let before = reader.space.budget().spent();
            let names = tree.names(file)?;
            reader.space.budget().restore(before);
            complete = Some(names.complete);
            reader.keep(NAME_COST)?;
            if waiting > most_waiting {
                let reason = "too many files are still to be visited: the rest is left out";
                reader.problem(reason.to_owned(), None);
                return Ok(());
            }
            for (name, child) in names.names.into_iter().rev() {
                let length = path.len().saturating_add(name.len()).saturating_add(1);
                if length > LONGEST_PATH {
                    reader.problem("a path is too long".to_owned(), Some(child.inode));
                    continue;
                }
                let mut below = Vec::with_capacity(length);
                below.extend_from_slice(&path);
                if below.last() != Some(&b'/') {
                    below.push(b'/');
                }
                below.extend_from_slice(&name);
                waiting = waiting.saturating_add(length.saturating_add(NAME_COST));
                stack.push((below, child));
            }
        }
        if !visit(Visited { path: &path, status, complete }) {
            return Ok(());
        }
        if found >= MOST_FOUND {
            reader.problem(format!("{MOST_FOUND} files were found: the rest is left out"), None);
            return Ok(());
        }
    }
    Ok(())
}

/// The inode of what a process has open, as `/proc/PID/fd/FD` leads to it.
pub(crate) fn open_descriptor(reader: &Reader, pid: u32, fd: u32) -> FileResult<FileIdentity> {
    let task = process(reader, pid)?.ok_or(FileError::NoProcess(pid))?;
    let file = open_file(reader, task.address, fd)?.ok_or(FileError::NoDescriptor(pid, fd))?;
    let inode = reader.follow(file, reader.layout.files.file.inode)?;
    FileIdentity::of_inode(reader, inode)
}
