//! The list of tasks, and who each of them is.

use rustc_hash::FxHashSet;

use super::reader::{ReadError, ReadResult, Reader};
use crate::layout::Field;

/// Looks at a task, or at all of them, before what was seen must do.
pub(super) const LOOKS: u32 = 3;
/// `PF_KTHREAD` (include/linux/sched.h).
pub(super) const KERNEL_THREAD: u64 = 0x0020_0000;
/// Bytes that a task costs beside its rows: its place in the list, and what finds two of one id.
const TASK_COST: usize = 64;

/// A task as it was met in the list. Its memory may be another's by the next look, so who it was is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    /// Where its `task_struct` lies.
    pub address: u64,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub start: u64,
}

impl Task {
    /// True if its memory, as it is read now, still is this task's.
    pub fn is_there(&self, reader: &Reader) -> bool {
        identify(reader, self.address).is_ok_and(|now| now == *self)
    }
}

/// The tasks that lead a thread group (`init_task`'s list), in the kernel's order.
#[derive(Debug)]
pub(super) struct TaskList {
    listed: ReadResult<Vec<Task>>,
    /// The generation of pages in which they were listed.
    generation: u64,
}

impl TaskList {
    /// Walks the list.
    pub fn read(reader: &Reader) -> Self {
        let mut generation = 0;
        let listed = list_tasks(reader, &mut generation);
        Self { listed, generation }
    }

    /// The tasks.
    pub fn all(&self) -> ReadResult<&[Task]> {
        self.listed.as_deref().map_err(|error| *error)
    }

    /// The same, for a section. One that needs them says so when they could not be listed.
    pub fn get(&self, reader: &Reader) -> &[Task] {
        match &self.listed {
            Ok(tasks) => tasks,
            Err(error) => {
                reader.note::<()>("tasks", Err(*error));
                &[]
            }
        }
    }

    /// True if a task's memory is still that task's. A copy that is held since the tasks were listed is.
    pub fn is_same(&self, reader: &Reader, task: &Task) -> bool {
        let is_held = !reader.space.in_place() && self.generation == reader.space.generation();
        is_held || task.is_there(reader)
    }

    /// The same as [`Self::is_same`], of memory as it is now.
    pub fn is_still(&self, reader: &Reader, task: &Task) -> bool {
        if reader.space.in_place() {
            return self.is_same(reader, task);
        }
        let layout = &reader.layout.process.task;
        let same = |field: Field, value: u64| match field.member() {
            Some(member) => {
                let at = task.address.wrapping_add(u64::from(member.offset));
                let mut bytes = [0; 8];
                let now = bytes.get_mut(..member.size as usize);
                now.is_some_and(|now| reader.space.read_now(at, now))
                    && u64::from_le_bytes(bytes) == value
            }
            None => true,
        };
        same(layout.tgid, u64::from(task.pid)) && same(layout.start_boottime, task.start)
    }
}

/// Walks the list, and again where two tasks seem to have one id: then memory changed hands during the walk.
fn list_tasks(reader: &Reader, generation: &mut u64) -> ReadResult<Vec<Task>> {
    let layout = &reader.layout.process.task;
    let init = reader.symbol(reader.layout.symbols.init_task)?;
    let head = reader.at(init, layout.tasks)?;
    let length = u64::from(layout.size.max(1));
    let mut look = 1;
    loop {
        let entry = |task| (task, identify(reader, task));
        let tasks = reader.list_of("tasks", head, layout.tasks, entry);
        *generation = reader.space.generation();
        reader.keep(tasks.len().saturating_mul(TASK_COST))?;
        // The memory that the last frame used of them was read when this one began.
        if !reader.space.was_read_ahead() {
            reader.space.prefetch(tasks.iter().map(|(task, _)| (*task, length)));
        }
        let met = tasks.into_iter().filter_map(|(_, task)| reader.note("pid", task));
        let mut met: Vec<Task> = met.collect();
        let mut seen = FxHashSet::default();
        let twice = met.iter().any(|task| !seen.insert(task.pid));
        if !twice {
            return Ok(met);
        }
        if look == LOOKS {
            reader.problem("two tasks have one id; the first is shown".to_owned(), None);
            seen.clear();
            met.retain(|task| seen.insert(task.pid));
            return Ok(met);
        }
        look += 1;
        reader.forget();
    }
}

/// The process of an id; `None` where the guest has none.
pub(crate) fn process(reader: &Reader, pid: u32) -> ReadResult<Option<Task>> {
    let tasks = TaskList::read(reader);
    match tasks.all()?.iter().find(|task| task.pid == pid) {
        Some(task) => Ok(Some(*task)),
        // It may be behind the place where the list breaks off.
        None if reader.problems.met() > 0 => {
            Err(ReadError::Unknown("the list of tasks breaks off"))
        }
        None => Ok(None),
    }
}

/// The identity of a task. A kernel without start times tells tasks apart by their ids alone.
fn identify(reader: &Reader, address: u64) -> ReadResult<Task> {
    let layout = &reader.layout.process.task;
    let pid = reader.u32(address, layout.tgid)?;
    let start = match layout.start_boottime.exists() {
        true => reader.unsigned(address, layout.start_boottime)?,
        false => 0,
    };
    Ok(Task { address, pid, start })
}

impl Reader<'_> {
    /// A process's address space: `get_task_mm` (kernel/fork.c). A thread of the kernel has none, also while it borrows
    /// that of a process (`kthread_use_mm`), as vhost's did until 6e890c5d5021 (6.4).
    #[inline]
    pub(super) fn mm_of(&self, task: u64) -> ReadResult<Option<u64>> {
        let layout = &self.layout.process.task;
        let Some(mm) = self.pointer(task, layout.mm)? else { return Ok(None) };
        let is_process = self.unsigned(task, layout.flags)? & KERNEL_THREAD == 0;
        Ok(is_process.then_some(mm))
    }

    /// True if a task is still in the list of tasks.
    pub(super) fn is_listed(&self, task: u64) -> bool {
        let node = self.at(task, self.layout.process.task.tasks);
        let linked = node.and_then(|node| {
            let (next, back) = (self.u64_at(node)?, self.u64_at(node.wrapping_add(8))?);
            Ok(self.u64_at(back)? == node && self.u64_at(next.wrapping_add(8))? == node)
        });
        linked.unwrap_or(false)
    }
}
