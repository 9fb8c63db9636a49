//! The section `neighbours`: ARP and neighbour discovery of every network namespace, as `ip neigh show nud all` and
//! `ip neigh show proxy` (RTM_GETNEIGH) print them.

use std::net::{Ipv4Addr, Ipv6Addr};

use rustc_hash::FxHashMap;

use super::interfaces::{LONGEST_ADDRESS, hardware_address};
use super::lists::Walk;
use super::namespaces::networks;
use super::read_error::ReadError;
use super::reader::{ReadResult, Reader};
use super::routes::{name, protocol};
use super::whole::{pointers, whole};
use crate::frame::{Neighbour, Text};
use crate::layout::Field;

/// The logarithm of the chains of one table: an entry has its place within 128 MiB.
const MOST_SHIFT: u64 = 24;
/// Chains of proxy entries (`PNEIGH_HASHMASK + 1`, net/core/neighbour.c).
const PROXY_CHAINS: u64 = 16;
/// `NUD_VALID` (include/net/neighbour.h): the states in which there is a hardware address.
const VALID: u64 = 0xde;
/// States by their number (`NUD_`, include/uapi/linux/neighbour.h).
const STATES: [(u64, &str); 9] = [
    (0, "none"),
    (0x01, "incomplete"),
    (0x02, "reachable"),
    (0x04, "stale"),
    (0x08, "delay"),
    (0x10, "probe"),
    (0x20, "failed"),
    (0x40, "noarp"),
    (0x80, "permanent"),
];
/// `NTF_PROXY`.
const PROXY: u64 = 0x08;
/// Flags (`NTF_`, and `NTF_EXT_` from bit 8 on) by the names of ip(8).
const FLAGS: [(u64, &str); 11] = [
    (0x01, "use"),
    (0x02, "self"),
    (0x04, "master"),
    (PROXY, "proxy"),
    (0x10, "extern_learn"),
    (0x20, "offload"),
    (0x40, "sticky"),
    (0x80, "router"),
    (0x100, "managed"),
    (0x200, "locked"),
    (0x400, "extern_valid"),
];

/// Network namespaces by the place of their `struct net`.
type Networks = FxHashMap<u64, Option<u32>>;

pub(super) fn crawl(reader: &Reader) -> Vec<Neighbour> {
    let tables = reader.symbol(reader.layout.symbols.neigh_tables);
    let Some(tables) = reader.note("tables of neighbours", tables) else { return Vec::new() };
    let networks: Networks = networks(reader).into_iter().collect();
    let mut rows = Vec::new();
    for (index, family) in (0..).zip([Family::Inet, Family::Inet6]) {
        let table =
            reader.note("table of neighbours", reader.u64_at(tables.wrapping_add(index * 8)));
        // None where the kernel has no IPv6.
        let Some(at) = table.filter(|table| *table != 0) else { continue };
        rows.extend(whole(reader, family.table(), |rows| {
            let mut table = Table { reader, networks: &networks, family, rows };
            table.neighbours(at)?;
            table.proxies(at)
        }));
    }
    rows
}

/// The family of a table's addresses.
#[derive(Clone, Copy)]
enum Family {
    Inet,
    Inet6,
}

impl Family {
    fn word(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
        }
    }

    /// The name of its table.
    fn table(self) -> &'static str {
        match self {
            Self::Inet => "ARP",
            Self::Inet6 => "neighbour discovery",
        }
    }

    /// `AF_INET` or `AF_INET6`, and the bytes of an address.
    fn numbers(self) -> (u64, u64) {
        match self {
            Self::Inet => (2, 4),
            Self::Inet6 => (10, 16),
        }
    }

    fn address(self, reader: &Reader, at: u64) -> ReadResult<Text> {
        match self {
            Self::Inet => {
                let address = Ipv4Addr::from(reader.u32_at(at)?.to_le_bytes());
                Ok(Text::of(format_args!("{address}")))
            }
            Self::Inet6 => {
                let mut bytes = [0; 16];
                reader.space.read(at, &mut bytes)?;
                reader.kept(Text::of(format_args!("{}", Ipv6Addr::from(bytes))))
            }
        }
    }
}

/// The reading of one table.
struct Table<'c, 'a> {
    reader: &'c Reader<'a>,
    networks: &'c Networks,
    family: Family,
    rows: &'c mut Vec<Neighbour>,
}

