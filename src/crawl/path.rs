//! Paths as `/proc` shows them: `d_path` (fs/d_path.c), seen from the root of the whole system.

use super::lists::Walk;
use super::path_cache::{FoundPath, PathCache, PathRef};
use super::reader::{ReadResult, Reader};
use crate::frame::Text;

/// Bytes of a DMA buffer's name (`DMA_BUF_NAME_LEN`, include/uapi/linux/dma-buf.h) without its NUL.
const LONGEST_DMA_NAME: usize = 31;
/// Bytes of a path that are shown. The kernel shows all of it where its buffer grows (`maps`, `mountinfo`: `seq_path`,
/// fs/seq_file.c), and nothing of PATH_MAX or more in a link (`do_proc_readlink`, fs/proc/base.c).
pub(super) const LONGEST_PATH: usize = 64 << 10;
/// `NAME_MAX`: bytes of a name in most file systems.
const SHORT_NAME: usize = 255;
/// Bytes of a name in any of them: FUSE's may have `PATH_MAX` less one (`FUSE_NAME_MAX`, fs/fuse/fuse_i.h).
const LONGEST_NAME: usize = 4095;
/// Stands for the beginning of a path that is cut.
pub(super) const CUT: &str = "...";
/// `FMODE_NOACCOUNT` (include/linux/fs.h), which a file that a process has mapped has only if it is a backing file.
const NOT_COUNTED: u64 = 1 << 29;
/// `FMODE_BACKING`: bit 25, since 6.13 (and in later releases of 6.12) bit 24; each meant something else in the
/// other's kernels.
const BACKING: u64 = 1 << 24 | 1 << 25;

/// The name of something that a process has.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// So, as long as it exists: a pipe, a socket, what is in no file.
    Always(Text),
    /// As the path leads now.
    Path(PathRef),
}

impl Named {
    /// Its name now.
    pub fn text(&self, reader: &Reader, cache: &PathCache) -> ReadResult<Text> {
        match self {
            Self::Always(text) => reader.kept(text.clone()),
            Self::Path(path) => of(reader, cache, *path),
        }
    }

    /// A name that never changes, and that name.
    pub fn always(text: Text) -> (Self, Text) {
        (Self::Always(text.clone()), text)
    }

    /// Bytes that it takes beside itself.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Always(text) => text.bytes(),
            Self::Path(_) => 0,
        }
    }
}

/// The name of an open `struct file`, always and now. Its mount and its name there are the same as long as it is open.
pub(super) fn named(reader: &Reader, cache: &PathCache, file: u64) -> ReadResult<(Named, Text)> {
    let layout = &reader.layout.files.file;
    let mnt = reader.follow(file, layout.mnt)?;
    named_at(reader, cache, PathRef { mnt, dentry: reader.follow(file, layout.dentry)? })
}

/// The same of a file that is mapped (`file_user_path`, include/linux/fs.h): an overlay maps the file below it, which
/// is shown by the name that it has in the overlay.
pub(super) fn mapped(reader: &Reader, cache: &PathCache, file: u64) -> ReadResult<(Named, Text)> {
    let layout = &reader.layout.files.backing_file;
    if !layout.user_mnt.exists() {
        return named(reader, cache, file);
    }
    let mode = reader.unsigned(file, reader.layout.files.file.mode)?;
    if mode & NOT_COUNTED == 0 || mode & BACKING == 0 {
        return named(reader, cache, file);
    }
    let backing = reader.container(file, layout.file)?;
    let mnt = reader.follow(backing, layout.user_mnt)?;
    named_at(reader, cache, PathRef { mnt, dentry: reader.follow(backing, layout.user_dentry)? })
}

fn named_at(reader: &Reader, cache: &PathCache, path: PathRef) -> ReadResult<(Named, Text)> {
    let FoundPath { text, always } = found(reader, cache, path)?;
    let text = reader.kept(text)?;
    Ok(if always { Named::always(text) } else { (Named::Path(path), text) })
}

/// The path of a mount and a name in it.
pub(super) fn of(reader: &Reader, cache: &PathCache, path: PathRef) -> ReadResult<Text> {
    reader.kept(found(reader, cache, path)?.text)
}

fn found(reader: &Reader, cache: &PathCache, path: PathRef) -> ReadResult<FoundPath> {
    if let Some(known) = cache.path(reader, &path) {
        return Ok(known);
    }
    let found = match special(reader, path)? {
        Some(found) => found,
        None => FoundPath { text: walk(reader, path)?, always: false },
    };
    cache.keep_path(reader, path, &found);
    Ok(found)
}

