//! A guest of QEMU, under libvirt or without it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::source::{LibvirtsWord, OnHost, Plugs, Source};
use crate::error::{Error, Result};
use crate::frame::{DomainIdentity, Host, Text};
use crate::memory::{PhysicalMemory, ProcfsMemory, ReadableProcess, Residency};
use crate::resolve::{
    Backing, Dimm, DomainDefinition, DomainState, Hold, Libvirt, QEMU_PREFIX, QemuProcess,
    RamDefinition, RamHole, RamLayout, VcpuClock, candidates,
};

/// After counting the RAM that the host holds, it is not counted for so many times what that took ...
const COUNT_REST: u32 = 500;
/// ... nor for so long.
const LEAST_REST: Duration = Duration::from_secs(5);
/// Memory that is plugged in or out is looked for no more often: asking libvirt takes milliseconds.
const PLUGS_REST: Duration = Duration::from_secs(1);

/// A running guest of QEMU.
pub(super) struct QemuGuest {
    identity: DomainIdentity,
    arriving: bool,
    process: Arc<ReadableProcess>,
    layouts: RefCell<Vec<RamLayout>>,
    /// When memory that is plugged in or out was looked for.
    plugs_looked_for: Cell<Option<Instant>>,
    /// `None` for one that was named by its process: libvirt may know nothing of it.
    libvirt: Option<ByLibvirt>,
    vcpus: RefCell<VcpuClock>,
    /// How much of its RAM the host holds, as it was counted last.
    counted: Cell<Option<Count>>,
}

/// A guest as libvirt knows it.
struct ByLibvirt {
    uri: String,
    uuid: String,
    word: LibvirtsWord,
}

/// A count of the RAM that the host holds.
#[derive(Clone, Copy)]
struct Count {
    held: Residency,
    at: Instant,
    /// The time that counting took.
    took: Duration,
}

impl QemuGuest {
    /// Finds the process of a domain, asks for the right to read it, and lists how its RAM may lie.
    pub fn find(definition: &DomainDefinition, libvirt: &Libvirt) -> Result<Self> {
        check_readable(definition)?;
        let DomainDefinition { summary, driver, xml, arriving } = definition;
        let labels = definition.labels();
        let identity = DomainIdentity {
            name: summary.name.clone(),
            uuid: Some(summary.uuid.clone()),
            hypervisor: driver.to_lowercase(),
            labels: (!labels.is_empty()).then_some(labels),
        };
        let by_libvirt = ByLibvirt {
            uri: libvirt.uri().to_owned(),
            uuid: summary.uuid.clone(),
            word: LibvirtsWord::on(libvirt.connection(), &summary.uuid),
        };
        let process = QemuProcess::find(summary, libvirt.uri())?;
        let guest = Self::in_process(process, identity, || RamDefinition::parse(xml))?;
        Ok(Self { arriving: *arriving, libvirt: Some(by_libvirt), ..guest })
    }

    /// The guest of a QEMU process, which libvirt need not know: its command line says what libvirt's definition would.
    pub fn of_pid(pid: i32) -> Result<Self> {
        let (process, command_line) = QemuProcess::of_pid(pid)?;
        let identity = DomainIdentity {
            name: command_line.name().unwrap_or_else(|| format!("{QEMU_PREFIX}{pid}")),
            uuid: command_line.uuid(),
            hypervisor: "qemu".to_owned(),
            labels: None,
        };
        Self::in_process(process, identity, || command_line.ram())
    }

    /// Asks for the right to read the process, and lists how the guest's RAM may lie in it.
    fn in_process(
        process: QemuProcess,
        identity: DomainIdentity,
        definition: impl FnOnce() -> Result<RamDefinition, String>,
    ) -> Result<Self> {
        let name = &identity.name;
        let layouts = process.mappings(name).and_then(|mappings| {
            let layouts = definition().and_then(|ram| candidates(&ram, &mappings));
            let (domain, place) = (name.clone(), place(process.pid));
            let layouts = layouts.map_err(|reason| Error::NoMemory { domain, place, reason })?;
            Ok((layouts, mappings))
        });
        let (layouts, mappings) = layouts.map_err(|error| match process.ending() {
            true => Error::Gone { domain: name.clone() },
            false => error,
        })?;
        tracing::debug!(pid = process.pid, candidates = layouts.len(), "candidates for guest RAM");
        let mapped = mappings.iter().find(|mapping| mapping.read_write);
        let mapped = mapped.map_or(0, |mapping| mapping.start);
        let mut blocks = layouts.iter().flat_map(|layout| &layout.blocks);
        let private = blocks.any(|block| block.backing == Backing::Private);
        let process = ReadableProcess::open(process, mapped, private, name)?;
        Ok(Self {
            identity,
            arriving: false,
            process,
            layouts: RefCell::new(layouts),
            plugs_looked_for: Cell::default(),
            libvirt: None,
            vcpus: RefCell::default(),
            counted: Cell::default(),
        })
    }
}

impl Source for QemuGuest {
    fn identity(&self) -> &DomainIdentity {
        &self.identity
    }

    fn place(&self) -> String {
        place(self.process.process().pid)
    }

    fn on_host(&self) -> OnHost {
        OnHost {
            uri: self.libvirt.as_ref().map(|libvirt| libvirt.uri.clone()),
            uuid: self.identity.uuid.clone(),
            pid: Some(self.process.process().pid),
        }
    }

