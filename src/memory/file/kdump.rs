//! Compressed kdump: what makedumpfile and `virsh dump --memory-only --format kdump-…` write, as it is or
//! "flattened" (for writers that cannot seek). The layout is that of diskdump_mod.h of makedumpfile and of
//! include/sysemu/dump.h of QEMU: a header, a sub header, two bitmaps of pages (those that are RAM, those
//! that were dumped), a descriptor for each dumped page, the pages.

use std::io::Read;
use std::sync::Arc;

use super::content::{Content, Dump, pages_in, u32_at, u64_at};
use super::extents::{Extent, Extents};
use super::open::DumpFile;
use crate::memory::{PAGE_SHIFT, PAGE_SIZE, Page};

/// The first bytes of the format.
pub(super) const MAGIC: &[u8] = b"KDUMP   ";
/// The first bytes of its flattened form.
pub(super) const FLATTENED: &[u8] = b"makedumpfile\0\0\0\0";
/// Bytes of the flattened form's own header (`MAX_SIZE_MDF_HEADER`).
const FLATTENED_HEADER: u64 = 4096;
/// Records of the flattened form: one for each buffer that was written.
const MOST_RECORDS: usize = 1 << 22;
/// Bytes of both bitmaps: they cover 4 TiB of RAM.
const MOST_BITMAP: u64 = 256 << 20;
/// `DUMP_DH_COMPRESSED_INCOMPLETE` in the header's status.
const INCOMPLETE: u32 = 0x8;
/// Bytes of a page's descriptor.
const DESCRIPTOR: u64 = 24;
/// Bytes of VMCOREINFO's text.
const LONGEST_VMCOREINFO: u64 = 64 << 10;
/// Bitmap bytes whose set bits are counted together.
const COUNTED: usize = 512;

/// How a page is kept (`DUMP_DH_COMPRESSED_…`).
mod compression {
    pub const NONE: u32 = 0;
    pub const ZLIB: u32 = 0x1;
    pub const LZO: u32 = 0x2;
    pub const SNAPPY: u32 = 0x4;
    pub const ZSTD: u32 = 0x20;
}

/// The file as its writer meant it.
enum Bytes {
    AsItIs(Arc<DumpFile>),
    Flattened(Arc<DumpFile>, Extents),
}

impl Bytes {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> bool {
        match self {
            Self::AsItIs(file) => file.read(offset, bytes),
            Self::Flattened(file, extents) => extents.read(file, offset, bytes),
        }
    }

    /// The offset behind the last byte.
    fn end(&self) -> u64 {
        match self {
            Self::AsItIs(file) => file.length(),
            Self::Flattened(_, extents) => {
                extents.runs().last().map_or(0, |(start, length)| start.saturating_add(*length))
            }
        }
    }
}

/// Guest RAM in such a file.
struct Kdump {
    bytes: Bytes,
    /// A bit for each page, in the order of their numbers: whether it was dumped.
    dumped: Vec<u8>,
    /// How many bits are set before each [`COUNTED`] bytes of it.
    before: Vec<u64>,
    /// Offset of the first descriptor.
    descriptors: u64,
    ram: Vec<(u64, u64)>,
}

pub(super) fn open(file: &Arc<DumpFile>) -> Result<Dump, String> {
    parse(Bytes::AsItIs(Arc::clone(file)), file)
}

pub(super) fn open_flattened(file: &Arc<DumpFile>) -> Result<Dump, String> {
    let extents = flattened(file)?;
    let bytes = Bytes::Flattened(Arc::clone(file), extents);
    let mut beginning = [0; MAGIC.len()];
    if !bytes.read(0, &mut beginning) || beginning != MAGIC {
        return Err("it is a flattened dump, but of no format that nfm knows".to_owned());
    }
    parse(bytes, file)
}

/// The records of a flattened file: offset and length, big-endian, and the bytes. A later one overwrites an
/// earlier one, and a negative offset ends them.
fn flattened(file: &DumpFile) -> Result<Extents, String> {
    let mut position = FLATTENED_HEADER;
    let mut records = Vec::new();
    loop {
        let mut record = [0; 16];
        if !file.read(position, &mut record) {
            return Err(cut_short(file));
        }
        let (numbers, _) = record.as_chunks();
        let [start, length] = numbers else { return Err(cut_short(file)) };
        let (start, length) = (i64::from_be_bytes(*start), i64::from_be_bytes(*length));
        let Ok(start) = u64::try_from(start) else { break };
        let offset = position.saturating_add(record.len() as u64);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        if !file.holds(offset, length) {
            return Err(cut_short(file));
        }
        if start.checked_add(length).is_none() || records.len() >= MOST_RECORDS {
            return Err("its records lie".to_owned());
        }
        records.push(Extent { start, length, offset: Some(offset) });
        position = offset.saturating_add(length);
    }
    records.reverse();
    Ok(Extents::new(&records))
}

