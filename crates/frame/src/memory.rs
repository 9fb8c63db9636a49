//! The section `memory`.

use serde::{Deserialize, Serialize};

/// Memory as a whole, in bytes, by the names of `/proc/meminfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Memory {
    /// `MemTotal`.
    pub total: Option<u64>,
    /// `MemFree`.
    pub free: Option<u64>,
    /// `MemAvailable`.
    pub available: Option<u64>,
    /// `Buffers`.
    pub buffers: Option<u64>,
    /// `Cached`.
    pub cached: Option<u64>,
    /// `SwapCached`.
    pub swap_cached: Option<u64>,
    /// `Active`.
    pub active: Option<u64>,
    /// `Inactive`.
    pub inactive: Option<u64>,
    /// `SwapTotal`.
    pub swap_total: Option<u64>,
    /// `SwapFree`.
    pub swap_free: Option<u64>,
    /// `Dirty`.
    pub dirty: Option<u64>,
    /// `Writeback`.
    pub writeback: Option<u64>,
    /// `AnonPages`.
    pub anonymous: Option<u64>,
    /// `Mapped`.
    pub mapped: Option<u64>,
    /// `Shmem`.
    pub shared: Option<u64>,
    /// `Slab`.
    pub slab: Option<u64>,
    /// `SReclaimable`.
    pub slab_reclaimable: Option<u64>,
    /// `SUnreclaim`.
    pub slab_unreclaimable: Option<u64>,
    /// `KernelStack`.
    pub kernel_stack: Option<u64>,
    /// `PageTables`.
    pub page_tables: Option<u64>,
}
