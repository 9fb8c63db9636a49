//! Whose the code at an address is: the kernel's, a module's, or nobody's.

use super::modules::{KnownModule, Modules, known};
use crate::crawl::reader::{ReadResult, Reader};
use crate::frame::HookTarget;

/// All code that one look knows of.
pub(super) struct Code {
    kernel: std::ops::Range<u64>,
    modules: Modules,
}

impl Code {
    pub fn find(reader: &Reader) -> ReadResult<Self> {
        let symbols = &reader.layout.symbols;
        let kernel = reader.symbol(symbols._stext)?..reader.symbol(symbols._etext)?;
        Ok(Self { kernel, modules: known(reader)? })
    }

    /// True if the kernel's own code is there.
    pub fn is_kernel(&self, address: u64) -> bool {
        self.kernel.contains(&address)
    }

    /// True if the kernel's own code is there, or that of a module which `/proc/modules` shows. Where modules could
    /// not be read it may be such a module's.
    pub fn is_known(&self, address: u64) -> bool {
        self.is_kernel(address)
            || !self.modules.are_whole()
            || self.module(address).is_some_and(KnownModule::is_listed)
    }

    /// Where a hook leads.
    pub fn target(&self, address: u64) -> HookTarget {
        let module = self.module(address);
        HookTarget {
            address,
            module: module.and_then(|module| module.name.clone()),
            hidden: self.modules.are_whole() && module.is_some_and(|module| !module.is_listed()),
        }
    }

    fn module(&self, address: u64) -> Option<&KnownModule> {
        let holds = |(start, bytes): &(u64, u64)| {
            address.checked_sub(*start).is_some_and(|offset| offset < *bytes)
        };
        self.modules.all.iter().find(|module| module.memory.iter().any(holds))
    }
}
