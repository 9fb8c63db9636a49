//! What one frame leaves to the next.

use std::cell::RefCell;

use rustc_hash::FxHashSet;

use super::reader::Task;

/// What is kept between the frames of one guest. Nothing of it is taken for true without a look.
#[derive(Debug, Default)]
pub(crate) struct Reuse {
    /// The tasks of the last frame that listed them.
    tasks: RefCell<FxHashSet<Task>>,
}

impl Reuse {
    /// The tasks of the last frame; these are the next one's.
    pub(super) fn begin(&self, tasks: &[Task]) -> FxHashSet<Task> {
        self.tasks.replace(tasks.iter().copied().collect())
    }
}
