//! What need not be read again of a process that has not run since.

use std::time::{Duration, Instant};

use super::context::Context;
use super::files::{self, Descriptor};
use super::reader::ReadResult;
use super::tasks::Task;
use super::{connections, mappings, processes};
use crate::memory::{Footprint, Since, ask_for_all};

/// Threads of one process that are looked at.
const MOST_THREADS: u64 = 1024;
/// Facts of one kind, of one process, that are kept.
const MOST_OF_ONE: usize = 1 << 13;
/// Processes before one whose facts the CPU is asked for.
const AHEAD: usize = 1;
/// Facts are read anew after so long, or a little less, whatever the counts say.
const LONGEST: Duration = Duration::from_secs(10);

/// What tells whether a process has run, and whether its page tables are as they were. The scheduler counts whenever it
/// takes a thread off its CPU (`__schedule`, kernel/sched/core.c). What others do to a process's pages - reclaim,
/// truncation, process_madvise(2), writing through ptrace(2) - changes the counts of its resident pages, by kind; only
/// where such changes cancel each other between two frames they go unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// When the leader started.
    start: u64,
    /// 0 for a thread of the kernel.
    mm: u64,
    pgd: u64,
    areas: u64,
    size: u64,
    pages: [i64; 4],
    threads: u64,
    switches: u64,
}

/// What only the process itself changes, of each kind if it was asked for. What others may change without it - its
/// scheduling, its control group, its parent, its directories, the paths of its files and how far they are read - is
/// read each time.
#[derive(Debug, Default)]
pub(super) struct SleeperFacts {
    pub process: Option<Box<processes::ProcessFacts>>,
    pub descriptors: Option<Vec<Descriptor>>,
    pub files: Option<Vec<files::FileFacts>>,
    pub sockets: Option<Vec<connections::Open>>,
    pub areas: Option<Vec<mappings::Area>>,
}

/// What is known of a process.
#[derive(Debug)]
pub(super) struct Sleeper {
    state: State,
    facts: SleeperFacts,
    /// Until when that is believed.
    until: Instant,
    /// What reading it took.
    footprint: Footprint,
}

/// What is known of a process tells this of it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing: it ran, or may run.
    Nothing,
    /// It sleeps on, but its facts are old.
    Asleep,
    /// Its facts.
    Facts,
}

/// A process, as a pass looks at it.
#[derive(Debug)]
pub(super) struct Look {
    /// The leader's `task_struct`.
    pub task: u64,
    pub pid: u32,
    /// `None` while it may run, where others share its address space, or where this kernel does not tell.
    pub state: Option<State>,
    /// What is known, and what is to be.
    pub facts: SleeperFacts,
    /// Whether what is read now may be believed later: the last frame saw the same state. Were this the first, it might
    /// have been read after the facts, and the process have run in between.
    pub keep: bool,
    /// The same of what hangs on its table of descriptors, which no other process may share.
    pub keep_files: bool,
    until: Option<Instant>,
    told: Told,
    since: Option<Since>,
    footprint: Footprint,
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

impl State {
    /// Threads of the process.
    pub fn threads(&self) -> u64 {
        self.threads
    }

    /// Its resident pages, by the kinds of `mm_struct.rss_stat`.
    pub fn pages(&self) -> [i64; 4] {
        self.pages
    }

