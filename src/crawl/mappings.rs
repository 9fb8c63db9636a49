//! The section `mappings`: `/proc/PID/maps` and the resident part of `/proc/PID/smaps`
//! (fs/proc/task_mmu.c).

use super::context::Context;
use super::facts::{AreaFacts, Gathered};
use super::path::{self, Named};
use super::path_cache::PathCache;
use super::reader::{ReadError, ReadResult, Reader};
use super::sleeper_cache::Look;
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
const EXECUTE_ONLY_VSYSCALL: u32 = 1;
const NO_VSYSCALL: u32 = 2;
/// `VM_EXEC`.
const EXECUTABLE: u64 = 4;

/// Adds the mappings of a process, which may have no address space; `areas` is a buffer.
pub(super) fn add(
    context: &Context,
    look: &mut Look,
    areas: &mut Vec<Vma>,
    rows: &mut Vec<Mapping>,
) {
    let Context { reader, paths, .. } = context;
    let Some(mm) = reader.note("mm", reader.mm_of(look.task)).flatten() else { return };
    let known = look.facts.areas.take();
    let is_counted = |known: &Vec<AreaFacts>| known.iter().all(|area| area.resident.is_some());
    let physical = context.details.physical;
    let space = match known.as_ref().is_some_and(is_counted) && !physical {
        true => None,
        false => match reader.note("page tables", reader.user_space(mm)) {
            None => return,
            Some(space) => Some(space.with_zeros(huge_zero_page(context))),
        },
    };
    let pages = Pages { space: space.as_ref(), physical };
    let pid = look.pid;
    if let Some(mut known) = known {
        let all = reader.rows::<Mapping, _>(&mut known);
        rows.extend(all.map(|area| {
            let path = area.named.as_ref().map(|named| named.text(reader, paths));
            row(reader, pid, &pages, area, path.and_then(|path| reader.note("path", path)))
        }));
        look.facts.areas = Some(known);
        return;
    }
    let gate = reader.note("vsyscall", gate(reader, mm)).flatten();
    let places = HeapAndStack::of(reader, mm);
    areas.clear();
    vmas(reader, mm, areas);
    let mut gathered = Gathered::new(look.keep);
    let all = reader.rows::<Mapping, _>(areas.iter().copied().chain(gate));
    rows.extend(all.map(|vma| {
        let (mut area, path) = read(reader, paths, places, vma);
        let row = row(reader, pid, &pages, &mut area, path);
        gathered.add(area);
        row
    }));
    look.facts.areas = gathered.done();
}

/// How the pages of a process's areas are looked at.
struct Pages<'p, 'a> {
    /// Its address space, unless all is known.
    space: Option<&'p AddressSpace<'a>>,
    /// True if each row tells where they are.
    physical: bool,
}

/// Where in an address space the heap and the stack are.
#[derive(Clone, Copy)]
struct HeapAndStack {
    start_brk: u64,
    brk: u64,
    stack: u64,
}

impl HeapAndStack {
    fn of(reader: &Reader, mm: u64) -> ReadResult<Self> {
        let layout = &reader.layout.memory.mm;
        Ok(Self {
            start_brk: reader.unsigned(mm, layout.start_brk)?,
            brk: reader.unsigned(mm, layout.brk)?,
            stack: reader.unsigned(mm, layout.start_stack)?,
        })
    }
}

/// Reads the facts of an area; gives its path, as it leads now, beside them.
fn read(
    reader: &Reader,
    paths: &PathCache,
    places: ReadResult<HeapAndStack>,
    vma: Vma,
) -> (AreaFacts, Option<Text>) {
    let layout = &reader.layout.memory.vma;
    let flags = reader.note("flags", reader.unsigned(vma.address, layout.flags));
    let file = reader.note("file", reader.pointer(vma.address, layout.file)).flatten();
    let offset = match file {
        Some(_) => reader.unsigned(vma.address, layout.pgoff).map(|pages| pages.wrapping_shl(12)),
        None => Ok(0),
    };
    let offset = reader.note("offset", offset);
    let named = reader.note("path", name(reader, paths, places, vma, file));
    let (named, path) = named.flatten().unzip();
    let facts = AreaFacts { start: vma.start, end: vma.end, flags, offset, named, resident: None };
    (facts, path)
}

