//! The section `routes`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One next hop of one route of one network namespace, as `ip route show table all` and `ip -6 route show table all`
/// print them. A route of several next hops has as many rows, one behind the other, alike in all but the columns from
/// `nexthop` on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Route {
    /// Inode of the network namespace, as `readlink /proc/PID/ns/net` shows it.
    #[column(label)]
    pub netns: Option<u32>,
    /// `inet` or `inet6`.
    pub family: Text,
    /// The routing table's number: 254 is `main`, 255 `local`, 253 `default`.
    #[column(label)]
    pub table: Option<u32>,
    /// The route's type: `unicast`, `local`, `broadcast`, `anycast`, `multicast`, `blackhole`, `unreachable`,
    /// `prohibit`, `throw`; the number of any other.
    pub kind: Option<Text>,
    /// The destinations, with their prefix length; of a default route `0.0.0.0/0` or `::/0`.
    pub destination: Option<Text>,
    /// The source addresses that the route is for, with their prefix length; `None` where it is for all. IPv6 alone.
    pub source: Option<Text>,
    /// The type of service that the route is for, 0 for all; `None` for IPv6, which has none.
    #[column(label)]
    pub tos: Option<u32>,
    /// The metric (preference) of the route: the lowest wins.
    #[column(label)]
    pub metric: Option<u32>,
    /// The route's origin: `kernel`, `boot`, `static`, `ra`, `dhcp`, `bird` ...; the number of any other.
    pub protocol: Option<Text>,
    /// The reach of the destinations: `global`, `site`, `link`, `host`, `nowhere`; the number of any other. Always
    /// `global` for IPv6.
    pub scope: Option<Text>,
    /// The source address that is preferred towards the destinations; `None` where the route names none.
    pub preferred_source: Option<Text>,
    /// The largest packet that the route says; `None` where it says none.
    #[column(bytes)]
    pub mtu: Option<u32>,
    /// The number of the next hop object that the route uses (`ip nexthop`); `None` where it uses none.
    #[column(label)]
    pub nexthop_id: Option<u32>,
    /// How many next hops the route has, each of them a row. One that leads nowhere (`blackhole`) has one row, too.
    pub nexthops: Option<u32>,
    /// The row's next hop among them, from 0.
    #[column(label)]
    pub nexthop: Option<u32>,
    /// The next hop's address, which may be one of IPv6 also where the route is one of IPv4; `None` where the
    /// destinations are reached without one.
    pub gateway: Option<Text>,
    /// The name of the interface; `None` where there is none.
    pub interface: Option<Text>,
    /// Its index in its namespace.
    #[column(label)]
    pub interface_index: Option<u32>,
    /// The next hop's share of the traffic: its weight among those of the route.
    pub weight: Option<u32>,
    /// `dead`, `onlink`, `offload`, `trap`, `linkdown` of the next hop; `rt_offload`, `rt_trap`, `rt_offload_failed` of
    /// the route.
    pub flags: Option<Vec<Text>>,
}
