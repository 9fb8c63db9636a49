//! The sections that hang on tasks, taken in one pass over them: the pages that a task's rows have in common are met
//! while they are at hand, and its rows in all of these sections are of one moment.

use rustc_hash::FxHashSet;

use super::connections::{self, Open};
use super::context::Context;
use super::files::Descriptor;
use super::path_cache::PathRef;
use super::reader::ReadResult;
use super::sleeper_cache::Look;
use super::tasks::Task;
use super::{files, mappings, mounts, processes, read_ahead};
use crate::frame::{File, Mapping, Process, Section};

/// Looks at one task before what was seen must do.
pub(super) const LOOKS: u32 = 3;
/// Rows of a task that is looked at a second time alone; if it has more, all of the frame is read at once.
const FEW_ROWS: usize = 200;
/// Second looks in one frame.
const MOST_RETRIES: u32 = 100;
/// The sections that hang on tasks.
const OF_TASKS: [Section; 5] =
    [Section::Processes, Section::Files, Section::Mappings, Section::Connections, Section::Mounts];
/// Those of them that look at what is open.
const OF_DESCRIPTORS: [Section; 3] = [Section::Processes, Section::Files, Section::Connections];
/// Those of them for which it pays to ask whether a process has run: they read most of what tells that.
const REMEMBERED: [Section; 2] = [Section::Processes, Section::Mappings];

/// What a pass takes of the tasks.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub processes: Vec<Process>,
    pub files: Vec<File>,
    pub mappings: Vec<Mapping>,
    /// What they have open, for the section of connections.
    pub open: Vec<Open>,
    pub namespaces: MountNamespaces,
}

/// Mount namespaces in the order in which they are met, each with the root directory of the first process in it.
#[derive(Debug, Default)]
pub(super) struct MountNamespaces {
    pub roots: Vec<(u64, PathRef)>,
    known: FxHashSet<u64>,
}

/// How far the sections of a frame are.
#[derive(Debug, Default)]
pub(super) struct Passes {
    /// Those that hang on tasks and were not taken yet.
    left: Vec<Section>,
    taken: Taken,
    /// Together they were more than the frame may hold: each is taken by itself, so that the first are whole.
    apart: bool,
}

/// How much was taken at some time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    processes: usize,
    files: usize,
    mappings: usize,
    open: usize,
    roots: usize,
}

impl Mark {
    /// Rows that were taken since another time.
    fn rows_since(&self, before: &Self) -> usize {
        let rows = |mark: &Self| mark.processes + mark.files + mark.mappings + mark.open;
        rows(self).saturating_sub(rows(before))
    }

