//! Faults of a guest, its hypervisor or libvirt while nfm holds it open: each ends in a clear error, or in a right
//! frame once it is over; no guest is left paused, and nothing is leaked.

#[allow(dead_code, reason = "the C library's tests use the rest")]
mod agents;
mod libvirts;
mod phases;
mod plugs;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::wait_until;
use nfm::{CrawlOptions, Domain, ErrorCode, Frame, OpenOptions, Section};

const URI: &str = "qemu:///system";
/// The machine is shared with other tests, which start guests as well.
const PATIENCE: [&str; 2] = ["--timeout", "300"];

fn open(domain: &str) -> nfm::Result<Domain> {
    open_at(domain, URI)
}

fn open_at(domain: &str, uri: &str) -> nfm::Result<Domain> {
    let mut options = OpenOptions::default();
    options.uri = Some(uri.to_owned());
    Domain::open(domain, &options)
}

fn crawl(domain: &mut Domain) -> nfm::Result<Frame> {
    let mut options = CrawlOptions::default();
    options.time_limit = Duration::from_secs(20);
    domain.crawl(&options)
}

/// A frame without any problem.
fn whole(domain: &mut Domain) -> Frame {
    let frame = crawl(domain).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    assert!(frame.processes.as_ref().is_some_and(|rows| rows.len() > 50));
    frame
}

fn state(guest: &lab::Guest) -> String {
    lab::virsh(&["domstate", guest.domain()]).expect("the guest's state").trim().to_owned()
}

/// The error of a handle whose guest is gone, with the guest's name in it.
fn expect_gone(domain: &mut Domain, guest: &str) {
    let error = crawl(domain).expect_err("no frame of a guest that is gone");
    assert_eq!(error.code(), ErrorCode::Gone, "{error}");
    assert!(error.to_string().contains(guest), "{error}");
}

fn own(name: &str) -> lab::Guest {
    lab::own_guest(name, &PATIENCE)
}

#[test]
fn destroyed() {
    let guest = own("destroyed");
    let mut domain = open(guest.domain()).expect("an open domain");
    whole(&mut domain);
    lab::virsh(&["destroy", guest.domain()]).expect("destroyed");
    expect_gone(&mut domain, guest.domain());
    assert_eq!(open(guest.domain()).err().map(|e| e.code()), Some(ErrorCode::NoSuchDomain));
}

#[test]
fn paused_and_resumed() {
    let guest = own("paused");
    let mut domain = open(guest.domain()).expect("an open domain");
    lab::virsh(&["suspend", guest.domain()]).expect("suspended");
    let before = whole(&mut domain);
    let after = whole(&mut domain);
    assert_eq!(before.host.and_then(|host| host.state.clone()), Some("paused".into()));
    assert_eq!(before.processes, after.processes, "a guest that stands still");
    // Also when the frame would suspend it itself: who paused it resumes it.
    let mut options = CrawlOptions::default();
    options.mode = nfm::Mode::Paused;
    assert!(domain.crawl(&options).expect("a frame").consistency.complete);
    assert_eq!(state(&guest), "paused");
    assert!(open(guest.domain()).is_ok());
    lab::virsh(&["resume", guest.domain()]).expect("resumed");
    assert_eq!(whole(&mut domain).host.and_then(|host| host.state.clone()), Some("running".into()));
}

#[test]
fn saved_and_restored() {
    let guest = own("saved");
    let mut domain = open(guest.domain()).expect("an open domain");
    let boot = whole(&mut domain).os.and_then(|os| os.boot_time_ns);
    let file = PathBuf::from("/var/lib/libvirt/qemu/save").join(format!("{}.save", guest.domain()));
    let path = file.to_str().expect("a path");
    lab::virsh(&["save", guest.domain(), path]).expect("saved");
    expect_gone(&mut domain, guest.domain());
    assert_eq!(open(guest.domain()).err().map(|e| e.code()), Some(ErrorCode::NoSuchDomain));
    lab::virsh(&["restore", path]).expect("restored");
    fs::remove_file(&file).expect("the saved image");
    // The old handle is of a process that ended; a new one sees the same boot.
    expect_gone(&mut domain, guest.domain());
    let mut restored = open(guest.domain()).expect("the restored guest");
    assert_eq!(whole(&mut restored).os.and_then(|os| os.boot_time_ns), boot);
}

/// Its process ends, and its pid may be another's at once.
#[test]
fn killed_and_its_pid_used_anew() {
    let guest = own("killed");
    let mut domain = open(guest.domain()).expect("an open domain");
    whole(&mut domain);
    let pid = guest.qemu_pid();
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let ended = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    };
    wait_until("QEMU ends", ended);
    expect_gone(&mut domain, guest.domain());
    wait_until("libvirt notices", || lab::virsh(&["domstate", guest.domain()]).is_none());
    assert_eq!(open(guest.domain()).err().map(|e| e.code()), Some(ErrorCode::NoSuchDomain));
    match with_pid(pid) {
        Some(mut other) => {
            let error = crawl(&mut domain).expect_err("another process is no guest");
            let found = open(guest.domain()).err().map(|error| error.code());
            let _ = other.kill();
            let _ = other.wait();
            assert_eq!(error.code(), ErrorCode::Gone, "{error}");
            assert_eq!(found, Some(ErrorCode::NoSuchDomain));
        }
        // Nobody reaps orphans where process 1 is no init: then the pid stays taken.
        None => println!("NOT TESTED: the pid {pid} could not be had again on this machine"),
    }
}

