//! The oracle: every fact of a frame against what the guest's own kernel says of itself.

mod doctored;
mod dump;
mod host;

use nfm::{CrawlOptions, Domain, Frame, OpenOptions};
use oracle::{Tally, View, compare_all};
use serde_json::Value;

use host::Host;

/// Facts that each section must have at least, below what the lab's guests have.
const LEAST: &[(&str, usize)] = &[
    ("consistency", 2),
    ("os", 13),
    ("cpus", 16),
    ("memory", 20),
    ("processes", 2500),
    ("files", 2500),
    ("mappings", 2500),
    ("modules", 100),
    ("interfaces", 120),
    ("connections", 200),
    ("mounts", 60),
    ("log", 200),
    ("host", 5),
    ("routes", 3500),
    ("neighbours", 200),
];

/// A Debian has fewer processes than the lab's workload, and how many varies: some end soon after boot.
const LEAST_OF_DEBIAN: &[(&str, usize)] = &[
    ("consistency", 2),
    ("os", 13),
    ("cpus", 16),
    ("memory", 20),
    ("processes", 1200),
    ("files", 500),
    ("mappings", 3000),
    ("modules", 100),
    ("interfaces", 90),
    ("connections", 150),
    ("mounts", 150),
    ("log", 200),
    ("host", 5),
    ("routes", 250),
    // It spoke to nobody: that the frame has none is all there is to compare.
    ("neighbours", 1),
];

/// Guests that other tests use, too. The others end with their test: each one that idles takes some percent of a CPU.
const SHARED: [&str; 5] = [
    "6.1 pc 512 MiB",
    "5.10 generic q35 6144 MiB 2 CPUs",
    "6.12 generic q35 6144 MiB 2 CPUs",
    "7.2 five levels memfd",
    "Debian bookworm with systemd",
];

/// The name of the guest of that title.
fn guest_name(title: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '.';
    let name: String = title.chars().map(|c| if is_plain(&c) { c } else { '-' }).collect();
    format!("oracle-{name}")
}

/// The two sides from which a guest is seen beside nfm.
struct Seen {
    /// Its own.
    view: View,
    /// Its host's, before and after the frames.
    host: (Host, Host),
}

/// Takes frames of a guest, and the guest's own view around them: the first of a handle, and the third,
/// which is read in another way (read ahead from what the others used, or where the memory lies).
fn frames(title: &str, options: &[&str]) -> (Seen, [Value; 2]) {
    let name = guest_name(title);
    let guest = match SHARED.contains(&title) {
        true => lab::guest(&name, options),
        false => lab::own_guest(&name, options),
    };
    let mut patient = OpenOptions::default();
    patient.time_limit = std::time::Duration::from_secs(60);
    let mut domain =
        Domain::open(guest.domain(), &patient).unwrap_or_else(|error| panic!("{title}: {error}"));
    let mut options = CrawlOptions::default();
    // Other tests want the CPUs, too.
    options.time_limit = std::time::Duration::from_secs(20);
    let _alone = guest.alone();
    let (view, (before, [first, _, third], after)) = View::around(
        |command| guest.ask_bytes(command),
        || {
            let before = Host::of(&guest);
            let frames = [(); 3].map(|()| domain.crawl(&options));
            (before, frames, Host::of(&guest))
        },
    );
    let frames = [first, third].map(|frame| {
        let frame = frame.unwrap_or_else(|error| panic!("{title}: {error}"));
        let json = frame.to_json();
        assert_eq!(Frame::from_json(&json).expect("a frame from its JSON"), frame, "{title}");
        serde_json::from_str(&json).expect("the frame's JSON")
    });
    (Seen { view, host: (before, after) }, frames)
}

/// Compares every section of the frames.
fn compare(title: &str, options: &[&str]) {
    let (seen, frames) = frames(title, options);
    conclude(title, &seen, &frames, LEAST);
}

/// A kernel's table of functions alone, as it is without CONFIG_KALLSYMS_ALL: memory tells all but these variables, and
/// the frame names what it lacks for each.
#[test]
fn linux_6_1_without_variables_in_its_table() {
    const UNKNOWN: [(&str, &str, &str); 6] = [
        ("os", "command_line", "saved_command_line"),
        ("os", "panicked", "panic_cpu"),
        ("cpus", "idle_ns", "tick_nohz_active"),
        ("cpus", "iowait_ns", "tick_nohz_active"),
        ("memory", "swap_total", "total_swap_pages"),
        // Ping sockets (icmp and icmp6), whole rows.
        ("connections", "icmp", "ping_table"),
    ];
    let title = "6.1 functions 2 CPUs";
    let options = ["--kernel", "6.1", "--flavour", "functions", "--vcpus", "2"];
    let (seen, frames) = frames(title, &options);
    for mut frame in frames {
        let problems = frame["consistency"]["problems"].take();
        let problems = problems.as_array().expect("problems");
        for (section, _, variable) in UNKNOWN {
            let names = |problem: &&Value| {
                let reason = problem["reason"].as_str().unwrap_or_default();
                problem["section"] == section && reason.ends_with(variable)
            };
            assert!(problems.iter().any(|one| names(&one)), "{variable}: {problems:?}");
        }
        assert!(problems.len() <= UNKNOWN.len() + 2, "{problems:?}");
        let mut tally = Tally::new(&doctored::required());
        compare_all(&mut tally, &seen.view, &frame);
        let expected = |line: &String| {
            let of = |(section, field, _): &(&str, &str, &str)| {
                line.starts_with(&format!("{section}, ")) && line.contains(&format!(", {field}: "))
            };
            let is_null = line.ends_with("nfm says null") && UNKNOWN.iter().any(of);
            let is_ping = line.starts_with("connections, ") && line.contains(", icmp");
            is_null || is_ping || line.starts_with("consistency, ")
        };
        let wrong: Vec<String> =
            tally.disagreements().into_iter().filter(|line| !expected(line)).collect();
        assert_eq!(wrong, Vec::<String>::new());
    }
}

