//! ELF cores of whole guests: what `virsh dump --memory-only`, kdump's capture kernel (/proc/vmcore) and
//! `nfm dump` write. Their PT_LOAD segments name guest-physical addresses.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use object::elf::{self, FileHeader64, ProgramHeader64};
use object::endian::{Endianness, LittleEndian, U16, U32, U64};
use object::pod::bytes_of;
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::read::{ReadCache, ReadRef};

use super::content::{Dump, Origin};
use super::extents::{Extent, Extents, Plain};
use super::open::DumpFile;
use crate::memory::PAGE_SIZE;

/// The first bytes of the format.
pub(super) const MAGIC: &[u8] = b"\x7fELF";
/// More segments than any guest has memory runs.
const MOST_SEGMENTS: u32 = 1 << 20;
/// Bytes of notes: each vCPU has some hundred.
const MOST_NOTES: u64 = 64 << 20;
/// The kernel's note about itself (kernel/vmcore_info.c), of one page.
const VMCOREINFO: &[u8] = b"VMCOREINFO";
/// Our own note.
const OWN: &[u8] = b"nfm";
/// Its type: whose memory it is, as JSON.
const ORIGIN: u32 = 1;
/// Bytes of a note's text.
const LONGEST_TEXT: usize = 64 << 10;

type Header = FileHeader64<Endianness>;

pub(super) fn open(file: &Arc<DumpFile>) -> Result<Dump, String> {
    let cache = ReadCache::new(file.file());
    let unsound = |error: object::read::Error| format!("its ELF headers are not sound ({error})");
    const CLASS: usize = 4;
    let ident =
        cache.read_bytes_at(0, 16).map_err(|()| "its ELF header is cut short".to_owned())?;
    if ident.get(CLASS) == Some(&elf::ELFCLASS32.0) {
        return Err("it is a 32-bit ELF file; nfm reads x86-64 guests".to_owned());
    }
    let header = Header::parse(&cache).map_err(unsound)?;
    let endian = header.endian().map_err(unsound)?;
    if header.e_type(endian) != elf::ET_CORE {
        return Err("it is an ELF file, but a program or library and no core".to_owned());
    }
    let machine = header.e_machine(endian);
    if machine != elf::EM_X86_64 {
        return Err(format!(
            "it is the core of another architecture (ELF machine {}); nfm reads x86-64 guests",
            machine.0
        ));
    }
    let count = header.phnum(endian, &cache).map_err(unsound)?;
    if count > MOST_SEGMENTS {
        return Err(format!("its ELF header names {count} segments, more than any guest has"));
    }
    let segments = header.program_headers(endian, &cache).map_err(unsound)?;
    let extents = extents(file, segments, endian)?;
    let (mut origin, mut vmcoreinfo) = (None, None);
    for segment in segments {
        if segment.p_type(endian) != elf::PT_NOTE || segment.p_filesz(endian) > MOST_NOTES {
            continue;
        }
        // Notes are an extra: memory is there without them.
        let Ok(Some(mut notes)) = segment.notes(endian, &cache) else { continue };
        while let Ok(Some(note)) = notes.next() {
            let text = note.desc().get(..note.desc().len().min(LONGEST_TEXT)).unwrap_or_default();
            if note.name() == VMCOREINFO {
                vmcoreinfo = std::str::from_utf8(text).ok().map(str::to_owned);
            } else if note.name() == OWN && note.n_type(endian).0 == ORIGIN {
                origin = serde_json::from_slice::<Origin>(text).ok();
            }
        }
    }
    let noted = origin
        .as_ref()
        .and_then(|origin| UNIX_EPOCH.checked_add(Duration::from_nanos(origin.time_ns)));
    let content = Plain { file: Arc::clone(file), extents };
    Ok(Dump {
        format: "ELF core",
        layouts: vec![Arc::new(content)],
        with_hole: None,
        says_where: true,
        taken: noted.unwrap_or(file.modified()),
        origin,
        vmcoreinfo,
    })
}

