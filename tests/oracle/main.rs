//! The oracle: every fact of a frame against what the guest's own kernel says of itself.
//!
//! It knows the frame by its JSON names alone. The guest is read before the crawl and after it: what
//! rests must be equal, counters must lie between. Each compared value is one fact; one that does not
//! agree fails the test, and so does a section with suspiciously few facts.

#[path = "../lab/mod.rs"]
mod lab;

mod connections;
mod cpus;
mod files;
mod interfaces;
mod log;
mod mappings;
mod memory;
mod modules;
mod mounts;
mod os;
mod processes;
mod tally;
mod view;

use nfm::{CrawlOptions, Domain, OpenOptions};
use serde_json::Value;

use tally::{Expected, Tally};
use view::View;

/// The sections and fields that a frame must have. What is not in this list and not in the frame is
/// printed, and does not count.
const REQUIRED: &[(&str, &[&str])] = &[
    (
        "os",
        &[
            "sysname",
            "nodename",
            "release",
            "version",
            "machine",
            "build_id",
            "command_line",
            "boot_time_ns",
            "uptime_ns",
            "load",
            "panicked",
        ],
    ),
    (
        "cpus",
        &[
            "online",
            "vendor",
            "model",
            "mhz",
            "cache_kib",
            "times.user_ns",
            "times.nice_ns",
            "times.system_ns",
            "times.idle_ns",
            "times.iowait_ns",
            "times.irq_ns",
            "times.softirq_ns",
            "times.steal_ns",
            "times.guest_ns",
            "times.guest_nice_ns",
        ],
    ),
    (
        "processes",
        &[
            "ppid",
            "name",
            "state",
            "command_line",
            "uid",
            "euid",
            "gid",
            "egid",
            "threads",
            "nice",
            "start_time_ns",
            "user_ns",
            "system_ns",
            "virtual_bytes",
            "kernel_thread",
        ],
    ),
    ("modules", &["size", "references", "used_by", "state", "address", "taints"]),
    (
        "interfaces",
        &[
            "name",
            "mac",
            "mtu",
            "up",
            "ipv4",
            "ipv6",
            "rx_bytes",
            "rx_packets",
            "rx_errors",
            "rx_dropped",
            "tx_bytes",
            "tx_packets",
            "tx_errors",
            "tx_dropped",
        ],
    ),
];

/// Facts that each section must have at least, well below what the lab's guests have.
const LEAST: &[(&str, usize)] = &[
    ("consistency", 2),
    ("os", 12),
    ("cpus", 15),
    ("processes", 1200),
    ("modules", 25),
    ("interfaces", 100),
];

/// Compares one frame of a guest that is begun for it.
fn compare(title: &str, options: &[&str]) {
    let name: String = title
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    let guest = lab::guest(&format!("oracle-{name}"), options);
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default())
        .unwrap_or_else(|error| panic!("{title}: {error}"));
    let (view, frame) = View::around(&guest, || domain.crawl(&CrawlOptions::default()));
    let frame = frame.unwrap_or_else(|error| panic!("{title}: {error}"));
    let frame: Value = serde_json::from_str(&frame.to_json()).expect("the frame's JSON");

    let mut tally = Tally::new(REQUIRED);
    let consistency = &frame["consistency"];
    tally.field("consistency", "-", consistency, "complete", Expected::is(true));
    tally.field("consistency", "-", consistency, "problems", Expected::is(Vec::<Value>::new()));
    os::compare(&mut tally, &view, &frame);
    cpus::compare(&mut tally, &view, &frame);
    processes::compare(&mut tally, &view, &frame);
    modules::compare(&mut tally, &view, &frame);
    interfaces::compare(&mut tally, &view, &frame);
    memory::compare(&mut tally, &view, &frame);
    files::compare(&mut tally, &view, &frame);
    mappings::compare(&mut tally, &view, &frame);
    connections::compare(&mut tally, &view, &frame);
    mounts::compare(&mut tally, &view, &frame);
    log::compare(&mut tally, &view, &frame);
    tally.conclude(title, LEAST);
}

#[test]
fn linux_6_1_pc_512_mib() {
    compare("6.1 pc 512 MiB", &["--kernel", "6.1", "--machine", "pc", "--memory", "512"]);
}

#[test]
fn linux_6_1_q35_512_mib() {
    compare("6.1 q35 512 MiB", &["--kernel", "6.1", "--machine", "q35", "--memory", "512"]);
}

#[test]
fn linux_6_1_pc_6_gib() {
    compare("6.1 pc 6144 MiB", &["--kernel", "6.1", "--machine", "pc", "--memory", "6144"]);
}

#[test]
fn linux_6_1_q35_6_gib() {
    compare("6.1 q35 6144 MiB", &["--kernel", "6.1", "--machine", "q35", "--memory", "6144"]);
}

#[test]
fn linux_5_10_generic() {
    compare("5.10 generic q35 6144 MiB 2 CPUs", &generic("5.10"));
}

#[test]
fn linux_6_12_generic() {
    compare("6.12 generic q35 6144 MiB 2 CPUs", &generic("6.12"));
}

/// A distribution's usual kernel, on two CPUs, with RAM on both sides of 4 GiB.
fn generic(kernel: &str) -> Vec<&str> {
    let machine = ["--machine", "q35", "--memory", "6144", "--vcpus", "2"];
    ["--kernel", kernel, "--flavour", "generic"].into_iter().chain(machine).collect()
}

/// Page tables of five levels, in memory that is shared with the host.
#[test]
fn linux_7_2_five_levels() {
    compare("7.2 five levels memfd", &["--kernel", "7.2", "--cpu", "max", "--backing", "memfd"]);
}
