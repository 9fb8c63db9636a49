//! Options: structures that the caller fills and that may be older or newer than the library's.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use super::control::nfm_control_t;
use super::error::nfm_error_t;
use super::logging::{HandleLog, nfm_log_callback_t};
use super::{optional_text, sections};
use crate::domain::{Cache, CrawlOptions, Mode, OpenOptions};
use crate::resolve::{Libvirt, LibvirtConnection};

/// A size above this is no size but memory that was never set.
const LARGEST: usize = 4096;

/// How to open a domain. Zero the whole structure, then set size and what is to differ from the
/// default. It is only read during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nfm_open_options_t {
    /// sizeof(nfm_open_options_t).
    pub size: usize,
    /// libvirt's connection URI; NULL for libvirt's own default.
    pub uri: *const c_char,
    /// Cancels the call from another thread; NULL for none. It may be freed during the call.
    pub control: *mut nfm_control_t,
    /// A file that tells the kernel's symbols instead of the guest's memory (System.map, or vmlinux); NULL
    /// for what NFM_SYMBOLS names in the environment, if it is set.
    pub symbols: *const c_char,
    /// A file that tells the kernel's types instead of the guest's memory (vmlinux with DWARF or BTF, or raw
    /// BTF); NULL for what NFM_TYPES names in the environment, if it is set.
    pub types: *const c_char,
    /// The folder that is searched for the kernel's debug package where its memory tells no symbols or types;
    /// NULL for what NFM_DEBUG_DIR names in the environment, else /usr/lib/debug.
    pub debug_dir: *const c_char,
    /// The folder where what was learned of the kernel is kept for the next opening; an empty string for
    /// nowhere; NULL for the default (see docs/profiles.md).
    pub cache_dir: *const c_char,
    /// The search for the kernel in guest memory is given up after this long; 0 for the default, 10
    /// seconds.
    pub time_limit_ns: u64,
    /// The program's own connection to libvirt, a virConnectPtr, instead of one that is made to uri, which must be NULL
    /// then; NULL for none. The library counts its uses of it (virConnectRef()), so that the program may close it at
    /// any time, and makes no other. Where it breaks, it is not made anew: guests that are open are read on.
    pub connection: *mut c_void,
    /// The function that is told the diagnostic messages of this handle, from its opening until it is closed, as
    /// nfm_set_log() says; NULL for that of the process. It must not close the handle. Of a fleet: of all that its
    /// threads do.
    pub log: nfm_log_callback_t,
    /// The pointer that log is given; it must last until the handle is closed.
    pub log_user: *mut c_void,
    /// The least grave message that log is told, one of nfm_log_level_t; 0 for the default, NFM_LOG_WARN.
    pub log_level: u32,
    /// Zero.
    pub reserved: u32,
}

/// Which domains to list. Zero the whole structure, then set size and what is to differ from the
/// default. It is only read during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nfm_list_options_t {
    /// sizeof(nfm_list_options_t).
    pub size: usize,
    /// libvirt's connection URI; NULL for libvirt's own default.
    pub uri: *const c_char,
    /// 1 to list also the domains that are not active; 0 for active ones alone.
    pub inactive: u32,
    /// Zero.
    pub reserved: u32,
    /// The program's own connection to libvirt, a virConnectPtr, instead of one that is made to uri, which must be NULL
    /// then; NULL for none.
    pub connection: *mut c_void,
}

/// How the guest is treated while a frame is taken.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_mode_t {
    /// It runs on: what looks torn is read anew.
    NFM_MODE_LIVE = 0,
    /// libvirt suspends it for the crawl and resumes it after, over a read-write connection. A guest
    /// whose vCPUs do not run is left as it is. If the calling process is killed in between, the guest
    /// stays suspended (virsh resume).
    NFM_MODE_PAUSED = 1,
}

/// How to crawl. Zero the whole structure, then set size and what is to differ from the default. It is
/// only read during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nfm_crawl_options_t {
    /// sizeof(nfm_crawl_options_t).
    pub size: usize,
    /// The sections to fill, NFM_SECTION_... combined; 0 for the default ones.
    pub sections: u64,
    /// A frame that is not done after this long is returned as it is, with a problem that says so;
    /// 0 for the default, 1 second.
    pub time_limit_ns: u64,
    /// How the guest is treated, one of nfm_mode_t.
    pub mode: u32,
    /// 1 to list the threads of each process (nfm_process_t.thread_list), else 0.
    pub threads: u32,
    /// 1 to tell where the pages of each mapping are (nfm_mapping_t.physical), else 0.
    pub physical: u32,
    /// Zero.
    pub reserved: u32,
    /// Cancels the call from another thread, and tells how far it is; NULL for none. It may be freed
    /// during the call.
    pub control: *mut nfm_control_t,
    /// A frame that would take more bytes than this is returned as it is, with a problem that says so; 0
    /// for the default, 64 MiB.
    pub memory_limit: u64,
    /// A frame with so many rows, of all sections together, is returned as it is, with a problem that
    /// says so; 0 for the default, 1,000,000.
    pub row_limit: u64,
}

