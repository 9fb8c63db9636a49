//! Facts that need not be read again of a process that has not run since.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::facts::SleeperFacts;
use super::reader::{ReadResult, Reader};
use super::resident_pages::resident_pages;
use super::task_cache::TaskCache;
use super::tasks::Task;
use crate::memory::{Footprint, Since};

/// Threads of one process that are looked at.
const MOST_THREADS: u64 = 1024;
/// Processes before one whose facts the CPU is asked for.
const AHEAD: usize = 1;
/// Facts are read anew after so long, or a little less, whatever the counts say.
const LONGEST: Duration = Duration::from_secs(10);

/// Tells if a process has run, and if its page tables are as they were. The scheduler counts whenever it takes a
/// thread off its CPU (`__schedule`, kernel/sched/core.c). Changes of a process's pages by others - reclaim,
/// truncation, process_madvise(2), writing through ptrace(2) - change the counts of its resident pages, by kind; only
/// changes that cancel each other between two frames go unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// When the leader started.
    start: u64,
    /// Its `signal_struct`.
    signal: u64,
    /// 0 for a thread of the kernel.
    mm: u64,
    pgd: u64,
    areas: u64,
    size: u64,
    pages: [i64; 4],
    threads: u64,
    switches: u64,
}

/// The processes that slept in the last frame.
#[derive(Debug, Default)]
pub(super) struct SleeperCache {
    sleepers: RefCell<TaskCache<Sleeper>>,
    /// When the frame began.
    now: Cell<Option<Instant>>,
}

/// A process that slept.
#[derive(Debug)]
struct Sleeper {
    state: State,
    facts: SleeperFacts,
    /// Until when they are believed.
    until: Instant,
    /// The memory that reading it took.
    footprint: Footprint,
}

/// The verdict of the cache about one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It ran, or may run: its facts are worth nothing.
    Discard,
    /// It sleeps on, but its facts are old.
    Refresh,
    /// Its facts stand.
    Trust,
}

/// One process during a crawl: its task, its facts and the state that validates them.
#[derive(Debug)]
pub(super) struct Look {
    /// The leader's `task_struct`.
    pub task: u64,
    pub pid: u32,
    /// `None` while it may run, where others share its address space, or where this kernel does not tell.
    pub state: Option<State>,
    /// The facts that are cached, and those to be cached.
    pub facts: SleeperFacts,
    /// True if the facts read now may be believed later: the last frame saw the same state. Were this the first frame
    /// to see it, the process might have run after the facts were read and before the state was.
    pub keep: bool,
    /// The same of what hangs on its table of descriptors, which no other process may share.
    pub keep_files: bool,
    until: Option<Instant>,
    verdict: Verdict,
    since: Option<Since>,
    footprint: Footprint,
}

impl State {
    /// Threads of the process.
    pub fn threads(&self) -> u64 {
        self.threads
    }

    /// Its `signal_struct`.
    pub fn signal(&self) -> u64 {
        self.signal
    }

    /// Its address space; a thread of the kernel has none.
    pub fn mm(&self) -> Option<u64> {
        Some(self.mm).filter(|mm| *mm != 0)
    }

    /// Its resident pages, by the kinds of `mm_struct.rss_stat`.
    pub fn pages(&self) -> [i64; 4] {
        self.pages
    }

    /// The state of a process whose threads are all off their CPUs.
    fn of(reader: &Reader, task: u64) -> ReadResult<Option<Self>> {
        let layout = &reader.layout.process;
        let signal = reader.follow(task, layout.task.signal)?;
        let head = reader.at(signal, layout.signal.thread_head)?;
        let node = reader.at(task, layout.task.thread_node)?;
        let is_alone = reader.u64_at(node)? == head && reader.u64_at(node.wrapping_add(8))? == head;
        let (mut threads, mut switches) = (0_u64, 0_u64);
        // For a leader without other threads `signal_struct`, which lies on another page, need not be read.
        let mut next = if is_alone { node } else { reader.u64_at(head)? };
        while next != head {
            let thread = reader.container(next, layout.task.thread_node)?;
            threads += 1;
            if threads > MOST_THREADS || reader.unsigned(thread, layout.task.on_cpu)? != 0 {
                return Ok(None);
            }
            switches = switches
                .wrapping_add(reader.unsigned(thread, layout.task.nvcsw)?)
                .wrapping_add(reader.unsigned(thread, layout.task.nivcsw)?);
            next = reader.u64_at(next)?;
        }
        if !is_alone && reader.unsigned(signal, layout.signal.nr_threads)? != threads {
            return Ok(None);
        }
        let start = reader.unsigned(task, layout.task.start_boottime)?;
        let (pgd, areas, size, pages) = (0, 0, 0, [0; 4]);
        let mut state = Self { start, signal, mm: 0, pgd, areas, size, pages, threads, switches };
        let Some(mm) = reader.mm_of(task)? else { return Ok(Some(state)) };
        if reader.unsigned(mm, layout.mm.mm_users)? != threads {
            return Ok(None);
        }
        state.mm = mm;
        state.pgd = reader.unsigned(mm, layout.mm.pgd)?;
        state.areas = reader.unsigned(mm, layout.mm.map_count)?;
        state.size = reader.unsigned(mm, layout.mm.total_vm)?;
        state.pages = resident_pages(reader, mm)?;
        Ok(Some(state))
    }
}

