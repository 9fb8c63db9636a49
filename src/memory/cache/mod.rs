//! Guest RAM as one frame sees it: a page is read once and then served from a copy, so that all facts
//! of a frame come from as few moments as possible. Memory that is mapped here is read in place.
//!
//! The memory that a frame used is remembered by lines of 64 bytes. The next frame of its kind reads just those when
//! it begins; other lines are read when they are needed, with little beside them. A frame that uses more pages than
//! may be held is taken in windows, each remembered and read ahead by itself. Memory that only some frames use is
//! remembered by its user ([`Footprint`]).

mod footprint;
#[cfg(test)]
mod test_memory;
mod windows;

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use super::budget::{Budget, Limit, Limits};
use super::page_pool::{Copies, LINE_SHIFT, PageAt, Part, WHOLE, around, ends_of};
use super::prefetch::PrefetchOrder;
use super::{Optimizations, PAGE_SHIFT, PAGE_SIZE, PhysicalMemory};
use crate::control::Control;
use footprint::Late;
pub(crate) use footprint::{Footprint, Since};
use windows::{Crowd, Likely};

/// Bytes that a page costs beside its copy: its place in the tables.
const PLACE_COST: usize = 48;
/// Pages after which the clock is looked at.
const LOOKS_AT_CLOCK: usize = 16;
/// Reads of a frame that take no more of a page than is needed, because the frame before did not tell of it. What is
/// new is what the guest writes just now, and each line that is read costs its CPU the next write there. A frame that
/// needs more of them is another than was foreseen: it reads whole pages, to need fewer.
const SMALL_READS: u32 = 64;
/// Windows of a frame that are remembered.
const MOST_WINDOWS: usize = 64;
/// Kinds of frames whose pages are remembered.
const MOST_KINDS: usize = 4;

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
    /// Guest pages that were read.
    pub pages: u64,
    /// Batches in which they were read; none where memory is read in place.
    pub batches: u64,
    /// System calls that these took.
    pub system_calls: u64,
}

/// Guest RAM behind the page cache of a frame.
pub(crate) struct GuestRam {
    cache: RefCell<Cache>,
    budget: Budget,
    memory: Box<dyn PhysicalMemory>,
    optimizations: Optimizations,
    /// How often pages were forgotten.
    generation: Cell<u64>,
}

#[derive(Default)]
struct Cache {
    /// The frame's pages by guest frame number; `None`: it cannot be read.
    held: FxHashMap<u64, Option<PageAt>>,
    /// The order of those that are read in place.
    order: PrefetchOrder,
    copies: Copies,
    statistics: ReadStatistics,
    /// System calls of the memory before this frame.
    calls_before: u64,
    /// The kind of this frame.
    kind: u32,
    /// A frame is being taken.
    goes_on: bool,
    /// Frames are taken of pages in place.
    in_place: bool,
    /// A frame of this kind came before, and what it used was read ahead.
    read_ahead: bool,
    /// How often more of a page was read after all, or all of it anew.
    completed: u64,
    /// Reads that took no more of a page than was needed.
    small_reads: u32,
    /// Between [`GuestRam::renew`] and [`GuestRam::settle`]: the pages that were read since.
    renewed: Option<FxHashSet<u64>>,
    /// Reads of this window that were made because the memory was missing.
    late: Vec<Late>,
    /// Pages of this window of which anything was used.
    used_pages: usize,
    /// How many pages are too many for this window.
    crowd: Crowd,
    /// Lines that this window used before the frame looked anew.
    used_before: Vec<(u64, u64)>,
    /// Lines that were read ahead for this window.
    ahead: Vec<Likely>,
    /// Lines that the windows of this frame used so far, but for the last one.
    windows: Vec<Vec<Likely>>,
    /// Lines that the next windows are likely to use, the next one last.
    to_come: Vec<Vec<Likely>>,
    /// Lines that the windows of the last frame of a kind used: the next one's are likely to.
    likely_by_kind: FxHashMap<u32, Vec<Vec<Likely>>>,
    /// Kept for their room.
    wanted: Vec<(u64, u64)>,
    frames: Vec<u64>,
    read: Vec<bool>,
}

