//! Rows as C walks them: structures of one size with pointers to text, lists and rows of their own, all
//! owned by the frame. One file for each section.

pub(super) mod connections;
pub(super) mod cpus;
pub(super) mod files;
pub(super) mod host;
pub(super) mod interfaces;
pub(super) mod log;
pub(super) mod mappings;
pub(super) mod memory;
pub(super) mod modules;
pub(super) mod mounts;
pub(super) mod neighbours;
pub(super) mod os;
pub(super) mod processes;
mod reflect;
pub(super) mod routes;

use std::any::Any;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::OnceLock;

pub(super) use reflect::{IntoMember, Member, Reading, Reflect};

use super::value;
use crate::frame::Text;

/// Bytes of text that are allocated at once.
const CHUNK: usize = 64 << 10;

/// A structure of C that is made from one item of a frame.
pub(super) trait Row: Sized + 'static {
    /// The item that it is made from.
    type Item;

    /// The row of an item. What `fill` gives belongs to the row's owner; its `known` is complete once
    /// all other members are filled, so that member comes last.
    fn of(item: &Self::Item, fill: &mut Fill) -> Self;
}

/// Rows that are made when they are first asked for: a caller pays for what it reads.
pub(super) struct Lazy<T>(OnceLock<Rows<T>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Row> Lazy<T> {
    /// The rows of a section, `None` where there is none.
    pub fn of(&self, items: Option<&[T::Item]>) -> Option<&Rows<T>> {
        items.map(|items| self.0.get_or_init(|| Rows::new(items)))
    }
}

/// The same of many kinds of rows, each of which stands for one list of items.
pub(super) struct LazyRows(Box<[OnceLock<Box<dyn Any + Send + Sync>>]>);

impl LazyRows {
    /// Room for so many kinds.
    pub fn new(kinds: usize) -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(kinds).collect())
    }

    /// The rows of one kind; `None` where there is nothing to make them of.
    pub fn of<T: Row>(&self, items: Option<&[T::Item]>) -> Option<&Rows<T>> {
        let items = items?;
        // Places are taken in their order, so that no two hold one kind.
        self.0
            .iter()
            .find_map(|place| place.get_or_init(|| Box::new(Rows::<T>::new(items))).downcast_ref())
    }
}

/// One row as it lies in memory. In debug builds it is longer than its structure, as rows of a later
/// version will be: a caller that walks by its own `sizeof` fails in the first test.
#[repr(C)]
struct Stored<T> {
    row: T,
    #[cfg(debug_assertions)]
    later: [u64; 2],
}

impl<T> Stored<T> {
    fn new(row: T) -> Self {
        Self {
            row,
            #[cfg(debug_assertions)]
            later: [0xa5a5_a5a5_a5a5_a5a5; 2],
        }
    }
}

/// The rows of one section, and what they lead to.
pub(super) struct Rows<T> {
    rows: Box<[Stored<T>]>,
    _owned: Owned,
}

// SAFETY: nothing is written after `new`, and the pointers in the rows lead to `_owned` alone.
unsafe impl<T> Send for Rows<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Rows<T> {}

impl<T: Row> Rows<T> {
    /// One row for each item.
    pub fn new(items: &[T::Item]) -> Self {
        let mut owned = Owned::default();
        let rows = stored(items, &mut owned);
        Self { rows, _owned: owned }
    }
}

impl<T> Rows<T> {
    /// The first row (not NULL even if there is none).
    pub fn first(&self) -> *const T {
        self.rows.as_ptr().cast()
    }

    /// The row at an index, as C sees it.
    pub fn at(&self, index: usize) -> Option<*const T> {
        self.rows.get(index).map(|stored| ptr::from_ref(stored).cast())
    }

    /// The rows, for callers that know their members by reflection.
    pub fn untyped(&self) -> Untyped {
        let stride = size_of::<Stored<T>>();
        Untyped { first: self.first().cast(), count: self.rows.len(), stride }
    }
}

/// Rows without their type.
#[derive(Clone, Copy)]
pub(super) struct Untyped {
    pub first: *const c_void,
    pub count: usize,
    pub stride: usize,
}

fn stored<T: Row>(items: &[T::Item], owned: &mut Owned) -> Box<[Stored<T>]> {
    let row = |item| Stored::new(T::of(item, &mut Fill { known: 0, owned }));
    items.iter().map(row).collect()
}

