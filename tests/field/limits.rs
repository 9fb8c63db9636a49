//! docs/known-limits.md, held against a guest: a limit that falls fails here, and its line goes.

use std::collections::BTreeSet;

use nfm::Section;

use crate::files;

/// The inodes in a column of a table of `/proc/net`.
fn inodes(guest: &lab::Guest, table: &str, column: usize) -> BTreeSet<u64> {
    let text = guest.ask(&format!("cat /proc/net/{table}"));
    let rows = text.lines().skip(1);
    let inodes = rows.filter_map(|row| row.split_whitespace().nth(column)?.parse().ok());
    inodes.filter(|inode| *inode != 0).collect()
}

/// `packet_seq_show` (net/packet/af_packet.c) and `netlink_seq_show` (net/netlink/af_netlink.c) tell these sockets by
/// their inodes. nfm has them among the files alone.
#[test]
fn packet_and_netlink_sockets_are_not_listed() {
    let guest = files::guest("6.1");
    let frame = files::frame(&mut lab::open(&guest), &[Section::Files, Section::Connections]);
    let listed: BTreeSet<u64> =
        frame.connections.iter().flatten().filter_map(|row| row.inode).collect();
    let open: BTreeSet<u64> = frame.files.iter().flatten().filter_map(|row| row.inode).collect();
    for (table, column) in [("packet", 8), ("netlink", 9)] {
        let told = inodes(&guest, table, column);
        let held: Vec<&u64> = told.intersection(&open).collect();
        assert!(!held.is_empty(), "{table}: {told:?}");
        assert_eq!(told.intersection(&listed).count(), 0, "{table}: mend docs/known-limits.md");
    }
}
