//! The formats of LiME (doc/README.md of LiME) and of AVML, plain and compressed (src/image.rs of microsoft/avml):
//! each run of RAM behind a header that names its first and last guest-physical address.
//!
//! A compressed run is a stream of Snappy chunks (framing_format.txt of google/snappy) of 64 KiB at most, behind
//! which its length stands. The stream is read through once when it is opened, to note where each chunk lies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::content::{Content, Dump, u32_at, u64_at};
use super::extents::{Extent, Extents, Plain};
use super::open::DumpFile;
use crate::resolve::joined;

/// The first bytes of a run that is kept as it is: the magic number 0x4c694d45.
pub(super) const LIME: &[u8] = b"EMiL";
/// The first bytes of a compressed run.
pub(super) const AVML: &[u8] = b"AVML";
/// Bytes of a run's header.
const HEADER: usize = 32;
/// Runs; AVML writes one for every 16 MiB.
const MOST_RUNS: usize = 1 << 20;
/// Chunks of compressed runs: 1 TiB.
const MOST_CHUNKS: usize = 1 << 24;
/// The most bytes that a chunk holds.
const LONGEST_CHUNK: usize = 1 << 16;
/// The most bytes that a chunk takes: what cannot be compressed grows a little.
const LONGEST_PACKED: usize = LONGEST_CHUNK + LONGEST_CHUNK / 6 + 32;
/// Bytes of a chunk's header, and of the checksum behind it.
const CHUNK_HEADER: u64 = 4;
const CHECKSUM: u64 = 4;
/// Chunks that are kept once they were unpacked.
const MOST_KEPT: usize = 64;

/// Kinds of chunks.
mod chunk {
    pub const COMPRESSED: u8 = 0x00;
    pub const PLAIN: u8 = 0x01;
    /// From here on they may be passed over: padding, the stream's identifier.
    pub const SKIPPABLE: u8 = 0x80;
}

/// A chunk of guest RAM.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// First guest-physical address.
    start: u64,
    /// Offset of its bytes in the file.
    offset: u64,
    /// Bytes of guest RAM.
    length: u32,
    /// Bytes in the file; `None` where they are kept as they are.
    packed: Option<u32>,
}

pub(super) fn open(file: &Arc<DumpFile>) -> Result<Dump, String> {
    let mut plain: Vec<Extent> = Vec::new();
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut position = 0;
    while position < file.length() {
        let mut header = [0; HEADER];
        if !file.read(position, &mut header) {
            return Err(cut_short(file));
        }
        let (start, length) = range(&header)?;
        if runs.len() >= MOST_RUNS {
            return Err("it has more runs of RAM than any guest".to_owned());
        }
        runs.push((start, length));
        position = position.saturating_add(HEADER as u64);
        if header.starts_with(AVML) {
            position = compressed(file, position, (start, length), &mut chunks)?;
        } else {
            if !file.holds(position, length) {
                return Err(cut_short(file));
            }
            plain.push(Extent { start, length, offset: Some(position) });
            position = position.saturating_add(length);
        }
    }
    chunks.sort_by_key(|chunk| chunk.start);
    let format = if chunks.is_empty() { "LiME dump" } else { "compressed AVML dump" };
    let plain = Plain { file: Arc::clone(file), extents: Extents::new(&plain) };
    let content = Lime { plain, chunks, runs: joined(&runs), unpacked: Mutex::default() };
    Ok(Dump {
        format,
        layouts: vec![Arc::new(content)],
        with_hole: None,
        says_where: true,
        taken: file.modified(),
        origin: None,
        vmcoreinfo: None,
    })
}

/// The run that a header names: first address, bytes.
fn range(header: &[u8]) -> Result<(u64, u64), String> {
    let lies = || "the header of a run of RAM in it lies".to_owned();
    let is_known =
        |magic: &[u8], version| header.starts_with(magic) && u32_at(header, 4) == Some(version);
    if !is_known(LIME, 1) && !is_known(AVML, 2) {
        return Err(
            "what stands in it is no run of RAM as LiME or AVML write it today; take it anew"
                .to_owned(),
        );
    }
    let (start, last) = (u64_at(header, 8).ok_or_else(lies)?, u64_at(header, 16).ok_or_else(lies)?);
    let length = last.checked_sub(start).and_then(|bytes| bytes.checked_add(1)).ok_or_else(lies)?;
    start.checked_add(length).map(|_| (start, length)).ok_or_else(lies)
}

fn cut_short(file: &DumpFile) -> String {
    format!("it is cut short: its last run of RAM does not end in its {} bytes", file.length())
}

