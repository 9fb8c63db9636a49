//! x86-64 page tables: 4 and 5 levels, 4 KiB, 2 MiB and 1 GiB pages
//! (Intel SDM volume 3A, chapter 4; arch/x86/include/asm/pgtable_types.h).

/// The entry maps something.
pub(crate) const PRESENT: u64 = 1;
/// Writes are allowed.
pub(crate) const WRITABLE: u64 = 1 << 1;
/// The entry maps a large page rather than a further table (levels 2 and 3).
const LARGE: u64 = 1 << 7;
/// The kernel's PROT_NONE mappings: not present to the CPU, but with a page behind
/// (`_PAGE_BIT_PROTNONE`, the global bit of an entry that is not present).
const PROT_NONE: u64 = 1 << 8;
/// No use count is kept for the page: the zero page, device memory (`_PAGE_BIT_SPECIAL`).
const SPECIAL: u64 = 1 << 9;
/// No instruction may be fetched.
pub(crate) const NO_EXECUTE: u64 = 1 << 63;
/// The physical address in an entry (bits 12 to 51).
pub(crate) const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_f000;

/// Depth of the page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Levels {
    /// 48-bit addresses.
    Four,
    /// 57-bit addresses (LA57).
    Five,
}

impl Levels {
    /// The number.
    pub fn count(self) -> u32 {
        match self {
            Self::Four => 4,
            Self::Five => 5,
        }
    }

    /// True if the address is canonical: the bits above the highest used one repeat it.
    pub fn is_canonical(self, address: u64) -> bool {
        let unused = 64 - 12 - 9 * self.count();
        ((address << unused) as i64 >> unused) as u64 == address
    }
}

/// Where in a table of this level (1 is the lowest) the entry of an address stands.
pub(crate) fn table_index(address: u64, level: u32) -> u64 {
    (address >> (12 + 9 * (level.max(1) - 1))) & 0x1ff
}

/// One entry of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry(pub u64);

/// The target of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The next table, at this guest-physical address.
    Table(u64),
    /// A page: its first guest-physical address and its size's logarithm.
    Page(u64, u32),
    /// Nothing in RAM (not mapped, or swapped out).
    Nothing,
}

impl Entry {
    /// True if the CPU would follow the entry.
    pub fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// True if the page has no use count (`pte_special`).
    pub fn is_special(self) -> bool {
        self.0 & SPECIAL != 0
    }

    /// True if this entry of the lowest level has a page ([`Self::target`]) with a use count.
    pub fn is_counted_page(self) -> bool {
        self.0 & (PRESENT | PROT_NONE) != 0 && !self.is_special()
    }

    /// True if this entry of the lowest level leads nowhere ([`Self::target`]) and yet is not empty.
    pub fn is_elsewhere(self) -> bool {
        self.0 != 0 && self.0 & (PRESENT | PROT_NONE) == 0
    }

    /// True if the page is in swap. Entries that are not present name a kind in their 5 highest bits: a swap area, or
    /// one of the last kinds for pages that move or are broken (arch/x86/include/asm/pgtable_64.h; `MAX_SWAPFILES`,
    /// include/linux/swap.h, is 23 or more).
    pub fn is_swapped(self, level: u32) -> bool {
        const SWAP_AREAS: u64 = 23;
        level == 1 && self.0 != 0 && !self.is_present() && self.0 >> 59 < SWAP_AREAS
    }

    /// The target of the entry in a table of this level.
    ///
    /// A PROT_NONE entry of the lowest level still has its page. The kernel stores the address of an
    /// entry that is not present inverted (L1TF: arch/x86/include/asm/pgtable-invert.h, 6b28baca9b1f).
    pub fn target(self, level: u32) -> Target {
        if !self.is_present() {
            if level <= 2 && self.0 & PROT_NONE != 0 && (level == 1 || self.0 & LARGE != 0) {
                let shift = 12 + 9 * (level - 1);
                return Target::Page(page_address(!self.0, shift), shift);
            }
            return Target::Nothing;
        }
        match level {
            1 => Target::Page(self.0 & ADDRESS_MASK, 12),
            2 | 3 if self.0 & LARGE != 0 => {
                let shift = 12 + 9 * (level - 1);
                Target::Page(page_address(self.0, shift), shift)
            }
            _ => Target::Table(self.0 & ADDRESS_MASK),
        }
    }
}

/// Drops the low bits that a large page's entry uses for attributes.
fn page_address(entry: u64, shift: u32) -> u64 {
    entry & ADDRESS_MASK & !((1_u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_addresses_depend_on_the_depth() {
        assert!(Levels::Four.is_canonical(0x7fff_ffff_ffff));
        assert!(!Levels::Four.is_canonical(0x8000_0000_0000));
        assert!(Levels::Five.is_canonical(0x00ff_ffff_ffff_ffff));
        assert!(!Levels::Four.is_canonical(0xff11_0000_0000_0000));
        assert!(Levels::Five.is_canonical(0xff11_0000_0000_0000));
        assert!(Levels::Four.is_canonical(0xffff_8880_0000_0000));
    }

    #[test]
    fn indexes_of_the_kernels_text() {
        let text = 0xffff_ffff_8100_0000;
        assert_eq!((table_index(text, 5), table_index(text, 4)), (511, 511));
        assert_eq!((table_index(text, 3), table_index(text, 2)), (510, 8));
    }

    #[test]
    fn entries_lead_where_the_cpu_goes() {
        assert_eq!(Entry(0x1234_5067).target(4), Target::Table(0x1234_5000));
        assert_eq!(Entry(0x4000_00e3).target(3), Target::Page(0x4000_0000, 30));
        assert_eq!(Entry(0x8000_0000_0020_11e3).target(2), Target::Page(0x20_0000, 21));
        assert_eq!(Entry(0x1234_5067).target(1), Target::Page(0x1234_5000, 12));
        assert_eq!(Entry(0).target(1), Target::Nothing);
        let swapped = 0x1234_5000;
        assert_eq!(Entry(swapped).target(1), Target::Nothing);
        let hidden = (!0x1234_5000 & ADDRESS_MASK) | PROT_NONE;
        for entry in [0, swapped, hidden, hidden | SPECIAL, 0x1234_5067, 0x1234_5067 | SPECIAL] {
            let entry = Entry(entry);
            let page = matches!(entry.target(1), Target::Page(..)) && !entry.is_special();
            assert_eq!(entry.is_counted_page(), page);
            assert_eq!(entry.is_elsewhere(), entry.0 != 0 && entry.target(1) == Target::Nothing);
        }
        assert_eq!(Entry(hidden).target(1), Target::Page(0x1234_5000, 12));
    }
}
