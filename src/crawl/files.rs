//! The section `files`: descriptors as `/proc/PID/fd` and `/proc/PID/fdinfo` show them.

use rustc_hash::FxHashSet;

use super::context::Context;
use super::path::{self, Named};
use super::reader::ReadResult;
use super::sleeper_cache::{Gathered, Look};
use crate::frame::{File, FileKind, Text};

/// Descriptors of one process that are looked for: `sysctl_nr_open` is 2^20 unless raised (fs/file.c).
const MOST_FDS: u64 = 1 << 24;
/// Descriptors between two looks at the clock, where they are handled without a read of guest memory.
const BETWEEN_LOOKS: usize = 1 << 12;
/// Tables of descriptors of one process's threads.
const MOST_TABLES: usize = 1024;
/// Bytes that a descriptor costs in the set of those that are known, which grows by doubling.
const KNOWN_COST: usize = 4 * std::mem::size_of::<(u32, u64)>();
/// `O_CLOEXEC` (include/uapi/asm-generic/fcntl.h).
const CLOSE_ON_EXEC: u64 = 0o2_000_000;

/// What is the same as long as a file is open.
#[derive(Debug)]
pub(super) struct FileFacts {
    descriptor: Descriptor,
    named: Option<Named>,
    kind: Option<FileKind>,
    inode: Option<u64>,
}

/// Adds the files that a process has open.
pub(super) fn add(
    context: &Context,
    look: &mut Look,
    open: ReadResult<&[Descriptor]>,
    rows: &mut Vec<File>,
) {
    if let Some(known) = look.facts.files.take() {
        let all = context.rows::<File, _>(&known);
        rows.extend(all.map(|facts| row(context, look.pid, facts, facts.path(context))));
        look.facts.files = Some(known);
        return;
    }
    let open = context.note("descriptors", open).unwrap_or_default();
    let mut gathered = Gathered::new(look.keep_files);
    rows.extend(context.rows::<File, _>(open).map(|one| {
        let (facts, path) = FileFacts::read(context, *one);
        let row = row(context, look.pid, &facts, path);
        gathered.add(facts);
        row
    }));
    look.facts.files = gathered.done();
}

/// An open descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub fd: u32,
    /// The `struct file`.
    pub file: u64,
    pub close_on_exec: bool,
}

impl Context<'_> {
    /// Lets what a process has open be used.
    pub(super) fn with_descriptors<T>(
        &self,
        look: &mut Look,
        act: impl FnOnce(&mut Look, ReadResult<&[Descriptor]>) -> T,
    ) -> T {
        if let Some(open) = look.facts.descriptors.take() {
            look.keep_files = true;
            let done = act(look, Ok(&open));
            look.facts.descriptors = Some(open);
            return done;
        }
        let mut open = self.room.take();
        open.clear();
        let read = all_descriptors(self, look.task, &mut open);
        look.keep_files = look.keep && read == Ok(Tables::One) && has_its_own(self, look);
        let done = act(look, read.map(|_| open.as_slice()));
        let mut gathered = Gathered::new(look.keep_files);
        open.iter().for_each(|one| gathered.add(*one));
        look.facts.descriptors = gathered.done();
        self.room.replace(open);
        done
    }
}

/// Whether no other process shares the table of descriptors: one that does could change it.
fn has_its_own(context: &Context, look: &Look) -> bool {
    let layout = &context.layout;
    let files = context.pointer(look.task, layout.process.task.files);
    let count = files.and_then(|files| {
        files.map(|files| context.unsigned(files, layout.files.files.count)).transpose()
    });
    let threads = look.state.map(|state| state.threads());
    count.is_ok_and(|count| count.is_none() || count == threads)
}

/// How many tables of descriptors the threads of a process have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tables {
    /// The leader's, or none.
    One,
    /// Threads have others than the leader.
    More,
}

/// What a process has open: what `/proc/PID/fd` shows, which is the leader's table, and what is open in tables of its
/// other threads alone (`/proc/PID/task/TID/fd`): of a leader that is gone, or of threads that unshared theirs.
fn all_descriptors(
    context: &Context,
    leader: u64,
    rows: &mut Vec<Descriptor>,
) -> ReadResult<Tables> {
    let layout = &context.layout.process;
    let table = |task| context.pointer(task, layout.task.files);
    let first = table(leader)?;
    if let Some(first) = first {
        descriptors(context, first, rows)?;
    }
    let Some(signal) = context.pointer(leader, layout.task.signal)? else { return Ok(Tables::One) };
    let head = context.at(signal, layout.signal.thread_head)?;
    let node = context.at(leader, layout.task.thread_node)?;
    if context.u64_at(node)? == head && context.u64_at(node.wrapping_add(8))? == head {
        return Ok(Tables::One);
    }
    let mut tables = FxHashSet::default();
    for thread in context.whole_list(head, layout.task.thread_node)? {
        tables.extend(table(thread)?.filter(|table| Some(*table) != first));
        if tables.len() > MOST_TABLES {
            let what = format!("of threads' tables of descriptors {MOST_TABLES} are shown");
            context.problem(what, Some(leader));
            break;
        }
    }
    if tables.is_empty() {
        return Ok(Tables::One);
    }
    let mut known = FxHashSet::default();
    let rest = std::mem::take(rows);
    add_new(context, rest, &mut known, rows)?;
    for table in tables {
        let mut own = Vec::new();
        descriptors(context, table, &mut own)?;
        add_new(context, own, &mut known, rows)?;
    }
    Ok(Tables::More)
}

