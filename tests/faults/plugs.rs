//! Memory that is plugged in and out while a handle is open.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use lab::wait_until;
use nfm::{CrawlOptions, Domain, Frame, Section};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{PATIENCE, crawl, open, whole};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const BOOT: (u64, u64) = (0, 512 * MIB);

/// A DIMM of this size as libvirt is told of it.
struct Dimm(std::path::PathBuf);

impl Dimm {
    fn new(mib: u64) -> Self {
        let name = format!("nfm-dimm-{mib}-{}.xml", std::process::id());
        let path = std::env::temp_dir().join(name);
        let xml = format!(
            "<memory model='dimm'><target><size unit='MiB'>{mib}</size><node>0</node></target></memory>"
        );
        fs::write(&path, xml).expect("a file");
        Self(path)
    }

    fn attach(&self, guest: &lab::Guest) {
        let path = self.0.to_str().expect("its path");
        lab::virsh(&["attach-device", guest.domain(), path, "--live"]).expect("plugged in");
    }
}

impl Drop for Dimm {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Bytes that the guest says it has.
fn total(guest: &lab::Guest) -> u64 {
    let told = guest.ask("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo");
    told.trim().parse::<u64>().expect("a number") * 1024
}

/// Waits until the guest uses all memory that was plugged in: its kernel takes its time, and 6.1 has to be told.
fn wait_for_memory(guest: &lab::Guest, bytes: u64) {
    wait_until("the guest uses what was plugged in", || {
        guest.ask(
            "for memory in /sys/devices/system/memory/memory*; do \
             grep -q offline $memory/state && echo online >$memory/state; done; true",
        );
        total(guest) >= bytes
    });
}

/// Begins processes in memory that was plugged in: boot memory all lies below 4 GiB, and Linux spares that.
fn begin_processes(guest: &lab::Guest) {
    guest.ask(
        "for number in 1 2 3 4 5 6 7 8; do \
         name=busybox-$number; cp /bin/busybox /tmp/$name; \
         argument=$(head -c 3000 /dev/zero | tr '\\0' $number); \
         /tmp/$name sh -c 'sleep 1000; :' $argument >/dev/null 2>&1 & \
         until grep -qx $name /proc/$!/comm; do :; done; done; sleep 1",
    );
}

/// Waits until a handle knows of this RAM.
fn wait_for_ram(domain: &mut Domain, ram: &[(u64, u64)]) {
    wait_until("the handle knows the guest's RAM", || {
        whole(domain);
        domain.findings().ram == ram
    });
}

/// Bytes of a process's memory from this guest-physical address on.
fn bytes_from(domain: &mut Domain, frame: &Frame, name: &str, first: u64) -> u64 {
    let processes = frame.processes.as_ref().expect("processes");
    let pid =
        processes.iter().find(|process| process.name.as_deref() == Some(name)).expect(name).pid;
    let mut options = CrawlOptions::sections(&[Section::Mappings]);
    options.physical = true;
    options.time_limit = std::time::Duration::from_secs(20);
    let frame = domain.crawl(&options).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    let mappings = frame.mappings.iter().flatten().filter(|mapping| mapping.pid == pid);
    let runs = mappings.flat_map(|mapping| mapping.physical.iter().flatten());
    runs.filter(|run| run.physical.is_some_and(|start| start >= first)).map(|run| run.bytes).sum()
}

/// Pids and names of the processes that are no threads of the kernel.
fn user_processes(frame: &Frame) -> BTreeMap<u32, Option<nfm::Text>> {
    let rows = frame.processes.iter().flatten();
    let rows = rows.filter(|row| row.kernel_thread == Some(false));
    rows.map(|row| (row.pid, row.name.clone())).collect()
}

/// The guest uses memory that it did not have when the handle was opened: processes begin in it, and are
/// seen as the guest itself sees them. What is pulled out again is not read any more.
fn plugged_in_and_out(name: &str, options: &[&str]) {
    let options = [&["--max-memory", "2048"], options, &PATIENCE].concat();
    let guest = lab::own_guest(name, &options);
    let mut domain = open(guest.domain()).expect("an open domain");
    let before = whole(&mut domain);
    assert_eq!(domain.findings().ram, [BOOT]);

    let first = Dimm::new(256);
    let had = total(&guest);
    first.attach(&guest);
    wait_for_memory(&guest, had + 200 * MIB);
    begin_processes(&guest);
    let dimm = (4 * GIB, 256 * MIB);
    let frame = whole(&mut domain);
    assert_eq!(domain.findings().ram, [BOOT, dimm], "what the first frame missed was found");
    let memory = |frame: &Frame| frame.memory.as_ref().and_then(|memory| memory.total);
    assert_eq!(memory(&before), Some(had));
    assert_eq!(memory(&frame), Some(total(&guest)));
    let rows = frame.processes.as_ref().expect("processes");
    for number in 1..=8 {
        let name = format!("busybox-{number}");
        let row = rows.iter().find(|row| row.name.as_deref() == Some(name.as_str())).expect(&name);
        let line = row.command_line.as_ref().expect("a command line");
        assert!(line.ends_with(&number.to_string().repeat(3000)), "{line}");
    }
    let plugged = bytes_from(&mut domain, &frame, "busybox-5", 4 * GIB);
    println!("{plugged} bytes of busybox-5 are in the memory that was plugged in");
    assert!(plugged > 64 * 1024, "nothing of it is in the DIMM");

    // A reader that opens it now sees the same; and another DIMM comes, unused, and goes.
    let mut fresh = open(guest.domain()).expect("a guest with a DIMM");
    assert_eq!(fresh.findings().ram, [BOOT, dimm]);
    let suspended = guest.suspend();
    let [seen_anew, seen] = [&mut fresh, &mut domain].map(|domain| user_processes(&whole(domain)));
    assert!(seen.len() > 8, "{seen:?}");
    assert_eq!(seen_anew, seen, "processes of a guest that stands still");
    drop(suspended);
    let second = Dimm::new(128);
    guest.ask("echo offline >/sys/devices/system/memory/auto_online_blocks");
    second.attach(&guest);
    let both = [BOOT, dimm, (4 * GIB + 256 * MIB, 128 * MIB)];
    wait_for_ram(&mut domain, &both);
    lab::virsh(&["detach-device-alias", guest.domain(), "dimm1", "--live"]).expect("pulled out");
    wait_for_ram(&mut domain, &both[..2]);
    wait_for_ram(&mut fresh, &both[..2]);
}

#[test]
fn memory_is_plugged_into_private_ram() {
    plugged_in_and_out("plugs-private", &[]);
}

#[test]
fn memory_is_plugged_into_shared_ram() {
    plugged_in_and_out("plugs-shared", &["--backing", "memfd", "--kernel", "6.12"]);
}

/// This process may open so many files more, as long as the result lives and the limit is as it is then.
fn leave_descriptors(count: usize) -> Vec<fs::File> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum }).expect("a limit");
    let mut files: Vec<_> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
    files.truncate(files.len() - count);
    files
}

