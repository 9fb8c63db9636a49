//! Memory for tests.

use crate::memory::budget::Limits;
use crate::memory::{GuestRam, Optimizations, PAGE_SHIFT, Page, Part, PhysicalMemory, Residency};

/// RAM of which each page is filled with its number.
struct Numbered;

impl PhysicalMemory for Numbered {
    fn read_pages(&self, frames: &[u64], pages: &mut [Page], read: &mut [bool]) {
        for ((frame, page), read) in frames.iter().zip(pages).zip(read) {
            *read = self.read_run(frame << PAGE_SHIFT, page);
        }
    }

    fn reads_parts(&self) -> bool {
        true
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        for part in parts {
            part.read = self.read_run((part.frame << PAGE_SHIFT) + part.start as u64, part.bytes);
        }
    }

    fn read_run(&self, address: u64, bytes: &mut [u8]) -> bool {
        for (at, byte) in (address..).zip(bytes) {
            *byte = (at >> PAGE_SHIFT).to_le_bytes()[at as usize & 7];
        }
        true
    }

    fn ram(&self) -> Vec<(u64, u64)> {
        vec![(0, 1 << 30)]
    }

    fn residency(&self) -> Option<Residency> {
        None
    }

    fn alive(&self) -> bool {
        true
    }
}

pub fn ram() -> GuestRam {
    GuestRam::new(Box::new(Numbered), Optimizations::default())
}

pub fn begin(ram: &GuestRam) {
    ram.begin_frame(0, Limits { deadline: None, bytes: 64 << 20, rows: 1 }, None);
}

/// Reads a word of each page.
pub fn read(ram: &GuestRam, pages: impl IntoIterator<Item = u64>, offset: u64) {
    for page in pages {
        assert_eq!(ram.read_u64((page << PAGE_SHIFT) + offset), Ok(page));
    }
}

/// RAM of which the last two frames used the first line of each of the first ten pages; the last still goes on.
pub fn known() -> GuestRam {
    let ram = ram();
    for _ in 0..2 {
        begin(&ram);
        read(&ram, 0..10, 0);
    }
    ram
}

/// In how many batches that is read.
pub fn batches(ram: &GuestRam, run: impl FnOnce()) -> u64 {
    let before = ram.statistics().batches;
    run();
    ram.statistics().batches - before
}
