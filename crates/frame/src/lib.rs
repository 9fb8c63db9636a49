//! The frame: one structured snapshot of one guest at one time, and its JSON both ways.
//!
//! Names in JSON are the field names here. Times are nanoseconds and sizes bytes unless the name says
//! otherwise. An unknown fact is `None` (`null`), never 0. Readers skip fields that they do not know, and a
//! field that is missing is `None`: frames of older and newer versions can be read.
//!
//! Later versions add fields to rows: outside of this crate, make one with `..Row::default()`.

#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod column;
mod connections;
mod cpus;
mod envelope;
mod files;
mod host;
mod integrity;
mod interfaces;
mod json;
mod lenient;
mod lines;
mod log;
mod mappings;
mod memory;
mod modules;
mod mounts;
mod neighbours;
mod os;
mod pattern;
mod processes;
mod routes;
mod section;
mod source;
mod terminal;
mod text;

pub use connections::{Connection, SOCKET_STATES};
pub use cpus::Cpu;
pub use envelope::{Consistency, DomainIdentity, FORMAT, Problem};
pub use files::{File, FileKind};
pub use host::Host;
pub use integrity::{
    CheckOutcome, CredentialsOwner, HiddenConnection, HiddenModule, HiddenProcess, HookTarget,
    HookedFunction, HookedInterrupt, HookedSyscall, Integrity, IntegrityCheck, SharedCredentials,
};
pub use interfaces::Interface;
pub use json::json;
pub use lines::FrameLines;
pub use log::LogRecord;
pub use mappings::{Mapping, PhysicalRun};
pub use memory::Memory;
pub use modules::Module;
pub use mounts::Mount;
pub use neighbours::Neighbour;
pub use os::Os;
pub use pattern::matches_pattern;
pub use processes::{Process, ProcessState, Thread};
pub use routes::Route;
pub use section::{Frame, Section};
pub use source::{At, FrameSource, SourceError};
pub use terminal::{escaped, steers_terminal};
pub use text::Text;
