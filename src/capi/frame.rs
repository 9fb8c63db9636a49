//! A frame: its head, its problems, its JSON.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use super::error::c_text;
use super::processes::nfm_process_t;
use super::rows::{Rows, Texts, hand_out, mark};
use super::{free, sections, value};
use crate::frame::{Frame, Problem};

/// One snapshot of one guest. It never changes, and all that its functions return belongs to it: any
/// number of threads may read it at the same time, until nfm_frame_free().
pub struct nfm_frame_t {
    frame: Frame,
    // Made when they are first asked for: a caller pays for what it reads.
    info: OnceLock<Rows<nfm_frame_info_t>>,
    problems: OnceLock<Rows<nfm_problem_t>>,
    processes: OnceLock<Rows<nfm_process_t>>,
    json: OnceLock<CString>,
    pretty_json: OnceLock<CString>,
}

const _: () = {
    const fn many_threads_read<T: Send + Sync>() {}
    many_threads_read::<nfm_frame_t>();
};

impl nfm_frame_t {
    pub(super) fn new(frame: Frame) -> Self {
        Self {
            frame,
            info: OnceLock::new(),
            problems: OnceLock::new(),
            processes: OnceLock::new(),
            json: OnceLock::new(),
            pretty_json: OnceLock::new(),
        }
    }

    pub(super) fn processes(&self) -> Option<&Rows<nfm_process_t>> {
        let processes = self.frame.processes.as_ref()?;
        Some(self.processes.get_or_init(|| Rows::new(processes, nfm_process_t::new)))
    }
}

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
    /// How the frame was taken: "live", the guest ran on.
    pub mode: *const c_char,
    /// Walks that were begun anew because they met a change.
    pub retries: u32,
    /// 1 if every section is whole, 0 if there are problems.
    pub complete: u32,
}

impl nfm_frame_info_t {
    fn new(frame: &Frame, texts: &mut Texts) -> Self {
        Self {
            known: 0,
            sections: sections::held(frame),
            seq: frame.seq,
            time_ns: frame.time_ns,
            duration_ns: frame.duration_ns,
            domain_name: texts.keep(Some(&frame.domain.name)),
            domain_uuid: texts.keep(frame.domain.uuid.as_deref()),
            hypervisor: texts.keep(Some(&frame.domain.hypervisor)),
            mode: texts.keep(Some(frame.consistency.mode)),
            retries: frame.consistency.retries,
            complete: u32::from(frame.consistency.complete),
        }
    }
}

/// Bit of nfm_problem_t.known: address.
pub const NFM_PROBLEM_ADDRESS: u64 = 1u64 << 0;

/// Something that a frame lacks.
#[repr(C)]
pub struct nfm_problem_t {
    /// Which members are known, NFM_PROBLEM_... combined; section and reason always are.
    pub known: u64,
    /// The guest-virtual address at which it happened.
    pub address: u64,
    /// The section's name, as in JSON: "processes".
    pub section: *const c_char,
    /// What happened, in one sentence for a person.
    pub reason: *const c_char,
}

impl nfm_problem_t {
    fn new(problem: &Problem, texts: &mut Texts) -> Self {
        let mut known = 0;
        let address = mark(&mut known, NFM_PROBLEM_ADDRESS, problem.address);
        let section = texts.keep(Some(problem.section));
        let reason = texts.keep(Some(&problem.reason));
        Self { known, address, section, reason }
    }
}

/// Flag of nfm_frame_to_json(): indented, for people.
pub const NFM_JSON_PRETTY: u32 = 1u32 << 0;

/// The head of a frame: whose it is, when it was taken, what it holds, whether it is complete.
///
/// Parameters: frame.
/// Returns: the head; NULL only if frame is NULL.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_info(frame: *const nfm_frame_t) -> *const nfm_frame_info_t {
    value(ptr::null(), || {
        // SAFETY: NULL or a frame, by the caller's promise.
        let Some(frame) = (unsafe { frame.as_ref() }) else { return ptr::null() };
        let head = || Rows::new([&frame.frame], nfm_frame_info_t::new);
        frame.info.get_or_init(head).parts().0
    })
}

/// What a frame lacks; none if it is complete.
///
/// Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
/// the next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL if an argument is NULL.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_problems(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_problem_t {
    let rows = value(None, || {
        // SAFETY: NULL or a frame, by the caller's promise.
        let frame = unsafe { frame.as_ref() }?;
        let problems = &frame.frame.consistency.problems;
        Some(frame.problems.get_or_init(|| Rows::new(problems, nfm_problem_t::new)))
    });
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { hand_out(rows, count, stride) }
}

/// The whole frame as JSON, all sections included.
///
/// Text from the guest is in it as the guest has it, characters below U+0020 as JSON escapes.
///
/// Parameters: frame; flags, 0 for one line or NFM_JSON_PRETTY.
/// Returns: UTF-8; NULL if frame is NULL or a flag is unknown.
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

/// Frees a frame, and with it all that was read from it.
///
/// Parameters: frame, or NULL, which does nothing.
/// Threads: any, once no other uses the frame.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_free(frame: *mut nfm_frame_t) {
    // SAFETY: NULL or a frame that is freed this once, by the caller's promise.
    unsafe { free(frame) };
}
