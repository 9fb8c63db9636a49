//! Guests that are dead or as good as dead: what they were at is still read, every section of it.

use std::fs::{self, OpenOptions as FileOptions};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nfm::{Domain, Frame, OpenOptions, ProcessState, Section};

/// The time that a machine with much else to do gets.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(guest: &lab::Guest) -> Domain {
    Domain::open(guest.domain(), &OpenOptions::default())
        .unwrap_or_else(|error| panic!("{}: {error}", guest.domain()))
}

/// A frame of a guest that does nothing any more: every section is whole and has rows.
fn whole_frame(domain: &mut Domain) -> Frame {
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency);
    expect_all_sections(&frame);
    frame
}

fn expect_all_sections(frame: &Frame) {
    let rows = [
        ("cpus", frame.cpus.as_ref().map(Vec::len), 1),
        ("processes", frame.processes.as_ref().map(Vec::len), 80),
        ("files", frame.files.as_ref().map(Vec::len), 300),
        ("mappings", frame.mappings.as_ref().map(Vec::len), 300),
        ("modules", frame.modules.as_ref().map(Vec::len), 10),
        ("interfaces", frame.interfaces.as_ref().map(Vec::len), 6),
        ("connections", frame.connections.as_ref().map(Vec::len), 15),
        ("mounts", frame.mounts.as_ref().map(Vec::len), 10),
        ("log", frame.log.as_ref().map(Vec::len), 100),
    ];
    for (section, count, least) in rows {
        assert!(count.is_some_and(|count| count >= least), "{section}: {count:?} rows");
    }
    assert!(frame.os.is_some() && frame.memory.is_some() && frame.host.is_some());
}

