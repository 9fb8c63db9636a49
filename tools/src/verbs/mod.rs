//! The verbs that print facts of a frame, by subject.

mod check;
mod crawl;
mod disk;
mod disk_files;
mod dump;
mod guest_files;
mod history;
mod libexec;
mod list;
mod live;
mod network;
mod packages;
mod plot;
mod processes;
mod profile;
mod recorded;
mod routes;
mod sbom;
mod serve;
mod store;
mod system;
mod top;
mod topology;

pub(crate) use check::check;
pub(crate) use crawl::crawl;
pub(crate) use disk::disk;
pub(crate) use disk_files::sha256;
pub(crate) use dump::dump;
pub(crate) use guest_files::{cat, find, ls, recover, stat};
pub(crate) use history::{diff, history};
pub(crate) use libexec::{exporter, record};
pub(crate) use list::{guests_of_host, guests_of_this_host, list};
pub(crate) use live::{default_uri, is_forbidden};
pub(crate) use network::{ip, ss};
pub(crate) use packages::packages;
pub(crate) use plot::plot;
pub(crate) use processes::{lsof, oom, pmap, ps};
pub(crate) use profile::{export, import};
pub(crate) use routes::{neigh, route};
pub(crate) use serve::serve;
pub(crate) use store::store;
pub(crate) use system::{dmesg, free, lscpu, lsmod, mount, uptime};
pub(crate) use top::top;
pub(crate) use topology::topology;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use live::{Served, Way};
use nfm::{
    At, CrawlOptions, Domain, Frame, FrameLines, FrameSource, LiveFrames, OpenOptions, Problem,
    Section, SourceError,
};
use recorded::Recorded;
pub(crate) use recorded::{open_store, time_of};
use serde::Serialize;

use crate::Failure;
use crate::args::{FrameOf, When};
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
    source: Source,
    domain: String,
}

/// The source of a domain's frames.
enum Source {
    /// A running guest, a dump, or the frames of a file.
    Here(Box<dyn FrameSource>),
    /// A recorder that runs.
    Served(Box<Served>),
    /// A store.
    Recorded(Box<Recorded>),
}

impl Frames {
    /// The frames of a running guest, by the recorder if one serves them, of a dump, or those that a file or a store
    /// holds.
    fn open(options: &OpenOptions, domain: &str, when: &When) -> Result<Self, Failure> {
        let frames = Self::open_only(options, domain, when)?;
        if frames.is_live() {
            privileges::give_up();
        }
        Ok(frames)
    }

