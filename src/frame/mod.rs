//! The frame: one structured snapshot of one guest at one time.
//!
//! JSON names are the field names here. Times are nanoseconds and sizes bytes unless the name says
//! otherwise. What is not known is `None` (`null`), never 0.

mod connections;
mod cpus;
mod files;
mod host;
mod integrity;
mod interfaces;
mod json;
mod log;
mod mappings;
mod memory;
mod modules;
mod mounts;
mod os;
mod processes;
mod text;

pub use connections::Connection;
pub use cpus::{Cpu, CpuTimes};
pub use files::{File, FileKind};
pub use host::Host;
pub use integrity::{
    CheckOutcome, CredentialsOwner, HiddenConnection, HiddenModule, HiddenProcess, HookTarget,
    HookedFunction, HookedInterrupt, HookedSyscall, Integrity, IntegrityCheck, SharedCredentials,
};
pub use interfaces::Interface;
pub use json::json;
pub use log::LogRecord;
pub use mappings::{Mapping, PhysicalRun};
pub use memory::Memory;
pub use modules::Module;
pub use mounts::Mount;
pub use os::Os;
pub use processes::{Namespaces, Process, ProcessState, Thread};
pub use text::Text;

use serde::Serialize;

/// The value of [`Frame::format`].
pub const FORMAT: &str = "nfm-frame/1";

/// One snapshot of one guest. A section that was not asked for is `None` and absent from JSON.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Frame {
    /// Name and version of this format.
    pub format: &'static str,
    /// Whose snapshot it is.
    pub domain: DomainIdentity,
    /// Counts the frames of one handle, from 1.
    pub seq: u64,
    /// When the guest was so: the host's wall clock when the crawl began, or, of a guest read from a file,
    /// when its memory was written there. Nanoseconds since 1970.
    pub time_ns: u64,
    /// How long the crawl took.
    pub duration_ns: u64,
    /// How far the frame can be trusted.
    pub consistency: Consistency,
    /// The operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// The CPUs, by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Vec<Cpu>>,
    /// Memory as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// The processes, in the order of the kernel's task list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<Process>>,
    /// Their open files, by process and descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<File>>,
    /// Their address spaces, by process and address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mappings: Option<Vec<Mapping>>,
    /// The loaded modules, in the order of `/proc/modules`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<Module>>,
    /// The network interfaces of every network namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Vec<Interface>>,
    /// The sockets of every network namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Vec<Connection>>,
    /// The mounts of every mount namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<Mount>>,
    /// The kernel's log, oldest record first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<LogRecord>>,
    /// What the hypervisor's side knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// Where the kernel's structures contradict each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<Integrity>,
}

/// Whose snapshot a frame is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DomainIdentity {
    /// libvirt's name of the domain; of a file that does not tell, the file's name.
    pub name: String,
    /// Its UUID in the usual text form, where one is known.
    pub uuid: Option<String>,
    /// The hypervisor driver, in lower case: `qemu`; `file` for a guest that is read from a file.
    pub hypervisor: String,
}

/// How a frame came about and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Consistency {
    /// `live`: the guest ran while it was read.
    pub mode: &'static str,
    /// Walks that were begun anew because they met a change.
    pub retries: u32,
    /// Whether every section is whole: no problems.
    pub complete: bool,
    /// What could not be read, section by section.
    pub problems: Vec<Problem>,
}

/// Something that a frame lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The section.
    pub section: &'static str,
    /// What happened, in one sentence.
    pub reason: String,
    /// The guest-virtual address at which it happened, where there is one.
    pub address: Option<u64>,
}

impl Frame {
    /// The frame as one line of JSON, made by [`json`].
    pub fn to_json(&self) -> String {
        json(self, false)
    }

    /// The frame as indented JSON.
    pub fn to_json_pretty(&self) -> String {
        json(self, true)
    }
}
