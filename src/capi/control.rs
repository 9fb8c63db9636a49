//! A hand on calls that run.

use std::ffi::c_int;

use super::error::nfm_error_t;
use super::{ffi, free, value};
use crate::control::Control;
use crate::frame::Section;

/// A hand on calls that run: through it any thread cancels them, and sees how far they are. It is given
/// with the options of nfm_open_domain() and nfm_crawl(), to one call or to many, also of several
/// domains. Any number of threads may use it at the same time.
pub struct nfm_control_t(Control);

const _: () = {
    const fn any_thread<T: Send + Sync>() {}
    any_thread::<nfm_control_t>();
};

impl nfm_control_t {
    pub(super) fn own(&self) -> Control {
        self.0.clone()
    }
}

/// Makes a control.
///
/// Parameters: out receives the control; error receives what went wrong, or is NULL.
/// Returns: NFM_OK; NFM_ERR_INVALID_ARGUMENT if out is NULL.
/// Errors: as returned.
/// Ownership: the caller's, to be ended with nfm_control_free().
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_control_new(
    out: *mut *mut nfm_control_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, || Ok(nfm_control_t(Control::default()))) }
}
symver!("NFM_0.1", nfm_control_new);

/// Cancels the calls that run with a control, and those that begin before nfm_control_reset(): they
/// return NFM_ERR_CANCELLED. Does not wait for that.
///
/// A call looks whenever it reads more of the guest's memory, so it ends within milliseconds; what
/// libvirt is asked is waited for. A guest that was suspended for the call is resumed first.
///
/// Parameters: control, or NULL, which does nothing.
/// Errors: none.
/// Ownership: control stays the caller's.
/// Threads: any number at the same time; also from a signal handler.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_control_cancel(control: *mut nfm_control_t) {
    // SAFETY: NULL or a control, by the caller's promise.
    if let Some(control) = unsafe { control.as_ref() } {
        control.0.cancel();
    }
}
symver!("NFM_0.1", nfm_control_cancel);

/// Lets calls with a control that was cancelled run again.
///
/// Parameters: control, or NULL, which does nothing.
/// Errors: none.
/// Ownership: control stays the caller's.
/// Threads: any number at the same time; also from a signal handler.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_control_reset(control: *mut nfm_control_t) {
    // SAFETY: NULL or a control, by the caller's promise.
    if let Some(control) = unsafe { control.as_ref() } {
        control.0.reset();
    }
}
symver!("NFM_0.1", nfm_control_reset);

/// Tells if a control was cancelled and not reset since.
///
/// Parameters: control, or NULL.
/// Returns: 1 if so, else 0; 0 for NULL.
/// Errors: none.
/// Ownership: control stays the caller's.
/// Threads: any number at the same time; also from a signal handler.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_control_is_cancelled(control: *const nfm_control_t) -> c_int {
    // SAFETY: NULL or a control, by the caller's promise.
    unsafe { control.as_ref() }.map_or(0, |control| c_int::from(control.0.is_cancelled()))
}
symver!("NFM_0.1", nfm_control_is_cancelled);

/// The section that a crawl with a control is at.
///
/// Parameters: control, or NULL.
/// Returns: one of NFM_SECTION_...; 0 while no crawl runs, and for NULL.
/// Errors: none.
/// Ownership: control stays the caller's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_control_section(control: *const nfm_control_t) -> u64 {
    // SAFETY: NULL or a control, by the caller's promise.
    value(None, || unsafe { control.as_ref() }?.0.section().map(Section::bit)).unwrap_or(0)
}
symver!("NFM_0.1", nfm_control_section);

/// Pages of guest memory that all calls with a control have read since it was made: while a call gets
/// on, the number rises.
///
/// Parameters: control, or NULL.
/// Returns: the number of pages; 0 for NULL.
/// Errors: none.
/// Ownership: control stays the caller's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_control_pages(control: *const nfm_control_t) -> u64 {
    // SAFETY: NULL or a control, by the caller's promise.
    unsafe { control.as_ref() }.map_or(0, |control| control.0.pages())
}
symver!("NFM_0.1", nfm_control_pages);

/// Frees a control. Calls that run with it run on, but can be cancelled no more.
///
/// Parameters: control, or NULL, which does nothing.
/// Errors: none. To free a control twice, or while it is used, is undefined.
/// Ownership: control is no more.
/// Threads: any, once no other uses the control itself.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_control_free(control: *mut nfm_control_t) {
    // SAFETY: NULL or a control that is freed this once, by the caller's promise.
    unsafe { free(control) };
}
symver!("NFM_0.1", nfm_control_free);
