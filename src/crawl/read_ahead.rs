//! Reading ahead: what many rows will need, level by level, each level in one batch of reads.

use super::frame_cache::FrameCache;
use super::reader::Reader;
use super::tasks::Task;
use crate::layout::Field;

/// Bytes around a pointer's target that are read ahead: every structure followed here keeps what is
/// needed of it within so many.
const NEAR: u64 = 256;

/// Reads ahead what the rows of processes, files and mappings need. A fault is no matter here: whoever
/// needs the value meets it again.
pub(super) fn tasks(reader: &Reader, cache: &FrameCache, all: &[Task]) {
    if reader.space.in_place() {
        return;
    }
    let layout = &reader.layout.process;
    let files = &reader.layout.files;
    let memory = &reader.layout.memory;
    // The memory that the last frame used was read when this one began: only new tasks need more.
    let new = cache.new_tasks(all);
    let tasks = if reader.space.was_read_ahead() { &new } else { all };
    let tasks: Vec<u64> = tasks.iter().map(|task| task.address).collect();
    if tasks.is_empty() {
        return;
    }
    let tasks = tasks.as_slice();
    let task = &layout.task;
    let signals = targets(reader, tasks, &[task.signal]);
    let mms = targets(reader, tasks, &[task.mm]);
    let tables = targets(reader, tasks, &[task.files]);
    let roots = targets(reader, tasks, &[task.fs]);
    let others = targets(
        reader,
        tasks,
        &[task.real_cred, task.real_parent, task.thread_pid, task.nsproxy, task.cgroups],
    );
    ahead(reader, &signals, u64::from(layout.signal.size));
    ahead(reader, &mms, u64::from(layout.mm.size));
    ahead(reader, &[tables.as_slice(), &roots, &others].concat(), NEAR);
    // The targets of those: tables of descriptors, the executables, the tops of the page tables.
    let tables = targets(reader, &tables, &[files.files.fdt]);
    let tops = targets(reader, &mms, &[layout.mm.pgd]);
    let open = targets(reader, &mms, &[layout.mm.exe_file]);
    let names = targets(reader, &roots, &[files.fs.pwd_dentry, files.fs.root_dentry]);
    ahead(reader, &[tables.as_slice(), &open, &names].concat(), NEAR);
    ahead(reader, &tops, 1);
    let arrays = targets(reader, &tables, &[files.table.fd, files.table.open_fds]);
    let trees = targets(reader, &mms, &[memory.mm.tree]);
    let trees: Vec<u64> = trees.into_iter().map(|node| node & !0xff).collect();
    ahead(reader, &[arrays, trees].concat(), NEAR);
}

/// Where these members of these structures point to, without NULL.
fn targets(reader: &Reader, structures: &[u64], members: &[Field]) -> Vec<u64> {
    let mut targets: Vec<u64> = structures
        .iter()
        .flat_map(|one| members.iter().map(move |member| (*one, *member)))
        .filter_map(|(one, member)| reader.pointer(one, member).ok().flatten())
        .collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn ahead(reader: &Reader, addresses: &[u64], bytes: u64) {
    reader.space.prefetch(addresses.iter().map(|address| (*address, bytes)));
}
