//! The section `os`.

use std::ffi::c_char;
use std::slice;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out_one;
use crate::frame::Os;

/// Bit of nfm_os_t.known: sysname.
pub const NFM_OS_SYSNAME: u64 = 1u64 << 0;
/// Bit of nfm_os_t.known: nodename.
pub const NFM_OS_NODENAME: u64 = 1u64 << 1;
/// Bit of nfm_os_t.known: release.
pub const NFM_OS_RELEASE: u64 = 1u64 << 2;
/// Bit of nfm_os_t.known: version.
pub const NFM_OS_VERSION: u64 = 1u64 << 3;
/// Bit of nfm_os_t.known: machine.
pub const NFM_OS_MACHINE: u64 = 1u64 << 4;
/// Bit of nfm_os_t.known: build_id.
pub const NFM_OS_BUILD_ID: u64 = 1u64 << 5;
/// Bit of nfm_os_t.known: command_line.
pub const NFM_OS_COMMAND_LINE: u64 = 1u64 << 6;
/// Bit of nfm_os_t.known: boot_time_ns.
pub const NFM_OS_BOOT_TIME_NS: u64 = 1u64 << 7;
/// Bit of nfm_os_t.known: uptime_ns.
pub const NFM_OS_UPTIME_NS: u64 = 1u64 << 8;
/// Bit of nfm_os_t.known: load.
pub const NFM_OS_LOAD: u64 = 1u64 << 9;
/// Bit of nfm_os_t.known: panicked.
pub const NFM_OS_PANICKED: u64 = 1u64 << 10;

/// The operating system.
#[repr(C)]
#[derive(CRow)]
#[row(Os)]
pub struct nfm_os_t {
    /// Which members are known, NFM_OS_... combined.
    pub known: u64,
    /// uname -s; NULL if not known.
    pub sysname: *const c_char,
    /// uname -n in the first UTS namespace; NULL if not known.
    pub nodename: *const c_char,
    /// uname -r; NULL if not known.
    pub release: *const c_char,
    /// uname -v; NULL if not known.
    pub version: *const c_char,
    /// uname -m; NULL if not known.
    pub machine: *const c_char,
    /// The kernel's build id, hexadecimal; NULL if not known.
    pub build_id: *const c_char,
    /// The kernel's command line; NULL if not known.
    pub command_line: *const c_char,
    /// When the guest booted by its own wall clock, nanoseconds since 1970.
    pub boot_time_ns: u64,
    /// Time since boot, as of the guest's last timer tick, nanoseconds.
    pub uptime_ns: u64,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// 1 if the kernel has panicked, else 0.
    pub panicked: u32,
    /// Zero.
    pub reserved: u32,
}

/// The operating system of a frame.
///
/// Parameters: frame.
/// Returns: the structure; NULL if the frame does not hold the section, or frame is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_os(frame: *const nfm_frame_t) -> *const nfm_os_t {
    // SAFETY: NULL or a frame, by the caller's promise.
    unsafe {
        hand_out_one(frame, |frame| frame.rows.of(frame.frame.os.as_ref().map(slice::from_ref)))
    }
}
symver!("NFM_0.1", nfm_frame_os);