    /// Of these sections what a later pass took, of the others what stands here.
    fn or(self, later: Self, sections: &[Section]) -> Self {
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

impl Passes {
    /// For a frame of these sections.
    pub fn new(sections: &[Section]) -> Self {
        let wanted = OF_TASKS.into_iter().filter(|one| sections.contains(one));
        Self { left: wanted.collect(), ..Self::default() }
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
    fn like(before: Mark, sections: &[Section]) -> Self {
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

    fn mark(&self) -> Mark {
        Mark {
            processes: self.processes.len(),
            files: self.files.len(),
            mappings: self.mappings.len(),
            open: self.open.len(),
            roots: self.namespaces.roots.len(),
        }
    }

    fn truncate(&mut self, mark: &Mark) {
        self.processes.truncate(mark.processes);
        self.files.truncate(mark.files);
        self.mappings.truncate(mark.mappings);
        self.open.truncate(mark.open);
        self.namespaces.truncate(mark.roots);
    }
}

impl Context<'_> {
    /// What a section takes of the tasks, by `part`. The first section that asks has all that were asked for taken.
    pub(super) fn of_tasks<T: Default>(
        &self,
        section: Section,
        part: impl FnOnce(&mut Taken) -> &mut T,
    ) -> T {
        let mut passes = self.passes.borrow_mut();
        let Passes { left, taken, apart } = &mut *passes;
        if left.contains(&section) {
            let before = self.space.budget().spent();
            let named = self.problems.count();
            if !*apart {
                *taken = Taken::like(self.reuse.taken.get(), left);
                self.pass(left, taken);
                self.reuse.taken.set(self.reuse.taken.get().or(taken.mark(), left));
                // Limits that leave no room for all may leave some for the first of them.
                *apart = left.len() > 1 && self.space.budget().reopen(before);
            }
            if *apart {
                *taken = Taken::default();
                self.problems.take_back(named);
                // Pages that are held still would pass for those of a frame before.
                self.reuse.sleepers.take();
                self.pass(&[section], taken);
                left.retain(|one| *one != section);
            } else {
                left.clear();
            }
            self.enter(section.name());
        }
        std::mem::take(part(taken))
    }

    /// Adds what these sections take of every task. A task that looks torn is read anew on fresh pages; one that has
    /// gone meanwhile is left out, as it would be had it been met a moment later.
    fn pass(&self, sections: &[Section], all: &mut Taken) {
        self.warm.get_or_init(|| read_ahead::tasks(self));
        let remembers = REMEMBERED.iter().any(|one| sections.contains(one));
        if remembers {
            self.reuse.sleepers.borrow_mut().begin();
        }
        // Each of them says so where the tasks cannot be listed.
        for section in sections {
            self.enter(section.name());
            self.tasks();
        }
        let first = self.layout.process.task.tgid;
        for task in self.tasks() {
            match self.at(task.address, first) {
                Ok(first) => self.space.may_move_on_to(first),
                Err(_) => self.space.may_move_on(),
            }
            if self.space.budget().reached().is_some() {
                return;
            }
            self.look_at(task, remembers, sections, all);
            self.settle();
        }
    }

    fn look_at(&self, task: &Task, remembers: bool, sections: &[Section], all: &mut Taken) {
        for number in 1..=LOOKS {
            if self.space.budget().reached().is_some() || !self.is_same(task) {
                return;
            }
            let before = self.space.budget().spent();
            let completed = self.space.completed();
            let torn = self.torn();
            let named = self.problems.count();
            let met = self.problems.met();
            let mark = all.mark();
            let mut look = match remembers {
                true => Look::remembering(self, task),
                false => Look::new(task.address, task.pid),
            };
            self.add(&mut look, sections, all);
            // Read in place, or in part later than the rest, its memory may have become another's meanwhile.
            let late = self.space.in_place() || self.space.completed() != completed;
            let still = !late || self.is_still(task);
            let sound = self.torn() == torn && still;
            if sound || number == LOOKS || self.retries() >= MOST_RETRIES {
                if !still {
                    all.truncate(&mark);
                    self.problems.take_back(named);
                    return;
                }
                let is_whole =
                    self.problems.met() == met && self.space.budget().reached().is_none();
                look.done(self, is_whole);
                return;
            }
            let few = all.mark().rows_since(&mark) <= FEW_ROWS;
            all.truncate(&mark);
            self.space.budget().restore(before);
            self.problems.take_back(named);
            match few && number == 1 {
                true => self.renew(),
                false => self.forget(),
            }
            if !self.is_listed(task.address) {
                return;
            }
        }
    }

    /// Adds what these sections take of one task.
    fn add(&self, look: &mut Look, sections: &[Section], all: &mut Taken) {
        let mut take = |look: &mut Look, open: ReadResult<&[Descriptor]>| {
            for section in sections {
                self.enter(section.name());
                match section {
                    Section::Processes => {
                        let count = open.map(|open| open.len() as u32);
                        processes::add(self, look, count, &mut all.processes);
                    }
                    Section::Files => files::add(self, look, open, &mut all.files),
                    Section::Mappings => mappings::add(self, look, &mut all.mappings),
                    Section::Connections => connections::add(self, look, open, &mut all.open),
                    Section::Mounts => mounts::add(self, look.task, &mut all.namespaces),
                    _ => {}
                }
            }
        };
        match sections.iter().any(|one| OF_DESCRIPTORS.contains(one)) {
            true => self.with_descriptors(look, take),
            false => take(look, Ok(&[])),
        }
    }
}
