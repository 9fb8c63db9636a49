//! Guests of a QEMU that libvirt does not know, named by its process: found by its command line, and every fact of
//! their frames against what they say of themselves.

use std::fs;
use std::process::Command;

use lab::plain::PlainGuest;
use nfm::{CrawlOptions, Domain, ErrorCode, Mode, OpenOptions, qemu_guests};
use oracle::{REQUIRED, Tally, View, compare_all};
use serde_json::Value;

const MIB: u64 = 1 << 20;
const UUID: &str = "6e666d00-7465-4374-a000-000000000001";

/// Facts that each section must have at least, below what the lab's guests have.
const LEAST: &[(&str, usize)] = &[
    ("os", 13),
    ("processes", 2500),
    ("files", 2500),
    ("mappings", 2500),
    ("modules", 100),
    ("connections", 200),
    ("mounts", 60),
];

/// Opens a guest by its process.
fn open(pid: u32) -> Domain {
    let mut options = OpenOptions::default();
    options.time_limit = std::time::Duration::from_secs(60);
    let name = format!("qemu:{pid}");
    Domain::open(&name, &options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Holds two frames of a guest against its own view; gives its RAM as (guest-physical address, MiB).
fn compare(title: &str, pid: u32, ask: impl Fn(&str) -> Vec<u8>) -> (Domain, Vec<(u64, u64)>) {
    let mut domain = open(pid);
    // Only then does a thread's name say whether it is a vCPU.
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).expect("its command line");
    let names_threads = String::from_utf8_lossy(&command_line).contains("debug-threads=on");
    let options = lab::patient();
    let (view, frames) = View::around(ask, || [(); 2].map(|()| domain.crawl(&options)));
    for frame in frames {
        let frame = frame.unwrap_or_else(|error| panic!("{title}: {error}"));
        let host = frame.host.as_ref().expect("the section host");
        assert!(host.rss_bytes > Some(30 * MIB), "{host:?}");
        assert_eq!(host.vcpu_time_ns.is_some(), names_threads, "{host:?}");
        assert_ne!(host.vcpu_time_ns, Some(0));
        assert_eq!(host.state, None, "libvirt was not asked");
        let frame: Value = serde_json::from_str(&frame.to_json()).expect("the frame's JSON");
        let mut tally = Tally::new(REQUIRED);
        compare_all(&mut tally, &view, &frame);
        tally.conclude(title, LEAST);
    }
    let ram = domain.findings().ram.iter().map(|(start, length)| (*start, length / MIB)).collect();
    (domain, ram)
}

#[test]
fn a_pc_with_private_memory_and_flash() {
    // SeaBIOS as a flash device: another mapping of the process that holds what the guest sees.
    let flash = std::env::temp_dir().join(format!("nfm-flash-{}", std::process::id()));
    fs::copy("/usr/share/seabios/bios-256k.bin", &flash).expect("SeaBIOS");
    let drive = format!("if=pflash,format=raw,file={}", flash.display());
    let name = "guest=nfm-test-plain,,1,debug-threads=on";
    let options = ["-name", name, "-uuid", UUID, "-m", "512", "-drive", &drive];
    let guest = PlainGuest::start("pc", "6.1-cloud", &[], &options);
    let _ = fs::remove_file(&flash);
    let pid = guest.pid();
    let (mut domain, ram) = compare("pc", pid, |command| guest.ask_bytes(command));
    assert_eq!(ram, [(0, 512)]);
    let frame = domain.crawl(&CrawlOptions::default()).expect("a frame");
    assert_eq!(frame.domain.name, "nfm-test-plain,1");
    assert_eq!(frame.domain.uuid.as_deref(), Some(UUID));
    assert_eq!(frame.domain.hypervisor, "qemu");
    let listed = qemu_guests().expect("QEMU's processes");
    let own = listed.iter().find(|one| one.pid == pid as i32).expect("the guest");
    assert_eq!(own.name.as_deref(), Some("nfm-test-plain,1"));
    assert_eq!(own.uuid.as_deref(), Some(UUID));

    // Only libvirt suspends.
    let mut paused = CrawlOptions::default();
    paused.mode = Mode::Paused;
    assert_eq!(domain.crawl(&paused).unwrap_err().code(), ErrorCode::Unsupported);
    drop(guest);
    assert_eq!(domain.crawl(&CrawlOptions::default()).unwrap_err().code(), ErrorCode::Gone);
    let error = Domain::open(&format!("qemu:{pid}"), &OpenOptions::default()).err().expect("none");
    assert_eq!(error.code(), ErrorCode::NoSuchDomain, "{error}");
}

/// Huge pages that this host sets aside, until this is dropped.
struct HugePages(u64);

impl HugePages {
    const POOL: &str = "/proc/sys/vm/nr_hugepages";

    fn reserve(wanted: u64) -> Self {
        let before = Self::number();
        fs::write(Self::POOL, (before + wanted).to_string()).expect("root");
        let given = Self(Self::number().saturating_sub(before));
        assert_eq!(given.0, wanted, "the host has no room for so many huge pages");
        given
    }

    fn number() -> u64 {
        fs::read_to_string(Self::POOL).expect("huge pages").trim().parse().expect("a number")
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        let _ = fs::write(Self::POOL, Self::number().saturating_sub(self.0).to_string());
    }
}

/// Shared memory on both sides of 4 GiB, of which a node is of huge pages.
#[test]
fn a_q35_with_memfds_and_huge_pages_above_4_gib() {
    let _pages = HugePages::reserve(256);
    let huge = "memory-backend-memfd,id=huge,size=512M,share=on,hugetlb=on,hugetlbsize=2M";
    let options = [
        "-machine",
        "q35",
        "-m",
        "3G",
        "-smp",
        "2",
        "-object",
        "memory-backend-memfd,id=small,size=2560M,share=on",
        "-object",
        huge,
        "-numa",
        "node,nodeid=0,cpus=0,memdev=small",
        "-numa",
        "node,nodeid=1,cpus=1,memdev=huge",
    ];
    let guest = PlainGuest::start("q35", "6.12-cloud", &[], &options);
    let (domain, ram) = compare("q35 memfd", guest.pid(), |command| guest.ask_bytes(command));
    assert_eq!(ram, [(0, 2048), (1 << 32, 512), ((1 << 32) + 512 * MIB, 512)]);
    drop(domain);
}

/// Two nodes that nothing tells apart but their contents, described in a file, in namespaces of its own: as Incus and
/// others run their guests in containers.
#[test]
fn numa_nodes_in_a_containers_namespaces() {
    let file = std::env::temp_dir().join(format!("nfm-qemu-{}.conf", std::process::id()));
    let node = |id: char, number: u8| {
        format!(
            "[object \"{id}\"]\n  qom-type = \"memory-backend-ram\"\n  size = \"256M\"\n\
             [numa]\n  type = \"node\"\n  nodeid = \"{number}\"\n  cpus = \"{number}\"\n  memdev = \"{id}\"\n"
        )
    };
    let text = format!("[memory]\n  size = \"512M\"\n{}{}", node('b', 1), node('a', 0));
    fs::write(&file, text).expect("a file of options");
    let options = ["-smp", "2", "-readconfig", file.to_str().expect("a path")];
    let unshare = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"];
    let guest = PlainGuest::start("numa", "6.1-cloud", &unshare, &options);
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).expect("a namespace");
    assert_ne!(namespace("self"), namespace(&guest.pid().to_string()));
    let (domain, ram) = compare("numa", guest.pid(), |command| guest.ask_bytes(command));
    assert_eq!(ram.iter().map(|(_, mib)| mib).sum::<u64>(), 512);
    drop(domain);
    let _ = fs::remove_file(&file);
}

