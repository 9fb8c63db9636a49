//! A guest's RAM blocks: how large and where the domain's definition says they are, and which of the
//! QEMU process's mappings may hold them.
//!
//! A definition does not say at which host address a block lies, and a process has many mappings, so
//! this gives *candidates* in the order of their likelihood. Guest memory itself decides.

use roxmltree::{Document, Node};

use super::dimms::Dimm;
use super::maps::Mapping;

pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;
/// QEMU aligns RAM blocks so in its address space (`QEMU_VMALLOC_ALIGN`, include/qemu/osdep.h).
const BLOCK_ALIGNMENT: u64 = 2 * MIB;
/// Positions tried inside one mapping that is larger than the block.
const POSITIONS_IN_A_MAPPING: u64 = 32;
/// Layouts handed on; each costs its judge one read of the first MiB.
const MOST_CANDIDATES: usize = 64;

/// The memory behind a mapping of guest RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    /// Anonymous memory of the process alone.
    Private,
    /// A file (memfd, hugetlbfs, tmpfs): reading an untouched page through the process would allocate it.
    Shared {
        /// Offset in the file of the block's first byte.
        file_offset: u64,
        /// The file's inode, by which its descriptor is found.
        inode: u64,
    },
}

/// A run of guest-physical addresses and where it lies in the QEMU process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RamBlock {
    /// First guest-physical address.
    pub guest: u64,
    /// Bytes.
    pub length: u64,
    /// Address in the QEMU process of the first byte.
    pub host: u64,
    /// The memory behind it.
    pub backing: Backing,
    /// Plugged in: firmware's map of RAM does not know of it.
    pub plugged: bool,
}

impl RamBlock {
    /// True if both are the same bytes of the process.
    pub fn is_at(&self, other: &Self) -> bool {
        (self.host, self.length, self.backing) == (other.host, other.length, other.backing)
    }

    fn goes_on_at(&self, guest: u64, host: u64, backing: Backing) -> bool {
        self.guest.checked_add(self.length) == Some(guest)
            && self.host.checked_add(self.length) == Some(host)
            && self.backing.skip(self.length) == backing
    }
}

/// Where guest-physical memory has its hole: RAM lies from 0 on up to it, and the rest behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RamHole {
    /// Where it begins: bytes of RAM below 4 GiB.
    pub start: u64,
    /// Where RAM goes on: 4 GiB, but for AMD guests that may have more than 1 TiB (`above_4g_mem_start`,
    /// hw/i386/pc.c of QEMU).
    pub end: u64,
}

impl RamHole {
    /// The hole that firmware's map leaves in so many bytes of RAM. Firmware keeps some of the RAM below the
    /// hole to itself, of that above it nothing, so it begins where the part above leaves nothing over.
    pub fn of_firmware(map: &[(u64, u64)], total: u64) -> Option<Self> {
        let (low, high): (Vec<_>, Vec<_>) = map.iter().partition(|(start, _)| *start < 4 * GIB);
        let end = |runs: &[(u64, u64)]| {
            runs.iter().map(|(start, length)| start.saturating_add(*length)).max()
        };
        let Some(first) = high.iter().map(|(start, _)| *start).min() else {
            return (total <= 4 * GIB && end(&low)? <= total)
                .then_some(Self { start: total, end: 4 * GIB });
        };
        let start = total.checked_sub(end(&high)?.saturating_sub(first))?;
        let fits = start >= end(&low)? && start <= 4 * GIB;
        fits.then_some(Self { start, end: first })
    }

    /// The holes with which RAM of so many bytes may hold an address: for each place where it may begin, the
    /// roundest number at which it may end.
    pub fn around(address: u64, starts: &[u64], total: u64) -> Vec<Self> {
        let holes = starts.iter().filter_map(|start| {
            let above = total.checked_sub(*start).filter(|above| *above > 0)?;
            let lowest = address.checked_sub(above).map_or(0, |below| below + 1).max(4 * GIB);
            let bits = (30..48).rev().find(|bits| address >> bits << bits >= lowest)?;
            Some(Self { start: *start, end: address >> bits << bits })
        });
        holes.collect()
    }

