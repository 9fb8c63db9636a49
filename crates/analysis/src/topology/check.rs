//! Contradictions in the network of many guests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use nfm_frame::{Connection, Frame, Section};

use super::addresses::{Subnet, end};
use super::connections::protocol_of;
use super::devices::interfaces_of;
use super::graph::{Builder, Netns};
use super::{GuestOfHost, HostNetworking, Topology, built};

/// The clocks of two hosts count as equal within so many nanoseconds.
const CLOCKS_DIFFER_NS: u64 = 2_000_000_000;
/// So many frames of a guest must lack a connection that the other end has all the while.
const DENIALS: usize = 2;

/// The kinds of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Two namespaces have one address in one network.
    DuplicateAddress,
    /// A guest has an address of a network of its host that none of its devices is joined to.
    ForeignNetwork,
    /// A guest does not have a connection that its other end has: it is hidden, or half open.
    DeniedConnection,
    /// The ends of a link, or the members of a network, take packets of different lengths.
    DifferentMtu,
    /// One subnet is in several VLANs of one network.
    DifferentVlan,
}

impl FindingKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DuplicateAddress => "duplicate-address",
            Self::ForeignNetwork => "foreign-network",
            Self::DeniedConnection => "denied-connection",
            Self::DifferentMtu => "different-mtu",
            Self::DifferentVlan => "different-vlan",
        }
    }
}

/// A contradiction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// The ids of the nodes that it is about.
    pub nodes: Vec<String>,
    /// One sentence.
    pub text: String,
}

/// The contradictions in frames of guests that were taken one round after another, in a fixed order. Connections are
/// compared if there are three rounds or more; all else is of the last one.
pub fn findings(rounds: &[Vec<GuestOfHost>], hosts: &[HostNetworking]) -> Vec<Finding> {
    let Some(last) = rounds.last() else { return Vec::new() };
    let mut check = Check { builder: built(last, hosts), findings: Vec::new() };
    check.addresses();
    check.networks(last);
    check.lengths(last, hosts);
    check.vlans();
    check.connections(rounds);
    check.findings.sort();
    check.findings.dedup();
    check.findings
}

struct Check {
    builder: Builder,
    findings: Vec<Finding>,
}

impl Check {
    fn find(&mut self, kind: FindingKind, nodes: &[usize], text: String) {
        let nodes = nodes.iter().map(|node| self.builder.id_at(*node).to_owned()).collect();
        self.findings.push(Finding { kind, nodes, text });
    }

    fn addresses(&mut self) {
        let mut users: BTreeMap<(usize, IpAddr), BTreeMap<Netns, usize>> = BTreeMap::new();
        for owner in &self.builder.owners {
            let network =
                owner.subnet.and_then(|one| self.builder.networks.get(&(owner.netns, one)));
            if let Some(network) = network {
                let users = users.entry((*network, owner.address)).or_default();
                users.entry(owner.netns).or_insert(owner.interface);
            }
        }
        for ((network, address), users) in users {
            if users.len() > 1 {
                let users: Vec<usize> = users.into_values().collect();
                let text = format!(
                    "{} have {address} in {}",
                    listed(&self.builder.topology, &users),
                    self.builder.id_at(network)
                );
                self.find(FindingKind::DuplicateAddress, &users, text);
            }
        }
    }

    /// Guests that are in a network of which no device of theirs is a member.
    fn networks(&mut self, guests: &[GuestOfHost]) {
        let mut told = BTreeSet::new();
        for guest in guests.iter().filter(|guest| !guest.devices.is_empty()) {
            let place = self.builder.guest_node(guest);
            let own: BTreeSet<usize> = guest
                .devices
                .iter()
                .flat_map(|device| interfaces_of(guest, device))
                .map(|row| self.builder.interface_node(place, row))
                .collect();
            for owner in self.builder.owners.iter().filter(|owner| owner.netns.0 == place) {
                let network =
                    owner.subnet.and_then(|one| self.builder.networks.get(&(owner.netns, one)));
                let parent = network.and_then(|one| self.builder.topology.nodes.get(*one)?.parent);
                if let Some(parent) = parent
                    && !own.contains(&owner.interface)
                {
                    told.insert((owner.interface, parent, owner.address));
                }
            }
        }
        for (interface, network, address) in told {
            let topology = &self.builder.topology;
            let (interface_name, network_name) =
                (listed(topology, &[interface]), self.builder.id_at(network));
            let text = format!(
                "{interface_name} has {address} of {network_name}, to which the host joins no device of this guest"
            );
            self.find(FindingKind::ForeignNetwork, &[interface, network], text);
        }
    }

