//! System calls that lead outside of the kernel's code.

use std::cell::Cell;
use std::collections::BTreeMap;

use syscalls::{x86, x86_64};

use super::code::Code;
use super::confirm::{confirmed, readable};
use super::outcome::{Compared, conclude};
use super::probes::Allowed;
use crate::crawl::reader::{ReadError, ReadResult, Reader};
use crate::frame::{HookTarget, HookedFunction, HookedSyscall, Integrity, Text};
use crate::layout::Symbol;

/// System calls that a table can have.
const MOST_CALLS: u64 = 4096;
/// Numbers from here on are those of the x32 ABI, and stand in the same table until 5.x.
const FIRST_X32: u32 = 512;

pub(super) fn check(reader: &Reader, found: &mut Integrity) {
    let symbols = &reader.layout.symbols;
    let own = hooked(reader, symbols.sys_call_table);
    found.hooked_syscalls = conclude(found, "system calls", own);
    let legacy = hooked(reader, symbols.ia32_sys_call_table);
    let rows = conclude(found, "32-bit system calls", legacy);
    found.hooked_syscalls.extend(rows);
    let dispatchers = [symbols.x64_sys_call, symbols.ia32_sys_call];
    let rows = conclude(found, "dispatchers of system calls", dispatched(reader, &dispatchers));
    found.hooked_functions.extend(rows);
}

/// The entries of a table, and the first instructions of the functions that they lead to.
fn hooked(reader: &Reader, table: Symbol) -> ReadResult<Compared<HookedSyscall>> {
    let start = reader.symbol(table)?;
    let end = reader.kernel.symbol_end(table.name).ok_or(ReadError::NoSymbol(table.name))?;
    let count = end.saturating_sub(start) / 8;
    if count > MOST_CALLS {
        return Err(ReadError::Nonsense { what: "the table has too many entries", address: start });
    }
    let examined = Cell::new(0);
    let confirmed = confirmed(reader, |_| {
        let code = Code::find(reader)?;
        let allowed = readable(Allowed::find(reader))?;
        let bytes = reader.table_at(start, count as usize * 8)?;
        let mut entries: Vec<u64> =
            bytes.as_chunks().0.iter().map(|entry| u64::from_le_bytes(*entry)).collect();
        // Padding up to the next variable.
        while entries.last() == Some(&0) {
            entries.pop();
        }
        examined.set(entries.len() as u64);
        reader.space.prefetch(
            entries.iter().filter(|entry| code.is_kernel(**entry)).map(|entry| (*entry, 32)),
        );
        let mut hooked = BTreeMap::new();
        let slots = (0_u32..).zip((start..).step_by(8));
        for ((number, slot), function) in slots.zip(entries) {
            if !code.is_kernel(function) {
                hooked.insert((number, "entry", slot, code.target(function)), ());
            } else if let Some(allowed) = &allowed
                && let Some(target) = readable(allowed.stray(reader, &code, function))?.flatten()
            {
                hooked.insert((number, "code", function, code.target(target)), ());
            }
        }
        Ok(hooked)
    })?;
    let row =
        |(number, place, address, target): (u32, &'static str, u64, HookTarget)| HookedSyscall {
            table: Text::fixed(table.name),
            number,
            name: name(table, number).map(Text::fixed),
            place: Text::fixed(place),
            address,
            target,
        };
    let rows = confirmed.found.into_keys().map(row).collect();
    Ok(Compared { examined: examined.get(), rows, unread: confirmed.unread })
}

fn name(table: Symbol, number: u32) -> Option<&'static str> {
    let number = number as usize;
    match table.name {
        "ia32_sys_call_table" => x86::Sysno::new(number).map(|call| call.name()),
        _ if number >= FIRST_X32 as usize => None,
        _ => x86_64::Sysno::new(number).map(|call| call.name()),
    }
}

/// The functions that choose among system calls, where the kernel has such instead of following a table.
fn dispatched(reader: &Reader, functions: &[Symbol]) -> ReadResult<Compared<HookedFunction>> {
    let present: Vec<(&'static str, u64)> =
        functions.iter().filter_map(|one| Some((one.name, one.address?))).collect();
    if let (true, Some(first)) = (present.is_empty(), functions.first()) {
        return Err(ReadError::NoSymbol(first.name));
    }
    let confirmed = confirmed(reader, |_| {
        let code = Code::find(reader)?;
        let allowed = Allowed::find(reader)?;
        let mut hooked = BTreeMap::new();
        for (name, function) in &present {
            if let Some(target) = readable(allowed.stray(reader, &code, *function))?.flatten() {
                hooked.insert((*name, *function, code.target(target)), ());
            }
        }
        Ok(hooked)
    })?;
    let row = |(name, address, target): (&str, u64, HookTarget)| HookedFunction {
        kind: Text::fixed("dispatcher"),
        name: name.into(),
        address,
        target,
    };
    let rows = confirmed.found.into_keys().map(row).collect();
    Ok(Compared { examined: present.len() as u64, rows, unread: confirmed.unread })
}
