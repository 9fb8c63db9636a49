//! A handle that is kept open: its frames agree with those of a new one, it does not grow, and reading
//! shared memory where it lies gives the guest no memory that it never asked for.

#[path = "lab/mod.rs"]
mod lab;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use nfm::{CrawlOptions, Domain, Frame, OpenOptions, Section};
use serde_json::Value;

/// Frames after which a handle has all the room that it needs, and those that may not ask for more.
const FIRST: usize = 50;
const FRAMES: usize = 400;
/// By how much the process may differ all the same: the allocator's pieces.
const SLACK_KIB: u64 = 512;

fn open(guest: &lab::Guest) -> Domain {
    Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain")
}

fn crawl(domain: &mut Domain) -> Frame {
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    frame
}

/// What does not change in a guest that rests: the rows by what they are called.
fn names(frame: &Frame) -> Value {
    let json: Value = serde_json::from_str(&frame.to_json()).expect("the frame's JSON");
    let rows = |section: &str, fields: &[&str]| -> Vec<Value> {
        let rows = json[section].as_array().expect("rows");
        // Threads of the kernel come and go.
        let lasting = rows.iter().filter(|row| row["kernel_thread"] != Value::Bool(true));
        lasting.map(|row| fields.iter().map(|field| row[*field].clone()).collect()).collect()
    };
    serde_json::json!([
        rows("processes", &["pid", "ppid", "name", "command_line", "exe", "cwd", "cgroup", "uid"]),
        rows("files", &["pid", "fd", "kind", "path", "flags", "inode"]),
        rows("mappings", &["pid", "start", "end", "permissions", "path"]),
        rows("connections", &["protocol", "local_address", "local_port", "pid", "path"]),
        rows("mounts", &["mnt_ns", "source", "target", "options"]),
    ])
}

/// Memory of this process's own: a mapping of the guest's is none.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn stays_as_it_is(guest: &lab::Guest) {
    let _alone = guest.alone();
    let mut domain = open(guest);
    let first = names(&crawl(&mut domain));
    for _ in 0..FIRST {
        crawl(&mut domain);
    }
    let before = resident_kib();
    for _ in 0..FRAMES {
        crawl(&mut domain);
    }
    let after = resident_kib();
    assert!(after <= before + SLACK_KIB, "{before} KiB grew to {after} KiB in {FRAMES} frames");
    let last = names(&crawl(&mut domain));
    assert_eq!(first, last, "the last frame differs from the first");
    assert_eq!(last, names(&crawl(&mut open(guest))), "a new handle's frame differs");
}

#[test]
fn private_memory() {
    let guest = lab::guest("steady-private", &[]);
    stays_as_it_is(&guest);
    let mut domain = open(&guest);
    crawl(&mut domain);
    let first = domain.statistics();
    crawl(&mut domain);
    let second = domain.statistics();
    assert!(second.pages > 500 && second.pages < first.pages * 2, "{first:?} {second:?}");
    // What the last frame used is read at once.
    assert!(second.batches * 10 < first.batches, "{first:?} {second:?}");
}

#[test]
fn shared_memory_is_read_where_it_lies() {
    let guest = lab::guest("steady-shared", &["--backing", "memfd"]);
    stays_as_it_is(&guest);
    let blocks = || {
        let folder = format!("/proc/{}/fd", guest.qemu_pid());
        let entries = std::fs::read_dir(folder).expect("QEMU's descriptors").flatten();
        let memory = entries.filter(|entry| {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            target.to_string_lossy().starts_with("/memfd:")
        });
        let size = |entry: std::fs::DirEntry| Some(std::fs::metadata(entry.path()).ok()?.blocks());
        memory.filter_map(size).max().expect("QEMU's memory file")
    };
    let _alone = guest.alone();
    let mut domain = open(&guest);
    let before = blocks();
    for _ in 0..FIRST {
        crawl(&mut domain);
    }
    let cost = domain.statistics();
    assert!(cost.pages > 500 && cost.system_calls == 0, "not read where it lies: {cost:?}");
    // A guest at rest touches next to no new page; nor may we. A block is 512 bytes.
    let grown = blocks().saturating_sub(before) / 8;
    assert!(grown < 64, "the guest's memory grew by {grown} pages");
}

