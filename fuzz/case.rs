//! One case: its name, what became of it, and the sums over many.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::meter::{Cost, measured};

/// Bytes of heap that an open domain and a frame may take together.
const MOST_HEAP: usize = 100_000_000;
/// A budget may be overrun by so much, in percent.
const TOLERANCE: u32 = 20;

/// How long a piece of work may take.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    /// The limit.
    pub limit: Duration,
    /// True if nfm has a limit of its own there, so that the work is held to it by the clock too.
    pub by_clock: bool,
}

/// The subject of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A crawl of a domain that was opened on sound memory.
    Crawl,
    /// A look at the files of a domain that was opened on sound memory.
    Files,
    /// The opening of a domain.
    Open,
    /// One parser and an input of its own.
    Input,
}

/// The name of a case: with the run's seed, all that replays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its subject.
    pub kind: Kind,
    /// Cases of a group follow one another on one open domain.
    pub group: u64,
    /// Its place in the group.
    pub index: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Crawl => "crawl",
            Kind::Files => "files",
            Kind::Open => "open",
            Kind::Input => "input",
        };
        write!(f, "{kind}:{}:{}", self.group, self.index)
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no case; one is named like crawl:17:204");
        let mut parts = text.split(':');
        let kind = match parts.next() {
            Some("crawl") => Kind::Crawl,
            Some("files") => Kind::Files,
            Some("open") => Kind::Open,
            Some("input") => Kind::Input,
            _ => return Err(wrong()),
        };
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(wrong);
        Ok(Self { kind, group: number()?, index: number()? })
    }
}

/// Sums over cases.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Cases.
    pub cases: u64,
    /// Those that gave a frame, or whatever else is wanted.
    pub done: u64,
    /// Those among them that say what they lack.
    pub partial: u64,
    /// Those that a limit ended.
    pub limited: u64,
    /// Those that ended with an error.
    pub refused: u64,
    /// Those that panicked.
    pub panics: u64,
    /// Those over their time.
    pub late: u64,
    /// Those over their memory.
    pub large: u64,
    /// Those that broke a promise of the data model.
    pub wrong: u64,
    /// The longest, on a CPU.
    pub longest_cpu: Duration,
    /// The longest, by the clock.
    pub longest_wall: Duration,
    /// All of them, on a CPU.
    pub cpu: Duration,
    /// The most heap.
    pub most_heap: usize,
}

/// The result of the work of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Whole.
    Whole,
    /// Whole but for what it names.
    Partial,
    /// Ended by a limit.
    Limited,
    /// An error.
    Refused,
}

impl Tally {
    /// Adds another's sums.
    pub fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.done += other.done;
        self.partial += other.partial;
        self.limited += other.limited;
        self.refused += other.refused;
        self.panics += other.panics;
        self.late += other.late;
        self.large += other.large;
        self.wrong += other.wrong;
        self.longest_cpu = self.longest_cpu.max(other.longest_cpu);
        self.longest_wall = self.longest_wall.max(other.longest_wall);
        self.cpu += other.cpu;
        self.most_heap = self.most_heap.max(other.most_heap);
    }

    /// Cases that failed.
    pub fn failures(&self) -> u64 {
        self.panics + self.late + self.large + self.wrong
    }
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps panics' words for the report instead of printing them.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let payload = info.payload();
        let words = payload.downcast_ref::<&str>().copied();
        let words = words.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let words = words.unwrap_or("no words");
        PANIC.set(format!("{words} ({place})"));
    }));
}

/// Runs the work of one case under all checks. `floor` is the heap that the harness itself holds. What
/// failed is told in words. `None` after a panic: what the work touched is not to be used again.
pub fn run<T>(
    tally: &mut Tally,
    time: TimeLimit,
    floor: usize,
    mut work: impl FnMut() -> (Outcome, T),
    fail: &mut dyn FnMut(String),
) -> Option<(T, Cost)> {
    tally.cases += 1;
    let (result, cost) = measured(|| catch_unwind(AssertUnwindSafe(&mut work)));
    let heap = cost.heap.saturating_sub(floor);
    tally.cpu += cost.cpu;
    tally.longest_cpu = tally.longest_cpu.max(cost.cpu);
    tally.longest_wall = tally.longest_wall.max(cost.wall);
    tally.most_heap = tally.most_heap.max(heap);
    let Ok((outcome, value)) = result else {
        tally.panics += 1;
        fail(format!("panicked: {}", PANIC.take()));
        return None;
    };
    match outcome {
        Outcome::Whole => tally.done += 1,
        Outcome::Partial => (tally.done, tally.partial) = (tally.done + 1, tally.partial + 1),
        Outcome::Limited => (tally.done, tally.limited) = (tally.done + 1, tally.limited + 1),
        Outcome::Refused => tally.refused += 1,
    }
    let TimeLimit { limit, by_clock } = time;
    let most = limit * (100 + TOLERANCE) / 100;
    if cost.cpu > most || (by_clock && cost.own_time() > most && is_late_again(&mut work, most)) {
        tally.late += 1;
        let (wall, waited, cpu) = (cost.wall, cost.waited, cost.cpu);
        let words = format!("{waited:.0?} of it waiting for a CPU, {cpu:.0?} on one");
        fail(format!("took {wall:.0?} ({words}), limit {limit:.0?}"));
    }
    if heap > MOST_HEAP {
        tally.large += 1;
        fail(format!("took {} MB of heap", heap / 1_000_000));
    }
    Some((value, cost))
}

/// The machine may have stood still: who is late by the clock alone may try twice again.
fn is_late_again<T>(work: &mut impl FnMut() -> T, most: Duration) -> bool {
    (0..2).all(|_| {
        let (result, cost) = measured(|| catch_unwind(AssertUnwindSafe(&mut *work)));
        result.is_err() || cost.own_time() > most
    })
}
