//! A network driver whose counters nfm does not know: they are absent and named, not taken from where
//! other drivers keep theirs.

use nfm::{CrawlOptions, Domain, OpenOptions, Section};

/// `nlmon_get_stats64` (drivers/net/nlmon.c) shows as received what others show as sent.
#[test]
fn what_a_driver_counts_its_own_way_is_absent() {
    let guest = lab::own_guest("nlmon", &["--kernel", "6.1"]);
    guest.ask("insmod /lib/extra/*-nlmon.ko && ip link add nlmon0 type nlmon");
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("it opens");
    let frame = domain.crawl(&CrawlOptions::sections(&[Section::Interfaces])).expect("a frame");
    let mut interfaces = frame.interfaces.into_iter().flatten();
    let row = interfaces.find(|one| one.name.as_deref() == Some("nlmon0")).expect("its row");
    assert_eq!((row.rx_bytes, row.rx_packets, row.tx_dropped), (None, None, None));
    assert!(row.mtu.is_some(), "only its counters are unknown");
    let problems: Vec<_> =
        frame.consistency.problems.into_iter().map(|problem| problem.reason).collect();
    assert_eq!(
        problems,
        ["counters of nlmon0: its driver keeps counters of its own, which nfm does not know"]
    );
}