impl GuestRam {
    /// Puts the cache before a source of memory, with these optimizations.
    pub fn new(memory: Box<dyn PhysicalMemory>, optimizations: Optimizations) -> Self {
        let cache = Cache { copies: Copies::new(optimizations.page_pool), ..Cache::default() };
        Self {
            cache: RefCell::new(cache),
            budget: Budget::default(),
            memory,
            optimizations,
            generation: Cell::default(),
        }
    }

    /// The source behind the cache.
    pub fn memory(&self) -> &dyn PhysicalMemory {
        self.memory.as_ref()
    }

    /// The optimizations that frames have.
    pub fn optimizations(&self) -> Optimizations {
        self.optimizations
    }

    /// True if parts of pages are read where they suffice.
    fn reads_parts(&self) -> bool {
        self.optimizations.partial_reads && self.memory.reads_parts()
    }

    /// The limits of the frame's costs.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Bytes of RAM; `None` where its source does not tell (a back end's).
    pub fn size(&self) -> Option<u64> {
        let sum =
            self.memory.ram().iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(*length));
        (sum > 0).then_some(sum)
    }

    /// Pages that may be held at once: half of the frame's memory is theirs.
    fn most_pages(&self) -> usize {
        let copy = if self.memory.in_place() { 0 } else { PAGE_SIZE };
        self.budget.bytes() / 2 / (PLACE_COST + copy)
    }

    /// Forgets every page: what is read from now on is new. Reads fail once a limit is reached, or
    /// `control` is cancelled. The pages that the last frame of this kind used are read at once, so that
    /// most of the frame is of one moment.
    ///
    /// To be called before address spaces are made: they keep places of pages.
    pub fn begin_frame(&self, kind: u32, limits: Limits, control: Option<Control>) {
        self.memory.begin_frame();
        self.budget.begin(limits, control);
        self.count_generation();
        let mut cache = self.cache.borrow_mut();
        cache.calls_before = self.memory.system_calls();
        cache.end();
        cache.goes_on = true;
        self.budget.set_pages(cache.copies.bytes());
        cache.statistics = ReadStatistics::default();
        cache.completed = 0;
        cache.small_reads = 0;
        cache.kind = kind;
        cache.read_ahead = false;
        if self.memory.in_place() {
            if !std::mem::replace(&mut cache.in_place, true) {
                cache.copies.give_up();
            }
            cache.order.begin(kind);
            self.measure_crowd(&mut cache);
        }
        if !self.memory.in_place() && self.budget.look_at_clock().is_ok() {
            cache.to_come = cache.likely_by_kind.remove(&kind).unwrap_or_default();
            cache.to_come.reverse();
            cache.read_ahead = cache.to_come.last().is_some_and(|window| !window.is_empty());
            let read_ahead = cache.read_ahead;
            cache.copies.enlarge(read_ahead);
            self.begin_window(&mut cache);
        }
    }

    /// The frame is done: what it used is remembered, its pages are forgotten, and the room of their copies is
    /// another frame's. Address spaces, which keep places of pages, must not be used any more.
    pub fn end_frame(&self) {
        self.count_generation();
        self.cache.borrow_mut().end();
    }

    /// True if the memory that the last frame of this kind used was read when this one began.
    pub fn was_read_ahead(&self) -> bool {
        self.cache.borrow().read_ahead
    }

    /// True if pages are read where they are, so that there is nothing to read ahead.
    pub fn in_place(&self) -> bool {
        self.memory.in_place()
    }

    /// Forgets every page but keeps the frame's deadline and counts: for a second look. What the window is likely to
    /// need is read anew at once. Places of pages must be forgotten with it.
    pub fn forget_pages(&self) {
        self.count_generation();
        let mut cache = self.cache.borrow_mut();
        cache.forget();
        if self.budget.look_at_clock().is_ok() {
            self.prefetch_ahead(&mut cache);
        }
    }

    /// For a second look at a few things: until [`Self::settle`] each page is read anew when it is first met; the
    /// others stay. Places of pages must be forgotten with it.
    pub fn renew(&self) {
        self.count_generation();
        self.cache.borrow_mut().renewed = Some(FxHashSet::default());
    }

    /// The second look is over.
    pub fn settle(&self) {
        self.cache.borrow_mut().renewed = None;
    }

    fn count_generation(&self) {
        self.generation.set(self.generation.get().wrapping_add(1));
    }

    /// Changes whenever pages are forgotten: places of pages from before are good no more.
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// How often a part of a page was read later than the rest of it, or a page was read anew.
    pub fn completed(&self) -> u64 {
        self.cache.borrow().completed
    }

    /// The frame's costs so far.
    pub fn statistics(&self) -> ReadStatistics {
        let cache = self.cache.borrow();
        let system_calls = self.memory.system_calls().wrapping_sub(cache.calls_before);
        ReadStatistics { system_calls, ..cache.statistics }
    }

    /// Reads the pages of the last frame once more, all at once and past the cache, and tells how many there
    /// are and how long that took: no frame of these pages can cost less.
    pub fn floor(&self) -> (usize, Duration) {
        let mut frames = self.cache.borrow().met();
        frames.sort_unstable();
        frames.dedup();
        let mut pages = vec![[1; PAGE_SIZE]; frames.len()];
        let mut read = vec![false; frames.len()];
        let begun = Instant::now();
        self.memory.read_pages(&frames, &mut pages, &mut read);
        (frames.len(), begun.elapsed())
    }

    /// Reads in one batch these lines of those frames that are not held yet; whole pages where nothing was read ahead, as
    /// more of them will be needed then. Order and repeats do not matter.
    pub fn prefetch(&self, lines: impl IntoIterator<Item = (u64, u64)>) {
        if !self.memory.in_place() {
            let mut cache = self.cache.borrow_mut();
            let rest = if cache.read_ahead && self.reads_parts() { 0 } else { WHOLE };
            let lines = lines.into_iter().map(|(frame, lines)| (frame, lines | rest));
            self.prefetch_into(&mut cache, lines);
        }
    }

    /// The lines to read of a page of which these bytes are needed and were not foreseen.
    fn lines_for(&self, cache: &mut Cache, start: usize, length: usize) -> u64 {
        let small = cache.read_ahead && cache.small_reads < SMALL_READS && self.reads_parts();
        if !small {
            return WHOLE;
        }
        cache.small_reads += 1;
        around(start, length)
    }

    fn prefetch_into(&self, cache: &mut Cache, lines: impl IntoIterator<Item = (u64, u64)>) {
        let before = cache.statistics.pages;
        cache.wanted.clear();
        let room = self.most_pages().saturating_sub(cache.held.len());
        let new = lines.into_iter().filter(|(frame, _)| !cache.held.contains_key(frame));
        cache.wanted.extend(new.take(room));
        cache.prefetch_wanted(self.memory.as_ref(), self.reads_parts());
        if let Some(renewed) = &mut cache.renewed {
            renewed.extend(cache.wanted.iter().map(|(frame, _)| *frame));
        }
        self.budget.count_pages(cache.statistics.pages.wrapping_sub(before));
        self.budget.set_pages(cache.copies.bytes());
    }

    /// The page of a guest frame number, of which these bytes are there. The place is good until pages are
    /// forgotten.
    pub fn page(&self, frame: u64, start: usize, length: usize) -> Result<PageAt, RamFault> {
        self.budget.read()?;
        let mut cache = self.cache.borrow_mut();
        if cache.renewed.as_ref().is_some_and(|renewed| !renewed.contains(&frame)) {
            self.renew_page(&mut cache, frame)?;
        }
        let held = match cache.held.get(&frame) {
            Some(held) => *held,
            None => self.load(&mut cache, frame, start, length)?,
        };
        let at = held.ok_or(RamFault::Absent)?;
        if at.is_unused() {
            cache.used_pages += 1;
        }
        if !at.has(start, length) {
            self.complete(&mut cache, frame, at, start, length)?;
            at.has(start, length);
        }
        Ok(at)
    }

    /// Reads a page of which these bytes are needed.
    fn load(
        &self,
        cache: &mut Cache,
        frame: u64,
        start: usize,
        length: usize,
    ) -> Result<Option<PageAt>, RamFault> {
        if cache.held.len() >= self.most_pages() {
            self.budget.reach(Limit::Memory);
            return Err(Limit::Memory.into());
        }
        // The clock is asked now and then only: it costs as much as a page that is read in place.
        if cache.held.len().is_multiple_of(LOOKS_AT_CLOCK) {
            self.budget.look_at_clock()?;
        }
        self.budget.check_control()?;
        if let Some(at) = self.memory.mapped(frame) {
            let at = match self.optimizations.cpu_prefetch {
                true => cache.order.meet(frame, at),
                false => at,
            };
            cache.held.insert(frame, Some(at));
            cache.statistics.pages += 1;
            self.budget.count_pages(1);
            return Ok(Some(at));
        }
        let lines = self.lines_for(cache, start, length);
        self.prefetch_into(cache, [(frame, lines)]);
        let held = cache.held.get(&frame).copied().flatten();
        cache.late.extend(held.map(|at| Late { frame, at, before: 0 }));
        Ok(held)
    }

    /// Reads what is there of a page once more.
    fn renew_page(&self, cache: &mut Cache, frame: u64) -> Result<(), RamFault> {
        let lines = match cache.held.get(&frame) {
            // A page that is read in place is always the newest.
            Some(Some(_)) if self.memory.in_place() => return Ok(()),
            Some(Some(at)) => at.state().0,
            Some(None) => WHOLE,
            None => return Ok(()),
        };
        self.budget.look_at_clock()?;
        cache.held.remove(&frame);
        cache.completed += 1;
        self.prefetch_into(cache, [(frame, lines)]);
        Ok(())
    }

    /// Reads lines of a page that were not read ahead, and hold these bytes.
    fn complete(
        &self,
        cache: &mut Cache,
        frame: u64,
        at: PageAt,
        start: usize,
        length: usize,
    ) -> Result<(), RamFault> {
        self.budget.look_at_clock()?;
        let before = at.state().0;
        let lines = self.lines_for(cache, start, length) & !before;
        let (first, last) = ends_of(lines);
        let (start, end) = (first << LINE_SHIFT, (last + 1) << LINE_SHIFT);
        let mut page = [0; PAGE_SIZE];
        let bytes = page.get_mut(start..end).unwrap_or_default();
        let mut parts = [Part { frame, start, bytes, read: false }];
        self.memory.read_parts(&mut parts);
        let is_read = parts.iter().all(|part| part.read);
        cache.statistics.batches += 1;
        cache.completed += 1;
        if !is_read {
            return Err(RamFault::Absent);
        }
        cache.late.push(Late { frame, at, before });
        at.complete(lines, &page);
        Ok(())
    }

    /// Copies bytes from a guest-physical address; any length, page borders included.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), RamFault> {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let start = (address as usize) & (PAGE_SIZE - 1);
            let length = rest.len().min(PAGE_SIZE - start);
            let (now, later) = rest.split_at_mut(length);
            self.page(address >> PAGE_SHIFT, start, length)?.copy(start, now);
            address = address.checked_add(length as u64).ok_or(RamFault::Absent)?;
            rest = later;
        }
        Ok(())
    }

    /// Reads eight aligned bytes, as page-table walks do.
    pub fn read_u64(&self, address: u64) -> Result<u64, RamFault> {
        let start = address as usize & (PAGE_SIZE - 1) & !7;
        Ok(self.page(address >> PAGE_SHIFT, start, 8)?.word(start))
    }
}

