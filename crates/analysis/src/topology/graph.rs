//! The graph while it is made: its nodes by their names, and the interfaces and addresses of all guests.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use nfm_frame::{Interface, Text};

use super::addresses::{Subnet, prefix_of, subnet_of};
use super::{Edge, EdgeKind, GuestOfHost, Node, NodeKind, Topology};

/// A network namespace: the guest's node, and the namespace's inode.
pub(super) type Netns = (usize, Option<u32>);

/// An address of an interface.
pub(super) struct Owner {
    pub netns: Netns,
    pub interface: usize,
    pub address: IpAddr,
    pub with_prefix: Text,
    pub mac: Option<Text>,
    pub subnet: Option<Subnet>,
}

/// Interfaces that reach each other without a router, by what the host joins them to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    /// Bridges of one name are one network on all hosts; other networks are of their host.
    pub name: String,
    pub vlan: Option<u16>,
    /// The network's node on the host that was met first.
    pub node: usize,
}

#[derive(Default)]
pub(super) struct Builder {
    pub topology: Topology,
    /// Nodes by their ids.
    known: HashMap<String, usize>,
    namespaces: HashMap<Netns, usize>,
    /// Processes with connections, by namespace and PID.
    pub processes: HashMap<(Netns, u32), usize>,
    pub owners: Vec<Owner>,
    /// The places in `owners` by address.
    pub by_address: HashMap<IpAddr, Vec<usize>>,
    /// Interfaces by namespace and index.
    pub interfaces: HashMap<(Netns, u32), usize>,
    /// The node of the network of a namespace.
    pub networks: HashMap<(Netns, Subnet), usize>,
    /// True if several networks have the same addresses.
    pub has_split_subnets: bool,
    /// The subnets of a namespace.
    pub subnets: HashMap<Netns, BTreeSet<Subnet>>,
    /// The segments of interfaces, where the host tells them.
    pub segments: HashMap<usize, Segment>,
    /// The nodes of segments by their names.
    pub segment_nodes: HashMap<String, usize>,
}

impl Builder {
    /// The node of a name within another, which is made if need be.
    pub fn node(&mut self, kind: NodeKind, parent: Option<usize>, name: &str) -> usize {
        self.node_apart(kind, parent, name, "")
    }

    /// The same, apart from others of its name.
    pub fn node_apart(
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

    pub fn edge(&mut self, from: usize, to: usize, kind: EdgeKind) {
        self.topology.edges.push(Edge { from, to, kind, count: 1 });
    }

    /// Adds a guest with its namespaces and interfaces; gives its place.
    pub fn guest(&mut self, guest: &GuestOfHost) -> usize {
        let place = self.guest_node(guest);
        for row in guest.frame.interfaces.iter().flatten() {
            self.interface(place, row);
        }
        place
    }

    /// The node of a guest.
    pub fn guest_node(&mut self, guest: &GuestOfHost) -> usize {
        let host = guest.host.map(|host| self.node(NodeKind::Host, None, host));
        let domain = &guest.frame.domain;
        // Two hosts may have guests of one name.
        let apart = match (host, &domain.uuid) {
            (None, Some(uuid)) => format!(" {uuid}"),
            _ => String::new(),
        };
        self.node_apart(NodeKind::Guest, host, &domain.name, &apart)
    }

    pub fn namespace(&mut self, netns: Netns) -> usize {
        if let Some(known) = self.namespaces.get(&netns) {
            return *known;
        }
        let (guest, inode) = netns;
        let name = inode.map_or("?".to_owned(), |inode| inode.to_string());
        let place = self.node(NodeKind::Namespace, Some(guest), &name);
        self.namespaces.insert(netns, place);
        place
    }

    /// The node of an interface of a guest.
    pub fn interface_node(&mut self, guest: usize, row: &Interface) -> usize {
        let namespace = self.namespace((guest, row.netns));
        let name = row.name.as_deref().unwrap_or("?");
        self.node(NodeKind::Interface, Some(namespace), name)
    }

    fn interface(&mut self, guest: usize, row: &Interface) {
        let netns = (guest, row.netns);
        let interface = self.interface_node(guest, row);
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

    pub fn id_at(&self, place: usize) -> &str {
        self.topology.nodes.get(place).map_or("", |node| node.id.as_str())
    }
}
