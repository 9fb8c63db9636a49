//! A domain that is open for crawling: the rooms put together.

mod dump;
mod file;
mod findings;
mod folders;
mod open;
mod options;
mod profile;
mod qemu;
mod source;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use dump::{DumpOptions, DumpSummary};
pub use findings::Findings;
pub use options::{Cache, CrawlOptions, Mode, OpenOptions};
pub use profile::Profile;

use crate::crawl::{Context, Details, Section};
use crate::error::{Error, Result};
use crate::frame::{Consistency, FORMAT, Frame};
use crate::kernel::Sources;
use crate::memory::ReadStatistics;
use crate::paging::AddressSpace;
use open::Found;
use source::Source;

/// An open domain. One thread at a time may use it; it may move between threads.
pub struct Domain {
    source: Box<dyn Source>,
    sources: Sources,
    found: Found,
    findings: Findings,
    frames: u64,
    /// The clock of a kernel that firmware has left behind in memory, as it was met last.
    remains: Option<u64>,
}

/// Times that a frame is begun before a guest that is restarted over and over is given up.
const TRIES: u32 = 2;

impl Domain {
    /// Opens a running domain by name, id or UUID: finds its process, its RAM and its kernel. Nothing
    /// is asked of the guest, the hypervisor or the user.
    ///
    /// `file:PATH` opens a file with a guest's memory instead: an ELF core, a compressed kdump, raw memory,
    /// an image of `virsh save`. `PATH` is taken as it stands; `file:///PATH` is a URI with `%` escapes.
    ///
    /// # Errors
    /// Each reason has its own [`crate::ErrorCode`].
    pub fn open(domain: &str, options: &OpenOptions) -> Result<Self> {
        let begun = Instant::now();
        let source = open::find_source(domain, options)?;
        let sources = options.sources(source.identity());
        let found = open::find_kernel(source.as_ref(), &sources)?;
        let findings =
            Findings::new(source.as_ref(), found.ram.memory(), &found.kernel, begun.elapsed());
        Ok(Self { source, sources, found, findings, frames: 0, remains: None })
    }

    /// What was found at opening.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What the last frame cost.
    pub fn statistics(&self) -> ReadStatistics {
        self.found.ram.statistics()
    }

    /// Takes one frame. A guest that was restarted since the last one, also with another kernel, is noticed
    /// and its kernel found anew.
    ///
    /// # Errors
    /// [`Error::Gone`] when the guest ended; [`Error::NotBooted`] while it is restarted, after which the
    /// domain serves again; libvirt's refusal to suspend it. What cannot be read inside a living guest is no
    /// error but is named in the frame's [`Consistency::problems`].
    pub fn crawl(&mut self, options: &CrawlOptions) -> Result<Frame> {
        let time = self.source.taken().unwrap_or_else(SystemTime::now);
        let begun = Instant::now();
        self.check_alive()?;
        let hold = match options.mode {
            Mode::Live => None,
            Mode::Paused => self.source.hold()?,
        };
        // A frame into which a restart falls is of neither boot.
        for _ in 0..TRIES {
            self.follow_restart()?;
            let mut frame = self.take(options, begun);
            self.check_alive()?;
            if self.is_same_boot() {
                drop(hold);
                self.frames += 1;
                frame.seq = self.frames;
                frame.time_ns = nanoseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default());
                frame.duration_ns = nanoseconds(begun.elapsed());
                return Ok(frame);
            }
        }
        Err(self.restarting("it was restarted while it was read"))
    }

    /// Reads the sections that were asked for.
    fn take(&self, options: &CrawlOptions, begun: Instant) -> Frame {
        let Found { ram, kernel, layout, .. } = &self.found;
        ram.begin_frame(begun.checked_add(options.time_limit));
        let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
        let details = Details { threads: options.threads, physical: options.physical };
        let context = Context::new(&space, kernel, layout, details);
        let mut frame = Frame {
            format: FORMAT,
            domain: self.source.identity().clone(),
            seq: 0,
            time_ns: 0,
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
            crate::crawl::crawl(&context, section, &mut frame);
            if section == Section::Host {
                let note = |reason| context.problem(reason, None);
                frame.host = self.source.host(ram.memory(), &note);
            }
        }
        let (problems, retries) = context.finish();
        if kernel.has_learned() {
            self.found.keep(&self.sources.store);
        }
        frame.consistency.complete = problems.is_empty();
        frame.consistency.problems = problems;
        frame.consistency.retries = retries;
        frame
    }

    fn check_alive(&self) -> Result<()> {
        match self.found.ram.memory().alive() {
            true => Ok(()),
            false => Err(Error::Gone { domain: self.source.identity().name.clone() }),
        }
    }
}

/// Restarts of the guest.
impl Domain {
    /// Whether the guest was not restarted since its kernel was found. Memory that was written down stays
    /// what it is.
    fn is_same_boot(&self) -> bool {
        self.source.taken().is_some() || self.found.boot.runs_in(self.found.ram.memory())
    }

    /// Finds the kernel anew where the guest was restarted.
    fn follow_restart(&mut self) -> Result<()> {
        if self.is_same_boot() {
            return Ok(());
        }
        let begun = Instant::now();
        let later = match open::find_kernel(self.source.as_ref(), &self.sources) {
            Err(Error::NotLinux { .. } | Error::NotBooted { .. }) => {
                return Err(self.restarting("it was restarted, and no kernel runs in it yet"));
            }
            found => found?,
        };
        if later.boot.is_kernel_of(&self.found.boot) {
            // What is left of the kernel before. Should firmware have been called without a restart (as after
            // a sleep), then that kernel's clock goes on.
            let clock = self.remains.replace(later.boot.clock);
            if clock.is_none_or(|clock| later.boot.clock <= clock) {
                return Err(
                    self.restarting("it was restarted, and its new kernel is not there yet")
                );
            }
        }
        tracing::debug!(release = later.kernel.release, "the guest was restarted");
        let memory = later.ram.memory();
        self.findings = Findings::new(self.source.as_ref(), memory, &later.kernel, begun.elapsed());
        self.found = later;
        self.remains = None;
        Ok(())
    }

    fn restarting(&self, evidence: &str) -> Error {
        let domain = self.source.identity().name.clone();
        Error::NotBooted { domain, evidence: evidence.to_owned() }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
