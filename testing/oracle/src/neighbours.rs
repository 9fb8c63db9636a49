//! The section `neighbours`: RTM_GETNEIGH, of which `ip neigh show nud all` and `ip neigh show proxy` make their lines,
//! in every network namespace.

use serde_json::{Value, json};

use crate::netlink::{Line, family_of, lines, name, number};
use crate::routes::PROTOCOLS;
use crate::tally::{Expected, Tally};
use crate::view::View;

const SECTION: &str = "neighbours";
/// `NUD_` as ip(8) prints them.
const STATES: [(u64, &str); 9] = [
    (0, "none"),
    (1, "incomplete"),
    (2, "reachable"),
    (4, "stale"),
    (8, "delay"),
    (16, "probe"),
    (32, "failed"),
    (64, "noarp"),
    (128, "permanent"),
];
/// `NTF_` and, from bit 8 on, `NTF_EXT_`, as ip(8) prints them.
const FLAGS: [(u64, &str); 6] = [
    (0x08, "proxy"),
    (0x10, "extern_learn"),
    (0x20, "offload"),
    (0x40, "sticky"),
    (0x80, "router"),
    (0x100, "managed"),
];

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(neighbours) = tally.section(frame, SECTION) else { return };
    let rows = neighbours.as_array().expect("neighbours");
    let mut known = 0;
    for (netns, pid) in &view.networks {
        let file = format!("neighbours/{pid}");
        let (before, after) = (lines(&view.before, &file), lines(&view.after, &file));
        for family in ["inet", "inet6"] {
            let of_family = |all: &[Line]| -> Vec<Line> {
                all.iter().filter(|line| family_of(line) == family).cloned().collect()
            };
            let (before, after) = (of_family(&before), of_family(&after));
            let rows: Vec<&Value> = rows
                .iter()
                .filter(|row| row["netns"] == *netns && row["family"] == family)
                .collect();
            known += rows.len();
            // A router may tell of itself meanwhile: the frame has the list of before or that of after.
            let is_as = |one: &[Line]| {
                one.len() == rows.len() && one.iter().zip(&rows).all(|(line, row)| same(line, row))
            };
            let own = if is_as(&after) { &after } else { &before };
            for (number, line) in own.iter().enumerate() {
                let key = format!("{} ({family} {number} of {netns})", line["address"]);
                let Some(row) = rows.get(number) else {
                    tally.holds(SECTION, key, "there", false, "no such neighbour");
                    continue;
                };
                // The state of a neighbour that was heard ages by itself.
                let other = [&before, &after].map(|all| all.iter().find(|one| same(one, row)));
                let [first, last] = other.map(|one| one.unwrap_or(line));
                compare_one(tally, &key, first, last, row);
            }
            for row in rows.iter().skip(own.len()) {
                tally.holds(SECTION, &row["address"], "known to the guest", false, row);
            }
        }
    }
    tally.fact(SECTION, "all", "number", &json!(rows.len()), Expected::is(known));
}

fn same(line: &Line, row: &Value) -> bool {
    let is_proxy = row["flags"].as_array().is_some_and(|all| all.contains(&json!("proxy")));
    row["address"] == line["address"]
        && row["interface_index"].as_u64().unwrap_or(0) == number(line, "index")
        && is_proxy == (number(line, "flags") & 8 != 0)
}

fn compare_one(tally: &mut Tally, key: &str, first: &Line, last: &Line, row: &Value) {
    let mut is = |field, of: &dyn Fn(&Line) -> Value| {
        tally.field(SECTION, key, row, field, Expected::steady(of(first), of(last)));
    };
    let text = |line: &Line, name: &str| match line[name].as_str() {
        "-" => Value::Null,
        text => text.into(),
    };
    is("family", &|line| family_of(line).into());
    is("address", &|line| text(line, "address"));
    is("interface", &|line| text(line, "interface"));
    is("interface_index", &|line| match number(line, "index") {
        0 => Value::Null,
        index => index.into(),
    });
    is("mac", &|line| text(line, "mac"));
    is("state", &|line| name(&STATES, number(line, "state")).into());
    is("protocol", &|line| match number(line, "protocol") {
        0 => Value::Null,
        protocol => name(&PROTOCOLS, protocol).into(),
    });
    is("flags", &|line| {
        let flags = FLAGS.iter().filter(|(bit, _)| number(line, "flags") & bit != 0);
        flags.map(|(_, word)| *word).collect::<Vec<_>>().into()
    });
}
