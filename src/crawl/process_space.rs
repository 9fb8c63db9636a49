//! The address space of one process, found by who it is.

use super::reader::{ReadResult, Reader};
use super::tasks::{self, Task};
use crate::paging::AddressSpace;

/// A process, with its memory.
pub(crate) struct ProcessSpace<'a> {
    task: Task,
    /// Its `mm_struct`.
    mm: u64,
    /// Its address space.
    pub space: AddressSpace<'a>,
}

impl<'a> ProcessSpace<'a> {
    /// Finds the process of an id that started at this time; `None` where the guest has none, or where it has no address
    /// space: a thread of the kernel, or a process that has ended and is not yet reaped.
    pub fn find(reader: &Reader<'a>, pid: u32, start: u64) -> ReadResult<Option<Self>> {
        let task = tasks::process(reader, pid)?.filter(|task| task.start == start);
        let Some(task) = task else { return Ok(None) };
        let Some(mm) = reader.mm_of(task.address)? else { return Ok(None) };
        Ok(Some(Self { task, mm, space: reader.user_space(mm)? }))
    }

    /// True if the process still is who it was and has the same address space, by memory as it is now.
    pub fn is_still_there(&self, reader: &Reader) -> bool {
        reader.forget();
        self.task.is_there(reader) && reader.mm_of(self.task.address) == Ok(Some(self.mm))
    }
}
