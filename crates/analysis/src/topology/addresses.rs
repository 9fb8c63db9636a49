//! Addresses: the networks that they make, and who has one.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use nfm_frame::Text;

use super::graph::{Builder, Netns, Owner, Segment};
use super::{EdgeKind, NodeKind};

/// The addresses of a network: its first one, and the length of the prefix.
pub(super) type Subnet = (IpAddr, u8);

impl Builder {
    /// Makes the networks, once all interfaces are known. One in which an address is used twice is several, unless the host
    /// tells that it is one.
    pub fn find_networks(&mut self) {
        let mut members: BTreeMap<Subnet, BTreeMap<Option<Segment>, Vec<usize>>> = BTreeMap::new();
        for (place, owner) in self.owners.iter().enumerate() {
            if let Some(subnet) = owner.subnet {
                let segment = self.segments.get(&owner.interface).cloned();
                members.entry(subnet).or_default().entry(segment).or_default().push(place);
                self.subnets.entry(owner.netns).or_default().insert(subnet);
            }
        }
        let owners = std::mem::take(&mut self.owners);
        for (subnet, mut groups) in members {
            // Guests of which the host's side is not known count to the only network that is.
            if let (2, Some(unknown)) = (groups.len(), groups.get(&None).cloned())
                && let Some((Some(_), places)) = groups.last_key_value()
            {
                let all: Vec<usize> = places.iter().chain(&unknown).copied().collect();
                if is_used_once(&owners, &all) {
                    groups.remove(&None);
                    groups.values_mut().for_each(|places| places.clone_from(&all));
                }
            }
            self.has_split_subnets |= groups.len() > 1;
            for (segment, places) in groups {
                self.network(&owners, subnet, segment.as_ref(), &places);
            }
        }
        self.owners = owners;
    }

    /// Makes a network of the interfaces that have addresses of one subnet.
    fn network(
        &mut self,
        owners: &[Owner],
        subnet: Subnet,
        segment: Option<&Segment>,
        places: &[usize],
    ) {
        let is_one = segment.is_some() || is_used_once(owners, places);
        self.has_split_subnets |= !is_one;
        let name = format!("{}/{}", subnet.0, subnet.1);
        for owner in places.iter().filter_map(|place| owners.get(*place)) {
            let apart = match (is_one, segment.and_then(|segment| segment.vlan)) {
                (true, None) => String::new(),
                (true, Some(vlan)) => format!(" of VLAN {vlan}"),
                (false, _) => {
                    let namespace = self.namespace(owner.netns);
                    format!(" of {}", self.id_at(namespace))
                }
            };
            let around = segment.map(|segment| segment.node);
            let network = self.node_apart(NodeKind::Network, around, &name, &apart);
            self.networks.insert((owner.netns, subnet), network);
            let address = owner.with_prefix.clone();
            self.edge(owner.interface, network, EdgeKind::Subnet { address });
        }
    }

    /// The network that a namespace reaches an address in, without a router.
    pub fn network_to(&self, from: Netns, address: IpAddr) -> Option<(Subnet, usize)> {
        let mut subnets = self.subnets.get(&from).into_iter().flatten();
        subnets.find_map(|(_, prefix)| {
            let subnet = subnet_of(address, *prefix)?;
            Some((subnet, *self.networks.get(&(from, subnet))?))
        })
    }

    /// The only interface that has an address, seen from a namespace; its own interfaces come first, then those of its
    /// networks.
    pub fn owner(&self, from: Netns, address: IpAddr) -> Option<&Owner> {
        let places = self.by_address.get(&address)?;
        let owners = || places.iter().filter_map(|place| self.owners.get(*place));
        if let Some(own) = owners().find(|owner| owner.netns == from) {
            return Some(own);
        }
        if is_of_one_host(address) {
            return None;
        }
        let near = self.has_split_subnets.then(|| self.network_to(from, address)).flatten();
        let may_be = |owner: &&Owner| match near {
            // It has the address in another network of the same prefix.
            Some((subnet, network)) => {
                let own = self.networks.get(&(owner.netns, subnet));
                own.is_none_or(|own| *own == network)
            }
            None => true,
        };
        let first = owners().find(may_be)?;
        owners().filter(may_be).all(|owner| owner.netns == first.netns).then_some(first)
    }

    /// The node of an address that no guest has, or several: those of networks apart are apart.
    pub fn external(&mut self, from: Netns, address: IpAddr) -> usize {
        let network = self.network_to(from, address).map(|(_, network)| network);
        self.node(NodeKind::External, network, &address.to_string())
    }
}

/// True if no two namespaces have the same address.
fn is_used_once(owners: &[Owner], places: &[usize]) -> bool {
    let mut users: HashMap<IpAddr, Netns> = HashMap::new();
    let mut owners = places.iter().filter_map(|place| owners.get(*place));
    owners.all(|owner| *users.entry(owner.address).or_insert(owner.netns) == owner.netns)
}

pub(super) fn parsed(address: &str) -> Option<IpAddr> {
    address.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// An address and the length of its prefix.
pub(super) fn prefix_of(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    Some((parsed(address)?, prefix.parse().ok()?))
}

pub(super) fn end(address: &Option<Text>, port: Option<u16>) -> Option<(IpAddr, u16)> {
    Some((parsed(address.as_deref()?)?, port?))
}

/// True for an address that means another machine's interface nowhere else.
pub(super) fn is_of_one_host(address: IpAddr) -> bool {
    address.is_loopback()
        || matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The addresses that share a prefix; `None` of an address of one host, and where it is alone.
pub(super) fn subnet_of(address: IpAddr, prefix: u8) -> Option<Subnet> {
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