impl SleeperCache {
    /// A frame begins, or a part of one that is taken by itself.
    pub fn begin(&self) {
        self.now.set(Some(Instant::now()));
        self.sleepers.borrow_mut().begin();
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.sleepers.take();
    }

    /// A task's, of the last frame; those of the next one are asked for.
    fn take(&self, task: u64, prefetches: bool) -> Option<Sleeper> {
        let mut sleepers = self.sleepers.borrow_mut();
        let sleeper = sleepers.take(task);
        if prefetches && let Some(next) = sleepers.ahead(AHEAD) {
            next.facts.ask_for();
        }
        sleeper
    }
}

impl Sleeper {
    /// The verdict about a process in this state now.
    fn judges(&self, state: Option<State>, now: Instant) -> Verdict {
        match state == Some(self.state) {
            true if self.until > now => Verdict::Trust,
            true => Verdict::Refresh,
            false => Verdict::Discard,
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
            verdict: Verdict::Discard,
            since: None,
            footprint: Footprint::default(),
        }
    }

    /// Knows what the last frame knew, if the task has not run since.
    pub fn remembering(reader: &Reader, cache: &SleeperCache, task: &Task) -> Self {
        let before = cache.take(task.address, reader.space.optimizations().cpu_prefetch);
        let mut look = Self::new(task.address, task.pid);
        look.since = Some(reader.space.since());
        look.state = State::of(reader, task.address).ok().flatten();
        let (Some(before), Some(now)) = (before, cache.now.get()) else { return look };
        look.verdict = before.judges(look.state, now);
        look.keep = look.verdict != Verdict::Discard;
        look.footprint = before.footprint;
        match look.verdict {
            Verdict::Trust => (look.facts, look.until) = (before.facts, Some(before.until)),
            Verdict::Refresh | Verdict::Discard => reader.space.retrace(&look.footprint),
        }
        look
    }

    /// The look is done: what is known is kept for the next frame. Where something could not be read, it is read again.
    pub fn done(self, reader: &Reader, cache: &SleeperCache, is_whole: bool) {
        let (Some(state), Some(now)) = (self.state, cache.now.get()) else { return };
        let facts = if is_whole { self.facts } else { SleeperFacts::default() };
        // Not of many processes in the same frame.
        let share = LONGEST / 512 * (256 + (self.pid & 255));
        let until = self.until.or_else(|| now.checked_add(share)).unwrap_or(now);
        let footprint = match (self.verdict, self.since) {
            (Verdict::Discard | Verdict::Refresh, Some(since)) => {
                let rarely = self.verdict == Verdict::Refresh;
                reader.space.footprint(since, self.footprint, rarely)
            }
            _ => self.footprint,
        };
        let bytes = std::mem::size_of::<Sleeper>() + facts.bytes() + footprint.bytes();
        let sleeper = Sleeper { state, facts, until, footprint };
        cache.sleepers.borrow_mut().keep(self.task, sleeper, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(switches: u64) -> State {
        State {
            start: 1,
            signal: 8,
            mm: 2,
            pgd: 3,
            areas: 4,
            size: 5,
            pages: [6; 4],
            threads: 1,
            switches,
        }
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
        assert_eq!(sleeper(now + second).judges(Some(state(7)), now), Verdict::Trust);
    }

    #[test]
    fn who_ran_or_may_run_is_not() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut swapped = state(7);
        swapped.pages[1] -= 1;
        for other in [Some(state(8)), Some(swapped), None] {
            assert_eq!(sleeper(now + second).judges(other, now), Verdict::Discard);
        }
    }

    #[test]
    fn what_is_old_is_read_anew() {
        let now = Instant::now();
        assert_eq!(sleeper(now).judges(Some(state(7)), now), Verdict::Refresh);
    }
}
