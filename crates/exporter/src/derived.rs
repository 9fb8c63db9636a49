//! Series that are no column: worked out of a frame, most of them under node_exporter's names.

use std::collections::{BTreeMap, HashSet};

use nfm_frame::column::{Kind, Value};
use nfm_frame::{Frame, Mount, ProcessState, Section};

use crate::exposition::{Number, label};
use crate::series::first_netns;

/// Samples of one guest: labels, and the number.
type Samples<'s> = dyn FnMut(&str, Number) + 's;

/// A series, and how a frame gives it.
pub(crate) struct Derived {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub samples: fn(&Frame, &mut Samples),
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    samples: fn(&Frame, &mut Samples),
) -> Derived {
    Derived { name, help, kind: Kind::Gauge, samples }
}

pub(crate) const DERIVED: &[Derived] = &[
    gauge("node_uname_info", "The operating system, as uname tells it.", uname),
    gauge("node_time_seconds", "The guest's wall clock.", time),
    gauge("node_procs_running", "Processes whose first thread runs or waits for a CPU.", running),
    gauge(
        "node_procs_blocked",
        "Processes whose first thread waits and cannot be interrupted.",
        blocked,
    ),
    gauge("node_processes_pids", "Processes.", pids),
    gauge("node_processes_threads", "Threads of all processes.", threads),
    gauge("node_processes_state", "Processes by the state of their first thread.", states),
    gauge("node_network_info", "The interfaces' addresses, and if they are set up.", network),
    gauge("node_arp_entries", "Entries of the ARP table by interface.", arp),
    gauge("node_filesystem_readonly", "1 for a mount that is read-only.", readonly),
    gauge("nfm_section_rows", "Rows of the frame's sections.", rows),
    gauge(
        "nfm_section_problems",
        "Facts of the frame's sections that could not be read.",
        problems,
    ),
];

fn uname(frame: &Frame, samples: &mut Samples) {
    let Some(os) = &frame.os else { return };
    let mut labels = String::new();
    for (name, value) in [
        ("sysname", &os.sysname),
        ("nodename", &os.nodename),
        ("release", &os.release),
        ("version", &os.version),
        ("machine", &os.machine),
    ] {
        label(&mut labels, name, value.as_deref().unwrap_or_default());
    }
    samples(&labels, Number::Unsigned(1));
}

fn time(frame: &Frame, samples: &mut Samples) {
    let os = frame.os.as_ref();
    let now = os.and_then(|os| os.boot_time_ns?.checked_add(os.uptime_ns?));
    if let Some(now) = now {
        samples("", Number::Nanoseconds(now));
    }
}

fn count_of(frame: &Frame, state: ProcessState) -> Option<Number> {
    let processes = frame.processes.as_ref()?;
    let count = processes.iter().filter(|process| process.state == Some(state)).count();
    Some(Number::Unsigned(count as u64))
}

fn running(frame: &Frame, samples: &mut Samples) {
    count_of(frame, ProcessState::Running).into_iter().for_each(|count| samples("", count));
}

fn blocked(frame: &Frame, samples: &mut Samples) {
    count_of(frame, ProcessState::DiskSleep).into_iter().for_each(|count| samples("", count));
}

fn pids(frame: &Frame, samples: &mut Samples) {
    let count = frame.processes.as_ref().map(Vec::len);
    count.into_iter().for_each(|count| samples("", Number::Unsigned(count as u64)));
}

fn threads(frame: &Frame, samples: &mut Samples) {
    let Some(processes) = &frame.processes else { return };
    // One that is not known would make the sum a wrong one.
    let sum = processes
        .iter()
        .try_fold(0u64, |sum, process| Some(sum.saturating_add(process.threads?.into())));
    sum.into_iter().for_each(|sum| samples("", Number::Unsigned(sum)));
}

fn states(frame: &Frame, samples: &mut Samples) {
    let Some(processes) = &frame.processes else { return };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for state in processes.iter().filter_map(|process| process.state) {
        let count = counts.entry(state.text()).or_default();
        *count = count.saturating_add(1);
    }
    for (state, count) in counts {
        let mut labels = String::new();
        label(&mut labels, "state", state);
        samples(&labels, Number::Unsigned(count));
    }
}

