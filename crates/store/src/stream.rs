//! The frames of one guest as a stream of records: Arrow columns in one zstd stream, which begins anew every 60
//! frames, so that damage costs no more than those.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::MetadataVersion;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use nfm_frame::column::{Row, Value};
use nfm_frame::{DomainIdentity, Frame, LogRecord, Section};
use zstd::stream::raw::{self, CParameter, InBuffer, Operation, OutBuffer};

use crate::columns::Builder;
use crate::error::{Result, StoreError};
use crate::frame_columns::FrameColumns;
use crate::record::{Record, RecordHead, RecordKind};
use crate::tables::{FRAMES, Place, TABLES, Table};

/// Frames from one key record to the next.
pub const KEY_PERIOD: u32 = 60;
/// A guest that was silent for so long begins with a key: its log may be another by then.
const LONGEST_SILENCE_NS: u64 = 5_000_000_000;
/// How far back a frame is compressed by those before it: a quarter of a MiB for each guest, at both ends.
const WINDOW_LOG: u32 = 18;
const LEVEL: i32 = 3;
/// A bit of a record's sections: its kernel log is all that there was, not only what is new.
pub(crate) const WHOLE_LOG: u64 = 1 << 62;
/// A bit of a record's sections: the frame is one of the flight recorder's, which are there around a trigger alone.
pub(crate) const FLIGHT: u64 = 1 << 61;
/// Bytes that one frame's columns may have when they are decompressed.
const LARGEST_FRAME: usize = 1 << 30;

/// The encoder of one guest.
pub struct Encoder {
    vm: u32,
    domain: DomainIdentity,
    compressor: raw::Encoder<'static>,
    /// One stream of columns for each table, each begun when its section is first there.
    writers: BTreeMap<usize, StreamWriter<Vec<u8>>>,
    since_key: u32,
    slot: u64,
    last_ns: u64,
    seq: u64,
    /// Records so far.
    place: u32,
    /// Bits that the sections of every record have.
    marks: u64,
    /// The newest record of the kernel's log that is stored.
    last_log: Option<LogRecord>,
}

