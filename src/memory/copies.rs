//! Guest pages as readers meet them: bytes at an address that stays valid as long as guest RAM is open.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use super::{PAGE_SIZE, Page};

/// Pages in one piece of memory: a large page of the host, so that reading copies misses no translation.
const PIECE: usize = 512;
/// `log2` of the bytes of a line, the unit in which it is known what of a page was read.
const LINE_SHIFT: usize = 6;
/// Every line of a page.
pub(super) const WHOLE: u64 = u64::MAX;
/// Lines that are read though nobody asked for them, rather than begin another range behind them: a range
/// costs the system as much as copying about so many.
const WORTH_A_RANGE: u32 = 16;

/// A readable page: a copy of it or of parts of it, or guest memory itself, which the guest may change at
/// any time. Bytes are only ever copied out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageAt {
    bytes: NonNull<u8>,
    /// What is known of a copy; guest memory itself has all of its bytes.
    lines: Option<NonNull<Lines>>,
}

// SAFETY: whoever holds one is part of the guest RAM that owns the memory, and moves with it.
unsafe impl Send for PageAt {}

/// Which lines of a copied page are there, and which were used: a bit each, the first line's the lowest.
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

/// The same lines, and those between them that are not worth to be left out.
fn filled(lines: u64) -> u64 {
    let (mut filled, mut rest) = (lines, lines);
    while rest != 0 {
        let first = rest.trailing_zeros();
        let run = (rest >> first).trailing_ones();
        let end = first + run;
        rest = rest.checked_shr(end).map_or(0, |above| above << end);
        if rest != 0 && rest.trailing_zeros() - end < WORTH_A_RANGE {
            filled |= (WHOLE << end) & ((1 << rest.trailing_zeros()) - 1);
        }
    }
    filled
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

    /// What is known of the copy.
    fn lines(&self) -> Option<&Lines> {
        // SAFETY: it lies in the piece that holds the copy, and lives as long.
        self.lines.map(|lines| unsafe { lines.as_ref() })
    }

    /// Whether these bytes of the page are there; they count as used then. Of others nothing sensible
    /// can be read.
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

    /// Whether nothing of a copy was used yet.
    pub(super) fn is_unused(self) -> bool {
        self.lines().is_some_and(|known| known.used.get() == 0)
    }

    /// Whether anything of the page is there.
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

    /// Gives a copy the lines that it lacks.
    pub(super) fn complete(self, page: &Page) {
        let Some(known) = self.lines() else { return };
        let here = known.here.get();
        for (line, from) in page.as_chunks::<{ 1 << LINE_SHIFT }>().0.iter().enumerate() {
            if here & 1 << line == 0 {
                // SAFETY: within the page, which is a copy of this process's own, to which no reference
                // exists.
                unsafe {
                    let to = self.bytes.add(line << LINE_SHIFT);
                    to.copy_from_nonoverlapping(NonNull::from(from).cast(), 1 << LINE_SHIFT);
                }
            }
        }
        known.here.set(WHOLE);
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

/// Bytes of a page that are to be read.
pub(crate) struct Part<'p> {
    /// The guest frame number.
    pub frame: u64,
    /// The first byte's offset in the page.
    pub start: usize,
    /// Where they go; within the page.
    pub bytes: &'p mut [u8],
    /// Set once they are read.
    pub read: bool,
}

/// Room for copies of pages. It grows, is used anew for each frame, and never moves.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pieces: Vec<Piece>,
    used: usize,
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
}

// SAFETY: it owns its memory as a box does.
unsafe impl Send for Piece {}

impl Piece {
    /// Bytes of a large page.
    const BYTES: usize = PIECE * PAGE_SIZE;

    /// From the system itself: aligned to a large page, zeroed, and what is never used takes no memory.
    fn new() -> Self {
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
        Self { pages: pages.cast(), lines: (0..PIECE).map(|_| Lines::default()).collect() }
    }

    /// Asks for one large page under it.
    fn enlarge(&self) {
        // SAFETY: the range is this piece's own. Advice changes no content; where it is refused, nothing
        // is lost but time.
        let _ = unsafe { madvise(self.pages.as_ptr().cast(), Self::BYTES, Advice::LinuxHugepage) };
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it, and no place in it is used after the guest RAM is dropped.
        let _ = unsafe { munmap(self.pages.as_ptr().cast(), Self::BYTES) };
    }
}

