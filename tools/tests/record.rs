//! A recorder of a real guest: the past is shown as the guest told it then, also after the recorder was killed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(100);
const CAP_DAC_READ_SEARCH: u64 = 1 << 2;
const CAP_SYS_PTRACE: u64 = 1 << 19;

/// A store of the test's own, removed with the value, and its recorder, which is killed.
struct Recording {
    store: PathBuf,
    recorder: Child,
}

impl Recording {
    fn begin(guest: &lab::Guest) -> Self {
        let store = std::env::temp_dir().join(format!("nfm-record-{}", std::process::id()));
        let _ = fs::remove_dir_all(&store);
        let recorder = recorder(&store, guest.domain());
        Self { store, recorder }
    }

    /// Kills both processes, in the middle of what they do, the writer first.
    fn kill(&mut self) {
        let writer = self.writer();
        rustix::process::kill_process(writer, rustix::process::Signal::KILL).expect("the writer");
        self.recorder.kill().expect("the crawler");
        self.recorder.wait().expect("its end");
    }

    /// The process beside the recorder.
    fn writer(&self) -> rustix::process::Pid {
        let path = format!("/proc/{0}/task/{0}/children", self.recorder.id());
        let children = fs::read_to_string(path).expect("children");
        let pid = children.trim().parse().expect("one child");
        rustix::process::Pid::from_raw(pid).expect("a pid")
    }

    fn nfm(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(NFM);
        command.args(arguments).arg("--store").arg(&self.store);
        command.stdin(Stdio::null()).output().expect("nfm")
    }

    fn printed(&self, arguments: &[&str]) -> Option<String> {
        let output = self.nfm(arguments);
        output.status.success().then(|| String::from_utf8(output.stdout).expect("UTF-8"))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.printed(arguments).unwrap_or_else(|| panic!("{arguments:?} fails"));
        serde_json::from_str(&text).expect("JSON")
    }

    /// The numbers of all frames, in the order in which they are given.
    fn numbers(&self, domain: &str) -> Vec<u64> {
        let lines = self.printed(&["uptime", domain, "--json", "--since", "2020-01-01"]);
        let lines = lines.unwrap_or_default();
        let number = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["seq"].as_u64().expect("a number")
        };
        lines.lines().map(number).collect()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
        let _ = fs::remove_dir_all(&self.store);
    }
}

fn recorder(store: &Path, domain: &str) -> Child {
    let mut command = Command::new(NFM);
    command.args(["-c", "qemu:///system", "record", "--rate", "5", "--sync", "0.2", "--free", "1"]);
    command.arg("--live=no").arg("--store").arg(store).arg(domain).stdin(Stdio::null());
    command.spawn().expect("a recorder")
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        sleep(Duration::from_millis(100));
    }
}

/// Now, as `--at` takes it.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let seconds = format!("@{}.{:09}", now.as_secs(), now.subsec_nanos());
    let output =
        Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%NZ", "-d", &seconds]).output();
    String::from_utf8(output.expect("date").stdout).expect("UTF-8").trim().to_owned()
}

fn capabilities(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("CapEff");
    u64::from_str_radix(line.trim(), 16).expect("a number")
}

fn pids(rows: &Value) -> BTreeSet<u64> {
    rows.as_array().expect("rows").iter().filter_map(|row| row["pid"].as_u64()).collect()
}