/// Adds those descriptors that are not known yet.
fn add_new(
    context: &Context,
    found: Vec<Descriptor>,
    known: &mut FxHashSet<(u32, u64)>,
    rows: &mut Vec<Descriptor>,
) -> ReadResult<()> {
    for found in found.chunks(BETWEEN_LOOKS) {
        context.space.budget().look_at_clock()?;
        context.keep(found.len() * KNOWN_COST)?;
        make_room(context, rows, found.len())?;
        rows.extend(found.iter().filter(|one| known.insert((one.fd, one.file))));
    }
    Ok(())
}

/// Makes room for more descriptors in a buffer, and charges it, with the old one from which they are moved.
fn make_room(context: &Context, rows: &mut Vec<Descriptor>, more: usize) -> ReadResult<()> {
    if rows.capacity() - rows.len() < more {
        let capacity = rows.capacity().saturating_add(more.max(rows.capacity()));
        let bytes = capacity.saturating_add(rows.len()) * std::mem::size_of::<Descriptor>();
        context.space.budget().buffer(bytes)?;
        rows.reserve_exact(capacity - rows.len());
    }
    Ok(())
}

/// Adds what is open in a `struct files_struct`.
fn descriptors(context: &Context, files: u64, rows: &mut Vec<Descriptor>) -> ReadResult<()> {
    let layout = &context.layout.files;
    let table = context.follow(files, layout.files.fdt)?;
    let count = context.unsigned(table, layout.table.max_fds)?;
    if count > MOST_FDS {
        let reason = format!("of a table of {count} descriptors the first {MOST_FDS} are shown");
        context.problem(reason, Some(table));
    }
    let count = count.min(MOST_FDS);
    let array = context.follow(table, layout.table.fd)?;
    let open = context.follow(table, layout.table.open_fds)?;
    let closing = context.follow(table, layout.table.close_on_exec)?;
    // Bit by bit of the words of `unsigned long` that the bitmaps are made of.
    for first in (0..count).step_by(64) {
        let word = |bitmap: u64| context.u64_at(bitmap.wrapping_add(first / 8));
        let mut left = word(open)?;
        if count - first < 64 {
            left &= (1 << (count - first)) - 1;
        }
        let closing = if left != 0 { word(closing)? } else { 0 };
        make_room(context, rows, left.count_ones() as usize)?;
        while left != 0 {
            let bit = left.trailing_zeros();
            left &= left - 1;
            let fd = first + u64::from(bit);
            // A reserved descriptor has no file yet.
            let file = context.u64_at(array.wrapping_add(fd * 8))?;
            if file != 0 {
                let close_on_exec = closing & 1 << bit != 0;
                rows.push(Descriptor { fd: fd as u32, file, close_on_exec });
            }
        }
    }
    Ok(())
}

impl FileFacts {
    /// Reads them; gives the path beside them.
    fn read(context: &Context, descriptor: Descriptor) -> (Self, Option<Text>) {
        let layout = &context.layout.files;
        let inode = context.follow(descriptor.file, layout.file.inode);
        let of_inode = |field| inode.and_then(|inode| context.unsigned(inode, field));
        let named = context.note("path", path::named(context, descriptor.file));
        let (named, path) = named.unzip();
        let mode = context.note("kind", of_inode(layout.inode.mode));
        // Since 6.9 a pidfd's inode has the mode of a file.
        let kind = match &named {
            Some(Named::Always(text)) if text.starts_with("anon_inode:") => {
                Some(FileKind::AnonInode)
            }
            _ => mode.and_then(FileKind::of_mode),
        };
        let inode = context.note("inode", of_inode(layout.inode.number));
        (Self { descriptor, named, kind, inode }, path)
    }

    /// The path, as it leads now.
    fn path(&self, context: &Context) -> Option<Text> {
        self.named.as_ref().and_then(|named| context.note("path", named.text(context)))
    }

    /// Bytes that they take beside themselves.
    pub fn bytes(&self) -> usize {
        self.named.as_ref().map_or(0, Named::bytes)
    }
}

fn row(context: &Context, pid: u32, facts: &FileFacts, path: Option<Text>) -> File {
    let Descriptor { fd, file, close_on_exec } = facts.descriptor;
    let layout = &context.layout.files;
    let flags = context.unsigned(file, layout.file.flags).map(|flags| {
        let own = flags & !CLOSE_ON_EXEC;
        if close_on_exec { own | CLOSE_ON_EXEC } else { own }
    });
    File {
        pid,
        fd,
        kind: facts.kind,
        path,
        flags: context.note("flags", flags),
        position: context.note("position", context.unsigned(file, layout.file.pos)),
        inode: facts.inode,
    }
}
