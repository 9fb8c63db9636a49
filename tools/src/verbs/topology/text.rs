//! A topology as text: a table, and the graphs that Graphviz and Mermaid draw.

use std::fmt::Write as _;
use std::io::Write;

use nfm_analysis::{Edge, EdgeKind, Node, NodeKind, Timeline, Topology};

use crate::Failure;
use crate::show::{escaped, known, table};
use crate::time::shown;

/// A node's name for people: its guest's before its own.
fn label(topology: &Topology, node: &Node) -> String {
    let mut guest = None;
    let mut parent = node.parent;
    while let Some(above) = parent.and_then(|place| topology.nodes.get(place)) {
        if above.kind == NodeKind::Guest {
            guest = Some(&above.name);
        }
        parent = above.parent;
    }
    let name = match node.kind {
        NodeKind::Namespace => format!("netns {}", node.name),
        _ => node.name.clone(),
    };
    guest.map_or_else(|| name.clone(), |guest| format!("{guest} {name}"))
}

fn label_at(topology: &Topology, place: usize) -> String {
    topology.nodes.get(place).map(|node| label(topology, node)).unwrap_or_default()
}

/// An edge's facts beside its ends.
fn detail(edge: &Edge) -> String {
    let more = if edge.count > 1 { format!(", {} in all", edge.count) } else { String::new() };
    match &edge.kind {
        EdgeKind::Link { mtu } => mtu.map(|mtu| format!("MTU {mtu}")).unwrap_or_default() + &more,
        EdgeKind::Subnet { address } => format!("{address}{more}"),
        EdgeKind::Neighbour { address, mac } => format!("{address} {mac}{more}"),
        EdgeKind::Route { destination } => format!("{destination}{more}"),
        EdgeKind::Connection { protocol, from, to, state, both_ends } => {
            let ends = if *both_ends { "" } else { ", one end seen" };
            if edge.count > 1 {
                return format!("{protocol} port {}{more}{ends}", to.1);
            }
            let end = |(address, port)| std::net::SocketAddr::new(address, port);
            let state = known(state.as_ref());
            format!("{protocol} {} {} {state}{ends}", end(*from), end(*to))
        }
    }
}

/// A line for each edge; of several times, with the first and the last that it was there.
pub(super) fn as_table(out: &mut dyn Write, timeline: &Timeline) -> Result<(), Failure> {
    let topology = &timeline.topology;
    let is_range = timeline.times_ns.len() > 1;
    let rows = topology.edges.iter().zip(&timeline.edges).map(|(edge, spans)| {
        let mut row = row(topology, edge);
        if is_range && let Some((first, last)) = timeline.first_and_last_ns(spans) {
            row.extend([shown(first), shown(last)]);
        }
        row
    });
    let mut headings = vec!["EDGE", "FROM", "TO", "DETAIL"];
    if is_range {
        headings.extend(["FIRST", "LAST"]);
    }
    Ok(table(out, &headings, rows)?)
}

/// A line for each edge that came or went.
pub(super) fn changes(out: &mut dyn Write, timeline: &Timeline) -> Result<(), Failure> {
    let topology = &timeline.topology;
    let rows = timeline.changes().into_iter().filter_map(|(place, is_new)| {
        let mut row = row(topology, topology.edges.get(place)?);
        row.insert(0, if is_new { "new" } else { "gone" }.to_owned());
        Some(row)
    });
    Ok(table(out, &["CHANGE", "EDGE", "FROM", "TO", "DETAIL"], rows)?)
}

fn row(topology: &Topology, edge: &Edge) -> Vec<String> {
    let (from, to) = (label_at(topology, edge.from), label_at(topology, edge.to));
    vec![edge.kind.name().to_owned(), from, to, detail(edge)]
}

/// The graph for Graphviz.
pub(super) fn dot(topology: &Topology) -> String {
    // In a quoted label, a backslash begins an escape; names of guests hold no more than text.
    let quoted =
        |text: &str| format!("\"{}\"", escaped(text).replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = "digraph topology {\n  rankdir=LR;\n".to_owned();
    for (place, node) in topology.nodes.iter().enumerate() {
        let name = quoted(&format!("{} {}", node.kind.name(), label(topology, node)));
        let _ = writeln!(text, "  n{place} [label={name}];");
        if let Some(parent) = node.parent {
            let _ = writeln!(text, "  n{parent} -> n{place} [style=dotted, arrowhead=none];");
        }
    }
    for edge in &topology.edges {
        let name = quoted(&format!("{} {}", edge.kind.name(), detail(edge)));
        let _ = writeln!(text, "  n{} -> n{} [label={name}];", edge.from, edge.to);
    }
    text + "}\n"
}

/// The graph for Mermaid.
pub(super) fn mermaid(topology: &Topology) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (place, node) in topology.nodes.iter().enumerate() {
        let name = entities(&format!("{} {}", node.kind.name(), label(topology, node)));
        let _ = writeln!(text, "  n{place}[\"{name}\"]");
        if let Some(parent) = node.parent {
            let _ = writeln!(text, "  n{parent} -.- n{place}");
        }
    }
    for edge in &topology.edges {
        let name = entities(&format!("{} {}", edge.kind.name(), detail(edge)));
        let _ = writeln!(text, "  n{} -->|\"{name}\"| n{}", edge.from, edge.to);
    }
    text
}

/// Text in which all that Mermaid, Markdown or HTML could read as its own is an entity of Mermaid's.
fn entities(text: &str) -> String {
    let one = |c: char| match c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '/' | ':' | '-')
    {
        true => c.to_string(),
        false => format!("#{};", u32::from(c)),
    };
    escaped(text).chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let hostile = "a\"]; b<script>\\N#|\n%%";
        let node = Node {
            kind: NodeKind::Guest,
            id: "guest:a".to_owned(),
            name: hostile.to_owned(),
            parent: None,
        };
        let kind = EdgeKind::Route { destination: hostile.into() };
        let topology =
            Topology { nodes: vec![node], edges: vec![Edge { from: 0, to: 0, kind, count: 1 }] };
        assert_eq!(
            dot(&topology),
            "digraph topology {\n  rankdir=LR;\n  n0 [label=\"guest a\\\"]; b<script>\\\\N#|\\\\n%%\"];\n  \
             n0 -> n0 [label=\"route a\\\"]; b<script>\\\\N#|\\\\n%%\"];\n}\n"
        );
        let name = "a#34;#93;#59; b#60;script#62;#92;N#35;#124;#92;n#37;#37;";
        assert_eq!(
            mermaid(&topology),
            format!("flowchart LR\n  n0[\"guest {name}\"]\n  n0 -->|\"route {name}\"| n0\n")
        );
    }
}