    fn layouts(&self) -> usize {
        self.layouts.borrow().len()
    }

    fn memory(&self, layout: usize) -> Result<Box<dyn PhysicalMemory>> {
        let layouts = self.layouts.borrow();
        let layout = layouts
            .get(layout)
            .ok_or_else(|| self.no_memory("its definition allows no such layout".to_owned()))?;
        Ok(Box::new(ProcfsMemory::new(&self.process, layout)?))
    }

    fn with_hole(&self, like: usize, hole: RamHole) -> Option<usize> {
        let mut layouts = self.layouts.borrow_mut();
        let layout = layouts.get(like)?.with_hole(hole);
        let is_new = !layouts.contains(&layout);
        layouts.extend(is_new.then_some(layout));
        is_new.then(|| layouts.len() - 1)
    }

    /// A guest without DIMMs that read no address without RAM is not looked at.
    fn plugs(&self, missed: bool) -> Plugs {
        let Some(libvirt) = &self.libvirt else { return Plugs::NotLooked };
        let rests = self.plugs_looked_for.get().is_some_and(|at| at.elapsed() < PLUGS_REST);
        let mut layouts = self.layouts.borrow_mut();
        if rests || !(missed || layouts.iter().any(RamLayout::has_dimms)) {
            return Plugs::NotLooked;
        }
        let later = self.dimms(libvirt).and_then(|dimms| {
            let mappings = self.process.process().mappings(&self.identity.name)?;
            Ok(layouts.iter().map(|layout| layout.with_dimms(&dimms, &mappings)).collect())
        });
        self.plugs_looked_for.set(Some(Instant::now()));
        match later {
            Ok(later) if later != *layouts => {
                *layouts = later;
                Plugs::Changed
            }
            Ok(_) => Plugs::Same,
            // Said once, by the connection.
            Err(Error::Connect { .. } | Error::Authentication { .. }) => Plugs::NotLooked,
            Err(error) => Plugs::Failed(error),
        }
    }

    fn unplaced(&self, layout: usize) -> Vec<(u64, u64)> {
        self.layouts.borrow().get(layout).map(|layout| layout.unplaced.clone()).unwrap_or_default()
    }

    fn ending(&self) -> bool {
        self.process.process().ending()
    }

    fn arriving(&self) -> bool {
        self.arriving
    }

    fn hold(&self) -> Result<Option<Hold>> {
        match &self.libvirt {
            Some(libvirt) => libvirt.word.hold(&libvirt.uri, &libvirt.uuid),
            None => Err(Error::Unsupported {
                domain: self.identity.name.clone(),
                reason: "a guest that is named by its process cannot be suspended for a frame, as \
                         libvirt does that; name it as libvirt does, or crawl it as it runs"
                    .to_owned(),
            }),
        }
    }

    /// From the hypervisor's process, and its state from libvirt, where that knows it.
    fn host(&self, memory: &dyn PhysicalMemory, note: &dyn Fn(String)) -> Option<Host> {
        let noted = |what: &str, error: &dyn std::fmt::Display| note(format!("{what}: {error}"));
        let time = self.vcpus.borrow_mut().time(self.process.process());
        if self.libvirt.is_some() && matches!(time, Ok(None)) {
            noted("vcpu_time_ns", &"no thread of QEMU has a vCPU's name");
        }
        let state = self.libvirt.as_ref().and_then(|ByLibvirt { uri, word, .. }| {
            let state = word.state_or_recall(uri, &self.identity.name);
            state.map_err(|error| noted("state", &error)).ok()
        });
        let counted = self.counted(memory);
        if counted.is_none() {
            noted("rss_bytes", &"the host does not tell (/proc/PID/pagemap)");
        }
        let held = counted.map(|count| count.held);
        let age = |count: Count| u64::try_from(count.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(Host {
            vcpu_time_ns: time.map_err(|error| noted("vcpu_time_ns", &error)).ok().flatten(),
            rss_bytes: held.map(|held| held.resident),
            swapped_bytes: held.map(|held| held.swapped),
            untouched_bytes: held.map(|held| held.untouched),
            memory_age_ns: counted.map(age),
            state: state.map(DomainState::name).map(Text::fixed),
        })
    }
}

impl QemuGuest {
    /// The memory that is plugged in by now.
    fn dimms(&self, libvirt: &ByLibvirt) -> Result<Vec<Dimm>> {
        let xml = libvirt.word.xml()?;
        Dimm::parse_all(&xml).map_err(|reason| self.no_memory(reason))
    }

    /// How much of the guest's RAM the host holds: counted anew, unless that would take more than a
    /// small share of the time since it was counted last.
    fn counted(&self, memory: &dyn PhysicalMemory) -> Option<Count> {
        let known = self.counted.get();
        if let Some(count) = known
            && count.at.elapsed() < LEAST_REST.max(count.took * COUNT_REST)
        {
            return known;
        }
        let begun = Instant::now();
        let held = memory.residency();
        let at = Instant::now();
        self.counted.set(held.map(|held| Count { held, at, took: at - begun }));
        self.counted.get()
    }
}

fn place(pid: i32) -> String {
    format!("QEMU process {pid}")
}

/// Refuses a kind of guest whose memory cannot be read.
fn check_readable(definition: &DomainDefinition) -> Result<()> {
    let domain = definition.summary.name.clone();
    let unsupported = |reason: String| Err(Error::Unsupported { domain, reason });
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
