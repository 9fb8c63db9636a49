//! The section `mounts`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One mount of one mount namespace, as `/proc/PID/mountinfo` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Mount {
    /// Inode of the mount namespace, as `readlink /proc/PID/ns/mnt` shows it.
    #[column(label)]
    pub mnt_ns: Option<u32>,
    /// The device or the name given instead of one.
    pub source: Option<Text>,
    /// The directory, seen from the root of the namespace.
    pub target: Option<Text>,
    /// The file system's type, with its subtype behind a dot.
    pub filesystem: Option<Text>,
    /// Options of this mount, as `mountinfo` shows them: `rw,nosuid,relatime`.
    pub options: Option<Text>,
}
