//! Domains by name, id or UUID through a read-only libvirt connection.

use std::time::{Duration, Instant};

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::ErrorNumber;

use crate::error::{Error, Result};

/// A domain's state, as libvirt counts it (`virDomainState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainState {
    /// The vCPUs run.
    Running,
    /// The vCPUs wait for a resource.
    Blocked,
    /// The vCPUs are held by the hypervisor.
    Paused,
    /// The guest is shutting down but still there.
    ShuttingDown,
    /// There is no guest.
    ShutOff,
    /// The guest crashed.
    Crashed,
    /// The guest sleeps (ACPI S3).
    Suspended,
    /// libvirt does not say.
    Unknown,
}

impl DomainState {
    /// The state's name, as `virsh domstate` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Blocked => "idle",
            Self::Paused => "paused",
            Self::ShuttingDown => "in shutdown",
            Self::ShutOff => "shut off",
            Self::Crashed => "crashed",
            Self::Suspended => "pmsuspended",
            Self::Unknown => "in no known state",
        }
    }

    fn of(domain: &Domain) -> Self {
        // virDomainGetState asks libvirt alone; virDomainGetInfo may ask the guest's monitor.
        domain.state().map_or(Self::Unknown, |(state, _)| Self::from_raw(state.to_raw()))
    }

    fn from_raw(state: virt::sys::virDomainState) -> Self {
        match state {
            virt::sys::VIR_DOMAIN_RUNNING => Self::Running,
            virt::sys::VIR_DOMAIN_BLOCKED => Self::Blocked,
            virt::sys::VIR_DOMAIN_PAUSED => Self::Paused,
            virt::sys::VIR_DOMAIN_SHUTDOWN => Self::ShuttingDown,
            virt::sys::VIR_DOMAIN_SHUTOFF => Self::ShutOff,
            virt::sys::VIR_DOMAIN_CRASHED => Self::Crashed,
            virt::sys::VIR_DOMAIN_PMSUSPENDED => Self::Suspended,
            _ => Self::Unknown,
        }
    }
}

/// One line of `nfm list`.
#[derive(Clone, Debug)]
pub struct DomainSummary {
    /// libvirt's id, while the domain is active.
    pub id: Option<u32>,
    /// The domain's name.
    pub name: String,
    /// The domain's UUID in its usual text form.
    pub uuid: String,
    /// What the domain does now.
    pub state: DomainState,
}

/// A domain as libvirt defines it now.
#[derive(Clone, Debug)]
pub struct DomainDefinition {
    /// Name, id, UUID and state.
    pub summary: DomainSummary,
    /// The hypervisor driver's name ("QEMU", "Xen", "TEST").
    pub driver: String,
    /// The live definition.
    pub xml: String,
}

/// A read-only connection to libvirt.
pub struct Libvirt {
    connect: Connect,
    uri: String,
}

impl Libvirt {
    /// Connects read-only to `uri`, or to libvirt's default URI (`LIBVIRT_DEFAULT_URI`, then what
    /// libvirt probes).
    pub fn open(uri: Option<&str>) -> Result<Self> {
        let connect = Connect::open_read_only(uri).map_err(|error| Error::Connect {
            uri: uri.map_or_else(|| "its default URI".to_owned(), |uri| format!("'{uri}'")),
            reason: error.message().to_owned(),
        })?;
        silence(&connect);
        let uri = connect.uri().unwrap_or_else(|_| uri.unwrap_or_default().to_owned());
        Ok(Self { connect, uri })
    }

    /// The URI that libvirt answered to.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The domains: active ones, or all that are defined.
    pub fn list(&self, all: bool) -> Result<Vec<DomainSummary>> {
        let flags = if all { 0 } else { virt::sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE };
        let domains = self
            .connect
            .list_all_domains(flags)
            .map_err(|error| refused("the list of domains", &error))?;
        let mut rows = domains.iter().map(summary).collect::<Result<Vec<_>>>()?;
        rows.sort_by(|a, b| {
            (a.id.unwrap_or(u32::MAX), &a.name).cmp(&(b.id.unwrap_or(u32::MAX), &b.name))
        });
        Ok(rows)
    }

    /// Finds a domain by name, id or UUID, in virsh's order: id, UUID, name.
    pub fn find(&self, domain: &str) -> Result<DomainDefinition> {
        let found = self.look_up(domain)?;
        Ok(DomainDefinition {
            summary: summary(&found)?,
            driver: self
                .connect
                .driver_type()
                .map_err(|error| refused("the name of its driver", &error))?,
            xml: found.xml_desc(0).map_err(|error| refused("the domain's definition", &error))?,
        })
    }

    fn look_up(&self, domain: &str) -> Result<Domain> {
        let by_id = || domain.parse().ok().map(|id| self.connect.lookup_domain_by_id(id));
        let by_uuid =
            || (domain.len() >= 32).then(|| self.connect.lookup_domain_by_uuid_string(domain));
        let by_name = || Some(self.connect.lookup_domain_by_name(domain));
        let tries: [&dyn Fn() -> Option<std::result::Result<Domain, virt::error::Error>>; 3] =
            [&by_id, &by_uuid, &by_name];
        for attempt in tries.iter().filter_map(|attempt| attempt()) {
            match attempt {
                Ok(found) => return Ok(found),
                Err(error) if means_absent(&error) => {}
                Err(error) => return Err(refused("the look-up of the domain", &error)),
            }
        }
        Err(Error::NoSuchDomain { domain: domain.to_owned(), uri: self.uri.clone() })
    }
}

