//! A file of guest RAM as every format gives it, and the numbers that formats are made of.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::memory::PAGE_SHIFT;
use crate::resolve::RamHole;

/// Guest RAM as one format keeps it.
pub(crate) trait Content: Send + Sync {
    /// The RAM, as ascending runs of (first guest-physical address, bytes).
    fn ram(&self) -> Vec<(u64, u64)>;

    /// The part of it that firmware knows of.
    fn boot_ram(&self) -> Vec<(u64, u64)> {
        self.ram()
    }

    /// Reads bytes at a guest-physical address; false where any of them is not in the file.
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool;
}

/// Lays the bytes of a file out with this hole.
pub(crate) type WithHole = Box<dyn Fn(RamHole) -> Arc<dyn Content> + Send>;

/// A file that holds a guest's memory.
pub(crate) struct Dump {
    /// The format's name, in words.
    pub format: &'static str,
    /// The ways in which its bytes may be guest-physical memory, the likeliest first.
    pub layouts: Vec<Arc<dyn Content>>,
    /// The same bytes with the hole in guest-physical memory elsewhere, where it is not the format that says.
    pub with_hole: Option<WithHole>,
    /// True if the format itself says where in guest memory each byte belongs.
    pub says_where: bool,
    /// When the memory was written down.
    pub taken: SystemTime,
    /// Whose memory it is, where the file tells.
    pub origin: Option<Origin>,
    /// The kernel's VMCOREINFO, where the file repeats it.
    pub vmcoreinfo: Option<String>,
}

/// Whose memory a dump holds: the note that `nfm dump` adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Name and version of the note.
    pub format: String,
    /// The domain's name.
    pub name: String,
    /// Its UUID, where it has one.
    pub uuid: Option<String>,
    /// The hypervisor that ran it.
    pub hypervisor: String,
    /// When the dump was begun, nanoseconds since 1970.
    pub time_ns: u64,
    /// True if the guest was suspended meanwhile.
    pub paused: bool,
    /// RAM that is not in the dump, as it was not certain where the hypervisor kept it: (guest-physical address,
    /// bytes).
    #[serde(default)]
    pub left_out: Vec<(u64, u64)>,
}

impl Origin {
    /// The value of [`Origin::format`].
    pub const FORMAT: &str = "nfm-dump/1";
}

/// A little-endian number of a header.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// A little-endian number of a header.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Guest pages in so many bytes, a last part counted as whole.
pub(super) fn pages_in(bytes: u64) -> u64 {
    bytes.div_ceil(1 << PAGE_SHIFT)
}
