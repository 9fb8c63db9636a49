//! Runs of addresses and where in a file they are kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::content::Content;
use super::open::DumpFile;

/// A run of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First address.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// Offset in the file of the first byte; `None` for zeros that the file does not hold.
    pub offset: Option<u64>,
}

impl Extent {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// The part from `start` to `end`, both within.
    fn part(&self, start: u64, end: u64) -> Self {
        let skipped = start.saturating_sub(self.start);
        let offset = self.offset.map(|offset| offset.saturating_add(skipped));
        Self { start, length: end.saturating_sub(start), offset }
    }

    /// True if `next` goes on where this ends, in the addresses and in the file.
    fn continues_in(&self, next: &Self) -> bool {
        let follows = match (self.offset, next.offset) {
            (Some(offset), Some(next)) => offset.checked_add(self.length) == Some(next),
            (None, None) => true,
            _ => false,
        };
        follows && self.end() == next.start
    }
}

/// Runs that do not overlap, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extents(Vec<Extent>);

impl Extents {
    /// Where runs overlap, the one that is earlier in the list counts: the kernel's own image of a crash
    /// (fs/proc/vmcore.c) names its text twice, once more within RAM.
    pub fn new(runs: &[Extent]) -> Self {
        let mut borders: Vec<(u64, bool, usize)> = runs
            .iter()
            .enumerate()
            .filter(|(_, run)| run.length > 0)
            .flat_map(|(index, run)| [(run.start, true, index), (run.end(), false, index)])
            .collect();
        borders.sort_unstable();
        let mut covering = BTreeSet::new();
        let mut position = 0;
        let mut list: Vec<Extent> = Vec::new();
        for (border, begins, index) in borders {
            if let Some(run) = covering.first().and_then(|first: &usize| runs.get(*first))
                && border > position
            {
                let part = run.part(position, border);
                match list.last_mut() {
                    Some(last) if last.continues_in(&part) => {
                        last.length = last.length.saturating_add(part.length);
                    }
                    _ => list.push(part),
                }
            }
            position = border;
            if begins {
                covering.insert(index);
            } else {
                covering.remove(&index);
            }
        }
        Self(list)
    }

    /// The run that holds an address.
    fn find(&self, address: u64) -> Option<&Extent> {
        let after = self.0.partition_point(|extent| extent.start <= address);
        self.0.get(after.checked_sub(1)?).filter(|extent| address < extent.end())
    }

    /// Reads bytes at an address; false where any of them is in no run or not in the file.
    pub fn read(&self, file: &DumpFile, address: u64, bytes: &mut [u8]) -> bool {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let Some(extent) = self.find(address) else { return false };
            let skipped = address - extent.start;
            let here = (extent.length - skipped).min(rest.len() as u64) as usize;
            let (now, later) = rest.split_at_mut(here);
            match extent.offset {
                Some(offset) if !file.read(offset.saturating_add(skipped), now) => return false,
                Some(_) => {}
                None => now.fill(0),
            }
            let Some(next) = address.checked_add(here as u64) else { return later.is_empty() };
            (address, rest) = (next, later);
        }
        true
    }

    /// The addresses as ascending runs, those that touch joined.
    pub fn runs(&self) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for extent in &self.0 {
            match runs.last_mut() {
                Some((start, length)) if start.saturating_add(*length) == extent.start => {
                    *length = length.saturating_add(extent.length);
                }
                _ => runs.push((extent.start, extent.length)),
            }
        }
        runs
    }
}

/// Guest RAM that a file holds in runs, byte for byte.
pub(crate) struct Plain {
    /// The file.
    pub file: Arc<DumpFile>,
    /// Guest-physical addresses in it.
    pub extents: Extents,
}

impl Content for Plain {
    fn ram(&self) -> Vec<(u64, u64)> {
        self.extents.runs()
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.extents.read(&self.file, address, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(start: u64, length: u64, offset: u64) -> Extent {
        Extent { start, length, offset: Some(offset) }
    }

    #[test]
    fn the_earlier_of_overlapping_runs_counts() {
        let extents = Extents::new(&[extent(10, 10, 1000), extent(0, 30, 0), extent(25, 10, 500)]);
        let expected =
            [extent(0, 10, 0), extent(10, 10, 1000), extent(20, 10, 20), extent(30, 5, 505)];
        assert_eq!(extents.0, expected);
        assert_eq!(extents.runs(), [(0, 35)]);
        assert_eq!(extents.find(34).map(|one| one.start), Some(30));
        assert_eq!(extents.find(35), None);
    }

    #[test]
    fn runs_that_go_on_are_joined_and_gaps_stay() {
        let extents = Extents::new(&[extent(0, 10, 5), extent(10, 10, 15), extent(30, 1, 0)]);
        assert_eq!(extents.0, [extent(0, 20, 5), extent(30, 1, 0)]);
        assert_eq!(extents.runs(), [(0, 20), (30, 1)]);
    }

    #[test]
    fn runs_at_the_end_of_the_addresses_do_not_overflow() {
        let extents = Extents::new(&[extent(u64::MAX - 1, 100, 0), extent(0, u64::MAX, 0)]);
        assert_eq!(extents.runs(), [(0, u64::MAX)]);
    }

    #[test]
    fn many_nested_runs_take_no_quadratic_time() {
        let small = (0..100_000).map(|n| extent(n * 10, 1, n));
        let large = (0..100_000).map(|n| extent(n, 2_000_000 - 2 * n, 0));
        let runs: Vec<Extent> = small.chain(large).collect();
        assert_eq!(Extents::new(&runs).runs(), [(0, 2_000_000)]);
    }
}
