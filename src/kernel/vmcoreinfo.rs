//! VMCOREINFO: a page of text in which the kernel describes itself to crash tools
//! (kernel/crash_core.c, kernel/vmcore_info.c). It is there without any device or crash kernel.

use std::ops::ControlFlow;

use rustc_hash::FxHashSet;

use super::image::{Access, KernelImage};
use crate::memory::{GuestRam, PAGE_SIZE, Page};
use crate::paging::AddressSpace;

/// Pointers that are looked at before the search ends.
const MOST_POINTERS: usize = 100_000;

/// Pages that are read at once.
const AT_ONCE: usize = 512;

/// The page's text.
#[derive(Clone, Debug)]
pub(crate) struct Vmcoreinfo {
    text: String,
    /// Kernel-virtual address of the page.
    pub address: u64,
}

impl Vmcoreinfo {
    /// Finds the page through the pointer to it (`vmcoreinfo_data`) among the kernel's variables. No
    /// symbol is needed, and the cost depends on the kernel's data, not on the guest's RAM.
    pub fn find(ram: &GuestRam, image: &KernelImage, space: &AddressSpace) -> Option<Self> {
        let mut seen = FxHashSet::default();
        image.visit(ram, Access::ReadWrite, &mut |_, bytes| {
            let words = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
            let pointers = words.filter(|word| is_page_pointer(*word) && !image.contains(*word));
            let pointers: Vec<u64> = pointers.filter(|pointer| seen.insert(*pointer)).collect();
            for some in pointers.chunks(AT_ONCE) {
                // The pages that were looked at are not needed again.
                space.forget();
                space.prefetch(some.iter().map(|pointer| (*pointer, 1)));
                let found = some.iter().find_map(|pointer| Self::read(space, *pointer));
                match found {
                    Some(found) => return ControlFlow::Break(Some(found)),
                    None if seen.len() > MOST_POINTERS => return ControlFlow::Break(None),
                    None => {}
                }
            }
            ControlFlow::Continue(())
        })?
    }

    /// Reads the page at a kernel-virtual address.
    pub fn read(space: &AddressSpace, address: u64) -> Option<Self> {
        const BEGINNING: &[u8] = b"OSRELEASE=";
        let mut beginning = [0; BEGINNING.len()];
        space.read(address, &mut beginning).ok()?;
        if beginning != BEGINNING {
            return None;
        }
        let mut page: Page = [0; PAGE_SIZE];
        space.read(address, &mut page).ok()?;
        Self::of_text(&page, address)
    }

    /// From the page's bytes.
    pub fn of_text(page: &[u8], address: u64) -> Option<Self> {
        let end = page.iter().position(|byte| *byte == 0).unwrap_or(page.len());
        Some(Self { text: String::from_utf8(page.get(..end)?.to_vec()).ok()?, address })
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value of a key as it stands: `OSRELEASE`, `BUILD-ID`, `KERNELOFFSET`, `NUMBER(x)` …
    pub fn get(&self, key: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }

    /// The address of a symbol that the page names, KASLR already in it.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        let value = self.get(&format!("SYMBOL({name})"))?;
        u64::from_str_radix(value.trim_start_matches("0x"), 16).ok()
    }
}

/// Guest-physical address of the kernel's top page table, as VMCOREINFO's text tells it: its symbol is in
/// the kernel's own mapping, which begins at `phys_base` (arch/x86/kernel/machine_kexec_64.c).
pub(crate) fn top_page_table(text: &str) -> Option<u64> {
    let info = Vmcoreinfo { text: text.to_owned(), address: 0 };
    let table = info.symbol("init_top_pgt").or_else(|| info.symbol("swapper_pg_dir"))?;
    let base: i64 = info.get("NUMBER(phys_base)")?.trim().parse().ok()?;
    let table = table.checked_sub(super::image::KERNEL_MAP)?.checked_add_signed(base)?;
    Some(table & !(PAGE_SIZE as u64 - 1))
}

/// Page-aligned and in the kernel's half of the addresses.
fn is_page_pointer(value: u64) -> bool {
    value >> 56 == 0xff && value & (PAGE_SIZE as u64 - 1) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_words() {
        let page =
            b"OSRELEASE=6.1.0\nBUILD-ID=00ff\nSYMBOL(kallsyms_names)=ffffffff82a1b2c8\nKERNELOFFSET=1c00000\n\0junk";
        let info = Vmcoreinfo::of_text(page, 0).unwrap();
        assert_eq!(info.get("OSRELEASE"), Some("6.1.0"));
        assert_eq!(info.get("OSREL"), None);
        assert_eq!(info.symbol("kallsyms_names"), Some(0xffff_ffff_82a1_b2c8));
        assert_eq!(info.symbol("kallsyms"), None);
    }

    #[test]
    fn the_page_table_lies_where_the_kernel_was_loaded() {
        let text = "SYMBOL(swapper_pg_dir)=ffffffffa3810000\nNUMBER(phys_base)=-167772160\n";
        assert_eq!(top_page_table(text), Some(0x1981_0000));
        assert_eq!(top_page_table("SYMBOL(swapper_pg_dir)=1\nNUMBER(phys_base)=0"), None);
        assert_eq!(top_page_table("OSRELEASE=6.1"), None);
    }
}
