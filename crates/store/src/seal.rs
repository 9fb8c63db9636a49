//! Sealing: a log becomes Parquet files, one for each table, that appear at once.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow_schema::{DataType, SchemaRef};
use nfm_frame::DomainIdentity;
use nfm_frame::column::{Column, Kind, Type};

use crate::columns::Reader;
use crate::error::{Result, StoreError};
use crate::files::{make_folder, sync_folder};
use crate::layout::{Name, temporary_folder};
use crate::log::Log;
use crate::parquet_file::{GROUP_ROWS, Segment, Wanted, Writer};
use crate::record::Event;
use crate::tables::{FRAMES, TABLES, TS, Table, TableRows, VM, VM_UUID, element};
use crate::track::{Entry, Track, decode_from_log, events_table, log_events, log_tracks};

const SECOND: u64 = 1_000_000_000;

/// A log that was sealed.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The name of its files.
    pub name: Name,
    /// Frames that they hold.
    pub frames: u64,
    /// Rows by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// The parts of the log that could not be read, each in one sentence.
    pub losses: Vec<String>,
}

/// Seals a log of a store and removes it; `None` where it holds nothing.
///
/// # Errors
/// It cannot be read, or the files cannot be written: the log is there still.
pub fn seal(store: &Path, path: &Path, name: &Name) -> Result<Option<Sealed>> {
    let log = Log::read(path)?;
    let (tracks, lost) = log_tracks(&log);
    let mut losses: Vec<(DomainIdentity, String)> = lost
        .into_iter()
        .map(|(domain, count)| (domain, format!("{count} frames could not be read from the log")))
        .collect();
    for (at, length) in &log.damage {
        let text = format!("{length} bytes of the log {} at byte {at} are damaged", name.file());
        losses.push((DomainIdentity::default(), text));
    }
    let mut events = log_events(&log);
    let times = || {
        let frames = tracks.iter().flat_map(|track| &track.entries).map(|entry| entry.time_ns);
        frames.chain(events.iter().map(|event| event.time_ns))
    };
    let (Some(from), Some(to)) = (times().min(), times().max()) else {
        fs::remove_file(path).map_err(StoreError::file(path))?;
        return Ok(None);
    };
    for (domain, text) in &losses {
        events.push(Event {
            time_ns: from,
            vm: domain.name.clone(),
            vm_uuid: domain.uuid.clone(),
            kind: "lost".to_owned(),
            text: text.clone(),
        });
    }
    let name = Name { from_s: from / SECOND, to_s: Some(to.div_ceil(SECOND)), ..name.clone() };
    let folder = temporary_folder(store).join(name.file());
    make_folder(&folder)?;
    let files = Files { folder: &folder, host: &name.host, run: name.run, open: BTreeMap::new() };
    let rows = match files.write(&log, &tracks, &events, store, &name) {
        Ok(rows) => rows,
        Err(error) => {
            // On a full disk its files would take the room that the next try needs.
            let _ = fs::remove_dir_all(&folder);
            return Err(error);
        }
    };
    fs::remove_file(path).map_err(StoreError::file(path))?;
    fs::remove_dir_all(&folder).map_err(StoreError::file(&folder))?;
    let frames = rows.get("frames").copied().unwrap_or(0);
    let losses = losses.into_iter().map(|(_, text)| text).collect();
    Ok(Some(Sealed { name, frames, rows, losses }))
}

/// The files of one segment.
struct Files<'a> {
    folder: &'a Path,
    host: &'a str,
    run: u64,
    open: BTreeMap<usize, (Writer, u64)>,
}

/// Rows of one guest and table that wait for their row group.
#[derive(Default)]
struct Waiting {
    parts: Vec<(Entry, RecordBatch)>,
    rows: usize,
}

