//! Statements by which engines read a store: a view for each table, with its columns and their types. The hour's folder
//! and the columns that a file lacks are each engine's own matter, which is why views are printed.

use std::path::Path;

use arrow_schema::{DataType, Field};

use crate::tables::{Table, tables};

/// An engine that reads stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// DuckDB.
    DuckDb,
    /// ClickHouse, `chdb` among it.
    ClickHouse,
    /// Spark SQL.
    Spark,
    /// Polars, in Python.
    Polars,
}

/// The statements by which an engine reads a store's tables.
pub fn ddl(store: &Path, engine: Engine) -> String {
    let store = store.display().to_string();
    let views = tables().iter().map(|table| view(&store, table, engine));
    views.collect::<Vec<_>>().join("\n")
}

fn view(store: &str, table: &Table, engine: Engine) -> String {
    let name = table.name;
    let files = format!("{store}/table={name}/*/*/*.parquet").replace('\'', "''");
    let schema = table.segment_schema();
    let columns = |kind: fn(&DataType) -> String, quote: char| {
        let column = |field: &std::sync::Arc<Field>| {
            format!("{quote}{}{quote} {}", field.name(), kind(field.data_type()))
        };
        schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
    };
    match engine {
        // A struct of no rows with all columns, so that one which all files lack is there, too.
        Engine::DuckDb => {
            let nulls = schema.fields().iter().map(|field| {
                format!("CAST(NULL AS {}) AS \"{}\"", duckdb(field.data_type()), field.name())
            });
            let nulls = nulls.collect::<Vec<_>>().join(", ");
            format!(
                "CREATE OR REPLACE VIEW \"{name}\" AS SELECT {nulls} WHERE false \
                 UNION ALL BY NAME SELECT * FROM read_parquet('{files}', union_by_name = true, \
                 hive_partitioning = false);"
            )
        }
        Engine::ClickHouse => {
            let structure = columns(clickhouse, '`').replace('\'', "''");
            format!(
                "CREATE OR REPLACE VIEW `{name}` AS SELECT * FROM file('{files}', 'Parquet', \
                 '{structure}');"
            )
        }
        Engine::Spark => {
            let folder = format!("{store}/table={name}").replace('\'', "\\'");
            format!(
                "CREATE OR REPLACE TEMPORARY VIEW `{name}` ({}) USING parquet OPTIONS \
                 (path '{folder}', recursiveFileLookup 'true');",
                columns(spark, '`')
            )
        }
        Engine::Polars => format!(
            "{name} = pl.scan_parquet({files:?}, hive_partitioning=False, missing_columns=\"insert\", \
             extra_columns=\"ignore\")"
        ),
    }
}

fn duckdb(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt64 => "UBIGINT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMPTZ".to_owned(),
        DataType::List(item) => format!("{}[]", duckdb(item.data_type())),
        DataType::Struct(fields) => {
            let own =
                fields.iter().map(|one| format!("\"{}\" {}", one.name(), duckdb(one.data_type())));
            format!("STRUCT({})", own.collect::<Vec<_>>().join(", "))
        }
        _ => "VARCHAR".to_owned(),
    }
}

fn clickhouse(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "Nullable(Bool)".to_owned(),
        DataType::Int32 => "Nullable(Int32)".to_owned(),
        DataType::Int64 => "Nullable(Int64)".to_owned(),
        DataType::UInt64 => "Nullable(UInt64)".to_owned(),
        DataType::Float64 => "Nullable(Float64)".to_owned(),
        DataType::Timestamp(..) => "Nullable(DateTime64(6, 'UTC'))".to_owned(),
        DataType::List(item) => format!("Array({})", clickhouse(item.data_type())),
        DataType::Struct(fields) => {
            let own = fields
                .iter()
                .map(|one| format!("`{}` {}", one.name(), clickhouse(one.data_type())));
            format!("Tuple({})", own.collect::<Vec<_>>().join(", "))
        }
        _ => "Nullable(String)".to_owned(),
    }
}

fn spark(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        // It has no unsigned numbers.
        DataType::UInt64 => "DECIMAL(20, 0)".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMP".to_owned(),
        DataType::List(item) => format!("ARRAY<{}>", spark(item.data_type())),
        DataType::Struct(fields) => {
            let own =
                fields.iter().map(|one| format!("`{}`: {}", one.name(), spark(one.data_type())));
            format!("STRUCT<{}>", own.collect::<Vec<_>>().join(", "))
        }
        _ => "STRING".to_owned(),
    }
}
