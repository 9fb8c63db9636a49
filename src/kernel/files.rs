//! Symbol files: what kind one is, by its content, and where distributions put them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::btf::{self, BtfTypes};
use super::elf::{self, ElfFile};
use super::graph::TypeGraph;
use super::names::NamesNeeded;
use super::profile::{self, Profile};
use super::symbols::{LARGEST_MAP, LinkedSymbols};
use super::{dwarf, store};

/// A BTF file is not larger.
const LARGEST_BTF: u64 = 64 << 20;
/// Folders and files that the search for a module looks at.
const MOST_ENTRIES: usize = 20_000;
/// A release is not longer (`__NEW_UTS_LEN`).
const LONGEST_RELEASE: usize = 64;

/// A symbol file that was opened.
pub(super) enum SymbolFile {
    /// vmlinux, or what was stripped off it.
    Elf(ElfFile),
    /// `System.map`.
    Map(Vec<u8>),
    /// Raw BTF.
    Btf(Vec<u8>),
    /// A profile.
    Profile(Box<Profile>),
}

/// Types out of a file.
pub(super) enum FileTypes {
    Btf(BtfTypes, usize),
    Dwarf(TypeGraph),
    Profile(profile::TypeAnswers),
}

impl SymbolFile {
    /// Opens a file.
    ///
    /// # Errors
    /// A clause that says why it is none.
    pub fn open(path: &Path) -> Result<Self, String> {
        let io = |error: std::io::Error| error.to_string();
        // Before it is opened: a FIFO would wait for its other end.
        let about = fs::metadata(path).map_err(io)?;
        if !about.is_file() {
            return Err("it is no regular file".to_owned());
        }
        let mut file = File::open(path).map_err(io)?;
        let mut beginning = Vec::new();
        file.by_ref().take(16).read_to_end(&mut beginning).map_err(io)?;
        let whole = |most: u64| {
            let mut bytes = beginning.clone();
            (&file).take(most).read_to_end(&mut bytes).map_err(io)?;
            match bytes.len() as u64 > most {
                true => Err(format!("it is larger than {} MiB", most >> 20)),
                false => Ok(bytes),
            }
        };
        match &*beginning {
            [] => Err("it is empty".to_owned()),
            bytes if bytes.starts_with(elf::MAGIC) => ElfFile::map(path, &file).map(Self::Elf),
            bytes if bytes.starts_with(profile::MAGIC) => {
                store::read(path).map(|profile| Self::Profile(Box::new(profile)))
            }
            bytes if bytes.starts_with(&btf::BEGINNING) => whole(LARGEST_BTF).map(Self::Btf),
            [b'M', b'Z', ..] => Err("it is a kernel as it boots (vmlinuz), which has no symbols; \
                vmlinux has them, in your distribution's debug package"
                .to_owned()),
            [0x1f, 0x8b, ..] | [0xfd, b'7', b'z', ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                Err("it is compressed: unpack it first".to_owned())
            }
            bytes if bytes.iter().all(u8::is_ascii_hexdigit) => whole(LARGEST_MAP).map(Self::Map),
            _ => Err("it is neither an ELF file, a System.map, BTF nor a profile".to_owned()),
        }
    }

    /// The build id of the kernel that it is of, where it tells.
    pub fn build_id(&self) -> Option<String> {
        match self {
            Self::Elf(elf) => elf.build_id(),
            Self::Profile(profile) => Some(profile.marks.build_id.clone()),
            Self::Map(_) | Self::Btf(_) => None,
        }
    }

    /// Its symbols as linked; of a profile, none.
    pub fn symbols(&self, names: &[&str]) -> Result<LinkedSymbols, String> {
        match self {
            Self::Elf(elf) => elf.symbols(names),
            Self::Map(map) => LinkedSymbols::parse(map, names),
            Self::Btf(_) => Err("it is BTF, which tells no symbols".to_owned()),
            Self::Profile(_) => Err("it is a profile: `nfm profile import` takes it".to_owned()),
        }
    }

    /// Its types.
    pub fn types(&self, wanted: &NamesNeeded) -> Result<FileTypes, String> {
        let of_btf = |blob: &[u8]| {
            let blob = btf::whole_blob(blob).ok_or("it holds no kernel's whole BTF")?;
            let types = BtfTypes::parse(blob, wanted.types)
                .map_err(|error| format!("its BTF is not sound: {error}"))?;
            Ok(FileTypes::Btf(types, blob.len()))
        };
        match self {
            Self::Elf(elf) => match of_btf(&elf.section(".BTF")?) {
                Ok(types) => Ok(types),
                Err::<_, String>(_) => dwarf::load(elf, wanted.types).map(FileTypes::Dwarf),
            },
            Self::Btf(blob) => of_btf(blob),
            Self::Profile(profile) => Ok(FileTypes::Profile(profile.types.clone())),
            Self::Map(_) => Err("it is a table of symbols, which tells no types".to_owned()),
        }
    }

    /// In words that fit `symbols 145000 in …`.
    pub fn symbols_in_words(&self, path: &Path) -> String {
        match self {
            Self::Map(_) => format!("System.map {}", path.display()),
            _ => format!("the symbol table of {}", path.display()),
        }
    }
}

