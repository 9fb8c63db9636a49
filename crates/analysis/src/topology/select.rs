//! Parts of a topology: connections of a port or between guests, and fewer levels.

use std::collections::HashMap;

use nfm_frame::matches_pattern;

use super::{Edge, EdgeKind, Node, NodeKind, Topology};

/// The smallest things that a topology shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Hosts and their networks.
    Host,
    /// Also guests.
    Guest,
    /// Also network namespaces.
    Container,
    /// Also interfaces and processes: all.
    Process,
}

/// The edges that are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Connections with this port at either end.
    pub port: Option<u16>,
    /// Connections between a guest of the first pattern and one of the second.
    pub between: Option<(String, String)>,
    /// Connections of guests with addresses that no guest has.
    pub external: bool,
}

impl Topology {
    /// The edges that are wanted, and the nodes that they need.
    pub fn select(&self, wanted: &Selection) -> Self {
        if *wanted == Selection::default() {
            return self.clone();
        }
        let edges = self.edges.iter().filter(|edge| self.is_wanted(edge, wanted));
        self.of_edges(edges.cloned().collect(), |_| false)
    }

    fn is_wanted(&self, edge: &Edge, wanted: &Selection) -> bool {
        let EdgeKind::Connection { from, to, .. } = &edge.kind else { return false };
        let is_external =
            |place: usize| self.nodes.get(place).map(|node| node.kind) == Some(NodeKind::External);
        let is_of = |place, pattern: &str| {
            self.guest_of(place).is_some_and(|guest| matches_pattern(pattern, &guest.name))
        };
        wanted.port.is_none_or(|port| from.1 == port || to.1 == port)
            && (!wanted.external || is_external(edge.from) || is_external(edge.to))
            && wanted.between.as_ref().is_none_or(|(one, other)| {
                (is_of(edge.from, one) && is_of(edge.to, other))
                    || (is_of(edge.from, other) && is_of(edge.to, one))
            })
    }

    /// The guest that a node is or is in.
    pub fn guest_of(&self, place: usize) -> Option<&Node> {
        self.around(place).find(|node| node.kind == NodeKind::Guest)
    }

    /// A node, the one that it is in, and so on.
    fn around(&self, place: usize) -> impl Iterator<Item = &Node> {
        let first = self.nodes.get(place);
        std::iter::successors(first, |node| self.nodes.get(node.parent?))
    }

    /// The topology with nothing smaller than a level: what is smaller counts to what it is in, and edges that then are
    /// the same are one. Connections are the same if they lead to one port.
    pub fn at_level(&self, level: Level) -> Self {
        if level == Level::Process {
            return self.clone();
        }
        let mut shown: Vec<Option<usize>> = Vec::with_capacity(self.nodes.len());
        for (place, node) in self.nodes.iter().enumerate() {
            let is_shown = match node.kind {
                NodeKind::Host | NodeKind::Network | NodeKind::External => true,
                // A guest of no known host stands for its host.
                NodeKind::Guest => level >= Level::Guest || node.parent.is_none(),
                NodeKind::Namespace => level >= Level::Container,
                NodeKind::Interface | NodeKind::Process => false,
            };
            let around = || shown.get(node.parent?).copied().flatten();
            shown.push(if is_shown { Some(place) } else { around() });
        }
        // A host's interface counts to the network that it is joined to.
        for edge in &self.edges {
            let is_of_host = self.nodes.get(edge.from).is_some_and(|node| {
                let parent = node.parent.and_then(|parent| self.nodes.get(parent));
                node.kind == NodeKind::Interface
                    && parent.map(|one| one.kind) == Some(NodeKind::Host)
            });
            if matches!(edge.kind, EdgeKind::Link { .. })
                && is_of_host
                && let Some(place) = shown.get_mut(edge.from)
            {
                *place = Some(edge.to);
            }
        }
        let at = |place: usize| shown.get(place).copied().flatten();
        let mut edges: Vec<Edge> = Vec::new();
        let mut known: HashMap<_, usize> = HashMap::new();
        for edge in &self.edges {
            let (Some(from), Some(to)) = (at(edge.from), at(edge.to)) else { continue };
            let service = match &edge.kind {
                EdgeKind::Connection { protocol, to, .. } => Some((*protocol, to.1)),
                _ => None,
            };
            if from == to {
                continue;
            }
            let place = known.entry((from, to, edge.kind.name(), service)).or_insert(edges.len());
            match edges.get_mut(*place) {
                Some(same) => same.join(edge),
                None => edges.push(Edge { from, to, ..edge.clone() }),
            }
        }
        self.of_edges(edges, |place| at(place) == Some(place))
    }

    /// The topology of some edges, with the nodes that are their ends, and those that are kept anyhow.
    pub(super) fn of_edges(&self, edges: Vec<Edge>, is_kept: impl Fn(usize) -> bool) -> Self {
        let mut needed: Vec<bool> = (0..self.nodes.len()).map(is_kept).collect();
        let mut next: Vec<usize> = edges.iter().flat_map(|edge| [edge.from, edge.to]).collect();
        next.extend(needed.iter().enumerate().filter(|(_, is)| **is).map(|(place, _)| place));
        for end in next {
            let mut place = Some(end);
            while let Some(one) = place {
                needed.get_mut(one).into_iter().for_each(|needed| *needed = true);
                place = self.nodes.get(one).and_then(|node| node.parent);
            }
        }
        let mut topology = Self::default();
        let mut places: Vec<Option<usize>> = Vec::with_capacity(self.nodes.len());
        for (node, needed) in self.nodes.iter().zip(needed) {
            places.push(needed.then_some(topology.nodes.len()));
            if needed {
                let parent = node.parent.and_then(|parent| places.get(parent).copied().flatten());
                topology.nodes.push(Node { parent, ..node.clone() });
            }
        }
        let at = |place: usize| places.get(place).copied().flatten();
        let moved = |edge: Edge| Some(Edge { from: at(edge.from)?, to: at(edge.to)?, ..edge });
        topology.edges = edges.into_iter().filter_map(moved).collect();
        topology
    }
}

impl Edge {
    /// Counts another edge as the same.
    fn join(&mut self, other: &Self) {
        self.count += other.count;
        if let (
            EdgeKind::Connection { state, both_ends, .. },
            EdgeKind::Connection { state: other_state, both_ends: other_both, .. },
        ) = (&mut self.kind, &other.kind)
        {
            *both_ends &= other_both;
            if state != other_state {
                *state = None;
            }
        }
    }
}