/// A structure of options.
///
/// # Safety
/// It is `repr(C)`, begins with `size: usize`, and any bytes make a valid one, zeros the default.
pub(super) unsafe trait Options: Copy {
    /// Its name in C.
    const NAME: &str;
    /// Its size in the first release that had it.
    const SMALLEST: usize;
}

// SAFETY: integers, raw pointers, and a function that may be NULL.
unsafe impl Options for nfm_open_options_t {
    const NAME: &str = "nfm_open_options_t";
    const SMALLEST: usize = offset_of!(Self, control) + size_of::<*mut nfm_control_t>();
}

// SAFETY: integers and raw pointers.
unsafe impl Options for nfm_list_options_t {
    const NAME: &str = "nfm_list_options_t";
    const SMALLEST: usize = offset_of!(Self, reserved) + size_of::<u32>();
}

// SAFETY: integers and raw pointers.
unsafe impl Options for nfm_crawl_options_t {
    const NAME: &str = "nfm_crawl_options_t";
    const SMALLEST: usize = offset_of!(Self, control) + size_of::<*mut nfm_control_t>();
}

/// The options that a caller gave, in this library's size.
///
/// # Safety
/// `options` is NULL or begins with a size, and so many bytes may be read.
pub(super) unsafe fn read<T: Options>(options: *const T) -> Result<T, nfm_error_t> {
    let mut own = MaybeUninit::<T>::zeroed();
    if !options.is_null() {
        // SAFETY: not NULL, so it begins with its size.
        let size = unsafe { options.cast::<usize>().read_unaligned() };
        if !(T::SMALLEST..=LARGEST).contains(&size) {
            let name = T::NAME;
            let message = format!("options: size is {size}; set it to sizeof({name})");
            return Err(nfm_error_t::invalid(message));
        }
        // SAFETY: so many bytes may be read.
        let given = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
        let (known, tail) = given.split_at(size.min(size_of::<T>()));
        if tail.iter().any(|byte| *byte != 0) {
            return Err(nfm_error_t::invalid(format!(
                "options: {} has a member set that libnfm {} does not know",
                T::NAME,
                env!("CARGO_PKG_VERSION")
            )));
        }
        // SAFETY: `known` is no longer than a T, and they are apart.
        unsafe {
            own.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(known.as_ptr(), known.len())
        };
    }
    // SAFETY: any bytes make a T.
    Ok(unsafe { own.assume_init() })
}

/// A member that is 1 or 0.
pub(super) fn flag(name: &str, value: u32) -> Result<bool, nfm_error_t> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(nfm_error_t::invalid(format!("options: {name} is {value}; it takes 0 or 1"))),
    }
}

pub(super) fn zero(reserved: u32) -> Result<(), nfm_error_t> {
    match reserved {
        0 => Ok(()),
        _ => {
            Err(nfm_error_t::invalid("options: reserved is not 0; zero the whole structure first"))
        }
    }
}

/// # Safety
/// As of [`read`]; the strings are NULL or NUL-terminated, the control NULL or one, the connection NULL or open.
pub(super) unsafe fn open(
    options: *const nfm_open_options_t,
) -> Result<(OpenOptions, HandleLog), nfm_error_t> {
    // SAFETY: as this function's.
    let options = unsafe { read(options) }?;
    // SAFETY: NULL or a string, by the caller's promise.
    let uri = unsafe { optional_text(options.uri, "uri") }?;
    // SAFETY: NULL or a control, by the caller's promise.
    let control = unsafe { options.control.as_ref() };
    // SAFETY: NULL or strings, by the caller's promise.
    let file = |path, name| unsafe { optional_path(path, name) };
    let mut own = OpenOptions {
        uri: uri.map(str::to_owned),
        // SAFETY: NULL or a connection, by the caller's promise.
        connection: unsafe { connection(options.connection, uri) }?,
        symbols: file(options.symbols, "symbols")?,
        types: file(options.types, "types")?,
        debug_dir: file(options.debug_dir, "debug_dir")?,
        cache: match file(options.cache_dir, "cache_dir")? {
            None => Cache::Default,
            Some(folder) if folder.as_os_str().is_empty() => Cache::Off,
            Some(folder) => Cache::At(folder),
        },
        control: control.map(nfm_control_t::own),
        ..OpenOptions::default()
    };
    if options.time_limit_ns != 0 {
        own.time_limit = Duration::from_nanos(options.time_limit_ns);
    }
    zero(options.reserved)?;
    let level = c_int::try_from(options.log_level).unwrap_or(c_int::MAX);
    Ok((own, HandleLog::new(options.log, options.log_user, level)?))
}

