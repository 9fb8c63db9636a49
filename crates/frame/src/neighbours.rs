//! The section `neighbours`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One entry of the ARP table (IPv4) or of neighbour discovery (IPv6) of one network namespace, as `ip neigh show nud
/// all` and `ip neigh show proxy` print them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Neighbour {
    /// Inode of the network namespace, as `readlink /proc/PID/ns/net` shows it.
    #[column(label)]
    pub netns: Option<u32>,
    /// `inet` or `inet6`.
    pub family: Text,
    /// The neighbour's IP address.
    pub address: Option<Text>,
    /// The name of the interface behind which it is; `None` where there is none, as a proxy entry may be for all.
    pub interface: Option<Text>,
    /// Its index in its namespace.
    #[column(label)]
    pub interface_index: Option<u32>,
    /// The neighbour's hardware address; `None` as long as it is not valid.
    pub mac: Option<Text>,
    /// The state by the kernel's name without `NUD_`: `incomplete`, `reachable`, `stale`, `delay`, `probe`, `failed`,
    /// `noarp`, `permanent`, `none`; the number of any other. `ip neigh` leaves `noarp` and `none` out unless it is
    /// asked for all.
    pub state: Option<Text>,
    /// `use`, `self`, `master`, `proxy` (an address that is answered for), `extern_learn`, `offload`, `sticky`,
    /// `router`, `managed`, `locked`, `extern_valid`.
    pub flags: Option<Vec<Text>>,
    /// The entry's origin, by the names that routes have; `None` where none is noted.
    pub protocol: Option<Text>,
}
