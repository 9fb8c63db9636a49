//! The section `mappings`: `/proc/PID/maps` and the resident part of `/proc/PID/smaps`
//! (fs/proc/task_mmu.c).

use super::context::Context;
use super::path::{self, Named};
use super::reader::{ReadError, ReadResult};
use super::sleeper_cache::{Gathered, Look};
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

/// What of an area only its process changes, and what of it is in RAM.
#[derive(Debug)]
pub(super) struct Area {
    start: u64,
    end: u64,
    flags: Option<u64>,
    offset: Option<u64>,
    named: Option<Named>,
    /// Bytes in RAM; `None` for pages in swap, or that were just moved, which are counted each time.
    resident: Option<u64>,
}

/// Adds the mappings of a process; it may have no address space.
pub(super) fn add(context: &Context, look: &mut Look, rows: &mut Vec<Mapping>) {
    let Some(mm) = context.note("mm", context.mm_of(look.task)).flatten() else { return };
    let pid = look.pid;
    let known = look.facts.areas.take();
    let is_counted = |known: &Vec<Area>| known.iter().all(|area| area.resident.is_some());
    let space = match known.as_ref().is_some_and(is_counted) && !context.details.physical {
        true => None,
        false => match context.note("page tables", context.user_space(mm)) {
            None => return,
            Some(space) => {
                Some(space.with_zeros(context.note("huge_zero_pfn", zeros(context)).flatten()))
            }
        },
    };
    if let Some(mut known) = known {
        let all = context.rows::<Mapping, _>(&mut known);
        rows.extend(all.map(|area| {
            let path = area.path(context);
            row(context, pid, space.as_ref(), area, path)
        }));
        look.facts.areas = Some(known);
        return;
    }
    let gate = context.note("vsyscall", gate(context, mm)).flatten();
    let places = HeapAndStack::of(context, mm);
    let mut areas = context.areas.take();
    areas.clear();
    vmas(context, mm, &mut areas);
    let mut gathered = Gathered::new(look.keep);
    let all = context.rows::<Mapping, _>(areas.iter().copied().chain(gate));
    rows.extend(all.map(|vma| {
        let (mut area, path) = Area::read(context, places, vma);
        let row = row(context, pid, space.as_ref(), &mut area, path);
        gathered.add(area);
        row
    }));
    look.facts.areas = gathered.done();
    context.areas.replace(areas);
}

/// Where in an address space the heap and the stack are.
#[derive(Clone, Copy)]
struct HeapAndStack {
    start_brk: u64,
    brk: u64,
    stack: u64,
}

impl HeapAndStack {
    fn of(context: &Context, mm: u64) -> ReadResult<Self> {
        let layout = &context.layout.memory.mm;
        Ok(Self {
            start_brk: context.unsigned(mm, layout.start_brk)?,
            brk: context.unsigned(mm, layout.brk)?,
            stack: context.unsigned(mm, layout.start_stack)?,
        })
    }
}

impl Area {
    /// Reads what is known of it; gives its path beside it.
    fn read(context: &Context, places: ReadResult<HeapAndStack>, vma: Vma) -> (Self, Option<Text>) {
        let layout = &context.layout.memory.vma;
        let flags = context.note("flags", context.unsigned(vma.address, layout.flags));
        let file = context.note("file", context.pointer(vma.address, layout.file)).flatten();
        let offset = match file {
            Some(_) => {
                context.unsigned(vma.address, layout.pgoff).map(|pages| pages.wrapping_shl(12))
            }
            None => Ok(0),
        };
        let offset = context.note("offset", offset);
        let (named, path) =
            context.note("path", name(context, places, vma, file)).flatten().unzip();
        (Self { start: vma.start, end: vma.end, flags, offset, named, resident: None }, path)
    }

    /// The path, as it leads now.
    fn path(&self, context: &Context) -> Option<Text> {
        self.named.as_ref().and_then(|named| context.note("path", named.text(context)))
    }

    /// Bytes that it takes beside itself.
    pub fn bytes(&self) -> usize {
        self.named.as_ref().map_or(0, Named::bytes)
    }
}

