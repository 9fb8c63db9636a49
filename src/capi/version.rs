//! The library's version.

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// The version of the library that runs, where NFM_VERSION is that of the header compiled against.
///
/// Returns: a static string, "MAJOR.MINOR.PATCH".
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn nfm_version() -> *const c_char {
    VERSION.as_ptr()
}