impl Files<'_> {
    fn writer(&mut self, table: usize) -> Result<&mut (Writer, u64)> {
        let definition = table_of(table)?;
        Ok(match self.open.entry(table) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let path = self.folder.join(definition.name);
                entry.insert((Writer::create(&path, definition)?, 0))
            }
        })
    }

    fn write_track(&mut self, log: &Log, track: &Track) -> Result<()> {
        let (host, run) = (self.host, self.run);
        each_group(log, track, host, run, None, |table, group| {
            let (writer, rows) = self.writer(table)?;
            writer.write_group(group)?;
            *rows = rows.saturating_add(group.num_rows() as u64);
            Ok(())
        })
    }

    fn write_events(&mut self, events: &[Event]) -> Result<()> {
        for group in event_groups(self.host, events)? {
            let (writer, rows) = self.writer(events_table())?;
            writer.write_group(&group)?;
            *rows = rows.saturating_add(group.num_rows() as u64);
        }
        Ok(())
    }

    /// Writes all that a log holds; returns the rows of each table.
    fn write(
        mut self,
        log: &Log,
        tracks: &[Track],
        events: &[Event],
        store: &Path,
        name: &Name,
    ) -> Result<BTreeMap<&'static str, u64>> {
        // There also where no frame is: it tells that the log is sealed.
        self.writer(FRAMES)?;
        let mut in_order: Vec<&Track> = tracks.iter().collect();
        in_order.sort_by(|a, b| {
            (&a.domain.name, &a.domain.uuid).cmp(&(&b.domain.name, &b.domain.uuid))
        });
        for track in in_order {
            self.write_track(log, track)?;
        }
        if !events.is_empty() {
            self.write_events(events)?;
        }
        self.publish(store, name, log.highest())
    }

    /// Ends the files and moves them to their places, `frames` last: from then on the log is sealed.
    fn publish(
        self,
        store: &Path,
        name: &Name,
        highest: u64,
    ) -> Result<BTreeMap<&'static str, u64>> {
        let mut rows = BTreeMap::new();
        let mut tables = Vec::new();
        for (table, (writer, count)) in self.open {
            writer.finish(highest)?;
            let definition = table_of(table)?;
            rows.insert(definition.name, count);
            tables.push(definition);
        }
        tables.sort_by_key(|table| table.rows == TableRows::Frames);
        for table in tables {
            let to = name.path(store, table.name);
            let Some(folder) = to.parent() else { continue };
            make_folder(folder)?;
            fs::rename(self.folder.join(table.name), &to).map_err(StoreError::file(&to))?;
            sync_folder(folder)?;
        }
        Ok(rows)
    }
}

/// Gives the row groups of a guest's frames in a log to `each`, with their table: those of one table, or of all.
pub(crate) fn each_group(
    log: &Log,
    track: &Track,
    host: &str,
    run: u64,
    only: Option<&Table>,
    mut each: impl FnMut(usize, &RecordBatch) -> Result<()>,
) -> Result<()> {
    let Some(last) = track.entries.len().checked_sub(1) else { return Ok(()) };
    let mut waiting: BTreeMap<usize, Waiting> = BTreeMap::new();
    let mut write = |table: usize, own: &Waiting| match own.rows {
        0 => Ok(()),
        _ => each(table, &group(host, run, &track.domain, table_of(table)?, own)?),
    };
    decode_from_log(log, track, 0..=last, &mut None, |index, recorded| {
        let Some(entry) = track.entries.get(index) else { return Ok(()) };
        for (table, batch) in recorded.batches {
            if only.is_some_and(|only| table_of(table).is_ok_and(|one| one.name != only.name)) {
                continue;
            }
            let own = waiting.entry(table).or_default();
            if own.rows.saturating_add(batch.num_rows()) > GROUP_ROWS {
                write(table, &std::mem::take(own))?;
            }
            own.rows = own.rows.saturating_add(batch.num_rows());
            own.parts.push((*entry, batch));
        }
        Ok(())
    })?;
    waiting.iter().try_for_each(|(table, own)| write(*table, own))
}

