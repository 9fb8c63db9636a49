//! The section `host`: what this host's own `/proc` says of the guest's QEMU.

use std::fs;

use lab::Guest;
use oracle::cpus::TICK;
use oracle::view::{Reading, Stat, kilobytes, value_of};
use oracle::{Expected, Tally};
use serde_json::Value;

use crate::Seen;

const SECTION: &str = "host";
/// The section and the fields that it must have.
pub const REQUIRED: (&str, &str) =
    (SECTION, "vcpu_time_ns rss_bytes swapped_bytes untouched_bytes memory_age_ns state");

/// The host's view of a guest.
pub struct Host {
    /// Bytes of guest RAM by libvirt.
    ram: u64,
    /// Clock ticks that all vCPU threads ran.
    ticks: u64,
    /// How many of them there are.
    threads: u64,
    /// Bytes of QEMU in this host's RAM.
    resident: u64,
    state: String,
}

impl Host {
    pub fn of(guest: &Guest) -> Self {
        let info = lab::virsh(&["dominfo", guest.domain()]).expect("dominfo");
        let ram = value_of(&info, "Max memory").and_then(|text| text.strip_suffix(" KiB"));
        let folder = format!("/proc/{}", guest.qemu_pid());
        let threads = fs::read_dir(format!("{folder}/task")).expect("QEMU's threads");
        let ticks: Vec<u64> = threads
            .filter_map(|entry| Stat::parse(&fs::read(entry.ok()?.path().join("stat")).ok()?))
            .filter(|stat| stat.name.starts_with("CPU "))
            .map(|stat| stat.number(14) + stat.number(15))
            .collect();
        assert!(!ticks.is_empty(), "QEMU has no threads of vCPUs");
        let status = fs::read_to_string(format!("{folder}/status")).expect("QEMU's status");
        let bytes = |name| value_of(&status, name).and_then(kilobytes).expect(name);
        Self {
            ram: ram.and_then(|text| text.parse::<u64>().ok()).expect("Max memory") * 1024,
            ticks: ticks.iter().sum(),
            threads: ticks.len() as u64,
            // Huge pages are counted for themselves (`hugetlb_report_usage`, mm/hugetlb.c).
            resident: bytes("VmRSS") + bytes("HugetlbPages"),
            state: value_of(&info, "State").expect("State").to_owned(),
        }
    }
}

pub fn compare(tally: &mut Tally, seen: &Seen, frame: &Value) {
    let Some(host) = tally.section(frame, SECTION) else { return };
    let Seen { view, host: (before, after) } = seen;
    let mut field = |name, expected| tally.field(SECTION, "-", host, name, expected);
    field("state", Expected::is(before.state.as_str()));
    // Each thread's user and system time is rounded down for itself.
    let most = after.ticks + 2 * after.threads;
    field("vcpu_time_ns", Expected::Between(before.ticks * TICK, most * TICK));
    // At least what the guest has in use, at most what QEMU has.
    let used = |reading: &Reading| {
        let text = reading.text("/proc/meminfo");
        let bytes = |name| value_of(&text, name).and_then(kilobytes).expect(name);
        bytes("MemTotal") - bytes("MemFree")
    };
    let swapped = host["swapped_bytes"].as_u64().unwrap_or(0);
    let least = used(&view.before).min(used(&view.after)) * 98 / 100;
    let resident = Expected::Between(least.saturating_sub(swapped), after.resident.min(before.ram));
    field("rss_bytes", resident);
    field("swapped_bytes", Expected::Between(0, before.ram / 2));
    let rest = host["rss_bytes"].as_u64().unwrap_or(0) + swapped;
    field("untouched_bytes", Expected::is(before.ram.saturating_sub(rest)));
    // Counted for this frame: the handle is new.
    field("memory_age_ns", Expected::Between(0, 5_000_000_000));
}
