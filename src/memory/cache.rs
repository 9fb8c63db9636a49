//! Guest RAM as one frame sees it: every page is read at most once and then served from a copy, so
//! that all facts of a frame come from as few moments as possible.

use std::cell::RefCell;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::budget::{Budget, Limit, Limits};
use super::{PAGE_SHIFT, PAGE_SIZE, Page, PhysicalMemory};
use crate::control::Control;

/// Bytes that a held page costs: itself, and its place in the tables.
const PAGE_COST: usize = PAGE_SIZE + 48;

/// Why guest memory could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RamFault {
    /// No RAM at this guest-physical address, or the host cannot read it.
    Absent,
    /// The frame may not cost more.
    Limit(Limit),
}

impl From<Limit> for RamFault {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
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
    budget: Budget,
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
    statistics: ReadStatistics,
    wanted: Vec<u64>,
    flags: Vec<bool>,
}

/// The slot of a page that cannot be read.
const ABSENT: u32 = u32::MAX;

impl GuestRam {
    /// Puts the cache before a source of memory.
    pub fn new(memory: Box<dyn PhysicalMemory>) -> Self {
        Self { memory, cache: RefCell::default(), budget: Budget::default() }
    }

    /// The source behind the cache.
    pub fn memory(&self) -> &dyn PhysicalMemory {
        self.memory.as_ref()
    }

    /// What the frame may still cost.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Bytes of RAM.
    pub fn size(&self) -> u64 {
        self.memory.ram().iter().fold(0, |sum, (_, length)| sum.saturating_add(*length))
    }

    /// Forgets every page: what is read from now on is new. Reads fail once a limit is reached, or
    /// `control` is cancelled.
    pub fn begin_frame(&self, limits: Limits, control: Option<Control>) {
        let mut cache = self.cache.borrow_mut();
        cache.forget();
        self.budget.begin(limits, control);
        cache.statistics = ReadStatistics::default();
    }

    /// Forgets every page but keeps the frame's budget and counts: for a second look.
    pub fn forget_pages(&self) {
        let mut cache = self.cache.borrow_mut();
        cache.forget();
        // What the rows have taken meanwhile is no room for pages any more.
        let most = self.most_pages();
        cache.pages.truncate(most);
        cache.pages.shrink_to(most);
    }

    /// What the frame has cost so far.
    pub fn statistics(&self) -> ReadStatistics {
        self.cache.borrow().statistics
    }

    /// Reads in one batch those of the frames that are not held yet. Order and repeats do not matter.
    pub fn prefetch(&self, frames: impl IntoIterator<Item = u64>) {
        let most = self.most_pages();
        let read = self.cache.borrow_mut().prefetch(self.memory.as_ref(), frames, most);
        self.budget.count_pages(read);
    }

    /// Pages that may be held beside what the frame keeps.
    fn most_pages(&self) -> usize {
        self.budget.room() / PAGE_COST
    }

    /// Whether the pages that are held take more than half of the memory that is left: between two rows
    /// they may be forgotten, so that a frame of many rows reads some pages twice rather than end.
    pub fn is_crowded(&self) -> bool {
        self.cache.borrow().used > self.most_pages() / 2
    }

    fn load(&self, cache: &mut Cache, frame: u64) -> Result<u32, RamFault> {
        self.budget.look_at_clock()?;
        let most = self.most_pages();
        if cache.used >= most {
            self.budget.reach(Limit::Memory);
            return Err(Limit::Memory.into());
        }
        self.budget.count_pages(cache.prefetch(self.memory.as_ref(), [frame], most));
        Ok(cache.slots.get(&frame).copied().unwrap_or(ABSENT))
    }

    /// Copies bytes from a guest-physical address; any length, page borders included.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), RamFault> {
        self.budget.read()?;
        let mut cache = self.cache.borrow_mut();
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let start = (address as usize) & (PAGE_SIZE - 1);
            let length = rest.len().min(PAGE_SIZE - start);
            let (now, later) = rest.split_at_mut(length);
            let page = self.page(&mut cache, address >> PAGE_SHIFT)?;
            now.copy_from_slice(page.get(start..start + length).ok_or(RamFault::Absent)?);
            address = address.checked_add(length as u64).ok_or(RamFault::Absent)?;
            rest = later;
        }
        Ok(())
    }

    fn page<'c>(&self, cache: &'c mut Cache, frame: u64) -> Result<&'c Page, RamFault> {
        let slot = match cache.last {
            Some((last, slot)) if last == frame => slot,
            _ => match cache.slots.get(&frame) {
                Some(slot) => *slot,
                None => self.load(cache, frame)?,
            },
        };
        if slot == ABSENT {
            return Err(RamFault::Absent);
        }
        cache.last = Some((frame, slot));
        cache.pages.get(slot as usize).ok_or(RamFault::Absent)
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

    /// Gives how many pages were read.
    fn prefetch(
        &mut self,
        memory: &dyn PhysicalMemory,
        frames: impl IntoIterator<Item = u64>,
        most: usize,
    ) -> usize {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        for frame in frames {
            if self.used + wanted.len() >= most {
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
                // Not twice as many, as a vector grows by itself: what is set aside counts too.
                let eighth = self.pages.len() + self.pages.len() / 8;
                let room = eighth.min(most).max(end) - self.pages.len();
                self.pages.reserve_exact(room);
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
        }
        let read = wanted.len();
        self.wanted = wanted;
        read
    }
}
