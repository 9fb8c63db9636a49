//! nfm's screens: the processes of all guests of all hosts in one table, of now and of any recorded time.
//!
//! Everything stands on [`FrameSource`](nfm_frame::FrameSource): a living guest, a remote host, the store and a file are
//! shown by the same code. [`Table`] works out what there is to be seen, without a terminal; [`run`] shows it.

#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod app;
mod column;
mod details;
mod draw;
mod feed;
mod guest;
mod plot;
mod screen;
mod show;
mod stream;
mod table;

pub use app::{App, Clock, Effect, Mode, Options};
pub use column::{Cell, Column, Row, command};
pub use draw::draw;
pub use feed::{Feed, News, Opener, Order, Show, Way, start};
pub use guest::{GuestView, ProcessView};
pub use plot::{Plot, terminal_size};
pub use screen::{Finder, Sources, run};
pub use stream::{FrameStream, StreamNews, StreamOpener};
pub use table::{Choice, Group, GroupLine, Guest, Line, PartSum, Table, Totals};
