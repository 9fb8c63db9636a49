//! Does a layout of RAM fit the guest? Its kernel's page tables, firmware's map of RAM as the kernel took it
//! over, and the places of NUMA nodes tell; where they contradict a layout, they tell which one would fit.

use std::collections::VecDeque;

use super::source::Source;
use crate::crawl::{Reader, firmware_map_in, firmware_ram, misplaced_node};
use crate::kernel::{Kernel, KernelImage};
use crate::layout::Layout;
use crate::memory::{GuestRam, PAGE_SIZE, Page};
use crate::paging::{ADDRESS_MASK, AddressSpace, PRESENT};
use crate::resolve::{LOW_LIMITS, RamHole, joined};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Layouts that are tried in all; each costs a read of the first MiB at least.
const MOST_LAYOUTS: usize = 256;
/// Where no rule tells how much RAM lies below 4 GiB, it is tried in these steps.
const LOW_RAM_STEP: u64 = 64 * MIB;
/// Runs of RAM that an error names.
const MOST_NAMED: usize = 6;

/// The layouts of a source that are still to be tried, the likeliest first.
pub(super) struct Candidates<'a> {
    source: &'a dyn Source,
    next: VecDeque<usize>,
    tried: usize,
}

impl<'a> Candidates<'a> {
    pub fn new(source: &'a dyn Source) -> Self {
        Self { source, next: (0..source.layouts()).collect(), tried: 0 }
    }

    pub fn next(&mut self) -> Option<usize> {
        self.tried += 1;
        self.next.pop_front().filter(|_| self.tried <= MOST_LAYOUTS)
    }

    /// Tries what would fit where layout `like` does not. What firmware's map tells comes next, guesses last.
    pub fn add(&mut self, like: usize, misfit: &Misfit) {
        if let Some(added) = misfit.hole.and_then(|hole| self.source.with_hole(like, hole)) {
            self.next.push_front(added);
        }
        for hole in &misfit.guesses {
            if self.source.layouts() < MOST_LAYOUTS {
                self.next.extend(self.source.with_hole(like, *hole));
            }
        }
    }
}

/// How a layout contradicts the guest.
pub(super) struct Misfit {
    /// In words.
    pub reason: String,
    /// The hole that firmware's map of RAM leaves.
    hole: Option<RamHole>,
    /// Holes that would explain an address.
    guesses: Vec<RamHole>,
}

/// How a layout under which a kernel was found contradicts that kernel.
pub(super) fn misfit_of_kernel(
    source: &dyn Source,
    ram: &GuestRam,
    kernel: &Kernel,
    layout: &Layout,
) -> Option<Misfit> {
    if is_certain(source, ram) {
        return None;
    }
    let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
    let reader = Reader::new(&space, kernel, layout);
    match firmware_ram(&reader) {
        Ok(map) if !map.is_empty() => misfit_of_map(ram, &map),
        // Where the tables or the map lie elsewhere, they cannot be read.
        _ => misfit_of_image(source, ram, &kernel.image),
    }
    .or_else(|| {
        let node = misplaced_node(&reader)?;
        let reason = format!("what should be the memory of NUMA node {node} is another's");
        Some(Misfit { reason, hole: None, guesses: Vec::new() })
    })
}

/// How a layout under which there is an image of a kernel, whole or not, contradicts it.
pub(super) fn misfit_of_image(
    source: &dyn Source,
    ram: &GuestRam,
    image: &KernelImage,
) -> Option<Misfit> {
    if is_certain(source, ram) {
        return None;
    }
    let map = firmware_map_in(ram, image);
    let by_map = map.and_then(|map| misfit_of_map(ram, &map));
    by_map.or_else(|| misfit_of_table(ram, image.root))
}

/// The same by what costs nothing: the image's top page table.
pub(super) fn misfit_of_root(
    source: &dyn Source,
    ram: &GuestRam,
    image: &KernelImage,
) -> Option<Misfit> {
    let leads_beyond = !is_certain(source, ram) && misfit_of_table(ram, image.root).is_some();
    leads_beyond.then(|| misfit_of_image(source, ram, image))?
}

