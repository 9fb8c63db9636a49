//! Where is this guest's memory: libvirt's domain, QEMU's process, its RAM blocks.
//!
//! Nothing here reads guest memory; what is found are *candidates*, which `domain.rs` holds against
//! the memory itself.

mod command_line;
mod connection;
mod devices;
mod dimms;
mod driver;
mod identity;
mod labels;
mod libvirt;
mod maps;
mod qemu;
mod ram;
mod sockets;
mod status;

pub(crate) use connection::Connection;
pub use connection::LibvirtConnection;
pub(crate) use dimms::Dimm;
pub use libvirt::{
    DomainDefinition, DomainState, DomainSummary, Libvirt, resume_if_paused, silence_libvirt,
};
pub(crate) use libvirt::{Hold, Watched};
pub(crate) use qemu::{QEMU_PREFIX, QemuProcess, VcpuClock};
pub use qemu::{QemuGuestSummary, qemu_guests};
pub(crate) use ram::{
    Backing, LOW_LIMITS, RamBlock, RamDefinition, RamHole, RamLayout, candidates, joined,
    named_layouts, placed_layouts,
};
pub(crate) use status::{Stamp, StatusFile};