    /// Lengths of packets, of the guest's interface and the host's, and of all in one network.
    fn lengths(&mut self, guests: &[GuestOfHost], hosts: &[HostNetworking]) {
        let mut mtus: HashMap<usize, u32> = HashMap::new();
        for guest in guests {
            let place = self.builder.guest_node(guest);
            for row in guest.frame.interfaces.iter().flatten() {
                let node = self.builder.interface_node(place, row);
                mtus.extend(row.mtu.map(|mtu| (node, mtu)));
            }
            for device in guest.devices {
                let host = hosts.iter().find(|one| Some(one.host.as_str()) == guest.host);
                let devices = host.into_iter().flat_map(|host| &host.devices);
                let mut taps = devices.filter(|one| Some(&one.name) == device.target.as_ref());
                let row = interfaces_of(guest, device).into_iter().next();
                if let (Some(row), Some(tap)) = (row, taps.next())
                    && let (Some(own), Some(of_host)) = (row.mtu, tap.mtu)
                    && own != of_host
                {
                    let node = self.builder.interface_node(place, row);
                    let name = listed(&self.builder.topology, &[node]);
                    let text = format!(
                        "{name} has an MTU of {own}, and {} of the host, which stands for it, one of {of_host}",
                        tap.name
                    );
                    self.find(FindingKind::DifferentMtu, &[node], text);
                }
            }
        }
        let mut members: BTreeMap<usize, BTreeMap<u32, usize>> = BTreeMap::new();
        let is_told = |interface| self.builder.segments.contains_key(interface);
        for owner in self.builder.owners.iter().filter(|owner| is_told(&owner.interface)) {
            let network =
                owner.subnet.and_then(|one| self.builder.networks.get(&(owner.netns, one)));
            if let (Some(network), Some(mtu)) = (network, mtus.get(&owner.interface)) {
                members.entry(*network).or_default().entry(*mtu).or_insert(owner.interface);
            }
        }
        for (network, members) in members.into_iter().filter(|(_, members)| members.len() > 1) {
            let topology = &self.builder.topology;
            let each =
                members.iter().map(|(mtu, node)| format!("{} {mtu}", listed(topology, &[*node])));
            let each: Vec<String> = each.collect();
            let text =
                format!("the MTUs differ in {}: {}", self.builder.id_at(network), each.join(", "));
            let nodes: Vec<usize> = members.into_values().collect();
            self.find(FindingKind::DifferentMtu, &nodes, text);
        }
    }

    /// Subnets whose members are in several VLANs of one network of the host.
    fn vlans(&mut self) {
        let mut members: BTreeMap<(&str, Subnet), BTreeMap<Option<u16>, usize>> = BTreeMap::new();
        for owner in &self.builder.owners {
            if let (Some(subnet), Some(segment)) =
                (owner.subnet, self.builder.segments.get(&owner.interface))
            {
                let vlans = members.entry((segment.name.as_str(), subnet)).or_default();
                vlans.entry(segment.vlan).or_insert(owner.interface);
            }
        }
        let mut found = Vec::new();
        for ((_, subnet), vlans) in members.into_iter().filter(|(_, vlans)| vlans.len() > 1) {
            let each = vlans.iter().map(|(vlan, node)| {
                let vlan = vlan.map_or("no VLAN".to_owned(), |vlan| format!("VLAN {vlan}"));
                format!("{} in {vlan}", listed(&self.builder.topology, &[*node]))
            });
            let each: Vec<String> = each.collect();
            let text = format!("{}/{} is {}", subnet.0, subnet.1, each.join(", "));
            found.push((vlans.into_values().collect::<Vec<_>>(), text));
        }
        for (nodes, text) in found {
            self.find(FindingKind::DifferentVlan, &nodes, text);
        }
    }

