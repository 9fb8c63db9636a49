//! Rows as C walks them: structures of one size with pointers to text, both owned by the frame.

use std::ffi::c_char;
use std::ptr;

/// Bytes of text that are allocated at once.
const CHUNK: usize = 64 << 10;

/// The rows of one section, and their text.
pub(super) struct Rows<T> {
    rows: Vec<T>,
    _texts: Texts,
}

// SAFETY: nothing is written after `new`, and the pointers in the rows lead to `_texts` alone.
unsafe impl<T> Send for Rows<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Rows<T> {}

impl<T> Rows<T> {
    /// One row for each item.
    pub fn new<'a, I: 'a>(
        items: impl IntoIterator<Item = &'a I>,
        mut row: impl FnMut(&'a I, &mut Texts) -> T,
    ) -> Self {
        let mut texts = Texts::default();
        let rows = items.into_iter().map(|item| row(item, &mut texts)).collect();
        Self { rows, _texts: texts }
    }

    /// The first row (not NULL even if there is none), their number, and the bytes from one to the
    /// next.
    pub fn parts(&self) -> (*const T, usize, usize) {
        (self.rows.as_ptr(), self.rows.len(), size_of::<T>())
    }
}

/// Writes number and stride of rows for C and returns their first. NULL and a number of 0 where there
/// are none to have, or where the caller does not ask for both.
///
/// # Safety
/// `count` and `stride` are NULL or may be written.
pub(super) unsafe fn hand_out<T>(
    rows: Option<&Rows<T>>,
    count: *mut usize,
    stride: *mut usize,
) -> *const T {
    let rows = rows.filter(|_| !count.is_null() && !stride.is_null());
    let (first, rows, bytes) = rows.map_or((ptr::null(), 0, size_of::<T>()), Rows::parts);
    if !count.is_null() {
        // SAFETY: not NULL, so the caller may have it written.
        unsafe { count.write(rows) };
    }
    if !stride.is_null() {
        // SAFETY: as above.
        unsafe { stride.write(bytes) };
    }
    first
}

/// NUL-terminated strings, a few allocations for all of them. None ever moves.
#[derive(Default)]
pub(super) struct Texts {
    chunks: Vec<Vec<u8>>,
}

impl Texts {
    /// Keeps the text, with U+FFFD for NULs; NULL for none.
    pub fn keep(&mut self, text: Option<&str>) -> *const c_char {
        let Some(text) = text else { return ptr::null() };
        if text.contains('\0') {
            return self.keep(Some(&text.replace('\0', "\u{fffd}")));
        }
        let bytes = text.len().saturating_add(1);
        let free = self.chunks.last().map_or(0, |chunk| chunk.capacity() - chunk.len());
        if free < bytes {
            self.chunks.push(Vec::with_capacity(bytes.max(CHUNK)));
        }
        let Some(chunk) = self.chunks.last_mut() else { return ptr::null() };
        let start = chunk.len();
        // Within its capacity: what is in the chunk stays where it is.
        chunk.extend_from_slice(text.as_bytes());
        chunk.push(0);
        // SAFETY: `start` is within the chunk.
        unsafe { chunk.as_ptr().add(start).cast() }
    }
}

/// The value, whose bit is set in `known` if there is one; else nothing.
pub(super) fn mark<T: Default>(known: &mut u64, bit: u64, value: Option<T>) -> T {
    if value.is_some() {
        *known |= bit;
    }
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn read<'a>(text: *const c_char) -> &'a str {
        unsafe { CStr::from_ptr(text) }.to_str().unwrap()
    }

    #[test]
    fn texts_stay_where_they_are() {
        let lengths = [0, 1, 100, CHUNK - 1, CHUNK, 3 * CHUNK, 5, 40_000, 40_000];
        let wanted: Vec<String> = lengths.iter().map(|length| "é".repeat(*length)).collect();
        let mut texts = Texts::default();
        let kept: Vec<_> = wanted.iter().map(|text| texts.keep(Some(text))).collect();
        let texts = std::hint::black_box(texts);
        for (kept, wanted) in kept.into_iter().zip(&wanted) {
            assert_eq!(read(kept), wanted);
        }
        drop(texts);
    }

    #[test]
    fn nothing_and_nul() {
        let mut texts = Texts::default();
        assert!(texts.keep(None).is_null());
        assert_eq!(read(texts.keep(Some("a\0b"))), "a\u{fffd}b");
    }

    #[test]
    fn rows_are_asked_for_with_number_and_stride() {
        let rows = Rows::new(&[1u8, 2, 3], |item, _| u64::from(*item));
        let (mut count, mut stride) = (0, 0);
        let first = unsafe { hand_out(Some(&rows), &mut count, &mut stride) };
        assert_eq!((count, stride), (3, 8));
        assert_eq!(unsafe { *first.add(2) }, 3);
        assert!(unsafe { hand_out(Some(&rows), &mut count, ptr::null_mut()) }.is_null());
        assert_eq!(count, 0);
        assert!(unsafe { hand_out(Some(&rows), ptr::null_mut(), &mut stride) }.is_null());
        assert!(unsafe { hand_out::<u64>(None, &mut count, &mut stride) }.is_null());
        assert_eq!((count, stride), (0, 8));

        let empty = Rows::new(&[0u8; 0], |item, _| u64::from(*item));
        assert!(!unsafe { hand_out(Some(&empty), &mut count, &mut stride) }.is_null());
        assert_eq!(count, 0);
    }
}
