//! A host's guests as they start, restart, fail, come back and end.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cadence::Cadence;
use super::turns::{Next, Turns};
use crate::domain::{CrawlOptions, Domain, OpenOptions};
use crate::error::{Error, ErrorCode, Result, Retry};
use crate::frame::{Frame, Section};
use crate::resolve::{DomainState, DomainSummary, Libvirt, QEMU_PREFIX, qemu_guests};

/// The longest wait after a failure that passes by itself, unless the period is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The wait after a failure that lasts until somebody changes something.
const WAIT_FOR_CHANGE: Duration = Duration::from_secs(60);

/// How [`follow`] opens and crawls domains.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FollowOptions {
    /// How each is opened. Its `uri` names the libvirt whose domains are followed.
    pub open: OpenOptions,
    /// True to follow the QEMU processes of this host ([`qemu_guests`]) instead of a libvirt's domains, and to ask no
    /// libvirt. Their UUID in events is `qemu:PID`, as it opens each.
    pub processes: bool,
    /// How each is crawled.
    pub crawl: CrawlOptions,
    /// The time from one frame of a domain to the next.
    pub period: Duration,
    /// Sections of the crawl that are taken more rarely than once a period, each with the time from one to the next. All
    /// are taken in a domain's first frame, and after it was started anew.
    pub rarely: Vec<(Section, Duration)>,
    /// The time from one look at which domains run to the next: the longest that a new one waits for its first frame.
    pub listing_period: Duration,
    /// Threads that crawl, at least one. The second and later ones help where the first is late.
    pub threads: usize,
    /// Receives the messages of these threads; `None` for the subscriber of the process.
    pub subscriber: Option<tracing::Dispatch>,
    /// Domains whose sections are others than those of the crawl.
    pub own_sections: Option<OwnSections>,
}

/// Tells the sections of domains that have their own.
#[derive(Clone)]
pub struct OwnSections(Arc<SectionsOf>);

type SectionsOf = dyn Fn(&DomainSummary) -> Option<Sections> + Send + Sync;

/// The sections that a domain is crawled for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// All of them.
    pub all: Vec<Section>,
    /// Those that are taken more rarely than once a period, each with the time from one to the next.
    pub rarely: Vec<(Section, Duration)>,
}

impl OwnSections {
    /// Those of a function, which is asked once for each domain, when it is found; `None`: as all others.
    pub fn new(of: impl Fn(&DomainSummary) -> Option<Sections> + Send + Sync + 'static) -> Self {
        Self(Arc::new(of))
    }
}

impl std::fmt::Debug for OwnSections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnSections")
    }
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            open: OpenOptions::default(),
            processes: false,
            crawl: CrawlOptions::default(),
            period: Duration::from_secs(1),
            rarely: Vec::new(),
            listing_period: Duration::from_secs(2),
            threads: 2,
            subscriber: None,
            own_sections: None,
        }
    }
}

/// Something that happened to a domain that is followed.
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetEvent<'e> {
    /// It was opened: for the first time, or after it had ended.
    New {
        /// The domain.
        domain: &'e DomainSummary,
    },
    /// It was crawled.
    Frame {
        /// The domain.
        domain: &'e DomainSummary,
        /// The frame.
        frame: Box<Frame>,
        /// True if its kernel was started anew since the last frame, or its hypervisor was.
        restarted: bool,
    },
    /// It could not be opened or crawled. It is tried again.
    Failed {
        /// The domain.
        domain: &'e DomainSummary,
        /// Why not.
        error: &'e Error,
        /// The time until the next try.
        again: Duration,
        /// True if the last try failed with the same code: who reports failures has reported this one.
        repeated: bool,
    },
    /// It ended. If it is started again, it is new.
    Gone {
        /// The domain.
        domain: &'e DomainSummary,
    },
    /// libvirt does not tell which domains run. Those that are open are crawled all the same.
    NotListed {
        /// Why not.
        error: &'e Error,
        /// The time until the next try.
        again: Duration,
        /// True if the last try failed with the same code.
        repeated: bool,
    },
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    code: Option<ErrorCode>,
}

impl Failures {
    /// Counts a failure. Gives the time until the next try, and whether it is the last one again.
    fn add(&mut self, error: &Error, period: Duration) -> (Duration, bool) {
        let repeated = self.code == Some(error.code());
        let doubled = period.saturating_mul(1_u32.checked_shl(self.count).unwrap_or(u32::MAX));
        self.count = (self.count + 1).min(31);
        self.code = Some(error.code());
        let wait = match error.retry() {
            Retry::Later | Retry::Reopen => doubled.min(LONGEST_WAIT),
            Retry::Never => WAIT_FOR_CHANGE,
        };
        (wait.max(period), repeated)
    }
}

