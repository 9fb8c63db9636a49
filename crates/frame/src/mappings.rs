//! The section `mappings`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One area of a process's address space, as `/proc/PID/maps` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Mapping {
    /// The process.
    #[column(label)]
    pub pid: u32,
    /// First address.
    #[column(label)]
    pub start: u64,
    /// First address after it.
    #[column(label)]
    pub end: u64,
    /// `rwx` and `p` (private) or `s` (shared), `-` for what is not allowed.
    pub permissions: Option<Text>,
    /// Offset in the file of the first byte; 0 without a file.
    #[column(label)]
    pub offset: Option<u64>,
    /// The file, or a name in brackets; `None` for nameless memory.
    pub path: Option<Text>,
    /// Bytes of it that are in RAM (`Rss` of smaps; huge TLB pages do not count).
    pub resident_bytes: Option<u64>,
    /// Where its pages are, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical: Option<Vec<PhysicalRun>>,
}

/// Neighbouring pages of a mapping and where they are in the guest's RAM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct PhysicalRun {
    /// First virtual address.
    #[column(label)]
    pub virtual_address: u64,
    /// Guest-physical address of the first byte; `None` for pages in swap.
    #[column(label)]
    pub physical: Option<u64>,
    /// Bytes.
    #[column(bytes)]
    pub bytes: u64,
    /// True if the pages are in the guest's swap.
    pub swapped: bool,
}
