//! Ways in for `fuzz/`, which holds the crate against hostile input. Only with the feature `fuzzing`; no
//! part of the API.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::{Domain, OnHost, OpenOptions, Source};
use crate::error::Result;
use crate::frame::{DomainIdentity, Host};
use crate::kernel;
use crate::memory::{
    Dump, DumpFile, FileMemory, GuestRam, Limits, Optimizations, PAGE_SHIFT, PAGE_SIZE, Page,
    PhysicalMemory, Residency,
};
use crate::paging::{AddressSpace, Levels};
use crate::resolve::Hold;

/// Guest RAM that the harness keeps.
pub trait Ram: Send + Sync {
    /// Bytes of RAM, from guest-physical address 0 on.
    fn size(&self) -> u64;
    /// Reads what lies there; false where it is no RAM.
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool;
}

/// A guest made of [`Ram`] alone.
struct Given {
    identity: DomainIdentity,
    ram: Arc<dyn Ram>,
}

struct Memory(Arc<dyn Ram>);

impl Source for Given {
    fn identity(&self) -> &DomainIdentity {
        &self.identity
    }

    fn place(&self) -> String {
        "the harness".to_owned()
    }

    fn on_host(&self) -> OnHost {
        OnHost::default()
    }

    fn layouts(&self) -> usize {
        1
    }

    fn memory(&self, _layout: usize) -> Result<Box<dyn PhysicalMemory>> {
        Ok(Box::new(Memory(Arc::clone(&self.ram))))
    }

    fn hold(&self) -> Result<Option<Hold>> {
        Ok(None)
    }

    fn host(&self, _memory: &dyn PhysicalMemory, _note: &dyn Fn(String)) -> Option<Host> {
        None
    }
}

impl PhysicalMemory for Memory {
    fn read_pages(&self, frames: &[u64], pages: &mut [Page], read: &mut [bool]) {
        for ((frame, page), read) in frames.iter().zip(pages).zip(read) {
            *read = self.read_run(frame << PAGE_SHIFT, page);
        }
    }

    fn read_run(&self, address: u64, bytes: &mut [u8]) -> bool {
        let end = address.checked_add(bytes.len() as u64);
        end.is_some_and(|end| end <= self.0.size()) && self.0.read(address, bytes)
    }

    fn ram(&self) -> Vec<(u64, u64)> {
        vec![(0, self.0.size())]
    }

    fn residency(&self) -> Option<Residency> {
        None
    }

    fn alive(&self) -> bool {
        true
    }
}

/// Opens the guest in this RAM.
///
/// # Errors
/// As [`Domain::open`].
pub fn open(ram: Arc<dyn Ram>, time_limit: Duration) -> Result<Domain> {
    let identity = DomainIdentity { name: "fuzzed".to_owned(), ..DomainIdentity::default() };
    let source = Given { identity, ram };
    let options = OpenOptions { time_limit, ..OpenOptions::default() };
    Domain::of_source(Box::new(source), &options, Instant::now())
}

/// Reads an open domain's RAM in pieces, ascending; what cannot be read is left out.
pub fn copy_ram(domain: &Domain, piece: usize, save: &mut dyn FnMut(u64, &[u8])) {
    let memory = domain.physical_memory();
    let mut bytes = vec![0; piece];
    for (start, length) in memory.ram() {
        for offset in (0..length).step_by(piece) {
            let length = (length - offset).min(piece as u64) as usize;
            let bytes = bytes.get_mut(..length).unwrap_or_default();
            if memory.read_run(start + offset, bytes) {
                save(start + offset, bytes);
            }
        }
    }
}

/// One read of guest memory: its first and last addresses that counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// Guest-physical address.
    pub physical: u64,
    /// Guest-virtual address; `None` for an entry of a page table.
    pub virtual_address: Option<u64>,
    /// Bytes.
    pub length: u32,
}

thread_local! {
    static TOUCHED: RefCell<Option<Vec<Touch>>> = const { RefCell::new(None) };
}

/// Notes what this thread reads of guest memory from now on.
pub fn begin_recording() {
    TOUCHED.set(Some(Vec::new()));
}

/// The reads that were noted.
pub fn end_recording() -> Vec<Touch> {
    TOUCHED.take().unwrap_or_default()
}

/// A read of guest memory.
pub(crate) fn touched(physical: u64, virtual_address: Option<u64>, length: usize) {
    TOUCHED.with_borrow_mut(|touched| {
        if let Some(touched) = touched {
            touched.push(Touch { physical, virtual_address, length: length as u32 });
        }
    });
}

/// Types from a blob of BTF, and all that crawling looks up in them.
pub fn btf(blob: &[u8]) {
    kernel::fuzzing::btf(blob);
}

/// A symbol table somewhere in constants.
pub fn kallsyms(constants: &[u8]) {
    kernel::fuzzing::kallsyms(constants);
}

/// VMCOREINFO's text.
pub fn vmcoreinfo(page: &[u8]) {
    kernel::fuzzing::vmcoreinfo(page);
}

/// A file of symbols or types: an ELF file with DWARF or BTF, a System.map, BTF, a profile.
pub fn symbol_file(file: &Path) {
    kernel::fuzzing::symbol_file(file);
}

/// Parses the body of a profile's file, behind its checksum.
pub fn profile(body: &[u8]) {
    kernel::fuzzing::profile(body);
}

/// A file that holds a guest's memory, of any format: some of it is read, and a kernel's image is looked for.
pub fn dump(file: &Path) {
    let Ok(dump) = DumpFile::open(file).and_then(Dump::open) else { return };
    let root = dump.vmcoreinfo.as_deref().and_then(kernel::top_page_table);
    for content in &dump.layouts {
        let ram = GuestRam::new(Box::new(FileMemory::new(content)), Optimizations::default());
        let deadline = Instant::now().checked_add(Duration::from_millis(50));
        ram.begin_frame(0, Limits { deadline, bytes: 16 << 20, rows: 0 }, None);
        let mut bytes = [0; 2 * PAGE_SIZE];
        for (start, length) in ram.memory().ram().into_iter().take(16) {
            let end = start.saturating_add(length);
            for address in [start, start.saturating_add(length / 2), end.saturating_sub(8)] {
                let _ = ram.read(address, &mut bytes);
                let _ = ram.memory().read_run(address, &mut bytes);
            }
        }
        let _ = kernel::KernelImage::find_all(&ram, root);
    }
}

/// Page tables: `ram` holds one at its beginning; some addresses are read through it, one large range is
/// visited, and a kernel's image is looked for.
pub fn page_tables(ram: Arc<dyn Ram>) {
    let ram = GuestRam::new(Box::new(Memory(ram)), Optimizations::default());
    for levels in [Levels::Four, Levels::Five] {
        let deadline = Instant::now().checked_add(Duration::from_millis(100));
        ram.begin_frame(0, Limits { deadline, bytes: 16 << 20, rows: 0 }, None);
        let space = AddressSpace::new(&ram, 0, levels);
        let mut bytes = [0; 2 * PAGE_SIZE];
        for shift in 0..57 {
            let address = 1_u64 << shift;
            let _ = space.read(address.wrapping_sub(8), &mut bytes);
            let _ = space.read(address.wrapping_neg(), &mut bytes);
        }
        let mut sum = 0_u64;
        let _ = space.visit(0, 1 << 47, &mut |piece| sum = sum.wrapping_add(piece.bytes));
    }
    let _ = kernel::KernelImage::find_all(&ram, None);
}
