//! Connections: both ends of each, across guests.

use std::collections::HashMap;
use std::net::IpAddr;

use nfm_frame::{Connection, Text};

use super::addresses::{end, is_of_one_host};
use super::graph::{Builder, Netns};
use super::{EdgeKind, GuestOfHost, NodeKind};

/// A connected socket.
struct Socket<'a> {
    netns: Netns,
    protocol: &'static str,
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    row: &'a Connection,
    process: Option<&'a Text>,
}

/// Numbers for addresses, so that the ends of a connection fit into one. An address that each namespace has is one of each.
#[derive(Default)]
struct Numbers(HashMap<(Option<Netns>, IpAddr), u32>);

impl Numbers {
    fn of(&mut self, netns: Netns, (address, port): (IpAddr, u16)) -> u128 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let netns = is_of_one_host(address).then_some(netns);
        let number = *self.0.entry((netns, address)).or_insert(next);
        (u128::from(number) << 16) | u128::from(port)
    }

    /// A number that both ends of a connection have, and true at the one end.
    fn of_ends(&mut self, one: &Socket) -> (u128, bool) {
        // As many bits as two ends leave.
        let protocol = PROTOCOLS.iter().position(|name| *name == one.protocol);
        let protocol = (protocol.unwrap_or(PROTOCOLS.len()) as u128) << 96;
        let (local, remote) = (self.of(one.netns, one.local), self.of(one.netns, one.remote));
        let (low, high) = (local.min(remote), local.max(remote));
        (protocol | (low << 48) | high, local < remote)
    }
}

/// Sockets of the same ends are compared with so many others at most.
const MOST_PAIRS: usize = 10_000;

/// The protocols of connections; the name of one begins the name of what it is over IPv6.
const PROTOCOLS: [&str; 3] = ["udplite", "tcp", "udp"];

/// A listening socket and its process, by namespace, protocol and port.
type Listeners<'a> = HashMap<(Netns, &'static str, u16), (&'a Connection, Option<&'a Text>)>;

impl Builder {
    pub fn connections(&mut self, guests: &[GuestOfHost], places: &[usize]) {
        let rows = guests.iter().map(|guest| guest.frame.connections.as_ref().map_or(0, Vec::len));
        let mut sockets: Vec<Socket> = Vec::with_capacity(rows.sum());
        let mut listeners = Listeners::new();
        for (guest, place) in guests.iter().zip(places) {
            let names: HashMap<u32, &Text> = guest
                .frame
                .processes
                .iter()
                .flatten()
                .filter_map(|process| Some((process.pid, process.name.as_ref()?)))
                .collect();
            for row in guest.frame.connections.iter().flatten() {
                let (Some(protocol), Some(local)) =
                    (protocol_of(row), end(&row.local_address, row.local_port))
                else {
                    continue;
                };
                let netns = (*place, row.netns);
                let process = row.pid.and_then(|pid| names.get(&pid).copied());
                match end(&row.remote_address, row.remote_port) {
                    Some(remote) if remote.1 != 0 && !remote.0.is_unspecified() => {
                        sockets.push(Socket { netns, protocol, local, remote, row, process });
                    }
                    _ => {
                        listeners.entry((netns, protocol, local.1)).or_insert((row, process));
                    }
                }
            }
        }
        let others = self.other_ends(&sockets);
        let pairs = others.iter().flatten().count() / 2;
        self.topology.edges.reserve(sockets.len().saturating_sub(pairs));
        for (place, one) in sockets.iter().enumerate() {
            let is_server = |netns, port| listeners.contains_key(&(netns, one.protocol, port));
            let serves = is_server(one.netns, one.local.1);
            let other = others.get(place).copied().flatten().map(|other| other as usize);
            let other = other.and_then(|other| Some((other, sockets.get(other)?)));
            let (to, is_client, both_ends) = match other {
                // It is drawn from its first end.
                Some((other, _)) if other < place => continue,
                Some((_, other)) => {
                    let other_serves = is_server(other.netns, other.local.1);
                    let is_client = match (serves, other_serves) {
                        (false, true) => true,
                        (true, false) => false,
                        _ => one.local.1 > other.local.1,
                    };
                    let to = self.process(other.netns, other.row.pid, other.process);
                    (to, is_client, true)
                }
                None => (self.far_end(one, &listeners), !serves, false),
            };
            let from = self.process(one.netns, one.row.pid, one.process);
            let (protocol, state) = (one.protocol, one.row.state.clone());
            let (ends, nodes) = match is_client {
                true => ((one.local, one.remote), (from, to)),
                false => ((one.remote, one.local), (to, from)),
            };
            let kind =
                EdgeKind::Connection { protocol, from: ends.0, to: ends.1, state, both_ends };
            self.edge(nodes.0, nodes.1, kind);
        }
    }

