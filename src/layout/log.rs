//! Structures of the kernel's log (kernel/printk/printk_ringbuffer.h).

use crate::kernel::Types;

super::field::structures! {
    /// `struct printk_ringbuffer`.
    Ring = "printk_ringbuffer" {
        desc_bits: "desc_ring.count_bits",
        descs: "desc_ring.descs",
        infos: "desc_ring.infos",
        head_id: "desc_ring.head_id.counter",
        tail_id: "desc_ring.tail_id.counter",
        text_bits: "text_data_ring.size_bits",
        text_data: "text_data_ring.data",
    }

    /// `struct prb_desc`.
    Desc = "prb_desc" {
        state: "state_var.counter",
        begin: "text_blk_lpos.begin",
        next: "text_blk_lpos.next",
    }

    /// `struct printk_info`.
    Info = "printk_info" {
        ts_nsec: "ts_nsec",
        text_len: "text_len",
        level: "level",
    }
}

/// The layout of the section `log`.
#[derive(Clone, Debug)]
pub(crate) struct LogLayout {
    pub ring: Ring,
    pub desc: Desc,
    pub info: Info,
}

impl LogLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self { ring: Ring::compile(types), desc: Desc::compile(types), info: Info::compile(types) }
    }
}
