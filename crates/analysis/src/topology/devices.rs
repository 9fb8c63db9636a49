//! The host's side: the network devices that it gives its guests, and what they are joined to.

use nfm_frame::Interface;

use super::graph::{Builder, Segment};
use super::{EdgeKind, GuestOfHost, NodeKind};

/// A network device that a host gives a guest, as libvirt defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkDevice {
    /// libvirt's type of it: `network`, `bridge`, `direct`, `ethernet`, `user`, `server`, `client` ...
    pub kind: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// The name of libvirt's network, of the bridge or of the host's interface; of a socket, its port.
    pub source: Option<String>,
    /// The bridge that is behind it.
    pub bridge: Option<String>,
    /// The host's interface that stands for it, such as a tap device.
    pub target: Option<String>,
    /// The VLAN that the host puts it into.
    pub vlan: Option<u16>,
}

/// An interface of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostDevice {
    /// Its name.
    pub name: String,
    /// Largest packet in bytes.
    pub mtu: Option<u32>,
    /// The bridge that it is a port of.
    pub bridge: Option<String>,
}

/// The interfaces of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNetworking {
    /// The host's name.
    pub host: String,
    /// Its interfaces.
    pub devices: Vec<HostDevice>,
}

/// The VLAN that an interface is of, by the name that `ip link` proposes for it: `eth0.10`.
pub(super) fn vlan_of(row: &Interface) -> Option<u16> {
    row.name.as_deref()?.rsplit_once('.')?.1.parse().ok()
}

/// The interfaces of a guest that have a device's hardware address, those that were made first coming first: VLANs and
/// bridges have the address of the interface below them.
pub(super) fn interfaces_of<'a>(
    guest: &GuestOfHost<'a>,
    device: &NetworkDevice,
) -> Vec<&'a Interface> {
    let rows = guest.frame.interfaces.iter().flatten();
    let mut rows: Vec<&Interface> = rows
        .filter(|row| {
            let mac = row.mac.as_deref().zip(device.mac.as_deref());
            mac.is_some_and(|(own, of_device)| own.eq_ignore_ascii_case(of_device))
        })
        .collect();
    rows.sort_by_key(|row| row.index);
    rows
}

impl NetworkDevice {
    /// The port of a bridge, as the host knows it.
    fn port<'a>(&self, hosts: &'a [HostNetworking], host: Option<&str>) -> Option<&'a HostDevice> {
        let host = hosts.iter().find(|one| Some(one.host.as_str()) == host)?;
        host.devices.iter().find(|one| Some(&one.name) == self.target.as_ref())
    }

    /// The network of the host that it is joined to: its name, and true if hosts share it. A device of kind `user` is alone.
    fn network<'a>(&'a self, port: Option<&'a HostDevice>) -> Option<(&'a str, bool)> {
        let bridge = self.bridge.as_deref().or_else(|| port?.bridge.as_deref());
        match self.kind.as_str() {
            "network" => self.source.as_deref().map(|name| (name, false)),
            "server" | "client" | "mcast" | "udp" => {
                self.source.as_deref().map(|name| (name, false))
            }
            "direct" => self.source.as_deref().map(|name| (name, true)),
            _ => bridge.map(|name| (name, true)),
        }
    }
}

impl Builder {
    /// Joins a guest's interfaces to the networks of its host, by their hardware addresses.
    pub fn devices(&mut self, guest: &GuestOfHost, place: usize, hosts: &[HostNetworking]) {
        for device in guest.devices {
            let port = device.port(hosts, guest.host);
            let host = guest.host.map(|host| self.node(NodeKind::Host, None, host));
            let network = device.network(port).map(|(name, is_shared)| {
                let node = self.node(NodeKind::Network, host, name);
                let name =
                    if is_shared { format!("bridge {name}") } else { self.id_at(node).to_owned() };
                let node = *self.segment_nodes.entry(name.clone()).or_insert(node);
                Segment { name, vlan: device.vlan, node }
            });
            let mtu = port.and_then(|port| port.mtu);
            let tap = match (&device.target, host) {
                (Some(target), Some(host)) => {
                    Some(self.node(NodeKind::Interface, Some(host), target))
                }
                _ => None,
            };
            let rows = interfaces_of(guest, device);
            if let (Some(row), Some(to)) =
                (rows.first(), tap.or(network.as_ref().map(|one| one.node)))
            {
                let from = self.interface_node(place, row);
                self.edge(from, to, EdgeKind::Link { mtu });
            }
            let Some(segment) = network else { continue };
            if let Some(tap) = tap {
                self.edge(tap, segment.node, EdgeKind::Link { mtu });
            }
            for row in rows {
                let interface = self.interface_node(place, row);
                let vlan = vlan_of(row).or(segment.vlan);
                self.segments.insert(interface, Segment { vlan, ..segment.clone() });
            }
        }
    }
}
