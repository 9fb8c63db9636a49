//! Connections to libvirt: one for each URI and kind of access in this process, which all handles share. It is made
//! anew where it broke, and while nobody answers it is tried ever less often.
//!
//! All calls of libvirt's are made within [`Connection::run`], but for opening and closing, which are here too: none
//! raises SIGPIPE, and none is made in a child that inherited the connection by fork.

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::ErrorNumber;

use super::driver::Driver;
use super::sockets::{Access, Daemon, Sockets};
use crate::error::{Error, Result};
use crate::this_process::{Owner, descriptor_limit, descriptors_are_free, without_sigpipe};

/// After a failure nobody tries again for so long ...
const FIRST_REST: Duration = Duration::from_millis(100);
/// ... for twice as long after each further one, and for so long at most.
const LONGEST_REST: Duration = Duration::from_secs(10);
/// Where nobody listens, which is cheap to see, it is looked again after so long.
const ABSENCE_REST: Duration = Duration::from_millis(50);
/// Where a connection broke: a daemon that ends may drop its clients a moment before its sockets.
const BROKEN_REST: Duration = Duration::from_millis(200);

/// When a connection that broke is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reconnect {
    /// At once: somebody asks for just this.
    Now,
    /// Once the rest after the last failure is over: for what is asked in every frame.
    Rested,
}

/// Why a call has no result.
pub(super) enum Failure {
    /// libvirt was not reached.
    Unreachable(Error),
    /// libvirt's own refusal.
    Refused(virt::error::Error),
}

impl Failure {
    /// The error for whoever asked for this.
    pub fn named(self, call: &'static str) -> Error {
        match self {
            Self::Unreachable(error) => error,
            Self::Refused(error) => Error::Libvirt { call, reason: error.message().to_owned() },
        }
    }
}

/// libvirt behind one URI, whether it answers now or not.
pub(crate) struct Connection {
    /// `None` for libvirt's own choice.
    uri: Option<String>,
    access: Access,
    /// The caller made it: it is never made anew.
    is_callers: bool,
    owner: Owner,
    state: Mutex<State>,
    driver: Mutex<Option<Arc<Driver>>>,
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    sockets: Sockets,
    outage: Option<Outage>,
}

/// The time since libvirt was last tried in vain.
struct Outage {
    until: Instant,
    rest: Duration,
    reason: Reason,
    /// True if the log was told of it.
    said: bool,
}

/// Why there is no connection.
#[derive(Clone)]
enum Reason {
    /// It stood a moment ago.
    Broken,
    /// It was the caller's, and broke.
    CallersBroken,
    /// Nobody listens at its sockets.
    Absent,
    /// libvirt's words.
    Failed(String),
    /// libvirt's words, where it does not let the caller in.
    NotLetIn(String),
}

impl Connection {
    /// The connection of a URI, which stands; `None` for `LIBVIRT_DEFAULT_URI`, then what libvirt probes.
    pub(super) fn open(uri: Option<&str>, access: Access) -> Result<Arc<Self>> {
        let uri = uri.map(str::to_owned).or_else(default_uri);
        let asked = registry().get((uri, access));
        let link = asked.link(Reconnect::Now)?;
        Ok(registry().under(&link.uri, asked))
    }

    /// True if the caller made it.
    pub(super) fn is_callers(&self) -> bool {
        self.is_callers
    }

    /// The URI that libvirt answered to.
    pub(super) fn uri(&self) -> String {
        let link = self.state().link.as_ref().map(|link| link.uri.clone());
        link.or_else(|| self.uri.clone()).unwrap_or_default()
    }

    /// Runs calls over the connection that stands, and once more over a new one where that turns out to be broken.
    pub(super) fn run<T>(
        &self,
        reconnect: Reconnect,
        mut calls: impl FnMut(&Arc<Link>) -> Result<T, virt::error::Error>,
    ) -> Result<T, Failure> {
        let mut try_once = || {
            let link = self.link(reconnect).map_err(Failure::Unreachable)?;
            let answer = without_sigpipe(|| calls(&link));
            Ok((answer, link))
        };
        let (mut answer, mut link) = try_once()?;
        if answer.is_err() && !link.is_alive() {
            (answer, link) = try_once()?;
        }
        answer.map_err(|error| match link.is_alive() {
            true => Failure::Refused(error),
            false => {
                let reason = Reason::Failed(error.message().to_owned());
                Failure::Unreachable(self.unreachable(&reason))
            }
        })
    }

