//! Raw memory: what QEMU's `pmemsave` writes, or a copy of a file behind guest RAM.
//!
//! Such a file has no header, so how it is to be read is tried out: as guest-physical memory from 0 on, then
//! as RAM with the hole below 4 GiB left out, by each machine's rule, then as firmware's map of RAM tells.

use std::sync::Arc;

use super::content::{Content, Dump};
use super::extents::{Extent, Extents, Plain};
use super::open::DumpFile;
use crate::resolve::{LOW_LIMITS, RamHole};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) fn open(file: &Arc<DumpFile>) -> Result<Dump, String> {
    let length = file.length();
    if length < MIB {
        return Err(format!(
            "it is {length} bytes long and begins like no dump; raw memory has a MiB at least"
        ));
    }
    let flat = RamHole { start: length, end: length };
    let squeezed = LOW_LIMITS.into_iter().filter(|limit| length > *limit);
    let holes = squeezed.map(|start| RamHole { start, end: 4 * GIB });
    let kept = Arc::clone(file);
    Ok(Dump {
        format: "raw memory",
        layouts: [flat].into_iter().chain(holes).map(|hole| laid_out(file, hole)).collect(),
        with_hole: Some(Box::new(move |hole| laid_out(&kept, hole))),
        says_where: false,
        taken: file.modified(),
        origin: None,
        vmcoreinfo: None,
    })
}

fn laid_out(file: &Arc<DumpFile>, hole: RamHole) -> Arc<dyn Content> {
    let runs = hole.runs(0, file.length());
    let runs = runs.into_iter().map(|(start, offset, length)| Extent {
        start,
        length,
        offset: Some(offset),
    });
    let runs: Vec<Extent> = runs.collect();
    Arc::new(Plain { file: Arc::clone(file), extents: Extents::new(&runs) })
}
