//! The verbs that print facts of a frame, by subject.

mod check;
mod crawl;
mod dump;
mod list;
mod network;
mod processes;
mod profile;
mod system;
mod top;

pub(crate) use check::check;
pub(crate) use crawl::crawl;
pub(crate) use dump::dump;
pub(crate) use list::list;
pub(crate) use network::{ip, ss};
pub(crate) use processes::{lsof, pmap, ps};
pub(crate) use profile::{export, import};
pub(crate) use system::{dmesg, free, lscpu, lsmod, mount, uptime};
pub(crate) use top::top;

use std::io::Write;
use std::process::ExitCode;

use nfm::{CrawlOptions, Domain, Frame, OpenOptions, Section};
use serde::Serialize;

use crate::Failure;
use crate::privileges;
use crate::show::complain;

/// How a verb ends.
pub(crate) type Verb = Result<ExitCode, Failure>;

/// Opens a domain, and gives up what is not needed from then on.
pub(crate) fn open(options: &OpenOptions, domain: &str) -> Result<Domain, Failure> {
    let domain = open_only(options, domain)?;
    privileges::give_up();
    Ok(domain)
}

/// Opens a domain: for verbs that have a file to write or a program to start first.
fn open_only(options: &OpenOptions, domain: &str) -> Result<Domain, Failure> {
    Ok(Domain::open(domain, options)?)
}

/// Opens a domain and takes one frame.
fn frame(options: &OpenOptions, domain: &str, sections: &[Section]) -> Result<Frame, Failure> {
    Ok(open(options, domain)?.crawl(&CrawlOptions::sections(sections))?)
}

/// Problems go to standard error: an incomplete table must not look whole.
fn report(frame: &Frame) {
    for problem in &frame.consistency.problems {
        let address = problem.address.map(|at| format!(" (at {at:#x})")).unwrap_or_default();
        complain(format_args!("{}: {}{address}", problem.section, problem.reason));
    }
}

/// Prints rows of a frame as JSON, and what the frame lacks to standard error, as beside a table.
fn as_json<T: Serialize + ?Sized>(out: &mut dyn Write, frame: &Frame, rows: &T) -> Verb {
    json(out, rows)?;
    report(frame);
    Ok(ExitCode::SUCCESS)
}

/// Prints facts as JSON, one line.
fn json<T: Serialize + ?Sized>(out: &mut dyn Write, facts: &T) -> Result<(), Failure> {
    writeln!(out, "{}", nfm::json(facts, false))?;
    Ok(())
}
