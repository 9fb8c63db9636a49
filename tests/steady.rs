//! A handle that is kept open: its frames agree with those of a new one, it does not grow, and reading
//! shared memory where it lies gives the guest no memory that it never asked for.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nfm::{Control, CrawlOptions, Domain, Fleet, Frame, OpenOptions, Optimizations, Section};
use serde_json::Value;

/// Frames after which a handle has all the room that it needs, and those that may not ask for more.
const FIRST: usize = 50;
const FRAMES: usize = 400;
/// By how much the process may differ all the same: the allocator's pieces.
const SLACK_KIB: u64 = 512;

/// One test at a time: where a runner has them all in one process (cargo test), each would measure the others.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The facts that do not change in a guest that rests: the rows by their names.
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
    let mut domain = lab::open(guest);
    let first = names(&lab::whole_frame(&mut domain));
    for _ in 0..FIRST {
        lab::whole_frame(&mut domain);
    }
    let before = resident_kib();
    for _ in 0..FRAMES {
        lab::whole_frame(&mut domain);
    }
    let after = resident_kib();
    assert!(after <= before + SLACK_KIB, "{before} KiB grew to {after} KiB in {FRAMES} frames");
    let last = names(&lab::whole_frame(&mut domain));
    assert_eq!(first, last, "the last frame differs from the first");
    assert_eq!(
        last,
        names(&lab::whole_frame(&mut lab::open(guest))),
        "a new handle's frame differs"
    );
}

#[test]
fn private_memory() {
    let _one = one_at_a_time();
    let guest = lab::guest("steady-private", &[]);
    stays_as_it_is(&guest);
    let mut domain = lab::open(&guest);
    lab::whole_frame(&mut domain);
    let first = domain.statistics();
    lab::whole_frame(&mut domain);
    let second = domain.statistics();
    assert!(second.pages > 500 && second.pages < first.pages * 2, "{first:?} {second:?}");
    // Memory that the last frame used is read at once.
    assert!(second.batches * 10 < first.batches, "{first:?} {second:?}");
}

#[test]
fn shared_memory_is_read_where_it_lies() {
    let _one = one_at_a_time();
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
    let mut domain = lab::open(&guest);
    let before = blocks();
    for _ in 0..FIRST {
        lab::whole_frame(&mut domain);
    }
    let cost = domain.statistics();
    assert!(cost.pages > 300 && cost.system_calls == 0, "not read where it lies: {cost:?}");
    // A guest at rest touches next to no new page; nor may we. A block is 512 bytes.
    let grown = blocks().saturating_sub(before) / 8;
    assert!(grown < 64, "the guest's memory grew by {grown} pages");
}

/// Each optimization may be turned off alone: the frames of a guest that stands still are the same, also those that are
/// taken in windows.
#[test]
fn frames_are_the_same_without_any_optimization() {
    let off: [fn(&mut Optimizations); 5] = [
        |all| all.cpu_prefetch = false,
        |all| all.partial_reads = false,
        |all| all.page_pool = false,
        |all| all.sleeper_cache = false,
        |all| all.translation_cache = false,
    ];
    let _one = one_at_a_time();
    for (name, options) in
        [("steady-private", &[][..]), ("steady-shared", &["--backing", "memfd"][..])]
    {
        let guest = lab::guest(name, options);
        let _alone = guest.alone();
        let _suspended = guest.suspend();
        let facts = |optimizations: Optimizations, memory_limit: usize| {
            let mut open = OpenOptions::default();
            open.optimizations = optimizations;
            let mut domain = Domain::open(guest.domain(), &open).expect("an open domain");
            let mut options = lab::patient();
            options.memory_limit = memory_limit;
            // The third frame knows what the second read ahead of the first.
            let mut frame = domain.crawl(&options).expect("a frame");
            for _ in 0..2 {
                frame = domain.crawl(&options).expect("a frame");
            }
            assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
            let mut json: Value = serde_json::from_str(&frame.to_json()).expect("JSON");
            let members = json.as_object_mut().expect("an object");
            for name in ["seq", "time_ns", "duration_ns", "consistency", "host"] {
                members.remove(name);
            }
            json
        };
        for memory_limit in [lab::patient().memory_limit, 6 << 20] {
            let all = facts(Optimizations::default(), memory_limit);
            for turn_off in off {
                let mut optimizations = Optimizations::default();
                turn_off(&mut optimizations);
                assert_ne!(optimizations, Optimizations::default());
                let same = facts(optimizations, memory_limit) == all;
                assert!(same, "{name}, {memory_limit} bytes: {optimizations:?}");
            }
        }
    }
}