    /// The guest-physical address of a byte of RAM, and how many bytes from there on lie in one piece.
    fn place(self, position: u64) -> (u64, u64) {
        match self.start.checked_sub(position) {
            Some(left) if left > 0 => (position, left),
            _ => (self.end.saturating_add(position.saturating_sub(self.start)), u64::MAX),
        }
    }

    /// Where RAM of so many bytes lies: (guest-physical address, the position in RAM, bytes).
    pub fn runs(self, position: u64, length: u64) -> Vec<(u64, u64, u64)> {
        let (mut runs, mut at) = (Vec::new(), position);
        let end = position.saturating_add(length);
        while at < end {
            let (guest, left) = self.place(at);
            let here = left.min(end - at);
            runs.push((guest, at, here));
            at += here;
        }
        runs
    }
}

/// Runs that touch joined, ascending.
pub(crate) fn joined(runs: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted = runs.to_vec();
    sorted.sort_unstable();
    let mut whole: Vec<(u64, u64)> = Vec::new();
    for (start, length) in sorted {
        match whole.last_mut() {
            Some((first, bytes)) if first.saturating_add(*bytes) == start => {
                *bytes = bytes.saturating_add(length);
            }
            _ => whole.push((start, length)),
        }
    }
    whole
}

/// All RAM of a guest, ascending by guest-physical address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RamLayout {
    /// The blocks, ascending, not overlapping.
    pub blocks: Vec<RamBlock>,
    /// Memory that the guest has and that cannot be read, as it is not certain where the process keeps it:
    /// (guest-physical address, bytes).
    pub unplaced: Vec<(u64, u64)>,
}

impl RamLayout {
    /// Where the holder of the RAM keeps a guest-physical address.
    pub fn offset(&self, address: u64) -> Option<u64> {
        let after = self.blocks.partition_point(|block| block.guest <= address);
        let block = self.blocks.get(after.checked_sub(1)?)?;
        let skipped = address - block.guest;
        (skipped < block.length).then(|| block.host.checked_add(skipped))?
    }

    /// The same with the hole elsewhere; what was plugged in has its own places.
    pub fn with_hole(&self, hole: RamHole) -> Self {
        let (plugged, boot): (Vec<&RamBlock>, _) = self.blocks.iter().partition(|b| b.plugged);
        let mut blocks: Vec<RamBlock> = Vec::new();
        let mut position = 0_u64;
        for block in boot {
            for (guest, at, length) in hole.runs(position, block.length) {
                let skipped = at - position;
                let host = block.host.saturating_add(skipped);
                let backing = block.backing.skip(skipped);
                match blocks.last_mut() {
                    // One block that the hole divided before.
                    Some(last) if last.goes_on_at(guest, host, backing) => last.length += length,
                    _ => blocks.push(RamBlock { guest, length, host, backing, plugged: false }),
                }
            }
            position = position.saturating_add(block.length);
        }
        blocks.extend(plugged);
        blocks.sort_by_key(|block| block.guest);
        Self { blocks, unplaced: self.unplaced.clone() }
    }
}

/// A block of RAM as the definition names it, before it has a place.
#[derive(Clone, Debug)]
pub(super) struct BlockSpec {
    /// QEMU's id of the memory backend; part of the backing file's name, where there is a file.
    pub name: String,
    pub length: u64,
}

/// A guest's RAM as libvirt's definition of it, or QEMU's command line, tells it.
#[derive(Debug)]
pub(crate) struct RamDefinition {
    /// Boot RAM, one block a NUMA cell, in guest-physical order.
    pub(super) boot: Vec<BlockSpec>,
    /// Memory that was plugged in.
    pub(super) dimms: Vec<Dimm>,
    /// Memory that was plugged in, and nothing tells where the process keeps it: (guest-physical address, bytes).
    pub(super) unplaced: Vec<(u64, u64)>,
    /// Holes that RAM may leave, most likely first.
    holes: Vec<RamHole>,
}

