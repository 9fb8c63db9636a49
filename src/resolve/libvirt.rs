//! Domains by name, id or UUID through a read-only libvirt connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use virt::domain::Domain;
use virt::error::ErrorNumber;

use super::connection::{Connection, DomainObject, Failure, LibvirtConnection, Link, Reconnect};
use super::devices::network_devices;
use super::labels::labels;
use super::sockets::Access;
use crate::error::{Error, Result};
use nfm_analysis::NetworkDevice;

use crate::frame::Text;

/// The answer of libvirt to a call.
type Answer<T> = std::result::Result<T, virt::error::Error>;

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
    /// The domain's state now.
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
    /// True if its hypervisor is being started, or its memory is still being brought here.
    pub(crate) arriving: bool,
}

impl DomainDefinition {
    /// The facts that the definition tells of the domain, each as `NAME=VALUE`: its title, and OpenStack's instance,
    /// project, user and flavor.
    pub fn labels(&self) -> Vec<Text> {
        labels(&self.xml)
    }

    /// The network devices that it gives the domain, and what they are joined to.
    pub fn network_devices(&self) -> Vec<NetworkDevice> {
        network_devices(&self.xml)
    }
}

/// A read-only connection to libvirt. All that are open to one URI in this process are one connection.
pub struct Libvirt {
    connection: Arc<Connection>,
    uri: String,
}

impl Libvirt {
    /// Connects read-only to `uri`, or to libvirt's default URI (`LIBVIRT_DEFAULT_URI`, then what
    /// libvirt probes).
    pub fn open(uri: Option<&str>) -> Result<Self> {
        let connection = Connection::open(uri, Access::ReadOnly)?;
        let uri = connection.uri();
        Ok(Self { connection, uri })
    }

    /// The libvirt behind a connection of the program's own.
    pub fn over(connection: &LibvirtConnection) -> Self {
        let connection = Arc::clone(connection.connection());
        let uri = connection.uri();
        Self { connection, uri }
    }

    /// The URI that libvirt answered to.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The connection, for further questions.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The domains: active ones, or all that are defined.
    pub fn list(&self, all: bool) -> Result<Vec<DomainSummary>> {
        let flags = if all { 0 } else { virt::sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE };
        let listed = self.connection.run(Reconnect::Now, |link| {
            let domains = link.connect().list_all_domains(flags)?;
            // One that ends meanwhile is none.
            Ok(domains.iter().filter_map(|domain| summary(domain).ok()).collect::<Vec<_>>())
        });
        let mut rows = listed.map_err(|failure| failure.named("the list of domains"))?;
        rows.sort_by(|a, b| {
            (a.id.unwrap_or(u32::MAX), &a.name).cmp(&(b.id.unwrap_or(u32::MAX), &b.name))
        });
        Ok(rows)
    }

    /// Finds a domain by name, id or UUID, in virsh's order: id, UUID, name.
    pub fn find(&self, domain: &str) -> Result<DomainDefinition> {
        let found = self.connection.run(Reconnect::Now, |link| {
            let found = look_up(link, domain)?;
            let Some(found) = found.as_ref().map(DomainObject::domain) else { return Ok(None) };
            let driver = link.connect().driver_type()?;
            let (summary, arriving) = (summary(found)?, is_arriving(found));
            Ok(Some(DomainDefinition { summary, driver, xml: found.xml_desc(0)?, arriving }))
        });
        match found {
            Ok(Some(definition)) => Ok(definition),
            Ok(None) => {
                Err(Error::NoSuchDomain { domain: domain.to_owned(), uri: self.uri.clone() })
            }
            // It was there a moment ago.
            Err(Failure::Refused(error)) if means_absent(&error) => {
                Err(Error::Gone { domain: domain.to_owned() })
            }
            Err(failure) => Err(failure.named("the domain's definition")),
        }
    }
}

