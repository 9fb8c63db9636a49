//! A network driver whose counters nfm does not know: they are absent and named, not taken from where
//! other drivers keep theirs.

#[path = "lab/mod.rs"]
mod lab;

use nfm::{CrawlOptions, Domain, Interface, OpenOptions, Section};

/// drivers/net/tun.c: on 5.10 tun counts in a structure of its own (`tun_pcpu_stats`), on 6.1 it has the
/// counters of tunnels.
#[test]
fn what_a_driver_counts_its_own_way_is_absent() {
    let (old, problems) = tap_of("5.10");
    assert_eq!((old.rx_bytes, old.rx_packets, old.tx_dropped), (None, None, None));
    assert_eq!(old.mtu, Some(1500), "only its counters are unknown");
    assert_eq!(
        problems,
        ["counters of tap7: its driver keeps counters of its own, which nfm does not know"]
    );
    let (new, problems) = tap_of("6.1");
    assert_eq!((new.rx_bytes, new.rx_packets, new.tx_dropped), (Some(0), Some(0), Some(0)));
    assert_eq!(problems, Vec::<String>::new());
}

/// The interface that a guest with this kernel was given, and what the frame lacks.
fn tap_of(kernel: &str) -> (Interface, Vec<String>) {
    let guest = lab::own_guest(&format!("tap-{kernel}"), &["--kernel", kernel]);
    guest.ask("tunctl -t tap7");
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("it opens");
    let frame = domain.crawl(&CrawlOptions::sections(&[Section::Interfaces])).expect("a frame");
    let mut interfaces = frame.interfaces.into_iter().flatten();
    let tap = interfaces.find(|one| one.name.as_deref() == Some("tap7")).expect("the frame has it");
    (tap, frame.consistency.problems.into_iter().map(|problem| problem.reason).collect())
}
