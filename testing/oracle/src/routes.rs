//! The section `routes`: RTM_GETROUTE, of which `ip route show table all` makes its lines, in every network namespace.

use serde_json::{Value, json};

use crate::netlink::{Line, family_of, lines, name, number};
use crate::tally::{Expected, Tally};
use crate::view::View;

const SECTION: &str = "routes";
/// `RTN_`, `rt_scope_t` and `RTPROT_` as ip(8) prints them.
const KINDS: [&str; 10] = [
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
];
const SCOPES: [(u64, &str); 4] = [(0, "global"), (253, "link"), (254, "host"), (255, "nowhere")];
pub const PROTOCOLS: [(u64, &str); 7] = [
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (9, "ra"),
    (16, "dhcp"),
    (42, "babel"),
    (186, "bgp"),
];
/// `RTNH_F_` and `RTM_F_` (include/uapi/linux/rtnetlink.h) as ip(8) prints them.
const FLAGS: [(u64, &str); 8] = [
    (1, "dead"),
    (4, "onlink"),
    (8, "offload"),
    (64, "trap"),
    (16, "linkdown"),
    (0x4000, "rt_offload"),
    (0x8000, "rt_trap"),
    (0x2000_0000, "rt_offload_failed"),
];

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(routes) = tally.section(frame, SECTION) else { return };
    let rows = routes.as_array().expect("routes");
    let mut known = 0;
    for (netns, pid) in &view.networks {
        let file = format!("routes/{pid}");
        let own = lines(&view.before, &file);
        assert_eq!(own, lines(&view.after, &file), "the guest's routes do not rest");
        assert!(!own.is_empty(), "the guest's routes of namespace {netns} were not read");
        known += own.len();
        for family in ["inet", "inet6"] {
            // In the kernel's order, too.
            let expected = own.iter().filter(|line| family_of(line) == family);
            let mut rows =
                rows.iter().filter(|row| row["netns"] == *netns && row["family"] == family);
            for (number, line) in expected.enumerate() {
                let key = format!("{} ({family} {number} of {netns})", line["destination"]);
                match rows.next() {
                    Some(row) => compare_one(tally, &key, line, row),
                    None => tally.holds(SECTION, key, "there", false, "no such route"),
                }
            }
            for row in rows {
                tally.holds(SECTION, &row["destination"], "known to the guest", false, row);
            }
        }
    }
    tally.fact(SECTION, "all", "number", &json!(rows.len()), Expected::is(known));
}

fn compare_one(tally: &mut Tally, key: &str, line: &Line, row: &Value) {
    let text = |name: &str| match line[name].as_str() {
        "-" | "0.0.0.0/0" | "::/0" if name != "destination" => Value::Null,
        text => text.into(),
    };
    let mut is = |field, value: Value| tally.field(SECTION, key, row, field, Expected::is(value));
    let number = |name: &str| number(line, name);
    let some = |value: u64| if value == 0 { Value::Null } else { value.into() };
    let ipv4 = family_of(line) == "inet";
    is("family", family_of(line).into());
    is("table", number("table").into());
    is("kind", KINDS[number("kind") as usize].into());
    is("destination", text("destination"));
    is("source", text("source"));
    is("tos", if ipv4 { number("tos").into() } else { Value::Null });
    is("metric", number("metric").into());
    is("protocol", name(&PROTOCOLS, number("protocol")).into());
    is("scope", name(&SCOPES, number("scope")).into());
    is("preferred_source", text("preferred"));
    is("mtu", some(number("mtu")));
    is("nexthop_id", some(number("object")));
    is("nexthops", number("hops").into());
    is("nexthop", number("hop").into());
    is("gateway", text("gateway"));
    is("interface", text("interface"));
    is("interface_index", some(number("index")));
    // The kernel tells no weight of a route with one next hop: that takes all of the traffic.
    is("weight", number("weight").max(1).into());
    let flags = FLAGS.iter().filter(|(bit, _)| number("flags") & bit != 0);
    is("flags", flags.map(|(_, word)| *word).collect::<Vec<_>>().into());
}
