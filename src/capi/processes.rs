//! The rows of the section `processes`.

use std::ffi::c_char;

use super::frame::nfm_frame_t;
use super::rows::{Texts, hand_out, mark};
use super::value;
use crate::frame::Process;

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

/// One process: a thread group, as /proc lists it in the guest's first PID namespace.
#[repr(C)]
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
}

impl nfm_process_t {
    pub(super) fn new(process: &Process, texts: &mut Texts) -> Self {
        let mut known = 0;
        let known = &mut known;
        let mut text = |bit, text: &Option<String>| {
            mark(known, bit, text.as_deref());
            texts.keep(text.as_deref())
        };
        let name = text(NFM_PROCESS_NAME, &process.name);
        let command_line = text(NFM_PROCESS_COMMAND_LINE, &process.command_line);
        let exe = text(NFM_PROCESS_EXE, &process.exe);
        let cwd = text(NFM_PROCESS_CWD, &process.cwd);
        let root = text(NFM_PROCESS_ROOT, &process.root);
        let cgroup = text(NFM_PROCESS_CGROUP, &process.cgroup);
        let kernel_thread = process.kernel_thread.map(u32::from);
        let state = process.state.map(|state| state.letter() as c_char);
        Self {
            name,
            command_line,
            exe,
            cwd,
            root,
            cgroup,
            start_time_ns: mark(known, NFM_PROCESS_START_TIME_NS, process.start_time_ns),
            user_ns: mark(known, NFM_PROCESS_USER_NS, process.user_ns),
            system_ns: mark(known, NFM_PROCESS_SYSTEM_NS, process.system_ns),
            virtual_bytes: mark(known, NFM_PROCESS_VIRTUAL_BYTES, process.virtual_bytes),
            rss_bytes: mark(known, NFM_PROCESS_RSS_BYTES, process.rss_bytes),
            shared_bytes: mark(known, NFM_PROCESS_SHARED_BYTES, process.shared_bytes),
            pid: process.pid,
            pid_in_namespace: mark(known, NFM_PROCESS_PID_IN_NAMESPACE, process.pid_in_namespace),
            ppid: mark(known, NFM_PROCESS_PPID, process.ppid),
            uid: mark(known, NFM_PROCESS_UID, process.uid),
            euid: mark(known, NFM_PROCESS_EUID, process.euid),
            gid: mark(known, NFM_PROCESS_GID, process.gid),
            egid: mark(known, NFM_PROCESS_EGID, process.egid),
            threads: mark(known, NFM_PROCESS_THREADS, process.threads),
            nice: mark(known, NFM_PROCESS_NICE, process.nice),
            open_files: mark(known, NFM_PROCESS_OPEN_FILES, process.open_files),
            pid_namespace: mark(known, NFM_PROCESS_PID_NAMESPACE, process.namespaces.pid),
            net_namespace: mark(known, NFM_PROCESS_NET_NAMESPACE, process.namespaces.net),
            mnt_namespace: mark(known, NFM_PROCESS_MNT_NAMESPACE, process.namespaces.mnt),
            uts_namespace: mark(known, NFM_PROCESS_UTS_NAMESPACE, process.namespaces.uts),
            ipc_namespace: mark(known, NFM_PROCESS_IPC_NAMESPACE, process.namespaces.ipc),
            user_namespace: mark(known, NFM_PROCESS_USER_NAMESPACE, process.namespaces.user),
            cgroup_namespace: mark(known, NFM_PROCESS_CGROUP_NAMESPACE, process.namespaces.cgroup),
            time_namespace: mark(known, NFM_PROCESS_TIME_NAMESPACE, process.namespaces.time),
            kernel_thread: mark(known, NFM_PROCESS_KERNEL_THREAD, kernel_thread),
            state: mark(known, NFM_PROCESS_STATE, state),
            reserved: [0; 3],
            known: *known,
        }
    }
}

