//! The rows of the section `processes`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::{Process, Thread};

/// Bit of nfm_thread_t.known: name.
pub const NFM_THREAD_NAME: u64 = 1u64 << 0;
/// Bit of nfm_thread_t.known: start_time_ns.
pub const NFM_THREAD_START_TIME_NS: u64 = 1u64 << 1;
/// Bit of nfm_thread_t.known: cpu_ns.
pub const NFM_THREAD_CPU_NS: u64 = 1u64 << 2;
/// Bit of nfm_thread_t.known: state.
pub const NFM_THREAD_STATE: u64 = 1u64 << 3;

/// One thread of a process, as /proc/PID/task/TID shows it.
#[repr(C)]
#[derive(CRow)]
#[row(Thread)]
pub struct nfm_thread_t {
    /// Which members are known, NFM_THREAD_... combined; tid always is.
    pub known: u64,
    /// The thread's name; NULL if not known.
    pub name: *const c_char,
    /// When it started, nanoseconds since the guest's boot.
    pub start_time_ns: u64,
    /// Time on a CPU, as the scheduler measures it, nanoseconds.
    pub cpu_ns: u64,
    /// Thread id.
    #[row(always)]
    pub tid: u32,
    /// The state's letter, as of nfm_process_t.
    pub state: c_char,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Bit of nfm_process_t.known: name.
pub const NFM_PROCESS_NAME: u64 = 1u64 << 0;
/// Bit of nfm_process_t.known: command_line.
pub const NFM_PROCESS_COMMAND_LINE: u64 = 1u64 << 1;
/// Bit of nfm_process_t.known: exe.
pub const NFM_PROCESS_EXE: u64 = 1u64 << 2;
/// Bit of nfm_process_t.known: cwd.
pub const NFM_PROCESS_CWD: u64 = 1u64 << 3;
/// Bit of nfm_process_t.known: root.
pub const NFM_PROCESS_ROOT: u64 = 1u64 << 4;
/// Bit of nfm_process_t.known: cgroup.
pub const NFM_PROCESS_CGROUP: u64 = 1u64 << 5;
/// Bit of nfm_process_t.known: start_time_ns.
pub const NFM_PROCESS_START_TIME_NS: u64 = 1u64 << 6;
/// Bit of nfm_process_t.known: user_ns.
pub const NFM_PROCESS_USER_NS: u64 = 1u64 << 7;
/// Bit of nfm_process_t.known: system_ns.
pub const NFM_PROCESS_SYSTEM_NS: u64 = 1u64 << 8;
/// Bit of nfm_process_t.known: virtual_bytes.
pub const NFM_PROCESS_VIRTUAL_BYTES: u64 = 1u64 << 9;
/// Bit of nfm_process_t.known: rss_bytes.
pub const NFM_PROCESS_RSS_BYTES: u64 = 1u64 << 10;
/// Bit of nfm_process_t.known: shared_bytes.
pub const NFM_PROCESS_SHARED_BYTES: u64 = 1u64 << 11;
/// Bit of nfm_process_t.known: pid_in_namespace.
pub const NFM_PROCESS_PID_IN_NAMESPACE: u64 = 1u64 << 12;
/// Bit of nfm_process_t.known: ppid.
pub const NFM_PROCESS_PPID: u64 = 1u64 << 13;
/// Bit of nfm_process_t.known: uid.
pub const NFM_PROCESS_UID: u64 = 1u64 << 14;
/// Bit of nfm_process_t.known: euid.
pub const NFM_PROCESS_EUID: u64 = 1u64 << 15;
/// Bit of nfm_process_t.known: gid.
pub const NFM_PROCESS_GID: u64 = 1u64 << 16;
/// Bit of nfm_process_t.known: egid.
pub const NFM_PROCESS_EGID: u64 = 1u64 << 17;
/// Bit of nfm_process_t.known: threads.
pub const NFM_PROCESS_THREADS: u64 = 1u64 << 18;
/// Bit of nfm_process_t.known: nice.
pub const NFM_PROCESS_NICE: u64 = 1u64 << 19;
/// Bit of nfm_process_t.known: open_files.
pub const NFM_PROCESS_OPEN_FILES: u64 = 1u64 << 20;
/// Bit of nfm_process_t.known: pid_namespace.
pub const NFM_PROCESS_PID_NAMESPACE: u64 = 1u64 << 21;
/// Bit of nfm_process_t.known: net_namespace.
pub const NFM_PROCESS_NET_NAMESPACE: u64 = 1u64 << 22;
/// Bit of nfm_process_t.known: mnt_namespace.
pub const NFM_PROCESS_MNT_NAMESPACE: u64 = 1u64 << 23;
/// Bit of nfm_process_t.known: uts_namespace.
pub const NFM_PROCESS_UTS_NAMESPACE: u64 = 1u64 << 24;
/// Bit of nfm_process_t.known: ipc_namespace.
pub const NFM_PROCESS_IPC_NAMESPACE: u64 = 1u64 << 25;
/// Bit of nfm_process_t.known: user_namespace.
pub const NFM_PROCESS_USER_NAMESPACE: u64 = 1u64 << 26;
/// Bit of nfm_process_t.known: cgroup_namespace.
pub const NFM_PROCESS_CGROUP_NAMESPACE: u64 = 1u64 << 27;
/// Bit of nfm_process_t.known: time_namespace.
pub const NFM_PROCESS_TIME_NAMESPACE: u64 = 1u64 << 28;
/// Bit of nfm_process_t.known: kernel_thread.
pub const NFM_PROCESS_KERNEL_THREAD: u64 = 1u64 << 29;
/// Bit of nfm_process_t.known: state.
pub const NFM_PROCESS_STATE: u64 = 1u64 << 30;
/// Bit of nfm_process_t.known: thread_list.
pub const NFM_PROCESS_THREAD_LIST: u64 = 1u64 << 31;
/// Bit of nfm_process_t.known: oom_score_adj.
pub const NFM_PROCESS_OOM_SCORE_ADJ: u64 = 1u64 << 32;

/// One process: a thread group, as /proc lists it in the guest's first PID namespace.
#[repr(C)]
#[derive(CRow)]
#[row(Process)]
pub struct nfm_process_t {
    /// Which members are known, NFM_PROCESS_... combined; pid always is.
    pub known: u64,
    /// The name as in /proc/PID/status; NULL if not known.
    pub name: *const c_char,
    /// The arguments, joined by spaces; empty for a kernel thread; NULL if not known.
    pub command_line: *const c_char,
    /// The file it runs, as in /proc/PID/exe; NULL if not known, and for a kernel thread.
    pub exe: *const c_char,
    /// Its working directory; NULL if not known.
    pub cwd: *const c_char,
    /// Its root directory; NULL if not known.
    pub root: *const c_char,
    /// Its group in the unified cgroup hierarchy, as in /proc/PID/cgroup; NULL if not known.
    pub cgroup: *const c_char,
    /// When it started, nanoseconds since the guest's boot.
    pub start_time_ns: u64,
    /// CPU time in user mode of all its threads, past ones included, nanoseconds.
    pub user_ns: u64,
    /// CPU time in the kernel of all its threads, past ones included, nanoseconds.
    pub system_ns: u64,
    /// Size of the address space, bytes.
    pub virtual_bytes: u64,
    /// Memory of it that is in RAM, bytes.
    pub rss_bytes: u64,
    /// That part of rss_bytes which is of files or shared memory, bytes.
    pub shared_bytes: u64,
    /// Process id.
    #[row(always)]
    pub pid: u32,
    /// Its process id in its own PID namespace.
    pub pid_in_namespace: u32,
    /// The parent's process id; 0 for the first process and the kernel's threads' parent.
    pub ppid: u32,
    /// Real user id.
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Number of threads, the first included.
    pub threads: u32,
    /// Nice value, -20 to 19.
    pub nice: i32,
    /// Number of open file descriptors.
    pub open_files: u32,
    /// Process id namespace: its inode number, as in /proc/PID/ns.
    pub pid_namespace: u32,
    /// Network namespace: its inode number, as in /proc/PID/ns.
    pub net_namespace: u32,
    /// Mount namespace: its inode number, as in /proc/PID/ns.
    pub mnt_namespace: u32,
    /// Host name (UTS) namespace: its inode number, as in /proc/PID/ns.
    pub uts_namespace: u32,
    /// IPC namespace: its inode number, as in /proc/PID/ns.
    pub ipc_namespace: u32,
    /// User namespace: its inode number, as in /proc/PID/ns.
    pub user_namespace: u32,
    /// Control group namespace: its inode number, as in /proc/PID/ns.
    pub cgroup_namespace: u32,
    /// Time namespace: its inode number, as in /proc/PID/ns.
    pub time_namespace: u32,
    /// 1 for a thread of the kernel, else 0.
    pub kernel_thread: u32,
    /// The state's letter, as ps shows it ('R', 'S', 'D', 'T', 't', 'X', 'Z', 'P', 'I').
    pub state: c_char,
    /// Zero.
    pub reserved: [u8; 3],
    /// Its threads, the first included, if they were asked for; NULL if not.
    pub thread_list: *const nfm_thread_t,
    /// The number of rows in thread_list.
    pub thread_list_count: usize,
    /// The bytes from one row of thread_list to the next, for NFM_ROW().
    pub thread_list_stride: usize,
    /// Added to its share of memory, in thousandths, when the kernel out of memory chooses a process to kill: -1000
    /// (never) to 1000, as in /proc/PID/oom_score_adj.
    pub oom_score_adj: i32,
    /// Zero.
    pub reserved_2: u32,
}

/// The processes of a frame, in the order of the kernel's task list.
///
/// Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
/// the next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
/// not hold the section or an argument is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_processes(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_process_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe {
        hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.processes.as_deref()))
    }
}
symver!("NFM_0.1", nfm_frame_processes);
