//! Guest memory through a back end: a loadable module that knows a hypervisor of its own, reached by the
//! table of C functions in `include/nfm-backend.h` (docs/backends.md).

mod load;
mod table;

use std::ffi::{CString, c_int, c_void};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use super::{PAGE_SHIFT, PAGE_SIZE, Page, PhysicalMemory, Residency};
use crate::error::{Error, Result};
use crate::this_process::without_sigpipe;
use load::{LoadError, Loaded};

/// Pages that one call reads of a run.
const RUN: usize = 256;

/// The domain that is to be opened, as libvirt describes it.
pub(crate) struct LibvirtDomain<'a> {
    /// The domain's name.
    pub name: &'a str,
    /// Its UUID.
    pub uuid: &'a str,
    /// libvirt's URI.
    pub uri: &'a str,
    /// libvirt's id.
    pub id: u32,
}

/// The host's view of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostUsage {
    /// CPU time of all vCPUs, in nanoseconds.
    pub vcpu_time_ns: Option<u64>,
    /// The parts of the guest's RAM that the host holds, each in bytes.
    pub resident: Option<u64>,
    pub swapped: Option<u64>,
    pub untouched: Option<u64>,
}

/// The memory of a guest, as the back end describes it.
#[derive(Clone, Debug)]
struct MemoryKind {
    machine_frames: bool,
    page_table: Option<u64>,
    description: String,
}

/// A guest that a back end has open.
pub(crate) struct BackendGuest {
    backend: Loaded,
    /// One call at a time, as the interface asks.
    handle: Mutex<Handle>,
    facts: MemoryKind,
}

struct Handle(NonNull<c_void>);

// SAFETY: the interface allows the functions to be called from any thread, one at a time for one guest.
unsafe impl Send for Handle {}

impl BackendGuest {
    /// Loads the back end of this name and opens the domain with it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without a usable back end; the back end's own words otherwise.
    pub fn open(backend: &str, wanted: &LibvirtDomain) -> Result<Arc<Self>> {
        let domain = || wanted.name.to_owned();
        let loaded = load::load(backend).map_err(|error| Error::Unsupported {
            domain: domain(),
            reason: missing(backend, error),
        })?;
        let text = |value: &str| CString::new(value).unwrap_or_default();
        let (name, uuid, uri) = (text(wanted.name), text(wanted.uuid), text(wanted.uri));
        let request = table::Domain {
            size: size_of::<table::Domain>(),
            name: name.as_ptr(),
            uuid: uuid.as_ptr(),
            uri: uri.as_ptr(),
            id: wanted.id,
            reserved: 0,
        };
        let mut handle = std::ptr::null_mut();
        let mut failure = no_failure();
        let result = match loaded.table().open {
            // SAFETY: all pointers are valid for the call, and the strings end with NUL.
            Some(open) => without_sigpipe(|| unsafe { open(&request, &mut handle, &mut failure) }),
            None => table::UNSUPPORTED,
        };
        check(result, &failure, wanted.name)?;
        let Some(handle) = NonNull::new(handle) else {
            let reason = "the back end opened it without a handle".to_owned();
            return Err(Error::Unsupported { domain: domain(), reason });
        };
        let facts =
            MemoryKind { machine_frames: false, page_table: None, description: String::new() };
        let mut guest = Self { backend: loaded, handle: Mutex::new(Handle(handle)), facts };
        guest.facts = guest.ask_facts(wanted.name)?;
        Ok(Arc::new(guest))
    }

    /// Hypervisors are asked over sockets and devices alike.
    fn with<T>(&self, call: impl FnOnce(*mut c_void) -> T) -> T {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        without_sigpipe(|| call(handle.0.as_ptr()))
    }

    fn ask_facts(&self, domain: &str) -> Result<MemoryKind> {
        let mut memory = table::Memory {
            size: size_of::<table::Memory>(),
            frames: 0,
            levels: 0,
            root: 0,
            bytes: 0,
            description: [0; 100],
        };
        let mut failure = no_failure();
        let result = self.with(|guest| match self.backend.table().memory {
            // SAFETY: the handle is open, and both structures are there to be written.
            Some(ask) => unsafe { ask(guest, &mut memory, &mut failure) },
            None => table::UNSUPPORTED,
        });
        check(result, &failure, domain)?;
        Ok(MemoryKind {
            machine_frames: memory.frames == table::MACHINE_FRAMES,
            page_table: (memory.levels != 0).then_some(memory.root),
            description: table::text(&memory.description),
        })
    }

    /// The back end and the guest, in words.
    pub fn description(&self) -> &str {
        &self.facts.description
    }

    /// The physical address of a top page table that maps the kernel, where the back end knows one.
    pub fn page_table(&self) -> Option<u64> {
        self.facts.page_table
    }

