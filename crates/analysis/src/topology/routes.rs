//! Neighbours and routes: what each guest knows of others.

use nfm_frame::{Neighbour, Route};

use super::EdgeKind;
use super::addresses::parsed;
use super::graph::{Builder, Owner};

/// The routing table of a namespace's own addresses (`RT_TABLE_LOCAL`).
const LOCAL_TABLE: u32 = 255;

impl Builder {
    /// An entry that is valid, and of one machine.
    pub fn neighbour(&mut self, guest: usize, row: &Neighbour) {
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
    pub fn route(&mut self, guest: usize, row: &Route) {
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
}
