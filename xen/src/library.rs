//! Xen's own libraries, loaded when they are needed.
//!
//! `libxenforeignmemory.so.1` is stable: any release of it works with any hypervisor. What a domain is
//! (PV or not, its uuid, its CPU time) only `libxenctrl` tells, whose calls the hypervisor takes from its
//! own release alone: so the one is loaded whose name carries the release of the hypervisor that runs.
//! Were it linked instead, the module would have to be built anew for every release, and after an upgrade
//! of Xen it would not even load.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::fs;
use std::io;
use std::path::Path;

use libloading::Library;

use crate::{Error, Result};

/// The declarations of the functions that are used.
type ForeignOpen = unsafe extern "C" fn(*const Logger, c_uint) -> *mut c_void;
type ForeignClose = unsafe extern "C" fn(*mut c_void) -> c_int;
type ForeignMap =
    unsafe extern "C" fn(*mut c_void, u32, c_int, usize, *const c_ulong, *mut c_int) -> *mut c_void;
type ForeignUnmap = unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> c_int;
type ControlOpen = unsafe extern "C" fn(*const Logger, *const Logger, c_uint) -> *mut c_void;
type ControlClose = unsafe extern "C" fn(*mut c_void) -> c_int;
type DomainList = unsafe extern "C" fn(*mut c_void, u32, c_uint, *mut c_void) -> c_int;

/// Where Linux tells of the hypervisor that it runs under.
const HYPERVISOR: &str = "/sys/hypervisor";
/// Through this the control domain asks the hypervisor.
const PRIVCMD: &str = "/dev/xen/privcmd";
/// `PROT_READ`.
const PROT_READ: c_int = 1;

/// A connection to the hypervisor.
pub struct Xen {
    /// The hypervisor's release, such as "4.17".
    pub release: String,
    foreign: *mut c_void,
    control: *mut c_void,
    map: ForeignMap,
    unmap: ForeignUnmap,
    list: DomainList,
    close_foreign: ForeignClose,
    close_control: ControlClose,
    /// The functions above are theirs.
    _libraries: [Library; 2],
}

// SAFETY: the handles belong to no thread; whoever has the connection is the only one to use it.
unsafe impl Send for Xen {}

/// Xen's data about a domain: the beginning of `struct xen_domctl_getdomaininfo` (xen/include/public/domctl.h), whose
/// members up to here have been these since Xen 4.4.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DomainInfo {
    pub domain: u16,
    _pad: u16,
    pub flags: u32,
    pub total_pages: u64,
    _max_pages: u64,
    _outstanding_pages: u64,
    _shared_pages: u64,
    pub paged_pages: u64,
    /// Machine frame of the page that a PV guest shares with the hypervisor.
    pub shared_info_frame: u64,
    pub cpu_time: u64,
    _online_vcpus: u32,
    _max_vcpu_id: u32,
    _ssid: u32,
    pub uuid: [u8; 16],
    /// Room for what later releases have behind it.
    _rest: [u8; 1024],
}

/// `struct xentoollog_logger` (tools/include/xentoollog.h). Without one, Xen's libraries print to stderr.
#[repr(C)]
struct Logger {
    message:
        unsafe extern "C" fn(*mut Logger, c_int, c_int, *const c_char, *const c_char, *mut c_void),
    progress:
        unsafe extern "C" fn(*mut Logger, *const c_char, *const c_char, c_int, c_ulong, c_ulong),
    destroy: unsafe extern "C" fn(*mut Logger),
}

static QUIET: Logger =
    Logger { message: no_message, progress: no_progress, destroy: not_destroyed };

unsafe extern "C" fn no_message(
    _: *mut Logger,
    _: c_int,
    _: c_int,
    _: *const c_char,
    _: *const c_char,
    _: *mut c_void,
) {
}

unsafe extern "C" fn no_progress(
    _: *mut Logger,
    _: *const c_char,
    _: *const c_char,
    _: c_int,
    _: c_ulong,
    _: c_ulong,
) {
}

unsafe extern "C" fn not_destroyed(_: *mut Logger) {}

impl Xen {
    /// Connects to the hypervisor under which this runs.
    pub fn connect() -> Result<Self> {
        let release = release()?;
        // Tells what is wrong in the system's words, before any library does in its own.
        if let Err(error) = fs::File::open(PRIVCMD) {
            return Err(refusal(PRIVCMD, &error));
        }
        let foreign = load("libxenforeignmemory.so.1", &release)?;
        let control = load(&format!("libxenctrl.so.{release}"), &release)?;
        // SAFETY: the types are those of Xen's own headers.
        unsafe {
            let foreign_open: ForeignOpen = function(&foreign, "xenforeignmemory_open")?;
            let control_open: ControlOpen = function(&control, "xc_interface_open")?;
            let map = function(&foreign, "xenforeignmemory_map")?;
            let unmap = function(&foreign, "xenforeignmemory_unmap")?;
            let close_foreign: ForeignClose = function(&foreign, "xenforeignmemory_close")?;
            let close_control = function(&control, "xc_interface_close")?;
            let list = function(&control, "xc_domain_getinfolist")?;
            let foreign_handle = foreign_open(&QUIET, 0);
            if foreign_handle.is_null() {
                return Err(refusal(PRIVCMD, &io::Error::last_os_error()));
            }
            let control_handle = control_open(&QUIET, &QUIET, 0);
            if control_handle.is_null() {
                let error = io::Error::last_os_error();
                close_foreign(foreign_handle);
                return Err(refusal("Xen's control interface", &error));
            }
            Ok(Self {
                release,
                foreign: foreign_handle,
                control: control_handle,
                map,
                unmap,
                list,
                close_foreign,
                close_control,
                _libraries: [foreign, control],
            })
        }
    }

