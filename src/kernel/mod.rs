//! Which kernel is it: its image, symbols and types, all from its own memory.

mod btf;
mod image;
mod kallsyms;
mod types;
mod vmcoreinfo;

pub(crate) use image::KernelImage;
pub(crate) use types::{Member, Types};
pub(crate) use vmcoreinfo::{Vmcoreinfo, top_page_table};

use memchr::memmem;
use rustc_hash::FxHashMap;

use crate::memory::GuestRam;
use crate::paging::AddressSpace;
pub(crate) use btf::BtfTypes;
use image::Access;
use kallsyms::{FoundBy, Kallsyms};

/// The variables between which vmlinux's BTF lies.
const BTF_BOUNDS: [&str; 2] = ["__start_BTF", "__stop_BTF"];

/// The kernel's own top page table.
const TOP_PAGE_TABLE: &str = "init_top_pgt";

/// A kernel that was found in guest memory: where it lies, its symbols and its types.
pub(crate) struct Kernel {
    /// Where its image lies.
    pub image: KernelImage,
    /// `uname -r`.
    pub release: Option<String>,
    /// The linker's build id, in hexadecimal.
    pub build_id: Option<String>,
    /// Kernel-virtual address of VMCOREINFO's page.
    pub vmcoreinfo: Option<u64>,
    /// Number of symbols in its table.
    pub symbols: usize,
    /// Whether VMCOREINFO named the table.
    pub symbols_named: bool,
    /// Bytes of its BTF.
    pub btf_bytes: usize,
    /// Addresses of its variables, of those that were asked for.
    symbol_addresses: FxHashMap<String, u64>,
    /// vmlinux's types, on which those of modules build.
    pub types: BtfTypes,
}

/// The names of what is wanted of a kernel.
pub(crate) struct Wanted<'a> {
    /// Variables.
    pub symbols: &'a [&'a str],
    /// Structures, unions and enumerations.
    pub types: &'a [&'a str],
}

/// Why no kernel could be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DiscoveryError {
    /// A kernel is mapped, but none that calls itself Linux.
    NotLinux,
    /// Linux without a readable symbol table.
    NoSymbols(String),
    /// Linux without usable BTF.
    NoTypes {
        /// `uname -r`, where known.
        release: Option<String>,
        /// What is wrong.
        reason: String,
    },
}

/// The parts of the image that were read, kept while discovery needs them.
struct Constants {
    parts: Vec<(u64, Vec<u8>)>,
}

impl Constants {
    fn find<'a, T>(&'a self, search: impl Fn(&'a [u8]) -> Option<T>) -> Option<T> {
        self.parts.iter().find_map(|(_, bytes)| search(bytes))
    }

    /// Bytes at a virtual address, if they are constants.
    fn at(&self, start: u64, end: u64) -> Option<&[u8]> {
        self.parts.iter().find_map(|(base, bytes)| {
            let first = usize::try_from(start.checked_sub(*base)?).ok()?;
            bytes.get(first..first.checked_add(usize::try_from(end.checked_sub(start)?).ok()?)?)
        })
    }

    /// `uname -r` from the banner (init/version.c).
    fn release(&self) -> Option<String> {
        const BANNER: &[u8] = b"Linux version ";
        self.find(|bytes| {
            let rest = bytes.get(memmem::find(bytes, BANNER)? + BANNER.len()..)?;
            let end = rest.iter().take(128).position(|byte| *byte == b' ')?;
            std::str::from_utf8(rest.get(..end)?).ok().map(str::to_owned)
        })
    }

    /// The note that the linker leaves (`NT_GNU_BUILD_ID`).
    fn build_id(&self) -> Option<String> {
        const NOTE: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
        self.find(|bytes| {
            let id = bytes.get(memmem::find(bytes, NOTE)? + NOTE.len()..)?.get(..20)?;
            Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
        })
    }
}

impl Kernel {
    /// Looks up what is wanted of a kernel whose image was found in guest memory. The cost depends on the
    /// kernel, not on how much RAM there is.
    pub fn discover(
        ram: &GuestRam,
        mut image: KernelImage,
        wanted: &Wanted,
    ) -> Result<Self, DiscoveryError> {
        let space = AddressSpace::new(ram, image.root, image.levels);
        let constants = Constants { parts: image.read(ram, Access::ReadOnly) };
        let banner = constants.release();
        let info = Vmcoreinfo::find(ram, &image, &space);
        if banner.is_none() && info.is_none() {
            return Err(DiscoveryError::NotLinux);
        }
        let release = info.as_ref().and_then(|info| info.get("OSRELEASE")).map(str::to_owned);
        let release = release.or(banner);
        let kallsyms = find_kallsyms(&space, info.as_ref(), &constants)?;
        let own = BTF_BOUNDS.into_iter().chain([TOP_PAGE_TABLE]);
        let names: Vec<&str> = wanted.symbols.iter().copied().chain(own).collect();
        let symbols = kallsyms.resolve(&names);
        if let Some(table) = symbols.get(TOP_PAGE_TABLE) {
            image.set_root(*table);
        }
        let build_id = info.as_ref().and_then(|info| info.get("BUILD-ID")).map(str::to_owned);
        let no_types = |reason: &str| DiscoveryError::NoTypes {
            release: release.clone(),
            reason: reason.to_owned(),
        };
        let blob = find_btf(&constants, &symbols).ok_or_else(|| no_types("none was found"))?;
        let types = BtfTypes::parse(blob, wanted.types)
            .map_err(|reason| no_types(&format!("it is not sound: {reason}")))?;
        Ok(Self {
            release,
            build_id: build_id.or_else(|| constants.build_id()),
            vmcoreinfo: info.map(|info| info.address),
            symbols: kallsyms.len(),
            symbols_named: kallsyms.found_by == FoundBy::Vmcoreinfo,
            btf_bytes: blob.len(),
            symbol_addresses: symbols.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect(),
            types,
            image,
        })
    }
}

impl Kernel {
    /// The address of one of the variables that were asked for.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.symbol_addresses.get(name).copied()
    }
}

/// The symbol table: where VMCOREINFO names it, else by its structure.
fn find_kallsyms(
    space: &AddressSpace,
    info: Option<&Vmcoreinfo>,
    constants: &Constants,
) -> Result<Kallsyms, DiscoveryError> {
    let named = info.and_then(|info| Kallsyms::from_vmcoreinfo(space, info));
    let trouble = match named {
        Some(Ok(kallsyms)) => return Ok(kallsyms),
        Some(Err(reason)) => reason,
        None => {
            "VMCOREINFO does not name it, and nothing in its constants has its structure".into()
        }
    };
    constants
        .parts
        .iter()
        .find_map(|(address, bytes)| Kallsyms::search(*address, bytes))
        .ok_or(DiscoveryError::NoSymbols(trouble))
}

/// The types: where the symbols say, else by their beginning.
fn find_btf<'a>(constants: &'a Constants, symbols: &FxHashMap<&str, u64>) -> Option<&'a [u8]> {
    let [start, end] = BTF_BOUNDS;
    let named = || {
        let (start, end) = (*symbols.get(start)?, *symbols.get(end)?);
        btf::whole_blob(constants.at(start, end)?)
    };
    named().or_else(|| constants.find(btf::search))
}
