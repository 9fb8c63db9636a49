//! The running kernel's image, found from page tables alone.
//!
//! Linux keeps a page-table root below 1 MiB for the start of further CPUs
//! (`trampoline_pgd`, arch/x86/realmode/init.c). Its last entry leads to the kernel's own mapping, so
//! one MiB tells where the image lies, virtually and physically, whatever KASLR chose and however much
//! RAM there is. Every candidate is judged by what it maps. Where a hypervisor has no such page (Xen's
//! PV) but knows a table, that one is judged.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::memory::{GuestRam, PAGE_SHIFT, PAGE_SIZE, Page};
use crate::paging::{
    ADDRESS_MASK, AddressSpace, Entry, Levels, NO_EXECUTE, PRESENT, WRITABLE, table_index,
};

const MIB: u64 = 1 << 20;
/// Start of the range in which the kernel's image is mapped (`__START_KERNEL_map`).
pub(super) const KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;
/// Bytes that one entry of a level-2 table maps.
const LARGE_PAGE: u64 = 2 * MIB;
/// An image smaller or larger than this is none.
const IMAGE_BYTES: std::ops::RangeInclusive<u64> = 4 * MIB..=512 * MIB;

/// Pages that are read at once.
const AT_ONCE: usize = 512;
/// Bytes of the image that are copied out at once: more than Debian's whole kernels have.
const MOST_COPIED: u64 = 64 * MIB;

/// The access to a part of the image, by its page attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Code.
    Execute,
    /// Constants: kallsyms, BTF, notes.
    ReadOnly,
    /// Variables.
    ReadWrite,
}

/// A run of the image with one kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// First virtual address.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// The access that the pages allow.
    pub access: Access,
}

/// Where the kernel's image lies.
#[derive(Clone, Debug)]
pub(crate) struct KernelImage {
    /// Physical address of the kernel's top page table (`init_top_pgt`).
    pub root: u64,
    /// The table that led here.
    found_by: Lead,
    /// Depth of the page tables.
    pub levels: Levels,
    /// First virtual address of the image, a multiple of 2 MiB (`_text` or just below it).
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// Where its bytes are.
    place: ImagePlace,
    /// The image by access.
    pub segments: Vec<Segment>,
}

/// Where in RAM an image is.
#[derive(Clone, Debug)]
enum ImagePlace {
    /// In one piece, from this physical address on.
    Run(u64),
    /// Anywhere, page by page: their frame numbers, [`HOLE`] where none is mapped. So under Xen's PV.
    Frames(Vec<u64>),
}

/// The frame number of a page that is not mapped.
const HOLE: u64 = u64::MAX;

/// A table that leads to a kernel, by its physical address.
#[derive(Clone, Copy, Debug)]
enum Lead {
    /// It lies below 1 MiB; its last entry led on.
    Trampoline(u64, u64),
    /// The source of memory named it.
    Named(u64),
}

impl Lead {
    fn table(self) -> u64 {
        match self {
            Self::Trampoline(table, _) | Self::Named(table) => table,
        }
    }
}

impl KernelImage {
    /// Looks for kernels in guest memory. There may be more than one: a guest that was restarted keeps what
    /// its new kernel has not yet overwritten of the one before.
    ///
    /// `page_table` is where a top page table is said to be; it comes first. A dump may lack the first MiB
    /// (kdump leaves it out since 7c321eb2b843, Linux 5.5), and what a guest of Xen's PV calls so is anywhere.
    pub fn find_all(ram: &GuestRam, page_table: Option<u64>) -> Vec<Self> {
        let end = if ram.memory().has_machine_frames() { 0 } else { MIB >> PAGE_SHIFT };
        let low: Vec<u64> = (0..end).collect();
        let mut pages: Vec<Page> = vec![[0; PAGE_SIZE]; low.len()];
        // Page by page: QEMU's dumps leave the window of the graphics adapter out.
        let mut read = vec![false; low.len()];
        ram.memory().read_pages(&low, &mut pages, &mut read);
        let roots = low.iter().zip(&pages).zip(read).filter(|(_, read)| *read);
        let roots = roots.filter_map(|((frame, page), _)| {
            let last = last_entry(page)?;
            Some((Lead::Trampoline(frame << PAGE_SHIFT, last), last))
        });
        let mut page: Page = [0; PAGE_SIZE];
        let named = page_table.filter(|table| ram.read(*table, &mut page).is_ok());
        let named = named.and_then(|table| Some((Lead::Named(table), last_entry(&page)?)));
        let mut images: Vec<Self> = Vec::new();
        let mut judged = Vec::new();
        for (lead, last) in named.into_iter().chain(roots) {
            if judged.contains(&last) {
                continue;
            }
            // Every page may claim to be one.
            if ram.budget().look_at_clock().is_err() {
                break;
            }
            let all = [Levels::Four, Levels::Five];
            let image = all.into_iter().find_map(|levels| Self::judge(ram, lead, last, levels));
            if let Some(image) = image {
                judged.push(last);
                images.push(image);
            }
        }
        images
    }

