//! The process that this library is loaded into: its descriptors, its signals, and which one it is after a fork.

mod descriptors;
mod owner;
mod signals;
mod sigpipe;

pub(crate) use descriptors::{descriptor_limit, descriptors_are_free, lacks_descriptors};
pub(crate) use owner::Owner;
pub(crate) use signals::without_signals;
pub(crate) use sigpipe::without_sigpipe;
