//! Images in the format qcow2: versions 2 and 3, zlib and zstd, extended L2 entries (QEMU's docs/interop/qcow2.txt).
//!
//! The header is as little believed as all that a guest may have written: a backing file is read only where its domain
//! names it, which the caller says by passing it in.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{DiskError, Reason, Result};
use crate::fields::Fields;
use crate::read_at::{ReadAt, bytes_at, fits, past_end};

/// The first bytes of an image.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";

/// Incompatible features: an external data file, a compression other than zlib, extended L2 entries. (Bits 0 and 1 say
/// that refcounts may be wrong, which a reader does not use.)
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;
const KNOWN_FEATURES: u64 = 0b11 | EXTERNAL_DATA | COMPRESSION | EXTENDED_L2;

/// The place of a cluster or of an L2 table in the file.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;

/// QEMU's own bounds (`QCOW_MAX_L1_SIZE`, `MIN_CLUSTER_BITS`, `MAX_CLUSTER_BITS`).
const MAX_L1_BYTES: u64 = 32 << 20;
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// Longest name of a backing file.
const MAX_NAME: usize = 1023;

/// Bytes of a table that are read at once, and how many such blocks are kept.
const TABLE_BLOCK: usize = 4096;
const KEPT_BLOCKS: usize = 512;
/// Decompressed clusters that are kept.
const KEPT_CLUSTERS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Zlib,
    Zstd,
}

/// The part of an image's header that reading takes.
#[derive(Debug)]
struct Header {
    cluster_bits: u32,
    size: u64,
    l1_entries: u64,
    l1_offset: u64,
    compression: Compression,
    extended: bool,
    has_zero_flag: bool,
}

/// An image.
pub struct Qcow2 {
    file: Arc<dyn ReadAt>,
    backing: Option<Arc<dyn ReadAt>>,
    header: Header,
    tables: Mutex<HashMap<u64, Box<[u8; TABLE_BLOCK]>>>,
    clusters: Mutex<Vec<(u64, Arc<[u8]>)>>,
}

/// The name of the backing file in an image's header.
pub fn backing_name(file: &dyn ReadAt) -> Result<Option<String>> {
    let header: [u8; 20] = bytes_at(file, 0)?;
    let (Some(offset), Some(length)) = (header.be64(8), header.be32(16)) else { return Ok(None) };
    if offset == 0 {
        return Ok(None);
    }
    let length = usize::try_from(length).ok().filter(|length| (1..=MAX_NAME).contains(length));
    let length = length.ok_or_else(|| DiskError::damaged("its backing file's name is too long"))?;
    let mut name = vec![0; length];
    file.read_at(offset, &mut name)?;
    Ok(Some(String::from_utf8_lossy(&name).into_owned()))
}

impl Qcow2 {
    /// An image, over its backing file where its domain names one.
    pub fn open(file: Arc<dyn ReadAt>, backing: Option<Arc<dyn ReadAt>>) -> Result<Self> {
        let header = header(&*file)?;
        if backing.is_none()
            && let Some(name) = backing_name(&*file)?
        {
            let text = format!(
                "its header names the backing file '{name}', which a guest could have written: it is read only where the domain's definition, or --backing, names it"
            );
            return Err(DiskError::new(Reason::Unnamed, text));
        }
        Ok(Self { file, backing, header, tables: Mutex::default(), clusters: Mutex::default() })
    }

