//! The content of a file: which parts memory holds, and their bytes.

use serde::Serialize;

use super::error::FileResult;
use super::identity::FileIdentity;
use super::page_cache::{FilePage, is_still_in, pages};
use crate::crawl::Reader;
use crate::memory::{Absence, Absences, AbsentMemory, PAGE_SHIFT, PAGE_SIZE, Part, PhysicalMemory};

/// Looks at what changes while it is read.
const LOOKS: u32 = 4;
/// Pages whose places are looked up at once.
const PAGES_AT_ONCE: u64 = 1 << 12;

/// A part of a file, and whether memory holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ContentRange {
    /// The first byte.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Where they are.
    pub content: RangeContent,
}

/// Where a part of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RangeContent {
    /// In the guest's page cache, and the same on its disk.
    Cached,
    /// In the guest's page cache, and newer than its disk; also what no disk has.
    Dirty,
    /// Never written: zeros.
    Hole,
    /// In the guest's swap: not known.
    Swapped,
    /// Not in memory: not known.
    NotCached,
    /// It moved whenever it was looked at: not known.
    Moving,
}

impl RangeContent {
    /// True if the bytes can be read.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Cached | Self::Dirty | Self::Hole)
    }

    fn of_page(page: FilePage) -> Self {
        match page {
            FilePage::Cached { dirty: false, .. } => Self::Cached,
            FilePage::Cached { dirty: true, .. } => Self::Dirty,
            FilePage::Hole => Self::Hole,
            FilePage::Absent(Absence::Swapped) => Self::Swapped,
            FilePage::Absent(Absence::Moving) => Self::Moving,
            FilePage::Absent(_) => Self::NotCached,
        }
    }
}

/// The parts of a file from its beginning to its end, ascending, neighbours of one kind put together.
pub(crate) fn content(reader: &Reader, file: &FileIdentity) -> FileResult<Vec<ContentRange>> {
    file.check(reader)?;
    let length = file.state(reader)?.length;
    let mut ranges: Vec<ContentRange> = Vec::new();
    let count = length.div_ceil(PAGE_SIZE as u64);
    let mut first = 0;
    while first < count {
        let last = first.saturating_add(PAGES_AT_ONCE - 1).min(count - 1);
        let before = reader.space.budget().spent();
        let found = pages(reader, file, first, last)?;
        reader.space.budget().restore(before);
        for (index, page) in (first..).zip(found) {
            let offset = index << PAGE_SHIFT;
            let bytes = (length - offset).min(PAGE_SIZE as u64);
            let content = RangeContent::of_page(page);
            match ranges.last_mut() {
                Some(last) if last.content == content => last.length += bytes,
                _ => {
                    reader.row::<ContentRange>()?;
                    ranges.push(ContentRange { offset, length: bytes, content });
                }
            }
        }
        reader.space.may_move_on();
        first = last + 1;
    }
    file.check(reader)?;
    Ok(ranges)
}

/// A page of a file that is read.
struct PageRead {
    index: u64,
    /// The first byte of it that is wanted, and how many are.
    start: usize,
    length: usize,
    /// Where in the caller's bytes they go, directly behind those of the page before.
    offset: usize,
    page: FilePage,
    /// Its bytes are those of one moment.
    is_sound: bool,
}

impl PageRead {
    /// True if another page lies directly behind this one in RAM, and both are to be read.
    fn is_before(&self, next: &Self) -> bool {
        match (self.page, next.page) {
            (FilePage::Cached { frame, .. }, FilePage::Cached { frame: behind, .. }) => {
                frame.checked_add(1) == Some(behind) && !self.is_sound && !next.is_sound
            }
            _ => false,
        }
    }
}

/// Reads bytes of a file from an offset on, as many as it has there: gives their number, and the parts that are not
/// known. What changes while it is read is read anew; what still changes is not known.
pub(crate) fn read(
    reader: &Reader,
    memory: &dyn PhysicalMemory,
    file: &FileIdentity,
    offset: u64,
    bytes: &mut [u8],
) -> FileResult<(usize, Vec<AbsentMemory>)> {
    file.check(reader)?;
    let mut before = file.state(reader)?;
    let mut reading: Vec<PageRead> = page_reads(before.length, offset, bytes.len());
    let mut spare = Vec::new();
    let mut look = 1;
    loop {
        if let (Some(first), Some(last)) = (reading.first(), reading.last()) {
            let found = pages(reader, file, first.index, last.index)?;
            reading.iter_mut().zip(found).for_each(|(one, page)| one.page = page);
        }
        // Bytes that did not change between two looks are of one moment.
        let compares = look > 1;
        if compares {
            spare.clear();
            spare.extend_from_slice(bytes);
        }
        copy(memory, &mut reading, bytes);
        reader.forget();
        file.check(reader)?;
        let after = file.state(reader)?;
        let is_quiet = after == before;
        prefetch_folios(reader, &reading);
        for one in reading.iter_mut().filter(|one| !one.is_sound) {
            let range = one.offset..one.offset.saturating_add(one.length);
            let same = || compares && bytes.get(range.clone()) == spare.get(range.clone());
            let is_there = match one.page {
                FilePage::Cached { folio, .. } => is_still_in(reader, file, folio, one.index)?,
                FilePage::Hole => true,
                FilePage::Absent(reason) => reason != Absence::Moving,
            };
            one.is_sound = is_there && (is_quiet || same());
        }
        // A file that was cut short has fewer bytes.
        if after.length < before.length {
            let kept = page_reads(after.length, offset, bytes.len());
            reading.truncate(kept.len());
            for (one, kept) in reading.iter_mut().zip(kept) {
                one.length = kept.length;
                one.is_sound = false;
            }
        }
        if reading.iter().all(|one| one.is_sound) || look == LOOKS {
            break;
        }
        before = after;
        look += 1;
    }
    let mut absent = Absences::default();
    let mut end = 0;
    for one in &reading {
        let reason = match one.page {
            FilePage::Absent(reason) => Some(reason),
            _ if !one.is_sound => Some(Absence::Moving),
            _ => None,
        };
        end = one.offset.saturating_add(one.length);
        if let Some(reason) = reason {
            bytes.get_mut(one.offset..end).unwrap_or_default().fill(0);
            absent.add(one.offset, one.length, reason);
        }
    }
    Ok((end, absent.into_parts()))
}

