//! The network of many guests: which interfaces share a network, and which processes talk to each other.
//!
//! Frames tell each guest's own view. Both ends of a connection are matched by their addresses, ports and protocol; what
//! several guests could mean, as they have the same address in networks apart, is matched with nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use nfm_frame::{Connection, Frame, Interface, Neighbour, Route, Text};

/// The routing table of a namespace's own addresses (`RT_TABLE_LOCAL`).
const LOCAL_TABLE: u32 = 255;

/// A guest's frame, and its host.
#[derive(Clone, Copy, Debug)]
pub struct GuestOfHost<'a> {
    /// The host's name, where it is known.
    pub host: Option<&'a str>,
    /// The sections `processes`, `interfaces`, `connections`, `neighbours` and `routes`, as far as they are to be shown.
    pub frame: &'a Frame,
}

/// Guests, what is in them, and what leads from one to another. Nodes and edges have the order of hosts' and guests' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The ends of edges.
    pub nodes: Vec<Node>,
    /// Each leads from one node to another.
    pub edges: Vec<Edge>,
}

/// The kinds of a [`Node`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A host of guests.
    Host,
    /// A network by its addresses; one for each guest where guests have the same address in it.
    Network,
    /// A guest.
    Guest,
    /// A network namespace of a guest.
    Namespace,
    /// A network interface.
    Interface,
    /// A process that has a connection.
    Process,
    /// An address that none of the guests has, or several.
    External,
}

impl NodeKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Network => "network",
            Self::Guest => "guest",
            Self::Namespace => "namespace",
            Self::Interface => "interface",
            Self::Process => "process",
            Self::External => "external",
        }
    }
}

/// A node of a [`Topology`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its kind.
    pub kind: NodeKind,
    /// Its name, which no other node has: the names of those around it, then its own.
    pub id: String,
    /// Its own name.
    pub name: String,
    /// The place in [`Topology::nodes`] of the node that it is in.
    pub parent: Option<usize>,
}

/// An edge of a [`Topology`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The place in [`Topology::nodes`] of the node that it comes from; of a connection, the client.
    pub from: usize,
    /// That of the node that it leads to.
    pub to: usize,
    /// Its kind.
    pub kind: EdgeKind,
}

/// The kinds of an [`Edge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// An interface has an address of a network.
    Link {
        /// The address with its prefix length.
        address: Text,
    },
    /// An interface knows the hardware address of another.
    Neighbour {
        /// The other's IP address.
        address: Text,
        /// Its hardware address.
        mac: Text,
    },
    /// A namespace sends what is for some addresses to another.
    Route {
        /// The addresses with their prefix length.
        destination: Text,
    },
    /// A process has a connection.
    Connection {
        /// `tcp`, `udp` or `udplite`, over IPv4 and IPv6.
        protocol: &'static str,
        /// The client's address and port.
        from: (IpAddr, u16),
        /// The server's.
        to: (IpAddr, u16),
        /// The state at the end that was looked at first.
        state: Option<Text>,
        /// True if both ends are in the frames.
        both_ends: bool,
    },
}

impl EdgeKind {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Link { .. } => "link",
            Self::Neighbour { .. } => "neighbour",
            Self::Route { .. } => "route",
            Self::Connection { .. } => "connection",
        }
    }
}

/// The topology of guests by their frames, which should be of about one time.
pub fn topology(guests: &[GuestOfHost]) -> Topology {
    let mut guests = guests.to_vec();
    guests.sort_by_key(|guest| (guest.host, &guest.frame.domain.name, &guest.frame.domain.uuid));
    let mut builder = Builder::default();
    let mut places = Vec::with_capacity(guests.len());
    for guest in &guests {
        places.push(builder.guest(guest));
    }
    builder.find_networks();
    for (guest, place) in guests.iter().zip(&places) {
        let frame = guest.frame;
        frame.neighbours.iter().flatten().for_each(|row| builder.neighbour(*place, row));
        frame.routes.iter().flatten().for_each(|row| builder.route(*place, row));
    }
    builder.connections(&guests, &places);
    builder.topology
}