/// A path of an option, which need not be UTF-8.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
unsafe fn optional_path(path: *const c_char, name: &str) -> Result<Option<PathBuf>, nfm_error_t> {
    if path.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    match name == "cache_dir" || !bytes.is_empty() {
        true => Ok(Some(PathBuf::from(OsStr::from_bytes(bytes)))),
        false => {
            Err(nfm_error_t::invalid(format!("options: {name} is empty; NULL means the default")))
        }
    }
}

/// The program's own connection to libvirt, where it gave one.
///
/// # Safety
/// `connection` is NULL or a `virConnectPtr` that is open.
pub(super) unsafe fn connection(
    connection: *mut c_void,
    uri: Option<&str>,
) -> Result<Option<LibvirtConnection>, nfm_error_t> {
    if connection.is_null() {
        return Ok(None);
    }
    if uri.is_some() {
        let words = "options: uri and connection are both set; the connection has its own URI";
        return Err(nfm_error_t::invalid(words));
    }
    // SAFETY: not NULL, so a connection by the caller's promise.
    Ok(Some(unsafe { LibvirtConnection::hold(connection) }?))
}

/// The libvirt whose domains are listed, and whether inactive ones are.
///
/// # Safety
/// As of [`read`]; the strings are NULL or NUL-terminated, the connection NULL or open.
pub(super) unsafe fn list(
    options: *const nfm_list_options_t,
) -> Result<(Libvirt, bool), nfm_error_t> {
    // SAFETY: as this function's.
    let options = unsafe { read(options) }?;
    zero(options.reserved)?;
    let inactive = flag("inactive", options.inactive)?;
    // SAFETY: NULL or a string, by the caller's promise.
    let uri = unsafe { optional_text(options.uri, "uri") }?;
    // SAFETY: NULL or a connection, by the caller's promise.
    let libvirt = match unsafe { connection(options.connection, uri) }? {
        Some(connection) => Libvirt::over(&connection),
        None => Libvirt::open(uri)?,
    };
    Ok((libvirt, inactive))
}