/// The row groups of events: one for each guest.
pub(crate) fn event_groups(host: &str, events: &[Event]) -> Result<Vec<RecordBatch>> {
    let mut guests: BTreeMap<(&str, Option<&str>), Vec<&Event>> = BTreeMap::new();
    for event in events {
        guests.entry((&event.vm, event.vm_uuid.as_deref())).or_default().push(event);
    }
    let mut groups = Vec::new();
    for ((vm, uuid), mut own) in guests {
        own.sort_by_key(|event| event.time_ns);
        let count = own.len();
        let text = |of: fn(&Event) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(own.iter().map(|event| of(event))))
        };
        let times = own.iter().map(|event| microseconds(event.time_ns));
        let arrays: Vec<ArrayRef> = vec![
            repeated(Some(host), count),
            repeated(Some(vm), count),
            repeated(uuid, count),
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
            new_null_array(&arrow_schema::DataType::Int64, count),
            text(|event| &event.kind),
            text(|event| &event.text),
        ];
        groups.push(RecordBatch::try_new(table_of(events_table())?.segment_schema(), arrays)?);
    }
    Ok(groups)
}

fn table_of(table: usize) -> Result<&'static Table> {
    let found = TABLES.all.get(table);
    found.ok_or_else(|| StoreError::Columns { reason: "there is no such table".to_owned() })
}

fn repeated(text: Option<&str>, count: usize) -> ArrayRef {
    Arc::new(std::iter::repeat_n(text, count).collect::<StringArray>())
}

pub(crate) fn microseconds(time_ns: u64) -> i64 {
    i64::try_from(time_ns / 1000).unwrap_or(i64::MAX)
}

/// A row group: one guest's rows of a table, those of one thing one after another in time.
fn group(
    host: &str,
    run: u64,
    domain: &DomainIdentity,
    table: &Table,
    own: &Waiting,
) -> Result<RecordBatch> {
    let mut batches = Vec::new();
    let (mut seqs, mut times, mut places, mut boots, mut sections, mut flights) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (entry, batch) in &own.parts {
        batches.push(with_columns(batch, &table.schema)?);
        for row in 0..batch.num_rows() {
            seqs.push(entry.seq.cast_signed());
            times.push(microseconds(entry.time_ns));
            places.push(i32::try_from(row).unwrap_or(i32::MAX));
            boots.push(entry.boot_ns.cast_signed());
            sections.push(entry.sections.cast_signed());
            flights.push(entry.is_of_flight());
        }
    }
    let rows = arrow_select::concat::concat_batches(&table.schema, &batches)?;
    let count = rows.num_rows();
    let mut arrays: Vec<ArrayRef> = vec![
        repeated(Some(host), count),
        repeated(Some(&domain.name), count),
        repeated(domain.uuid.as_deref(), count),
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
        Arc::new(Int64Array::from(seqs)),
    ];
    match table.rows {
        TableRows::Section(_) => arrays.push(Arc::new(Int32Array::from(places))),
        _ => arrays.extend([
            Arc::new(Int64Array::from(boots)) as ArrayRef,
            Arc::new(Int64Array::from(vec![run.cast_signed(); count])),
            Arc::new(Int64Array::from(sections)),
            Arc::new(BooleanArray::from(flights)),
            repeated(Some(&domain.hypervisor), count),
            repeated_labels(domain, count),
        ]),
    }
    arrays.extend(rows.columns().iter().cloned());
    let group = RecordBatch::try_new(table.segment_schema(), arrays)?;
    match table.rows {
        TableRows::Section(_) => {
            let order = UInt32Array::from(order(table, &rows));
            Ok(arrow_select::take::take_record_batch(&group, &order)?)
        }
        _ => Ok(group),
    }
}

/// A column with a guest's labels in each row.
fn repeated_labels(domain: &DomainIdentity, count: usize) -> ArrayRef {
    let texts = || domain.labels.as_ref().map(|labels| labels.iter().map(|one| Some(one.as_str())));
    let mut column = ListBuilder::new(StringBuilder::new()).with_field(element(DataType::Utf8));
    (0..count).for_each(|_| column.append_option(texts()));
    Arc::new(column.finish())
}

