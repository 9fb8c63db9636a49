//! The section `modules`, as `/proc/modules` (kernel/module/procfs.c).

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::{Module, Text};

/// `MODULE_REF_BASE` (kernel/module/main.c): the reference that every live module has.
const OWN_REFERENCE: i64 = 1;
/// `MODULE_STATE_UNFORMED`: still being set up, and not shown.
const UNFORMED: u64 = 3;
/// Letters of `taint_flags` (kernel/panic.c), by bit.
const TAINTS: &[u8] = b"PFSRMBUDAWCIOELKXTNJ";

pub(super) fn crawl(reader: &Reader) -> Vec<Module> {
    let (layout, symbols) = (&reader.layout.system.module, &reader.layout.symbols);
    // Without CONFIG_MODULES there is none of these (kernel/module/), and nothing to be loaded.
    if [symbols.modules, symbols.mod_tree, symbols.modules_op]
        .into_iter()
        .all(|one| reader.symbol_if_any(one) == Ok(None))
    {
        return Vec::new();
    }
    let Some(head) = reader.note("modules", reader.symbol(symbols.modules)) else {
        return Vec::new();
    };
    let modules = reader.list("modules", head, layout.list);
    reader.rows::<Module, _>(modules).filter_map(|module| row(reader, module)).collect()
}

fn row(reader: &Reader, module: u64) -> Option<Module> {
    let layout = &reader.layout.system.module;
    let state = reader.note("state", reader.unsigned(module, layout.state));
    if state == Some(UNFORMED) {
        return None;
    }
    let references = reader.signed(module, layout.refcnt).map(|count| count - OWN_REFERENCE);
    let memory = reader.note("size", memory(reader, module));
    let taints = reader.unsigned(module, layout.taints).map(taint_letters);
    Some(Module {
        name: reader.note("name", reader.text(module, layout.name))?,
        state: state.and_then(|state| match state {
            0 => Some(Text::fixed("Live")),
            1 => Some(Text::fixed("Loading")),
            2 => Some(Text::fixed("Unloading")),
            _ => None,
        }),
        size: memory.map(|(_, size)| size),
        address: memory.map(|(address, _)| address),
        references: reader.note("references", references),
        used_by: reader.note("used_by", used_by(reader, module)),
        taints: reader.note("taints", taints),
    })
}

/// (address of the code, bytes in all).
fn memory(reader: &Reader, module: u64) -> ReadResult<(u64, u64)> {
    let system = &reader.layout.system;
    let layout = &system.module;
    let Some(mem) = layout.mem.member() else {
        let core = reader.unsigned(module, layout.core_size)?;
        let init = reader.unsigned(module, layout.init_size)?;
        return Ok((reader.unsigned(module, layout.core_base)?, core.saturating_add(init)));
    };
    let text = system.module_text.ok_or(ReadError::NoMember("MOD_TEXT"))?;
    let stride = mem.size.checked_div(mem.elements).unwrap_or(0);
    let first = reader.at(module, layout.mem)?;
    let (mut address, mut size) = (0, 0_u64);
    for kind in 0..mem.elements.min(64) {
        let memory = first.wrapping_add(u64::from(kind) * u64::from(stride));
        size = size.saturating_add(reader.unsigned(memory, system.module_memory.bytes)?);
        if i64::from(kind) == text {
            address = reader.unsigned(memory, system.module_memory.base)?;
        }
    }
    Ok((address, size))
}

/// The modules that hold a reference (`struct module_use`), in the order of `/proc/modules`.
fn used_by(reader: &Reader, module: u64) -> ReadResult<Vec<Text>> {
    let system = &reader.layout.system;
    let head = reader.at(module, system.module.source_list)?;
    reader
        .list("used_by", head, system.module_use.source_list)
        .into_iter()
        .map(|usage| {
            let source = reader.follow(usage, system.module_use.source)?;
            reader.text(source, system.module.name)
        })
        .collect()
}

fn taint_letters(taints: u64) -> Text {
    let is_set = |(bit, _): &(usize, &u8)| taints & (1 << bit) != 0;
    let letters = TAINTS.iter().enumerate().filter(is_set);
    letters.map(|(_, letter)| char::from(*letter)).collect::<String>().into()
}
