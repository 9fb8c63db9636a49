//! The section `processes`, as `/proc/PID/{stat,status,cmdline}` (fs/proc/array.c, fs/proc/base.c).

use super::command_line;
use super::context::Context;
use super::facts::{Ids, ProcessFacts};
use super::lists::Walk;
use super::namespaces;
use super::path::{self, Named};
use super::path_cache::{PathCache, PathRef};
use super::reader::{ReadResult, Reader};
use super::resident_pages::resident_pages;
use super::sleeper_cache::Look;
use super::tasks::KERNEL_THREAD;
use crate::frame::{Process, ProcessState, Text, Thread};
use crate::layout::Field;

/// `PF_WQ_WORKER`.
const WORKER: u64 = 0x20;
/// Bytes of a kernel thread's name.
const LONGEST_NAME: usize = 128;
/// `DEFAULT_PRIO` (include/linux/sched/prio.h): the priority of nice 0.
const DEFAULT_PRIORITY: i64 = 120;

/// Indexes of `mm_struct.rss_stat` (include/linux/mm_types_task.h).
const FILE_PAGES: usize = 0;
const ANONYMOUS_PAGES: usize = 1;
const SHARED_PAGES: usize = 3;
/// A bit of `cgroup_subsys_state.flags` (include/linux/cgroup-defs.h).
const CSS_ONLINE: u64 = 1 << 1;

/// Bits of `task_struct.__state` and `exit_state` (include/linux/sched.h).
mod state {
    pub const UNINTERRUPTIBLE: u64 = 0x2;
    /// The states that `/proc` reports: the seven lowest bits.
    pub const REPORT: u64 = 0x7f;
    pub const REPORT_IDLE: u64 = 0x80;
    pub const IDLE: u64 = 0x402;
    pub const RTLOCK_WAIT: u64 = 0x1000;
    pub const FROZEN: u64 = 0x8000;
}

/// Adds the row of a process that has so many files open.
pub(super) fn add(
    context: &Context,
    look: &mut Look,
    open_files: ReadResult<u32>,
    rows: &mut Vec<Process>,
) {
    if context.reader.rows::<Process, _>([()]).next().is_some() {
        rows.extend(row(context, look, open_files));
    }
}

/// A task that leads a thread group, wherever it was found.
pub(super) fn row(
    context: &Context,
    look: &mut Look,
    open_files: ReadResult<u32>,
) -> Option<Process> {
    let Context { reader, paths, .. } = context;
    let layout = &reader.layout.process;
    let layout_fs = &reader.layout.files.fs;
    let task = look.task;
    let mm = match look.state {
        Some(state) => state.mm(),
        None => reader.note("mm", reader.mm_of(task))?,
    };
    let mut new = None;
    let facts: &ProcessFacts = match &look.facts.process {
        Some(known) => known,
        None => new.insert(read(reader, paths, task, mm)),
    };
    let pages = match (look.state, mm) {
        (Some(state), _) => Ok(state.pages()),
        (None, Some(mm)) => resident_pages(reader, mm),
        (None, None) => Ok([0; 4]),
    };
    let resident = reader.note("rss_bytes", pages).map(resident);
    let directory = |what, mnt, dentry| {
        reader.note(what, directory(reader, paths, task, mnt, dentry)).flatten()
    };
    let nice =
        reader.signed(task, layout.task.static_prio).map(|prio| (prio - DEFAULT_PRIORITY) as i32);
    // Others may change it while the process sleeps, so it is no fact that is kept (`oom_adj_write`, fs/proc/base.c).
    let signal = match look.state {
        Some(state) => Ok(state.signal()),
        None => reader.follow(task, layout.task.signal),
    };
    let oom_score_adj = signal
        .and_then(|signal| reader.signed(signal, layout.signal.oom_score_adj))
        .map(|adj| adj as i32);
    let kept = |text: &Text| reader.kept(text.clone());
    let row = Process {
        pid: look.pid,
        ppid: reader.note("ppid", parent(reader, task)),
        name: facts.name.as_ref().and_then(|name| kept(name).ok()),
        state: reader.note("state", state(reader, task)),
        command_line: facts.command_line.as_ref().and_then(|line| kept(line).ok()),
        exe: facts.exe.as_ref().and_then(|exe| reader.note("exe", exe.text(reader, paths))),
        cwd: directory("cwd", layout_fs.pwd_mnt, layout_fs.pwd_dentry),
        root: directory("root", layout_fs.root_mnt, layout_fs.root_dentry),
        uid: facts.ids.uid,
        euid: facts.ids.euid,
        gid: facts.ids.gid,
        egid: facts.ids.egid,
        threads: facts.threads,
        thread_list: context.details.threads.then(|| thread_list(reader, task)),
        nice: reader.note("nice", nice),
        start_time_ns: facts.start_time_ns,
        user_ns: facts.times.map(|(user, _)| user),
        system_ns: facts.times.map(|(_, system)| system),
        virtual_bytes: facts.virtual_bytes,
        rss_bytes: resident.map(|(all, _)| all),
        shared_bytes: resident.map(|(_, shared)| shared),
        open_files: reader.note("open_files", open_files),
        cgroup: reader.note("cgroup", cgroup(reader, paths, task)),
        pid_namespace: facts.namespaces.pid,
        net_namespace: facts.namespaces.net,
        mnt_namespace: facts.namespaces.mnt,
        uts_namespace: facts.namespaces.uts,
        ipc_namespace: facts.namespaces.ipc,
        user_namespace: facts.namespaces.user,
        cgroup_namespace: facts.namespaces.cgroup,
        time_namespace: facts.namespaces.time,
        kernel_thread: facts.kernel_thread,
        pid_in_namespace: facts.pid_in_namespace,
        oom_score_adj: reader.note("oom_score_adj", oom_score_adj),
    };
    if let Some(new) = new.filter(|_| look.keep) {
        look.facts.process = Some(Box::new(new));
    }
    Some(row)
}