    /// The host's view of the guest now; `None` where it is gone.
    pub fn state(&self) -> Option<HostUsage> {
        let mut state = table::State {
            size: size_of::<table::State>(),
            vcpu_time_ns: table::UNKNOWN,
            resident_bytes: table::UNKNOWN,
            swapped_bytes: table::UNKNOWN,
            untouched_bytes: table::UNKNOWN,
        };
        let result = self.with(|guest| match self.backend.table().state {
            // SAFETY: the handle is open, and the structure is there to be written.
            Some(ask) => unsafe { ask(guest, &mut state) },
            None => table::UNSUPPORTED,
        });
        let known = |value: u64| Some(value).filter(|value| *value != table::UNKNOWN);
        (result == table::OK).then_some(HostUsage {
            vcpu_time_ns: known(state.vcpu_time_ns),
            resident: known(state.resident_bytes),
            swapped: known(state.swapped_bytes),
            untouched: known(state.untouched_bytes),
        })
    }
}

impl Drop for BackendGuest {
    fn drop(&mut self) {
        self.with(|guest| {
            if let Some(close) = self.backend.table().close {
                // SAFETY: the handle is open, and nothing uses it from here on.
                unsafe { close(guest) };
            }
        });
    }
}

/// The memory of a guest that a back end has open.
pub(crate) struct PluginMemory {
    guest: Arc<BackendGuest>,
}

impl PluginMemory {
    /// The guest's memory.
    pub fn new(guest: &Arc<BackendGuest>) -> Self {
        Self { guest: Arc::clone(guest) }
    }
}

impl PhysicalMemory for PluginMemory {
    fn read_pages(&self, frames: &[u64], pages: &mut [Page], read: &mut [bool]) {
        let count = frames.len().min(pages.len()).min(read.len());
        let mut flags = vec![0_u8; count];
        if let Some(call) = self.guest.backend.table().read {
            // SAFETY: all arrays have `count` entries, and nothing else uses them meanwhile.
            self.guest.with(|guest| unsafe {
                call(guest, frames.as_ptr(), count, pages.as_mut_ptr().cast(), flags.as_mut_ptr());
            });
        }
        read.fill(false);
        read.iter_mut().zip(flags).for_each(|(read, flag)| *read = flag == 1);
    }

    fn read_run(&self, address: u64, bytes: &mut [u8]) -> bool {
        let mut rest = bytes;
        let mut address = address;
        while !rest.is_empty() {
            let offset = address as usize & (PAGE_SIZE - 1);
            let length = rest.len().min(RUN * PAGE_SIZE - offset);
            let first = address >> PAGE_SHIFT;
            let count = (offset + length).div_ceil(PAGE_SIZE);
            let Some(last) = first.checked_add(count as u64) else { return false };
            let frames: Vec<u64> = (first..last).collect();
            let (mut pages, mut read) = (vec![[0; PAGE_SIZE]; count], vec![false; count]);
            self.read_pages(&frames, &mut pages, &mut read);
            if !read.iter().all(|read| *read) {
                return false;
            }
            let (now, later) = rest.split_at_mut(length);
            match pages.as_flattened().get(offset..offset + length) {
                Some(copied) => now.copy_from_slice(copied),
                None => return false,
            }
            let Some(next) = address.checked_add(length as u64) else { return later.is_empty() };
            (address, rest) = (next, later);
        }
        true
    }

    /// None are claimed: what cannot be read is no RAM.
    fn ram(&self) -> Vec<(u64, u64)> {
        Vec::new()
    }

    fn residency(&self) -> Option<Residency> {
        let known = self.guest.state()?;
        Some(Residency {
            resident: known.resident?,
            swapped: known.swapped?,
            untouched: known.untouched?,
        })
    }

    fn alive(&self) -> bool {
        self.guest.state().is_some()
    }

    fn has_machine_frames(&self) -> bool {
        self.guest.facts.machine_frames
    }
}

/// The file of an installed back end ("xen"), for `nfm doctor`. It is not loaded.
///
/// # Errors
/// Why there is none that could be used, and what to do.
pub fn find_backend(name: &str) -> std::result::Result<PathBuf, String> {
    load::find(name).map_err(|error| missing(name, error))
}

/// The remedy where a back end cannot be loaded.
fn missing(backend: &str, error: LoadError) -> String {
    match error {
        LoadError::Missing(folders) => {
            let folders: Vec<String> =
                folders.iter().map(|folder| folder.display().to_string()).collect();
            let advice = match backend {
                "xen" => "guests of Xen are read by the back end 'xen', which is not installed: \
                          install the package nfm-xen"
                    .to_owned(),
                other => format!(
                    "libvirt's driver '{other}' is none that nfm reads by itself (QEMU/KVM's is), and no \
                     back end of that name is installed"
                ),
            };
            format!("{advice} (looked for {backend}.so in {})", folders.join(", "))
        }
        LoadError::Unusable(path, reason) => {
            format!("the back end {} cannot be used: {reason}", path.display())
        }
    }
}

fn no_failure() -> table::Failure {
    table::Failure { size: size_of::<table::Failure>(), message: [0; 500] }
}

/// A back end's result as ours.
fn check(result: c_int, failure: &table::Failure, domain: &str) -> Result<()> {
    let domain = domain.to_owned();
    let reason = match table::text(&failure.message) {
        text if text.is_empty() => format!("its back end does not say why (result {result})"),
        text => text,
    };
    match result {
        table::OK => Ok(()),
        table::DENIED => Err(Error::Denied { domain, reason }),
        table::GONE => Err(Error::Gone { domain }),
        _ => Err(Error::Unsupported { domain, reason }),
    }
}
