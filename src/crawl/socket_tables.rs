//! The hash tables in which the kernel finds sockets. Some are the whole system's, some each network
//! namespace's own, and that has changed with time.

use rustc_hash::FxHashSet;

use super::reader::{ReadError, ReadResult, Reader};
use crate::layout::Field;

/// Buckets of one table.
const MOST_BUCKETS: u64 = 1 << 24;
/// Bytes that a link costs while it is followed.
const LINK_COST: usize = 16;
/// Sockets that are followed in all.
const MOST_SOCKETS: usize = 1 << 20;
/// Buckets of unix sockets (`2 * UNIX_HASH_SIZE`, net/unix/af_unix.c; `UNIX_HASH_SIZE` since 6.0).
const UNIX_BUCKETS: u64 = 512;

/// Which family of tables a socket was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Udp,
    UdpLite,
    Raw,
    Ping,
    Unix,
}

impl Kind {
    /// The protocol's name in `/proc/net`.
    pub fn name(self, six: bool) -> &'static str {
        match (self, six) {
            (Self::Tcp, false) => "tcp",
            (Self::Tcp, true) => "tcp6",
            (Self::Udp, false) => "udp",
            (Self::Udp, true) => "udp6",
            (Self::UdpLite, false) => "udplite",
            (Self::UdpLite, true) => "udplite6",
            (Self::Raw, false) => "raw",
            (Self::Raw, true) => "raw6",
            (Self::Ping, false) => "icmp",
            (Self::Ping, true) => "icmp6",
            (Self::Unix, _) => "unix",
        }
    }
}

/// An array of hash buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Table {
    first: u64,
    count: u64,
    /// Bytes of a bucket.
    stride: u64,
    /// Where in a bucket its chain begins.
    head: u64,
}

/// Every socket of the kinds in [`Kind`], of all namespaces.
pub(super) fn sockets(reader: &Reader, nets: impl Iterator<Item = u64>) -> Vec<(u64, Kind)> {
    let mut tables: Vec<(Table, Kind)> = Vec::new();
    let mut seen = FxHashSet::default();
    let mut add = |kind, found: ReadResult<Vec<Table>>, what| {
        for table in reader.note(what, found).unwrap_or_default() {
            if seen.insert(table.first) {
                tables.push((table, kind));
            }
        }
    };
    for net in nets {
        add(Kind::Tcp, tcp(reader, net), "table of TCP sockets");
        add(Kind::Udp, udp(reader, net), "table of UDP sockets");
        add(Kind::Unix, unix(reader, net), "table of unix sockets");
    }
    let symbols = &reader.layout.symbols;
    for symbol in [symbols.raw_v4_hashinfo, symbols.raw_v6_hashinfo] {
        let table = reader.symbol(symbol).and_then(|at| raw(reader, at));
        add(Kind::Raw, table, "table of raw sockets");
    }
    let table = reader.symbol(symbols.ping_table).and_then(|at| ping(reader, at));
    add(Kind::Ping, table, "table of ping sockets");
    let table = reader.symbol_if_any(symbols.udplite_table);
    if let Some(table) = table.transpose() {
        let table = table.and_then(|at| udp_slots(reader, at));
        add(Kind::UdpLite, table, "table of UDP-Lite sockets");
    }
    let mut found = Vec::new();
    for (table, kind) in tables {
        let chains = chains(reader, table);
        for first in reader.note("table of sockets", chains).unwrap_or_default() {
            let walked = chain(reader, first, kind, &mut found);
            reader.note("chain of sockets", walked);
        }
    }
    found
}

fn tcp(reader: &Reader, net: u64) -> ReadResult<Vec<Table>> {
    let layout = &reader.layout.sockets;
    let info = match layout.net.tcp.exists() {
        true => reader.follow(net, layout.net.tcp)?,
        false => reader.symbol(reader.layout.symbols.tcp_hashinfo)?,
    };
    let listen = |first, count| Table {
        first,
        count,
        stride: u64::from(layout.listen_bucket.size),
        head: offset(layout.listen_bucket.head),
    };
    let listening = match layout.inet.listening.member() {
        Some(member) => listen(reader.at(info, layout.inet.listening)?, u64::from(member.elements)),
        None => listen(
            reader.follow(info, layout.inet.lhash2)?,
            reader.unsigned(info, layout.inet.lhash2_mask)?.wrapping_add(1),
        ),
    };
    let established = Table {
        first: reader.follow(info, layout.inet.ehash)?,
        count: reader.unsigned(info, layout.inet.ehash_mask)?.wrapping_add(1),
        stride: u64::from(layout.established_bucket.size),
        head: offset(layout.established_bucket.head),
    };
    Ok(vec![listening, established])
}

