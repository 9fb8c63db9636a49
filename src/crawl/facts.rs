//! Facts of a process that nobody but the process itself changes. They are kept while it sleeps (`sleeper_cache.rs`); each
//! section that hangs on tasks makes its rows of them, known or just read.

use super::namespaces::Namespaces;
use super::path::Named;
use crate::frame::{FileKind, Text};
use crate::memory::ask_for_all;

/// Facts of one kind, of one process, that are kept.
const MOST_OF_ONE: usize = 1 << 13;

/// The facts of one process, of each kind if it was asked for. What others may change without it - its scheduling, its
/// control group, its parent, its directories, the paths of its files and how far they are read - is read each time.
#[derive(Debug, Default)]
pub(super) struct SleeperFacts {
    pub process: Option<Box<ProcessFacts>>,
    pub descriptors: Option<Vec<Descriptor>>,
    pub files: Option<Vec<FileFacts>>,
    pub sockets: Option<Vec<OpenSocket>>,
    pub areas: Option<Vec<AreaFacts>>,
}

/// Facts of the section `processes`.
#[derive(Debug)]
pub(super) struct ProcessFacts {
    pub name: Option<Text>,
    pub command_line: Option<Text>,
    pub exe: Option<Named>,
    pub ids: Ids,
    pub threads: Option<u32>,
    pub start_time_ns: Option<u64>,
    /// User and system time.
    pub times: Option<(u64, u64)>,
    pub virtual_bytes: Option<u64>,
    pub namespaces: Namespaces,
    pub kernel_thread: Option<bool>,
    pub pid_in_namespace: Option<u32>,
}

/// The users and groups that a process runs as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub uid: Option<u32>,
    pub euid: Option<u32>,
    pub gid: Option<u32>,
    pub egid: Option<u32>,
}

/// An open descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub fd: u32,
    /// The `struct file`.
    pub file: u64,
    pub close_on_exec: bool,
}

/// Facts of one row of the section `files`: they are the same as long as the file is open.
#[derive(Debug)]
pub(super) struct FileFacts {
    pub descriptor: Descriptor,
    pub named: Option<Named>,
    pub kind: Option<FileKind>,
    pub inode: Option<u64>,
}

/// A socket that a process has open: the address of its inode, the process and the descriptor.
pub(super) type OpenSocket = (u64, (u32, u32));

/// Facts of one row of the section `mappings`.
#[derive(Debug)]
pub(super) struct AreaFacts {
    pub start: u64,
    pub end: u64,
    pub flags: Option<u64>,
    pub offset: Option<u64>,
    pub named: Option<Named>,
    /// Bytes in RAM; `None` for pages in swap, or that were just moved, which are counted each time.
    pub resident: Option<u64>,
}

/// Facts that are gathered for later, unless there are too many.
pub(super) struct Gathered<T>(Option<Vec<T>>);

impl<T> Gathered<T> {
    pub fn new(keep: bool) -> Self {
        Self(keep.then(Vec::new))
    }

    pub fn add(&mut self, fact: T) {
        match &mut self.0 {
            Some(facts) if facts.len() < MOST_OF_ONE => facts.push(fact),
            facts => *facts = None,
        }
    }

    pub fn done(self) -> Option<Vec<T>> {
        self.0.map(|mut facts| {
            facts.shrink_to_fit();
            facts
        })
    }
}

impl SleeperFacts {
    /// Asks the CPU to have them at hand: between two frames of many guests no cache holds them.
    pub fn ask_for(&self) {
        fn all<T>(facts: Option<&Vec<T>>) {
            ask_for_all(facts.map(Vec::as_slice).unwrap_or_default());
        }
        ask_for_all(self.process.as_deref().map(std::slice::from_ref).unwrap_or_default());
        all(self.descriptors.as_ref());
        all(self.files.as_ref());
        all(self.sockets.as_ref());
        all(self.areas.as_ref());
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        fn all<T>(facts: Option<&Vec<T>>, of_one: impl Fn(&T) -> usize) -> usize {
            let facts = facts.map(Vec::as_slice).unwrap_or_default();
            facts.iter().map(|one| std::mem::size_of::<T>() + of_one(one)).sum()
        }
        self.process.as_ref().map_or(0, |process| process.bytes())
            + all(self.descriptors.as_ref(), |_| 0)
            + all(self.files.as_ref(), FileFacts::bytes)
            + all(self.sockets.as_ref(), |_| 0)
            + all(self.areas.as_ref(), AreaFacts::bytes)
    }
}

impl ProcessFacts {
    /// Bytes that they take.
    fn bytes(&self) -> usize {
        std::mem::size_of::<Self>()
            + self.name.as_ref().map_or(0, Text::bytes)
            + self.command_line.as_ref().map_or(0, Text::bytes)
            + self.exe.as_ref().map_or(0, Named::bytes)
    }
}

impl FileFacts {
    /// Bytes that they take beside themselves.
    fn bytes(&self) -> usize {
        self.named.as_ref().map_or(0, Named::bytes)
    }
}

impl AreaFacts {
    /// Bytes that it takes beside itself.
    fn bytes(&self) -> usize {
        self.named.as_ref().map_or(0, Named::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_facts_are_not_kept() {
        let mut gathered = Gathered::new(true);
        (0..MOST_OF_ONE).for_each(|fact| gathered.add(fact));
        assert_eq!(gathered.0.as_ref().map(Vec::len), Some(MOST_OF_ONE));
        gathered.add(0);
        gathered.add(1);
        assert!(gathered.done().is_none());
        let mut none = Gathered::new(false);
        none.add(1);
        assert!(none.done().is_none());
    }
}
