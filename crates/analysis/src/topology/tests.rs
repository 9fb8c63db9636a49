//! Topologies of a few guests whose frames are written by hand.

use std::collections::BTreeSet;

use nfm_frame::{Connection, Frame, Interface, Neighbour, Process, Route, Text};

use super::addresses::{prefix_of, subnet_of};
use super::*;

pub(super) fn text(text: &str) -> Option<Text> {
    Some(text.into())
}

pub(super) fn interface(index: u32, name: &str, addresses: &[&str]) -> Interface {
    let addresses: Vec<Text> = addresses.iter().map(|one| (*one).into()).collect();
    let (ipv6, ipv4) = addresses.into_iter().partition(|one: &Text| one.contains(':'));
    Interface {
        netns: Some(1),
        index: Some(index),
        name: text(name),
        mac: text(&format!("02:00:00:00:00:{index:02x}")),
        ipv4: Some(ipv4),
        ipv6: Some(ipv6),
        ..Interface::default()
    }
}

/// `10.0.0.1:80`, with the address alone for IPv6: `[::1]:80`.
fn ends(of: &str) -> (Option<Text>, Option<u16>) {
    let (address, port) = of.rsplit_once(':').unwrap();
    (text(address.trim_matches(['[', ']'])), port.parse().ok())
}

pub(super) fn connection(
    pid: u32,
    protocol: &'static str,
    local: &str,
    remote: &str,
) -> Connection {
    let ((local_address, local_port), (remote_address, remote_port)) = (ends(local), ends(remote));
    let state = text(if remote_port == Some(0) { "LISTEN" } else { "ESTABLISHED" });
    Connection {
        netns: Some(1),
        protocol: protocol.into(),
        state,
        local_address,
        local_port,
        remote_address,
        remote_port,
        pid: Some(pid),
        ..Connection::default()
    }
}

pub(super) fn frame(name: &str, interfaces: Vec<Interface>, connections: Vec<Connection>) -> Frame {
    let pids: BTreeSet<u32> = connections.iter().filter_map(|one| one.pid).collect();
    let process = |pid| Process { pid, name: text(&format!("p{pid}")), ..Process::default() };
    let mut frame = Frame {
        processes: Some(pids.into_iter().map(process).collect()),
        interfaces: Some(interfaces),
        connections: Some(connections),
        ..Frame::default()
    };
    frame.domain.name = name.to_owned();
    frame
}

fn of(frames: &[Frame]) -> Topology {
    let guests = frames.iter().map(|frame| GuestOfHost { host: Some("h"), frame, devices: &[] });
    topology(&guests.collect::<Vec<_>>(), &[])
}

/// Edges as `FROM -> TO`, with one letter for the kind, by the last two names of the nodes.
fn edges(topology: &Topology, kind: &str) -> Vec<String> {
    let name = |place: usize| {
        let id = topology.nodes[place].id.replace("host:h/", "").replace("namespace:", "");
        id.replace("process:", "").replace("guest:", "").replace("interface:", "")
    };
    let of_kind = topology.edges.iter().filter(|edge| edge.kind.name() == kind);
    let shown = of_kind.map(|edge| {
        let both = matches!(edge.kind, EdgeKind::Connection { both_ends: true, .. });
        format!("{} {} {}", name(edge.from), if both { "=>" } else { "->" }, name(edge.to))
    });
    shown.collect()
}

pub(super) fn two_tiers() -> Vec<Frame> {
    let eth0 = |address| vec![interface(2, "eth0", &[address, "fe80::1/64"])];
    vec![
        frame(
            "web",
            eth0("10.0.0.1/24"),
            vec![
                connection(10, "tcp", "0.0.0.0:80", "0.0.0.0:0"),
                connection(10, "tcp", "10.0.0.1:80", "192.0.2.7:5555"),
                connection(11, "tcp", "10.0.0.1:40000", "10.0.0.2:5432"),
                connection(11, "tcp", "10.0.0.1:40001", "10.0.0.2:5432"),
            ],
        ),
        frame(
            "db",
            eth0("10.0.0.2/24"),
            vec![
                connection(20, "tcp6", "[::]:5432", "[::]:0"),
                connection(21, "tcp6", "[::ffff:10.0.0.2]:5432", "[::ffff:10.0.0.1]:40000"),
            ],
        ),
    ]
}

#[test]
fn connections_are_matched_across_guests() {
    let topology = of(&two_tiers());
    let expected = [
        // Seen at both ends, from an address of nobody, and at the client's end alone.
        "web/1/p11[11] => db/1/p21[21]",
        "external:192.0.2.7 -> web/1/p10[10]",
        "web/1/p11[11] -> db/1/p20[20]",
    ];
    assert_eq!(edges(&topology, "connection"), expected);
    let links = ["db/1/eth0 -> network:10.0.0.0/24", "web/1/eth0 -> network:10.0.0.0/24"];
    assert_eq!(edges(&topology, "subnet"), links);
    let mut reversed = two_tiers();
    reversed.reverse();
    assert_eq!(of(&reversed), topology, "the order of guests is by their names");
}

