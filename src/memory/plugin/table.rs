//! `include/nfm-backend.h` in Rust. The header says what each part means.

use std::ffi::{c_char, c_int, c_void};

/// `NFM_BACKEND_UNKNOWN`.
pub(super) const UNKNOWN: u64 = u64::MAX;

pub(super) const OK: c_int = 0;
pub(super) const DENIED: c_int = 2;
pub(super) const GONE: c_int = 3;
pub(super) const UNSUPPORTED: c_int = 4;

/// `NFM_BACKEND_MACHINE_FRAMES`.
pub(super) const MACHINE_FRAMES: u32 = 1;

/// The name of the one function that a back end exports.
pub(super) const ENTRY: &[u8] = b"nfm_backend_v1\0";

/// That function.
pub(super) type Entry = unsafe extern "C" fn() -> *const Table;

/// `nfm_backend_domain_t`.
#[repr(C)]
pub(super) struct Domain {
    pub size: usize,
    pub name: *const c_char,
    pub uuid: *const c_char,
    pub uri: *const c_char,
    pub id: u32,
    pub reserved: u32,
}

/// `nfm_backend_error_t`.
#[repr(C)]
pub(super) struct Failure {
    pub size: usize,
    pub message: [u8; 500],
}

/// `nfm_backend_memory_t`.
#[repr(C)]
pub(super) struct Memory {
    pub size: usize,
    pub frames: u32,
    pub levels: u32,
    pub root: u64,
    pub bytes: u64,
    pub description: [u8; 100],
}

/// `nfm_backend_state_t`.
#[repr(C)]
pub(super) struct State {
    pub size: usize,
    pub vcpu_time_ns: u64,
    pub resident_bytes: u64,
    pub swapped_bytes: u64,
    pub untouched_bytes: u64,
}

/// `nfm_backend_v1_t`.
#[repr(C)]
pub(super) struct Table {
    pub size: usize,
    pub name: *const c_char,
    pub open: Option<unsafe extern "C" fn(*const Domain, *mut *mut c_void, *mut Failure) -> c_int>,
    pub close: Option<unsafe extern "C" fn(*mut c_void)>,
    pub memory: Option<unsafe extern "C" fn(*mut c_void, *mut Memory, *mut Failure) -> c_int>,
    pub read: Option<unsafe extern "C" fn(*mut c_void, *const u64, usize, *mut c_void, *mut u8)>,
    pub state: Option<unsafe extern "C" fn(*mut c_void, *mut State) -> c_int>,
}

/// The text up to its NUL.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
