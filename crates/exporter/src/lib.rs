//! Frames as metrics: the text that Prometheus scrapes, and lines for other agents.
//!
//! Names, units and kinds of series come from the frame's columns ([`nfm_frame::column`]); `node.rs` has the one table of
//! names that node_exporter has for the same facts. What guests say is bounded: rows of a section, groups of processes,
//! the length of a label.

#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod derived;
mod exposition;
mod groups;
mod guests;
mod influx;
mod node;
mod rules;
mod series;
mod server;
mod web;
mod yaml;

pub use exposition::{Exposition, Format};
pub use guests::{Guests, SECTIONS};
pub use influx::influx;
pub use rules::{GroupRules, SettingsError};
pub use server::{Scrape, Server, ServerError};
