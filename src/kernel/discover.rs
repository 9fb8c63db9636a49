//! The search for a kernel's symbols and types: what the user names, else the guest's own, else the
//! folders of debug information.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::btf::{self, BtfTypes};
use super::constants::{BANNER_BEGINNING, Constants, banner_of};
use super::exports;
use super::files::{self, FileTypes, SymbolFile};
use super::kallsyms::{FoundBy, Kallsyms};
use super::names::{
    BANNER, BTF_BOUNDS, MEASURED, NOTES_BOUNDS, NamesNeeded, TOP_PAGE_TABLE, core_symbol_lacking,
};
use super::pinned;
use super::profile::{LONGEST_BANNER, Marks, ProfileTypes};
use super::variables::Search;
use super::verify::{Unfit, verify};
use super::vmcoreinfo::Vmcoreinfo;
use super::{DiscoveryError, Kernel, KernelImage, KernelTypes, Origin, Sources};
use crate::memory::GuestRam;
use crate::paging::AddressSpace;

/// The facts about its kernel that a guest's own memory tells.
struct Guest<'a> {
    ram: &'a GuestRam,
    space: AddressSpace<'a>,
    image: &'a KernelImage,
    constants: Constants<'a>,
    info: Option<Vmcoreinfo>,
    release: Option<String>,
    build_id: Option<String>,
    wanted: &'a NamesNeeded<'a>,
}

/// A symbol table, asked.
struct FoundSymbols {
    addresses: FxHashMap<String, u64>,
    count: usize,
    origin: String,
    proven: bool,
    /// True if a variable that is not among them is none of the kernel's.
    names_all: bool,
    /// The file of the host that told them, if one did.
    file: Option<PathBuf>,
}

/// Types, asked.
struct FoundTypes {
    types: KernelTypes,
    btf_bytes: usize,
    origin: String,
    proven: bool,
    /// As of symbols.
    file: Option<PathBuf>,
}

impl Kernel {
    /// Looks up what is wanted of a kernel whose image was found. The cost depends on the kernel, not on
    /// how much RAM there is.
    pub fn discover(
        ram: &GuestRam,
        mut image: KernelImage,
        wanted: &NamesNeeded,
        sources: &Sources,
    ) -> Result<Self, DiscoveryError> {
        image.find_root(ram);
        let constants = Constants::new(ram, &image);
        let space = AddressSpace::new(ram, image.root, image.levels);
        let info = Vmcoreinfo::find(ram, &image, &space);
        let told = |key| info.as_ref().and_then(|info| info.get(key)).map(str::to_owned);
        // Facts that VMCOREINFO tells need not be searched for.
        let banner = if info.is_none() { constants.banner() } else { None };
        if banner.is_none() && info.is_none() {
            return Err(DiscoveryError::NotLinux);
        }
        let build_id = told("BUILD-ID");
        let note = if build_id.is_none() { constants.build_id() } else { None };
        let named = banner.as_ref().and_then(|text| text.split(' ').nth(2)).map(str::to_owned);
        let guest = Guest {
            ram,
            release: told("OSRELEASE").or(named),
            build_id: build_id.or_else(|| note.as_ref().map(|(_, id)| id.clone())),
            space,
            image: &image,
            constants,
            info,
            wanted,
        };
        let (symbols, own_types) = guest.symbols(sources)?;
        let types = guest.types(sources, &symbols, own_types)?;
        let named = symbols.addresses.get(BANNER).and_then(|at| {
            let bytes = guest.constants.at(*at, at.checked_add(LONGEST_BANNER as u64)?)?;
            Some((*at, banner_of(&bytes)?.to_owned()))
        });
        let note = note.or_else(|| {
            let [start, end] = NOTES_BOUNDS.map(|name| symbols.addresses.get(name).copied());
            guest.constants.build_id_between(start?, end?)
        });
        let note = note.or_else(|| guest.constants.build_id());
        let Guest { release, build_id, info, .. } = guest;
        let offset = |at: u64| at.checked_sub(image.start).filter(|offset| *offset < image.length);
        let marks = note.and_then(|(at, id)| {
            let banner = named.and_then(|(at, text)| Some((offset(at)?, text)));
            (build_id.as_ref() == Some(&id)).then_some(())?;
            Some(Marks { build_id: id, notes: offset(at)?, banner })
        });
        let vmcoreinfo = info.map(|info| info.address);
        if let Some(table) = symbols.addresses.get(TOP_PAGE_TABLE) {
            image.set_root(*table);
        }
        Ok(Self {
            release,
            build_id,
            vmcoreinfo,
            origin: Origin { symbols: symbols.origin, types: types.origin },
            symbols: symbols.count,
            btf_bytes: types.btf_bytes,
            marks,
            proven: symbols.proven && types.proven,
            names_all: symbols.names_all,
            recalled: false,
            symbol_addresses: symbols.addresses,
            types: types.types,
            base: OnceCell::new(),
            drivers: RefCell::default(),
            learned: Cell::new(false),
            debug_folders: sources.debug_folders.clone(),
            image,
        })
    }
}