/// Without PCI there is no way to ask it; its kernel's log is what its console shows.
#[test]
fn a_microvm_with_a_file_behind_its_memory() {
    let memory = "memory-backend-file,id=mem,size=256M,mem-path=/dev/shm,share=on";
    let machine = "microvm,acpi=off,pit=on,pic=on,rtc=on,memory-backend=mem";
    let options = ["-machine", machine, "-m", "256M", "-object", memory];
    let guest = PlainGuest::start_with_console_alone("microvm", "6.1-cloud", &options);
    let mut domain = open(guest.pid());
    let frame = lab::whole_frame(&mut domain);
    let console = guest.console();
    let log: Vec<&str> = frame.log.iter().flatten().map(|one| &*one.text).collect();
    let lines = console.lines().filter_map(|line| line.strip_prefix("[    0.0")?.split_once("] "));
    let lines: Vec<&str> = lines.map(|(_, text)| text.trim_end()).collect();
    assert!(lines.len() > 30, "{console}");
    for line in lines {
        assert!(log.iter().any(|one| one.trim_end() == line), "the log has no '{line}'");
    }
    let names: Vec<&str> =
        frame.processes.iter().flatten().filter_map(|one| one.name.as_deref()).collect();
    assert!(names.contains(&"init") && names.len() > 80, "{names:?}");
    let ram: Vec<_> = domain.findings().ram.iter().map(|(at, bytes)| (*at, bytes / MIB)).collect();
    assert_eq!(ram, [(0, 256)]);
}

/// libvirt's own command lines have objects in JSON.
#[test]
fn a_guest_of_libvirts_by_its_process() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let _alone = guest.alone();
    let (mut domain, ram) =
        compare("libvirt's", guest.qemu_pid(), |command| guest.ask_bytes(command));
    assert_eq!(ram, [(0, 512)]);
    let by_libvirt = lab::open(&guest).crawl(&CrawlOptions::default()).expect("a frame");
    let by_process = domain.crawl(&CrawlOptions::default()).expect("a frame");
    assert_eq!(by_process.domain, by_libvirt.domain);
}

#[test]
fn what_is_no_guest() {
    let mut sleep = Command::new("sleep").arg("100").spawn().expect("sleep");
    let code = |name: &str| {
        let opened = Domain::open(name, &OpenOptions::default());
        opened.err().map(|error| error.code())
    };
    assert_eq!(code(&format!("qemu:{}", sleep.id())), Some(ErrorCode::NoSuchDomain));
    sleep.kill().expect("its end");
    sleep.wait().expect("its end");
    assert_eq!(code("qemu:2147483647"), Some(ErrorCode::NoSuchDomain));
    for name in ["qemu:", "qemu:0", "qemu:-1", "qemu:web-1"] {
        assert_eq!(code(name), Some(ErrorCode::InvalidArgument), "{name}");
    }
}
