//! The verbs that print facts of a frame, by subject.

mod check;
mod crawl;
mod dump;
mod guest_files;
mod list;
mod network;
mod processes;
mod profile;
mod routes;
mod system;
mod top;

pub(crate) use check::check;
pub(crate) use crawl::crawl;
pub(crate) use dump::dump;
pub(crate) use guest_files::{cat, find, ls, recover, stat};
pub(crate) use list::list;
pub(crate) use network::{ip, ss};
pub(crate) use processes::{lsof, pmap, ps};
pub(crate) use profile::{export, import};
pub(crate) use routes::{neigh, route};
pub(crate) use system::{dmesg, free, lscpu, lsmod, mount, uptime};
pub(crate) use top::top;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nfm::{
    At, CrawlOptions, Domain, Frame, FrameLines, FrameSource, LiveFrames, OpenOptions, Section,
    SourceError,
};
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
    if recorded(domain).is_some() {
        let reason = "recorded frames hold no guest's memory, which this needs".to_owned();
        return Err(SourceError::File { path: domain.to_owned(), reason }.into());
    }
    Ok(Domain::open(domain, options)?)
}

/// The frames of one domain.
struct Frames {
    source: Box<dyn FrameSource>,
    domain: String,
}

impl Frames {
    /// The frames of a running guest, of a dump, or those that a file holds.
    fn open(options: &OpenOptions, domain: &str) -> Result<Self, Failure> {
        let mut source: Box<dyn FrameSource> = match recorded(domain) {
            Some(path) => Box::new(FrameLines::open(path)?),
            None => Box::new(LiveFrames::new(open(options, domain)?, CrawlOptions::default())),
        };
        let mut domains = source.domains()?.into_iter().map(|one| one.name);
        match (domains.next(), domains.next()) {
            (Some(domain), None) => Ok(Self { source, domain }),
            (first, second) => {
                let all: Vec<String> = first.into_iter().chain(second).chain(domains).collect();
                let reason = format!(
                    "it holds frames of {}: keep those of one domain (grep '\"name\":\"{}\"')",
                    all.join(", "),
                    all.first().map_or("", String::as_str)
                );
                Err(SourceError::File { path: domain.to_owned(), reason }.into())
            }
        }
    }

    /// True if frames are taken when they are asked for.
    fn is_live(&self) -> bool {
        self.source.is_live()
    }

    /// The newest frame.
    fn latest(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        Ok(self.source.frame(&self.domain, At::Latest, sections)?)
    }

    /// The two newest frames; of a running guest, with so much time between them.
    fn two(&mut self, sections: &[Section], between: Duration) -> Result<[Frame; 2], Failure> {
        let frame = self.latest(sections)?;
        if self.source.is_live() {
            std::thread::sleep(between);
            return Ok([frame, self.latest(sections)?]);
        }
        let before = At::Before(frame.time_ns.saturating_sub(1));
        Ok([self.source.frame(&self.domain, before, sections)?, frame])
    }

    /// The first frame; of a running guest, the newest.
    fn first(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        let at = if self.source.is_live() { At::Latest } else { At::After(0) };
        Ok(self.source.frame(&self.domain, at, sections)?)
    }

    /// The frame after another one; of a running guest, one that is taken now.
    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, Failure> {
        Ok(self.source.next(after, sections)?)
    }
}

/// The path of `file:PATH` or `file:///PATH`, if that file holds recorded frames.
fn recorded(domain: &str) -> Option<&Path> {
    let path = domain.strip_prefix("file:")?;
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    FrameLines::is_one(path).then_some(path)
}

/// The newest frame of a domain.
fn frame(options: &OpenOptions, domain: &str, sections: &[Section]) -> Result<Frame, Failure> {
    Frames::open(options, domain)?.latest(sections)
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