/// Where the segments keep guest-physical memory.
fn extents(
    file: &DumpFile,
    segments: &[ProgramHeader64<Endianness>],
    endian: Endianness,
) -> Result<Extents, String> {
    /// No physical address (`KCORE_VMALLOC` and its like, fs/proc/kcore.c).
    const NOWHERE: u64 = u64::MAX;
    let loads = || segments.iter().filter(|one| one.p_type(endian) == elf::PT_LOAD);
    let is_virtual =
        |one: &ProgramHeader64<_>| one.p_paddr(endian) == 0 && one.p_vaddr(endian) != 0;
    if loads().count() > 1 && loads().all(is_virtual) {
        return Err("it is the core of a process, not of a whole guest".to_owned());
    }
    let mut runs = Vec::new();
    for segment in loads() {
        let start = segment.p_paddr(endian);
        let (offset, kept) = (segment.p_offset(endian), segment.p_filesz(endian));
        let length = segment.p_memsz(endian).max(kept);
        if start == NOWHERE || length == 0 {
            continue;
        }
        if start.checked_add(length).is_none() {
            return Err(format!("its ELF headers lie: {length} bytes at {start:#x} are too many"));
        }
        if !file.holds(offset, kept) {
            return Err(format!(
                "it is cut short: its headers name {kept} bytes at offset {offset}, but it is {} \
                 bytes long",
                file.length()
            ));
        }
        runs.push(Extent { start, length: kept, offset: Some(offset) });
        runs.push(Extent { start: start + kept, length: length - kept, offset: None });
    }
    if runs.is_empty() {
        return Err("it is an ELF core without any memory in it".to_owned());
    }
    Ok(Extents::new(&runs))
}

/// The headers of a core with these runs of RAM, which follow it in order from the returned length on,
/// each at a page's border; and its notes.
pub(crate) fn core_header(
    ram: &[(u64, u64)],
    origin: &Origin,
    vmcoreinfo: Option<&str>,
) -> Vec<u8> {
    const LE: LittleEndian = LittleEndian;
    let header_bytes = size_of::<FileHeader64<LittleEndian>>();
    let segment_bytes = size_of::<ProgramHeader64<LittleEndian>>();
    let mut notes = Vec::new();
    if let Some(text) = vmcoreinfo {
        note(&mut notes, VMCOREINFO, 0, text.as_bytes());
    }
    note(&mut notes, OWN, ORIGIN, &serde_json::to_vec(origin).unwrap_or_default());
    let notes_at = header_bytes + (ram.len() + 1) * segment_bytes;
    let memory_at = (notes_at + notes.len()).next_multiple_of(PAGE_SIZE);

    let header = FileHeader64 {
        e_ident: elf::Ident {
            magic: elf::ELFMAG,
            class: elf::ELFCLASS64,
            data: elf::ELFDATA2LSB,
            version: elf::EV_CURRENT,
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            padding: [0; 7],
        },
        e_type: U16::new(LE, elf::ET_CORE),
        e_machine: U16::new(LE, elf::EM_X86_64),
        e_version: U32::new(LE, 1),
        e_entry: U64::new(LE, 0),
        e_phoff: U64::new(LE, header_bytes as u64),
        e_shoff: U64::new(LE, 0),
        e_flags: U32::new(LE, elf::FileFlags(0)),
        e_ehsize: U16::new(LE, header_bytes as u16),
        e_phentsize: U16::new(LE, segment_bytes as u16),
        e_phnum: U16::new(LE, (ram.len() + 1) as u16),
        e_shentsize: U16::new(LE, 0),
        e_shnum: U16::new(LE, 0),
        e_shstrndx: U16::new(LE, elf::SymbolSection(0)),
    };
    let segment = |kind, offset: u64, address: u64, length: u64, align: u64| ProgramHeader64 {
        p_type: U32::new(LE, kind),
        p_flags: U32::new(LE, elf::PF_R | elf::PF_W | elf::PF_X),
        p_offset: U64::new(LE, offset),
        p_vaddr: U64::new(LE, 0),
        p_paddr: U64::new(LE, address),
        p_filesz: U64::new(LE, length),
        p_memsz: U64::new(LE, length),
        p_align: U64::new(LE, align),
    };
    let mut bytes = bytes_of(&header).to_vec();
    let of_notes = segment(elf::PT_NOTE, notes_at as u64, 0, notes.len() as u64, 4);
    bytes.extend_from_slice(bytes_of(&of_notes));
    let mut offset = memory_at as u64;
    for (start, length) in ram {
        let of_memory = segment(elf::PT_LOAD, offset, *start, *length, PAGE_SIZE as u64);
        bytes.extend_from_slice(bytes_of(&of_memory));
        offset += length;
    }
    bytes.extend_from_slice(&notes);
    bytes.resize(memory_at, 0);
    bytes
}

/// Appends a note; its name is kept with a NUL, name and content are padded to 4 bytes.
fn note(notes: &mut Vec<u8>, name: &[u8], kind: u32, content: &[u8]) {
    for number in [name.len() as u32 + 1, content.len() as u32, kind] {
        notes.extend_from_slice(&number.to_le_bytes());
    }
    for part in [[name, b"\0"].concat().as_slice(), content] {
        notes.extend_from_slice(part);
        notes.resize(notes.len().next_multiple_of(4), 0);
    }
}
