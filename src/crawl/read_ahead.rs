//! Reading ahead: what many rows will need, level by level, each level in one batch of reads.

use super::context::Context;
use crate::layout::Field;

/// Bytes around a pointer's target that are read ahead: every structure followed here keeps what is
/// needed of it within so many.
const NEAR: u64 = 256;

/// Reads ahead what the rows of processes, files and mappings need. A fault is no matter here: whoever
/// needs the value meets it again.
pub(super) fn tasks(context: &Context) {
    if context.space.in_place() {
        return;
    }
    let layout = &context.layout.process;
    let files = &context.layout.files;
    let memory = &context.layout.memory;
    // What the last frame used was read when this one began: only who is new needs more.
    let new = context.reuse.new_tasks(context.tasks());
    let tasks = if context.space.was_read_ahead() { &new } else { context.tasks() };
    let tasks: Vec<u64> = tasks.iter().map(|task| task.address).collect();
    if tasks.is_empty() {
        return;
    }
    let tasks = tasks.as_slice();
    let task = &layout.task;
    let signals = targets(context, tasks, &[task.signal]);
    let mms = targets(context, tasks, &[task.mm]);
    let tables = targets(context, tasks, &[task.files]);
    let roots = targets(context, tasks, &[task.fs]);
    let others = targets(
        context,
        tasks,
        &[task.real_cred, task.real_parent, task.thread_pid, task.nsproxy, task.cgroups],
    );
    ahead(context, &signals, u64::from(layout.signal.size));
    ahead(context, &mms, u64::from(layout.mm.size));
    ahead(context, &[tables.as_slice(), &roots, &others].concat(), NEAR);
    // What those lead to: tables of descriptors, the executables, the tops of the page tables.
    let tables = targets(context, &tables, &[files.files.fdt]);
    let tops = targets(context, &mms, &[layout.mm.pgd]);
    let open = targets(context, &mms, &[layout.mm.exe_file]);
    let names = targets(context, &roots, &[files.fs.pwd_dentry, files.fs.root_dentry]);
    ahead(context, &[tables.as_slice(), &open, &names].concat(), NEAR);
    ahead(context, &tops, 1);
    let arrays = targets(context, &tables, &[files.table.fd, files.table.open_fds]);
    let trees = targets(context, &mms, &[memory.mm.tree]);
    let trees: Vec<u64> = trees.into_iter().map(|node| node & !0xff).collect();
    ahead(context, &[arrays, trees].concat(), NEAR);
}

/// Where these members of these structures point to, without NULL.
fn targets(context: &Context, structures: &[u64], members: &[Field]) -> Vec<u64> {
    let mut targets: Vec<u64> = structures
        .iter()
        .flat_map(|one| members.iter().map(move |member| (*one, *member)))
        .filter_map(|(one, member)| context.pointer(one, member).ok().flatten())
        .collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn ahead(context: &Context, addresses: &[u64], bytes: u64) {
    context.space.prefetch(addresses.iter().map(|address| (*address, bytes)));
}
