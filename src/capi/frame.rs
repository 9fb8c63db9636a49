//! A frame: its head, its problems, its JSON.

use std::ffi::{CString, c_char, c_int};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::{ptr, slice};

use super::error::{c_text, nfm_error_t};
use super::rows::{Fill, LazyRows, Row, hand_out, hand_out_one};
use super::{ffi, free, sections, value};
use crate::frame::{Frame, Problem, Section};

/// One snapshot of one guest. It never changes, and all that its functions return belongs to it: any
/// number of threads may read it at the same time, until nfm_frame_free().
pub struct nfm_frame_t(Arc<SharedFrame>);

/// A frame and what was made of it so far: all handles of one frame have it in common, and so have the differences
/// that lead to its rows.
pub struct SharedFrame {
    pub(super) frame: Frame,
    /// Its rows, of each kind that was asked for. A section has one kind, which stands in a file of `rows/`.
    pub(super) rows: LazyRows,
    json: OnceLock<CString>,
    pretty_json: OnceLock<CString>,
}

/// Kinds of rows beside those of sections: the head and the problems.
const OWN_KINDS: usize = 2;

const _: () = {
    const fn many_threads_read<T: Send + Sync>() {}
    many_threads_read::<nfm_frame_t>();
};

impl nfm_frame_t {
    pub(super) fn new(frame: Frame) -> Self {
        Self(Arc::new(SharedFrame {
            frame,
            rows: LazyRows::new(Section::ALL.len() + OWN_KINDS),
            json: OnceLock::new(),
            pretty_json: OnceLock::new(),
        }))
    }

    /// Another handle of the same frame.
    pub(super) fn another(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// The part that the handles of this frame have in common.
    pub(super) fn shared(&self) -> &Arc<SharedFrame> {
        &self.0
    }
}

impl Deref for nfm_frame_t {
    type Target = SharedFrame;

    fn deref(&self) -> &SharedFrame {
        &self.0
    }
}

/// Bit of nfm_frame_info_t.known: incomplete_sections.
pub const NFM_FRAME_INFO_INCOMPLETE_SECTIONS: u64 = 1u64 << 0;

/// The head of a frame.
#[repr(C)]
pub struct nfm_frame_info_t {
    /// Which of the members that later versions add are known; the ones here always are.
    pub known: u64,
    /// The sections that the frame holds, NFM_SECTION_... combined.
    pub sections: u64,
    /// Counts the frames of one domain handle, from 1.
    pub seq: u64,
    /// When the guest was so, nanoseconds since 1970: the host's clock when the crawl began, or, of a
    /// guest read from a file, when its memory was written there.
    pub time_ns: u64,
    /// How long the crawl took, nanoseconds.
    pub duration_ns: u64,
    /// libvirt's name of the domain.
    pub domain_name: *const c_char,
    /// The domain's UUID in the usual text form; NULL where none is known (a file may not tell).
    pub domain_uuid: *const c_char,
    /// The hypervisor driver, in lower case: "qemu"; "file" for a guest that is read from a file.
    pub hypervisor: *const c_char,
    /// How the frame was taken: "live", the guest ran on; "paused", it was suspended meanwhile.
    pub mode: *const c_char,
    /// Walks that were begun anew because they met a change.
    pub retries: u32,
    /// 1 if every section is whole, 0 if there are problems.
    pub complete: u32,
    /// The sections that the frame holds and that are not whole, NFM_SECTION_... combined: a row that one of them lacks
    /// may have been there.
    pub incomplete_sections: u64,
}

impl Row for nfm_frame_info_t {
    type Item = Frame;

    fn of(frame: &Frame, fill: &mut Fill) -> Self {
        let held = Section::ALL.into_iter().filter(|section| frame.has(*section));
        let broken = held.filter(|section| !frame.is_whole(*section));
        let incomplete = broken.fold(0, |mask, section| mask | section.bit());
        Self {
            sections: sections::held(frame),
            seq: frame.seq,
            time_ns: frame.time_ns,
            duration_ns: frame.duration_ns,
            domain_name: fill.always(&frame.domain.name),
            domain_uuid: fill.text(0, frame.domain.uuid.as_deref()),
            hypervisor: fill.always(&frame.domain.hypervisor),
            mode: fill.always(&frame.consistency.mode),
            retries: frame.consistency.retries,
            complete: u32::from(frame.consistency.complete),
            incomplete_sections: fill.value(NFM_FRAME_INFO_INCOMPLETE_SECTIONS, Some(incomplete)),
            known: fill.known(),
        }
    }
}

/// Bit of nfm_problem_t.known: address.
pub const NFM_PROBLEM_ADDRESS: u64 = 1u64 << 0;

/// Bit of nfm_problem_t.known: section_bit.
pub const NFM_PROBLEM_SECTION_BIT: u64 = 1u64 << 1;

/// Something that a frame lacks.
#[repr(C)]
pub struct nfm_problem_t {
    /// Which members are known, NFM_PROBLEM_... combined; section and reason always are.
    pub known: u64,
    /// The guest-virtual address at which it happened.
    pub address: u64,
    /// The section's name, as in JSON: "processes".
    pub section: *const c_char,
    /// One sentence for a person on what happened.
    pub reason: *const c_char,
    /// The section's bit, one of NFM_SECTION_...
    pub section_bit: u64,
}

impl Row for nfm_problem_t {
    type Item = Problem;

