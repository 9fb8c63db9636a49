//! XArrays (include/linux/xarray.h), as the tables of process ids are.

use rustc_hash::FxHashSet;

use super::confirm::{slot, slots};
use crate::crawl::reader::{ReadError, ReadResult, Reader};

/// `XA_CHUNK_SHIFT`: a node with this shift above another is one level higher.
const CHUNK_SHIFT: u64 = 6;
/// Internal entries up to here are no nodes (`xa_is_node`).
const LAST_MARK: u64 = 4096;

/// The pointers that are stored. `head` is the address of the array's `xa_head`.
pub(super) fn pointers(reader: &Reader, head: u64) -> ReadResult<Vec<u64>> {
    let mut found = Vec::new();
    let mut nodes = FxHashSet::default();
    // The entry, and the shift that a node behind it must be below.
    let mut rest = vec![(reader.u64_at(head)?, u64::from(u64::BITS))];
    while let Some((entry, above)) = rest.pop() {
        reader.step(entry)?;
        match entry & 3 {
            0 if entry != 0 => found.push(entry),
            2 if entry > LAST_MARK => {
                let node = entry & !3;
                let layout = &reader.layout.integrity.xa_node;
                let shift = reader.unsigned(node, layout.shift)?;
                if !nodes.insert(node) || shift >= above || !shift.is_multiple_of(CHUNK_SHIFT) {
                    return Err(ReadError::Nonsense {
                        what: "a node of a table of numbers is none",
                        address: node,
                    });
                }
                for index in 0..slots(layout.slots)? {
                    let entry = reader.u64_at(slot(reader, node, layout.slots, index)?)?;
                    if entry != 0 {
                        rest.push((entry, shift));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}