impl Table<'_, '_> {
    /// In the order of `neigh_dump_table` (net/core/neighbour.c).
    fn neighbours(&mut self, table: u64) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.neighbours);
        let family = reader.unsigned(table, layout.table.family)?;
        let bytes = reader.unsigned(table, layout.table.key_length)?;
        if (family, bytes) != self.family.numbers() {
            let what = "a table of neighbours is of another family";
            return Err(ReadError::Nonsense { what, address: table });
        }
        let hash = reader.follow(table, layout.table.hash)?;
        let shift = reader.unsigned(hash, layout.hash.shift)?;
        if shift > MOST_SHIFT {
            let what = "a table of neighbours is too large";
            return Err(ReadError::Nonsense { what, address: hash });
        }
        let chains = reader.follow(hash, layout.hash.chains)?;
        let in_lists = layout.entry.node.exists();
        for (_, first) in pointers(reader, chains, 1 << shift)? {
            let mut link = first;
            let mut walk = Walk::new(link);
            while link != 0 {
                walk.step(link, "the neighbours of a chain do not end", link)?;
                let entry = match in_lists {
                    true => reader.container(link, layout.entry.node)?,
                    false => link,
                };
                self.neighbour(entry)?;
                link = match in_lists {
                    true => reader.u64_at(link)?,
                    false => reader.unsigned(entry, layout.entry.next)?,
                };
            }
        }
        Ok(())
    }

    /// In the order of `pneigh_dump_table`.
    fn proxies(&mut self, table: u64) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.neighbours);
        let chains = reader.follow(table, layout.table.proxies)?;
        for (_, first) in pointers(reader, chains, PROXY_CHAINS)? {
            let mut entry = first;
            let mut walk = Walk::new(entry);
            while entry != 0 {
                walk.step(entry, "the proxy entries of a chain do not end", entry)?;
                self.proxy(entry)?;
                entry = reader.unsigned(entry, layout.proxy.next)?;
            }
        }
        Ok(())
    }

    /// As `neigh_fill_info` tells it.
    fn neighbour(&mut self, entry: u64) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.neighbours.entry);
        let device = reader.follow(entry, layout.device)?;
        let net = reader.unsigned(device, reader.layout.neighbours.device.net)?;
        let state = reader.note("state", reader.unsigned(entry, layout.state));
        let mac = match state {
            Some(state) if state & VALID != 0 => {
                reader.note("mac", self.mac(entry, device)).flatten()
            }
            _ => None,
        };
        let flags = reader.note("flags", reader.unsigned(entry, layout.flags));
        let row = Neighbour {
            address: reader.note("address", self.address(entry, layout.address)),
            mac,
            state: state.map(|state| name(&STATES, state)),
            flags: flags.map(words),
            protocol: self.protocol(entry, layout.protocol),
            ..Neighbour::default()
        };
        self.push(net, Some(device), row)
    }

    /// As `pneigh_fill_info` tells it.
    fn proxy(&mut self, entry: u64) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.neighbours.proxy);
        let net = reader.unsigned(entry, layout.net)?;
        let device = reader.note("interface", reader.pointer(entry, layout.device)).flatten();
        let flags = reader.note("flags", reader.unsigned(entry, layout.flags));
        let row = Neighbour {
            address: reader.note("address", self.address(entry, layout.address)),
            state: Some(name(&STATES, 0)),
            flags: flags.map(|flags| words(flags | PROXY)),
            protocol: self.protocol(entry, layout.protocol),
            ..Neighbour::default()
        };
        self.push(net, device, row)
    }

    /// One more row, of a namespace and an interface. A namespace that is not in the list is going.
    fn push(&mut self, net: u64, device: Option<u64>, row: Neighbour) -> ReadResult<()> {
        let (reader, layout) = (self.reader, &self.reader.layout.network.device);
        let Some(netns) = self.networks.get(&net) else { return Ok(()) };
        reader.row::<Neighbour>()?;
        let name = device.map(|device| reader.text(device, layout.name));
        let index = device.map(|device| reader.u32(device, layout.ifindex));
        self.rows.push(Neighbour {
            netns: *netns,
            family: Text::fixed(self.family.word()),
            interface: name.and_then(|name| reader.note("interface", name)),
            interface_index: index.and_then(|index| reader.note("interface_index", index)),
            ..row
        });
        Ok(())
    }

    fn address(&self, entry: u64, address: Field) -> ReadResult<Text> {
        self.family.address(self.reader, self.reader.at(entry, address)?)
    }

    fn mac(&self, entry: u64, device: u64) -> ReadResult<Option<Text>> {
        let (reader, layout) = (self.reader, &self.reader.layout.network.device);
        let length = reader.unsigned(device, layout.addr_len)?.min(LONGEST_ADDRESS) as usize;
        if length == 0 {
            return Ok(None);
        }
        let at = reader.at(entry, reader.layout.neighbours.entry.mac)?;
        let kind = reader.unsigned(device, layout.hardware)?;
        reader.kept(hardware_address(&reader.bytes_at(at, length)?, kind)).map(Some)
    }

    /// `None` where nobody said.
    fn protocol(&self, entry: u64, field: Field) -> Option<Text> {
        let number = self.reader.note("protocol", self.reader.unsigned(entry, field));
        number.filter(|number| *number != 0).map(protocol)
    }
}

fn words(flags: u64) -> Vec<Text> {
    let words = FLAGS.iter().filter(|(bit, _)| flags & bit != 0);
    words.map(|(_, word)| Text::fixed(word)).collect()
}
