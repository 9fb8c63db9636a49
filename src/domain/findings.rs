//! The findings of opening a domain, for `nfm doctor`.

use std::time::Duration;

use super::open::Found;
use super::source::Source;

/// The findings of opening a domain, for `nfm doctor`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Findings {
    /// libvirt's URI, where libvirt knows the guest.
    pub uri: Option<String>,
    /// The domain's UUID, where it has one.
    pub uuid: Option<String>,
    /// The hypervisor's process, where one holds the guest's memory.
    pub pid: Option<i32>,
    /// The holder of the guest's memory, in words: `QEMU process 14782`.
    pub place: String,
    /// RAM as (guest-physical address, bytes); empty where the hypervisor alone knows where it lies.
    pub ram: Vec<(u64, u64)>,
    /// Memory of the guest that cannot be read, likewise: DIMMs of which it is not certain where the
    /// hypervisor's process keeps them, or that a dump for this reason does not hold.
    pub unplaced: Vec<(u64, u64)>,
    /// Page-table levels.
    pub paging_levels: u32,
    /// Guest-physical address below 1 MiB of the page table that led to the kernel; `None` where the
    /// hypervisor named one.
    pub trampoline: Option<u64>,
    /// True if physical addresses are the host's, as page tables of Xen's PV guests hold those.
    pub machine_addresses: bool,
    /// Physical address of the kernel's own top page table.
    pub page_table: u64,
    /// Kernel-virtual and physical address of the kernel's image, and its bytes.
    pub image: (u64, u64, u64),
    /// `uname -r`.
    pub release: Option<String>,
    /// The kernel's build id.
    pub build_id: Option<String>,
    /// Kernel-virtual address of VMCOREINFO, where it was found.
    pub vmcoreinfo: Option<u64>,
    /// Symbols in the kernel's table.
    pub symbols: usize,
    /// Where the symbols came from: `kallsyms, named by VMCOREINFO`, `System.map /boot/System.map-6.1.0`.
    pub symbols_from: String,
    /// Where the types came from: `BTF`, `DWARF in /usr/lib/debug/boot/vmlinux-6.1.0`.
    pub types_from: String,
    /// True if these are the few that a kernel without BTF shows by its tasks in memory, for want of others.
    pub types_are_few: bool,
    /// Bytes of BTF, where the types came from it; else 0.
    pub btf_bytes: usize,
    /// How long opening took.
    pub open_time: Duration,
}

impl Findings {
    pub(super) fn new(source: &dyn Source, found: &Found, open_time: Duration) -> Self {
        let (memory, kernel) = (found.ram.memory(), &found.kernel);
        let image = &kernel.image;
        let host = source.on_host();
        Self {
            uri: host.uri,
            uuid: host.uuid,
            pid: host.pid,
            place: source.place(),
            ram: memory.ram(),
            unplaced: source.unplaced(found.ram_layout),
            paging_levels: image.levels.count(),
            trampoline: image.trampoline(),
            page_table: image.root,
            machine_addresses: memory.has_machine_frames(),
            image: (image.start, image.physical_address(image.start).unwrap_or(0), image.length),
            release: kernel.release.clone(),
            build_id: kernel.build_id.clone(),
            vmcoreinfo: kernel.vmcoreinfo,
            symbols: kernel.symbols,
            symbols_from: kernel.origin.symbols.clone(),
            types_from: kernel.origin.types.clone(),
            types_are_few: kernel.has_pinned_types(),
            btf_bytes: kernel.btf_bytes,
            open_time,
        }
    }
}
