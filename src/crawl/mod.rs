//! From guest memory to the sections of a frame: one file a section, over compiled offsets.

mod boot;
mod command_line;
mod connections;
mod context;
mod counters;
mod cpus;
mod descriptors;
mod drivers;
mod e820;
mod facts;
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
mod neighbours;
mod os;
mod pass;
mod path;
mod path_cache;
mod per_cpu;
mod problems;
mod process_space;
mod processes;
mod read_ahead;
mod read_error;
mod reader;
mod resident_pages;
mod routes;
mod sleeper_cache;
mod socket_tables;
mod taken;
mod task_cache;
mod tasks;
mod texts;
mod tree;
mod vmas;
mod whole;
mod xarray;

pub(crate) use boot::{Boot, Firmware};
pub(crate) use context::Details;
pub(crate) use descriptors::open_file;
pub(crate) use e820::{firmware_map_in, firmware_ram, misplaced_node};
pub(crate) use frame_cache::FrameCache;
pub(crate) use mounts::{in_namespace as mounts_in_namespace, namespace_of, root as root_of};
pub(crate) use path::{file_system, is_removed, parent_of};
pub(crate) use path_cache::PathRef;
pub(crate) use process_space::ProcessSpace;
pub(crate) use reader::{ReadError, ReadResult, Reader};
pub(crate) use tasks::process;
pub(crate) use tree::rb_entries;
pub(crate) use xarray::entries as xarray_entries;

use std::mem::take;

use crate::frame::{Frame, Problem, Section};
use context::Context;
use pass::TaskSections;

/// The crawl of one frame: its sections are taken one after another.
pub(crate) struct Crawl<'a> {
    context: Context<'a>,
    tasks: TaskSections,
}

impl<'a> Crawl<'a> {
    /// A frame of these sections begins.
    pub fn new(
        reader: Reader<'a>,
        details: Details,
        cache: &'a FrameCache,
        sections: &[Section],
    ) -> Self {
        let context = Context::new(reader, details, cache);
        Self { context, tasks: TaskSections::new(sections) }
    }

    /// Fills one section of a frame from guest memory; what cannot be read is a problem of it.
    pub fn section(&mut self, section: Section, frame: &mut Frame) {
        let Self { context, tasks } = self;
        let reader = &context.reader;
        reader.enter(section.name());
        let taken = tasks.taken(context, section);
        match section {
            Section::Os => frame.os = Some(os::crawl(reader)),
            Section::Cpus => frame.cpus = Some(cpus::crawl(reader)),
            Section::Processes => frame.processes = Some(take(&mut taken.processes)),
            Section::Memory => frame.memory = Some(memory::crawl(reader)),
            Section::Mappings => frame.mappings = Some(take(&mut taken.mappings)),
            Section::Mounts => {
                frame.mounts = Some(mounts::crawl(reader, take(&mut taken.namespaces)))
            }
            Section::Log => frame.log = Some(log::crawl(reader)),
            Section::Connections => {
                frame.connections = Some(connections::crawl(reader, take(&mut taken.open)));
            }
            // Not in guest memory: `Domain::crawl` asks the host.
            Section::Host => return,
            Section::Files => frame.files = Some(take(&mut taken.files)),
            Section::Modules => frame.modules = Some(modules::crawl(reader)),
            Section::Interfaces => frame.interfaces = Some(interfaces::crawl(reader)),
            Section::Routes => frame.routes = Some(routes::crawl(reader)),
            Section::Neighbours => frame.neighbours = Some(neighbours::crawl(reader)),
            Section::Integrity => frame.integrity = Some(integrity::crawl(context)),
        }
        reader.leave();
    }

    /// Notes a problem of the section.
    pub fn problem(&self, reason: String) {
        self.context.reader.problem(reason, None);
    }

    /// Problems and retries, once all sections are taken.
    pub fn finish(self) -> (Vec<Problem>, u32) {
        self.context.reader.finish()
    }
}