    /// libvirt's own process on this host, which keeps the status of QEMU's domains, as `find` finds it.
    pub(super) fn driver(&self, find: impl FnOnce() -> Option<Driver>) -> Option<Arc<Driver>> {
        let mut known = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.as_ref().is_some_and(|driver| driver.lives()) {
            *known = find().map(Arc::new);
        }
        known.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that stands, or a new one.
    fn link(&self, reconnect: Reconnect) -> Result<Arc<Link>> {
        if !self.owner.is_this() {
            return Err(Error::Forked);
        }
        let mut state = self.state();
        let broke = state.link.is_some();
        match state.link.take().filter(|link| link.is_alive()) {
            Some(link) => return Ok(Arc::clone(state.link.insert(link))),
            None if self.is_callers => {
                return Err(self.note(&mut state, Reason::CallersBroken, reconnect));
            }
            None if broke && reconnect == Reconnect::Rested => {
                return Err(self.note(&mut state, Reason::Broken, reconnect));
            }
            None => {}
        }
        if let Some(outage) = &state.outage
            && reconnect == Reconnect::Rested
            && Instant::now() < outage.until
        {
            return Err(self.unreachable(&outage.reason));
        }
        if !descriptors_are_free() {
            return Err(Error::Descriptors { limit: descriptor_limit() });
        }
        let opened = match state.sockets.daemon() {
            Daemon::MayServe => Link::open(self.uri.as_deref(), self.access),
            Daemon::Absent => Err(Reason::Absent),
            Daemon::Mute => Err(Reason::Failed("it does not answer".to_owned())),
        };
        match opened {
            Ok(link) => {
                if state.outage.take().is_some_and(|outage| outage.said) {
                    tracing::info!(uri = link.uri, "libvirt answers again");
                }
                state.sockets = Sockets::in_use(&link.uri, self.access);
                let link = Arc::new(link);
                state.link = Some(Arc::clone(&link));
                Ok(link)
            }
            Err(reason) => Err(self.note(&mut state, reason, reconnect)),
        }
    }

    /// Notes that libvirt is not reached, tells the log once, and gives the error.
    fn note(&self, state: &mut State, reason: Reason, reconnect: Reconnect) -> Error {
        let error = self.unreachable(&reason);
        let before = state.outage.take();
        let rest = match (&reason, &before) {
            (Reason::Absent, _) => ABSENCE_REST,
            (Reason::Broken | Reason::CallersBroken, _) => BROKEN_REST,
            (_, Some(outage)) => (outage.rest * 2).clamp(FIRST_REST, LONGEST_REST),
            (_, None) => FIRST_REST,
        };
        // The caller that asks for just this is told by the error.
        let is_told = reconnect == Reconnect::Now;
        let said = before.is_some_and(|outage| outage.said);
        if !said && !is_told {
            tracing::warn!(%error, "libvirt is away; guests are read on without it");
        }
        let said = said || !is_told;
        state.outage = Some(Outage { until: Instant::now() + rest, rest, reason, said });
        error
    }

    fn unreachable(&self, reason: &Reason) -> Error {
        let uri = match &self.uri {
            Some(uri) => format!("'{uri}'"),
            None => "its default URI".to_owned(),
        };
        match reason.clone() {
            Reason::Broken => Error::Connect { uri, reason: "the connection broke".to_owned() },
            Reason::CallersBroken => {
                let reason =
                    "the program's own connection broke; open the domain anew over another";
                Error::Connect { uri, reason: reason.to_owned() }
            }
            Reason::Absent => {
                Error::Connect { uri, reason: "nobody listens at its socket".to_owned() }
            }
            Reason::Failed(reason) => Error::Connect { uri, reason },
            Reason::NotLetIn(reason) => Error::Authentication { uri, reason },
        }
    }
}

/// libvirt's first choice where no URI is named.
fn default_uri() -> Option<String> {
    std::env::var("LIBVIRT_DEFAULT_URI").ok().filter(|uri| !uri.is_empty())
}

/// A connection that stood when it was made.
pub(super) struct Link {
    /// Closed by hand.
    connect: ManuallyDrop<Connect>,
    /// The URI that libvirt answered to.
    uri: String,
    owner: Owner,
}

impl Link {
    fn open(uri: Option<&str>, access: Access) -> Result<Self, Reason> {
        without_sigpipe(|| {
            let opened = match access {
                Access::ReadOnly => Connect::open_read_only(uri),
                Access::ReadWrite => Connect::open(uri),
            };
            let connect = opened.map_err(|error| {
                let words = error.message().to_owned();
                match lets_nobody_in(&error) {
                    true => Reason::NotLetIn(words),
                    false => Reason::Failed(words),
                }
            })?;
            silence(&connect);
            let uri = connect.uri().unwrap_or_else(|_| uri.unwrap_or_default().to_owned());
            Ok(Self { connect: ManuallyDrop::new(connect), uri, owner: Owner::this() })
        })
    }

