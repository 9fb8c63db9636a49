//! The back end of libnfm for guests of Xen (`include/nfm-backend.h`, docs/backends.md).
//!
//! It maps the guest's frames into this process and copies from there. It links no library of Xen: those
//! of the hypervisor that runs are loaded when a guest is opened, see `library.rs`.
//!
//! This module is GPL-3.0-only, libnfm is not: they share nothing but that table of functions.

mod guest;
mod library;
mod mapped;
mod table;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use guest::Guest;
use table::{DENIED, Domain, FAILED, Failure, GONE, Memory, OK, State, Table, UNSUPPORTED};

/// Why something cannot be done, with what to do.
#[derive(Debug)]
enum Error {
    /// The caller may not.
    Denied(String),
    /// There is no such guest.
    Gone,
    /// A library or device that it needs is not there.
    Unsupported(String),
    /// Xen refused.
    Failed(String),
}

type Result<T, E = Error> = std::result::Result<T, E>;

static TABLE: Table = Table {
    size: size_of::<Table>(),
    name: concat!("nfm-xen ", env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast::<c_char>(),
    open,
    close,
    memory,
    read,
    state,
};

/// The table of functions.
#[unsafe(no_mangle)]
pub extern "C" fn nfm_backend_v1() -> *const Table {
    &TABLE
}

/// Opens a running domain.
unsafe extern "C" fn open(
    domain: *const Domain,
    guest: *mut *mut c_void,
    failure: *mut Failure,
) -> c_int {
    let result = caught(|| {
        // SAFETY: the caller promises a whole structure with strings that end with NUL.
        let (id, uuid) = unsafe { ((*domain).id, CStr::from_ptr((*domain).uuid)) };
        Guest::open(id, &uuid.to_string_lossy())
    });
    match result {
        Ok(opened) => {
            // SAFETY: the caller promises room for one pointer.
            unsafe { guest.write(Box::into_raw(Box::new(opened)).cast()) };
            OK
        }
        // SAFETY: the caller promises room for the reason.
        Err(error) => unsafe { report(&error, failure) },
    }
}

/// Ends a guest.
unsafe extern "C" fn close(guest: *mut c_void) {
    // SAFETY: it is what `open` gave, and the caller does not use it again.
    let guest = unsafe { Box::from_raw(guest.cast::<Guest>()) };
    let _ = caught(|| {
        drop(guest);
        Ok(())
    });
}

/// Tells what the memory is.
unsafe extern "C" fn memory(
    guest: *mut c_void,
    memory: *mut Memory,
    failure: *mut Failure,
) -> c_int {
    // SAFETY: it is what `open` gave, and the caller lets no two threads use it at once.
    let guest = unsafe { &mut *guest.cast::<Guest>() };
    match caught(|| guest.describe()) {
        // SAFETY: the caller promises a structure that begins with its size.
        Ok(facts) => unsafe { answer(memory, |size| Memory { size, ..facts }) },
        // SAFETY: the caller promises room for the reason.
        Err(error) => unsafe { report(&error, failure) },
    }
}

/// Copies pages.
unsafe extern "C" fn read(
    guest: *mut c_void,
    frames: *const u64,
    count: usize,
    pages: *mut c_void,
    read: *mut u8,
) {
    if count == 0 {
        return;
    }
    // SAFETY: the caller promises arrays of `count` entries that nothing else uses meanwhile, and a
    // guest that `open` gave, in no other thread's hands.
    let (guest, frames, pages, read) = unsafe {
        (
            &mut *guest.cast::<Guest>(),
            std::slice::from_raw_parts(frames, count),
            std::slice::from_raw_parts_mut(pages.cast::<mapped::Page>(), count),
            std::slice::from_raw_parts_mut(read, count),
        )
    };
    read.fill(0);
    let _ = caught(|| {
        guest.read(frames, pages, read);
        Ok(())
    });
}

/// Tells what Xen knows of the guest.
unsafe extern "C" fn state(guest: *mut c_void, state: *mut State) -> c_int {
    // SAFETY: it is what `open` gave, and the caller lets no two threads use it at once.
    let guest = unsafe { &mut *guest.cast::<Guest>() };
    match caught(|| guest.state()) {
        // SAFETY: the caller promises a structure that begins with its size.
        Ok(known) => unsafe { answer(state, |size| State { size, ..known }) },
        Err(error) => error.number(),
    }
}

/// Writes a structure where the caller wants it, with the size that the caller's has; one that has no room for it
/// is left alone.
unsafe fn answer<T>(place: *mut T, filled: impl FnOnce(usize) -> T) -> c_int {
    // SAFETY: every structure of the interface begins with its size, and the caller promises one.
    let size = unsafe { place.cast::<usize>().read() };
    if size < size_of::<T>() {
        return UNSUPPORTED;
    }
    // SAFETY: there is room for it, as its size says.
    unsafe { place.write(filled(size)) };
    OK
}

/// A panic is a bug; it must not leave the module.
fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::Failed("a bug in the back end: it panicked".to_owned())))
}

impl Error {
    fn number(&self) -> c_int {
        match self {
            Self::Denied(_) => DENIED,
            Self::Gone => GONE,
            Self::Unsupported(_) => UNSUPPORTED,
            Self::Failed(_) => FAILED,
        }
    }
}

/// Writes the reason where the caller wants it.
unsafe fn report(error: &Error, failure: *mut Failure) -> c_int {
    let text = match error {
        Error::Denied(text) | Error::Unsupported(text) | Error::Failed(text) => text.as_str(),
        Error::Gone => "Xen has no such domain",
    };
    // SAFETY: the caller promises a structure that begins with its size.
    if unsafe { (*failure).size } < size_of::<Failure>() {
        return error.number();
    }
    // SAFETY: there is room for it, as its size says.
    let message = unsafe { &mut (*failure).message };
    let most = message.len() - 1;
    let end = (0..=text.len().min(most)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    message[..end].copy_from_slice(&text.as_bytes()[..end]);
    message[end] = 0;
    error.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_left_alone() {
        let fill = |size| State {
            size,
            vcpu_time_ns: 1,
            resident_bytes: 2,
            swapped_bytes: 3,
            untouched_bytes: 4,
        };
        let mut state = State {
            size: size_of::<State>(),
            vcpu_time_ns: 0,
            resident_bytes: 0,
            swapped_bytes: 0,
            untouched_bytes: 0,
        };
        // SAFETY: it is a whole structure.
        assert_eq!(unsafe { answer(&mut state, fill) }, OK);
        assert_eq!((state.size, state.untouched_bytes), (size_of::<State>(), 4));
        state = State { size: size_of::<State>() - 8, untouched_bytes: 0, ..state };
        // SAFETY: as above.
        assert_eq!(unsafe { answer(&mut state, fill) }, UNSUPPORTED);
        assert_eq!(state.untouched_bytes, 0);

        let error = Error::Failed("words".to_owned());
        let mut failure = Failure { size: size_of::<Failure>(), message: [7; 500] };
        // SAFETY: as above.
        assert_eq!(unsafe { report(&error, &mut failure) }, error.number());
        assert!(failure.message.starts_with(b"words\0"));
        failure = Failure { size: 16, message: [7; 500] };
        // SAFETY: as above.
        assert_eq!(unsafe { report(&error, &mut failure) }, error.number());
        assert_eq!(failure.message, [7; 500]);
    }
}
