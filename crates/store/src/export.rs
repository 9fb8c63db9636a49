//! Rows of a store for other programs: JSON Lines, CSV, Arrow.

use std::io::{self, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, SchemaRef};
use serde_json::{Map, Value};

use crate::error::{Result, StoreError};
use crate::store::text_of_time;

/// The form in which rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// An object on each line.
    JsonLines,
    /// A line for each row, names on the first; lists and rows within a row are JSON.
    Csv,
    /// A stream of Arrow's IPC format.
    Arrow,
}

/// A writer of rows.
pub struct Exporter<W: Write> {
    to: Output<W>,
    schema: SchemaRef,
}

enum Output<W: Write> {
    Text(W, ExportFormat),
    Arrow(Box<StreamWriter<W>>),
}

impl<W: Write> Exporter<W> {
    /// A writer of rows with these columns.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn new(mut out: W, format: ExportFormat, schema: SchemaRef) -> Result<Self> {
        let to = match format {
            ExportFormat::Arrow => Output::Arrow(Box::new(StreamWriter::try_new(out, &schema)?)),
            ExportFormat::Csv => {
                let names = schema.fields().iter().map(|field| csv_text(field.name()));
                let line = names.collect::<Vec<_>>().join(",");
                writeln!(out, "{line}").map_err(output)?;
                Output::Text(out, format)
            }
            ExportFormat::JsonLines => Output::Text(out, format),
        };
        Ok(Self { to, schema })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// Nothing can be written there any more.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match &mut self.to {
            Output::Arrow(writer) => Ok(writer.write(rows)?),
            Output::Text(out, ExportFormat::Csv) => {
                for row in 0..rows.num_rows() {
                    let cells = rows.columns().iter().map(|column| csv(column, row));
                    let line = cells.collect::<Vec<_>>().join(",");
                    writeln!(out, "{line}").map_err(output)?;
                }
                Ok(())
            }
            Output::Text(out, _) => {
                for row in 0..rows.num_rows() {
                    let names = self.schema.fields().iter().map(|field| field.name().clone());
                    let values = rows.columns().iter().map(|column| json(column, row));
                    let object: Map<String, Value> = names.zip(values).collect();
                    writeln!(out, "{}", nfm_frame::json(&object, false)).map_err(output)?;
                }
                Ok(())
            }
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    /// Nothing can be written there any more.
    pub fn finish(self) -> Result<()> {
        match self.to {
            Output::Arrow(mut writer) => Ok(writer.finish()?),
            Output::Text(mut out, _) => out.flush().map_err(output),
        }
    }
}

fn output(error: io::Error) -> StoreError {
    StoreError::File { path: "standard output".into(), error }
}

/// A value as JSON; times are texts as RFC 3339 has them.
fn json(array: &dyn Array, row: usize) -> Value {
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::from(array.as_boolean().value(row)),
        DataType::Int32 => Value::from(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => Value::from(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => Value::from(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => Value::from(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::Timestamp(..) => {
            let time = array.as_primitive::<TimestampMicrosecondType>().value(row);
            Value::from(text_of_time(u64::try_from(time).unwrap_or(0).saturating_mul(1000)))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| json(&items, item)).collect()
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let members = fields.iter().zip(columns);
            Value::Object(
                members.map(|(field, column)| (field.name().clone(), json(column, row))).collect(),
            )
        }
        // No table has a column of another type.
        _ => Value::Null,
    }
}

/// A value as CSV: nothing where it is unknown.
fn csv(array: &dyn Array, row: usize) -> String {
    match json(array, row) {
        Value::Null => String::new(),
        Value::String(text) => csv_text(&text),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        other => csv_text(&nfm_frame::json(&other, false)),
    }
}

/// A text in quotes where CSV needs them (RFC 4180). What steers a terminal is escaped, as in JSON.
fn csv_text(text: &str) -> String {
    let escape = |c: char| match nfm_frame::steers_terminal(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    let text: String = text.chars().map(escape).collect();
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}
