//! The section `log`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One record of the kernel's log ring buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct LogRecord {
    /// When it was written, in nanoseconds of the guest's own log clock (since boot).
    #[column(label)]
    pub time_ns: u64,
    /// syslog level, 0 (emergency) to 7 (debug).
    #[column(label)]
    pub level: u8,
    /// The message, without prefix.
    pub text: Text,
}