#[test]
fn addresses_that_two_guests_have_are_matched_with_nobody() {
    let guest = |name| {
        let connections = vec![
            connection(1, "udp", "10.0.2.15:1000", "10.0.2.2:53"),
            connection(2, "tcp", "127.0.0.1:2000", "127.0.0.1:90"),
            connection(3, "tcp", "127.0.0.1:90", "127.0.0.1:2000"),
        ];
        let eth0 = interface(2, "eth0", &["10.0.2.15/24"]);
        let mut frame = frame(name, vec![interface(1, "lo", &["127.0.0.1/8"]), eth0], connections);
        frame.routes = Some(vec![Route {
            netns: Some(1),
            table: Some(254),
            kind: text("unicast"),
            destination: text("0.0.0.0/0"),
            gateway: text("10.0.2.2"),
            ..Route::default()
        }]);
        frame
    };
    let client = vec![connection(9, "tcp", "10.0.3.1:7", "10.0.2.15:22")];
    let client = frame("c", vec![interface(2, "eth0", &["10.0.3.1/24"])], client);
    let topology = of(&[guest("a"), guest("b"), client]);
    let of_a = "network:10.0.2.0/24 of a/1";
    assert_eq!(
        edges(&topology, "subnet")[..2],
        [format!("a/1/eth0 -> {of_a}"), "b/1/eth0 -> network:10.0.2.0/24 of b/1".to_owned(),]
    );
    assert_eq!(
        edges(&topology, "connection"),
        [
            format!("a/1/p1[1] -> {of_a}/external:10.0.2.2"),
            "a/1/p2[2] => a/1/p3[3]".to_owned(),
            "b/1/p1[1] -> network:10.0.2.0/24 of b/1/external:10.0.2.2".to_owned(),
            "b/1/p2[2] => b/1/p3[3]".to_owned(),
            "c/1/p9[9] -> external:10.0.2.15".to_owned(),
        ]
    );
    assert_eq!(edges(&topology, "route")[0], format!("a/1 -> {of_a}/external:10.0.2.2"));
}

#[test]
fn neighbours_and_routes_lead_to_interfaces() {
    let mut frames = two_tiers();
    let neighbour = |address: &str, mac, state| Neighbour {
        netns: Some(1),
        interface_index: Some(2),
        address: text(address),
        mac: Some(Text::fixed(mac)),
        state: Some(Text::fixed(state)),
        ..Neighbour::default()
    };
    frames[0].neighbours = Some(vec![
        neighbour("10.0.0.2", "02:00:00:00:00:02", "stale"),
        // Another machine answers for the address; nobody does; it is no machine's.
        neighbour("10.0.0.2", "02:00:00:00:00:99", "reachable"),
        neighbour("10.0.0.3", "02:00:00:00:00:03", "failed"),
        neighbour("224.0.0.1", "01:00:5e:00:00:01", "noarp"),
    ]);
    frames[0].routes = Some(vec![Route {
        netns: Some(1),
        table: Some(254),
        kind: text("unicast"),
        destination: text("10.9.0.0/16"),
        gateway: text("10.0.0.2"),
        ..Route::default()
    }]);
    let topology = of(&frames);
    let neighbours =
        ["web/1/eth0 -> db/1/eth0", "web/1/eth0 -> network:10.0.0.0/24/external:10.0.0.2"];
    assert_eq!(edges(&topology, "neighbour"), neighbours);
    assert_eq!(edges(&topology, "route"), ["web/1 -> db/1/eth0"]);
}

#[test]
fn prefixes() {
    let subnet = |text| prefix_of(text).and_then(|(address, prefix)| subnet_of(address, prefix));
    let shown = |text| subnet(text).map(|(base, prefix)| format!("{base}/{prefix}"));
    assert_eq!(shown("10.1.2.3/20").as_deref(), Some("10.1.0.0/20"));
    assert_eq!(shown("10.1.2.3/0").as_deref(), Some("0.0.0.0/0"));
    assert_eq!(shown("fd00:77::1/64").as_deref(), Some("fd00:77::/64"));
    assert_eq!(shown("fd00:77::1/0").as_deref(), Some("::/0"));
    for text in
        ["10.1.2.3/32", "10.1.2.3/99", "127.0.0.1/8", "fe80::1/64", "::1/128", "x/8", "10.1.2.3"]
    {
        assert_eq!(shown(text), None, "{text}");
    }
}

pub(super) fn device(kind: &str, source: &str, tap: &str, index: u32) -> NetworkDevice {
    NetworkDevice {
        kind: kind.to_owned(),
        mac: Some(format!("02:00:00:00:00:{index:02X}")),
        source: Some(source.to_owned()),
        target: Some(tap.to_owned()),
        ..NetworkDevice::default()
    }
}

