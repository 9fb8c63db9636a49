//! The rows that a pass over the tasks takes.

use rustc_hash::FxHashSet;

use super::facts::OpenSocket;
use super::path_cache::PathRef;
use crate::frame::{File, Mapping, Process, Section};

/// The rows, and for two sections the beginnings of rows.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub processes: Vec<Process>,
    pub files: Vec<File>,
    pub mappings: Vec<Mapping>,
    /// Sockets that they have open, for the section of connections.
    pub open: Vec<OpenSocket>,
    pub namespaces: MountNamespaces,
}

/// Mount namespaces in the order in which they are met, each with the root directory of the first process in it.
#[derive(Debug, Default)]
pub(super) struct MountNamespaces {
    pub roots: Vec<(u64, PathRef)>,
    known: FxHashSet<u64>,
}

/// How many rows were taken at some time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowCounts {
    processes: usize,
    files: usize,
    mappings: usize,
    open: usize,
    roots: usize,
}

impl RowCounts {
    /// Rows that were taken since another time.
    pub fn rows_since(&self, before: &Self) -> usize {
        let rows = |counts: &Self| counts.processes + counts.files + counts.mappings + counts.open;
        rows(self).saturating_sub(rows(before))
    }

    /// The counts of a later pass for these sections, and for the others those that stand here.
    pub fn or(self, later: Self, sections: &[Section]) -> Self {
        let of = |section, later, before| if sections.contains(&section) { later } else { before };
        Self {
            processes: of(Section::Processes, later.processes, self.processes),
            files: of(Section::Files, later.files, self.files),
            mappings: of(Section::Mappings, later.mappings, self.mappings),
            open: of(Section::Connections, later.open, self.open),
            roots: 0,
        }
    }
}

impl MountNamespaces {
    pub fn has(&self, namespace: u64) -> bool {
        self.known.contains(&namespace)
    }

    pub fn add(&mut self, namespace: u64, root: PathRef) {
        if self.known.insert(namespace) {
            self.roots.push((namespace, root));
        }
    }

    fn truncate(&mut self, count: usize) {
        for (namespace, _) in self.roots.drain(count.min(self.roots.len())..) {
            self.known.remove(&namespace);
        }
    }
}

impl Taken {
    /// With room for about as much of these sections as was taken before: what grows step by step is moved, and
    /// leaves holes.
    pub fn with_room(before: RowCounts, sections: &[Section]) -> Self {
        let room = |section, count: usize| match sections.contains(&section) {
            true => count + count / 16,
            false => 0,
        };
        Self {
            processes: Vec::with_capacity(room(Section::Processes, before.processes)),
            files: Vec::with_capacity(room(Section::Files, before.files)),
            mappings: Vec::with_capacity(room(Section::Mappings, before.mappings)),
            open: Vec::with_capacity(room(Section::Connections, before.open)),
            namespaces: MountNamespaces::default(),
        }
    }

    pub fn counts(&self) -> RowCounts {
        RowCounts {
            processes: self.processes.len(),
            files: self.files.len(),
            mappings: self.mappings.len(),
            open: self.open.len(),
            roots: self.namespaces.roots.len(),
        }
    }

    pub fn truncate(&mut self, counts: &RowCounts) {
        self.processes.truncate(counts.processes);
        self.files.truncate(counts.files);
        self.mappings.truncate(counts.mappings);
        self.open.truncate(counts.open);
        self.namespaces.truncate(counts.roots);
    }
}