    /// Xen's data about a domain.
    pub fn domain(&self, id: u32) -> Result<DomainInfo> {
        // SAFETY: all bytes zero are a value of it.
        let mut info: DomainInfo = unsafe { std::mem::zeroed() };
        // SAFETY: there is room for one entry, also a later release's.
        let found = unsafe { (self.list)(self.control, id, 1, (&raw mut info).cast()) };
        if found < 0 {
            return Err(refusal("Xen's list of domains", &io::Error::last_os_error()));
        }
        // It is the first domain from this id on.
        if found == 0 || u32::from(info.domain) != id { Err(Error::Gone) } else { Ok(info) }
    }

    /// Maps frames of a domain, to be read. `errors[i]` is 0 where page i is there.
    pub fn map(&self, domain: u32, frames: &[u64], errors: &mut [c_int]) -> Result<*const u8> {
        assert_eq!(frames.len(), errors.len());
        // SAFETY: both arrays have as many entries as is said; a frame number is an unsigned long.
        let pages = unsafe {
            (self.map)(
                self.foreign,
                domain,
                PROT_READ,
                frames.len(),
                frames.as_ptr(),
                errors.as_mut_ptr(),
            )
        };
        if pages.is_null() {
            return Err(refusal("to map its memory", &io::Error::last_os_error()));
        }
        Ok(pages.cast())
    }

    /// Gives back what [`Self::map`] mapped.
    ///
    /// # Safety
    /// It is not used from here on.
    pub unsafe fn unmap(&self, pages: *const u8, count: usize) {
        // SAFETY: `map` gave it, as many pages, and the caller promises the rest.
        unsafe { (self.unmap)(self.foreign, pages.cast_mut().cast(), count) };
    }
}

impl Drop for Xen {
    fn drop(&mut self) {
        // SAFETY: both handles are open, and nothing uses them from here on.
        unsafe {
            (self.close_control)(self.control);
            (self.close_foreign)(self.foreign);
        }
    }
}

/// The release of the hypervisor that runs.
fn release() -> Result<String> {
    let read = |file: &str| fs::read_to_string(Path::new(HYPERVISOR).join(file));
    let word = |file| read(file).ok().map(|text| text.trim().to_owned());
    if word("type").as_deref() != Some("xen") {
        return Err(Error::Unsupported(
            "this machine does not run under Xen; run nfm in the control domain (dom0) of the host that \
             runs the guest"
                .to_owned(),
        ));
    }
    match (word("version/major"), word("version/minor")) {
        (Some(major), Some(minor)) => Ok(format!("{major}.{minor}")),
        _ => Err(Error::Unsupported(format!("{HYPERVISOR}/version does not tell Xen's release"))),
    }
}

/// Loads a library; where it is not there, says which one is instead.
fn load(name: &str, release: &str) -> Result<Library> {
    // SAFETY: these are Xen's own libraries from the system's folders, made to be loaded by programs.
    unsafe { Library::new(name) }.map_err(|error| {
        let stem = name.split(".so").next().unwrap_or(name);
        let others = installed(stem);
        let others = match others.is_empty() {
            true => String::new(),
            false => format!(", which does not fit the {} that is installed", others.join(", ")),
        };
        Error::Unsupported(format!(
            "Xen {release} runs here{others}, and its library {name} cannot be loaded ({error}); install \
             the package libxenmisc{release} or what has it in your distribution, or reboot into the \
             Xen that is installed"
        ))
    })
}

/// Files of a library, by its name's beginning, in the folders where libraries are.
fn installed(stem: &str) -> Vec<String> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [multiarch.as_str(), "/usr/lib64", "/usr/lib"];
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut names: Vec<String> = files
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .filter(|name| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so.")))
        .collect();
    names.sort();
    names.dedup();
    names
}

unsafe fn function<T: Copy>(library: &Library, name: &str) -> Result<T> {
    // SAFETY: the caller gives the type that the library's header does.
    unsafe { library.get::<T>(name.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|_| Error::Unsupported(format!("Xen's library has no function {name}")))
}

/// The system's refusal as ours.
fn refusal(what: &str, error: &io::Error) -> Error {
    use io::ErrorKind::{NotFound, PermissionDenied};
    match (error.kind(), error.raw_os_error()) {
        (PermissionDenied, _) => {
            Error::Denied(format!("{what}: {error}; run as root in Xen's control domain (dom0)"))
        }
        (_, Some(ESRCH)) => Error::Gone,
        (NotFound, _) => Error::Unsupported(format!(
            "{what}: {error}; load the kernel's module xen_privcmd, in Xen's control domain (dom0)"
        )),
        _ => Error::Failed(format!("{what}: {error}")),
    }
}

const ESRCH: i32 = 3;