/// How a layout under which there is no kernel contradicts what lies below 1 MiB: tables for the start of
/// further CPUs, which lead into RAM that it has not.
pub(super) fn misfit_of_low_memory(source: &dyn Source, ram: &GuestRam) -> Option<Misfit> {
    if is_certain(source, ram) {
        return None;
    }
    let mut tables = (0..MIB).step_by(PAGE_SIZE);
    tables.find_map(|table| {
        let mut page: Page = [0; PAGE_SIZE];
        ram.memory().read_run(table, &mut page).then_some(())?;
        let last = u64::from_le_bytes(*page.last_chunk()?);
        // `_KERNPG_TABLE` (arch/x86/include/asm/pgtable_types.h), accessed or not.
        let is_table = matches!(last & !ADDRESS_MASK, 0x23 | 0x27 | 0x63 | 0x67);
        let leads = is_table && (last & ADDRESS_MASK) >= MIB && (last & ADDRESS_MASK) < 1 << 46;
        leads.then(|| misfit_of_table(ram, table))?
    })
}

/// The source says itself where memory lies, or nobody does.
fn is_certain(source: &dyn Source, ram: &GuestRam) -> bool {
    let memory = ram.memory();
    source.says_where() || memory.has_machine_frames() || memory.ram().is_empty()
}

/// Firmware's map of RAM against the layout.
fn misfit_of_map(ram: &GuestRam, map: &[(u64, u64)]) -> Option<Misfit> {
    let blocks = joined(&ram.memory().ram());
    let boot = joined(&ram.memory().boot_ram());
    let inside = |(start, length): &(u64, u64)| {
        blocks.iter().any(|(first, bytes)| {
            start >= first && start.saturating_add(*length) <= first.saturating_add(*bytes)
        })
    };
    let end_above = |runs: &[(u64, u64)]| {
        let above = runs.iter().filter(|(start, _)| *start >= 4 * GIB);
        above.map(|(start, length)| start.saturating_add(*length)).max()
    };
    let outside = map.iter().any(|run| !inside(run));
    if !outside && end_above(map) >= end_above(&boot) {
        return None;
    }
    let total = boot.iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(*length));
    let (firmware, layout) = (named(map), named(&blocks));
    Some(Misfit {
        reason: format!("firmware gave the guest RAM at {firmware}; this has it at {layout}"),
        hole: RamHole::of_firmware(map, total),
        guesses: Vec::new(),
    })
}

/// Page tables always lie in RAM: does the upper half of a top one lead elsewhere?
fn misfit_of_table(ram: &GuestRam, table: u64) -> Option<Misfit> {
    let mut page: Page = [0; PAGE_SIZE];
    ram.read(table, &mut page).ok()?;
    let blocks = ram.memory().ram();
    let is_ram =
        |address: u64| blocks.iter().any(|(start, length)| address.wrapping_sub(*start) < *length);
    let (_, upper) = page.as_chunks::<8>().0.split_at(PAGE_SIZE / 16);
    let entries = upper.iter().map(|entry| u64::from_le_bytes(*entry));
    let mut targets =
        entries.filter(|entry| entry & PRESENT != 0).map(|entry| entry & ADDRESS_MASK);
    let beyond = targets.find(|address| !is_ram(*address))?;
    let boot = ram.memory().boot_ram();
    let total = boot.iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(*length));
    let mut starts = LOW_LIMITS.to_vec();
    starts.extend((1..64).map(|step| step * LOW_RAM_STEP));
    let above = beyond >= 4 * GIB;
    let guesses = if above { RamHole::around(beyond, &starts, total) } else { Vec::new() };
    let layout = named(&joined(&blocks));
    let reason =
        format!("the guest's page tables lead to {beyond:#x}; this has RAM at {layout} alone");
    Some(Misfit { reason, hole: None, guesses })
}

/// Runs as their first and last addresses.
fn named(runs: &[(u64, u64)]) -> String {
    let shown = runs.iter().take(MOST_NAMED).map(|(start, length)| {
        format!("{start:#x}-{:#x}", start.saturating_add(length.saturating_sub(1)))
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    if runs.len() > MOST_NAMED { format!("{shown} ...") } else { shown }
}