    /// The same, for verbs that open several before they give up their rights.
    fn open_only(options: &OpenOptions, domain: &str, when: &When) -> Result<Self, Failure> {
        if when.is_recorded() {
            let recorded = Recorded::open(domain, when)?;
            let source = Source::Recorded(Box::new(recorded));
            return Ok(Self { source, domain: domain.to_owned() });
        }
        let mut source: Box<dyn FrameSource> = match recorded(domain) {
            Some(path) => Box::new(FrameLines::open(path)?),
            None => {
                let unserved = match live::way(options, domain, &when.live)? {
                    Way::Recorder(served) => {
                        let source = Source::Served(Box::new(served));
                        return Ok(Self { source, domain: domain.to_owned() });
                    }
                    Way::Memory(unserved) => unserved,
                };
                let opened = open_only(options, domain);
                let domain = opened.map_err(|failure| live::reason(failure, unserved))?;
                Box::new(LiveFrames::new(domain, CrawlOptions::default()))
            }
        };
        let mut domains = source.domains()?.into_iter().map(|one| one.name);
        match (domains.next(), domains.next()) {
            (Some(domain), None) => Ok(Self { source: Source::Here(source), domain }),
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
        match &self.source {
            Source::Here(source) => source.is_live(),
            Source::Served(_) => true,
            Source::Recorded(_) => false,
        }
    }

    /// The newest frame, or that of the time that was asked for.
    fn latest(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        match &mut self.source {
            Source::Here(source) => Ok(source.frame(&self.domain, At::Latest, sections)?),
            Source::Served(served) => served.latest(sections),
            Source::Recorded(recorded) => recorded.last(sections),
        }
    }

    /// The newest frame, with those of the sections that its source has.
    fn latest_with(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        match self.latest(sections) {
            Err(Failure::Frames(SourceError::NoSection { known, .. })) => {
                let both: Vec<Section> =
                    sections.iter().copied().filter(|one| known.contains(one)).collect();
                self.latest(&both)
            }
            taken => taken,
        }
    }

    /// The two newest frames, or those before the time that was asked for; with so much time between them, but for
    /// frames of a file.
    fn two(&mut self, sections: &[Section], between: Duration) -> Result<[Frame; 2], Failure> {
        let frame = self.latest(sections)?;
        match &mut self.source {
            Source::Here(source) if source.is_live() => {
                std::thread::sleep(between);
                Ok([frame, source.frame(&self.domain, At::Latest, sections)?])
            }
            Source::Here(source) => {
                let before = At::Before(frame.time_ns.saturating_sub(1));
                Ok([source.frame(&self.domain, before, sections)?, frame])
            }
            Source::Served(served) => {
                std::thread::sleep(between);
                let later = served.next(&frame, sections)?;
                Ok([frame, later])
            }
            Source::Recorded(recorded) => Ok([recorded.earlier(&frame, between, sections)?, frame]),
        }
    }

    /// The first frame; of a running guest, the newest.
    fn first(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        let at = if self.is_live() { At::Latest } else { At::After(0) };
        match &mut self.source {
            Source::Here(source) => Ok(source.frame(&self.domain, at, sections)?),
            Source::Served(served) => served.latest(sections),
            Source::Recorded(recorded) => recorded.first(sections),
        }
    }

    /// The frame after another one; of a running guest, one that is taken now.
    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, Failure> {
        match &mut self.source {
            Source::Here(source) => Ok(source.next(after, sections)?),
            Source::Served(served) => served.next(after, sections).map(Some),
            Source::Recorded(recorded) => recorded.next(after, sections),
        }
    }
}

/// The path of `file:PATH` or `file:///PATH`, if that file holds recorded frames.
fn recorded(domain: &str) -> Option<&Path> {
    let path = domain.strip_prefix("file:")?;
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    FrameLines::is_one(path).then_some(path)
}

/// Prints the frame that was asked for, or one after another of a time that was recorded, with what each lacks.
fn each_frame(
    options: &OpenOptions,
    of: &FrameOf,
    sections: &[Section],
    out: &mut dyn Write,
    print: impl Fn(&Frame, &mut dyn Write) -> Result<(), Failure>,
) -> Verb {
    if !of.when.is_range() {
        let frame = Frames::open(options, &of.target.domain, &of.when)?.latest(sections)?;
        print(&frame, out)?;
        report(&frame.consistency.problems);
        return Ok(ExitCode::SUCCESS);
    }
    let mut frames = Recorded::open(&of.target.domain, &of.when)?;
    let mut next = frames.begin(sections)?;
    while let Some(frame) = next {
        if of.target.json {
            // A line for each frame, with its time.
            let mut rows = Vec::new();
            print(&frame, &mut rows)?;
            let rows = String::from_utf8_lossy(&rows);
            let (seq, time_ns, rows) = (frame.seq, frame.time_ns, rows.trim_end());
            writeln!(out, "{{\"seq\":{seq},\"time_ns\":{time_ns},\"rows\":{rows}}}")?;
        } else {
            writeln!(out, "== {} #{}", crate::time::shown(frame.time_ns), frame.seq)?;
            print(&frame, out)?;
        }
        report(&frame.consistency.problems);
        next = frames.step(&frame, sections)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Problems go to standard error: an incomplete table must not look whole.
fn report<'a>(problems: impl IntoIterator<Item = &'a Problem>) {
    for problem in problems {
        let address = problem.address.map(|at| format!(" (at {at:#x})")).unwrap_or_default();
        complain(format_args!("{}: {}{address}", problem.section, problem.reason));
    }
}

/// Prints facts as JSON, one line.
fn json<T: Serialize + ?Sized>(out: &mut dyn Write, facts: &T) -> Result<(), Failure> {
    writeln!(out, "{}", nfm::json(facts, false))?;
    Ok(())
}
