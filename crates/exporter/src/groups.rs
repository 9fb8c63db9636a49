//! Processes by group, under process-exporter's names, and the host's CPU time that each group cost.

use std::collections::{BTreeMap, HashMap};

use nfm_analysis::host_shares;
use nfm_frame::column::Kind;
use nfm_frame::{Frame, Process, ProcessState};

use crate::exposition::{Exposition, Number, label};
use crate::rules::GroupRules;
use crate::series::PLAN;

/// The group of processes for whose own one there is no room.
const OTHER: &str = "other";
/// A group without a process for so long gives its room up when another one needs it.
const EMPTY_NS: u64 = 600 * 1_000_000_000;

pub(crate) const GROUP_FAMILIES: [(&str, &str, Kind); 8] = [
    ("namedprocess_namegroup_num_procs", "Processes of the group.", Kind::Gauge),
    ("namedprocess_namegroup_num_threads", "Threads of the group.", Kind::Gauge),
    (
        "namedprocess_namegroup_cpu_seconds",
        "CPU time of the group, as the guest counts it.",
        Kind::Counter,
    ),
    ("namedprocess_namegroup_memory_bytes", "Memory of the group.", Kind::Gauge),
    ("namedprocess_namegroup_open_filedesc", "Open file descriptors of the group.", Kind::Gauge),
    (
        "namedprocess_namegroup_oldest_start_time_seconds",
        "Start of the group's oldest process by the guest's wall clock.",
        Kind::Gauge,
    ),
    ("namedprocess_namegroup_states", "Processes of the group by state.", Kind::Gauge),
    (
        "nfm_namegroup_host_cpu_seconds",
        "CPU time of the host that the group cost: the vCPUs' time by the guest's proportions.",
        Kind::Counter,
    ),
];

/// The groups of one guest: what a counter has, the numbers of the newest frame.
#[derive(Default)]
pub(crate) struct Groups {
    all: BTreeMap<String, Group>,
    /// CPU time of each process in the last frame, by id and start: user and system.
    before: HashMap<(u32, Option<u64>), (u64, u64)>,
}

#[derive(Default)]
struct Group {
    user_ns: u64,
    system_ns: u64,
    host_ns: f64,
    /// When a process of it was seen last.
    seen_ns: u64,
    now: Numbers,
}

/// The numbers of one frame. A sum is unknown if a part of it is.
#[derive(Default)]
struct Numbers {
    processes: u64,
    threads: Sum,
    resident: Sum,
    virtual_bytes: Sum,
    files: Sum,
    oldest_ns: Option<u64>,
    states: [u64; STATES.len()],
}

const STATES: [&str; 5] = ["Running", "Sleeping", "Waiting", "Zombie", "Other"];

#[derive(Clone, Copy)]
struct Sum(Option<u64>);

impl Default for Sum {
    fn default() -> Self {
        Self(Some(0))
    }
}

impl Sum {
    fn add(&mut self, part: Option<u64>) {
        self.0 = self.0.zip(part).map(|(sum, part)| sum.saturating_add(part));
    }
}

impl Groups {
    /// Takes the next frame of the guest; `earlier` is the one before it, if that is of the same boot.
    pub(crate) fn take(&mut self, rules: &GroupRules, earlier: Option<&Frame>, later: &Frame) {
        let Some(processes) = &later.processes else { return };
        let host = earlier.map(|earlier| host_ns(earlier, later)).unwrap_or_default();
        self.all.values_mut().for_each(|group| group.now = Numbers::default());
        let before = std::mem::take(&mut self.before);
        let boot_ns = later.os.as_ref().and_then(|os| os.boot_time_ns);
        for process in processes {
            let key = (process.pid, process.start_time_ns);
            let times = process.user_ns.zip(process.system_ns);
            // Its time is unknown now: the next difference begins where the last one ended.
            if let Some(times) = times.or_else(|| before.get(&key).copied()) {
                self.before.insert(key, times);
            }
            let Some(name) = rules.group(process) else { continue };
            let group = self.group(name, rules.most, later.time_ns);
            group.seen_ns = later.time_ns;
            if let Some((user, system)) = times {
                // A process that is new counts from its start.
                let (last_user, last_system) = before.get(&key).copied().unwrap_or_default();
                group.user_ns = group.user_ns.saturating_add(user.saturating_sub(last_user));
                group.system_ns =
                    group.system_ns.saturating_add(system.saturating_sub(last_system));
            }
            group.host_ns += host.get(&process.pid).copied().unwrap_or_default();
            group.now.add(process, boot_ns);
        }
    }

