//! `include/nfm-backend.h` in Rust. The header says what each part means.

use std::ffi::{c_char, c_int, c_void};

pub const OK: c_int = 0;
pub const FAILED: c_int = 1;
pub const DENIED: c_int = 2;
pub const GONE: c_int = 3;
pub const UNSUPPORTED: c_int = 4;

/// `NFM_BACKEND_UNKNOWN`.
pub const UNKNOWN: u64 = u64::MAX;
pub const GUEST_FRAMES: u32 = 0;
pub const MACHINE_FRAMES: u32 = 1;

/// `nfm_backend_domain_t`.
#[repr(C)]
pub struct Domain {
    pub size: usize,
    pub name: *const c_char,
    pub uuid: *const c_char,
    pub uri: *const c_char,
    pub id: u32,
    pub reserved: u32,
}

/// `nfm_backend_error_t`.
#[repr(C)]
pub struct Failure {
    pub size: usize,
    pub message: [u8; 500],
}

/// `nfm_backend_memory_t`.
#[repr(C)]
pub struct Memory {
    pub size: usize,
    pub frames: u32,
    pub levels: u32,
    pub root: u64,
    pub bytes: u64,
    pub description: [u8; 100],
}

/// `nfm_backend_state_t`.
#[repr(C)]
pub struct State {
    pub size: usize,
    pub vcpu_time_ns: u64,
    pub resident_bytes: u64,
    pub swapped_bytes: u64,
    pub untouched_bytes: u64,
}

/// `nfm_backend_v1_t`.
#[repr(C)]
pub struct Table {
    pub size: usize,
    pub name: *const c_char,
    pub open: unsafe extern "C" fn(*const Domain, *mut *mut c_void, *mut Failure) -> c_int,
    pub close: unsafe extern "C" fn(*mut c_void),
    pub memory: unsafe extern "C" fn(*mut c_void, *mut Memory, *mut Failure) -> c_int,
    pub read: unsafe extern "C" fn(*mut c_void, *const u64, usize, *mut c_void, *mut u8),
    pub state: unsafe extern "C" fn(*mut c_void, *mut State) -> c_int,
}

// SAFETY: the name is a constant, and nothing in the table changes.
unsafe impl Sync for Table {}
