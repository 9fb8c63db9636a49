//! `nfm store`: the store itself.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use nfm::SourceError;
use nfm_store::{
    Engine, ExportFormat, Exporter, Retention, StoreError, StoreWriter, ddl, prune, seal, tables,
    verify,
};

use super::recorded::{Recorded, open_store};
use super::{Verb, json};
use crate::Failure;
use crate::args::{EngineName, Format, StoreExport, StoreVerb, When};
use crate::show::{complain, escaped, known, size, table};
use crate::time::shown;

/// Something in the store is damaged.
pub(crate) const DAMAGED: u8 = 22;

/// `nfm store`.
pub(crate) fn store(verb: &StoreVerb, out: &mut dyn Write) -> Verb {
    match verb {
        StoreVerb::Ls { store, json: is_json } => ls(&store.when(), *is_json, out),
        StoreVerb::Verify { store, json: is_json } => {
            let folder = store.when().folder();
            open_store(&folder)?;
            let verified = verify(&folder).map_err(failed)?;
            if *is_json {
                json(out, &verified)?;
            } else {
                let (files, rows) = (verified.files, verified.rows);
                verified.damage.iter().try_for_each(|one| writeln!(out, "{}", escaped(one)))?;
                let damage = verified.damage.len();
                writeln!(
                    out,
                    "{files} files with {rows} rows were read, {damage} places are damaged"
                )?;
            }
            let status = if verified.damage.is_empty() { 0 } else { DAMAGED };
            Ok(ExitCode::from(status))
        }
        StoreVerb::Seal { store } => {
            let folder = store.when().folder();
            open_store(&folder)?;
            // The lock, so that no recorder's own log is taken.
            let mut writer = StoreWriter::open(&folder, "host", Duration::ZERO).map_err(failed)?;
            for (path, name) in writer.take_finished() {
                match seal(&folder, &path, &name).map_err(failed)? {
                    Some(sealed) => {
                        sealed.losses.iter().for_each(complain);
                        writeln!(out, "{}: {} frames", sealed.name.file(), sealed.frames)?;
                    }
                    None => writeln!(out, "{}: nothing in it", name.file())?,
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        StoreVerb::Prune { store, keep, size: most, free } => {
            let folder = store.when().folder();
            open_store(&folder)?;
            let mebibytes = |count: &u64| count.saturating_mul(1 << 20);
            let age = keep.map(|days| Duration::from_secs_f64(days * 86_400.0));
            let (bytes, free) = (most.as_ref().map(mebibytes), free.as_ref().map(mebibytes));
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now_ns = now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
            let (count, bytes) =
                prune(&folder, &Retention { age, bytes, free }, now_ns).map_err(failed)?;
            writeln!(out, "{count} segments with {} were removed", size(bytes))?;
            Ok(ExitCode::SUCCESS)
        }
        StoreVerb::Export(export) => self::export(export, out),
        StoreVerb::Ddl { store, engine } => {
            let folder = store.when().folder();
            let folder = folder.canonicalize().unwrap_or(folder);
            let engine = match engine {
                EngineName::Duckdb => Engine::DuckDb,
                EngineName::Clickhouse => Engine::ClickHouse,
                EngineName::Spark => Engine::Spark,
                EngineName::Polars => Engine::Polars,
            };
            writeln!(out, "{}", ddl(&folder, engine))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn failed(error: StoreError) -> Failure {
    match error {
        StoreError::File { path, error } if path.as_os_str() == "standard output" => {
            Failure::Output(error)
        }
        error => SourceError::from(error).into(),
    }
}

#[derive(serde::Serialize)]
struct Recording {
    domain: String,
    uuid: Option<String>,
    first_ns: u64,
    last_ns: u64,
    frames: u64,
    segments: u64,
}

/// The guests that are recorded, and since when.
fn ls(when: &When, is_json: bool, out: &mut dyn Write) -> Verb {
    let mut store = open_store(&when.folder())?;
    let mut all: Vec<Recording> = Vec::new();
    for part in store.contents().map_err(failed)? {
        let own = all
            .iter_mut()
            .find(|one| (&one.domain, &one.uuid) == (&part.domain.name, &part.domain.uuid));
        match own {
            Some(own) => {
                own.first_ns = own.first_ns.min(part.first_ns);
                own.last_ns = own.last_ns.max(part.last_ns);
                own.frames += part.frames;
                own.segments += 1;
            }
            None => all.push(Recording {
                domain: part.domain.name,
                uuid: part.domain.uuid,
                first_ns: part.first_ns,
                last_ns: part.last_ns,
                frames: part.frames,
                segments: 1,
            }),
        }
    }
    store.take_damage().iter().for_each(complain);
    if is_json {
        json(out, &all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = all.into_iter().map(|one| {
        let (first, last) = (shown(one.first_ns), shown(one.last_ns));
        let (frames, segments) = (one.frames.to_string(), one.segments.to_string());
        vec![one.domain, first, last, frames, segments, known(one.uuid)]
    });
    table(out, &["DOMAIN", "FIRST", "LAST", "FRAMES>", "SEGMENTS>", "UUID"], rows)?;
    Ok(ExitCode::SUCCESS)
}

/// `nfm store export`: rows of a table.
fn export(export: &StoreExport, out: &mut dyn Write) -> Verb {
    let Some(table) = tables().iter().find(|table| table.name == export.table) else {
        let names: Vec<&str> = tables().iter().map(|table| table.name).collect();
        let reason = format!("there is no table '{}', only {}", export.table, names.join(", "));
        return Err(SourceError::NoFrame { reason }.into());
    };
    let when = When {
        since: export.since,
        until: export.until,
        store: export.store.clone(),
        ..When::default()
    };
    let mut store = open_store(&when.folder())?;
    let span = Recorded::open(export.domain.as_deref().unwrap_or_default(), &when)?.span();
    let format = match export.format {
        Format::Jsonl => ExportFormat::JsonLines,
        Format::Csv => ExportFormat::Csv,
        Format::Arrow => ExportFormat::Arrow,
    };
    let mut exporter = Exporter::new(out, format, table.segment_schema()).map_err(failed)?;
    store
        .each_batch(table, export.domain.as_deref(), span, |rows| exporter.write(rows))
        .map_err(failed)?;
    exporter.finish().map_err(failed)?;
    store.take_damage().iter().for_each(complain);
    Ok(ExitCode::SUCCESS)
}
