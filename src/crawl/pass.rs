//! The sections that hang on tasks, taken in one pass over them: the pages that a task's rows have in common are met
//! while they are at hand, and its rows in all of these sections are of one moment.

use super::context::Context;
use super::descriptors::with_descriptors;
use super::facts::Descriptor;
use super::reader::{ReadResult, Reader};
use super::sleeper_cache::Look;
use super::taken::Taken;
use super::tasks::{LOOKS, Task, TaskList};
use super::vmas::Vma;
use super::{connections, files, mappings, mounts, processes, read_ahead};
use crate::frame::Section;

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

/// How far the sections of a frame are that hang on tasks.
#[derive(Debug)]
pub(super) struct TaskSections {
    /// Those that were not taken yet.
    left: Vec<Section>,
    taken: Taken,
    /// Together they were more than the frame may hold: each is taken by itself, so that the first are whole.
    apart: bool,
    /// The tasks, once they were listed.
    tasks: Option<TaskList>,
}

impl TaskSections {
    /// For a frame of these sections.
    pub fn new(sections: &[Section]) -> Self {
        let left = OF_TASKS.into_iter().filter(|one| sections.contains(one)).collect();
        Self { left, taken: Taken::default(), apart: false, tasks: None }
    }

    /// The rows that were taken for a section, which are the caller's to move out; none for one that knows no task. The
    /// first section that asks has those of all sections taken.
    pub fn taken(&mut self, context: &Context, section: Section) -> &mut Taken {
        if self.left.contains(&section) {
            self.take(context, section);
            context.reader.enter(section.name());
        }
        &mut self.taken
    }

    fn take(&mut self, context: &Context, section: Section) {
        let Context { reader, cache, .. } = context;
        let budget = reader.space.budget();
        let before = budget.spent();
        let tasks = self.tasks.get_or_insert_with(|| {
            let tasks = TaskList::read(reader);
            read_ahead::tasks(reader, cache, tasks.get(reader));
            tasks
        });
        let problems = reader.problems.count();
        if !self.apart {
            let room = cache.taken.get();
            let pass = Pass { context, reader, tasks, sections: &self.left };
            self.taken = pass.run(Taken::with_room(room, &self.left));
            cache.taken.set(room.or(self.taken.counts(), &self.left));
            // Limits that leave no room for all may leave some for the first of them.
            self.apart = self.left.len() > 1 && budget.reopen(before);
        }
        if !self.apart {
            self.left.clear();
            return;
        }
        reader.problems.take_back(problems);
        // Pages that are held still would pass for those of a frame before.
        cache.sleepers.clear();
        self.taken = Taken::default();
        self.taken = Pass { context, reader, tasks, sections: &[section] }.run(Taken::default());
        self.left.retain(|one| *one != section);
    }
}

/// One pass over the tasks.
struct Pass<'p, 'a> {
    context: &'p Context<'a>,
    reader: &'p Reader<'a>,
    tasks: &'p TaskList,
    /// The sections taken of each task.
    sections: &'p [Section],
}

/// Buffers that are used again for the next task, to avoid allocation.
#[derive(Debug, Default)]
struct Buffers {
    descriptors: Vec<Descriptor>,
    areas: Vec<Vma>,
}

impl Pass<'_, '_> {
    /// Adds what is taken of every task to `all`, and gives it back. A task that looks torn is read anew on fresh pages;
    /// one that has gone meanwhile is left out, as it would be had it been met a moment later.
    fn run(&self, mut all: Taken) -> Taken {
        let reader = self.reader;
        let remembers = reader.space.optimizations().sleeper_cache
            && REMEMBERED.iter().any(|one| self.sections.contains(one));
        if remembers {
            self.context.cache.sleepers.begin();
        }
        // Each of them says so where the tasks cannot be listed.
        for section in self.sections {
            reader.enter(section.name());
            self.tasks.get(reader);
        }
        let first = reader.layout.process.task.tgid;
        let mut buffers = Buffers::default();
        for task in self.tasks.get(reader) {
            match reader.at(task.address, first) {
                Ok(first) => reader.space.may_move_on_to(first),
                Err(_) => reader.space.may_move_on(),
            }
            if reader.space.budget().reached().is_some() {
                break;
            }
            self.look_at(task, remembers, &mut buffers, &mut all);
            reader.settle();
        }
        all
    }

    fn look_at(&self, task: &Task, remembers: bool, buffers: &mut Buffers, all: &mut Taken) {
        let reader = self.reader;
        let budget = reader.space.budget();
        let sleepers = &self.context.cache.sleepers;
        for number in 1..=LOOKS {
            if budget.reached().is_some() || !self.tasks.is_same(reader, task) {
                return;
            }
            let before = budget.spent();
            let completed = reader.space.completed();
            let torn = reader.torn();
            let problems = reader.problems.count();
            let met = reader.problems.met();
            let counts = all.counts();
            let mut look = match remembers {
                true => Look::remembering(reader, sleepers, task),
                false => Look::new(task.address, task.pid),
            };
            self.add(&mut look, buffers, all);
            // Read in place, or in part later than the rest, its memory may have become another's meanwhile.
            let late = reader.space.in_place() || reader.space.completed() != completed;
            let still = !late || self.tasks.is_still(reader, task);
            let sound = reader.torn() == torn && still;
            if sound || number == LOOKS || reader.retries() >= MOST_RETRIES {
                if !still {
                    all.truncate(&counts);
                    reader.problems.take_back(problems);
                    return;
                }
                let is_whole = reader.problems.met() == met && budget.reached().is_none();
                look.done(reader, sleepers, is_whole);
                return;
            }
            let few = all.counts().rows_since(&counts) <= FEW_ROWS;
            all.truncate(&counts);
            budget.restore(before);
            reader.problems.take_back(problems);
            match few && number == 1 {
                true => reader.renew(),
                false => reader.forget(),
            }
            if !reader.is_listed(task.address) {
                return;
            }
        }
    }

    /// Adds what is taken of one task.
    fn add(&self, look: &mut Look, buffers: &mut Buffers, all: &mut Taken) {
        let (context, reader) = (self.context, self.reader);
        let Buffers { descriptors, areas } = buffers;
        let mut take = |look: &mut Look, open: ReadResult<&[Descriptor]>| {
            for section in self.sections {
                reader.enter(section.name());
                match section {
                    Section::Processes => {
                        let count = open.map(|open| open.len() as u32);
                        processes::add(context, look, count, &mut all.processes);
                    }
                    Section::Files => files::add(context, look, open, &mut all.files),
                    Section::Mappings => mappings::add(context, look, areas, &mut all.mappings),
                    Section::Connections => connections::add(reader, look, open, &mut all.open),
                    Section::Mounts => mounts::add(reader, look.task, &mut all.namespaces),
                    _ => {}
                }
            }
        };
        match self.sections.iter().any(|one| OF_DESCRIPTORS.contains(one)) {
            true => with_descriptors(reader, look, descriptors, take),
            false => take(look, Ok(&[])),
        }
    }
}
