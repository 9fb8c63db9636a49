//! The rows of the section `mappings`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::{Mapping, PhysicalRun};

/// Bit of nfm_physical_run_t.known: physical.
pub const NFM_PHYSICAL_RUN_PHYSICAL: u64 = 1u64 << 0;

/// Neighbouring pages of a mapping and where they are in the guest's RAM.
#[repr(C)]
#[derive(CRow)]
#[row(PhysicalRun)]
pub struct nfm_physical_run_t {
    /// Which members are known, NFM_PHYSICAL_RUN_... combined; all but physical always are.
    pub known: u64,
    /// First virtual address.
    #[row(always)]
    pub virtual_address: u64,
    /// Guest-physical address of the first byte; not known for pages in swap.
    pub physical: u64,
    /// Bytes.
    #[row(always)]
    pub bytes: u64,
    /// 1 if the pages are in the guest's swap, else 0.
    #[row(always)]
    pub swapped: u32,
    /// Zero.
    pub reserved: u32,
}

/// Bit of nfm_mapping_t.known: permissions.
pub const NFM_MAPPING_PERMISSIONS: u64 = 1u64 << 0;
/// Bit of nfm_mapping_t.known: path.
pub const NFM_MAPPING_PATH: u64 = 1u64 << 1;
/// Bit of nfm_mapping_t.known: offset.
pub const NFM_MAPPING_OFFSET: u64 = 1u64 << 2;
/// Bit of nfm_mapping_t.known: resident_bytes.
pub const NFM_MAPPING_RESIDENT_BYTES: u64 = 1u64 << 3;
/// Bit of nfm_mapping_t.known: physical.
pub const NFM_MAPPING_PHYSICAL: u64 = 1u64 << 4;

/// One area of a process's address space, as /proc/PID/maps shows it.
#[repr(C)]
#[derive(CRow)]
#[row(Mapping)]
pub struct nfm_mapping_t {
    /// Which members are known, NFM_MAPPING_... combined; pid, start and end always are.
    pub known: u64,
    /// "rwx" and 'p' (private) or 's' (shared), '-' for what is not allowed; NULL if not known.
    pub permissions: *const c_char,
    /// The file, or a name in brackets; NULL if not known, and for nameless memory.
    pub path: *const c_char,
    /// First address.
    #[row(always)]
    pub start: u64,
    /// First address after it.
    #[row(always)]
    pub end: u64,
    /// Offset in the file of the first byte; 0 without a file.
    pub offset: u64,
    /// Bytes of it that are in RAM (Rss of smaps; huge TLB pages do not count).
    pub resident_bytes: u64,
    /// Where its pages are, by address, if that was asked for; NULL if not.
    pub physical: *const nfm_physical_run_t,
    /// The number of rows in physical.
    pub physical_count: usize,
    /// The bytes from one row of physical to the next, for NFM_ROW().
    pub physical_stride: usize,
    /// The process.
    #[row(always)]
    pub pid: u32,
    /// Zero.
    pub reserved: u32,
}

/// The address spaces of a frame, by process and address.
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
pub unsafe extern "C" fn nfm_frame_mappings(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_mapping_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe {
        hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.mappings.as_deref()))
    }
}
symver!("NFM_0.1", nfm_frame_mappings);
