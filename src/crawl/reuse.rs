//! What one frame leaves to the next.

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashSet;

use super::command_line::CommandLines;
use super::pass::Mark;
use super::reader::Task;
use super::resident::Residents;

/// What is kept between the frames of one guest. Nothing of it is taken for true without a look.
#[derive(Debug, Default)]
pub(crate) struct Reuse {
    /// The tasks of the last frame that listed them, in its order.
    tasks: RefCell<Vec<Task>>,
    /// How much was taken of the tasks last.
    pub(super) taken: Cell<Mark>,
    /// Where command lines are.
    pub(super) command_lines: RefCell<CommandLines>,
    /// What the areas of processes have in RAM.
    pub(super) residents: RefCell<Residents>,
}

impl Reuse {
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