/// The row of an area; its pages are counted in this address space unless it is known how many are in RAM.
fn row(
    context: &Context,
    pid: u32,
    space: Option<&AddressSpace>,
    area: &mut Area,
    path: Option<Text>,
) -> Mapping {
    let (mut resident, mut physical) = (area.resident, None);
    match space {
        Some(space) if context.details.physical => {
            physical = context.note("resident_bytes", pieces(context, space, area));
            resident = physical.as_ref().map(|pieces| in_ram(pieces));
        }
        Some(space) if resident.is_none() => {
            let counted = space.in_ram(area.start, area.end);
            let counted = context.note("resident_bytes", counted.map_err(ReadError::Fault));
            resident = counted.map(|counted| counted.bytes);
            area.resident = counted.filter(|counted| counted.settled).map(|counted| counted.bytes);
        }
        _ => {}
    }
    let huge = area.flags.is_some_and(|flags| flags & HUGETLB != 0);
    Mapping {
        pid,
        start: area.start,
        end: area.end,
        permissions: area.flags.map(permissions),
        offset: area.offset,
        path,
        resident_bytes: resident.map(|bytes| if huge { 0 } else { bytes }),
        physical,
    }
}

/// Where the large page of zeros is, which is no part of Rss (`is_huge_zero_pmd`, include/linux/huge_mm.h).
fn zeros(context: &Context) -> ReadResult<Option<u64>> {
    let frame = context.layout.symbols.huge_zero_pfn.address;
    let frame = frame.map(|frame| context.u64_at(frame)).transpose()?;
    Ok(frame.filter(|frame| *frame < 1 << 40).map(|frame| frame << 12))
}

fn in_ram(pieces: &[PhysicalRun]) -> u64 {
    pieces.iter().filter(|run| !run.swapped).fold(0, |sum, run| sum.saturating_add(run.bytes))
}

/// The pages of an area, neighbours put together.
fn pieces(context: &Context, space: &AddressSpace, area: &Area) -> ReadResult<Vec<PhysicalRun>> {
    let mut runs: Vec<PhysicalRun> = Vec::new();
    space.visit(area.start, area.end, &mut |piece| {
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

/// As `/proc` shows them, by the lowest three bits of the flags and then whether the area is shared.
const PERMISSIONS: [&str; 16] = [
    "---p", "r--p", "-w-p", "rw-p", "--xp", "r-xp", "-wxp", "rwxp", "---s", "r--s", "-w-s", "rw-s",
    "--xs", "r-xs", "-wxs", "rwxs",
];

fn permissions(flags: u64) -> Text {
    let shared = if flags & SHARED != 0 { 8 } else { 0 };
    Text::fixed(PERMISSIONS.get((flags & 7 | shared) as usize).copied().unwrap_or_default())
}

/// `get_vma_name`.
fn name(
    context: &Context,
    places: ReadResult<HeapAndStack>,
    vma: Vma,
    file: Option<u64>,
) -> ReadResult<Option<(Named, Text)>> {
    let layout = &context.layout.memory;
    let fixed = |name| Ok(Some(Named::always(Text::fixed(name))));
    let place = |field: Field| field.member().map(|member| member.offset);
    let named = layout.vma.anon_name.exists();
    let same_place = place(layout.vma.anon_name) == place(layout.vma.shared);
    let given = match named && !(file.is_some() && same_place) {
        true => context.pointer(vma.address, layout.vma.anon_name)?,
        false => None,
    };
    let given = given.map(|name| context.text_at(context.at(name, layout.anon_name.name)?, 256));
    if let Some(file) = file {
        let named = path::mapped(context, file)?;
        // A shared anonymous mapping is a nameless file, which takes a given name too.
        return Ok(Some(match given.transpose()? {
            Some(given) => Named::always(Text::of(format_args!("[anon_shmem:{given}]"))),
            None => named,
        }));
    }
    let operations = context.pointer(vma.address, layout.vma.operations)?;
    if operations.is_some() && operations == context.layout.symbols.special_mapping_vmops.address {
        let special = context.follow(vma.address, layout.vma.private)?;
        let name = context.text_at(context.follow(special, layout.special.name)?, 64)?;
        return Ok(Some(Named::always(name)));
    }
    if operations.is_some() && operations == context.layout.symbols.gate_vma_ops.address {
        return fixed("[vsyscall]");
    }
    let places = places?;
    let is_heap = match layout.heap_rule.iterate.exists() {
        true => vma.start <= places.brk && vma.end >= places.start_brk,
        false => vma.start < places.brk && vma.end > places.start_brk,
    };
    if is_heap {
        return fixed("[heap]");
    }
    if (vma.start..=vma.end).contains(&places.stack) {
        return fixed("[stack]");
    }
    let anonymous = |given| Named::always(Text::of(format_args!("[anon:{given}]")));
    Ok(given.transpose()?.map(anonymous))
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
