//! Memory that only some frames use, remembered by its user.

use super::{GuestRam, merge};
use crate::memory::page_pool::{PageAt, WHOLE};

/// A page, or the rest of one, that was read because it was missing.
#[derive(Clone, Copy)]
pub(super) struct Late {
    pub frame: u64,
    pub at: PageAt,
    /// The lines that were there before.
    pub before: u64,
}

/// Guest memory that was needed and had not been read ahead: pages, and the lines of each. The next user of the same
/// reads it in one call. A stale footprint costs time alone.
#[derive(Debug, Default)]
pub(crate) struct Footprint(Box<[(u64, u64)]>);

/// A time within a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    generation: u64,
    late: usize,
}

impl Footprint {
    /// Pages that one may hold.
    const MOST: usize = 1 << 10;

    /// Bytes that it takes beside its own.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

impl GuestRam {
    /// The time now, for [`Self::footprint`].
    pub fn since(&self) -> Since {
        Since { generation: self.generation(), late: self.cache.borrow().late.len() }
    }

    /// Reads in one batch what a footprint has and is not held, as far as its frames are still RAM.
    pub fn retrace(&self, footprint: &Footprint) {
        if self.memory.in_place() || footprint.0.is_empty() || self.budget.look_at_clock().is_err()
        {
            return;
        }
        let mut cache = self.cache.borrow_mut();
        let cache = &mut *cache;
        let room = self.most_pages().saturating_sub(cache.held.len());
        // Pages that lack some of it, with the lines that they have.
        let lacking = footprint.0.iter().take(room).filter_map(|(frame, lines)| {
            let here = match cache.held.get(frame) {
                Some(held) => held.map_or(WHOLE, |at| at.state().0),
                None => 0,
            };
            (lines & !here != 0).then_some((*frame, *lines, here))
        });
        let lacking: Vec<_> = lacking.collect();
        let before = cache.statistics.pages;
        cache.wanted.clear();
        cache.wanted.extend(lacking.iter().map(|(frame, lines, _)| (*frame, *lines)));
        cache.prefetch_wanted(self.memory.as_ref(), self.reads_parts());
        for (frame, _, here) in lacking {
            let held = cache.held.get(&frame).copied().flatten();
            cache.late.extend(held.map(|at| Late { frame, at, before: here }));
            cache.completed += u64::from(here != 0);
        }
        self.budget.count_pages(cache.statistics.pages.wrapping_sub(before));
        self.budget.set_pages(cache.copies.bytes());
    }

    /// The memory used since, of all that had been missing, with the part of an earlier footprint that is still used.
    /// If it is needed `rarely`, the next frame does not read it ahead.
    pub fn footprint(&self, since: Since, before: Footprint, rarely: bool) -> Footprint {
        let cache = self.cache.borrow();
        let late = cache.late.get(since.late..).unwrap_or_default();
        if since.generation != self.generation() || late.is_empty() {
            return before;
        }
        let old = before.0.iter().map(|(frame, lines)| {
            let used = cache.held.get(frame).copied().flatten().map_or(0, |at| at.state().1);
            (*frame, lines & used)
        });
        let new = late.iter().map(|late| {
            let lines = late.at.state().1 & !late.before;
            if rarely {
                late.at.disown(lines);
            }
            (late.frame, lines)
        });
        let mut all: Vec<_> = old.chain(new).filter(|(_, lines)| *lines != 0).collect();
        all.sort_unstable();
        merge(&mut all);
        all.truncate(Footprint::MOST);
        Footprint(all.into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_memory::{batches, begin, ram, read};
    use super::*;

    #[test]
    fn what_is_read_now_and_then_is_read_at_once() {
        let ram = ram();
        let often = |ram: &GuestRam| read(ram, (0..30).step_by(3), 0);
        for _ in 0..3 {
            begin(&ram);
            often(&ram);
        }
        let now_and_then = |ram: &GuestRam| {
            read(ram, (60..90).step_by(3), 0);
            read(ram, [15, 18], 512);
        };
        // Nobody knows of it yet.
        let since = ram.since();
        assert_eq!(batches(&ram, || now_and_then(&ram)), 12);
        let footprint = ram.footprint(since, Footprint::default(), true);
        assert_eq!(footprint.bytes(), 12 * 16);
        // The frames after it do not read it ahead.
        for _ in 0..2 {
            begin(&ram);
            assert_eq!(ram.statistics().pages, 10);
            often(&ram);
            assert_eq!(ram.statistics().batches, 1);
        }
        // It is read at once, but for what is new, and what is not used any more is forgotten.
        let since = ram.since();
        assert_eq!(batches(&ram, || ram.retrace(&footprint)), 1);
        let others = || {
            read(&ram, (60..87).step_by(3), 0);
            read(&ram, [15, 18], 512);
            read(&ram, [120], 0);
        };
        assert_eq!(batches(&ram, others), 1);
        let footprint = ram.footprint(since, footprint, true);
        assert_eq!(footprint.bytes(), 12 * 16);
        begin(&ram);
        assert_eq!(ram.statistics().pages, 10);
        // Memory that is needed again soon is read ahead.
        let since = ram.since();
        ram.retrace(&footprint);
        assert_eq!(batches(&ram, others), 0);
        ram.footprint(since, footprint, false);
        begin(&ram);
        assert_eq!(batches(&ram, others), 0);
    }
}
