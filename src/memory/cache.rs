//! Guest RAM as one frame sees it: every page is read at most once and then served from a copy, so
//! that all facts of a frame come from as few moments as possible.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::{PAGE_SHIFT, PAGE_SIZE, Page, PhysicalMemory};
use crate::control::Control;

/// Pages that one frame may hold, a bound on what a hostile guest can make us keep (256 MiB).
const MOST_PAGES: usize = 65_536;

/// Why guest memory could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RamFault {
    /// No RAM at this guest-physical address, or the host cannot read it.
    Absent,
    /// The frame's page budget is used up.
    Budget,
    /// The frame's time budget is used up.
    Late,
    /// The caller cancelled the call.
    Cancelled,
}

/// Counts of what one frame cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadStatistics {
    /// Guest pages read from the hypervisor's process.
    pub pages: u64,
    /// Batches in which they were read.
    pub batches: u64,
}

/// Guest RAM behind the page cache of a frame.
pub(crate) struct GuestRam {
    memory: Box<dyn PhysicalMemory>,
    cache: RefCell<Cache>,
}

#[derive(Default)]
struct Cache {
    /// Guest frame number to its slot, or [`ABSENT`].
    slots: FxHashMap<u64, u32>,
    /// Copies; the first `used` belong to this frame, the rest are kept for the next.
    pages: Vec<Page>,
    used: usize,
    /// The last page served: reads come in runs.
    last: Option<(u64, u32)>,
    deadline: Option<Instant>,
    control: Option<Control>,
    statistics: ReadStatistics,
    wanted: Vec<u64>,
    flags: Vec<bool>,
}

/// The slot of a page that cannot be read.
const ABSENT: u32 = u32::MAX;

impl GuestRam {
    /// Puts the cache before a source of memory.
    pub fn new(memory: Box<dyn PhysicalMemory>) -> Self {
        Self { memory, cache: RefCell::default() }
    }

    /// The source behind the cache.
    pub fn memory(&self) -> &dyn PhysicalMemory {
        self.memory.as_ref()
    }

    /// Forgets every page: what is read from now on is new. Reads fail after `deadline`, and once
    /// `control` is cancelled.
    pub fn begin_frame(&self, deadline: Option<Instant>, control: Option<Control>) {
        let mut cache = self.cache.borrow_mut();
        cache.forget();
        cache.deadline = deadline;
        cache.control = control;
        cache.statistics = ReadStatistics::default();
    }

    /// Forgets every page but keeps the frame's deadline and counts: for a second look.
    pub fn forget_pages(&self) {
        self.cache.borrow_mut().forget();
    }

    /// What the frame has cost so far.
    pub fn statistics(&self) -> ReadStatistics {
        self.cache.borrow().statistics
    }

    /// Reads in one batch those of the frames that are not held yet. Order and repeats do not matter.
    pub fn prefetch(&self, frames: impl IntoIterator<Item = u64>) {
        self.cache.borrow_mut().prefetch(self.memory.as_ref(), frames);
    }

    /// Copies bytes from a guest-physical address; any length, page borders included.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), RamFault> {
        let mut cache = self.cache.borrow_mut();
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let start = (address as usize) & (PAGE_SIZE - 1);
            let length = rest.len().min(PAGE_SIZE - start);
            let (now, later) = rest.split_at_mut(length);
            let page = cache.page(self.memory.as_ref(), address >> PAGE_SHIFT)?;
            now.copy_from_slice(page.get(start..start + length).ok_or(RamFault::Absent)?);
            address = address.checked_add(length as u64).ok_or(RamFault::Absent)?;
            rest = later;
        }
        Ok(())
    }

    /// Reads eight aligned bytes, as page-table walks do.
    pub fn read_u64(&self, address: u64) -> Result<u64, RamFault> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

impl Cache {
    fn forget(&mut self) {
        self.slots.clear();
        self.used = 0;
        self.last = None;
    }

    fn page(&mut self, memory: &dyn PhysicalMemory, frame: u64) -> Result<&Page, RamFault> {
        let slot = match self.last {
            Some((last, slot)) if last == frame => slot,
            _ => match self.slots.get(&frame) {
                Some(slot) => *slot,
                None => self.load(memory, frame)?,
            },
        };
        if slot == ABSENT {
            return Err(RamFault::Absent);
        }
        self.last = Some((frame, slot));
        self.pages.get(slot as usize).ok_or(RamFault::Absent)
    }

    fn load(&mut self, memory: &dyn PhysicalMemory, frame: u64) -> Result<u32, RamFault> {
        if self.used >= MOST_PAGES {
            return Err(RamFault::Budget);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(RamFault::Late);
        }
        if self.control.as_ref().is_some_and(Control::is_cancelled) {
            return Err(RamFault::Cancelled);
        }
        self.prefetch(memory, [frame]);
        Ok(self.slots.get(&frame).copied().unwrap_or(ABSENT))
    }

    fn prefetch(&mut self, memory: &dyn PhysicalMemory, frames: impl IntoIterator<Item = u64>) {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        for frame in frames {
            if self.used + wanted.len() >= MOST_PAGES {
                break;
            }
            if let Entry::Vacant(slot) = self.slots.entry(frame) {
                slot.insert(ABSENT);
                wanted.push(frame);
            }
        }
        if !wanted.is_empty() {
            wanted.sort_unstable();
            let (first, end) = (self.used, self.used + wanted.len());
            if self.pages.len() < end {
                self.pages.resize(end, [0; PAGE_SIZE]);
            }
            self.flags.clear();
            self.flags.resize(wanted.len(), false);
            if let Some(pages) = self.pages.get_mut(first..end) {
                memory.read_pages(&wanted, pages, &mut self.flags);
            }
            for (index, frame) in wanted.iter().enumerate() {
                if self.flags.get(index) == Some(&true) {
                    self.slots.insert(*frame, (first + index) as u32);
                }
            }
            self.used = end;
            self.statistics.pages += wanted.len() as u64;
            self.statistics.batches += 1;
            if let Some(control) = &self.control {
                control.add_pages(wanted.len() as u64);
            }
        }
        self.wanted = wanted;
    }
}