impl Encoder {
    /// The encoder of a guest, by its number in this run; its frames are numbered on from `seq`.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn new(vm: u32, domain: DomainIdentity, seq: u64) -> Result<Self> {
        let compressor = compressor().map_err(failed)?;
        let (writers, since_key, slot, last_ns) = (BTreeMap::new(), KEY_PERIOD, 0, 0);
        let (place, marks, last_log) = (0, 0, None);
        Ok(Self {
            vm,
            domain,
            compressor,
            writers,
            since_key,
            slot,
            last_ns,
            seq,
            place,
            marks,
            last_log,
        })
    }

    /// The encoder of a guest's frames that the flight recorder takes, by a number of its own. They lie between those of
    /// the guest's other encoder: [`Self::number_on`] keeps their numbers apart.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn of_flight(vm: u32, domain: DomainIdentity, seq: u64) -> Result<Self> {
        Ok(Self { marks: FLIGHT, ..Self::new(vm, domain, seq)? })
    }

    /// The next frame's number is the one after this: those up to it were given to frames elsewhere.
    pub fn number_on(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// The next frame begins anew: those before it did not all arrive.
    pub fn begin_anew(&mut self) {
        self.since_key = KEY_PERIOD;
    }

    /// Appends a frame's record to `out`. Of the kernel's log it keeps what is new since the last frame, and all of it in
    /// the first frame of a log. Returns the frame's number.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn encode(&mut self, frame: &mut Frame, boot_ns: u64, out: &mut Vec<u8>) -> Result<u64> {
        let slot = crate::layout::slot(frame.time_ns);
        let is_first = slot != self.slot
            || self.last_ns.abs_diff(frame.time_ns) > LONGEST_SILENCE_NS
            || frame.domain != self.domain;
        let is_key = is_first || self.since_key >= KEY_PERIOD;
        if is_key {
            self.domain = frame.domain.clone();
            self.writers.clear();
            self.compressor.reinit().map_err(failed)?;
            self.since_key = 0;
        }
        self.since_key = self.since_key.saturating_add(1);
        (self.slot, self.last_ns) = (slot, frame.time_ns);
        self.seq = self.seq.saturating_add(1);
        frame.seq = self.seq;
        let mut sections = sections_of(frame) | self.marks;
        if let Some(log) = &mut frame.log {
            let last = if is_first { None } else { self.last_log.take() };
            let known = last.and_then(|last| log.iter().rposition(|record| *record == last));
            self.last_log = log.last().cloned();
            match known {
                Some(known) => drop(log.drain(..=known)),
                None => sections |= WHOLE_LOG,
            }
        }
        let columns = self.columns(frame)?;
        let mut payload = Vec::with_capacity(columns.len() / 16 + 64);
        if is_key {
            append_identity(&self.domain, &mut payload)?;
        }
        payload.extend_from_slice(&sections.to_le_bytes());
        compress(&mut self.compressor, &columns, &mut payload).map_err(failed)?;
        let kind = if is_key { RecordKind::Key } else { RecordKind::Frame };
        self.place = self.place.saturating_add(1);
        let (vm, place, seq, wall_ns) = (self.vm, self.place, self.seq, frame.time_ns);
        RecordHead { kind, vm, place, seq, wall_ns, boot_ns }.write(&payload, out);
        Ok(self.seq)
    }

    /// The frame's tables, each with its name and the bytes of its stream.
    fn columns(&mut self, frame: &Frame) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        for (index, batch) in batches(frame)? {
            let Some(table) = TABLES.all.get(index) else { continue };
            let writer = match self.writers.entry(index) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let (schema, options) = (&table.schema, ipc_options()?);
                    entry.insert(StreamWriter::try_new_with_options(Vec::new(), schema, options)?)
                }
            };
            writer.write(&batch)?;
            append_table(table, writer.get_mut(), &mut all)?;
        }
        Ok(all)
    }
}

pub(crate) fn ipc_options() -> Result<IpcWriteOptions> {
    Ok(IpcWriteOptions::try_new(8, false, MetadataVersion::V5)?)
}

/// Appends a table's name and moves its bytes behind it.
pub(crate) fn append_table(table: &Table, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| StoreError::Columns {
        reason: format!("the frame's {} take more than 4 GiB", table.name),
    })?;
    out.push(u8::try_from(table.name.len()).unwrap_or(0));
    out.extend_from_slice(table.name.as_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.append(bytes);
    Ok(())
}

/// The name and the bytes of the next table; `None` where it is cut off.
pub(crate) fn take_table<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, &'a [u8])> {
    let name = take(rest, 1).map_or(0, little_endian);
    let name = str::from_utf8(take(rest, name as usize)?).ok()?;
    let length = take(rest, 4).map(little_endian)?;
    Some((name, take(rest, length as usize)?))
}

/// Appends a guest's identity.
pub(crate) fn append_identity(domain: &DomainIdentity, out: &mut Vec<u8>) -> Result<()> {
    let identity = nfm_frame::json(domain, false);
    let length = u16::try_from(identity.len()).map_err(|_| StoreError::Columns {
        reason: "a domain's name is longer than any".to_owned(),
    })?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(identity.as_bytes());
    Ok(())
}

/// The text of a guest's identity.
pub(crate) fn take_identity<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take(rest, 2).map(little_endian)?;
    take(rest, length as usize)
}

/// The next number of 64 bits.
pub(crate) fn take_number(rest: &mut &[u8]) -> Option<u64> {
    take(rest, 8).map(little_endian)
}

fn compressor() -> std::io::Result<raw::Encoder<'static>> {
    let mut compressor = raw::Encoder::new(LEVEL)?;
    // Tables of half a MiB for each guest at most.
    for parameter in
        [CParameter::WindowLog(WINDOW_LOG), CParameter::HashLog(15), CParameter::ChainLog(15)]
    {
        compressor.set_parameter(parameter)?;
    }
    Ok(compressor)
}

