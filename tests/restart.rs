//! Guests that are restarted while a handle is open: it follows them, and never shows what is left of the
//! kernel before.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, ErrorCode, Frame, OpenOptions, Section, Text};

/// A restart takes seconds; a machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(200);
const SECTIONS: [Section; 3] = [Section::Os, Section::Processes, Section::Modules];
/// Between a guest's restart and the first look at it.
const SLACK: Duration = Duration::from_secs(5);
/// The name of a process of the old boot: busybox does what its first argument says only if its own name
/// begins so.
const MARKER: &str = "busybox-of-old";

fn crawl(domain: &mut Domain) -> nfm::Result<Frame> {
    let mut options = CrawlOptions::sections(&SECTIONS);
    // Other tests want the CPUs, too.
    options.time_limit = PATIENCE;
    domain.crawl(&options)
}

/// Identifies the boot of a frame.
fn boot_time(frame: &Frame) -> u64 {
    frame.os.as_ref().and_then(|os| os.boot_time_ns).expect("boot_time_ns")
}

fn up_time(frame: &Frame) -> u64 {
    frame.os.as_ref().and_then(|os| os.uptime_ns).expect("uptime_ns")
}

/// Crawls on while the guest is restarted until it is ready again; every frame is of one boot or of the
/// other, in this order.
fn follow(guest: &lab::Guest, domain: &mut Domain, before: &Frame) {
    let begun = Instant::now();
    let (mut refusals, mut of_new, mut last) = (0, 0, None);
    loop {
        assert!(
            begun.elapsed() < PATIENCE,
            "{refusals} refusals, {of_new} frames of the new boot, the last of them {last:?}"
        );
        match crawl(domain) {
            Ok(frame) if boot_time(&frame).abs_diff(boot_time(before)) < 1_000_000_000 => {
                assert!(of_new == 0, "the old boot after the new one");
                assert!(refusals == 0, "the old boot after {refusals} refusals");
            }
            Ok(frame) => {
                of_new += 1;
                assert!(up_time(&frame) < nanoseconds(begun.elapsed() + SLACK), "{:?}", frame.os);
                assert!(!has_process(&frame, MARKER), "a process of the old boot");
                assert!(frame.seq > before.seq);
                let processes = frame.processes.iter().flatten();
                let names: Vec<_> = processes.map(|one| one.name.clone()).collect();
                last = Some((frame.os.clone(), names));
                if has_process(&frame, "lab-agent") && guest.ask("echo ready") == "ready\n" {
                    println!("{refusals} refusals, {of_new} frames until it was ready");
                    return;
                }
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::NotBooted, "{error}");
                if refusals == 0 {
                    println!("{error}");
                }
                refusals += 1;
            }
        }
        // As soon as it can be met; then, each look costs CPU time that the guest needs to boot.
        std::thread::sleep(Duration::from_millis(if of_new == 0 { 10 } else { 500 }));
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

fn has_process(frame: &Frame, name: &str) -> bool {
    frame.processes.iter().flatten().any(|one| one.name.as_deref() == Some(name))
}

/// Makes a process that no other boot has; it has its name once it runs its program.
fn mark(guest: &lab::Guest) {
    guest.ask(&format!(
        "cp /bin/busybox /tmp/{MARKER}; /tmp/{MARKER} sleep 1000 >/dev/null 2>&1 & \
         until grep -qx {MARKER} /proc/$!/comm; do :; done"
    ));
}

/// A handle after the restart, and one that is opened then, tell the same.
fn expect_same_as_anew(guest: &lab::Guest, domain: &mut Domain) -> Frame {
    let mut options = CrawlOptions::default();
    options.time_limit = PATIENCE;
    let frame = domain.crawl(&options).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency);
    let mut anew = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    let other = anew.crawl(&options).expect("a frame");
    let names = |frame: &Frame| -> Vec<Option<Text>> {
        let rows = frame.processes.iter().flatten();
        rows.filter(|one| one.kernel_thread == Some(false)).map(|one| one.name.clone()).collect()
    };
    assert_eq!(names(&frame), names(&other));
    assert_eq!(boot_time(&frame), boot_time(&other));
    assert_eq!(domain.findings().image, anew.findings().image);
    assert_eq!(domain.findings().release, anew.findings().release);
    frame
}

