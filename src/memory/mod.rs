//! Guest-physical reads: where the bytes come from, and the page cache of one frame.

mod absence;
mod budget;
mod cache;
mod file;
mod optimizations;
mod page;
mod page_pool;
mod physical;
mod plugin;
mod prefetch;
mod procfs;
mod residency;
mod shared;

pub(crate) use absence::Absences;
pub use absence::{Absence, AbsentMemory};
pub(crate) use budget::{Budget, Limit, Limits};
pub use cache::ReadStatistics;
pub(crate) use cache::{Footprint, GuestRam, RamFault, Since};
pub(crate) use file::{Content, Dump, DumpFile, FileMemory, Origin, core_header};
pub use optimizations::Optimizations;
pub(crate) use page::{PAGE_SHIFT, PAGE_SIZE, Page};
pub(crate) use page_pool::{PageAt, Part, around};
pub(crate) use physical::{PhysicalMemory, Residency};
pub use plugin::find_backend;
pub(crate) use plugin::{BackendGuest, LibvirtDomain, PluginMemory};
pub(crate) use prefetch::ask_for_all;
pub(crate) use procfs::{ProcfsMemory, ReadableProcess};
