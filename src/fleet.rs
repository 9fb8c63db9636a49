//! Crawling at a steady rate, and many domains at once by few threads.

use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{CrawlOptions, Domain};
use crate::error::{Error, Result};
use crate::frame::Frame;

/// Beats at a steady rate. Each is counted from the start, so that the rate does not drift, whatever
/// the work between two beats takes; beats that were missed are left out, not made up for.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    start: Instant,
    period: Duration,
    beat: u32,
}

impl Rate {
    /// A beat every `period`, the first one now. A period of 0 counts as a nanosecond.
    pub fn new(period: Duration) -> Self {
        Self::starting(Instant::now(), period)
    }

    fn starting(start: Instant, period: Duration) -> Self {
        Self { start, period: period.max(Duration::from_nanos(1)), beat: 0 }
    }

    /// When the next beat is. Counting begins anew after 2^32 beats.
    pub fn next_beat(&mut self) -> Instant {
        let missed = self.start.elapsed().as_nanos() / self.period.as_nanos();
        let beat = u32::try_from(missed).unwrap_or(u32::MAX).max(self.beat);
        let next = beat.checked_add(1).and_then(|next| {
            let due = self.start.checked_add(self.period.checked_mul(next)?)?;
            self.beat = next;
            Some(due)
        });
        next.unwrap_or_else(|| {
            *self = Self::new(self.period);
            self.start
        })
    }

    /// Sleeps until the next beat.
    pub fn wait(&mut self) {
        std::thread::sleep(self.next_beat().saturating_duration_since(Instant::now()));
    }
}

/// Domains whose turns come together: the second finds in the CPU's caches what the first one left, and the thread
/// awake.
const TOGETHER: usize = 8;
/// The share of a period by which a domain is late before another thread than the first takes it ...
const PATIENCE: u32 = 4;
/// ... at least.
const LEAST_PATIENCE: Duration = Duration::from_millis(1);

/// Many open domains, each crawled at the same rate, by a bounded number of threads.
pub struct Fleet {
    domains: Vec<Domain>,
    threads: usize,
}

/// A domain and when it is crawled next.
struct Due {
    at: Instant,
    rate: Rate,
    index: usize,
    domain: Domain,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    /// The heap gives the greatest: the earliest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.at.cmp(&self.at)
    }
}

/// What the threads share.
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    due: BinaryHeap<Due>,
    /// Domains that are crawled just now.
    at_work: usize,
    stop: bool,
}

impl Fleet {
    /// Domains to crawl, by at most so many threads (at least one).
    pub fn new(domains: Vec<Domain>, threads: usize) -> Self {
        let threads = threads.clamp(1, domains.len().max(1));
        Self { domains, threads }
    }

    /// Crawls every domain once each period until `each` breaks off or no domain is left. The domains'
    /// turns are spread over the period, a few at a time. One thread does it all as long as it keeps up, as that
    /// costs least; the others take what is late by a quarter of a period. `each` gets the domain's place in the
    /// list and its frame, from any of the threads; a domain whose crawl fails is left out from then on, and its
    /// error given.
    pub fn run(
        self,
        options: &CrawlOptions,
        period: Duration,
        each: impl Fn(usize, Result<Frame, Error>) -> ControlFlow<()> + Sync,
    ) {
        let now = Instant::now();
        let groups = self.domains.len().div_ceil(TOGETHER);
        let share = period / u32::try_from(groups).unwrap_or(u32::MAX).max(1);
        let turns = self.domains.into_iter().enumerate().map(|(index, domain)| {
            let later = share.saturating_mul(u32::try_from(index / TOGETHER).unwrap_or(u32::MAX));
            let at = now.checked_add(later).unwrap_or(now);
            Due { at, rate: Rate::starting(at, period), index, domain }
        });
        let waiting = Waiting { due: turns.collect(), at_work: 0, stop: false };
        let shared = Shared { waiting: Mutex::new(waiting), changed: Condvar::new() };
        let (shared, each) = (&shared, &each);
        std::thread::scope(|scope| {
            for number in 0..self.threads {
                let patience = match number {
                    0 => Duration::ZERO,
                    _ => (period / PATIENCE).max(LEAST_PATIENCE),
                };
                scope.spawn(move || shared.work(options, patience, each));
            }
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The domain that is due first, once it is late by so much; `None` once there is nothing left to do.
    fn take(&self, patience: Duration) -> Option<Due> {
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

    /// One thread: takes domains that are late by so much, crawls them, puts them back.
    fn work(
        &self,
        options: &CrawlOptions,
        patience: Duration,
        each: &(impl Fn(usize, Result<Frame, Error>) -> ControlFlow<()> + Sync),
    ) {
        while let Some(mut due) = self.take(patience) {
            let _at_work = AtWork(self);
            let frame = due.domain.crawl(options);
            let failed = frame.is_err();
            let went_on = each(due.index, frame).is_continue();
            let mut waiting = self.lock();
            waiting.stop |= !went_on;
            if !failed {
                due.at = due.rate.next_beat();
                waiting.due.push(due);
            }
            // The first thread may sleep for another domain, or because there was none.
            if waiting.stop || !patience.is_zero() {
                self.changed.notify_all();
            }
        }
    }
}

/// One domain is at work until this is dropped, also by a panic: others would wait for it.
struct AtWork<'s>(&'s Shared);

impl Drop for AtWork<'_> {
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
    use super::*;

    #[test]
    fn beats_do_not_drift() {
        let period = Duration::from_millis(4);
        let mut rate = Rate::new(period);
        let start = rate.start;
        for beat in 1..=25 {
            rate.wait();
            // Work of changing length, shorter than a period.
            std::thread::sleep(Duration::from_micros(200 * (beat % 5)));
        }
        // A machine that is busy may miss beats, but those that come are whole periods from the start.
        let next = rate.next_beat() - start;
        assert_eq!(next.as_nanos() % period.as_nanos(), 0, "{next:?}");
        assert!(next >= 26 * period, "{next:?}");
    }

    #[test]
    fn missed_beats_are_left_out() {
        let period = Duration::from_millis(2);
        let mut rate = Rate::new(period);
        std::thread::sleep(7 * period);
        let first = rate.next_beat();
        assert!(first > Instant::now() - period, "a beat of the past");
        assert_eq!(rate.next_beat() - first, period);
    }

    #[test]
    fn an_empty_fleet_ends_at_once() {
        let fleet = Fleet::new(Vec::new(), 8);
        fleet.run(&CrawlOptions::default(), Duration::from_secs(1), |_, _| ControlFlow::Break(()));
    }
}
