//! Names of what routes are told by numbers, as ip(8) has them.

use crate::frame::Text;

/// `RTN_BLACKHOLE`.
pub(super) const BLACKHOLE: u64 = 6;
/// Types by their number (`RTN_`).
pub(super) const KINDS: [(u64, &str); 9] = [
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (BLACKHOLE, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
    (9, "throw"),
];
/// Scopes (`enum rt_scope_t`) by the names of iproute2 (etc/iproute2/rt_scopes).
pub(super) const SCOPES: [(u64, &str); 5] =
    [(0, "global"), (200, "site"), (253, "link"), (254, "host"), (255, "nowhere")];
/// `RTPROT_` by the names of iproute2 (etc/iproute2/rt_protos).
const PROTOCOLS: [(u64, &str); 24] = [
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (17, "mrouted"),
    (18, "keepalived"),
    (42, "babel"),
    (84, "ovn"),
    (99, "openr"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

/// A number's name, or the number.
pub(in super::super) fn name(names: &[(u64, &'static str)], number: u64) -> Text {
    match names.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => Text::fixed(name),
        None => Text::of(format_args!("{number}")),
    }
}

/// The name of a routing protocol.
pub(in super::super) fn protocol(number: u64) -> Text {
    name(&PROTOCOLS, number)
}

#[cfg(test)]
mod tests {
    use super::{KINDS, SCOPES, name, protocol};

    #[test]
    fn a_number_without_a_name_is_shown() {
        assert_eq!(&*name(&KINDS, 9), "throw");
        assert_eq!(&*name(&KINDS, 77), "77");
        assert_eq!(&*name(&SCOPES, 253), "link");
        assert_eq!(&*protocol(186), "bgp");
        assert_eq!(&*protocol(250), "250");
    }
}
