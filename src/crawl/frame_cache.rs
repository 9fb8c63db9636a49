//! Facts that one frame leaves to the next.

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashSet;

use super::sleeper_cache::SleeperCache;
use super::taken::RowCounts;
use super::tasks::Task;

/// Facts kept between the frames of one guest. None is taken for true without a look.
#[derive(Debug, Default)]
pub(crate) struct FrameCache {
    /// The tasks of the last frame that listed them, in its order.
    tasks: RefCell<Vec<Task>>,
    /// How many rows were taken of the tasks last.
    pub(super) taken: Cell<RowCounts>,
    /// Facts of processes that do not run.
    pub(super) sleepers: SleeperCache,
}

impl FrameCache {
    /// Which of these tasks, the frame's, the last one had not.
    pub(super) fn new_tasks(&self, tasks: &[Task]) -> Vec<Task> {
        let mut last = self.tasks.borrow_mut();
        // In most frames they are the same.
        if *last == tasks {
            return Vec::new();
        }
        let known: FxHashSet<Task> = last.iter().copied().collect();
        last.clear();
        last.extend_from_slice(tasks);
        tasks.iter().filter(|task| !known.contains(task)).copied().collect()
    }
}
