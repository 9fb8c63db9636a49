//! What the areas of a process have in RAM. Counting it takes all of the process's page tables, a third of the pages
//! of a frame; they need not be read again for a process that has not run since.

use super::processes;
use super::reader::{Context, ReadResult};
use super::reuse::Kept;
use crate::paging::InRam;

/// Threads of one process that are looked at.
const MOST_THREADS: u64 = 1024;
/// Areas, of all processes together, that are remembered.
const MOST_AREAS: usize = 1 << 17;

/// What tells whether a process's page tables are as they were. A process changes them only while one of its threads
/// runs, which the scheduler counts whenever it takes a thread off its CPU (`__schedule`, kernel/sched/core.c). What
/// others do to them - reclaim, truncation, process_madvise(2), writing through ptrace(2) - changes the counts of
/// its resident pages, by kind; only where such changes cancel each other between two frames they go unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The leader's `task_struct`, and when it started.
    task: u64,
    start: u64,
    mm: u64,
    pgd: u64,
    areas: u64,
    pages: [i64; 4],
    threads: u64,
    switches: u64,
}

impl State {
    /// The leader's `task_struct`.
    pub fn task(&self) -> u64 {
        self.task
    }

    /// One after so many switches.
    #[cfg(test)]
    pub fn asleep(switches: u64) -> Self {
        Self { task: 1, start: 2, mm: 3, pgd: 4, areas: 1, pages: [0; 4], threads: 1, switches }
    }
}

/// An area and its bytes in RAM.
#[derive(Clone, Copy, Debug)]
struct Area {
    start: u64,
    end: u64,
    resident: u64,
}

/// What was counted of one process.
#[derive(Debug)]
struct Counted {
    state: State,
    /// Whether the state was the same in a frame before that in which the areas were counted. Within one frame it may
    /// have been read after them.
    steady: bool,
    areas: Vec<Area>,
}

/// What was counted of the processes.
#[derive(Debug, Default)]
pub(super) struct Residents {
    kept: Kept<Counted>,
    /// Areas that this frame keeps.
    areas: usize,
}

/// How the areas of one process are counted in this frame.
pub(super) struct Counting {
    state: Option<State>,
    /// Whether the last frame saw the same state.
    seen: bool,
    /// What is known of areas and must not be counted again, ascending.
    known: Option<Vec<Area>>,
    next: usize,
    /// What was counted.
    counted: Vec<Area>,
    /// Whether all of it is known.
    whole: bool,
}

impl Residents {
    /// A frame of mappings begins: of processes that the last one did not meet nothing is kept.
    pub fn begin(&mut self) {
        self.kept.begin();
        self.areas = 0;
    }

    /// Begins to count the areas of a process.
    pub fn count(&mut self, state: Option<State>) -> Counting {
        let before = state.and_then(|state| self.kept.take(state.task));
        let before = before.filter(|before| Some(before.state) == state);
        let seen = before.is_some();
        let known = before.filter(|before| before.steady).map(|before| before.areas);
        Counting { state, seen, known, next: 0, counted: Vec::new(), whole: true }
    }

    /// Keeps what was counted.
    pub fn keep(&mut self, counting: Counting) {
        let Counting { state: Some(state), seen, known, counted, whole: true, .. } = counting
        else {
            return;
        };
        let areas = known.unwrap_or(counted);
        self.areas = self.areas.saturating_add(areas.len());
        if self.areas <= MOST_AREAS {
            self.kept.keep(state.task, Counted { state, steady: seen, areas });
        }
    }
}

impl Counting {
    /// Bytes of an area that are in RAM: as they are known, or as `count` finds.
    pub fn resident(
        &mut self,
        start: u64,
        end: u64,
        count: impl FnOnce() -> ReadResult<InRam>,
    ) -> ReadResult<u64> {
        if let Some(known) = &self.known {
            let area = known.get(self.next).filter(|area| area.start == start && area.end == end);
            if let Some(area) = area {
                self.next += 1;
                return Ok(area.resident);
            }
            // The areas are not those that were counted, which nothing explains: all counts anew.
            self.known = None;
            self.whole = false;
        }
        let counted = count();
        match counted {
            Ok(InRam { bytes, settled: true }) if self.state.is_some() => {
                self.counted.push(Area { start, end, resident: bytes });
            }
            Ok(InRam { settled: true, .. }) => {}
            // Pages in swap, or that were just moved, are counted each time.
            Ok(_) | Err(_) => self.whole = false,
        }
        counted.map(|counted| counted.bytes)
    }
}

