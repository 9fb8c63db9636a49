//! The network of many guests: which interfaces share a network, and which processes talk to each other.
//!
//! Frames tell each guest's own view, and the host what its guests' interfaces are joined to. Both ends of a connection are
//! matched by their addresses, ports and protocol; what several guests could mean, as they have the same address in networks
//! apart, is matched with nobody.

mod addresses;
mod check;
#[cfg(test)]
mod check_tests;
mod connections;
mod devices;
mod graph;
mod routes;
mod select;
#[cfg(test)]
mod tests;
mod timeline;

use std::net::IpAddr;

use graph::Builder;
use nfm_frame::{Frame, Text};

pub use check::{Finding, FindingKind, findings};
pub use devices::{HostDevice, HostNetworking, NetworkDevice};
pub use select::{Level, Selection};
pub use timeline::{Span, Timeline};

/// A guest's frame, and its host.
#[derive(Clone, Copy, Debug)]
pub struct GuestOfHost<'a> {
    /// The host's name, where it is known.
    pub host: Option<&'a str>,
    /// The sections `processes`, `interfaces`, `connections`, `neighbours` and `routes`, as far as they are to be shown.
    pub frame: &'a Frame,
    /// The network devices that the host gives it; empty where they are not known.
    pub devices: &'a [NetworkDevice],
}

impl<'a> GuestOfHost<'a> {
    /// A guest of which nothing but its frame is known.
    pub fn alone(frame: &'a Frame) -> Self {
        Self { host: None, frame, devices: &[] }
    }
}

/// Guests, what is in them, and what leads from one to another. Nodes and edges have the order of hosts' and guests' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The ends of edges. A node comes after the one that it is in.
    pub nodes: Vec<Node>,
    /// Each leads from one node to another.
    pub edges: Vec<Edge>,
}

/// The kinds of a [`Node`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A host of guests.
    Host,
    /// A network: of a host, by the name of libvirt's network or of the bridge; in it or by itself, by its addresses. Where
    /// guests have the same address and no host's network tells them apart, there is one for each.
    Network,
    /// A guest.
    Guest,
    /// A network namespace of a guest, such as a container has.
    Namespace,
    /// A network interface, of a guest or of a host.
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
    /// The number of edges of the whole topology that it stands for ([`Topology::at_level`]).
    pub count: usize,
}

/// The kinds of an [`Edge`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EdgeKind {
    /// An interface is joined to another one, or to a network of the host.
    Link {
        /// Largest packet in bytes, of the end on the host.
        mtu: Option<u32>,
    },
    /// An interface has an address of a network.
    Subnet {
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
            Self::Subnet { .. } => "subnet",
            Self::Neighbour { .. } => "neighbour",
            Self::Route { .. } => "route",
            Self::Connection { .. } => "connection",
        }
    }
}

/// The topology of guests by their frames, which should be of about one time, and by what is known of their hosts.
pub fn topology(guests: &[GuestOfHost], hosts: &[HostNetworking]) -> Topology {
    built(guests, hosts).topology
}

/// The topology with the addresses and networks that it was made of.
fn built(guests: &[GuestOfHost], hosts: &[HostNetworking]) -> Builder {
    let mut guests = guests.to_vec();
    guests.sort_by_key(|guest| (guest.host, &guest.frame.domain.name, &guest.frame.domain.uuid));
    let mut builder = Builder::default();
    let mut places = Vec::with_capacity(guests.len());
    for guest in &guests {
        places.push(builder.guest(guest));
    }
    for (guest, place) in guests.iter().zip(&places) {
        builder.devices(guest, *place, hosts);
    }
    builder.find_networks();
    for (guest, place) in guests.iter().zip(&places) {
        let frame = guest.frame;
        frame.neighbours.iter().flatten().for_each(|row| builder.neighbour(*place, row));
        frame.routes.iter().flatten().for_each(|row| builder.route(*place, row));
    }
    builder.connections(&guests, &places);
    builder
}