impl FileTypes {
    /// In words.
    pub fn in_words(&self, path: &Path) -> String {
        let kind = match self {
            Self::Btf(..) => "BTF",
            Self::Dwarf(_) => "DWARF",
            Self::Profile(_) => "profile",
        };
        format!("{kind} in {}", path.display())
    }
}

/// Where vmlinux with its symbols may be, under the folders of debug information and, for the system's
/// own, where kernels are installed.
pub(super) fn vmlinux(
    folders: &[PathBuf],
    build_id: Option<&str>,
    release: Option<&str>,
) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for folder in folders {
        if let Some((first, rest)) = build_id.and_then(|id| id.split_at_checked(2)) {
            paths.push(folder.join(format!(".build-id/{first}/{rest}.debug")));
        }
        let Some(release) = release.filter(|release| is_plain(release)) else { continue };
        // Debian, openSUSE; Fedora; Ubuntu and others.
        for file in [
            format!("boot/vmlinux-{release}"),
            format!("boot/vmlinux-{release}.debug"),
            format!("lib/modules/{release}/vmlinux"),
            format!("lib/modules/{release}/vmlinux.debug"),
            format!("usr/lib/modules/{release}/vmlinux"),
            format!("usr/lib/modules/{release}/vmlinux.debug"),
            format!("vmlinux-{release}"),
        ] {
            paths.push(folder.join(file));
        }
    }
    paths
}

/// Where System.map may be.
pub(super) fn system_map(folders: &[PathBuf], release: Option<&str>) -> Vec<PathBuf> {
    let Some(release) = release.filter(|release| is_plain(release)) else { return Vec::new() };
    let name = format!("System.map-{release}");
    let under = folders.iter().flat_map(|folder| {
        let modules = format!("lib/modules/{release}/System.map");
        [folder.join("boot").join(&name), folder.join(&name), folder.join(modules)]
    });
    let installed = [Path::new("/boot").join(&name)];
    let installed =
        installed.into_iter().chain([format!("/lib/modules/{release}/System.map").into()]);
    under.chain(installed).collect()
}

/// Where a network driver's module is with its debug information.
pub(super) fn driver_module(folders: &[PathBuf], release: &str, name: &str) -> Option<PathBuf> {
    is_plain(release).then_some(())?;
    let is_it = |file: &str| {
        let stem = file.strip_suffix(".debug").unwrap_or(file).strip_suffix(".ko");
        stem.is_some_and(|stem| stem.replace('-', "_") == name)
    };
    let mut looked_at = 0;
    let roots = folders.iter().flat_map(|folder| [folder.clone(), folder.join("usr")]);
    let mut folders: Vec<PathBuf> = roots
        .map(|folder| folder.join(format!("lib/modules/{release}/kernel/drivers/net")))
        .collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            looked_at += 1;
            if looked_at > MOST_ENTRIES {
                return None;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if entry.file_name().to_str().is_some_and(is_it) => {
                    return Some(entry.path());
                }
                _ => {}
            }
        }
    }
    None
}

/// True if a release, which a guest tells, is a plain word that can be part of a path.
fn is_plain(release: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    (1..=LONGEST_RELEASE).contains(&release.len())
        && release.bytes().all(plain)
        && release.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_leads_nowhere_else() {
        let folders = [PathBuf::from("/debug")];
        for release in
            ["../../etc/shadow", "6.1/../..", "", ".", "..", "6.1\0", "6.1 x", &"6".repeat(65)]
        {
            assert_eq!(vmlinux(&folders, None, Some(release)), Vec::<PathBuf>::new(), "{release}");
            assert_eq!(system_map(&folders, Some(release)), Vec::<PathBuf>::new(), "{release}");
            assert_eq!(driver_module(&folders, release, "veth"), None, "{release}");
        }
        let paths = vmlinux(&folders, Some("abcdef"), Some("6.1.0-56-cloud-amd64"));
        assert!(paths.contains(&"/debug/.build-id/ab/cdef.debug".into()));
        assert!(paths.contains(&"/debug/boot/vmlinux-6.1.0-56-cloud-amd64".into()));
    }

    #[test]
    fn what_is_no_symbol_file() {
        let folder = std::env::temp_dir().join(format!("nfm-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let refused = |bytes: &[u8]| {
            let path = folder.join("file");
            fs::write(&path, bytes).unwrap();
            SymbolFile::open(&path).err().unwrap()
        };
        assert_eq!(refused(b""), "it is empty");
        assert!(refused(b"MZ\0\0").contains("vmlinuz"));
        assert!(refused(b"\x1f\x8b\x08").contains("compressed"));
        assert!(refused(b"\x7fELF").contains("no sound ELF"));
        assert!(refused(b"nfm-profile/1 ").contains("no whole profile"));
        assert!(refused(b"#!/bin/sh\n").contains("neither"));
        assert!(SymbolFile::open(&folder).err().unwrap().contains("no regular file"));
        assert!(SymbolFile::open(&folder.join("none")).is_err());
        assert!(SymbolFile::open(Path::new("/dev/zero")).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
