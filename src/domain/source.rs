//! A guest as its host holds it: a source of memory, alive or not, with a name.
//!
//! Each kind of source has its own file; the rest of this room does not ask which it is.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Result};
use crate::frame::{DomainIdentity, Host};
use crate::memory::PhysicalMemory;
use crate::resolve::{Connection, DomainState, Hold, RamHole, Stamp, StatusFile, Watched};

/// The result of looking for memory that was plugged in or out.
pub(crate) enum Plugs {
    /// It was not looked for: the guest has none, the last look was just now, or libvirt does not answer.
    NotLooked,
    /// The memory is laid out as before.
    Same,
    /// It is laid out otherwise: [`Source::memory`] gives it anew, in as many ways as before.
    Changed,
    /// It could not be looked for.
    Failed(Error),
}

/// A guest as its host knows it. What it says of memory is a claim, which `open.rs` holds against the
/// memory itself.
pub(crate) trait Source: Send {
    /// The guest's name and identifiers.
    fn identity(&self) -> &DomainIdentity;

    /// The holder of its memory, in words that fit a sentence: `QEMU process 14782`.
    fn place(&self) -> String;

    /// Where it is known on this host.
    fn on_host(&self) -> OnHost;

    /// In how many ways its memory may be laid out; the likeliest is number 0.
    fn layouts(&self) -> usize;

    /// Its memory, laid out in one of these ways.
    fn memory(&self, layout: usize) -> Result<Box<dyn PhysicalMemory>>;

    /// Adds a way: number `like` with the hole in guest-physical memory elsewhere. `None` where that is a way
    /// already, or none.
    fn with_hole(&self, _like: usize, _hole: RamHole) -> Option<usize> {
        None
    }

    /// Looks whether memory was plugged in or out. `missed`: memory was asked for where none is known.
    fn plugs(&self, _missed: bool) -> Plugs {
        Plugs::NotLooked
    }

    /// Memory of the guest that cannot be read, as it is not certain where it is kept, as (guest-physical
    /// address, bytes).
    fn unplaced(&self, _layout: usize) -> Vec<(u64, u64)> {
        Vec::new()
    }

    /// The error of memory that cannot be located, for this reason.
    fn no_memory(&self, reason: String) -> Error {
        Error::NoMemory { domain: self.identity().name.clone(), place: self.place(), reason }
    }

    /// True if the guest has ended, or is ending: its memory may hold anything then.
    fn ending(&self) -> bool {
        false
    }

    /// True if its memory was not all there when it was found.
    fn arriving(&self) -> bool {
        false
    }

    /// True if the source itself says where in guest memory each byte belongs. It is then not held against the guest's
    /// own map of RAM, of which it may lack parts.
    fn says_where(&self) -> bool {
        false
    }

    /// Guest-physical address of the kernel's top page table, where the source names one.
    fn page_table(&self) -> Option<u64> {
        None
    }

    /// When its memory was written down; `None` where it is the present one.
    fn taken(&self) -> Option<SystemTime> {
        None
    }

    /// Suspends it until the result is dropped; `None` where it does not run anyway.
    fn hold(&self) -> Result<Option<Hold>>;

    /// The section `host`, or `None` where no host runs it. What should be known and is not is given to
    /// `note` in words.
    fn host(&self, memory: &dyn PhysicalMemory, note: &dyn Fn(String)) -> Option<Host>;
}

/// Where a guest is known on its host, as far as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnHost {
    /// libvirt's URI.
    pub uri: Option<String>,
    /// The domain's UUID.
    pub uuid: Option<String>,
    /// The process that holds its memory.
    pub pid: Option<i32>,
}

/// For how long libvirt's word holds, while nothing says otherwise.
const STATE_HOLDS: Duration = Duration::from_secs(1);

/// libvirt's word on a domain, over the connection that this process has to its libvirt.
pub(super) struct LibvirtsWord {
    connection: Arc<Connection>,
    watched: RefCell<Watched>,
    status: RefCell<Option<StatusFile>>,
    last: Cell<Option<Answer>>,
}

/// The last answer of libvirt.
#[derive(Clone, Copy)]
struct Answer {
    state: DomainState,
    /// The domain's status file before it was asked.
    stamp: Stamp,
    at: Instant,
}

impl LibvirtsWord {
    /// The word on the domain of this UUID.
    pub fn on(connection: &Arc<Connection>, uuid: &str) -> Self {
        Self {
            connection: Arc::clone(connection),
            watched: RefCell::new(Watched::new(connection, uuid)),
            status: RefCell::default(),
            last: Cell::default(),
        }
    }

    /// Suspends the domain until the result is dropped; `None` where it does not run anyway.
    pub fn hold(&self, uri: &str, uuid: &str) -> Result<Option<Hold>> {
        Hold::suspend(&self.connection, uri, uuid)
    }

    /// The domain's state now.
    pub fn state(&self) -> Result<DomainState> {
        self.watched.borrow_mut().state()
    }

    /// The domain's live definition now.
    pub fn xml(&self) -> Result<String> {
        self.watched.borrow_mut().xml()
    }

    /// The state of a domain of QEMU's: libvirt is not asked again while its driver runs and has not written
    /// the domain's status anew.
    pub fn state_or_recall(&self, uri: &str, name: &str) -> Result<DomainState> {
        let stamp = self.stamp(uri, name);
        if let (Some(stamp), Some(last)) = (stamp, self.last.get())
            && last.stamp == stamp
            && last.at.elapsed() < STATE_HOLDS
        {
            return Ok(last.state);
        }
        let state = self.state()?;
        self.last.set(stamp.map(|stamp| Answer { state, stamp, at: Instant::now() }));
        Ok(state)
    }

    fn stamp(&self, uri: &str, name: &str) -> Option<Stamp> {
        let mut status = self.status.borrow_mut();
        if let Some(stamp) = status.as_ref().and_then(StatusFile::stamp) {
            return Some(stamp);
        }
        *status = StatusFile::find(&self.connection, uri, name);
        status.as_ref()?.stamp()
    }
}
