//! Offsets of drivers that are modules: from the module's own BTF, when a device of it is first met.

use super::reader::{Context, ReadError, ReadResult};
use crate::kernel::Types;
use crate::layout::{Driver, Drivers, Layout, Veth, VirtioNet};

/// A module's BTF is not larger: those that are asked for have 5 to 60 KiB, and parsing takes ten times
/// their size.
const LARGEST_BTF: u64 = 1 << 20;

/// Names of modules.
const VIRTIO_NET: &str = "virtio_net";
const VETH: &str = "veth";

const NO_TYPES: ReadError = ReadError::Unknown("the driver's module carries no usable BTF");

impl Context<'_> {
    /// Offsets of the driver `virtio_net`.
    pub(super) fn virtio_net(&self) -> ReadResult<VirtioNet> {
        self.driver(VIRTIO_NET, VirtioNet::compile, |drivers| &mut drivers.virtio_net)
    }

    /// Offsets of the driver `veth`.
    pub(super) fn veth(&self) -> ReadResult<Veth> {
        self.driver(VETH, Veth::compile, |drivers| &mut drivers.veth)
    }

    /// Learns the offsets of drivers whose modules are loaded by now: the first frame that meets a device of
    /// theirs may be taken by a process that gave up the right to cache them.
    pub(crate) fn learn_drivers(&self) {
        if !self.kernel.knows_driver(VIRTIO_NET) {
            let _ = self.virtio_net();
        }
        if !self.kernel.knows_driver(VETH) {
            let _ = self.veth();
        }
    }

    fn driver<T: Clone>(
        &self,
        name: &'static str,
        compile: fn(&dyn Types) -> Option<T>,
        of: fn(&mut Drivers) -> &mut Driver<T>,
    ) -> ReadResult<T> {
        let Driver { known, without_btf } = of(&mut self.layout.drivers.borrow_mut()).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let modules_have_btf = self.layout.symbols.btf_modules.address.is_some();
        let compiled = match without_btf {
            Some(known) if !modules_have_btf => known,
            _ => {
                let names = Layout::driver_type_names();
                let read = |at, length| self.table_at(at, length).ok();
                let blob = || self.module_btf(name).ok();
                let compiled = self.kernel.compile_driver(name, &names, compile, &read, &blob);
                compiled.ok_or(NO_TYPES)?
            }
        };
        of(&mut self.layout.drivers.borrow_mut()).known = Some(compiled.clone());
        Ok(compiled)
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
