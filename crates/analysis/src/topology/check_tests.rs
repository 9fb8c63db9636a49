//! Findings about a few guests whose frames are written by hand, and topologies of several times.

use nfm_frame::Frame;

use super::tests::{connection, device, frame, interface, two_tiers};
use super::*;

/// A host whose taps all have an MTU of 1500.
fn host() -> HostNetworking {
    let tap = |number| HostDevice {
        name: format!("vnet{number}"),
        mtu: Some(1500),
        bridge: Some("virbr1".to_owned()),
    };
    HostNetworking { host: "h".to_owned(), devices: (0..9).map(tap).collect() }
}

/// Findings of rounds of guests that are all joined to the network `a` by their interface 2.
fn found(rounds: &[Vec<Frame>]) -> Vec<Finding> {
    let devices: Vec<[NetworkDevice; 1]> =
        (0..9).map(|number| [device("network", "a", &format!("vnet{number}"), 2)]).collect();
    let rounds: Vec<Vec<GuestOfHost>> = rounds
        .iter()
        .map(|round| {
            let guests = round.iter().zip(&devices);
            guests.map(|(frame, devices)| GuestOfHost { host: Some("h"), frame, devices }).collect()
        })
        .collect();
    findings(&rounds, &[host()])
}

fn kinds(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|one| one.kind.name()).collect()
}

/// Three rounds of web and db, one frame after the other; db has no socket for the second connection of web's.
fn rounds() -> Vec<Vec<Frame>> {
    let mut time_ns = 0;
    let round = |_| {
        let mut frames = two_tiers();
        for frame in &mut frames {
            time_ns += 1;
            frame.time_ns = time_ns;
            frame.consistency.complete = true;
            let sockets = frame.connections.iter_mut().flatten().zip(1_u64..);
            sockets.for_each(|(row, inode)| row.inode = Some(inode));
        }
        frames
    };
    (0..3).map(round).collect()
}

#[test]
fn a_connection_that_the_other_end_denies() {
    let whole = rounds();
    let findings = found(&whole);
    assert_eq!(kinds(&findings), ["denied-connection"]);
    assert_eq!(findings[0].nodes, ["host:h/guest:web", "host:h/guest:db"]);
    assert!(findings[0].text.contains("tcp 10.0.0.1:40001 10.0.0.2:5432"), "{findings:?}");

    let none = |why: &str, change: &dyn Fn(&mut Vec<Vec<Frame>>)| {
        let mut rounds = whole.clone();
        change(&mut rounds);
        assert_eq!(kinds(&found(&rounds)), [""; 0], "{why}");
    };
    none("two rounds are too few", &|rounds| rounds.truncate(2));
    none("frames of db that may lack connections", &|rounds| {
        rounds.iter_mut().for_each(|round| round[1].consistency.complete = false);
    });
    none("another socket with the same ends", &|rounds| {
        for (round, inode) in rounds.iter_mut().zip(100..) {
            round[0].connections.as_mut().unwrap()[3].inode = Some(inode);
        }
    });
    none("db has it once", &|rounds| {
        let row = connection(21, "tcp", "10.0.0.2:5432", "10.0.0.1:40001");
        rounds[1][1].connections.as_mut().unwrap().push(row);
    });
    none("translated: db has it by another address", &|rounds| {
        let row = connection(21, "tcp", "172.17.0.2:5432", "10.0.0.1:40001");
        rounds[0][1].connections.as_mut().unwrap().push(row);
    });
    none("behind a router", &|rounds| {
        rounds.iter_mut().for_each(|round| {
            round[0].interfaces = Some(vec![interface(2, "eth0", &["10.0.0.1/32"])]);
        });
    });
}

#[test]
fn addresses_lengths_and_networks() {
    let guest = |name, interfaces| frame(name, interfaces, Vec::new());
    let mut long = interface(2, "eth0", &["10.0.0.3/24"]);
    long.mtu = Some(9000);
    let mut usual = interface(2, "eth0", &["10.0.0.1/24"]);
    usual.mtu = Some(1500);
    let frames = vec![
        guest("one", vec![usual.clone(), interface(7, "eth0.10", &["10.9.0.1/24"])]),
        guest(
            "two",
            vec![interface(2, "eth0", &["10.0.0.1/24"]), interface(3, "wg0", &["10.0.0.9/24"])],
        ),
        guest("three", vec![long]),
    ];
    let mut frames = frames;
    // A VLAN has the hardware address of the interface below it.
    let card = usual.mac.clone();
    frames[0].interfaces.as_mut().unwrap()[1].mac = card.clone();
    let mut other_vlan = interface(7, "eth0.20", &["10.9.0.2/24"]);
    other_vlan.mac = card;
    frames[2].interfaces.as_mut().unwrap().push(other_vlan);
    let findings = found(&[frames]);
    let expected = [
        "host:h/guest:one/namespace:1/interface:eth0 and host:h/guest:two/namespace:1/interface:eth0 have 10.0.0.1 in \
         host:h/network:a/network:10.0.0.0/24",
        "host:h/guest:two/namespace:1/interface:wg0 has 10.0.0.9 of host:h/network:a, to which the host joins no device \
         of this guest",
        "host:h/guest:three/namespace:1/interface:eth0 has an MTU of 9000, and vnet2 of the host, which stands for it, \
         one of 1500",
        "the MTUs differ in host:h/network:a/network:10.0.0.0/24: host:h/guest:one/namespace:1/interface:eth0 1500, \
         host:h/guest:three/namespace:1/interface:eth0 9000",
        "10.9.0.0/24 is host:h/guest:one/namespace:1/interface:eth0.10 in VLAN 10, \
         host:h/guest:three/namespace:1/interface:eth0.20 in VLAN 20",
    ];
    let mut texts: Vec<&str> = findings.iter().map(|one| one.text.as_str()).collect();
    texts.sort_by_key(|text| expected.iter().position(|one| one == text));
    assert_eq!(texts, expected);
    assert_eq!(
        kinds(&findings),
        [
            "duplicate-address",
            "foreign-network",
            "different-mtu",
            "different-mtu",
            "different-vlan"
        ]
    );
}

#[test]
fn several_times_are_one_topology() {
    let at = |frames: &[Frame]| {
        topology(&frames.iter().map(GuestOfHost::alone).collect::<Vec<_>>(), &[])
    };
    let whole = two_tiers();
    let mut fewer = whole.clone();
    fewer[0].connections.as_mut().unwrap().pop();
    let mut timeline = Timeline::default();
    for (time_ns, frames) in [(10, &fewer), (20, &whole), (30, &fewer), (40, &whole), (50, &whole)]
    {
        timeline.push(time_ns, &at(frames));
    }
    let all = at(&whole);
    assert_eq!(timeline.topology.edges.len(), all.edges.len());
    assert_eq!(timeline.topology.nodes.len(), all.nodes.len());
    let changes = timeline.changes();
    let [(place, true)] = changes[..] else { panic!("{changes:?}") };
    assert_eq!(timeline.edges[place], [(1, 1), (3, 4)]);
    assert_eq!(timeline.first_and_last_ns(&timeline.edges[place]), Some((20, 50)));
    assert_eq!(
        timeline.edges.iter().filter(|spans| spans[..] == [(0, 4)]).count(),
        all.edges.len() - 1
    );
}