/// The row of an area; its pages are counted unless it is known how many are in RAM.
fn row(
    reader: &Reader,
    pid: u32,
    pages: &Pages,
    area: &mut AreaFacts,
    path: Option<Text>,
) -> Mapping {
    let (mut resident, mut physical) = (area.resident, None);
    match pages.space {
        Some(space) if pages.physical => {
            physical = reader.note("resident_bytes", pieces(reader, space, area));
            resident = physical.as_ref().map(|pieces| in_ram(pieces));
        }
        Some(space) if resident.is_none() => {
            let counted = space.in_ram(area.start, area.end);
            let counted = reader.note("resident_bytes", counted.map_err(ReadError::Fault));
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

/// Where the large page of zeros is, which is no part of Rss (`is_huge_zero_pmd`, include/linux/huge_mm.h). It is read
/// once a frame.
fn huge_zero_page(context: &Context) -> Option<u64> {
    let Context { reader, huge_zero_page, .. } = context;
    if let Some(known) = huge_zero_page.get() {
        return *known;
    }
    let frame = reader.symbol_if_any(reader.layout.symbols.huge_zero_pfn);
    let frame = frame.and_then(|frame| frame.map(|frame| reader.u64_at(frame)).transpose());
    let frame = reader.note("huge_zero_pfn", frame)?;
    let page = frame.filter(|frame| *frame < 1 << 40).map(|frame| frame << 12);
    *huge_zero_page.get_or_init(|| page)
}

fn in_ram(pieces: &[PhysicalRun]) -> u64 {
    pieces.iter().filter(|run| !run.swapped).fold(0, |sum, run| sum.saturating_add(run.bytes))
}

/// The pages of an area, neighbours put together.
fn pieces(reader: &Reader, space: &AddressSpace, area: &AreaFacts) -> ReadResult<Vec<PhysicalRun>> {
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
        if reader.space.budget().row(std::mem::size_of::<PhysicalRun>()).is_ok() {
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
    reader: &Reader,
    paths: &PathCache,
    places: ReadResult<HeapAndStack>,
    vma: Vma,
    file: Option<u64>,
) -> ReadResult<Option<(Named, Text)>> {
    let layout = &reader.layout.memory;
    let fixed = |name| Ok(Some(Named::always(Text::fixed(name))));
    let place = |field: Field| field.member().map(|member| member.offset);
    let named = layout.vma.anon_name.exists();
    let same_place = place(layout.vma.anon_name) == place(layout.vma.shared);
    let given = match named && !(file.is_some() && same_place) {
        true => reader.pointer(vma.address, layout.vma.anon_name)?,
        false => None,
    };
    let given = given.map(|name| reader.text_at(reader.at(name, layout.anon_name.name)?, 256));
    if let Some(file) = file {
        let named = path::mapped(reader, paths, file)?;
        // A shared anonymous mapping is a nameless file, which takes a given name too.
        return Ok(Some(match given.transpose()? {
            Some(given) => Named::always(Text::of(format_args!("[anon_shmem:{given}]"))),
            None => named,
        }));
    }
    let operations = reader.pointer(vma.address, layout.vma.operations)?;
    let symbols = &reader.layout.symbols;
    if operations.is_some() && operations == reader.symbol_if_any(symbols.special_mapping_vmops)? {
        let special = reader.follow(vma.address, layout.vma.private)?;
        let name = reader.text_at(reader.follow(special, layout.special.name)?, 64)?;
        return Ok(Some(Named::always(name)));
    }
    if operations.is_some() && operations == reader.symbol_if_any(symbols.gate_vma_ops)? {
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
fn gate(reader: &Reader, mm: u64) -> ReadResult<Option<Vma>> {
    let symbols = &reader.layout.symbols;
    let layout = &reader.layout.memory;
    let Some(gate) = reader.symbol_if_any(symbols.gate_vma)? else { return Ok(None) };
    let mode = match reader.symbol_if_any(symbols.vsyscall_mode) {
        Ok(Some(mode)) => reader.u32_at(mode)?,
        Ok(None) => return Ok(None),
        // `map_vsyscall` takes the right to read off in this mode, and changes nothing in others.
        Err(_) if reader.unsigned(gate, layout.vma.flags)? == EXECUTABLE => EXECUTE_ONLY_VSYSCALL,
        Err(error) => return Err(error),
    };
    let has = match layout.mm.ia32_compat.exists() {
        true => reader.unsigned(mm, layout.mm.ia32_compat)? == 0,
        false => reader.unsigned(mm, layout.mm.context_flags)? & HAS_VSYSCALL != 0,
    };
    if mode == NO_VSYSCALL || !has {
        return Ok(None);
    }
    Ok(Some(Vma {
        address: gate,
        start: reader.unsigned(gate, layout.vma.start)?,
        end: reader.unsigned(gate, layout.vma.end)?,
    }))
}
