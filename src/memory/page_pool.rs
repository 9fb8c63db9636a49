//! Guest pages as readers meet them: bytes at an address that stays valid as long as guest RAM is open.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use super::{PAGE_SIZE, Page};

/// Pages in one piece of memory: a large page of the host, so that reading copies misses no translation.
const PIECE: usize = 512;
/// `log2` of the bytes of a line, the unit in which it is known what of a page was read.
pub(super) const LINE_SHIFT: usize = 6;
/// Every line of a page.
pub(super) const WHOLE: u64 = u64::MAX;
/// Lines that are read between those of two neighbouring pages, though nobody asked for them, rather than begin
/// another range behind them: a range costs the system as much as copying about so many.
const WORTH_A_RANGE: usize = 64;

/// A readable page: a copy of it or of parts of it, or guest memory itself, which the guest may change at
/// any time. Bytes are only ever copied out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageAt {
    bytes: NonNull<u8>,
    /// The lines that were copied; `None` where the bytes are guest memory itself and all there.
    lines: Option<NonNull<Lines>>,
}

// SAFETY: whoever holds one is part of the guest RAM that owns the memory, and moves with it.
unsafe impl Send for PageAt {}

/// Which lines of a page are there, and which were used: a bit each, the first line's the lowest.
#[derive(Debug, Default)]
pub(super) struct Lines {
    frame: Cell<u64>,
    here: Cell<u64>,
    used: Cell<u64>,
}

/// The bits of the lines that hold these bytes of a page.
fn lines_of(start: usize, length: usize) -> u64 {
    let first = (start & (PAGE_SIZE - 1)) >> LINE_SHIFT;
    let last = (start & (PAGE_SIZE - 1)).saturating_add(length.saturating_sub(1)) >> LINE_SHIFT;
    (WHOLE << first) & (WHOLE >> (63 - last.min(63)))
}

/// The bit of the line that an address lies in.
pub(super) fn line_of(address: u64) -> u64 {
    lines_of(address as usize, 1)
}

/// The lines to read where these bytes are needed, as far as they lie in one page: theirs, and what lies with them in an
/// aligned pair, as CPUs fetch them.
pub(crate) fn around(start: usize, length: usize) -> u64 {
    const PAIRS: u64 = 0x5555_5555_5555_5555;
    let lines = lines_of(start, length);
    lines | (lines & PAIRS) << 1 | (lines & !PAIRS) >> 1
}

/// The first and the last of some lines; of none, the first line of all.
pub(super) fn ends_of(lines: u64) -> (usize, usize) {
    (lines.max(1).trailing_zeros() as usize, 63 - lines.max(1).leading_zeros() as usize)
}

impl PageAt {
    /// Guest memory itself, a page at an address.
    ///
    /// # Safety
    /// `PAGE_SIZE` bytes from the address, which is a multiple of 8, stay readable as long as the
    /// result is used.
    pub unsafe fn new(address: NonNull<u8>) -> Self {
        Self { bytes: address, lines: None }
    }

    /// The lines of the copy that are there.
    fn lines(&self) -> Option<&Lines> {
        // SAFETY: it lies in the piece that holds the copy, or in the order of a frame (`PrefetchOrder::meet`), and
        // lives as long as the place is used.
        self.lines.map(|lines| unsafe { lines.as_ref() })
    }

    /// True if these bytes of the page are there; they count as used then. Other bytes must not be read.
    #[inline]
    pub fn has(self, start: usize, length: usize) -> bool {
        let Some(known) = self.lines() else { return true };
        let lines = lines_of(start, length);
        let has = known.here.get() & lines == lines;
        if has {
            known.used.set(known.used.get() | lines);
        }
        has
    }

    /// Where the page lies.
    pub(super) fn place(self) -> *const u8 {
        self.bytes.as_ptr()
    }

    /// The same page, all of which is there; which lines of it are used is noted.
    pub(super) fn with_lines(self, lines: NonNull<Lines>) -> Self {
        Self { lines: Some(lines), ..self }
    }

    /// True if nothing of a copy was used yet.
    pub(super) fn is_unused(self) -> bool {
        self.lines().is_some_and(|known| known.used.get() == 0)
    }

    /// True if anything of the page is there.
    pub(super) fn has_any(self) -> bool {
        self.lines().is_none_or(|known| known.here.get() != 0)
    }