    /// The group of a name, or the one for those that have no room.
    fn group(&mut self, name: String, most: usize, now_ns: u64) -> &mut Group {
        let own = self.all.len().saturating_sub(self.all.contains_key(OTHER).into());
        if !self.all.contains_key(&name) && own >= most {
            let is_old = |group: &Group| {
                group.now.processes == 0 && now_ns.saturating_sub(group.seen_ns) >= EMPTY_NS
            };
            let old = self.all.iter().find(|(name, group)| *name != OTHER && is_old(group));
            match old.map(|(name, _)| name.clone()) {
                Some(old) => self.all.remove(&old),
                None => return self.all.entry(OTHER.to_owned()).or_default(),
            };
        }
        self.all.entry(name).or_default()
    }

    pub(crate) fn add(&self, out: &mut Exposition, guest: &str) {
        let places = GROUP_FAMILIES.map(|(name, ..)| PLAN.place(name));
        let [procs, threads, cpu, memory, files, oldest, states, host] = places;
        for (name, group) in &self.all {
            let mut own = String::new();
            label(&mut own, "groupname", name);
            let labels = [guest, &own];
            let now = &group.now;
            out.add(procs, &labels, Number::Unsigned(now.processes));
            for (family, part, sum) in [
                (threads, "", now.threads),
                (memory, "memtype=\"resident\"", now.resident),
                (memory, "memtype=\"virtual\"", now.virtual_bytes),
                (files, "", now.files),
            ] {
                if let Some(sum) = sum.0 {
                    out.add(family, &[guest, &own, part], Number::Unsigned(sum));
                }
            }
            for (mode, ns) in
                [("mode=\"user\"", group.user_ns), ("mode=\"system\"", group.system_ns)]
            {
                out.add(cpu, &[guest, &own, mode], Number::Nanoseconds(ns));
            }
            if let Some(ns) = now.oldest_ns {
                out.add(oldest, &labels, Number::Nanoseconds(ns));
            }
            for (state, count) in STATES.iter().zip(now.states) {
                let mut part = String::new();
                label(&mut part, "state", state);
                out.add(states, &[guest, &own, &part], Number::Unsigned(count));
            }
            out.add(host, &labels, Number::Float(group.host_ns / 1e9));
        }
    }
}

/// The host's CPU time that each process cost between two frames, by its id.
fn host_ns(earlier: &Frame, later: &Frame) -> HashMap<u32, f64> {
    let seconds = later.time_ns.saturating_sub(earlier.time_ns) as f64 / 1e9;
    let shares = host_shares(earlier, later);
    shares.iter().map(|one| (one.process.pid, one.host_ns_per_second * seconds)).collect()
}

impl Numbers {
    fn add(&mut self, process: &Process, boot_ns: Option<u64>) {
        self.processes = self.processes.saturating_add(1);
        self.threads.add(process.threads.map(u64::from));
        // Threads of the kernel have no memory of their own.
        let is_kernel = process.kernel_thread == Some(true);
        let of_user = |bytes: Option<u64>| bytes.or(is_kernel.then_some(0));
        self.resident.add(of_user(process.rss_bytes));
        self.virtual_bytes.add(of_user(process.virtual_bytes));
        self.files.add(of_user(process.open_files.map(u64::from)));
        let started = boot_ns.zip(process.start_time_ns);
        let started = started.map(|(boot, start)| boot.saturating_add(start));
        self.oldest_ns = self.oldest_ns.into_iter().chain(started).min();
        let place = match process.state {
            Some(ProcessState::Running) => 0,
            Some(ProcessState::Sleeping | ProcessState::Idle) => 1,
            Some(ProcessState::DiskSleep) => 2,
            Some(ProcessState::Zombie) => 3,
            _ => 4,
        };
        if let Some(count) = self.states.get_mut(place) {
            *count = count.saturating_add(1);
        }
    }
}
