//! The trait of every source of guest-physical memory.

use super::page::{PAGE_SIZE, Page};
use super::page_pool::{PageAt, Part};

/// How much of a guest's RAM the host holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Residency {
    /// In the host's RAM.
    pub resident: u64,
    /// In the host's swap.
    pub swapped: u64,
    /// Never used by the guest: the host has nothing behind it.
    pub untouched: u64,
}

/// A source of guest-physical memory. Only ever copies out: no reference into guest memory exists.
pub(crate) trait PhysicalMemory: Send {
    /// Reads whole pages by guest frame number into `pages`; both slices have the same length.
    /// `read[i]` tells whether `frames[i]` is RAM and was read whole.
    fn read_pages(&self, frames: &[u64], pages: &mut [Page], read: &mut [bool]);

    /// True if reading a part of a page is cheaper than reading all of it.
    fn reads_parts(&self) -> bool {
        false
    }

    /// Reads parts of guest memory, ascending, each of one page unless [`Self::reads_parts`]; each tells whether
    /// it was read.
    fn read_parts(&self, parts: &mut [Part<'_>]) {
        let mut frames: Vec<u64> = parts.iter().map(|part| part.frame).collect();
        frames.dedup();
        let mut pages: Vec<Page> = vec![[0; PAGE_SIZE]; frames.len()];
        let mut read = vec![false; frames.len()];
        self.read_pages(&frames, &mut pages, &mut read);
        for part in parts {
            let index = frames.binary_search(&part.frame).ok();
            let page = index.filter(|index| read.get(*index) == Some(&true));
            let page =
                page.and_then(|index| pages.get(index)?.get(part.start..)?.get(..part.bytes.len()));
            if let Some(bytes) = page {
                part.bytes.copy_from_slice(bytes);
                part.read = true;
            }
        }
    }

    /// Reads a run of bytes; false where any of it is no RAM or cannot be read.
    fn read_run(&self, address: u64, bytes: &mut [u8]) -> bool;

    /// A frame begins: what was known of the memory's state may have changed.
    fn begin_frame(&self) {}

    /// True if pages are read where they are ([`Self::mapped`]) rather than copied by [`Self::read_pages`].
    fn in_place(&self) -> bool {
        false
    }

    /// The page of a guest frame number, where it can be read in place without a change on the host.
    /// The place is good as long as the memory is open.
    fn mapped(&self, _frame: u64) -> Option<PageAt> {
        None
    }

    /// System calls that reading took so far, where they are counted.
    fn system_calls(&self) -> u64 {
        0
    }

    /// The RAM, as ascending runs of (first guest-physical address, bytes); empty where only the hypervisor
    /// knows where it lies.
    fn ram(&self) -> Vec<(u64, u64)>;

    /// The part of it that firmware knows of: what was plugged in later is not.
    fn boot_ram(&self) -> Vec<(u64, u64)> {
        self.ram()
    }

    /// True if, in this frame, memory was asked for where there is no RAM.
    fn missed(&self) -> bool {
        false
    }

    /// The parts of the RAM that may hold something other than zeros, as ascending runs; what is not in them
    /// was never used, and reading it would cost the host memory.
    fn populated(&self) -> Vec<(u64, u64)> {
        self.ram()
    }

    /// How much of the RAM the host holds, where it can tell.
    fn residency(&self) -> Option<Residency>;

    /// True while the guest behind it runs.
    fn alive(&self) -> bool;

    /// True if frames are counted as the host does, and the guest's page tables hold the host's numbers too (Xen's
    /// PV). The guest's own physical addresses are then other numbers.
    fn has_machine_frames(&self) -> bool {
        false
    }

    /// True if the guest behind it is ending, or has ended: its memory may go before the rest of it.
    fn ending(&self) -> bool {
        !self.alive()
    }
}
