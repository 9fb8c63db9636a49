//! The C ABI: thin shims over the Rust API, from which `build.rs` makes `include/nfm.h`.
//!
//! Each export goes through [`ffi`], [`status`], [`value`] or [`free`]: they check the pointers to outputs, catch
//! panics and map errors. The documentation comments here are the header's.
//!
//! Nothing that a release has published ever changes: numbers, bits, names, and the order of a structure's members.
//! Structures grow at their end.

#![allow(non_camel_case_types)]

/// Gives an export the version of the release that brought it, of those in `nfm.map`. The function must be
/// in the same module, so that the compiler puts both into one object file.
///
/// Nothing where no linker is at hand that can do it (see build.rs), and in the static library: a shared
/// library that it is linked into has no such version.
macro_rules! symver {
    ($version:literal, $name:ident) => {
        #[cfg(nfm_symver)]
        std::arch::global_asm!(concat!(
            ".symver ",
            stringify!($name),
            ", ",
            stringify!($name),
            "@@",
            $version,
            ", remove"
        ));
    };
}

mod arrow;
mod control;
mod diff;
mod domain;
mod domains;
mod error;
mod files;
mod fleet;
mod frame;
mod logging;
mod members;
mod options;
mod rows;
mod sections;
mod version;

use std::any::Any;
use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use error::{nfm_error_t, nfm_result_t};

/// Runs what makes a handle, and gives it to the caller: writes `out` on success alone and `error` on
/// failure alone. A panic becomes `NFM_ERR_PANIC`.
///
/// # Safety
/// `out` and `error` are NULL or may be written.
unsafe fn ffi<T>(
    out: *mut *mut T,
    error: *mut *mut nfm_error_t,
    body: impl FnOnce() -> Result<T, nfm_error_t>,
) -> c_int {
    // SAFETY: as this function's.
    unsafe { optional(out, error, || body().map(Some)) }
}

/// Runs what makes a handle or finds that there is none, for which it writes NULL; else as [`ffi`].
///
/// # Safety
/// As of [`ffi`].
unsafe fn optional<T>(
    out: *mut *mut T,
    error: *mut *mut nfm_error_t,
    body: impl FnOnce() -> Result<Option<T>, nfm_error_t>,
) -> c_int {
    let made = caught(|| {
        if out.is_null() {
            return Err(nfm_error_t::null("out"));
        }
        Ok(body()?.map(Box::new))
    });
    let given = made.and_then(|made| made).map(|made| {
        // SAFETY: not NULL, so the caller may have it written.
        unsafe { out.write(made.map_or(std::ptr::null_mut(), Box::into_raw)) };
    });
    // SAFETY: as this function's.
    unsafe { result(error, given) }
}

/// Runs what can fail and gives nothing but a result. A panic becomes `NFM_ERR_PANIC`.
///
/// # Safety
/// `error` is NULL or may be written.
unsafe fn status(
    error: *mut *mut nfm_error_t,
    body: impl FnOnce() -> Result<(), nfm_error_t>,
) -> c_int {
    // SAFETY: as this function's.
    unsafe { result(error, caught(body).and_then(|done| done)) }
}

/// The number of a result; a failure is given to the caller.
///
/// # Safety
/// `error` is NULL or may be written.
unsafe fn result(error: *mut *mut nfm_error_t, result: Result<(), nfm_error_t>) -> c_int {
    let Err(failure) = result else { return nfm_result_t::NFM_OK as c_int };
    let code = failure.code();
    if !error.is_null() {
        // SAFETY: not NULL, so the caller may have it written.
        unsafe { error.write(Box::into_raw(Box::new(failure))) };
    }
    code
}

/// Runs what answers with a plain value; a panic becomes `fallback`.
fn value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    caught(body).unwrap_or(fallback)
}

/// Frees a handle; NULL is none.
///
/// # Safety
/// `handle` is NULL or came from [`ffi`] and was not freed.
unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: `ffi` made it from a box, and it is freed this once.
        value((), || drop(unsafe { Box::from_raw(handle) }));
    }
}

/// Runs `body`; a panic becomes an error. What the panic left half done may be seen again only behind
/// a lock that poisons ([`domain::nfm_domain_t`]).
fn caught<T>(body: impl FnOnce() -> T) -> Result<T, nfm_error_t> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| nfm_error_t::panic(&words(payload)))
}

fn words(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    match payload.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => {
            // Dropping what is not known could panic again.
            std::mem::forget(payload);
            "no message".to_owned()
        }
    }
}

