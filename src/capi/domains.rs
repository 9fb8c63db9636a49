//! The domains that libvirt knows.

use std::ffi::{c_char, c_int};

use super::error::nfm_error_t;
use super::options::{self, nfm_list_options_t};
use super::rows::{Fill, Lazy, Row, hand_out};
use super::{ffi, free};
use crate::resolve::{DomainState, DomainSummary, QemuGuestSummary, qemu_guests};

/// The domains at one time. It never changes, and all that its functions return belongs to it: any
/// number of threads may read it at the same time, until nfm_domain_list_free().
pub struct nfm_domain_list_t {
    domains: Vec<ListedDomain>,
    rows: Lazy<nfm_domain_info_t>,
}

const _: () = {
    const fn many_threads_read<T: Send + Sync>() {}
    many_threads_read::<nfm_domain_list_t>();
};

/// Bit of nfm_domain_info_t.known: id.
pub const NFM_DOMAIN_INFO_ID: u64 = 1u64 << 0;
/// Bit of nfm_domain_info_t.known: pid.
pub const NFM_DOMAIN_INFO_PID: u64 = 1u64 << 1;

/// One domain, as libvirt knows it.
#[repr(C)]
pub struct nfm_domain_info_t {
    /// Which members are known, NFM_DOMAIN_INFO_... combined; all but id and pid always are.
    pub known: u64,
    /// The domain's name; empty for a QEMU process that has none.
    pub name: *const c_char,
    /// Its UUID in the usual text form; empty for a QEMU process that has none.
    pub uuid: *const c_char,
    /// Its state now, as virsh domstate prints it: "running".
    pub state: *const c_char,
    /// libvirt's id; not known while the domain is not active.
    pub id: u32,
    /// Zero.
    pub reserved: u32,
    /// The id of its QEMU process on this host, for nfm_open_pid(); known of those that nfm_list_processes() gives.
    pub pid: u64,
}

/// A row of a list: libvirt's domain, and its process where that is known.
pub struct ListedDomain {
    domain: DomainSummary,
    pid: Option<u64>,
}

impl Row for nfm_domain_info_t {
    type Item = ListedDomain;

    fn of(ListedDomain { domain, pid }: &ListedDomain, fill: &mut Fill) -> Self {
        Self {
            name: fill.always(&domain.name),
            uuid: fill.always(&domain.uuid),
            state: fill.always(domain.state.name()),
            id: fill.value(NFM_DOMAIN_INFO_ID, domain.id),
            reserved: 0,
            pid: fill.value(NFM_DOMAIN_INFO_PID, *pid),
            known: fill.known(),
        }
    }
}

/// Lists the domains that libvirt knows, active ones first.
///
/// Parameters: options, or NULL for the defaults; out receives the list; error receives what went
/// wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT, NFM_ERR_CONNECT, NFM_ERR_PANIC, NFM_ERR_OTHER.
/// Ownership: the list is the caller's, to be ended with nfm_domain_list_free().
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_list_domains(
    options: *const nfm_list_options_t,
    out: *mut *mut nfm_domain_list_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let (libvirt, inactive) = unsafe { options::list(options) }?;
        let listed = libvirt.list(inactive)?.into_iter();
        let domains = listed.map(|domain| ListedDomain { domain, pid: None }).collect();
        Ok(nfm_domain_list_t { domains, rows: Lazy::default() })
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_list_domains);

/// Lists the QEMU processes of this host that run x86-64 guests, those in containers too, known to libvirt or not.
/// nfm_open_pid() opens one. libvirt is not asked, so that ids and states are not known.
///
/// Parameters: out receives the list, by process ids; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT, NFM_ERR_PANIC, NFM_ERR_OTHER.
/// Ownership: the list is the caller's, to be ended with nfm_domain_list_free().
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_list_processes(
    out: *mut *mut nfm_domain_list_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        let listed = |guest: QemuGuestSummary| ListedDomain {
            domain: DomainSummary {
                id: None,
                name: guest.name.unwrap_or_default(),
                uuid: guest.uuid.unwrap_or_default(),
                state: DomainState::Unknown,
            },
            pid: u64::try_from(guest.pid).ok(),
        };
        let domains = qemu_guests()?.into_iter().map(listed).collect();
        Ok(nfm_domain_list_t { domains, rows: Lazy::default() })
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_list_processes);

/// The domains of a list, by id, then by name.
///
/// Parameters: list; count receives the number of rows; stride receives the bytes from one row to the
/// next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if an argument is
/// NULL.
/// Errors: none.
/// Ownership: the list's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_domain_list_rows(
    list: *const nfm_domain_list_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_domain_info_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(list, count, stride, |list| list.rows.of(Some(&list.domains))) }
}
symver!("NFM_0.1", nfm_domain_list_rows);

/// Frees a list of domains, and with it its rows.
///
/// Parameters: list, or NULL, which does nothing.
/// Errors: none. To free a list twice, or while it is used, is undefined.
/// Ownership: list is no more.
/// Threads: any, once no other uses the list.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_domain_list_free(list: *mut nfm_domain_list_t) {
    // SAFETY: NULL or a list that is freed this once, by the caller's promise.
    unsafe { free(list) };
}
symver!("NFM_0.1", nfm_domain_list_free);
