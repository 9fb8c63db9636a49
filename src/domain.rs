//! A domain that is open for crawling: the rooms put together.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::crawl::{Context, Details, Section};
use crate::error::{Error, Result};
use crate::frame::{Consistency, DomainIdentity, FORMAT, Frame, Host};
use crate::kernel::{DiscoveryError, Kernel, Wanted};
use crate::layout::{Layout, Symbols};
use crate::memory::{GuestRam, PhysicalMemory, ProcfsMemory, ReadStatistics, ReadableProcess};
use crate::paging::AddressSpace;
use crate::resolve::{
    DomainDefinition, DomainState, Hold, Libvirt, QemuProcess, RamLayout, candidates,
};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// A guest that has touched less than this runs no operating system yet.
const FIRMWARE_TOUCHES: u64 = 48 * MIB;
/// A frame that is not done by then is given up where it stands.
const LONGEST_CRAWL: Duration = Duration::from_secs(10);

/// How to open a domain.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// libvirt's connection URI; `None` for libvirt's own default.
    pub uri: Option<String>,
}

/// How to crawl.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrawlOptions {
    /// The sections to fill.
    pub sections: Vec<Section>,
    /// A frame that is not done after this long is returned as it is, with a problem that says so.
    pub time_limit: Duration,
    /// How the guest is treated meanwhile.
    pub mode: Mode,
    /// List the threads of each process ([`crate::Process::thread_list`]).
    pub threads: bool,
    /// Tell where the pages of each mapping are ([`crate::Mapping::physical`]).
    pub physical: bool,
}

/// How the guest is treated while a frame is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// It runs on: what looks torn is read anew.
    #[default]
    Live,
    /// libvirt suspends it for the crawl and resumes it after, over a read-write connection. A guest
    /// whose vCPUs do not run is left as it is. If the calling process is killed in between, the guest
    /// stays suspended: see [`crate::resume_if_paused`].
    Paused,
}

impl Mode {
    /// The mode's name in [`crate::Consistency::mode`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Paused => "paused",
        }
    }
}

impl Default for CrawlOptions {
    fn default() -> Self {
        Self {
            sections: Section::ALL.to_vec(),
            time_limit: LONGEST_CRAWL,
            mode: Mode::Live,
            threads: false,
            physical: false,
        }
    }
}

impl CrawlOptions {
    /// Options for these sections alone.
    pub fn sections(sections: &[Section]) -> Self {
        Self { sections: sections.to_vec(), ..Self::default() }
    }
}

/// What was found when a domain was opened, for `nfm doctor`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Findings {
    /// libvirt's URI.
    pub uri: String,
    /// The domain's UUID.
    pub uuid: String,
    /// The hypervisor's process.
    pub pid: i32,
    /// RAM as (guest-physical address, bytes).
    pub ram: Vec<(u64, u64)>,
    /// Page-table levels.
    pub paging_levels: u32,
    /// Guest-physical address below 1 MiB of the page table that led to the kernel.
    pub trampoline: u64,
    /// Guest-physical address of the kernel's own top page table.
    pub page_table: u64,
    /// Kernel-virtual and guest-physical address of the kernel's image, and its bytes.
    pub image: (u64, u64, u64),
    /// `uname -r`.
    pub release: Option<String>,
    /// The kernel's build id.
    pub build_id: Option<String>,
    /// Kernel-virtual address of VMCOREINFO, where it was found.
    pub vmcoreinfo: Option<u64>,
    /// Symbols in the kernel's table.
    pub symbols: usize,
    /// Whether VMCOREINFO named the table; else it was found by its structure.
    pub symbols_named: bool,
    /// Bytes of BTF.
    pub btf_bytes: usize,
    /// How long opening took.
    pub open_time: Duration,
}

