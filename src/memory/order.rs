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
        self.ask();
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
        self.ask();
    }

    fn ask(&mut self) {
        let end = self.next.saturating_add(AHEAD).min(self.before.len());
        for step in self.before.get(self.unasked.max(self.next)..end).unwrap_or_default() {
            ask_for(step.line);
        }
        self.unasked = self.unasked.max(end);
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
