//! Topologies of several times as one, with the times at which each node and edge was there.

use std::collections::HashMap;

use super::{Edge, EdgeKind, Topology};

/// The first and the last of the times, by their places in [`Timeline::times_ns`], between which something was always there.
pub type Span = (usize, usize);

/// All that was there at any of several times.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The times that were looked at, in order, nanoseconds since 1970.
    pub times_ns: Vec<u64>,
    /// All that was there; of an edge, as it was at last.
    pub topology: Topology,
    /// The times of each node.
    pub nodes: Vec<Vec<Span>>,
    /// The times of each edge.
    pub edges: Vec<Vec<Span>>,
    known_nodes: HashMap<String, usize>,
    known_edges: HashMap<(usize, usize, EdgeKind), usize>,
}

impl Timeline {
    /// Adds the topology of a later time.
    pub fn push(&mut self, time_ns: u64, topology: &Topology) {
        let now = self.times_ns.len();
        self.times_ns.push(time_ns);
        let mut places: Vec<usize> = Vec::with_capacity(topology.nodes.len());
        for node in &topology.nodes {
            let next = self.topology.nodes.len();
            let place = *self.known_nodes.entry(node.id.clone()).or_insert(next);
            if place == next {
                let parent = node.parent.and_then(|parent| places.get(parent).copied());
                self.topology.nodes.push(super::Node { parent, ..node.clone() });
                self.nodes.push(Vec::new());
            }
            places.push(place);
            self.nodes.get_mut(place).into_iter().for_each(|spans| seen(spans, now));
        }
        for edge in &topology.edges {
            let at = |end: usize| places.get(end).copied();
            let (Some(from), Some(to)) = (at(edge.from), at(edge.to)) else { continue };
            let next = self.topology.edges.len();
            let key = (from, to, edge.kind.apart_from_state());
            let place = *self.known_edges.entry(key).or_insert(next);
            let edge = Edge { from, to, ..edge.clone() };
            match self.topology.edges.get_mut(place) {
                Some(known) => *known = edge,
                None => {
                    self.topology.edges.push(edge);
                    self.edges.push(Vec::new());
                }
            }
            self.edges.get_mut(place).into_iter().for_each(|spans| seen(spans, now));
        }
    }

    /// The first and the last time of spans, nanoseconds since 1970.
    pub fn first_and_last_ns(&self, spans: &[Span]) -> Option<(u64, u64)> {
        let (first, last) = (spans.first()?.0, spans.last()?.1);
        Some((*self.times_ns.get(first)?, *self.times_ns.get(last)?))
    }

    /// The edges that are there at one of the first and the last time alone: their places, and true for those of the last.
    pub fn changes(&self) -> Vec<(usize, bool)> {
        let last = self.times_ns.len().saturating_sub(1);
        let change = |(place, spans): (usize, &Vec<Span>)| {
            let at_first = spans.first().is_some_and(|span| span.0 == 0);
            let at_last = spans.last().is_some_and(|span| span.1 == last);
            (at_first != at_last).then_some((place, at_last))
        };
        self.edges.iter().enumerate().filter_map(change).collect()
    }
}

/// Adds a time to spans that end before it.
fn seen(spans: &mut Vec<Span>, now: usize) {
    match spans.last_mut() {
        Some((_, last)) if *last + 1 >= now => *last = now,
        _ => spans.push((now, now)),
    }
}

impl EdgeKind {
    /// The same edge, however its connection is at the time.
    fn apart_from_state(&self) -> Self {
        match self.clone() {
            Self::Connection { protocol, from, to, .. } => {
                Self::Connection { protocol, from, to, state: None, both_ends: false }
            }
            other => other,
        }
    }
}