/// An open domain. One thread at a time may use it; it may move between threads.
pub struct Domain {
    identity: DomainIdentity,
    process: Arc<ReadableProcess>,
    ram: GuestRam,
    kernel: Kernel,
    layout: Layout,
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
        let connection = Libvirt::open(options.uri.as_deref())?;
        let definition = connection.find(domain)?;
        check_readable(&definition)?;
        let name = definition.summary.name.clone();
        let process = QemuProcess::find(&definition.summary, connection.uri())?;
        let pid = process.pid;
        let mappings = process.mappings(&name)?;
        let layouts = candidates(&definition.xml, &mappings).map_err(|reason| Error::NoMemory {
            domain: name.clone(),
            pid,
            reason,
        })?;
        tracing::debug!(pid, candidates = layouts.len(), "candidates for guest RAM");
        let mapped = mappings.iter().find(|mapping| mapping.read_write);
        let mapped = mapped.map_or(0, |mapping| mapping.start);
        let process = ReadableProcess::open(process, mapped, &name)?;
        let (ram, kernel, layout) = find_kernel(&process, &layouts, &name)?;
        let image = &kernel.image;
        let findings = Findings {
            uri: connection.uri().to_owned(),
            uuid: definition.summary.uuid.clone(),
            pid,
            ram: ram.memory().ram(),
            paging_levels: image.levels.count(),
            trampoline: image.trampoline,
            page_table: image.root,
            image: (image.start, image.physical, image.length),
            release: kernel.release.clone(),
            build_id: kernel.build_id.clone(),
            vmcoreinfo: kernel.vmcoreinfo,
            symbols: kernel.symbols,
            symbols_named: kernel.symbols_named,
            btf_bytes: kernel.btf_bytes,
            open_time: begun.elapsed(),
        };
        let identity = DomainIdentity {
            name,
            uuid: definition.summary.uuid,
            hypervisor: definition.driver.to_lowercase(),
        };
        Ok(Self { identity, process, ram, kernel, layout, findings, frames: 0 })
    }

    /// What was found at opening.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What the last frame cost.
    pub fn statistics(&self) -> ReadStatistics {
        self.ram.statistics()
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`Error::Gone`] when the guest ended; libvirt's refusal to suspend it. What cannot be read inside a living guest is no error but
    /// is named in the frame's [`Consistency::problems`].
    pub fn crawl(&mut self, options: &CrawlOptions) -> Result<Frame> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = Instant::now();
        let gone = || Error::Gone { domain: self.identity.name.clone() };
        if !self.ram.memory().alive() {
            return Err(gone());
        }
        let hold = match options.mode {
            Mode::Live => None,
            Mode::Paused => Hold::suspend(&self.findings.uri, &self.findings.uuid)?,
        };
        self.ram.begin_frame(begun.checked_add(options.time_limit));
        let image = &self.kernel.image;
        let space = AddressSpace::new(&self.ram, image.root, image.levels);
        let details = Details { threads: options.threads, physical: options.physical };
        let context = Context::new(&space, &self.kernel, &self.layout, details);
        self.frames += 1;
        let mut frame = Frame {
            format: FORMAT,
            domain: self.identity.clone(),
            seq: self.frames,
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
            crate::crawl::crawl(&context, section, &mut frame);
            if section == Section::Host {
                frame.host = Some(self.host(&context));
            }
        }
        drop(hold);
        if !self.ram.memory().alive() {
            return Err(gone());
        }
        let (problems, retries) = context.finish();
        frame.consistency.complete = problems.is_empty();
        frame.consistency.problems = problems;
        frame.consistency.retries = retries;
        frame.duration_ns = nanoseconds(begun.elapsed());
        Ok(frame)
    }
}

