//! The namespaces of a task, and its id in its own PID namespace.

use super::reader::{Context, ReadResult};
use crate::layout::Field;

/// PID namespaces in one another (`MAX_PID_NS_LEVEL`, include/linux/pid_namespace.h).
const DEEPEST: u64 = 32;

/// Inode numbers of a process's namespaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Namespaces {
    pub pid: Option<u32>,
    pub net: Option<u32>,
    pub mnt: Option<u32>,
    pub uts: Option<u32>,
    pub ipc: Option<u32>,
    pub user: Option<u32>,
    pub cgroup: Option<u32>,
    pub time: Option<u32>,
}

/// Inode numbers of a task's namespaces; a dead process has left all but two.
pub(super) fn of_task(context: &Context, task: u64) -> Namespaces {
    let layout = &context.layout.process;
    let proxy = context.note("namespaces", context.pointer(task, layout.task.nsproxy)).flatten();
    let number = |what, slot: Field, inum: Field| {
        let proxy = proxy?;
        let namespace = context.pointer(proxy, slot);
        let number = namespace.and_then(|ns| ns.map(|ns| context.u32(ns, inum)).transpose());
        context.note(what, number).flatten()
    };
    let user = context
        .follow(task, layout.task.real_cred)
        .and_then(|cred| context.follow(cred, layout.cred.user_ns))
        .and_then(|ns| context.u32(ns, layout.user_ns.inum));
    Namespaces {
        pid: context.note("pid_namespace", pid_namespace(context, task)).flatten(),
        net: number("net_namespace", layout.nsproxy.net, context.layout.network.net.inum),
        mnt: number("mnt_namespace", layout.nsproxy.mnt, context.layout.files.mnt_ns.inum),
        uts: number("uts_namespace", layout.nsproxy.uts, context.layout.system.uts.inum),
        ipc: number("ipc_namespace", layout.nsproxy.ipc, layout.ipc_ns.inum),
        user: context.note("user_namespace", user),
        cgroup: number("cgroup_namespace", layout.nsproxy.cgroup, layout.cgroup_ns.inum),
        time: number("time_namespace", layout.nsproxy.time, layout.time_ns.inum),
    }
}

/// The task's `struct upid` in its own, the deepest, PID namespace; `None` once it is reaped.
fn own_upid(context: &Context, task: u64) -> ReadResult<Option<u64>> {
    let layout = &context.layout.process;
    let Some(pid) = context.pointer(task, layout.task.thread_pid)? else { return Ok(None) };
    let level = context.unsigned(pid, layout.pid.level)?.min(DEEPEST);
    let first = context.at(pid, layout.pid.numbers)?;
    Ok(Some(first.wrapping_add(level * u64::from(layout.upid.size))))
}

/// The process id that the task itself sees.
pub(super) fn own_pid(context: &Context, task: u64) -> ReadResult<Option<u32>> {
    let upid = own_upid(context, task)?;
    upid.map(|upid| context.u32(upid, context.layout.process.upid.nr)).transpose()
}

fn pid_namespace(context: &Context, task: u64) -> ReadResult<Option<u32>> {
    let layout = &context.layout.process;
    let Some(upid) = own_upid(context, task)? else { return Ok(None) };
    let namespace = context.follow(upid, layout.upid.ns)?;
    context.u32(namespace, layout.pid_ns.inum).map(Some)
}