/// Frames of different sections in turn: each kind is read ahead for itself.
#[test]
fn kinds_of_frames_in_turn() {
    let guest = lab::guest("steady-private", &[]);
    let _alone = guest.alone();
    let mut domain = open(&guest);
    let mut pages = Vec::new();
    for round in 0..3 {
        for section in [Section::Os, Section::Processes, Section::Memory] {
            let frame = domain.crawl(&CrawlOptions::sections(&[section])).expect("a frame");
            assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
            pages.push((round, section, domain.statistics().pages));
        }
    }
    for (round, section, count) in &pages {
        let first = pages.iter().find(|(_, other, _)| other == section).expect("the first").2;
        assert!(count.abs_diff(first) * 4 <= first, "{round} {section:?}: {count}, not {first}");
    }
}

/// Bytes in RAM of every mapping, by process and first address.
fn residents(frame: &Frame) -> BTreeMap<(u32, u64), Option<u64>> {
    let rows = frame.mappings.iter().flatten();
    rows.map(|row| ((row.pid, row.start), row.resident_bytes)).collect()
}

/// What a handle that is kept open says of mappings' memory is what a new one says, which read all page tables; of a
/// guest that rests, after a few tries at most.
fn expect_as_anew(guest: &lab::Guest, kept: &mut Domain) -> Frame {
    for _ in 0..20 {
        let frame = crawl(kept);
        if residents(&frame) == residents(&crawl(&mut open(guest))) {
            return frame;
        }
    }
    panic!("what a handle says that is kept open is not what a new one says");
}

/// Page tables of processes that sleep are not read again, and yet what changes is seen: memory that a process takes
/// once it wakes, and what is taken away from one that sleeps on.
fn resident_bytes_follow(name: &str, options: &[&str]) {
    let guest = lab::own_guest(name, options);
    guest.ask(
        "mkfifo /tmp/more; cp /bin/busybox /tmp/awk; \
         /tmp/awk '{ all = all $0 }' <>/tmp/more >/dev/null 2>&1 &",
    );
    let mut kept = open(&guest);
    crawl(&mut kept);
    let all = kept.statistics().pages;
    for _ in 0..4 {
        crawl(&mut kept);
    }
    let fewer = kept.statistics().pages;
    assert!(fewer + 200 < all, "{fewer} pages of {all}: page tables were read again");
    let before = expect_as_anew(&guest, &mut kept);

    let rows = before.processes.iter().flatten();
    let hungry = rows.filter(|row| row.name.as_deref() == Some("awk")).map(|row| row.pid);
    let [hungry] = hungry.collect::<Vec<_>>()[..] else { panic!("no awk in the guest") };
    let held = |frame: &Frame| -> u64 {
        let rows = frame.mappings.iter().flatten().filter(|row| row.pid == hungry);
        rows.filter_map(|row| row.resident_bytes).sum()
    };
    for _ in 0..3 {
        let had = held(&expect_as_anew(&guest, &mut kept));
        guest.ask("(head -c 1000000 /dev/zero | tr '\\0' x; echo) >/tmp/more; sleep 0.5");
        let has = held(&expect_as_anew(&guest, &mut kept));
        assert!(has > had + 900_000, "{had} bytes, then {has}");
    }

    let mapped = |frame: &Frame| {
        let mut rows = frame.mappings.iter().flatten();
        rows.find(|row| row.path.as_deref() == Some("/tmp/shared.map"))?.resident_bytes
    };
    assert_eq!(mapped(&expect_as_anew(&guest, &mut kept)), Some(64 << 10));
    guest.ask("truncate -s 0 /tmp/shared.map");
    assert_eq!(mapped(&crawl(&mut kept)), Some(0));
    expect_as_anew(&guest, &mut kept);
}

#[test]
fn resident_bytes_follow_in_private_memory() {
    resident_bytes_follow("steady-residents", &[]);
}

/// Counters of resident pages are per CPU there.
#[test]
fn resident_bytes_follow_in_shared_memory() {
    resident_bytes_follow(
        "steady-residents-shared",
        &["--kernel", "6.12", "--vcpus", "2", "--backing", "memfd"],
    );
}
