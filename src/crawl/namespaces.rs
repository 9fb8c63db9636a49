//! The namespaces of a task, and its id in its own PID namespace; all network namespaces.

use super::reader::{ReadResult, Reader};
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
pub(super) fn of_task(reader: &Reader, task: u64) -> Namespaces {
    let layout = &reader.layout.process;
    let proxy = reader.note("namespaces", reader.pointer(task, layout.task.nsproxy)).flatten();
    let number = |what, slot: Field, inum: Field| {
        let proxy = proxy?;
        let namespace = reader.pointer(proxy, slot);
        let number = namespace.and_then(|ns| ns.map(|ns| reader.u32(ns, inum)).transpose());
        reader.note(what, number).flatten()
    };
    let user = reader
        .follow(task, layout.task.real_cred)
        .and_then(|cred| reader.follow(cred, layout.cred.user_ns))
        .and_then(|ns| reader.u32(ns, layout.user_ns.inum));
    Namespaces {
        pid: reader.note("pid_namespace", pid_namespace(reader, task)).flatten(),
        net: number("net_namespace", layout.nsproxy.net, reader.layout.network.net.inum),
        mnt: number("mnt_namespace", layout.nsproxy.mnt, reader.layout.files.mnt_ns.inum),
        uts: number("uts_namespace", layout.nsproxy.uts, reader.layout.system.uts.inum),
        ipc: number("ipc_namespace", layout.nsproxy.ipc, layout.ipc_ns.inum),
        user: reader.note("user_namespace", user),
        cgroup: number("cgroup_namespace", layout.nsproxy.cgroup, layout.cgroup_ns.inum),
        time: number("time_namespace", layout.nsproxy.time, layout.time_ns.inum),
    }
}

/// The task's `struct upid` in its own, the deepest, PID namespace; `None` once it is reaped.
fn own_upid(reader: &Reader, task: u64) -> ReadResult<Option<u64>> {
    let layout = &reader.layout.process;
    let Some(pid) = reader.pointer(task, layout.task.thread_pid)? else { return Ok(None) };
    let level = reader.unsigned(pid, layout.pid.level)?.min(DEEPEST);
    let first = reader.at(pid, layout.pid.numbers)?;
    Ok(Some(first.wrapping_add(level * u64::from(layout.upid.size))))
}

/// The process id that the task itself sees.
pub(super) fn own_pid(reader: &Reader, task: u64) -> ReadResult<Option<u32>> {
    let upid = own_upid(reader, task)?;
    upid.map(|upid| reader.u32(upid, reader.layout.process.upid.nr)).transpose()
}

/// Every network namespace: where its `struct net` lies, and its inode number.
pub(super) fn networks(reader: &Reader) -> Vec<(u64, Option<u32>)> {
    let layout = &reader.layout.network.net;
    let head = reader.symbol(reader.layout.symbols.net_namespace_list);
    let Some(head) = reader.note("network namespaces", head) else { return Vec::new() };
    let networks = reader.list("network namespaces", head, layout.list).into_iter();
    networks.map(|net| (net, reader.note("netns", reader.u32(net, layout.inum)))).collect()
}

fn pid_namespace(reader: &Reader, task: u64) -> ReadResult<Option<u32>> {
    let layout = &reader.layout.process;
    let Some(upid) = own_upid(reader, task)? else { return Ok(None) };
    let namespace = reader.follow(upid, layout.upid.ns)?;
    reader.u32(namespace, layout.pid_ns.inum).map(Some)
}
