//! The section `mappings`: `/proc/PID/maps` and the resident part of `/proc/PID/smaps`
//! (fs/proc/task_mmu.c).

use super::path;
use super::reader::{Context, ReadResult};
use super::resident::{self, Counting};
use super::vmas::{Vma, vmas};
use crate::frame::{Mapping, PhysicalRun, Text};
use crate::layout::Field;
use crate::paging::{AddressSpace, Content};

/// `VM_HUGETLB` (include/linux/mm.h): counted apart from what is resident.
const HUGETLB: u64 = 0x0040_0000;
/// `VM_MAYSHARE`.
const SHARED: u64 = 0x80;
/// Bit of `mm_context_t.flags` (arch/x86/include/asm/mmu.h).
const HAS_VSYSCALL: u64 = 1 << 1;
/// `enum { EMULATE, XONLY, NONE } vsyscall_mode` (arch/x86/entry/vsyscall/vsyscall_64.c).
const NO_VSYSCALL: u32 = 2;

/// Adds the mappings of a task.
pub(super) fn add(context: &Context, task: u64, rows: &mut Vec<Mapping>) {
    of_task(context, task, rows);
}

/// The mappings of a task; `None` where it has no address space.
fn of_task(context: &Context, task: u64, rows: &mut Vec<Mapping>) -> Option<()> {
    let layout = &context.layout.process.task;
    let pid = context.note("pid", context.u32(task, layout.tgid))?;
    let mm = context.note("mm", context.pointer(task, layout.mm)).flatten()?;
    let space = context.note("page tables", context.user_space(mm))?;
    let gate = context.note("vsyscall", gate(context, mm)).flatten();
    let owner = Owner { pid, space, places: Places::of(context, mm) };
    let state = if context.details.physical { None } else { resident::state(context, task, mm) };
    let mut counting = context.reuse.residents.borrow_mut().count(state);
    let mut areas = context.areas.take();
    areas.clear();
    vmas(context, mm, &mut areas);
    let all = context.rows::<Mapping, _>(areas.iter().copied().chain(gate));
    rows.extend(all.map(|vma| row(context, &owner, &mut counting, vma)));
    context.reuse.residents.borrow_mut().keep(counting);
    context.areas.replace(areas);
    Some(())
}

/// What the mappings of one process have in common.
struct Owner<'a> {
    pid: u32,
    space: AddressSpace<'a>,
    places: ReadResult<Places>,
}

/// Where in an address space the heap and the stack are.
#[derive(Clone, Copy)]
struct Places {
    start_brk: u64,
    brk: u64,
    stack: u64,
}

impl Places {
    fn of(context: &Context, mm: u64) -> ReadResult<Self> {
        let layout = &context.layout.memory.mm;
        Ok(Self {
            start_brk: context.unsigned(mm, layout.start_brk)?,
            brk: context.unsigned(mm, layout.brk)?,
            stack: context.unsigned(mm, layout.start_stack)?,
        })
    }
}

fn row(context: &Context, owner: &Owner, counting: &mut Counting, vma: Vma) -> Mapping {
    let Owner { pid, space, places } = owner;
    let layout = &context.layout.memory.vma;
    let flags = context.note("flags", context.unsigned(vma.address, layout.flags));
    let file = context.note("file", context.pointer(vma.address, layout.file)).flatten();
    let offset = match file {
        Some(_) => context.unsigned(vma.address, layout.pgoff).map(|pages| pages.wrapping_shl(12)),
        None => Ok(0),
    };
    let huge = flags.is_some_and(|flags| flags & HUGETLB != 0);
    let (resident, pieces) = match context.details.physical {
        true => {
            let pieces = context.note("resident_bytes", pieces(context, space, vma));
            (pieces.as_ref().map(|pieces| in_ram(pieces)), pieces)
        }
        false => {
            let count = || Ok(space.in_ram(vma.start, vma.end)?);
            let resident = counting.resident(vma.start, vma.end, count);
            (context.note("resident_bytes", resident), None)
        }
    };
    let resident = resident.map(|bytes| if huge { 0 } else { bytes });
    Mapping {
        pid: *pid,
        start: vma.start,
        end: vma.end,
        permissions: flags.map(permissions),
        offset: context.note("offset", offset),
        path: context.note("path", name(context, *places, vma, file)).flatten(),
        resident_bytes: resident,
        physical: pieces,
    }
}

