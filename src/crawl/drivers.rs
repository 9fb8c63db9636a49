//! Offsets of drivers that are modules: from the module's own BTF, when a device of it is first met.

use super::reader::{Context, ReadError, ReadResult};
use crate::kernel::Types;
use crate::layout::{Drivers, Layout, Veth, VirtioNet};

/// A module's BTF is not larger.
const LARGEST_BTF: u64 = 8 << 20;

/// A way to a driver's offsets.
type Compile<T> = fn(&dyn Types) -> Option<T>;

const NO_TYPES: ReadError = ReadError::Unknown("the driver's module carries no usable BTF");

impl Context<'_> {
    /// Offsets of the driver `virtio_net`.
    pub(super) fn virtio_net(&self) -> ReadResult<VirtioNet> {
        let ways = [VirtioNet::compile as Compile<_>, VirtioNet::without_btf];
        self.driver("virtio_net", ways, |drivers| &mut drivers.virtio_net)
    }

    /// Offsets of the driver `veth`.
    pub(super) fn veth(&self) -> ReadResult<Veth> {
        let ways = [Veth::compile as Compile<_>, Veth::without_btf];
        self.driver("veth", ways, |drivers| &mut drivers.veth)
    }

    fn driver<T: Clone>(
        &self,
        name: &'static str,
        [compile, without_btf]: [Compile<T>; 2],
        slot: fn(&mut Drivers) -> &mut Option<T>,
    ) -> ReadResult<T> {
        if let Some(known) = slot(&mut self.layout.drivers.borrow_mut()) {
            return Ok(known.clone());
        }
        let modules_have_btf = self.layout.symbols.btf_modules.address.is_some();
        let compiled = match compile(&self.kernel.types) {
            Some(built_in) => built_in,
            None if modules_have_btf => self.compile_module(name, compile)?,
            None => without_btf(&self.kernel.types).ok_or(NO_TYPES)?,
        };
        *slot(&mut self.layout.drivers.borrow_mut()) = Some(compiled.clone());
        Ok(compiled)
    }

    fn compile_module<T>(&self, name: &str, compile: Compile<T>) -> ReadResult<T> {
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
        let blob = self.bytes_at(self.follow(btf, layout.btf.data)?, length as usize)?;
        let types = self.kernel.types.parse_module(&blob, &Layout::driver_type_names());
        compile(&types.map_err(|_| NO_TYPES)?).ok_or(NO_TYPES)
    }
}
