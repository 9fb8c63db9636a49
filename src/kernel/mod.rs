//! Which kernel is it: its image, symbols and types, all from its own memory.

mod btf;
mod constants;
mod image;
mod kallsyms;
mod types;
mod vmcoreinfo;

pub(crate) use image::KernelImage;
pub(crate) use types::{Member, Types};
pub(crate) use vmcoreinfo::{Vmcoreinfo, top_page_table};

use rustc_hash::FxHashMap;

use crate::memory::GuestRam;
use crate::paging::AddressSpace;
pub(crate) use btf::BtfTypes;
use constants::Constants;
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

impl Kernel {
    /// Looks up what is wanted of a kernel whose image was found in guest memory. The cost depends on the
    /// kernel, not on how much RAM there is.
    pub fn discover(
        ram: &GuestRam,
        mut image: KernelImage,
        wanted: &Wanted,
    ) -> Result<Self, DiscoveryError> {
        image.find_root(ram);
        let space = AddressSpace::new(ram, image.root, image.levels);
        let constants = Constants::new(ram, &image);
        let info = Vmcoreinfo::find(ram, &image, &space);
        let told = |key| info.as_ref().and_then(|info| info.get(key)).map(str::to_owned);
        let release = told("OSRELEASE").or_else(|| constants.release());
        if release.is_none() && info.is_none() {
            return Err(DiscoveryError::NotLinux);
        }
        let kallsyms = find_kallsyms(info.as_ref(), &constants)?;
        let own = BTF_BOUNDS.into_iter().chain([TOP_PAGE_TABLE]);
        let names: Vec<&str> = wanted.symbols.iter().copied().chain(own).collect();
        let symbols = kallsyms.resolve(&names);
        let build_id = told("BUILD-ID").or_else(|| constants.build_id());
        let no_types = |reason: &str| DiscoveryError::NoTypes {
            release: release.clone(),
            reason: reason.to_owned(),
        };
        let blob = find_btf(&constants, &symbols).ok_or_else(|| no_types("none was found"))?;
        let types = BtfTypes::parse(&blob, wanted.types)
            .map_err(|reason| no_types(&format!("it is not sound: {reason}")))?;
        if let Some(table) = symbols.get(TOP_PAGE_TABLE) {
            image.set_root(*table);
        }
        Ok(Self {
            release,
            build_id,
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
    info: Option<&Vmcoreinfo>,
    constants: &Constants,
) -> Result<Kallsyms, DiscoveryError> {
    let named = info.and_then(|info| Kallsyms::from_vmcoreinfo(constants, info));
    let trouble = match named {
        Some(Ok(kallsyms)) => return Ok(kallsyms),
        Some(Err(reason)) => reason,
        None => {
            "VMCOREINFO does not name it, and nothing in its constants has its structure".into()
        }
    };
    constants.find(Kallsyms::search).ok_or(DiscoveryError::NoSymbols(trouble))
}

/// The types: where the symbols say, else by their beginning.
fn find_btf(constants: &Constants, symbols: &FxHashMap<&str, u64>) -> Option<Vec<u8>> {
    let [start, end] = BTF_BOUNDS;
    let named = || {
        let mut blob = constants.at(*symbols.get(start)?, *symbols.get(end)?)?;
        let length = btf::whole_blob(&blob)?.len();
        blob.truncate(length);
        Some(blob)
    };
    named().or_else(|| constants.find(|_, bytes| btf::search(bytes)).map(<[u8]>::to_vec))
}
