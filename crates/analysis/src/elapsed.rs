//! The time between two frames.

use nfm_frame::Frame;

use crate::{Boot, boot};

/// By how much a reading of the guest's clock may be late: a tick of the slowest kernels (100 Hz), as it is read as of
/// the last tick.
const TICK_NS: u64 = 10_000_000;
/// How long an idle guest may leave its clock as it is. `tick_nohz_stop_tick` (kernel/time/tick-sched.c) stops the
/// tick of an idle CPU until the next timer; the last CPU stops the clock's updates with it. Some timer is due within
/// some seconds in every kernel we know.
const LONGEST_IDLE_NS: u64 = 10_000_000_000;

/// The clock by which a time was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The guest's boot clock (`os.uptime_ns`).
    Guest,
    /// The host's wall clock, between the middles of the two crawls.
    Host,
}

/// The time that passed for a guest between two frames. It is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    /// Nanoseconds.
    pub ns: u64,
    /// The clock that says so.
    pub clock: Clock,
}

impl Elapsed {
    /// How much of something there was in one second.
    pub fn per_second(self, amount: u64) -> f64 {
        amount as f64 * 1e9 / self.ns.max(1) as f64
    }

    /// The time between two frames by the host's clock; `None` if it did not go on.
    pub fn by_host(earlier: &Frame, later: &Frame) -> Option<Self> {
        let ns = middle(later).checked_sub(middle(earlier)).filter(|ns| *ns > 0)?;
        Some(Self { ns, clock: Clock::Host })
    }
}

/// The time between two frames of one guest, the earlier one first; `None` if no clock went on.
///
/// It is the guest's boot clock where that is known: it is read in the crawl, as the guest's counters are, stands
/// still while the guest is suspended, and nobody sets it, as the host's wall clock may be. But it is read as of its
/// last tick, and an idle guest has none for some seconds: where the two clocks differ by more than can be explained
/// (a tick, and half of each crawl, within which the guest was read), and by less than such a pause, the host's clock
/// is taken. After a restart it is the time since the new boot, of the two clocks the lesser.
pub fn elapsed(earlier: &Frame, later: &Frame) -> Option<Elapsed> {
    let forward = |before: u64, after: u64| after.checked_sub(before).filter(|ns| *ns > 0);
    let uptime = |frame: &Frame| frame.os.as_ref().and_then(|os| os.uptime_ns);
    let by_host = Elapsed::by_host(earlier, later);
    let by_guest = |ns| Elapsed { ns, clock: Clock::Guest };
    if boot(earlier, later) == Boot::Other {
        let since_boot = uptime(later).filter(|ns| *ns > 0).map(by_guest);
        return [by_host, since_boot].into_iter().flatten().min_by_key(|elapsed| elapsed.ns);
    }
    let guest = uptime(earlier).zip(uptime(later)).and_then(|(a, b)| forward(a, b));
    let apart = guest.zip(by_host).map_or(0, |(guest, host)| guest.abs_diff(host.ns));
    let crawls = (earlier.duration_ns / 2).saturating_add(later.duration_ns / 2);
    let may_be_idle = apart > TICK_NS.saturating_add(crawls) && apart <= LONGEST_IDLE_NS;
    match (guest, may_be_idle) {
        (Some(ns), false) => Some(by_guest(ns)),
        _ => by_host,
    }
}

/// When a frame was read: the middle of its crawl, by the host's clock. A clock that is read around the calls would
/// count time that passed before or after the reading.
fn middle(frame: &Frame) -> u64 {
    frame.time_ns.saturating_add(frame.duration_ns / 2)
}

#[cfg(test)]
mod tests {
    use nfm_frame::Os;

    use super::*;

    const S: u64 = 1_000_000_000;

    fn frame(host: u64, uptime: Option<u64>) -> Frame {
        let os = Os { uptime_ns: uptime, boot_time_ns: uptime.map(|_| 7), ..Os::default() };
        Frame { time_ns: host, duration_ns: 2, os: Some(os), ..Frame::default() }
    }

    fn between(one: (u64, Option<u64>), other: (u64, Option<u64>)) -> Option<(u64, Clock)> {
        let found = elapsed(&frame(one.0, one.1), &frame(other.0, other.1));
        found.map(|elapsed| (elapsed.ns, elapsed.clock))
    }

    #[test]
    fn by_the_guests_clock_or_the_hosts() {
        let first = (50 * S, Some(10 * S));
        let tick = 4_000_000;
        for (later, expected) in [
            ((52 * S, Some(12 * S - tick)), Some((2 * S - tick, Clock::Guest))),
            // Idle: the clock was not kept up for a second.
            ((52 * S, Some(11 * S)), Some((2 * S, Clock::Host))),
            ((52 * S, Some(10 * S)), Some((2 * S, Clock::Host))),
            // Suspended for an hour; the host's clock set forward or back by one.
            ((3650 * S, Some(11 * S)), Some((S, Clock::Guest))),
            ((51 * S, Some(3610 * S)), Some((3600 * S, Clock::Guest))),
            ((49 * S, Some(11 * S)), Some((S, Clock::Guest))),
            ((52 * S, None), Some((2 * S, Clock::Host))),
            ((50 * S, Some(10 * S)), None),
            ((49 * S, None), None),
        ] {
            assert_eq!(between(first, later), expected, "{later:?}");
        }
    }

    /// From a busy guest on a busy host: its two loops had 99.90 % of the CPU by its own clock, 101.28 % by the host's.
    #[test]
    fn crawls_that_take_their_time() {
        let mut first = frame(50 * S, Some(10 * S));
        let mut second = frame(52 * S + 1_800_000, Some(12 * S + 20_000_000));
        (first.duration_ns, second.duration_ns) = (39_000_000, 21_000_000);
        let found = elapsed(&first, &second).unwrap();
        assert_eq!((found.ns, found.clock), (2 * S + 20_000_000, Clock::Guest));
    }

    #[test]
    fn after_a_restart_it_is_the_time_since() {
        let (first, mut later) = (frame(50 * S, Some(100 * S)), frame(60 * S, Some(3 * S)));
        let found = elapsed(&first, &later);
        assert_eq!(found, Some(Elapsed { ns: 3 * S, clock: Clock::Guest }));
        later.time_ns = 52 * S;
        assert_eq!(elapsed(&first, &later), Some(Elapsed { ns: 2 * S, clock: Clock::Host }));
    }
}