fn cut_short(file: &DumpFile) -> String {
    format!("it is cut short: more was written than the {} bytes that it has", file.length())
}

fn parse(bytes: Bytes, file: &DumpFile) -> Result<Dump, String> {
    const MACHINE: std::ops::Range<usize> = 12 + 4 * 65..12 + 5 * 65;
    let mut header = [0; 464];
    let mut sub_header = [0; 104];
    if !bytes.read(0, &mut header) {
        return Err(cut_short(file));
    }
    let number = |offset| u32_at(&header, offset).unwrap_or(0);
    let (version, status, block) = (number(8), number(424), u64::from(number(428)));
    let machine = header.get(MACHINE).unwrap_or_default();
    if !machine.starts_with(b"x86_64\0") {
        return Err("it is no dump of an x86-64 guest".to_owned());
    }
    if block != PAGE_SIZE as u64 {
        return Err(format!("its pages have {block} bytes, which no x86-64 guest's have"));
    }
    if status & INCOMPLETE != 0 {
        return Err("it was never finished: its header says so".to_owned());
    }
    let (sub_blocks, bitmap_blocks) = (u64::from(number(432)), u64::from(number(436)));
    if !bytes.read(block, &mut sub_header) {
        return Err(cut_short(file));
    }
    // `kdump_sub_header.split`: a part names all pages in its bitmaps, and holds only some.
    if version >= 2 && u32_at(&sub_header, 12).is_some_and(|split| split != 0) {
        return Err("it is one part of a dump that makedumpfile split; join all parts with \
                    `makedumpfile --reassemble PART... WHOLE`"
            .to_owned());
    }
    let field = |offset| u64_at(&sub_header, offset).unwrap_or(0);
    let pages = if version >= 6 { field(96) } else { u64::from(number(440)) };
    // Both bitmaps, in whole blocks.
    let bitmaps = bitmap_blocks * block;
    let bitmap = pages.div_ceil(8);
    if bitmaps > MOST_BITMAP || bitmap > bitmaps / 2 {
        return Err(format!("its header lies: {pages} pages, {bitmaps} bytes of bitmaps"));
    }
    let bitmap_at = block.saturating_mul(1 + sub_blocks);
    let descriptors = bitmap_at.saturating_add(bitmaps);
    if descriptors > bytes.end() {
        return Err(cut_short(file));
    }
    let mut dumped = vec![0; bitmap as usize];
    if !bytes.read(bitmap_at.saturating_add(bitmaps / 2), &mut dumped) {
        return Err(cut_short(file));
    }
    let mut sum = 0_u64;
    let counts = dumped.chunks(COUNTED).map(|chunk| {
        let before = sum;
        sum += chunk.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
        before
    });
    let before: Vec<u64> = counts.collect();
    let last = descriptors.saturating_add(sum.saturating_mul(DESCRIPTOR));
    if sum == 0 || last > bytes.end() {
        return Err(cut_short(file));
    }
    let vmcoreinfo = match (version >= 3).then(|| (field(32), field(40))) {
        Some((offset, length)) if (1..=LONGEST_VMCOREINFO).contains(&length) => {
            let mut text = vec![0; length as usize];
            bytes.read(offset, &mut text).then(|| String::from_utf8(text).ok()).flatten()
        }
        _ => None,
    };
    let ram = runs(&dumped);
    let content = Kdump { bytes, dumped, before, descriptors, ram };
    Ok(Dump {
        format: "kdump",
        layouts: vec![Arc::new(content)],
        with_hole: None,
        says_where: true,
        taken: file.modified(),
        origin: None,
        vmcoreinfo,
    })
}

/// The runs of set bits, as guest-physical memory.
fn runs(bitmap: &[u8]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (index, byte) in (0_u64..).zip(bitmap) {
        for bit in (0..8).filter(|bit| byte & (1 << bit) != 0) {
            let start = (index * 8 + bit) << PAGE_SHIFT;
            match runs.last_mut() {
                Some((first, length)) if *first + *length == start => *length += PAGE_SIZE as u64,
                _ => runs.push((start, PAGE_SIZE as u64)),
            }
        }
    }
    runs
}