/// Puts the lines of a page together, of pages in order.
fn merge(pages: &mut Vec<(u64, u64)>) {
    pages.dedup_by(|(frame, lines), (kept, kept_lines)| {
        let same = frame == kept;
        if same {
            *kept_lines |= *lines;
        }
        same
    });
}

impl Cache {
    /// The pages of the last frame.
    fn met(&self) -> Vec<u64> {
        let copied = self.likely_by_kind.get(&self.kind).into_iter().flatten().flatten();
        copied.map(|page| page.frame).chain(self.order.met()).collect()
    }

    fn forget(&mut self) {
        self.used_before.extend(self.copies.used());
        self.held.clear();
        self.late.clear();
        self.copies.clear();
        self.used_pages = 0;
    }

    /// Forgets every page, but not what of it this window used.
    fn finish_window(&mut self) {
        self.forget();
        let used = &mut self.used_before;
        used.sort_unstable();
        merge(used);
        let mut ahead = self.ahead.iter().peekable();
        let likely = used.iter().map(|(frame, lines)| {
            while ahead.next_if(|page| page.frame < *frame).is_some() {}
            let before = ahead.next_if(|page| page.frame == *frame);
            Likely { frame: *frame, lines: [*lines, before.map_or(0, |page| page.lines[0])] }
        });
        if self.windows.len() < MOST_WINDOWS {
            self.windows.push(likely.collect());
        }
        self.ahead.clear();
        self.used_before.clear();
    }

