//! Raw memory: what QEMU's `pmemsave` writes, or a copy of a file behind guest RAM.
//!
//! Such a file has no header, so how it is to be read is tried out: as guest-physical memory from 0 on, then
//! as RAM with the hole below 4 GiB left out, by each machine's rule.

use std::sync::Arc;

use super::extents::{Extent, Extents, Plain};
use super::{Content, Dump, DumpFile};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Where the hole below 4 GiB begins: `pc_init1` (hw/i386/pc_piix.c), `pc_q35_init` (hw/i386/pc_q35.c).
const LOW_LIMITS: [u64; 4] = [0xc000_0000, 0x8000_0000, 0xe000_0000, 0xb000_0000];

pub(super) fn open(file: &Arc<DumpFile>) -> Result<Dump, String> {
    let length = file.length();
    if length < MIB {
        return Err(format!(
            "it is {length} bytes long and begins like no dump; raw memory has a MiB at least"
        ));
    }
    let squeezed = LOW_LIMITS.into_iter().filter(|limit| length > *limit).map(|limit| {
        vec![
            Extent { start: 0, length: limit, offset: Some(0) },
            Extent { start: 4 * GIB, length: length - limit, offset: Some(limit) },
        ]
    });
    let flat = vec![Extent { start: 0, length, offset: Some(0) }];
    let layouts = [flat].into_iter().chain(squeezed).map(|runs| {
        let content = Plain { file: Arc::clone(file), extents: Extents::new(&runs) };
        Arc::new(content) as Arc<dyn Content>
    });
    Ok(Dump {
        format: "raw memory",
        layouts: layouts.collect(),
        says_where: false,
        taken: file.modified(),
        origin: None,
        vmcoreinfo: None,
    })
}
