//! Ways in for `crate::fuzzing`: each takes input as a guest may give it.

use super::btf::{self, BtfTypes};
use super::kallsyms::Kallsyms;
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