    /// The aligned eight bytes that an offset within the page lies in, if they are there.
    #[inline]
    pub fn word_here(self, offset: usize) -> Option<u64> {
        if let Some(known) = self.lines() {
            let line = 1 << ((offset & (PAGE_SIZE - 1)) >> LINE_SHIFT);
            if known.here.get() & line == 0 {
                return None;
            }
            known.used.set(known.used.get() | line);
        }
        Some(self.word(offset))
    }

    /// The lines of a copy that are there, and those that were used; of guest memory itself, all and none.
    pub(super) fn state(self) -> (u64, u64) {
        self.lines().map_or((WHOLE, 0), |known| (known.here.get(), known.used.get()))
    }

    /// These lines of a copy count as not used.
    pub(super) fn disown(self, lines: u64) {
        if let Some(known) = self.lines() {
            known.used.set(known.used.get() & !lines);
        }
    }

    /// Gives a copy those lines that it lacks and another copy of the page has.
    pub(super) fn complete_from(self, other: Self) {
        let (Some(known), Some(others)) = (self.lines(), other.lines()) else { return };
        let mut lacking = others.here.get() & !known.here.get();
        known.here.set(known.here.get() | lacking);
        while lacking != 0 {
            let offset = (lacking.trailing_zeros() as usize) << LINE_SHIFT;
            // SAFETY: within the pages, two copies of this process's own, to which no reference exists.
            unsafe {
                let from = other.bytes.add(offset);
                self.bytes.add(offset).copy_from_nonoverlapping(from, 1 << LINE_SHIFT);
            }
            lacking &= lacking - 1;
        }
    }

    /// Gives a copy those of these lines that it lacks.
    pub(super) fn complete(self, lines: u64, page: &Page) {
        let Some(known) = self.lines() else { return };
        let lacking = lines & !known.here.get();
        for (line, from) in page.as_chunks::<{ 1 << LINE_SHIFT }>().0.iter().enumerate() {
            if lacking & 1 << line != 0 {
                // SAFETY: within the page, which is a copy of this process's own, to which no reference
                // exists.
                unsafe {
                    let to = self.bytes.add(line << LINE_SHIFT);
                    to.copy_from_nonoverlapping(NonNull::from(from).cast(), 1 << LINE_SHIFT);
                }
            }
        }
        known.here.set(known.here.get() | lacking);
    }

    /// Copies bytes from an offset within the page; what would lie behind its end is not copied.
    pub fn copy(self, start: usize, bytes: &mut [u8]) {
        let mut offset = start & (PAGE_SIZE - 1);
        let length = bytes.len().min(PAGE_SIZE - offset);
        let (bytes, _) = bytes.split_at_mut(length);
        let (head, rest) = bytes.split_at_mut((offset.wrapping_neg() & 7).min(length));
        self.part(offset, head);
        offset += head.len();
        let (words, tail) = rest.as_chunks_mut();
        for word in words {
            *word = self.word(offset).to_le_bytes();
            offset += 8;
        }
        self.part(offset, tail);
    }

    /// Copies bytes that lie in one aligned word.
    fn part(self, offset: usize, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let word = self.word(offset).to_le_bytes();
            for (byte, from) in bytes.iter_mut().zip(word.iter().skip(offset & 7)) {
                *byte = *from;
            }
        }
    }

    /// The aligned eight bytes that an offset within the page lies in.
    #[inline]
    pub fn word(self, offset: usize) -> u64 {
        let offset = offset & (PAGE_SIZE - 1) & !7;
        // SAFETY: `offset` is below PAGE_SIZE and a multiple of 8, as the page's address is (`new`).
        // Volatile, as the guest may write meanwhile.
        unsafe { self.bytes.add(offset).cast::<u64>().read_volatile() }
    }
}

/// Bytes of guest memory that are to be read.
pub(crate) struct Part<'p> {
    /// The guest frame number of the first.
    pub frame: u64,
    /// The first byte's offset in that page.
    pub start: usize,
    /// Where they go; they may be of several pages.
    pub bytes: &'p mut [u8],
    /// Set once they are read.
    pub read: bool,
}

/// Room for copies of pages. It grows, never moves, and is another frame's once it is released.
#[derive(Debug)]
pub(super) struct Copies {
    pieces: Vec<Piece>,
    used: usize,
    /// True if large pages are wanted under it.
    large: bool,
    /// True if room comes from the pool and goes back to it.
    pooled: bool,
    pool: Arc<Pool>,
}