/// `nfm store`: what is recorded, as lists, rows and bytes.
fn the_store_itself(recording: &Recording, domain: &str, sleeper: u64) {
    let list = recording.json(&["store", "ls", "--json"]);
    assert_eq!((&list[0]["domain"], list.as_array().unwrap().len()), (&domain.into(), 1));
    let verified = recording.json(&["store", "verify", "--json"]);
    assert_eq!(verified["damage"], Value::Array(Vec::new()), "{verified}");
    // The sleeper, from the sealed segment and from the log.
    let lines = recording.printed(&["store", "export", "processes", domain]).expect("rows");
    let rows: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let own = rows.iter().filter(|row| row["pid"] == sleeper && row["vm"] == domain);
    // Before it ran the program it was its shell for a moment.
    assert!(own.filter(|row| row["command_line"] == "sleep 4321").count() >= 2);
    let csv = recording.printed(&["store", "export", "processes", domain, "--format", "csv"]);
    let csv = csv.expect("rows");
    assert!(csv.starts_with("host,vm,vm_uuid,ts,seq,row,pid,"), "{}", &csv[..80]);
    assert!(csv.lines().filter(|line| line.contains(",sleep 4321,")).count() >= 2);
    for engine in ["duckdb", "clickhouse", "spark", "polars"] {
        let views = recording.printed(&["store", "ddl", "--engine", engine]).expect("views");
        assert!(views.contains("table=processes") && views.contains("table=events"), "{views}");
    }
    // The recorder's own log is not taken from it.
    let sealed = recording.nfm(&["store", "seal"]);
    assert_eq!(sealed.status.code(), Some(16), "{sealed:?}");
    // A flipped bit is named, and no row that it hits is shown.
    let folder = recording.store.join("table=processes");
    let only = |folder: &Path| fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let file = only(&only(&only(&folder)));
    let sound = fs::read(&file).expect("a segment");
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 4;
    fs::write(&file, flipped).expect("a segment");
    let verified = recording.nfm(&["store", "verify"]);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert_eq!(verified.status.code(), Some(22), "{said}");
    assert!(
        said.contains("are not those that were written") && said.contains("1 places are damaged")
    );
    fs::write(&file, sound).expect("a segment");
}

