//! The state that the sections of one frame share.

use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Deref;
use std::time::Instant;

use super::files::Descriptor;
use super::frame_cache::FrameCache;
use super::pass::Passes;
use super::path_cache::PathCache;
use super::reader::{ReadResult, Reader};
use super::tasks::Task;
use super::vmas::Vma;
use crate::frame::{Problem, Section};

/// Members of rows that are filled on request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Details {
    /// The threads of each process.
    pub threads: bool,
    /// Where the pages of each mapping are.
    pub physical: bool,
}

/// One frame's view of one guest.
pub(crate) struct Context<'a> {
    /// Reads the guest.
    pub(super) reader: Reader<'a>,
    /// Members of rows that were asked for beyond the sections' own.
    pub(super) details: Details,
    /// What the last frame left.
    pub(super) reuse: &'a FrameCache,
    /// When the frame began.
    pub(super) begun: Instant,
    /// Paths that were already made in this frame.
    pub(super) paths: PathCache,
    /// The tasks, once they were listed.
    pub(super) tasks: OnceCell<ReadResult<Vec<Task>>>,
    /// The generation of pages in which that was.
    pub(super) listed_in: Cell<u64>,
    /// Set once what hangs on the tasks was read ahead.
    pub(super) warm: OnceCell<()>,
    /// What was taken of the tasks.
    pub(super) passes: RefCell<Passes>,
    /// Kept for their room.
    pub(super) room: RefCell<Vec<Descriptor>>,
    pub(super) areas: RefCell<Vec<Vma>>,
}

impl<'a> Context<'a> {
    /// A frame of these sections begins.
    pub fn new(
        reader: Reader<'a>,
        details: Details,
        reuse: &'a FrameCache,
        sections: &[Section],
    ) -> Self {
        Self {
            reader,
            details,
            reuse,
            begun: Instant::now(),
            paths: PathCache::default(),
            tasks: OnceCell::new(),
            listed_in: Cell::default(),
            warm: OnceCell::new(),
            passes: RefCell::new(Passes::new(sections)),
            room: RefCell::default(),
            areas: RefCell::default(),
        }
    }

    /// Problems and retries, once all sections are crawled.
    pub fn finish(self) -> (Vec<Problem>, u32) {
        self.reader.finish()
    }
}

impl<'a> Deref for Context<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}