/// The domain of this id, UUID or name.
fn look_up(link: &Arc<Link>, domain: &str) -> Answer<Option<DomainObject>> {
    let connect = link.connect();
    let by_id = || domain.parse().ok().map(|id| connect.lookup_domain_by_id(id));
    let by_uuid = || (domain.len() >= 32).then(|| connect.lookup_domain_by_uuid_string(domain));
    let by_name = || Some(connect.lookup_domain_by_name(domain));
    let tries: [&dyn Fn() -> Option<Answer<Domain>>; 3] = [&by_id, &by_uuid, &by_name];
    for attempt in tries.iter().filter_map(|attempt| attempt()) {
        match attempt {
            Ok(found) => return Ok(Some(DomainObject::new(found, link))),
            Err(error) if means_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn domain_of(link: &Arc<Link>, uuid: &str) -> Answer<DomainObject> {
    Ok(DomainObject::new(link.connect().lookup_domain_by_uuid_string(uuid)?, link))
}

/// A domain that is asked after again and again.
pub(crate) struct Watched {
    connection: Arc<Connection>,
    uuid: String,
    object: Option<DomainObject>,
}

impl Watched {
    /// The domain of this UUID.
    pub fn new(connection: &Arc<Connection>, uuid: &str) -> Self {
        Self { connection: Arc::clone(connection), uuid: uuid.to_owned(), object: None }
    }

    /// The domain's live definition now.
    pub fn xml(&mut self) -> Result<String> {
        self.ask("the domain's definition", |domain| domain.xml_desc(0))
    }

    /// The domain's state now.
    pub fn state(&mut self) -> Result<DomainState> {
        self.ask("the domain's state", |domain| Ok(state(domain)?.0))
    }

    fn ask<T>(&mut self, call: &'static str, ask: impl Fn(&Domain) -> Answer<T>) -> Result<T> {
        let Self { connection, uuid, object } = self;
        let answer = connection.run(Reconnect::Rested, |link| {
            let known = object.take().filter(|object| object.is_of(link));
            let known = known.map_or_else(|| domain_of(link, uuid), Ok)?;
            ask(object.insert(known).domain())
        });
        answer.map_err(|failure| failure.named(call))
    }
}

/// A domain's state and why it is in it, as libvirt alone knows it: virDomainGetInfo may ask the guest's monitor.
fn state(domain: &Domain) -> Answer<(DomainState, i32)> {
    let (mut state, mut reason) = (-1, -1);
    // SAFETY: the domain is open, and both numbers may be written. (`Domain::state` passes failures over.)
    let done = unsafe { virt::sys::virDomainGetState(domain.as_ptr(), &mut state, &mut reason, 0) };
    match done {
        0 => Ok((DomainState::from_raw(state as virt::sys::virDomainState), reason)),
        _ => Err(virt::error::Error::last_error()),
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
    connection: Arc<Connection>,
    suspended: bool,
}

impl Hold {
    /// Suspends a running domain by its UUID, over a read-write connection; where it is known by a connection of the
    /// program's own, over that one. `None` where its vCPUs do not run anyway.
    pub fn suspend(known_by: &Arc<Connection>, uri: &str, uuid: &str) -> Result<Option<Self>> {
        let connection = match known_by.is_callers() {
            true => Arc::clone(known_by),
            false => Connection::open(Some(uri), Access::ReadWrite)?,
        };
        let (uri, uuid) = (uri.to_owned(), uuid.to_owned());
        let mut hold = Self { uri, uuid, connection, suspended: false };
        let mut asked = false;
        let held = hold.connection.run(Reconnect::Now, |link| {
            let domain = domain_of(link, &hold.uuid)?;
            let (state, _) = state(domain.domain())?;
            if matches!(state, DomainState::Running | DomainState::Blocked) {
                asked = true;
                domain.domain().suspend()?;
            }
            Ok(asked)
        });
        let held = held.map_err(|failure| failure.named("to suspend the domain"));
        // The request may have been carried out though there is no answer: then dropping this resumes it.
        hold.suspended = asked;
        Ok(held?.then_some(hold))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.suspended {
            return;
        }
        // libvirt may have been restarted, or the guest may be gone.
        let end = Instant::now() + RESUME_TRIES;
        while let Err(error) = resume(&self.connection, &self.uuid) {
            let passes = matches!(error, Error::Connect { .. } | Error::Descriptors { .. });
            if !passes || Instant::now() > end {
                let uri = &self.uri;
                tracing::error!(uri, %error, "the domain could not be resumed; use `virsh resume`");
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
    let connection = Connection::open(Some(uri), Access::ReadWrite)?;
    resume(&connection, uuid)
}

fn resume(connection: &Connection, uuid: &str) -> Result<()> {
    let resumed = connection.run(Reconnect::Now, |link| {
        let domain = domain_of(link, uuid)?;
        let (state, _) = state(domain.domain())?;
        (state == DomainState::Paused).then(|| domain.domain().resume()).transpose()
    });
    resumed.map(|_| ()).map_err(|failure| failure.named("to resume the domain"))
}

/// Keeps libvirt from printing errors anywhere in this process: for programs, not for libraries.
pub fn silence_libvirt() {
    virt::error::clear_error_callback();
}

/// True if libvirt has not let the guest run yet since its hypervisor began: that is being started
/// (`qemuProcessLaunch`), or the guest's memory comes from elsewhere (`qemuMigrationDstPrepare`).
fn is_arriving(domain: &Domain) -> bool {
    let reasons =
        [virt::sys::VIR_DOMAIN_PAUSED_STARTING_UP, virt::sys::VIR_DOMAIN_PAUSED_MIGRATION];
    state(domain).is_ok_and(|(state, reason)| {
        state == DomainState::Paused
            && reasons.iter().any(|one| i64::from(*one) == i64::from(reason))
    })
}

fn summary(domain: &Domain) -> Answer<DomainSummary> {
    Ok(DomainSummary {
        id: domain.id(),
        name: domain.name()?,
        uuid: domain.uuid_string()?,
        state: state(domain).map_or(DomainState::Unknown, |(state, _)| state),
    })
}

/// A malformed UUID is a name that is not there, no failure of libvirt.
fn means_absent(error: &virt::error::Error) -> bool {
    [ErrorNumber::NoDomain, ErrorNumber::InvalidArg]
        .into_iter()
        .any(|number| error.code() == number.into())
}
