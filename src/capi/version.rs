//! The library's version and what it can do.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::value;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// The features of this library, by names that are never reused for another meaning.
const FEATURES: [&CStr; 21] = [
    c"section-os",
    c"section-cpus",
    c"section-memory",
    c"section-processes",
    c"section-files",
    c"section-mappings",
    c"section-modules",
    c"section-interfaces",
    c"section-connections",
    c"section-mounts",
    c"section-log",
    c"section-host",
    c"section-integrity",
    c"section-routes",
    c"section-neighbours",
    c"threads",
    c"physical",
    c"paused",
    c"control",
    c"log-callback",
    c"qemu",
];

/// The names for C, and NULL after the last.
struct Names([*const c_char; FEATURES.len() + 1]);

// SAFETY: the pointers lead to constants.
unsafe impl Sync for Names {}

static NAMES: Names = {
    let mut names = [ptr::null(); FEATURES.len() + 1];
    let mut index = 0;
    while index < FEATURES.len() {
        #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            names[index] = FEATURES[index].as_ptr();
        }
        index += 1;
    }
    Names(names)
};

/// The version of the library that runs, where NFM_VERSION is that of the header compiled against.
///
/// Returns: a static string, "MAJOR.MINOR.PATCH".
/// Errors: none.
/// Ownership: the library's, as long as it is loaded.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn nfm_version() -> *const c_char {
    VERSION.as_ptr()
}
symver!("NFM_0.1", nfm_version);

/// Lists the features of the library that runs, for programs that are to run with older and newer ones.
///
/// Sections are "section-" and their JSON name. "threads", "physical", "paused" and "control" are
/// members of the options that have an effect; "log-callback" is nfm_set_log(); "qemu" is a hypervisor
/// whose guests can be read. A name never changes its meaning.
///
/// Returns: names, and NULL after the last.
/// Errors: none.
/// Ownership: the library's, as long as it is loaded.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn nfm_features() -> *const *const c_char {
    NAMES.0.as_ptr()
}
symver!("NFM_0.1", nfm_features);

/// Tells if the library that runs has a feature.
///
/// Parameters: feature, a name of nfm_features().
/// Returns: 1 if it has it; 0 if not, if there is no such name, and for NULL.
/// Errors: none.
/// Ownership: feature stays the caller's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_has_feature(feature: *const c_char) -> c_int {
    value(0, || {
        if feature.is_null() {
            return 0;
        }
        // SAFETY: not NULL, so a string by the caller's promise.
        let feature = unsafe { CStr::from_ptr(feature) };
        c_int::from(FEATURES.contains(&feature))
    })
}
symver!("NFM_0.1", nfm_has_feature);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Section;

    #[test]
    fn every_section_is_a_feature() {
        let names = Section::ALL.map(|section| format!("section-{}", section.name()));
        let features: Vec<_> = FEATURES.iter().map(|name| name.to_str().unwrap()).collect();
        assert_eq!(features[..names.len()], names);
    }

    #[test]
    fn the_list_ends() {
        let mut name = nfm_features();
        for feature in FEATURES {
            assert_eq!(unsafe { CStr::from_ptr(*name) }, feature);
            assert_eq!(unsafe { nfm_has_feature(*name) }, 1);
            name = unsafe { name.add(1) };
        }
        assert!(unsafe { *name }.is_null());
        assert_eq!(unsafe { nfm_has_feature(c"time-travel".as_ptr()) }, 0);
        assert_eq!(unsafe { nfm_has_feature(ptr::null()) }, 0);
    }
}
