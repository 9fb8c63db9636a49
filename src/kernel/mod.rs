//! Which kernel is it: its image, symbols and types, from its own memory where they are there, else from
//! files of the host.

mod boot_header;
mod btf;
mod constants;
mod discover;
mod dwarf;
mod elf;
mod exports;
mod files;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod graph;
mod image;
mod kallsyms;
mod names;
mod offline;
mod pinned;
mod profile;
mod recall;
mod store;
mod symbols;
mod types;
mod variables;
mod verify;
mod vmcoreinfo;

pub(crate) use boot_header::was_loaded;
pub(crate) use image::KernelImage;
pub(crate) use names::NamesNeeded;
pub(crate) use offline::{Ask, AskDriver, Files};
pub(crate) use profile::{Origin, Profile, Recorder};
pub(crate) use store::{Store, import as import_profile, read as read_profile};
pub(crate) use types::{Member, Types};
pub(crate) use vmcoreinfo::{Vmcoreinfo, top_page_table};

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;

use rustc_hash::FxHashMap;

use btf::BtfTypes;
use files::SymbolFile;
use graph::TypeGraph;
use names::{BTF_BOUNDS, MEASURED};
use pinned::PinnedTypes;
use profile::{Marks, ProfileTypes, SymbolPlace, TypeAnswers};

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
    /// Where symbols and types came from.
    pub origin: Origin,
    /// Number of symbols in their table.
    pub symbols: usize,
    /// Bytes of its BTF, where types came from it.
    pub btf_bytes: usize,
    /// How it is told in guest memory, where its build id was found.
    marks: Option<Marks>,
    /// True if all that was learned is of this very kernel, by build id, so that it may be cached.
    proven: bool,
    /// True if it is as a cached or imported profile says.
    recalled: bool,
    /// True if a variable whose address is not known is none of its.
    names_all: bool,
    /// Addresses of its variables, of those that were asked for.
    symbol_addresses: FxHashMap<String, u64>,
    types: KernelTypes,
    /// vmlinux's BTF, if that of a module asks for it and the types are none.
    base: OnceCell<Option<BtfTypes>>,
    /// The answers of drivers' types, by module.
    drivers: RefCell<BTreeMap<String, TypeAnswers>>,
    /// True if drivers were added since the profile was last written.
    learned: Cell<bool>,
    debug_folders: Vec<PathBuf>,
}

/// vmlinux's types, from one of their sources.
enum KernelTypes {
    Btf(BtfTypes),
    Dwarf(TypeGraph),
    Profile(ProfileTypes),
    Pinned(PinnedTypes),
}

impl KernelTypes {
    fn any(&self) -> &dyn Types {
        match self {
            Self::Btf(types) => types,
            Self::Dwarf(types) => types,
            Self::Profile(types) => types,
            Self::Pinned(types) => types,
        }
    }
}

/// Where symbols and types come from beside the guest's own memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The file that the user names, which goes before all else.
    pub symbols: Option<PathBuf>,
    /// As `symbols`.
    pub types: Option<PathBuf>,
    /// Where distributions put debug information; for kernels that carry none.
    pub debug_folders: Vec<PathBuf>,
    /// Profiles.
    pub store: Store,
}

/// Why no kernel could be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DiscoveryError {
    /// A kernel is mapped, but none that calls itself Linux.
    NotLinux,
    /// Linux without a readable symbol table.
    NoSymbols(String),
    /// Linux without usable types.
    NoTypes {
        /// `uname -r`, where known.
        release: Option<String>,
        /// The fault.
        reason: String,
    },
    /// The types are of this very build, and memory is otherwise.
    WrongTypes {
        /// `uname -r`, where known.
        release: Option<String>,
        /// The sign of it, as a clause.
        reason: String,
    },
    /// A file that the user named is no symbol file.
    BadFile {
        /// Which.
        path: PathBuf,
        /// The fault, as a clause.
        reason: String,
    },
    /// A file that the user named is of another kernel.
    Mismatch {
        /// Which.
        path: PathBuf,
        /// The sign of it, as a clause.
        reason: String,
    },
}

