//! The store's tables, made of the columns of a frame: no name stands here twice.
//!
//! A section of rows is a table of its name. Facts that a frame has once (its consistency, and the sections of one
//! row) are columns of the table `frames`, which has a row for each frame and is the index of all others. A section
//! of one row that holds rows (integrity) is a table with a row for each frame.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use nfm_frame::column::{Column, Kind, Row, Type, Unit};
use nfm_frame::{Frame, Section};

/// The table with a row for each frame.
pub(crate) const FRAMES: usize = 0;
/// Columns that every table begins with, once it is in a segment.
pub(crate) const HOST: &str = "host";
pub(crate) const VM: &str = "vm";
pub(crate) const VM_UUID: &str = "vm_uuid";
pub(crate) const TS: &str = "ts";
pub(crate) const SEQ: &str = "seq";
/// The row's place in its section of its frame.
pub(crate) const ROW: &str = "row";
/// Columns of `frames` that are the recorder's own.
pub(crate) const BOOTTIME_NS: &str = "boottime_ns";
pub(crate) const RUN: &str = "run";
pub(crate) const SECTIONS: &str = "sections";
/// True for a frame of the flight recorder.
pub(crate) const FLIGHT: &str = "flight";
pub(crate) const HYPERVISOR: &str = "hypervisor";
pub(crate) const LABELS: &str = "labels";

/// A table of the store.
pub struct Table {
    /// Its name: `frames`, `events`, or that of the section whose rows it has.
    pub name: &'static str,
    /// The columns of its own rows, behind those that all tables have.
    pub columns: Vec<TableColumn>,
    /// The columns that a log's batches have.
    pub(crate) schema: SchemaRef,
    /// The kind of its rows.
    pub(crate) rows: TableRows,
}

/// The rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableRows {
    /// Frames.
    Frames,
    /// Rows of a section.
    Section(Section),
    /// Events of the recorder and of its guests.
    Events,
}

/// The columns of the table `events`.
const EVENT: &[Column] = &[
    label("kind", "The kind of event: `recorder-started`, `gone`, `gap` and so on."),
    label("text", "What happened, in one sentence."),
];

const fn label(name: &'static str, doc: &'static str) -> Column {
    Column { name, doc, value: Type::Text, optional: true, kind: Kind::Label, unit: Unit::None }
}

/// A column of a table.
#[derive(Clone)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// The field of the frame that it holds.
    pub column: &'static Column,
}

/// The place of a column of [`Frame`] in the tables.
pub(crate) enum Place {
    /// The frame's identity and version, which are not stored in its row.
    Envelope,
    /// One column of `frames`.
    Column(usize),
    /// Columns of `frames`, from this one on, one for each column of the row.
    Columns(usize),
    /// A table with one row for each row of the section, or for the section itself.
    Table(usize),
}

pub(crate) struct Tables {
    pub all: Vec<Table>,
    /// One for each column of [`Frame`].
    pub places: Vec<Place>,
}

/// Every table, `frames` first.
pub fn tables() -> &'static [Table] {
    &TABLES.all
}

pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::of_frame);

impl Tables {
    fn of_frame() -> Self {
        let mut own = Vec::new();
        let mut others = Vec::new();
        let mut places = Vec::new();
        for column in <Frame as Row>::COLUMNS {
            let section = Section::from_name(column.name);
            let of_section = section.map_or(TableRows::Frames, TableRows::Section);
            places.push(match column.value {
                Type::Rows(columns) => {
                    others.push(Table::new(column.name, plain(columns), of_section));
                    Place::Table(others.len())
                }
                Type::Row(columns) if section.is_some() && columns.iter().any(holds_rows) => {
                    others.push(Table::new(column.name, plain(columns), of_section));
                    Place::Table(others.len())
                }
                Type::Row(columns) if column.name != "domain" => {
                    let first = own.len();
                    let prefix = section.map(|one| format!("{}_", one.name()));
                    own.extend(columns.iter().map(|column| TableColumn {
                        name: format!("{}{}", prefix.as_deref().unwrap_or_default(), column.name),
                        column,
                    }));
                    Place::Columns(first)
                }
                _ if matches!(column.name, "domain" | "format" | SEQ) => Place::Envelope,
                _ => {
                    own.extend(plain(std::slice::from_ref(column)));
                    Place::Column(own.len().saturating_sub(1))
                }
            });
        }
        let mut all = vec![Table::new("frames", own, TableRows::Frames)];
        all.append(&mut others);
        all.push(Table::new("events", plain(EVENT), TableRows::Events));
        Self { all, places }
    }
}