/// The state of a process whose threads are all off their CPUs; `None` where one may run, where others share the
/// address space, or where this kernel does not tell.
pub(super) fn state(context: &Context, task: u64, mm: u64) -> Option<State> {
    let layout = &context.layout.process;
    let read = || -> ReadResult<Option<State>> {
        let signal = context.follow(task, layout.task.signal)?;
        let head = context.at(signal, layout.signal.thread_head)?;
        let (mut threads, mut switches) = (0_u64, 0_u64);
        let mut next = context.u64_at(head)?;
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
        let alone = context.unsigned(mm, layout.mm.mm_users)? == threads
            && context.unsigned(signal, layout.signal.nr_threads)? == threads;
        let mut pages = [0; 4];
        for (kind, pages) in (0..).zip(&mut pages) {
            *pages = processes::resident_pages(context, mm, kind)?;
        }
        Ok(alone.then_some(State {
            task,
            start: context.unsigned(task, layout.task.start_boottime)?,
            mm,
            pgd: context.unsigned(mm, layout.mm.pgd)?,
            areas: context.unsigned(mm, layout.mm.map_count)?,
            pages,
            threads,
            switches,
        }))
    };
    read().ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One frame in which the process has a state; tells whether its area was counted.
    fn frame(residents: &mut Residents, state: Option<State>, in_ram: u64) -> (u64, bool) {
        residents.begin();
        let mut counting = residents.count(state);
        let mut asked = false;
        let resident = counting.resident(0x1000, 0x3000, || {
            asked = true;
            Ok(InRam { bytes: in_ram, settled: true })
        });
        residents.keep(counting);
        (resident.unwrap(), asked)
    }

    #[test]
    fn who_slept_for_two_frames_is_not_counted_again() {
        let mut residents = Residents::default();
        assert_eq!(frame(&mut residents, Some(State::asleep(7)), 4096), (4096, true));
        // The tables may have been read before the process ran for the last time.
        assert_eq!(frame(&mut residents, Some(State::asleep(7)), 8192), (8192, true));
        assert_eq!(frame(&mut residents, Some(State::asleep(7)), 0), (8192, false));
        assert_eq!(frame(&mut residents, Some(State::asleep(7)), 0), (8192, false));
    }

    #[test]
    fn who_ran_is_counted() {
        let mut residents = Residents::default();
        for _ in 0..3 {
            frame(&mut residents, Some(State::asleep(7)), 4096);
        }
        assert_eq!(frame(&mut residents, Some(State::asleep(8)), 8192), (8192, true));
        assert_eq!(frame(&mut residents, Some(State::asleep(8)), 8192), (8192, true));
        assert_eq!(frame(&mut residents, None, 4096), (4096, true));
        assert_eq!(frame(&mut residents, Some(State::asleep(8)), 0), (0, true));
    }

    #[test]
    fn who_has_pages_elsewhere_is_counted() {
        let mut residents = Residents::default();
        for _ in 0..4 {
            residents.begin();
            let mut counting = residents.count(Some(State::asleep(7)));
            let mut asked = false;
            let _ = counting.resident(0x1000, 0x3000, || {
                asked = true;
                Ok(InRam { bytes: 4096, settled: false })
            });
            residents.keep(counting);
            assert!(asked);
        }
    }

    #[test]
    fn other_areas_are_counted() {
        let mut residents = Residents::default();
        for _ in 0..3 {
            frame(&mut residents, Some(State::asleep(7)), 4096);
        }
        residents.begin();
        let mut counting = residents.count(Some(State::asleep(7)));
        let count = || Ok(InRam { bytes: 1, settled: true });
        assert_eq!(counting.resident(0x2000, 0x3000, count), Ok(1));
        residents.keep(counting);
        assert_eq!(frame(&mut residents, Some(State::asleep(7)), 5), (5, true));
    }
}
