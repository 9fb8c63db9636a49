//! A guest of QEMU under libvirt.

use std::sync::Arc;

use super::source::{OnHost, Source};
use crate::error::{Error, Result};
use crate::frame::{DomainIdentity, Host};
use crate::memory::{PhysicalMemory, ProcfsMemory, ReadableProcess};
use crate::resolve::{DomainDefinition, Hold, Libvirt, QemuProcess, RamLayout, candidates};

/// A running guest of QEMU.
pub(super) struct QemuGuest {
    identity: DomainIdentity,
    uuid: String,
    uri: String,
    process: Arc<ReadableProcess>,
    layouts: Vec<RamLayout>,
}

impl QemuGuest {
    /// Finds the process of a domain, asks for the right to read it, and lists how its RAM may lie.
    pub fn find(definition: &DomainDefinition, uri: &str) -> Result<Self> {
        check_readable(definition)?;
        let name = definition.summary.name.clone();
        let process = QemuProcess::find(&definition.summary, uri)?;
        let mappings = process.mappings(&name)?;
        let layouts = candidates(&definition.xml, &mappings).map_err(|reason| Error::NoMemory {
            domain: name.clone(),
            place: place(process.pid),
            reason,
        })?;
        tracing::debug!(pid = process.pid, candidates = layouts.len(), "candidates for guest RAM");
        let mapped = mappings.iter().find(|mapping| mapping.read_write);
        let mapped = mapped.map_or(0, |mapping| mapping.start);
        let process = ReadableProcess::open(process, mapped, &name)?;
        let identity = DomainIdentity {
            name,
            uuid: Some(definition.summary.uuid.clone()),
            hypervisor: definition.driver.to_lowercase(),
        };
        let uuid = definition.summary.uuid.clone();
        Ok(Self { identity, uuid, uri: uri.to_owned(), process, layouts })
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
            uri: Some(self.uri.clone()),
            uuid: Some(self.uuid.clone()),
            pid: Some(self.process.process().pid),
        }
    }

    fn layouts(&self) -> usize {
        self.layouts.len()
    }

    fn memory(&self, layout: usize) -> Result<Box<dyn PhysicalMemory>> {
        let layout = self
            .layouts
            .get(layout)
            .ok_or_else(|| self.no_memory("its definition allows no such layout".to_owned()))?;
        Ok(Box::new(ProcfsMemory::new(&self.process, layout)?))
    }

    fn hold(&self) -> Result<Option<Hold>> {
        Hold::suspend(&self.uri, &self.uuid)
    }

    /// From the hypervisor's process and from libvirt.
    fn host(&self, memory: &dyn PhysicalMemory, note: &dyn Fn(String)) -> Option<Host> {
        let noted = |what: &str, error: &dyn std::fmt::Display| note(format!("{what}: {error}"));
        let time = self.process.process().vcpu_time();
        let state = Libvirt::open(Some(&self.uri))
            .and_then(|libvirt| libvirt.find(&self.uuid))
            .map(|definition| definition.summary.state.name());
        let held = memory.residency();
        if held.is_none() {
            noted("rss_bytes", &"the host does not tell (/proc/PID/pagemap)");
        }
        Some(Host {
            vcpu_time_ns: time.map_err(|error| noted("vcpu_time_ns", &error)).ok(),
            rss_bytes: held.map(|held| held.resident),
            swapped_bytes: held.map(|held| held.swapped),
            untouched_bytes: held.map(|held| held.untouched),
            state: state.map_err(|error| noted("state", &error)).ok(),
        })
    }
}

fn place(pid: i32) -> String {
    format!("QEMU process {pid}")
}

/// Whether this kind of guest has memory that can be read.
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