/// Room that no frame uses just now, of all guests of this process: who takes frames of many guests writes to few
/// places so, which the CPU's caches hold, and needs room for as many frames as are taken at once.
#[derive(Debug, Default)]
struct Pool {
    /// The free pieces: the one that was given back last is taken first.
    free: Mutex<Vec<Piece>>,
}

/// A run of room for copies.
pub(super) struct Room<'c> {
    pages: &'c mut [Page],
    lines: &'c [Lines],
}

#[derive(Debug)]
struct Piece {
    pages: NonNull<Page>,
    lines: Box<[Lines]>,
    /// True if a large page was asked for.
    large: bool,
}

// SAFETY: it owns its memory as a box does.
unsafe impl Send for Piece {}

impl Piece {
    /// Bytes of a large page.
    const BYTES: usize = PIECE * PAGE_SIZE;

    /// From the system itself: aligned to a large page, zeroed, and what is never used takes no memory. If it is to
    /// be `large`, the system is asked to have one such page under it.
    fn new(large: bool) -> Self {
        let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping at a place that the kernel chooses.
        let mapped =
            unsafe { mmap_anonymous(std::ptr::null_mut(), 2 * Self::BYTES, rights, flags) };
        let Some(mapped) = mapped.ok().and_then(|mapped| NonNull::new(mapped.cast::<u8>())) else {
            handle_alloc_error(Layout::new::<[Page; PIECE]>())
        };
        let before = mapped.align_offset(Self::BYTES);
        // SAFETY: within the mapping, of which the parts before and behind are given back.
        let pages = unsafe {
            let pages = mapped.add(before);
            if before > 0 {
                let _ = munmap(mapped.as_ptr().cast(), before);
            }
            let _ = munmap(pages.add(Self::BYTES).as_ptr().cast(), Self::BYTES - before);
            pages
        };
        let lines = (0..PIECE).map(|_| Lines::default()).collect();
        if large {
            // SAFETY: the range is this piece's own. Advice changes no content; where it is refused, nothing
            // is lost but time.
            let _ = unsafe { madvise(pages.as_ptr().cast(), Self::BYTES, Advice::LinuxHugepage) };
        }
        Self { pages: pages.cast(), lines, large }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it, and no place in it is used after the guest RAM is dropped.
        let _ = unsafe { munmap(self.pages.as_ptr().cast(), Self::BYTES) };
    }
}

impl Pool {
    /// Pieces that are kept for later.
    const MOST: usize = 16;

    /// This process's. It ends with the last guest that is open.
    fn shared() -> Arc<Self> {
        static POOL: Mutex<Weak<Pool>> = Mutex::new(Weak::new());
        let mut known = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let pool = Arc::default();
            *known = Arc::downgrade(&pool);
            pool
        })
    }

    /// A piece that is free, or a new one; on a large page if that is wanted: what was used without has small ones.
    fn take(&self, large: bool) -> Piece {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.filter(|piece| piece.large || !large).unwrap_or_else(|| Piece::new(large))
    }

    /// Gives to the system what is free.
    fn empty(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The first of these is taken first again; those that are too many are given back to the system.
    fn give(&self, pieces: &mut Vec<Piece>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.truncate(Self::MOST.saturating_sub(free.len()));
        free.extend(pieces.drain(..).rev());
    }
}

impl Default for Copies {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.release();
    }
}

impl Copies {
    /// No room yet; more comes from the pool, on large pages, or else from the system each time.
    pub fn new(pooled: bool) -> Self {
        Self { pieces: Vec::new(), used: 0, large: false, pooled, pool: Pool::shared() }
    }

    /// Bytes that are set aside.
    pub fn bytes(&self) -> usize {
        self.pieces.len() * PIECE * PAGE_SIZE
    }

    /// Gives all room back. No place of a page may be in use.
    pub fn release(&mut self) {
        self.used = 0;
        if !self.pooled {
            self.pieces.clear();
        }
        if !self.pieces.is_empty() {
            self.pool.give(&mut self.pieces);
        }
    }

    /// Nothing will be copied, as far as can be told: no room is kept for it. Guests whose pages are copied take new
    /// room, once.
    pub fn give_up(&mut self) {
        self.release();
        self.pool.empty();
    }

