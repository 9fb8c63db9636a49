//! The section `memory`.

use serde::{Deserialize, Serialize};

use super::column::Row;

/// Memory as a whole, in bytes, by the names of `/proc/meminfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Memory {
    /// `MemTotal`.
    #[column(bytes)]
    pub total: Option<u64>,
    /// `MemFree`.
    #[column(bytes)]
    pub free: Option<u64>,
    /// `MemAvailable`.
    #[column(bytes)]
    pub available: Option<u64>,
    /// `Buffers`.
    #[column(bytes)]
    pub buffers: Option<u64>,
    /// `Cached`.
    #[column(bytes)]
    pub cached: Option<u64>,
    /// `SwapCached`.
    #[column(bytes)]
    pub swap_cached: Option<u64>,
    /// `Active`.
    #[column(bytes)]
    pub active: Option<u64>,
    /// `Inactive`.
    #[column(bytes)]
    pub inactive: Option<u64>,
    /// `SwapTotal`.
    #[column(bytes)]
    pub swap_total: Option<u64>,
    /// `SwapFree`.
    #[column(bytes)]
    pub swap_free: Option<u64>,
    /// `Dirty`.
    #[column(bytes)]
    pub dirty: Option<u64>,
    /// `Writeback`.
    #[column(bytes)]
    pub writeback: Option<u64>,
    /// `AnonPages`.
    #[column(bytes)]
    pub anonymous: Option<u64>,
    /// `Mapped`.
    #[column(bytes)]
    pub mapped: Option<u64>,
    /// `Shmem`.
    #[column(bytes)]
    pub shared: Option<u64>,
    /// `Slab`.
    #[column(bytes)]
    pub slab: Option<u64>,
    /// `SReclaimable`.
    #[column(bytes)]
    pub slab_reclaimable: Option<u64>,
    /// `SUnreclaim`.
    #[column(bytes)]
    pub slab_unreclaimable: Option<u64>,
    /// `KernelStack`.
    #[column(bytes)]
    pub kernel_stack: Option<u64>,
    /// `PageTables`.
    #[column(bytes)]
    pub page_tables: Option<u64>,
}