impl Domain {
    /// The section `host`: from the hypervisor's process and from libvirt.
    fn host(&self, context: &Context) -> Host {
        let note = |what: &str, reason: String| context.problem(format!("{what}: {reason}"), None);
        let time = self.process.process().vcpu_time();
        let state = Libvirt::open(Some(&self.findings.uri))
            .and_then(|libvirt| libvirt.find(&self.findings.uuid))
            .map(|definition| definition.summary.state.name());
        let held = self.ram.memory().residency();
        if held.is_none() {
            note("rss_bytes", "the host does not tell (/proc/PID/pagemap)".to_owned());
        }
        Host {
            vcpu_time_ns: time.map_err(|error| note("vcpu_time_ns", error.to_string())).ok(),
            rss_bytes: held.map(|held| held.resident),
            swapped_bytes: held.map(|held| held.swapped),
            untouched_bytes: held.map(|held| held.untouched),
            state: state.map_err(|error| note("state", error.to_string())).ok(),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether this kind of guest, in this state, has memory that can be read.
fn check_readable(definition: &DomainDefinition) -> Result<()> {
    let domain = definition.summary.name.clone();
    if definition.summary.state == DomainState::ShutOff || definition.summary.id.is_none() {
        let state = DomainState::ShutOff.name();
        return Err(Error::NotRunning { domain, state });
    }
    let unsupported = |reason: String| Err(Error::Unsupported { domain, reason });
    if definition.driver != "QEMU" {
        return unsupported(format!(
            "libvirt's driver '{}' is none that nfm reads yet; QEMU/KVM guests are",
            definition.driver
        ));
    }
    let Ok(document) = roxmltree::Document::parse(&definition.xml) else {
        return unsupported("libvirt's definition of it is not readable XML".to_owned());
    };
    let find = |name: &str| document.descendants().find(|node| node.has_tag_name(name));
    if let Some(kind) = find("launchSecurity").and_then(|node| node.attribute("type"))
        && matches!(kind, "sev" | "sev-snp" | "tdx" | "s390-pv")
    {
        return unsupported(format!("its memory is encrypted ({kind}) and closed to the host"));
    }
    match find("type").and_then(|node| node.attribute("arch")) {
        Some("x86_64") => Ok(()),
        arch => unsupported(format!(
            "its architecture is {}; nfm reads x86_64 guests",
            arch.unwrap_or("unknown")
        )),
    }
}

/// Holds the candidates against guest memory: the layout under which a kernel is found whose own map
/// of RAM agrees with it.
fn find_kernel(
    owner: &Arc<ReadableProcess>,
    layouts: &[RamLayout],
    domain: &str,
) -> Result<(GuestRam, Kernel, Layout)> {
    let pid = owner.process().pid;
    let types = Layout::type_names();
    let wanted = Wanted { symbols: Symbols::NAMES, types: &types };
    let mut failure = None;
    for layout in layouts {
        let ram = GuestRam::new(Box::new(ProcfsMemory::new(owner, layout)?));
        match Kernel::discover(&ram, &wanted) {
            Ok(kernel) => {
                let layout = Layout::compile(&kernel.types, |name| kernel.symbol(name));
                match disagreement(&ram, &kernel, &layout) {
                    None => return Ok((ram, kernel, layout)),
                    Some(reason) => {
                        failure = Some(Error::NoMemory { domain: domain.to_owned(), pid, reason });
                    }
                }
            }
            Err(DiscoveryError::NoKernel) => {
                failure.get_or_insert_with(|| no_kernel(ram.memory(), domain));
            }
            // A kernel that is there but not usable says more than a layout without any.
            Err(error) => failure = Some(unusable(error, domain)),
        }
    }
    Err(failure.unwrap_or_else(|| Error::NoMemory {
        domain: domain.to_owned(),
        pid,
        reason: "its definition allows no layout".to_owned(),
    }))
}

/// How firmware's map of RAM, as the kernel holds it, contradicts the layout under which it was found.
fn disagreement(ram: &GuestRam, kernel: &Kernel, layout: &Layout) -> Option<String> {
    let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
    let firmware =
        crate::crawl::firmware_ram(&Context::new(&space, kernel, layout, Details::default()))
            .ok()?;
    let blocks = ram.memory().ram();
    let inside = |(start, length): &(u64, u64)| {
        blocks.iter().any(|(first, bytes)| {
            start >= first && start.saturating_add(*length) <= first.saturating_add(*bytes)
        })
    };
    if let Some((start, length)) = firmware.iter().find(|run| !inside(run)) {
        return Some(format!("the guest has {length} bytes of RAM at {start:#x}, the layout not"));
    }
    let end_above = |runs: &[(u64, u64)]| {
        runs.iter().filter(|(start, _)| *start == 4 * GIB).map(|(_, length)| *length).max()
    };
    (end_above(&firmware) < end_above(&blocks).filter(|_| !firmware.is_empty()))
        .then(|| "the layout has more RAM above 4 GiB than the guest knows of".to_owned())
}

/// Firmware, or another operating system: by how much memory the guest has touched.
fn no_kernel(memory: &dyn PhysicalMemory, domain: &str) -> Error {
    let domain = domain.to_owned();
    match memory.residency().map(|held| held.resident.saturating_add(held.swapped)) {
        Some(bytes) if bytes < FIRMWARE_TOUCHES => Error::NotBooted {
            domain,
            evidence: format!("{} MiB of its RAM were ever used", bytes.div_ceil(MIB)),
        },
        touched => Error::NotLinux {
            domain,
            evidence: match touched {
                Some(bytes) => {
                    format!("{} MiB of its RAM are in use", bytes.div_ceil(MIB))
                        + ", but no page table maps a kernel"
                }
                None => "no page table maps a kernel".to_owned(),
            },
        },
    }
}

fn unusable(error: DiscoveryError, domain: &str) -> Error {
    let domain = domain.to_owned();
    match error {
        DiscoveryError::NoKernel | DiscoveryError::NotLinux => Error::NotLinux {
            domain,
            evidence: "a kernel is mapped, but it does not call itself Linux".to_owned(),
        },
        DiscoveryError::NoSymbols(reason) => Error::NoSymbols { domain, reason },
        DiscoveryError::NoTypes { release, reason } => Error::NoTypes {
            domain,
            release: release.unwrap_or_else(|| "unknown release".to_owned()),
            reason,
        },
    }
}
