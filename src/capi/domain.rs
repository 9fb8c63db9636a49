//! An open domain.

use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard, TryLockError};

use super::error::nfm_error_t;
use super::frame::nfm_frame_t;
use super::logging::HandleLog;
use super::options::{self, nfm_crawl_options_t, nfm_open_options_t};
use super::{ffi, free, text};
use crate::domain::{Domain, OpenOptions};
use crate::error::{Error, Retry};
use crate::resolve::{LibvirtConnection, QEMU_PREFIX};
use crate::this_process::Owner;

/// A domain that is open for crawling. One thread at a time may use it, and it may move between
/// threads; different domains may be used at the same time.
pub struct nfm_domain_t {
    domain: Mutex<Domain>,
    log: HandleLog,
    owner: Owner,
}

const _: () = {
    const fn moves_between_threads<T: Send + Sync>() {}
    moves_between_threads::<nfm_domain_t>();
};

impl nfm_domain_t {
    fn open(domain: &str, options: &OpenOptions, log: HandleLog) -> Result<Self, nfm_error_t> {
        let domain = Mutex::new(log.scope(|| Domain::open(domain, options))?);
        Ok(Self { domain, log, owner: Owner::this() })
    }
}

/// The domain, for the length of one call. A panic during that call poisons it.
fn enter<T>(domain: &Mutex<T>) -> Result<MutexGuard<'_, T>, nfm_error_t> {
    domain.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => nfm_error_t::invalid(
            "another thread is using this domain; let one at a time use it, or open it once more",
        )
        .with_retry(Retry::Later),
        TryLockError::Poisoned(_) => {
            nfm_error_t::panic("an earlier call on this domain panicked; close it")
        }
    })
}

/// Lets a domain be used for the length of one call.
///
/// # Safety
/// `domain` is NULL or an open domain.
pub(super) unsafe fn with_domain<T>(
    domain: *mut nfm_domain_t,
    act: impl FnOnce(&mut Domain) -> Result<T, nfm_error_t>,
) -> Result<T, nfm_error_t> {
    // SAFETY: as this function's.
    let domain = unsafe { domain.as_ref() }.ok_or_else(|| nfm_error_t::null("domain"))?;
    if !domain.owner.is_this() {
        // A thread that is not here may hold the lock for ever.
        return Err(Error::Forked.into());
    }
    let mut open = enter(&domain.domain)?;
    #[cfg(debug_assertions)]
    panic_on_request();
    domain.log.scope(|| act(&mut open))
}

/// A bug, for the test that shows what a caller sees of one. Only debug builds have it.
#[cfg(debug_assertions)]
#[allow(clippy::panic, reason = "it is what a test asks for")]
fn panic_on_request() {
    if std::env::var_os("NFM_TEST_PANIC").is_some() {
        panic!("NFM_TEST_PANIC asks for it");
    }
}

/// Opens a running domain: finds its process, its memory and its kernel. Nothing is asked of the
/// guest or the hypervisor, and libvirt is only read from.
///
/// Parameters: domain, its name, id or UUID as virsh takes them, in UTF-8, "qemu:PID" as nfm_open_pid() takes it, or
/// "file:PATH" for a file with a guest's memory ("file:///PATH" with % escapes); options, or NULL for the
/// defaults; out receives the domain; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT, NFM_ERR_CONNECT, NFM_ERR_NO_SUCH_DOMAIN, NFM_ERR_NOT_RUNNING,
/// NFM_ERR_PERMISSION, NFM_ERR_NOT_BOOTED, NFM_ERR_NOT_LINUX, NFM_ERR_NO_TYPES, NFM_ERR_NO_SYMBOLS,
/// NFM_ERR_UNSUPPORTED, NFM_ERR_NO_MEMORY, NFM_ERR_GONE, NFM_ERR_CANCELLED, NFM_ERR_FILE,
/// NFM_ERR_DESCRIPTORS, NFM_ERR_PANIC, NFM_ERR_OTHER. nfm_error_retry() tells which of them pass.
/// Ownership: the domain is the caller's, to be ended with nfm_close_domain().
/// Note: all domains of one URI share one connection to libvirt. Where none can be made for the first of
/// them, libvirt prints its own line to standard error, as it does for every program that has set no other
/// handler with virSetErrorFunc(). This library sets none: the handler belongs to the whole process.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_open_domain(
    domain: *const c_char,
    options: *const nfm_open_options_t,
    out: *mut *mut nfm_domain_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: each is NULL or valid, by the caller's promise.
        let (domain, (options, log)) =
            unsafe { (text(domain, "domain")?, options::open(options)?) };
        nfm_domain_t::open(domain, &options, log)
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_open_domain);

