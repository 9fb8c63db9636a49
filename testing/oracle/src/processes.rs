//! The section `processes`: `/proc/PID/{stat,status,cmdline,…}`.

use std::collections::HashMap;

use serde_json::Value;

use crate::cpus::TICK;
use crate::tally::{Expected, Tally};
use crate::view::{Reading, Stat, View};

const SECTION: &str = "processes";
const NAMESPACES: [&str; 8] = ["pid", "net", "mnt", "uts", "ipc", "user", "cgroup", "time"];

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(processes) = tally.section(frame, SECTION) else { return };
    let rows = processes.as_array().expect("processes");
    let mut by_pid: HashMap<u32, &Value> = HashMap::new();
    for row in rows {
        let pid = row["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        let Some(pid) = pid else {
            tally.holds(SECTION, &row["name"], "pid", false, &row["pid"]);
            continue;
        };
        let twice = by_pid.insert(pid, row).is_some();
        tally.holds(SECTION, pid, "listed once", !twice, "listed twice");
        let is_known =
            view.before.stats().contains_key(&pid) || view.after.stats().contains_key(&pid);
        // Kernel threads come and go; nothing else does.
        if !is_known && row["kernel_thread"] != true {
            tally.holds(SECTION, pid, "known to the guest", false, row);
        }
    }
    for (pid, before, after) in view.lasting() {
        match by_pid.get(&pid) {
            Some(row) => process(tally, view, row, pid, (before, after)),
            None => tally.holds(SECTION, pid, "there", false, "no such process"),
        }
    }
}

fn process(tally: &mut Tally, view: &View, row: &Value, pid: u32, stats: (&Stat, &Stat)) {
    let key = format!("{pid} ({})", stats.0.name);
    let mut field =
        |name: &str, expected: Expected| tally.field(SECTION, &key, row, name, expected);
    let stat = |number| Expected::steady(stats.0.number(number), stats.1.number(number));
    let of =
        |read: &dyn Fn(&Reading) -> Value| Expected::steady(read(&view.before), read(&view.after));

    field("name", Expected::steady(name(stats.0), name(stats.1)));
    field("ppid", stat(4));
    field("threads", stat(20));
    let nice = |stat: &Stat| stat.text(19).parse::<i64>().expect("nice");
    field("nice", Expected::steady(nice(stats.0), nice(stats.1)));
    let start = stats.0.number(22) * TICK;
    field("start_time_ns", Expected::Between(start, start + TICK - 1));
    // The kernel splits a running process's exact time anew whenever it is asked, by the ticks that it
    // sampled: only the sum never falls, and all of it may change sides. What rests is told the same
    // each time. It rests if it was never put on a CPU: /proc's ticks are too coarse to tell.
    let ran = |stat: &Stat| stat.number(14) + stat.number(15);
    let switches = |reading: &Reading| {
        ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"]
            .map(|name| reading.status(pid, name))
    };
    let rests = ran(stats.0) == ran(stats.1) && switches(&view.before) == switches(&view.after);
    field("state", state(stats, rests));
    for (name, number) in [("user_ns", 14), ("system_ns", 15)] {
        let before = stats.0.number(number);
        field(
            name,
            match rests {
                true => Expected::Between(before * TICK, before * TICK + TICK - 1),
                false => Expected::Between(0, (ran(stats.1) + 2) * TICK - 1),
            },
        );
    }
    let sum =
        row["user_ns"].as_u64().zip(row["system_ns"].as_u64()).map(|(user, system)| user + system);
    let expected = Expected::Between(ran(stats.0) * TICK, (ran(stats.1) + 2) * TICK - 1);
    tally.fact(SECTION, &key, "user_ns and system_ns", &sum.into(), expected);
    let mut field =
        |name: &str, expected: Expected| tally.field(SECTION, &key, row, name, expected);
    field("virtual_bytes", stat(23));
    field("kernel_thread", Expected::is(stats.0.is_kernel()));
    field("command_line", of(&|reading| command_line(reading, pid).into()));
    for (id, name, column) in
        [("uid", "Uid", 0), ("euid", "Uid", 1), ("gid", "Gid", 0), ("egid", "Gid", 1)]
    {
        field(
            id,
            of(&|reading| {
                let ids = reading.status(pid, name).unwrap_or_default();
                let word = ids.split_whitespace().nth(column).expect("four ids");
                word.parse::<u64>().expect("an id").into()
            }),
        );
    }

    for link in ["exe", "cwd", "root"] {
        field(link, of(&|reading| reading.link(pid, link).into()));
    }
    let memory = |reading: &Reading, name| reading.status_bytes(pid, name).unwrap_or(0);
    let rss = |reading| memory(reading, "VmRSS");
    let shared = |reading| memory(reading, "RssFile") + memory(reading, "RssShmem");
    field("rss_bytes", Expected::enclosed(rss(&view.before), rss(&view.after)));
    field("shared_bytes", Expected::enclosed(shared(&view.before), shared(&view.after)));
    let open = |reading: &Reading| {
        (reading.descriptors(pid).len() + reading.threads_descriptors(pid).len()) as u64
    };
    // The agent has pipes only while it is asked.
    let least = if view.is_agent(pid) { 3 } else { open(&view.before) };
    field("open_files", Expected::enclosed(least, open(&view.after)));
    field(
        "cgroup",
        of(&|reading| {
            let groups = reading.of(pid, "cgroup");
            groups.lines().find_map(|line| line.strip_prefix("0::")).into()
        }),
    );
    for kind in NAMESPACES {
        field(&format!("{kind}_namespace"), of(&|reading| reading.namespace(pid, kind).into()));
    }
    field(
        "pid_in_namespace",
        of(&|reading| {
            let pids = reading.status(pid, "NSpid").unwrap_or_default();
            let last = pids.split_whitespace().last().expect("a pid in NSpid");
            last.parse::<u64>().expect("a pid").into()
        }),
    );
    field(
        "oom_score_adj",
        of(&|reading| reading.of(pid, "oom_score_adj").trim().parse::<i64>().ok().into()),
    );
}

/// Without what a worker thread of the kernel shows of the work it last did: `kworker/0:1-events`,
/// `kworker/0:1+events`; the name of a rescuer, `kworker/R-mld`, is its own.
fn name(stat: &Stat) -> &str {
    match stat.name.strip_prefix("kworker/") {
        Some(rest) if stat.is_kernel() && !rest.starts_with("R-") => {
            let length = rest.find(['-', '+']).unwrap_or(rest.len());
            &stat.name[..stat.name.len() - rest.len() + length]
        }
        _ => &stat.name,
    }
}

/// A process that was on a CPU between the two readings may have been in this state, or waiting for something, when
/// nfm looked; any other is in the state that the guest tells.
fn state((before, after): (&Stat, &Stat), rests: bool) -> Expected {
    let mut letters = vec![before.text(3), after.text(3)];
    if !rests {
        letters.extend(["R", "D", "S"]);
        letters.extend(before.is_kernel().then_some("I"));
    }
    letters.dedup();
    Expected::OneOf(letters.into_iter().map(Value::from).collect())
}

/// The arguments with spaces between, without what ends the last.
fn command_line(reading: &Reading, pid: u32) -> String {
    let bytes = reading.bytes(&format!("/proc/{pid}/cmdline"));
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let spaced: Vec<u8> =
        bytes[..length].iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    String::from_utf8_lossy(&spaced).into_owned()
}
