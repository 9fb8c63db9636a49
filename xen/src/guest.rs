//! A domain of Xen that is open.

use crate::library::{DomainInfo, Xen};
use crate::mapped::{Mappings, PAGE, PAGE_SHIFT, Page};
use crate::table::{GUEST_FRAMES, MACHINE_FRAMES, Memory, State, UNKNOWN};
use crate::{Error, Result};

/// Flags of `struct xen_domctl_getdomaininfo`. One that only ended by itself (it panicked, say) still has its
/// memory, until it is destroyed.
const DYING: u32 = 1;
/// HVM or PVH: the hypervisor translates the guest's frames.
const HVM: u32 = 1 << 1;

/// `arch.p2m_cr3` in `struct shared_info` (xen/include/public/arch-x86/xen.h), where a PV guest tells the
/// control register of its kernel's page tables; Linux does so since 4.0 (`xen_setup_mfn_list_list`,
/// arch/x86/xen/p2m.c).
const P2M_CR3: usize = 0xc28;

/// An open domain.
pub struct Guest {
    id: u32,
    uuid: [u8; 16],
    is_pv: bool,
    release: String,
    mappings: Mappings,
}

impl Guest {
    /// Opens a running domain by its id; its uuid has to be this one.
    pub fn open(id: u32, uuid: &str) -> Result<Self> {
        if id == 0 {
            return Err(Error::Unsupported(
                "it is Xen's control domain (dom0), which is no guest: Xen lets no domain map itself"
                    .to_owned(),
            ));
        }
        let xen = Xen::connect()?;
        let info = xen.domain(id)?;
        if Some(info.uuid) != parse_uuid(uuid) {
            return Err(Error::Unsupported(format!(
                "domain {id} of this host's Xen is another one; run nfm in the control domain (dom0) of \
                 the host that runs it"
            )));
        }
        let release = xen.release.clone();
        let is_pv = info.flags & HVM == 0;
        let mappings = Mappings::new(xen, id);
        let mut guest = Self { id, uuid: info.uuid, is_pv, release, mappings };
        guest.info()?;
        Ok(guest)
    }

    /// Xen's own data about it now.
    fn info(&mut self) -> Result<DomainInfo> {
        let info = self.mappings.domain().and_then(|info| {
            let same = info.uuid == self.uuid && info.flags & DYING == 0;
            if same { Ok(info) } else { Err(Error::Gone) }
        });
        if matches!(info, Err(Error::Gone)) {
            self.mappings.clear();
        }
        info
    }

    /// Describes its memory.
    pub fn describe(&mut self) -> Result<Memory> {
        let info = self.info()?;
        let kind = if self.is_pv { "PV" } else { "HVM or PVH" };
        let text = format!("Xen {}, domain {} ({kind})", self.release, self.id);
        let mut description = [0; 100];
        let length = text.len().min(description.len() - 1);
        description[..length].copy_from_slice(&text.as_bytes()[..length]);
        let root = if self.is_pv { self.kernel_root(&info)? } else { 0 };
        Ok(Memory {
            size: 0,
            frames: if self.is_pv { MACHINE_FRAMES } else { GUEST_FRAMES },
            // PV guests of 64 bits have 4 levels, whatever the processor can do.
            levels: if root != 0 { 4 } else { 0 },
            root,
            bytes: info.total_pages << PAGE_SHIFT,
            description,
        })
    }

    /// The machine address of a PV guest's top page table, 0 where its kernel is not that far yet.
    fn kernel_root(&mut self, info: &DomainInfo) -> Result<u64> {
        let (mut page, mut read): ([Page; 1], _) = ([[0; PAGE]], [0]);
        self.mappings.read(&[info.shared_info_frame], &mut page, &mut read);
        if read[0] == 0 {
            return Err(Error::Failed(
                "the page that a PV guest shares with Xen cannot be mapped".to_owned(),
            ));
        }
        let mut register = [0; 8];
        register.copy_from_slice(&page[0][P2M_CR3..P2M_CR3 + 8]);
        Ok(u64::from_le_bytes(register) & !(PAGE as u64 - 1))
    }

    /// Copies pages.
    pub fn read(&mut self, frames: &[u64], pages: &mut [Page], read: &mut [u8]) {
        self.mappings.read(frames, pages, read);
    }

    /// Its state as Xen tells it now. Xen keeps no count of pages that were never used.
    pub fn state(&mut self) -> Result<State> {
        let info = self.info()?;
        self.mappings.check(info.total_pages);
        Ok(State {
            size: 0,
            vcpu_time_ns: info.cpu_time,
            resident_bytes: info.total_pages << PAGE_SHIFT,
            swapped_bytes: info.paged_pages << PAGE_SHIFT,
            untouched_bytes: UNKNOWN,
        })
    }
}

/// 8-4-4-4-12 hexadecimal digits.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let pairs: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    pairs.try_into().ok().filter(|_| digits.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_32_digits() {
        let uuid = parse_uuid("a4b277f8-0a27-4da3-969b-06cf2dcf5de0").unwrap();
        assert_eq!((uuid[0], uuid[1], uuid[15]), (0xa4, 0xb2, 0xe0));
        assert_eq!(parse_uuid("a4b277f8"), None);
        assert_eq!(parse_uuid("a4b277f8-0a27-4da3-969b-06cf2dcf5deg"), None);
        assert_eq!(parse_uuid("a4b277f8-0a27-4da3-969b-06cf2dcf5de0a"), None);
    }
}
