//! An address space: a page-table root over guest RAM, with the translations of one frame kept.

use std::cell::RefCell;
use std::fmt;

use rustc_hash::FxHashMap;

use super::x86_64::{Entry, Levels, Target, table_index};
use crate::memory::{GuestRam, PAGE_SHIFT, PAGE_SIZE, RamFault};

/// A guest-virtual address that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The guest-virtual address.
    pub address: u64,
    /// Why.
    pub kind: FaultKind,
}

/// Why an address could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The address is not canonical: a pointer with another value than the kernel ever has.
    NotCanonical,
    /// No mapping.
    NotMapped,
    /// The page is in the guest's swap.
    Swapped,
    /// The page tables point outside of RAM, or the host cannot read the page.
    NotRam,
    /// The frame's page budget is used up.
    Budget,
    /// The frame's time budget is used up.
    Late,
    /// The caller cancelled the call.
    Cancelled,
}

impl FaultKind {
    /// Nothing more can be read in this frame.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Budget | Self::Late | Self::Cancelled)
    }
}

impl From<RamFault> for FaultKind {
    fn from(fault: RamFault) -> Self {
        match fault {
            RamFault::Absent => Self::NotRam,
            RamFault::Budget => Self::Budget,
            RamFault::Late => Self::Late,
            RamFault::Cancelled => Self::Cancelled,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FaultKind::NotCanonical => "not a canonical address",
            FaultKind::NotMapped => "not mapped",
            FaultKind::Swapped => "in the guest's swap",
            FaultKind::NotRam => "mapped to no readable RAM",
            FaultKind::Budget => "the frame's memory budget is used up",
            FaultKind::Late => "the frame's time budget is used up",
            FaultKind::Cancelled => "the call was cancelled",
        })
    }
}

/// A part of a range that has something behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First virtual address.
    pub address: u64,
    /// Bytes.
    pub bytes: u64,
    /// Where the content is.
    pub content: Content,
}

/// Where the content of a mapped page is. Pages without a use count (the zero page, device memory) have
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// In RAM, at this guest-physical address.
    Ram(u64),
    /// In the guest's swap.
    Swap,
}

/// One set of page tables.
pub(crate) struct AddressSpace<'ram> {
    ram: &'ram GuestRam,
    root: u64,
    levels: Levels,
    /// Virtual page number to guest-physical page address.
    translations: RefCell<FxHashMap<u64, u64>>,
}

impl<'ram> AddressSpace<'ram> {
    /// The address space whose top table lies at a guest-physical address.
    pub fn new(ram: &'ram GuestRam, root: u64, levels: Levels) -> Self {
        Self { ram, root, levels, translations: RefCell::default() }
    }

    /// Another address space of the same guest: a process's.
    pub fn with_root(&self, root: u64) -> Self {
        Self::new(self.ram, root, self.levels)
    }

    /// Whether what it translates to is the host's numbers, not the guest's.
    pub fn has_machine_frames(&self) -> bool {
        self.ram.memory().has_machine_frames()
    }

    /// Forgets translations and pages: what is read from now on is new.
    pub fn forget(&self) {
        self.translations.borrow_mut().clear();
        self.ram.forget_pages();
    }

    /// The guest-physical address behind a virtual one.
    pub fn translate(&self, address: u64) -> Result<u64, Fault> {
        let offset = address & (PAGE_SIZE as u64 - 1);
        let page = address >> PAGE_SHIFT;
        if let Some(physical) = self.translations.borrow().get(&page) {
            return Ok(physical | offset);
        }
        let physical = self.walk(address).map_err(|kind| Fault { address, kind })?;
        self.translations.borrow_mut().insert(page, physical & !(PAGE_SIZE as u64 - 1));
        Ok(physical)
    }

