//! The section `interfaces`: `ip addr` and `/proc/net/dev` in every network namespace.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::{Reading, View};

const SECTION: &str = "interfaces";
/// The columns of `/proc/net/dev` that the frame has.
pub const COUNTERS: [(&str, usize); 8] = [
    ("rx_bytes", 0),
    ("rx_packets", 1),
    ("rx_errors", 2),
    ("rx_dropped", 3),
    ("tx_bytes", 8),
    ("tx_packets", 9),
    ("tx_errors", 10),
    ("tx_dropped", 11),
];

/// An interface as `ip addr` prints it.
#[derive(Debug, Default, PartialEq)]
struct Interface {
    index: u64,
    name: String,
    mac: Option<String>,
    mtu: u64,
    up: bool,
    ipv4: Vec<String>,
    ipv6: Vec<String>,
}

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(interfaces) = tally.section(frame, SECTION) else { return };
    let rows = interfaces.as_array().expect("interfaces");
    let mut known = BTreeSet::new();
    for (netns, pid) in &view.networks {
        let address = format!("ip/{pid}");
        let own = parse(&view.before.text(&address));
        assert_eq!(own, parse(&view.after.text(&address)), "the guest's interfaces do not rest");
        assert!(!own.is_empty(), "the guest's ip addr of namespace {netns} was not read");
        for interface in own {
            let key = format!("{} of {netns}", interface.name);
            known.insert((*netns, interface.index));
            let row = rows.iter().find(|r| r["netns"] == *netns && r["index"] == interface.index);
            let Some(row) = row else {
                tally.holds(SECTION, key, "there", false, "no such interface");
                continue;
            };
            let mut is = |field, value: Value| {
                tally.field(SECTION, &key, row, field, Expected::is(value));
            };
            is("name", interface.name.clone().into());
            is("mac", interface.mac.into());
            is("mtu", interface.mtu.into());
            is("up", interface.up.into());
            is("ipv4", interface.ipv4.into());
            is("ipv6", interface.ipv6.into());
            let before = counters(&view.before, *pid, &interface.name);
            let after = counters(&view.after, *pid, &interface.name);
            for (field, column) in COUNTERS {
                let expected = Expected::Between(before[column], after[column]);
                tally.field(SECTION, &key, row, field, expected);
            }
        }
    }
    for row in rows {
        let key = row["netns"].as_u64().zip(row["index"].as_u64());
        let is_known = key.is_some_and(|key| known.contains(&key));
        tally.holds(SECTION, &row["name"], "known to the guest", is_known, row);
    }
}

fn parse(text: &str) -> Vec<Interface> {
    let mut all: Vec<Interface> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name| words.iter().skip_while(|word| **word != name).nth(1).copied();
        if !line.starts_with(' ') {
            let name = words[1].trim_end_matches(':');
            all.push(Interface {
                index: words[0].trim_end_matches(':').parse().expect("an index"),
                name: name.split('@').next().unwrap_or(name).to_owned(),
                mtu: after("mtu").expect("an mtu").parse().expect("an mtu"),
                up: words[2].trim_matches(['<', '>']).split(',').any(|flag| flag == "UP"),
                ..Interface::default()
            });
            continue;
        }
        let interface = all.last_mut().expect("addresses of an interface");
        let value = words.get(1).map(|word| (*word).to_owned());
        match words[0] {
            "inet" => interface.ipv4.extend(value),
            "inet6" => interface.ipv6.extend(value),
            link if link.starts_with("link/") => interface.mac = value,
            _ => {}
        }
    }
    all
}

fn counters(reading: &Reading, pid: u32, name: &str) -> Vec<u64> {
    let dev = reading.text(&format!("/proc/{pid}/net/dev"));
    let own = |line: &str| {
        let (interface, counters) = line.split_once(':')?;
        (interface.trim() == name).then(|| counters.to_owned())
    };
    let line = dev.lines().find_map(own).unwrap_or_else(|| panic!("{name} is not in net/dev"));
    line.split_whitespace().map(|word| word.parse().expect("a counter")).collect()
}
