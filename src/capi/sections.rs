//! Sections as a bit mask.

use super::error::nfm_error_t;
use crate::frame::{Frame, Section};

/// Section of a frame: the operating system, see nfm_frame_os().
pub const NFM_SECTION_OS: u64 = 1u64 << 0;
/// Section of a frame: the CPUs, see nfm_frame_cpus().
pub const NFM_SECTION_CPUS: u64 = 1u64 << 1;
/// Section of a frame: memory as a whole, see nfm_frame_memory().
pub const NFM_SECTION_MEMORY: u64 = 1u64 << 2;
/// Section of a frame: the processes, see nfm_frame_processes().
pub const NFM_SECTION_PROCESSES: u64 = 1u64 << 3;
/// Section of a frame: the open files of the processes, see nfm_frame_files().
pub const NFM_SECTION_FILES: u64 = 1u64 << 4;
/// Section of a frame: the address spaces of the processes, see nfm_frame_mappings().
pub const NFM_SECTION_MAPPINGS: u64 = 1u64 << 5;
/// Section of a frame: the loaded kernel modules, see nfm_frame_modules().
pub const NFM_SECTION_MODULES: u64 = 1u64 << 6;
/// Section of a frame: the network interfaces, see nfm_frame_interfaces().
pub const NFM_SECTION_INTERFACES: u64 = 1u64 << 7;
/// Section of a frame: the sockets, see nfm_frame_connections().
pub const NFM_SECTION_CONNECTIONS: u64 = 1u64 << 8;
/// Section of a frame: the mounts, see nfm_frame_mounts().
pub const NFM_SECTION_MOUNTS: u64 = 1u64 << 9;
/// Section of a frame: the kernel's log, see nfm_frame_log().
pub const NFM_SECTION_LOG: u64 = 1u64 << 10;
/// Section of a frame: what the host knows of the guest, see nfm_frame_host().
pub const NFM_SECTION_HOST: u64 = 1u64 << 11;
/// Section of a frame: where the kernel's structures contradict each other. It must be asked for, and
/// nfm_frame_to_json() tells it.
pub const NFM_SECTION_INTEGRITY: u64 = 1u64 << 12;
/// Section of a frame: the routes, see nfm_frame_routes().
pub const NFM_SECTION_ROUTES: u64 = 1u64 << 13;
/// Section of a frame: the neighbours (ARP, NDP), see nfm_frame_neighbours().
pub const NFM_SECTION_NEIGHBOURS: u64 = 1u64 << 14;

// cbindgen takes numbers, not calls: each is the bit of the table in nfm-frame.
const _: () = {
    assert!(NFM_SECTION_OS == Section::Os.bit());
    assert!(NFM_SECTION_CPUS == Section::Cpus.bit());
    assert!(NFM_SECTION_MEMORY == Section::Memory.bit());
    assert!(NFM_SECTION_PROCESSES == Section::Processes.bit());
    assert!(NFM_SECTION_FILES == Section::Files.bit());
    assert!(NFM_SECTION_MAPPINGS == Section::Mappings.bit());
    assert!(NFM_SECTION_MODULES == Section::Modules.bit());
    assert!(NFM_SECTION_INTERFACES == Section::Interfaces.bit());
    assert!(NFM_SECTION_CONNECTIONS == Section::Connections.bit());
    assert!(NFM_SECTION_MOUNTS == Section::Mounts.bit());
    assert!(NFM_SECTION_LOG == Section::Log.bit());
    assert!(NFM_SECTION_HOST == Section::Host.bit());
    assert!(NFM_SECTION_INTEGRITY == Section::Integrity.bit());
    assert!(NFM_SECTION_ROUTES == Section::Routes.bit());
    assert!(NFM_SECTION_NEIGHBOURS == Section::Neighbours.bit());
};

/// The sections of a mask.
pub(super) fn chosen(mask: u64) -> Result<Vec<Section>, nfm_error_t> {
    let chosen: Vec<_> =
        Section::ALL.into_iter().filter(|section| mask & section.bit() != 0).collect();
    let unknown = chosen.iter().fold(mask, |rest, section| rest & !section.bit());
    if unknown != 0 {
        let version = env!("CARGO_PKG_VERSION");
        let message = format!("sections: libnfm {version} does not know the bits {unknown:#x}");
        return Err(nfm_error_t::invalid(message));
    }
    Ok(chosen)
}

/// The mask of the sections that a frame holds.
pub(super) fn held(frame: &Frame) -> u64 {
    let held = Section::ALL.into_iter().filter(|section| frame.has(*section));
    held.fold(0, |mask, section| mask | section.bit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_one_section() {
        let all = Section::ALL.into_iter().fold(0, |mask, section| mask | section.bit());
        assert_eq!(all.count_ones() as usize, Section::ALL.len());
        assert_eq!(chosen(all).ok(), Some(Section::ALL.to_vec()));
        assert_eq!(chosen(NFM_SECTION_MODULES).ok(), Some(vec![Section::Modules]));
        assert!(chosen(all | 1 << 63).is_err());
    }
}