impl Kdump {
    /// Reads and unpacks one page.
    fn page(&self, frame: u64) -> Option<Page> {
        let mut descriptor = [0; DESCRIPTOR as usize];
        let at = self.index(frame)?.checked_mul(DESCRIPTOR)?.checked_add(self.descriptors)?;
        if !self.bytes.read(at, &mut descriptor) {
            return None;
        }
        let (offset, length) = (u64_at(&descriptor, 0)?, u32_at(&descriptor, 8)? as usize);
        // A page that does not shrink is kept as it is.
        if length > PAGE_SIZE {
            return None;
        }
        let mut packed = [0; PAGE_SIZE];
        let packed = packed.get_mut(..length)?;
        self.bytes.read(offset, packed).then(|| unpack(packed, u32_at(&descriptor, 12)?))?
    }

    /// How many pages were dumped before this one, if this one was.
    fn index(&self, frame: u64) -> Option<u64> {
        let (byte, bit) = (usize::try_from(frame / 8).ok()?, frame % 8);
        let value = *self.dumped.get(byte)?;
        let counted = byte / COUNTED;
        let earlier = self.dumped.get(counted * COUNTED..byte)?;
        let earlier: u64 = earlier.iter().map(|byte| u64::from(byte.count_ones())).sum();
        let here = u64::from((value & ((1 << bit) - 1)).count_ones());
        (value & (1 << bit) != 0).then_some(self.before.get(counted)? + earlier + here)
    }
}

/// A page from its packed form; `None` where that is not sound.
fn unpack(packed: &[u8], flags: u32) -> Option<Page> {
    let mut page: Page = [0; PAGE_SIZE];
    let length = match flags {
        compression::NONE if packed.len() == PAGE_SIZE => {
            page.copy_from_slice(packed);
            Some(PAGE_SIZE)
        }
        compression::ZLIB => {
            let mut decoder = flate2::read::ZlibDecoder::new(packed);
            decoder.read_exact(&mut page).ok()?;
            // The end of the stream has its checksum.
            decoder.read(&mut [0]).ok().filter(|more| *more == 0).map(|_| PAGE_SIZE)
        }
        compression::LZO => lzokay::decompress::decompress(packed, &mut page).ok(),
        compression::SNAPPY => snap::raw::Decoder::new().decompress(packed, &mut page).ok(),
        compression::ZSTD => {
            ruzstd::decoding::FrameDecoder::new().decode_all(packed, &mut page).ok()
        }
        _ => None,
    };
    (length == Some(PAGE_SIZE)).then_some(page)
}

impl Content for Kdump {
    fn ram(&self) -> Vec<(u64, u64)> {
        self.ram.clone()
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let start = (address & (PAGE_SIZE as u64 - 1)) as usize;
        let count = pages_in((start as u64).saturating_add(bytes.len() as u64));
        let first = address >> PAGE_SHIFT;
        let mut rest = bytes;
        for (step, frame) in (first..first.saturating_add(count)).enumerate() {
            let skip = if step == 0 { start } else { 0 };
            let (now, later) = rest.split_at_mut(rest.len().min(PAGE_SIZE - skip));
            let page = self.page(frame);
            let Some(part) = page.as_ref().and_then(|page| page.get(skip..skip + now.len())) else {
                return false;
            };
            now.copy_from_slice(part);
            rest = later;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_compression_is_undone() {
        let page: Vec<u8> = (0..PAGE_SIZE).map(|n| (n / 64) as u8).collect();
        let mut zlib = Vec::new();
        flate2::read::ZlibEncoder::new(&page[..], flate2::Compression::fast())
            .read_to_end(&mut zlib)
            .unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(
            &page[..],
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        let packed = [
            (compression::NONE, page.clone()),
            (compression::ZLIB, zlib),
            (compression::LZO, lzokay::compress::compress(&page).unwrap()),
            (compression::SNAPPY, snap::raw::Encoder::new().compress_vec(&page).unwrap()),
            (compression::ZSTD, zstd),
        ];
        for (flags, packed) in packed {
            assert_eq!(unpack(&packed, flags).map(Vec::from), Some(page.clone()), "{flags}");
            assert_eq!(unpack(&packed[..packed.len() - 1], flags), None, "{flags}, cut short");
            assert_eq!(unpack(&packed, 0x40), None);
        }
    }

    #[test]
    fn runs_of_pages_follow_the_bits() {
        assert_eq!(runs(&[0b1000_0011, 0b1]), [(0, 0x2000), (0x7000, 0x2000)]);
        assert_eq!(runs(&[0, 0]), []);
    }
}
