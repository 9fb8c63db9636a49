//! Frames from a recorder that runs: many who look cost one crawl, and nobody who looks reads guests' memory.
//!
//! Both sides of a connection send records of [`nfm_store`]: requests and answers are JSON ([`Request`], [`Answer`]),
//! frames are columns, which versions that differ read by their names. [`Server`] answers on a socket of the host;
//! [`LiveConnection`] asks over it, over ssh to another host, or over any other pair of streams, and is a
//! [`FrameSource`](nfm_frame::FrameSource).

#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod connection;
mod crawled;
mod error;
mod following;
mod guests;
mod message;
mod peer;
mod records;
mod server;
mod ssh;

pub use connection::{LiveConnection, LiveFrame, Update};
pub use crawled::serve_source;
pub use error::LiveError;
pub use following::{Followed, Following};
pub use message::{Answer, LiveDomain, More, Refusal, Request, SectionAge, VERSION};
pub use peer::Viewers;
pub use records::{Incoming, RecordReader, RecordWriter};
pub use server::{About, Greeting, Server};
pub use ssh::SshHost;

/// The recorder's socket where none is named.
pub const SOCKET: &str = "/run/nfm/nfm.sock";