impl Guest<'_> {
    /// The symbols, and the guest's own types where these were needed to find some of them.
    fn symbols(
        &self,
        sources: &Sources,
    ) -> Result<(FoundSymbols, Option<FoundTypes>), DiscoveryError> {
        if let Some(path) = &sources.symbols {
            return Ok((self.symbols_of(path)?, None));
        }
        let (functions, reason) = match self.kallsyms().map(|table| self.own_symbols(&table)) {
            Ok(symbols) => match symbols.lacking() {
                None => return Ok((symbols, None)),
                Some(name) => {
                    let reason = format!(
                        "it has no {name} among its {} symbols: a kernel without CONFIG_KALLSYMS_ALL keeps functions alone",
                        symbols.count
                    );
                    (Some(symbols), reason)
                }
            },
            Err(reason) => (None, reason),
        };
        // A vmlinux that is named for its types has symbols too.
        if let Some(path) = &sources.types
            && let Ok(symbols) = self.symbols_of(path)
        {
            return Ok((symbols, None));
        }
        // Files have all of them, memory most.
        let folders = &sources.debug_folders;
        let vmlinux = files::vmlinux(folders, self.build_id.as_deref(), self.release.as_deref());
        let maps = files::system_map(folders, self.release.as_deref());
        first_usable(vmlinux.into_iter().chain(maps), |path| self.symbols_of(path))
            .map(|symbols| (symbols, None))
            .or_else(|| self.with_variables(functions?))
            .ok_or(DiscoveryError::NoSymbols(reason))
    }

    /// Symbols of functions with those variables that other parts of memory tell: VMCOREINFO, the table of exported
    /// symbols, and structures that can be told by what they hold. What none of them tells stays unknown.
    fn with_variables(
        &self,
        functions: FoundSymbols,
    ) -> Option<(FoundSymbols, Option<FoundTypes>)> {
        let mut symbols = functions;
        let wanted = self.wanted.all_symbols();
        let exported = exports::search(self.constants.parts(), &wanted);
        let told = |name: &str| {
            let info = self.info.as_ref()?;
            info.symbol(if name == TOP_PAGE_TABLE { "swapper_pg_dir" } else { name })
        };
        for name in wanted {
            let address = exported.get(name).copied().or_else(|| told(name));
            if let Some(address) = address {
                symbols.addresses.entry(name.to_owned()).or_insert(address);
            }
        }
        let types = self.own_types(&symbols.addresses).ok();
        if let Some(types) = &types {
            let search = Search {
                ram: self.ram,
                image: self.image,
                space: &self.space,
                types: types.types.any(),
                release: self.release.as_deref(),
                constants: self.constants.parts(),
            };
            search.complete(&mut symbols.addresses);
        }
        symbols
            .origin
            .push_str(" (functions alone; variables by what exports them and what they hold)");
        // A structure that could not be told now may be told later: this is no knowledge to keep.
        (symbols.proven, symbols.names_all) = (false, false);
        symbols.lacking().is_none().then_some((symbols, types))
    }

    /// The guest's own table: where VMCOREINFO names it, else by its structure.
    fn kallsyms(&self) -> Result<Kallsyms, String> {
        let named =
            self.info.as_ref().and_then(|info| Kallsyms::from_vmcoreinfo(&self.constants, info));
        let trouble = match named {
            Some(Ok(kallsyms)) => return Ok(kallsyms),
            Some(Err(reason)) => reason,
            None => "VMCOREINFO does not name it, and nothing in its constants has its structure"
                .to_owned(),
        };
        self.constants.find(Kallsyms::search).ok_or(trouble)
    }

    fn own_symbols(&self, kallsyms: &Kallsyms) -> FoundSymbols {
        let mut found = kallsyms.resolve(&self.wanted.all_symbols());
        let measured: Vec<(&str, u64)> =
            MEASURED.into_iter().filter_map(|(name, end)| Some((end, *found.get(name)?))).collect();
        let ends = kallsyms.next_after(&measured.iter().map(|(_, at)| *at).collect::<Vec<u64>>());
        let ends = measured.iter().zip(ends).filter_map(|((name, _), end)| Some((*name, end?)));
        found.extend(ends);
        let how = match kallsyms.found_by {
            FoundBy::Vmcoreinfo => "kallsyms, named by VMCOREINFO",
            FoundBy::Structure => "kallsyms, found by its structure",
        };
        FoundSymbols {
            addresses: found.into_iter().map(|(name, at)| (name.to_owned(), at)).collect(),
            count: kallsyms.len(),
            origin: how.to_owned(),
            proven: true,
            names_all: true,
            file: None,
        }
    }

    fn symbols_of(&self, path: &Path) -> Result<FoundSymbols, DiscoveryError> {
        let bad = |reason| DiscoveryError::BadFile { path: path.to_owned(), reason };
        let file = SymbolFile::open(path).map_err(bad)?;
        let proven = self.compare(&file, path)?;
        let linked = file.symbols(&self.wanted.all_symbols()).map_err(bad)?;
        let addresses = linked.in_image(self.image.start).map_err(bad)?;
        if !proven {
            self.compare_symbols(&addresses, path)?;
        }
        let origin = file.symbols_in_words(path);
        let file = Some(path.to_owned());
        let count = linked.len();
        let found = FoundSymbols { addresses, count, origin, proven, names_all: true, file };
        match found.lacking() {
            None => Ok(found),
            Some(name) => Err(bad(format!("it has no symbol {name}, which every kernel has"))),
        }
    }

    /// Compares build ids; whether both are known.
    fn compare(&self, file: &SymbolFile, path: &Path) -> Result<bool, DiscoveryError> {
        match (file.build_id(), &self.build_id) {
            (Some(its), Some(own)) if its != *own => Err(DiscoveryError::Mismatch {
                path: path.to_owned(),
                reason: format!("its build id is {its}, that of the guest's kernel {own}"),
            }),
            (its, own) => Ok(its.is_some() && own.is_some()),
        }
    }

    /// Holds symbols that no build id proves against the guest: against its name and, where it has one,
    /// its own table.
    fn compare_symbols(
        &self,
        addresses: &FxHashMap<String, u64>,
        path: &Path,
    ) -> Result<(), DiscoveryError> {
        let mismatch = |reason| DiscoveryError::Mismatch { path: path.to_owned(), reason };
        let at = addresses.get(BANNER).copied().ok_or_else(|| DiscoveryError::BadFile {
            path: path.to_owned(),
            reason: format!("it has no symbol {BANNER}"),
        })?;
        let mut beginning = [0; BANNER_BEGINNING.len()];
        if self.space.read(at, &mut beginning).is_err() || beginning != BANNER_BEGINNING {
            let release = self.release.as_deref().unwrap_or("unknown release");
            return Err(mismatch(format!(
                "its {BANNER} would be at {at:#x}, where the guest's kernel ({release}) has none"
            )));
        }
        let Ok(kallsyms) = self.kallsyms() else { return Ok(()) };
        let own = self.own_symbols(&kallsyms).addresses;
        let differs = |(name, its): &(&String, &u64)| own.get(*name).is_some_and(|own| own != *its);
        match addresses.iter().filter(differs).min() {
            None => Ok(()),
            Some((name, its)) => {
                let own = own.get(name).copied().unwrap_or(0);
                Err(mismatch(format!(
                    "its {name} would be at {its:#x}, that of the guest's kernel is at {own:#x}"
                )))
            }
        }
    }

    fn types(
        &self,
        sources: &Sources,
        symbols: &FoundSymbols,
        own: Option<FoundTypes>,
    ) -> Result<FoundTypes, DiscoveryError> {
        let of_file =
            |path: &Path, folders: &[PathBuf]| self.fit(self.types_of(path, folders)?, symbols);
        if let Some(path) = &sources.types {
            return of_file(path, &sources.debug_folders);
        }
        let no_types = |reason| DiscoveryError::NoTypes { release: self.release.clone(), reason };
        let own = own.map_or_else(|| self.own_types(&symbols.addresses), Ok).map_err(no_types);
        let own = match own.and_then(|types| self.fit(types, symbols)) {
            Ok(types) => return Ok(types),
            Err(error) => error,
        };
        if let Some(path) = &sources.symbols
            && let Ok(types) = of_file(path, &sources.debug_folders)
        {
            return Ok(types);
        }
        let (id, release) = (self.build_id.as_deref(), self.release.as_deref());
        let vmlinux = files::vmlinux(&sources.debug_folders, id, release);
        first_usable(vmlinux, |path| of_file(path, &[]))
            .or_else(|| self.fit(self.pinned_types(symbols)?, symbols).ok())
            .ok_or(own)
    }

    /// The members of tasks that memory shows by itself, of a kernel that was built without types. One whose symbols
    /// name where its types are has some that cannot be read now, and is not such a kernel.
    fn pinned_types(&self, symbols: &FoundSymbols) -> Option<FoundTypes> {
        let has_types = BTF_BOUNDS.iter().any(|name| symbols.addresses.contains_key(*name));
        (symbols.names_all && !has_types).then_some(())?;
        match pinned::pin(&self.space, &symbols.addresses, self.release.as_deref()) {
            Ok(types) => Some(FoundTypes {
                types: KernelTypes::Pinned(types),
                btf_bytes: 0,
                origin: pinned::ORIGIN.to_owned(),
                proven: false,
                file: None,
            }),
            Err(reason) => {
                tracing::debug!(reason, "no members of tasks pinned");
                None
            }
        }
    }

    /// Types that, with the symbols, find in the guest what must be there.
    fn fit(&self, types: FoundTypes, symbols: &FoundSymbols) -> Result<FoundTypes, DiscoveryError> {
        let release = self.release.as_deref();
        let verified = verify(&self.space, types.types.any(), &symbols.addresses, release);
        let Err(unfit) = verified else { return Ok(types) };
        let release = self.release.clone();
        let sources =
            [(types.file.as_ref(), types.proven), (symbols.file.as_ref(), symbols.proven)];
        let unproven = sources.into_iter().find_map(|(file, proven)| file.filter(|_| !proven));
        Err(match (unfit, unproven.cloned()) {
            (Unfit::Lack(reason), _) => match types.file {
                Some(path) => DiscoveryError::BadFile { path, reason },
                None => DiscoveryError::NoTypes { release, reason },
            },
            (Unfit::Contradiction(reason), Some(path)) => DiscoveryError::Mismatch { path, reason },
            (Unfit::Contradiction(reason), None) => DiscoveryError::WrongTypes { release, reason },
        })
    }

    /// The guest's BTF: where the symbols say, else by its beginning.
    fn own_types(&self, symbols: &FxHashMap<String, u64>) -> Result<FoundTypes, String> {
        let named = || {
            let [start, end] = BTF_BOUNDS.map(|name| symbols.get(name).copied());
            let mut blob = self.constants.at(start?, end?)?;
            let length = btf::whole_blob(&blob)?.len();
            blob.truncate(length);
            Some(blob)
        };
        let search = || Some(self.constants.find(|_, bytes| btf::search(bytes))?.to_vec());
        let blob = named().or_else(search);
        let blob = blob.ok_or("none was found")?;
        let types = BtfTypes::parse(&blob, &self.wanted.all_types())
            .map_err(|reason| format!("it is not sound: {reason}"))?;
        Ok(FoundTypes {
            types: KernelTypes::Btf(types),
            btf_bytes: blob.len(),
            origin: "BTF".to_owned(),
            proven: true,
            file: None,
        })
    }

    fn types_of(&self, path: &Path, folders: &[PathBuf]) -> Result<FoundTypes, DiscoveryError> {
        let bad = |reason| DiscoveryError::BadFile { path: path.to_owned(), reason };
        let file = SymbolFile::open(path).map_err(bad)?;
        let proven = self.compare(&file, path)?;
        match file.types(self.wanted) {
            Ok(types) => Ok(FoundTypes::of(types, path, proven)),
            // The part that was stripped off it may be where distributions put it.
            Err(reason) => {
                let id = file.build_id();
                let stripped = files::vmlinux(folders, id.as_deref(), None);
                first_usable(stripped, |path| self.types_of(path, &[])).ok_or_else(|| bad(reason))
            }
        }
    }
}

impl FoundSymbols {
    /// The first variable of every kernel that is not among them.
    fn lacking(&self) -> Option<&'static str> {
        core_symbol_lacking(|name| self.addresses.contains_key(name))
    }
}

impl FoundTypes {
    fn of(types: FileTypes, path: &Path, proven: bool) -> Self {
        let origin = types.in_words(path);
        let (types, btf_bytes) = match types {
            FileTypes::Btf(types, bytes) => (KernelTypes::Btf(types), bytes),
            FileTypes::Dwarf(types) => (KernelTypes::Dwarf(types), 0),
            FileTypes::Profile(facts) => (KernelTypes::Profile(ProfileTypes::new(facts)), 0),
        };
        Self { types, btf_bytes, origin, proven, file: Some(path.to_owned()) }
    }
}

/// The facts of the first file that is there and is the guest's kernel's.
fn first_usable<T>(
    paths: impl IntoIterator<Item = PathBuf>,
    of: impl Fn(&Path) -> Result<T, DiscoveryError>,
) -> Option<T> {
    paths.into_iter().filter(|path| path.exists()).find_map(|path| match of(&path) {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::debug!(path = %path.display(), ?error, "not used");
            None
        }
    })
}
