//! The list of tasks, and rows of every task that are read anew where they look torn.

use super::reader::Context;
use super::warm;

/// Looks at one task before what was seen must do.
const LOOKS: u32 = 3;
/// Second looks in one frame.
const MOST_RETRIES: u32 = 100;
impl Context<'_> {
    /// The tasks that lead a thread group (`init_task`'s list), read in one batch, once a frame.
    pub fn tasks(&self) -> &[u64] {
        self.tasks.get_or_init(|| {
            let layout = &self.layout.process.task;
            let init = self.symbol(self.layout.symbols.init_task);
            let head = init.and_then(|init| self.at(init, layout.tasks));
            let Some(head) = self.note("tasks", head) else { return Vec::new() };
            let tasks = self.list("tasks", head, layout.tasks);
            let length = u64::from(layout.size.max(1));
            self.space.prefetch(tasks.iter().map(|task| (*task, length)));
            tasks
        })
    }

    /// The same, with what hangs on them read ahead, once a frame.
    fn warm_tasks(&self) -> &[u64] {
        self.warm.get_or_init(|| warm::tasks(self));
        self.tasks()
    }

    /// Rows of every task. A task whose rows look torn is read anew on fresh pages; one that has left
    /// the list meanwhile is left out, as it would be had it been met a moment later.
    pub fn each_task<T>(&self, rows_of: impl Fn(u64) -> Vec<T>) -> Vec<T> {
        let mut all = Vec::new();
        for task in self.warm_tasks().iter().copied() {
            for look in 1..=LOOKS {
                let torn = self.torn.get();
                let named = self.problems.borrow().len();
                let unnamed = self.unnamed_problems.get();
                let rows = rows_of(task);
                let sound = self.torn.get() == torn;
                if sound || look == LOOKS || self.retries.get() >= MOST_RETRIES {
                    all.extend(rows);
                    break;
                }
                self.problems.borrow_mut().truncate(named);
                self.unnamed_problems.set(unnamed);
                self.forget();
                if !self.is_listed(task) {
                    break;
                }
            }
        }
        all
    }

    /// Whether a task is still in the list of tasks.
    fn is_listed(&self, task: u64) -> bool {
        let node = self.at(task, self.layout.process.task.tasks);
        let linked = node.and_then(|node| {
            let (next, back) = (self.u64_at(node)?, self.u64_at(node.wrapping_add(8))?);
            Ok(self.u64_at(back)? == node && self.u64_at(next.wrapping_add(8))? == node)
        });
        linked.unwrap_or(false)
    }
}
