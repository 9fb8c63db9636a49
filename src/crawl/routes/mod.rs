//! The section `routes`: the routing tables of every network namespace, as `ip route show table all` (RTM_GETROUTE)
//! prints them.

mod ipv4;
mod ipv6;
mod names;
mod nexthops;
mod tables;

pub(super) use names::{name, protocol};

use super::namespaces::networks;
use super::reader::Reader;
use crate::frame::{Route, Text};

pub(super) fn crawl(reader: &Reader) -> Vec<Route> {
    let mut rows = Vec::new();
    for (net, netns) in networks(reader) {
        let own = |family| Route { netns, family: Text::fixed(family), ..Route::default() };
        ipv4::add(reader, net, &own("inet"), &mut rows);
        ipv6::add(reader, net, &own("inet6"), &mut rows);
    }
    rows
}
