//! The flight recorder of one guest: more frames than are recorded, in memory, until something happens.

use std::collections::VecDeque;
use std::time::Duration;

use nfm::{DomainIdentity, Frame};
use nfm_analysis::{Trigger, Watch};
use nfm_store::{Encoder, Ring};

/// Triggers of a guest that have their frames kept, in an hour: one that makes new names all the time does not fill
/// the disk.
const MOST_IN_AN_HOUR: usize = 12;
const HOUR_NS: u64 = 3_600_000_000_000;

/// The flight recorder's settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FlightOptions {
    /// The events that it waits for.
    pub triggers: Vec<Trigger>,
    /// Frames of each guest in a second.
    pub rate: f64,
    /// The time before a trigger that is kept.
    pub ring: Duration,
    /// The time after it.
    pub after: Duration,
    /// The time in which a guest's names are learned.
    pub learn: Duration,
    /// Bytes of a guest's ring at most.
    pub bytes: usize,
}

/// The flight recorder of one guest.
pub(crate) struct Flight {
    watch: Watch,
    encoder: Encoder,
    ring: Ring,
    after_ns: u64,
    /// Until when all frames are recorded, by the host's clock since its boot.
    until_ns: Option<u64>,
    /// When it fired in the last hour.
    fired: VecDeque<u64>,
}

impl Flight {
    /// One that waits for these triggers. Its records have a number of their own.
    pub(crate) fn new(
        vm: u32,
        domain: DomainIdentity,
        triggers: &[Trigger],
        options: &FlightOptions,
    ) -> nfm_store::Result<Self> {
        Ok(Self {
            watch: Watch::new(triggers, nanoseconds(options.learn)),
            encoder: Encoder::of_flight(vm, domain, 0)?,
            ring: Ring::new(options.ring, options.bytes),
            after_ns: nanoseconds(options.after),
            until_ns: None,
            fired: VecDeque::new(),
        })
    }

    /// The next frame can be read without those before.
    pub(crate) fn begin_anew(&mut self) {
        self.encoder.begin_anew();
    }

    /// Looks at a frame; returns what fired, each in one sentence.
    pub(crate) fn watch(&mut self, frame: &Frame, is_restarted: bool) -> Vec<(Trigger, String)> {
        self.watch.push(frame, is_restarted)
    }

    /// Tells that the guest ended.
    pub(crate) fn end(&self) -> Option<(Trigger, String)> {
        self.watch.waits_for(Trigger::End).then(|| (Trigger::End, "the guest ended".to_owned()))
    }

    /// Takes a frame that is not recorded otherwise, numbered `seq`; returns its record if it is to be written now.
    pub(crate) fn take(
        &mut self,
        mut frame: Frame,
        seq: u64,
        boot_ns: u64,
    ) -> nfm_store::Result<Option<Vec<u8>>> {
        if self.until_ns.is_some_and(|until| boot_ns > until) {
            // The next frames may be dropped, and with it what would be needed later.
            self.until_ns = None;
            self.encoder.begin_anew();
        }
        // The other frames have all of it.
        frame.log = None;
        let mut record = Vec::new();
        self.encoder.number_on(seq.saturating_sub(1));
        self.encoder.encode(&mut frame, boot_ns, &mut record)?;
        if self.until_ns.is_some() {
            return Ok(Some(record));
        }
        self.ring.push(&record);
        Ok(None)
    }

    /// Has the frames before and after now kept. Returns the records of those before, and the end of a sentence about
    /// them.
    pub(crate) fn keep(&mut self, boot_ns: u64) -> (Vec<u8>, String) {
        self.fired.retain(|one| boot_ns.saturating_sub(*one) < HOUR_NS);
        if self.fired.len() >= MOST_IN_AN_HOUR {
            let text = format!("not kept, as {MOST_IN_AN_HOUR} triggers of the last hour were");
            return (Vec::new(), text);
        }
        self.fired.push_back(boot_ns);
        let is_first = self.until_ns.is_none();
        self.until_ns = Some(boot_ns.saturating_add(self.after_ns));
        let (records, count) = self.ring.take();
        let text = match is_first {
            true => format!("{count} frames more of the time before are kept"),
            false => "the frames around it are kept already".to_owned(),
        };
        (records, text)
    }
}

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use nfm_store::{Parsed, parse};

    use super::*;

    const TENTH: u64 = 100_000_000;

    fn flight(after: u64) -> Flight {
        let options = FlightOptions {
            triggers: vec![Trigger::Process],
            rate: 10.0,
            ring: Duration::from_secs(5),
            after: Duration::from_secs(after),
            learn: Duration::ZERO,
            bytes: 1 << 20,
        };
        Flight::new(2, DomainIdentity::default(), &options.triggers, &options).unwrap()
    }

    fn take(flight: &mut Flight, tenth: u64) -> bool {
        let frame = Frame { time_ns: tenth * TENTH, ..Frame::default() };
        flight.take(frame, tenth, tenth * TENTH).unwrap().is_some()
    }

    #[test]
    fn before_and_after_a_trigger() {
        let mut flight = flight(2);
        assert!((1..200).all(|tenth| !take(&mut flight, tenth)));
        let (records, text) = flight.keep(200 * TENTH);
        let Parsed::Record(first, _) = parse(&records) else { panic!("no record") };
        assert!((90..=150).contains(&first.head.seq), "{}", first.head.seq);
        assert!(text.ends_with("frames more of the time before are kept"), "{text}");
        // Two seconds, and one that a second trigger adds.
        assert!((201..=210).all(|tenth| take(&mut flight, tenth)));
        assert_eq!(flight.keep(210 * TENTH).1, "the frames around it are kept already");
        assert!((211..=230).all(|tenth| take(&mut flight, tenth)));
        assert!((231..240).all(|tenth| !take(&mut flight, tenth)));
        assert_eq!(flight.keep(240 * TENTH).1, "9 frames more of the time before are kept");
    }

    #[test]
    fn a_guest_that_fires_all_the_time_is_left_alone() {
        let mut flight = flight(0);
        let kept = |flight: &mut Flight, tenth: u64| {
            take(flight, tenth);
            !flight.keep(tenth * TENTH).0.is_empty()
        };
        // The frame after each trigger begins anew.
        let count = (0..200).filter(|second| kept(&mut flight, second * 20)).count();
        assert_eq!(count, MOST_IN_AN_HOUR);
        assert!(kept(&mut flight, 200 * 20 + 36_000));
    }
}