    /// libvirt's connection, for calls within [`Connection::run`].
    pub fn connect(&self) -> &Connect {
        &self.connect
    }

    /// True if nobody has met its end yet; nothing is sent for that.
    fn is_alive(&self) -> bool {
        without_sigpipe(|| self.connect.is_alive().unwrap_or(false))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Closing it in a child would end the parent's connection, too: both write to one socket.
        if self.owner.is_this() {
            // SAFETY: the connection is closed this once; domains of it hold it by a count of their own.
            without_sigpipe(|| unsafe { virt::sys::virConnectClose(self.connect.as_ptr()) });
        }
    }
}

/// A connection to libvirt that the program made itself, for [`crate::OpenOptions::connection`]: no other is made
/// then. It is held by a count of libvirt's own. Where it breaks, it is not made anew.
#[derive(Clone)]
pub struct LibvirtConnection(Arc<Connection>);

impl LibvirtConnection {
    /// Holds a connection, which the caller may close at any time.
    ///
    /// # Safety
    /// `connect` is a `virConnectPtr` that is open, of the libvirt that this library is linked with.
    ///
    /// # Errors
    /// libvirt does not take it for a connection.
    pub unsafe fn hold(connect: *mut c_void) -> Result<Self> {
        let link = without_sigpipe(|| {
            let connect: virt::sys::virConnectPtr = connect.cast();
            // SAFETY: it is open, by the caller's promise.
            if unsafe { virt::sys::virConnectRef(connect) } != 0 {
                let reason = virt::error::Error::last_error().message().to_owned();
                return Err(Error::Connect { uri: "the given connection".to_owned(), reason });
            }
            // SAFETY: this count of it is ours, and the link ends it.
            let connect = ManuallyDrop::new(unsafe { Connect::from_ptr(connect) });
            let uri = connect.uri().unwrap_or_default();
            Ok(Link { connect, uri, owner: Owner::this() })
        })?;
        let connection = Connection {
            uri: Some(link.uri.clone()),
            access: Access::ReadOnly,
            is_callers: true,
            owner: Owner::this(),
            state: Mutex::new(State { link: Some(Arc::new(link)), ..State::default() }),
            driver: Mutex::default(),
        };
        Ok(Self(Arc::new(connection)))
    }

    /// The connection of a domain object, and the domain's UUID.
    ///
    /// # Safety
    /// `domain` is a `virDomainPtr` that was not freed, of the libvirt that this library is linked with.
    ///
    /// # Errors
    /// libvirt does not take it for a domain.
    pub unsafe fn hold_domain(domain: *mut c_void) -> Result<(Self, String)> {
        let domain: virt::sys::virDomainPtr = domain.cast();
        // SAFETY: it is a domain, by the caller's promise.
        let object = ManuallyDrop::new(unsafe { Domain::from_ptr(domain) });
        let uuid = without_sigpipe(|| object.uuid_string()).map_err(|error| Error::Libvirt {
            call: "the domain's UUID",
            reason: error.message().to_owned(),
        })?;
        // SAFETY: a domain that libvirt has just answered for, and its connection, which lasts as long.
        let connection =
            unsafe { Self::hold(virt::sys::virDomainGetConnect(domain).cast::<c_void>()) }?;
        Ok((connection, uuid))
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl fmt::Debug for LibvirtConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LibvirtConnection").field(&self.0.uri).finish()
    }
}

/// libvirt's object of a domain, and the connection that it belongs to.
pub(super) struct DomainObject {
    domain: ManuallyDrop<Domain>,
    link: Arc<Link>,
}

impl DomainObject {
    pub fn new(domain: Domain, link: &Arc<Link>) -> Self {
        Self { domain: ManuallyDrop::new(domain), link: Arc::clone(link) }
    }