/// Something that has turns.
enum Member {
    /// The list of domains.
    List(Failures),
    /// A domain that ran when it was listed.
    Guest(Box<Guest>),
}

struct Guest {
    summary: DomainSummary,
    /// `None` until it could be opened, and once it could not be read any more.
    open: Option<Domain>,
    /// Restarts of its kernel that were told of.
    restarts: u64,
    failures: Failures,
    /// True once the caller has heard of it.
    told: bool,
    /// True if the next frame is the first of another hypervisor process than the last.
    reopened: bool,
    sections: Sections,
    cadence: Cadence,
}

/// A host's guests that are followed, for programs that end it from another thread; [`follow`] is for the others.
pub struct Follower<C, E> {
    options: FollowOptions,
    /// Held throughout: without a holder it would be made anew for each list. `None` for one that follows processes.
    libvirt: Option<Libvirt>,
    chosen: C,
    each: E,
    turns: Turns<Member>,
    /// The UUIDs of the domains that have turns.
    followed: Mutex<HashSet<String>>,
}

/// Opens every running domain that is `chosen`, crawls each once a period, and follows them: domains that start are
/// opened, restarts are noticed, who ends is left out, and what fails is tried again, ever less often (up to every 10
/// seconds; every minute where [`Error::retry`] says that only a change helps). Gives each event to `each`, from any of
/// the threads, those of one domain one after another, and ends when `each` breaks off.
///
/// # Errors
/// libvirt cannot be reached at the beginning.
pub fn follow(
    options: &FollowOptions,
    chosen: impl Fn(&DomainSummary) -> bool + Sync,
    each: impl Fn(FleetEvent<'_>) -> ControlFlow<()> + Sync,
) -> Result<()> {
    Follower::new(options.clone(), chosen, each)?.run();
    Ok(())
}

impl<C, E> Follower<C, E>
where
    C: Fn(&DomainSummary) -> bool + Sync,
    E: Fn(FleetEvent<'_>) -> ControlFlow<()> + Sync,
{
    /// Makes ready for [`follow`], and does not begin yet.
    ///
    /// # Errors
    /// libvirt cannot be reached.
    pub fn new(options: FollowOptions, chosen: C, each: E) -> Result<Self> {
        let libvirt = match options.processes {
            true => None,
            false => Some(options.open.libvirt()?),
        };
        let turns = Turns::new(options.period);
        turns.add(vec![Member::List(Failures::default())]);
        Ok(Self { options, libvirt, chosen, each, turns, followed: Mutex::default() })
    }

    /// Follows the guests until `each` breaks off, or [`Self::stop`] is called.
    pub fn run(&self) {
        let turn = |member: &mut Member| match member {
            Member::List(failures) => self.list(failures),
            Member::Guest(guest) => self.turn(guest),
        };
        self.turns.run(self.options.threads, |member| match &self.options.subscriber {
            Some(subscriber) => tracing::dispatcher::with_default(subscriber, || turn(member)),
            None => turn(member),
        });
    }

    /// Ends [`Self::run`], also before it begins. Does not wait for that; a crawl that runs ends in its own time, or
    /// through the control of its options.
    pub fn stop(&self) {
        self.turns.stop();
    }

    fn tell(&self, event: FleetEvent<'_>) {
        if (self.each)(event).is_break() {
            self.turns.stop();
        }
    }

    fn followed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the domains that run and are not followed yet.
    fn list(&self, failures: &mut Failures) -> Next {
        let listing = self.options.listing_period;
        let listed = match &self.libvirt {
            Some(libvirt) => libvirt.list(false),
            None => processes(),
        };
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let (again, repeated) = failures.add(&error, listing);
                self.tell(FleetEvent::NotListed { error: &error, again, repeated });
                return Next::After(again);
            }
        };
        *failures = Failures::default();
        let chosen = listed.into_iter().filter(|one| (self.chosen)(one));
        let mut followed = self.followed();
        let new = chosen.filter(|one| followed.insert(one.uuid.clone()));
        let guests: Vec<_> = new
            .map(|summary| {
                let failures = Failures::default();
                let (told, reopened, cadence) = (false, false, Cadence::default());
                let own = self.options.own_sections.as_ref().and_then(|own| (own.0)(&summary));
                let sections = own.unwrap_or_else(|| Sections {
                    all: self.options.crawl.sections.clone(),
                    rarely: self.options.rarely.clone(),
                });
                Member::Guest(Box::new(Guest {
                    summary,
                    open: None,
                    restarts: 0,
                    failures,
                    told,
                    reopened,
                    sections,
                    cadence,
                }))
            })
            .collect();
        drop(followed);
        if !guests.is_empty() {
            self.turns.add(guests);
        }
        Next::After(listing)
    }

    /// One domain's turn.
    fn turn(&self, guest: &mut Guest) -> Next {
        let FollowOptions { crawl, period, .. } = &self.options;
        let Sections { all, rarely } = &guest.sections;
        let now = Instant::now();
        let mut crawl = crawl.clone();
        crawl.sections = guest.cadence.due(all, rarely, *period, now);
        let frame = match self.opened(guest) {
            Ok(domain) => domain.crawl(&crawl).map(|frame| (frame, domain.restarts())),
            Err(error) => Err(error),
        };
        match frame {
            Ok((frame, restarts)) => {
                let restarted = guest.reopened || restarts != guest.restarts;
                guest.cadence.took(&crawl.sections, now);
                if restarted {
                    guest.cadence.forget();
                }
                guest.restarts = restarts;
                guest.reopened = false;
                guest.failures = Failures::default();
                let frame = Box::new(frame);
                self.tell(FleetEvent::Frame { domain: &guest.summary, frame, restarted });
                Next::Beat
            }
            Err(error) => self.failed(guest, &error),
        }
    }

    /// The domain, opened if it is not.
    fn opened<'g>(&self, guest: &'g mut Guest) -> Result<&'g mut Domain> {
        if guest.open.is_none() {
            let domain = Domain::open(&guest.summary.uuid, &self.options.open)?;
            guest.restarts = domain.restarts();
            guest.open = Some(domain);
            if !guest.reopened {
                guest.told = true;
                self.tell(FleetEvent::New { domain: &guest.summary });
            }
        }
        guest.open.as_mut().ok_or_else(|| Error::Gone { domain: guest.summary.name.clone() })
    }

    fn failed(&self, guest: &mut Guest, error: &Error) -> Next {
        let domain = &guest.summary;
        // The hypervisor's process ended: libvirt knows whether there is another, which it was replaced by.
        if error.retry() == Retry::Reopen && guest.open.take().is_some() {
            guest.reopened = true;
            return Next::After(Duration::ZERO);
        }
        if matches!(error.code(), ErrorCode::NoSuchDomain | ErrorCode::NotRunning) {
            if guest.told {
                self.tell(FleetEvent::Gone { domain });
            }
            // Should it be on its way, the next list has it.
            self.followed().remove(&domain.uuid);
            return Next::Never;
        }
        guest.told = true;
        let (again, repeated) = guest.failures.add(error, self.options.period);
        self.tell(FleetEvent::Failed { domain, error, again, repeated });
        Next::After(again)
    }
}