/// The layouts that the definition and the mappings allow, most likely first.
///
/// # Errors
/// One sentence: what the definition lacks, or which block has no mapping large enough.
pub(crate) fn candidates(
    definition: &RamDefinition,
    mappings: &[Mapping],
) -> Result<Vec<RamLayout>, String> {
    let mut placements: Vec<Vec<RamBlock>> = vec![Vec::new()];
    for wanted in &definition.boot {
        let places = places(wanted, mappings);
        if places.is_empty() {
            return Err(format!(
                "no readable and writable mapping holds its block '{}' of {} MiB",
                wanted.name,
                wanted.length / MIB
            ));
        }
        placements = placements
            .iter()
            .flat_map(|taken| {
                places
                    .iter()
                    .filter(|place| !taken.iter().any(|other| overlap(other, place)))
                    .map(|place| taken.iter().copied().chain([*place]).collect())
            })
            .take(MOST_CANDIDATES)
            .collect();
    }
    let mut layouts = Vec::new();
    for hole in &definition.holes {
        for placement in &placements {
            let layout = lay_out(placement, *hole);
            let mut layout = layout.with_dimms(&definition.dimms, mappings);
            layout.unplaced.extend(&definition.unplaced);
            if !layouts.contains(&layout) {
                layouts.push(layout);
            }
        }
    }
    layouts.truncate(MOST_CANDIDATES);
    Ok(layouts)
}

/// The layouts that the definition allows where the place of each block is known by its name: its first
/// byte in whatever holds it, and its length. Most likely first.
///
/// # Errors
/// One clause: what the definition lacks, or which block is not there.
pub(crate) fn placed_layouts(
    xml: &str,
    find: &dyn Fn(&str) -> Option<(u64, u64)>,
) -> Result<Vec<RamLayout>, String> {
    let definition = RamDefinition::parse(xml)?;
    let place = |wanted: &BlockSpec| {
        // Machines before 4.0 name blocks by their objects' paths (`x-use-canonical-path-for-ramblock-id`).
        let place = find(&wanted.name).or_else(|| find(&format!("/objects/{}", wanted.name)));
        match place.filter(|(_, length)| *length == wanted.length) {
            Some((host, length)) => {
                Ok(RamBlock { guest: 0, length, host, backing: Backing::Private, plugged: false })
            }
            None => Err(format!(
                "it does not hold the block '{}' of {} MiB that its definition names",
                wanted.name,
                wanted.length / MIB
            )),
        }
    };
    let boot: Vec<RamBlock> = definition.boot.iter().map(place).collect::<Result<_, String>>()?;
    let plugged = definition.dimms.iter().map(|dimm| {
        let wanted = BlockSpec { name: dimm.backend.clone(), length: dimm.length };
        Ok(dimm.at(place(&wanted)?))
    });
    let plugged: Vec<RamBlock> = plugged.collect::<Result<_, String>>()?;
    let mut layouts = Vec::new();
    for hole in &definition.holes {
        let mut layout = lay_out(&boot, *hole);
        layout.blocks.extend(&plugged);
        layout.blocks.sort_by_key(|block| block.guest);
        if !layouts.contains(&layout) {
            layouts.push(layout);
        }
    }
    Ok(layouts)
}

/// The layouts of RAM of which the blocks' names alone are known, each with its first byte in whatever holds it
/// and its length: those of boot RAM are called by libvirt's or QEMU's own rule. Most likely first.
///
/// # Errors
/// One clause: that none of them is boot RAM, or that some was plugged in, as nothing tells where.
pub(crate) fn named_layouts(
    machine: &str,
    blocks: &[(&str, u64, u64)],
) -> Result<Vec<RamLayout>, String> {
    // `MachineClass::default_ram_id` of QEMU; libvirt's nodes (qemuBuildMemoryCellBackendProps).
    let rank = |name: &str| {
        let id = name.strip_prefix("/objects/").unwrap_or(name);
        let node = id.strip_prefix("ram-node").and_then(|number| number.parse::<u32>().ok());
        node.or_else(|| matches!(id, "pc.ram" | "microvm.ram").then_some(0))
    };
    let mut boot: Vec<(u32, RamBlock)> = Vec::new();
    for (name, host, length) in blocks {
        let (host, length, backing) = (*host, *length, Backing::Private);
        match rank(name) {
            Some(rank) => {
                boot.push((rank, RamBlock { guest: 0, length, host, backing, plugged: false }));
            }
            None if name.contains("memdimm") => {
                return Err("the guest had memory plugged in, and it does not say where; use \
                            `virsh dump --memory-only`"
                    .to_owned());
            }
            None => {}
        }
    }
    if boot.is_empty() {
        return Err("none of its blocks of RAM has a name that nfm knows; use `virsh dump \
                    --memory-only`"
            .to_owned());
    }
    boot.sort_by_key(|(rank, _)| *rank);
    let boot: Vec<RamBlock> = boot.into_iter().map(|(_, block)| block).collect();
    let total = boot.iter().fold(0_u64, |sum, block| sum.saturating_add(block.length));
    let mut layouts: Vec<RamLayout> = Vec::new();
    for hole in holes(machine, total) {
        let layout = lay_out(&boot, hole);
        if !layouts.contains(&layout) {
            layouts.push(layout);
        }
    }
    Ok(layouts)
}

