//! A domain that is open for crawling: the rooms put together.

mod backend;
mod findings;
mod open;
mod options;
mod qemu;
mod source;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use findings::Findings;
pub use options::{CrawlOptions, Mode, OpenOptions};

use crate::control::Control;
use crate::crawl::{Context, Details, Section};
use crate::error::{Error, Result};
use crate::frame::{Consistency, FORMAT, Frame};
use crate::memory::ReadStatistics;
use crate::paging::AddressSpace;
use open::Found;
use source::Source;

/// An open domain. One thread at a time may use it; it may move between threads.
pub struct Domain {
    source: Box<dyn Source>,
    found: Found,
    findings: Findings,
    frames: u64,
}

impl Domain {
    /// Opens a running domain by name, id or UUID: finds its process, its RAM and its kernel. Nothing
    /// is asked of the guest, the hypervisor or the user.
    ///
    /// # Errors
    /// Each reason has its own [`crate::ErrorCode`].
    pub fn open(domain: &str, options: &OpenOptions) -> Result<Self> {
        let begun = Instant::now();
        not_cancelled(options.control.as_ref(), domain)?;
        let source = open::find_source(domain, options)?;
        let found = open::find_kernel(source.as_ref(), options);
        // Whatever else went wrong came of it.
        not_cancelled(options.control.as_ref(), domain)?;
        let found = found?;
        let findings =
            Findings::new(source.as_ref(), found.ram.memory(), &found.kernel, begun.elapsed());
        Ok(Self { source, found, findings, frames: 0 })
    }

    /// What was found at opening.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What the last frame cost.
    pub fn statistics(&self) -> ReadStatistics {
        self.found.ram.statistics()
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`Error::Gone`] when the guest ended; [`Error::Cancelled`]; libvirt's refusal to suspend it. What
    /// cannot be read inside a living guest is no error but is named in the frame's
    /// [`Consistency::problems`].
    pub fn crawl(&mut self, options: &CrawlOptions) -> Result<Frame> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = Instant::now();
        let gone = || Error::Gone { domain: self.source.identity().name.clone() };
        let control = options.control.as_ref();
        let cancelled = || not_cancelled(control, &self.source.identity().name);
        let enter = |section| {
            if let Some(control) = control {
                control.enter(section);
            }
        };
        cancelled()?;
        let Found { ram, kernel, layout } = &self.found;
        if !ram.memory().alive() {
            return Err(gone());
        }
        let hold = match options.mode {
            Mode::Live => None,
            Mode::Paused => self.source.hold()?,
        };
        ram.begin_frame(begun.checked_add(options.time_limit), options.control.clone());
        let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
        let details = Details { threads: options.threads, physical: options.physical };
        let context = Context::new(&space, kernel, layout, details);
        let mut frame = Frame {
            format: FORMAT,
            domain: self.source.identity().clone(),
            seq: self.frames + 1,
            time_ns: nanoseconds(time),
            duration_ns: 0,
            consistency: Consistency {
                mode: options.mode.name(),
                retries: 0,
                complete: false,
                problems: Vec::new(),
            },
            os: None,
            cpus: None,
            processes: None,
            files: None,
            mappings: None,
            memory: None,
            modules: None,
            interfaces: None,
            connections: None,
            mounts: None,
            log: None,
            host: None,
        };
        for section in Section::ALL.into_iter().filter(|one| options.sections.contains(one)) {
            enter(Some(section));
            crate::crawl::crawl(&context, section, &mut frame);
            if section == Section::Host {
                let note = |reason| context.problem(reason, None);
                frame.host = self.source.host(ram.memory(), &note);
            }
        }
        enter(None);
        drop(hold);
        cancelled()?;
        if !ram.memory().alive() {
            return Err(gone());
        }
        let (problems, retries) = context.finish();
        frame.consistency.complete = problems.is_empty();
        frame.consistency.problems = problems;
        frame.consistency.retries = retries;
        frame.duration_ns = nanoseconds(begun.elapsed());
        self.frames += 1;
        Ok(frame)
    }
}

/// [`Error::Cancelled`] if the caller's control says so.
fn not_cancelled(control: Option<&Control>, domain: &str) -> Result<()> {
    match control {
        Some(control) if control.is_cancelled() => {
            Err(Error::Cancelled { domain: domain.to_owned() })
        }
        _ => Ok(()),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
