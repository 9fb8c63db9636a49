//! Options: structures that the caller fills and that may be older or newer than the library's.

use std::ffi::c_char;
use std::mem::{MaybeUninit, offset_of};
use std::time::Duration;

use super::error::nfm_error_t;
use super::{optional_text, sections};
use crate::domain::{CrawlOptions, OpenOptions};

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
    /// 0 for the default, 10 seconds.
    pub time_limit_ns: u64,
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

// SAFETY: integers and raw pointers.
unsafe impl Options for nfm_open_options_t {
    const NAME: &str = "nfm_open_options_t";
    const SMALLEST: usize = offset_of!(Self, uri) + size_of::<*const c_char>();
}

// SAFETY: integers.
unsafe impl Options for nfm_crawl_options_t {
    const NAME: &str = "nfm_crawl_options_t";
    const SMALLEST: usize = offset_of!(Self, time_limit_ns) + size_of::<u64>();
}

/// The options that a caller gave, in this library's size.
///
/// # Safety
/// `options` is NULL or begins with a size, and so many bytes may be read.
unsafe fn read<T: Options>(options: *const T) -> Result<T, nfm_error_t> {
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

/// # Safety
/// As of [`read`]; the strings are NULL or NUL-terminated.
pub(super) unsafe fn open(options: *const nfm_open_options_t) -> Result<OpenOptions, nfm_error_t> {
    // SAFETY: as this function's.
    let options = unsafe { read(options) }?;
    // SAFETY: NULL or a string, by the caller's promise.
    let uri = unsafe { optional_text(options.uri, "uri") }?;
    Ok(OpenOptions { uri: uri.map(str::to_owned), ..OpenOptions::default() })
}

/// # Safety
/// As of [`read`].
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
    Ok(own)
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;
    use crate::crawl::Section;

    /// What a later version could make of nfm_crawl_options_t.
    #[repr(C)]
    struct Newer {
        known: nfm_crawl_options_t,
        later: u64,
    }

    fn given(options: nfm_crawl_options_t, later: u64) -> Result<CrawlOptions, nfm_error_t> {
        let newer = Newer { known: options, later };
        unsafe { crawl(ptr::from_ref(&newer).cast()) }
    }

    fn sized(size: usize) -> nfm_crawl_options_t {
        nfm_crawl_options_t { size, sections: 0, time_limit_ns: 0 }
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
        }
        assert_eq!(unsafe { open(ptr::null()) }.unwrap().uri, None);
    }

    #[test]
    fn what_is_set_is_taken() {
        let mut options = sized(size_of::<nfm_crawl_options_t>());
        options.sections = sections::NFM_SECTION_OS | sections::NFM_SECTION_MODULES;
        options.time_limit_ns = 1_500_000_000;
        let own = given(options, 9).unwrap();
        assert_eq!(own.sections, [Section::Os, Section::Modules]);
        assert_eq!(own.time_limit, Duration::from_millis(1500));

        let uri = c"test:///default".as_ptr();
        let options = nfm_open_options_t { size: size_of::<nfm_open_options_t>(), uri };
        assert_eq!(unsafe { open(&options) }.unwrap().uri.as_deref(), Some("test:///default"));
    }

    #[test]
    fn an_unknown_tail_must_be_zero() {
        assert!(given(sized(size_of::<Newer>()), 1).is_err());
    }

    #[test]
    fn sizes_that_are_none() {
        for size in [0, 1, nfm_crawl_options_t::SMALLEST - 1, LARGEST + 1, usize::MAX] {
            assert!(given(sized(size), 0).is_err(), "{size}");
        }
    }
}
