//! The turns of many members at a steady rate, taken by few threads.

use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::rate::Rate;

/// Members whose first turns come together.
const TOGETHER: usize = 8;
/// The share of a period by which a turn is late before another thread than the first takes it ...
const PATIENCE: u32 = 4;
/// ... at least.
const LEAST_PATIENCE: Duration = Duration::from_millis(1);

/// When a member has its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// At the next beat of its rate.
    Beat,
    /// After so long, where its rate begins anew.
    After(Duration),
    /// Never: it is dropped.
    Never,
}

/// Members and when each has its turn. One thread takes them all as long as it keeps up, as that costs least: the second
/// finds in the CPU's caches what the first one left, and the thread awake. Other threads take what is late.
pub(super) struct Turns<T> {
    period: Duration,
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

struct Waiting<T> {
    due: BinaryHeap<Due<T>>,
    /// Members whose turn it is just now.
    at_work: usize,
    stop: bool,
}

/// A member and its next turn.
struct Due<T> {
    at: Instant,
    rate: Rate,
    member: T,
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Due<T> {
    /// The heap gives the greatest: the earliest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.at.cmp(&self.at)
    }
}

impl<T: Send> Turns<T> {
    /// No member yet; each that comes has a turn every `period`.
    pub fn new(period: Duration) -> Self {
        let waiting = Waiting { due: BinaryHeap::new(), at_work: 0, stop: false };
        Self { period, waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// Adds members whose first turns are spread over a period, a few at a time.
    pub fn add(&self, members: Vec<T>) {
        let now = Instant::now();
        let groups = members.len().div_ceil(TOGETHER);
        let share = self.period / u32::try_from(groups).unwrap_or(u32::MAX).max(1);
        let mut waiting = self.lock();
        waiting.due.extend(members.into_iter().enumerate().map(|(index, member)| {
            let group = u32::try_from(index / TOGETHER).unwrap_or(u32::MAX);
            let at = now.checked_add(share.saturating_mul(group)).unwrap_or(now);
            Due { at, rate: Rate::starting(at, self.period), member }
        }));
        self.changed.notify_all();
    }

    /// No further turn is taken.
    pub fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Has the members' turns taken by so many threads, until [`Self::stop`] or until no member is left.
    pub fn run(&self, threads: usize, work: impl Fn(&mut T) -> Next + Sync) {
        let work = &work;
        std::thread::scope(|scope| {
            for number in 0..threads.max(1) {
                let patience = match number {
                    0 => Duration::ZERO,
                    _ => (self.period / PATIENCE).max(LEAST_PATIENCE),
                };
                scope.spawn(move || self.work(patience, work));
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The member that is due first, once it is late by so much; `None` once there is nothing left to do.
    fn take(&self, patience: Duration) -> Option<Due<T>> {
        let mut waiting = self.lock();
        loop {
            if waiting.stop || waiting.due.is_empty() && waiting.at_work == 0 {
                return None;
            }
            let now = Instant::now();
            let left = waiting.due.peek().map(|due| {
                let late = due.at.checked_add(patience);
                late.map_or(Duration::MAX, |late| late.saturating_duration_since(now))
            });
            waiting = match left {
                Some(Duration::ZERO) => {
                    waiting.at_work += 1;
                    return waiting.due.pop();
                }
                // Whoever gives one back tells the first thread.
                None if patience.is_zero() => {
                    self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)
                }
                left => {
                    let left = left.unwrap_or_default().max(patience);
                    let woken = self.changed.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// One thread: takes members that are late by so much, does their work, puts them back.
    fn work(&self, patience: Duration, work: &(impl Fn(&mut T) -> Next + Sync)) {
        while let Some(mut due) = self.take(patience) {
            let _at_work = AtWork(self);
            let next = work(&mut due.member);
            match next {
                Next::Beat => due.at = due.rate.next_beat(),
                Next::After(wait) => {
                    let now = Instant::now();
                    due.at = now.checked_add(wait).unwrap_or(now);
                    due.rate = Rate::starting(due.at, self.period);
                }
                Next::Never => {}
            }
            let mut waiting = self.lock();
            if next != Next::Never {
                waiting.due.push(due);
            }
            // The first thread may sleep for another member, or because there was none.
            if waiting.stop || !patience.is_zero() {
                self.changed.notify_all();
            }
        }
    }
}

/// One member is at work until this is dropped, also by a panic: others would wait for it.
struct AtWork<'t, T: Send>(&'t Turns<T>);

impl<T: Send> Drop for AtWork<'_, T> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.at_work -= 1;
        if waiting.due.is_empty() {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn who_waits_has_its_turn_then_and_who_is_done_has_none() {
        let period = Duration::from_millis(2);
        let turns = Turns::new(period);
        let begun = Instant::now();
        turns.add(vec!["waits", "ends", "beats"]);
        let seen = Mutex::new(Vec::new());
        turns.run(2, |member| {
            let mut seen = seen.lock().unwrap();
            seen.push((*member, begun.elapsed()));
            match *member {
                "beats" if seen.iter().filter(|(one, _)| *one == "waits").count() == 2 => {
                    turns.stop();
                    Next::Never
                }
                "beats" => Next::Beat,
                "waits" => Next::After(10 * period),
                _ => Next::Never,
            }
        });
        let seen = seen.into_inner().unwrap();
        let times = |name| seen.iter().filter(move |(one, _)| *one == name).map(|(_, at)| *at);
        assert_eq!(times("ends").count(), 1);
        let waits: Vec<_> = times("waits").collect();
        assert!(waits.len() >= 2 && waits[1] - waits[0] >= 10 * period, "{seen:?}");
        assert!(times("beats").count() >= 2, "{seen:?}");
    }

    #[test]
    fn a_member_that_comes_later_has_turns() {
        let turns = Turns::new(Duration::from_millis(1));
        turns.add(vec![0]);
        let seen = Mutex::new(Vec::new());
        turns.run(2, |member| {
            seen.lock().unwrap().push(*member);
            if *member < 3 {
                turns.add(vec![*member + 1]);
            }
            Next::Never
        });
        assert_eq!(seen.into_inner().unwrap(), [0, 1, 2, 3]);
    }
}
