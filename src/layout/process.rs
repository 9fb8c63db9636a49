//! Structures of tasks and of what belongs to them.

use crate::kernel::Types;

super::field::structures! {
    /// `struct task_struct` (include/linux/sched.h).
    Task = "task_struct" {
        /// The list of thread-group leaders.
        tasks: "tasks",
        /// Thread id.
        pid: "pid",
        /// Thread-group id: the process id.
        tgid: "tgid",
        comm: "comm",
        /// Renamed by 2f064a59a11f (5.14).
        state: "__state" | "state",
        exit_state: "exit_state",
        flags: "flags",
        static_prio: "static_prio",
        real_parent: "real_parent",
        real_cred: "real_cred",
        signal: "signal",
        mm: "mm",
        files: "files",
        fs: "fs",
        nsproxy: "nsproxy",
        /// The task's own `struct pid`.
        thread_pid: "thread_pid",
        /// The `struct css_set` of its cgroups.
        cgroups: "cgroups",
        /// Nanoseconds since boot; named so since cf25e24db61c (5.5).
        start_boottime: "start_boottime" | "real_start_time",
        /// A kernel thread's `struct kthread` (e32cf5dfbe22, 5.17).
        worker_private: "worker_private",
        utime: "utime",
        stime: "stime",
        sum_exec_runtime: "se.sum_exec_runtime",
        thread_node: "thread_node",
        /// True if a CPU runs it, or is about to (CONFIG_SMP).
        on_cpu: "on_cpu",
        /// How often it gave its CPU up, and how often that was taken away.
        nvcsw: "nvcsw",
        nivcsw: "nivcsw",
        /// With CONFIG_STACKPROTECTOR.
        stack_canary: "stack_canary",
    }

    /// `struct kthread` (kernel/kthread.c).
    Kthread = "kthread" {
        /// The whole name, where it is longer than `comm` (d6986ce24fc0, 5.17).
        full_name: "full_name",
    }

    /// `struct signal_struct` (include/linux/sched/signal.h): what a thread group shares.
    Signal = "signal_struct" {
        nr_threads: "nr_threads",
        thread_head: "thread_head",
        utime: "utime",
        stime: "stime",
        sum_sched_runtime: "sum_sched_runtime",
        prev_utime: "prev_cputime.utime",
        prev_stime: "prev_cputime.stime",
        oom_score_adj: "oom_score_adj",
    }

    /// `struct cred` (include/linux/cred.h).
    Cred = "cred" {
        uid: "uid.val",
        euid: "euid.val",
        gid: "gid.val",
        egid: "egid.val",
        user_ns: "user_ns",
    }

    /// `struct mm_struct` (include/linux/mm_types.h).
    Mm = "mm_struct" {
        pgd: "pgd",
        arg_start: "arg_start",
        arg_end: "arg_end",
        env_start: "env_start",
        env_end: "env_end",
        total_vm: "total_vm",
        mm_users: "mm_users.counter",
        map_count: "map_count",
        exe_file: "exe_file",
        /// Resident pages by kind: per-CPU counters since f1a7941243c1 (6.2) ...
        rss_stat: "rss_stat",
        /// ... and one atomic counter each before.
        rss_count: "rss_stat.count",
    }

    /// `struct percpu_counter` (include/linux/percpu_counter.h).
    PercpuCounter = "percpu_counter" {
        count: "count",
        counters: "counters",
    }

    /// `struct pid` (include/linux/pid.h).
    PidStruct = "pid" {
        level: "level",
        numbers: "numbers",
    }

    /// `struct upid`: a process id in one namespace.
    Upid = "upid" {
        nr: "nr",
        ns: "ns",
    }

    /// `struct nsproxy` (include/linux/nsproxy.h).
    NsProxy = "nsproxy" {
        uts: "uts_ns",
        ipc: "ipc_ns",
        mnt: "mnt_ns",
        net: "net_ns",
        time: "time_ns",
        cgroup: "cgroup_ns",
    }

    PidNamespace = "pid_namespace" {
        inum: "ns.inum",
    }

    UserNamespace = "user_namespace" {
        inum: "ns.inum",
    }

    IpcNamespace = "ipc_namespace" {
        inum: "ns.inum",
    }

    TimeNamespace = "time_namespace" {
        inum: "ns.inum",
    }

    CgroupNamespace = "cgroup_namespace" {
        inum: "ns.inum",
    }

    /// `struct css_set` (include/linux/cgroup-defs.h).
    CssSet = "css_set" {
        /// The group in the unified hierarchy.
        dfl_cgrp: "dfl_cgrp",
    }

    /// `struct cgroup`.
    Cgroup = "cgroup" {
        kn: "kn",
        /// The flags of the group itself, not of a controller.
        state: "self.flags",
    }

    /// `struct kernfs_node` (include/linux/kernfs.h).
    KernfsNode = "kernfs_node" {
        name: "name",
        /// Renamed by 633488947ef6 (6.15).
        parent: "__parent" | "parent",
    }
}

/// The layout of the sections of processes.
#[derive(Clone, Debug)]
pub(crate) struct ProcessLayout {
    /// `struct task_struct`.
    pub task: Task,
    /// `struct kthread`.
    pub kthread: Kthread,
    /// `struct signal_struct`.
    pub signal: Signal,
    /// `struct cred`.
    pub cred: Cred,
    /// `struct mm_struct`.
    pub mm: Mm,
    /// `struct percpu_counter`.
    pub percpu_counter: PercpuCounter,
    /// `struct pid`.
    pub pid: PidStruct,
    /// `struct upid`.
    pub upid: Upid,
    /// `struct nsproxy`.
    pub nsproxy: NsProxy,
    pub pid_ns: PidNamespace,
    pub user_ns: UserNamespace,
    pub ipc_ns: IpcNamespace,
    pub time_ns: TimeNamespace,
    pub cgroup_ns: CgroupNamespace,
    /// `struct css_set`.
    pub css_set: CssSet,
    /// `struct cgroup`.
    pub cgroup: Cgroup,
    /// `struct kernfs_node`.
    pub kernfs_node: KernfsNode,
}

impl ProcessLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            task: Task::compile(types),
            kthread: Kthread::compile(types),
            signal: Signal::compile(types),
            cred: Cred::compile(types),
            mm: Mm::compile(types),
            percpu_counter: PercpuCounter::compile(types),
            pid: PidStruct::compile(types),
            upid: Upid::compile(types),
            nsproxy: NsProxy::compile(types),
            pid_ns: PidNamespace::compile(types),
            user_ns: UserNamespace::compile(types),
            ipc_ns: IpcNamespace::compile(types),
            time_ns: TimeNamespace::compile(types),
            cgroup_ns: CgroupNamespace::compile(types),
            css_set: CssSet::compile(types),
            cgroup: Cgroup::compile(types),
            kernfs_node: KernfsNode::compile(types),
        }
    }
}
