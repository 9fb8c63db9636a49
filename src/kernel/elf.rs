//! An ELF file with a kernel's or a module's symbols and types, mapped, its sections decompressed and
//! relocated where that is needed. The file is not trusted; it must not be cut short while it is read.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use memchr::memmem;
use memmap2::Mmap;
use object::read::elf::ElfFile64;
use object::{
    Architecture, Endianness, Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationKind,
    RelocationTarget, SectionKind, SymbolKind,
};

use super::names::hexadecimal;
use super::symbols::LinkedSymbols;

/// A compressed section that claims to be larger is not decompressed. (The largest seen is
/// `.debug_info` of a generic kernel: 0.3 GiB.)
const LARGEST_SECTION: u64 = 1 << 30;
/// DEFLATE cannot compress better than to 1/1032; zstd can, but no debug section is so empty.
const BEST_COMPRESSION: u64 = 1100;
/// A build id is a SHA-1 by default and never longer than a SHA-512.
const BUILD_ID_BYTES: std::ops::RangeInclusive<usize> = 4..=64;

/// The beginning of every ELF file.
pub(super) const MAGIC: &[u8] = b"\x7fELF";

/// A mapped file.
pub(super) struct ElfFile {
    path: PathBuf,
    bytes: Mmap,
}

impl ElfFile {
    /// Maps a file that begins as ELF does.
    pub fn map(path: &Path, file: &File) -> Result<Self, String> {
        // SAFETY: nothing of the map is referred to as a Rust object other than bytes, and each reader
        // bounds-checks. A file that shrinks meanwhile ends the process, as of every tool that maps it.
        let bytes =
            unsafe { Mmap::map(file) }.map_err(|error| format!("it cannot be mapped: {error}"))?;
        let elf = Self { path: path.to_owned(), bytes };
        let parsed = elf.parsed()?;
        match parsed.architecture() {
            Architecture::X86_64 => Ok(elf),
            other => Err(format!("it is an ELF file of {other:?}, not of x86-64")),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn parsed(&self) -> Result<ElfFile64<'_, Endianness>, String> {
        ElfFile64::parse(&*self.bytes).map_err(|error| format!("it is no sound ELF file: {error}"))
    }

    /// The linker's build id, in hexadecimal.
    pub fn build_id(&self) -> Option<String> {
        let parsed = self.parsed().ok()?;
        let id = parsed.build_id().ok()??;
        BUILD_ID_BYTES.contains(&id.len()).then(|| hexadecimal(id))
    }

    /// A section's bytes; empty where the file has none of this name.
    pub fn section(&self, name: &str) -> Result<Cow<'_, [u8]>, String> {
        let parsed = self.parsed()?;
        let Some(section) = parsed.section_by_name(name) else { return Ok(Cow::default()) };
        let unreadable = |error: object::Error| format!("its section {name} is not sound: {error}");
        let data = section.compressed_data().map_err(unreadable)?;
        let most = (data.data.len() as u64).saturating_mul(BEST_COMPRESSION).min(LARGEST_SECTION);
        if data.format != object::CompressionFormat::None && data.uncompressed_size > most {
            return Err(format!(
                "its section {name} claims to hold {} bytes",
                data.uncompressed_size
            ));
        }
        let mut bytes = data.decompress().map_err(unreadable)?;
        // A module is not linked: what its sections say of each other is in relocations.
        if parsed.kind() == ObjectKind::Relocatable {
            relocate(&parsed, &section, &mut bytes);
        }
        Ok(bytes)
    }

    /// The address, as linked, of bytes in a section of notes.
    pub fn find(&self, bytes: &[u8]) -> Option<u64> {
        let parsed = self.parsed().ok()?;
        parsed.sections().filter(|section| section.kind() == SectionKind::Note).find_map(
            |section| {
                let at = memmem::find(section.data().ok()?, bytes)?;
                section.address().checked_add(at as u64)
            },
        )
    }

    /// The bytes from an address, as linked, to the end of its section.
    pub fn at(&self, address: u64) -> Option<&[u8]> {
        let parsed = self.parsed().ok()?;
        parsed.sections().find_map(|section| {
            let offset = address.checked_sub(section.address())?;
            section
                .data()
                .ok()?
                .get(usize::try_from(offset).ok()?..)
                .filter(|bytes| !bytes.is_empty())
        })
    }

    /// Those of the symbols that have the names asked for, as linked.
    pub fn symbols(&self, wanted: &[&str]) -> Result<LinkedSymbols, String> {
        let parsed = self.parsed()?;
        let mut symbols = LinkedSymbols::new(wanted);
        for symbol in parsed.symbols() {
            if symbol.is_definition() || symbol.kind() == SymbolKind::Unknown {
                let Ok(name) = symbol.name_bytes() else { continue };
                symbols.add(name, symbol.address(), symbol.kind() != SymbolKind::Text);
            }
        }
        Ok(symbols)
    }
}

/// Applies a section's relocations against what is at its place in the file (address 0).
fn relocate<'data>(
    file: &ElfFile64<'data, Endianness>,
    section: &impl ObjectSection<'data>,
    bytes: &mut Cow<[u8]>,
) {
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
        let Ok(symbol) = file.symbol_by_index(symbol) else { continue };
        if relocation.kind() != RelocationKind::Absolute {
            continue;
        }
        let value = symbol.address().wrapping_add_signed(relocation.addend()).to_le_bytes();
        let (Ok(start), Some(value)) =
            (usize::try_from(offset), value.get(..usize::from(relocation.size() / 8)))
        else {
            continue;
        };
        let place =
            start.checked_add(value.len()).and_then(|end| bytes.to_mut().get_mut(start..end));
        if let Some(place) = place {
            place.copy_from_slice(value);
        }
    }
}
