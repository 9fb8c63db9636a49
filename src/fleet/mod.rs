//! Many guests at a steady rate, by few threads.

mod cadence;
mod follow;
mod rate;
mod turns;

pub use follow::{FleetEvent, FollowOptions, Follower, OwnSections, Sections, follow};
pub use rate::Rate;

use std::ops::ControlFlow;
use std::time::Duration;

use crate::domain::{CrawlOptions, Domain};
use crate::error::{Error, Result};
use crate::frame::Frame;
use turns::{Next, Turns};

/// Many open domains, each crawled at the same rate, by a bounded number of threads. [`follow`] opens them itself, and
/// follows those that start and end.
pub struct Fleet {
    domains: Vec<Domain>,
    threads: usize,
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
        let turns = Turns::new(period);
        turns.add(self.domains.into_iter().enumerate().collect());
        turns.run(self.threads, |(index, domain)| {
            let frame = domain.crawl(options);
            let next = if frame.is_err() { Next::Never } else { Next::Beat };
            if each(*index, frame).is_break() {
                turns.stop();
            }
            next
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_fleet_ends_at_once() {
        let fleet = Fleet::new(Vec::new(), 8);
        fleet.run(&CrawlOptions::default(), Duration::from_secs(1), |_, _| ControlFlow::Break(()));
    }
}
