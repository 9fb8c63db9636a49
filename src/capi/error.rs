//! Result codes and error objects.

use std::error::Error as _;
use std::ffi::{CStr, CString, c_char, c_int};

use super::{free, value};
use crate::error::{Error, ErrorCode, Retry};

/// The results of functions, as an int. Numbers are never reused; later versions add some, so treat a number that is
/// not listed as a failure.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_result_t {
    /// All went well.
    NFM_OK = 0,
    /// Something failed that has no code of its own (an input or output error, for example).
    NFM_ERR_OTHER = 1,
    /// An argument is not what the function takes.
    NFM_ERR_INVALID_ARGUMENT = 2,
    /// libvirt cannot be reached.
    NFM_ERR_CONNECT = 3,
    /// libvirt knows no such domain.
    NFM_ERR_NO_SUCH_DOMAIN = 4,
    /// The domain is known but not running.
    NFM_ERR_NOT_RUNNING = 5,
    /// The guest's memory may not be read with the caller's privileges.
    NFM_ERR_PERMISSION = 6,
    /// No operating system runs in the guest yet: it is in its firmware or boot loader.
    NFM_ERR_NOT_BOOTED = 7,
    /// The guest runs no Linux kernel that can be recognised.
    NFM_ERR_NOT_LINUX = 8,
    /// The kernel carries no BTF, so the layout of its structures is unknown.
    NFM_ERR_NO_TYPES = 9,
    /// The kernel's symbol table cannot be found in its memory.
    NFM_ERR_NO_SYMBOLS = 10,
    /// The hypervisor, the architecture or the kind of memory is one that nfm does not read.
    NFM_ERR_UNSUPPORTED = 11,
    /// The guest's RAM cannot be located in the hypervisor's process.
    NFM_ERR_NO_MEMORY = 12,
    /// The guest ended, or was replaced by another, while it was read.
    NFM_ERR_GONE = 13,
    /// A bug in nfm: a panic was caught, or was caught earlier with this handle. Close the handle.
    NFM_ERR_PANIC = 14,
    /// The call was cancelled through its nfm_control_t.
    NFM_ERR_CANCELLED = 15,
    /// A file is not there, may not be read or written, or is none that nfm can read.
    NFM_ERR_FILE = 16,
    /// A symbol file is of another kernel than the guest's.
    NFM_ERR_MISMATCH = 17,
    /// The process has no file descriptor left: close some domains, or raise its limit.
    NFM_ERR_DESCRIPTORS = 18,
    /// The guest's memory does not hold what was asked for: the guest may have it on its disk.
    NFM_ERR_NOT_IN_MEMORY = 19,
}

impl nfm_result_t {
    /// Every code of the Rust API has its own here.
    fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Other => Self::NFM_ERR_OTHER,
            ErrorCode::InvalidArgument => Self::NFM_ERR_INVALID_ARGUMENT,
            ErrorCode::Connect => Self::NFM_ERR_CONNECT,
            ErrorCode::NoSuchDomain => Self::NFM_ERR_NO_SUCH_DOMAIN,
            ErrorCode::NotRunning => Self::NFM_ERR_NOT_RUNNING,
            ErrorCode::Permission => Self::NFM_ERR_PERMISSION,
            ErrorCode::NotBooted => Self::NFM_ERR_NOT_BOOTED,
            ErrorCode::NotLinux => Self::NFM_ERR_NOT_LINUX,
            ErrorCode::NoTypes => Self::NFM_ERR_NO_TYPES,
            ErrorCode::NoSymbols => Self::NFM_ERR_NO_SYMBOLS,
            ErrorCode::Unsupported => Self::NFM_ERR_UNSUPPORTED,
            ErrorCode::NoMemory => Self::NFM_ERR_NO_MEMORY,
            ErrorCode::Gone => Self::NFM_ERR_GONE,
            ErrorCode::Panic => Self::NFM_ERR_PANIC,
            ErrorCode::Cancelled => Self::NFM_ERR_CANCELLED,
            ErrorCode::File => Self::NFM_ERR_FILE,
            ErrorCode::Mismatch => Self::NFM_ERR_MISMATCH,
            ErrorCode::Descriptors => Self::NFM_ERR_DESCRIPTORS,
            ErrorCode::NotInMemory => Self::NFM_ERR_NOT_IN_MEMORY,
        }
    }
}

/// The remedies after an error, as an int. Later versions may add some: treat one that is not listed as
/// NFM_RETRY_NEVER.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_retry_t {
    /// Nothing that the program could do: the same call fails again until somebody changes something.
    NFM_RETRY_NEVER = 0,
    /// The same call again after a while: what it failed of passes by itself.
    NFM_RETRY_LATER = 1,
    /// The domain is of no more use: close it, and open it anew.
    NFM_RETRY_REOPEN = 2,
}

/// Why a function failed. Made by the function that failed, freed with nfm_error_free(). It never
/// changes: any number of threads may read it.
#[derive(Debug)]
pub struct nfm_error_t {
    result: nfm_result_t,
    message: CString,
    errno: c_int,
    address: Option<u64>,
    retry: Retry,
}