fn in_ram(pieces: &[PhysicalRun]) -> u64 {
    pieces.iter().filter(|run| !run.swapped).fold(0, |sum, run| sum.saturating_add(run.bytes))
}

/// The pages of an area, neighbours put together.
fn pieces(context: &Context, space: &AddressSpace, vma: Vma) -> ReadResult<Vec<PhysicalRun>> {
    let mut runs: Vec<PhysicalRun> = Vec::new();
    space.visit(vma.start, vma.end, &mut |piece| {
        let physical = match piece.content {
            Content::Ram(physical) => Some(physical).filter(|_| !space.has_machine_frames()),
            Content::Swap => None,
        };
        let swapped = piece.content == Content::Swap;
        if let Some(last) = runs.last_mut()
            && last.virtual_address.wrapping_add(last.bytes) == piece.address
            && last.physical.map(|at| at.wrapping_add(last.bytes)) == physical
            && last.swapped == swapped
        {
            last.bytes = last.bytes.saturating_add(piece.bytes);
            return;
        }
        // Once a limit is reached, the visit's next read ends it.
        if context.space.budget().row(std::mem::size_of::<PhysicalRun>()).is_ok() {
            runs.push(PhysicalRun {
                virtual_address: piece.address,
                physical,
                bytes: piece.bytes,
                swapped,
            });
        }
    })?;
    Ok(runs)
}

fn permissions(flags: u64) -> Text {
    let letter = |bit, letter| if flags & bit != 0 { letter } else { b'-' };
    let share = if flags & SHARED != 0 { b's' } else { b'p' };
    let letters = [letter(1, b'r'), letter(2, b'w'), letter(4, b'x'), share];
    Text::from_bytes(&letters)
}

/// `get_vma_name`.
fn name(
    context: &Context,
    places: ReadResult<Places>,
    vma: Vma,
    file: Option<u64>,
) -> ReadResult<Option<Text>> {
    let layout = &context.layout.memory;
    let place = |field: Field| field.member().map(|member| member.offset);
    let named = layout.vma.anon_name.exists();
    let same_place = place(layout.vma.anon_name) == place(layout.vma.shared);
    let given = match named && !(file.is_some() && same_place) {
        true => context.pointer(vma.address, layout.vma.anon_name)?,
        false => None,
    };
    let given = given.map(|name| context.text_at(context.at(name, layout.anon_name.name)?, 256));
    if let Some(file) = file {
        let path = path::of_file(context, file)?;
        // A shared anonymous mapping is a nameless file, which takes a given name too.
        return Ok(Some(match given.transpose()? {
            Some(given) => Text::of(format_args!("[anon_shmem:{given}]")),
            None => path,
        }));
    }
    let operations = context.pointer(vma.address, layout.vma.operations)?;
    if operations.is_some() && operations == context.layout.symbols.special_mapping_vmops.address {
        let special = context.follow(vma.address, layout.vma.private)?;
        return context.text_at(context.follow(special, layout.special.name)?, 64).map(Some);
    }
    if operations.is_some() && operations == context.layout.symbols.gate_vma_ops.address {
        return Ok(Some(Text::fixed("[vsyscall]")));
    }
    let places = places?;
    if vma.start < places.brk && vma.end > places.start_brk {
        return Ok(Some(Text::fixed("[heap]")));
    }
    if (vma.start..=vma.end).contains(&places.stack) {
        return Ok(Some(Text::fixed("[stack]")));
    }
    Ok(given.transpose()?.map(|given| Text::of(format_args!("[anon:{given}]"))))
}

/// The page of legacy system calls, which is in no process's tree (`get_gate_vma`).
fn gate(context: &Context, mm: u64) -> ReadResult<Option<Vma>> {
    let symbols = &context.layout.symbols;
    let layout = &context.layout.memory;
    let (Some(gate), Some(mode)) = (symbols.gate_vma.address, symbols.vsyscall_mode.address) else {
        return Ok(None);
    };
    let has = match layout.mm.ia32_compat.exists() {
        true => context.unsigned(mm, layout.mm.ia32_compat)? == 0,
        false => context.unsigned(mm, layout.mm.context_flags)? & HAS_VSYSCALL != 0,
    };
    if context.u32_at(mode)? == NO_VSYSCALL || !has {
        return Ok(None);
    }
    Ok(Some(Vma {
        address: gate,
        start: context.unsigned(gate, layout.vma.start)?,
        end: context.unsigned(gate, layout.vma.end)?,
    }))
}
