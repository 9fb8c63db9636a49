//! Values of rows as Arrow columns, and back.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    UInt64Builder,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, UInt64Array,
};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{ArrowError, DataType};
use nfm_frame::Text;
use nfm_frame::column::{Column, Type, Value};

use crate::tables::{TableColumn, data_type, element, fields};

/// A column that grows by values.
pub(crate) enum Builder {
    Bool(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Uint64(UInt64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    Floats(ListBuilder<Float64Builder>),
    Texts(ListBuilder<StringBuilder>),
    Row(Rows),
    Rows(Rows, Vec<i32>),
}

/// Rows within a column.
pub(crate) struct Rows {
    columns: &'static [Column],
    builders: Vec<Builder>,
    known: NullBufferBuilder,
    length: i32,
}

impl Rows {
    fn new(columns: &'static [Column], room: usize) -> Self {
        let builders = columns.iter().map(|column| Builder::new(column, room)).collect();
        Self { columns, builders, known: NullBufferBuilder::new(room), length: 0 }
    }

    /// Appends a row; `None` for an unknown one.
    fn push(&mut self, values: Option<&[Value]>) {
        let mut values = values.unwrap_or_default().iter();
        for builder in &mut self.builders {
            builder.push(values.next().unwrap_or(&Value::Null));
        }
        self.length = self.length.saturating_add(1);
    }

    fn finish(
        &mut self,
        known: Option<arrow_buffer::NullBuffer>,
    ) -> Result<StructArray, ArrowError> {
        let arrays = self.builders.iter_mut().map(Builder::finish).collect::<Result<_, _>>()?;
        StructArray::try_new(fields(self.columns), arrays, known)
    }
}

impl Builder {
    pub(crate) fn new(column: &'static Column, room: usize) -> Self {
        match (column.value, data_type(column)) {
            (Type::Floats(_), _) => Self::Floats(
                ListBuilder::new(Float64Builder::new()).with_field(element(DataType::Float64)),
            ),
            (Type::Texts, _) => Self::Texts(
                ListBuilder::new(StringBuilder::new()).with_field(element(DataType::Utf8)),
            ),
            (Type::Row(columns), _) => Self::Row(Rows::new(columns, room)),
            (Type::Rows(columns), _) => Self::Rows(Rows::new(columns, room), vec![0]),
            (Type::Bool, _) => Self::Bool(BooleanBuilder::with_capacity(room)),
            (Type::Float, _) => Self::Float(Float64Builder::with_capacity(room)),
            (_, DataType::Int32) => Self::Int32(Int32Builder::with_capacity(room)),
            (_, DataType::Int64) => Self::Int64(Int64Builder::with_capacity(room)),
            (_, DataType::UInt64) => Self::Uint64(UInt64Builder::with_capacity(room)),
            _ => Self::Text(StringBuilder::with_capacity(room, room.saturating_mul(16))),
        }
    }

    pub(crate) fn push(&mut self, value: &Value) {
        match self {
            Self::Bool(array) => array.append_option(match value {
                Value::Bool(value) => Some(*value),
                _ => None,
            }),
            Self::Int32(array) => array.append_option(match value {
                Value::Unsigned(value) => i32::try_from(*value).ok(),
                Value::Signed(value) => i32::try_from(*value).ok(),
                _ => None,
            }),
            Self::Int64(array) => array.append_option(match value {
                Value::Unsigned(value) => Some(value.cast_signed()),
                Value::Signed(value) => Some(*value),
                _ => None,
            }),
            Self::Uint64(array) => array.append_option(match value {
                Value::Unsigned(value) => Some(*value),
                _ => None,
            }),
            Self::Float(array) => array.append_option(match value {
                Value::Float(value) => Some(*value),
                _ => None,
            }),
            Self::Text(array) => array.append_option(match value {
                Value::Text(value) => Some(*value),
                _ => None,
            }),
            Self::Floats(array) => match value {
                Value::Floats(values) => {
                    array.values().append_slice(values);
                    array.append(true);
                }
                _ => array.append(false),
            },
            Self::Texts(array) => match value {
                Value::Texts(values) => {
                    values.iter().for_each(|value| array.values().append_value(value));
                    array.append(true);
                }
                _ => array.append(false),
            },
            Self::Row(rows) => {
                let values = match value {
                    Value::Row(values) => Some(values.as_slice()),
                    _ => None,
                };
                rows.known.append(values.is_some());
                rows.push(values);
            }
            Self::Rows(rows, ends) => {
                let values = match value {
                    Value::Rows(values) => Some(values),
                    _ => None,
                };
                rows.known.append(values.is_some());
                for row in values.into_iter().flatten() {
                    rows.push(Some(row));
                }
                ends.push(rows.length);
            }
        }
    }

    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Bool(array) => Arc::new(array.finish()),
            Self::Int32(array) => Arc::new(array.finish()),
            Self::Int64(array) => Arc::new(array.finish()),
            Self::Uint64(array) => Arc::new(array.finish()),
            Self::Float(array) => Arc::new(array.finish()),
            Self::Text(array) => Arc::new(array.finish()),
            Self::Floats(array) => Arc::new(array.finish()),
            Self::Texts(array) => Arc::new(array.finish()),
            Self::Row(rows) => {
                let known = rows.known.finish();
                Arc::new(rows.finish(known)?)
            }
            Self::Rows(rows, ends) => {
                let known = rows.known.finish();
                let items = rows.finish(None)?;
                let ends = OffsetBuffer::new(std::mem::take(ends).into());
                let field = element(DataType::Struct(fields(rows.columns)));
                Arc::new(ListArray::try_new(field, ends, Arc::new(items), known)?)
            }
        })
    }
}