/// Each frame must agree with the guest's own view, in all of its sections.
fn conclude(title: &str, seen: &Seen, frames: &[Value], least: &[(&'static str, usize)]) {
    for (frame, which) in frames.iter().zip(["first frame", "third frame"]) {
        let mut tally = Tally::new(&doctored::required());
        compare_all(&mut tally, &seen.view, frame);
        host::compare(&mut tally, seen, frame);
        tally.conclude(&format!("{title}, {which}"), least);
    }
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

/// PREEMPT_RT, under which `seqcount_raw_spinlock_t` is 16 bytes (include/linux/seqlock_types.h): the timekeeper of
/// `tk_core` (kernel/time/timekeeping.c) lies behind it.
#[test]
fn linux_6_1_rt() {
    compare("6.1 rt 2 CPUs", &["--kernel", "6.1", "--flavour", "rt", "--vcpus", "2"]);
}

/// PREEMPT_RT of Linux 6.12, which is a choice of the kernel itself since then (kernel/Kconfig.preempt).
#[test]
fn linux_6_12_rt() {
    if lab::kernel_files("6.12-rt").is_none() {
        eprintln!("SKIPPED: the kernel 6.12-rt is not at hand; `make test-kernels` fetches it");
        return;
    }
    compare("6.12 rt 2 CPUs", &["--kernel", "6.12", "--flavour", "rt", "--vcpus", "2"]);
}

/// A distribution's usual kernel, on two CPUs, with RAM on both sides of 4 GiB.
fn generic(kernel: &str) -> Vec<&str> {
    let machine = ["--machine", "q35", "--memory", "6144", "--vcpus", "2"];
    ["--kernel", kernel, "--flavour", "generic"].into_iter().chain(machine).collect()
}

/// A distribution as it is installed: systemd, udev, dbus and sshd on ext4 on a virtio disk, and services in
/// namespaces of their own.
#[test]
fn debian_bookworm_systemd() {
    let title = "Debian bookworm with systemd";
    let (seen, frames) = frames(title, &["--kind", "debian"]);
    let processes: Vec<&Value> = frames[0]["processes"].as_array().into_iter().flatten().collect();
    for name in ["systemd", "systemd-journal", "systemd-udevd", "dbus-daemon", "sshd", "cron"] {
        assert!(processes.iter().any(|one| one["name"] == name), "no {name} in the frame");
    }
    conclude(title, &seen, &frames, LEAST_OF_DEBIAN);
}

/// Page tables of five levels, in memory that is shared with the host.
#[test]
fn linux_7_2_five_levels() {
    compare("7.2 five levels memfd", &["--kernel", "7.2", "--cpu", "max", "--backing", "memfd"]);
}

/// NUMA nodes that nothing tells apart but their contents: as many blocks of RAM, alike, without names.
#[test]
fn numa_equal() {
    compare("numa equal", &["--numa", "256+256+256"]);
}

/// NUMA nodes of which one lies on both sides of 4 GiB.
#[test]
fn numa_unequal_above_4_gib() {
    let shape = ["--numa", "1024+3072+512", "--machine", "q35", "--backing", "memfd"];
    compare("numa unequal", &[&["--kernel", "6.12"][..], &shape].concat());
}

#[test]
fn numa_huge_pages() {
    compare("numa hugepages", &["--numa", "128+256+128", "--backing", "hugepages"]);
}

/// A hole in RAM where no machine type has it: firmware's own map tells (`max-ram-below-4g`, hw/i386/pc_piix.c
/// of QEMU; `boot_params.e820_table`, arch/x86/kernel/setup.c).
#[test]
fn numa_files_and_a_hole_elsewhere() {
    let shape = ["--numa", "512+512", "--backing", "file", "--low-ram", "704"];
    compare("numa files", &[&["--kernel", "5.10"][..], &shape].concat());
}

/// An AMD guest that may have more than 1 TiB: its high RAM begins there (`AMD_HT_START`, hw/i386/pc.c of QEMU).
#[test]
fn ram_at_1_tib() {
    let shape = ["--machine", "q35", "--memory", "3072", "--max-memory", "1100000"];
    compare("1 TiB", &[&["--cpu", "EPYC", "--phys-bits", "46"][..], &shape].concat());
}
