//! `nfm dump`, and the verbs over files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nfm::ErrorCode;
use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");

/// A folder that goes when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/var/tmp/nfm-cli-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    /// The names in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder");
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn nfm(arguments: &[&str]) -> Output {
    let mut command = Command::new(NFM);
    command.args(["-c", "qemu:///system"]).args(arguments).stdin(Stdio::null());
    command.output().expect("nfm")
}

fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = nfm(arguments);
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{arguments:?}: {status}: {errors}");
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(stdout).expect("UTF-8")
}

fn expect(output: &Output, code: ErrorCode, words: &[&str]) {
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8 on stderr");
    assert_eq!(output.status.code(), Some(code as i32), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(text.lines().count(), 1, "not one line: {text}");
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

#[test]
fn every_verb_reads_a_file() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("verbs");
    let file = folder.file("a dump.elf");
    let said = printed(&["dump", guest.domain(), &file]);
    assert!(said.starts_with(&format!("{file}: 512 MiB of RAM, ")), "{said}");
    let name = format!("file:{file}");
    for (verb, words) in [
        ("doctor", "ELF core"),
        ("crawl", guest.domain()),
        ("ps", "lab-agent"),
        ("oom", "lab-agent"),
        ("lsof", "data.txt"),
        ("pmap", "[stack]"),
        ("ss", "127.0.0.1:8080"),
        ("ip", "10.0.2.15"),
        ("route", "198.51.100.0/24"),
        ("neigh", "fd00:77::21"),
        ("topology", "10.0.2.15/24"),
        ("mount", "/mnt/overlay"),
        ("free", "Mem:"),
        ("uptime", "load average"),
        ("lscpu", "QEMU"),
        ("lsmod", "virtio_net"),
        ("dmesg", "Linux version 6.1"),
    ] {
        let text = printed(&[verb, &name]);
        assert!(text.contains(words), "{verb}: no '{words}' in:\n{text}");
    }
    // No libvirt is needed, no root, and the shell's way to name a file is as good as a URI.
    let uri = format!("file://{}", file.replace(' ', "%20"));
    let output = Command::new(NFM).args(["-c", "nonsense:///", "ps", &uri]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let public = Path::new("/var/tmp").join(format!("nfm-{}", std::process::id()));
    fs::copy(NFM, &public).unwrap();
    let output = nobody.arg(&public).args(["ps", &name]).output();
    fs::remove_file(&public).unwrap();
    let output = output.expect("setpriv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_str(&printed(&["doctor", &name, "--json"])).unwrap();
    assert_eq!((&report["uri"], &report["pid"]), (&Value::Null, &Value::Null));
    let frame: Value = serde_json::from_str(&printed(&["crawl", &name, "--json"])).unwrap();
    assert_eq!(frame["domain"]["hypervisor"], "file");
    assert_eq!(frame.get("host"), None);
    // Nothing to suspend.
    printed(&["crawl", &name, "--paused"]);
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("whole");
    let file = folder.file("dump.elf");
    let report = printed(&["dump", guest.domain(), &file, "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(
        (&report["ram_bytes"], &report["unreadable_bytes"]),
        (&(512 << 20).into(), &0.into())
    );
    let meta = fs::metadata(&file).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o600);
    assert!(meta.blocks() * 512 < 400 << 20, "{} blocks", meta.blocks());

    // A file that is there stays, unless it is to be replaced; and anything but a file is never replaced.
    fs::write(&file, "precious").unwrap();
    expect(&nfm(&["dump", guest.domain(), &file]), ErrorCode::File, &[&file, "--force"]);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    printed(&["dump", guest.domain(), &file, "--force"]);
    printed(&["uptime", &format!("file:{file}")]);
    let link = folder.file("link");
    symlink("/dev/null", &link).unwrap();
    for arguments in [&[][..], &["--force"]] {
        let output = nfm(&[&["dump", guest.domain(), &link], arguments].concat());
        assert_eq!(output.status.code(), Some(ErrorCode::File as i32));
    }
    let inside = folder.file("no/such/folder");
    expect(&nfm(&["dump", guest.domain(), &inside]), ErrorCode::File, &["No such file"]);
    expect(&nfm(&["dump", guest.domain(), "/"]), ErrorCode::File, &["/"]);
    let nowhere = folder.file("nowhere");
    expect(&nfm(&["dump", "nfm-test-nowhere", &nowhere]), ErrorCode::NoSuchDomain, &["nfm list"]);
    assert_eq!(folder.names(), ["dump.elf", "link"]);
}

/// A file system without room: nothing is left on it.
#[test]
fn a_full_disk() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("full");
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
        .arg(&folder.0)
        .status();
    assert!(mount.expect("mount").success());
    let file = folder.file("dump.elf");
    let output = nfm(&["dump", guest.domain(), &file]);
    let names = folder.names();
    let free = Command::new("df").args(["--output=used"]).arg(&folder.0).output().expect("df");
    let unmount = Command::new("umount").arg(&folder.0).status();
    assert!(unmount.expect("umount").success());
    expect(&output, ErrorCode::File, &[&file, "no space left"]);
    assert_eq!(names, Vec::<String>::new());
    assert!(String::from_utf8_lossy(&free.stdout).lines().any(|line| line.trim() == "0"));
}

/// However nfm ends, the guest runs on and no part of a file is left.
#[test]
fn killed_while_it_writes() {
    let guest = lab::own_guest("dump-killed", &[]);
    let folder = Folder::new("killed");
    let state = || lab::virsh(&["domstate", guest.domain()]).unwrap_or_default().trim().to_owned();
    let mut caught = 0;
    for round in 0..4 {
        let mut command = Command::new(NFM);
        command.args(["-c", "qemu:///system", "dump", guest.domain(), &folder.file("dump.elf")]);
        let mut process = command.arg("--paused").spawn().expect("nfm");
        let begun = Instant::now();
        while state() != "paused" && begun.elapsed() < Duration::from_secs(20) {}
        std::thread::sleep(Duration::from_millis(40 * round));
        caught += usize::from(state() == "paused");
        process.kill().expect("kill");
        process.wait().expect("its end");
        let begun = Instant::now();
        while state() != "running" {
            assert!(begun.elapsed() < Duration::from_secs(20), "the guest is {}", state());
        }
        let names = folder.names();
        if names != Vec::<String>::new() {
            // It was done before it was killed.
            assert_eq!(names, ["dump.elf"]);
            fs::remove_file(folder.file("dump.elf")).unwrap();
        }
    }
    assert!(caught > 0, "the guest was never seen paused");
}

#[test]
fn files_that_are_no_dumps() {
    lab::guest("shared-61", &[]); // only within the lab: other tests start libvirt the same way
    let folder = Folder::new("none");
    let picture = folder.file("picture.jpg");
    fs::write(&picture, b"\xff\xd8\xff\xe0\0\x10JFIF\0".repeat(1000)).unwrap();
    for verb in ["ps", "crawl", "doctor"] {
        for (name, words) in [
            (format!("file:{picture}"), "begins like no dump"),
            (format!("file:{NFM}"), "no core"),
            ("file:/dev/zero".to_owned(), "no regular file"),
            ("file:/".to_owned(), "a directory"),
            (format!("file:{}", folder.file("a\u{1b}[2Jb")), "no such file"),
        ] {
            let output = nfm(&[verb, &name]);
            expect(&output, ErrorCode::File, &[words]);
            assert!(!output.stderr.contains(&0x1b));
        }
    }
    expect(&nfm(&["ps", "file:"]), ErrorCode::InvalidArgument, &["names no file"]);
    expect(&nfm(&["ps", "file://host/x"]), ErrorCode::InvalidArgument, &["another host"]);
}

/// Two DIMMs that nothing tells apart: neither is read, and the dump says so, in words, in JSON, and in itself.
#[test]
fn memory_that_cannot_be_placed_is_said_to_be_left_out() {
    let guest = lab::own_guest("dump-plugs", &["--max-memory", "2048", "--timeout", "300"]);
    let folder = Folder::new("plugs");
    let dimm = folder.file("dimm.xml");
    let size = "<size unit='MiB'>128</size><node>0</node>";
    fs::write(&dimm, format!("<memory model='dimm'><target>{size}</target></memory>")).unwrap();
    for _ in 0..2 {
        lab::virsh(&["attach-device", guest.domain(), &dimm, "--live"]).expect("plugged in");
    }
    let file = folder.file("dump.elf");
    let output = nfm(&["dump", guest.domain(), &file, "--json"]);
    assert!(output.status.success(), "{output:?}");
    let errors = String::from_utf8_lossy(&output.stderr);
    for words in ["256 MiB", "left out", "0x100000000 + 128 MiB", "0x108000000 + 128 MiB"] {
        assert!(errors.contains(words), "no '{words}' in: {errors}");
    }
    let left_out =
        serde_json::json!([[0x1_0000_0000_u64, 128 << 20], [0x1_0800_0000_u64, 128 << 20]]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["left_out"], &report["ram_bytes"]), (&left_out, &(512 << 20).into()));
    let report = printed(&["doctor", &format!("file:{file}"), "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["unplaced"], left_out);
    // A dump of all memory says nothing of left-out parts.
    let whole = lab::guest("shared-61", &[]);
    let report = printed(&["dump", whole.domain(), &file, "--force", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["left_out"], serde_json::json!([]));
}
