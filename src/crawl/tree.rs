//! Red-black trees (include/linux/rbtree.h).

use super::reader::{ReadError, ReadResult, Reader};
use crate::layout::Field;

/// A red-black tree of 2^64 entries is not deeper.
const DEEPEST: usize = 128;

/// Adds the structures of a tree in order, as far as they can be reached. `root` is the address of the
/// `struct rb_root`.
pub(crate) fn rb_entries(
    reader: &Reader,
    root: u64,
    node: Field,
    most: usize,
    entries: &mut Vec<u64>,
) -> ReadResult<()> {
    let layout = &reader.layout.system.rb_node;
    let mut path: Vec<u64> = Vec::new();
    let mut next = Some(reader.u64_at(root)?).filter(|first| *first != 0);
    loop {
        while let Some(here) = next {
            if path.len() >= DEEPEST {
                return Err(ReadError::Nonsense { what: "the tree does not end", address: here });
            }
            path.push(here);
            next = reader.pointer(here, layout.left)?;
        }
        let Some(here) = path.pop() else { return Ok(()) };
        if entries.len() >= most {
            return Err(ReadError::Nonsense { what: "the tree does not end", address: here });
        }
        entries.push(reader.container(here, node)?);
        next = reader.pointer(here, layout.right)?;
    }
}