/// Twice: the second time, the kernel that is left behind was met in its first moments, before its clock was
/// set.
fn reset(name: &str, append: &str) {
    let options = ["--on-reboot", "restart", "--kernel", "6.1", "--append", append];
    let guest = lab::own_guest(name, &options);
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    for _ in 0..2 {
        mark(&guest);
        let before = crawl(&mut domain).expect("a frame");
        assert!(has_process(&before, MARKER));
        let image = domain.findings().image;
        assert!(lab::virsh(&["reset", guest.domain()]).is_some(), "virsh reset");
        follow(&guest, &mut domain, &before);
        println!("{image:x?} and now {:x?}", domain.findings().image);
        expect_same_as_anew(&guest, &mut domain);
    }
}

#[test]
fn reset_with_kaslr() {
    reset("reset", "");
}

/// The new kernel lies just where the old one lay.
#[test]
fn reset_without_kaslr() {
    reset("reset-nokaslr", "nokaslr");
}

/// The guest's own reboot, by its init.
#[test]
fn rebooted_from_within() {
    let guest = lab::own_guest("reboot", &["--on-reboot", "restart", "--kernel", "6.1"]);
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    mark(&guest);
    let before = crawl(&mut domain).expect("a frame");
    say(&guest, "reboot -f");
    follow(&guest, &mut domain, &before);
    expect_same_as_anew(&guest, &mut domain);
}

/// Another kernel, without any firmware in between.
#[test]
fn kexec_to_another_kernel() {
    let files = files_of_6_12();
    let guest = lab::own_guest("kexec", &["--kernel", "6.1"]);
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("its number").port();
    std::thread::spawn(move || {
        for stream in server.incoming().take(files.len()) {
            let mut stream = stream.expect("a connection");
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).expect("a request");
            let file = files.iter().find(|(name, _)| request.contains(&format!("/{name} ")));
            let (_, bytes) = file.expect("a file of that name");
            let header = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
            stream.write_all(header.as_bytes()).and_then(|()| stream.write_all(bytes)).unwrap();
        }
    });
    guest.ask(&format!(
        "cd /tmp && for one in kexec kernel initrd; do wget -q http://10.0.2.2:{port}/$one || exit 1; done; \
         chmod +x kexec"
    ));
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    mark(&guest);
    let before = crawl(&mut domain).expect("a frame");
    let release = |frame: &Frame| frame.os.clone().and_then(|os| os.release).expect("release");
    assert!(release(&before).starts_with("6.1."));
    say(&guest, "/tmp/kexec /tmp/kernel /tmp/initrd 'console=ttyS0 panic=-1 no_timer_check'");
    follow(&guest, &mut domain, &before);
    let after = expect_same_as_anew(&guest, &mut domain);
    assert!(release(&after).starts_with("6.12."), "{}", release(&after));
}

/// The files that the guest needs to go over to Linux 6.12.
fn files_of_6_12() -> [(&'static str, Vec<u8>); 3] {
    let donor = lab::own_guest("kexec-donor", &["--kernel", "6.12"]);
    let of_donor = |name: &str| {
        let path = format!("/var/lib/nfm-lab/{}/{name}", donor.domain());
        fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let program = std::env::temp_dir().join(format!("nfm-kexec-{}", std::process::id()));
    let mut compile = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
    compile.args(["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
    let status = compile.arg(lab::root().join("tests/restart/kexec.c")).status();
    assert!(status.expect("a C compiler").success());
    let kexec = fs::read(&program).expect("the compiled program");
    fs::remove_file(&program).expect("a temporary file");
    [("kexec", kexec), ("kernel", of_donor("vmlinuz")), ("initrd", of_donor("initrd"))]
}

/// Starts a command in the guest of which no answer is awaited.
fn say(guest: &lab::Guest, command: &str) {
    let mut ask = Command::new(lab::root().join("testing/lab/guest"));
    ask.args(["ask", guest.domain(), command]).env("NFM_LAB_ASK_TIMEOUT", "1");
    let output = ask.stdin(Stdio::null()).output().expect("testing/lab/guest");
    println!("{command}: {}", String::from_utf8_lossy(&output.stderr));
}