fn udp(reader: &Reader, net: u64) -> ReadResult<Vec<Table>> {
    let layout = &reader.layout.sockets;
    let table = match layout.net.udp.exists() {
        true => reader.follow(net, layout.net.udp)?,
        false => reader.symbol(reader.layout.symbols.udp_table)?,
    };
    udp_slots(reader, table)
}

/// The hash by port of a `struct udp_table`, in which all of its sockets are.
fn udp_slots(reader: &Reader, table: u64) -> ReadResult<Vec<Table>> {
    let layout = &reader.layout.sockets;
    Ok(vec![Table {
        first: reader.follow(table, layout.udp.hash)?,
        count: reader.unsigned(table, layout.udp.mask)?.wrapping_add(1),
        stride: u64::from(layout.udp_slot.size),
        head: offset(layout.udp_slot.head),
    }])
}

fn unix(reader: &Reader, net: u64) -> ReadResult<Vec<Table>> {
    let layout = &reader.layout.sockets;
    let first = match layout.net.unix_buckets.exists() {
        true => reader.follow(net, layout.net.unix_buckets)?,
        false => reader.symbol(reader.layout.symbols.unix_socket_table)?,
    };
    Ok(vec![Table { first, count: UNIX_BUCKETS, stride: 8, head: 0 }])
}

fn raw(reader: &Reader, info: u64) -> ReadResult<Vec<Table>> {
    heads(reader, info, reader.layout.sockets.raw.table)
}

fn ping(reader: &Reader, table: u64) -> ReadResult<Vec<Table>> {
    heads(reader, table, reader.layout.sockets.ping.hash)
}

/// An array of heads that is a member.
fn heads(reader: &Reader, base: u64, array: Field) -> ReadResult<Vec<Table>> {
    let member = array.member().ok_or(ReadError::NoMember(array.name))?;
    let first = reader.at(base, array)?;
    Ok(vec![Table { first, count: u64::from(member.elements), stride: 8, head: 0 }])
}

fn offset(field: Field) -> u64 {
    field.member().map_or(0, |member| u64::from(member.offset))
}

/// A chain ends with NULL or, where readers must tell chains apart, with an odd number.
fn is_end(link: u64) -> bool {
    link == 0 || link & 1 != 0
}

/// The first links of the chains that are not empty.
fn chains(reader: &Reader, table: Table) -> ReadResult<Vec<u64>> {
    const NO_TABLE: &str = "a table of sockets has no size";
    let bytes = table.count.checked_mul(table.stride).filter(|_| table.count <= MOST_BUCKETS);
    let in_words = [table.first, table.stride, table.head].iter().all(|at| at.is_multiple_of(8));
    let Some(bytes) = bytes.filter(|_| in_words && table.stride >= 8) else {
        return Err(ReadError::Nonsense { what: NO_TABLE, address: table.first });
    };
    let first = table.first.wrapping_add(table.head);
    let mut chains = Vec::new();
    reader.space.prefetch_run(table.first, bytes);
    reader.space.words(first, table.count, table.stride, |_, link| {
        if !is_end(link) {
            reader.keep(LINK_COST)?;
            chains.push(link);
        }
        Ok::<_, ReadError>(())
    })?;
    Ok(chains)
}

/// The sockets of one chain.
fn chain(reader: &Reader, first: u64, kind: Kind, found: &mut Vec<(u64, Kind)>) -> ReadResult<()> {
    let node = reader.layout.sockets.common.node;
    let mut link = first;
    while !is_end(link) {
        if found.len() >= MOST_SOCKETS {
            return Err(ReadError::Nonsense { what: "the chain does not end", address: link });
        }
        reader.keep(2 * LINK_COST)?;
        found.push((reader.container(link, node)?, kind));
        link = reader.u64_at(link)?;
    }
    Ok(())
}
