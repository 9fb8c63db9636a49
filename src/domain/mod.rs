//! A domain that is open for crawling: the rooms put together.

mod backend;
mod dump;
mod file;
mod files;
mod findings;
mod fit;
mod folders;
mod frames;
mod memory;
mod new_file;
mod open;
mod options;
mod profile;
mod qemu;
mod restart;
mod source;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use dump::{DumpOptions, DumpSummary};
pub use files::{FileContent, FoundFile, GuestFiles, Listing, OpenFile, SavedFile};
pub use findings::Findings;
pub use frames::LiveFrames;
pub use memory::GuestMemory;
pub use options::{Cache, CrawlOptions, Mode, OpenOptions};
pub use profile::Profile;

use crate::control::Control;
use crate::crawl::{Crawl, Details, Reader};
use crate::error::{Error, Result};
use crate::frame::{Consistency, Frame, Problem, Section, Text};
use crate::memory::{GuestRam, ReadStatistics};
use crate::paging::AddressSpace;
use crate::this_process::{Owner, descriptor_limit, descriptors_are_free};
use open::Found;
#[cfg(feature = "fuzzing")]
pub(crate) use source::OnHost;
use source::Plugs;
pub(crate) use source::Source;

/// An open domain. One thread at a time may use it; it may move between threads.
pub struct Domain {
    source: Box<dyn Source>,
    found: Found,
    findings: Findings,
    frames: u64,
    restarts: u64,
    options: OpenOptions,
    /// The clock of what may be left of a kernel, and when it was looked at.
    remains: Option<(u64, Instant)>,
    /// Why memory that was plugged in or out could not be followed.
    plugs_problem: Option<String>,
    /// The source knows of a new layout, and its memory could not be opened yet.
    plugs_unread: bool,
    /// The process that opened it.
    owner: Owner,
}

/// Times that a frame is begun before a guest that is restarted over and over is given up.
const TRIES: u32 = 2;

impl Domain {
    /// Opens a running domain by name, id or UUID: finds its process, its RAM and its kernel. Nothing
    /// is asked of the guest, the hypervisor or the user.
    ///
    /// `qemu:PID` opens the guest of a QEMU process of this host, whether or not libvirt knows it
    /// ([`crate::qemu_guests`]).
    ///
    /// `file:PATH` opens a file with a guest's memory instead: an ELF core, a compressed kdump, raw memory,
    /// an image of `virsh save`. `PATH` is taken as it stands; `file:///PATH` is a URI with `%` escapes.
    ///
    /// # Errors
    /// Each reason has its own [`crate::ErrorCode`].
    pub fn open(domain: &str, options: &OpenOptions) -> Result<Self> {
        let begun = Instant::now();
        not_cancelled(options.control.as_ref(), domain)?;
        enough_descriptors()?;
        let source = open::find_source(domain, options);
        let opened = source.and_then(|source| Self::of_source(source, options, begun));
        if opened.is_err() {
            // Whatever else went wrong came of it.
            not_cancelled(options.control.as_ref(), domain)?;
            enough_descriptors()?;
        }
        opened
    }

    /// Finds the kernel in the memory of a source.
    pub(crate) fn of_source(
        source: Box<dyn Source>,
        options: &OpenOptions,
        begun: Instant,
    ) -> Result<Self> {
        let found = open::find_first_kernel(source.as_ref(), options)?;
        let findings = Findings::new(source.as_ref(), &found, begun.elapsed());
        // Whoever cancels this call does not mean the next.
        let options = OpenOptions { control: None, ..options.clone() };
        let owner = Owner::this();
        Ok(Self {
            source,
            found,
            findings,
            frames: 0,
            restarts: 0,
            options,
            remains: None,
            plugs_problem: None,
            plugs_unread: false,
            owner,
        })
    }