pub(super) fn overlap(a: &RamBlock, b: &RamBlock) -> bool {
    a.host < b.host.saturating_add(b.length) && b.host < a.host.saturating_add(a.length)
}

/// Where in the process a block may lie: files of its name, else mappings of just its length, then
/// parts of larger ones (neighbouring anonymous mappings are merged by the host's kernel).
fn places(wanted: &BlockSpec, mappings: &[Mapping]) -> Vec<RamBlock> {
    let fits = |m: &&Mapping| m.read_write && m.length() >= wanted.length;
    let named = mappings.iter().filter(fits).filter(|m| m.is_named(&wanted.name));
    let mut found: Vec<RamBlock> =
        named.map(|mapping| block_at(mapping, 0, wanted.length)).collect();
    if !found.is_empty() {
        return found;
    }
    let (exact, larger): (Vec<_>, Vec<_>) = mappings
        .iter()
        .filter(fits)
        .filter(|m| !m.path.starts_with('['))
        .partition(|m| m.length() == wanted.length);
    // The host's kernel gives addresses from the top down, so that of two alike the earlier is the higher.
    for mapping in exact.into_iter().rev() {
        found.push(block_at(mapping, 0, wanted.length));
    }
    for mapping in larger {
        let spare = mapping.length() - wanted.length;
        let first = mapping.start.next_multiple_of(BLOCK_ALIGNMENT) - mapping.start;
        let aligned = (0..POSITIONS_IN_A_MAPPING).map(|step| first + step * BLOCK_ALIGNMENT);
        for skip in [0, spare].into_iter().chain(aligned).filter(|skip| *skip <= spare) {
            let block = block_at(mapping, skip, wanted.length);
            if !found.contains(&block) {
                found.push(block);
            }
        }
    }
    found
}

pub(super) fn block_at(mapping: &Mapping, skip: u64, length: u64) -> RamBlock {
    let backing = if mapping.inode != 0 && mapping.shared {
        Backing::Shared { file_offset: mapping.offset.saturating_add(skip), inode: mapping.inode }
    } else {
        Backing::Private
    };
    RamBlock { guest: 0, length, host: mapping.start + skip, backing, plugged: false }
}

impl RamDefinition {
    /// RAM of these blocks in a machine of this type; `below` is how much of it may lie below 4 GiB, where that is named.
    pub(super) fn new(
        machine: &str,
        below: Option<u64>,
        boot: Vec<BlockSpec>,
        dimms: Vec<Dimm>,
        unplaced: Vec<(u64, u64)>,
    ) -> Self {
        let total = boot.iter().fold(0_u64, |sum, block| sum.saturating_add(block.length));
        let mut holes = holes(machine, total);
        if let Some(below) = below {
            let named = RamHole { start: below.min(total), end: 4 * GIB };
            holes.retain(|hole| *hole != named);
            holes.insert(0, named);
        }
        Self { boot, dimms, unplaced, holes }
    }