/// A network namespace: the guest's node, and the namespace's inode.
type Netns = (usize, Option<u32>);
/// The addresses of a network: its first one, and the length of the prefix.
type Subnet = (IpAddr, u8);

/// An address of an interface.
struct Owner {
    netns: Netns,
    interface: usize,
    address: IpAddr,
    with_prefix: Text,
    mac: Option<Text>,
    subnet: Option<Subnet>,
}

/// A connected socket.
struct Socket<'a> {
    netns: Netns,
    protocol: &'static str,
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    row: &'a Connection,
    process: Option<&'a Text>,
}

#[derive(Default)]
struct Builder {
    topology: Topology,
    /// Nodes by their ids.
    known: HashMap<String, usize>,
    owners: Vec<Owner>,
    /// The places in `owners` by address.
    by_address: HashMap<IpAddr, Vec<usize>>,
    /// Interfaces by namespace and index.
    interfaces: HashMap<(Netns, u32), usize>,
    /// The node of the network of a namespace.
    networks: HashMap<(Netns, Subnet), usize>,
    /// The subnets of a namespace.
    subnets: HashMap<Netns, BTreeSet<Subnet>>,
}

impl Builder {
    /// The node of a name within another, which is made if need be.
    fn node(&mut self, kind: NodeKind, parent: Option<usize>, name: &str) -> usize {
        self.node_apart(kind, parent, name, "")
    }

    /// The same, apart from others of its name.
    fn node_apart(
        &mut self,
        kind: NodeKind,
        parent: Option<usize>,
        name: &str,
        apart: &str,
    ) -> usize {
        let around = parent.and_then(|parent| self.topology.nodes.get(parent));
        let around = around.map_or(String::new(), |node| format!("{}/", node.id));
        let id = format!("{around}{}:{name}{apart}", kind.name());
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let place = self.topology.nodes.len();
        self.known.insert(id.clone(), place);
        self.topology.nodes.push(Node { kind, id, name: name.to_owned(), parent });
        place
    }

    fn edge(&mut self, from: usize, to: usize, kind: EdgeKind) {
        self.topology.edges.push(Edge { from, to, kind });
    }

    /// Adds a guest with its namespaces and interfaces; gives its place.
    fn guest(&mut self, guest: &GuestOfHost) -> usize {
        let host = guest.host.map(|host| self.node(NodeKind::Host, None, host));
        let domain = &guest.frame.domain;
        // Two hosts may have guests of one name.
        let apart = match (host, &domain.uuid) {
            (None, Some(uuid)) => format!(" {uuid}"),
            _ => String::new(),
        };
        let place = self.node_apart(NodeKind::Guest, host, &domain.name, &apart);
        for row in guest.frame.interfaces.iter().flatten() {
            self.interface(place, row);
        }
        place
    }

    fn namespace(&mut self, (guest, inode): Netns) -> usize {
        let name = inode.map_or("?".to_owned(), |inode| inode.to_string());
        self.node(NodeKind::Namespace, Some(guest), &name)
    }

    fn interface(&mut self, guest: usize, row: &Interface) {
        let netns = (guest, row.netns);
        let namespace = self.namespace(netns);
        let name = row.name.as_deref().unwrap_or("?");
        let interface = self.node(NodeKind::Interface, Some(namespace), name);
        if let Some(index) = row.index {
            self.interfaces.insert((netns, index), interface);
        }
        for with_prefix in row.ipv4.iter().flatten().chain(row.ipv6.iter().flatten()) {
            let Some((address, prefix)) = prefix_of(with_prefix) else { continue };
            let subnet = subnet_of(address, prefix);
            self.by_address.entry(address).or_default().push(self.owners.len());
            let (with_prefix, mac) = (with_prefix.clone(), row.mac.clone());
            self.owners.push(Owner { netns, interface, address, with_prefix, mac, subnet });
        }
    }

