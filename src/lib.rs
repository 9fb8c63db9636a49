//! Near Field Monitoring: see into running Linux guests from their host.
//!
//! [`Domain::open`] takes a libvirt domain's name, finds the guest's memory and its kernel, and
//! [`Domain::crawl`] returns [`Frame`]s: structured snapshots of what runs inside. Nothing is installed
//! in the guest, nothing is changed, and symbols and types come from the guest's own memory.
//!
//! ```no_run
//! let mut domain = nfm::Domain::open("web-1", &nfm::OpenOptions::default())?;
//! let frame = domain.crawl(&nfm::CrawlOptions::default())?;
//! for process in frame.processes.iter().flatten() {
//!     println!("{} {}", process.pid, process.name.as_deref().unwrap_or("?"));
//! }
//! # Ok::<(), nfm::Error>(())
//! ```
//!
//! The same is there for C and all that speaks it: `libnfm.so.0` with `include/nfm.h`.

#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[cfg(feature = "capi")]
mod capi;
mod control;
mod crawl;
mod domain;
mod error;
mod files;
mod fleet;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod kernel;
mod layout;
mod memory;
mod paging;
mod resolve;
mod this_process;

use nfm_frame as frame;

pub use control::Control;
pub use domain::{
    Cache, CrawlOptions, Domain, DumpOptions, DumpSummary, FileContent, Findings, FoundFile,
    GuestFiles, GuestMemory, Listing, LiveFrames, Mode, OpenFile, OpenOptions, Profile, SavedFile,
};
pub use error::{Error, ErrorCode, Result, Retry};
pub use files::{ContentRange, ExtendedAttribute, FileStatus, RangeContent};
pub use fleet::{Fleet, FleetEvent, FollowOptions, Follower, OwnSections, Rate, Sections, follow};
pub use frame::{
    At, CheckOutcome, Connection, Consistency, Cpu, CredentialsOwner, DomainIdentity, FORMAT, File,
    FileKind, Frame, FrameLines, FrameSource, HiddenConnection, HiddenModule, HiddenProcess,
    HookTarget, HookedFunction, HookedInterrupt, HookedSyscall, Host, Integrity, IntegrityCheck,
    Interface, LogRecord, Mapping, Memory, Module, Mount, Neighbour, Os, PhysicalRun, Problem,
    Process, ProcessState, Route, Section, SharedCredentials, SourceError, Text, Thread, escaped,
    json, steers_terminal,
};
pub use memory::{Absence, AbsentMemory, Optimizations, ReadStatistics, find_backend};
pub use nfm_analysis::NetworkDevice;
pub use resolve::{
    DomainDefinition, DomainState, DomainSummary, Libvirt, LibvirtConnection, QemuGuestSummary,
    qemu_guests, resume_if_paused, silence_libvirt,
};
