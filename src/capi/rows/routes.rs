//! The rows of the section `routes`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::Route;

/// Bit of nfm_route_t.known: kind.
pub const NFM_ROUTE_KIND: u64 = 1u64 << 0;
/// Bit of nfm_route_t.known: destination.
pub const NFM_ROUTE_DESTINATION: u64 = 1u64 << 1;
/// Bit of nfm_route_t.known: source.
pub const NFM_ROUTE_SOURCE: u64 = 1u64 << 2;
/// Bit of nfm_route_t.known: protocol.
pub const NFM_ROUTE_PROTOCOL: u64 = 1u64 << 3;
/// Bit of nfm_route_t.known: scope.
pub const NFM_ROUTE_SCOPE: u64 = 1u64 << 4;
/// Bit of nfm_route_t.known: preferred_source.
pub const NFM_ROUTE_PREFERRED_SOURCE: u64 = 1u64 << 5;
/// Bit of nfm_route_t.known: gateway.
pub const NFM_ROUTE_GATEWAY: u64 = 1u64 << 6;
/// Bit of nfm_route_t.known: interface.
pub const NFM_ROUTE_INTERFACE: u64 = 1u64 << 7;
/// Bit of nfm_route_t.known: flags.
pub const NFM_ROUTE_FLAGS: u64 = 1u64 << 8;
/// Bit of nfm_route_t.known: netns.
pub const NFM_ROUTE_NETNS: u64 = 1u64 << 9;
/// Bit of nfm_route_t.known: table.
pub const NFM_ROUTE_TABLE: u64 = 1u64 << 10;
/// Bit of nfm_route_t.known: tos.
pub const NFM_ROUTE_TOS: u64 = 1u64 << 11;
/// Bit of nfm_route_t.known: metric.
pub const NFM_ROUTE_METRIC: u64 = 1u64 << 12;
/// Bit of nfm_route_t.known: mtu.
pub const NFM_ROUTE_MTU: u64 = 1u64 << 13;
/// Bit of nfm_route_t.known: nexthop_id.
pub const NFM_ROUTE_NEXTHOP_ID: u64 = 1u64 << 14;
/// Bit of nfm_route_t.known: nexthops.
pub const NFM_ROUTE_NEXTHOPS: u64 = 1u64 << 15;
/// Bit of nfm_route_t.known: nexthop.
pub const NFM_ROUTE_NEXTHOP: u64 = 1u64 << 16;
/// Bit of nfm_route_t.known: interface_index.
pub const NFM_ROUTE_INTERFACE_INDEX: u64 = 1u64 << 17;
/// Bit of nfm_route_t.known: weight.
pub const NFM_ROUTE_WEIGHT: u64 = 1u64 << 18;

/// One next hop of one route of one network namespace, as ip route show table all prints it. A route of
/// several next hops has as many rows, one behind the other, alike but for the next hop.
#[repr(C)]
#[derive(CRow)]
#[row(Route)]
pub struct nfm_route_t {
    /// Which members are known, NFM_ROUTE_... combined; family always is.
    pub known: u64,
    /// "inet" or "inet6".
    #[row(always)]
    pub family: *const c_char,
    /// The route's type: "unicast", "local", "broadcast", "anycast", "multicast", "blackhole",
    /// "unreachable", "prohibit", "throw", the number of any other; NULL if not known.
    pub kind: *const c_char,
    /// The destinations, with their prefix length: "10.0.2.0/24", of a default route "0.0.0.0/0" or
    /// "::/0"; NULL if not known.
    pub destination: *const c_char,
    /// The source addresses that the route is for, with their prefix length; NULL if not known, and where it
    /// is for all.
    pub source: *const c_char,
    /// The route's origin: "kernel", "boot", "static", "ra", "dhcp", "bird" and others, the number of any
    /// other; NULL if not known.
    pub protocol: *const c_char,
    /// The reach of the destinations: "global", "site", "link", "host", "nowhere", the number of
    /// any other; NULL if not known.
    pub scope: *const c_char,
    /// The source address that is preferred towards the destinations; NULL if not known, and where the route
    /// names none.
    pub preferred_source: *const c_char,
    /// The next hop's address, which may be one of IPv6 also where the route is one of IPv4; NULL if not known,
    /// and where the destinations are reached without one.
    pub gateway: *const c_char,
    /// The name of the interface; NULL if not known, and where there is none.
    pub interface: *const c_char,
    /// "dead", "onlink", "offload", "trap", "linkdown" of the next hop, "rt_offload", "rt_trap",
    /// "rt_offload_failed" of the route, and a NULL; NULL if not known.
    pub flags: *const *const c_char,
    /// The number of strings in flags, without the NULL.
    pub flags_count: usize,
    /// Inode of the network namespace, as in /proc/PID/ns/net.
    pub netns: u32,
    /// The routing table's number: 254 is main, 255 local, 253 default.
    pub table: u32,
    /// The type of service that the route is for, 0 for all; not known for IPv6, which has none.
    pub tos: u32,
    /// The metric (preference) of the route: the lowest wins.
    pub metric: u32,
    /// The largest packet that the route says, in bytes; not known where it says none.
    pub mtu: u32,
    /// The number of the next hop object that the route uses (ip nexthop); not known where it uses none.
    pub nexthop_id: u32,
    /// How many next hops the route has, each of them a row.
    pub nexthops: u32,
    /// The row's next hop among them, from 0.
    pub nexthop: u32,
    /// The interface's index in its namespace.
    pub interface_index: u32,
    /// The next hop's share of the traffic: its weight among those of the route.
    pub weight: u32,
}

/// The routes of a frame, of every network namespace and all tables.
///
/// Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
/// the next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
/// not hold the section or an argument is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_routes(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_route_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.routes.as_deref())) }
}
symver!("NFM_0.1", nfm_frame_routes);