/// Reads the facts of a process.
fn read(reader: &Reader, paths: &PathCache, task: u64, mm: Option<u64>) -> ProcessFacts {
    let layout = &reader.layout.process;
    let cred = reader.follow(task, layout.task.real_cred);
    let id = |what, field| reader.note(what, cred.and_then(|cred| reader.u32(cred, field)));
    let signal = reader.follow(task, layout.task.signal);
    let threads = signal.and_then(|signal| reader.u32(signal, layout.signal.nr_threads));
    let size = mm.map_or(Ok(0), |mm| reader.unsigned(mm, layout.mm.total_vm));
    let flags = reader.unsigned(task, layout.task.flags);
    let start = reader.unsigned(task, layout.task.start_boottime);
    let pid_in_namespace = namespaces::own_pid(reader, task);
    ProcessFacts {
        name: reader.note("name", name(reader, task)),
        command_line: reader.note("command_line", command_line::of(reader, mm)),
        exe: reader.note("exe", executable(reader, paths, mm)).flatten(),
        ids: Ids {
            uid: id("uid", layout.cred.uid),
            euid: id("euid", layout.cred.euid),
            gid: id("gid", layout.cred.gid),
            egid: id("egid", layout.cred.egid),
        },
        threads: reader.note("threads", threads),
        start_time_ns: reader.note("start_time_ns", start),
        times: reader.note("user_ns", times(reader, task)),
        virtual_bytes: reader.note("virtual_bytes", size).map(|pages| pages.saturating_mul(4096)),
        namespaces: namespaces::of_task(reader, task),
        kernel_thread: reader.note("kernel_thread", flags.map(|flags| flags & KERNEL_THREAD != 0)),
        pid_in_namespace: reader.note("pid_in_namespace", pid_in_namespace).flatten(),
    }
}

/// `proc_task_name` (fs/proc/array.c): a kernel thread may have a longer name than `comm` holds. Behind
/// the name of a work queue's worker `/proc` shows what it works on; that is left out. A rescuer's name
/// is shown whole since it begins with "kworker/" (b6a46f7263bd, 6.9; 2a1b02bcba78, 6.11).
fn name(reader: &Reader, task: u64) -> ReadResult<Text> {
    let layout = &reader.layout.process;
    let flags = reader.unsigned(task, layout.task.flags)?;
    let comm = reader.text(task, layout.task.comm)?;
    let whole = flags & WORKER == 0 || comm.starts_with("kworker/");
    if flags & KERNEL_THREAD != 0 && whole && layout.kthread.full_name.exists() {
        let kthread = reader.pointer(task, layout.task.worker_private)?;
        let full = kthread.map(|kthread| reader.pointer(kthread, layout.kthread.full_name));
        if let Some(full) = full.transpose()?.flatten() {
            return reader.text_at(full, LONGEST_NAME);
        }
    }
    Ok(comm)
}

