//! The section `log`: the kernel's ring buffer since 5.10 (896fbe20b4e2, kernel/printk/printk_ringbuffer.c).
//!
//! A ring of descriptors, each with a record of facts beside it and a block of text in a second ring.

use super::reader::{Context, ReadError, ReadResult};
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

pub(super) fn crawl(context: &Context) -> Vec<LogRecord> {
    context.note("log", records(context)).unwrap_or_default()
}

fn records(context: &Context) -> ReadResult<Vec<LogRecord>> {
    let layout = &context.layout.log;
    let ring = context.u64_at(context.symbol(context.layout.symbols.prb)?)?;
    let bits = context.unsigned(ring, layout.ring.desc_bits)?;
    if bits > MOST_BITS {
        return Err(ReadError::Nonsense { what: "the log has too many records", address: ring });
    }
    let count = 1_u64 << bits;
    let tail = context.unsigned(ring, layout.ring.tail_id)?;
    let head = context.unsigned(ring, layout.ring.head_id)?;
    let id_mask = (1_u64 << STATE_SHIFT) - 1;
    let length = head.wrapping_sub(tail) & id_mask;
    if length >= count {
        return Err(ReadError::Nonsense { what: "the log's ends do not meet", address: ring });
    }
    let mut rows = Vec::new();
    for step in context.rows::<LogRecord, _>(0..=length) {
        let id = tail.wrapping_add(step) & id_mask;
        if let Some(row) = context.note("record", record(context, ring, id, count)).flatten() {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// One record; `None` for a descriptor that holds none (reserved, or used anew meanwhile).
fn record(context: &Context, ring: u64, id: u64, count: u64) -> ReadResult<Option<LogRecord>> {
    let layout = &context.layout.log;
    let slot = id & (count - 1);
    let descriptors = context.follow(ring, layout.ring.descs)?;
    let descriptor = descriptors.wrapping_add(slot * u64::from(layout.desc.size));
    let state = context.unsigned(descriptor, layout.desc.state)?;
    let is_whole = matches!(state >> STATE_SHIFT, COMMITTED | FINALIZED);
    if !is_whole || state & ((1 << STATE_SHIFT) - 1) != id {
        return Ok(None);
    }
    let infos = context.follow(ring, layout.ring.infos)?;
    let info = infos.wrapping_add(slot * u64::from(layout.info.size));
    let length = context.unsigned(info, layout.info.text_len)?.min(LONGEST_TEXT);
    let begin = context.unsigned(descriptor, layout.desc.begin)?;
    let next = context.unsigned(descriptor, layout.desc.next)?;
    Ok(Some(LogRecord {
        time_ns: context.unsigned(info, layout.info.ts_nsec)?,
        level: (context.unsigned(info, layout.info.level)? & 7) as u8,
        text: text(context, ring, begin, next, length)?,
    }))
}

/// `get_data`: a block that would cross the end of the ring begins at its start instead.
fn text(context: &Context, ring: u64, begin: u64, next: u64, length: u64) -> ReadResult<Text> {
    let layout = &context.layout.log;
    if begin & NO_TEXT != 0 || length == 0 {
        return Ok(Text::default());
    }
    let bits = context.unsigned(ring, layout.ring.text_bits)?.min(40);
    let size = 1_u64 << bits;
    let wrapped = (begin >> bits) != (next.wrapping_sub(1) >> bits);
    let start = if wrapped { 0 } else { begin & (size - 1) };
    let id_bytes = 8;
    let length = length.min(next.wrapping_sub(1) & (size - 1));
    let data = context.follow(ring, layout.ring.text_data)?;
    let address = data.wrapping_add(start).wrapping_add(id_bytes);
    let bytes = context.bytes_at(address, length as usize)?;
    context.kept(Text::from_bytes(&bytes))
}
