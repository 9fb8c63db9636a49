//! nfm against its nearest peer, drgn, on the same guests in the same run: `make bench-peers`.
//!
//! drgn is given the kernel's DWARF, a monitor socket and VMCOREINFO; nfm the domain's name. Both run in
//! turn, several times, and what is printed is the ratio of the medians.

mod support;

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use nfm::{CrawlOptions, Domain, OpenOptions, Section};
use serde_json::Value;
use support::{Guest, Times, if_time, median, spread};

/// Runs of each in turn.
const ROUNDS: usize = 3;
/// Frames of nfm in a round, and of drgn.
const FRAMES: usize = 200;
const PEER_FRAMES: usize = 12;
/// Cold starts of nfm.
const STARTS: usize = 15;
const RAM: u64 = 512 << 20;
/// The sections that PEERS.md measured: what drgn's script reads too.
const SIX: [Section; 6] = [
    Section::Processes,
    Section::Files,
    Section::Connections,
    Section::Mappings,
    Section::Modules,
    Section::Interfaces,
];

fn main() {
    if !support::is_run() {
        return;
    }
    let arguments = support::arguments();
    if let [mode, domain] = arguments.as_slice()
        && mode == "first-frame"
    {
        return first_frame(domain);
    }
    let is_wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|one| one == name);
    let setup = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/setup")).output();
    let setup = setup.expect("benches/peers/setup");
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let setup = String::from_utf8_lossy(&setup.stdout).into_owned();
    let (python, vmlinux) = setup.trim().split_once('\n').expect("two lines");
    let kinds = [("private", "private"), ("shared", "memfd")];
    for (name, backing) in kinds.into_iter().filter(|(name, _)| is_wanted(name)) {
        let guest = Guest::start(&format!("peer-{name}"), &["--backing", backing, "--qmp", "on"]);
        println!("\n{name} memory ({backing}): {}, 6.1, 512 MiB, 1 vCPU", guest.name);
        compare(&guest, python, vmlinux);
    }
}

/// The figures of one round of drgn.
#[derive(Default)]
struct Peer {
    open: Times,
    whole: Times,
    list: Times,
    processes: Times,
    full: Times,
    peak_kib: u64,
    rows: String,
}

fn compare(guest: &Guest, python: &str, vmlinux: &str) {
    let mut peer = Peer::default();
    let (mut processes, mut six, mut full) = (Times::default(), Times::default(), Times::default());
    let all_but_log: Vec<Section> =
        Section::defaults().filter(|one| *one != Section::Log).collect();
    let mut domain = Domain::open(&guest.name, &OpenOptions::default()).expect("the guest opens");
    for _ in 0..if_time(ROUNDS, 1) {
        for (sections, times) in [
            (&[Section::Processes][..], &mut processes),
            (&SIX, &mut six),
            (&all_but_log, &mut full),
        ] {
            let options = CrawlOptions::sections(sections);
            for _ in 0..FRAMES {
                let frame = times.measure(|| domain.crawl(&options)).expect("a frame");
                assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
            }
        }
    }
    let started = [true, false].map(|cold| starts(guest, cold));
    // Last: the end of a dump that drgn asks QEMU for by the socket of its own is one that libvirt did not
    // begin, and its daemon (9.0) dies of it.
    let note = guest.ask("cat /sys/kernel/vmcoreinfo");
    for _ in 0..if_time(ROUNDS, 1) {
        ask_peer(guest, &note, python, vmlinux, &mut peer);
    }
    support::start_libvirt();
    println!("drgn's frame: {}; its peak memory {} KiB", peer.rows, peer.peak_kib);
    println!(
        "\n{:<52}{:>10}{:>18}{:>10}{:>18}{:>9}{:>9}",
        "medians in ms", "drgn", "spread", "nfm", "spread", "ratio", "of cpu"
    );
    line("list of processes (drgn: 6 facts each; nfm: all)", &peer.list, &processes);
    line("processes, the same facts", &peer.processes, &processes);
    line("the six sections that drgn's script reads", &peer.full, &six);
    line("drgn: the six; nfm: all sections but the log", &peer.full, &full);
    for (start, which) in started.iter().zip(["cold", "again"]) {
        line(&format!("opening to list, {which}"), &peer.open, &start.open);
        line(&format!("program's start to list, {which}"), &peer.whole, &start.whole);
    }
}

