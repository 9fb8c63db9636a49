//! Guest pages as readers meet them: bytes at an address that stays valid as long as guest RAM is open.

use std::ptr::NonNull;

use super::{PAGE_SIZE, Page};

/// Pages in one piece of memory.
const PIECE: usize = 512;

/// A readable page: a copy, or guest memory itself, which the guest may change at any time. Bytes are
/// only ever copied out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageAt(NonNull<u8>);

// SAFETY: whoever holds one is part of the guest RAM that owns the memory, and moves with it.
unsafe impl Send for PageAt {}

impl PageAt {
    /// A page at an address.
    ///
    /// # Safety
    /// `PAGE_SIZE` bytes from the address, which is a multiple of 8, stay readable as long as the
    /// result is used.
    pub unsafe fn new(address: NonNull<u8>) -> Self {
        Self(address)
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
    pub fn word(self, offset: usize) -> u64 {
        let offset = offset & (PAGE_SIZE - 1) & !7;
        // SAFETY: `offset` is below PAGE_SIZE and a multiple of 8, as the page's address is (`new`).
        // Volatile, as the guest may write meanwhile.
        unsafe { self.0.add(offset).cast::<u64>().read_volatile() }
    }
}

/// Room for copies of pages. It grows, is used anew for each frame, and never moves.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pieces: Vec<Piece>,
    used: usize,
}

/// Words of 8 bytes, so that the pages are aligned to them.
#[derive(Debug)]
struct Piece(NonNull<u64>);

// SAFETY: it owns its memory as a box does.
unsafe impl Send for Piece {}

impl Piece {
    const WORDS: usize = PIECE * PAGE_SIZE / 8;

    fn new() -> Self {
        // Zeroed by the system: what is never used takes no memory.
        let words = Box::leak(vec![0_u64; Self::WORDS].into_boxed_slice());
        Self(NonNull::from(words).cast())
    }

    /// The first of the pages.
    fn pages(&self) -> NonNull<Page> {
        self.0.cast()
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let words = std::ptr::slice_from_raw_parts_mut(self.0.as_ptr(), Self::WORDS);
        // SAFETY: `new` leaked it from such a box.
        drop(unsafe { Box::from_raw(words) });
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

    /// All room is free again.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Takes room for up to so many pages, in one run, and lets it be filled; gives where they lie.
    pub fn fill(&mut self, pages: usize, fill: impl FnOnce(&mut [Page])) -> Vec<PageAt> {
        let (piece, start) = (self.used / PIECE, self.used % PIECE);
        if piece >= self.pieces.len() {
            self.pieces.push(Piece::new());
        }
        let Some(first) = self.pieces.get(piece).map(Piece::pages) else { return Vec::new() };
        let count = pages.min(PIECE - start);
        self.used += count;
        // SAFETY: `start + count` is at most PIECE. The room is not in use: no reference to it exists,
        // and `PageAt` copies out only between calls of this function, on the same thread.
        let room = unsafe { std::slice::from_raw_parts_mut(first.as_ptr().add(start), count) };
        fill(room);
        // SAFETY: within the piece, which lives as long as `self`; a page is a multiple of 8 bytes.
        (start..start + count).map(|at| PageAt(unsafe { first.add(at) }.cast())).collect()
    }
}
