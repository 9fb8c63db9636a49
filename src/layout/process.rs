//! Structures of tasks and of what belongs to them.

use crate::kernel::Types;

super::field::structures! {
    /// `struct task_struct` (include/linux/sched.h).
    Task = "task_struct" {
        /// The list of thread-group leaders.
        tasks: "tasks",
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
        /// Nanoseconds since boot; named so since cf25e24db61c (5.5).
        start_boottime: "start_boottime" | "real_start_time",
        utime: "utime",
        stime: "stime",
        sum_exec_runtime: "se.sum_exec_runtime",
        thread_node: "thread_node",
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
    }

    /// `struct cred` (include/linux/cred.h).
    Cred = "cred" {
        uid: "uid.val",
        euid: "euid.val",
        gid: "gid.val",
        egid: "egid.val",
    }

    /// `struct mm_struct` (include/linux/mm_types.h).
    Mm = "mm_struct" {
        pgd: "pgd",
        arg_start: "arg_start",
        arg_end: "arg_end",
        env_start: "env_start",
        env_end: "env_end",
        total_vm: "total_vm",
    }
}

/// What the section `processes` needs.
#[derive(Clone, Debug)]
pub(crate) struct ProcessLayout {
    /// `struct task_struct`.
    pub task: Task,
    /// `struct signal_struct`.
    pub signal: Signal,
    /// `struct cred`.
    pub cred: Cred,
    /// `struct mm_struct`.
    pub mm: Mm,
}

impl ProcessLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            task: Task::compile(types),
            signal: Signal::compile(types),
            cred: Cred::compile(types),
            mm: Mm::compile(types),
        }
    }
}