impl Copies {
    /// Bytes that are set aside.
    pub fn bytes(&self) -> usize {
        self.pieces.len() * PIECE * PAGE_SIZE
    }

    /// Gives back what is beyond room for so many pages. No place of a page may be in use.
    pub fn trim(&mut self, pages: usize) {
        self.used = 0;
        self.pieces.truncate(pages.div_ceil(PIECE));
    }

    /// Has large pages under the room that there is, where the system has some: what is read once only is
    /// not worth them.
    pub fn enlarge(&self) {
        self.pieces.iter().for_each(Piece::enlarge);
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
            self.pieces.push(Piece::new());
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

    /// Fills it with the lines that are wanted of each of the frames.
    pub fn parts(self, frames: &[(u64, u64)], read: impl FnOnce(&mut [Part<'_>])) {
        let mut parts = Vec::with_capacity(2 * frames.len());
        for (((frame, wanted), lines), page) in frames.iter().zip(self.lines).zip(self.pages) {
            lines.set(*frame, 0);
            let (mut left, mut rest, mut offset) = (filled(*wanted), page.as_mut_slice(), 0);
            while left != 0 {
                let first = left.trailing_zeros();
                let run = (left >> first).trailing_ones();
                left = left.checked_shr(first + run).map_or(0, |above| above << (first + run));
                let (start, bytes) = ((first as usize) << LINE_SHIFT, (run as usize) << LINE_SHIFT);
                let (_, behind) = rest.split_at_mut(start - offset);
                let (bytes, behind) = behind.split_at_mut(bytes);
                offset = start + bytes.len();
                rest = behind;
                parts.push(Part { frame: *frame, start, bytes, read: false });
            }
        }
        read(&mut parts);
        // Parts are in the order of the frames.
        let mut known = self.lines.iter();
        let mut lines = known.next();
        for part in parts.iter().filter(|part| part.read) {
            while lines.is_some_and(|lines| lines.frame.get() != part.frame) {
                lines = known.next();
            }
            if let Some(lines) = lines {
                lines.here.set(lines.here.get() | lines_of(part.start, part.bytes.len()));
            }
        }
    }
}

impl Lines {
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
    }

    #[test]
    fn small_gaps_are_filled() {
        assert_eq!(filled(0), 0);
        assert_eq!(filled(WHOLE), WHOLE);
        assert_eq!(filled(0b1001), 0b1111);
        assert_eq!(filled(1 | 1 << 63), 1 | 1 << 63);
        assert_eq!(filled(1 | 1 << 16), (1 << 17) - 1);
        assert_eq!(filled(1 | 1 << 17), 1 | 1 << 17);
    }

    #[test]
    fn parts_of_pages_are_there_once_they_are_read() {
        let mut copies = Copies::default();
        let frames = [(7, 0b1 | 1 << 40), (9, 1 << 63), (12, WHOLE)];
        let places = copies.fill(3, |room| {
            room.parts(&frames, |parts| {
                let places: Vec<_> = parts.iter().map(|part| (part.frame, part.start)).collect();
                assert_eq!(places, [(7, 0), (7, 40 * 64), (9, 63 * 64), (12, 0)]);
                for part in parts.iter_mut().filter(|part| part.frame != 9) {
                    part.bytes.fill(part.frame as u8);
                    part.read = true;
                }
            });
        });
        let [seven, nine, twelve] = places.try_into().unwrap();
        assert!(seven.has(0, 64) && !seven.has(60, 8) && seven.has(40 * 64 + 8, 8));
        assert!(!nine.has(63 * 64, 1) && twelve.has(0, 4096));
        assert_eq!((seven.word_here(64), seven.word_here(0)), (None, Some(0x0707_0707_0707_0707)));
        let used: Vec<_> = copies.used().collect();
        assert_eq!(used, [(7, 1 | 1 << 40), (12, WHOLE)]);
        seven.complete(&[1; PAGE_SIZE]);
        let mut bytes = [0; 4];
        seven.copy(62, &mut bytes);
        assert_eq!((bytes, seven.has(0, 4096)), ([7, 7, 1, 1], true));
    }
}