    /// Forgets every page and gives the room of copies back, and remembers what of it the frame used.
    fn end(&mut self) {
        self.renewed = None;
        if !std::mem::take(&mut self.goes_on) {
            // Reads between two frames belong to neither.
            self.forget();
            self.used_before.clear();
            self.copies.release();
            return;
        }
        self.finish_window();
        self.copies.release();
        let windows = std::mem::take(&mut self.windows);
        if self.likely_by_kind.len() >= MOST_KINDS && !self.likely_by_kind.contains_key(&self.kind)
        {
            self.likely_by_kind.clear();
        }
        self.likely_by_kind.insert(self.kind, windows);
        self.to_come.clear();
    }

    /// Reads the lines of the pages that are wanted; of pages that are held, what they lack.
    fn prefetch_wanted(&mut self, memory: &dyn PhysicalMemory, reads_parts: bool) {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.sort_unstable();
        merge(&mut wanted);
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let (frames, read) = (&mut self.frames, &mut self.read);
            let copies = self.copies.fill(rest.len(), |room| {
                let now = rest.get(..room.len()).unwrap_or_default();
                read.clear();
                if reads_parts {
                    room.parts(now, |parts| memory.read_parts(parts));
                    read.resize(now.len(), true);
                    return;
                }
                read.resize(now.len(), false);
                frames.clear();
                frames.extend(now.iter().map(|(frame, _)| *frame));
                room.whole(now, |pages| memory.read_pages(frames, pages, read));
            });
            let is_told = !reads_parts || wanted.len() == 1;
            for (((frame, _), at), read) in rest.iter().zip(&copies).zip(read.iter()) {
                let is_read = *read && at.has_any();
                match self.held.entry(*frame) {
                    Entry::Occupied(held) => {
                        if let Some(held) = held.get().filter(|_| is_read) {
                            held.complete_from(*at);
                        }
                    }
                    Entry::Vacant(free) if is_read || is_told => {
                        free.insert(is_read.then_some(*at));
                    }
                    // It may be its neighbour that cannot be read: whoever needs it reads it alone.
                    Entry::Vacant(_) => {}
                }
            }
            self.statistics.pages += copies.len() as u64;
            self.statistics.batches += 1;
            rest = match rest.get(copies.len()..) {
                Some(rest) if !copies.is_empty() => rest,
                _ => break,
            };
        }
        self.wanted = wanted;
    }
}

