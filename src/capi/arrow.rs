//! Sections as columns for Arrow, by its C Data Interface (https://arrow.apache.org/docs/format/CDataInterface.html):
//! two structures of C and a few rules, for which no library of Arrow's is needed.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

use nfm_frame::column::{Column, Type, Value};

use super::error::nfm_error_t;
use super::frame::nfm_frame_t;
use super::members::one;
use super::status;
use crate::frame::{Frame, Section};

/// `ARROW_FLAG_NULLABLE`.
const NULLABLE: i64 = 2;

/// A type, as the interface defines it.
#[repr(C)]
pub struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

/// Values of a type, as the interface defines them.
#[repr(C)]
pub struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

/// The memory of a schema: it lives until the schema is released.
struct SchemaMemory {
    _texts: [CString; 2],
    _metadata: Vec<u8>,
    children: Vec<*mut ArrowSchema>,
}

/// The memory of an array: it lives until the array is released.
struct ArrayMemory {
    _buffers: Vec<Box<[u64]>>,
    pointers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
}

impl ArrowSchema {
    fn new(
        name: &str,
        format: &str,
        nullable: bool,
        metadata: &[(&str, &str)],
        children: Vec<Self>,
    ) -> Self {
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let children = children.into_iter().map(|child| Box::into_raw(Box::new(child)));
        let mut memory = Box::new(SchemaMemory {
            _texts: [text(format), text(name)],
            _metadata: encoded(metadata),
            children: children.collect(),
        });
        let [format, name] = &memory._texts;
        Self {
            format: format.as_ptr(),
            name: name.as_ptr(),
            metadata: match metadata {
                [] => ptr::null(),
                _ => memory._metadata.as_ptr().cast(),
            },
            flags: if nullable { NULLABLE } else { 0 },
            n_children: signed(memory.children.len()),
            children: memory.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_schema),
            private_data: Box::into_raw(memory).cast(),
        }
    }

    /// The type of a column.
    fn of(column: &Column) -> Self {
        let metadata = [("kind", column.kind.name()), ("unit", column.unit.name())];
        let metadata: Vec<_> = metadata.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        Self::of_type(column.name, &column.value, column.optional, &metadata)
    }

    fn of_type(name: &str, value: &Type, nullable: bool, metadata: &[(&str, &str)]) -> Self {
        let item = |value: &Type| vec![Self::of_type("item", value, false, &[])];
        let columns = |columns: &[Column]| columns.iter().map(Self::of).collect();
        let (format, children) = match value {
            Type::Bool => ("b".to_owned(), Vec::new()),
            Type::Unsigned(8) => ("C".to_owned(), Vec::new()),
            Type::Unsigned(16) => ("S".to_owned(), Vec::new()),
            Type::Unsigned(32) => ("I".to_owned(), Vec::new()),
            Type::Unsigned(_) => ("L".to_owned(), Vec::new()),
            Type::Signed(32) => ("i".to_owned(), Vec::new()),
            Type::Signed(_) => ("l".to_owned(), Vec::new()),
            Type::Float => ("g".to_owned(), Vec::new()),
            Type::Floats(number) => (format!("+w:{number}"), item(&Type::Float)),
            Type::Text | Type::OneOf(_) => ("u".to_owned(), Vec::new()),
            Type::Texts => ("+l".to_owned(), item(&Type::Text)),
            Type::Row(inner) => ("+s".to_owned(), columns(inner)),
            Type::Rows(inner) => ("+l".to_owned(), item(&Type::Row(inner))),
        };
        Self::new(name, &format, nullable, metadata, children)
    }
}

/// Key and value pairs as the interface has them: numbers of 32 bits before each text.
fn encoded(pairs: &[(&str, &str)]) -> Vec<u8> {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX).to_ne_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        bytes.extend(number(text.len()));
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The release callback of a schema: frees its memory, not the structure itself.
unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: the interface has it called once, with a schema that this file made, wherever that lies by now.
    unsafe {
        let memory = Box::from_raw((*schema).private_data.cast::<SchemaMemory>());
        for child in &memory.children {
            let mut child = Box::from_raw(*child);
            // One that was moved out has none any more.
            if let Some(release) = child.release {
                release(&mut *child);
            }
        }
        (*schema).release = None;
    }
}

/// The release callback of an array.
unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: as above.
    unsafe {
        let memory = Box::from_raw((*array).private_data.cast::<ArrayMemory>());
        for child in &memory.children {
            let mut child = Box::from_raw(*child);
            if let Some(release) = child.release {
                release(&mut *child);
            }
        }
        (*array).release = None;
    }
}

/// A column that grows by one value at a time.
struct Builder {
    length: usize,
    nulls: usize,
    /// A bit for each value, the first in the lowest: 1 where it is known.
    validity: Vec<u8>,
    values: Values,
}

