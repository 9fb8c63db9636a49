//! Which parts of a process's memory or of a file have something behind them.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;

use super::{PAGE_SHIFT, PAGE_SIZE};

/// Appends the runs of a process's memory that are in RAM or in swap, as (offset from `start`, bytes): bits
/// 63 and 62 of a page's entry (Documentation/admin-guide/mm/pagemap.rst). `None` where the host does not
/// tell.
pub(super) fn of_process(pagemap: &File, start: u64, length: u64) -> Option<Vec<(u64, u64)>> {
    const HELD: u64 = 1 << 63 | 1 << 62;
    let mut entries = vec![0_u8; 1 << 16];
    let mut runs = Vec::new();
    let pages = length >> PAGE_SHIFT;
    let mut page = 0_u64;
    while page < pages {
        let chunk = entries.get_mut(..((pages - page) * 8).min(1 << 16) as usize)?;
        let at = (start >> PAGE_SHIFT).checked_add(page)?.checked_mul(8)?;
        pagemap.read_exact_at(chunk, at).ok()?;
        for entry in chunk.as_chunks().0 {
            if u64::from_le_bytes(*entry) & HELD != 0 {
                append(&mut runs, page << PAGE_SHIFT, PAGE_SIZE as u64);
            }
            page += 1;
        }
    }
    Some(runs)
}

/// The runs of a part of a file that are no hole, as (offset from `start`, bytes).
pub(super) fn of_file(file: &File, start: u64, length: u64) -> Option<Vec<(u64, u64)>> {
    let end = start.checked_add(length)?;
    let mut runs = Vec::new();
    let mut position = start;
    while position < end {
        let Ok(data) = rustix::fs::seek(file, SeekFrom::Data(position)) else { break };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(data)).ok()?.min(end);
        if data < hole {
            append(&mut runs, data - start, hole - data);
        }
        position = hole.max(data.saturating_add(1));
    }
    Some(runs)
}

fn append(runs: &mut Vec<(u64, u64)>, start: u64, length: u64) {
    match runs.last_mut() {
        Some((first, bytes)) if *first + *bytes == start => *bytes += length,
        _ => runs.push((start, length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_and_untouched_pages_are_left_out() {
        let file =
            File::from(rustix::fs::memfd_create("held", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        file.set_len(64 * 4096).unwrap();
        file.write_all_at(&[1], 10 * 4096).unwrap();
        file.write_all_at(&[1; 4097], 20 * 4096).unwrap();
        let runs = of_file(&file, 4096, 63 * 4096).unwrap();
        assert_eq!(runs, [(9 * 4096, 4096), (19 * 4096, 2 * 4096)]);
        assert_eq!(of_file(&file, 30 * 4096, 34 * 4096).unwrap(), []);
    }
}
