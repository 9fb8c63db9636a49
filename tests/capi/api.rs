//! The two APIs behind one trait, so that one suite tests both: the Rust one, and the C one through the
//! shared library, which is loaded as any other language's binding would load it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::time::Duration;

use nfm::{Control, CrawlOptions, Domain, Libvirt, Mode, OpenOptions, Section};
use serde_json::Value;

use lab::programs::library;

/// A value, or the number and the words of an error.
pub type Outcome<T> = Result<T, (i32, String)>;

/// The parts of a frame that are wanted.
#[derive(Clone, Default)]
pub struct Wanted {
    /// None: the default ones.
    pub sections: Vec<Section>,
    pub time_limit: Option<Duration>,
    pub paused: bool,
    pub threads: bool,
    pub physical: bool,
    pub cancelled: bool,
}

pub trait Api {
    fn name(&self) -> &'static str;
    fn version(&self) -> String;
    /// Opens a domain, with a control that is cancelled if so wanted.
    fn open(&self, uri: &str, domain: &str, cancelled: bool) -> Outcome<Box<dyn Opened>>;
    /// The domains' names and states.
    fn list(&self, uri: &str, inactive: bool) -> Outcome<Vec<(String, String)>>;
}

pub trait Opened {
    /// A frame, as its JSON.
    fn crawl(&mut self, wanted: &Wanted) -> Outcome<Value>;
}

pub struct RustApi;

fn failed(error: nfm::Error) -> (i32, String) {
    (error.code() as i32, error.to_string())
}

impl Api for RustApi {
    fn name(&self) -> &'static str {
        "Rust"
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn open(&self, uri: &str, domain: &str, cancelled: bool) -> Outcome<Box<dyn Opened>> {
        let mut options = OpenOptions::default();
        options.uri = Some(uri.to_owned());
        options.control = Some(control(cancelled));
        let opened = Domain::open(domain, &options).map_err(failed)?;
        Ok(Box::new(opened))
    }

    fn list(&self, uri: &str, inactive: bool) -> Outcome<Vec<(String, String)>> {
        let list = Libvirt::open(Some(uri)).and_then(|libvirt| libvirt.list(inactive));
        let row = |one: nfm::DomainSummary| (one.name, one.state.name().to_owned());
        Ok(list.map_err(failed)?.into_iter().map(row).collect())
    }
}

fn control(cancelled: bool) -> Control {
    let control = Control::default();
    if cancelled {
        control.cancel();
    }
    control
}

impl Opened for Domain {
    fn crawl(&mut self, wanted: &Wanted) -> Outcome<Value> {
        let mut options = CrawlOptions::default();
        if !wanted.sections.is_empty() {
            options.sections = wanted.sections.clone();
        }
        options.time_limit = wanted.time_limit.unwrap_or(options.time_limit);
        options.mode = if wanted.paused { Mode::Paused } else { Mode::Live };
        options.threads = wanted.threads;
        options.physical = wanted.physical;
        options.control = Some(control(wanted.cancelled));
        let frame = Domain::crawl(self, &options).map_err(failed)?;
        Ok(serde_json::from_str(&frame.to_json()).unwrap())
    }
}

/// The library, and what it exports.
#[derive(Clone, Copy)]
pub struct CApi(*mut c_void);

#[repr(C)]
struct OpenOptionsT {
    size: usize,
    uri: *const c_char,
    control: *mut c_void,
}

#[repr(C)]
struct ListOptionsT {
    size: usize,
    uri: *const c_char,
    inactive: u32,
    reserved: u32,
}

#[repr(C)]
struct CrawlOptionsT {
    size: usize,
    sections: u64,
    time_limit_ns: u64,
    mode: u32,
    threads: u32,
    physical: u32,
    reserved: u32,
    control: *mut c_void,
}

#[repr(C)]
struct DomainInfoT {
    known: u64,
    name: *const c_char,
    uuid: *const c_char,
    state: *const c_char,
}

type Out = *mut *mut c_void;
type Version = unsafe extern "C" fn() -> *const c_char;
type Open = unsafe extern "C" fn(*const c_char, *const OpenOptionsT, Out, Out) -> c_int;
type List = unsafe extern "C" fn(*const ListOptionsT, Out, Out) -> c_int;
type ListRows = unsafe extern "C" fn(*mut c_void, *mut usize, *mut usize) -> *const DomainInfoT;
type Crawl = unsafe extern "C" fn(*mut c_void, *const CrawlOptionsT, Out, Out) -> c_int;
type ToJson = unsafe extern "C" fn(*mut c_void, u32) -> *const c_char;
type New = unsafe extern "C" fn(Out, Out) -> c_int;
type Give = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type End = unsafe extern "C" fn(*mut c_void);

impl CApi {
    pub fn load() -> Self {
        let path = CString::new(library().as_os_str().as_bytes()).unwrap();
        // SAFETY: a path; the library's initialisation does nothing.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!library.is_null(), "{} cannot be loaded", library_name());
        Self(library)
    }

    /// An export, as a function of this type.
    ///
    /// # Safety
    /// It has this type.
    unsafe fn export<F: Copy>(self, name: &CStr) -> F {
        // SAFETY: the library is open, and the name a string.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!symbol.is_null(), "{name:?} is not exported");
        assert_eq!(size_of::<F>(), size_of_val(&symbol));
        // SAFETY: by the caller's promise.
        unsafe { std::mem::transmute_copy(&symbol) }
    }

