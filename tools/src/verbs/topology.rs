//! `nfm topology`: who talks to whom, over all guests.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use nfm::{Frame, Libvirt, OpenOptions, Section};
use nfm_analysis::{EdgeKind, GuestOfHost, Node, NodeKind, Topology, topology as topology_of};
use serde_json::json;

use super::{Frames, Verb, json, report};
use crate::Failure;
use crate::args::{TopologyArgs, TopologyForm, When};
use crate::privileges;
use crate::show::{complain, escaped, known, table};

/// The sections that it takes.
const SECTIONS: &[Section] = &[
    Section::Processes,
    Section::Interfaces,
    Section::Connections,
    Section::Neighbours,
    Section::Routes,
];

/// `nfm topology`: guests, networks and processes, and what leads from one to another.
pub(crate) fn topology(options: &OpenOptions, args: &TopologyArgs, out: &mut dyn Write) -> Verb {
    let frames = frames(options, args)?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.as_deref().map(str::trim);
    let guests = frames
        .iter()
        .map(|(frame, is_here)| GuestOfHost { host: host.filter(|_| *is_here), frame });
    let topology = topology_of(&guests.collect::<Vec<_>>());
    match args.output {
        _ if args.json => as_json(out, &topology)?,
        TopologyForm::Table => as_table(out, &topology)?,
        TopologyForm::Json => as_json(out, &topology)?,
        TopologyForm::Dot => out.write_all(dot(&topology).as_bytes())?,
        TopologyForm::Mermaid => out.write_all(mermaid(&topology).as_bytes())?,
    }
    frames.iter().for_each(|(frame, _)| report(&frame.consistency.problems));
    Ok(ExitCode::SUCCESS)
}

/// A frame of each domain, and true if its guest runs here; where none was named, of all that can be read.
fn frames(options: &OpenOptions, args: &TopologyArgs) -> Result<Vec<(Frame, bool)>, Failure> {
    let domains = match args.domains.is_empty() {
        true => {
            let listed = Libvirt::open(options.uri.as_deref())?.list(false)?;
            listed.into_iter().map(|domain| domain.uuid).collect()
        }
        false => args.domains.clone(),
    };
    let must = !args.domains.is_empty();
    let mut opened = Vec::new();
    for domain in domains {
        let is_here = args.at.is_none() && args.store.is_none() && !domain.starts_with("file:");
        let when = When { at: args.at, store: args.store.clone(), ..When::default() };
        match Frames::open_only(options, &domain, &when) {
            Ok(frames) => opened.push((frames, is_here)),
            Err(Failure::Nfm(error)) if !must => complain(&error),
            Err(failure) => return Err(failure),
        }
    }
    if opened.iter().any(|(frames, _)| frames.is_live()) {
        privileges::give_up();
    }
    let mut taken = Vec::new();
    for (mut frames, is_here) in opened {
        match frames.latest(SECTIONS) {
            Ok(frame) => taken.push((frame, is_here)),
            Err(Failure::Nfm(error)) if !must => complain(&error),
            Err(failure) => return Err(failure),
        }
    }
    Ok(taken)
}

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
fn detail(kind: &EdgeKind) -> String {
    match kind {
        EdgeKind::Link { address } => address.to_string(),
        EdgeKind::Neighbour { address, mac } => format!("{address} {mac}"),
        EdgeKind::Route { destination } => destination.to_string(),
        EdgeKind::Connection { protocol, from, to, state, both_ends } => {
            let end = |(address, port)| std::net::SocketAddr::new(address, port);
            let ends = if *both_ends { "" } else { ", one end seen" };
            let state = known(state.as_ref());
            format!("{protocol} {} {} {state}{ends}", end(*from), end(*to))
        }
    }
}

fn as_table(out: &mut dyn Write, topology: &Topology) -> Result<(), Failure> {
    let rows = topology.edges.iter().map(|edge| {
        let (from, to) = (label_at(topology, edge.from), label_at(topology, edge.to));
        vec![edge.kind.name().to_owned(), from, to, detail(&edge.kind)]
    });
    Ok(table(out, &["EDGE", "FROM", "TO", "DETAIL"], rows)?)
}

fn as_json(out: &mut dyn Write, topology: &Topology) -> Result<(), Failure> {
    let id = |place: usize| topology.nodes.get(place).map(|node| node.id.as_str());
    let nodes = topology.nodes.iter().map(|node| {
        let parent = node.parent.and_then(id);
        json!({"id": node.id, "kind": node.kind.name(), "name": node.name, "parent": parent})
    });
    let edges = topology.edges.iter().map(|edge| {
        let (from, to, kind) = (id(edge.from), id(edge.to), edge.kind.name());
        let mut facts = json!({"kind": kind, "from": from, "to": to});
        let more = match &edge.kind {
            EdgeKind::Link { address } => json!({"address": address}),
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
        if let (Some(facts), serde_json::Value::Object(more)) = (facts.as_object_mut(), more) {
            facts.extend(more);
        }
        facts
    });
    let (nodes, edges): (Vec<_>, Vec<_>) = (nodes.collect(), edges.collect());
    json(out, &json!({"nodes": nodes, "edges": edges}))
}

/// The graph for Graphviz.
fn dot(topology: &Topology) -> String {
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
        let name = quoted(&format!("{} {}", edge.kind.name(), detail(&edge.kind)));
        let _ = writeln!(text, "  n{} -> n{} [label={name}];", edge.from, edge.to);
    }
    text + "}\n"
}

/// The graph for Mermaid.
fn mermaid(topology: &Topology) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (place, node) in topology.nodes.iter().enumerate() {
        let name = entities(&format!("{} {}", node.kind.name(), label(topology, node)));
        let _ = writeln!(text, "  n{place}[\"{name}\"]");
        if let Some(parent) = node.parent {
            let _ = writeln!(text, "  n{parent} -.- n{place}");
        }
    }
    for edge in &topology.edges {
        let name = entities(&format!("{} {}", edge.kind.name(), detail(&edge.kind)));
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
    use nfm_analysis::Edge;

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
        let topology = Topology { nodes: vec![node], edges: vec![Edge { from: 0, to: 0, kind }] };
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
