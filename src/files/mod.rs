//! The guest's files as its memory holds them: names in the dentry cache, inodes, the page cache.

mod content;
mod directory;
mod error;
mod flags;
mod identity;
mod merged;
mod mount_tree;
mod overlay;
mod page_cache;
mod status;
mod storage;
mod tree;
mod xattr;

pub use content::{ContentRange, RangeContent};
pub(crate) use content::{content, read};
pub(crate) use error::{FileError, FileResult};
pub(crate) use identity::FileIdentity;
pub use status::FileStatus;
pub(crate) use status::status;
pub(crate) use tree::{Links, Tree, find, open_descriptor};
pub use xattr::ExtendedAttribute;
pub(crate) use xattr::extended_attributes;