enum Values {
    Bits(Vec<u8>),
    /// Numbers of so many bytes each.
    Numbers(usize, Vec<u8>),
    /// Where each text ends, and all of them.
    Texts(Vec<i32>, Vec<u8>),
    /// Where each list ends, and all items.
    Lists(Vec<i32>, Box<Builder>),
    /// So many items each.
    FixedLists(usize, Box<Builder>),
    Rows(Vec<Builder>),
}

/// Values for which a column has room from the beginning: most sections have no more, and growing costs most of the time.
const ROOM: usize = 128;

/// A section has more than columns of Arrow's usual types hold: offsets of 32 bits.
struct TooLarge;

impl Builder {
    fn new(value: &Type) -> Self {
        let numbers = |bits: u32| {
            let width = usize::try_from(bits / 8).unwrap_or(size_of::<u64>());
            Values::Numbers(width, Vec::with_capacity(width.saturating_mul(ROOM)))
        };
        let first = || {
            let mut ends = Vec::with_capacity(ROOM + 1);
            ends.push(0);
            ends
        };
        let values = match value {
            Type::Bool => Values::Bits(Vec::with_capacity(ROOM / 8)),
            Type::Unsigned(bits @ (8 | 16 | 32)) | Type::Signed(bits @ 32) => numbers(*bits),
            Type::Unsigned(_) | Type::Signed(_) | Type::Float => numbers(64),
            Type::Text | Type::OneOf(_) => Values::Texts(first(), Vec::with_capacity(8 * ROOM)),
            Type::Texts => Values::Lists(first(), Box::new(Self::new(&Type::Text))),
            Type::Floats(number) => Values::FixedLists(*number, Box::new(Self::new(&Type::Float))),
            Type::Row(columns) => Values::Rows(Self::of_columns(columns)),
            Type::Rows(columns) => Values::Lists(first(), Box::new(Self::new(&Type::Row(columns)))),
        };
        Self { length: 0, nulls: 0, validity: Vec::with_capacity(ROOM / 8), values }
    }

    fn of_columns(columns: &[Column]) -> Vec<Self> {
        columns.iter().map(|column| Self::new(&column.value)).collect()
    }

    fn push(&mut self, value: &Value<'_>) -> Result<(), TooLarge> {
        let is_known = !matches!(value, Value::Null);
        push_bit(&mut self.validity, self.length, is_known);
        self.nulls += usize::from(!is_known);
        match (&mut self.values, value) {
            (Values::Bits(bits), value) => {
                push_bit(bits, self.length, matches!(value, Value::Bool(true)));
            }
            (Values::Numbers(width, bytes), value) => {
                let number = match value {
                    Value::Unsigned(number) => number.to_le_bytes(),
                    Value::Signed(number) => number.to_le_bytes(),
                    Value::Float(number) => number.to_le_bytes(),
                    _ => [0; 8],
                };
                bytes.extend_from_slice(number.get(..*width).unwrap_or_default());
            }
            (Values::Texts(ends, bytes), value) => {
                if let Value::Text(text) = value {
                    bytes.extend(text.as_bytes());
                }
                ends.push(i32::try_from(bytes.len()).map_err(|_| TooLarge)?);
            }
            (Values::Lists(ends, items), value) => {
                match value {
                    Value::Texts(texts) => {
                        texts.iter().try_for_each(|text| items.push(&Value::Text(text)))?;
                    }
                    Value::Rows(rows) => rows.iter().try_for_each(|row| items.push_row(row))?,
                    _ => {}
                }
                ends.push(i32::try_from(items.length).map_err(|_| TooLarge)?);
            }
            (Values::FixedLists(number, items), value) => {
                let given: &[f64] = if let Value::Floats(given) = value { given } else { &[] };
                for place in 0..*number {
                    items.push(&given.get(place).map_or(Value::Null, |one| Value::Float(*one)))?;
                }
            }
            (Values::Rows(columns), Value::Row(values)) => {
                for (column, value) in columns.iter_mut().zip(values) {
                    column.push(value)?;
                }
            }
            (Values::Rows(columns), _) => {
                columns.iter_mut().try_for_each(|column| column.push(&Value::Null))?;
            }
        }
        self.length += 1;
        Ok(())
    }