/// A text argument that must be there.
///
/// # Safety
/// `pointer` is NULL or a NUL-terminated string that outlives the result.
unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, nfm_error_t> {
    // SAFETY: as this function's.
    unsafe { optional_text(pointer, name) }?.ok_or_else(|| nfm_error_t::null(name))
}

/// A path in the guest that must be there, and need not be UTF-8.
///
/// # Safety
/// As of [`text`].
unsafe fn guest_path<'a>(pointer: *const c_char) -> Result<&'a Path, nfm_error_t> {
    if pointer.is_null() {
        return Err(nfm_error_t::null("path"));
    }
    // SAFETY: not NULL, so a string by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// A text argument that may be NULL.
///
/// # Safety
/// As of [`text`].
unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>, nfm_error_t> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so a string by the caller's promise.
    let text = unsafe { CStr::from_ptr(pointer) };
    let text = text.to_str().map_err(|_| nfm_error_t::invalid(format!("{name} is not UTF-8")))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;
    use crate::ErrorCode;

    struct Handle(u32);

    // A panic that left it would abort the test.
    #[allow(improper_ctypes_definitions, reason = "no C calls it")]
    extern "C" fn make(
        out: *mut *mut Handle,
        error: *mut *mut nfm_error_t,
        body: fn() -> Result<Handle, nfm_error_t>,
    ) -> c_int {
        unsafe { ffi(out, error, body) }
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("it went off");
        }
    }

    fn message(error: *mut nfm_error_t) -> String {
        let text = unsafe { CStr::from_ptr(error::nfm_error_message(error)) };
        let text = text.to_str().unwrap().to_owned();
        unsafe { error::nfm_error_free(error) };
        text
    }

    #[test]
    fn success_writes_the_output_alone() {
        let (mut out, mut error) = (ptr::null_mut(), ptr::dangling_mut());
        let untouched = error;
        assert_eq!(make(&mut out, &mut error, || Ok(Handle(7))), 0);
        assert_eq!(unsafe { (*out).0 }, 7);
        assert_eq!(error, untouched);
        unsafe { free(out) };
    }

    #[test]
    fn failure_writes_the_error_alone() {
        let (mut out, mut error) = (ptr::dangling_mut(), ptr::null_mut());
        let untouched = out;
        let fail = || Err(nfm_error_t::invalid("no\0good"));
        assert_eq!(make(&mut out, &mut error, fail), ErrorCode::InvalidArgument as c_int);
        assert_eq!(out, untouched);
        assert_eq!(message(error), "no\u{fffd}good");
        assert_eq!(
            make(&mut out, ptr::null_mut(), fail),
            ErrorCode::InvalidArgument as c_int,
            "without anyone who wants the error"
        );
    }

    #[test]
    fn without_an_output_nothing_is_done() {
        let mut error = ptr::null_mut();
        let code = make(ptr::null_mut(), &mut error, || panic!("not to be called"));
        assert_eq!(code, ErrorCode::InvalidArgument as c_int);
        assert_eq!(message(error), "out is NULL");
    }

    #[test]
    fn a_panic_stays_inside() {
        let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
        let code = make(&mut out, &mut error, || panic!("at {}", 3));
        assert_eq!(code, ErrorCode::Panic as c_int);
        assert!(out.is_null());
        assert!(message(error).ends_with(": at 3"));

        let code = make(&mut out, &mut error, || std::panic::panic_any(Bomb));
        assert_eq!(code, ErrorCode::Panic as c_int);
        assert!(message(error).ends_with(": no message"));

        assert_eq!(value(5, || panic!("here too")), 5);
        unsafe { free(Box::into_raw(Box::new(Bomb))) };
    }

    #[test]
    fn text_arguments() {
        let read = |bytes: &'static [u8]| unsafe { text(bytes.as_ptr().cast(), "domain") };
        assert_eq!(read(b"web-1\0").ok(), Some("web-1"));
        assert_eq!(message_of(read(b"\xff\0")), "domain is not UTF-8");
        assert_eq!(message_of(unsafe { text(ptr::null(), "domain") }), "domain is NULL");
        assert_eq!(unsafe { optional_text(ptr::null(), "uri") }.ok(), Some(None));
    }

    fn message_of<T>(result: Result<T, nfm_error_t>) -> String {
        message(Box::into_raw(Box::new(result.err().unwrap())))
    }
}
