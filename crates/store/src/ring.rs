//! The flight recorder's ring: the newest records of one guest, in memory.

use std::collections::VecDeque;
use std::time::Duration;

use crate::record::{Parsed, RecordKind, parse};

/// Records of a guest that go back for so long at least, as far as they have room.
pub struct Ring {
    records: VecDeque<Kept>,
    bytes: usize,
    length_ns: u64,
    most_bytes: usize,
}

struct Kept {
    is_key: bool,
    boot_ns: u64,
    bytes: Box<[u8]>,
}

impl Ring {
    /// A ring of so much time, and of so many bytes at most.
    pub fn new(length: Duration, most_bytes: usize) -> Self {
        let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Self { records: VecDeque::new(), bytes: 0, length_ns, most_bytes }
    }

    /// Adds the next record of the guest, and drops the oldest: from one key to the next at once, as the records between
    /// cannot be read without the first.
    pub fn push(&mut self, record: &[u8]) {
        let Parsed::Record(parsed, _) = parse(record) else { return };
        let (is_key, boot_ns) = (parsed.head.kind == RecordKind::Key, parsed.head.boot_ns);
        if self.records.is_empty() && !is_key {
            return;
        }
        self.bytes = self.bytes.saturating_add(record.len());
        self.records.push_back(Kept { is_key, boot_ns, bytes: record.into() });
        loop {
            let second = self.records.iter().skip(1).find(|kept| kept.is_key);
            let is_over =
                second.is_some_and(|kept| kept.boot_ns <= boot_ns.saturating_sub(self.length_ns));
            if self.bytes <= self.most_bytes && !is_over {
                return;
            }
            self.drop_oldest();
        }
    }

    /// The records, oldest first, and how many those are; none are left.
    pub fn take(&mut self) -> (Vec<u8>, usize) {
        let count = self.records.len();
        let mut all = Vec::with_capacity(self.bytes);
        self.records.drain(..).for_each(|kept| all.extend_from_slice(&kept.bytes));
        self.bytes = 0;
        (all, count)
    }

    fn drop_oldest(&mut self) {
        while let Some(kept) = self.records.pop_front() {
            self.bytes = self.bytes.saturating_sub(kept.bytes.len());
            if self.records.front().is_none_or(|next| next.is_key) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordHead;

    fn record(second: u64, is_key: bool) -> Vec<u8> {
        let kind = if is_key { RecordKind::Key } else { RecordKind::Frame };
        let mut bytes = Vec::new();
        let boot_ns = second * 1_000_000_000;
        RecordHead { seq: second, ..RecordHead::other(kind, boot_ns, boot_ns) }
            .write(&[0; 100], &mut bytes);
        bytes
    }

    /// The seconds of the records that are in a ring after these many seconds, with a key every ten.
    fn kept(ring: &mut Ring, seconds: u64) -> Vec<u64> {
        (0..seconds).for_each(|second| ring.push(&record(second, second % 10 == 3)));
        let (bytes, count) = ring.take();
        let mut rest = bytes.as_slice();
        let mut found = Vec::new();
        while let Parsed::Record(record, length) = parse(rest) {
            found.push(record.head.seq);
            rest = &rest[length..];
        }
        assert_eq!((rest.len(), found.len(), ring.take()), (0, count, (Vec::new(), 0)));
        found
    }

    #[test]
    fn it_begins_with_a_key_and_has_all_of_its_time() {
        let mut ring = Ring::new(Duration::from_secs(30), 1 << 20);
        assert_eq!(kept(&mut ring, 3), Vec::<u64>::new());
        assert_eq!(kept(&mut ring, 20), (3..20).collect::<Vec<_>>());
        // Second 69 is 30 after 39, which needs the key of 33.
        assert_eq!(kept(&mut ring, 70), (33..70).collect::<Vec<_>>());
    }

    #[test]
    fn it_takes_no_more_bytes_than_it_may() {
        let length = record(0, true).len();
        let mut ring = Ring::new(Duration::from_secs(30), length * 25);
        assert_eq!(kept(&mut ring, 100), (83..100).collect::<Vec<_>>());
        // There is no room for one key and what follows it: what is left begins with a key all the same.
        let mut ring = Ring::new(Duration::from_secs(30), length * 4);
        assert_eq!(kept(&mut ring, 96), [93, 94, 95]);
        assert_eq!(kept(&mut ring, 100), Vec::<u64>::new());
    }
}
