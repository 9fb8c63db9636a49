//! Files that hold a guest's memory in a way that nfm does not read: each is named, with what to do.

/// The first bytes of a format, what it is, and what to do with it.
type Magic = (&'static [u8], &'static str, &'static str);

const UNPACK: &str = "unpack it first";
const DUMP_ANEW: &str = "use `virsh dump --memory-only`";

const KNOWN: &[Magic] = &[
    (&[0x1f, 0x8b], "compressed with gzip", "unpack it first (gzip -d)"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd", "unpack it first (zstd -d)"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "compressed with xz", "unpack it first (xz -d)"),
    (b"BZh", "compressed with bzip2", "unpack it first (bzip2 -d)"),
    (&[0x04, 0x22, 0x4d, 0x18], "compressed with lz4", "unpack it first (lz4 -d)"),
    (b"\x89LZO\0\r\n", "compressed with lzop", "unpack it first (lzop -d)"),
    (b"\xff\x06\0\0sNaPpY", "compressed with Snappy", UNPACK),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    // `vmss2core` of VMware's knows these; the memory itself lies beside it.
    (&[0xd2, 0xbe, 0xd2, 0xbe], "the state of a guest of VMware (vmss, vmsn)", VMEM),
    (&[0xd0, 0xbe, 0xd2, 0xbe], "the state of a guest of VMware (vmss, vmsn)", VMEM),
    (&[0xd1, 0xba, 0xd1, 0xba], "the state of a guest of VMware (vmss, vmsn)", VMEM),
    (&[0xd3, 0xbe, 0xd3, 0xbe], "the state of a guest of VMware (vmss, vmsn)", VMEM),
    (b"QFI\xfb", "a disk image (qcow2), not a guest's memory", DUMP_ANEW),
    (b"KDMV", "a disk image (VMDK), not a guest's memory", DUMP_ANEW),
    (b"PAGEDU64", "a crash dump of Windows; nfm reads Linux guests", DUMP_ANEW),
    (b"PAGEDUMP", "a crash dump of Windows; nfm reads Linux guests", DUMP_ANEW),
    (b"\x7fVirtualBox", "a saved state of VirtualBox", "use `VBoxManage debugvm NAME dumpvmcore`"),
    (b"Xen saved domain", "what `xl save` writes", "nfm reads guests of Xen while they run"),
];

const VMEM: &str =
    "give the .vmem file beside it, or make an ELF core of it with VMware's vmss2core";

/// The name of a format that is recognised by its beginning but not read, and what to do.
pub(super) fn recognised(beginning: &[u8]) -> Option<String> {
    let (_, what, remedy) = KNOWN.iter().find(|(magic, _, _)| beginning.starts_with(magic))?;
    Some(format!("it is {what}; {remedy}"))
}