    /// Has large pages under what room is taken from now on, or not, where the system has some: what is read once
    /// only is not worth them.
    pub fn enlarge(&mut self, large: bool) {
        self.large = large && self.pooled;
    }

    /// All room is free again.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The frames whose copies were used, with the lines of each.
    pub fn used(&self) -> impl Iterator<Item = (u64, u64)> {
        let lines = self.pieces.iter().flat_map(|piece| piece.lines.iter()).take(self.used);
        lines.map(|lines| (lines.frame.get(), lines.used.get())).filter(|(_, used)| *used != 0)
    }

    /// Takes room for up to so many pages, in one run, and lets it be filled; gives where they lie.
    pub fn fill(&mut self, pages: usize, fill: impl FnOnce(Room<'_>)) -> Vec<PageAt> {
        let (piece, start) = (self.used / PIECE, self.used % PIECE);
        if piece >= self.pieces.len() {
            let piece = if self.pooled { self.pool.take(self.large) } else { Piece::new(false) };
            self.pieces.push(piece);
        }
        let Some(piece) = self.pieces.get(piece) else { return Vec::new() };
        let count = pages.min(PIECE - start);
        self.used += count;
        let lines = piece.lines.get(start..start + count).unwrap_or_default();
        // SAFETY: `start + count` is at most PIECE. The room is not in use: no reference to it exists,
        // and `PageAt` copies out only between calls of this function, on the same thread.
        let room =
            unsafe { std::slice::from_raw_parts_mut(piece.pages.as_ptr().add(start), count) };
        fill(Room { pages: room, lines });
        let at = |(place, lines): (usize, &Lines)| PageAt {
            // SAFETY: within the piece, which lives as long as `self`; a page is a multiple of 8 bytes.
            bytes: unsafe { piece.pages.add(start + place) }.cast(),
            lines: Some(NonNull::from(lines)),
        };
        lines.iter().enumerate().map(at).collect()
    }
}

impl Room<'_> {
    /// How many pages there is room for.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Fills it with whole pages.
    pub fn whole(self, frames: &[(u64, u64)], read: impl FnOnce(&mut [Page])) {
        for ((frame, _), lines) in frames.iter().zip(self.lines) {
            lines.set(*frame, WHOLE);
        }
        read(self.pages);
    }