    /// Bytes of a table, a multiple of 8, that do not cross a block.
    fn table<const N: usize>(&self, offset: u64) -> Result<[u8; N]> {
        let within = usize::try_from(offset % TABLE_BLOCK as u64).unwrap_or(0);
        let start = offset - within as u64;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = tables.get(&start) {
            return block.array(within).ok_or_else(|| past_end(offset, self.file.length()));
        }
        let mut block = Box::new([0; TABLE_BLOCK]);
        // The last block may be cut short by the end of the file.
        let length = self.file.length().saturating_sub(start).min(TABLE_BLOCK as u64);
        if !fits(offset, N, self.file.length()) {
            return Err(past_end(offset, self.file.length()));
        }
        let there = block.get_mut(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
        self.file.read_at(start, there)?;
        let found = block.array(within).ok_or_else(|| past_end(offset, self.file.length()))?;
        if tables.len() >= KEPT_BLOCKS {
            tables.clear();
        }
        tables.insert(start, block);
        Ok(found)
    }

    /// The L2 entry of a cluster, and the bitmap of its parts.
    fn entry(&self, cluster: u64) -> Result<Option<(u64, u64)>> {
        let header = &self.header;
        let entry_bytes = if header.extended { 16 } else { 8 };
        let entries = (1_u64 << header.cluster_bits) / entry_bytes;
        let (l1_index, l2_index) = (cluster / entries, cluster % entries);
        if l1_index >= header.l1_entries {
            return Err(DiskError::damaged("its first table is shorter than the disk"));
        }
        let place = l1_index.checked_mul(8).and_then(|at| header.l1_offset.checked_add(at));
        let place = place.ok_or_else(|| DiskError::damaged("its first table lies nowhere"))?;
        let l2 = u64::from_be_bytes(self.table(place)?) & OFFSET;
        if l2 == 0 {
            return Ok(None);
        }
        let place = l2.checked_add(l2_index * entry_bytes);
        let place = place.ok_or_else(|| DiskError::damaged("a second table lies nowhere"))?;
        let entry = u64::from_be_bytes(self.table(place)?);
        let bitmap = match header.extended {
            true => u64::from_be_bytes(self.table(place.saturating_add(8))?),
            false => 0,
        };
        Ok(Some((entry, bitmap)))
    }

    /// Reads within one part of a cluster: a whole one, or the 32nd of one with an extended entry.
    fn read_part(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let header = &self.header;
        let cluster_size = 1_u64 << header.cluster_bits;
        let within = offset % cluster_size;
        let Some((entry, bitmap)) = self.entry(offset >> header.cluster_bits)? else {
            return self.read_backing(offset, bytes);
        };
        if entry & COMPRESSED != 0 {
            let cluster = self.decompressed(entry)?;
            let start = usize::try_from(within).unwrap_or(usize::MAX);
            let end = start.saturating_add(bytes.len());
            let found = cluster.get(start..end);
            bytes.copy_from_slice(found.ok_or_else(|| DiskError::damaged("a short cluster"))?);
            return Ok(());
        }
        let host = entry & OFFSET;
        let (is_zero, is_there) = match header.extended {
            true => {
                let part = within / (cluster_size / 32);
                let (zero, there) = (bitmap >> (32 + part) & 1, bitmap >> part & 1);
                (zero == 1, there == 1)
            }
            false => (header.has_zero_flag && entry & ZERO != 0, host != 0),
        };
        if is_zero {
            bytes.fill(0);
            return Ok(());
        }
        if !is_there {
            return self.read_backing(offset, bytes);
        }
        if host == 0 || !host.is_multiple_of(cluster_size) {
            return Err(DiskError::damaged("a cluster lies at no cluster's place"));
        }
        if host >= self.file.length() {
            return Err(past_end(host, self.file.length()));
        }
        let place = host.saturating_add(within);
        // A file may end within its last cluster: QEMU reads zeros behind.
        let there = self.file.length().saturating_sub(place).min(bytes.len() as u64);
        let (there, behind) =
            bytes.split_at_mut_checked(usize::try_from(there).unwrap_or(0)).unwrap_or_default();
        behind.fill(0);
        if there.is_empty() { Ok(()) } else { self.file.read_at(place, there) }
    }

    /// The same bytes of the image below, which may be shorter.
    fn read_backing(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let Some(backing) = &self.backing else {
            bytes.fill(0);
            return Ok(());
        };
        let there = backing.length().saturating_sub(offset).min(bytes.len() as u64);
        let (there, behind) =
            bytes.split_at_mut_checked(usize::try_from(there).unwrap_or(0)).unwrap_or_default();
        behind.fill(0);
        if there.is_empty() { Ok(()) } else { backing.read_at(offset, there) }
    }

    fn decompressed(&self, entry: u64) -> Result<Arc<[u8]>> {
        let mut kept = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cluster)) = kept.iter().find(|(of, _)| *of == entry) {
            return Ok(Arc::clone(cluster));
        }
        let cluster: Arc<[u8]> = self.decompress(entry)?.into();
        if kept.len() >= KEPT_CLUSTERS {
            kept.remove(0);
        }
        kept.push((entry, Arc::clone(&cluster)));
        Ok(cluster)
    }

    fn decompress(&self, entry: u64) -> Result<Vec<u8>> {
        let offset_bits = 62 - (self.header.cluster_bits - 8);
        let offset = entry & ((1 << offset_bits) - 1);
        let sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
        let length = ((sectors + 1) * 512).saturating_sub(offset % 512);
        // The last sector may lie behind the end of the file.
        let length = length.min(self.file.length().saturating_sub(offset));
        let mut packed = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_at(offset, &mut packed)?;
        let mut cluster = vec![0; 1 << self.header.cluster_bits];
        let whole = match self.header.compression {
            Compression::Zlib => {
                let mut inflate = flate2::Decompress::new(false);
                let done =
                    inflate.decompress(&packed, &mut cluster, flate2::FlushDecompress::Finish);
                done.is_ok() && inflate.total_out() == cluster.len() as u64
            }
            Compression::Zstd => ruzstd::decoding::StreamingDecoder::new(packed.as_slice())
                .is_ok_and(|mut decoder| decoder.read_exact(&mut cluster).is_ok()),
        };
        match whole {
            true => Ok(cluster),
            false => Err(DiskError::damaged("a cluster cannot be decompressed")),
        }
    }
}