/// Each frame says that memory which was plugged in cannot be read, as long as the process lacks the file descriptors
/// for it: none at all to look for it, or only one where the boot memory and the DIMM have a file each.
#[test]
fn memory_that_cannot_be_read_is_a_problem_of_each_frame() {
    if std::env::var_os("NEXTEST").is_none() {
        eprintln!(
            "SKIPPED: it limits the descriptors of its process, which other tests share without nextest"
        );
        return;
    }
    let options = ["--max-memory", "2048", "--backing", "memfd", "--kernel", "6.12"];
    let guest = lab::own_guest("plugs-unread", &[&options[..], &PATIENCE].concat());
    let mut domain = open(guest.domain()).expect("an open domain");
    for _ in 0..5 {
        whole(&mut domain);
    }
    let had = total(&guest);
    let dimms = [Dimm::new(256), Dimm::new(128)];
    let unlimited = getrlimit(Resource::Nofile);
    let mut plugged_mib = 0;
    let mut known = vec![BOOT];
    for (dimm, mib, left, said) in [
        (&dimms[0], 256, 1, "memory that was plugged in cannot be read: "),
        (&dimms[1], 128, 0, "memory that was plugged in or out cannot be looked for: "),
    ] {
        dimm.attach(&guest);
        let place = (4 * GIB + plugged_mib * MIB, mib * MIB);
        plugged_mib += mib;
        wait_for_memory(&guest, had + plugged_mib * MIB - 56 * MIB);
        if left == 1 {
            begin_processes(&guest);
        }
        // Longer than memory is not looked for again.
        std::thread::sleep(Duration::from_millis(1500));
        let files = leave_descriptors(left);
        for _ in 0..3 {
            let frame = crawl(&mut domain).expect("a frame");
            assert_eq!(domain.findings().ram, known);
            let problems = &frame.consistency.problems;
            let named = problems.iter().any(|problem| {
                problem.section.as_str() == "memory" && problem.reason.starts_with(said)
            });
            assert!(named && !frame.consistency.complete, "{problems:?}");
        }
        drop(files);
        setrlimit(Resource::Nofile, unlimited).expect("a limit");
        std::thread::sleep(Duration::from_millis(1500));
        known.push(place);
        whole(&mut domain);
        assert_eq!(domain.findings().ram, known);
    }
}