impl nfm_error_t {
    fn new(code: ErrorCode, message: &str) -> Self {
        let (result, message) = (nfm_result_t::of(code), c_text(message));
        Self { result, message, errno: 0, address: None, retry: Retry::Never }
    }

    /// The same error, after which this helps.
    pub(super) fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    pub(super) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message.as_ref())
    }

    pub(super) fn other(message: &str) -> Self {
        Self::new(ErrorCode::Other, message)
    }

    pub(super) fn null(argument: &str) -> Self {
        Self::invalid(format!("{argument} is NULL"))
    }

    pub(super) fn panic(words: &str) -> Self {
        Self::new(ErrorCode::Panic, &format!("a bug in libnfm, please report it: {words}"))
            .with_retry(Retry::Reopen)
    }

    pub(super) fn code(&self) -> c_int {
        self.result as c_int
    }
}

impl From<Error> for nfm_error_t {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for nfm_error_t {
    fn from(error: &Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let words = cause.to_string();
            // Most messages quote their cause.
            if !message.contains(&words) {
                message = format!("{message}: {words}");
            }
            source = cause.source();
        }
        let (errno, retry) = (error.errno(), error.retry());
        Self { errno, retry, ..Self::new(error.code(), &message) }
    }
}

/// The text for C, with U+FFFD for NULs.
pub(super) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// The number of an error, one of nfm_result_t.
///
/// Parameters: error, or NULL.
/// Returns: the code that the function returned which made the error; NFM_OK for NULL.
/// Errors: none.
/// Ownership: error stays the caller's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_error_code(error: *const nfm_error_t) -> c_int {
    // SAFETY: NULL or an error, by the caller's promise.
    value(0, || unsafe { error.as_ref() }.map_or(0, nfm_error_t::code))
}
symver!("NFM_0.1", nfm_error_code);

/// The error in one sentence for a person, with its causes and what to do about it.
///
/// The wording is no part of the interface. It can contain names that come from the guest.
///
/// Parameters: error, or NULL.
/// Returns: UTF-8; "no error" for NULL; never NULL.
/// Errors: none.
/// Ownership: the error's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_error_message(error: *const nfm_error_t) -> *const c_char {
    let none = c"no error".as_ptr();
    // SAFETY: NULL or an error, by the caller's promise.
    value(none, || unsafe { error.as_ref() }.map_or(none, |error| error.message.as_ptr()))
}
symver!("NFM_0.1", nfm_error_message);

/// The system's error number behind an error.
///
/// Parameters: error, or NULL.
/// Returns: an errno value; 0 where there is none, and for NULL.
/// Errors: none.
/// Ownership: error stays the caller's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_error_errno(error: *const nfm_error_t) -> c_int {
    // SAFETY: NULL or an error, by the caller's promise.
    value(0, || unsafe { error.as_ref() }.map_or(0, |error| error.errno))
}
symver!("NFM_0.1", nfm_error_errno);

/// The guest-virtual address at which an error happened.
///
/// No error of version 0.1 has one: what cannot be read inside a guest is a problem of the frame, and
/// nfm_problem_t has the address. It is here for errors of later versions.
///
/// Parameters: error, or NULL; address receives it, where there is one, and may be NULL.
/// Returns: 1 where there is one (0 is an address like any other), else 0.
/// Errors: none.
/// Ownership: error stays the caller's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_error_address(error: *const nfm_error_t, address: *mut u64) -> c_int {
    // SAFETY: NULL or an error, by the caller's promise.
    let known = value(None, || unsafe { error.as_ref() }.and_then(|error| error.address));
    if let (Some(known), false) = (known, address.is_null()) {
        // SAFETY: not NULL, so the caller may have it written.
        unsafe { address.write(known) };
    }
    c_int::from(known.is_some())
}
symver!("NFM_0.1", nfm_error_address);

/// Tells if the call that failed may succeed later, after the domain was opened anew, or not at all.
///
/// Parameters: error, or NULL.
/// Returns: one of nfm_retry_t; NFM_RETRY_NEVER for NULL.
/// Errors: none.
/// Ownership: error stays the caller's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_error_retry(error: *const nfm_error_t) -> c_int {
    let never = nfm_retry_t::NFM_RETRY_NEVER;
    // SAFETY: NULL or an error, by the caller's promise.
    let retry = value(never, || {
        unsafe { error.as_ref() }.map_or(never, |error| match error.retry {
            Retry::Never => never,
            Retry::Later => nfm_retry_t::NFM_RETRY_LATER,
            Retry::Reopen => nfm_retry_t::NFM_RETRY_REOPEN,
        })
    });
    retry as c_int
}
symver!("NFM_0.1", nfm_error_retry);

/// Frees an error, and with it the message that nfm_error_message() gave.
///
/// Parameters: error, or NULL, which does nothing.
/// Errors: none. To free an error twice, or while it is read, is undefined.
/// Ownership: error is no more.
/// Threads: any, once no other uses the error.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_error_free(error: *mut nfm_error_t) {
    // SAFETY: NULL or an error that is freed this once, by the caller's promise.
    unsafe { free(error) };
}
symver!("NFM_0.1", nfm_error_free);