    /// The place of the other end of each socket, where both are each other's only one. Sorting keeps those that belong together
    /// together, also in the CPU's caches.
    fn other_ends(&self, sockets: &[Socket]) -> Vec<Option<u32>> {
        let mut numbers = Numbers::default();
        let with_place = |(one, place): (&Socket, u32)| {
            let (ends, is_low) = numbers.of_ends(one);
            (ends, is_low, place)
        };
        let mut by_ends: Vec<(u128, bool, u32)> = sockets.iter().zip(0..).map(with_place).collect();
        by_ends.sort_unstable();
        let at = |(_, _, place): &(u128, bool, u32)| sockets.get(*place as usize);
        // The only one of several that a socket may be connected to.
        let only = |near: &Socket, far: &[(u128, bool, u32)]| {
            let mut found = far.iter().filter(|far| {
                at(far).is_some_and(|far| self.may_reach(near.netns, near.remote.0, far.netns))
            });
            found.next().filter(|_| found.next().is_none()).map(|(_, _, place)| *place)
        };
        let mut others = vec![None; sockets.len()];
        for same in by_ends.chunk_by(|a, b| a.0 == b.0) {
            let (high, low) = same.split_at(same.partition_point(|(_, is_low, _)| !is_low));
            // A guest that has the same socket many times says nothing of which is meant.
            if high.len().saturating_mul(low.len()) > MOST_PAIRS {
                continue;
            }
            for one in high {
                let other = at(one).and_then(|near| only(near, low));
                let back = other.and_then(|other| only(sockets.get(other as usize)?, high));
                if let (Some(other), Some(back)) = (other, back)
                    && back == one.2
                    && let Ok([one, far]) = others.get_disjoint_mut([back as usize, other as usize])
                {
                    (*one, *far) = (Some(other), Some(back));
                }
            }
        }
        others
    }

    /// False if an address that leads from one namespace to a second one is there that of a network apart.
    fn may_reach(&self, from: Netns, address: IpAddr, to: Netns) -> bool {
        let has = |netns: Netns| {
            let places = self.by_address.get(&address).into_iter().flatten();
            places.filter_map(|place| self.owners.get(*place)).any(|owner| owner.netns == netns)
        };
        let owner = || self.owner(from, address);
        from == to || owner().is_none_or(|owner| owner.netns == to) || !has(to)
    }

    /// The far end of a connection of which one end was seen: who listens there, the namespace, or an address.
    fn far_end(&mut self, one: &Socket, listeners: &Listeners) -> usize {
        let owner = self.owner(one.netns, one.remote.0).map(|owner| owner.netns);
        match owner {
            Some(netns) => match listeners.get(&(netns, one.protocol, one.remote.1)) {
                Some((row, process)) => self.process(netns, row.pid, *process),
                None => self.namespace(netns),
            },
            None => self.external(one.netns, one.remote.0),
        }
    }

    /// The process that has a socket; the namespace where none has it open any more.
    fn process(&mut self, netns: Netns, pid: Option<u32>, name: Option<&Text>) -> usize {
        let Some(pid) = pid else { return self.namespace(netns) };
        if let Some(known) = self.processes.get(&(netns, pid)) {
            return *known;
        }
        let namespace = self.namespace(netns);
        let name = name.map_or("?", |name| name.as_str());
        let place = self.node(NodeKind::Process, Some(namespace), &format!("{name}[{pid}]"));
        self.processes.insert((netns, pid), place);
        place
    }
}

pub(super) fn protocol_of(row: &Connection) -> Option<&'static str> {
    PROTOCOLS.into_iter().find(|name| row.protocol.starts_with(name))
}