    /// The state of a process whose threads are all off their CPUs.
    fn of(context: &Context, task: u64) -> ReadResult<Option<Self>> {
        let layout = &context.layout.process;
        let signal = context.follow(task, layout.task.signal)?;
        let head = context.at(signal, layout.signal.thread_head)?;
        let node = context.at(task, layout.task.thread_node)?;
        let is_alone =
            context.u64_at(node)? == head && context.u64_at(node.wrapping_add(8))? == head;
        let (mut threads, mut switches) = (0_u64, 0_u64);
        // What a leader that is alone would share with its threads lies on another page, and need not be read.
        let mut next = if is_alone { node } else { context.u64_at(head)? };
        while next != head {
            let thread = context.container(next, layout.task.thread_node)?;
            threads += 1;
            if threads > MOST_THREADS || context.unsigned(thread, layout.task.on_cpu)? != 0 {
                return Ok(None);
            }
            switches = switches
                .wrapping_add(context.unsigned(thread, layout.task.nvcsw)?)
                .wrapping_add(context.unsigned(thread, layout.task.nivcsw)?);
            next = context.u64_at(next)?;
        }
        if !is_alone && context.unsigned(signal, layout.signal.nr_threads)? != threads {
            return Ok(None);
        }
        let start = context.unsigned(task, layout.task.start_boottime)?;
        let (pgd, areas, size, pages) = (0, 0, 0, [0; 4]);
        let mut state = Self { start, mm: 0, pgd, areas, size, pages, threads, switches };
        let Some(mm) = context.mm_of(task)? else { return Ok(Some(state)) };
        if context.unsigned(mm, layout.mm.mm_users)? != threads {
            return Ok(None);
        }
        state.mm = mm;
        state.pgd = context.unsigned(mm, layout.mm.pgd)?;
        state.areas = context.unsigned(mm, layout.mm.map_count)?;
        state.size = context.unsigned(mm, layout.mm.total_vm)?;
        state.pages = processes::all_resident_pages(context, mm)?;
        Ok(Some(state))
    }
}

impl SleeperFacts {
    /// Asks the CPU to have them at hand: between two frames of many guests no cache holds them.
    fn ask_for(&self) {
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
    fn bytes(&self) -> usize {
        fn all<T>(facts: Option<&Vec<T>>, of_one: impl Fn(&T) -> usize) -> usize {
            let facts = facts.map(Vec::as_slice).unwrap_or_default();
            facts.iter().map(|one| std::mem::size_of::<T>() + of_one(one)).sum()
        }
        self.process.as_ref().map_or(0, |process| process.bytes())
            + all(self.descriptors.as_ref(), |_| 0)
            + all(self.files.as_ref(), files::FileFacts::bytes)
            + all(self.sockets.as_ref(), |_| 0)
            + all(self.areas.as_ref(), mappings::Area::bytes)
    }
}

impl Sleeper {
    /// What it tells of a process in this state now.
    fn tells(&self, state: Option<State>, now: Instant) -> Told {
        match state == Some(self.state) {
            true if self.until > now => Told::Facts,
            true => Told::Asleep,
            false => Told::Nothing,
        }
    }
}

impl Look {
    /// Knows nothing of the task, and keeps nothing.
    pub fn new(task: u64, pid: u32) -> Self {
        Self {
            task,
            pid,
            state: None,
            facts: SleeperFacts::default(),
            keep: false,
            keep_files: false,
            until: None,
            told: Told::Nothing,
            since: None,
            footprint: Footprint::default(),
        }
    }

    /// Knows what the last frame knew, if the task has not run since.
    pub fn remembering(context: &Context, task: &Task) -> Self {
        let before = {
            let mut sleepers = context.reuse.sleepers.borrow_mut();
            let before = sleepers.take(task.address);
            if let Some(next) = sleepers.ahead(AHEAD) {
                next.facts.ask_for();
            }
            before
        };
        let mut look = Self::new(task.address, task.pid);
        look.since = Some(context.space.since());
        look.state = State::of(context, task.address).ok().flatten();
        let Some(before) = before else { return look };
        look.told = before.tells(look.state, context.begun);
        look.keep = look.told != Told::Nothing;
        look.footprint = before.footprint;
        match look.told {
            Told::Facts => (look.facts, look.until) = (before.facts, Some(before.until)),
            Told::Asleep | Told::Nothing => context.space.retrace(&look.footprint),
        }
        look
    }

    /// The look is done: what is known is kept for the next frame. Where something could not be read, it is read again.
    pub fn done(self, context: &Context, is_whole: bool) {
        let Some(state) = self.state else { return };
        let facts = if is_whole { self.facts } else { SleeperFacts::default() };
        // Not of many processes in the same frame.
        let share = LONGEST / 512 * (256 + (self.pid & 255));
        let until = self.until.or_else(|| context.begun.checked_add(share));
        let until = until.unwrap_or(context.begun);
        let footprint = match (self.told, self.since) {
            (Told::Nothing | Told::Asleep, Some(since)) => {
                let rarely = self.told == Told::Asleep;
                context.space.footprint(since, self.footprint, rarely)
            }
            _ => self.footprint,
        };
        let bytes = std::mem::size_of::<Sleeper>() + facts.bytes() + footprint.bytes();
        let sleeper = Sleeper { state, facts, until, footprint };
        context.reuse.sleepers.borrow_mut().keep(self.task, sleeper, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(switches: u64) -> State {
        State { start: 1, mm: 2, pgd: 3, areas: 4, size: 5, pages: [6; 4], threads: 1, switches }
    }

    fn sleeper(until: Instant) -> Sleeper {
        Sleeper {
            state: state(7),
            facts: SleeperFacts::default(),
            until,
            footprint: Footprint::default(),
        }
    }

    #[test]
    fn who_sleeps_on_is_known() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(sleeper(now + second).tells(Some(state(7)), now), Told::Facts);
    }

    #[test]
    fn who_ran_or_may_run_is_not() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut swapped = state(7);
        swapped.pages[1] -= 1;
        for other in [Some(state(8)), Some(swapped), None] {
            assert_eq!(sleeper(now + second).tells(other, now), Told::Nothing);
        }
    }

    #[test]
    fn what_is_old_is_read_anew() {
        let now = Instant::now();
        assert_eq!(sleeper(now).tells(Some(state(7)), now), Told::Asleep);
    }

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
