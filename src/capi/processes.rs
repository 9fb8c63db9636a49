//! The rows of the section `processes`.

use std::ffi::c_char;

use super::frame::nfm_frame_t;
use super::rows::{Texts, hand_out, mark};
use super::value;
use crate::frame::Process;

/// Bit of nfm_process_t.known: ppid.
pub const NFM_PROCESS_PPID: u64 = 1u64 << 0;
/// Bit of nfm_process_t.known: name.
pub const NFM_PROCESS_NAME: u64 = 1u64 << 1;
/// Bit of nfm_process_t.known: state.
pub const NFM_PROCESS_STATE: u64 = 1u64 << 2;
/// Bit of nfm_process_t.known: command_line.
pub const NFM_PROCESS_COMMAND_LINE: u64 = 1u64 << 3;
/// Bit of nfm_process_t.known: uid.
pub const NFM_PROCESS_UID: u64 = 1u64 << 4;
/// Bit of nfm_process_t.known: euid.
pub const NFM_PROCESS_EUID: u64 = 1u64 << 5;
/// Bit of nfm_process_t.known: gid.
pub const NFM_PROCESS_GID: u64 = 1u64 << 6;
/// Bit of nfm_process_t.known: egid.
pub const NFM_PROCESS_EGID: u64 = 1u64 << 7;
/// Bit of nfm_process_t.known: threads.
pub const NFM_PROCESS_THREADS: u64 = 1u64 << 8;
/// Bit of nfm_process_t.known: nice.
pub const NFM_PROCESS_NICE: u64 = 1u64 << 9;
/// Bit of nfm_process_t.known: start_time_ns.
pub const NFM_PROCESS_START_TIME_NS: u64 = 1u64 << 10;
/// Bit of nfm_process_t.known: user_ns.
pub const NFM_PROCESS_USER_NS: u64 = 1u64 << 11;
/// Bit of nfm_process_t.known: system_ns.
pub const NFM_PROCESS_SYSTEM_NS: u64 = 1u64 << 12;
/// Bit of nfm_process_t.known: virtual_bytes.
pub const NFM_PROCESS_VIRTUAL_BYTES: u64 = 1u64 << 13;
/// Bit of nfm_process_t.known: kernel_thread.
pub const NFM_PROCESS_KERNEL_THREAD: u64 = 1u64 << 14;

/// One process: a thread group, as /proc lists it in the guest's first PID namespace.
#[repr(C)]
pub struct nfm_process_t {
    /// Which members are known, NFM_PROCESS_... combined; pid always is.
    pub known: u64,
    /// The name as in /proc/PID/status; NULL if not known.
    pub name: *const c_char,
    /// The arguments, joined by spaces; empty for a kernel thread; NULL if not known.
    pub command_line: *const c_char,
    /// When it started, nanoseconds since the guest's boot.
    pub start_time_ns: u64,
    /// CPU time in user mode of all its threads, past ones included, nanoseconds.
    pub user_ns: u64,
    /// CPU time in the kernel of all its threads, past ones included, nanoseconds.
    pub system_ns: u64,
    /// Size of the address space, bytes.
    pub virtual_bytes: u64,
    /// Process id.
    pub pid: u32,
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
        let name = process.name.as_deref();
        let command_line = process.command_line.as_deref();
        let state = process.state.map(|state| state.letter() as c_char);
        let kernel_thread = process.kernel_thread.map(u32::from);
        mark(known, NFM_PROCESS_NAME, name);
        mark(known, NFM_PROCESS_COMMAND_LINE, command_line);
        Self {
            name: texts.keep(name),
            command_line: texts.keep(command_line),
            start_time_ns: mark(known, NFM_PROCESS_START_TIME_NS, process.start_time_ns),
            user_ns: mark(known, NFM_PROCESS_USER_NS, process.user_ns),
            system_ns: mark(known, NFM_PROCESS_SYSTEM_NS, process.system_ns),
            virtual_bytes: mark(known, NFM_PROCESS_VIRTUAL_BYTES, process.virtual_bytes),
            pid: process.pid,
            ppid: mark(known, NFM_PROCESS_PPID, process.ppid),
            uid: mark(known, NFM_PROCESS_UID, process.uid),
            euid: mark(known, NFM_PROCESS_EUID, process.euid),
            gid: mark(known, NFM_PROCESS_GID, process.gid),
            egid: mark(known, NFM_PROCESS_EGID, process.egid),
            threads: mark(known, NFM_PROCESS_THREADS, process.threads),
            nice: mark(known, NFM_PROCESS_NICE, process.nice),
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
    use crate::frame::ProcessState;

    fn process() -> Process {
        Process {
            pid: 42,
            ppid: None,
            name: None,
            state: None,
            command_line: None,
            uid: None,
            euid: None,
            gid: None,
            egid: None,
            threads: None,
            nice: None,
            start_time_ns: None,
            user_ns: None,
            system_ns: None,
            virtual_bytes: None,
            kernel_thread: None,
        }
    }

    #[test]
    fn absent_is_not_zero() {
        let row = nfm_process_t::new(&process(), &mut Texts::default());
        assert_eq!((row.known, row.pid), (0, 42));
        assert!(row.name.is_null() && row.command_line.is_null());

        let zero = Process { ppid: Some(0), name: Some(String::new()), ..process() };
        let mut texts = Texts::default();
        let row = nfm_process_t::new(&zero, &mut texts);
        assert_eq!(row.known, NFM_PROCESS_PPID | NFM_PROCESS_NAME);
        assert_eq!(unsafe { CStr::from_ptr(row.name) }, c"");
    }

    #[test]
    fn each_member_is_its_own() {
        let process = Process {
            pid: 1,
            ppid: Some(2),
            name: Some("name".into()),
            state: Some(ProcessState::TracingStop),
            command_line: Some("command line".into()),
            uid: Some(3),
            euid: Some(4),
            gid: Some(5),
            egid: Some(6),
            threads: Some(7),
            nice: Some(-8),
            start_time_ns: Some(9),
            user_ns: Some(10),
            system_ns: Some(11),
            virtual_bytes: Some(12),
            kernel_thread: Some(true),
            ..process()
        };
        let mut texts = Texts::default();
        let row = nfm_process_t::new(&process, &mut texts);
        assert_eq!(row.known, (1 << 15) - 1);
        assert_eq!(unsafe { CStr::from_ptr(row.name) }, c"name");
        assert_eq!(unsafe { CStr::from_ptr(row.command_line) }, c"command line");
        assert_eq!([row.pid, row.ppid, row.uid, row.euid], [1, 2, 3, 4]);
        assert_eq!([row.gid, row.egid, row.threads, row.kernel_thread], [5, 6, 7, 1]);
        assert_eq!((row.nice, row.state as u8), (-8, b't'));
        assert_eq!([row.start_time_ns, row.user_ns, row.system_ns], [9, 10, 11]);
        assert_eq!(row.virtual_bytes, 12);
    }
}
