//! The frame store: the frames of a host's guests, recorded and read back by time.
//!
//! A recorder appends to a write-ahead log ([`LogWriter`], [`Encoder`]). Every ten minutes of the wall clock it is sealed
//! ([`seal`]): its rows become Parquet files, one for each table, which engines read as they are. [`Store`] gives frames
//! back, from logs and segments alike, as a [`FrameSource`](nfm_frame::FrameSource). What was damaged on the disk is lost
//! and named; no value is believed whose checksum is wrong.

#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod assemble;
mod columns;
mod ddl;
mod error;
mod export;
mod files;
mod frame_columns;
mod layout;
mod log;
mod newest;
mod parquet_file;
mod range;
mod record;
mod retention;
mod ring;
mod seal;
mod store;
mod stream;
mod tables;
mod track;
mod verify;
mod writer;

pub use ddl::{Engine, ddl};
pub use error::{Result, StoreError};
pub use export::{ExportFormat, Exporter};
pub use frame_columns::FrameColumns;
pub use layout::{Name, host_name, slot};
pub use log::{Log, LogWriter};
pub use newest::Newest;
pub use record::{Event, HEADER, LogBegin, Parsed, Record, RecordHead, RecordKind, parse};
pub use retention::{Retention, prune, remove_oldest};
pub use ring::Ring;
pub use seal::{Sealed, seal};
pub use store::{Age, Content, Store};
pub use stream::{Decoder, Encoder, KEY_PERIOD, is_of_flight};
pub use tables::{Table, TableColumn, tables};
pub use track::{Entry, Track};
pub use verify::{Verified, verify};
pub use writer::StoreWriter;
