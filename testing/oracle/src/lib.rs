//! The oracle: every fact of a frame against what the guest's own kernel says of itself.
//!
//! It knows the frame by its JSON names alone, and the guest by a function that runs a command in it. The guest is read
//! before the crawl and after it ([`View`]): what rests must be equal, counters must lie between. Each compared value is
//! one fact; a [`Tally`] counts them, and fails where one does not agree or a section has suspiciously few.

mod connections;
pub mod cpus;
mod files;
pub mod interfaces;
mod log;
mod mappings;
mod memory;
mod modules;
mod mounts;
mod neighbours;
mod netlink;
mod os;
mod processes;
mod routes;
mod sections;
mod tally;
pub mod view;

pub use sections::{Compare, REQUIRED, SECTIONS, compare_all};
pub use tally::{Expected, Tally};
pub use view::View;