impl ReadAt for Qcow2 {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        if !fits(offset, bytes.len(), self.header.size) {
            return Err(past_end(offset, self.header.size));
        }
        let cluster = 1_u64 << self.header.cluster_bits;
        let part = if self.header.extended { cluster / 32 } else { cluster };
        let (mut offset, mut bytes) = (offset, bytes);
        while !bytes.is_empty() {
            let left = usize::try_from(part - offset % part).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at_mut(left.min(bytes.len()));
            self.read_part(offset, now)?;
            offset += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn length(&self) -> u64 {
        self.header.size
    }
}

fn header(file: &dyn ReadAt) -> Result<Header> {
    let mut bytes = [0; 112];
    let length = file.length().min(112);
    file.read_at(0, bytes.get_mut(..usize::try_from(length).unwrap_or(0)).unwrap_or_default())?;
    let bytes: &[u8] = &bytes;
    if bytes.array(0) != Some(MAGIC) {
        return Err(DiskError::damaged("it is no qcow2 image"));
    }
    let short = || DiskError::new(Reason::Truncated, "its header is cut short");
    let (u32_at, u64_at) =
        (|at| bytes.be32(at).ok_or_else(short), |at| bytes.be64(at).ok_or_else(short));
    let version = u32_at(4)?;
    if !matches!(version, 2 | 3) {
        return Err(DiskError::unsupported(format!("it is of qcow2's version {version}")));
    }
    let (features, header_length) =
        if version == 3 { (u64_at(72)?, u32_at(100)?) } else { (0, 72) };
    if features & EXTERNAL_DATA != 0 {
        let text = "its clusters are in an external data file, which nfm does not read";
        return Err(DiskError::unsupported(text));
    }
    if features & !KNOWN_FEATURES != 0 {
        let text = format!("it has unknown features ({:#x})", features & !KNOWN_FEATURES);
        return Err(DiskError::unsupported(text));
    }
    match u32_at(32)? {
        0 => {}
        method => {
            let name = ["none", "AES", "LUKS"].get(method as usize).unwrap_or(&"unknown");
            let text = format!("its clusters are encrypted ({name})");
            return Err(DiskError::new(Reason::Encrypted, text));
        }
    }
    let cluster_bits = u32_at(20)?;
    if !CLUSTER_BITS.contains(&cluster_bits) {
        return Err(DiskError::damaged(format!("its clusters have 2^{cluster_bits} bytes")));
    }
    let compression = match bytes.get(104).filter(|_| header_length > 104) {
        None | Some(0) => Compression::Zlib,
        Some(1) => Compression::Zstd,
        Some(other) => {
            return Err(DiskError::unsupported(format!("it is compressed by method {other}")));
        }
    };
    let extended = features & EXTENDED_L2 != 0;
    if extended && cluster_bits < 14 {
        return Err(DiskError::damaged("its clusters are too small to have parts"));
    }
    let l1_entries = u64::from(u32_at(36)?);
    if l1_entries * 8 > MAX_L1_BYTES {
        return Err(DiskError::damaged("its first table is too large"));
    }
    Ok(Header {
        cluster_bits,
        size: u64_at(24)?,
        l1_entries,
        l1_offset: u64_at(40)?,
        compression,
        extended,
        has_zero_flag: version == 3,
    })
}
