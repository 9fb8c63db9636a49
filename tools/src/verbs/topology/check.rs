//! `nfm topology --check`: what contradicts itself in the network of all guests.

use std::io::Write;
use std::process::ExitCode;

use nfm::{Frame, OpenOptions, Section};
use nfm_analysis::{Finding, GuestOfHost, findings};

use super::{Guests, recorded};
use crate::Failure;
use crate::args::TopologyArgs;
use crate::show::{complain, table};
use crate::verbs::check::{FINDINGS, UNDECIDED};
use crate::verbs::{Verb, json, report};

/// So often all guests are looked at: a connection is denied by frames between two others that have it.
const ROUNDS: usize = 4;

pub(super) fn check(options: &OpenOptions, args: &TopologyArgs, out: &mut dyn Write) -> Verb {
    let is_range = args.since.is_some() || args.until.is_some();
    let (found, is_whole) = match is_range {
        true => of_recorded(args)?,
        false => of_living(options, args)?,
    };
    if args.json {
        let rows = found.iter().map(|one| {
            serde_json::json!({"kind": one.kind.name(), "nodes": one.nodes, "text": one.text})
        });
        json(out, &serde_json::json!({"findings": rows.collect::<Vec<_>>(), "whole": is_whole}))?;
    } else {
        let rows = found.iter().map(|one| vec![one.kind.name().to_owned(), one.text.clone()]);
        table(out, &["KIND", "FINDING"], rows)?;
    }
    Ok(match (found.is_empty(), is_whole) {
        (false, _) => ExitCode::from(FINDINGS),
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(UNDECIDED),
    })
}

/// Findings, and true if all that they are looked for in could be read.
type Found = (Vec<Finding>, bool);

fn of_living(options: &OpenOptions, args: &TopologyArgs) -> Result<Found, Failure> {
    let mut guests = Guests::open(options, args)?;
    let mut rounds = vec![guests.take()?];
    while rounds.len() < ROUNDS
        && let Some(last) = rounds.last()
    {
        let next = guests.next(last)?;
        if next.is_empty() {
            complain("connections are not compared: that takes several frames of each guest");
            break;
        }
        rounds.push(next);
    }
    let is_compared = rounds.len() == ROUNDS;
    let last = rounds.last().into_iter().flatten();
    let is_whole = last.clone().all(|taken| is_whole(&taken.frame));
    last.for_each(|taken| report(&taken.frame.consistency.problems));
    let rounds: Vec<_> = rounds.iter().map(|frames| guests.of_hosts(frames)).collect();
    Ok((findings(&rounds, &guests.hosts), is_whole && is_compared))
}

fn of_recorded(args: &TopologyArgs) -> Result<Found, Failure> {
    let mut rounds = Vec::new();
    recorded::each_time(args, ROUNDS as u64, |_, frames| rounds.push(frames))?;
    let last = rounds.last().into_iter().flatten();
    let is_whole = rounds.len() >= ROUNDS && last.clone().all(is_whole);
    last.for_each(|frame| report(&frame.consistency.problems));
    let rounds: Vec<Vec<GuestOfHost>> =
        rounds.iter().map(|frames| frames.iter().map(GuestOfHost::alone).collect()).collect();
    Ok((findings(&rounds, &[]), is_whole))
}

fn is_whole(frame: &Frame) -> bool {
    [Section::Interfaces, Section::Connections].into_iter().all(|section| frame.is_whole(section))
}
