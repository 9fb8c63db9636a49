//! A steady rate.

use std::time::{Duration, Instant};

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

    pub(super) fn starting(start: Instant, period: Duration) -> Self {
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
}