    fn of(problem: &Problem, fill: &mut Fill) -> Self {
        let section = Section::from_name(&problem.section);
        Self {
            address: fill.value(NFM_PROBLEM_ADDRESS, problem.address),
            section: fill.always(&problem.section),
            reason: fill.always(&problem.reason),
            section_bit: fill.value(NFM_PROBLEM_SECTION_BIT, section.map(Section::bit)),
            known: fill.known(),
        }
    }
}

/// Flag of nfm_frame_to_json(): indented, for people.
pub const NFM_JSON_PRETTY: u32 = 1u32 << 0;

/// The head of a frame: whose it is, when it was taken, what it holds, whether it is complete.
///
/// Parameters: frame.
/// Returns: the head; NULL only if frame is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_info(frame: *const nfm_frame_t) -> *const nfm_frame_info_t {
    // SAFETY: NULL or a frame, by the caller's promise.
    unsafe { hand_out_one(frame, |frame| frame.rows.of(Some(slice::from_ref(&frame.frame)))) }
}
symver!("NFM_0.1", nfm_frame_info);

/// The problems of a frame, each something that it lacks; none if it is complete.
///
/// Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
/// the next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL if an argument is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_problems(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_problem_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe {
        hand_out(frame, count, stride, |frame| {
            frame.rows.of(Some(&frame.frame.consistency.problems))
        })
    }
}
symver!("NFM_0.1", nfm_frame_problems);

/// The whole frame as JSON, all sections included.
///
/// Text from the guest is in it as the guest has it, characters below U+0020 as JSON escapes.
///
/// Parameters: frame; flags, 0 for one line or NFM_JSON_PRETTY.
/// Returns: UTF-8; NULL if frame is NULL or a flag is unknown.
/// Errors: none.
/// Ownership: the frame's, which keeps it for further calls.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_to_json(frame: *const nfm_frame_t, flags: u32) -> *const c_char {
    value(ptr::null(), || {
        // SAFETY: NULL or a frame, by the caller's promise.
        let Some(frame) = (unsafe { frame.as_ref() }) else { return ptr::null() };
        let json = match flags {
            0 => frame.json.get_or_init(|| c_text(&frame.frame.to_json())),
            NFM_JSON_PRETTY => {
                frame.pretty_json.get_or_init(|| c_text(&frame.frame.to_json_pretty()))
            }
            _ => return ptr::null(),
        };
        json.as_ptr()
    })
}
symver!("NFM_0.1", nfm_frame_to_json);

/// Makes a further handle of a frame, which costs next to nothing: the frame is there until the last of its
/// handles is freed. So a frame of an event (nfm_event_info_t) is kept for longer than the event.
///
/// Parameters: frame; out receives the handle; error receives what went wrong, or is NULL.
/// Returns: NFM_OK; NFM_ERR_INVALID_ARGUMENT if frame or out is NULL.
/// Errors: as returned.
/// Ownership: the handle is the caller's, to be ended with nfm_frame_free(); frame stays as it is.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_frame_share(
    frame: *const nfm_frame_t,
    out: *mut *mut nfm_frame_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or a frame, by the caller's promise.
        let frame = unsafe { frame.as_ref() }.ok_or_else(|| nfm_error_t::null("frame"))?;
        Ok(frame.another())
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_frame_share);

/// Frees a frame, and with it all that was read from it, unless there are other handles of it
/// (nfm_frame_share()).
///
/// Parameters: frame, or NULL, which does nothing.
/// Errors: none. To free a frame twice, or while it is read, is undefined.
/// Ownership: frame is no more.
/// Threads: any, once no other uses the frame.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_free(frame: *mut nfm_frame_t) {
    // SAFETY: NULL or a frame that is freed this once, by the caller's promise.
    unsafe { free(frame) };
}
symver!("NFM_0.1", nfm_frame_free);
