//! Partition tables: GPT (UEFI's specification), MBR and the chain of its logical partitions.

use crate::error::{DiskError, Result};
use crate::fields::{Fields, uuid};
use crate::read_at::{ReadAt, bytes_at};

/// Types of MBR partitions: a GPT's guard, and containers of logical partitions.
const PROTECTIVE: u8 = 0xee;
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// Sectors of an MBR, and of most GPTs; the others are of disks with large ones.
const SECTOR: u64 = 512;
const SECTORS: [u64; 2] = [SECTOR, 4096];
/// Linux reads so many of a disk (`DISK_MAX_PARTS`).
const MOST: usize = 256;
/// Entries of a GPT, and their bytes: more than any tool makes.
const MOST_ENTRIES: u32 = 4096;
const ENTRY_BYTES: std::ops::RangeInclusive<u32> = 128..=4096;

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, as Linux counts it.
    pub number: u32,
    /// Its first byte.
    pub start: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Its type: of a GPT its UUID, of an MBR its number as `0x83`.
    pub kind: String,
    /// Its own UUID; only a GPT has them.
    pub uuid: Option<String>,
    /// Its name; only a GPT has them.
    pub name: Option<String>,
}

/// A partition table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// `gpt` or `dos`, as blkid calls them.
    pub kind: &'static str,
    /// The partitions, by number.
    pub partitions: Vec<Partition>,
    /// The reason for which the table is not whole.
    pub problem: Option<DiskError>,
}

/// The table of a disk; `None` where it has none.
pub fn table(disk: &dyn ReadAt) -> Result<Option<Table>> {
    if disk.length() < SECTOR * 2 {
        return Ok(None);
    }
    let first: [u8; SECTOR as usize] = bytes_at(disk, 0)?;
    if first.array(510) != Some([0x55, 0xaa]) {
        return Ok(None);
    }
    let slots = slots(&first);
    if slots.iter().any(|slot| slot.kind == PROTECTIVE) {
        return gpt(disk).map(Some);
    }
    // A boot sector of a filesystem ends with the same mark.
    let plausible = slots.iter().all(|slot| slot.is_empty() || slot.flag & 0x7f == 0);
    let used = slots.iter().any(|slot| !slot.is_empty());
    if !plausible || !used {
        return Ok(None);
    }
    Ok(Some(dos(disk, &slots)))
}

/// One of the four places for a partition in an MBR.
struct Slot {
    flag: u8,
    kind: u8,
    start: u64,
    sectors: u64,
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.kind == 0 || self.sectors == 0
    }

    fn partition(&self, number: u32, base: u64) -> Partition {
        Partition {
            number,
            start: base.saturating_add(self.start).saturating_mul(SECTOR),
            length: self.sectors.saturating_mul(SECTOR),
            kind: format!("{:#04x}", self.kind),
            uuid: None,
            name: None,
        }
    }
}

fn slots(sector: &[u8]) -> Vec<Slot> {
    let entries = sector.get(446..510).unwrap_or_default().chunks_exact(16);
    let slots = entries.filter_map(|entry| {
        let (start, sectors) = (u64::from(entry.le32(8)?), u64::from(entry.le32(12)?));
        Some(Slot { flag: *entry.first()?, kind: *entry.get(4)?, start, sectors })
    });
    slots.collect()
}

fn dos(disk: &dyn ReadAt, slots: &[Slot]) -> Table {
    let mut table = Table { kind: "dos", partitions: Vec::new(), problem: None };
    let numbered = (1..).zip(slots);
    for (number, slot) in numbered.filter(|(_, slot)| !slot.is_empty()) {
        match EXTENDED.contains(&slot.kind) {
            true => {
                if let Err(error) = logical(disk, slot, &mut table.partitions) {
                    table.problem = Some(error.of("the chain of logical partitions"));
                }
            }
            false => table.partitions.push(slot.partition(number, 0)),
        }
    }
    table.partitions.sort_by_key(|partition| partition.number);
    table
}

