//! Columns: the name, type, unit, kind and documentation of each field of a row, said once, on the field.
//!
//! `#[derive(Row)]` makes them. The JSON Schema and `docs/frame.md` are generated from them.

use std::borrow::Cow;

pub use nfm_frame_derive::Row;

use super::{CheckOutcome, FileKind, ProcessState, Text};

/// One field of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// The field's name, in Rust, JSON and C.
    pub name: &'static str,
    /// One sentence or two on the field.
    pub doc: &'static str,
    /// The type of its values.
    pub value: Type,
    /// True if a value may be unknown (`null`).
    pub optional: bool,
    /// The way in which it changes from frame to frame.
    pub kind: Kind,
    /// The unit of its numbers.
    pub unit: Unit,
}

/// The way in which a fact changes from frame to frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It tells rows apart or describes one; numbers of this kind are not summed.
    Label,
    /// It rises and falls.
    Gauge,
    /// It only rises, until its owner starts anew.
    Counter,
}

impl Kind {
    /// The kind's name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// The unit of a column's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A count, or no number.
    None,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// 1,024 bytes.
    Kibibytes,
    /// Millions in a second.
    Megahertz,
}

impl Unit {
    /// The unit's name in documents; empty for none.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::Kibibytes => "KiB",
            Self::Megahertz => "MHz",
        }
    }
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number from 0 to the greatest of so many bits.
    Unsigned(u32),
    /// A whole number in two's complement of so many bits.
    Signed(u32),
    /// A floating-point number of 64 bits.
    Float,
    /// So many of them.
    Floats(usize),
    /// A text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Texts.
    Texts,
    /// One row of another kind.
    Row(&'static [Column]),
    /// Rows of another kind.
    Rows(&'static [Column]),
}

impl Type {
    /// The kind of a column that does not say its own.
    pub const fn usual_kind(self) -> Kind {
        match self {
            Self::Unsigned(_) | Self::Signed(_) | Self::Float | Self::Floats(_) => Kind::Gauge,
            _ => Kind::Label,
        }
    }
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Unknown.
    Null,
    /// See [`Type::Bool`].
    Bool(bool),
    /// See [`Type::Unsigned`].
    Unsigned(u64),
    /// See [`Type::Signed`].
    Signed(i64),
    /// See [`Type::Float`].
    Float(f64),
    /// See [`Type::Floats`].
    Floats(Cow<'a, [f64]>),
    /// See [`Type::Text`] and [`Type::OneOf`].
    Text(&'a str),
    /// See [`Type::Texts`].
    Texts(Cow<'a, [Text]>),
    /// See [`Type::Row`]: the values of its columns.
    Row(Vec<Value<'a>>),
    /// See [`Type::Rows`].
    Rows(Vec<Vec<Value<'a>>>),
}

/// A row of a section.
pub trait Row: Sized {
    /// One sentence or two on the row.
    const DOC: &'static str;
    /// Its columns, in the order of its fields.
    const COLUMNS: &'static [Column];

    /// The values of its columns, in their order.
    fn values(&self) -> Vec<Value<'_>>;

    /// The row of these values, in the order of its columns; those that are missing at the end are unknown. `None`
    /// where a value is unknown that a row of this kind cannot be without.
    fn from_values(values: Vec<Value<'_>>) -> Option<Self>;
}

/// The facts of a section: one row, or any number of them.
pub trait SectionFacts {
    /// The columns of its rows.
    const COLUMNS: &'static [Column];

    /// Gives the values of each row, in the order of the columns.
    fn for_each_row(&self, each: &mut dyn FnMut(Vec<Value<'_>>));
}

impl<T: Row> SectionFacts for T {
    const COLUMNS: &'static [Column] = T::COLUMNS;

    fn for_each_row(&self, each: &mut dyn FnMut(Vec<Value<'_>>)) {
        each(self.values());
    }
}

impl<T: Row> SectionFacts for Vec<T> {
    const COLUMNS: &'static [Column] = T::COLUMNS;

    fn for_each_row(&self, each: &mut dyn FnMut(Vec<Value<'_>>)) {
        self.iter().for_each(|row| each(row.values()));
    }
}

/// A type that a field of a row may have.
pub trait Fact: Sized {
    /// The type of its values.
    const TYPE: Type;
    /// True if a value may be unknown.
    const OPTIONAL: bool = false;

    /// The value.
    fn value(&self) -> Value<'_>;

    /// The fact of a value; `None` where there is none of this type.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

impl<T: Fact> Fact for Option<T> {
    const TYPE: Type = T::TYPE;
    const OPTIONAL: bool = true;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }

    /// A value of a newer version that this one does not know is unknown.
    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(T::from_value(value))
    }
}

macro_rules! facts {
    ($($rust:ty: $kind:expr, |$fact:ident| $value:expr, $of:pat => $back:expr;)+) => {
        $(impl Fact for $rust {
            const TYPE: Type = $kind;

            fn value(&self) -> Value<'_> {
                let $fact = self;
                $value
            }

            fn from_value(value: Value<'_>) -> Option<Self> {
                match value {
                    $of => $back,
                    _ => None,
                }
            }
        })+
    };
}

facts! {
    bool: Type::Bool, |fact| Value::Bool(*fact), Value::Bool(fact) => Some(fact);
    u8: Type::Unsigned(8), |fact| Value::Unsigned(u64::from(*fact)), Value::Unsigned(fact) => fact.try_into().ok();
    u16: Type::Unsigned(16), |fact| Value::Unsigned(u64::from(*fact)), Value::Unsigned(fact) => fact.try_into().ok();
    u32: Type::Unsigned(32), |fact| Value::Unsigned(u64::from(*fact)), Value::Unsigned(fact) => fact.try_into().ok();
    u64: Type::Unsigned(64), |fact| Value::Unsigned(*fact), Value::Unsigned(fact) => Some(fact);
    i32: Type::Signed(32), |fact| Value::Signed(i64::from(*fact)), Value::Signed(fact) => fact.try_into().ok();
    i64: Type::Signed(64), |fact| Value::Signed(*fact), Value::Signed(fact) => Some(fact);
    f64: Type::Float, |fact| Value::Float(*fact), Value::Float(fact) => Some(fact);
    [f64; 3]: Type::Floats(3), |fact| Value::Floats(Cow::Borrowed(fact)),
        Value::Floats(fact) => fact.as_ref().try_into().ok();
    Text: Type::Text, |fact| Value::Text(fact), Value::Text(fact) => Some(fact.into());
    String: Type::Text, |fact| Value::Text(fact), Value::Text(fact) => Some(fact.to_owned());
    Vec<Text>: Type::Texts, |fact| Value::Texts(Cow::Borrowed(fact)), Value::Texts(fact) => Some(fact.into_owned());
    ProcessState: Type::OneOf(&ProcessState::LETTERS), |fact| Value::Text(fact.text()),
        Value::Text(fact) => ProcessState::ALL.into_iter().find(|one| one.text() == fact);
    FileKind: Type::OneOf(&FileKind::NAMES), |fact| Value::Text(fact.name()),
        Value::Text(fact) => FileKind::ALL.into_iter().find(|one| one.name() == fact);
    CheckOutcome: Type::OneOf(&CheckOutcome::NAMES), |fact| Value::Text(fact.name()),
        Value::Text(fact) => CheckOutcome::ALL.into_iter().find(|one| one.name() == fact);
}

impl<T: Row> Fact for T {
    const TYPE: Type = Type::Row(T::COLUMNS);

    fn value(&self) -> Value<'_> {
        Value::Row(self.values())
    }

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Row(values) => T::from_values(values),
            _ => None,
        }
    }
}

impl<T: Row> Fact for Vec<T> {
    const TYPE: Type = Type::Rows(T::COLUMNS);

    fn value(&self) -> Value<'_> {
        Value::Rows(self.iter().map(T::values).collect())
    }

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Rows(rows) => rows.into_iter().map(T::from_values).collect(),
            _ => None,
        }
    }
}