/// Opens the running domain that a program has from libvirt itself, over the connection that it belongs to: no other is
/// made (nfm_open_options_t.connection).
///
/// Parameters: vir_domain, a virDomainPtr, which may be freed after the call; options, or NULL for the defaults: uri
/// and connection are NULL there; out receives the domain; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: as of nfm_open_domain().
/// Ownership: the domain is the caller's, to be ended with nfm_close_domain(); vir_domain stays the caller's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_open_virdomain(
    vir_domain: *mut c_void,
    options: *const nfm_open_options_t,
    out: *mut *mut nfm_domain_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let (mut options, log) = unsafe { options::open(options) }?;
        if vir_domain.is_null() {
            return Err(nfm_error_t::null("vir_domain"));
        }
        if options.uri.is_some() || options.connection.is_some() {
            let words = "options: the domain has a connection; leave uri and connection NULL";
            return Err(nfm_error_t::invalid(words));
        }
        // SAFETY: not NULL, so a domain by the caller's promise.
        let (connection, uuid) = unsafe { LibvirtConnection::hold_domain(vir_domain) }?;
        options.connection = Some(connection);
        nfm_domain_t::open(&uuid, &options, log)
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_open_virdomain);

/// Opens the guest of a QEMU process of this host, which libvirt need not know: that of a QEMU by hand, of Proxmox, of
/// Incus, or in a container. nfm_list_processes() tells which there are.
///
/// Its name is that of QEMU's -name, else "qemu:PID". What only libvirt knows is not there: the state of the section
/// host; NFM_MODE_PAUSED; memory that is plugged in later.
///
/// Parameters: pid, the process's id as this process's host counts; options, or NULL for the defaults, of which uri and
/// connection are not used; out receives the domain; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: as of nfm_open_domain(); NFM_ERR_NO_SUCH_DOMAIN if the process is no QEMU that runs a guest.
/// Ownership: the domain is the caller's, to be ended with nfm_close_domain().
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_open_pid(
    pid: u64,
    options: *const nfm_open_options_t,
    out: *mut *mut nfm_domain_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let (options, log) = unsafe { options::open(options) }?;
        nfm_domain_t::open(&format!("{QEMU_PREFIX}{pid}"), &options, log)
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_open_pid);

/// Takes a frame: one snapshot of the guest, which runs on meanwhile.
///
/// A part of a living guest that cannot be read is no error: nfm_frame_info() says whether the frame is complete, and
/// nfm_frame_problems() what it lacks.
///
/// Parameters: domain; options, or NULL for the defaults; out receives the frame; error receives what
/// went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT (also when another thread is using the domain, and in a child by fork()
/// of the process that opened it); NFM_ERR_GONE, after which the domain is of no more use; NFM_ERR_NOT_BOOTED
/// while the guest is restarted, after which the domain serves again; NFM_ERR_CANCELLED, after which it is as
/// before; NFM_ERR_PANIC, after which all calls with this domain but nfm_close_domain() return the same;
/// NFM_ERR_DESCRIPTORS; NFM_ERR_CONNECT and NFM_ERR_OTHER, for NFM_MODE_PAUSED and where libvirt refuses.
/// Ownership: the frame is the caller's, to be ended with nfm_frame_free(); it may outlive the domain.
/// Threads: one at a time for each domain.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_crawl(
    domain: *mut nfm_domain_t,
    options: *const nfm_crawl_options_t,
    out: *mut *mut nfm_frame_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let options = unsafe { options::crawl(options) };
        // SAFETY: NULL or an open domain, by the caller's promise.
        unsafe { with_domain(domain, |domain| Ok(nfm_frame_t::new(domain.crawl(&options?)?))) }
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_crawl);

/// Closes a domain. Frames that were taken of it stay.
///
/// In a child by fork() of the process that opened it, it frees what the child has of it alone.
///
/// Parameters: domain, or NULL, which does nothing.
/// Errors: none. To close a domain twice, or while it is used, is undefined.
/// Ownership: domain is no more.
/// Threads: any, once no other uses the domain.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_close_domain(domain: *mut nfm_domain_t) {
    // SAFETY: NULL or an open domain that is closed this once, by the caller's promise.
    unsafe { free(domain) };
}
symver!("NFM_0.1", nfm_close_domain);

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;
    use crate::ErrorCode;

    fn count(domain: &Mutex<u32>, fail: bool) -> c_int {
        let mut out: *mut u32 = ptr::null_mut();
        let body = || {
            let mut domain = enter(domain)?;
            *domain += 1;
            if fail {
                panic!("half way");
            }
            Ok(*domain)
        };
        let code = unsafe { ffi(&mut out, ptr::null_mut(), body) };
        unsafe { free(out) };
        code
    }

    #[test]
    fn a_panic_poisons_the_domain() {
        let domain = Mutex::new(0);
        assert_eq!(count(&domain, false), 0);
        assert_eq!(count(&domain, true), ErrorCode::Panic as c_int);
        assert_eq!(count(&domain, false), ErrorCode::Panic as c_int);
        assert!(domain.is_poisoned());
        unsafe { free(Box::into_raw(Box::new(domain))) };
    }

    #[test]
    fn two_threads_do_not_share_it() {
        let domain = Mutex::new(0);
        let inside = enter(&domain).unwrap();
        assert_eq!(count(&domain, false), ErrorCode::InvalidArgument as c_int);
        drop(inside);
        assert_eq!(count(&domain, false), 0);
    }
}
