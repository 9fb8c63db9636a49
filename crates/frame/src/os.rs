//! The section `os`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// The operating system.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, Row)]
pub struct Os {
    /// `uname -s`.
    pub sysname: Option<Text>,
    /// `uname -n` in the first UTS namespace.
    pub nodename: Option<Text>,
    /// `uname -r`.
    pub release: Option<Text>,
    /// `uname -v`.
    pub version: Option<Text>,
    /// `uname -m`.
    pub machine: Option<Text>,
    /// The kernel's build id, hexadecimal.
    pub build_id: Option<Text>,
    /// The kernel's command line.
    pub command_line: Option<Text>,
    /// When the guest booted by its own wall clock, nanoseconds since 1970 (`btime`).
    #[column(label)]
    pub boot_time_ns: Option<u64>,
    /// Time since boot, as of the guest's last timer tick.
    #[column(counter)]
    pub uptime_ns: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// True if the kernel has panicked.
    pub panicked: Option<bool>,
}
