//! The section `interfaces`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One network interface of one network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Interface {
    /// Inode of the network namespace, as `readlink /proc/PID/ns/net` shows it.
    #[column(label)]
    pub netns: Option<u32>,
    /// The interface's index in its namespace.
    #[column(label)]
    pub index: Option<u32>,
    /// Its name.
    pub name: Option<Text>,
    /// Hardware address, as `ip link` prints it: of a tunnel the IP address of its own end; `None` where the device
    /// has none.
    pub mac: Option<Text>,
    /// Largest packet in bytes.
    #[column(bytes)]
    pub mtu: Option<u32>,
    /// True if it is set up (`IFF_UP`).
    pub up: Option<bool>,
    /// IPv4 addresses with their prefix length.
    pub ipv4: Option<Vec<Text>>,
    /// IPv6 addresses with their prefix length.
    pub ipv6: Option<Vec<Text>>,
    /// Bytes received.
    #[column(counter)]
    pub rx_bytes: Option<u64>,
    /// Packets received.
    #[column(counter)]
    pub rx_packets: Option<u64>,
    /// Bad packets received.
    #[column(counter)]
    pub rx_errors: Option<u64>,
    /// Packets received and dropped, those that the device had no room for among them (`drop` of `/proc/net/dev`).
    #[column(counter)]
    pub rx_dropped: Option<u64>,
    /// Bytes sent.
    #[column(counter)]
    pub tx_bytes: Option<u64>,
    /// Packets sent.
    #[column(counter)]
    pub tx_packets: Option<u64>,
    /// Failed sendings.
    #[column(counter)]
    pub tx_errors: Option<u64>,
    /// Packets dropped on the way out.
    #[column(counter)]
    pub tx_dropped: Option<u64>,
}