    /// Connections that one guest has all the while, and that the guest with the other address does not have meanwhile.
    fn connections(&mut self, rounds: &[Vec<GuestOfHost>]) {
        let mut frames: HashMap<usize, Vec<GuestOfHost>> = HashMap::new();
        let mut sightings: BTreeMap<Seen, Vec<GuestOfHost>> = BTreeMap::new();
        // The far ends of all sockets, wherever they are: an address may be translated on its way.
        let mut far_ends: BTreeSet<(IpAddr, u16)> = BTreeSet::new();
        for guest in rounds.iter().flatten() {
            let place = self.builder.guest_node(guest);
            frames.entry(place).or_default().push(*guest);
            for row in guest.frame.connections.iter().flatten() {
                let Some((local, remote)) = tcp_ends(row) else { continue };
                far_ends.insert(remote);
                if row.state.as_deref() == Some("ESTABLISHED")
                    && let Some(inode) = row.inode
                {
                    let seen = Seen { netns: (place, row.netns), local, remote, inode };
                    sightings.entry(seen).or_default().push(*guest);
                }
            }
        }
        for (seen, sightings) in sightings {
            if far_ends.contains(&seen.local) {
                continue;
            }
            let Some(other) = self.neighbour_guest(&seen) else { continue };
            let denials = frames.get(&other).map_or(0, |frames| {
                frames.iter().filter(|guest| is_denied(guest, &sightings)).count()
            });
            if denials >= DENIALS {
                let topology = &self.builder.topology;
                let text = format!(
                    "{} has the connection tcp {}:{} {}:{}, which {} does not have: it is hidden there, half open, \
                     or its addresses are translated",
                    listed(topology, &[seen.netns.0]),
                    seen.local.0,
                    seen.local.1,
                    seen.remote.0,
                    seen.remote.1,
                    listed(topology, &[other]),
                );
                self.find(FindingKind::DeniedConnection, &[seen.netns.0, other], text);
            }
        }
    }

    /// The other guest that has the remote address in a network that both are in.
    fn neighbour_guest(&self, seen: &Seen) -> Option<usize> {
        let (subnet, network) = self.builder.network_to(seen.netns, seen.remote.0)?;
        let owner = self.builder.owner(seen.netns, seen.remote.0)?;
        let is_near = self.builder.networks.get(&(owner.netns, subnet)) == Some(&network);
        (is_near && owner.netns.0 != seen.netns.0).then_some(owner.netns.0)
    }
}

/// A socket that a guest has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    netns: Netns,
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    inode: u64,
}

fn tcp_ends(row: &Connection) -> Option<((IpAddr, u16), (IpAddr, u16))> {
    let ends =
        (end(&row.local_address, row.local_port)?, end(&row.remote_address, row.remote_port)?);
    (protocol_of(row) == Some("tcp") && ends.1.1 != 0).then_some(ends)
}

/// True if a guest's frame, which has no such connection, tells all connections, and was taken between two sightings.
fn is_denied(guest: &GuestOfHost, sightings: &[GuestOfHost]) -> bool {
    let time = |frame: &Frame| frame.time_ns;
    let at = time(guest.frame);
    let margin = |other: &GuestOfHost| match guest.host.is_some() && guest.host == other.host {
        true => 0,
        false => CLOCKS_DIFFER_NS,
    };
    guest.frame.is_whole(Section::Connections)
        && sightings.iter().any(|one| time(one.frame).saturating_add(margin(one)) < at)
        && sightings.iter().any(|one| at.saturating_add(margin(one)) < time(one.frame))
}

/// Nodes for people: their ids.
fn listed(topology: &Topology, nodes: &[usize]) -> String {
    let ids = nodes.iter().filter_map(|node| topology.nodes.get(*node));
    let mut ids: Vec<&str> = ids.map(|node| node.id.as_str()).collect();
    ids.sort_unstable();
    ids.join(" and ")
}
