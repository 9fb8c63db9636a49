//! The order in which a frame meets pages that are read in place. The next frame of its kind meets them in nearly
//! the same one, so that the CPU can be asked for a page a little before it is needed: what no cache holds, as
//! between two frames of many guests, then costs its wait but once for several pages.

use std::cell::Cell;
use std::ptr::{NonNull, null};

use rustc_hash::FxHashMap;

use super::page_pool::{LINE_SHIFT, Lines, PageAt};

/// Pages that the CPU is asked for before they are needed.
const AHEAD: usize = 8;
/// Lines of one page that it is asked for at most: where more are read, they are read one after the other, which the
/// CPU sees for itself.
const MOST_LINES: usize = 24;
/// How far a page may be from where it is expected.
const NEAR: usize = 16;
/// Pages of one frame whose order is remembered.
const MOST: usize = 1 << 17;
/// Pages for which room is made at once.
const PIECE: usize = 512;
/// Kinds of frames whose order is remembered.
const MOST_KINDS: usize = 4;

/// The pages of this frame so far, and what the last one of its kind met.
#[derive(Default)]
pub(super) struct PrefetchOrder {
    kind: u32,
    now: Met,
    before: Met,
    /// The first page of `before` that was not met yet ...
    next: usize,
    /// ... and the first that the CPU was not asked for.
    unasked: usize,
    /// Pages in a row that were not where they were expected.
    strange: usize,
    by_kind: FxHashMap<u32, Met>,
}

/// Pages in the order in which they were met. What is known of a page stays where it is until [`Self::clear`].
#[derive(Default)]
struct Met {
    pieces: Vec<Box<[Step]>>,
    count: usize,
}

/// A page that was met, and which lines of it were used.
struct Step {
    lines: Lines,
    page: Cell<*const u8>,
}

// SAFETY: the pointer is a hint to the CPU and never read through.
unsafe impl Send for Step {}

impl Default for Step {
    fn default() -> Self {
        Self { lines: Lines::default(), page: Cell::new(null()) }
    }
}

impl Met {
    fn clear(&mut self) {
        self.count = 0;
    }

    fn get(&self, place: usize) -> Option<&Step> {
        let piece = self.pieces.get(place / PIECE).filter(|_| place < self.count)?;
        piece.get(place % PIECE)
    }

    /// Room for one more.
    fn add(&mut self) -> Option<&Step> {
        let place = self.count;
        if place >= MOST {
            return None;
        }
        if place / PIECE >= self.pieces.len() {
            self.pieces.push((0..PIECE).map(|_| Step::default()).collect());
        }
        self.count += 1;
        self.get(place)
    }
}

impl PrefetchOrder {
    /// A frame of a kind begins. What is known of the pages of the one before the last may be forgotten.
    pub fn begin(&mut self, kind: u32) {
        let ended = std::mem::take(&mut self.now);
        if self.by_kind.len() >= MOST_KINDS && !self.by_kind.contains_key(&self.kind) {
            self.by_kind.clear();
        }
        self.by_kind.insert(self.kind, ended);
        // The room of the frame before is taken anew.
        self.now = std::mem::take(&mut self.before);
        self.now.clear();
        self.before = self.by_kind.remove(&kind).unwrap_or_default();
        (self.kind, self.next, self.unasked, self.strange) = (kind, 0, 0, 0);
        self.ask();
    }

    /// The pages that this frame met so far, or those of the last one after it.
    pub fn met(&self) -> impl Iterator<Item = u64> {
        (0..self.now.count).map_while(|place| self.now.get(place)).map(|step| step.lines.frame())
    }

    /// A page is met. It is given back as one of which it is known what is used, until the next frame begins.
    pub fn meet(&mut self, frame: u64, at: PageAt) -> PageAt {
        let expected = (self.next..self.next + NEAR)
            .map_while(|place| self.before.get(place))
            .position(|step| step.lines.frame() == frame);
        match expected {
            Some(passed) => {
                self.next += passed + 1;
                self.strange = 0;
            }
            None if self.strange < NEAR => self.strange += 1,
            None => {
                self.next += self.strange;
                self.strange = 0;
            }
        }
        self.ask();
        match self.now.add() {
            Some(step) => {
                step.page.set(at.place());
                step.lines.begin(frame);
                at.with_lines(NonNull::from(&step.lines))
            }
            None => at,
        }
    }

    /// Asks the CPU for what is due.
    fn ask(&mut self) {
        let end = self.next.saturating_add(AHEAD).min(self.before.count);
        for step in (self.unasked.max(self.next)..end).map_while(|place| self.before.get(place)) {
            let (page, mut lines) = (step.page.get(), step.lines.used());
            for _ in 0..MOST_LINES.min(lines.count_ones() as usize) {
                ask_for(page.wrapping_add((lines.trailing_zeros() as usize) << LINE_SHIFT));
                lines &= lines - 1;
            }
        }
        self.unasked = self.unasked.max(end);
    }
}

/// Asks the CPU to have these values at hand, as far as they may be many.
pub(crate) fn ask_for_all<T>(values: &[T]) {
    let bytes = std::mem::size_of_val(values).min(MOST_LINES << LINE_SHIFT);
    for offset in (0..bytes).step_by(1 << LINE_SHIFT) {
        ask_for(values.as_ptr().cast::<u8>().wrapping_add(offset));
    }
}

/// Asks the CPU to have these bytes at hand.
#[cfg(target_arch = "x86_64")]
fn ask_for(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint, which reads nothing as far as this process can tell and faults nowhere.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
fn ask_for(_line: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Meets pages; tells which the CPU was asked for, at the beginning and after each.
    fn frame(order: &mut PrefetchOrder, pages: &[u64]) -> Vec<u64> {
        static PAGE: [u64; 512] = [0; 512];
        // SAFETY: the page is a static one.
        let at = unsafe { PageAt::new(NonNull::from(&PAGE).cast()) };
        order.begin(0);
        let frames = |order: &PrefetchOrder, places: std::ops::Range<usize>| -> Vec<u64> {
            places.map(|place| order.before.get(place).unwrap().lines.frame()).collect()
        };
        let mut asked = frames(order, 0..order.unasked);
        for page in pages {
            let first = order.unasked;
            assert!(order.meet(*page, at).has(64, 8));
            asked.extend(frames(order, first..order.unasked));
        }
        asked
    }

    #[test]
    fn the_order_of_the_last_frame_is_asked_for() {
        let mut order = PrefetchOrder::default();
        let pages: Vec<u64> = (0..100).map(|page| page * 7 % 101).collect();
        assert!(frame(&mut order, &pages).is_empty());
        assert_eq!(frame(&mut order, &pages), pages);
    }

    #[test]
    fn pages_that_come_and_go_do_not_matter() {
        let mut order = PrefetchOrder::default();
        let pages: Vec<u64> = (0..200).collect();
        frame(&mut order, &pages);
        // Forty new ones in a row, then on where the order was left; then some are missing.
        let mut other: Vec<u64> =
            (0..50).chain(1000..1040).chain(50..100).chain(110..200).collect();
        let asked = frame(&mut order, &other);
        assert!(asked.len() > 150, "{asked:?}");
        other.truncate(60);
        assert!(frame(&mut order, &other).len() < 80);
    }
}
