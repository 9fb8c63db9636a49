//! The table of symbols that modules may use (`__ksymtab`, include/linux/export.h, kernel/module/main.c). It is among
//! the constants of every kernel with CONFIG_MODULES, and names variables that a table of symbols without
//! CONFIG_KALLSYMS_ALL lacks.

use std::cmp::Ordering;

use memchr::memmem;
use rustc_hash::{FxHashMap, FxHashSet};

use super::image::KERNEL_MAP;

/// Symbols that every kernel exports, some of them to modules under the GPL alone, which have a table of their own.
const ANCHORS: [&str; 4] = ["init_task", "init_uts_ns", "net_namespace_list", "_totalram_pages"];
/// Bytes of a `struct kernel_symbol`: value, name and, since 8651ec01daed (5.4), namespace, each counted from its own
/// place (7290d5809571, 4.19).
const ENTRY_BYTES: [usize; 2] = [12, 8];
/// Bytes of both tables and of the names: Debian's have 600 KiB.
const LARGEST_TABLES: usize = 2 << 20;
/// A table with fewer is none: small kernels export 2,000.
const FEWEST: usize = 200;
/// Debian's kernels export 13,000.
const MOST: usize = 50_000;
/// Places that are tried as entries of one, and texts that may be an anchor's name: each occurs once.
const MOST_TRIED: usize = 32;
/// `KSYM_NAME_LEN` (include/linux/kallsyms.h).
const LONGEST_NAME: usize = 512;
/// Per-CPU variables are numbers below this (until Linux 6.15).
const LARGEST_PER_CPU: u64 = 16 << 20;

/// The addresses of those variables of these names that are exported, by the kernel's constants, each part at its
/// address.
pub(super) fn search(parts: &[(u64, Vec<u8>)], wanted: &[&str]) -> FxHashMap<String, u64> {
    let strings: FxHashSet<u64> = ANCHORS
        .iter()
        .flat_map(|name| {
            let text = [name.as_bytes(), b"\0"].concat();
            let places = |(address, bytes): &(u64, Vec<u8>)| {
                let found = memmem::find_iter(bytes, &text);
                found
                    .take(MOST_TRIED)
                    .map(|at| address.wrapping_add(at as u64))
                    .collect::<Vec<u64>>()
            };
            parts.iter().flat_map(places).take(MOST_TRIED).collect::<Vec<u64>>()
        })
        .collect();
    let bounds = strings.iter().min().copied().zip(strings.iter().max().copied());
    let Some((first, last)) = bounds else { return FxHashMap::default() };
    let wanted: FxHashSet<&[u8]> = wanted.iter().map(|name| name.as_bytes()).collect();
    let (mut found, mut tried) = (FxHashMap::default(), 0);
    for (address, bytes) in parts {
        let part = Part { address: *address, bytes };
        // The linker places the names behind the entries (RO_DATA, include/asm-generic/vmlinux.lds.h).
        let place = |string: u64| usize::try_from(string.wrapping_sub(*address)).ok();
        let Some(end) = place(last).filter(|end| *end < bytes.len()) else { continue };
        let start = place(first).unwrap_or(0).saturating_sub(LARGEST_TABLES) & !3;
        // Entries below this place were walked over.
        let mut done = 0;
        for (word, at) in
            bytes.get(start..end).unwrap_or_default().as_chunks().0.iter().zip((start..).step_by(4))
        {
            let offset = i64::from(i32::from_le_bytes(*word));
            let string = address.wrapping_add(at as u64).wrapping_add(offset as u64);
            // Cheap first: this is asked of every word.
            if string < first || string > last || at < done || !strings.contains(&string) {
                continue;
            }
            let Some(entry) = at.checked_sub(4) else { continue };
            tried += 1;
            if tried > MOST_TRIED {
                return found;
            }
            let table = ENTRY_BYTES.into_iter().find_map(|size| part.table(entry, size));
            let Some(Table { entries, end }) = table else { continue };
            done = end;
            for (name, value) in entries {
                if wanted.contains(name)
                    && let Ok(name) = std::str::from_utf8(name)
                {
                    found.insert(name.to_owned(), value);
                }
            }
        }
    }
    found
}

/// A run of entries whose names ascend.
struct Table<'a> {
    entries: Vec<(&'a [u8], u64)>,
    /// Where it ends in its part.
    end: usize,
}

