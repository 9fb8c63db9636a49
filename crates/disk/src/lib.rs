//! Disks of guests, read from the host while the guests run: images, partitions and volumes, each a layer over
//! [`ReadAt`], which has no way to write; and the messages by which `nfm` asks `nfm-disk`, the worker that reads
//! filesystems, with descriptors passed in and no other rights.
//!
//! All that a disk holds is a guest's, and hostile: lengths and places are checked before they are used.

mod content;
pub mod definition;
mod error;
mod fields;
mod lvm;
mod md;
pub mod message;
pub mod os_release;
pub mod packages;
pub mod partitions;
pub mod qcow2;
mod read_at;
mod volumes;

pub use content::{Content, Identity, identify};
pub use error::{DiskError, Reason, Result};
pub use fields::{Fields, uuid};
pub use read_at::{Bytes, HostFile, ReadAt, Slice, bytes_at};
pub use volumes::{OpenDisk, Volume, volumes};
