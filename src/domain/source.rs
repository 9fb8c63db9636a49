//! What a guest is to its host: a source of memory, alive or not, with a name.
//!
//! Each kind of source has its own file; the rest of this room does not ask which it is.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Result};
use crate::frame::{DomainIdentity, Host};
use crate::memory::PhysicalMemory;
use crate::resolve::{DomainState, Hold, RamHole, Stamp, StatusFile, Watched};

/// A guest as its host knows it. What it says of memory is a claim, which `open.rs` holds against the
/// memory itself.
pub(crate) trait Source: Send {
    /// Who the guest is.
    fn identity(&self) -> &DomainIdentity;

    /// What holds its memory, in words that fit a sentence: `QEMU process 14782`.
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

    /// Whether its memory is laid out otherwise by now, as some was plugged in or out: then [`Self::memory`]
    /// gives it anew, in as many ways as before. `missed`: memory was asked for where none is known.
    fn was_laid_out_anew(&self, _missed: bool) -> bool {
        false
    }

    /// Memory of the guest that cannot be read, as it is not certain where it is kept, as (guest-physical
    /// address, bytes).
    fn unplaced(&self, _layout: usize) -> Vec<(u64, u64)> {
        Vec::new()
    }

    /// What its memory cannot be located for.
    fn no_memory(&self, reason: String) -> Error {
        Error::NoMemory { domain: self.identity().name.clone(), place: self.place(), reason }
    }

    /// Whether the source itself says where in guest memory each byte belongs, so that there is nothing to
    /// be held against the guest's own map of RAM: it may lack parts of that.
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

/// libvirt's word on a domain, over a connection that is kept once it was asked for.
#[derive(Default)]
pub(super) struct LibvirtsWord {
    watched: RefCell<Option<Watched>>,
    status: RefCell<Option<StatusFile>>,
    last: Cell<Option<Answer>>,
}

/// What libvirt said last.
#[derive(Clone, Copy)]
struct Answer {
    state: DomainState,
    /// The domain's status file before it was asked.
    stamp: Stamp,
    at: Instant,
}

impl LibvirtsWord {
    /// The domain's state over the connection that is open, or over a new one where it broke.
    pub fn state(&self, uri: &str, uuid: &str) -> Result<DomainState> {
        let mut watched = self.watched.borrow_mut();
        // A connection that broke may answer once more, with no state at all.
        if let Some(Ok(state)) = watched.as_ref().map(Watched::state)
            && state != DomainState::Unknown
        {
            return Ok(state);
        }
        *watched = None;
        watched.insert(Watched::open(uri, uuid)?).state()
    }

    /// The domain's live definition, likewise.
    pub fn xml(&self, uri: &str, uuid: &str) -> Result<String> {
        let mut watched = self.watched.borrow_mut();
        if let Some(Ok(xml)) = watched.as_ref().map(Watched::xml) {
            return Ok(xml);
        }
        *watched = None;
        watched.insert(Watched::open(uri, uuid)?).xml()
    }

    /// The state of a domain of QEMU's: libvirt is not asked again while its driver runs and has not written
    /// the domain's status anew.
    pub fn state_or_recall(&self, uri: &str, uuid: &str, name: &str) -> Result<DomainState> {
        let stamp = self.stamp(uri, name);
        if let (Some(stamp), Some(last)) = (stamp, self.last.get())
            && last.stamp == stamp
            && last.at.elapsed() < STATE_HOLDS
        {
            return Ok(last.state);
        }
        let state = self.state(uri, uuid)?;
        self.last.set(stamp.map(|stamp| Answer { state, stamp, at: Instant::now() }));
        Ok(state)
    }

    fn stamp(&self, uri: &str, name: &str) -> Option<Stamp> {
        let mut status = self.status.borrow_mut();
        if let Some(stamp) = status.as_ref().and_then(StatusFile::stamp) {
            return Some(stamp);
        }
        *status = StatusFile::find(uri, name);
        status.as_ref()?.stamp()
    }
}
