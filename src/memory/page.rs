//! A page of guest memory.

/// Bytes of a guest page, the unit of reading and caching (x86-64).
pub(crate) const PAGE_SIZE: usize = 4096;
/// `log2(PAGE_SIZE)`.
pub(crate) const PAGE_SHIFT: u32 = 12;

/// One guest page, copied out.
pub(crate) type Page = [u8; PAGE_SIZE];