    /// A row that is one of a list's items.
    fn push_row(&mut self, values: &[Value<'_>]) -> Result<(), TooLarge> {
        let Values::Rows(columns) = &mut self.values else { return Ok(()) };
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value)?;
        }
        push_bit(&mut self.validity, self.length, true);
        self.length += 1;
        Ok(())
    }

    fn finish(self) -> ArrowArray {
        let numbers = |ends: Vec<i32>| {
            let mut bytes = Vec::with_capacity(size_of_val(ends.as_slice()));
            ends.iter().for_each(|end| bytes.extend_from_slice(&end.to_ne_bytes()));
            bytes
        };
        let (buffers, children): (Vec<Vec<u8>>, Vec<Self>) = match self.values {
            Values::Bits(bits) => (vec![bits], Vec::new()),
            Values::Numbers(_, bytes) => (vec![bytes], Vec::new()),
            Values::Texts(ends, bytes) => (vec![numbers(ends), bytes], Vec::new()),
            Values::Lists(ends, items) => (vec![numbers(ends)], vec![*items]),
            Values::FixedLists(_, items) => (Vec::new(), vec![*items]),
            Values::Rows(columns) => (Vec::new(), columns),
        };
        let validity = (self.nulls > 0).then(|| aligned(&self.validity));
        let first = validity.as_ref().map_or(ptr::null(), |bits| bits.as_ptr().cast::<c_void>());
        let buffers: Vec<Box<[u64]>> = buffers.iter().map(|bytes| aligned(bytes)).collect();
        let pointers = buffers.iter().map(|buffer| buffer.as_ptr().cast::<c_void>());
        let children = children.into_iter().map(|child| Box::into_raw(Box::new(child.finish())));
        let mut memory = Box::new(ArrayMemory {
            pointers: std::iter::once(first).chain(pointers).collect(),
            _buffers: buffers.into_iter().chain(validity).collect(),
            children: children.collect(),
        });
        ArrowArray {
            length: signed(self.length),
            null_count: signed(self.nulls),
            offset: 0,
            n_buffers: signed(memory.pointers.len()),
            n_children: signed(memory.children.len()),
            buffers: memory.pointers.as_mut_ptr(),
            children: memory.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_array),
            private_data: Box::into_raw(memory).cast(),
        }
    }
}

fn push_bit(bits: &mut Vec<u8>, place: usize, is_set: bool) {
    if place.is_multiple_of(8) {
        bits.push(0);
    }
    if let Some(last) = bits.last_mut() {
        *last |= u8::from(is_set) << (place % 8);
    }
}

/// The bytes where the interface wants them: at a multiple of 8, and with room up to one.
fn aligned(bytes: &[u8]) -> Box<[u64]> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let words = words.iter().chain(std::iter::once(&last));
    words.map(|word| u64::from_ne_bytes(*word)).collect()
}

/// The type of a section, and its rows.
fn export(frame: &Frame, section: Section) -> Result<(ArrowSchema, ArrowArray), nfm_error_t> {
    let mut rows = Builder::new(&Type::Row(section.columns()));
    let mut pushed = Ok(());
    let held = frame.for_each_row(section, &mut |row| {
        if pushed.is_ok() {
            pushed = rows.push(&Value::Row(row));
        }
    });
    if !held {
        let words = format!("the frame does not hold the section {}", section.name());
        return Err(nfm_error_t::invalid(words));
    }
    pushed
        .map_err(|TooLarge| nfm_error_t::other("the section is too large for Arrow's offsets"))?;
    let time = frame.time_ns.to_string();
    let metadata = [
        ("nfm.section", section.name()),
        ("nfm.domain", frame.domain.name.as_str()),
        ("nfm.uuid", frame.domain.uuid.as_deref().unwrap_or_default()),
        ("nfm.time_ns", time.as_str()),
    ];
    let columns = section.columns().iter().map(ArrowSchema::of).collect();
    Ok((ArrowSchema::new("", "+s", false, &metadata, columns), rows.finish()))
}

/// Gives a section of a frame as columns, by Arrow's C Data Interface: what reads that (pyarrow, Polars, DuckDB, R and
/// others) takes them as they are.
///
/// The section is a struct array, of which each field is a column of the name that it has in C and in JSON; what is not
/// known is null. Lists of texts and rows within rows are lists. The metadata of a field has its kind ("label", "gauge",
/// "counter") and unit, that of the whole "nfm.section", "nfm.domain", "nfm.uuid" and "nfm.time_ns".
///
/// Parameters: frame; section, one of NFM_SECTION_...; schema and array, a struct ArrowSchema and a struct ArrowArray
/// as that interface defines them, which receive the type and the values; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT, also if the frame does not hold the section; NFM_ERR_OTHER if the section is
/// larger than columns with offsets of 32 bits; NFM_ERR_PANIC.
/// Ownership: both are the caller's, to be ended by their release callbacks, or handed to whoever calls those. They
/// outlive the frame.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_frame_export_arrow(
    frame: *const nfm_frame_t,
    section: u64,
    schema: *mut c_void,
    array: *mut c_void,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or a frame, by the caller's promise.
        let frame = unsafe { frame.as_ref() }.ok_or_else(|| nfm_error_t::null("frame"))?;
        if schema.is_null() || array.is_null() {
            return Err(nfm_error_t::null(if schema.is_null() { "schema" } else { "array" }));
        }
        let section = one(section).ok_or_else(|| {
            nfm_error_t::invalid("section: it is none, or more than one; name one NFM_SECTION_...")
        })?;
        let (made_schema, made_array) = export(&frame.frame, section)?;
        // SAFETY: not NULL, so both may be written, by the caller's promise.
        unsafe {
            schema.cast::<ArrowSchema>().write(made_schema);
            array.cast::<ArrowArray>().write(made_array);
        }
        Ok(())
    };
    // SAFETY: NULL or may be written, by the caller's promise.
    unsafe { status(error, body) }
}
symver!("NFM_0.1", nfm_frame_export_arrow);