fn network(frame: &Frame, samples: &mut Samples) {
    let netns = first_netns(frame);
    let mut seen = HashSet::new();
    for interface in frame.interfaces.iter().flatten() {
        let own = interface.netns.map(|netns| Value::Unsigned(netns.into()));
        let name = interface.name.as_deref().unwrap_or_default();
        if own != netns || !seen.insert(name) {
            continue;
        }
        let mut labels = String::new();
        label(&mut labels, "device", name);
        label(&mut labels, "address", interface.mac.as_deref().unwrap_or_default());
        if let Some(up) = interface.up {
            label(&mut labels, "adminstate", if up { "up" } else { "down" });
        }
        samples(&labels, Number::Unsigned(1));
    }
}

fn arp(frame: &Frame, samples: &mut Samples) {
    let netns = first_netns(frame);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for neighbour in frame.neighbours.iter().flatten() {
        let own = neighbour.netns.map(|netns| Value::Unsigned(netns.into()));
        // As `/proc/net/arp` has them.
        let is_shown = !matches!(neighbour.state.as_deref(), Some("noarp"));
        if own == netns && &*neighbour.family == "inet" && is_shown {
            let count = counts.entry(neighbour.interface.as_deref().unwrap_or_default());
            let count = count.or_default();
            *count = count.saturating_add(1);
        }
    }
    for (device, count) in counts {
        let mut labels = String::new();
        label(&mut labels, "device", device);
        samples(&labels, Number::Unsigned(count));
    }
}

/// File systems that node_exporter leaves out, as they are on no disk (`filesystem_linux.go`).
const NO_DISK: [&str; 22] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
];

fn readonly(frame: &Frame, samples: &mut Samples) {
    let init = frame.processes.iter().flatten().find(|process| process.pid == 1);
    let mounts = || frame.mounts.iter().flatten();
    let of_init = init.and_then(|process| process.mnt_namespace);
    let first = of_init.or_else(|| mounts().find_map(|mount| mount.mnt_ns));
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    let is_shown = |mount: &&Mount| {
        mount.mnt_ns == first && !NO_DISK.contains(&mount.filesystem.as_deref().unwrap_or_default())
    };
    for mount in mounts().filter(is_shown).take(1000) {
        let Some(options) = mount.options.as_deref() else { continue };
        let mut labels = String::new();
        for (name, value) in [
            ("device", &mount.source),
            ("mountpoint", &mount.target),
            ("fstype", &mount.filesystem),
        ] {
            label(&mut labels, name, value.as_deref().unwrap_or_default());
        }
        let readonly = options.split(',').any(|option| option == "ro");
        // The last one of mounts that lie over each other is seen.
        all.insert(labels, readonly.into());
    }
    all.iter().for_each(|(labels, readonly)| samples(labels, Number::Unsigned(*readonly)));
}

/// Sections of rows, and what they are counted by.
fn rows(frame: &Frame, samples: &mut Samples) {
    let count = |count: Option<usize>, section: Section, samples: &mut Samples| {
        let Some(count) = count else { return };
        let mut labels = String::new();
        label(&mut labels, "section", section.name());
        samples(&labels, Number::Unsigned(count as u64));
    };
    for (length, section) in [
        (frame.processes.as_ref().map(Vec::len), Section::Processes),
        (frame.modules.as_ref().map(Vec::len), Section::Modules),
        (frame.interfaces.as_ref().map(Vec::len), Section::Interfaces),
        (frame.connections.as_ref().map(Vec::len), Section::Connections),
        (frame.mounts.as_ref().map(Vec::len), Section::Mounts),
        (frame.neighbours.as_ref().map(Vec::len), Section::Neighbours),
    ] {
        count(length, section, samples);
    }
}

fn problems(frame: &Frame, samples: &mut Samples) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for problem in &frame.consistency.problems {
        // A newer recorder may have sections that are not known here, not names without a bound.
        let section = Section::from_name(&problem.section).map_or("other", Section::name);
        let count = counts.entry(section).or_default();
        *count = count.saturating_add(1);
    }
    for (section, count) in counts {
        let mut labels = String::new();
        label(&mut labels, "section", section);
        samples(&labels, Number::Unsigned(count));
    }
}