    /// Makes the networks, once all interfaces are known. One in which an address is used twice is several.
    fn find_networks(&mut self) {
        let mut members: BTreeMap<Subnet, Vec<usize>> = BTreeMap::new();
        for (place, owner) in self.owners.iter().enumerate() {
            if let Some(subnet) = owner.subnet {
                members.entry(subnet).or_default().push(place);
                self.subnets.entry(owner.netns).or_default().insert(subnet);
            }
        }
        let owners = std::mem::take(&mut self.owners);
        for (subnet, places) in members {
            let of_subnet = || places.iter().filter_map(|place| owners.get(*place));
            let mut users: HashMap<IpAddr, Netns> = HashMap::new();
            let is_one = of_subnet()
                .all(|owner| *users.entry(owner.address).or_insert(owner.netns) == owner.netns);
            let name = format!("{}/{}", subnet.0, subnet.1);
            for owner in of_subnet() {
                let apart = match is_one {
                    true => String::new(),
                    false => format!(" of {}", self.id_of(owner.netns)),
                };
                let network = self.node_apart(NodeKind::Network, None, &name, &apart);
                self.networks.insert((owner.netns, subnet), network);
                let address = owner.with_prefix.clone();
                self.edge(owner.interface, network, EdgeKind::Link { address });
            }
        }
        self.owners = owners;
    }

    fn id_of(&mut self, netns: Netns) -> String {
        let namespace = self.namespace(netns);
        self.topology.nodes.get(namespace).map(|node| node.id.clone()).unwrap_or_default()
    }

    /// The only interface that has an address, seen from a namespace; its own interfaces come first.
    fn owner(&self, from: Netns, address: IpAddr) -> Option<&Owner> {
        let places = self.by_address.get(&address)?;
        let owners = || places.iter().filter_map(|place| self.owners.get(*place));
        if let Some(own) = owners().find(|owner| owner.netns == from) {
            return Some(own);
        }
        let first = owners().next().filter(|_| !is_of_one_host(address))?;
        owners().all(|owner| owner.netns == first.netns).then_some(first)
    }

    /// The node of an address that no guest has, or several: those of networks apart are apart.
    fn external(&mut self, from: Netns, address: IpAddr) -> usize {
        let mut subnets = self.subnets.get(&from).into_iter().flatten();
        let network = subnets.find_map(|(_, prefix)| {
            self.networks.get(&(from, subnet_of(address, *prefix)?)).copied()
        });
        self.node(NodeKind::External, network, &address.to_string())
    }

    /// An entry that is valid, and of one machine.
    fn neighbour(&mut self, guest: usize, row: &Neighbour) {
        let netns = (guest, row.netns);
        let from = row.interface_index.and_then(|index| self.interfaces.get(&(netns, index)));
        let address = row.address.as_deref().and_then(parsed);
        let state = row.state.as_deref().unwrap_or_default();
        let is_proxy = row.flags.iter().flatten().any(|flag| flag == "proxy");
        if let (Some(from), Some(address), Some(text), Some(mac)) =
            (from.copied(), address, row.address.clone(), row.mac.clone())
            && !matches!(state, "failed" | "incomplete" | "noarp" | "none")
            && !is_proxy
            && !address.is_multicast()
        {
            let owner = self.owner(netns, address);
            let is_it =
                |owner: &&Owner| owner.mac.as_ref() == Some(&mac) && owner.interface != from;
            let owner = owner.filter(is_it).map(|owner| owner.interface);
            let to = owner.unwrap_or_else(|| self.external(netns, address));
            self.edge(from, to, EdgeKind::Neighbour { address: text, mac });
        }
    }

    /// A route to another machine.
    fn route(&mut self, guest: usize, row: &Route) {
        let netns = (guest, row.netns);
        let gateway = row.gateway.as_deref().and_then(parsed);
        if let (Some(gateway), Some(destination)) = (gateway, row.destination.clone())
            && row.table != Some(LOCAL_TABLE)
            && row.kind.as_deref() == Some("unicast")
        {
            let from = self.namespace(netns);
            let owner = self.owner(netns, gateway).map(|owner| owner.interface);
            let to = owner.unwrap_or_else(|| self.external(netns, gateway));
            self.edge(from, to, EdgeKind::Route { destination });
        }
    }

