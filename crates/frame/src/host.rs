//! The section `host`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// The hypervisor's view of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Host {
    /// CPU time of all vCPUs; null where QEMU does not name their threads (without `-name …,debug-threads=on`).
    #[column(counter)]
    pub vcpu_time_ns: Option<u64>,
    /// Guest RAM that is in the host's RAM.
    pub rss_bytes: Option<u64>,
    /// Guest RAM that is in the host's swap.
    pub swapped_bytes: Option<u64>,
    /// Guest RAM that the guest has never used.
    pub untouched_bytes: Option<u64>,
    /// How long before the frame these three were counted: counting takes time that grows with the
    /// guest's RAM, so that frames in quick succession share one count.
    pub memory_age_ns: Option<u64>,
    /// The domain's state, as `virsh domstate` prints it.
    pub state: Option<Text>,
}