/// The pages of a file of so many bytes that hold a part of it.
fn page_reads(file_length: u64, offset: u64, length: usize) -> Vec<PageRead> {
    let end = offset.saturating_add(length as u64).min(file_length);
    let mut at = offset;
    let mut reads = Vec::new();
    while at < end {
        let index = at >> PAGE_SHIFT;
        let next = (index + 1).saturating_mul(PAGE_SIZE as u64).min(end);
        reads.push(PageRead {
            index,
            start: at as usize & (PAGE_SIZE - 1),
            length: (next - at) as usize,
            offset: (at - offset) as usize,
            page: FilePage::Hole,
            is_sound: false,
        });
        at = next;
    }
    reads
}

/// Reads the folios' structures in one batch.
fn prefetch_folios(reader: &Reader, reading: &[PageRead]) {
    let size = u64::from(reader.layout.page_cache.page.size);
    let folios = reading.iter().filter(|one| !one.is_sound).filter_map(|one| match one.page {
        FilePage::Cached { folio, .. } => Some((folio, size)),
        _ => None,
    });
    reader.space.prefetch(folios);
}

/// Copies the pages that are not sound yet. Neighbours in the file that are neighbours in RAM are one part.
fn copy(memory: &dyn PhysicalMemory, reading: &mut [PageRead], bytes: &mut [u8]) {
    let joins = memory.reads_parts();
    let mut copied: Vec<(Part, &mut [PageRead])> = Vec::new();
    let mut rest = bytes;
    for run in reading.chunk_by_mut(|one, next| joins && one.is_before(next)) {
        let length = run.iter().fold(0_usize, |sum, one| sum.saturating_add(one.length));
        let (bytes, after) = rest.split_at_mut(length.min(rest.len()));
        rest = after;
        match run.first().map(|one| (one.is_sound, one.page, one.start)) {
            Some((false, FilePage::Cached { frame, .. }, start)) => {
                copied.push((Part { frame, start, bytes, read: false }, run));
            }
            Some((false, FilePage::Hole | FilePage::Absent(_), _)) => bytes.fill(0),
            _ => {}
        }
    }
    copied.sort_by_key(|(part, _)| part.frame);
    let (mut parts, runs): (Vec<Part>, Vec<&mut [PageRead]>) = copied.into_iter().unzip();
    memory.read_parts(&mut parts);
    for (part, run) in parts.into_iter().zip(runs).filter(|(part, _)| !part.read) {
        copy_pages(memory, run, part.bytes);
    }
}

/// Copies a run of pages of which some cannot be read, each by itself.
fn copy_pages(memory: &dyn PhysicalMemory, run: &mut [PageRead], bytes: &mut [u8]) {
    let mut rest = bytes;
    for one in run {
        let (bytes, after) = rest.split_at_mut(one.length.min(rest.len()));
        rest = after;
        let FilePage::Cached { frame, .. } = one.page else { continue };
        let address = frame.checked_mul(PAGE_SIZE as u64);
        let address = address.and_then(|page| page.checked_add(one.start as u64));
        if !address.is_some_and(|address| memory.read_run(address, bytes)) {
            one.page = FilePage::Absent(Absence::NotRam);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_file_is_read_page_by_page() {
        let parts = |file, offset, length| {
            let reads = page_reads(file, offset, length);
            let parts = reads.iter().map(|one| (one.index, one.start, one.offset, one.length));
            parts.collect::<Vec<_>>()
        };
        assert_eq!(parts(10_000, 4000, 200), [(0, 4000, 0, 96), (1, 0, 96, 104)]);
        assert_eq!(parts(10_000, 8192, 9999), [(2, 0, 0, 1808)]);
        assert_eq!(parts(1, 0, 9999), [(0, 0, 0, 1)]);
        assert_eq!(parts(1, 1, 9999), []);
        assert_eq!(parts(i64::MAX as u64, u64::MAX - 1, 9999), []);
    }
}