/// A batch with these columns, whatever version wrote it: those it lacks are unknown.
pub(crate) fn with_columns(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema().fields() == schema.fields() {
        return Ok(batch.clone());
    }
    let arrays = schema.fields().iter().map(|field| {
        let own =
            batch.column_by_name(field.name()).filter(|own| own.data_type() == field.data_type());
        own.cloned().unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    });
    Ok(RecordBatch::try_new(schema.clone(), arrays.collect())?)
}

/// The order in which rows compress best: by the first number that names them (a process's id), then all rows that are
/// alike in their labels one after another.
fn order(table: &Table, rows: &RecordBatch) -> Vec<u32> {
    let mut sums = vec![0_u64; rows.num_rows()];
    let mut first: Option<Vec<i64>> = None;
    for one in table.columns.iter().filter(|one| names_things(one.column)) {
        let reader = Reader::new(rows.column_by_name(&one.name), one.column);
        let mut add = |row: usize, value: u64| {
            if let Some(sum) = sums.get_mut(row) {
                *sum = (sum.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
            }
        };
        match &reader {
            Reader::Int32(array, _) => {
                array
                    .values()
                    .iter()
                    .enumerate()
                    .for_each(|(row, value)| add(row, value.cast_unsigned().into()));
            }
            Reader::Int64(array, _) => {
                array
                    .values()
                    .iter()
                    .enumerate()
                    .for_each(|(row, value)| add(row, value.cast_unsigned()));
                first.get_or_insert_with(|| array.values().to_vec());
            }
            Reader::Uint64(array) => {
                array.values().iter().enumerate().for_each(|(row, value)| add(row, *value));
            }
            Reader::Text(array) => {
                for (row, text) in array.iter().enumerate() {
                    add(
                        row,
                        text.map_or(0, |text| u64::from(crc32fast::hash(text.as_bytes())) + 1),
                    );
                }
            }
            _ => {}
        }
    }
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let mut keys: Vec<(i64, u32, u32)> = Vec::with_capacity(sums.len());
    for (row, sum) in sums.into_iter().enumerate() {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(sum).or_insert(next);
        let first = first.as_ref().and_then(|all| all.get(row)).copied().unwrap_or(0);
        keys.push((first, number, u32::try_from(row).unwrap_or(u32::MAX)));
    }
    keys.sort_unstable();
    keys.into_iter().map(|(_, _, row)| row).collect()
}

/// True if a column tells one thing from another: a label, but none that comes and goes as states do.
fn names_things(column: &Column) -> bool {
    column.kind == Kind::Label
        && matches!(column.value, Type::Unsigned(_) | Type::Signed(_) | Type::Text)
}

/// The events of a sealed segment.
pub(crate) fn events_of(segment: &Segment) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for group in 0..segment.groups() {
        let rows = segment.read(group, None, &Wanted::All)?;
        let text = |name: &str| rows.column_by_name(name)?.as_any().downcast_ref::<StringArray>();
        let times = rows
            .column_by_name(TS)
            .and_then(|one| one.as_any().downcast_ref::<TimestampMicrosecondArray>());
        let (Some(times), Some(kinds), Some(texts)) = (times, text("kind"), text("text")) else {
            continue;
        };
        let value = |array: Option<&StringArray>, row: usize| {
            array.filter(|one| one.is_valid(row)).map(|one| one.value(row).to_owned())
        };
        for row in 0..rows.num_rows() {
            events.push(Event {
                time_ns: times.value(row).cast_unsigned().saturating_mul(1000),
                vm: value(text(VM), row).unwrap_or_default(),
                vm_uuid: value(text(VM_UUID), row),
                kind: kinds.value(row).to_owned(),
                text: texts.value(row).to_owned(),
            });
        }
    }
    Ok(events)
}