fn failed(error: std::io::Error) -> StoreError {
    StoreError::Columns { reason: error.to_string() }
}

/// The sections that a frame has, by their bits.
pub(crate) fn sections_of(frame: &Frame) -> u64 {
    let own = Section::ALL.into_iter().filter(|section| frame.has(*section));
    own.fold(0, |all, section| all | section.bit())
}

/// A frame's rows by table.
pub(crate) fn batches(frame: &Frame) -> Result<Vec<(usize, RecordBatch)>> {
    let mut own: Vec<Value> = Vec::new();
    let mut all = Vec::new();
    let values = frame.values();
    for (value, (place, column)) in
        values.into_iter().zip(TABLES.places.iter().zip(<Frame as Row>::COLUMNS))
    {
        match (place, value) {
            (Place::Envelope, _) => {}
            (Place::Column(_), value) => own.push(value),
            (Place::Columns(_), Value::Row(values)) => own.extend(values),
            (Place::Columns(_), _) => {
                if let nfm_frame::column::Type::Row(columns) = column.value {
                    own.extend(columns.iter().map(|_| Value::Null));
                }
            }
            // The record's sections tell an empty table from one that is not there.
            (Place::Table(table), Value::Rows(rows)) if !rows.is_empty() => {
                all.push((*table, batch(*table, &rows)?));
            }
            (Place::Table(table), Value::Row(row)) => all.push((*table, batch(*table, &[row])?)),
            (Place::Table(_), _) => {}
        }
    }
    all.insert(0, (FRAMES, batch(FRAMES, &[own])?));
    Ok(all)
}

fn batch(table: usize, rows: &[Vec<Value>]) -> Result<RecordBatch> {
    let Some(table) = TABLES.all.get(table) else {
        return Err(StoreError::Columns { reason: "there is no such table".to_owned() });
    };
    let builders = table.columns.iter().map(|one| Builder::new(one.column, rows.len()));
    let mut builders: Vec<Builder> = builders.collect();
    for row in rows {
        builders.iter_mut().zip(row).for_each(|(builder, value)| builder.push(value));
    }
    let arrays = builders.iter_mut().map(Builder::finish).collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(table.schema.clone(), arrays)?)
}

fn compress(
    compressor: &mut raw::Encoder<'static>,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut input = InBuffer::around(bytes);
    let mut room = vec![0; 64 << 10];
    loop {
        let mut output = OutBuffer::around(room.as_mut_slice());
        let left = match input.pos() < bytes.len() {
            true => {
                compressor.run(&mut input, &mut output)?;
                1
            }
            false => compressor.flush(&mut output)?,
        };
        out.extend_from_slice(output.as_slice());
        if left == 0 {
            return Ok(());
        }
    }
}

/// A frame as it was recorded, by tables.
pub(crate) struct Recorded {
    pub head: RecordHead,
    /// Its sections, by their bits.
    pub sections: u64,
    pub batches: BTreeMap<usize, RecordBatch>,
}

/// The decoder of one guest.
pub struct Decoder {
    decompressor: raw::Decoder<'static>,
    readers: BTreeMap<usize, StreamDecoder>,
    domain: Option<DomainIdentity>,
    /// The place of the record that can be read next; `None` until a key is met.
    next: Option<u64>,
}