/// The processes of a frame, in the order of the kernel's task list.
///
/// Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
/// the next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
/// not hold the section or an argument is NULL.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_processes(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_process_t {
    // SAFETY: NULL or a frame, by the caller's promise.
    let rows = value(None, || unsafe { frame.as_ref() }.and_then(nfm_frame_t::processes));
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { hand_out(rows, count, stride) }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::frame::{Namespaces, ProcessState};

    fn process() -> Process {
        Process {
            pid: 42,
            ppid: None,
            name: None,
            state: None,
            command_line: None,
            exe: None,
            cwd: None,
            root: None,
            uid: None,
            euid: None,
            gid: None,
            egid: None,
            threads: None,
            thread_list: None,
            nice: None,
            start_time_ns: None,
            user_ns: None,
            system_ns: None,
            virtual_bytes: None,
            rss_bytes: None,
            shared_bytes: None,
            open_files: None,
            cgroup: None,
            namespaces: Namespaces::default(),
            kernel_thread: None,
            pid_in_namespace: None,
        }
    }

    #[test]
    fn absent_is_not_zero() {
        let row = nfm_process_t::new(&process(), &mut Texts::default());
        assert_eq!((row.known, row.pid), (0, 42));
        assert!(row.name.is_null() && row.command_line.is_null() && row.exe.is_null());

        let zero = Process { ppid: Some(0), name: Some(String::new()), ..process() };
        let mut texts = Texts::default();
        let row = nfm_process_t::new(&zero, &mut texts);
        assert_eq!(row.known, NFM_PROCESS_PPID | NFM_PROCESS_NAME);
        assert_eq!(unsafe { CStr::from_ptr(row.name) }, c"");
    }

    /// Values are held against JSON by a test with a real guest; this is for the bits.
    #[test]
    fn each_bit_is_of_one_member() {
        let mut seen = 0;
        let mut check = |bit: u64, change: fn(&mut Process)| {
            let mut process = process();
            change(&mut process);
            assert_eq!(nfm_process_t::new(&process, &mut Texts::default()).known, bit);
            assert_eq!(seen & bit, 0, "{bit:#x} is of two members");
            seen |= bit;
        };
        check(NFM_PROCESS_NAME, |process| process.name = Some(String::new()));
        check(NFM_PROCESS_COMMAND_LINE, |process| process.command_line = Some(String::new()));
        check(NFM_PROCESS_EXE, |process| process.exe = Some(String::new()));
        check(NFM_PROCESS_CWD, |process| process.cwd = Some(String::new()));
        check(NFM_PROCESS_ROOT, |process| process.root = Some(String::new()));
        check(NFM_PROCESS_CGROUP, |process| process.cgroup = Some(String::new()));
        check(NFM_PROCESS_START_TIME_NS, |process| process.start_time_ns = Some(0));
        check(NFM_PROCESS_USER_NS, |process| process.user_ns = Some(0));
        check(NFM_PROCESS_SYSTEM_NS, |process| process.system_ns = Some(0));
        check(NFM_PROCESS_VIRTUAL_BYTES, |process| process.virtual_bytes = Some(0));
        check(NFM_PROCESS_RSS_BYTES, |process| process.rss_bytes = Some(0));
        check(NFM_PROCESS_SHARED_BYTES, |process| process.shared_bytes = Some(0));
        check(NFM_PROCESS_PID_IN_NAMESPACE, |process| process.pid_in_namespace = Some(0));
        check(NFM_PROCESS_PPID, |process| process.ppid = Some(0));
        check(NFM_PROCESS_UID, |process| process.uid = Some(0));
        check(NFM_PROCESS_EUID, |process| process.euid = Some(0));
        check(NFM_PROCESS_GID, |process| process.gid = Some(0));
        check(NFM_PROCESS_EGID, |process| process.egid = Some(0));
        check(NFM_PROCESS_THREADS, |process| process.threads = Some(0));
        check(NFM_PROCESS_NICE, |process| process.nice = Some(0));
        check(NFM_PROCESS_OPEN_FILES, |process| process.open_files = Some(0));
        check(NFM_PROCESS_PID_NAMESPACE, |process| process.namespaces.pid = Some(0));
        check(NFM_PROCESS_NET_NAMESPACE, |process| process.namespaces.net = Some(0));
        check(NFM_PROCESS_MNT_NAMESPACE, |process| process.namespaces.mnt = Some(0));
        check(NFM_PROCESS_UTS_NAMESPACE, |process| process.namespaces.uts = Some(0));
        check(NFM_PROCESS_IPC_NAMESPACE, |process| process.namespaces.ipc = Some(0));
        check(NFM_PROCESS_USER_NAMESPACE, |process| process.namespaces.user = Some(0));
        check(NFM_PROCESS_CGROUP_NAMESPACE, |process| process.namespaces.cgroup = Some(0));
        check(NFM_PROCESS_TIME_NAMESPACE, |process| process.namespaces.time = Some(0));
        check(NFM_PROCESS_KERNEL_THREAD, |process| process.kernel_thread = Some(false));
        check(NFM_PROCESS_STATE, |process| process.state = Some(ProcessState::Idle));
    }
}