/// # Safety
/// As of [`read`]; the control is NULL or one.
pub(super) unsafe fn crawl(
    options: *const nfm_crawl_options_t,
) -> Result<CrawlOptions, nfm_error_t> {
    // SAFETY: as this function's.
    let options = unsafe { read(options) }?;
    let mut own = CrawlOptions::default();
    if options.sections != 0 {
        own.sections = sections::chosen(options.sections)?;
    }
    if options.time_limit_ns != 0 {
        own.time_limit = Duration::from_nanos(options.time_limit_ns);
    }
    if options.memory_limit != 0 {
        own.memory_limit = usize::try_from(options.memory_limit).unwrap_or(usize::MAX);
    }
    if options.row_limit != 0 {
        own.row_limit = usize::try_from(options.row_limit).unwrap_or(usize::MAX);
    }
    own.mode = match options.mode {
        mode if mode == nfm_mode_t::NFM_MODE_LIVE as u32 => Mode::Live,
        mode if mode == nfm_mode_t::NFM_MODE_PAUSED as u32 => Mode::Paused,
        mode => return Err(nfm_error_t::invalid(format!("options: there is no mode {mode}"))),
    };
    own.threads = flag("threads", options.threads)?;
    own.physical = flag("physical", options.physical)?;
    zero(options.reserved)?;
    // SAFETY: NULL or a control, by the caller's promise.
    own.control = unsafe { options.control.as_ref() }.map(nfm_control_t::own);
    Ok(own)
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;
    use crate::frame::Section;

    /// nfm_crawl_options_t as a later version could have it.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Newer {
        known: nfm_crawl_options_t,
        later: u64,
    }

    // SAFETY: integers and raw pointers.
    unsafe impl Options for Newer {
        const NAME: &str = "Newer";
        const SMALLEST: usize = nfm_crawl_options_t::SMALLEST;
    }

    fn given(options: nfm_crawl_options_t, later: u64) -> Result<CrawlOptions, nfm_error_t> {
        let newer = Newer { known: options, later };
        unsafe { crawl(ptr::from_ref(&newer).cast()) }
    }

    fn sized(size: usize) -> nfm_crawl_options_t {
        // SAFETY: integers and raw pointers.
        nfm_crawl_options_t { size, ..unsafe { MaybeUninit::zeroed().assume_init() } }
    }

    #[test]
    fn the_first_release_counts() {
        assert!(nfm_open_options_t::SMALLEST <= size_of::<nfm_open_options_t>());
        assert!(nfm_crawl_options_t::SMALLEST <= size_of::<nfm_crawl_options_t>());
    }

    #[test]
    fn none_or_zero_means_default() {
        let default = CrawlOptions::default();
        for own in [unsafe { crawl(ptr::null()) }, given(sized(size_of::<Newer>()), 0)] {
            let own = own.unwrap();
            assert_eq!(own.sections, default.sections);
            assert_eq!(own.time_limit, default.time_limit);
            assert_eq!(own.memory_limit, default.memory_limit);
            assert_eq!(own.row_limit, default.row_limit);
        }
        assert_eq!(unsafe { open(ptr::null()) }.unwrap().0.uri, None);
    }

    #[test]
    fn what_is_set_is_taken() {
        let mut options = sized(size_of::<nfm_crawl_options_t>());
        options.sections = sections::NFM_SECTION_OS | sections::NFM_SECTION_MODULES;
        options.time_limit_ns = 1_500_000_000;
        options.mode = nfm_mode_t::NFM_MODE_PAUSED as u32;
        options.threads = 1;
        options.memory_limit = 1 << 20;
        options.row_limit = 500;
        let own = given(options, 9).unwrap();
        assert_eq!(own.sections, [Section::Os, Section::Modules]);
        assert_eq!(own.time_limit, Duration::from_millis(1500));
        assert_eq!(own.mode, Mode::Paused);
        assert_eq!((own.threads, own.physical), (true, false));
        assert!(own.control.is_none());
        assert_eq!((own.memory_limit, own.row_limit), (1 << 20, 500));

        // SAFETY: NULL pointers, and numbers.
        let mut options: nfm_open_options_t = unsafe { std::mem::zeroed() };
        options.size = size_of::<nfm_open_options_t>();
        let (own, _) = unsafe { open(&options) }.unwrap();
        assert_eq!((own.symbols, own.types, own.debug_dir), (None, None, None));
        assert_eq!(own.cache, Cache::Default);

        options.uri = c"test:///default".as_ptr();
        options.symbols = c"/boot/System.map".as_ptr();
        options.types = c"/not \xff UTF-8".as_ptr();
        options.debug_dir = c"/debug".as_ptr();
        options.cache_dir = c"".as_ptr();
        options.time_limit_ns = 2_000_000_000;
        let (own, _) = unsafe { open(&options) }.unwrap();
        assert_eq!(own.uri.as_deref(), Some("test:///default"));
        assert_eq!(own.time_limit, Duration::from_secs(2));
        assert_eq!(own.symbols.as_deref(), Some("/boot/System.map".as_ref()));
        assert_eq!(own.types.unwrap().as_os_str().as_bytes(), b"/not \xff UTF-8");
        assert_eq!(own.debug_dir.as_deref(), Some("/debug".as_ref()));
        assert_eq!(own.cache, Cache::Off);
        options.cache_dir = c"/cache".as_ptr();
        assert_eq!(unsafe { open(&options) }.unwrap().0.cache, Cache::At("/cache".into()));
        options.types = c"".as_ptr();
        assert!(unsafe { open(&options) }.is_err());
        options.types = ptr::null();
        options.log_level = 6;
        assert!(unsafe { open(&options) }.is_err());
    }

    #[test]
    fn values_that_are_none() {
        type Change = fn(&mut nfm_crawl_options_t);
        let changes: [Change; 5] = [
            |options| options.sections = 1 << 63,
            |options| options.mode = 2,
            |options| options.threads = 2,
            |options| options.physical = u32::MAX,
            |options| options.reserved = 1,
        ];
        for change in changes {
            let mut options = sized(size_of::<nfm_crawl_options_t>());
            assert!(given(options, 0).is_ok());
            change(&mut options);
            assert!(given(options, 0).is_err());
        }
    }

    #[test]
    fn an_unknown_tail_must_be_zero() {
        assert!(given(sized(size_of::<Newer>()), 1).is_err());
    }

    #[test]
    fn an_older_caller_leaves_later_members_at_their_default() {
        let mut options = sized(size_of::<nfm_crawl_options_t>());
        options.sections = sections::NFM_SECTION_OS;
        let own = unsafe { read(ptr::from_ref(&options).cast::<Newer>()) }.ok().unwrap();
        assert_eq!((own.known.sections, own.later), (sections::NFM_SECTION_OS, 0));
    }

    #[test]
    fn sizes_that_are_none() {
        for size in [0, 1, nfm_crawl_options_t::SMALLEST - 1, LARGEST + 1, usize::MAX] {
            assert!(given(sized(size), 0).is_err(), "{size}");
        }
    }
}