    /// Judges a root with this last entry: does it map a kernel?
    fn judge(ram: &GuestRam, lead: Lead, last: u64, levels: Levels) -> Option<Self> {
        let mut table = table_of(last)?;
        for level in (3..levels.count()).rev() {
            table = table_of(ram.read_u64(table | (table_index(KERNEL_MAP, level) << 3)).ok()?)?;
        }
        let entries = read_table(ram, table)?;
        let run = match ram.memory().has_machine_frames() {
            true => scattered_run(ram, &entries)?,
            false => first_run(ram, &entries)?,
        };
        let Run { start, place, length, segments } = run;
        if !IMAGE_BYTES.contains(&length) {
            return None;
        }
        let root = lead.table();
        let image = Self { root, found_by: lead, levels, start, length, place, segments };
        (image.is_mapped(ram) && image.has(Access::Execute)).then_some(image)
    }

    /// Where below 1 MiB the table is that led here; `None` where the source of memory named one.
    pub fn trampoline(&self) -> Option<u64> {
        self.led_by().map(|(table, _)| table)
    }

    /// That table, and its last entry as it was when it led here.
    pub fn led_by(&self) -> Option<(u64, u64)> {
        match self.found_by {
            Lead::Trampoline(table, last) => Some((table, last)),
            Lead::Named(_) => None,
        }
    }

    /// True if the root maps the image where it lies.
    pub fn is_mapped(&self, ram: &GuestRam) -> bool {
        let there = AddressSpace::new(ram, self.root, self.levels).translate(self.start);
        there.ok() == self.physical_address(self.start)
    }

    /// True if page tables lead from an address of the kernel's own to where the image says it lies. Tables of a
    /// kernel that has gone may have become the next one's, and lead to its variables.
    pub fn is_led_to(&self, space: &AddressSpace, address: u64) -> bool {
        let there = space.translate(address).ok();
        match &self.place {
            // The parts behind the image's first run, after memory that was given back, are of one piece with it.
            ImagePlace::Run(physical) => {
                let offset = address.checked_sub(self.start);
                let here = offset.and_then(|offset| physical.checked_add(offset));
                there.is_some() && there == here
            }
            ImagePlace::Frames(_) => there.is_some() && there == self.physical_address(address),
        }
    }

    /// Looks for the kernel's own top page table in the image, while no symbol names it and the
    /// trampoline cannot serve: before Linux 5.16 (51523ed1c267) it holds no other kernel entry.
    pub fn find_root(&mut self, ram: &GuestRam) {
        let lead = self.found_by.table();
        let Some(entries) = read_table(ram, lead) else { return };
        let (_, upper) = entries.split_at(entries.len() / 2);
        let mapped = upper.iter().filter(|entry| *entry & PRESENT != 0).count();
        let Some(last) = entries.last().filter(|_| mapped <= 1) else { return };
        let found = find_root(ram, *last, self);
        let before = std::mem::replace(&mut self.root, found.unwrap_or(lead));
        if !self.is_mapped(ram) {
            self.root = before;
        }
    }

    /// True if any part of the image has this access.
    fn has(&self, access: Access) -> bool {
        self.segments.iter().any(|segment| segment.access == access)
    }

    /// Visits the parts of the image with this access in pieces of a MiB or less, each at its address,
    /// until the visitor has what it looks for.
    pub fn visit<T>(
        &self,
        ram: &GuestRam,
        access: Access,
        visitor: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<T>,
    ) -> Option<T> {
        let mut room = vec![0_u8; MIB as usize];
        for part in self.parts(access).iter().filter(|part| part.access == access) {
            for offset in (0..part.length).step_by(MIB as usize) {
                ram.budget().look_at_clock().ok()?;
                let piece = room.get_mut(..(part.length - offset).min(MIB) as usize)?;
                let address = part.start.checked_add(offset)?;
                if self.copy(ram, address, piece)
                    && let ControlFlow::Break(found) = visitor(address, piece)
                {
                    return Some(found);
                }
            }
        }
        None
    }

