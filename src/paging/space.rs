//! An address space: a page-table root over guest RAM, with translations kept for one frame.

use std::cell::Cell;
use std::fmt;

use super::translation_cache::{REGION_SHIFT, Region, TranslationCache};
use super::x86_64::{Entry, Levels, Target, table_index};
use crate::memory::{
    Budget, Footprint, GuestRam, Limit, Optimizations, PAGE_SHIFT, PAGE_SIZE, PageAt, RamFault,
    Since, around,
};

/// A guest-virtual address that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The guest-virtual address.
    pub address: u64,
    /// Why.
    pub kind: FaultKind,
}

/// Tables that one visit looks at where nobody tells how much RAM there is: those of half a TiB.
const MOST_TABLES: u64 = 1 << 18;

/// Why an address could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The address is not canonical: a pointer with another value than the kernel ever has.
    NotCanonical,
    /// No mapping.
    NotMapped,
    /// The page is in the guest's swap.
    Swapped,
    /// There are more page tables than RAM has room for: they lead to one another.
    EndlessTables,
    /// The page tables point outside of RAM, or the host cannot read the page.
    NotRam,
    /// Nothing more can be read in this frame.
    Limit(Limit),
}

impl From<RamFault> for FaultKind {
    fn from(fault: RamFault) -> Self {
        match fault {
            RamFault::Absent => Self::NotRam,
            RamFault::Limit(limit) => Self::Limit(limit),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FaultKind::NotCanonical => "not a canonical address",
            FaultKind::NotMapped => "not mapped",
            FaultKind::Swapped => "in the guest's swap",
            FaultKind::EndlessTables => "the page tables do not end",
            FaultKind::NotRam => "mapped to no readable RAM",
            FaultKind::Limit(limit) => return limit.fmt(f),
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

/// Pages that are read ahead at once (128 MiB, more than a frame may hold by default).
const MOST_AHEAD: usize = 1 << 15;

/// One set of page tables.
pub(crate) struct AddressSpace<'ram> {
    ram: &'ram GuestRam,
    root: u64,
    levels: Levels,
    /// Translations that were made, where much is read.
    known: Option<TranslationCache>,
    /// The table of each level that was looked at last.
    tables: [Cell<Option<Table>>; MOST_LEVELS],
    /// The large page of zeros, which has no use count and, until 6.18, no mark that says so.
    zeros: Option<u64>,
    /// How often memory was asked for that cannot be read, and for which address last.
    absences: Cell<(u64, u64)>,
}

/// A table that was looked at.
#[derive(Clone, Copy)]
struct Table {
    /// Its guest-physical address.
    address: u64,
    page: PageAt,
    /// The generation of the pages: after they are forgotten, others may lie there.
    generation: u64,
}

/// Levels of tables.
const MOST_LEVELS: usize = 5;

impl<'ram> AddressSpace<'ram> {
    /// The address space whose top table lies at a guest-physical address. Translations are kept.
    pub fn new(ram: &'ram GuestRam, root: u64, levels: Levels) -> Self {
        let known = ram.optimizations().translation_cache.then(TranslationCache::new);
        let (tables, absences) = (Default::default(), Cell::default());
        Self { ram, root, levels, known, tables, absences, zeros: None }
    }

    /// Another address space of the same guest: a process's. Little is read of each, so that nothing
    /// is kept.
    pub fn with_root(&self, root: u64) -> Self {
        let (ram, levels) = (self.ram, self.levels);
        let (tables, absences) = (Default::default(), Cell::default());
        Self { ram, root, levels, known: None, tables, absences, zeros: None }
    }

    /// The same, where the kernel's large page of zeros is known.
    pub fn with_zeros(self, zeros: Option<u64>) -> Self {
        Self { zeros, ..self }
    }

    /// True if it translates to the host's page numbers, not the guest's.
    pub fn has_machine_frames(&self) -> bool {
        self.ram.memory().has_machine_frames()
    }

    /// The optimizations that frames have.
    pub fn optimizations(&self) -> Optimizations {
        self.ram.optimizations()
    }

    /// The limits of the frame's costs.
    pub fn budget(&self) -> &'ram Budget {
        self.ram.budget()
    }

    /// Goes on to the next window of a large frame where it is time to ([`GuestRam::is_crowded`]): to be called
    /// where nothing depends on pages that were read before.
    pub fn may_move_on(&self) {
        if self.ram.is_crowded() {
            self.move_on();
        }
    }

    /// The same where this is read next: the windows of a frame change where those of the last one did, so that what
    /// was read ahead for each is what it needs.
    pub fn may_move_on_to(&self, address: u64) {
        let begins = self.ram.has_more_windows()
            && self.find(address).is_ok_and(|physical| self.ram.begins_window(physical));
        match begins {
            true => self.move_on(),
            false => self.may_move_on(),
        }
    }

    fn move_on(&self) {
        self.forget_translations();
        self.ram.move_on();
    }

    /// Forgets translations and pages: what is read from now on is new.
    pub fn forget(&self) {
        self.forget_translations();
        self.ram.forget_pages();
    }

    /// For a second look at a few things: forgets translations, and until [`Self::settle`] each page is read anew when
    /// it is first met.
    pub fn renew(&self) {
        self.forget_translations();
        self.ram.renew();
    }

    /// The second look is over.
    pub fn settle(&self) {
        self.ram.settle();
    }

    fn forget_translations(&self) {
        if let Some(known) = &self.known {
            known.forget();
        }
    }

    /// The time now, for [`Self::footprint`].
    pub fn since(&self) -> Since {
        self.ram.since()
    }

    /// Reads in one batch what was needed before.
    pub fn retrace(&self, footprint: &Footprint) {
        self.ram.retrace(footprint);
    }

    /// The memory needed since ([`GuestRam::footprint`]).
    pub fn footprint(&self, since: Since, before: Footprint, rarely: bool) -> Footprint {
        self.ram.footprint(since, before, rarely)
    }

    /// Changes whenever pages are forgotten.
    pub fn generation(&self) -> u64 {
        self.ram.generation()
    }

    /// How many pages had parts that were read later than the rest of them.
    pub fn completed(&self) -> u64 {
        self.ram.completed()
    }

    /// How often memory was asked for so far that the page tables lead to and that cannot be read, and the last of
    /// these virtual addresses: so that whoever passes over faults can tell afterwards that there were such.
    pub fn absences(&self) -> (u64, u64) {
        self.absences.get()
    }

    /// A fault at an address, counted if its memory cannot be read.
    #[cold]
    fn fault(&self, address: u64, kind: FaultKind) -> Fault {
        if kind == FaultKind::NotRam {
            let (count, _) = self.absences.get();
            self.absences.set((count.saturating_add(1), address));
        }
        Fault { address, kind }
    }

    /// The guest-physical address behind a virtual one.
    pub fn translate(&self, address: u64) -> Result<u64, Fault> {
        self.find(address).map_err(|kind| self.fault(address, kind))
    }

    /// The same for what may as well not be there.
    fn find(&self, address: u64) -> Result<u64, FaultKind> {
        let region = self.known.as_ref().and_then(|known| known.region(address));
        let from = match region {
            Some(Region::Large(physical)) => {
                return Ok(physical | address & ((1 << REGION_SHIFT) - 1));
            }
            Some(Region::Table(table)) => (table, 1),
            None => (self.root, self.levels.count()),
        };
        self.walk(address, from)
    }

    /// The same, from the table of a level on.
    fn walk(&self, address: u64, (top, level): (u64, u32)) -> Result<u64, FaultKind> {
        if !self.levels.is_canonical(address) {
            return Err(FaultKind::NotCanonical);
        }
        let know = |region| {
            if let Some(known) = &self.known {
                known.set_region(address, region);
            }
        };
        let mut table = top;
        for level in (1..=level).rev() {
            let index = table_index(address, level);
            #[cfg(feature = "fuzzing")]
            crate::fuzzing::touched(table | (index << 3), None, 8);
            let entry = self.table(table, level, index, index)?.word((index as usize) << 3);
            match Entry(entry).target(level) {
                Target::Table(next) => {
                    table = next;
                    if level == 2 {
                        know(Region::Table(table));
                    }
                }
                // Xen's PV kernels translate entries that are present alone: this one has a number of
                // the guest's own (`pte_pfn_to_mfn`, arch/x86/xen/mmu_pv.c).
                Target::Page(..) if self.has_machine_frames() && !Entry(entry).is_present() => {
                    return Err(FaultKind::NotRam);
                }
                Target::Page(start, shift) => {
                    let physical = start | (address & ((1 << shift) - 1));
                    if shift >= REGION_SHIFT {
                        know(Region::Large(physical >> REGION_SHIFT << REGION_SHIFT));
                    }
                    return Ok(physical);
                }
                Target::Nothing if Entry(entry).is_swapped(level) => {
                    return Err(FaultKind::Swapped);
                }
                Target::Nothing => return Err(FaultKind::NotMapped),
            }
        }
        Err(FaultKind::NotMapped)
    }

    /// The page that these bytes of one page lie in.
    fn page(&self, address: u64, length: usize) -> Result<PageAt, Fault> {
        let spent = self.ram.budget().read();
        spent.map_err(|limit| Fault { address, kind: FaultKind::Limit(limit) })?;
        let start = address as usize & (PAGE_SIZE - 1);
        let known = self.known.as_ref().and_then(|known| known.page(address));
        if let Some(page) = known.filter(|page| page.has(start, length)) {
            return Ok(page);
        }
        let physical = self.translate(address)?;
        let page = self.ram.page(physical >> PAGE_SHIFT, start, length);
        let page = page.map_err(|fault| self.fault(address, fault.into()))?;
        if let Some(known) = &self.known {
            known.set_page(address, page);
        }
        Ok(page)
    }

    /// Copies bytes from a virtual address; all or nothing.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let length = rest.len().min(bytes_to_page_end(address));
            let (now, later) = rest.split_at_mut(length);
            self.touched(address, now.len());
            self.page(address, length)?.copy(address as usize & (PAGE_SIZE - 1), now);
            address = address.wrapping_add(length as u64);
            rest = later;
        }
        Ok(())
    }

    /// Reads bytes that the frame read before as they are now, past its pages; false where any of them cannot
    /// be read.
    pub fn read_now(&self, address: u64, bytes: &mut [u8]) -> bool {
        let in_page = bytes.len() <= bytes_to_page_end(address);
        let physical = self.find(address).ok().filter(|_| in_page);
        physical.is_some_and(|physical| self.ram.memory().read_run(physical, bytes))
    }

    /// For the harness in fuzz/, which learns so what is read.
    #[cfg(feature = "fuzzing")]
    fn touched(&self, address: u64, length: usize) {
        if let Ok(physical) = self.find(address) {
            crate::fuzzing::touched(physical, Some(address), length);
        }
    }

    #[cfg(not(feature = "fuzzing"))]
    fn touched(&self, _address: u64, _length: usize) {}

    /// A number of 1 to 8 bytes.
    #[inline]
    pub fn number(&self, address: u64, size: u32) -> Result<u64, Fault> {
        match self.known_number(address, size) {
            Some(number) => Ok(number),
            None => self.new_number(address, size),
        }
    }

    /// The same where its page was met before and it lies in one word: most of what a frame does.
    #[inline(always)]
    pub fn known_number(&self, address: u64, size: u32) -> Option<u64> {
        let page = self.known.as_ref()?.page(address)?;
        let within = address as u32 & 7;
        if within + size > 8 || self.ram.budget().read().is_err() {
            return None;
        }
        let word = page.word_here(address as usize)?;
        self.touched(address, size as usize);
        Some(within_word(word, within, size))
    }

    #[cold]
    fn new_number(&self, address: u64, size: u32) -> Result<u64, Fault> {
        let within = address as u32 & 7;
        if within + size > 8 {
            let mut bytes = [0; 8];
            self.read(address, bytes.get_mut(..size.min(8) as usize).unwrap_or_default())?;
            return Ok(u64::from_le_bytes(bytes));
        }
        self.touched(address, size as usize);
        Ok(within_word(self.new_word(address)?, within, size))
    }

    /// Words of an array, each `stride` bytes behind the other, as far as their pages can be read: which one
    /// it is, and the word. They lie in one aligned word each.
    pub fn words<E: From<Fault>>(
        &self,
        address: u64,
        count: u64,
        stride: u64,
        mut visit: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut index, mut at) = (0, address);
        while index < count {
            let whole = (count - index).saturating_mul(stride.max(8));
            let left = (bytes_to_page_end(at) as u64).min(whole);
            let page = self.page(at, left as usize)?;
            self.touched(at, left as usize);
            // An element belongs to the page in which it begins.
            let here = left.div_ceil(stride.max(8)).min(count - index);
            for _ in 0..here {
                visit(index, page.word(at as usize))?;
                index += 1;
                at = at.wrapping_add(stride);
            }
        }
        Ok(())
    }

    fn new_word(&self, address: u64) -> Result<u64, Fault> {
        Ok(self.page(address & !7, 8)?.word(address as usize))
    }

    /// Visits what the page tables hold of a range, ascending, piece by piece; pages that nothing is
    /// behind are left out.
    pub fn visit(
        &self,
        start: u64,
        end: u64,
        visitor: &mut impl FnMut(Piece),
    ) -> Result<(), Fault> {
        self.visit_all(start, end, &mut Pieces(visitor))
    }

    /// Counts what of a range is in RAM.
    pub fn in_ram(&self, start: u64, end: u64) -> Result<InRam, Fault> {
        let mut sum = InRam { bytes: 0, settled: true };
        self.visit_all(start, end, &mut sum)?;
        Ok(sum)
    }

    fn visit_all(&self, start: u64, end: u64, visitor: &mut impl Visitor) -> Result<(), Fault> {
        // No sound guest has more tables than RAM holds; tables that lead to themselves have no end.
        let tables = self.ram.size().map_or(MOST_TABLES, |bytes| bytes >> PAGE_SHIFT);
        let mut visit = Visit { tables, visitor };
        self.visit_table(self.root, self.levels.count(), start, end, &mut visit)
            .map_err(|kind| self.fault(start, kind))
    }

    /// A table of a level, of which these entries are there.
    fn table(&self, address: u64, level: u32, from: u64, to: u64) -> Result<PageAt, RamFault> {
        let (start, length) = ((from as usize) << 3, 8 * (to.saturating_sub(from) as usize + 1));
        let last = self.tables.get(level as usize - 1);
        // Neighbouring areas are mapped by the same tables.
        if let Some(known) = last.and_then(Cell::get)
            && known.address == address
            && known.generation == self.ram.generation()
            && known.page.has(start, length)
        {
            self.budget().read()?;
            return Ok(known.page);
        }
        let page = self.ram.page(address >> PAGE_SHIFT, start, length)?;
        if let Some(last) = last {
            last.set(Some(Table { address, page, generation: self.ram.generation() }));
        }
        Ok(page)
    }

    /// The part of one table.
    fn visit_table<V: Visitor>(
        &self,
        table: u64,
        level: u32,
        start: u64,
        end: u64,
        visit: &mut Visit<V>,
    ) -> Result<(), FaultKind> {
        let Some(last) = end.checked_sub(1).filter(|last| *last >= start) else { return Ok(()) };
        visit.tables = visit.tables.checked_sub(1).ok_or(FaultKind::EndlessTables)?;
        let reach = 12 + 9 * (level - 1);
        let (from, to) = (table_index(start, level), table_index(last, level));
        #[cfg(feature = "fuzzing")]
        crate::fuzzing::touched(
            table | (from << 3),
            None,
            8 * (to.saturating_sub(from) as usize + 1),
        );
        let entries = self.table(table, level, from, to)?;
        if level == 1
            && (start | end) & (PAGE_SIZE as u64 - 1) == 0
            && visit.visitor.pages(entries, from, to)
        {
            return Ok(());
        }
        for index in from..=to {
            let entry = Entry(entries.word((index as usize) << 3));
            if entry.0 == 0 {
                continue;
            }
            // The piece of the range that this entry maps.
            let base = ((start >> reach) + (index - from)) << reach;
            let first = base.max(start);
            let bytes = base.saturating_add(1 << reach).min(end).saturating_sub(first);
            let content = match entry.target(level) {
                Target::Table(next) if level > 1 => {
                    self.visit_table(next, level - 1, first, first + bytes, visit)?;
                    continue;
                }
                Target::Page(page, _) if !entry.is_special() && Some(page) != self.zeros => {
                    Content::Ram(page.wrapping_add(first - base))
                }
                Target::Nothing => {
                    visit.visitor.elsewhere();
                    if !entry.is_swapped(level) {
                        continue;
                    }
                    Content::Swap
                }
                _ => continue,
            };
            visit.visitor.piece(Piece { address: first, bytes, content });
        }
        Ok(())
    }

    /// True if memory is read where it is, so that there is nothing to read ahead.
    pub fn in_place(&self) -> bool {
        self.ram.in_place()
    }

    /// True if the memory that the last frame of this kind used was read when this one began.
    pub fn was_read_ahead(&self) -> bool {
        self.ram.was_read_ahead()
    }

    /// Reads a long run of bytes ahead, in batches.
    pub fn prefetch_run(&self, address: u64, bytes: u64) {
        const BATCH: u64 = 1 << 16;
        let starts = (0..bytes).step_by(BATCH as usize);
        self.prefetch(starts.map(|start| (address.wrapping_add(start), BATCH.min(bytes - start))));
    }

    /// Reads in one batch what holds these (address, bytes) ranges, as far as it is mapped and its page is not held.
    pub fn prefetch(&self, ranges: impl IntoIterator<Item = (u64, u64)>) {
        if self.ram.in_place() {
            return;
        }
        let lines = ranges.into_iter().flat_map(|(address, length)| {
            let first = address >> PAGE_SHIFT;
            let last = address.saturating_add(length.saturating_sub(1)) >> PAGE_SHIFT;
            (first..=last).take(32).filter_map(move |page| {
                let start = if page == first { address } else { page << PAGE_SHIFT };
                let left = length.saturating_sub(start.wrapping_sub(address)) as usize;
                let lines = around(start as usize, left);
                self.find(start).ok().map(|physical| (physical >> PAGE_SHIFT, lines))
            })
        });
        let lines: Vec<(u64, u64)> = lines.take(MOST_AHEAD).collect();
        self.ram.prefetch(lines);
    }
}

