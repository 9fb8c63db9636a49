//! `nfm history`, `nfm diff`: what happened to guests between two times, from recorded frames.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use nfm::{At, FrameSource, Section, SourceError};
use nfm_analysis::{HISTORY_SECTIONS, Happening, History};
use nfm_store::{Event, Store};

use super::recorded::{Recorded, open_store};
use super::{Verb, json};
use crate::Failure;
use crate::args::{Diff, HistoryArgs, When};
use crate::show::{complain, escaped, table};
use crate::time::shown;

/// A pause between two frames that is so many times the usual one was a gap.
const GAP: u64 = 5;
/// A pause of less than this is none.
const SHORTEST_GAP_NS: u64 = 3_000_000_000;

/// One line of the history.
#[derive(serde::Serialize)]
struct Line {
    time_ns: u64,
    domain: String,
    kind: String,
    text: String,
}

/// `nfm history`.
pub(crate) fn history(args: &HistoryArgs, out: &mut dyn Write) -> Verb {
    let when =
        When { since: args.since, until: args.until, store: args.store.clone(), ..When::default() };
    let mut store = open_store(&when.folder())?;
    let is_pattern = |domain: &&String| domain.contains(['*', '?', '=']);
    let (one, patterns) = match &args.domain {
        Some(domain) if !is_pattern(&domain) => (Some(domain.as_str()), Vec::new()),
        patterns => (None, patterns.iter().cloned().collect::<Vec<_>>()),
    };
    let domains = match one {
        Some(domain) => vec![domain.to_owned()],
        None => {
            let known = store.domains()?;
            let chosen = known.iter().filter(|one| one.is_any_of(&patterns));
            let names: BTreeSet<String> = chosen.map(|one| one.name.clone()).collect();
            if names.is_empty() && !patterns.is_empty() {
                let known = known.into_iter().map(|one| one.name).collect();
                return Err(SourceError::NoSuchDomain { domain: patterns.concat(), known }.into());
            }
            names.into_iter().collect()
        }
    };
    let mut lines = Vec::new();
    let mut span = (u64::MAX, 0);
    for domain in &domains {
        let time = Recorded::open(domain, &when)?.span();
        span = (span.0.min(time.0), span.1.max(time.1));
        lines.extend(of_domain(&mut store, domain, time)?);
    }
    let events = store.events(one, span.0, span.1).map_err(SourceError::from)?;
    let is_own =
        |one: &Event| patterns.is_empty() || one.vm.is_empty() || domains.contains(&one.vm);
    lines.extend(events.into_iter().filter(is_own).map(|event| Line {
        time_ns: event.time_ns,
        domain: event.vm,
        kind: event.kind,
        text: event.text,
    }));
    store.take_damage().iter().for_each(complain);
    lines.sort_by_key(|line| line.time_ns);
    if args.json {
        for line in &lines {
            json(out, line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows =
        lines.into_iter().map(|line| vec![shown(line.time_ns), line.domain, line.kind, line.text]);
    table(out, &["TIME", "DOMAIN", "KIND", "EVENT"], rows)?;
    Ok(ExitCode::SUCCESS)
}

/// The happenings of one domain, and the times that were not recorded.
fn of_domain(store: &mut Store, domain: &str, time: (u64, u64)) -> Result<Vec<Line>, Failure> {
    let mut history = History::default();
    let mut is_empty = true;
    let mut name = domain.to_owned();
    store.each_frame(domain, time, &HISTORY_SECTIONS, |frame| {
        is_empty = false;
        name.clone_from(&frame.domain.name);
        history.push(frame);
    })?;
    if is_empty {
        // Says since when there is something.
        store.frame(domain, At::Nearest(time.1), &[Section::Os])?;
        let (from, to) = (shown(time.0), shown(time.1.min(i64::MAX as u64)));
        let reason = format!("nothing was recorded of '{domain}' from {from} to {to}");
        return Err(SourceError::NoFrame { reason }.into());
    }
    let happenings = history.finish().into_iter().map(|one| {
        let Happening { time_ns, kind, text, .. } = one;
        Line { time_ns, domain: name.clone(), kind: kind.to_owned(), text }
    });
    let mut lines: Vec<Line> = happenings.collect();
    // The flight recorder's frames are there around a trigger alone: where they end is no gap.
    let entries = store.entries(domain, time.0, time.1).map_err(SourceError::from)?;
    let times: Vec<u64> =
        entries.iter().filter(|one| !one.is_of_flight()).map(|one| one.time_ns).collect();
    lines.extend(gaps(&times).into_iter().map(|(from, to)| Line {
        time_ns: to,
        domain: name.clone(),
        kind: "gap".to_owned(),
        text: format!("nothing is known of the {:.1} s before", (to - from) as f64 / 1e9),
    }));
    Ok(lines)
}

/// The pauses that are much longer than usual: the times of the frames before and after.
pub(super) fn gaps(times: &[u64]) -> Vec<(u64, u64)> {
    let pairs = || times.iter().zip(times.iter().skip(1)).filter(|(from, to)| to > from);
    let mut pauses: Vec<u64> = pairs().map(|(from, to)| to - from).collect();
    pauses.sort_unstable();
    let usual = pauses.get(pauses.len() / 2).copied().unwrap_or(0);
    let longest = usual.saturating_mul(GAP).max(SHORTEST_GAP_NS);
    pairs().filter(|(from, to)| *to - *from > longest).map(|(from, to)| (*from, *to)).collect()
}

/// `nfm diff`: two recorded frames of one domain.
pub(crate) fn diff(args: &Diff, out: &mut dyn Write) -> Verb {
    let mut history = History::default();
    let mut shown_times = Vec::new();
    for at in &args.at {
        let when = When { at: Some(*at), store: args.store.clone(), ..When::default() };
        let mut recorded = Recorded::open(&args.domain, &when)?;
        let known = recorded.sections()?;
        let sections: Vec<Section> =
            HISTORY_SECTIONS.into_iter().filter(|section| known.contains(section)).collect();
        let frame = recorded.last(&sections)?;
        shown_times.push(shown(frame.time_ns));
        history.push(frame);
    }
    let happenings = history.finish();
    if args.json {
        for Happening { time_ns, kind, text, .. } in happenings {
            let (domain, kind) = (args.domain.clone(), kind.to_owned());
            json(out, &Line { time_ns, domain, kind, text })?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{} from {}", escaped(&args.domain), shown_times.join(" to "))?;
    let rows = happenings.into_iter().map(|one| vec![one.kind.to_owned(), one.text]);
    table(out, &["KIND", "DIFFERENCE"], rows)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::gaps;

    #[test]
    fn a_gap_is_much_longer_than_usual() {
        let second = 1_000_000_000;
        let mut times: Vec<u64> = (0..60).map(|number| number * second).collect();
        assert!(gaps(&times).is_empty());
        times.extend([90 * second, 91 * second]);
        assert_eq!(gaps(&times), [(59 * second, 90 * second)]);
        // Rare frames, and a clock that steps back.
        assert!(gaps(&[0, 60 * second, 120 * second, 30 * second]).is_empty());
    }
}