    /// The parts of the image, some of which have this access. Where the pages do not tell parts apart
    /// (`rodata=off`), it is the whole.
    fn parts(&self, access: Access) -> Cow<'_, [Segment]> {
        match self.has(access) {
            true => Cow::Borrowed(&self.segments),
            false => Cow::Owned(vec![Segment { start: self.start, length: self.length, access }]),
        }
    }

    /// Copies the parts of the image with this access, largest first, as far as [`MOST_COPIED`] goes.
    pub fn read(&self, ram: &GuestRam, access: Access) -> Vec<(u64, Vec<u8>)> {
        let parts = self.parts(access);
        let mut parts: Vec<&Segment> = parts.iter().filter(|part| part.access == access).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.length));
        let mut left = MOST_COPIED;
        parts
            .into_iter()
            .filter_map(|segment| {
                left = left.checked_sub(segment.length)?;
                let mut bytes = vec![0; usize::try_from(segment.length).ok()?];
                self.copy(ram, segment.start, &mut bytes).then_some((segment.start, bytes))
            })
            .collect()
    }

    /// Takes the kernel's own top page table as the root, now that its address is known.
    pub fn set_root(&mut self, init_top_pgt: u64) {
        if let Some(root) = self.physical_address(init_top_pgt) {
            self.root = root;
        }
    }

    /// The physical address of a virtual one in the image.
    pub fn physical_address(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.start).filter(|offset| *offset < self.length)?;
        match &self.place {
            ImagePlace::Run(physical) => physical.checked_add(offset),
            ImagePlace::Frames(frames) => {
                let frame = frames.get(usize::try_from(offset >> PAGE_SHIFT).ok()?)?;
                let offset = offset & (PAGE_SIZE as u64 - 1);
                (*frame != HOLE).then_some((frame << PAGE_SHIFT) | offset)
            }
        }
    }

    /// Copies bytes of the image from a virtual address; all or nothing.
    pub fn copy(&self, ram: &GuestRam, address: u64, bytes: &mut [u8]) -> bool {
        let frames = match &self.place {
            ImagePlace::Run(_) => {
                let physical = self.physical_address(address);
                return physical.is_some_and(|at| ram.memory().read_run(at, bytes));
            }
            ImagePlace::Frames(frames) => frames,
        };
        let Some(offset) = address.checked_sub(self.start) else { return false };
        let mut frames = frames.get((offset >> PAGE_SHIFT) as usize..).unwrap_or_default();
        let (mut skip, mut rest) = (offset as usize & (PAGE_SIZE - 1), bytes);
        while !rest.is_empty() {
            let length = rest.len().min(AT_ONCE * PAGE_SIZE - skip);
            let Some((now, later)) = frames.split_at_checked((skip + length).div_ceil(PAGE_SIZE))
            else {
                return false;
            };
            let (mut pages, mut read) = (vec![[0; PAGE_SIZE]; now.len()], vec![false; now.len()]);
            ram.memory().read_pages(now, &mut pages, &mut read);
            let (piece, others) = rest.split_at_mut(length);
            match pages.as_flattened().get(skip..skip + length) {
                Some(copied) if read.iter().all(|read| *read) => piece.copy_from_slice(copied),
                _ => return false,
            }
            (frames, rest, skip) = (later, others, 0);
        }
        true
    }

    /// True if a virtual address lies in the image.
    pub fn contains(&self, address: u64) -> bool {
        address.checked_sub(self.start).is_some_and(|offset| offset < self.length)
    }
}