/// The threads of a process, in the order of `/proc/PID/task`.
fn thread_list(reader: &Reader, task: u64) -> Vec<Thread> {
    let layout = &reader.layout.process;
    let signal = reader.note("threads", reader.pointer(task, layout.task.signal)).flatten();
    let head = signal.map(|signal| reader.at(signal, layout.signal.thread_head));
    let Some(head) = head.and_then(|head| reader.note("threads", head)) else {
        return Vec::new();
    };
    let threads = reader.list("threads", head, layout.task.thread_node);
    reader
        .rows::<Thread, _>(threads)
        .filter_map(|thread| {
            let start = reader.unsigned(thread, layout.task.start_boottime);
            let cpu = reader.unsigned(thread, layout.task.sum_exec_runtime);
            Some(Thread {
                tid: reader.note("tid", reader.u32(thread, layout.task.pid))?,
                name: reader.note("name", reader.text(thread, layout.task.comm)),
                state: reader.note("state", state(reader, thread)),
                start_time_ns: reader.note("start_time_ns", start),
                cpu_ns: reader.note("cpu_ns", cpu),
            })
        })
        .collect()
}

fn executable(reader: &Reader, paths: &PathCache, mm: Option<u64>) -> ReadResult<Option<Named>> {
    let Some(mm) = mm else { return Ok(None) };
    let file = reader.pointer(mm, reader.layout.process.mm.exe_file)?;
    file.map(|file| Ok(path::named(reader, paths, file)?.0)).transpose()
}

/// The working or the root directory; a dead process has none.
fn directory(
    reader: &Reader,
    paths: &PathCache,
    task: u64,
    mnt: Field,
    dentry: Field,
) -> ReadResult<Option<Text>> {
    let Some(fs) = reader.pointer(task, reader.layout.process.task.fs)? else {
        return Ok(None);
    };
    let at = PathRef { mnt: reader.follow(fs, mnt)?, dentry: reader.follow(fs, dentry)? };
    path::of(reader, paths, at).map(Some)
}

/// Resident bytes: (all, of files and shared memory). `get_mm_rss` (include/linux/mm.h).
fn resident(pages: [i64; 4]) -> (u64, u64) {
    let bytes = pages.map(|pages| (pages.max(0) as u64).saturating_mul(4096));
    let shared = bytes[FILE_PAGES].saturating_add(bytes[SHARED_PAGES]);
    (bytes[ANONYMOUS_PAGES].saturating_add(shared), shared)
}

/// The path in the unified hierarchy: `proc_cgroup_show` (kernel/cgroup/cgroup.c), `cgroup_path` (fs/kernfs/dir.c).
fn cgroup(reader: &Reader, paths: &PathCache, task: u64) -> ReadResult<Text> {
    let layout = &reader.layout.process;
    let set = reader.follow(task, layout.task.cgroups)?;
    let group = reader.follow(set, layout.css_set.dfl_cgrp)?;
    let path = group_path(reader, paths, reader.follow(group, layout.cgroup.kn)?)?;
    // A group that is removed keeps its zombies (`cgroup_is_dead`).
    match reader.unsigned(group, layout.cgroup.state)? & CSS_ONLINE {
        0 => reader.kept(Text::of(format_args!("{path} (deleted)"))),
        _ => Ok(path),
    }
}

fn group_path(reader: &Reader, paths: &PathCache, group: u64) -> ReadResult<Text> {
    let layout = &reader.layout.process;
    if let Some(known) = paths.group(reader, group) {
        return Ok(known);
    }
    let mut node = group;
    let (mut names, mut length) = (Vec::new(), 0);
    let mut walk = Walk::new(node);
    // `/proc/PID/cgroup` cannot be read where this has PATH_MAX bytes (`proc_cgroup_show`, kernel/cgroup/cgroup.c).
    while let Some(parent) = reader.pointer(node, layout.kernfs_node.parent)? {
        walk.step(node, "the cgroup's path does not end", group)?;
        if length >= path::LONGEST_PATH {
            let reason = format!("the path of a cgroup of over {length} bytes is cut");
            reader.problem(reason, Some(group));
            names.push(path::CUT.into());
            break;
        }
        let name = reader.text_at(reader.follow(node, layout.kernfs_node.name)?, 256)?;
        length += name.len() + 1;
        names.push(name);
        node = parent;
    }
    names.reverse();
    let is_cut = names.first().is_some_and(|name| name == path::CUT);
    let path = Text::of(format_args!("{}{}", if is_cut { "" } else { "/" }, names.join("/")));
    paths.keep_group(reader, group, &path);
    Ok(path)
}

