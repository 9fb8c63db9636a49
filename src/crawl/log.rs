//! The section `log`: the kernel's ring buffer since 5.10 (896fbe20b4e2, kernel/printk/printk_ringbuffer.c).
//!
//! A ring of descriptors, each with a record of facts beside it and a block of text in a second ring.

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::{LogRecord, Text};

/// Descriptors are at most so many (`log_buf_len` is at most 2 GiB, kernel/printk/printk.c; a descriptor for 32 bytes).
const MOST_BITS: u64 = 26;
/// Bytes of one record's text (`PRINTKRB_RECORD_MAX` is 1024 and is more than any has).
const LONGEST_TEXT: u64 = 8192;
/// A descriptor's state is in the two highest bits of its state variable.
const STATE_SHIFT: u32 = 62;
/// `desc_finalized` and `desc_committed`: whole records.
const COMMITTED: u64 = 1;
const FINALIZED: u64 = 2;
/// `BLK_DATALESS`: a position that stands for no text.
const NO_TEXT: u64 = 1;

pub(super) fn crawl(reader: &Reader) -> Vec<LogRecord> {
    reader.note("log", records(reader)).unwrap_or_default()
}

fn records(reader: &Reader) -> ReadResult<Vec<LogRecord>> {
    let layout = &reader.layout.log;
    let ring = reader.u64_at(reader.symbol(reader.layout.symbols.prb)?)?;
    let bits = reader.unsigned(ring, layout.ring.desc_bits)?;
    if bits > MOST_BITS {
        return Err(ReadError::Nonsense { what: "the log has too many records", address: ring });
    }
    let count = 1_u64 << bits;
    let tail = reader.unsigned(ring, layout.ring.tail_id)?;
    let head = reader.unsigned(ring, layout.ring.head_id)?;
    let id_mask = (1_u64 << STATE_SHIFT) - 1;
    let length = head.wrapping_sub(tail) & id_mask;
    if length >= count {
        return Err(ReadError::Nonsense { what: "the log's ends do not meet", address: ring });
    }
    let mut rows = Vec::new();
    for step in reader.rows::<LogRecord, _>(0..=length) {
        let id = tail.wrapping_add(step) & id_mask;
        if let Some(row) = reader.note("record", record(reader, ring, id, count)).flatten() {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// One record; `None` for a descriptor that holds none (reserved, or used anew meanwhile).
fn record(reader: &Reader, ring: u64, id: u64, count: u64) -> ReadResult<Option<LogRecord>> {
    let layout = &reader.layout.log;
    let slot = id & (count - 1);
    let descriptors = reader.follow(ring, layout.ring.descs)?;
    let descriptor = descriptors.wrapping_add(slot * u64::from(layout.desc.size));
    let state = reader.unsigned(descriptor, layout.desc.state)?;
    let is_whole = matches!(state >> STATE_SHIFT, COMMITTED | FINALIZED);
    if !is_whole || state & ((1 << STATE_SHIFT) - 1) != id {
        return Ok(None);
    }
    let infos = reader.follow(ring, layout.ring.infos)?;
    let info = infos.wrapping_add(slot * u64::from(layout.info.size));
    let length = reader.unsigned(info, layout.info.text_len)?.min(LONGEST_TEXT);
    let begin = reader.unsigned(descriptor, layout.desc.begin)?;
    let next = reader.unsigned(descriptor, layout.desc.next)?;
    Ok(Some(LogRecord {
        time_ns: reader.unsigned(info, layout.info.ts_nsec)?,
        level: (reader.unsigned(info, layout.info.level)? & 7) as u8,
        text: text(reader, ring, begin, next, length)?,
    }))
}

/// `get_data`: a block that would cross the end of the ring begins at its start instead.
fn text(reader: &Reader, ring: u64, begin: u64, next: u64, length: u64) -> ReadResult<Text> {
    let layout = &reader.layout.log;
    if begin & NO_TEXT != 0 || length == 0 {
        return Ok(Text::default());
    }
    let bits = reader.unsigned(ring, layout.ring.text_bits)?.min(40);
    let size = 1_u64 << bits;
    let wrapped = (begin >> bits) != (next.wrapping_sub(1) >> bits);
    let start = if wrapped { 0 } else { begin & (size - 1) };
    let id_bytes = 8;
    let length = length.min(next.wrapping_sub(1) & (size - 1));
    let data = reader.follow(ring, layout.ring.text_data)?;
    let address = data.wrapping_add(start).wrapping_add(id_bytes);
    let bytes = reader.bytes_at(address, length as usize)?;
    reader.kept(Text::from_bytes(&bytes))
}
