//! The page cache of a file: which pages of RAM hold which of its pages.

use super::flags::bit;
use super::identity::FileIdentity;
use super::storage::Storage;
use crate::crawl::{ReadError, ReadResult, Reader, xarray_entries};
use crate::memory::{Absence, PAGE_SHIFT};

/// Where the array of `struct page` begins in kernels that have it at one place (`__VMEMMAP_BASE_L4`,
/// `__VMEMMAP_BASE_L5`, arch/x86/include/asm/pgtable_64_types.h).
const VMEMMAP_4_LEVELS: u64 = 0xffff_ea00_0000_0000;
const VMEMMAP_5_LEVELS: u64 = 0xffd4_0000_0000_0000;
/// Pages of the largest folio: 1 GiB.
const MOST_IN_FOLIO: u64 = 1 << 18;

/// One page of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilePage {
    /// In RAM.
    Cached {
        /// The guest frame number.
        frame: u64,
        /// Where the `struct folio` lies that it belongs to.
        folio: u64,
        /// True if it is newer than the disk.
        dirty: bool,
    },
    /// Never written: zeros.
    Hole,
    /// Not known.
    Absent(Absence),
}

/// The pages of a file from one to another, by their numbers.
pub(super) fn pages(
    reader: &Reader,
    file: &FileIdentity,
    first: u64,
    last: u64,
) -> ReadResult<Vec<FilePage>> {
    let layout = &reader.layout.page_cache;
    let empty = match file.storage {
        Storage::Memory => FilePage::Hole,
        Storage::Cached => FilePage::Absent(Absence::NotCached),
    };
    let count = last.checked_sub(first).and_then(|more| usize::try_from(more).ok());
    let count = count.map_or(0, |more| more.saturating_add(1));
    reader.keep(count.saturating_mul(std::mem::size_of::<FilePage>()))?;
    let mut pages = vec![empty; count];
    let head = reader.at(file.mapping, layout.cache.head)?;
    let entries = xarray_entries(reader, head, first, last)?;
    let folios = entries.iter().filter(|one| one.entry & 1 == 0);
    let size = u64::from(layout.page.size);
    reader.space.prefetch(folios.map(|one| (one.entry, size)));
    let map = PageMap::new(reader)?;
    for one in &entries {
        for index in one.first.max(first)..=one.last.min(last) {
            let page = match one.entry & 1 {
                0 => cached(reader, &map, file, one.entry, index)?,
                // In tmpfs a place in swap; elsewhere what is left of a page that was evicted.
                _ if file.storage == Storage::Memory => FilePage::Absent(Absence::Swapped),
                _ => FilePage::Absent(Absence::NotCached),
            };
            let place = usize::try_from(index - first).ok();
            if let Some(slot) = place.and_then(|place| pages.get_mut(place)) {
                *slot = match page {
                    FilePage::Absent(Absence::NotCached) => empty,
                    page => page,
                };
            }
        }
    }
    Ok(pages)
}

/// A page of a folio that the file's XArray leads to.
fn cached(
    reader: &Reader,
    map: &PageMap,
    file: &FileIdentity,
    folio: u64,
    index: u64,
) -> ReadResult<FilePage> {
    let layout = &reader.layout.page_cache;
    let Some(within) = place_in_folio(reader, file, folio, index)? else {
        return Ok(FilePage::Absent(Absence::Moving));
    };
    let flags = reader.unsigned(folio, layout.folio.flags)?;
    let flag = |number| bit(number).map(|bit| flags & bit != 0);
    // One that is allocated and was not filled reads as if there was none.
    if !flag(layout.uptodate)? {
        return Ok(FilePage::Absent(Absence::NotCached));
    }
    let frame = map.frame(folio).and_then(|frame| frame.checked_add(within));
    let frame = frame.ok_or(ReadError::Nonsense { what: "a page is none", address: folio })?;
    Ok(FilePage::Cached { frame, folio, dirty: flag(layout.dirty)? || flag(layout.writeback)? })
}

/// The place of a file's page in a folio; `None` if the folio is not the file's, or has not that page.
fn place_in_folio(
    reader: &Reader,
    file: &FileIdentity,
    folio: u64,
    index: u64,
) -> ReadResult<Option<u64>> {
    let layout = &reader.layout.page_cache.folio;
    let mapping = reader.unsigned(folio, layout.mapping)?;
    let first = reader.unsigned(folio, layout.index)?;
    let within = index.checked_sub(first).filter(|within| *within < MOST_IN_FOLIO);
    Ok(within.filter(|_| mapping == file.mapping))
}

/// True if the page of a file still is in the folio in which it was, by memory as it is read now.
pub(super) fn is_still_in(
    reader: &Reader,
    file: &FileIdentity,
    folio: u64,
    index: u64,
) -> ReadResult<bool> {
    Ok(place_in_folio(reader, file, folio, index)?.is_some())
}

/// The array of `struct page` (`vmemmap`): one for each page of RAM.
struct PageMap {
    start: u64,
    size: u64,
}

impl PageMap {
    fn new(reader: &Reader) -> ReadResult<Self> {
        let symbols = &reader.layout.symbols;
        let start = match symbols.vmemmap_base.address {
            Some(pointer) => reader.u64_at(pointer)?,
            // Only with KASLR does it move (CONFIG_DYNAMIC_MEMORY_LAYOUT); a table without variables tells nothing.
            None if !reader.kernel.names_all_variables() => reader.symbol(symbols.vmemmap_base)?,
            None => match reader.kernel.image.levels.count() {
                5 => VMEMMAP_5_LEVELS,
                _ => VMEMMAP_4_LEVELS,
            },
        };
        match u64::from(reader.layout.page_cache.page.size) {
            0 => Err(ReadError::NoMember("struct page")),
            size => Ok(Self { start, size }),
        }
    }

    /// The guest frame number of a `struct page`.
    fn frame(&self, page: u64) -> Option<u64> {
        let offset = page.checked_sub(self.start)?;
        let frame = offset.checked_div(self.size)?;
        let is_one = offset.is_multiple_of(self.size) && frame >> (52 - PAGE_SHIFT) == 0;
        is_one.then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::PageMap;

    #[test]
    fn a_page_has_the_frame_of_its_place() {
        let map = PageMap { start: 0xffff_ea00_0000_0000, size: 64 };
        assert_eq!(map.frame(0xffff_ea00_0000_0000), Some(0));
        assert_eq!(map.frame(0xffff_ea00_0000_0fc0), Some(63));
        assert_eq!(map.frame(0xffff_ea00_0000_0fc8), None);
        assert_eq!(map.frame(0xffff_e9ff_ffff_ffc0), None);
        assert_eq!(PageMap { start: 0, size: 64 }.frame(!63), None);
    }
}