impl Kernel {
    /// The address of one of the variables that were asked for.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.symbol_addresses.get(name).copied()
    }

    /// True if its types are no more than what its tasks show of themselves.
    pub fn has_pinned_types(&self) -> bool {
        matches!(self.types, KernelTypes::Pinned(_))
    }

    /// True if a variable without an address is one that this kernel does not have. A table without CONFIG_KALLSYMS_ALL
    /// does not tell.
    pub fn names_all_variables(&self) -> bool {
        self.names_all
    }

    /// Where the next symbol begins behind one whose length no type tells; `None` for others.
    pub fn symbol_end(&self, name: &str) -> Option<u64> {
        let (_, end) = MEASURED.into_iter().find(|(measured, _)| *measured == name)?;
        self.symbol(end)
    }

    /// Its types.
    pub fn types(&self) -> &dyn Types {
        self.types.any()
    }

    /// True if every question about types had an answer, be it that there is no such thing. A profile that another
    /// version of nfm made may lack some.
    pub fn has_answered(&self) -> bool {
        match &self.types {
            KernelTypes::Profile(types) => types.is_complete(),
            _ => true,
        }
    }

    /// True if it is as a profile says.
    pub fn is_recalled(&self) -> bool {
        self.recalled
    }

    /// True if its build id proves that all that is known is of this kernel.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// True if drivers were met since this was last asked.
    pub fn has_learned(&self) -> bool {
        self.learned.take()
    }

    /// True if the answers of a driver's module are known.
    pub fn knows_driver(&self, module: &str) -> bool {
        self.drivers.borrow().contains_key(module)
    }

    /// Compiles what a driver's module tells; `compile` gives `None` where these types are not the
    /// driver's. The module's BTF is had from `blob`, vmlinux's from `read`.
    pub fn compile_driver<T>(
        &self,
        module: &str,
        names: &[&str],
        compile: impl Fn(&dyn Types) -> Option<T>,
        read: &dyn Fn(u64, usize) -> Option<Vec<u8>>,
        blob: &dyn Fn() -> Option<Vec<u8>>,
    ) -> Option<T> {
        if let Some(facts) = self.drivers.borrow().get(module) {
            let types = ProfileTypes::new(facts.clone());
            let compiled = compile(&types).filter(|_| types.is_complete());
            if compiled.is_some() {
                return compiled;
            }
        }
        let learn = |types: &dyn Types| {
            let recorder = Recorder::new(types);
            let compiled = compile(&recorder)?;
            self.drivers.borrow_mut().insert(module.to_owned(), recorder.into_facts());
            self.learned.set(true);
            Some(compiled)
        };
        let of_btf = || {
            let module = blob()?;
            learn(&self.base_btf(read)?.parse_module(&module, names).ok()?)
        };
        of_btf().or_else(|| learn(&self.debug_module(module, names)?))
    }

    /// vmlinux's BTF, on which a module's builds.
    fn base_btf(&self, read: &dyn Fn(u64, usize) -> Option<Vec<u8>>) -> Option<&BtfTypes> {
        if let KernelTypes::Btf(types) = &self.types {
            return Some(types);
        }
        let parsed = self.base.get_or_init(|| {
            let [start, end] = BTF_BOUNDS.map(|name| self.symbol(name));
            let (start, end) = (start?, end?);
            let length = usize::try_from(end.checked_sub(start)?).ok()?;
            btf::BLOB_BYTES.contains(&length).then_some(())?;
            // No type of vmlinux is asked for by name.
            BtfTypes::parse(btf::whole_blob(&read(start, length)?)?, &[]).ok()
        });
        parsed.as_ref()
    }

    /// A module's types out of the folders of debug information.
    fn debug_module(&self, module: &str, names: &[&str]) -> Option<TypeGraph> {
        let path = files::driver_module(&self.debug_folders, self.release.as_deref()?, module)?;
        let SymbolFile::Elf(elf) = SymbolFile::open(&path).ok()? else { return None };
        match dwarf::load(&elf, names) {
            Ok(types) => Some(types),
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "module's types not used");
                None
            }
        }
    }

    /// This kernel as a profile, where its build id was found.
    pub fn profile(&self, wanted: &NamesNeeded, types: TypeAnswers) -> Option<Profile> {
        let place = |address: u64| match self.image.contains(address) {
            true => SymbolPlace::Image(address.wrapping_sub(self.image.start)),
            false => SymbolPlace::Absolute(address),
        };
        let known = |name: &&str| self.names_all || self.symbol(name).is_some();
        let symbols = wanted.all_symbols().into_iter().filter(known);
        Some(Profile {
            marks: self.marks.clone()?,
            release: self.release.clone(),
            origin: self.origin.clone(),
            symbols: symbols.map(|name| (name.to_owned(), self.symbol(name).map(place))).collect(),
            types,
            drivers: self.drivers.borrow().clone(),
        })
    }
}