impl Decoder {
    /// A decoder, which begins at a key record.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn new() -> Result<Self> {
        let mut decompressor = raw::Decoder::new().map_err(failed)?;
        decompressor.set_parameter(raw::DParameter::WindowLogMax(WINDOW_LOG)).map_err(failed)?;
        Ok(Self { decompressor, readers: BTreeMap::new(), domain: None, next: None })
    }

    /// The guest, once a key record was met.
    pub fn domain(&self) -> Option<&DomainIdentity> {
        self.domain.as_ref()
    }

    /// The frame of a record, as columns; `None` where a record that it needs was not there.
    ///
    /// # Errors
    /// The record holds no frame of this version.
    pub fn columns(&mut self, record: &Record) -> Result<Option<FrameColumns>> {
        let Some(Recorded { head, sections, batches }) = self.decode(record)? else {
            return Ok(None);
        };
        let domain = self.domain.clone().unwrap_or_default();
        let bytes = record.payload.len();
        Ok(Some(FrameColumns { domain, head, sections, batches, bytes }))
    }

    /// The same by tables.
    pub(crate) fn decode(&mut self, record: &Record) -> Result<Option<Recorded>> {
        let decoded = self.frame(record);
        if !matches!(decoded, Ok(Some(_))) {
            self.next = None;
        }
        decoded
    }

    fn frame(&mut self, record: &Record) -> Result<Option<Recorded>> {
        let mut rest = record.payload;
        match record.head.kind {
            RecordKind::Key => {
                self.domain = Some(identity(record)?);
                take_identity(&mut rest);
                self.readers.clear();
                self.decompressor.reinit().map_err(failed)?;
            }
            RecordKind::Frame if self.next == Some(record.head.order()) => {}
            _ => return Ok(None),
        }
        self.next = record.head.order().checked_add(1);
        let damaged = |reason: &str| damaged(record, reason);
        let sections = take_number(&mut rest).ok_or_else(|| damaged("its sections are missing"))?;
        let bytes = self.decompressed(rest, record)?;
        let mut rest = bytes.as_slice();
        let mut batches = BTreeMap::new();
        while !rest.is_empty() {
            let Some((name, bytes)) = take_table(&mut rest) else {
                return Err(damaged("a table of it is cut off"));
            };
            // A table of a newer version.
            let Some(table) = Table::index(name) else { continue };
            let reader = self.readers.entry(table).or_default();
            let mut buffer = Buffer::from(bytes);
            if let Some(batch) = reader.decode(&mut buffer)? {
                batches.insert(table, batch);
            }
        }
        Ok(Some(Recorded { head: record.head, sections, batches }))
    }

    fn decompressed(&mut self, bytes: &[u8], record: &Record) -> Result<Vec<u8>> {
        let mut input = InBuffer::around(bytes);
        let mut all = Vec::with_capacity(bytes.len().saturating_mul(8));
        let mut room = vec![0; 64 << 10];
        loop {
            let mut output = OutBuffer::around(room.as_mut_slice());
            self.decompressor.run(&mut input, &mut output).map_err(failed)?;
            let part = output.as_slice();
            all.extend_from_slice(part);
            if all.len() > LARGEST_FRAME {
                return Err(damaged(record, "it is larger than any frame"));
            }
            // With room left, all that the input holds was given out.
            if input.pos() == bytes.len() && part.len() < 64 << 10 {
                return Ok(all);
            }
        }
    }
}

/// The guest that a key record names.
pub(crate) fn identity(record: &Record) -> Result<DomainIdentity> {
    let text = take_identity(&mut &*record.payload).unwrap_or_default();
    serde_json::from_slice(text).map_err(|error| damaged(record, &error.to_string()))
}

/// True if a record is one of the flight recorder's frames.
pub fn is_of_flight(record: &Record) -> bool {
    let is_frame = matches!(record.head.kind, RecordKind::Key | RecordKind::Frame);
    is_frame && recorded_sections(record).is_some_and(|sections| sections & FLIGHT != 0)
}

/// The sections that a record of a frame has.
pub(crate) fn recorded_sections(record: &Record) -> Option<u64> {
    let mut rest = record.payload;
    if record.head.kind == RecordKind::Key {
        take_identity(&mut rest)?;
    }
    take_number(&mut rest)
}

pub(crate) fn damaged(record: &Record, reason: &str) -> StoreError {
    let RecordHead { vm, seq, .. } = record.head;
    StoreError::Damaged { place: format!("frame {seq} of guest {vm}"), reason: reason.to_owned() }
}

pub(crate) fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (first, others) = rest.split_at_checked(length)?;
    *rest = others;
    Some(first)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
