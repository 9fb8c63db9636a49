//! Tables of the descriptors that a process has open.

use rustc_hash::FxHashSet;

use super::facts::{Descriptor, Gathered};
use super::reader::{ReadResult, Reader};
use super::sleeper_cache::Look;

/// Descriptors of one process that are looked for: `sysctl_nr_open` is 2^20 unless raised (fs/file.c).
const MOST_FDS: u64 = 1 << 24;
/// Descriptors between two looks at the clock, where they are handled without a read of guest memory.
const BETWEEN_LOOKS: usize = 1 << 12;
/// Tables of descriptors of one process's threads.
const MOST_TABLES: usize = 1024;
/// Bytes that a descriptor costs in the set of those that are known, which grows by doubling.
const KNOWN_COST: usize = 4 * std::mem::size_of::<(u32, u64)>();

/// Lets what a process has open be used: as it is known, or as it is read into `descriptors`.
pub(super) fn with_descriptors<T>(
    reader: &Reader,
    look: &mut Look,
    descriptors: &mut Vec<Descriptor>,
    act: impl FnOnce(&mut Look, ReadResult<&[Descriptor]>) -> T,
) -> T {
    if let Some(open) = look.facts.descriptors.take() {
        look.keep_files = true;
        let done = act(look, Ok(&open));
        look.facts.descriptors = Some(open);
        return done;
    }
    descriptors.clear();
    let read = all_descriptors(reader, look, descriptors);
    look.keep_files = look.keep && read == Ok(Tables::One) && has_its_own(reader, look);
    let done = act(look, read.map(|_| descriptors.as_slice()));
    let mut gathered = Gathered::new(look.keep_files);
    descriptors.iter().for_each(|one| gathered.add(*one));
    look.facts.descriptors = gathered.done();
    done
}

/// True if no other process shares the table of descriptors: one that does could change it.
fn has_its_own(reader: &Reader, look: &Look) -> bool {
    let layout = &reader.layout;
    let files = reader.pointer(look.task, layout.process.task.files);
    let count = files.and_then(|files| {
        files.map(|files| reader.unsigned(files, layout.files.files.count)).transpose()
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

/// All descriptors of a process: those that `/proc/PID/fd` shows, which is the leader's table, and those in tables of its
/// other threads alone (`/proc/PID/task/TID/fd`): of a leader that is gone, or of threads that unshared theirs.
fn all_descriptors(reader: &Reader, look: &Look, rows: &mut Vec<Descriptor>) -> ReadResult<Tables> {
    let leader = look.task;
    let layout = &reader.layout.process;
    let table = |task| reader.pointer(task, layout.task.files);
    let first = table(leader)?;
    if let Some(first) = first {
        in_table(reader, first, rows)?;
    }
    if look.state.is_some_and(|state| state.threads() == 1) {
        return Ok(Tables::One);
    }
    let Some(signal) = reader.pointer(leader, layout.task.signal)? else { return Ok(Tables::One) };
    let head = reader.at(signal, layout.signal.thread_head)?;
    let node = reader.at(leader, layout.task.thread_node)?;
    if reader.u64_at(node)? == head && reader.u64_at(node.wrapping_add(8))? == head {
        return Ok(Tables::One);
    }
    let mut tables = FxHashSet::default();
    for thread in reader.whole_list(head, layout.task.thread_node)? {
        tables.extend(table(thread)?.filter(|table| Some(*table) != first));
        if tables.len() > MOST_TABLES {
            let what = format!("of threads' tables of descriptors {MOST_TABLES} are shown");
            reader.problem(what, Some(leader));
            break;
        }
    }
    if tables.is_empty() {
        return Ok(Tables::One);
    }
    let mut known = FxHashSet::default();
    let rest = std::mem::take(rows);
    add_new(reader, rest, &mut known, rows)?;
    for table in tables {
        let mut own = Vec::new();
        in_table(reader, table, &mut own)?;
        add_new(reader, own, &mut known, rows)?;
    }
    Ok(Tables::More)
}

/// Adds those descriptors that are not known yet.
fn add_new(
    reader: &Reader,
    found: Vec<Descriptor>,
    known: &mut FxHashSet<(u32, u64)>,
    rows: &mut Vec<Descriptor>,
) -> ReadResult<()> {
    for found in found.chunks(BETWEEN_LOOKS) {
        reader.space.budget().look_at_clock()?;
        reader.keep(found.len() * KNOWN_COST)?;
        make_room(reader, rows, found.len())?;
        rows.extend(found.iter().filter(|one| known.insert((one.fd, one.file))));
    }
    Ok(())
}

/// Makes room for more descriptors in a buffer, and charges it, with the old one from which they are moved.
fn make_room(reader: &Reader, rows: &mut Vec<Descriptor>, more: usize) -> ReadResult<()> {
    if rows.capacity() - rows.len() < more {
        let capacity = rows.capacity().saturating_add(more.max(rows.capacity()));
        let bytes = capacity.saturating_add(rows.len()) * std::mem::size_of::<Descriptor>();
        reader.space.budget().buffer(bytes)?;
        rows.reserve_exact(capacity - rows.len());
    }
    Ok(())
}

/// The `struct file` of one descriptor of a process, as `/proc/PID/fd` has it.
pub(crate) fn open_file(reader: &Reader, task: u64, fd: u32) -> ReadResult<Option<u64>> {
    let mut open = Vec::new();
    if let Some(files) = reader.pointer(task, reader.layout.process.task.files)? {
        in_table(reader, files, &mut open)?;
    }
    Ok(open.iter().find(|one| one.fd == fd).map(|one| one.file))
}

/// Adds what is open in a `struct files_struct`.
fn in_table(reader: &Reader, files: u64, rows: &mut Vec<Descriptor>) -> ReadResult<()> {
    let layout = &reader.layout.files;
    let table = reader.follow(files, layout.files.fdt)?;
    let count = reader.unsigned(table, layout.table.max_fds)?;
    if count > MOST_FDS {
        let reason = format!("of a table of {count} descriptors the first {MOST_FDS} are shown");
        reader.problem(reason, Some(table));
    }
    let count = count.min(MOST_FDS);
    let array = reader.follow(table, layout.table.fd)?;
    let open = reader.follow(table, layout.table.open_fds)?;
    let closing = reader.follow(table, layout.table.close_on_exec)?;
    // Bit by bit of the words of `unsigned long` that the bitmaps are made of.
    for first in (0..count).step_by(64) {
        let word = |bitmap: u64| reader.u64_at(bitmap.wrapping_add(first / 8));
        let mut left = word(open)?;
        if count - first < 64 {
            left &= (1 << (count - first)) - 1;
        }
        let closing = if left != 0 { word(closing)? } else { 0 };
        make_room(reader, rows, left.count_ones() as usize)?;
        while left != 0 {
            let bit = left.trailing_zeros();
            left &= left - 1;
            let fd = first + u64::from(bit);
            // A reserved descriptor has no file yet.
            let file = reader.u64_at(array.wrapping_add(fd * 8))?;
            if file != 0 {
                let close_on_exec = closing & 1 << bit != 0;
                rows.push(Descriptor { fd: fd as u32, file, close_on_exec });
            }
        }
    }
    Ok(())
}