    /// The RAM of a domain by libvirt's definition of it.
    ///
    /// # Errors
    /// One sentence: what the definition lacks.
    pub fn parse(xml: &str) -> Result<Self, String> {
        let document = Document::parse(xml)
            .map_err(|error| format!("libvirt's definition is not readable XML ({error})"))?;
        let domain = document.root_element();
        let mut boot: Vec<BlockSpec> = Vec::new();
        for cell in
            child(domain, "cpu").and_then(|cpu| child(cpu, "numa")).into_iter().flat_map(|numa| {
                numa.children().filter(|node| node.has_tag_name("cell")).collect::<Vec<_>>()
            })
        {
            let amount = cell.attribute("memory").and_then(|text| text.parse().ok());
            let length = amount.and_then(|n| bytes(n, cell.attribute("unit")));
            let length = length.ok_or("a NUMA cell of its definition has no size")?;
            boot.push(BlockSpec { name: format!("ram-node{}", boot.len()), length });
        }
        let dimms = Dimm::of(domain);
        if boot.is_empty() {
            let total = child(domain, "memory")
                .and_then(|node| amount(node))
                .ok_or("its definition has no <memory>")?;
            let plugged = dimms.iter().fold(0_u64, |sum, dimm| sum.saturating_add(dimm.length));
            boot.push(BlockSpec {
                name: "pc.ram".to_owned(),
                length: total.saturating_sub(plugged),
            });
        }
        let machine = child(domain, "os")
            .and_then(|os| child(os, "type"))
            .and_then(|kind| kind.attribute("machine"))
            .unwrap_or_default();
        Ok(Self::new(machine, None, boot, dimms, Vec::new()))
    }
}

/// Placed blocks of boot RAM, in guest-physical order, with this hole between them.
fn lay_out(placed: &[RamBlock], hole: RamHole) -> RamLayout {
    let in_a_row = placed.iter().scan(0_u64, |position, block| {
        let guest = *position;
        *position = position.saturating_add(block.length);
        Some(RamBlock { guest, ..*block })
    });
    RamLayout { blocks: in_a_row.collect(), unplaced: Vec::new() }.with_hole(hole)
}

impl Backing {
    fn skip(self, bytes: u64) -> Self {
        match self {
            Self::Private => Self::Private,
            Self::Shared { file_offset, inode } => {
                Self::Shared { file_offset: file_offset.saturating_add(bytes), inode }
            }
        }
    }
}

/// Where the hole below 4 GiB may begin: `pc_init1` (hw/i386/pc_piix.c), `pc_q35_init` (hw/i386/pc_q35.c),
/// `microvm_memory_init` (hw/i386/microvm.c), and a usual `max-ram-below-4g`.
pub(crate) const LOW_LIMITS: [u64; 5] =
    [0xc000_0000, 0x8000_0000, 0xe000_0000, 0xb000_0000, 0x4000_0000];

/// The holes that a machine may have, the likeliest first.
fn holes(machine: &str, total: u64) -> Vec<RamHole> {
    let starts = low_limits(machine, total).into_iter();
    starts.map(|start| RamHole { start: start.min(total), end: 4 * GIB }).collect()
}

/// How much RAM may lie below 4 GiB when there is more than fits. The machine's own rule comes first, the
/// others after it. Where none of them holds, firmware's map of RAM tells.
fn low_limits(machine: &str, total: u64) -> Vec<u64> {
    let pc = if total >= 0xe000_0000 { 0xc000_0000 } else { 0xe000_0000 };
    let q35 = if total >= 0xb000_0000 { 0x8000_0000 } else { 0xb000_0000 };
    let mut limits = match machine {
        name if name.contains("q35") => vec![q35, pc],
        name if name.contains("microvm") => vec![0xc000_0000, pc, q35],
        _ => vec![pc, q35],
    };
    for other in LOW_LIMITS {
        if !limits.contains(&other) {
            limits.push(other);
        }
    }
    limits
}

pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

pub(super) fn amount(node: Node) -> Option<u64> {
    bytes(node.text()?.trim().parse().ok()?, node.attribute("unit"))
}

