//! The recorder's socket with a real guest: who is in its group sees the guest without root, and costs it no crawl.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nfm::Section;
use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(100);
/// Ids that no user and no group has.
const USER: u32 = 64_321;
const GROUP: u32 = 64_322;

/// A folder of the test's own with a store, a socket and a copy of nfm that all may run, and a recorder.
struct Recording {
    folder: PathBuf,
    recorder: Child,
}

impl Recording {
    /// Ends the recorder, whose socket goes with it.
    fn end(&mut self) {
        self.recorder.kill().expect("the recorder");
        let socket = self.folder.join("nfm.sock");
        let begun = Instant::now();
        while socket.exists() {
            assert!(begun.elapsed() < PATIENCE, "the socket is there still");
            sleep(Duration::from_millis(50));
        }
    }

    fn begin(guest: &lab::Guest) -> Self {
        let folder = std::env::temp_dir().join(format!("nfm-served-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        let sections = Section::ALL.into_iter().filter(|one| *one != Section::Neighbours);
        let names: Vec<String> = sections.map(|one| format!("'{}'", one.name())).collect();
        let rules = format!(
            "[redact]\npatterns = ['--pin \\d+']\n[[rule]]\ndomains = ['title=watched*']\nsections = [{}]\n",
            names.join(", ")
        );
        fs::write(folder.join("rules.toml"), rules).expect("rules");
        fs::copy(NFM, folder.join("nfm")).expect("a copy");
        let mut command = Command::new(NFM);
        command.args(["record", "--rate", "5", "--free", "1", "--group", &GROUP.to_string()]);
        command.arg("--store").arg(folder.join("store"));
        command.arg("--rules").arg(folder.join("rules.toml"));
        command.arg("--socket").arg(folder.join("nfm.sock")).arg(guest.domain());
        command.stdin(Stdio::null());
        Self { recorder: command.spawn().expect("a recorder"), folder }
    }

    /// nfm as a user of a group.
    fn as_member_of(&self, group: u32, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.folder.join("nfm"));
        command.args(arguments).arg("--socket").arg(self.folder.join("nfm.sock"));
        command.uid(USER).gid(group).stdin(Stdio::null()).output().expect("nfm")
    }

    fn seen(&self, arguments: &[&str]) -> (Value, String) {
        let output = self.as_member_of(GROUP, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        (serde_json::from_slice(&output.stdout).expect("JSON"), said)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_group_sees_living_guests_and_two_viewers_cost_one_crawl() {
    let guest = lab::own_guest("served", &["--memory", "256"]);
    let domain = guest.domain();
    lab::virsh(&["desc", domain, "--live", "--title", "watched by a test"]).expect("a title");
    let mut recording = Recording::begin(&guest);
    let begun = Instant::now();
    while !recording.as_member_of(GROUP, &["ps", domain]).status.success() {
        assert!(begun.elapsed() < PATIENCE, "no frame in {PATIENCE:?}");
        sleep(Duration::from_millis(100));
    }

    // A process that starts now is there at once, with its age.
    let sleeper: u64 =
        guest.ask("setsid sleep 4321 >/dev/null 2>&1 & echo $!").trim().parse().expect("a pid");
    sleep(Duration::from_secs(1));
    let (rows, said) = recording.seen(&["ps", domain, "--json"]);
    let row = rows.as_array().unwrap().iter().find(|row| row["pid"] == sleeper);
    assert_eq!(row.expect("the sleeper")["command_line"], "sleep 4321");
    assert!(said.contains(&format!("nfm: {domain} at ")) && said.contains(" s ago"), "{said}");
    let (rows, said) = recording.seen(&["lsmod", domain, "--json"]);
    assert!(!rows.as_array().unwrap().is_empty() && said.contains("modules "), "{said}");
    for verb in ["ss", "lsof", "pmap", "ip", "mount", "free", "uptime", "lscpu", "dmesg", "check"] {
        let output = recording.as_member_of(GROUP, &[verb, domain]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.stdout.is_empty() && said.contains(" s ago"), "{verb}: {output:?}");
    }

    // Labels, the rule that they choose, and secrets: neither served nor written.
    guest.ask("setsid sh -c 'sleep 4322; : --password=geheim --pin 77' >/dev/null 2>&1 &");
    sleep(Duration::from_secs(1));
    let (frame, _) = recording.seen(&["crawl", domain, "--json", "--sections", "processes"]);
    assert_eq!(frame["domain"]["labels"], serde_json::json!(["title=watched by a test"]));
    let store = recording.folder.join("store");
    let stored = ["crawl", domain, "--json", "--store", store.to_str().expect("a path")];
    let stored = Command::new(NFM).args(stored).output().expect("nfm").stdout;
    for text in [frame.to_string(), String::from_utf8(stored).expect("UTF-8")] {
        assert!(text.contains("--password=*** ***") && !text.contains("geheim"), "{text}");
        assert!(text.contains("watched by a test"), "{text}");
    }
    let unread = recording.as_member_of(GROUP, &["neigh", domain]);
    let said = String::from_utf8_lossy(&unread.stderr);
    assert!(said.contains("has no section 'neighbours'") && !unread.status.success(), "{said}");

    // Two who watch see the frames that the recorder takes anyway, the same ones.
    let newest = || recording.seen(&["crawl", domain, "--json", "--sections", "os"]).0;
    let seq = |frame: &Value| frame["seq"].as_u64().expect("a number");
    let watch = ["crawl", domain, "--json", "--sections", "processes", "--watch", "0.2"];
    let watch = [&watch[..], &["--count", "10"]].concat();
    let alone = (Instant::now(), seq(&newest()));
    sleep(Duration::from_secs(2));
    let alone = (alone.0.elapsed(), seq(&newest()) - alone.1);
    let before = (Instant::now(), seq(&newest()));
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(|| recording.as_member_of(GROUP, &watch));
        (recording.as_member_of(GROUP, &watch), other.join().expect("the other"))
    });
    let watched = (before.0.elapsed(), seq(&newest()) - before.1);
    let numbers = |output: &Output| -> Vec<u64> {
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| seq(&serde_json::from_str(line).expect("a frame"))).collect()
    };
    let (one, two) = (numbers(&one), numbers(&two));
    println!(
        "the recorder took {} frames in {:?} alone, and {} in {:?} while two watched {one:?} and {two:?}",
        alone.1, alone.0, watched.1, watched.0
    );
    assert_eq!((one.len(), two.len()), (10, 10));
    assert!(one.is_sorted() && one.iter().filter(|number| two.contains(number)).count() >= 5);
    // At five a second: who asks makes no frame.
    assert!(watched.1 as f64 <= watched.0.as_secs_f64() * 5.0 + 2.0, "{watched:?}");

    // One outside of the group gets one sentence; so does one who asks for another guest.
    let outsider = recording.as_member_of(GROUP + 1, &["ps", domain]);
    let said = String::from_utf8_lossy(&outsider.stderr);
    assert_eq!((outsider.status.code(), said.lines().count()), (Some(6), 1), "{said}");
    assert!(said.contains("is for root and its group"), "{said}");
    let other = recording.as_member_of(GROUP, &["ps", "nfm-test-nobody"]);
    let said = String::from_utf8_lossy(&other.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");

    // Root reads the guest itself if it says so.
    let root = Command::new(NFM).args(["ps", domain, "--live=no"]).output().expect("nfm");
    assert!(root.status.success() && root.stderr.is_empty(), "{root:?}");
    assert!(String::from_utf8_lossy(&root.stdout).contains("geheim"), "{root:?}");
    recording.end();
}
