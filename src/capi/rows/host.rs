//! The section `host`.

use std::ffi::c_char;
use std::slice;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out_one;
use crate::frame::Host;

/// Bit of nfm_host_t.known: state.
pub const NFM_HOST_STATE: u64 = 1u64 << 0;
/// Bit of nfm_host_t.known: vcpu_time_ns.
pub const NFM_HOST_VCPU_TIME_NS: u64 = 1u64 << 1;
/// Bit of nfm_host_t.known: rss_bytes.
pub const NFM_HOST_RSS_BYTES: u64 = 1u64 << 2;
/// Bit of nfm_host_t.known: swapped_bytes.
pub const NFM_HOST_SWAPPED_BYTES: u64 = 1u64 << 3;
/// Bit of nfm_host_t.known: untouched_bytes.
pub const NFM_HOST_UNTOUCHED_BYTES: u64 = 1u64 << 4;
/// Bit of nfm_host_t.known: memory_age_ns.
pub const NFM_HOST_MEMORY_AGE_NS: u64 = 1u64 << 5;

/// The hypervisor's view of the guest.
#[repr(C)]
#[derive(CRow)]
#[row(Host)]
pub struct nfm_host_t {
    /// Which members are known, NFM_HOST_... combined.
    pub known: u64,
    /// The domain's state, as virsh domstate prints it; NULL if not known.
    pub state: *const c_char,
    /// CPU time of all vCPUs, nanoseconds.
    pub vcpu_time_ns: u64,
    /// Guest RAM that is in the host's RAM, bytes.
    pub rss_bytes: u64,
    /// Guest RAM that is in the host's swap, bytes.
    pub swapped_bytes: u64,
    /// Guest RAM that the guest has never used, bytes.
    pub untouched_bytes: u64,
    /// How long before the frame the three amounts of RAM were counted, nanoseconds: frames in quick
    /// succession share one count.
    pub memory_age_ns: u64,
}

/// Gives a frame's section of the hypervisor's side.
///
/// Parameters: frame.
/// Returns: the structure; NULL if the frame does not hold the section, or frame is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_host(frame: *const nfm_frame_t) -> *const nfm_host_t {
    // SAFETY: NULL or a frame, by the caller's promise.
    unsafe {
        hand_out_one(frame, |frame| frame.rows.of(frame.frame.host.as_ref().map(slice::from_ref)))
    }
}
symver!("NFM_0.1", nfm_frame_host);
