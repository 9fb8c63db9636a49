//! The frames of one guest in one log or one sealed segment.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use arrow_array::{Array, Int32Array, RecordBatch, UInt32Array};
use nfm_frame::{DomainIdentity, Section};

use crate::error::{Result, StoreError};
use crate::layout::{Name, log_folder};
use crate::log::Log;
use crate::parquet_file::{Segment, Wanted, numbers};
use crate::record::{Event, RecordKind};
use crate::stream::{Decoder, FLIGHT, Recorded, WHOLE_LOG, identity, recorded_sections};
use crate::tables::{
    BOOTTIME_NS, FRAMES, HYPERVISOR, LABELS, ROW, SECTIONS, SEQ, TABLES, Table, TableRows,
};

/// One frame, without its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number among those of its guest.
    pub seq: u64,
    /// When it was taken, by the host's wall clock, nanoseconds since 1970.
    pub time_ns: u64,
    /// The same by the host's clock since its boot.
    pub boot_ns: u64,
    /// Its sections, by their bits.
    pub(crate) sections: u64,
    /// The place of its record in the log, or of its row group in the segment.
    at: usize,
    /// The number of its guest's records in the log; 0 in a segment.
    vm: u32,
    /// True for one of a log that can be read without those before.
    is_key: bool,
}

impl Entry {
    /// True if the frame has a section.
    pub fn has(&self, section: Section) -> bool {
        self.sections & section.bit() != 0
    }

    /// True for a frame of the flight recorder, which takes more of them and keeps those around a trigger.
    pub fn is_of_flight(&self) -> bool {
        self.sections & FLIGHT != 0
    }

    pub(crate) fn has_whole_log(&self) -> bool {
        self.sections & WHOLE_LOG != 0
    }
}

/// The frames of one guest, in the order in which they were taken.
#[derive(Clone, Debug)]
pub struct Track {
    /// The guest.
    pub domain: DomainIdentity,
    /// Its frames.
    pub entries: Vec<Entry>,
}

/// An open log or sealed segment.
pub(crate) struct Part {
    pub name: Name,
    content: Content,
}

enum Content {
    Log(Box<Log>, RefCell<Option<Cursor>>),
    Sealed { store: PathBuf, frames: Segment },
}

/// Rows by table, and the rows of `frames` by the number of their frame.
#[derive(Default)]
pub(crate) struct Loaded {
    pub frames: HashMap<u64, (RecordBatch, usize)>,
    /// Each with the number of the frame that the rows are of, in the order of the frames.
    pub tables: BTreeMap<usize, Vec<(u64, RecordBatch)>>,
}

impl Part {
    /// Opens a log or a sealed segment by its name.
    pub(crate) fn open(store: &Path, name: &Name) -> Result<Self> {
        let content = match name.to_s {
            None => {
                let log = Log::read(&log_folder(store).join(name.file()))?;
                Content::Log(Box::new(log), RefCell::default())
            }
            Some(_) => {
                let frames = Segment::open(&name.path(store, table_name(FRAMES)))?;
                Content::Sealed { store: store.to_owned(), frames }
            }
        };
        Ok(Self { name: name.clone(), content })
    }

    /// The highest number of a frame, in it and before it.
    pub(crate) fn highest(&self) -> u64 {
        match &self.content {
            Content::Log(log, _) => log.highest(),
            Content::Sealed { frames, .. } => frames.highest(),
        }
    }

    /// True if the file holds no more than what was read of it: a log grows.
    pub(crate) fn is_current(&self, store: &Path) -> bool {
        match &self.content {
            Content::Log(log, _) => {
                let path = log_folder(store).join(self.name.file());
                std::fs::metadata(path).is_ok_and(|file| file.len() == log.bytes() as u64)
            }
            Content::Sealed { .. } => true,
        }
    }

    /// The guests, each with its frames. A guest that was renamed meanwhile is two.
    pub(crate) fn tracks(&self, domain: Option<&str>) -> Result<Vec<Track>> {
        let mut tracks = match &self.content {
            Content::Log(log, _) => log_tracks(log).0,
            Content::Sealed { frames, .. } => sealed_tracks(frames, domain)?,
        };
        if let Some(domain) = domain {
            tracks.retain(|track| is_named(&track.domain, domain));
        }
        Ok(tracks)
    }

    /// The rows of tables for these frames of a guest, each by its index.
    pub(crate) fn load(
        &self,
        track: &Track,
        wanted: &BTreeMap<usize, Vec<usize>>,
    ) -> Result<Loaded> {
        match &self.content {
            Content::Log(log, cursor) => {
                load_from_log(log, &mut cursor.borrow_mut(), track, wanted)
            }
            Content::Sealed { store, frames } => {
                load_sealed(&self.name, store, frames, track, wanted)
            }
        }
    }

