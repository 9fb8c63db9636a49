//! The constants of the kernel's image, of which no more is read than is asked for.

use std::cell::OnceCell;

use memchr::memmem;

use super::elf;
use super::image::{Access, KernelImage};
use super::names::hexadecimal;
use super::profile::LONGEST_BANNER;
use crate::memory::{GuestRam, PAGE_SIZE};

/// The note that the linker leaves (`NT_GNU_BUILD_ID`), up to the id itself.
const NOTE: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
/// Bytes of the id in that note.
const BUILD_ID_BYTES: usize = 20;
/// Pages of the vDSO's images.
const VDSO_PAGES: usize = 3;
pub(super) const BANNER_BEGINNING: &[u8] = b"Linux version ";

/// Constants of one kernel.
pub(super) struct Constants<'a> {
    ram: &'a GuestRam,
    image: &'a KernelImage,
    /// All of them, for what must be searched.
    whole: OnceCell<Vec<(u64, Vec<u8>)>>,
}

impl<'a> Constants<'a> {
    /// Nothing is read yet.
    pub fn new(ram: &'a GuestRam, image: &'a KernelImage) -> Self {
        Self { ram, image, whole: OnceCell::new() }
    }

    /// The first result of a search through each part, given with its address.
    pub fn find<'s, T>(&'s self, search: impl Fn(u64, &'s [u8]) -> Option<T>) -> Option<T> {
        self.parts().iter().find_map(|(address, bytes)| search(*address, bytes))
    }

    /// All of them, each part at its address.
    pub fn parts(&self) -> &[(u64, Vec<u8>)] {
        self.whole.get_or_init(|| self.image.read(self.ram, Access::ReadOnly))
    }

    /// Bytes at a virtual address, if they lie in the image.
    pub fn at(&self, start: u64, end: u64) -> Option<Vec<u8>> {
        let length = end.checked_sub(start)?;
        let inside = length > 0 && self.image.contains(start) && self.image.contains(end - 1);
        let mut bytes = vec![0; usize::try_from(length).ok().filter(|_| inside)?];
        self.image.copy(self.ram, start, &mut bytes).then_some(bytes)
    }

    /// The kernel's name for itself (init/version.c): `linux_banner`, or the text of which it is made.
    pub fn banner(&self) -> Option<String> {
        self.find(|_, bytes| banner_of(bytes.get(memmem::find(bytes, BANNER_BEGINNING)?..)?))
            .map(str::to_owned)
    }

    /// The address of the note that the linker leaves, and the build id in it. The vDSO's images are among
    /// the constants, and each has a note of its own.
    pub fn build_id(&self) -> Option<(u64, String)> {
        self.find(|address, bytes| {
            let is_vdso = |at: &usize| {
                let pages = (0..=VDSO_PAGES).filter_map(|page| (at / PAGE_SIZE).checked_sub(page));
                let mut images = pages.filter_map(|page| bytes.get(page * PAGE_SIZE..));
                images.any(|image| image.starts_with(elf::MAGIC))
            };
            let at = memmem::find_iter(bytes, NOTE).find(|at| !is_vdso(at))?;
            note_at(address, bytes, at)
        })
    }

    /// The same, where the linker's notes are known to lie.
    pub fn build_id_between(&self, start: u64, end: u64) -> Option<(u64, String)> {
        let bytes = self.at(start, end)?;
        note_at(start, &bytes, memmem::find(&bytes, NOTE)?)
    }
}

/// The note at an offset of bytes that lie at an address: its own address and its id.
fn note_at(address: u64, bytes: &[u8], at: usize) -> Option<(u64, String)> {
    let id = bytes.get(at + NOTE.len()..)?.get(..BUILD_ID_BYTES)?;
    Some((address.checked_add(at as u64)?, hexadecimal(id)))
}

/// The kernel's name at the beginning of these bytes.
pub(super) fn banner_of(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().take(LONGEST_BANNER).position(|byte| *byte == 0)?;
    std::str::from_utf8(bytes.get(..end)?).ok().filter(|_| bytes.starts_with(BANNER_BEGINNING))
}