/// The QEMU processes of this host, each named by what opens it.
fn processes() -> Result<Vec<DomainSummary>> {
    let listed = qemu_guests()?.into_iter().map(|guest| {
        let uuid = format!("{QEMU_PREFIX}{}", guest.pid);
        let name = guest.name.unwrap_or_else(|| uuid.clone());
        DomainSummary { id: None, name, uuid, state: DomainState::Unknown }
    });
    Ok(listed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rare_and_what_lasts_is_told_once() {
        let period = Duration::from_secs(1);
        let not_booted = Error::NotBooted { domain: String::new(), evidence: String::new() };
        let not_linux = Error::NotLinux { domain: String::new(), evidence: String::new() };
        let mut failures = Failures::default();
        let waits: Vec<_> = (0..40).map(|_| failures.add(&not_booted, period)).collect();
        let seconds: Vec<u64> = waits.iter().map(|(wait, _)| wait.as_secs()).collect();
        assert_eq!(seconds[..6], [1, 2, 4, 8, 10, 10]);
        assert!(seconds[6..].iter().all(|wait| *wait == 10), "{seconds:?}");
        let repeated: Vec<bool> = waits.iter().map(|(_, repeated)| *repeated).collect();
        assert!(!repeated[0] && repeated[1..].iter().all(|one| *one));
        assert_eq!(failures.add(&not_linux, period), (WAIT_FOR_CHANGE, false));
        assert_eq!(failures.add(&not_linux, period), (WAIT_FOR_CHANGE, true));
        // Never more often than a frame is wanted.
        let rare = Duration::from_secs(300);
        assert_eq!(Failures::default().add(&not_booted, rare), (rare, false));
    }

    #[test]
    fn a_libvirt_that_is_not_there_is_an_error() {
        let mut options = FollowOptions::default();
        options.open.uri = Some("qemu+unix:///system?socket=/nonexistent".to_owned());
        let error = follow(&options, |_| true, |_| ControlFlow::Break(())).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Connect);
    }
}
