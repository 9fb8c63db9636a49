//! The rows of the section `log`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::LogRecord;

/// One record of the kernel's log ring buffer.
#[repr(C)]
#[derive(CRow)]
#[row(LogRecord)]
pub struct nfm_log_record_t {
    /// Which of the members that later versions add are known; the ones here always are.
    pub known: u64,
    /// The message, without prefix.
    #[row(always)]
    pub text: *const c_char,
    /// When it was written, nanoseconds of the guest's own log clock (since boot).
    #[row(always)]
    pub time_ns: u64,
    /// syslog level, 0 (emergency) to 7 (debug).
    #[row(always)]
    pub level: u32,
    /// Zero.
    pub reserved: u32,
}

/// The kernel's log of a frame, oldest record first.
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
pub unsafe extern "C" fn nfm_frame_log(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_log_record_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.log.as_deref())) }
}
symver!("NFM_0.1", nfm_frame_log);
