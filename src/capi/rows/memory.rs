//! The section `memory`.

use std::slice;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out_one;
use crate::frame::Memory;

/// Bit of nfm_memory_t.known: total.
pub const NFM_MEMORY_TOTAL: u64 = 1u64 << 0;
/// Bit of nfm_memory_t.known: free.
pub const NFM_MEMORY_FREE: u64 = 1u64 << 1;
/// Bit of nfm_memory_t.known: available.
pub const NFM_MEMORY_AVAILABLE: u64 = 1u64 << 2;
/// Bit of nfm_memory_t.known: buffers.
pub const NFM_MEMORY_BUFFERS: u64 = 1u64 << 3;
/// Bit of nfm_memory_t.known: cached.
pub const NFM_MEMORY_CACHED: u64 = 1u64 << 4;
/// Bit of nfm_memory_t.known: swap_cached.
pub const NFM_MEMORY_SWAP_CACHED: u64 = 1u64 << 5;
/// Bit of nfm_memory_t.known: active.
pub const NFM_MEMORY_ACTIVE: u64 = 1u64 << 6;
/// Bit of nfm_memory_t.known: inactive.
pub const NFM_MEMORY_INACTIVE: u64 = 1u64 << 7;
/// Bit of nfm_memory_t.known: swap_total.
pub const NFM_MEMORY_SWAP_TOTAL: u64 = 1u64 << 8;
/// Bit of nfm_memory_t.known: swap_free.
pub const NFM_MEMORY_SWAP_FREE: u64 = 1u64 << 9;
/// Bit of nfm_memory_t.known: dirty.
pub const NFM_MEMORY_DIRTY: u64 = 1u64 << 10;
/// Bit of nfm_memory_t.known: writeback.
pub const NFM_MEMORY_WRITEBACK: u64 = 1u64 << 11;
/// Bit of nfm_memory_t.known: anonymous.
pub const NFM_MEMORY_ANONYMOUS: u64 = 1u64 << 12;
/// Bit of nfm_memory_t.known: mapped.
pub const NFM_MEMORY_MAPPED: u64 = 1u64 << 13;
/// Bit of nfm_memory_t.known: shared.
pub const NFM_MEMORY_SHARED: u64 = 1u64 << 14;
/// Bit of nfm_memory_t.known: slab.
pub const NFM_MEMORY_SLAB: u64 = 1u64 << 15;
/// Bit of nfm_memory_t.known: slab_reclaimable.
pub const NFM_MEMORY_SLAB_RECLAIMABLE: u64 = 1u64 << 16;
/// Bit of nfm_memory_t.known: slab_unreclaimable.
pub const NFM_MEMORY_SLAB_UNRECLAIMABLE: u64 = 1u64 << 17;
/// Bit of nfm_memory_t.known: kernel_stack.
pub const NFM_MEMORY_KERNEL_STACK: u64 = 1u64 << 18;
/// Bit of nfm_memory_t.known: page_tables.
pub const NFM_MEMORY_PAGE_TABLES: u64 = 1u64 << 19;

/// Memory as a whole, in bytes, by the names of the guest's /proc/meminfo.
#[repr(C)]
#[derive(CRow)]
#[row(Memory)]
pub struct nfm_memory_t {
    /// Which members are known, NFM_MEMORY_... combined.
    pub known: u64,
    /// MemTotal, bytes.
    pub total: u64,
    /// MemFree, bytes.
    pub free: u64,
    /// MemAvailable, bytes.
    pub available: u64,
    /// Buffers, bytes.
    pub buffers: u64,
    /// Cached, bytes.
    pub cached: u64,
    /// SwapCached, bytes.
    pub swap_cached: u64,
    /// Active, bytes.
    pub active: u64,
    /// Inactive, bytes.
    pub inactive: u64,
    /// SwapTotal, bytes.
    pub swap_total: u64,
    /// SwapFree, bytes.
    pub swap_free: u64,
    /// Dirty, bytes.
    pub dirty: u64,
    /// Writeback, bytes.
    pub writeback: u64,
    /// AnonPages, bytes.
    pub anonymous: u64,
    /// Mapped, bytes.
    pub mapped: u64,
    /// Shmem, bytes.
    pub shared: u64,
    /// Slab, bytes.
    pub slab: u64,
    /// SReclaimable, bytes.
    pub slab_reclaimable: u64,
    /// SUnreclaim, bytes.
    pub slab_unreclaimable: u64,
    /// KernelStack, bytes.
    pub kernel_stack: u64,
    /// PageTables, bytes.
    pub page_tables: u64,
}

/// Memory as a whole of a frame.
///
/// Parameters: frame.
/// Returns: the structure; NULL if the frame does not hold the section, or frame is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_memory(frame: *const nfm_frame_t) -> *const nfm_memory_t {
    // SAFETY: NULL or a frame, by the caller's promise.
    unsafe {
        hand_out_one(frame, |frame| frame.rows.of(frame.frame.memory.as_ref().map(slice::from_ref)))
    }
}
symver!("NFM_0.1", nfm_frame_memory);