/// The partitions in an extended one: a chain of sectors, each with one partition and the way to the next sector.
fn logical(disk: &dyn ReadAt, extended: &Slot, partitions: &mut Vec<Partition>) -> Result<()> {
    let (mut at, mut number) = (extended.start, 5);
    let mut seen = Vec::new();
    loop {
        if seen.contains(&at) || partitions.len() > MOST {
            return Err(DiskError::damaged("it leads back to itself"));
        }
        seen.push(at);
        let sector: [u8; SECTOR as usize] = bytes_at(disk, at.saturating_mul(SECTOR))?;
        if sector.array(510) != Some([0x55, 0xaa]) {
            return Err(DiskError::damaged("a sector of it is none"));
        }
        let slots = slots(&sector);
        let is_link = |slot: &&Slot| !slot.is_empty() && EXTENDED.contains(&slot.kind);
        for slot in slots.iter().filter(|slot| !slot.is_empty() && !is_link(slot)) {
            partitions.push(slot.partition(number, at));
            number += 1;
        }
        match slots.iter().find(is_link) {
            Some(next) => at = extended.start.saturating_add(next.start),
            None => return Ok(()),
        }
    }
}

/// The GPT, by the copy at the beginning, else by the one at the end.
fn gpt(disk: &dyn ReadAt) -> Result<Table> {
    let mut reason = DiskError::damaged("it has a GPT's guard and no GPT");
    for sector in SECTORS {
        let last = (disk.length() / sector).saturating_sub(1);
        for at in [1, last] {
            match gpt_at(disk, sector, at) {
                Ok(Some(partitions)) => {
                    let problem = (at != 1).then(|| {
                        DiskError::damaged(
                            "the first copy of its GPT is damaged; the last one is read",
                        )
                    });
                    return Ok(Table { kind: "gpt", partitions, problem });
                }
                Ok(None) => {}
                Err(error) => reason = error,
            }
        }
    }
    Err(reason)
}

/// The partitions of the GPT whose header is in this sector; `None` where there is no header.
fn gpt_at(disk: &dyn ReadAt, sector: u64, at: u64) -> Result<Option<Vec<Partition>>> {
    let damaged = |text| DiskError::damaged(format!("its GPT {text}"));
    let header: [u8; SECTOR as usize] = bytes_at(disk, at.saturating_mul(sector))?;
    if header.array(0) != Some(*b"EFI PART") {
        return Ok(None);
    }
    let short = || damaged("is cut short");
    let length = header.le32(12).ok_or_else(short)?;
    let own = header.get(..usize::try_from(length).unwrap_or(0)).filter(|own| own.len() >= 92);
    let mut own = own.ok_or_else(|| damaged("has a header of no length"))?.to_vec();
    let crc = own.le32(16).ok_or_else(short)?;
    own.get_mut(16..20).unwrap_or_default().fill(0);
    if crc32fast::hash(&own) != crc {
        return Err(damaged("has a wrong checksum"));
    }
    let (place, entries, bytes, entries_crc) =
        (own.le64(72), own.le32(80), own.le32(84), own.le32(88));
    let (place, entries, bytes, entries_crc) = place
        .zip(entries)
        .zip(bytes)
        .zip(entries_crc)
        .map(|(((a, b), c), d)| (a, b, c, d))
        .ok_or_else(short)?;
    if entries > MOST_ENTRIES || !ENTRY_BYTES.contains(&bytes) {
        return Err(damaged("has too many entries"));
    }
    let mut all = vec![0; (entries * bytes) as usize];
    disk.read_at(place.saturating_mul(sector), &mut all)?;
    if crc32fast::hash(&all) != entries_crc {
        return Err(damaged("has entries with a wrong checksum"));
    }
    let numbered = (1..).zip(all.chunks_exact(bytes as usize));
    let partitions = numbered.filter_map(|(number, entry)| partition(number, entry, sector));
    Ok(Some(partitions.take(MOST).collect()))
}

fn partition(number: u32, entry: &[u8], sector: u64) -> Option<Partition> {
    let kind: [u8; 16] = entry.array(0)?;
    let (first, last) = (entry.le64(32)?, entry.le64(40)?);
    if kind == [0; 16] || last < first {
        return None;
    }
    let units: Vec<u16> =
        entry.get(56..128)?.chunks_exact(2).filter_map(|unit| unit.le16(0)).collect();
    let name = units.split(|unit| *unit == 0).next().unwrap_or_default();
    Some(Partition {
        number,
        start: first.checked_mul(sector)?,
        length: (last - first).checked_add(1)?.checked_mul(sector)?,
        kind: mixed_uuid(kind),
        uuid: Some(mixed_uuid(entry.array(16)?)),
        name: (!name.is_empty()).then(|| String::from_utf16_lossy(name)),
    })
}

/// A UUID of a GPT: its first three parts are little-endian.
fn mixed_uuid(mut bytes: [u8; 16]) -> String {
    for part in [0..4, 4..6, 6..8] {
        bytes.get_mut(part).unwrap_or_default().reverse();
    }
    uuid(bytes)
}
