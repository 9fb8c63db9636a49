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
    /// Its protocol and both ends as one number, its own end first; and that of a socket that it may be connected to.
    ends: (u128, u128),
    row: &'a Connection,
    process: Option<&'a Text>,
}

/// Numbers for addresses, so that the ends of a connection fit into one.
#[derive(Default)]
struct Numbers(HashMap<IpAddr, u32>);

impl Numbers {
    fn of(&mut self, (address, port): (IpAddr, u16)) -> u128 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let number = *self.0.entry(address).or_insert(next);
        (u128::from(number) << 16) | u128::from(port)
    }

    fn of_ends(
        &mut self,
        protocol: &str,
        local: (IpAddr, u16),
        remote: (IpAddr, u16),
    ) -> (u128, u128) {
        // As many bits as two ends leave.
        let protocol = PROTOCOLS.iter().position(|one| *one == protocol).unwrap_or(PROTOCOLS.len());
        let protocol = (protocol as u128) << 96;
        let (local, remote) = (self.of(local), self.of(remote));
        (protocol | (local << 48) | remote, protocol | (remote << 48) | local)
    }
}

/// Sockets of the same ends: the last one by the ends, and for each the one before it.
#[derive(Default)]
struct SameEnds {
    last: HashMap<u128, usize>,
    before: Vec<Option<usize>>,
}

impl SameEnds {
    fn of(sockets: &[Socket]) -> Self {
        let mut last = HashMap::with_capacity(sockets.len());
        let numbered = sockets.iter().enumerate();
        let before = numbered.map(|(place, one)| last.insert(one.ends.0, place)).collect();
        Self { last, before }
    }

    fn places(&self, ends: u128) -> impl Iterator<Item = usize> {
        let first = self.last.get(&ends).copied();
        std::iter::successors(first, |place| self.before.get(*place).copied().flatten())
    }
}

/// The protocols of connections; the name of one begins the name of what it is over IPv6.
const PROTOCOLS: [&str; 3] = ["udplite", "tcp", "udp"];

/// A listening socket and its process, by namespace, protocol and port.
type Listeners<'a> = HashMap<(Netns, &'static str, u16), (&'a Connection, Option<&'a Text>)>;

impl Builder {
    pub fn connections(&mut self, guests: &[GuestOfHost], places: &[usize]) {
        let mut sockets: Vec<Socket> = Vec::new();
        let mut listeners = Listeners::new();
        let mut numbers = Numbers::default();
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
                        let ends = numbers.of_ends(protocol, local, remote);
                        sockets.push(Socket { netns, protocol, local, remote, ends, row, process });
                    }
                    _ => {
                        listeners.entry((netns, protocol, local.1)).or_insert((row, process));
                    }
                }
            }
        }
        let same_ends = SameEnds::of(&sockets);
        // The only socket that another one may be connected to.
        let only = |near: &Socket| {
            let is_own = is_of_one_host(near.local.0);
            let may_be = |other: &Socket| match is_own {
                // An address that each namespace has.
                true => other.netns == near.netns,
                false => self.may_reach(near.netns, near.remote.0, other.netns),
            };
            let places = same_ends.places(near.ends.1);
            let mut found = places.filter(|place| sockets.get(*place).is_some_and(may_be));
            found.next().filter(|_| found.next().is_none())
        };
        // The other end of each, where both are each other's only one.
        let others: Vec<Option<usize>> = sockets
            .iter()
            .enumerate()
            .map(|(place, one)| {
                let other = only(one)?;
                let back = sockets.get(other)?;
                let is_mutual = only(back) == Some(place);
                (is_mutual && other != place).then_some(other)
            })
            .collect();
        for (place, one) in sockets.iter().enumerate() {
            let is_server = |netns, port| listeners.contains_key(&(netns, one.protocol, port));
            let serves = is_server(one.netns, one.local.1);
            let other = others.get(place).copied().flatten();
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

    /// False if an address that leads from one namespace to a second one is there that of a network apart.
    fn may_reach(&self, from: Netns, address: IpAddr, to: Netns) -> bool {
        let has = |netns: Netns| {
            let places = self.by_address.get(&address).into_iter().flatten();
            places.filter_map(|place| self.owners.get(*place)).any(|owner| owner.netns == netns)
        };
        from == to || !has(to) || self.owner(from, address).is_none_or(|owner| owner.netns == to)
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