/// Names of file systems that no directory shows: their dentries carry a function that makes the name
/// (`d_dname`), told here by the file system's type.
fn special(reader: &Reader, path: PathRef) -> ReadResult<Option<FoundPath>> {
    let layout = &reader.layout.files;
    let Some(operations) = reader.pointer(path.dentry, layout.dentry.operations)? else {
        return Ok(None);
    };
    if reader.pointer(operations, layout.dentry_operations.dname)?.is_none() {
        return Ok(None);
    }
    let root = reader.unsigned(path.mnt, layout.vfsmount.root)?;
    if parent_of(reader, path.dentry)? == path.dentry && root == path.dentry {
        return Ok(None);
    }
    let inode = reader.follow(path.dentry, layout.dentry.inode)?;
    let number = reader.unsigned(inode, layout.inode.number)?;
    let kind = file_system(reader, reader.follow(path.dentry, layout.dentry.sb)?)?;
    let name = || reader.with_name(path.dentry, Text::from_c);
    let text = match kind.as_str() {
        "pipefs" => Text::of(format_args!("pipe:[{number}]")),
        "sockfs" => Text::of(format_args!("socket:[{number}]")),
        "anon_inodefs" => Text::of(format_args!("anon_inode:{}", name()?)),
        // pidfs since cb12fd8e0dab (6.9).
        "pidfs" => Text::fixed("anon_inode:[pidfd]"),
        "dmabuf" => {
            // `dmabuffs_dname` (drivers/dma-buf/dma-buf.c), of a buffer with the name that a program gave it.
            let buffer = reader.follow(path.dentry, layout.dentry.fsdata)?;
            let given = match reader.pointer(buffer, layout.dma_buf.name)? {
                Some(given) => reader.text_at(given, LONGEST_DMA_NAME)?,
                None => Text::default(),
            };
            Text::of(format_args!("/{}:{given}", name()?))
        }
        "nsfs" => {
            // `ns_dname` (fs/nsfs.c).
            let ns = reader.follow(inode, layout.inode.private)?;
            let operations = reader.follow(ns, layout.ns.operations)?;
            let name = reader.text_at(reader.follow(operations, layout.ns_operations.name)?, 32)?;
            Text::of(format_args!("{name}:[{number}]"))
        }
        _ => Text::of(format_args!("/{} (deleted)", name()?)),
    };
    // A process that has a buffer open may name it anew.
    Ok(Some(FoundPath { text, always: kind != "dmabuf" }))
}

/// The type of a file system: `ext4`, `tmpfs` ...
pub(crate) fn file_system(reader: &Reader, sb: u64) -> ReadResult<Text> {
    let layout = &reader.layout.files;
    let kind = reader.follow(sb, layout.sb.kind)?;
    reader.text_at(reader.follow(kind, layout.kind.name)?, 64)
}

/// The path below a root directory; `None` where it does not lie below it.
pub(super) fn below(reader: &Reader, path: PathRef, root: PathRef) -> ReadResult<Option<Text>> {
    let (text, top) = prepend(reader, path, Some(root))?;
    // Where a path that is cut ends is not known.
    top.is_none_or(|top| top == root).then(|| reader.kept(text)).transpose()
}

fn walk(reader: &Reader, path: PathRef) -> ReadResult<Text> {
    let (text, _) = prepend(reader, path, None)?;
    Ok(match is_removed(reader, path.dentry)? {
        true => Text::of(format_args!("{text} (deleted)")),
        false => text,
    })
}

/// `prepend_path`: names up to the root of the mount, then on from the place where it is mounted, up to
/// a given root or the top of all. Gives the path and where it ended; `None` for one that is cut.
fn prepend(
    reader: &Reader,
    path: PathRef,
    root: Option<PathRef>,
) -> ReadResult<(Text, Option<PathRef>)> {
    reader.gather(|backwards| {
        let end = prepend_to(reader, path, root, backwards)?;
        backwards.reverse();
        Ok((Text::from_bytes(backwards), end))
    })
}

/// The same, from its end to its beginning, as it is met.
fn prepend_to(
    reader: &Reader,
    path: PathRef,
    root: Option<PathRef>,
    backwards: &mut Vec<u8>,
) -> ReadResult<Option<PathRef>> {
    let layout = &reader.layout.files;
    let mut here = path;
    let mut walk = Walk::new(here);
    while backwards.len() < LONGEST_PATH && walk.steps() < LONGEST_PATH {
        walk.step(here, "the path does not end", path.dentry)?;
        let parent = parent_of(reader, here.dentry)?;
        let mount_root = reader.unsigned(here.mnt, layout.vfsmount.root)?;
        let mut at_top = root == Some(here);
        if !at_top && (here.dentry == mount_root || here.dentry == parent) {
            let mount = reader.container(here.mnt, layout.mount.mnt)?;
            let above = reader.follow(mount, layout.mount.parent)?;
            if above != mount && here.dentry == mount_root {
                here = PathRef {
                    mnt: reader.at(above, layout.mount.mnt)?,
                    dentry: reader.follow(mount, layout.mount.mountpoint)?,
                };
                continue;
            }
            at_top = true;
        }
        if at_top {
            if backwards.is_empty() {
                backwards.push(b'/');
            }
            return Ok(Some(here));
        }
        reader.with_name(here.dentry, |name| backwards.extend(name.iter().rev()))?;
        backwards.push(b'/');
        here.dentry = parent;
    }
    backwards.extend(CUT.bytes().rev());
    reader.problem(format!("a path of over {LONGEST_PATH} bytes is cut"), Some(path.dentry));
    Ok(None)
}

pub(crate) fn parent_of(reader: &Reader, dentry: u64) -> ReadResult<u64> {
    reader.follow(dentry, reader.layout.files.dentry.parent)
}

/// `d_unlinked`: not in the hash table, and not a root.
pub(crate) fn is_removed(reader: &Reader, dentry: u64) -> ReadResult<bool> {
    let hashed = reader.pointer(dentry, reader.layout.files.dentry.hash)?.is_some();
    Ok(!hashed && parent_of(reader, dentry)? != dentry)
}

impl Reader<'_> {
    /// Lets the bytes of a dentry's name be used.
    pub(crate) fn with_name<T>(&self, dentry: u64, act: impl FnOnce(&[u8]) -> T) -> ReadResult<T> {
        let layout = &self.layout.files.dentry;
        let length = self.unsigned(dentry, layout.length)? as usize;
        let address = self.follow(dentry, layout.name)?;
        let mut room = [0; SHORT_NAME];
        if let Some(name) = room.get_mut(..length) {
            self.space.read(address, name)?;
            return Ok(act(name));
        }
        if length > LONGEST_NAME {
            self.problem(format!("a name of over {LONGEST_NAME} bytes is cut"), Some(dentry));
        }
        Ok(act(&self.bytes_at(address, length.min(LONGEST_NAME))?))
    }
}
