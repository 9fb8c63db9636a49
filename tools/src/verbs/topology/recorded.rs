//! Topologies of several times, from recorded frames.

use nfm::{At, Frame, FrameSource, SourceError};

use super::SECTIONS;
use crate::Failure;
use crate::args::{TopologyArgs, When};
use crate::show::complain;
use crate::verbs::recorded::{open_store, time_of};

/// A frame that is so many times as old as two looks are apart tells nothing of the time.
const OLD: u64 = 2;
/// Frames of one recorder may be so far apart, in nanoseconds.
const SHORTEST_NS: u64 = 10_000_000_000;

/// Gives the frames of all domains at each time of the range that was asked for: from its beginning on, `times` times unless
/// the user says how often, and at its end. A guest without a frame of about the time is left out then.
pub(super) fn each_time(
    args: &TopologyArgs,
    times: u64,
    mut give: impl FnMut(u64, Vec<Frame>),
) -> Result<(), Failure> {
    let when = When { store: args.store.clone(), ..When::default() };
    let mut store = open_store(&when.folder())?;
    let (mut since_ns, mut until_ns) = (u64::MAX, 0);
    for domain in &args.domains {
        let mut time = |moment, at, sooner: fn(u64, u64) -> u64| {
            // Nothing is known of times before the first frame and after the last one.
            let recorded_ns = store.frame(domain, at, &[])?.time_ns;
            match moment {
                Some(moment) => Ok(sooner(time_of(&mut store, domain, moment)?, recorded_ns)),
                None => Ok::<u64, Failure>(recorded_ns),
            }
        };
        since_ns = since_ns.min(time(args.since, At::After(0), u64::max)?);
        until_ns = until_ns.max(time(args.until, At::Latest, u64::min)?);
    }
    let span_ns = until_ns.saturating_sub(since_ns);
    let every_ns = match args.every {
        Some(every) => u64::try_from(every.as_nanos()).unwrap_or(u64::MAX),
        None => span_ns / times.saturating_sub(1).max(1),
    };
    let every_ns = every_ns.max(1_000_000);
    let oldest_ns = every_ns.saturating_mul(OLD).max(SHORTEST_NS);
    let mut time_ns = since_ns;
    let mut is_any = false;
    loop {
        let mut frames = Vec::new();
        for domain in &args.domains {
            match store.frame(domain, At::Before(time_ns), SECTIONS) {
                Ok(frame) if time_ns.saturating_sub(frame.time_ns) <= oldest_ns => {
                    frames.push(frame);
                }
                Ok(_) | Err(SourceError::NoFrame { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        is_any |= !frames.is_empty();
        give(time_ns, frames);
        if time_ns >= until_ns {
            break;
        }
        time_ns = time_ns.saturating_add(every_ns).min(until_ns);
    }
    store.take_damage().iter().for_each(complain);
    match is_any {
        true => Ok(()),
        false => {
            let reason = format!("nothing was recorded of {} then", args.domains.join(", "));
            Err(SourceError::NoFrame { reason }.into())
        }
    }
}