    fn connections(&mut self, guests: &[GuestOfHost], places: &[usize]) {
        let mut sockets: Vec<Socket> = Vec::new();
        let mut listeners: HashMap<(Netns, &str, u16), (&Connection, Option<&Text>)> =
            HashMap::new();
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
        let mut by_ends: HashMap<_, Vec<usize>> = HashMap::new();
        for (place, one) in sockets.iter().enumerate() {
            by_ends.entry((one.protocol, one.local, one.remote)).or_default().push(place);
        }
        // The only socket with these ends; of addresses that each namespace has, in the same one.
        let only = |ends, near: &Socket| {
            let mut found = by_ends.get(&ends).into_iter().flatten().copied().filter(|place| {
                let is_near = |one: &Socket| one.netns == near.netns;
                !is_of_one_host(near.local.0) || sockets.get(*place).is_some_and(is_near)
            });
            found.next().filter(|_| found.next().is_none())
        };
        for (place, one) in sockets.iter().enumerate() {
            let is_server = |netns, port| listeners.contains_key(&(netns, one.protocol, port));
            let serves = is_server(one.netns, one.local.1);
            let other = only((one.protocol, one.remote, one.local), one)
                .filter(|other| *other != place)
                .filter(|_| only((one.protocol, one.local, one.remote), one) == Some(place));
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

    /// The far end of a connection of which one end was seen: who listens there, the namespace, or an address.
    fn far_end(
        &mut self,
        one: &Socket,
        listeners: &HashMap<(Netns, &str, u16), (&Connection, Option<&Text>)>,
    ) -> usize {
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
        let namespace = self.namespace(netns);
        let Some(pid) = pid else { return namespace };
        let name = name.map_or("?", |name| name.as_str());
        self.node(NodeKind::Process, Some(namespace), &format!("{name}[{pid}]"))
    }
}

fn parsed(address: &str) -> Option<IpAddr> {
    address.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// An address and the length of its prefix.
fn prefix_of(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    Some((parsed(address)?, prefix.parse().ok()?))
}

fn end(address: &Option<Text>, port: Option<u16>) -> Option<(IpAddr, u16)> {
    Some((parsed(address.as_deref()?)?, port?))
}

fn protocol_of(row: &Connection) -> Option<&'static str> {
    ["udplite", "tcp", "udp"].into_iter().find(|name| row.protocol.starts_with(name))
}

/// True for an address that means another machine's interface nowhere else.
fn is_of_one_host(address: IpAddr) -> bool {
    address.is_loopback()
        || matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The addresses that share a prefix; `None` of an address of one host, and where it is alone.
fn subnet_of(address: IpAddr, prefix: u8) -> Option<Subnet> {
    if is_of_one_host(address) {
        return None;
    }
    let base = match address {
        IpAddr::V4(address) => {
            let hosts = 32_u32.checked_sub(u32::from(prefix)).filter(|hosts| *hosts > 0)?;
            let mask = u32::MAX.checked_shl(hosts).unwrap_or(0);
            IpAddr::from((u32::from(address) & mask).to_be_bytes())
        }
        IpAddr::V6(address) => {
            let hosts = 128_u32.checked_sub(u32::from(prefix)).filter(|hosts| *hosts > 0)?;
            let mask = u128::MAX.checked_shl(hosts).unwrap_or(0);
            IpAddr::from((u128::from(address) & mask).to_be_bytes())
        }
    };
    Some((base, prefix))
}

#[cfg(test)]
mod tests {
    use nfm_frame::Process;

    use super::*;

    fn text(text: &str) -> Option<Text> {
        Some(text.into())
    }

    fn interface(index: u32, name: &str, addresses: &[&str]) -> Interface {
        let addresses: Vec<Text> = addresses.iter().map(|one| (*one).into()).collect();
        let (ipv6, ipv4) = addresses.into_iter().partition(|one: &Text| one.contains(':'));
        Interface {
            netns: Some(1),
            index: Some(index),
            name: text(name),
            mac: text(&format!("02:00:00:00:00:{index:02x}")),
            ipv4: Some(ipv4),
            ipv6: Some(ipv6),
            ..Interface::default()
        }
    }

    /// `10.0.0.1:80`, with the address alone for IPv6: `[::1]:80`.
    fn ends(of: &str) -> (Option<Text>, Option<u16>) {
        let (address, port) = of.rsplit_once(':').unwrap();
        (text(address.trim_matches(['[', ']'])), port.parse().ok())
    }

    fn connection(pid: u32, protocol: &'static str, local: &str, remote: &str) -> Connection {
        let ((local_address, local_port), (remote_address, remote_port)) =
            (ends(local), ends(remote));
        let state = text(if remote_port == Some(0) { "LISTEN" } else { "ESTABLISHED" });
        Connection {
            netns: Some(1),
            protocol: protocol.into(),
            state,
            local_address,
            local_port,
            remote_address,
            remote_port,
            pid: Some(pid),
            ..Connection::default()
        }
    }

    fn frame(name: &str, interfaces: Vec<Interface>, connections: Vec<Connection>) -> Frame {
        let pids: BTreeSet<u32> = connections.iter().filter_map(|one| one.pid).collect();
        let process = |pid| Process { pid, name: text(&format!("p{pid}")), ..Process::default() };
        let mut frame = Frame {
            processes: Some(pids.into_iter().map(process).collect()),
            interfaces: Some(interfaces),
            connections: Some(connections),
            ..Frame::default()
        };
        frame.domain.name = name.to_owned();
        frame
    }

    fn of(frames: &[Frame]) -> Topology {
        let guests = frames.iter().map(|frame| GuestOfHost { host: Some("h"), frame });
        topology(&guests.collect::<Vec<_>>())
    }

    /// Edges as `FROM -> TO`, with one letter for the kind, by the last two names of the nodes.
    fn edges(topology: &Topology, kind: &str) -> Vec<String> {
        let name = |place: usize| {
            let id = topology.nodes[place].id.replace("host:h/", "").replace("namespace:", "");
            id.replace("process:", "").replace("guest:", "").replace("interface:", "")
        };
        let of_kind = topology.edges.iter().filter(|edge| edge.kind.name() == kind);
        let shown = of_kind.map(|edge| {
            let both = matches!(edge.kind, EdgeKind::Connection { both_ends: true, .. });
            format!("{} {} {}", name(edge.from), if both { "=>" } else { "->" }, name(edge.to))
        });
        shown.collect()
    }

    fn two_tiers() -> Vec<Frame> {
        let eth0 = |address| vec![interface(2, "eth0", &[address, "fe80::1/64"])];
        vec![
            frame(
                "web",
                eth0("10.0.0.1/24"),
                vec![
                    connection(10, "tcp", "0.0.0.0:80", "0.0.0.0:0"),
                    connection(10, "tcp", "10.0.0.1:80", "192.0.2.7:5555"),
                    connection(11, "tcp", "10.0.0.1:40000", "10.0.0.2:5432"),
                    connection(11, "tcp", "10.0.0.1:40001", "10.0.0.2:5432"),
                ],
            ),
            frame(
                "db",
                eth0("10.0.0.2/24"),
                vec![
                    connection(20, "tcp6", "[::]:5432", "[::]:0"),
                    connection(21, "tcp6", "[::ffff:10.0.0.2]:5432", "[::ffff:10.0.0.1]:40000"),
                ],
            ),
        ]
    }

    #[test]
    fn connections_are_matched_across_guests() {
        let topology = of(&two_tiers());
        let expected = [
            // Seen at both ends, from an address of nobody, and at the client's end alone.
            "web/1/p11[11] => db/1/p21[21]",
            "external:192.0.2.7 -> web/1/p10[10]",
            "web/1/p11[11] -> db/1/p20[20]",
        ];
        assert_eq!(edges(&topology, "connection"), expected);
        let links = ["db/1/eth0 -> network:10.0.0.0/24", "web/1/eth0 -> network:10.0.0.0/24"];
        assert_eq!(edges(&topology, "link"), links);
        let mut reversed = two_tiers();
        reversed.reverse();
        assert_eq!(of(&reversed), topology, "the order of guests is by their names");
    }

    #[test]
    fn addresses_that_two_guests_have_are_matched_with_nobody() {
        let guest = |name| {
            let connections = vec![
                connection(1, "udp", "10.0.2.15:1000", "10.0.2.2:53"),
                connection(2, "tcp", "127.0.0.1:2000", "127.0.0.1:90"),
                connection(3, "tcp", "127.0.0.1:90", "127.0.0.1:2000"),
            ];
            let eth0 = interface(2, "eth0", &["10.0.2.15/24"]);
            let mut frame =
                frame(name, vec![interface(1, "lo", &["127.0.0.1/8"]), eth0], connections);
            frame.routes = Some(vec![Route {
                netns: Some(1),
                table: Some(254),
                kind: text("unicast"),
                destination: text("0.0.0.0/0"),
                gateway: text("10.0.2.2"),
                ..Route::default()
            }]);
            frame
        };
        let client = vec![connection(9, "tcp", "10.0.3.1:7", "10.0.2.15:22")];
        let client = frame("c", vec![interface(2, "eth0", &["10.0.3.1/24"])], client);
        let topology = of(&[guest("a"), guest("b"), client]);
        let of_a = "network:10.0.2.0/24 of a/1";
        assert_eq!(
            edges(&topology, "link")[..2],
            [format!("a/1/eth0 -> {of_a}"), "b/1/eth0 -> network:10.0.2.0/24 of b/1".to_owned(),]
        );
        assert_eq!(
            edges(&topology, "connection"),
            [
                format!("a/1/p1[1] -> {of_a}/external:10.0.2.2"),
                "a/1/p2[2] => a/1/p3[3]".to_owned(),
                "b/1/p1[1] -> network:10.0.2.0/24 of b/1/external:10.0.2.2".to_owned(),
                "b/1/p2[2] => b/1/p3[3]".to_owned(),
                "c/1/p9[9] -> external:10.0.2.15".to_owned(),
            ]
        );
        assert_eq!(edges(&topology, "route")[0], format!("a/1 -> {of_a}/external:10.0.2.2"));
    }

    #[test]
    fn neighbours_and_routes_lead_to_interfaces() {
        let mut frames = two_tiers();
        let neighbour = |address: &str, mac, state| Neighbour {
            netns: Some(1),
            interface_index: Some(2),
            address: text(address),
            mac: Some(Text::fixed(mac)),
            state: Some(Text::fixed(state)),
            ..Neighbour::default()
        };
        frames[0].neighbours = Some(vec![
            neighbour("10.0.0.2", "02:00:00:00:00:02", "stale"),
            // Another machine answers for the address; nobody does; it is no machine's.
            neighbour("10.0.0.2", "02:00:00:00:00:99", "reachable"),
            neighbour("10.0.0.3", "02:00:00:00:00:03", "failed"),
            neighbour("224.0.0.1", "01:00:5e:00:00:01", "noarp"),
        ]);
        frames[0].routes = Some(vec![Route {
            netns: Some(1),
            table: Some(254),
            kind: text("unicast"),
            destination: text("10.9.0.0/16"),
            gateway: text("10.0.0.2"),
            ..Route::default()
        }]);
        let topology = of(&frames);
        let neighbours =
            ["web/1/eth0 -> db/1/eth0", "web/1/eth0 -> network:10.0.0.0/24/external:10.0.0.2"];
        assert_eq!(edges(&topology, "neighbour"), neighbours);
        assert_eq!(edges(&topology, "route"), ["web/1 -> db/1/eth0"]);
    }

    #[test]
    fn prefixes() {
        let subnet =
            |text| prefix_of(text).and_then(|(address, prefix)| subnet_of(address, prefix));
        let shown = |text| subnet(text).map(|(base, prefix)| format!("{base}/{prefix}"));
        assert_eq!(shown("10.1.2.3/20").as_deref(), Some("10.1.0.0/20"));
        assert_eq!(shown("10.1.2.3/0").as_deref(), Some("0.0.0.0/0"));
        assert_eq!(shown("fd00:77::1/64").as_deref(), Some("fd00:77::/64"));
        assert_eq!(shown("fd00:77::1/0").as_deref(), Some("::/0"));
        for text in [
            "10.1.2.3/32",
            "10.1.2.3/99",
            "127.0.0.1/8",
            "fe80::1/64",
            "::1/128",
            "x/8",
            "10.1.2.3",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