    /// The guest's memory.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn physical_memory(&self) -> &dyn crate::memory::PhysicalMemory {
        self.found.ram.memory()
    }

    /// The findings at opening.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// How often the guest's kernel was started anew since this handle was opened, as far as frames met it.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// The costs of the last frame.
    pub fn statistics(&self) -> ReadStatistics {
        self.found.ram.statistics()
    }

    /// Guest pages of the last frame, and how long reading them all at once takes: what no frame of them
    /// can do without. For benchmarks.
    #[doc(hidden)]
    pub fn floor(&self) -> (usize, Duration) {
        self.found.ram.floor()
    }

    /// Takes one frame. A guest that was restarted since the last one, also with another kernel, is noticed
    /// and its kernel found anew; memory that was plugged in or out is followed.
    ///
    /// # Errors
    /// [`Error::Gone`] when the guest ended; [`Error::NotBooted`] while it is restarted, after which the
    /// domain serves again; [`Error::Cancelled`]; libvirt's refusal to suspend it. What cannot be read inside
    /// a living guest is no error but is named in the frame's [`Consistency::problems`].
    pub fn crawl(&mut self, options: &CrawlOptions) -> Result<Frame> {
        let time = self.source.taken().unwrap_or_else(SystemTime::now);
        let begun = Instant::now();
        let control = options.control.as_ref();
        self.check(control)?;
        let hold = match options.mode {
            Mode::Live => None,
            Mode::Paused => self.source.hold()?,
        };
        self.follow_plugs(false);
        // A frame into which a restart falls is of neither boot.
        for _ in 0..TRIES {
            let left = options.time_limit.saturating_sub(begun.elapsed());
            if let Err(error) = self.follow_restart(left, control) {
                // The guest may be ending where it seems to have restarted.
                return Err(if self.found.ram.memory().ending() { self.gone() } else { error });
            }
            let mut frame = self.take(options, begun);
            if self.found.ram.memory().missed() && self.follow_plugs(true) {
                frame = self.take(options, begun);
            }
            if let Some(reason) = self.plugs_problem.clone() {
                let section = Text::fixed(Section::Memory.name());
                frame.consistency.problems.push(Problem { section, reason, address: None });
                frame.consistency.complete = false;
            }
            self.check(control)?;
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

    /// Reads the guest's memory as it is laid out now; true if that is otherwise than before. A failure is a problem of
    /// each frame until a later attempt succeeds.
    fn follow_plugs(&mut self, missed: bool) -> bool {
        match self.source.plugs(missed) {
            Plugs::NotLooked | Plugs::Same if self.plugs_unread => {}
            Plugs::NotLooked => return false,
            Plugs::Same => {
                self.plugs_problem = None;
                return false;
            }
            Plugs::Changed => {}
            Plugs::Failed(error) => {
                let what = "memory that was plugged in or out cannot be looked for";
                self.plugs_problem = Some(format!("{what}: {error}"));
                return false;
            }
        }
        let layout = self.found.ram_layout;
        let memory = self.source.memory(layout);
        self.plugs_unread = memory.is_err();
        match memory {
            Ok(memory) => {
                self.findings.ram = memory.ram();
                self.findings.unplaced = self.source.unplaced(layout);
                let optimizations = self.found.ram.optimizations();
                self.found.ram = GuestRam::new(memory, optimizations);
                self.plugs_problem = None;
                true
            }
            Err(error) => {
                let what = "memory that was plugged in cannot be read";
                self.plugs_problem = Some(format!("{what}: {error}"));
                false
            }
        }
    }

    /// Reads the sections that were asked for.
    fn take(&self, options: &CrawlOptions, begun: Instant) -> Frame {
        let enter = |section| {
            if let Some(control) = &options.control {
                control.enter(section);
            }
        };
        let Found { ram, kernel, layout, reuse, .. } = &self.found;
        ram.begin_frame(options.kind(), options.limits(begun), options.control.clone());
        let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
        let details = Details { threads: options.threads, physical: options.physical };
        let reader = Reader::new(&space, kernel, layout);
        let mut crawl = Crawl::new(reader, details, reuse, &options.sections);
        let mut frame = Frame {
            domain: self.source.identity().clone(),
            consistency: Consistency {
                mode: Text::fixed(options.mode.name()),
                ..Consistency::default()
            },
            ..Frame::default()
        };
        for section in Section::ALL.into_iter().filter(|one| options.sections.contains(one)) {
            if options.control.as_ref().is_some_and(Control::is_cancelled) {
                break;
            }
            enter(Some(section));
            crawl.section(section, &mut frame);
            if section == Section::Host {
                let note = |reason| crawl.problem(reason);
                frame.host = self.source.host(ram.memory(), &note);
            }
        }
        enter(None);
        let (problems, retries) = crawl.finish();
        ram.end_frame();
        if kernel.has_learned() {
            self.found.keep(&self.options.sources(self.source.identity()).store);
        }
        frame.consistency.complete = problems.is_empty();
        frame.consistency.problems = problems;
        frame.consistency.retries = retries;
        frame
    }

    /// Fails if the call may not go on: another process opened it, the guest is gone, or somebody cancelled it.
    fn check(&self, control: Option<&Control>) -> Result<()> {
        self.check_owner()?;
        let domain = &self.source.identity().name;
        not_cancelled(control, domain)?;
        match self.found.ram.memory().alive() {
            true => Ok(()),
            false => Err(self.gone()),
        }
    }

    /// [`Error::Forked`] in a child of the process that opened it.
    fn check_owner(&self) -> Result<()> {
        if self.owner.is_this() { Ok(()) } else { Err(Error::Forked) }
    }

    fn gone(&self) -> Error {
        Error::Gone { domain: self.source.identity().name.clone() }
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

/// [`Error::Descriptors`] where the process has too few of them left to open a guest.
fn enough_descriptors() -> Result<()> {
    match descriptors_are_free() {
        true => Ok(()),
        false => Err(Error::Descriptors { limit: descriptor_limit() }),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
