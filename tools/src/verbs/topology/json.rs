//! A topology as JSON.

use nfm_analysis::{Edge, EdgeKind, Node, Span, Timeline, Topology};
use serde_json::{Value, json};

/// Nodes and edges; of several times, with the first and the last that each was there.
pub(super) fn as_json(timeline: &Timeline) -> Value {
    let topology = &timeline.topology;
    let nodes = topology
        .nodes
        .iter()
        .zip(&timeline.nodes)
        .map(|(node, spans)| with(of_node(topology, node), times(timeline, spans)));
    let edges = topology
        .edges
        .iter()
        .zip(&timeline.edges)
        .map(|(edge, spans)| with(of_edge(topology, edge), times(timeline, spans)));
    json!({"nodes": nodes.collect::<Vec<_>>(), "edges": edges.collect::<Vec<_>>()})
}

/// The same with all times at which each was there, for the page.
pub(super) fn with_spans(timeline: &Timeline, shown: impl Fn(u64) -> String) -> Value {
    let topology = &timeline.topology;
    let spans = |spans: &Vec<Span>| json!({"spans": spans});
    let nodes = topology.nodes.iter().zip(&timeline.nodes);
    let nodes = nodes.map(|(node, there)| with(of_node(topology, node), spans(there)));
    let edges = topology.edges.iter().zip(&timeline.edges);
    let edges = edges.map(|(edge, there)| with(of_edge(topology, edge), spans(there)));
    let times = timeline.times_ns.iter().map(|time_ns| shown(*time_ns));
    json!({
        "times": times.collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
    })
}

/// The edges that came or went, each with `change`: `new` or `gone`.
pub(super) fn changes(timeline: &Timeline) -> Value {
    let topology = &timeline.topology;
    let changes = timeline.changes().into_iter().filter_map(|(place, is_new)| {
        let edge = of_edge(topology, topology.edges.get(place)?);
        let change = json!({"change": if is_new { "new" } else { "gone" }});
        Some(with(with(edge, change), times(timeline, timeline.edges.get(place)?)))
    });
    json!({"changes": changes.collect::<Vec<_>>()})
}

/// The first and the last time that something was there, if there are several.
fn times(timeline: &Timeline, spans: &[Span]) -> Value {
    match timeline.first_and_last_ns(spans) {
        Some((first, last)) if timeline.times_ns.len() > 1 => {
            json!({"first_seen_ns": first, "last_seen_ns": last})
        }
        _ => json!({}),
    }
}

fn with(mut facts: Value, more: Value) -> Value {
    if let (Some(facts), Value::Object(more)) = (facts.as_object_mut(), more) {
        facts.extend(more);
    }
    facts
}

fn id(topology: &Topology, place: usize) -> Option<&str> {
    topology.nodes.get(place).map(|node| node.id.as_str())
}

fn of_node(topology: &Topology, node: &Node) -> Value {
    let parent = node.parent.and_then(|place| id(topology, place));
    json!({"id": node.id, "kind": node.kind.name(), "name": node.name, "parent": parent})
}

fn of_edge(topology: &Topology, edge: &Edge) -> Value {
    let (from, to) = (id(topology, edge.from), id(topology, edge.to));
    let kind = edge.kind.name();
    let facts = json!({"kind": kind, "from": from, "to": to, "count": edge.count});
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
    with(facts, more)
}
