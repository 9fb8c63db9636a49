//! Paths, lists and texts that a guest can make longer, deeper or more than most: nothing is lost because of them, and
//! a cut is said.
//!
//! The kernel's own limits: `seq_path` (fs/seq_file.c) writes a path of any length into `maps` and `mountinfo`;
//! `do_proc_readlink` (fs/proc/base.c) refuses links to paths of PATH_MAX and more; `get_mm_cmdline` (fs/proc/base.c)
//! shows a command line whole; `proc_cgroup_show` (kernel/cgroup/cgroup.c) refuses paths of PATH_MAX.

use nfm::{CrawlOptions, Frame, Process, Section};

#[test]
fn nothing_is_lost_in_5_10() {
    nothing_is_lost("510", "5.10");
}

#[test]
fn nothing_is_lost_in_6_12() {
    nothing_is_lost("612", "6.12");
}

/// Areas of one process: more than `vm.max_map_count` allows at first.
const AREAS: u32 = 70_000;
/// Beyond `sysctl_nr_open` as it is at first.
const DESCRIPTOR: u32 = (1 << 20) + 77;

fn nothing_is_lost(name: &str, kernel: &str) {
    let guest =
        lab::own_guest(&format!("field-bounds-{name}"), &["--kernel", kernel, "--timeout", "300"]);
    let start = |role: &str, count: u32| {
        let log = format!("/tmp/{role}-{count}.log");
        let command = format!(
            "LAB_ROLE={role} LAB_COUNT={count} /bin/lab-workload </dev/null >{log} 2>&1 & echo $!"
        );
        guest.ask(&command).trim().parse::<u32>().expect("a pid")
    };
    let deep = [600, 2000].map(|depth| (depth, start("deep", depth)));
    let mounts = start("deep-mounts", 600);
    let group = start("deep-group", 400);
    let areas = start("many-areas", AREAS);
    let descriptor = start("high-descriptor", DESCRIPTOR);
    guest.ask(&format!(
        "while ! [ -e /proc/{descriptor}/fd/{DESCRIPTOR} ] || \
         [ $(wc -l </proc/{areas}/maps) -lt {AREAS} ] || \
         [ $(wc -l </proc/{mounts}/mountinfo) -lt 600 ] || \
         [ $(wc -c </proc/{group}/cgroup) -lt 2400 ] || \
         ! grep -q deep-rest /proc/{}/comm || ! grep -q deep-rest /proc/{}/comm; do sleep 0.1; done",
        deep[0].1, deep[1].1
    ));
    let long = guest.ask(
        "big=$(head -c 100000 /dev/zero | tr '\\0' x); \
         sh -c 'sleep 10000; :' $big $big end </dev/null >/dev/null 2>&1 & echo $!",
    );
    let long: u32 = long.trim().parse().expect("a pid");
    guest.ask(&format!("while [ $(wc -c </proc/{long}/cmdline) -lt 200000 ]; do sleep 0.1; done"));

    let sections = [Section::Processes, Section::Files, Section::Mappings, Section::Mounts];
    let mut options = CrawlOptions::sections(&sections);
    options.time_limit = std::time::Duration::from_secs(60);
    let frame = lab::open(&guest).crawl(&options).expect("a frame");

    for (depth, pid) in deep {
        paths(&guest, &frame, depth, pid);
    }
    // The rows of a namespace are in the order of their ids, the guest's in the tree's: each is there.
    let told = guest.ask(&format!("cut -d ' ' -f 5 /proc/{mounts}/mountinfo"));
    let told = told.replace("\\040", " ");
    let namespace = process(&frame, mounts).mnt_namespace;
    let shown = frame.mounts.iter().flatten().filter(|mount| mount.mnt_ns == namespace);
    let mut shown: Vec<&str> =
        shown.map(|mount| mount.target.as_deref().expect("a target")).collect();
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_unstable();
    shown.sort_unstable();
    assert!(told.len() > 600);
    assert_eq!(shown, told);

    let told = guest.ask(&format!("cat /proc/{group}/cgroup"));
    let unified = told.lines().find_map(|line| line.strip_prefix("0::")).expect("a group");
    assert_eq!(process(&frame, group).cgroup.as_deref(), Some(unified));

    let told = guest.ask(&format!("cut -d - -f 1 /proc/{areas}/maps"));
    let shown = frame.mappings.iter().flatten().filter(|area| area.pid == areas);
    let shown: Vec<u64> = shown.map(|area| area.start).collect();
    let told: Vec<u64> =
        told.lines().map(|start| u64::from_str_radix(start, 16).expect("an address")).collect();
    assert!(told.len() > AREAS as usize);
    assert!(shown == told, "{} and {} areas", shown.len(), told.len());

    let told = guest.ask(&format!("ls /proc/{descriptor}/fd"));
    let shown = frame.files.iter().flatten().filter(|file| file.pid == descriptor);
    let mut shown: Vec<u32> = shown.map(|file| file.fd).collect();
    let mut told: Vec<u32> = told.lines().map(|fd| fd.parse().expect("a descriptor")).collect();
    told.sort_unstable();
    shown.sort_unstable();
    assert!(told.contains(&DESCRIPTOR));
    assert_eq!(shown, told);

    // As much as is kept of any command line is there, and that it is cut is said. Nothing else is.
    let line = process(&frame, long).command_line.as_deref().expect("a command line");
    let told = guest.ask(&format!("tr '\\0' ' ' </proc/{long}/cmdline"));
    assert!(line.len() >= 128 << 10 && told.starts_with(line), "{} bytes", line.len());
    let problems: Vec<&str> =
        frame.consistency.problems.iter().map(|problem| problem.reason.as_str()).collect();
    assert_eq!(problems, ["a command line is cut after 131072 bytes"]);
    assert!(!frame.consistency.complete);
}

fn process(frame: &Frame, pid: u32) -> &Process {
    let mut processes = frame.processes.iter().flatten();
    processes.find(|process| process.pid == pid).expect("the process")
}

/// A program that runs in a deep directory: `maps` shows its path, and the links do while it is shorter than a page.
fn paths(guest: &lab::Guest, frame: &Frame, depth: u32, pid: u32) {
    let maps = guest.ask(&format!("grep -m 1 program /proc/{pid}/maps"));
    let at = maps.find('/').expect("a path");
    let program = maps[at..].trim_end();
    let folder = program.strip_suffix("/program").expect("the folder's path");
    assert_eq!(folder.matches('/').count(), depth as usize + 1, "/tmp, then so many");
    let file = format!("{folder}/file");
    for (link, path) in [("cwd", folder), ("exe", program), ("fd/99", &file)] {
        let told = guest.ask(&format!("readlink /proc/{pid}/{link} || true"));
        let is_short = path.len() < 4096;
        assert_eq!(told.trim_end(), if is_short { path } else { "" }, "{link} of {pid}");
    }
    let one = process(frame, pid);
    assert_eq!(one.cwd.as_deref(), Some(folder));
    assert_eq!(one.exe.as_deref(), Some(program));
    let mut files = frame.files.iter().flatten().filter(|row| row.pid == pid);
    let row = files.find(|row| row.fd == 99).expect("descriptor 99");
    assert_eq!(row.path.as_deref(), Some(file.as_str()));
    let mut areas = frame.mappings.iter().flatten().filter(|row| row.pid == pid);
    assert!(areas.any(|row| row.path.as_deref() == Some(program)));
}
