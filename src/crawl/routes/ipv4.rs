//! Routes of IPv4: a trie of prefixes for each table (net/ipv4/fib_trie.c).

use std::net::Ipv4Addr;

use super::super::lists::Walk;
use super::super::read_error::ReadError;
use super::super::reader::{ReadResult, Reader};
use super::super::whole::{pointers, whole};
use super::names::{KINDS, SCOPES, name, protocol};
use super::nexthops::{Hops, add_hops, hops_of_object, route_flags};
use super::tables::{Family, mtu, tables};
use crate::frame::{Route, Text};

/// Bits of a key (`KEYLENGTH`).
const KEY_BITS: u64 = 32;
/// Bits by which one node chooses: a node of more has 128 MiB of children.
const MOST_BITS: u64 = 24;
/// Chains of a kernel without rules (`FIB_TABLE_HASHSZ`).
const CHAINS_WITHOUT_RULES: u64 = 2;

/// Adds the routes of a namespace; `own` is what all of them have in common.
pub(super) fn add(reader: &Reader, net: u64, own: &Route, rows: &mut Vec<Route>) {
    let layout = &reader.layout.routes;
    let family = Family {
        tables: layout.net.tables4,
        rules: layout.net.rules4,
        chains_without_rules: CHAINS_WITHOUT_RULES,
        node: layout.table4.node,
        id: layout.table4.id,
    };
    let found = whole(reader, "IPv4 tables", |found| tables(reader, net, &family, found));
    for table in found {
        let routes = whole(reader, "IPv4 routes", |rows| {
            let id = reader.u32(table, layout.table4.id)?;
            let trie = reader.follow(table, layout.table4.trie)?;
            let root = reader.at(trie, layout.trie.root)?;
            let first = reader.u64_at(reader.at(root, layout.vector.children)?)?;
            let own = Route { table: Some(id), ..own.clone() };
            let mut trie = Trie { reader, own: &own, id, rows };
            match first {
                0 => Ok(()),
                first => trie.node(first, KEY_BITS, None),
            }
        });
        rows.extend(routes);
    }
}

/// The walk through the trie of one table.
struct Trie<'c, 'a> {
    reader: &'c Reader<'a>,
    own: &'c Route,
    id: u32,
    rows: &'c mut Vec<Route>,
}

impl Trie<'_, '_> {
    /// A node, of which `above` is the position of the lowest bit that its parent chooses by, and `expected` the bits
    /// from there on. Each child lies lower: a trie has no circles.
    fn node(&mut self, node: u64, above: u64, expected: Option<u64>) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.routes.vector);
        let key = reader.unsigned(node, layout.key)?;
        let position = reader.unsigned(node, layout.position)?;
        let bits = reader.unsigned(node, layout.bits)?;
        let top = position.saturating_add(bits);
        let fits = top <= above && bits <= MOST_BITS;
        if !fits || expected.is_some_and(|expected| key >> above != expected) {
            let what = "a node of the trie is out of place";
            return Err(ReadError::Nonsense { what, address: node });
        }
        if bits == 0 {
            return self.leaf(node, key);
        }
        let children = reader.at(node, layout.children)?;
        for (index, child) in pointers(reader, children, 1 << bits)? {
            let expected = (key >> top) << bits | index;
            self.node(child, position, Some(expected))?;
        }
        Ok(())
    }

    fn leaf(&mut self, leaf: u64, key: u64) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.routes);
        let mut link = reader.u64_at(reader.at(leaf, layout.vector.leaf)?)?;
        let mut walk = Walk::new(link);
        while link != 0 {
            walk.step(link, "the routes of a prefix do not end", link)?;
            let alias = reader.container(link, layout.alias.node)?;
            // The table `local` may be in the trie of `main` (`fib_trie_unmerge`).
            if reader.u32(alias, layout.alias.table)? == self.id {
                self.route(alias, key)?;
            }
            link = reader.u64_at(link)?;
        }
        Ok(())
    }

    /// As `fib_dump_info` (net/ipv4/fib_semantics.c) tells it.
    fn route(&mut self, alias: u64, key: u64) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.routes);
        let suffix = reader.unsigned(alias, layout.alias.suffix)?;
        let length = KEY_BITS.checked_sub(suffix).filter(|_| key & ((1 << suffix) - 1) == 0);
        let (Some(length), Ok(address)) = (length, u32::try_from(key)) else {
            let what = "a route's prefix is longer than its length";
            return Err(ReadError::Nonsense { what, address: alias });
        };
        let info = reader.follow(alias, layout.alias.info)?;
        let object = reader.note("next hop object", reader.pointer(info, layout.info.object));
        let hops = match object.flatten() {
            Some(object) => hops_of_object(reader, object)?,
            None => Hops::in_place(
                reader.at(info, layout.info.hops)?,
                reader.unsigned(info, layout.info.hop_count)?,
                u64::from(layout.hop4.size),
                layout.hop4.common,
            ),
        };
        let kind = reader.note("kind", reader.unsigned(alias, layout.alias.kind));
        let preferred =
            reader.note("preferred_source", reader.u32(info, layout.info.preferred_source));
        let flags = [layout.alias.offload, layout.alias.trap, layout.alias.offload_failed];
        let flags = route_flags(reader, alias, flags);
        let row = Route {
            kind: kind.map(|kind| name(&KINDS, hops.kind(kind))),
            destination: Some(Text::of(format_args!("{}/{length}", Ipv4Addr::from(address)))),
            tos: reader.note("tos", reader.u32(alias, layout.alias.tos)),
            metric: reader.note("metric", reader.u32(info, layout.info.metric)),
            protocol: reader
                .note("protocol", reader.unsigned(info, layout.info.protocol))
                .map(protocol),
            scope: reader
                .note("scope", reader.unsigned(info, layout.info.scope))
                .map(|scope| name(&SCOPES, scope)),
            // In network byte order: the first byte in memory is the first of the address.
            preferred_source: preferred
                .filter(|address| *address != 0)
                .map(|address| Text::of(format_args!("{}", Ipv4Addr::from(address.to_le_bytes())))),
            mtu: reader.note("mtu", mtu(reader, info, layout.info.metrics)).flatten(),
            ..self.own.clone()
        };
        add_hops(reader, &row, &hops, flags.as_deref(), self.rows)
    }
}