fn line(what: &str, peer: &Times, own: &Times) {
    let (slow, fast) = (median(&peer.wall), median(&own.wall));
    println!(
        "{what:<52}{slow:>10.2}{:>18}{fast:>10.3}{:>18}{:>9.0}{:>9.0}",
        spread(&peer.wall),
        spread(&own.wall),
        slow / fast,
        median(&peer.cpu) / median(&own.cpu),
    );
}

fn ask_peer(guest: &Guest, note: &str, python: &str, vmlinux: &str, peer: &mut Peer) {
    let (address, length) = note.trim().split_once(' ').expect("an address and a length");
    let length = u64::from_str_radix(length, 16).expect("a length");
    let socket = format!("/var/lib/nfm-lab/{}/qmp.sock", guest.name);
    let begun = now();
    let done = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/drgn_frames.py"))
        .args([&socket, &guest.pid().to_string(), vmlinux, address, &length.to_string()])
        .args([RAM.to_string(), PEER_FRAMES.to_string()])
        .output()
        .expect("drgn runs");
    assert!(done.status.success(), "drgn: {}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).expect("drgn's report");
    let add = |times: &mut Times, pair: &Value| {
        times.wall.push(pair[0].as_f64().expect("a time"));
        times.cpu.push(pair[1].as_f64().expect("a time"));
    };
    add(&mut peer.open, &told["open_to_list"]);
    add(&mut peer.whole, &told["listed_at"]);
    if let Some(at) = peer.whole.wall.last_mut() {
        *at -= begun;
    }
    for (name, times) in [
        ("process_list", &mut peer.list),
        ("processes", &mut peer.processes),
        ("full", &mut peer.full),
    ] {
        for pair in told["times"][name].as_array().expect("times") {
            add(times, pair);
        }
    }
    peer.peak_kib = told["peak_kib"].as_u64().unwrap_or(0);
    peer.rows = told["rows"].to_string();
}

/// Milliseconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64() * 1e3
}

/// From opening, and from a program's start, to the first list.
#[derive(Default)]
struct Start {
    open: Times,
    whole: Times,
}

/// Programs that take one list, each with an empty cache folder or all with one.
fn starts(guest: &Guest, cold: bool) -> Start {
    let folder = std::env::temp_dir().join(format!("nfm-bench-{}", std::process::id()));
    let program = std::env::current_exe().expect("this program");
    let mut start = Start::default();
    for round in 0..=STARTS {
        if cold {
            let _ = std::fs::remove_dir_all(&folder);
        }
        std::fs::create_dir_all(&folder).expect("a cache folder");
        let begun = now();
        let done = Command::new(&program)
            .args(["first-frame", &guest.name, "--bench"])
            .env("XDG_CACHE_HOME", &folder)
            // The lab has the cache turned off by it.
            .env_remove("NFM_CACHE_DIR")
            .output()
            .expect("this program runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        let told: Vec<f64> =
            told.split_whitespace().map(|one| one.parse().expect("a time")).collect();
        let [open, open_cpu, listed_at, cpu] = told[..] else { panic!("four times: {told:?}") };
        // The first one fills the folder, and the host's page cache.
        if round > 0 {
            start.open.wall.push(open);
            start.open.cpu.push(open_cpu);
            start.whole.wall.push(listed_at - begun);
            start.whole.cpu.push(cpu);
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    start
}

/// Opens a domain, lists its processes and prints what that took: from opening on, by the clock and of CPU time;
/// when the list was there; the whole program's CPU time until then.
fn first_frame(domain: &str) {
    let mut times = Times::default();
    let frame = times.measure(|| {
        let mut domain = Domain::open(domain, &OpenOptions::default()).expect("the guest opens");
        domain.crawl(&CrawlOptions::sections(&[Section::Processes])).expect("a frame")
    });
    let (listed_at, used) = (now(), support::process_time().as_secs_f64() * 1e3);
    assert!(frame.processes.is_some_and(|processes| !processes.is_empty()));
    let (Some(wall), Some(cpu)) = (times.wall.first(), times.cpu.first()) else { return };
    println!("{wall} {cpu} {listed_at} {used}");
}