/// Crawls until something is so.
fn wait_for(domain: &mut Domain, what: &str, is_so: impl Fn(&Frame) -> bool) -> Frame {
    let begun = Instant::now();
    loop {
        let frame = domain.crawl(&lab::patient()).expect("a frame");
        if is_so(&frame) {
            return frame;
        }
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts a command in the guest of which no answer is awaited.
fn say(guest: &lab::Guest, command: &str) {
    let mut ask = Command::new(lab::root().join("testing/lab/guest"));
    ask.args(["ask", guest.domain(), command]).env("NFM_LAB_ASK_TIMEOUT", "3");
    let status = ask.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    println!("{command}: {status:?}");
}

fn log_of(frame: &Frame) -> String {
    let records = frame.log.iter().flatten();
    records.map(|record| format!("{}\n", record.text)).collect()
}

fn has_process(frame: &Frame, name: &str) -> bool {
    frame.processes.iter().flatten().any(|one| one.name.as_deref() == Some(name))
}

/// True if the guest's agent answers.
fn answers(guest: &lab::Guest) -> bool {
    let mut ask = Command::new(lab::root().join("testing/lab/guest"));
    ask.args(["ask", guest.domain(), "true"]).env("NFM_LAB_ASK_TIMEOUT", "2");
    ask.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// A guest that panicked and stays so, by sysrq.
#[test]
fn panicked() {
    let guest = lab::own_guest("panicked", &["--kernel", "6.1", "--append", "panic=0"]);
    let mut before = open(&guest);
    assert_eq!(whole_frame(&mut before).os.and_then(|os| os.panicked), Some(false));
    say(&guest, "echo the last words >/dev/kmsg; echo c >/proc/sysrq-trigger");
    let is_over = |frame: &Frame| log_of(frame).contains("end Kernel panic");
    wait_for(&mut before, "a panic", is_over);
    assert!(!answers(&guest));
    // A handle from before, and one that first meets it dead.
    for domain in [&mut before, &mut open(&guest)] {
        let frame = whole_frame(domain);
        assert_eq!(frame.os.as_ref().and_then(|os| os.panicked), Some(true));
        let log = log_of(&frame);
        for words in [
            "the last words",
            "sysrq: Trigger a crash",
            "Kernel panic - not syncing: sysrq triggered crash",
            "Call Trace:",
        ] {
            assert!(log.contains(words), "no '{words}' in the log");
        }
        for name in ["init", "kthreadd", "memory", "server", "lab-agent"] {
            assert!(has_process(&frame, name), "no {name}");
        }
        // The shell that did it.
        let shell =
            frame.processes.iter().flatten().find(|process| {
                process.command_line.iter().any(|one| one.contains("sysrq-trigger"))
            });
        assert_eq!(shell.expect("the shell").state, Some(ProcessState::Running));
    }
}

/// A guest whose only CPU spins with interrupts off: nothing in it will ever run again. It is made so from
/// outside, in a function of the kernel that has not run yet: an emulator may keep what it has run translated.
#[test]
fn hung_with_interrupts_off() {
    const SPIN: [u8; 3] = [0xfa, 0xeb, 0xfe]; // cli; jmp .
    let guest = lab::own_guest("hung", &["--kernel", "6.1"]);
    let mut before = open(&guest);
    let frame = whole_frame(&mut before);
    let (image, physical, _) = before.findings().image;
    let table = guest.ask("cat /proc/kallsyms");
    let function = table.lines().find_map(|line| line.strip_suffix(" t sysrq_handle_showmem"));
    let function = u64::from_str_radix(function.expect("the function"), 16).expect("an address");
    write_memory(&guest, physical + (function - image), &SPIN);
    say(&guest, "echo m >/proc/sysrq-trigger");
    assert!(!answers(&guest));
    let up_time = |frame: &Frame| frame.os.as_ref().and_then(|os| os.uptime_ns).expect("uptime_ns");
    let hung = whole_frame(&mut before);
    std::thread::sleep(Duration::from_secs(1));
    // Not even its clock goes on.
    for domain in [&mut before, &mut open(&guest)] {
        let later = whole_frame(domain);
        assert_eq!(up_time(&later), up_time(&hung));
        assert!(up_time(&later) >= up_time(&frame));
        for name in ["init", "kthreadd", "memory", "server", "lab-agent"] {
            assert!(has_process(&later, name), "no {name}");
        }
        assert!(
            later.processes.iter().flatten().any(|one| one.state == Some(ProcessState::Running))
        );
    }
}

/// Writes to the RAM, private to its QEMU and in one piece, of a guest.
fn write_memory(guest: &lab::Guest, physical: u64, bytes: &[u8]) {
    const RAM: u64 = 512 << 20;
    let qemu = guest.qemu_pid();
    let maps = fs::read_to_string(format!("/proc/{qemu}/maps")).unwrap();
    let start = maps.lines().find_map(|line| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        (end - start >= RAM && line.contains(" rw-p 00000000 00:00 0")).then_some(start)
    });
    let start = start.expect("a mapping as large as the guest's RAM");
    let mem = FileOptions::new().write(true).open(format!("/proc/{qemu}/mem")).unwrap();
    mem.write_all_at(bytes, start + physical).unwrap();
}

/// With page-table isolation a CPU in user mode has page tables that map almost nothing of the kernel.
/// libvmi#656: whoever starts from them finds no kernel.
#[test]
fn spinning_in_user_mode_with_page_table_isolation() {
    let guest = lab::own_guest("spinning", &["--kernel", "6.1", "--append", "pti=on"]);
    let isolated = guest.ask("dmesg | grep -i 'page tables isolation: enabled'");
    assert!(isolated.contains("enabled"), "{isolated}");
    let opened = |guest: &lab::Guest| {
        let mut times: Vec<Duration> = (0..9)
            .map(|_| {
                let begun = Instant::now();
                open(guest);
                begun.elapsed()
            })
            .collect();
        times.sort();
        times[times.len() / 2]
    };
    let idle = opened(&guest);
    guest.ask("sh -c 'while :; do :; done' >/dev/null 2>&1 &");
    let mut domain = open(&guest);
    let is_busy = |frame: &Frame| {
        let spins = |one: &&nfm::Process| {
            one.state == Some(ProcessState::Running)
                && one.command_line.iter().any(|word| word.contains("while :"))
        };
        frame.processes.iter().flatten().any(|one| spins(&one))
    };
    wait_for(&mut domain, "a shell that spins", is_busy);
    let spinning = opened(&guest);
    println!("median of 9 opens: {idle:?} idle, {spinning:?} spinning");
    assert!(spinning < idle * 3, "{idle:?} idle, {spinning:?} spinning");
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    expect_all_sections(&frame);
    assert!(is_busy(&frame));
}

/// A guest that nobody reaches over its network.
#[test]
fn with_its_network_down() {
    let guest = lab::own_guest("offline", &["--kernel", "6.1"]);
    guest.ask("for one in eth0 dummy0 veth0 lo; do ip link set $one down; done");
    let frame = whole_frame(&mut open(&guest));
    let interfaces = frame.interfaces.expect("interfaces");
    let eth0 = interfaces.iter().find(|one| one.name.as_deref() == Some("eth0")).expect("eth0");
    assert_eq!(eth0.up, Some(false));
}

/// A guest in which there is no memory for anything more: what could answer from within was killed first.
#[test]
fn out_of_memory() {
    let guest = lab::own_guest("oom", &["--kernel", "6.1", "--memory", "256"]);
    let mut domain = open(&guest);
    // A full tmpfs cannot be killed, so everybody else is.
    say(&guest, "mount -o remount,size=100% /tmp; cat /dev/zero >/tmp/full");
    let is_out = |frame: &Frame| log_of(frame).contains("Out of memory: Killed process");
    let frame = wait_for(&mut domain, "the kernel kills for memory", is_out);
    for frame in [frame, open(&guest).crawl(&lab::patient()).expect("a frame")] {
        let memory = frame.memory.clone().expect("memory");
        println!("{:?} of {:?} available", memory.available, memory.total);
        assert!(memory.available.expect("available") < memory.total.expect("total") / 4);
        assert!(has_process(&frame, "kthreadd"));
        for section in Section::defaults().filter(|one| *one != Section::Host) {
            let json = frame.to_json();
            assert!(json.contains(&format!("\"{}\":", section.name())), "no {}", section.name());
        }
    }
}

/// More that wants to run than there are CPUs.
#[test]
fn all_cpus_busy() {
    let guest = lab::own_guest("busy", &["--kernel", "6.1"]);
    guest.ask("for one in 1 2 3 4 5 6 7 8; do sh -c 'while :; do :; done' >/dev/null 2>&1 & done");
    let mut domain = open(&guest);
    let running = |frame: &Frame| {
        let processes = frame.processes.iter().flatten();
        processes.filter(|one| one.state == Some(ProcessState::Running)).count()
    };
    let frame = wait_for(&mut domain, "eight shells that run", |frame| running(frame) >= 8);
    expect_all_sections(&frame);
}
