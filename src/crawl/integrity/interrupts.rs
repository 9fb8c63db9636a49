//! Interrupt gates that lead outside of the kernel's code.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::code::Code;
use super::confirm::{confirmed, readable};
use super::outcome::{Compared, conclude};
use crate::crawl::reader::{ReadResult, Reader};
use crate::frame::{HookTarget, HookedInterrupt, Integrity};

/// `IDT_ENTRIES` (arch/x86/include/asm/desc_defs.h).
const GATES: u32 = 256;
/// `NUM_EXCEPTION_VECTORS` (arch/x86/include/asm/trapnr.h).
const EXCEPTIONS: u32 = 32;
/// `EARLY_IDT_HANDLER_SIZE` (arch/x86/include/asm/segment.h), without and with CONFIG_X86_KERNEL_IBT.
const EARLY_BYTES: [u64; 2] = [9, 13];

pub(super) fn check(reader: &Reader, found: &mut Integrity) {
    found.hooked_interrupts = conclude(found, "interrupt gates", hooked(reader));
}

fn hooked(reader: &Reader) -> ReadResult<Compared<HookedInterrupt>> {
    let table = reader.symbol(reader.layout.symbols.idt_table)?;
    let early = reader.layout.symbols.early_idt_handler_array.address;
    let stride = u64::from(reader.layout.integrity.gate.size);
    let examined = Cell::new(0);
    let gates = confirmed(reader, |_| {
        let code = Code::find(reader)?;
        let mut hooked = BTreeMap::new();
        let mut present = 0;
        for vector in 0..GATES {
            let gate = table.wrapping_add(u64::from(vector) * stride);
            let Some(address) = readable(handler(reader, gate))?.flatten() else { continue };
            present += 1;
            // Exceptions that no processor has keep the handler of early boot, whose memory was freed.
            let is_early = |bytes: &u64| {
                early.map(|early| early.wrapping_add(u64::from(vector) * bytes)) == Some(address)
            };
            let is_unset = vector < EXCEPTIONS && EARLY_BYTES.iter().any(is_early);
            if !code.is_kernel(address) && !is_unset {
                hooked.insert((vector, gate, code.target(address)), ());
            }
        }
        examined.set(present);
        Ok(hooked)
    })?;
    let row = |(vector, address, target): (u32, u64, HookTarget)| HookedInterrupt {
        vector,
        address,
        target,
    };
    let rows = gates.found.into_keys().map(row).collect();
    Ok(Compared { examined: examined.get(), rows, unread: gates.unread })
}

/// Where a gate leads; `None` for one that is not in use.
fn handler(reader: &Reader, gate: u64) -> ReadResult<Option<u64>> {
    let layout = &reader.layout.integrity.gate;
    if reader.unsigned(gate, layout.present)? == 0 {
        return Ok(None);
    }
    let part = |field| reader.unsigned(gate, field);
    Ok(Some(part(layout.low)? | part(layout.middle)? << 16 | part(layout.high)? << 32))
}