/// Two networks of libvirt's on one host, with the same addresses: web and db on `a`, a copy of db on `b`.
fn two_networks(frames: &[Frame]) -> Topology {
    let on = |network, tap| [device("network", network, tap, 2)];
    let (web, db, copy) = (on("a", "vnet0"), on("a", "vnet1"), on("b", "vnet2"));
    let devices: [&[NetworkDevice]; 3] = [&web, &db, &copy];
    let guests = frames.iter().zip(devices);
    let guests = guests.map(|(frame, devices)| GuestOfHost { host: Some("h"), frame, devices });
    let port = |name: &str, bridge: &str| HostDevice {
        name: name.to_owned(),
        mtu: Some(1500),
        bridge: Some(bridge.to_owned()),
    };
    let devices = vec![port("vnet0", "virbr1"), port("vnet1", "virbr1"), port("vnet2", "virbr2")];
    let host = HostNetworking { host: "h".to_owned(), devices };
    topology(&guests.collect::<Vec<_>>(), &[host])
}

#[test]
fn the_host_tells_networks_of_the_same_addresses_apart() {
    let mut frames = two_tiers();
    let mut copy = frames[1].clone();
    copy.domain.name = "db-copy".to_owned();
    frames.push(copy);
    let topology = two_networks(&frames);
    assert_eq!(
        edges(&topology, "subnet"),
        [
            "db/1/eth0 -> network:a/network:10.0.0.0/24",
            "web/1/eth0 -> network:a/network:10.0.0.0/24",
            "db-copy/1/eth0 -> network:b/network:10.0.0.0/24",
        ]
    );
    assert_eq!(
        edges(&topology, "link"),
        [
            "db/1/eth0 -> vnet1",
            "vnet1 -> network:a",
            "db-copy/1/eth0 -> vnet2",
            "vnet2 -> network:b",
            "web/1/eth0 -> vnet0",
            "vnet0 -> network:a",
        ]
    );
    // Both have the socket; web reaches one of them.
    let connections = edges(&topology, "connection");
    assert!(connections.contains(&"web/1/p11[11] => db/1/p21[21]".to_owned()), "{connections:?}");
    assert!(
        connections.contains(
            &"network:b/network:10.0.0.0/24/external:10.0.0.1 -> db-copy/1/p21[21]".to_owned()
        ),
        "{connections:?}"
    );
    // Without the host's side, nobody knows which is meant.
    assert!(!edges(&of(&frames), "connection").iter().any(|edge| edge.contains("=>")));
}

#[test]
fn levels_count_what_they_leave_out() {
    let whole = two_networks(&two_tiers());
    let shown = |level| {
        let topology = whole.at_level(level);
        let ids = topology.nodes.iter().map(|node| node.id.replace("host:h/", ""));
        let connections = topology.edges.iter().filter(|edge| edge.kind.name() == "connection");
        let name = |place: usize| topology.nodes[place].id.replace("host:h/", "");
        let connections =
            connections.map(|edge| format!("{} {} {}", edge.count, name(edge.from), name(edge.to)));
        (ids.collect::<Vec<_>>(), connections.collect::<Vec<_>>())
    };
    let networks = ["network:a", "network:a/network:10.0.0.0/24", "external:192.0.2.7"];
    let (ids, connections) = shown(Level::Guest);
    assert_eq!(ids, [&["host:h", "guest:db", "guest:web"], &networks[..]].concat());
    let expected = ["2 guest:web guest:db", "1 external:192.0.2.7 guest:web"];
    assert_eq!(connections, [expected[0], expected[1]]);
    let (ids, connections) = shown(Level::Host);
    assert_eq!(ids, [&["host:h"], &networks[..]].concat());
    assert_eq!(connections, ["1 external:192.0.2.7 host:h"]);
    let (ids, _) = shown(Level::Container);
    assert!(ids.contains(&"guest:db/namespace:1".to_owned()) && ids.len() == 8, "{ids:?}");
    assert_eq!(whole.at_level(Level::Process), whole);
    // The taps count to their network.
    let links = whole.at_level(Level::Guest);
    let links = links.edges.iter().filter(|edge| edge.kind.name() == "link").count();
    assert_eq!(links, 2);
}

#[test]
fn a_part_of_the_connections() {
    let whole = of(&two_tiers());
    let selected = |selection| edges(&whole.select(&selection), "connection").len();
    let port = |port| Selection { port: Some(port), ..Selection::default() };
    assert_eq!([selected(port(5432)), selected(port(80)), selected(port(1))], [2, 1, 0]);
    let between = |one: &str, other: &str| Selection {
        between: Some((one.to_owned(), other.to_owned())),
        ..Selection::default()
    };
    assert_eq!([selected(between("d*", "we?")), selected(between("web", "web"))], [2, 0]);
    let external = Selection { external: true, ..Selection::default() };
    assert_eq!(selected(external.clone()), 1);
    let topology = whole.select(&external);
    let kinds: Vec<&str> = topology.nodes.iter().map(|node| node.kind.name()).collect();
    assert_eq!(kinds, ["host", "guest", "namespace", "external", "process"]);
    assert_eq!(whole.select(&Selection::default()), whole);
}