/// The name of a result, as in this header: "NFM_ERR_NO_SUCH_DOMAIN".
///
/// Parameters: result, what a function returned.
/// Returns: a static string; "NFM_ERR_?" for a number without a name; never NULL.
/// Errors: none.
/// Ownership: the library's, as long as it is loaded.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn nfm_result_name(result: c_int) -> *const c_char {
    name(result).as_ptr()
}
symver!("NFM_0.1", nfm_result_name);

fn name(result: c_int) -> &'static CStr {
    match result {
        0 => c"NFM_OK",
        1 => c"NFM_ERR_OTHER",
        2 => c"NFM_ERR_INVALID_ARGUMENT",
        3 => c"NFM_ERR_CONNECT",
        4 => c"NFM_ERR_NO_SUCH_DOMAIN",
        5 => c"NFM_ERR_NOT_RUNNING",
        6 => c"NFM_ERR_PERMISSION",
        7 => c"NFM_ERR_NOT_BOOTED",
        8 => c"NFM_ERR_NOT_LINUX",
        9 => c"NFM_ERR_NO_TYPES",
        10 => c"NFM_ERR_NO_SYMBOLS",
        11 => c"NFM_ERR_UNSUPPORTED",
        12 => c"NFM_ERR_NO_MEMORY",
        13 => c"NFM_ERR_GONE",
        14 => c"NFM_ERR_PANIC",
        15 => c"NFM_ERR_CANCELLED",
        16 => c"NFM_ERR_FILE",
        17 => c"NFM_ERR_MISMATCH",
        18 => c"NFM_ERR_DESCRIPTORS",
        19 => c"NFM_ERR_NOT_IN_MEMORY",
        _ => c"NFM_ERR_?",
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::ptr;

    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_rust_api() {
        let codes = [
            ErrorCode::Other,
            ErrorCode::InvalidArgument,
            ErrorCode::Connect,
            ErrorCode::NoSuchDomain,
            ErrorCode::NotRunning,
            ErrorCode::Permission,
            ErrorCode::NotBooted,
            ErrorCode::NotLinux,
            ErrorCode::NoTypes,
            ErrorCode::NoSymbols,
            ErrorCode::Unsupported,
            ErrorCode::NoMemory,
            ErrorCode::Gone,
            ErrorCode::Panic,
            ErrorCode::Cancelled,
            ErrorCode::File,
            ErrorCode::Mismatch,
            ErrorCode::Descriptors,
            ErrorCode::NotInMemory,
        ];
        for code in codes {
            assert_eq!(nfm_result_t::of(code) as c_int, code as c_int);
            assert_eq!(name(code as c_int).to_str(), Ok(code.name()));
            assert_eq!(format!("{:?}", nfm_result_t::of(code)), code.name());
        }
        assert_eq!(name(codes.len() as c_int + 1), c"NFM_ERR_?", "a code is missing in this test");
        assert_eq!(name(nfm_result_t::NFM_OK as c_int), c"NFM_OK");
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = Error::io("opening /proc/1/mem", io::Error::from_raw_os_error(13));
        let error = nfm_error_t::from(error);
        assert_eq!(error.errno, 13);
        assert_eq!(error.message.to_str().unwrap().matches("Permission denied").count(), 1);
    }

    #[test]
    fn it_is_told_what_helps() {
        let told = |error: nfm_error_t| unsafe { nfm_error_retry(&error) };
        assert_eq!(told(nfm_error_t::null("out")), nfm_retry_t::NFM_RETRY_NEVER as c_int);
        let descriptors = Error::Descriptors { limit: None };
        assert_eq!(told(descriptors.into()), nfm_retry_t::NFM_RETRY_LATER as c_int);
        let gone = Error::Gone { domain: "web".to_owned() };
        assert_eq!(told(gone.into()), nfm_retry_t::NFM_RETRY_REOPEN as c_int);
        assert_eq!(told(nfm_error_t::panic("")), nfm_retry_t::NFM_RETRY_REOPEN as c_int);
    }

    #[test]
    fn an_address_may_be_missing() {
        let mut address = 7;
        let mut error = nfm_error_t::null("out");
        assert_eq!(unsafe { nfm_error_address(&error, &mut address) }, 0);
        assert_eq!(address, 7);
        error.address = Some(0);
        assert_eq!(unsafe { nfm_error_address(&error, &mut address) }, 1);
        assert_eq!(address, 0);
        assert_eq!(unsafe { nfm_error_address(&error, ptr::null_mut()) }, 1);
    }

    #[test]
    fn no_error_at_all() {
        assert_eq!(unsafe { nfm_error_code(ptr::null()) }, 0);
        assert_eq!(unsafe { nfm_error_errno(ptr::null()) }, 0);
        assert_eq!(unsafe { nfm_error_retry(ptr::null()) }, 0);
        assert_eq!(unsafe { nfm_error_address(ptr::null(), ptr::null_mut()) }, 0);
        assert_eq!(unsafe { CStr::from_ptr(nfm_error_message(ptr::null())) }, c"no error");
        unsafe { nfm_error_free(ptr::null_mut()) };
    }
}
