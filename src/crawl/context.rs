//! The state that the sections which hang on tasks share during one frame.

use std::cell::OnceCell;

use super::frame_cache::FrameCache;
use super::path_cache::PathCache;
use super::reader::Reader;

/// Members of rows that are filled on request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Details {
    /// The threads of each process.
    pub threads: bool,
    /// Where the pages of each mapping are.
    pub physical: bool,
}

/// The reader of one frame, and the caches beside it. A section that knows no task takes the reader alone.
pub(super) struct Context<'a> {
    pub reader: Reader<'a>,
    /// Members of rows that were asked for beyond the sections' own.
    pub details: Details,
    /// The facts that the last frame left.
    pub cache: &'a FrameCache,
    /// Paths that were already made in this frame.
    pub paths: PathCache,
    /// Where the kernel's large page of zeros lies, if there is one, once it was read.
    pub huge_zero_page: OnceCell<Option<u64>>,
}

impl<'a> Context<'a> {
    /// A frame begins.
    pub fn new(reader: Reader<'a>, details: Details, cache: &'a FrameCache) -> Self {
        let (paths, huge_zero_page) = (PathCache::default(), OnceCell::new());
        Self { reader, details, cache, paths, huge_zero_page }
    }
}
