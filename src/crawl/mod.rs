//! From guest memory to the sections of a frame: one file a section, over compiled offsets.

mod asleep;
mod boot;
mod command_line;
mod connections;
mod counters;
mod cpus;
mod drivers;
mod e820;
mod files;
mod integrity;
mod interfaces;
mod log;
mod mappings;
mod memory;
mod modules;
mod mounts;
mod namespaces;
mod os;
mod pass;
mod path;
mod processes;
mod reader;
mod reuse;
mod socket_tables;
mod tasks;
mod tree;
mod vmas;
mod warm;

pub(crate) use boot::{Boot, Firmware};
pub(crate) use e820::firmware_ram;
pub(crate) use reader::{Context, Details};
pub(crate) use reuse::Reuse;

use crate::frame::Frame;

/// A section of the frame, by its JSON name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Section {
    /// The operating system.
    Os,
    /// The CPUs.
    Cpus,
    /// Memory as a whole.
    Memory,
    /// The processes.
    Processes,
    /// Their open files.
    Files,
    /// Their address spaces.
    Mappings,
    /// The loaded modules.
    Modules,
    /// The network interfaces.
    Interfaces,
    /// The sockets.
    Connections,
    /// The mounts.
    Mounts,
    /// The kernel's log.
    Log,
    /// The hypervisor's side.
    Host,
    /// Where the kernel's structures contradict each other; on request only.
    Integrity,
}

impl Section {
    /// The sections of a frame of which nothing else is said, in the frame's order.
    pub const DEFAULT: [Self; 12] = [
        Self::Os,
        Self::Cpus,
        Self::Memory,
        Self::Processes,
        Self::Files,
        Self::Mappings,
        Self::Modules,
        Self::Interfaces,
        Self::Connections,
        Self::Mounts,
        Self::Log,
        Self::Host,
    ];

    /// Every section, in the frame's order: the default ones, then those that must be asked for.
    pub const ALL: [Self; 13] = [
        Self::Os,
        Self::Cpus,
        Self::Memory,
        Self::Processes,
        Self::Files,
        Self::Mappings,
        Self::Modules,
        Self::Interfaces,
        Self::Connections,
        Self::Mounts,
        Self::Log,
        Self::Host,
        Self::Integrity,
    ];

    /// The section's JSON name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Os => "os",
            Self::Cpus => "cpus",
            Self::Processes => "processes",
            Self::Connections => "connections",
            Self::Files => "files",
            Self::Host => "host",
            Self::Mounts => "mounts",
            Self::Log => "log",
            Self::Mappings => "mappings",
            Self::Memory => "memory",
            Self::Modules => "modules",
            Self::Interfaces => "interfaces",
            Self::Integrity => "integrity",
        }
    }

    /// The section of a JSON name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }
}

/// Fills one section of a frame from guest memory; what cannot be read is noted in the context.
pub(crate) fn crawl(context: &Context, section: Section, frame: &mut Frame) {
    context.enter(section.name());
    match section {
        Section::Os => frame.os = Some(os::crawl(context)),
        Section::Cpus => frame.cpus = Some(cpus::crawl(context)),
        Section::Processes => {
            frame.processes = Some(context.of_tasks(section, |taken| &mut taken.processes));
        }
        Section::Memory => frame.memory = Some(memory::crawl(context)),
        Section::Mappings => {
            frame.mappings = Some(context.of_tasks(section, |taken| &mut taken.mappings));
        }
        Section::Mounts => frame.mounts = Some(mounts::crawl(context)),
        Section::Log => frame.log = Some(log::crawl(context)),
        Section::Connections => frame.connections = Some(connections::crawl(context)),
        // Not in guest memory: `Domain::crawl` asks the host.
        Section::Host => {}
        Section::Files => frame.files = Some(context.of_tasks(section, |taken| &mut taken.files)),
        Section::Modules => frame.modules = Some(modules::crawl(context)),
        Section::Interfaces => frame.interfaces = Some(interfaces::crawl(context)),
        Section::Integrity => frame.integrity = Some(integrity::crawl(context)),
    }
    if section != Section::Host {
        context.leave();
    }
}
