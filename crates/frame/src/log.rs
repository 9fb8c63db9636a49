//! The section `log`.

use serde::{Deserialize, Serialize};

use super::Text;

/// One record of the kernel's log ring buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct LogRecord {
    /// When it was written, in nanoseconds of the guest's own log clock (since boot).
    pub time_ns: u64,
    /// syslog level, 0 (emergency) to 7 (debug).
    pub level: u8,
    /// The message, without prefix.
    pub text: Text,
}
