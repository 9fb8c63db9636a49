//! Frames of more pages than stay at hand are taken in windows.

use super::{Cache, GuestRam};
use crate::memory::PAGE_SHIFT;
use crate::memory::page_pool::line_of;

/// Pages in a window of memory that is read in place: what finds so many is small enough for the CPU's caches.
const IN_PLACE: usize = 1 << 12;
/// Pages of which anything is used, in a window of memory that is copied: the copies of so many are in the CPU's caches
/// still when they are used.
const COPIED: usize = 1 << 10;

/// A page that the last frame of a kind used.
#[derive(Clone, Copy)]
pub(super) struct Likely {
    pub frame: u64,
    /// The lines that it used, and those that the frame before it did.
    pub lines: [u64; 2],
}

/// Pages of a window that are not crowded yet.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The pages that were used in part or whole.
    used: usize,
    /// That are held.
    held: usize,
}

impl Likely {
    /// Either.
    pub fn both(&self) -> u64 {
        self.lines[0] | self.lines[1]
    }
}

impl GuestRam {
    /// True if it is time to [`Self::move_on`]: the window has as many pages as stay at hand, half of those that may
    /// be held are used, or nearly all are held. A window that the last frame had may be larger: it ends where it did
    /// then.
    #[inline]
    pub fn is_crowded(&self) -> bool {
        let cache = self.cache.borrow();
        cache.used_pages > cache.crowd.used || cache.held.len() > cache.crowd.held
    }

    /// Tells from how many pages on the window that begins is crowded.
    pub(super) fn measure_crowd(&self, cache: &mut Cache) {
        let most = self.most_pages();
        let at_hand = if cache.ahead.is_empty() { COPIED } else { COPIED + COPIED / 2 };
        cache.crowd = match self.memory.in_place() {
            true => Crowd { used: usize::MAX, held: IN_PLACE.min(most / 2) },
            false => Crowd { used: at_hand.min(most / 2), held: most - most / 16 },
        };
    }

    /// True if the last frame of this kind had more windows.
    pub fn has_more_windows(&self) -> bool {
        !self.cache.borrow().to_come.is_empty()
    }

    /// True if the last frame read a guest-physical address in a window that did not begin yet: the next one, or the
    /// one after it if nothing of the next one seems to be left.
    pub fn begins_window(&self, address: u64) -> bool {
        let mut cache = self.cache.borrow_mut();
        let (frame, line) = (address >> PAGE_SHIFT, line_of(address));
        let uses = |window: &Vec<Likely>| {
            let page = window.binary_search_by_key(&frame, |page| page.frame);
            let page = page.ok().and_then(|place| window.get(place));
            page.is_some_and(|page| page.both() & line != 0)
        };
        let mut windows = cache.to_come.iter().rev();
        if windows.next().is_some_and(uses) {
            return true;
        }
        let skips = windows.next().is_some_and(uses) && !cache.held.contains_key(&frame);
        if skips {
            cache.to_come.pop();
        }
        skips
    }

    /// Forgets every page, so that a frame that needs many reads some twice rather than end, and reads those
    /// that the last frame of this kind used from here on. Places of pages must be forgotten with it.
    pub fn move_on(&self) {
        self.count_generation();
        let mut cache = self.cache.borrow_mut();
        cache.finish_window();
        self.begin_window(&mut cache);
    }

    pub(super) fn begin_window(&self, cache: &mut Cache) {
        cache.ahead = cache.to_come.pop().unwrap_or_default();
        self.measure_crowd(cache);
        self.prefetch_ahead(cache);
    }

    /// Reads what the window is likely to need.
    pub(super) fn prefetch_ahead(&self, cache: &mut Cache) {
        if !cache.ahead.is_empty() {
            let likely = std::mem::take(&mut cache.ahead);
            let lines = likely.iter().map(|page| (page.frame, page.both()));
            self.prefetch_into(cache, lines);
            cache.ahead = likely;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_memory::{begin, known, ram, read};
    use super::*;

    /// A frame of rows of four pages each, with other pages before the first row; tells in how many batches it was
    /// read.
    fn large_frame(ram: &GuestRam, rows: &[u64], others: u64) -> u64 {
        begin(ram);
        read(ram, 1 << 16..(1 << 16) + others, 0);
        for row in rows {
            let begins = ram.has_more_windows() && ram.begins_window((4 * row) << PAGE_SHIFT);
            if begins || ram.is_crowded() {
                ram.move_on();
            }
            read(ram, 4 * row..4 * row + 4, 0);
        }
        ram.statistics().batches
    }

    #[test]
    fn windows_end_where_they_did() {
        let (ram, rows) = (ram(), Vec::from_iter(0..1000));
        assert_eq!(large_frame(&ram, &rows, 0), 4000);
        // Four windows, none of which crosses a piece of room for copies more than twice.
        let known = large_frame(&ram, &rows, 0);
        assert!(known <= 12, "{known}");
        // Whatever else is read in the first of them.
        assert_eq!(large_frame(&ram, &rows, 40), known + 40);
        assert!(large_frame(&ram, &rows, 0) <= known + 1);
        // A few rows less or more.
        let fewer: Vec<u64> = rows.iter().copied().filter(|row| row % 10 != 3).collect();
        assert!(large_frame(&ram, &fewer, 0) <= known + 1);
        let mut more = fewer.clone();
        more.splice(100..100, 2000..2020);
        assert!(large_frame(&ram, &more, 0) <= known + 1 + 80);
        assert!(large_frame(&ram, &more, 0) <= known + 1);
    }

    #[test]
    fn what_is_forgotten_is_read_at_once() {
        let ram = known();
        ram.forget_pages();
        read(&ram, 0..10, 0);
        assert_eq!(ram.statistics().batches, 2);
    }
}