/// A receiver of page table entries.
trait Visitor {
    fn piece(&mut self, piece: Piece);

    /// An entry that leads nowhere and yet is not empty.
    fn elsewhere(&mut self) {}

    /// Entries of a table of the lowest level, for whole pages; false where each is to be told as a piece.
    fn pages(&mut self, _entries: PageAt, _from: u64, _to: u64) -> bool {
        false
    }
}

struct Pieces<'v, V>(&'v mut V);

impl<V: FnMut(Piece)> Visitor for Pieces<'_, V> {
    fn piece(&mut self, piece: Piece) {
        (self.0)(piece);
    }
}

/// The pages of a range that are in RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InRam {
    pub bytes: u64,
    /// True if every page is in RAM or nowhere: none is in swap, or is just being moved.
    pub settled: bool,
}

impl Visitor for InRam {
    fn piece(&mut self, piece: Piece) {
        if matches!(piece.content, Content::Ram(_)) {
            self.bytes = self.bytes.saturating_add(piece.bytes);
        }
    }

    fn elsewhere(&mut self) {
        self.settled = false;
    }

    fn pages(&mut self, entries: PageAt, from: u64, to: u64) -> bool {
        let (mut pages, mut elsewhere) = (0_u64, 0_u64);
        for index in from..=to {
            let entry = Entry(entries.word((index as usize) << 3));
            pages += u64::from(entry.is_counted_page());
            elsewhere += u64::from(entry.is_elsewhere());
        }
        self.bytes = self.bytes.saturating_add(pages << PAGE_SHIFT);
        self.settled &= elsewhere == 0;
        true
    }
}

/// A visit under way.
struct Visit<'v, V> {
    /// Tables that it may still look at.
    tables: u64,
    visitor: &'v mut V,
}

/// A number of 1 to 8 bytes within a word.
#[inline(always)]
fn within_word(word: u64, within: u32, size: u32) -> u64 {
    (word >> (8 * within)) & (u64::MAX >> (64 - 8 * size.clamp(1, 8)))
}

/// Bytes from an address to the end of its page.
fn bytes_to_page_end(address: u64) -> usize {
    PAGE_SIZE - (address as usize & (PAGE_SIZE - 1))
}