#[test]
fn the_past_is_as_the_guest_told_it() {
    let guest = lab::own_guest("record", &["--memory", "256"]);
    let domain = guest.domain();
    let mut recording = Recording::begin(&guest);
    wait_for("the first frame", || recording.printed(&["ps", domain]).is_some());

    // One process reads guests and writes no file; the other writes and has no right at all.
    let writer = recording.writer().as_raw_nonzero().get() as u32;
    let reader = recording.recorder.id();
    assert_eq!(capabilities(reader), CAP_SYS_PTRACE | CAP_DAC_READ_SEARCH);
    assert_eq!(capabilities(writer), 0);
    let written = fs::read_dir(format!("/proc/{reader}/fd")).expect("descriptors");
    let links = written.filter_map(|one| fs::read_link(one.ok()?.path()).ok());
    let own: Vec<PathBuf> = links.filter(|link| link.starts_with(&recording.store)).collect();
    assert!(own.is_empty(), "{own:?}");

    // The store is for its owner and group.
    let mode = |path: &Path| fs::metadata(path).expect("a folder").permissions().mode() & 0o777;
    assert_eq!([mode(&recording.store), mode(&recording.store.join("log"))], [0o750; 2]);

    // Three states of the guest, each with what its own /proc tells.
    let list = "cd /proc; ls -d [0-9]*";
    let sleeper: u64 =
        guest.ask("setsid sleep 4321 >/dev/null 2>&1 & echo $!").trim().parse().expect("a pid");
    let frames = recording.numbers(domain).len();
    wait_for("two frames more", || recording.numbers(domain).len() > frames + 2);
    let told: BTreeSet<u64> =
        guest.ask(list).split_whitespace().map(|pid| pid.parse().expect("a pid")).collect();
    sleep(Duration::from_millis(500));
    let during = now();
    guest.ask(&format!("kill -9 {sleeper}"));
    let frames = recording.numbers(domain).len();
    wait_for("two frames more", || recording.numbers(domain).len() > frames + 2);
    let after = now();

    let check = |recording: &Recording| {
        let rows = recording.json(&["ps", domain, "--json", "--at", &during]);
        let row = rows.as_array().unwrap().iter().find(|row| row["pid"] == sleeper);
        assert_eq!(row.expect("the sleeper")["command_line"], "sleep 4321");
        // The guest's shell and `ls` were there for the question alone.
        let shown = pids(&rows);
        assert!(shown.is_subset(&told), "{:?}", shown.difference(&told));
        assert!(told.difference(&shown).count() <= 3, "{:?}", told.difference(&shown));
        let rows = recording.json(&["ps", domain, "--json", "--at", &after]);
        assert!(!pids(&rows).contains(&sleeper) && pids(&rows).len() > 40);
        let log = recording.printed(&["dmesg", domain, "--at", &after]).expect("the log");
        assert!(log.contains("Linux version"), "{log}");
        (shown.len(), recording.json(&["crawl", domain, "--json", "--at", &during]))
    };
    let (count, frame) = check(&recording);

    // Killed as it writes: what could be read before can be read after, in the same order.
    let before = recording.numbers(domain);
    recording.kill();
    let killed = recording.numbers(domain);
    assert!(killed.starts_with(&before), "{before:?} and then {killed:?}");
    assert!(killed.iter().zip(1..).all(|(number, expected)| *number == expected), "{killed:?}");
    let begun = Instant::now();
    recording.recorder = recorder(&recording.store, domain);
    wait_for("a frame of the second run", || recording.numbers(domain).len() > killed.len());
    println!(
        "{count} processes at {during}; {} frames, then killed; on after {:?}",
        killed.len(),
        begun.elapsed()
    );

    // The first run's log is sealed meanwhile; nothing of it changes by that.
    let folder = recording.store.join("log");
    let logs = || {
        fs::read_dir(&folder)
            .expect("logs")
            .filter_map(|one| one.ok()?.file_name().into_string().ok())
    };
    wait_for("the first run's segment", || !logs().any(|name| name.contains("-000001-000001.log")));
    assert_eq!(check(&recording), (count, frame));
    let all = recording.numbers(domain);
    assert!(all.starts_with(&killed) && all.is_sorted(), "{all:?}");

    the_store_itself(&recording, domain, sleeper);

    // Drawn: what the guest has, and a gap for the time in which nobody recorded.
    let text = recording.printed(&["plot", domain, "memory", "--json"]).expect("points");
    let points: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let total = guest.ask("sed -n 's/^MemTotal: *//p' /proc/meminfo");
    let total: f64 = total.trim().trim_end_matches(" kB").parse().expect("a number");
    let last = points.iter().rfind(|point| point["name"] == "total").expect("a point");
    assert_eq!(last["value"].as_f64(), Some(total * 1024.0));
    let drawn = recording.printed(&["plot", domain, "cpu"]).expect("a plot");
    assert!(drawn.contains("% of a CPU") && drawn.lines().count() > 15, "{drawn}");
    println!("{drawn}");
    assert!(points.len() > 20, "{points:?}");
    let svg = recording.store.join("cpu.svg");
    let written =
        recording.printed(&["plot", domain, "cpu", "--svg", svg.to_str().expect("a path")]);
    assert_eq!(written.as_deref(), Some(""));
    assert!(fs::read_to_string(svg).expect("an SVG").contains("<polyline"));
    let early = recording.nfm(&["plot", domain, "net", "--until", "2020-01-01"]);
    assert!(!early.status.success() && early.stdout.is_empty(), "{early:?}");
    let mut python = lab::programs::python();
    python.env("NFM_TEST_STORE", &recording.store).env("NFM_TEST_DOMAIN", domain);
    python.env("NFM_TEST_NFM", NFM).env("NFM_TEST_TIME", &during);
    lab::programs::python_tests(
        "test_store.py",
        6,
        python.env("NFM_TEST_PID", sleeper.to_string()),
    );

    // A second recorder is told off.
    let second = Command::new(NFM)
        .args(["-c", "qemu:///system", "record", "--live=no", "--store"])
        .arg(&recording.store)
        .output()
        .expect("nfm");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another recorder writes to"), "{said}");
    assert_eq!(second.status.code(), Some(16));
}
