//! Records: what the log holds one after another, and what a connection carries.
//!
//! A record has 48 bytes before its payload, little-endian: a magic number, the payload's length, a CRC32 of all that
//! follows it, the kind, three bytes of zeros, the guest's number, four bytes of zeros, the sequence number, the host's
//! wall clock and its boot clock in nanoseconds. A reader that meets damage goes on at the next record that is sound.

use serde::{Deserialize, Serialize};

/// Bytes before the payload.
pub const HEADER: usize = 48;
const MAGIC: [u8; 4] = *b"nfmR";
/// Where the part begins that the checksum covers.
const CHECKED: usize = 12;
/// Bytes that a payload may have. A frame of 5,000 processes with all sections compresses to less than a MiB.
const LONGEST_PAYLOAD: usize = 256 << 20;

/// The meaning of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// The beginning of a log: JSON of [`LogBegin`].
    Begin = 1,
    /// A guest's identity and a frame that can be read without those before it.
    Key = 2,
    /// A frame that needs all records of its guest from the last key on.
    Frame = 3,
    /// Something that happened: JSON of [`Event`].
    Event = 4,
    /// On a connection: a guest's identity and a frame that can be read without any other.
    Columns = 5,
    /// On a connection: JSON of a request or an answer.
    Message = 6,
}

impl RecordKind {
    fn of(number: u8) -> Option<Self> {
        [Self::Begin, Self::Key, Self::Frame, Self::Event, Self::Columns, Self::Message]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// The payload of a log's first record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LogBegin {
    /// The version of what follows.
    pub version: u32,
    /// The host's name.
    pub host: String,
    /// The recorder's run, counted from 1 in each store.
    pub run: u64,
    /// The log's number in the run, from 1.
    pub segment: u64,
    /// The highest number that a frame had before it, of any guest: later runs number on from there.
    #[serde(default)]
    pub highest: u64,
}

/// Something that happened to a guest that is recorded, or to the recorder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Event {
    /// When, by the host's wall clock, nanoseconds since 1970.
    pub time_ns: u64,
    /// The domain; empty where it is about the recorder.
    pub vm: String,
    /// Its UUID, where one is known.
    pub vm_uuid: Option<String>,
    /// The kind: `recorder-started`, `recorder-stopped`, `new`, `gone`, `restarted`, `failed`, `gap`, `clock-step`,
    /// `lost`, `trigger`.
    pub kind: String,
    /// The event in one sentence.
    pub text: String,
}

/// The part of a record before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// Its meaning.
    pub kind: RecordKind,
    /// The guest's number in the recorder's run; 0 for none. A guest has another one for the flight recorder's frames.
    pub vm: u32,
    /// Its place among the records of that number, from 1; 0 where frames' numbers tell it.
    pub place: u32,
    /// The frame's number among those of its guest.
    pub seq: u64,
    /// The host's wall clock, nanoseconds since 1970.
    pub wall_ns: u64,
    /// The host's clock since its boot, sleep included, nanoseconds.
    pub boot_ns: u64,
}

/// A record, in place.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The part before the payload.
    pub head: RecordHead,
    /// The payload.
    pub payload: &'a [u8],
}

impl RecordHead {
    /// The head of a record that is no guest's frame.
    pub fn other(kind: RecordKind, wall_ns: u64, boot_ns: u64) -> Self {
        Self { kind, vm: 0, place: 0, seq: 0, wall_ns, boot_ns }
    }

    /// Its place among the records of its guest: each is one higher than the one before.
    pub(crate) fn order(&self) -> u64 {
        if self.place == 0 { self.seq } else { self.place.into() }
    }

    /// The bytes of a record with this payload, appended to `out`.
    pub fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        let mut rest = [0; HEADER - CHECKED];
        let fields: [(usize, &[u8]); 6] = [
            (0, &[self.kind as u8]),
            (4, &self.vm.to_le_bytes()),
            (8, &self.place.to_le_bytes()),
            (12, &self.seq.to_le_bytes()),
            (20, &self.wall_ns.to_le_bytes()),
            (28, &self.boot_ns.to_le_bytes()),
        ];
        for (at, bytes) in fields {
            rest.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
        }
        let mut sum = crc32fast::Hasher::new();
        sum.update(&rest);
        sum.update(payload);
        out.extend_from_slice(&MAGIC);
        // A longer one is refused when it is read.
        out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&sum.finalize().to_le_bytes());
        out.extend_from_slice(&rest);
        out.extend_from_slice(payload);
    }

    /// The bytes of a record of this kind whose payload is JSON.
    pub fn write_json<T: Serialize>(&self, payload: &T, out: &mut Vec<u8>) {
        self.write(nfm_frame::json(payload, false).as_bytes(), out);
    }
}

/// The result of looking for a record at a place.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// A sound record, and its length with its header.
    Record(Record<'a>, usize),
    /// The beginning of one, perhaps: the bytes end before it does. So many there must be.
    Short(usize),
    /// A sound record of a kind that this version does not know, and its length.
    Newer(usize),
    /// No sound record.
    Damaged,
}

/// The record at the beginning of these bytes.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let number = |at: usize| -> Option<u64> {
        Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
    };
    let small = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
    };
    let begins = bytes.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic);
    if !begins {
        return Parsed::Damaged;
    }
    let Some(length) = small(4) else { return Parsed::Short(HEADER) };
    let length = length as usize;
    if length > LONGEST_PAYLOAD {
        return Parsed::Damaged;
    }
    let whole = HEADER.saturating_add(length);
    let (Some(checked), Some(payload)) = (bytes.get(CHECKED..whole), bytes.get(HEADER..whole))
    else {
        return Parsed::Short(whole);
    };
    if small(8) != Some(crc32fast::hash(checked)) {
        return Parsed::Damaged;
    }
    let head = || {
        Some(RecordHead {
            kind: RecordKind::of(*bytes.get(CHECKED)?)?,
            vm: small(16)?,
            place: small(20)?,
            seq: number(24)?,
            wall_ns: number(32)?,
            boot_ns: number(40)?,
        })
    };
    match head() {
        Some(head) => Parsed::Record(Record { head, payload }, whole),
        None => Parsed::Newer(whole),
    }
}

/// The distance to the next place where a record may begin, after the first byte.
pub fn next_start(bytes: &[u8]) -> Option<usize> {
    let later = bytes.get(1..)?;
    let at = later.windows(MAGIC.len()).position(|window| window == MAGIC)?;
    at.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_damage_is_seen() {
        let (kind, seq, wall_ns, boot_ns) = (RecordKind::Key, 9, 11, 13);
        let head = RecordHead { kind, vm: 7, place: 8, seq, wall_ns, boot_ns };
        let mut bytes = Vec::new();
        head.write(b"payload", &mut bytes);
        match parse(&bytes) {
            Parsed::Record(record, length) => {
                assert_eq!((record.head, record.payload, length), (head, &b"payload"[..], 55));
            }
            other => panic!("{other:?}"),
        }
        for at in 0..bytes.len() {
            assert!(!matches!(parse(&bytes[..at]), Parsed::Record(..)), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(!matches!(parse(&flipped), Parsed::Record(..)), "flip at {at}");
            }
        }
        let mut two = vec![b'n'; 3];
        two.extend_from_slice(&bytes);
        assert_eq!(next_start(&two), Some(3));
    }
}