#[cfg(test)]
mod tests {
    use super::test_memory::{batches, begin, known, read};

    /// A frame reads little that the last one did not use, unless that is much.
    #[test]
    fn what_was_not_foreseen_is_read_in_small_parts() {
        let ram = known();
        let batches_of = |pages: std::ops::Range<u64>, lines: std::ops::Range<u64>| {
            batches(&ram, || lines.for_each(|line| read(&ram, pages.clone(), line * 64)))
        };
        assert_eq!([batches_of(20..22, 0..2), batches_of(20..22, 2..64)], [2, 62]);
        // No more are small: this completes a page that is held, and reads one that is not.
        assert_eq!([batches_of(9..10, 1..64), batches_of(30..31, 0..64)], [1, 1]);
        // The next frame knows of all.
        begin(&ram);
        let lines = |page: u64| if page < 9 { 0..1 } else { 0..64 };
        let all =
            (0..10).chain(20..22).chain([30]).map(|page| batches_of(page..page + 1, lines(page)));
        assert_eq!((all.sum::<u64>(), ram.statistics().batches), (0, 1));
    }

    #[test]
    fn a_second_look_reads_anew_what_it_meets() {
        let ram = known();
        let batches = |pages| batches(&ram, || read(&ram, pages, 0));
        let (generation, completed) = (ram.generation(), ram.completed());
        ram.renew();
        assert_ne!(ram.generation(), generation);
        assert_eq!([batches(3..6), batches(2..6), batches(9..12)], [3, 1, 3]);
        // Five of these were there before.
        assert_eq!(ram.completed(), completed + 5);
        ram.settle();
        assert_eq!(batches(0..12), 0);
        // The next frame knows of all.
        begin(&ram);
        assert_eq!((batches(0..12), ram.statistics().batches), (0, 1));
        // A second look ends with its frame.
        ram.renew();
        begin(&ram);
        assert_eq!((batches(0..12), ram.statistics().batches), (0, 1));
    }
}