    /// The rows of a table as segments have them, of a guest or of all.
    pub(crate) fn batches(
        &self,
        store: &Path,
        table: &Table,
        columns: Option<&[&str]>,
        domain: Option<&str>,
    ) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        match &self.content {
            Content::Log(log, _) if table.rows == TableRows::Events => {
                batches = crate::seal::event_groups(&self.name.host, &log_events(log))?;
            }
            Content::Log(log, _) => {
                let (host, run) = (&self.name.host, self.name.run);
                for track in self.tracks(domain)? {
                    crate::seal::each_group(log, &track, host, run, Some(table), |_, rows| {
                        batches.push(rows.clone());
                        Ok(())
                    })?;
                }
            }
            Content::Sealed { .. } => {
                let segment = match Segment::open(&self.name.path(store, table.name)) {
                    Ok(segment) => segment,
                    Err(error) if error.is_not_found() => return Ok(batches),
                    Err(error) => return Err(error),
                };
                for group in 0..segment.groups() {
                    let guest = segment.guest(group);
                    let is_own = domain.is_none_or(|domain| {
                        guest.is_some_and(|(name, uuid)| {
                            name == domain || uuid.as_deref() == Some(domain)
                        })
                    });
                    if is_own {
                        batches.push(segment.read(group, columns, &Wanted::All)?);
                    }
                }
            }
        }
        Ok(batches)
    }

    /// The events.
    pub(crate) fn events(&self) -> Result<Vec<Event>> {
        match &self.content {
            Content::Log(log, _) => Ok(log_events(log)),
            Content::Sealed { store, .. } => {
                let table = events_table();
                let path = self.name.path(store, table_name(table));
                match Segment::open(&path) {
                    Ok(segment) => crate::seal::events_of(&segment),
                    Err(error) if error.is_not_found() => Ok(Vec::new()),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

pub(crate) fn events_table() -> usize {
    TABLES.all.iter().position(|one| one.rows == TableRows::Events).unwrap_or(FRAMES)
}

pub(crate) fn table_name(table: usize) -> &'static str {
    TABLES.all.get(table).map_or("frames", |one| one.name)
}

fn is_named(domain: &DomainIdentity, name: &str) -> bool {
    domain.name == name || domain.uuid.as_deref() == Some(name)
}

/// The events of a log.
pub(crate) fn log_events(log: &Log) -> Vec<Event> {
    let events = log.records().filter(|(_, record)| record.head.kind == RecordKind::Event);
    events.filter_map(|(_, record)| serde_json::from_slice(record.payload).ok()).collect()
}

/// The guests of a log with the frames that can be read, and for each guest with others how many were lost.
pub(crate) fn log_tracks(log: &Log) -> (Vec<Track>, Vec<(DomainIdentity, u64)>) {
    let mut tracks: Vec<Track> = Vec::new();
    // For each number of a guest: its track, and the place of the record that can be read next.
    let mut current: HashMap<u32, (usize, Option<u64>)> = HashMap::new();
    let mut last: HashMap<u32, u64> = HashMap::new();
    let mut lost: BTreeMap<usize, u64> = BTreeMap::new();
    for (at, record) in log.records() {
        let head = record.head;
        let is_readable = match head.kind {
            RecordKind::Key => {
                let Ok(domain) = identity(&record) else { continue };
                let known = tracks.iter().position(|track| track.domain == domain);
                let index = known.unwrap_or(tracks.len());
                if known.is_none() {
                    tracks.push(Track { domain, entries: Vec::new() });
                }
                current.insert(head.vm, (index, None));
                true
            }
            RecordKind::Frame => {
                current.get(&head.vm).is_some_and(|(_, next)| *next == Some(head.order()))
            }
            _ => continue,
        };
        let Some((index, next)) = current.get_mut(&head.vm) else { continue };
        // A record that is not there, and those that cannot be read without it.
        let before = last.insert(head.vm, head.order());
        let missing = before.map_or(0, |last| head.order().saturating_sub(last).saturating_sub(1));
        *lost.entry(*index).or_default() += missing + u64::from(!is_readable);
        let (Some(sections), true) = (recorded_sections(&record), is_readable) else { continue };
        *next = head.order().checked_add(1);
        if let Some(track) = tracks.get_mut(*index) {
            let (seq, time_ns, boot_ns, vm) = (head.seq, head.wall_ns, head.boot_ns, head.vm);
            let is_key = head.kind == RecordKind::Key;
            track.entries.push(Entry { seq, time_ns, boot_ns, sections, at, vm, is_key });
        }
    }
    // The flight recorder's frames are written later than those among which they were taken.
    tracks.iter_mut().for_each(|track| track.entries.sort_by_key(|entry| entry.seq));
    let lost = lost.into_iter().filter(|(_, count)| *count > 0);
    let lost = lost.filter_map(|(index, count)| Some((tracks.get(index)?.domain.clone(), count)));
    let lost = lost.collect();
    (tracks, lost)
}

/// The decoders of a guest's frames, by the numbers of its records, each with the index of the frame after the last that
/// it decoded.
#[derive(Default)]
pub(crate) struct Cursor {
    domain: DomainIdentity,
    decoders: HashMap<u32, (usize, Decoder)>,
}

/// Decodes frames of a guest, by their indices in its track, and gives each to `each`. Goes on where the last call
/// ended, if that is on the way; else it begins at the key before the first.
pub(crate) fn decode_from_log(
    log: &Log,
    track: &Track,
    indices: std::ops::RangeInclusive<usize>,
    last: &mut Option<Cursor>,
    mut each: impl FnMut(usize, Recorded) -> Result<()>,
) -> Result<()> {
    let (start, end) = (*indices.start(), *indices.end());
    let mut cursor = last.take().filter(|cursor| cursor.domain == track.domain).unwrap_or_default();
    cursor.domain.clone_from(&track.domain);
    // The first frame to decode, for each number of which records are wanted.
    let mut froms: HashMap<u32, usize> = HashMap::new();
    for entry in track.entries.get(indices).unwrap_or_default() {
        if froms.contains_key(&entry.vm) {
            continue;
        }
        let before = track.entries.iter().enumerate().take(start.saturating_add(1)).rev();
        let key = before.filter(|(_, one)| one.vm == entry.vm).find(|(_, one)| one.is_key);
        let key = key.map_or(0, |(index, _)| index);
        let next = cursor.decoders.get(&entry.vm).map(|(next, _)| *next);
        let from = match next.filter(|next| (key.saturating_add(1)..=start).contains(next)) {
            Some(next) => next,
            None => {
                cursor.decoders.insert(entry.vm, (key, Decoder::new()?));
                key
            }
        };
        froms.insert(entry.vm, from);
    }
    let from = froms.values().min().copied().unwrap_or(start);
    for index in from..=end {
        let Some(entry) = track.entries.get(index) else { continue };
        let Some(record) = log.record(entry.at) else { continue };
        if froms.get(&entry.vm).is_none_or(|from| index < *from) {
            continue;
        }
        let Some((next, decoder)) = cursor.decoders.get_mut(&entry.vm) else { continue };
        *next = index.saturating_add(1);
        if let (Some(recorded), true) = (decoder.decode(&record)?, index >= start) {
            each(index, recorded)?;
        }
    }
    *last = Some(cursor);
    Ok(())
}

fn load_from_log(
    log: &Log,
    cursor: &mut Option<Cursor>,
    track: &Track,
    wanted: &BTreeMap<usize, Vec<usize>>,
) -> Result<Loaded> {
    let all = || wanted.values().flatten().copied();
    let (Some(first), Some(last)) = (all().min(), all().max()) else {
        return Ok(Loaded::default());
    };
    let mut loaded = Loaded::default();
    decode_from_log(log, track, first..=last, cursor, |index, mut recorded| {
        for (table, _) in wanted.iter().filter(|(_, indices)| indices.contains(&index)) {
            let Some(batch) = recorded.batches.remove(table) else { continue };
            match *table {
                FRAMES => drop(loaded.frames.insert(recorded.head.seq, (batch, 0))),
                table => loaded.tables.entry(table).or_default().push((recorded.head.seq, batch)),
            }
        }
        Ok(())
    })?;
    Ok(loaded)
}

fn sealed_tracks(frames: &Segment, domain: Option<&str>) -> Result<Vec<Track>> {
    let mut tracks: Vec<Track> = Vec::new();
    for group in 0..frames.groups() {
        let Some((name, uuid)) = frames.guest(group) else { continue };
        let mut own = DomainIdentity { name, uuid, ..DomainIdentity::default() };
        if domain.is_some_and(|domain| !is_named(&own, domain)) {
            continue;
        }
        let columns = [SEQ, "time_ns", BOOTTIME_NS, SECTIONS, HYPERVISOR, LABELS];
        let rows = frames.read(group, Some(&columns), &Wanted::All)?;
        if let Some(hypervisor) = rows.column_by_name(HYPERVISOR).and_then(|one| {
            let one = one.as_any().downcast_ref::<arrow_array::StringArray>()?;
            one.iter().next().flatten()
        }) {
            own.hypervisor = hypervisor.to_owned();
        }
        own.labels = rows.column_by_name(LABELS).and_then(|one| {
            let one = one.as_any().downcast_ref::<arrow_array::ListArray>()?.iter().next()??;
            let one = one.as_any().downcast_ref::<arrow_array::StringArray>()?;
            Some(one.iter().flatten().map(nfm_frame::Text::from).collect())
        });
        let column =
            |name| numbers(&rows, name).into_iter().flatten().map(|one| one.cast_unsigned());
        let known = tracks.iter().position(|track| track.domain == own);
        let index = known.unwrap_or(tracks.len());
        if known.is_none() {
            tracks.push(Track { domain: own, entries: Vec::new() });
        }
        let Some(track) = tracks.get_mut(index) else { continue };
        let times = column("time_ns").zip(column(BOOTTIME_NS));
        for ((seq, (time_ns, boot_ns)), sections) in column(SEQ).zip(times).zip(column(SECTIONS)) {
            let (at, vm, is_key) = (group, 0, false);
            track.entries.push(Entry { seq, time_ns, boot_ns, sections, at, vm, is_key });
        }
    }
    Ok(tracks)
}

fn load_sealed(
    name: &Name,
    store: &Path,
    frames: &Segment,
    track: &Track,
    wanted: &BTreeMap<usize, Vec<usize>>,
) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    for (table, indices) in wanted {
        let entries: Vec<&Entry> =
            indices.iter().filter_map(|index| track.entries.get(*index)).collect();
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        let Some(definition) = TABLES.all.get(*table) else { continue };
        let mut columns: Vec<&str> =
            definition.columns.iter().map(|one| one.name.as_str()).collect();
        columns.push(SEQ);
        if *table == FRAMES {
            let mut groups: Vec<usize> = entries.iter().map(|entry| entry.at).collect();
            groups.sort_unstable();
            groups.dedup();
            for group in groups {
                let rows = frames.read(group, Some(&columns), &Wanted::Frames(&seqs))?;
                for (row, seq) in numbers(&rows, SEQ).into_iter().flatten().enumerate() {
                    loaded.frames.insert(seq.cast_unsigned(), (rows.clone(), row));
                }
            }
            continue;
        }
        let segment = match Segment::open(&name.path(store, definition.name)) {
            Ok(segment) => segment,
            // No frame of the segment has a row of it.
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        columns.push(ROW);
        let mut parts = Vec::new();
        for group in 0..segment.groups() {
            let guest = segment.guest(group);
            let is_own = guest
                .is_some_and(|(name, uuid)| name == track.domain.name && uuid == track.domain.uuid);
            if is_own {
                parts.push(segment.read(group, Some(&columns), &Wanted::Frames(&seqs))?);
            }
        }
        if let Some(first) = parts.first() {
            let all = arrow_select::concat::concat_batches(&first.schema(), &parts)?;
            loaded.tables.insert(*table, by_frame(&in_order(&all)?));
        }
    }
    Ok(loaded)
}

/// Rows in the order in which their frames had them.
fn in_order(rows: &RecordBatch) -> Result<RecordBatch> {
    let places = rows.column_by_name(ROW).and_then(|one| one.as_any().downcast_ref::<Int32Array>());
    let (Some(seqs), Some(places)) = (numbers(rows, SEQ), places) else {
        return Err(StoreError::Columns { reason: "rows without a place were met".to_owned() });
    };
    let mut order: Vec<(i64, i32, u32)> = seqs
        .iter()
        .zip(places.values())
        .zip(0..)
        .map(|((seq, row), at)| (*seq, *row, at))
        .collect();
    order.sort_unstable();
    let order: UInt32Array = order.into_iter().map(|(_, _, at)| at).collect();
    Ok(arrow_select::take::take_record_batch(rows, &order)?)
}

/// Rows that are in order, cut into those of each frame.
fn by_frame(rows: &RecordBatch) -> Vec<(u64, RecordBatch)> {
    let seqs = numbers(rows, SEQ).unwrap_or_default();
    let mut frames = Vec::new();
    let mut from = 0;
    for own in seqs.chunk_by(|a, b| a == b) {
        let seq = own.first().copied().unwrap_or(0).cast_unsigned();
        frames.push((seq, rows.slice(from, own.len())));
        from = from.saturating_add(own.len());
    }
    frames
}

/// The tables that hold a section: its own, or `frames`.
pub(crate) fn table_of(section: Section) -> usize {
    Table::index(section.name()).unwrap_or(FRAMES)
}
