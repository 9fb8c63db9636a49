//! The constants of the kernel's image, of which no more is read than is asked for.

use std::cell::OnceCell;

use memchr::memmem;

use super::image::{Access, KernelImage};
use crate::memory::GuestRam;

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
        let whole = self.whole.get_or_init(|| self.image.read(self.ram, Access::ReadOnly));
        whole.iter().find_map(|(address, bytes)| search(*address, bytes))
    }

    /// Bytes at a virtual address, if they lie in the image.
    pub fn at(&self, start: u64, end: u64) -> Option<Vec<u8>> {
        let length = end.checked_sub(start)?;
        let inside = length > 0 && self.image.contains(start) && self.image.contains(end - 1);
        let physical = self.image.physical.checked_add(start.checked_sub(self.image.start)?)?;
        let mut bytes = vec![0; usize::try_from(length).ok().filter(|_| inside)?];
        self.ram.memory().read_run(physical, &mut bytes).then_some(bytes)
    }

    /// `uname -r` from the banner (init/version.c).
    pub fn release(&self) -> Option<String> {
        const BANNER: &[u8] = b"Linux version ";
        self.find(|_, bytes| {
            let rest = bytes.get(memmem::find(bytes, BANNER)? + BANNER.len()..)?;
            let end = rest.iter().take(128).position(|byte| *byte == b' ')?;
            std::str::from_utf8(rest.get(..end)?).ok().map(str::to_owned)
        })
    }

    /// The note that the linker leaves (`NT_GNU_BUILD_ID`).
    pub fn build_id(&self) -> Option<String> {
        const NOTE: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
        self.find(|_, bytes| {
            let id = bytes.get(memmem::find(bytes, NOTE)? + NOTE.len()..)?.get(..20)?;
            Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
        })
    }
}