/// Notes the chunks of a compressed run and returns the offset behind it.
fn compressed(
    file: &DumpFile,
    begin: u64,
    (start, length): (u64, u64),
    chunks: &mut Vec<Chunk>,
) -> Result<u64, String> {
    let wrong = || "a compressed run of RAM in it is damaged".to_owned();
    let (mut position, mut done) = (begin, 0_u64);
    while done < length {
        // The head of the chunk, and of what is compressed in it: its length stands first.
        let mut head = [0; 16];
        let here = file.length().saturating_sub(position).min(head.len() as u64) as usize;
        let head = head.get_mut(..here).unwrap_or_default();
        if here < CHUNK_HEADER as usize || !file.read(position, head) {
            return Err(cut_short(file));
        }
        let word = u32_at(head, 0).ok_or_else(wrong)?;
        let (kind, size) = ((word & 0xff) as u8, u64::from(word >> 8));
        let next = position.saturating_add(CHUNK_HEADER).saturating_add(size);
        if !file.holds(position, CHUNK_HEADER.saturating_add(size)) {
            return Err(cut_short(file));
        }
        if matches!(kind, chunk::COMPRESSED | chunk::PLAIN) {
            let bytes = size.checked_sub(CHECKSUM).ok_or_else(wrong)?;
            let data = head.get((CHUNK_HEADER + CHECKSUM) as usize..).unwrap_or_default();
            let (holds, packed) = match kind {
                chunk::PLAIN => (bytes as usize, None),
                _ => (snap::raw::decompress_len(data).map_err(|_| wrong())?, Some(bytes as u32)),
            };
            let left = length - done;
            let fits = holds <= LONGEST_CHUNK && bytes <= LONGEST_PACKED as u64;
            if !fits || holds as u64 > left || chunks.len() >= MOST_CHUNKS {
                return Err(wrong());
            }
            if holds > 0 {
                let offset = position.saturating_add(CHUNK_HEADER + CHECKSUM);
                chunks.push(Chunk { start: start + done, offset, length: holds as u32, packed });
            }
            done += holds as u64;
        } else if kind < chunk::SKIPPABLE {
            return Err(wrong());
        }
        position = next;
    }
    let mut told = [0; 8];
    if !file.read(position, &mut told) {
        return Err(cut_short(file));
    }
    match u64::from_le_bytes(told) == position - begin {
        true => Ok(position.saturating_add(told.len() as u64)),
        false => Err(wrong()),
    }
}

/// Guest RAM in such a file.
struct Lime {
    /// The runs that are kept as they are.
    plain: Plain,
    /// Those that are not, ascending.
    chunks: Vec<Chunk>,
    runs: Vec<(u64, u64)>,
    /// Chunks by their first addresses, the one that was used last in front.
    unpacked: Mutex<VecDeque<(u64, Arc<[u8]>)>>,
}

impl Lime {
    /// The bytes of a chunk.
    fn unpack(&self, chunk: &Chunk) -> Option<Arc<[u8]>> {
        let mut kept = self.unpacked.lock().ok()?;
        if let Some(at) = kept.iter().position(|(start, _)| *start == chunk.start) {
            let found = kept.remove(at)?;
            let bytes = Arc::clone(&found.1);
            kept.push_front(found);
            return Some(bytes);
        }
        let mut bytes = vec![0; chunk.length as usize];
        match chunk.packed {
            None => self.plain.file.read(chunk.offset, &mut bytes).then_some(())?,
            Some(length) => {
                let mut packed = vec![0; length as usize];
                self.plain.file.read(chunk.offset, &mut packed).then_some(())?;
                let unpacked = snap::raw::Decoder::new().decompress(&packed, &mut bytes).ok()?;
                (unpacked == bytes.len()).then_some(())?;
            }
        }
        let bytes: Arc<[u8]> = bytes.into();
        kept.truncate(MOST_KEPT - 1);
        kept.push_front((chunk.start, Arc::clone(&bytes)));
        Some(bytes)
    }

    fn read_chunks(&self, address: u64, bytes: &mut [u8]) -> Option<()> {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let after = self.chunks.partition_point(|chunk| chunk.start <= address);
            let chunk = self.chunks.get(after.checked_sub(1)?)?;
            let skip = usize::try_from(address - chunk.start).ok()?;
            let unpacked = self.unpack(chunk)?;
            let from = unpacked.get(skip..).filter(|from| !from.is_empty())?;
            let here = from.len().min(rest.len());
            let (now, later) = rest.split_at_mut(here);
            now.copy_from_slice(from.get(..here)?);
            if later.is_empty() {
                return Some(());
            }
            (address, rest) = (address.checked_add(here as u64)?, later);
        }
        Some(())
    }
}

impl Content for Lime {
    fn ram(&self) -> Vec<(u64, u64)> {
        self.runs.clone()
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        if self.chunks.is_empty() {
            return self.plain.read(address, bytes);
        }
        self.plain.read(address, bytes) || self.read_chunks(address, bytes).is_some()
    }
}
