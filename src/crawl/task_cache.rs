//! Facts of tasks that are kept from one frame to the next.

use std::collections::VecDeque;

/// Bytes that are kept of all tasks together.
const MOST_BYTES: usize = 16 << 20;
/// How far a task may be from where it is expected.
const NEAR: usize = 64;

/// Facts of each task, kept until the next frame, which meets most tasks in the same order: memory is walked through, as
/// it would not be in a table. A task that is far from where it is expected is not known.
#[derive(Debug)]
pub(super) struct TaskCache<T> {
    /// Tasks that this frame did not meet yet, by the addresses of their `task_struct`.
    before: VecDeque<(u64, T)>,
    now: VecDeque<(u64, T)>,
    /// Bytes of what this frame keeps.
    bytes: usize,
}

impl<T> Default for TaskCache<T> {
    fn default() -> Self {
        Self { before: VecDeque::new(), now: VecDeque::new(), bytes: 0 }
    }
}

impl<T> TaskCache<T> {
    /// A frame begins: of tasks that the last one did not meet nothing is kept.
    pub fn begin(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
        self.bytes = 0;
    }

    /// The facts that the last frame kept of a task. Those of the tasks before it are forgotten.
    #[inline]
    pub fn take(&mut self, task: u64) -> Option<T> {
        let place = self.before.iter().take(NEAR).position(|(of, _)| *of == task)?;
        self.before.drain(..place);
        self.before.pop_front().map(|(_, kept)| kept)
    }

    /// The facts that the last frame kept of the task that it met so many after the last that was taken.
    pub fn ahead(&self, tasks: usize) -> Option<&T> {
        self.before.get(tasks).map(|(_, kept)| kept)
    }

    /// Keeps this, which takes so many bytes, for the next frame, unless too much is kept.
    #[inline]
    pub fn keep(&mut self, task: u64, kept: T, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= MOST_BYTES {
            self.now.push_back((task, kept));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_come_and_go_do_not_matter() {
        let mut kept = TaskCache::default();
        let mut frame = |tasks: &[u64]| -> Vec<Option<u64>> {
            kept.begin();
            let mut known = |task: u64| {
                let known = kept.take(task);
                kept.keep(task, task * 10, 8);
                known
            };
            tasks.iter().map(|task| known(*task)).collect()
        };
        assert_eq!(frame(&[1, 2, 3, 4]), [None; 4]);
        assert_eq!(frame(&[1, 3, 9, 4]), [Some(10), Some(30), None, Some(40)]);
        // Met twice in one frame, as a task is that looked torn.
        assert_eq!(frame(&[9, 9, 4]), [Some(90), None, Some(40)]);
        assert_eq!(frame(&[9, 4]), [Some(90), Some(40)]);
    }

    #[test]
    fn who_is_far_away_is_not_known_until_the_next_frame() {
        let mut kept = TaskCache::default();
        let far = NEAR as u64;
        kept.begin();
        (0..=far).for_each(|task| kept.keep(task, task, 8));
        kept.begin();
        assert_eq!(kept.take(far), None);
        kept.keep(far, far, 8);
        assert_eq!(kept.take(1), Some(1));
        kept.begin();
        assert_eq!(kept.take(far), Some(far));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut kept = TaskCache::default();
        kept.begin();
        kept.keep(1, "first", MOST_BYTES);
        kept.keep(2, "second", 1);
        kept.begin();
        assert_eq!((kept.take(1), kept.take(2)), (Some("first"), None));
        kept.keep(2, "second", 1);
        kept.begin();
        assert_eq!(kept.take(2), Some("second"));
    }
}
