//! The time that the console shows: now, or that of a recorded frame.

use std::path::{Path, PathBuf};

use chrono::DateTime;
use nfm::{At, Frame, FrameSource, SourceError};
use nfm_store::Store;

use crate::Failure;
use crate::time::{Moment, duration, moment, shown};
use crate::verbs::{open_store, time_of};

/// A recorded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    /// When it was taken, nanoseconds since 1970.
    pub time_ns: u64,
    /// Its number.
    pub seq: u64,
}

impl Recorded {
    fn of(frame: &Frame) -> Self {
        Self { time_ns: frame.time_ns, seq: frame.seq }
    }

    /// The time as `--at` takes it, exact to the nanosecond.
    pub fn argument(self) -> String {
        let time = i64::try_from(self.time_ns).map(DateTime::from_timestamp_nanos);
        time.map_or_else(|_| format!("#{}", self.seq), |time| time.to_rfc3339())
    }

    /// The time and the number, for a person.
    pub fn shown(self) -> String {
        format!("{} #{}", shown(self.time_ns), self.seq)
    }
}

/// A move through the recorded frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// To a time.
    To(Moment),
    /// So many nanoseconds forth or back.
    By(i64),
    /// So many frames forth or back.
    Frames(i64),
}

impl Move {
    /// A move from its text: `+1` and `-1` are frames, `+10s` and `-10s` times from where one is, all else is a time.
    ///
    /// # Errors
    /// It is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(rest), _) => (1, rest),
            (_, Some(rest)) => (-1, rest),
            _ => return moment(text).map(Self::To),
        };
        if let Ok(frames) = rest.parse::<i64>() {
            return Ok(Self::Frames(frames.saturating_mul(sign)));
        }
        let length = duration(rest).and_then(|length| i64::try_from(length.as_nanos()).ok());
        let length = length.ok_or("a move is +1 or -1 (frames), +10s or -10m (s, m, h, d)")?;
        Ok(Self::By(length.saturating_mul(sign)))
    }
}

/// The recorded frames of a store.
pub(super) struct Frames {
    store: Store,
}

impl Frames {
    /// Opens a store.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        Ok(Self { store: open_store(folder)? })
    }

    /// The names of the guests that were recorded.
    pub fn guests(&mut self) -> Result<Vec<String>, Failure> {
        Ok(self.store.domains()?.into_iter().map(|domain| domain.name).collect())
    }

    /// The frame that a move from another one leads to; from now where there is no other. Beyond the first and the last
    /// one it leads no further.
    pub fn moved(
        &mut self,
        domain: &str,
        from: Option<Recorded>,
        by: &Move,
    ) -> Result<Recorded, Failure> {
        match by {
            Move::To(moment) => {
                let time = time_of(&mut self.store, domain, *moment)?;
                self.at(domain, time)
            }
            Move::By(length) => {
                let from = from.map_or_else(now, |from| from.time_ns);
                self.at(domain, from.saturating_add_signed(*length))
            }
            Move::Frames(count) => {
                let mut frame =
                    self.frame(domain, At::Before(from.map_or(u64::MAX, |from| from.time_ns)))?;
                for _ in 0..count.unsigned_abs() {
                    let Some(next) = self.beside(domain, &frame, *count > 0)? else { break };
                    frame = next;
                }
                Ok(Recorded::of(&frame))
            }
        }
    }

    /// The last frame that was taken then or before; else the first.
    fn at(&mut self, domain: &str, time_ns: u64) -> Result<Recorded, Failure> {
        let before = self.frame(domain, At::Before(time_ns));
        let found = before.or_else(|_| self.frame(domain, At::After(time_ns)))?;
        Ok(Recorded::of(&found))
    }

    /// The frame before or after another one.
    fn beside(
        &mut self,
        domain: &str,
        frame: &Frame,
        after: bool,
    ) -> Result<Option<Frame>, Failure> {
        if after {
            return Ok(self.store.next(frame, &[])?);
        }
        match self.frame(domain, At::Before(frame.time_ns.saturating_sub(1))) {
            Err(Failure::Frames(SourceError::NoFrame { .. })) => Ok(None),
            found => found.map(Some),
        }
    }

    fn frame(&mut self, domain: &str, at: At) -> Result<Frame, Failure> {
        let found = self.store.frame(domain, at, &[]);
        for damage in self.store.take_damage() {
            crate::show::complain(damage);
        }
        Ok(found?)
    }
}

/// The folder of a store: the one that is named, else that of the environment, else this host's.
pub(super) fn folder(named: Option<&PathBuf>) -> PathBuf {
    crate::args::When { store: named.cloned(), ..Default::default() }.folder()
}

fn now() -> u64 {
    let now = chrono::Utc::now().timestamp_nanos_opt();
    now.and_then(|now| u64::try_from(now).ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_of_every_form() {
        assert_eq!(Move::parse("+1"), Ok(Move::Frames(1)));
        assert_eq!(Move::parse("-20"), Ok(Move::Frames(-20)));
        assert_eq!(Move::parse("-10s"), Ok(Move::By(-10_000_000_000)));
        assert_eq!(Move::parse("+1m30s"), Ok(Move::By(90_000_000_000)));
        assert_eq!(Move::parse("#7"), Ok(Move::To(Moment::Number(7))));
        let at = Move::parse("2026-11-30T07:59:00Z");
        assert_eq!(at, Ok(Move::To(Moment::Time(1_796_025_540_000_000_000))));
        for wrong in ["", "+", "-x", "tomorrow", "+10y"] {
            assert!(Move::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_handed_on_exactly() {
        let one = Recorded { time_ns: 1_796_025_540_123_456_789, seq: 3 };
        let back = moment(&one.argument());
        assert_eq!(back, Ok(Moment::Time(one.time_ns)));
    }
}
