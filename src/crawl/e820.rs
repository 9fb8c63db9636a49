//! Firmware's map of RAM, as the kernel took it over: the judge of what `resolve` found.

use super::reader::{Context, ReadError, ReadResult};

/// `E820_TYPE_RAM` (arch/x86/include/asm/e820/types.h).
const RAM: u64 = 1;

/// The runs of RAM as (guest-physical address, bytes).
pub(crate) fn firmware_ram(context: &Context) -> ReadResult<Vec<(u64, u64)>> {
    let layout = &context.layout.system;
    let pointer = context.symbol(context.layout.symbols.e820_table_firmware)?;
    let table = context.u64_at(pointer)?;
    let entries = layout.e820_table.entries;
    let member = entries.member().ok_or(ReadError::NoMember(entries.name))?;
    let count = context.u32(table, layout.e820_table.nr_entries)?.min(member.elements);
    let first = context.at(table, entries)?;
    let mut runs = Vec::new();
    for index in 0..count {
        let entry = first.wrapping_add(u64::from(index) * u64::from(layout.e820_entry.size));
        if context.unsigned(entry, layout.e820_entry.kind)? == RAM {
            let start = context.unsigned(entry, layout.e820_entry.addr)?;
            runs.push((start, context.unsigned(entry, layout.e820_entry.size_bytes)?));
        }
    }
    Ok(runs)
}