/// A process of this pid, if it is free.
fn with_pid(pid: u32) -> Option<Child> {
    for _ in 0..200 {
        if fs::metadata(format!("/proc/{pid}")).is_ok() {
            return None;
        }
        // The next pid that is given out is the one after this (proc_sys_kernel(5)).
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
        let mut child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().ok()?;
        if child.id() == pid {
            return Some(child);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    None
}

/// The balloon takes pages away, and gives them back, while frames are taken.
#[test]
fn ballooned() {
    let guest = own("balloon");
    if guest.ask("lsmod | grep virtio_balloon; true").is_empty() {
        println!(
            "NOT TESTED: no balloon driver among the lab's modules: testing/lab/guest prepare"
        );
        return;
    }
    let mut domain = open(guest.domain()).expect("an open domain");
    let total = whole(&mut domain).memory.and_then(|memory| memory.total).expect("its memory");
    let mut least = total;
    for kib in ["262144", "524288", "262144", "524288"] {
        lab::virsh(&["setmem", guest.domain(), kib, "--live"]).expect("the balloon moves");
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            let frame = crawl(&mut domain).expect("a frame");
            assert!(frame.processes.as_ref().is_some_and(|rows| rows.len() > 50));
            least = least.min(frame.memory.and_then(|memory| memory.total).unwrap_or(total));
        }
    }
    assert!(least < total * 3 / 4, "the balloon took nothing: {least} of {total} bytes");
    whole(&mut domain);
}

/// The resources that a process holds: descriptors, mappings, bytes of memory.
fn holdings() -> (usize, usize, u64) {
    let descriptors = fs::read_dir("/proc/self/fd").expect("its descriptors").count();
    let maps = fs::read_to_string("/proc/self/maps").expect("its mappings").lines().count();
    let statm = fs::read_to_string("/proc/self/statm").expect("its memory");
    let resident: u64 = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    (descriptors, maps, resident * 4096)
}

#[test]
fn nothing_is_leaked() {
    const CYCLES: usize = 1000;
    const WARM: usize = 100;
    let guest = own("leaks");
    let dead = own("leaks-dead");
    let mut gone = open(dead.domain()).expect("an open domain");
    lab::virsh(&["destroy", dead.domain()]).expect("destroyed");
    let few = CrawlOptions::sections(&[Section::Os, Section::Processes, Section::Interfaces]);
    let mut before = None;
    for cycle in 0..CYCLES {
        if cycle == WARM {
            before = Some(holdings());
        }
        match cycle % 20 {
            // Suspended for a frame.
            0 => {
                let mut options = few.clone();
                options.mode = nfm::Mode::Paused;
                let mut domain = open(guest.domain()).expect("an open domain");
                domain.crawl(&options).expect("a frame");
            }
            // Closed without a frame.
            1 => drop(open(guest.domain()).expect("an open domain")),
            // A frame without time, and one without memory.
            2 | 3 => {
                let mut domain = open(guest.domain()).expect("an open domain");
                let mut options = few.clone();
                match cycle % 2 {
                    0 => options.time_limit = Duration::ZERO,
                    _ => options.memory_limit = 200_000,
                }
                let frame = domain.crawl(&options).expect("a frame");
                assert!(!frame.consistency.complete);
            }
            4 => {
                let mut domain = open(guest.domain()).expect("an open domain");
                domain.crawl(&few).expect("a frame");
            }
            // No such guest; a guest that is gone, by a handle that was open; nobody at the socket.
            cycle if cycle % 4 == 1 => assert!(open("nfm-test-there-is-none").is_err()),
            cycle if cycle % 4 == 2 => expect_gone(&mut gone, dead.domain()),
            cycle if cycle % 4 == 3 => {
                let mut options = OpenOptions::default();
                options.uri = Some("qemu+unix:///system?socket=/nowhere".to_owned());
                assert!(Domain::open(guest.domain(), &options).is_err());
            }
            // A search for the kernel that has no time.
            _ => {
                let mut options = OpenOptions::default();
                (options.uri, options.time_limit) = (Some(URI.to_owned()), Duration::ZERO);
                assert!(Domain::open(guest.domain(), &options).is_err());
            }
        }
    }
    assert_eq!(state(&guest), "running");
    let (before, after) = (before.expect("a warm start"), holdings());
    println!("{CYCLES} cycles: (descriptors, mappings, resident bytes) {before:?}, then {after:?}");
    assert!(after.0 <= before.0, "descriptors: {before:?}, then {after:?}");
    // The allocator maps and unmaps as it likes.
    assert!(after.1 <= before.1 + 16, "mappings: {before:?}, then {after:?}");
    assert!(after.2 <= before.2 + (8 << 20), "memory: {before:?}, then {after:?}");
}