impl Table {
    fn new(name: &'static str, columns: Vec<TableColumn>, rows: TableRows) -> Self {
        let fields: Vec<Field> =
            columns.iter().map(|one| Field::new(&one.name, data_type(one.column), true)).collect();
        Self { name, columns, schema: Arc::new(Schema::new(fields)), rows }
    }

    /// The table of a name.
    pub(crate) fn index(name: &str) -> Option<usize> {
        TABLES.all.iter().position(|table| table.name == name)
    }

    /// The columns of the table in a segment, with their Arrow types.
    pub fn segment_schema(&self) -> SchemaRef {
        let mut fields = vec![
            Field::new(HOST, DataType::Utf8, true),
            Field::new(VM, DataType::Utf8, true),
            Field::new(VM_UUID, DataType::Utf8, true),
            Field::new(TS, timestamp(), true),
            Field::new(SEQ, DataType::Int64, true),
        ];
        match self.rows {
            TableRows::Section(_) => fields.push(Field::new(ROW, DataType::Int32, true)),
            TableRows::Frames => {
                let numbers = [BOOTTIME_NS, RUN, SECTIONS];
                fields.extend(numbers.map(|name| Field::new(name, DataType::Int64, true)));
                fields.push(Field::new(FLIGHT, DataType::Boolean, true));
                fields.push(Field::new(HYPERVISOR, DataType::Utf8, true));
                let labels = DataType::List(element(DataType::Utf8));
                fields.push(Field::new(LABELS, labels, true));
            }
            TableRows::Events => {}
        }
        let mut fields: Vec<Arc<Field>> = fields.into_iter().map(Arc::new).collect();
        fields.extend(self.schema.fields().iter().cloned());
        Arc::new(Schema::new(fields))
    }
}

pub(crate) fn timestamp() -> DataType {
    // Spark refuses nanoseconds; `time_ns` in `frames` has them.
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn plain(columns: &'static [Column]) -> Vec<TableColumn> {
    columns.iter().map(|column| TableColumn { name: column.name.to_owned(), column }).collect()
}

fn holds_rows(column: &Column) -> bool {
    matches!(column.value, Type::Rows(_))
}

/// The Arrow type of a column. Engines subtract times and counters: those are signed, and a number from 2^63 on, which
/// none of a sound guest is, is negative there. Numbers of 64 bits that only name something (addresses, inodes) keep
/// all of their bits.
pub(crate) fn data_type(column: &Column) -> DataType {
    match column.value {
        Type::Bool => DataType::Boolean,
        Type::Unsigned(0..=16) | Type::Signed(0..=32) => DataType::Int32,
        Type::Unsigned(64) if column.kind == Kind::Label && column.unit == Unit::None => {
            DataType::UInt64
        }
        Type::Unsigned(_) | Type::Signed(_) => DataType::Int64,
        Type::Float => DataType::Float64,
        Type::Text | Type::OneOf(_) => DataType::Utf8,
        Type::Floats(_) => DataType::List(element(DataType::Float64)),
        Type::Texts => DataType::List(element(DataType::Utf8)),
        Type::Row(columns) => DataType::Struct(fields(columns)),
        Type::Rows(columns) => DataType::List(element(DataType::Struct(fields(columns)))),
    }
}

pub(crate) fn element(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new("element", kind, true))
}

pub(crate) fn fields(columns: &[Column]) -> Fields {
    columns.iter().map(|column| Field::new(column.name, data_type(column), true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_has_its_place() {
        let tables = tables();
        assert_eq!(tables[FRAMES].name, "frames");
        let names: Vec<&str> = tables[FRAMES].columns.iter().map(|one| one.name.as_str()).collect();
        for name in [
            "time_ns",
            "duration_ns",
            "complete",
            "os_release",
            "memory_total",
            "host_vcpu_time_ns",
        ] {
            assert!(names.contains(&name), "{name} is none of {names:?}");
        }
        for section in Section::ALL {
            let is_table = tables.iter().any(|table| table.rows == TableRows::Section(section));
            let is_flat =
                names.iter().any(|name| name.starts_with(&format!("{}_", section.name())));
            assert!(is_table || is_flat, "{section:?}");
        }
        assert_eq!(TABLES.places.len(), <Frame as Row>::COLUMNS.len());
        // No name stands twice in a table, or engines refuse it.
        for table in tables {
            let schema = table.segment_schema();
            let mut names: Vec<&String> =
                schema.fields().iter().map(|field| field.name()).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{}", table.name);
        }
    }
}
