//! Traces of a Linux kernel that was loaded and has not set up yet what it is known by: between boot loader and
//! `setup_real_mode` (arch/x86/realmode/init.c) there is no page table to be found.

use memchr::memmem;

use crate::memory::PhysicalMemory;

/// Boot loaders put the boot parameters below the end of conventional memory (Documentation/arch/x86/boot.rst).
const CONVENTIONAL: u64 = 0xa_0000;
/// Read at once.
const CHUNK: usize = 0x1_0000;
/// The header's magic, its place in the boot parameters (arch/x86/include/uapi/asm/bootparam.h), and those of what
/// is asked of it.
const MAGIC: &[u8] = b"HdrS";
const MAGIC_AT: usize = 0x202;
const PROTOCOL_AT: usize = 0x206;
const VERSION_TEXT_AT: usize = 0x20e;
const LOAD_FLAGS_AT: usize = 0x236;
/// Bytes of the compressed kernel (`payload_length`), since protocol 2.08.
const PAYLOAD_LENGTH_AT: usize = 0x24c;
/// The first protocol with `xloadflags`, and their bit of a kernel that is entered in 64-bit mode.
const PROTOCOL_WITH_FLAGS: u16 = 0x20c;
const ENTERED_IN_64_BITS: u16 = 1;

/// True if a boot loader has put the header of a 64-bit Linux kernel into guest memory. It stays there when the kernel
/// runs, and over a restart. Programs that only use its boot protocol carry no compressed kernel, as the binary of
/// memtest86+ 6.10 shows, or name no version.
pub(crate) fn was_loaded(memory: &dyn PhysicalMemory) -> bool {
    let mut low = Vec::new();
    for start in (0..CONVENTIONAL).step_by(CHUNK) {
        let mut chunk = vec![0; CHUNK];
        if !memory.read_run(start, &mut chunk) {
            chunk.fill(0);
        }
        low.extend(chunk);
    }
    memmem::find_iter(&low, MAGIC).any(|at| is_linux(&low, at).unwrap_or(false))
}

/// True if the magic at this place is that of such a header.
fn is_linux(low: &[u8], magic: usize) -> Option<bool> {
    let start = magic.checked_sub(MAGIC_AT)?;
    let field = |at: usize| {
        let bytes = low.get(start.checked_add(at)?..)?.first_chunk()?;
        Some(u16::from_le_bytes(*bytes))
    };
    let is_new = field(PROTOCOL_AT)? >= PROTOCOL_WITH_FLAGS;
    let has_version = field(VERSION_TEXT_AT)? != 0;
    let has_payload = field(PAYLOAD_LENGTH_AT)? != 0 || field(PAYLOAD_LENGTH_AT + 2)? != 0;
    let is_64_bit = field(LOAD_FLAGS_AT)? & ENTERED_IN_64_BITS != 0;
    // Segments begin at multiples of 16.
    Some(start % 16 == 0 && is_new && has_version && has_payload && is_64_bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(start: usize, protocol: u16, version_text: u16, flags: u16, payload: u32) -> Vec<u8> {
        let mut low = vec![0; start + 0x1000];
        low[start + MAGIC_AT..][..4].copy_from_slice(MAGIC);
        for (at, value) in
            [(PROTOCOL_AT, protocol), (VERSION_TEXT_AT, version_text), (LOAD_FLAGS_AT, flags)]
        {
            low[start + at..][..2].copy_from_slice(&value.to_le_bytes());
        }
        low[start + PAYLOAD_LENGTH_AT..][..4].copy_from_slice(&payload.to_le_bytes());
        low
    }

    #[test]
    fn a_header_of_64_bit_linux_alone_counts() {
        let is_one =
            |low: &[u8]| memmem::find_iter(low, MAGIC).any(|at| is_linux(low, at).unwrap_or(false));
        // Lengths of payloads as in Debian's kernels, and one whose lower half is 0.
        assert!(is_one(&header(0x1_0000, 0x20f, 0x3a40, 0x3f, 14_065_015)));
        assert!(is_one(&header(0x1_0000, 0x20f, 0x3a40, 0x3f, 0x00d7_0000)));
        assert!(
            !is_one(&header(0x1_0008, 0x20f, 0x3a40, 0x3f, 14_065_015)),
            "at no segment's start"
        );
        assert!(!is_one(&header(0x1_0000, 0x20c, 0x260, 9, 0)), "memtest86+ 6.10");
        assert!(!is_one(&header(0x1_0000, 0x20c, 0, 1, 14_065_015)), "no version");
        assert!(!is_one(&header(0x1_0000, 0x20f, 0x3a40, 0, 14_065_015)), "32 bits");
        assert!(!is_one(&header(0x1_0000, 0x206, 0x3a40, 1, 14_065_015)), "too old to tell");
        assert!(!is_one(MAGIC) && !is_one(&[MAGIC, &[0; 9]].concat()));
    }
}