    fn walk(&self, address: u64) -> Result<u64, FaultKind> {
        if !self.levels.is_canonical(address) {
            return Err(FaultKind::NotCanonical);
        }
        let mut table = self.root;
        for level in (1..=self.levels.count()).rev() {
            let entry = self.ram.read_u64(table | (table_index(address, level) << 3))?;
            match Entry(entry).target(level) {
                Target::Table(next) => table = next,
                // Xen's PV kernels translate entries that are present alone: this one has a number of
                // the guest's own (`pte_pfn_to_mfn`, arch/x86/xen/mmu_pv.c).
                Target::Page(..) if self.has_machine_frames() && !Entry(entry).is_present() => {
                    return Err(FaultKind::NotRam);
                }
                Target::Page(start, shift) => return Ok(start | (address & ((1 << shift) - 1))),
                Target::Nothing if Entry(entry).is_swapped(level) => {
                    return Err(FaultKind::Swapped);
                }
                Target::Nothing => return Err(FaultKind::NotMapped),
            }
        }
        Err(FaultKind::NotMapped)
    }

    /// Copies bytes from a virtual address; all or nothing.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let length = rest.len().min(bytes_to_page_end(address));
            let (now, later) = rest.split_at_mut(length);
            let physical = self.translate(address)?;
            self.ram.read(physical, now).map_err(|fault| Fault { address, kind: fault.into() })?;
            address = address.wrapping_add(length as u64);
            rest = later;
        }
        Ok(())
    }

    /// Visits what the page tables hold of a range, ascending, piece by piece; pages that nothing is
    /// behind are left out.
    pub fn visit(&self, start: u64, end: u64, visitor: &mut dyn FnMut(Piece)) -> Result<(), Fault> {
        self.visit_table(self.root, self.levels.count(), start, end, visitor)
            .map_err(|kind| Fault { address: start, kind })
    }

    /// The part of one table.
    fn visit_table(
        &self,
        table: u64,
        level: u32,
        start: u64,
        end: u64,
        visitor: &mut dyn FnMut(Piece),
    ) -> Result<(), FaultKind> {
        let Some(last) = end.checked_sub(1).filter(|last| *last >= start) else { return Ok(()) };
        let reach = 12 + 9 * (level - 1);
        let (from, to) = (table_index(start, level), table_index(last, level));
        let mut entries = [0_u8; PAGE_SIZE];
        let wanted = entries.get_mut(from as usize * 8..(to as usize + 1) * 8).unwrap_or_default();
        self.ram.read(table | (from << 3), wanted)?;
        for (index, entry) in (from..).zip(wanted.as_chunks().0) {
            let entry = Entry(u64::from_le_bytes(*entry));
            // The piece of the range that this entry maps.
            let base = ((start >> reach) + (index - from)) << reach;
            let first = base.max(start);
            let bytes = base.saturating_add(1 << reach).min(end).saturating_sub(first);
            let content = match entry.target(level) {
                Target::Table(next) if level > 1 => {
                    self.visit_table(next, level - 1, first, first + bytes, visitor)?;
                    continue;
                }
                Target::Page(page, _) if !entry.is_special() => {
                    Content::Ram(page.wrapping_add(first - base))
                }
                Target::Nothing if entry.is_swapped(level) => Content::Swap,
                _ => continue,
            };
            visitor(Piece { address: first, bytes, content });
        }
        Ok(())
    }

    /// Reads in one batch the pages that hold these (address, bytes) ranges, as far as they are mapped.
    pub fn prefetch(&self, ranges: impl IntoIterator<Item = (u64, u64)>) {
        let frames = ranges.into_iter().flat_map(|(address, length)| {
            let first = address >> PAGE_SHIFT;
            let last = address.saturating_add(length.saturating_sub(1)) >> PAGE_SHIFT;
            (first..=last).take(32).filter_map(|page| {
                self.translate(page << PAGE_SHIFT).ok().map(|physical| physical >> PAGE_SHIFT)
            })
        });
        let frames: Vec<u64> = frames.collect();
        self.ram.prefetch(frames);
    }
}

/// Bytes from an address to the end of its page.
fn bytes_to_page_end(address: u64) -> usize {
    PAGE_SIZE - (address as usize & (PAGE_SIZE - 1))
}
