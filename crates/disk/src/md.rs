//! Linux software RAID: the superblock of a member (version 1.x: `struct mdp_superblock_1`, include/uapi/linux/raid/md_p.h).

use crate::fields::Fields;
use crate::read_at::{ReadAt, bytes_at};

/// The first bytes of a superblock.
pub(crate) const MAGIC: u32 = 0xa92b_4efc;

/// True if a superblock of version 0.90 or 1.0 is at the end of a source.
pub(crate) fn at_end(source: &dyn ReadAt) -> bool {
    let sectors = source.length() / 512;
    let v1_0 = sectors.checked_sub(16).map(|sector| (sector & !7) * 512);
    let v0_90 = (source.length() & !0xffff).checked_sub(0x1_0000);
    [(v1_0, 1), (v0_90, 0)].into_iter().any(|(at, version)| {
        let header = at.and_then(|at| bytes_at::<8>(source, at).ok());
        header
            .is_some_and(|header| header.le32(0) == Some(MAGIC) && header.le32(4) == Some(version))
    })
}
