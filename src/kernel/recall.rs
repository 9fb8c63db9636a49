//! A kernel that is known already: told by its build id at a known place, without a search.

use std::cell::{Cell, OnceCell, RefCell};

use super::names::{NamesNeeded, TOP_PAGE_TABLE, VMCOREINFO};
use super::profile::{self, Profile, ProfileTypes, SymbolPlace};
use super::store::Candidate;
use super::verify::verify;
use super::{Kernel, KernelImage, KernelTypes, Origin, Sources};
use crate::memory::GuestRam;
use crate::paging::AddressSpace;

impl Kernel {
    /// The kernel as a profile of this very build says, if there is one.
    pub fn recall(
        ram: &GuestRam,
        image: &KernelImage,
        wanted: &NamesNeeded,
        sources: &Sources,
    ) -> Option<Self> {
        // Files that the user names are asked in any case.
        if sources.symbols.is_some() || sources.types.is_some() {
            return None;
        }
        sources.store.candidates().into_iter().find_map(|candidate| {
            holds(ram, image, candidate.notes, &profile::note(&candidate.build_id)).then_some(())?;
            let profile = candidate.load()?;
            if let Some((at, text)) = &profile.marks.banner
                && !holds(ram, image, *at, text.as_bytes())
            {
                tracing::debug!(path = %candidate.path().display(), "a kernel of another name");
                return None;
            }
            Self::of_profile(ram, image.clone(), wanted, sources, profile, &candidate)
        })
    }

    fn of_profile(
        ram: &GuestRam,
        mut image: KernelImage,
        wanted: &NamesNeeded,
        sources: &Sources,
        profile: Profile,
        candidate: &Candidate,
    ) -> Option<Self> {
        let place = |place: &SymbolPlace| match place {
            SymbolPlace::Image(offset) => image.start.wrapping_add(*offset),
            SymbolPlace::Absolute(address) => *address,
        };
        let known = profile.symbols.iter();
        let symbol_addresses: rustc_hash::FxHashMap<String, u64> =
            known.filter_map(|(name, at)| Some((name.clone(), place(at.as_ref()?)))).collect();
        let answered = wanted.all_symbols().iter().all(|name| profile.symbols.contains_key(*name));
        image.set_root(*symbol_addresses.get(TOP_PAGE_TABLE)?);
        if !image.is_mapped(ram) {
            return None;
        }
        let space = AddressSpace::new(ram, image.root, image.levels);
        let pointer = symbol_addresses.get(VMCOREINFO).copied();
        let mut bytes = [0; 8];
        let vmcoreinfo = pointer.filter(|at| space.read(*at, &mut bytes).is_ok());
        let kind = if candidate.imported { "imported" } else { "cached" };
        let words =
            |of: &str| format!("the {kind} profile {} (of {of})", candidate.path().display());
        let types = ProfileTypes::new(profile.types);
        if let Err(unfit) = verify(&space, &types, &symbol_addresses, profile.release.as_deref()) {
            tracing::warn!(path = %candidate.path().display(), ?unfit, "profile not used");
            return None;
        }
        if !answered {
            types.miss();
        }
        Some(Self {
            release: profile.release,
            build_id: Some(profile.marks.build_id.clone()),
            vmcoreinfo: vmcoreinfo.map(|_| u64::from_le_bytes(bytes)),
            origin: Origin {
                symbols: words(&profile.origin.symbols),
                types: words(&profile.origin.types),
            },
            symbols: symbol_addresses.len(),
            names_all: answered,
            btf_bytes: 0,
            marks: Some(profile.marks),
            proven: true,
            recalled: true,
            symbol_addresses,
            types: KernelTypes::Profile(types),
            base: OnceCell::new(),
            drivers: RefCell::new(profile.drivers),
            learned: Cell::new(false),
            debug_folders: sources.debug_folders.clone(),
            image,
        })
    }
}

/// True if these bytes stand at a place of the image.
fn holds(ram: &GuestRam, image: &KernelImage, offset: u64, bytes: &[u8]) -> bool {
    let end = offset.checked_add(bytes.len() as u64);
    if end.is_none_or(|end| end > image.length) {
        return false;
    }
    let mut found = vec![0; bytes.len()];
    let at = image.start.checked_add(offset);
    at.is_some_and(|at| image.copy(ram, at, &mut found)) && found == bytes
}
