//! Routes of IPv6: a binary tree of prefixes for each table (net/ipv6/ip6_fib.c).

use super::super::lists::Walk;
use super::super::read_error::ReadError;
use super::super::reader::{ReadResult, Reader};
use super::super::whole::whole;
use super::names::{KINDS, SCOPES, name, protocol};
use super::nexthops::{add_hops, hops_of_object, ipv6_address, of_hop, route_flags};
use super::tables::{Family, mtu, tables};
use crate::frame::{Route, Text};
use crate::layout::Field;

/// `RTN_RTINFO` (include/net/ip6_fib.h): the node has routes of its own.
const HAS_ROUTES: u64 = 4;
/// Bits of an address.
const ADDRESS_BITS: u64 = 128;
/// Chains of a kernel without rules (`FIB6_TABLE_HASHSZ`).
const CHAINS_WITHOUT_RULES: u64 = 1;

/// Adds the routes of a namespace; `own` is what all of them have in common.
pub(super) fn add(reader: &Reader, net: u64, own: &Route, rows: &mut Vec<Route>) {
    let layout = &reader.layout.routes;
    if !layout.net.ipv6.exists() {
        return;
    }
    let family = Family {
        tables: layout.net.tables6,
        rules: layout.net.rules6,
        chains_without_rules: CHAINS_WITHOUT_RULES,
        node: layout.table6.node,
        id: layout.table6.id,
    };
    let found = whole(reader, "IPv6 tables", |found| tables(reader, net, &family, found));
    for table in found {
        let routes = whole(reader, "IPv6 routes", |rows| {
            let own = Route {
                table: Some(reader.u32(table, layout.table6.id)?),
                // `rt6_fill_node` (net/ipv6/route.c) says `RT_SCOPE_UNIVERSE` for all.
                scope: Some(name(&SCOPES, 0)),
                ..own.clone()
            };
            let null_entry = reader.unsigned(net, layout.net.null_entry)?;
            let root = reader.at(table, layout.table6.root)?;
            Tree { reader, own: &own, null_entry, rows }.node(root, false)
        });
        rows.extend(routes);
    }
}

/// The walk through the tree of one table, in the order of `fib6_walk_continue`.
struct Tree<'c, 'a> {
    reader: &'c Reader<'a>,
    own: &'c Route,
    null_entry: u64,
    rows: &'c mut Vec<Route>,
}

impl Tree<'_, '_> {
    /// A node and those below it. Each child has a longer prefix than its parent: the tree has no circles, and a tree
    /// of sources has none within.
    fn node(&mut self, node: u64, of_sources: bool) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.routes.node6);
        let bit = reader.unsigned(node, layout.bit)?;
        let out_of_place = |address| {
            Err(ReadError::Nonsense { what: "a node of the tree is out of place", address })
        };
        if bit > ADDRESS_BITS {
            return out_of_place(node);
        }
        if layout.subtree.exists()
            && let Some(sources) = reader.pointer(node, layout.subtree)?
        {
            if of_sources || reader.unsigned(sources, layout.parent)? != node {
                return out_of_place(sources);
            }
            self.node(sources, true)?;
        }
        for child in [layout.left, layout.right] {
            let Some(child) = reader.pointer(node, child)? else { continue };
            let is_below = reader.unsigned(child, layout.bit)? > bit;
            if !is_below || reader.unsigned(child, layout.parent)? != node {
                return out_of_place(child);
            }
            self.node(child, of_sources)?;
        }
        // Others lead to a route of a node below them.
        if reader.unsigned(node, layout.flags)? & HAS_ROUTES != 0 {
            self.leaf(reader.unsigned(node, layout.leaf)?)?;
        }
        Ok(())
    }

    /// The routes of one prefix. Those of several next hops follow each other (`fib6_dump_node`).
    fn leaf(&mut self, first: u64) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.routes.route6);
        let mut route = first;
        let mut walk = Walk::new(route);
        // The number of the route's siblings, and its place among them.
        let (mut siblings, mut index) = (0, 0);
        while route != 0 {
            walk.step(route, "the routes of a prefix do not end", route)?;
            if route != self.null_entry {
                let others = reader.u32(route, layout.sibling_count)?;
                if index == 0 {
                    siblings = others;
                } else if siblings != others {
                    let what = "a route of several next hops lacks some";
                    return Err(ReadError::Nonsense { what, address: route });
                }
                self.route(route, siblings.saturating_add(1), index)?;
                index = if index == siblings { 0 } else { index + 1 };
            }
            route = reader.unsigned(route, layout.next)?;
        }
        match index {
            0 => Ok(()),
            _ => Err(ReadError::Nonsense {
                what: "a route of several next hops lacks some",
                address: first,
            }),
        }
    }

    /// As `rt6_fill_node` (net/ipv6/route.c) tells it.
    fn route(&mut self, route: u64, hops: u32, hop: u32) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.routes.route6);
        let prefix = |address, length| prefix(reader, route, address, length);
        let preferred = prefix(layout.preferred_source, layout.preferred_source_length);
        let source = prefix(layout.source, layout.source_length);
        let destination = prefix(layout.destination, layout.destination_length)?;
        let object = reader.note("next hop object", reader.pointer(route, layout.object));
        let object = object.flatten().map(|object| hops_of_object(reader, object)).transpose()?;
        let kind = reader.note("kind", reader.unsigned(route, layout.kind));
        let kind = kind.map(|own| object.as_ref().map_or(own, |hops| hops.kind(own)));
        let flags = [layout.offload, layout.trap, layout.offload_failed];
        let flags = route_flags(reader, route, flags);
        let long = |prefix: Option<Prefix>| prefix.filter(|prefix| prefix.length > 0);
        let row = Route {
            kind: kind.map(|kind| name(&KINDS, kind)),
            destination: Some(reader.kept(destination.text())?),
            source: long(reader.note("source", source)).map(|source| source.text()),
            metric: reader.note("metric", reader.u32(route, layout.metric)),
            protocol: reader
                .note("protocol", reader.unsigned(route, layout.protocol))
                .map(protocol),
            preferred_source: long(reader.note("preferred_source", preferred))
                .map(|preferred| Text::of(format_args!("{}", preferred.address))),
            mtu: reader.note("mtu", mtu(reader, route, layout.metrics)).flatten(),
            ..self.own.clone()
        };
        if let Some(object) = object {
            return add_hops(reader, &row, &object, flags.as_deref(), self.rows);
        }
        let row = Route { nexthops: Some(hops), nexthop: Some(hop), ..row };
        let first = reader.at(route, layout.hop)?;
        let common = reader.at(first, reader.layout.routes.hop6.common)?;
        let row = of_hop(reader, row, common, None, flags.as_deref());
        reader.row::<Route>()?;
        self.rows.push(row);
        Ok(())
    }
}

/// An address and how many of its bits count (`struct rt6key`).
struct Prefix {
    address: std::net::Ipv6Addr,
    length: u64,
}

impl Prefix {
    fn text(&self) -> Text {
        Text::of(format_args!("{}/{}", self.address, self.length))
    }
}

fn prefix(reader: &Reader, route: u64, address: Field, length: Field) -> ReadResult<Prefix> {
    let length = reader.unsigned(route, length)?;
    if length > ADDRESS_BITS {
        let what = "a prefix is longer than an address";
        return Err(ReadError::Nonsense { what, address: route });
    }
    Ok(Prefix { address: ipv6_address(reader, reader.at(route, address)?)?, length })
}