fn parent(reader: &Reader, task: u64) -> ReadResult<u32> {
    let layout = &reader.layout.process.task;
    reader.u32(reader.follow(task, layout.real_parent)?, layout.tgid)
}

/// `task_state_index` (include/linux/sched.h).
fn state(reader: &Reader, task: u64) -> ReadResult<ProcessState> {
    let layout = &reader.layout.process.task;
    let own = reader.unsigned(task, layout.state)?;
    let both = own | reader.unsigned(task, layout.exit_state)?;
    let mut reported = both & state::REPORT;
    if own & state::IDLE == state::IDLE {
        reported = state::REPORT_IDLE;
    }
    if own & (state::RTLOCK_WAIT | state::FROZEN) != 0 {
        reported = state::UNINTERRUPTIBLE;
    }
    Ok(match u64::BITS - reported.leading_zeros() {
        0 => ProcessState::Running,
        1 => ProcessState::Sleeping,
        2 => ProcessState::DiskSleep,
        3 => ProcessState::Stopped,
        4 => ProcessState::TracingStop,
        5 => ProcessState::Dead,
        6 => ProcessState::Zombie,
        7 => ProcessState::Parked,
        _ => ProcessState::Idle,
    })
}

/// User and system time of the whole group: `thread_group_cputime_adjusted` (kernel/sched/cputime.c).
/// The tick samples user and system; the scheduler's exact sum is split in their proportion, and what
/// was once shown never falls.
fn times(reader: &Reader, task: u64) -> ReadResult<(u64, u64)> {
    let layout = &reader.layout.process;
    let Some(signal) = reader.pointer(task, layout.task.signal)? else { return Ok((0, 0)) };
    let mut user = reader.unsigned(signal, layout.signal.utime)?;
    let mut system = reader.unsigned(signal, layout.signal.stime)?;
    let mut exact = reader.unsigned(signal, layout.signal.sum_sched_runtime)?;
    let head = reader.at(signal, layout.signal.thread_head)?;
    for thread in reader.whole_list(head, layout.task.thread_node)? {
        user = user.wrapping_add(reader.unsigned(thread, layout.task.utime)?);
        system = system.wrapping_add(reader.unsigned(thread, layout.task.stime)?);
        exact = exact.wrapping_add(reader.unsigned(thread, layout.task.sum_exec_runtime)?);
    }
    let shown_user = reader.unsigned(signal, layout.signal.prev_utime)?;
    let shown_system = reader.unsigned(signal, layout.signal.prev_stime)?;
    Ok(adjust((user, system), exact, (shown_user, shown_system)))
}

/// `cputime_adjust`.
fn adjust(sampled: (u64, u64), exact: u64, shown: (u64, u64)) -> (u64, u64) {
    let (user, system) = sampled;
    if shown.0.saturating_add(shown.1) >= exact {
        return shown;
    }
    let share = match (user, system) {
        (_, 0) => 0,
        (0, _) => exact,
        _ => {
            let total = u128::from(user) + u128::from(system);
            (u128::from(system) * u128::from(exact) / total) as u64
        }
    };
    let system = share.max(shown.1);
    let user = exact.saturating_sub(system);
    if user < shown.0 { (shown.0, exact.saturating_sub(shown.0)) } else { (user, system) }
}

#[cfg(test)]
mod tests {
    use super::adjust;

    #[test]
    fn the_exact_sum_is_split_as_sampled() {
        assert_eq!(adjust((30, 10), 100, (0, 0)), (75, 25));
        assert_eq!(adjust((0, 10), 100, (0, 0)), (0, 100));
        assert_eq!(adjust((10, 0), 100, (0, 0)), (100, 0));
    }

    #[test]
    fn what_was_shown_never_falls() {
        assert_eq!(adjust((30, 10), 100, (60, 50)), (60, 50));
        assert_eq!(adjust((30, 10), 100, (0, 60)), (40, 60));
        assert_eq!(adjust((0, 10), 100, (30, 0)), (30, 70));
    }
}
