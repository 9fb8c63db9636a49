//! Guests of another host, by ssh: a real sshd on the loopback, and a recorder behind it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(100);

/// The other host: its recorder, its sshd, and the folder of both; all go with the value.
struct Host {
    folder: PathBuf,
    port: u16,
    recorder: Child,
    sshd: Child,
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
}

impl Host {
    fn begin(guest: &lab::Guest) -> Self {
        let folder = std::env::temp_dir().join(format!("nfm-ssh-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        let path = |name: &str| folder.join(name).display().to_string();
        for key in ["host", "user"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]);
        }
        // The key may look, and may do nothing else.
        let public = fs::read_to_string(path("user.pub")).expect("a key");
        let socket = path("nfm.sock");
        let forced = format!("restrict,command=\"{NFM} serve --socket {socket}\" {public}");
        fs::write(path("authorized_keys"), forced).expect("a file");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
        let port = port.expect("a port").port();
        let host_key = fs::read_to_string(path("host.pub")).expect("a key");
        let known = format!("[127.0.0.1]:{port} {host_key}");
        fs::write(path("known_hosts"), known).expect("a file");
        let client = format!(
            "Host elsewhere\n  HostName 127.0.0.1\n  Port {port}\nHost *\n  IdentityFile {}\n  \
             UserKnownHostsFile {}\n  BatchMode yes\n",
            path("user"),
            path("known_hosts")
        );
        fs::write(path("config"), client).expect("a file");
        // ssh takes the configuration from the home folder of the user, which is not the test's.
        let ssh = format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", path("config"));
        fs::create_dir(path("bin")).expect("a folder");
        fs::write(path("bin/ssh"), ssh).expect("a file");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path("bin/ssh"), mode).expect("its mode");

        // sshd asks for it: an empty folder that is root's.
        fs::create_dir_all("/run/sshd").expect("a folder");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string(), "-h", &path("host")]);
        for option in [
            "ListenAddress=127.0.0.1",
            "StrictModes=no",
            "UsePAM=no",
            "PasswordAuthentication=no",
            "PidFile=none",
            &format!("AuthorizedKeysFile={}", path("authorized_keys")),
        ] {
            sshd.args(["-o", option]);
        }
        let sshd = sshd.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("sshd");
        let mut recorder = Command::new(NFM);
        recorder.args(["-c", "qemu:///system", "record", "--rate", "5", "--free", "1"]);
        recorder.args(["--store", &path("store"), "--socket", &socket, guest.domain()]);
        let recorder = recorder.stdin(Stdio::null()).spawn().expect("a recorder");
        Self { folder, port, recorder, sshd }
    }

    fn nfm(&self, uri: &str, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").expect("PATH");
        let path = format!("{}:{path}", self.folder.join("bin").display());
        let mut command = Command::new(NFM);
        command.args(["-c", uri]).args(arguments).env("PATH", path);
        command.stdin(Stdio::null()).output().expect("nfm")
    }

    fn uri(&self) -> String {
        format!("qemu+ssh://root@127.0.0.1:{}/system", self.port)
    }

    fn end(child: &mut Child) {
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        Self::end(&mut self.recorder);
        Self::end(&mut self.sshd);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn guests_of_another_host() {
    let guest = lab::guest("shared-61", &[]);
    let domain = guest.domain();
    let mut host = Host::begin(&guest);
    let uri = host.uri();
    let begun = Instant::now();
    while !host.nfm(&uri, &["ps", domain]).status.success() {
        assert!(begun.elapsed() < PATIENCE, "{}", said(&host.nfm(&uri, &["ps", domain])));
        sleep(Duration::from_millis(200));
    }

    // A process that starts now is seen there, with the frame's age; by the name that ssh's configuration has, too.
    let sleeper = guest.ask("setsid sleep 8765 >/dev/null 2>&1 & echo $!");
    let sleeper: u64 = sleeper.trim().parse().expect("a pid");
    sleep(Duration::from_secs(1));
    for uri in [uri.as_str(), "qemu+ssh://root@elsewhere/system"] {
        let output = host.nfm(uri, &["ps", domain, "--json"]);
        assert!(output.status.success(), "{uri}: {}", said(&output));
        let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let row = rows.as_array().expect("rows").iter().find(|row| row["pid"] == sleeper);
        assert_eq!(row.expect("the sleeper")["command_line"], "sleep 8765");
        assert!(said(&output).contains(" s ago"), "{}", said(&output));
    }
    let output = host.nfm(&uri, &["top", "--once", "--csv", "--interval", "0.5"]);
    let table = String::from_utf8_lossy(&output.stdout);
    let is_sleeper = |line: &&str| line.contains(domain) && line.contains("sleep 8765");
    assert_eq!(table.lines().filter(is_sleeper).count(), 1, "{table}\n{}", said(&output));
    guest.ask(&format!("kill {sleeper}"));
    let output = host.nfm(&uri, &["list"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(domain), "{output:?}");
    let watched = ["crawl", domain, "--json", "--sections", "os", "--watch", "0.2", "--count", "3"];
    let watched = host.nfm(&uri, &watched);
    assert_eq!(watched.stdout.iter().filter(|byte| **byte == b'\n').count(), 3, "{watched:?}");

    // Each failure is a sentence with a status.
    let failures = [
        (uri.clone(), "nothing-of-that-name", 4, "nothing-of-that-name"),
        (
            "qemu+ssh://nobody-there@elsewhere/system".to_owned(),
            domain,
            1,
            "cannot be reached by ssh",
        ),
        ("qemu+ssh://localhost:1/system".to_owned(), domain, 1, "cannot be reached by ssh"),
        (uri.replace("/system", "/session"), domain, 16, "records guests of qemu:///system"),
        ("qemu+ssh:///system".to_owned(), domain, 16, "names no host"),
    ];
    for (uri, domain, status, part) in failures {
        let output = host.nfm(&uri, &["ps", domain]);
        assert_eq!(output.status.code(), Some(status), "{uri}: {}", said(&output));
        assert!(said(&output).contains(part), "{uri}: {}", said(&output));
    }
    // A host whose key is another than it was.
    let other = format!("[127.0.0.1]:{} {}", host.port, {
        fs::read_to_string(host.folder.join("user.pub")).expect("a key")
    });
    let known_hosts = host.folder.join("known_hosts");
    let right = fs::read(&known_hosts).expect("a file");
    fs::write(&known_hosts, other).expect("a file");
    let output = host.nfm(&uri, &["ps", domain]);
    assert!(said(&output).contains("Host key verification failed"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(1));
    fs::write(&known_hosts, right).expect("a file");
    // Nobody records there any more: root's nfm there takes frames by itself.
    Host::end(&mut host.recorder);
    let crawled =
        ["crawl", domain, "--json", "--sections", "os,log", "--watch", "0.2", "--count", "2"];
    let crawled = host.nfm(&uri, &crawled);
    assert!(crawled.status.success(), "{}", said(&crawled));
    let frames: Vec<Value> = String::from_utf8_lossy(&crawled.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a frame"))
        .collect();
    assert!(frames[1]["os"]["uptime_ns"].as_u64() > frames[0]["os"]["uptime_ns"].as_u64());
    assert_eq!((&frames[0]["log"], frames.len()), (&frames[1]["log"], 2));
    assert!(!frames[0]["log"].as_array().expect("records").is_empty());
    let output = host.nfm(&uri, &["top", "--once", "--json", "--interval", "0.5", domain]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(rows.iter().any(|row| row["name"] == "init"), "{}", said(&output));
    let output = host.nfm(&uri, &["ps", "nothing-of-that-name"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
}