/// The memory that rows lead to. None of it moves.
#[derive(Default)]
struct Owned {
    texts: Texts,
    lists: Vec<Box<dyn Any>>,
}

/// Fills one row: keeps what its pointers lead to, and notes which members are known.
pub(super) struct Fill<'a> {
    known: u64,
    owned: &'a mut Owned,
}

impl Fill<'_> {
    /// The bits of the members that were filled so far.
    pub fn known(&self) -> u64 {
        self.known
    }

    /// A plain value; zero where it is not known.
    pub fn value<T: Default>(&mut self, bit: u64, value: Option<T>) -> T {
        self.mark(bit, value.is_some());
        value.unwrap_or_default()
    }

    /// A handle that belongs to the row's owner; NULL where there is none.
    pub fn handle<T>(&mut self, bit: u64, handle: Option<&T>) -> *const T {
        self.pointer(bit, handle.map_or(ptr::null(), ptr::from_ref))
    }

    /// A pointer, which is known where it is not NULL.
    pub fn pointer<T>(&mut self, bit: u64, pointer: *const T) -> *const T {
        self.mark(bit, !pointer.is_null());
        pointer
    }

    /// 1 or 0.
    pub fn flag(&mut self, bit: u64, value: Option<bool>) -> u32 {
        self.value(bit, value.map(u32::from))
    }

    /// A string; NULL where it is not known.
    pub fn text(&mut self, bit: u64, text: Option<&str>) -> *const c_char {
        self.mark(bit, text.is_some());
        text.map_or(ptr::null(), |text| self.always(text))
    }

    /// A string that is always known.
    pub fn always(&mut self, text: &str) -> *const c_char {
        self.owned.texts.keep(text)
    }

    /// A string that is always known and need not be UTF-8, up to its first NUL.
    pub fn bytes(&mut self, bytes: &[u8]) -> *const c_char {
        self.owned.texts.keep_bytes(bytes)
    }

    /// Strings, with a NULL after the last, and their number; NULL where they are not known.
    pub fn texts(&mut self, bit: u64, texts: Option<&[Text]>) -> (*const *const c_char, usize) {
        self.mark(bit, texts.is_some());
        let Some(texts) = texts else { return (ptr::null(), 0) };
        let mut list: Vec<*const c_char> = texts.iter().map(|text| self.always(text)).collect();
        list.push(ptr::null());
        let list = list.into_boxed_slice();
        let first = list.as_ptr();
        self.owned.lists.push(Box::new(list));
        (first, texts.len())
    }

    /// Rows of the row's own, their number, and the bytes from one to the next; NULL where they are not
    /// known.
    pub fn rows<T: Row>(
        &mut self,
        bit: u64,
        items: Option<&[T::Item]>,
    ) -> (*const T, usize, usize) {
        self.mark(bit, items.is_some());
        let stride = size_of::<Stored<T>>();
        let Some(items) = items else { return (ptr::null(), 0, stride) };
        let rows = stored::<T>(items, self.owned);
        let first = rows.as_ptr().cast();
        self.owned.lists.push(Box::new(rows));
        (first, items.len(), stride)
    }

    fn mark(&mut self, bit: u64, is_known: bool) {
        if is_known {
            self.known |= bit;
        }
    }
}

/// Writes number and stride of a handle's rows for C and returns their first. NULL and a number of 0
/// where there are none to have, or where the caller does not ask for both.
///
/// # Safety
/// `handle` is NULL or valid as long as its rows are read; `count` and `stride` are NULL or may be
/// written.
pub(super) unsafe fn hand_out<H, T>(
    handle: *const H,
    count: *mut usize,
    stride: *mut usize,
    rows: impl FnOnce(&H) -> Option<&Rows<T>>,
) -> *const T {
    let asked = !count.is_null() && !stride.is_null();
    // SAFETY: NULL or valid, by the caller's promise.
    let rows = value(None, || unsafe { handle.as_ref() }.filter(|_| asked).and_then(rows));
    if !count.is_null() {
        // SAFETY: not NULL, so the caller may have it written.
        unsafe { count.write(rows.map_or(0, |rows| rows.rows.len())) };
    }
    if !stride.is_null() {
        // SAFETY: as above.
        unsafe { stride.write(size_of::<Stored<T>>()) };
    }
    rows.map_or(ptr::null(), Rows::first)
}