    /// Runs a function that gives a handle.
    fn make(self, call: impl FnOnce(Out, Out) -> c_int) -> Outcome<*mut c_void> {
        let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
        let code = call(&mut out, &mut error);
        if code == 0 {
            assert!(error.is_null() && !out.is_null());
            return Ok(out);
        }
        assert!(out.is_null() && !error.is_null());
        // SAFETY: the types are those of the header, the error is ours.
        unsafe {
            let words = text(self.export::<Give>(c"nfm_error_message")(error));
            self.export::<End>(c"nfm_error_free")(error);
            Err((code, words))
        }
    }

    fn control(self, cancelled: bool) -> *mut c_void {
        // SAFETY: the types are those of the header.
        unsafe {
            let new: New = self.export(c"nfm_control_new");
            let control = self.make(|out, error| new(out, error)).unwrap();
            if cancelled {
                self.export::<End>(c"nfm_control_cancel")(control);
            }
            control
        }
    }

    fn end(self, function: &CStr, handle: *mut c_void) {
        // SAFETY: the caller names the function of the handle's type, and ends it once.
        unsafe { self.export::<End>(function)(handle) };
    }
}

fn library_name() -> String {
    library().display().to_string()
}

fn text(pointer: *const c_char) -> String {
    assert!(!pointer.is_null());
    // SAFETY: a string of the library's.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned()
}

impl Api for CApi {
    fn name(&self) -> &'static str {
        "C"
    }

    fn version(&self) -> String {
        // SAFETY: the type is that of the header.
        text(unsafe { self.export::<Version>(c"nfm_version")() })
    }

    fn open(&self, uri: &str, domain: &str, cancelled: bool) -> Outcome<Box<dyn Opened>> {
        let (uri, domain) = (CString::new(uri).unwrap(), CString::new(domain).unwrap());
        let control = self.control(cancelled);
        let options = OpenOptionsT { size: size_of::<OpenOptionsT>(), uri: uri.as_ptr(), control };
        // SAFETY: the type is that of the header.
        let open: Open = unsafe { self.export(c"nfm_open_domain") };
        // SAFETY: what the pointers lead to outlives the call.
        let made = self.make(|out, error| unsafe { open(domain.as_ptr(), &options, out, error) });
        self.end(c"nfm_control_free", control);
        Ok(Box::new(CDomain { api: *self, domain: made? }))
    }

    fn list(&self, uri: &str, inactive: bool) -> Outcome<Vec<(String, String)>> {
        let uri = CString::new(uri).unwrap();
        let options = ListOptionsT {
            size: size_of::<ListOptionsT>(),
            uri: uri.as_ptr(),
            inactive: inactive.into(),
            reserved: 0,
        };
        // SAFETY: the types are those of the header.
        let (list, rows): (List, ListRows) =
            unsafe { (self.export(c"nfm_list_domains"), self.export(c"nfm_domain_list_rows")) };
        // SAFETY: what the pointers lead to outlives the call.
        let made = self.make(|out, error| unsafe { list(&options, out, error) })?;
        let (mut count, mut stride) = (0, 0);
        // SAFETY: the list is there.
        let first = unsafe { rows(made, &mut count, &mut stride) };
        let row = |index| {
            // SAFETY: below the count, at the stride that the library tells.
            let row = unsafe { &*first.byte_add(index * stride) };
            (text(row.name), text(row.state))
        };
        let domains = (0..count).map(row).collect();
        self.end(c"nfm_domain_list_free", made);
        Ok(domains)
    }
}

struct CDomain {
    api: CApi,
    domain: *mut c_void,
}

impl Opened for CDomain {
    fn crawl(&mut self, wanted: &Wanted) -> Outcome<Value> {
        // In the order of the header's NFM_SECTION_...
        let bit = |section| 1 << Section::ALL.iter().position(|one| one == section).unwrap();
        let control = self.api.control(wanted.cancelled);
        let options = CrawlOptionsT {
            size: size_of::<CrawlOptionsT>(),
            sections: wanted.sections.iter().map(bit).sum(),
            time_limit_ns: wanted.time_limit.map_or(0, |limit| limit.as_nanos() as u64),
            mode: wanted.paused.into(),
            threads: wanted.threads.into(),
            physical: wanted.physical.into(),
            reserved: 0,
            control,
        };
        // SAFETY: the types are those of the header.
        let (crawl, to_json): (Crawl, ToJson) =
            unsafe { (self.api.export(c"nfm_crawl"), self.api.export(c"nfm_frame_to_json")) };
        // SAFETY: what the pointers lead to outlives the call.
        let frame = self.api.make(|out, error| unsafe { crawl(self.domain, &options, out, error) });
        self.api.end(c"nfm_control_free", control);
        let frame = frame?;
        // SAFETY: the frame is there.
        let json = text(unsafe { to_json(frame, 0) });
        self.api.end(c"nfm_frame_free", frame);
        Ok(serde_json::from_str(&json).unwrap())
    }
}

impl Drop for CDomain {
    fn drop(&mut self) {
        self.api.end(c"nfm_close_domain", self.domain);
    }
}
