//! A frame as columns, and its record on a connection: there each stands for itself, and the connection is compressed
//! as a whole.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use nfm_frame::{DomainIdentity, Frame, Section};

use crate::error::Result;
use crate::record::{Record, RecordHead, RecordKind};
use crate::stream::{
    WHOLE_LOG, append_identity, append_table, batches, damaged, identity, ipc_options, sections_of,
    take, take_identity, take_number, take_table,
};
use crate::tables::{FRAMES, TABLES, Table};
use crate::track::table_of;

/// Rows that a table of one frame may have: whoever sends more has something else in mind.
const MOST_ROWS: usize = 4_000_000;
/// Arrow's mark before the length of a message.
const CONTINUATION: u32 = u32::MAX;

/// A frame as columns: those of the version that wrote it.
#[derive(Clone)]
pub struct FrameColumns {
    pub(crate) domain: DomainIdentity,
    pub(crate) head: RecordHead,
    /// Its sections, by their bits.
    pub(crate) sections: u64,
    pub(crate) batches: BTreeMap<usize, RecordBatch>,
    /// Bytes of the record that it was read from.
    pub(crate) bytes: usize,
}

impl FrameColumns {
    /// A frame of the guest of a number, which was not recorded.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn of(vm: u32, frame: &Frame) -> Result<Self> {
        let (kind, seq, wall_ns) = (RecordKind::Columns, frame.seq, frame.time_ns);
        let log = if frame.log.is_some() { WHOLE_LOG } else { 0 };
        Ok(Self {
            domain: frame.domain.clone(),
            head: RecordHead { vm, seq, ..RecordHead::other(kind, wall_ns, 0) },
            sections: sections_of(frame) | log,
            batches: batches(frame)?.into_iter().collect(),
            bytes: 0,
        })
    }

    /// The guest.
    pub fn domain(&self) -> &DomainIdentity {
        &self.domain
    }

    /// Its number and times.
    pub fn head(&self) -> &RecordHead {
        &self.head
    }

    /// Its sections.
    pub fn sections(&self) -> Vec<Section> {
        Section::ALL.into_iter().filter(|one| self.sections & one.bit() != 0).collect()
    }

    /// The rows of all of its tables.
    pub fn rows(&self) -> usize {
        self.batches.values().map(RecordBatch::num_rows).fold(0, usize::saturating_add)
    }

    /// Bytes of the record that it was read from.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its tables that have rows, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&'static str, &RecordBatch)> {
        let all = self.batches.iter();
        all.filter_map(|(index, batch)| Some((TABLES.all.get(*index)?.name, batch)))
    }

    /// The same frame with no sections but these.
    #[must_use]
    pub fn with_only(&self, sections: &[Section]) -> Self {
        let kept = sections.iter().fold(0, |bits, section| bits | section.bit());
        // The bits that are of no section say how to read those that are.
        let all = Section::ALL.iter().fold(0, |bits, section| bits | section.bit());
        let mut batches = self.batches.clone();
        batches.retain(|table, _| {
            *table == FRAMES || sections.iter().any(|section| table_of(*section) == *table)
        });
        let sections = self.sections & (kept | !all);
        let (domain, head, bytes) = (self.domain.clone(), self.head, self.bytes);
        Self { domain, head, sections, batches, bytes }
    }

    /// Appends the frame's record to `out`. It can be read without any other.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let mut payload = Vec::new();
        append_identity(&self.domain, &mut payload)?;
        payload.extend_from_slice(&self.sections.to_le_bytes());
        for (index, batch) in &self.batches {
            let Some(table) = TABLES.all.get(*index) else { continue };
            let schema = batch.schema();
            let mut writer =
                StreamWriter::try_new_with_options(Vec::new(), &schema, ipc_options()?)?;
            writer.write(batch)?;
            append_table(table, writer.get_mut(), &mut payload)?;
        }
        RecordHead { kind: RecordKind::Columns, ..self.head }.write(&payload, out);
        Ok(())
    }

    /// The frame of a record of a connection. Whoever sent it is not believed: what is no frame is an error.
    ///
    /// # Errors
    /// The record holds no frame.
    pub fn read(record: &Record) -> Result<Self> {
        // Crates of Arrow check what they read, and panic where they do not expect it.
        let read = catch_unwind(AssertUnwindSafe(|| Self::parse(record)));
        read.unwrap_or_else(|_| Err(damaged(record, "its columns contradict themselves")))
    }

    fn parse(record: &Record) -> Result<Self> {
        if record.head.kind != RecordKind::Columns {
            return Err(damaged(record, "it is no frame"));
        }
        let domain = identity(record)?;
        let mut rest = record.payload;
        take_identity(&mut rest);
        let sections =
            take_number(&mut rest).ok_or_else(|| damaged(record, "its sections are missing"))?;
        let mut batches = BTreeMap::new();
        while !rest.is_empty() {
            let Some((name, bytes)) = take_table(&mut rest) else {
                return Err(damaged(record, "a table of it is cut off"));
            };
            // A table of a newer version.
            let Some(table) = Table::index(name) else { continue };
            if !is_within(bytes) {
                return Err(damaged(record, "a column of it lies outside of its table"));
            }
            let mut buffer = Buffer::from(bytes);
            if let Some(batch) = StreamDecoder::new().decode(&mut buffer)? {
                if batch.num_rows() > MOST_ROWS {
                    return Err(damaged(record, "it has more rows than any guest"));
                }
                batches.insert(table, batch);
            }
        }
        if batches.get(&FRAMES).is_none_or(|own: &RecordBatch| own.num_rows() != 1) {
            return Err(damaged(record, "it lacks its own row"));
        }
        Ok(Self { domain, head: record.head, sections, batches, bytes: record.payload.len() })
    }
}

/// True if each buffer that a table's messages name lies within them: crate `arrow-ipc` panics where one does not.
fn is_within(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let mut length = take_length(&mut rest);
        if length == Some(CONTINUATION) {
            length = take_length(&mut rest);
        }
        let metadata = length.and_then(|length| take(&mut rest, length as usize));
        let message = match metadata.map(arrow_ipc::root_as_message) {
            // The end of the stream.
            _ if length == Some(0) => return true,
            Some(Ok(message)) => message,
            _ => return false,
        };
        let body = usize::try_from(message.bodyLength()).ok();
        let Some(body) = body.and_then(|body| take(&mut rest, body)) else { return false };
        let buffers = message.header_as_record_batch().and_then(|batch| batch.buffers());
        let is_outside = |buffer: &arrow_ipc::Buffer| {
            let end = buffer.offset().checked_add(buffer.length());
            let is_sound = buffer.offset() >= 0 && buffer.length() >= 0;
            !is_sound
                || end.and_then(|end| usize::try_from(end).ok()).is_none_or(|end| end > body.len())
        };
        if buffers.is_some_and(|buffers| buffers.iter().any(is_outside)) {
            return false;
        }
    }
    true
}

fn take_length(rest: &mut &[u8]) -> Option<u32> {
    take(rest, 4).and_then(|bytes| Some(u32::from_le_bytes(bytes.try_into().ok()?)))
}
