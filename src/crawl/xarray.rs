//! XArrays (include/linux/xarray.h): the tables of process ids, the pages of a file.

use rustc_hash::FxHashSet;

use super::reader::{ReadError, ReadResult, Reader};

/// `XA_CHUNK_SHIFT`: a node with this shift above another is one level higher.
const CHUNK_SHIFT: u64 = 6;
/// `XA_RETRY_ENTRY`: the node was taken out of the array while it was looked at.
const RETRY: u64 = 256 << 2 | 2;
/// Internal entries up to here are no nodes (`xa_is_node`).
const LAST_MARK: u64 = 4096;
/// Internal entries below this stand for the entry of an earlier slot (`xa_is_sibling`).
const LAST_SIBLING: u64 = 62 << 2 | 2;
/// Bytes that an entry costs while it is looked at.
const ENTRY_COST: usize = 32;

/// One entry that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct XarrayEntry {
    /// The first index that it is stored at.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// A pointer, or a value (bit 0 is set).
    pub entry: u64,
}

/// The entries that are stored from an index to another, ascending. `head` is the address of the array's `xa_head`.
///
/// # Errors
/// A node is none, or lies in two places, or was taken out of the array meanwhile; memory cannot be read; there are too many.
pub(crate) fn entries(
    reader: &Reader,
    head: u64,
    first: u64,
    last: u64,
) -> ReadResult<Vec<XarrayEntry>> {
    let array = reader.container(head, reader.layout.system.xarray.head)?;
    let nodes = FxHashSet::default();
    let mut walk = Walk { reader, array, first, last, nodes, found: Vec::new() };
    let top = reader.u64_at(head)?;
    match is_node(top) {
        true => walk.node(top, 0, u64::from(u64::BITS))?,
        // An array of one entry, at index 0, has no node.
        false if first == 0 => walk.add(XarrayEntry { first: 0, last: 0, entry: top })?,
        false => {}
    }
    Ok(walk.found)
}

/// The pointers that are stored. `head` is the address of the array's `xa_head`.
pub(super) fn pointers(reader: &Reader, head: u64) -> ReadResult<Vec<u64>> {
    let all = entries(reader, head, 0, u64::MAX)?;
    Ok(all.into_iter().map(|one| one.entry).filter(|entry| entry & 3 == 0).collect())
}

fn is_node(entry: u64) -> bool {
    entry & 3 == 2 && entry > LAST_MARK
}

struct Walk<'w, 'r> {
    reader: &'w Reader<'r>,
    /// The `struct xarray`.
    array: u64,
    first: u64,
    last: u64,
    nodes: FxHashSet<u64>,
    found: Vec<XarrayEntry>,
}

impl Walk<'_, '_> {
    /// Adds an entry unless it is empty, or a mark of the array's own.
    fn add(&mut self, entry: XarrayEntry) -> ReadResult<()> {
        if entry.entry != 0 && entry.entry & 3 != 2 {
            self.reader.keep(ENTRY_COST)?;
            self.found.push(entry);
        }
        Ok(())
    }

    /// Walks a node whose entries begin at an index; its shift must be below that of the node above.
    fn node(&mut self, entry: u64, base: u64, above: u64) -> ReadResult<()> {
        let reader = self.reader;
        reader.step(entry)?;
        let node = entry & !3;
        let layout = &reader.layout.system.xa_node;
        let shift = reader.unsigned(node, layout.shift)?;
        if !self.nodes.insert(node) || shift >= above || !shift.is_multiple_of(CHUNK_SHIFT) {
            return Err(ReadError::Nonsense { what: "a node of an XArray is none", address: node });
        }
        // A node that another array has by now.
        let gone = ReadError::Nonsense { what: "a node left its XArray", address: node };
        if layout.array.exists() && reader.unsigned(node, layout.array)? != self.array {
            return Err(gone);
        }
        let slots = layout.slots.member().ok_or(ReadError::NoMember(layout.slots.name))?;
        let mut words = Vec::with_capacity(64);
        let at = reader.at(node, layout.slots)?;
        reader.space.words(at, u64::from(slots.elements.min(64)), 8, |_, word| {
            words.push(word);
            Ok::<_, ReadError>(())
        })?;
        // A node that is freed loses its entries (`radix_tree_node_rcu_free`, lib/radix-tree.c); one without any is freed.
        if words.contains(&RETRY) || words.iter().all(|word| *word == 0) {
            return Err(gone);
        }
        // The first index of a slot, and the last one.
        let span = |slot: usize| {
            let first = (slot as u64).checked_mul(1 << shift)?.checked_add(base)?;
            Some((first, first.saturating_add((1_u64 << shift) - 1)))
        };
        let wanted =
            |slot: usize| span(slot).filter(|(from, to)| *from <= self.last && *to >= self.first);
        let nodes = words.iter().enumerate().filter(|(_, entry)| is_node(**entry));
        let size = u64::from(layout.size);
        let ahead = nodes.filter(|(slot, _)| wanted(*slot).is_some());
        reader.space.prefetch(ahead.map(|(_, entry)| (entry & !3, size)));
        for (slot, entry) in words.iter().enumerate() {
            let Some((from, mut to)) = span(slot) else { break };
            if from > self.last {
                break;
            }
            if is_node(*entry) {
                if to >= self.first {
                    self.node(*entry, from, shift)?;
                }
                continue;
            }
            let siblings = words.iter().skip(slot + 1);
            let own = (slot as u64) << 2 | 2;
            let siblings = siblings.take_while(|next| **next == own && own <= LAST_SIBLING).count();
            if let Some((_, end)) = span(slot + siblings) {
                to = end;
            }
            if to >= self.first {
                self.add(XarrayEntry { first: from, last: to, entry: *entry })?;
            }
        }
        Ok(())
    }
}