/// The last entry of a page table.
fn last_entry(page: &[u8]) -> Option<u64> {
    page.last_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The table that a present entry leads to.
fn table_of(entry: u64) -> Option<u64> {
    const LARGE: u64 = 1 << 7;
    (entry & (PRESENT | LARGE) == PRESENT).then_some(entry & ADDRESS_MASK)
}

fn read_table(ram: &GuestRam, table: u64) -> Option<Vec<u64>> {
    let mut page: Page = [0; PAGE_SIZE];
    ram.read(table, &mut page).ok()?;
    Some(page.as_chunks().0.iter().map(|entry| u64::from_le_bytes(*entry)).collect())
}

struct Run {
    start: u64,
    place: ImagePlace,
    length: u64,
    segments: Vec<Segment>,
}

impl Run {
    /// Its next piece.
    fn push(&mut self, start: u64, length: u64, access: Access) {
        self.length = start + length - self.start;
        match self.segments.last_mut() {
            Some(last) if last.access == access && last.start + last.length == start => {
                last.length += length;
            }
            _ => self.segments.push(Segment { start, length, access }),
        }
    }
}

/// The first run of mapped entries of the level-2 table: the image, mapped by large pages or by tables
/// of small ones, physically in one piece.
fn first_run(ram: &GuestRam, entries: &[u64]) -> Option<Run> {
    let first = entries.iter().position(|entry| entry & PRESENT != 0)?;
    let start = KERNEL_MAP + first as u64 * LARGE_PAGE;
    let mut run = Run { start, place: ImagePlace::Run(0), length: 0, segments: Vec::new() };
    let mut base: Option<u64> = None;
    for (index, entry) in entries.iter().enumerate().skip(first) {
        let address = KERNEL_MAP + index as u64 * LARGE_PAGE;
        let pieces = pieces(ram, *entry, address);
        if pieces.is_empty() {
            break;
        }
        for (piece, physical, length, access) in pieces {
            let from = physical.checked_sub(piece - start);
            if from.is_none() || base.is_some_and(|base| Some(base) != from) {
                // Mapped elsewhere: the image ends where its pieces stop being one.
                return finish(run, base);
            }
            base = from;
            run.push(piece, length, access);
        }
    }
    finish(run, base)
}

fn finish(run: Run, base: Option<u64>) -> Option<Run> {
    base.map(|physical| Run { place: ImagePlace::Run(physical), ..run })
}

/// As [`first_run`], of an image whose pages lie anywhere. The pages of its own page tables are read-only
/// among its variables.
fn scattered_run(ram: &GuestRam, entries: &[u64]) -> Option<Run> {
    let first = entries.iter().position(|entry| entry & PRESENT != 0)?;
    let start = KERNEL_MAP + first as u64 * LARGE_PAGE;
    let mut run = Run { start, place: ImagePlace::Run(0), length: 0, segments: Vec::new() };
    let mut frames = Vec::new();
    for (index, entry) in entries.iter().enumerate().skip(first) {
        let pieces = pieces(ram, *entry, KERNEL_MAP + index as u64 * LARGE_PAGE);
        if pieces.is_empty() {
            break;
        }
        for (piece, physical, length, access) in pieces {
            frames.resize(((piece - start) >> PAGE_SHIFT) as usize, HOLE);
            let frame = physical >> PAGE_SHIFT;
            frames.extend(frame..frame + (length >> PAGE_SHIFT));
            run.push(piece, length, access);
        }
    }
    Some(Run { place: ImagePlace::Frames(frames), ..run })
}

/// The pages that one entry of the level-2 table maps: (virtual, physical, bytes, access).
fn pieces(ram: &GuestRam, entry: u64, address: u64) -> Vec<(u64, u64, u64, Access)> {
    let Some(table) = table_of(entry) else {
        return match Entry(entry).target(2) {
            crate::paging::Target::Page(physical, _) if entry & PRESENT != 0 => {
                vec![(address, physical, LARGE_PAGE, access_of(entry))]
            }
            _ => Vec::new(),
        };
    };
    read_table(ram, table)
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .filter(|(_, small)| small & PRESENT != 0)
        .map(|(index, small)| {
            let piece = address + (index * PAGE_SIZE) as u64;
            (piece, small & ADDRESS_MASK, PAGE_SIZE as u64, access_of(small))
        })
        .collect()
}

fn access_of(entry: u64) -> Access {
    match (entry & NO_EXECUTE == 0, entry & WRITABLE == 0) {
        (true, _) => Access::Execute,
        (false, true) => Access::ReadOnly,
        (false, false) => Access::ReadWrite,
    }
}

/// `init_top_pgt` lies among the image's variables and has the trampoline's last entry.
///
/// Memory of the image that is used no more after boot may hold a process's table, whose upper half is
/// the same: the lowest candidate is taken, and [`KernelImage::set_root`] corrects it by symbol.
fn find_root(ram: &GuestRam, last: u64, image: &KernelImage) -> Option<u64> {
    let mut best: Option<(usize, u64)> = None;
    image.visit(ram, Access::ReadWrite, &mut |address, bytes| {
        for (index, page) in bytes.chunks_exact(PAGE_SIZE).enumerate() {
            if page.last_chunk() != Some(&last.to_le_bytes()) {
                continue;
            }
            let (_, upper) = page.split_at(PAGE_SIZE / 2);
            let entries = upper.as_chunks::<8>().0;
            let present = entries.iter().filter(|entry| entry[0] & PRESENT as u8 != 0).count();
            if best.is_none_or(|(most, _)| present > most) {
                let at = address.wrapping_add((index * PAGE_SIZE) as u64);
                best = image.physical_address(at).map(|root| (present, root)).or(best);
            }
        }
        ControlFlow::<()>::Continue(())
    });
    best.map(|(_, root)| root)
}
