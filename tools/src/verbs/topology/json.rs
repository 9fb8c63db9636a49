//! A topology as JSON.

use nfm_analysis::{EdgeKind, Topology};
use serde_json::{Value, json};

/// Nodes and edges.
pub(super) fn as_json(topology: &Topology) -> Value {
    let id = |place: usize| topology.nodes.get(place).map(|node| node.id.as_str());
    let nodes = topology.nodes.iter().map(|node| {
        let parent = node.parent.and_then(id);
        json!({"id": node.id, "kind": node.kind.name(), "name": node.name, "parent": parent})
    });
    let edges = topology.edges.iter().map(|edge| {
        let (from, to, kind) = (id(edge.from), id(edge.to), edge.kind.name());
        let mut facts = json!({"kind": kind, "from": from, "to": to, "count": edge.count});
        let more = match &edge.kind {
            EdgeKind::Link { mtu } => json!({"mtu": mtu}),
            EdgeKind::Subnet { address } => json!({"address": address}),
            EdgeKind::Neighbour { address, mac } => json!({"address": address, "mac": mac}),
            EdgeKind::Route { destination } => json!({"destination": destination}),
            EdgeKind::Connection { protocol, from, to, state, both_ends } => json!({
                "protocol": protocol,
                "from_address": from.0,
                "from_port": from.1,
                "to_address": to.0,
                "to_port": to.1,
                "state": state,
                "both_ends": both_ends,
            }),
        };
        if let (Some(facts), Value::Object(more)) = (facts.as_object_mut(), more) {
            facts.extend(more);
        }
        facts
    });
    let (nodes, edges): (Vec<_>, Vec<_>) = (nodes.collect(), edges.collect());
    json!({"nodes": nodes, "edges": edges})
}