/// libvirt's scaled integers (`virScaleInteger`); KiB where no unit stands.
fn bytes(amount: u64, unit: Option<&str>) -> Option<u64> {
    let scale: u64 = match unit.unwrap_or("KiB") {
        "b" | "bytes" => 1,
        "KB" => 1000,
        "k" | "K" | "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "M" | "MiB" => MIB,
        "GB" => 1_000_000_000,
        "G" | "GiB" => GIB,
        "TB" => 1_000_000_000_000,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    amount.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_xml(xml: &str, mappings: &[Mapping]) -> Result<Vec<RamLayout>, String> {
        candidates(&RamDefinition::parse(xml)?, mappings)
    }

    fn definition(machine: &str, kib: u64) -> String {
        format!(
            "<domain><memory unit='KiB'>{kib}</memory><os><type machine='{machine}'>hvm</type></os></domain>"
        )
    }

    fn mapping(start: u64, length: u64) -> Mapping {
        Mapping {
            start,
            end: start + length,
            read_write: true,
            shared: false,
            offset: 0,
            inode: 0,
            path: String::new(),
        }
    }

    fn first(machine: &str, mib: u64) -> Vec<(u64, u64, u64)> {
        let mappings = [mapping(0x7f00_0000_0000, mib * MIB), mapping(0x1000, 64 * MIB)];
        let layouts = of_xml(&definition(machine, mib * 1024), &mappings).unwrap();
        layouts[0].blocks.iter().map(|b| (b.guest, b.length, b.host)).collect()
    }

    #[test]
    fn small_guests_have_one_block() {
        assert_eq!(first("pc-i440fx-7.2", 512), [(0, 512 * MIB, 0x7f00_0000_0000)]);
        assert_eq!(first("pc-q35-7.2", 512), [(0, 512 * MIB, 0x7f00_0000_0000)]);
        assert_eq!(first("pc-i440fx-7.2", 3500), [(0, 3500 * MIB, 0x7f00_0000_0000)]);
    }

    #[test]
    fn the_hole_below_4_gib_is_each_machines_own() {
        let base = 0x7f00_0000_0000;
        assert_eq!(
            first("pc-i440fx-7.2", 6144),
            [(0, 3 * GIB, base), (4 * GIB, 3 * GIB, base + 3 * GIB)]
        );
        assert_eq!(
            first("pc-q35-7.2", 6144),
            [(0, 2 * GIB, base), (4 * GIB, 4 * GIB, base + 2 * GIB)]
        );
        assert_eq!(
            first("pc-q35-7.2", 2816),
            [(0, 2 * GIB, base), (4 * GIB, 768 * MIB, base + 2 * GIB)]
        );
    }

    #[test]
    fn a_block_inside_a_merged_mapping_is_a_candidate() {
        let mappings = [mapping(0x7f00_0000_0000, (512 + 16) * MIB)];
        let layouts = of_xml(&definition("pc", 512 * 1024), &mappings).unwrap();
        let hosts: Vec<u64> = layouts.iter().map(|layout| layout.blocks[0].host).collect();
        assert_eq!(hosts[0], 0x7f00_0000_0000);
        assert!(hosts.contains(&(0x7f00_0000_0000 + 16 * MIB)));
        assert!(hosts.contains(&(0x7f00_0000_0000 + 2 * MIB)));
    }

    #[test]
    fn numa_cells_follow_each_other_across_the_hole() {
        let xml = "<domain><memory unit='GiB'>6</memory><os><type machine='pc-q35-7.2'/></os>\
                   <cpu><numa><cell id='0' memory='4194304' unit='KiB'/>\
                   <cell id='1' memory='2' unit='GiB'/></numa></cpu></domain>";
        let mappings = [mapping(0x1_0000_0000, 2 * GIB), mapping(0x7_0000_0000, 4 * GIB)];
        let layouts = of_xml(xml, &mappings).unwrap();
        let blocks: Vec<_> =
            layouts[0].blocks.iter().map(|b| (b.guest, b.length, b.host)).collect();
        assert_eq!(
            blocks,
            [
                (0, 2 * GIB, 0x7_0000_0000),
                (4 * GIB, 2 * GIB, 0x7_0000_0000 + 2 * GIB),
                (6 * GIB, 2 * GIB, 0x1_0000_0000),
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = of_xml(&definition("pc", 524_288), &[mapping(0, MIB)]).unwrap_err();
        assert!(error.contains("'pc.ram' of 512 MiB"), "{error}");
        assert!(of_xml("<domain/>", &[]).unwrap_err().contains("<memory>"));
        assert!(of_xml("<domain", &[]).is_err());
    }
}