    /// Fills it with the lines that are wanted of each of the frames, and those between them.
    pub fn parts(self, frames: &[(u64, u64)], read: impl FnOnce(&mut [Part<'_>])) {
        let mut parts = Vec::with_capacity(frames.len());
        let (mut rest, mut offset) = (self.pages.as_flattened_mut(), 0);
        let mut known = self.lines;
        // Pages so far, and those of the part.
        let mut done = 0;
        let is_near = |pair: &[(u64, u64)]| match pair {
            [(frame, lines), (next, next_lines)] => {
                let between = 63 - ends_of(*lines).1 + ends_of(*next_lines).0;
                frame.checked_add(1) == Some(*next) && between < WORTH_A_RANGE
            }
            _ => false,
        };
        for run in frames.chunk_by(|one, next| is_near(&[*one, *next])) {
            let (Some((frame, lines)), Some((_, last))) = (run.first(), run.last()) else {
                continue;
            };
            let (first, last) = (ends_of(*lines).0, ends_of(*last).1);
            let start = first << LINE_SHIFT;
            let length = (run.len() - 1) * PAGE_SIZE + ((last + 1) << LINE_SHIFT) - start;
            let (_, behind) = rest.split_at_mut(done * PAGE_SIZE + start - offset);
            let (bytes, behind) = behind.split_at_mut(length);
            (rest, offset) = (behind, done * PAGE_SIZE + start + length);
            done += run.len();
            parts.push(Part { frame: *frame, start, bytes, read: false });
        }
        for ((frame, _), lines) in frames.iter().zip(known) {
            lines.set(*frame, 0);
        }
        read(&mut parts);
        for part in &parts {
            let pages = (part.start + part.bytes.len()).div_ceil(PAGE_SIZE);
            let (of_part, behind) = known.split_at(pages.min(known.len()));
            known = behind;
            for (page, lines) in of_part.iter().enumerate().filter(|_| part.read) {
                let first = if page == 0 { part.start } else { 0 };
                let end = (part.start + part.bytes.len() - page * PAGE_SIZE).min(PAGE_SIZE);
                lines.here.set(lines_of(first, end - first));
            }
        }
    }
}

impl Lines {
    /// A page that is there and was not used yet.
    pub fn begin(&self, frame: u64) {
        self.set(frame, WHOLE);
    }

    /// The page's frame number.
    pub fn frame(&self) -> u64 {
        self.frame.get()
    }

    /// The lines that were used.
    pub fn used(&self) -> u64 {
        self.used.get()
    }

    fn set(&self, frame: u64, here: u64) {
        self.frame.set(frame);
        self.here.set(here);
        self.used.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_bytes() {
        assert_eq!(lines_of(0, 4096), WHOLE);
        assert_eq!(lines_of(0, 1), 1);
        assert_eq!(lines_of(63, 2), 0b11);
        assert_eq!(lines_of(4095, 1), 1 << 63);
        assert_eq!(lines_of(128, 64), 0b100);
        assert_eq!((around(64, 8), around(4096, 0)), (0b11, 0b11));
        assert_eq!((around(127, 2), around(192, 65)), (0b1111, 0b11_1100));
        assert_eq!((around(4032, 500), around(0, 4096)), (0b11 << 62, WHOLE));
    }

    #[test]
    fn parts_of_pages_are_there_once_they_are_read() {
        let mut copies = Copies::default();
        let frames = [(7, 0b10 | 1 << 40), (9, 1 << 63), (12, WHOLE), (13, 1 << 2), (14, 0b10)];
        let places = copies.fill(5, |room| {
            room.parts(&frames, |parts| {
                let places: Vec<_> = parts.iter().map(|part| (part.frame, part.start)).collect();
                assert_eq!(places, [(7, 64), (9, 63 * 64), (12, 0)]);
                let lengths: Vec<_> = parts.iter().map(|part| part.bytes.len() / 64).collect();
                assert_eq!(lengths, [40, 1, 64 + 64 + 2]);
                for part in parts.iter_mut().filter(|part| part.frame != 9) {
                    part.bytes.fill(part.frame as u8);
                    part.read = true;
                }
            });
        });
        let [seven, nine, twelve, thirteen, fourteen] = places.try_into().unwrap();
        assert!(seven.has(64, 64) && !seven.has(60, 8) && seven.has(40 * 64 + 8, 8));
        assert!(!nine.has(63 * 64, 1) && twelve.has(0, 4096) && thirteen.has(4000, 96));
        assert!(fourteen.has(64, 64) && !fourteen.has(128, 1));
        assert_eq!((seven.word_here(0), seven.word_here(64)), (None, Some(0x0707_0707_0707_0707)));
        let used: Vec<_> = copies.used().collect();
        let of_two = lines_of(4000, 96);
        assert_eq!(used, [(7, 0b10 | 1 << 40), (12, WHOLE), (13, of_two), (14, 0b10)]);
        nine.complete_from(fourteen);
        assert_eq!((nine.word_here(64), nine.word_here(128)), (Some(0x0c0c_0c0c_0c0c_0c0c), None));
        seven.complete_from(fourteen);
        assert_eq!(
            (seven.word_here(0), seven.word_here(64)),
            (nine.word_here(0), Some(7 * (u64::MAX / 255)))
        );
        assert_eq!(nine.state(), (0b11, 0b11));
        nine.disown(0b10);
        assert_eq!(nine.state(), (0b11, 0b01));
        seven.complete(WHOLE, &[1; PAGE_SIZE]);
        assert_eq!(seven.word_here(41 * 64), Some(u64::MAX / 255));
        let mut bytes = [0; 4];
        seven.copy(62, &mut bytes);
        assert_eq!((bytes, seven.has(0, 4096)), ([12, 12, 7, 7], true));
    }

    /// Neighbours whose lines are far from each other are two parts.
    #[test]
    fn what_lies_between_is_not_always_read() {
        let mut copies = Copies::default();
        copies.fill(2, |room| {
            room.parts(&[(1, 1), (2, 1 << 63)], |parts| {
                let parts: Vec<_> = parts.iter().map(|part| (part.frame, part.start)).collect();
                assert_eq!(parts, [(1, 0), (2, 63 * 64)]);
            });
        });
    }
}
