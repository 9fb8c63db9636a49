//! A kernel's profile out of its files alone, with no guest.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::constants::banner_of;
use super::files::{FileTypes, SymbolFile};
use super::names::{BANNER, NamesNeeded};
use super::profile::{self, Marks, Origin, Profile, Recorder, SymbolPlace};
use super::symbols::LinkedSymbols;
use super::types::Types;
use super::{dwarf, files};

/// Asks types what crawling asks them.
pub(crate) type Ask = fn(&dyn Types);
/// Asks types for all that one driver needs; `None` where they are not the driver's.
pub(crate) type AskDriver = fn(&dyn Types) -> Option<()>;

/// The files that a profile is made of.
pub(crate) struct Files<'a> {
    /// vmlinux, or what was stripped off it.
    pub vmlinux: &'a Path,
    /// System.map, for a vmlinux without symbols.
    pub system_map: Option<&'a Path>,
    /// Folders in which the modules' debug information is looked for.
    pub debug_folders: &'a [PathBuf],
}

impl Profile {
    /// Makes the profile of a kernel that is not at hand. `ask` and `ask_driver` tell what of vmlinux's and of
    /// a driver module's types belongs into it.
    ///
    /// # Errors
    /// The file that cannot serve, and a clause that says why.
    pub fn of_files<'a>(
        from: &Files<'a>,
        wanted: &NamesNeeded,
        ask: Ask,
        drivers: &[(&str, AskDriver)],
    ) -> Result<Self, (&'a Path, String)> {
        let bad = |reason: String| (from.vmlinux, reason);
        let vmlinux = SymbolFile::open(from.vmlinux).map_err(bad)?;
        let SymbolFile::Elf(elf) = &vmlinux else {
            return Err(bad("it is no vmlinux (an ELF file)".to_owned()));
        };
        let build_id = elf.build_id().filter(|id| profile::is_build_id(id));
        let build_id = build_id.ok_or_else(|| bad("it has no build id".to_owned()))?;
        let note = elf.find(&profile::note(&build_id));
        let note =
            note.ok_or_else(|| bad("its build id is not in the kernel's image".to_owned()))?;
        let (file, path) = match from.system_map {
            Some(path) => (&SymbolFile::open(path).map_err(|reason| (path, reason))?, path),
            None => (&vmlinux, from.vmlinux),
        };
        let symbols = symbols(file, &wanted.all_symbols()).map_err(|reason| (path, reason))?;
        let image = |address: u64| address.checked_sub(symbols.image);
        let banner = symbols.places.get(BANNER).copied().flatten().and_then(|place| match place {
            SymbolPlace::Image(offset) => {
                Some((offset, banner_of(elf.at(symbols.image.wrapping_add(offset))?)?.to_owned()))
            }
            SymbolPlace::Absolute(_) => None,
        });
        let release = banner.as_ref().and_then(|(_, text)| text.split(' ').nth(2));
        let release = release.map(str::to_owned);
        let types = vmlinux.types(wanted).map_err(bad)?;
        let origin =
            Origin { symbols: file.symbols_in_words(path), types: types.in_words(from.vmlinux) };
        let facts = match &types {
            FileTypes::Btf(types, _) => Recorder::answers(types, &ask),
            FileTypes::Dwarf(types) => Recorder::answers(types, &ask),
            FileTypes::Profile(facts) => facts.clone(),
        };
        let driver = |(name, ask): &(&str, AskDriver)| {
            let path = files::driver_module(from.debug_folders, release.as_deref()?, name)?;
            let SymbolFile::Elf(elf) = SymbolFile::open(&path).ok()? else { return None };
            let types = dwarf::load(&elf, wanted.types).ok()?;
            Some((
                (*name).to_owned(),
                Recorder::answers(&types, &|types: &dyn Types| {
                    ask(types);
                }),
            ))
        };
        let profile = Self {
            marks: Marks {
                build_id,
                notes: image(note)
                    .ok_or_else(|| bad("its notes are not in its image".to_owned()))?,
                banner,
            },
            drivers: drivers.iter().filter_map(driver).collect(),
            release,
            origin,
            symbols: symbols.places.into_iter().collect(),
            types: facts,
        };
        let lacking = |name| (path, format!("it has no symbol {name}, which every kernel has"));
        profile.lacking().map_or(Ok(profile), |name| Err(lacking(name)))
    }
}

/// Symbols as a profile has them.
struct Symbols {
    image: u64,
    places: FxHashMap<String, Option<SymbolPlace>>,
}

fn symbols(file: &SymbolFile, names: &[&str]) -> Result<Symbols, String> {
    let linked = file.symbols(names)?;
    let image = linked.image()?;
    let addresses = linked.in_image(image)?;
    let place = |address: u64| match address.checked_sub(image) {
        Some(offset) if LinkedSymbols::is_in_image(address) => SymbolPlace::Image(offset),
        _ => SymbolPlace::Absolute(address),
    };
    let places = names
        .iter()
        .map(|name| ((*name).to_owned(), addresses.get(*name).map(|address| place(*address))));
    Ok(Symbols { image, places: places.collect() })
}
