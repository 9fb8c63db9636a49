//! Offsets of drivers that are modules: from the module's own BTF, when a device of it is first met.

use rustc_hash::FxHashSet;

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::Text;
use crate::kernel::Types;
use crate::layout::{Driver, Drivers, Layout, OfModule};

/// A module's BTF is not larger: those that are asked for have 5 to 60 KiB, and parsing takes ten times
/// their size.
const LARGEST_BTF: u64 = 1 << 20;

const NO_TYPES: ReadError = ReadError::Unknown("the driver's module carries no usable BTF");

impl Reader<'_> {
    /// Learns the offsets of drivers whose modules are loaded by now: the first frame that meets a device of
    /// theirs may be taken by a process that gave up the right to cache them.
    pub(crate) fn learn_drivers(&self) {
        let unknown =
            Drivers::MODULES.iter().filter(|(module, _)| !self.kernel.knows_driver(module));
        let mut loaded = None;
        for (module, ask) in unknown {
            if loaded.get_or_insert_with(|| self.modules_with_btf()).contains(*module) {
                let _ = self.compile_driver(module, ask);
            }
        }
    }

    /// Offsets of a driver.
    pub(crate) fn driver<T: OfModule>(&self) -> ReadResult<T> {
        let Driver { known, without_btf } = T::of(&mut self.layout.drivers.borrow_mut()).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let modules_have_btf = self.symbol_if_any(self.layout.symbols.btf_modules) != Ok(None);
        let compiled = match without_btf {
            Some(known) if !modules_have_btf => known,
            _ => self.compile_driver(T::MODULE, T::compile)?,
        };
        T::of(&mut self.layout.drivers.borrow_mut()).known = Some(compiled.clone());
        Ok(compiled)
    }

    fn compile_driver<T>(
        &self,
        module: &str,
        compile: impl Fn(&dyn Types) -> Option<T>,
    ) -> ReadResult<T> {
        let names = Layout::driver_type_names();
        let read = |at, length| self.table_at(at, length).ok();
        let blob = || self.module_btf(module).ok();
        self.kernel.compile_driver(module, &names, compile, &read, &blob).ok_or(NO_TYPES)
    }

    /// The names of the loaded modules that brought types.
    fn modules_with_btf(&self) -> FxHashSet<Text> {
        let layout = &self.layout.system;
        let Ok(head) = self.symbol(self.layout.symbols.btf_modules) else {
            return FxHashSet::default();
        };
        let name = |entry| {
            let module = self.follow(entry, layout.btf_module.module)?;
            self.text(module, layout.module.name)
        };
        let modules = self.list("btf_modules", head, layout.btf_module.list);
        modules.into_iter().filter_map(|entry| name(entry).ok()).collect()
    }

    /// The BTF of a loaded module.
    fn module_btf(&self, name: &str) -> ReadResult<Vec<u8>> {
        let layout = &self.layout.system;
        let head = self.symbol(self.layout.symbols.btf_modules)?;
        let is_it = |entry: &u64| {
            self.follow(*entry, layout.btf_module.module)
                .and_then(|module| self.text(module, layout.module.name))
                .is_ok_and(|found| found == name)
        };
        let modules = self.list("btf_modules", head, layout.btf_module.list);
        let entry = modules.into_iter().find(is_it).ok_or(NO_TYPES)?;
        let btf = self.follow(entry, layout.btf_module.btf)?;
        let length = self.unsigned(btf, layout.btf.data_size)?;
        if length > LARGEST_BTF {
            return Err(NO_TYPES);
        }
        self.bytes_at(self.follow(btf, layout.btf.data)?, length as usize)
    }
}
