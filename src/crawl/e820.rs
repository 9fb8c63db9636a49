//! Firmware's map of RAM, as the kernel took it over, and its NUMA nodes: the judges of what `resolve` found.

use memchr::memmem;

use super::memory::nodes;
use super::reader::{ReadError, ReadResult, Reader};
use crate::kernel::KernelImage;
use crate::memory::GuestRam;

/// `E820_TYPE_RAM` (arch/x86/include/asm/e820/types.h).
const RAM: u64 = 1;
/// Bytes of `struct boot_e820_entry`, which is packed.
const BOOT_ENTRY: usize = 20;
/// `E820_MAX_ENTRIES_ZEROPAGE` (arch/x86/include/uapi/asm/bootparam.h).
const MOST_BOOT_ENTRIES: usize = 128;
/// Kinds of memory: up to `E820_TYPE_PMEM`; Linux keeps its own beyond them.
const KINDS: std::ops::RangeInclusive<u32> = 1..=12;
/// Where RAM goes on above the window of the graphics adapter and the BIOS.
const FIRST_MIB: u64 = 1 << 20;
const FIRST_MIB_OF_RAM: [u8; 8] = FIRST_MIB.to_le_bytes();
/// Bytes of an image that are looked through, and those that are read at once.
const LONGEST_IMAGE: u64 = 128 << 20;
const PIECE: usize = 1 << 20;
/// Entries before that one.
const MOST_BEFORE: usize = 16;

/// The runs of RAM as (guest-physical address, bytes).
pub(crate) fn firmware_ram(reader: &Reader) -> ReadResult<Vec<(u64, u64)>> {
    let layout = &reader.layout.system;
    let pointer = reader.symbol(reader.layout.symbols.e820_table_firmware)?;
    let table = reader.u64_at(pointer)?;
    let entries = layout.e820_table.entries;
    let member = entries.member().ok_or(ReadError::NoMember(entries.name))?;
    let count = reader.u32(table, layout.e820_table.nr_entries)?.min(member.elements);
    let first = reader.at(table, entries)?;
    let mut runs = Vec::new();
    for index in 0..count {
        let entry = first.wrapping_add(u64::from(index) * u64::from(layout.e820_entry.size));
        if reader.unsigned(entry, layout.e820_entry.kind)? == RAM {
            let start = reader.unsigned(entry, layout.e820_entry.addr)?;
            runs.push((start, reader.unsigned(entry, layout.e820_entry.size_bytes)?));
        }
    }
    Ok(runs)
}

/// The same as the boot loader handed it over: the kernel keeps a copy in its image (`boot_params.e820_table`,
/// arch/x86/kernel/setup.c), which is there though nothing is known of the kernel yet. It is found by its form:
/// RAM from 0 on, then what follows, ascending, with RAM at 1 MiB.
pub(crate) fn firmware_map_in(ram: &GuestRam, image: &KernelImage) -> Option<Vec<(u64, u64)>> {
    let rare = memmem::Finder::new(&FIRST_MIB_OF_RAM);
    // Not by its page tables: those may be where this layout has other memory.
    let first = image.physical_address(image.start)?;
    let mut room = vec![0; PIECE + MOST_BOOT_ENTRIES * BOOT_ENTRY];
    (0..LONGEST_IMAGE).step_by(PIECE).find_map(|skip| {
        ram.budget().look_at_clock().ok()?;
        let at = first.checked_add(skip)?;
        ram.memory().read_run(at, &mut room).then_some(())?;
        let bytes = room.as_slice();
        let mut found = rare.find_iter(bytes);
        found.find_map(|found| {
            let mut starts =
                (1..=MOST_BEFORE).filter_map(|count| found.checked_sub(count * BOOT_ENTRY));
            starts.find_map(|start| boot_map(bytes.get(start..)?))
        })
    })
}

/// The RAM of a map that begins here.
fn boot_map(bytes: &[u8]) -> Option<Vec<(u64, u64)>> {
    let (mut runs, mut end) = (Vec::new(), 0_u64);
    for entry in bytes.chunks_exact(BOOT_ENTRY).take(MOST_BOOT_ENTRIES) {
        let long = |at| entry.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let kind = entry.get(16..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
        let (start, length) = (long(0)?, long(8)?);
        if start < end || !KINDS.contains(&kind) || length == 0 {
            break;
        }
        end = start.checked_add(length)?;
        if u64::from(kind) == RAM {
            runs.push((start, length));
        }
    }
    let has_low = runs.first().is_some_and(|(start, length)| *start == 0 && *length < FIRST_MIB);
    (has_low && runs.iter().any(|(start, _)| *start == FIRST_MIB)).then_some(runs)
}

/// The first NUMA node whose own structure is not where the kernel keeps it: in the node's memory, with its
/// number (`alloc_node_data`, arch/x86/mm/numa.c).
pub(crate) fn misplaced_node(reader: &Reader) -> Option<u64> {
    let node_id = reader.layout.memory.node.id;
    if reader.layout.symbols.node_data.address.is_none() || !node_id.exists() {
        return None;
    }
    let nodes = nodes(reader).ok()?;
    nodes.into_iter().find_map(|(number, node)| {
        let id = reader.unsigned(node, node_id).ok()?;
        (id != number).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(u64, u64, u32)]) -> Vec<u8> {
        let bytes = entries.iter().flat_map(|(start, length, kind)| {
            [&start.to_le_bytes()[..], &length.to_le_bytes(), &kind.to_le_bytes()].concat()
        });
        bytes.chain([0; 40]).collect()
    }

    #[test]
    fn the_loaders_map_is_known_by_its_form() {
        let low = (0, 0x9_fc00, 1);
        let high = (0x100_0000_0000, 0x4000_0000, 1);
        let whole = map(&[
            low,
            (0x9_fc00, 0x400, 2),
            (0x10_0000, 0x7fee_0000, 1),
            (0x7ffe_0000, 9, 2),
            high,
        ]);
        let ram = [(0, 0x9_fc00), (0x10_0000, 0x7fee_0000), (0x100_0000_0000, 0x4000_0000)];
        assert_eq!(boot_map(&whole), Some(ram.to_vec()));
        for bad in [
            map(&[low]),
            map(&[low, (0x10_0000, u64::MAX, 1)]),
            map(&[(0, 0x9_fc00, 2), (0x10_0000, 4096, 1)]),
            map(&[(0x10_0000, 4096, 1), low]),
            vec![0; 4096],
            b"short".to_vec(),
        ] {
            assert_eq!(boot_map(&bad), None);
        }
    }
}
