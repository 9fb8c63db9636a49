//! The members of C's rows, from the rows themselves and the columns of the frame. What does not agree does not
//! compile: `#[derive(CRow)]` calls [`Member::new`] in constants.

use std::ffi::c_char;

use nfm_frame::column::{self, Column, Type};

use super::{Fill, Row};
use crate::frame::{FileKind, ProcessState, Text};

/// A row of C that tells its members.
pub(in crate::capi) trait Reflect: 'static {
    /// The members that are columns, in the order of the structure.
    const MEMBERS: &'static [Member];
}

/// One member of a row of C.
#[derive(Clone, Copy, Debug)]
pub(in crate::capi) struct Member {
    /// Its name, unit, kind and documentation.
    pub column: Column,
    /// Bytes from the beginning of the row.
    pub offset: usize,
    /// Bytes that it has.
    pub size: usize,
    /// Its bit in `known`; 0 where it is always known.
    pub known_bit: u64,
    /// The way in which it is read.
    pub reading: Reading,
    /// The members of the rows that it leads to.
    pub rows: &'static [Member],
}

/// The way in which a member of C is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capi) enum Reading {
    Unsigned,
    Signed,
    Real,
    Flag,
    Letter,
    Text,
    Texts,
    Rows,
}

impl Member {
    /// The member of type `C` of a row that is made from a frame's row `I`.
    pub const fn new<I: column::Row, C: MemberType>(
        name: &str,
        offset: usize,
        known_bit: u64,
    ) -> Self {
        let column = column_of(I::COLUMNS, name);
        assert!(
            column.optional == (known_bit != 0),
            "a member has a bit in known if its column may be unknown, and no other has"
        );
        let reading = match (C::READING, column.value) {
            (Reading::Unsigned, Type::Bool) => Reading::Flag,
            (reading, _) => reading,
        };
        assert!(reads(reading, &column.value), "the member's type is not that of its column");
        Self { column, offset, size: size_of::<C>(), known_bit, reading, rows: C::ROWS }
    }
}

/// True if values of a column can be read so.
const fn reads(reading: Reading, value: &Type) -> bool {
    match reading {
        Reading::Unsigned => matches!(value, Type::Unsigned(_)),
        Reading::Signed => matches!(value, Type::Signed(_)),
        Reading::Real => matches!(value, Type::Float | Type::Floats(_)),
        Reading::Flag => matches!(value, Type::Bool),
        Reading::Letter => matches!(value, Type::OneOf(_)),
        Reading::Text => matches!(value, Type::Text | Type::OneOf(_)),
        Reading::Texts => matches!(value, Type::Texts),
        Reading::Rows => matches!(value, Type::Rows(_)),
    }
}

/// The column of a name.
#[allow(clippy::panic, reason = "evaluated by the compiler")]
const fn column_of(columns: &[Column], name: &str) -> Column {
    let mut rest = columns;
    while let [first, others @ ..] = rest {
        if is_same(first.name.as_bytes(), name.as_bytes()) {
            return *first;
        }
        rest = others;
    }
    panic!("no column has the member's name")
}

const fn is_same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, after_one @ ..], [b, after_other @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (after_one, after_other);
    }
    one.is_empty() && other.is_empty()
}

/// A type that a member of C may have.
pub(in crate::capi) trait MemberType {
    /// The way in which it is read.
    const READING: Reading;
    /// The members of the rows that it leads to.
    const ROWS: &'static [Member] = &[];
}

macro_rules! member_types {
    ($($kind:ty: $reading:ident;)+) => {
        $(impl MemberType for $kind {
            const READING: Reading = Reading::$reading;
        })+
    };
}

member_types! {
    u16: Unsigned;
    u32: Unsigned;
    u64: Unsigned;
    i32: Signed;
    i64: Signed;
    f64: Real;
    [f64; 3]: Real;
    c_char: Letter;
    *const c_char: Text;
    *const *const c_char: Texts;
}

impl<T: Reflect> MemberType for *const T {
    const READING: Reading = Reading::Rows;
    const ROWS: &'static [Member] = T::MEMBERS;
}

/// A fact of a frame that becomes a member of C of type `C`; of a list, with the members that tell its number and
/// its stride.
pub(in crate::capi) trait IntoMember<C> {
    /// The member; `bit` says that it is known.
    fn give(&self, fill: &mut Fill, bit: u64) -> C;
}

macro_rules! plain {
    ($($kind:ty),+) => {
        $(
            impl IntoMember<$kind> for $kind {
                fn give(&self, _: &mut Fill, _: u64) -> $kind {
                    *self
                }
            }

            impl IntoMember<$kind> for Option<$kind> {
                fn give(&self, fill: &mut Fill, bit: u64) -> $kind {
                    fill.value(bit, *self)
                }
            }
        )+
    };
}

plain!(u16, u32, u64, i32, i64, f64, [f64; 3], [u8; 16]);

impl IntoMember<u32> for bool {
    fn give(&self, _: &mut Fill, _: u64) -> u32 {
        u32::from(*self)
    }
}

impl IntoMember<u32> for Option<bool> {
    fn give(&self, fill: &mut Fill, bit: u64) -> u32 {
        fill.flag(bit, *self)
    }
}

impl IntoMember<u32> for u8 {
    fn give(&self, _: &mut Fill, _: u64) -> u32 {
        u32::from(*self)
    }
}

impl IntoMember<*const c_char> for Text {
    fn give(&self, fill: &mut Fill, _: u64) -> *const c_char {
        fill.always(self)
    }
}

impl IntoMember<*const c_char> for Option<Text> {
    fn give(&self, fill: &mut Fill, bit: u64) -> *const c_char {
        fill.text(bit, self.as_deref())
    }
}

impl IntoMember<*const c_char> for Option<FileKind> {
    fn give(&self, fill: &mut Fill, bit: u64) -> *const c_char {
        fill.text(bit, self.map(FileKind::name))
    }
}

impl IntoMember<c_char> for Option<ProcessState> {
    fn give(&self, fill: &mut Fill, bit: u64) -> c_char {
        fill.value(bit, self.map(|state| state.letter() as c_char))
    }
}

impl IntoMember<(*const *const c_char, usize)> for Option<Vec<Text>> {
    fn give(&self, fill: &mut Fill, bit: u64) -> (*const *const c_char, usize) {
        fill.texts(bit, self.as_deref())
    }
}

impl<T: Row> IntoMember<(*const T, usize, usize)> for Option<Vec<T::Item>> {
    fn give(&self, fill: &mut Fill, bit: u64) -> (*const T, usize, usize) {
        fill.rows(bit, self.as_deref())
    }
}
