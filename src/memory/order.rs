//! The order in which a frame meets pages that are read in place. The next frame of its kind meets them in nearly
//! the same one, so that the CPU can be asked for a page a little before it is needed: what no cache holds, as
//! between two frames of many guests, then costs its wait but once for several pages.

use rustc_hash::FxHashMap;

use super::copies::PageAt;

/// Pages that the CPU is asked for before they are needed.
const AHEAD: usize = 8;
/// How far a page may be from where it is expected.
const NEAR: usize = 16;
/// Pages of one frame whose order is remembered.
const MOST: usize = 1 << 17;
/// Kinds of frames whose order is remembered.
const MOST_KINDS: usize = 4;

/// The pages of this frame so far, and what the last one of its kind met.
#[derive(Default)]
pub(super) struct Order {
    kind: u32,
    now: Vec<Step>,
    before: Vec<Step>,
    /// The first page of `before` that was not met yet ...
    next: usize,
    /// ... and the first that the CPU was not asked for.
    unasked: usize,
    /// Pages in a row that were not where they were expected.
    strange: usize,
    by_kind: FxHashMap<u32, Vec<Step>>,
}

#[derive(Clone, Copy)]
struct Step {
    frame: u64,
    /// The first bytes of it that were needed.
    line: *const u8,
}

// SAFETY: the pointer is a hint to the CPU and never read through.
unsafe impl Send for Step {}

impl Order {
    /// A frame of a kind begins.
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
        self.due().iter().for_each(|step| ask_for(step.line));
    }

    /// The pages that this frame met so far, or those of the last one after it.
    pub fn met(&self) -> impl Iterator<Item = u64> {
        self.now.iter().map(|step| step.frame)
    }

    /// A page was met, for the sake of these bytes of it.
    pub fn meet(&mut self, frame: u64, at: PageAt, start: usize) {
        if self.now.len() < MOST {
            self.now.push(Step { frame, line: at.line(start) });
        }
        let expected = self.before.iter().skip(self.next).take(NEAR);
        match expected.map(|step| step.frame).position(|one| one == frame) {
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
        self.due().iter().for_each(|step| ask_for(step.line));
    }

    /// The pages that the CPU is to be asked for now.
    fn due(&mut self) -> &[Step] {
        let end = self.next.saturating_add(AHEAD).min(self.before.len());
        let start = self.unasked.max(self.next);
        self.unasked = self.unasked.max(end);
        self.before.get(start..end).unwrap_or_default()
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
    use std::ptr::NonNull;

    use super::*;

    /// Meets pages; tells which the CPU was asked for, at the beginning and after each.
    fn frame(order: &mut Order, pages: &[u64]) -> Vec<u64> {
        static PAGE: [u64; 512] = [0; 512];
        // SAFETY: the page is a static one.
        let at = unsafe { PageAt::new(NonNull::from(&PAGE).cast()) };
        order.begin(0);
        let mut asked: Vec<u64> =
            order.before.iter().take(order.unasked).map(|step| step.frame).collect();
        for page in pages {
            let first = order.unasked;
            order.meet(*page, at, 64);
            let more = order.before.iter().skip(first).take(order.unasked - first);
            asked.extend(more.map(|step| step.frame));
        }
        asked
    }

    #[test]
    fn the_order_of_the_last_frame_is_asked_for() {
        let mut order = Order::default();
        let pages: Vec<u64> = (0..100).map(|page| page * 7 % 101).collect();
        assert!(frame(&mut order, &pages).is_empty());
        assert_eq!(frame(&mut order, &pages), pages);
    }

    #[test]
    fn pages_that_come_and_go_do_not_matter() {
        let mut order = Order::default();
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
