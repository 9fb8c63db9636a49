//! The areas of an address space: a maple tree since Linux 6.1 (524e00b36e8c), a list before.

use super::reader::{ReadError, ReadResult, Reader};
use crate::layout::Field;

/// Areas of one process (`vm.max_map_count` is 65530 unless raised).
const MOST_AREAS: usize = 1 << 20;
/// Bytes that an area costs while its process is looked at.
const AREA_COST: usize = std::mem::size_of::<Vma>();
/// Levels of a maple tree; its nodes have at least 5 entries, so this is more than any has.
const DEEPEST: u32 = 24;
/// Bytes of a node (`struct maple_node`), and their alignment.
const NODE: usize = 256;
/// Low bits of a pointer to a node: its type and flags (`MAPLE_NODE_MASK`).
const NODE_BITS: u64 = 0xff;
/// `enum maple_type` (include/linux/maple_tree.h).
const DENSE: u64 = 0;
const LEAF: u64 = 1;
const RANGE: u64 = 2;
const ALLOC_RANGE: u64 = 3;

/// One `struct vm_area_struct`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vma {
    /// Where the structure lies.
    pub address: u64,
    /// The first address of the area.
    pub start: u64,
    /// The first address after it.
    pub end: u64,
}

/// Adds the areas of an `mm_struct`, ascending; a walk that cannot be finished is noted.
pub(super) fn vmas(reader: &Reader, mm: u64, areas: &mut Vec<Vma>) {
    let layout = &reader.layout.memory;
    let walked = match layout.mm.tree.exists() {
        true => tree(reader, mm, areas),
        false => list(reader, mm, areas),
    };
    if let Err(error) = walked {
        let reached = areas.len();
        let reason = format!("the areas break off after {reached}: {error}");
        reader.broken(error, reason);
    }
}

fn add(reader: &Reader, address: u64, areas: &mut Vec<Vma>) -> ReadResult<()> {
    let layout = &reader.layout.memory.vma;
    let start = reader.unsigned(address, layout.start)?;
    let end = reader.unsigned(address, layout.end)?;
    let in_order = areas.last().is_none_or(|last| last.end <= start);
    if areas.len() >= MOST_AREAS {
        return Err(ReadError::Nonsense { what: "there are too many", address });
    }
    if start >= end || !in_order {
        return Err(ReadError::Nonsense { what: "an area is out of order", address });
    }
    reader.keep(AREA_COST)?;
    areas.push(Vma { address, start, end });
    Ok(())
}

fn list(reader: &Reader, mm: u64, areas: &mut Vec<Vma>) -> ReadResult<()> {
    let layout = &reader.layout.memory;
    let mut next = reader.pointer(mm, layout.mm.first)?;
    while let Some(area) = next {
        add(reader, area, areas)?;
        next = reader.pointer(area, layout.vma.next)?;
    }
    Ok(())
}

fn tree(reader: &Reader, mm: u64, areas: &mut Vec<Vma>) -> ReadResult<()> {
    match reader.pointer(mm, reader.layout.memory.mm.tree)? {
        None => Ok(()),
        // An entry that is a node has 2 in its lowest bits (`xa_is_node`).
        Some(root) if root & 3 == 2 => node(reader, root, u64::MAX, DEEPEST, areas),
        Some(only) => add(reader, only, areas),
    }
}

/// Walks the entries of a node up to its greatest index.
fn node(
    reader: &Reader,
    encoded: u64,
    last: u64,
    depth: u32,
    areas: &mut Vec<Vma>,
) -> ReadResult<()> {
    let layout = &reader.layout.memory;
    let address = encoded & !NODE_BITS;
    let kind = (encoded >> 3) & 0xf;
    let (pivots, slots): (Option<Field>, Field) = match kind {
        DENSE => (None, layout.range.slot),
        LEAF | RANGE => (Some(layout.range.pivot), layout.range.slot),
        ALLOC_RANGE => (Some(layout.alloc_range.pivot), layout.alloc_range.slot),
        _ => return Err(ReadError::Nonsense { what: "a maple node of no known kind", address }),
    };
    if depth == 0 {
        return Err(ReadError::Nonsense { what: "the maple tree does not end", address });
    }
    let mut bytes = [0; NODE];
    reader.space.read(address, &mut bytes)?;
    let (words, _) = bytes.as_chunks::<8>();
    // An array of words in the node.
    let array = |field: Field| {
        let member = field.member().filter(|member| {
            member.offset.is_multiple_of(8)
                && u64::from(member.size) == 8 * u64::from(member.elements)
        });
        let member = member.ok_or(ReadError::NoMember(field.name))?;
        let words = words.iter().skip(member.offset as usize / 8).take(member.elements as usize);
        ReadResult::Ok(words.map(|word| u64::from_le_bytes(*word)))
    };
    let mut pivots = pivots.map(array).transpose()?;
    for (index, entry) in array(slots)?.enumerate() {
        let pivot = pivots.as_mut().and_then(Iterator::next).unwrap_or(last);
        // A pivot of 0 behind the first entry means that the node ends here.
        let end = if pivot == 0 && index > 0 { last } else { pivot };
        match (entry, kind) {
            (0, _) => {}
            (entry, DENSE | LEAF) => add(reader, entry, areas)?,
            (entry, _) => node(reader, entry, end, depth - 1, areas)?,
        }
        if end >= last {
            break;
        }
    }
    Ok(())
}