/// Sections that hang on tasks are taken together. Where they are more than a frame may hold, each is taken by itself, so
/// that the first are whole and the last is what there was room for.
#[test]
fn the_first_sections_are_whole_where_a_limit_ends_the_last() {
    let _one = one_at_a_time();
    let guest = lab::guest("steady-private", &[]);
    let _alone = guest.alone();
    let _suspended = guest.suspend();
    let mut domain = lab::open(&guest);
    let mut options = lab::patient();
    options.sections = vec![Section::Processes, Section::Files, Section::Mappings];
    let mut crawl = |rows| {
        options.row_limit = rows;
        domain.crawl(&options).expect("a frame")
    };
    let whole = crawl(usize::MAX);
    assert!(whole.consistency.complete, "{:?}", whole.consistency.problems);
    let count = |frame: &Frame| {
        let files = frame.files.iter().flatten().count();
        (frame.processes.iter().flatten().count(), files, frame.mappings.iter().flatten().count())
    };
    let (processes, files, mappings) = count(&whole);
    assert!(processes > 50 && files > 50 && mappings > 100, "{processes} {files} {mappings}");
    for room in [0, 1, mappings / 2, mappings - 1] {
        let frame = crawl(processes + files + room);
        assert_eq!(count(&frame), (processes, files, room));
        assert_eq!((&frame.processes, &frame.files), (&whole.processes, &whole.files));
        let first = whole.mappings.iter().flatten().take(room);
        assert!(frame.mappings.iter().flatten().eq(first), "the first {room} mappings");
        let problems = &frame.consistency.problems;
        let limited = |one: &nfm::Problem| {
            one.section == "mappings" && one.reason.contains("limit is reached")
        };
        assert!(problems.iter().any(limited), "{problems:?}");
    }
    // One section alone that is too much, and one that is not.
    let frame = crawl(processes - 1);
    assert_eq!(count(&frame), (processes - 1, 0, 0));
    assert_eq!(count(&crawl(processes + files + mappings)), (processes, files, mappings));
}

/// Frames of different sections in turn: each kind is read ahead for itself.
#[test]
fn kinds_of_frames_in_turn() {
    let _one = one_at_a_time();
    let guest = lab::guest("steady-private", &[]);
    let _alone = guest.alone();
    let mut domain = lab::open(&guest);
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

/// Many handles by few threads: each has its rate. One thread does it while it keeps up; where it does not, others
/// help.
#[test]
fn a_fleet_keeps_its_rate() {
    const DOMAINS: usize = 12;
    const HERTZ: u32 = 10;
    let _one = one_at_a_time();
    let guest = lab::guest("steady-private", &[]);
    let _alone = guest.alone();
    let run = |rest: Duration| {
        let domains = (0..DOMAINS).map(|_| lab::open(&guest)).collect();
        let (frames, threads) = (Mutex::new(vec![0; DOMAINS]), Mutex::new(HashSet::new()));
        let options = CrawlOptions::sections(&[Section::Os]);
        let end = Instant::now() + Duration::from_secs(3);
        Fleet::new(domains, 8).run(&options, Duration::from_secs(1) / HERTZ, |index, frame| {
            frame.expect("a frame");
            frames.lock().unwrap()[index] += 1;
            threads.lock().unwrap().insert(std::thread::current().id());
            std::thread::sleep(rest);
            if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let frames = frames.into_inner().unwrap();
        // Other tests want the CPUs, too.
        assert!(frames.iter().all(|count| (20..=31).contains(count)), "{rest:?}: {frames:?}");
        threads.into_inner().unwrap().len()
    };
    run(Duration::ZERO);
    let threads = run(Duration::from_millis(20));
    assert!(threads > 2, "{threads} threads for what takes 2.4");
}

/// A thread that panics is not waited for.
#[test]
fn a_fleet_ends_by_a_panic() {
    let _one = one_at_a_time();
    let guest = lab::guest("steady-private", &[]);
    let _alone = guest.alone();
    let (sender, ended) = std::sync::mpsc::channel();
    let domains = vec![lab::open(&guest), lab::open(&guest)];
    std::thread::spawn(move || {
        let mut options = CrawlOptions::sections(&[Section::Os]);
        let control = Control::default();
        control.cancel();
        options.control = Some(control);
        let run = || {
            Fleet::new(domains, 2).run(&options, Duration::from_millis(100), |index, frame| {
                assert!(frame.is_err() && index != 0, "the first panics, the other only fails");
                ControlFlow::Continue(())
            });
        };
        sender.send(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err())
    });
    assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(true));
}