    /// The object, for calls within [`Connection::run`].
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// True if it is of this connection, not of an earlier one.
    pub fn is_of(&self, link: &Arc<Link>) -> bool {
        Arc::ptr_eq(&self.link, link)
    }
}

impl Drop for DomainObject {
    fn drop(&mut self) {
        if self.link.owner.is_this() {
            // SAFETY: the object is freed this once.
            without_sigpipe(|| unsafe { virt::sys::virDomainFree(self.domain.as_ptr()) });
        }
    }
}

/// libvirt prints each error to standard error unless told otherwise; ours carry its words. Only this
/// connection is told: the process's own handler is its owner's.
fn silence(connect: &Connect) {
    extern "C" fn quiet(_data: *mut std::ffi::c_void, _error: virt::sys::virErrorPtr) {}
    // SAFETY: the connection is open, and the handler takes no data.
    unsafe {
        virt::sys::virConnSetErrorFunc(connect.as_ptr(), ptr::null_mut(), Some(quiet));
    }
}

fn lets_nobody_in(error: &virt::error::Error) -> bool {
    let denied = [
        ErrorNumber::AuthFailed,
        ErrorNumber::AuthCancelled,
        ErrorNumber::AuthUnavailable,
        ErrorNumber::AccessDenied,
    ];
    denied.into_iter().any(|number| error.code() == number.into())
}

type Key = (Option<String>, Access);

/// The connections of one process that somebody uses.
struct Registry {
    owner: Owner,
    known: Mutex<HashMap<Key, Weak<Connection>>>,
}

/// This process's. A child gets one of its own: its parent's may be locked for ever by a thread that it lacks.
fn registry() -> &'static Registry {
    static REGISTRY: AtomicPtr<Registry> = AtomicPtr::new(ptr::null_mut());
    let mut current = REGISTRY.load(Ordering::Acquire);
    loop {
        // SAFETY: null, or made below and never freed.
        if let Some(registry) = unsafe { current.as_ref() }
            && registry.owner.is_this()
        {
            return registry;
        }
        let own =
            Box::into_raw(Box::new(Registry { owner: Owner::this(), known: Mutex::default() }));
        match REGISTRY.compare_exchange(current, own, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it is never freed.
            Ok(_) => return unsafe { &*own },
            Err(actual) => {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(own) });
                current = actual;
            }
        }
    }
}

impl Registry {
    fn known(&self) -> MutexGuard<'_, HashMap<Key, Weak<Connection>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection of this name, or a new one that does not stand yet.
    fn get(&self, key: Key) -> Arc<Connection> {
        let mut known = self.known();
        known.retain(|_, connection| connection.strong_count() > 0);
        if let Some(connection) = known.get(&key).and_then(Weak::upgrade) {
            return connection;
        }
        let connection = Arc::new(Connection {
            uri: key.0.clone(),
            access: key.1,
            is_callers: false,
            owner: self.owner,
            state: Mutex::default(),
            driver: Mutex::default(),
        });
        known.insert(key, Arc::downgrade(&connection));
        connection
    }

    /// The connection that is known by the URI that libvirt answered to: libvirt's own choice is mostly one that
    /// others name.
    fn under(&self, uri: &str, connection: Arc<Connection>) -> Arc<Connection> {
        let key = (Some(uri.to_owned()), connection.access);
        let mut known = self.known();
        if let Some(first) = known.get(&key).and_then(Weak::upgrade) {
            return first;
        }
        known.insert(key, Arc::downgrade(&connection));
        connection
    }
}
