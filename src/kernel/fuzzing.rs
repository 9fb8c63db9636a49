//! Ways in for `crate::fuzzing`: each takes input as a guest may give it.

use std::path::Path;

use super::NamesNeeded;
use super::btf::{self, BtfTypes};
use super::files::{FileTypes, SymbolFile};
use super::kallsyms::Kallsyms;
use super::profile::{Profile, ProfileTypes};
use super::vmcoreinfo::Vmcoreinfo;
use crate::layout::{Layout, Symbols};

pub(crate) fn btf(blob: &[u8]) {
    let _ = btf::whole_blob(blob);
    let names = [Layout::type_names(), Layout::driver_type_names()].concat();
    if let Ok(types) = BtfTypes::parse(blob, &names) {
        let _ = Layout::compile(&types, |_| Some(0));
        let _ = types.parse_module(blob, &names);
    }
}

pub(crate) fn kallsyms(constants: &[u8]) {
    if let Some(kallsyms) = Kallsyms::search(0xffff_ffff_8200_0000, constants) {
        let _ = kallsyms.resolve(Symbols::NAMES);
    }
}

pub(crate) fn vmcoreinfo(page: &[u8]) {
    let _ = Vmcoreinfo::of_text(page, 0).map(|info| {
        let _ = info.get("OSRELEASE");
        let _ = info.symbol("kallsyms_names");
    });
}

pub(crate) fn symbol_file(path: &Path) {
    let types = Layout::type_names();
    let Ok(file) = SymbolFile::open(path) else { return };
    let _ = file.build_id();
    if let Ok(symbols) = file.symbols(Symbols::NAMES) {
        let _ = symbols.image().map(|image| symbols.in_image(image));
    }
    let _ =
        file.types(&NamesNeeded { symbols: Symbols::NAMES, types: &types }).map(
            |types| match types {
                FileTypes::Btf(types, _) => Layout::compile(&types, |_| None),
                FileTypes::Dwarf(types) => Layout::compile(&types, |_| None),
                FileTypes::Profile(facts) => Layout::compile(&ProfileTypes::new(facts), |_| None),
            },
        );
}

pub(crate) fn profile(body: &[u8]) {
    if let Ok(profile) = Profile::parse(&Profile::with_checksum(body)) {
        let _ = Layout::compile(&ProfileTypes::new(profile.types.clone()), |_| None);
        let _ = Profile::parse(&profile.to_bytes()).map(|again| assert_eq!(again, profile));
    }
}
