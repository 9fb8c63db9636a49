//! Where packets go: `nfm route`, `nfm neigh` (also `arp`).

use std::io::Write;

use nfm::{Route, Section, Text};

use super::{Verb, each_frame, json};
use crate::args::FrameOf;
use crate::show::{known, table};

/// `nfm route`: routes of every network namespace and table, one line a next hop.
pub(crate) fn route(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Routes], out, |frame, out| {
        let routes = frame.routes.as_deref().unwrap_or_default();
        if of.target.json {
            return json(out, routes);
        }
        let rows = routes.iter().map(|route| {
            vec![
                known(route.netns),
                table_name(route.table),
                known(route.kind.as_ref()),
                destination(route),
                or_dash(route.gateway.as_ref()),
                or_dash(route.interface.as_ref()),
                or_dash(route.preferred_source.as_ref()),
                known(route.metric),
                known(route.protocol.as_ref()),
                known(route.scope.as_ref()),
                details(route),
            ]
        });
        let headings = [
            "NETNS>",
            "TABLE",
            "TYPE",
            "DESTINATION",
            "VIA",
            "DEV",
            "SRC",
            "METRIC>",
            "PROTO",
            "SCOPE",
            "DETAILS",
        ];
        table(out, &headings, rows)?;
        Ok(())
    })
}

/// The table's name as ip(8) has it, else its number.
fn table_name(table: Option<u32>) -> String {
    match table {
        Some(253) => "default".to_owned(),
        Some(254) => "main".to_owned(),
        Some(255) => "local".to_owned(),
        table => known(table),
    }
}

fn destination(route: &Route) -> String {
    let to = known(route.destination.as_ref());
    match &route.source {
        None => to,
        Some(source) => format!("{to} from {source}"),
    }
}

/// The details that few routes have, in the words of ip(8).
fn details(route: &Route) -> String {
    let mut words = Vec::new();
    if let Some(tos) = route.tos.filter(|tos| *tos != 0) {
        words.push(format!("tos {tos:#04x}"));
    }
    if let Some(mtu) = route.mtu {
        words.push(format!("mtu {mtu}"));
    }
    if let Some(id) = route.nexthop_id {
        words.push(format!("nhid {id}"));
    }
    if let (Some(hops @ 2..), Some(hop)) = (route.nexthops, route.nexthop) {
        let number = u64::from(hop) + 1;
        words.push(format!("nexthop {number} of {hops} weight {}", known(route.weight)));
    }
    words.extend(route.flags.iter().flatten().map(Text::to_string));
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

fn or_dash(text: Option<&Text>) -> String {
    text.map_or_else(|| "-".to_owned(), Text::to_string)
}

/// `nfm neigh`: neighbours of every network namespace.
pub(crate) fn neigh(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Neighbours], out, |frame, out| {
        let neighbours = frame.neighbours.as_deref().unwrap_or_default();
        if of.target.json {
            return json(out, neighbours);
        }
        let rows = neighbours.iter().map(|neighbour| {
            let flags: Vec<&str> = neighbour.flags.iter().flatten().map(Text::as_str).collect();
            vec![
                known(neighbour.netns),
                known(neighbour.address.as_ref()),
                or_dash(neighbour.interface.as_ref()),
                or_dash(neighbour.mac.as_ref()),
                known(neighbour.state.as_ref()),
                or_dash(neighbour.protocol.as_ref()),
                if flags.is_empty() { "-".to_owned() } else { flags.join(" ") },
            ]
        });
        table(out, &["NETNS>", "ADDRESS", "DEV", "LLADDR", "STATE", "PROTO", "FLAGS"], rows)?;
        Ok(())
    })
}
