//! The rows of the section `files`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::File;

/// Bit of nfm_file_t.known: kind.
pub const NFM_FILE_KIND: u64 = 1u64 << 0;
/// Bit of nfm_file_t.known: path.
pub const NFM_FILE_PATH: u64 = 1u64 << 1;
/// Bit of nfm_file_t.known: flags.
pub const NFM_FILE_FLAGS: u64 = 1u64 << 2;
/// Bit of nfm_file_t.known: position.
pub const NFM_FILE_POSITION: u64 = 1u64 << 3;
/// Bit of nfm_file_t.known: inode.
pub const NFM_FILE_INODE: u64 = 1u64 << 4;

/// One open file descriptor of one process.
#[repr(C)]
#[derive(CRow)]
#[row(File)]
pub struct nfm_file_t {
    /// Which members are known, NFM_FILE_... combined; pid and fd always are.
    pub known: u64,
    /// The kind of file, as in JSON: "file", "directory", "character_device", "block_device", "pipe", "socket",
    /// "symlink", "anon_inode"; NULL if not known.
    pub kind: *const c_char,
    /// The path as readlink /proc/PID/fd/FD shows it in the guest; NULL if not known.
    pub path: *const c_char,
    /// The flags of open(2), O_CLOEXEC included, by the values of the guest's architecture.
    pub flags: u64,
    /// The offset for the next read or write.
    pub position: u64,
    /// The inode's number.
    pub inode: u64,
    /// The process.
    #[row(always)]
    pub pid: u32,
    /// The descriptor.
    #[row(always)]
    pub fd: u32,
}

/// The open files of a frame, by process and descriptor.
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
pub unsafe extern "C" fn nfm_frame_files(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_file_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.files.as_deref())) }
}
symver!("NFM_0.1", nfm_frame_files);