/// A column that gives values back.
pub(crate) enum Reader<'a> {
    /// The file has no such column, or one of another type: unknown.
    Absent,
    Bool(&'a BooleanArray),
    Int32(&'a Int32Array, bool),
    Int64(&'a Int64Array, bool),
    Uint64(&'a UInt64Array),
    Float(&'a Float64Array),
    Text(&'a StringArray),
    Floats(&'a ListArray),
    Texts(&'a ListArray),
    Row(&'a StructArray, Vec<Reader<'a>>),
    Rows(&'a ListArray, Vec<Reader<'a>>),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(array: Option<&'a ArrayRef>, column: &Column) -> Self {
        Self::known(array, column).unwrap_or(Self::Absent)
    }

    fn known(array: Option<&'a ArrayRef>, column: &Column) -> Option<Self> {
        let array = array?.as_any();
        let is_unsigned = matches!(column.value, Type::Unsigned(_));
        Some(match (column.value, data_type(column)) {
            (Type::Bool, _) => Self::Bool(array.downcast_ref()?),
            (Type::Float, _) => Self::Float(array.downcast_ref()?),
            (Type::Floats(_), _) => Self::Floats(array.downcast_ref()?),
            (Type::Texts, _) => Self::Texts(array.downcast_ref()?),
            (Type::Row(columns), _) => {
                let array: &StructArray = array.downcast_ref()?;
                Self::Row(array, within(array, columns))
            }
            (Type::Rows(columns), _) => {
                let array: &ListArray = array.downcast_ref()?;
                let items: &StructArray = array.values().as_any().downcast_ref()?;
                Self::Rows(array, within(items, columns))
            }
            (_, DataType::Int32) => Self::Int32(array.downcast_ref()?, is_unsigned),
            (_, DataType::Int64) => Self::Int64(array.downcast_ref()?, is_unsigned),
            (_, DataType::UInt64) => Self::Uint64(array.downcast_ref()?),
            _ => Self::Text(array.downcast_ref()?),
        })
    }

    /// The readers of a table's columns, by name.
    pub(crate) fn of_batch(batch: &'a RecordBatch, columns: &[TableColumn]) -> Vec<Self> {
        columns.iter().map(|one| Self::new(batch.column_by_name(&one.name), one.column)).collect()
    }

    /// The value in a row.
    pub(crate) fn value(&self, row: usize) -> Value<'a> {
        match self {
            Self::Bool(array) if known(array, row) => Value::Bool(array.value(row)),
            Self::Int32(array, unsigned) if known(array, row) => {
                integer(i64::from(array.value(row)), *unsigned)
            }
            Self::Int64(array, unsigned) if known(array, row) => {
                integer(array.value(row), *unsigned)
            }
            Self::Uint64(array) if known(array, row) => Value::Unsigned(array.value(row)),
            Self::Float(array) if known(array, row) => Value::Float(array.value(row)),
            Self::Text(array) if known(array, row) => Value::Text(array.value(row)),
            Self::Floats(array) if known(array, row) => {
                let items = array.value(row);
                match items.as_any().downcast_ref::<Float64Array>() {
                    Some(items) => Value::Floats(Cow::Owned(items.values().to_vec())),
                    None => Value::Null,
                }
            }
            Self::Texts(array) if known(array, row) => {
                let items = array.value(row);
                match items.as_any().downcast_ref::<StringArray>() {
                    Some(items) => Value::Texts(Cow::Owned(
                        items.iter().map(|text| Text::from(text.unwrap_or_default())).collect(),
                    )),
                    None => Value::Null,
                }
            }
            Self::Row(array, readers) if known(array, row) => {
                Value::Row(readers.iter().map(|one| one.value(row)).collect())
            }
            Self::Rows(array, readers) if known(array, row) => {
                let ends = array.value_offsets();
                let bound = |at: usize| ends.get(at).and_then(|end| usize::try_from(*end).ok());
                let (from, to) =
                    (bound(row).unwrap_or(0), bound(row.saturating_add(1)).unwrap_or(0));
                let values = |row| readers.iter().map(|one| one.value(row)).collect();
                Value::Rows((from..to).map(values).collect())
            }
            _ => Value::Null,
        }
    }
}

fn known(array: &dyn Array, row: usize) -> bool {
    row < array.len() && array.is_valid(row)
}

fn integer<'a>(value: i64, unsigned: bool) -> Value<'a> {
    match unsigned {
        true => Value::Unsigned(value.cast_unsigned()),
        false => Value::Signed(value),
    }
}

fn within<'a>(array: &'a StructArray, columns: &[Column]) -> Vec<Reader<'a>> {
    columns.iter().map(|one| Reader::new(array.column_by_name(one.name), one)).collect()
}