/// The single row that a handle has of a kind; NULL where it has none.
///
/// # Safety
/// `handle` is NULL or valid as long as the row is read.
pub(super) unsafe fn hand_out_one<H, T>(
    handle: *const H,
    rows: impl FnOnce(&H) -> Option<&Rows<T>>,
) -> *const T {
    // SAFETY: NULL or valid, by the caller's promise.
    let rows = value(None, || unsafe { handle.as_ref() }.and_then(rows));
    rows.map_or(ptr::null(), Rows::first)
}

/// NUL-terminated strings, a few allocations for all of them. None ever moves.
#[derive(Default)]
struct Texts {
    chunks: Vec<Vec<u8>>,
}

impl Texts {
    /// Keeps the text, with U+FFFD for NULs.
    fn keep(&mut self, text: &str) -> *const c_char {
        if text.contains('\0') {
            return self.keep(&text.replace('\0', "\u{fffd}"));
        }
        self.keep_bytes(text.as_bytes())
    }

    /// Keeps bytes, and a NUL behind them.
    fn keep_bytes(&mut self, text: &[u8]) -> *const c_char {
        let bytes = text.len().saturating_add(1);
        let free = self.chunks.last().map_or(0, |chunk| chunk.capacity() - chunk.len());
        if free < bytes {
            self.chunks.push(Vec::with_capacity(bytes.max(CHUNK)));
        }
        let Some(chunk) = self.chunks.last_mut() else { return ptr::null() };
        let start = chunk.len();
        // Within its capacity: what is in the chunk stays where it is.
        chunk.extend_from_slice(text);
        chunk.push(0);
        // SAFETY: `start` is within the chunk.
        unsafe { chunk.as_ptr().add(start).cast() }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::slice;

    use super::*;

    #[repr(C)]
    struct Sample {
        known: u64,
        text: *const c_char,
        list: *const *const c_char,
        list_count: usize,
        rows: *const Sample,
        row_count: usize,
        row_stride: usize,
        number: u32,
        flag: u32,
    }

    #[derive(Clone, Default)]
    struct Item {
        text: Option<String>,
        list: Option<Vec<Text>>,
        rows: Option<Vec<Item>>,
        number: Option<u32>,
        flag: Option<bool>,
    }

    impl Row for Sample {
        type Item = Item;

        fn of(item: &Item, fill: &mut Fill) -> Self {
            let (list, list_count) = fill.texts(1 << 1, item.list.as_deref());
            let (rows, row_count, row_stride) = fill.rows(1 << 2, item.rows.as_deref());
            Self {
                text: fill.text(1 << 0, item.text.as_deref()),
                list,
                list_count,
                rows,
                row_count,
                row_stride,
                number: fill.value(1 << 3, item.number),
                flag: fill.flag(1 << 4, item.flag),
                known: fill.known(),
            }
        }
    }

    fn read<'a>(text: *const c_char) -> &'a str {
        unsafe { CStr::from_ptr(text) }.to_str().unwrap()
    }

    fn row(rows: &Rows<Sample>) -> &Sample {
        unsafe { &*rows.first() }
    }

    #[test]
    fn rows_of_a_kind_are_made_once() {
        struct Other(#[allow(dead_code, reason = "it makes the kind another")] u8);
        impl Row for Other {
            type Item = u8;

            fn of(item: &u8, _: &mut Fill) -> Self {
                Self(*item)
            }
        }
        let rows = LazyRows::new(2);
        assert!(rows.of::<Other>(None).is_none());
        let first = rows.of::<Sample>(Some(&[Item::default()])).map(Rows::first);
        let other = rows.of::<Other>(Some(&[1, 2])).map(|rows| rows.rows.len());
        assert_eq!((first.is_some(), other), (true, Some(2)));
        assert_eq!(rows.of::<Sample>(Some(&[Item::default()])).map(Rows::first), first);
        assert_eq!(rows.of::<Other>(Some(&[3])).map(|rows| rows.rows.len()), Some(2));
        // Two kinds have room, and a third has none.
        assert!(LazyRows::new(0).of::<Other>(Some(&[1])).is_none());
    }

    #[test]
    fn texts_stay_where_they_are() {
        let lengths = [0, 1, 100, CHUNK - 1, CHUNK, 3 * CHUNK, 5, 40_000, 40_000];
        let wanted: Vec<String> = lengths.iter().map(|length| "é".repeat(*length)).collect();
        let mut texts = Texts::default();
        let kept: Vec<_> = wanted.iter().map(|text| texts.keep(text)).collect();
        let texts = std::hint::black_box(texts);
        for (kept, wanted) in kept.into_iter().zip(&wanted) {
            assert_eq!(read(kept), wanted);
        }
        drop(texts);
    }

    #[test]
    fn a_nul_within_a_text() {
        assert_eq!(read(Texts::default().keep("a\0b")), "a\u{fffd}b");
    }

    #[test]
    fn absent_is_not_zero() {
        let rows = Rows::<Sample>::new(&[Item::default()]);
        let nothing = row(&rows);
        assert_eq!((nothing.known, nothing.number, nothing.flag), (0, 0, 0));
        assert!(nothing.text.is_null() && nothing.list.is_null() && nothing.rows.is_null());
        assert_eq!((nothing.list_count, nothing.row_count), (0, 0));

        let zeros = Item {
            text: Some(String::new()),
            list: Some(Vec::new()),
            rows: Some(Vec::new()),
            number: Some(0),
            flag: Some(false),
        };
        let rows = Rows::<Sample>::new(slice::from_ref(&zeros));
        let zero = row(&rows);
        assert_eq!((zero.known, zero.number, zero.flag), (0x1f, 0, 0));
        assert_eq!(read(zero.text), "");
        assert!(!zero.list.is_null() && !zero.rows.is_null());
        assert!(unsafe { *zero.list }.is_null(), "an empty list ends with NULL at once");
        assert_eq!((zero.list_count, zero.row_count), (0, 0));
    }

    #[test]
    fn lists_and_rows_of_a_row() {
        let inner = |number| Item { number: Some(number), ..Item::default() };
        let outer = Item {
            list: Some(vec!["one".into(), "two".into()]),
            rows: Some(vec![inner(1), inner(2), inner(3)]),
            ..Item::default()
        };
        let items = vec![outer; 100];
        let rows = std::hint::black_box(Rows::<Sample>::new(&items));
        for stored in &rows.rows {
            let row = &stored.row;
            let list = unsafe { slice::from_raw_parts(row.list, row.list_count + 1) };
            assert_eq!((read(list[0]), read(list[1])), ("one", "two"));
            assert!(list[2].is_null());
            for index in 0..row.row_count {
                let inner = unsafe { &*row.rows.byte_add(index * row.row_stride) };
                assert_eq!((inner.known, inner.number), (1 << 3, index as u32 + 1));
            }
            assert_eq!((row.known, row.row_count), (0b110, 3));
        }
    }

    #[test]
    fn rows_are_asked_for_with_number_and_stride() {
        let number = |number| Item { number: Some(number), ..Item::default() };
        let rows = Rows::<Sample>::new(&[number(1), number(2), number(3)]);
        let (mut count, mut stride) = (0, 0);
        let first = unsafe { hand_out(&rows, &mut count, &mut stride, |rows| Some(rows)) };
        assert_eq!(count, 3);
        // Rows of tests, which are debug builds, have grown.
        assert_eq!(stride, size_of::<Sample>() + 16);
        assert_eq!(unsafe { (*first.byte_add(2 * stride)).number }, 3);

        let (number, null) = (&raw mut count, ptr::null_mut());
        assert!(unsafe { hand_out(&rows, number, null, |rows| Some(rows)) }.is_null());
        assert_eq!(count, 0);
        assert!(unsafe { hand_out(&rows, null, &mut stride, |rows| Some(rows)) }.is_null());
        let none = ptr::null::<Rows<Sample>>();
        assert!(unsafe { hand_out(none, &mut count, &mut stride, |rows| Some(rows)) }.is_null());
        assert!(unsafe { hand_out_one(none, |rows| Some(rows)) }.is_null());

        let empty = Rows::<Sample>::new(&[]);
        let first = unsafe { hand_out(&empty, &mut count, &mut stride, |rows| Some(rows)) };
        assert!(!first.is_null());
        assert_eq!(count, 0);
    }
}