/// A part of the constants.
#[derive(Clone, Copy)]
struct Part<'a> {
    address: u64,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// The address to which a place leads, from which it is counted.
    fn target(self, at: usize) -> Option<u64> {
        let offset = i32::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?);
        Some(self.address.wrapping_add(at as u64).wrapping_add(i64::from(offset) as u64))
    }

    /// Name and value of an entry.
    fn entry(self, at: usize) -> Option<(&'a [u8], u64)> {
        let value = self.target(at)?;
        (!(LARGEST_PER_CPU..KERNEL_MAP).contains(&value)).then_some(())?;
        let string = self.target(at.checked_add(4)?)?.checked_sub(self.address)?;
        let string = self.bytes.get(usize::try_from(string).ok()?..)?;
        let end = string.iter().take(LONGEST_NAME).position(|byte| *byte == 0)?;
        let name = string.get(..end)?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.$".contains(byte);
        (!name.is_empty() && name.iter().all(is_name)).then_some((name, value))
    }

    /// The table around an entry, as the kernel's own binary search needs it (`find_exported_symbol_in_section`).
    fn table(self, entry: usize, size: usize) -> Option<Table<'a>> {
        let anchor = self.entry(entry)?;
        let step = |at: usize, forward: bool| match forward {
            true => at.checked_add(size),
            false => at.checked_sub(size),
        };
        let run = |forward: bool, order: Ordering| {
            let (mut at, mut name, mut entries) = (entry, anchor.0, Vec::new());
            while entries.len() < MOST
                && let Some(next) = step(at, forward)
                && let Some(read) = self.entry(next)
                && read.0.cmp(name) == order
            {
                entries.push(read);
                (at, name) = (next, read.0);
            }
            (entries, at)
        };
        let (mut entries, _) = run(false, Ordering::Less);
        let (after, last) = run(true, Ordering::Greater);
        entries.push(anchor);
        entries.extend(after);
        (entries.len() >= FEWEST).then_some(Table { entries, end: last.checked_add(size)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: u64 = 0xffff_ffff_8200_0000;
    const VARIABLE: u64 = 0xffff_ffff_8300_1000;

    /// A table as the linker makes it: entries sorted by name, and the names behind them.
    fn table(size: usize, names: &[String]) -> Vec<u8> {
        let mut names = names.to_vec();
        names.sort();
        let mut bytes = vec![0; 64 + size * names.len()];
        for (index, name) in names.iter().enumerate() {
            let at = 64 + size * index;
            let value = if name == "cpu_info" { 0x1_1280 } else { VARIABLE + 16 * index as u64 };
            let string = bytes.len();
            let from = |place: usize| ADDRESS + place as u64;
            let offset = value.wrapping_sub(from(at)) as u32;
            bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
            let offset = (string - at - 4) as u32;
            bytes[at + 4..at + 8].copy_from_slice(&offset.to_le_bytes());
            bytes.extend(name.bytes().chain([0]));
        }
        bytes
    }

    fn names(count: usize) -> Vec<String> {
        let others = (0..count).map(|index| format!("function{index:04}"));
        others.chain(["init_task", "cpu_info", "tcp_hashinfo"].map(str::to_owned)).collect()
    }

    #[test]
    fn exported_variables_are_found() {
        for size in ENTRY_BYTES {
            let parts = [(ADDRESS, table(size, &names(FEWEST)))];
            let found = search(&parts, &["init_task", "cpu_info", "avenrun"]);
            let index = (FEWEST + 1) as u64;
            assert_eq!(found.get("init_task"), Some(&(VARIABLE + 16 * index)), "{size}");
            assert_eq!(found.get("cpu_info"), Some(&0x1_1280), "a per-CPU variable");
            assert_eq!(found.len(), 2);
        }
    }

    #[test]
    fn what_is_no_table() {
        let few = table(12, &names(20));
        assert!(search(&[(ADDRESS, few)], &["init_task"]).is_empty());
        let sound = table(12, &names(FEWEST));
        for position in (0..sound.len()).step_by(7) {
            let mut damaged = sound.clone();
            damaged[position] ^= 0x5a;
            // Whatever it finds, it ends and does not panic.
            let _ = search(&[(ADDRESS, damaged)], &["init_task"]);
            let _ = search(&[(ADDRESS, sound[..position].to_vec())], &["init_task"]);
        }
    }
}
