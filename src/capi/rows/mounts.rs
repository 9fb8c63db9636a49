//! The rows of the section `mounts`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::Mount;

/// Bit of nfm_mount_t.known: source.
pub const NFM_MOUNT_SOURCE: u64 = 1u64 << 0;
/// Bit of nfm_mount_t.known: target.
pub const NFM_MOUNT_TARGET: u64 = 1u64 << 1;
/// Bit of nfm_mount_t.known: filesystem.
pub const NFM_MOUNT_FILESYSTEM: u64 = 1u64 << 2;
/// Bit of nfm_mount_t.known: options.
pub const NFM_MOUNT_OPTIONS: u64 = 1u64 << 3;
/// Bit of nfm_mount_t.known: mnt_ns.
pub const NFM_MOUNT_MNT_NS: u64 = 1u64 << 4;

/// One mount of one mount namespace, as /proc/PID/mountinfo shows it.
#[repr(C)]
#[derive(CRow)]
#[row(Mount)]
pub struct nfm_mount_t {
    /// Which members are known, NFM_MOUNT_... combined.
    pub known: u64,
    /// The device or the name given instead of one; NULL if not known.
    pub source: *const c_char,
    /// The directory, seen from the root of the namespace; NULL if not known.
    pub target: *const c_char,
    /// The file system's type, with its subtype behind a dot; NULL if not known.
    pub filesystem: *const c_char,
    /// Options of this mount, as mountinfo shows them: "rw,nosuid,relatime"; NULL if not known.
    pub options: *const c_char,
    /// Inode of the mount namespace, as in /proc/PID/ns/mnt.
    pub mnt_ns: u32,
    /// Zero.
    pub reserved: u32,
}

/// The mounts of a frame, of every mount namespace.
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
pub unsafe extern "C" fn nfm_frame_mounts(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_mount_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.mounts.as_deref())) }
}
symver!("NFM_0.1", nfm_frame_mounts);
