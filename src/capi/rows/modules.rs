//! The rows of the section `modules`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::Module;

/// Bit of nfm_module_t.known: state.
pub const NFM_MODULE_STATE: u64 = 1u64 << 0;
/// Bit of nfm_module_t.known: taints.
pub const NFM_MODULE_TAINTS: u64 = 1u64 << 1;
/// Bit of nfm_module_t.known: size.
pub const NFM_MODULE_SIZE: u64 = 1u64 << 2;
/// Bit of nfm_module_t.known: address.
pub const NFM_MODULE_ADDRESS: u64 = 1u64 << 3;
/// Bit of nfm_module_t.known: references.
pub const NFM_MODULE_REFERENCES: u64 = 1u64 << 4;
/// Bit of nfm_module_t.known: used_by.
pub const NFM_MODULE_USED_BY: u64 = 1u64 << 5;

/// One loaded module, as /proc/modules shows it.
#[repr(C)]
#[derive(CRow)]
#[row(Module)]
pub struct nfm_module_t {
    /// Which members are known, NFM_MODULE_... combined; name always is.
    pub known: u64,
    /// The module's name.
    #[row(always)]
    pub name: *const c_char,
    /// "Live", "Loading" or "Unloading"; NULL if not known.
    pub state: *const c_char,
    /// Taint letters, as /proc/modules shows them between parentheses; empty for none; NULL if not
    /// known.
    pub taints: *const c_char,
    /// Bytes of memory.
    pub size: u64,
    /// Kernel-virtual address of its code.
    pub address: u64,
    /// How many use it.
    pub references: i64,
    /// The modules that use it, in the kernel's order, and a NULL; NULL if not known.
    pub used_by: *const *const c_char,
    /// The number of strings in used_by, without the NULL.
    pub used_by_count: usize,
}

/// The loaded modules of a frame, in the order of /proc/modules.
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
pub unsafe extern "C" fn nfm_frame_modules(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_module_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.modules.as_deref())) }
}
symver!("NFM_0.1", nfm_frame_modules);
