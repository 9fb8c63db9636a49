//! From guest memory to the sections of a frame: one file a section, over compiled offsets.

mod boot;
mod command_line;
mod connections;
mod context;
mod counters;
mod cpus;
mod drivers;
mod e820;
mod files;
mod frame_cache;
mod integrity;
mod interfaces;
mod lists;
mod log;
mod mappings;
mod memory;
mod modules;
mod mounts;
mod namespaces;
mod os;
mod pass;
mod path;
mod path_cache;
mod per_cpu;
mod problems;
mod processes;
mod read_ahead;
mod read_error;
mod reader;
mod sleeper_cache;
mod socket_tables;
mod tasks;
mod texts;
mod tree;
mod vmas;

pub(crate) use boot::{Boot, Firmware};
pub(crate) use context::{Context, Details};
pub(crate) use e820::{firmware_map_in, firmware_ram, misplaced_node};
pub(crate) use frame_cache::FrameCache;
pub(crate) use reader::Reader;

use crate::frame::{Frame, Section};

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