/// A domain that is asked after again and again, over a read-only connection that stays open.
pub(crate) struct Watched {
    domain: Domain,
    /// Keeps the connection that `domain` belongs to.
    _connect: Connect,
}

impl Watched {
    /// Connects and looks the domain up by its UUID.
    pub fn open(uri: &str, uuid: &str) -> Result<Self> {
        let libvirt = Libvirt::open(Some(uri))?;
        Ok(Self { domain: libvirt.look_up(uuid)?, _connect: libvirt.connect })
    }

    /// The domain's live definition now.
    pub fn xml(&self) -> Result<String> {
        self.domain.xml_desc(0).map_err(|error| refused("the domain's definition", &error))
    }

    /// The domain's state now.
    pub fn state(&self) -> Result<DomainState> {
        match self.domain.state() {
            Ok((state, _)) => Ok(DomainState::from_raw(state.to_raw())),
            Err(error) => Err(refused("the domain's state", &error)),
        }
    }
}

/// For how long a domain that was held is tried to be resumed where libvirt has gone meanwhile: as long as its
/// daemon may take to start anew.
const RESUME_TRIES: Duration = Duration::from_secs(30);
/// Between two of these tries.
const RESUME_REST: Duration = Duration::from_millis(200);

/// A domain that is held for a crawl; it runs on when this is dropped.
pub(crate) struct Hold {
    uri: String,
    uuid: String,
    domain: Domain,
    /// Keeps the connection that `domain` belongs to.
    _connect: Connect,
}

impl Hold {
    /// Suspends a running domain by its UUID, over a read-write connection. `None` where its vCPUs do
    /// not run anyway.
    pub fn suspend(uri: &str, uuid: &str) -> Result<Option<Self>> {
        let (connect, domain) = open_for_writing(uri, uuid)?;
        if !matches!(DomainState::of(&domain), DomainState::Running | DomainState::Blocked) {
            return Ok(None);
        }
        domain.suspend().map_err(|error| refused("to suspend the domain", &error))?;
        Ok(Some(Self { uri: uri.to_owned(), uuid: uuid.to_owned(), domain, _connect: connect }))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.domain.resume().is_ok() {
            return;
        }
        // libvirt may have been restarted, or the guest may be gone.
        let end = Instant::now() + RESUME_TRIES;
        while let Err(error) = resume_if_paused(&self.uri, &self.uuid) {
            if !matches!(error, Error::Connect { .. }) || Instant::now() > end {
                tracing::error!(%error, "the domain could not be resumed; use `virsh resume`");
                return;
            }
            std::thread::sleep(RESUME_REST);
        }
    }
}

/// Resumes a domain if it is paused: for a guard that outlives whoever suspended it.
///
/// # Errors
/// libvirt's refusal.
pub fn resume_if_paused(uri: &str, uuid: &str) -> Result<()> {
    let (_connect, domain) = open_for_writing(uri, uuid)?;
    if DomainState::of(&domain) == DomainState::Paused {
        domain.resume().map_err(|error| refused("to resume the domain", &error))?;
    }
    Ok(())
}

/// A domain over a read-write connection of its own.
fn open_for_writing(uri: &str, uuid: &str) -> Result<(Connect, Domain)> {
    let connect = Connect::open(Some(uri)).map_err(|error| Error::Connect {
        uri: format!("'{uri}'"),
        reason: error.message().to_owned(),
    })?;
    silence(&connect);
    let domain = connect
        .lookup_domain_by_uuid_string(uuid)
        .map_err(|error| refused("the look-up of the domain", &error))?;
    Ok((connect, domain))
}

/// libvirt prints each error to standard error unless told otherwise; ours carry its words. Only this
/// connection is told: the process's own handler is its owner's.
fn silence(connect: &Connect) {
    extern "C" fn quiet(_data: *mut std::ffi::c_void, _error: virt::sys::virErrorPtr) {}
    // SAFETY: the connection is open, and the handler takes no data.
    unsafe {
        virt::sys::virConnSetErrorFunc(connect.as_ptr(), std::ptr::null_mut(), Some(quiet));
    }
}

/// Keeps libvirt from printing errors anywhere in this process: for programs, not for libraries.
pub fn silence_libvirt() {
    virt::error::clear_error_callback();
}

fn summary(domain: &Domain) -> Result<DomainSummary> {
    Ok(DomainSummary {
        id: domain.id(),
        name: domain.name().map_err(|error| refused("a domain's name", &error))?,
        uuid: domain.uuid_string().map_err(|error| refused("a domain's UUID", &error))?,
        state: DomainState::of(domain),
    })
}

/// A malformed UUID is a name that is not there, no failure of libvirt.
fn means_absent(error: &virt::error::Error) -> bool {
    [ErrorNumber::NoDomain, ErrorNumber::InvalidArg]
        .into_iter()
        .any(|number| error.code() == number.into())
}

fn refused(call: &'static str, error: &virt::error::Error) -> Error {
    Error::Libvirt { call, reason: error.message().to_owned() }
}
