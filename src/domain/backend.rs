//! A guest of another hypervisor than QEMU, read by the back end that libvirt's driver names.

use std::sync::Arc;

use super::source::{LibvirtsWord, OnHost, Source};
use crate::error::{Error, Result};
use crate::frame::{DomainIdentity, Host, Text};
use crate::memory::{BackendGuest, LibvirtDomain, PhysicalMemory, PluginMemory};
use crate::resolve::{DomainDefinition, DomainState, Hold, Libvirt};

/// A running guest that a back end reads.
pub(super) struct BackendSource {
    identity: DomainIdentity,
    uri: String,
    uuid: String,
    guest: Arc<BackendGuest>,
    libvirt: LibvirtsWord,
}

impl BackendSource {
    /// Opens a domain by the back end of its driver's name.
    pub fn find(definition: &DomainDefinition, libvirt: &Libvirt) -> Result<Self> {
        let uri = libvirt.uri();
        let summary = &definition.summary;
        let driver = definition.driver.to_lowercase();
        let id = summary.id.ok_or_else(|| Error::NotRunning {
            domain: summary.name.clone(),
            state: DomainState::ShutOff.name(),
        })?;
        let wanted = LibvirtDomain { name: &summary.name, uuid: &summary.uuid, uri, id };
        let guest = BackendGuest::open(&driver, &wanted)?;
        tracing::debug!(backend = driver, guest = guest.description(), "opened");
        let identity = DomainIdentity {
            name: summary.name.clone(),
            uuid: Some(summary.uuid.clone()),
            hypervisor: driver,
            labels: Some(definition.labels()).filter(|labels| !labels.is_empty()),
        };
        Ok(Self {
            identity,
            uri: uri.to_owned(),
            uuid: summary.uuid.clone(),
            guest,
            libvirt: LibvirtsWord::on(libvirt.connection(), &summary.uuid),
        })
    }
}

impl Source for BackendSource {
    fn identity(&self) -> &DomainIdentity {
        &self.identity
    }

    fn place(&self) -> String {
        self.guest.description().to_owned()
    }

    fn on_host(&self) -> OnHost {
        OnHost { uri: Some(self.uri.clone()), uuid: Some(self.uuid.clone()), pid: None }
    }

    fn layouts(&self) -> usize {
        1
    }

    fn memory(&self, _layout: usize) -> Result<Box<dyn PhysicalMemory>> {
        Ok(Box::new(PluginMemory::new(&self.guest)))
    }

    fn says_where(&self) -> bool {
        true
    }

    fn page_table(&self) -> Option<u64> {
        self.guest.page_table()
    }

    fn ending(&self) -> bool {
        PluginMemory::new(&self.guest).ending()
    }

    fn hold(&self) -> Result<Option<Hold>> {
        self.libvirt.hold(&self.uri, &self.uuid)
    }

    /// From the hypervisor, through its back end, and from libvirt. What a hypervisor keeps no count of
    /// is no problem of the frame.
    fn host(&self, _memory: &dyn PhysicalMemory, note: &dyn Fn(String)) -> Option<Host> {
        let known = self.guest.state()?;
        let state = self.libvirt.state().map(DomainState::name);
        Some(Host {
            vcpu_time_ns: known.vcpu_time_ns,
            rss_bytes: known.resident,
            swapped_bytes: known.swapped,
            untouched_bytes: known.untouched,
            memory_age_ns: known.resident.map(|_| 0),
            state: state.map(Text::fixed).map_err(|error| note(format!("state: {error}"))).ok(),
        })
    }
}
