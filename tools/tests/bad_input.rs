//! Input that cannot be read: each reason with its own exit status and code, and one sentence that says what to do.
//! And reading leaves nothing behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, ErrorCode};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
const SYSTEM: &str = "qemu:///system";

fn nfm(arguments: &[&str]) -> Output {
    run(Command::new(NFM).args(["-c", SYSTEM]).args(arguments))
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Status, an empty stdout, and one sentence on stderr that has these words.
fn expect(output: &Output, code: ErrorCode, words: &[&str]) {
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8 on stderr");
    assert_eq!(output.status.code(), Some(code as i32), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(text.lines().count(), 1, "not one line: {text}");
    assert!(text.starts_with("nfm: ") && text.ends_with('\n'), "{text}");
    assert!(!text.contains(". "), "not one sentence: {text}");
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

/// The same from the verbs that open a domain, and from the library.
fn expect_of(domain: &str, code: ErrorCode, advice: &str) {
    for verb in ["ps", "lsmod", "crawl", "doctor"] {
        expect(&nfm(&[verb, domain]), code, &[domain, advice]);
    }
    for verb in ["ps", "crawl"] {
        expect(&nfm(&[verb, domain, "--json"]), code, &[domain, advice]);
    }
    expect_in_library(domain, code);
}

fn open(domain: &str) -> nfm::Result<Domain> {
    let mut options = nfm::OpenOptions::default();
    options.uri = Some(SYSTEM.to_owned());
    Domain::open(domain, &options)
}

fn expect_in_library(domain: &str, code: ErrorCode) {
    match open(domain) {
        Ok(_) => panic!("{domain} opened"),
        Err(error) => assert_eq!(error.code(), code, "{error}"),
    }
}

#[test]
fn no_such_domain() {
    lab::guest("shared-61", &[]);
    expect_of("nfm-test-nowhere", ErrorCode::NoSuchDomain, "nfm list --all");
    // A number or UUID that is no domain's.
    expect_of("4000000000", ErrorCode::NoSuchDomain, "nfm list --all");
    let uuid = "a9f1bb18-0000-4000-8000-0123456789ab";
    expect_of(uuid, ErrorCode::NoSuchDomain, "nfm list --all");
    expect(&nfm(&["ps", ""]), ErrorCode::NoSuchDomain, &["nfm list --all"]);
}

/// A domain that is defined, and gone again in the end.
struct Defined(String);

impl Drop for Defined {
    fn drop(&mut self) {
        lab::virsh(&["undefine", &self.0]);
    }
}

#[test]
fn a_stopped_domain() {
    lab::guest("shared-61", &[]); // only within the lab: libvirt has to run
    let domain = Defined(format!("nfm-test-stopped-{}", std::process::id()));
    let name = &domain.0;
    let file = std::env::temp_dir().join(format!("{name}.xml"));
    let xml = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
    );
    fs::write(&file, xml).unwrap();
    let defined = lab::virsh(&["define", file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    assert!(defined.is_some(), "libvirt did not define {name}");
    expect_of(name, ErrorCode::NotRunning, "start it first");

    let listed = nfm(&["list"]);
    assert!(!String::from_utf8(listed.stdout).unwrap().contains(name));
    let listed = nfm(&["list", "--all"]);
    let text = String::from_utf8(listed.stdout).unwrap();
    let line = text.lines().find(|line| line.contains(name.as_str())).expect("in list --all");
    assert!(line.contains("shut off"), "{line}");
}

#[test]
fn libvirt_out_of_reach() {
    let uri = "qemu+unix:///system?socket=/nonexistent";
    for arguments in
        [&["list"][..], &["ps", "some"], &["crawl", "some", "--json"], &["doctor", "some"]]
    {
        let output = run(Command::new(NFM).args(["-c", uri]).args(arguments));
        expect(&output, ErrorCode::Connect, &[uri, "check that its daemon runs"]);
    }
    let output = run(Command::new(NFM).arg("list").env("LIBVIRT_DEFAULT_URI", uri));
    expect(&output, ErrorCode::Connect, &["check that its daemon runs"]);
    let mut options = nfm::OpenOptions::default();
    options.uri = Some(uri.to_owned());
    assert_eq!(Domain::open("some", &options).err().map(|e| e.code()), Some(ErrorCode::Connect));
}

#[test]
fn wrong_arguments() {
    let wrong: [&[&str]; 7] = [
        &[],
        &["ps"],
        &["p", "some"],
        &["ps", "one", "two"],
        &["crawl", "some", "--sections", "os,nonsense"],
        &["crawl", "some", "--sections="],
        &["list", "--nonsense"],
    ];
    for arguments in wrong {
        let output = run(Command::new(NFM).args(arguments));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(ErrorCode::InvalidArgument as i32), "{arguments:?}");
        assert!(output.stdout.is_empty() && !errors.is_empty(), "{arguments:?}: {errors}");
    }
    let output = run(Command::new(NFM).args(["crawl", "some", "--sections", "os,nonsense"]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("nonsense") && errors.contains("processes"), "{errors}");
}

/// Runs nfm through setpriv with fewer rights.
fn with_rights(setpriv: &[&str], program: &Path, arguments: &[&str]) -> Output {
    run(Command::new("setpriv").args(setpriv).arg(program).args(["-c", SYSTEM]).args(arguments))
}

const NOBODY: [&str; 5] = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];

#[test]
fn no_permission() {
    let guest = lab::guest("shared-61", &[]);
    let domain = guest.domain();
    let pid = guest.qemu_pid().to_string();
    let advice = [domain, &pid, "run as root or with CAP_SYS_PTRACE"];

    // Root in a container often lacks this right, and libvirt lets it in.
    let output = with_rights(&["--bounding-set", "-sys_ptrace"], Path::new(NFM), &["ps", domain]);
    expect(&output, ErrorCode::Permission, &advice);

    // In this thread alone.
    let mut rights = capabilities(None).unwrap();
    rights.effective.remove(CapabilitySet::SYS_PTRACE);
    rights.permitted.remove(CapabilitySet::SYS_PTRACE);
    set_capabilities(None, rights).unwrap();
    expect_in_library(domain, ErrorCode::Permission);
}

#[test]
fn nobody_at_all() {
    let guest = lab::guest("shared-61", &[]);
    // Nobody may not be let into the folder that cargo builds in.
    let folder = std::env::temp_dir().join(format!("nfm-test-nobody-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let copy = folder.join("nfm");
    fs::copy(NFM, &copy).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();

    let output = with_rights(&NOBODY, &copy, &["ps", guest.domain()]);
    let virsh = ["virsh", "-r", "-c", SYSTEM, "list"];
    let libvirt = run(Command::new("setpriv").args(NOBODY).args(virsh));
    fs::remove_dir_all(&folder).unwrap();
    if libvirt.status.success() {
        expect(&output, ErrorCode::Permission, &[guest.domain(), "run as root"]);
    } else {
        // libvirt itself turns nobody away: without a system bus it can ask no polkit.
        expect(&output, ErrorCode::Connect, &[SYSTEM, "check that its daemon runs"]);
    }
}

#[test]
fn the_right_that_the_message_names_is_enough() {
    let guest = lab::guest("shared-61", &[]);
    let rights = ["--bounding-set", "-dac_override,-dac_read_search"];
    let output = with_rights(&rights, Path::new(NFM), &["ps", guest.domain()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_guest_in_its_boot_loader() {
    let guest = lab::own_guest("bootloader", &["--kind", "bootloader"]);
    expect_of(guest.domain(), ErrorCode::NotBooted, "try again once it has booted");
    let output = nfm(&["doctor", guest.domain(), "--json"]);
    assert_eq!(output.status.code(), Some(ErrorCode::NotBooted as i32));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["readable"], false);
    assert_eq!(report["error"], ErrorCode::NotBooted.name());
}

#[test]
fn a_guest_that_is_no_linux() {
    let guest = lab::own_guest("notlinux", &["--kind", "notlinux"]);
    expect_of(guest.domain(), ErrorCode::NotLinux, "nfm reads x86-64 Linux guests");
}

#[test]
fn a_kernel_without_btf() {
    let guest = lab::own_guest("without-btf", &["--kernel", "6.1"]);
    let mut domain = open(guest.domain()).expect("a kernel with BTF");
    lab::btf::Btf::find(guest.qemu_pid(), 512 << 20).wipe();
    expect_of(guest.domain(), ErrorCode::NoTypes, "CONFIG_DEBUG_INFO_BTF=y");
    expect(&nfm(&["ps", guest.domain()]), ErrorCode::NoTypes, &["6.1."]);
    // A domain that is open has what it needs.
    let frame = domain.crawl(&CrawlOptions::default()).unwrap();
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
}

#[test]
fn a_guest_that_ends() {
    let guest = lab::own_guest("ends", &[]);
    let mut domain = open(guest.domain()).expect("an open domain");
    domain.crawl(&CrawlOptions::default()).expect("a frame");
    let name = guest.domain().to_owned();
    drop(guest);
    let error =
        domain.crawl(&CrawlOptions::default()).expect_err("no frame of a guest that is gone");
    assert_eq!(error.code(), ErrorCode::Gone, "{error}");
    assert!(error.to_string().contains(&name), "{error}");
    expect_of(&name, ErrorCode::NoSuchDomain, "nfm list --all");
}

/// Each code with the words that the command's help has for it. A new code does not compile here.
fn exit_status(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Other => "no status of its own",
        ErrorCode::InvalidArgument => "arguments",
        ErrorCode::Connect => "libvirt cannot be reached",
        ErrorCode::NoSuchDomain => "no such domain",
        ErrorCode::NotRunning => "not running",
        ErrorCode::Permission => "no permission",
        ErrorCode::NotBooted => "not booted",
        ErrorCode::NotLinux => "no Linux",
        ErrorCode::NoTypes => "BTF",
        ErrorCode::NoSymbols => "symbol table",
        ErrorCode::Unsupported => "not supported",
        ErrorCode::NoMemory => "RAM cannot be located",
        ErrorCode::Gone => "ended",
        ErrorCode::Panic => "bug",
        ErrorCode::Cancelled => "cancelled",
        ErrorCode::File => "file",
        ErrorCode::Mismatch => "another kernel",
        ErrorCode::Descriptors => "descriptor",
        ErrorCode::NotInMemory => "memory does not hold",
    }
}

#[test]
fn the_help_names_every_exit_status() {
    use ErrorCode::*;
    let codes = [
        Other,
        InvalidArgument,
        Connect,
        NoSuchDomain,
        NotRunning,
        Permission,
        NotBooted,
        NotLinux,
        NoTypes,
        NoSymbols,
        Unsupported,
        NoMemory,
        Gone,
        Panic,
        Cancelled,
        File,
        Mismatch,
        Descriptors,
        NotInMemory,
    ];
    let help = String::from_utf8(run(Command::new(NFM).arg("--help")).stdout).unwrap();
    let (_, table) = help.split_once("Exit status:\n").expect("a table of exit statuses");
    let mut lines = table.lines().take_while(|line| !line.is_empty());
    assert_eq!(lines.next().map(str::trim), Some("0  success"));
    for code in codes {
        let line = lines.next().expect("a line for each code").trim();
        let (number, text) = line.split_once("  ").expect("number and text");
        assert_eq!(number, (code as i32).to_string(), "{line}");
        assert!(text.contains(exit_status(code)), "{line}");
    }
    // Findings of `nfm check` are no errors, nor is recorded damage that `nfm store verify` names, or a part of a disk.
    let checks: Vec<&str> =
        lines.filter_map(|line| line.trim().split_once("  ")).map(|one| one.0).collect();
    assert_eq!(checks, ["20", "21", "22", "23"], "statuses that no code has");
}

#[test]
fn nothing_is_left_in_tmp() {
    let guest = lab::guest("shared-61", &[]);
    // Folders of its own, so that nobody else's files are in the way.
    let script = r#"exec 3<"$1"
        mount --make-rprivate / && mount -t tmpfs none /tmp && mount -t tmpfs none /var/tmp || exit 1
        for verb in ps lsmod crawl doctor; do
            /proc/self/fd/3 -c qemu:///system $verb "$2" >/dev/null || exit
        done
        /proc/self/fd/3 -c qemu:///system list >/dev/null || exit
        find /tmp /var/tmp -mindepth 1"#;
    let output =
        run(Command::new("unshare").args(["-m", "sh", "-c", script, "sh", NFM, guest.domain()]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(errors, "");
}

#[test]
fn the_guest_notices_nothing() {
    const LONG: Duration = Duration::from_secs(3);
    const MANY: usize = 200;
    let guest = lab::own_guest("unnoticed", &[]);
    let name = guest.domain();
    let about = "cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/tainted; dmesg | wc -l";
    let before = guest.ask(about);
    let uptime = || -> f64 {
        let text = guest.ask("cat /proc/uptime");
        text.split(' ').next().unwrap().parse().expect("uptime")
    };
    let begun = (Instant::now(), uptime());

    let done = AtomicBool::new(false);
    let (states, frames) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut states = Vec::new();
            while !done.load(Ordering::Relaxed) {
                states.push(lab::virsh(&["domstate", "--reason", name]).expect("a state"));
                std::thread::sleep(Duration::from_millis(100));
            }
            states
        });
        let crawls = std::panic::catch_unwind(|| -> Vec<bool> {
            let mut domain = open(name).expect("an open domain");
            let end = Instant::now() + LONG;
            // However slow the host is.
            (0..)
                .take_while(|count| *count < MANY || Instant::now() < end)
                .map(|_| domain.crawl(&CrawlOptions::default()).expect("a frame"))
                .map(|frame| frame.consistency.complete)
                .collect()
        });
        done.store(true, Ordering::Relaxed);
        (sampler.join().unwrap(), crawls.unwrap())
    });
    let (host, guest_time) = (begun.0.elapsed().as_secs_f64(), uptime() - begun.1);
    assert!(frames.len() >= MANY && frames.iter().all(|complete| *complete), "{frames:?}");
    assert!(states.len() >= 10, "only {} samples", states.len());
    for state in &states {
        assert_eq!(state.trim(), "running (booted)");
    }
    // A guest that is stopped loses time.
    assert!((host - guest_time).abs() < 0.5, "{host:.2} s here, {guest_time:.2} s in the guest");
    assert_eq!(guest.ask(about), before, "boot id, taint and length of the guest's log");

    let log = fs::read_to_string(format!("/var/log/libvirt/qemu/{name}.log")).unwrap();
    assert!(log.contains("qemu-system"), "not QEMU's log: {log}");
    for text in
        [log, lab::virsh(&["dominfo", name]).unwrap(), lab::virsh(&["dumpxml", name]).unwrap()]
    {
        assert!(!text.contains("taint"), "{text}");
    }
}
