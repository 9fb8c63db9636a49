//! The section `modules`, as `/proc/modules` (kernel/module/procfs.c).

use super::reader::{Context, ReadError, ReadResult};
use crate::frame::{Module, Text};

/// `MODULE_REF_BASE` (kernel/module/main.c): the reference that every live module has.
const OWN_REFERENCE: i64 = 1;
/// `MODULE_STATE_UNFORMED`: still being set up, and not shown.
const UNFORMED: u64 = 3;
/// Letters of `taint_flags` (kernel/panic.c), by bit.
const TAINTS: &[u8] = b"PFSRMBUDAWCIOELKXTNJ";

pub(super) fn crawl(context: &Context) -> Vec<Module> {
    let (layout, symbols) = (&context.layout.system.module, &context.layout.symbols);
    // Without CONFIG_MODULES there is none of these (kernel/module/), and nothing to be loaded.
    if [symbols.modules, symbols.mod_tree, symbols.modules_op]
        .iter()
        .all(|one| one.address.is_none())
    {
        return Vec::new();
    }
    let Some(head) = context.note("modules", context.symbol(symbols.modules)) else {
        return Vec::new();
    };
    let modules = context.list("modules", head, layout.list);
    context.rows::<Module, _>(modules).filter_map(|module| row(context, module)).collect()
}

fn row(context: &Context, module: u64) -> Option<Module> {
    let layout = &context.layout.system.module;
    let state = context.note("state", context.unsigned(module, layout.state));
    if state == Some(UNFORMED) {
        return None;
    }
    let references = context.signed(module, layout.refcnt).map(|count| count - OWN_REFERENCE);
    let memory = context.note("size", memory(context, module));
    let taints = context.unsigned(module, layout.taints).map(taint_letters);
    Some(Module {
        name: context.note("name", context.text(module, layout.name))?,
        state: state.and_then(|state| match state {
            0 => Some(Text::fixed("Live")),
            1 => Some(Text::fixed("Loading")),
            2 => Some(Text::fixed("Unloading")),
            _ => None,
        }),
        size: memory.map(|(_, size)| size),
        address: memory.map(|(address, _)| address),
        references: context.note("references", references),
        used_by: context.note("used_by", used_by(context, module)),
        taints: context.note("taints", taints),
    })
}

/// (address of the code, bytes in all).
fn memory(context: &Context, module: u64) -> ReadResult<(u64, u64)> {
    let system = &context.layout.system;
    let layout = &system.module;
    let Some(mem) = layout.mem.member() else {
        let core = context.unsigned(module, layout.core_size)?;
        let init = context.unsigned(module, layout.init_size)?;
        return Ok((context.unsigned(module, layout.core_base)?, core.saturating_add(init)));
    };
    let text = system.module_text.ok_or(ReadError::NoMember("MOD_TEXT"))?;
    let stride = mem.size.checked_div(mem.elements).unwrap_or(0);
    let first = context.at(module, layout.mem)?;
    let (mut address, mut size) = (0, 0_u64);
    for kind in 0..mem.elements.min(64) {
        let memory = first.wrapping_add(u64::from(kind) * u64::from(stride));
        size = size.saturating_add(context.unsigned(memory, system.module_memory.bytes)?);
        if i64::from(kind) == text {
            address = context.unsigned(memory, system.module_memory.base)?;
        }
    }
    Ok((address, size))
}

/// The modules that hold a reference (`struct module_use`), in the order of `/proc/modules`.
fn used_by(context: &Context, module: u64) -> ReadResult<Vec<Text>> {
    let system = &context.layout.system;
    let head = context.at(module, system.module.source_list)?;
    context
        .list("used_by", head, system.module_use.source_list)
        .into_iter()
        .map(|usage| {
            let source = context.follow(usage, system.module_use.source)?;
            context.text(source, system.module.name)
        })
        .collect()
}

fn taint_letters(taints: u64) -> Text {
    let is_set = |(bit, _): &(usize, &u8)| taints & (1 << bit) != 0;
    let letters = TAINTS.iter().enumerate().filter(is_set);
    letters.map(|(_, letter)| char::from(*letter)).collect::<String>().into()
}
