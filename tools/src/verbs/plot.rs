//! `nfm plot`: figures of a recorded guest over a time.

use std::io::Write;
use std::process::ExitCode;

use nfm::{FrameSource, SourceError};
use nfm_analysis::{Series, Subject};
use nfm_screens::Plot;

use super::history::gaps;
use super::recorded::{open_store, time_of};
use super::{Verb, json};
use crate::args::{PlotArgs, PlotSubject, When};
use crate::show::{complain, size};
use crate::time::shown;

/// Points of a line at most: the SVG has no more columns.
const POINTS: u64 = 850;
/// The time that is shown where none is named, nanoseconds.
const HOUR_NS: u64 = 3_600_000_000_000;

/// One point, as JSON.
#[derive(serde::Serialize)]
struct Line {
    time_ns: u64,
    name: &'static str,
    value: Option<f64>,
}

/// `nfm plot`.
pub(crate) fn plot(args: &PlotArgs, out: &mut dyn Write) -> Verb {
    let domain = &args.domain;
    let folder = When { store: args.store.clone(), ..When::default() }.folder();
    let mut store = open_store(&folder)?;
    let mut time = |moment| time_of(&mut store, domain, moment);
    let (since, until) =
        (args.since.map(&mut time).transpose()?, args.until.map(time).transpose()?);
    // The last hour of the recording, where no time is named.
    let newest = store.frame(domain, nfm::At::Before(until.unwrap_or(u64::MAX)), &[])?.time_ns;
    let to = until.unwrap_or(newest).min(newest);
    let from = since.unwrap_or_else(|| to.saturating_sub(HOUR_NS));
    let subject = match args.subject {
        PlotSubject::Cpu => Subject::Cpu,
        PlotSubject::Memory => Subject::Memory,
        PlotSubject::Net => Subject::Net,
    };
    let entries = store.entries(domain, from, to).map_err(SourceError::from)?;
    let first = entries.iter().map(|entry| entry.time_ns).min().unwrap_or(from);
    let mut series = Series::new(subject, to.saturating_sub(first) / POINTS);
    store.each_frame(domain, (from, to), subject.sections(), |frame| series.push(frame))?;
    let has_all = |entry: &&nfm_store::Entry| subject.sections().iter().all(|one| entry.has(*one));
    let times: Vec<u64> = entries
        .iter()
        .filter(|entry| !entry.is_of_flight())
        .filter(has_all)
        .map(|entry| entry.time_ns)
        .collect();
    store.take_damage().iter().for_each(complain);
    let lines = series.finish(&gaps(&times));
    let is_known = |(_, value): &(u64, Option<f64>)| value.is_some();
    if !lines.iter().flatten().any(is_known) {
        let reason = format!(
            "nothing of '{domain}' that shows its {} was recorded from {} to {}",
            args.subject.name(),
            shown(from),
            shown(to)
        );
        return Err(SourceError::NoFrame { reason }.into());
    }
    if args.json {
        for (name, line) in subject.lines().into_iter().zip(lines) {
            for (time_ns, value) in line {
                json(out, &Line { time_ns, name, value })?;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let figure: fn(f64) -> String = match subject {
        Subject::Cpu => |value| format!("{value:.0}"),
        _ => |value| size(value.round() as u64),
    };
    let plot = Plot {
        title: format!("{domain}: {} ({})", args.subject.name(), subject.unit()),
        names: subject.lines(),
        lines,
        span: (first, to),
        labels: [shown(first), shown(to)],
        figure,
    };
    match &args.svg {
        Some(path) => std::fs::write(path, plot.svg()).map_err(|error| SourceError::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?,
        None => {
            let (width, height) = nfm_screens::terminal_size().unwrap_or((100, 24));
            write!(out, "{}", plot.text(width, height.saturating_sub(3)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
