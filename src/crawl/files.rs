//! The section `files`: descriptors as `/proc/PID/fd` and `/proc/PID/fdinfo` show them.

use super::context::Context;
use super::facts::{Descriptor, FileFacts, Gathered};
use super::path::{self, Named};
use super::path_cache::PathCache;
use super::reader::{ReadResult, Reader};
use super::sleeper_cache::Look;
use crate::frame::{File, FileKind, Text};

/// `O_CLOEXEC` (include/uapi/asm-generic/fcntl.h).
const CLOSE_ON_EXEC: u64 = 0o2_000_000;

/// Adds the files that a process has open.
pub(super) fn add(
    context: &Context,
    look: &mut Look,
    open: ReadResult<&[Descriptor]>,
    rows: &mut Vec<File>,
) {
    let Context { reader, paths, .. } = context;
    if let Some(known) = look.facts.files.take() {
        let all = reader.rows::<File, _>(&known);
        rows.extend(all.map(|facts| {
            let path = facts.named.as_ref().map(|named| named.text(reader, paths));
            row(reader, look.pid, facts, path.and_then(|path| reader.note("path", path)))
        }));
        look.facts.files = Some(known);
        return;
    }
    let open = reader.note("descriptors", open).unwrap_or_default();
    let mut gathered = Gathered::new(look.keep_files);
    rows.extend(reader.rows::<File, _>(open).map(|one| {
        let (facts, path) = read(reader, paths, *one);
        let row = row(reader, look.pid, &facts, path);
        gathered.add(facts);
        row
    }));
    look.facts.files = gathered.done();
}

/// Reads the facts of an open file; gives its path, as it leads now, beside them.
fn read(reader: &Reader, paths: &PathCache, descriptor: Descriptor) -> (FileFacts, Option<Text>) {
    let layout = &reader.layout.files;
    let inode = reader.follow(descriptor.file, layout.file.inode);
    let of_inode = |field| inode.and_then(|inode| reader.unsigned(inode, field));
    let named = reader.note("path", path::named(reader, paths, descriptor.file));
    let (named, path) = named.unzip();
    let mode = reader.note("kind", of_inode(layout.inode.mode));
    // Since 6.9 a pidfd's inode has the mode of a file.
    let kind = match &named {
        Some(Named::Always(text)) if text.starts_with("anon_inode:") => Some(FileKind::AnonInode),
        _ => mode.and_then(FileKind::of_mode),
    };
    let inode = reader.note("inode", of_inode(layout.inode.number));
    (FileFacts { descriptor, named, kind, inode }, path)
}

fn row(reader: &Reader, pid: u32, facts: &FileFacts, path: Option<Text>) -> File {
    let Descriptor { fd, file, close_on_exec } = facts.descriptor;
    let layout = &reader.layout.files;
    let flags = reader.unsigned(file, layout.file.flags).map(|flags| {
        let own = flags & !CLOSE_ON_EXEC;
        if close_on_exec { own | CLOSE_ON_EXEC } else { own }
    });
    File {
        pid,
        fd,
        kind: facts.kind,
        path,
        flags: reader.note("flags", flags),
        position: reader.note("position", reader.unsigned(file, layout.file.pos)),
        inode: facts.inode,
    }
}
