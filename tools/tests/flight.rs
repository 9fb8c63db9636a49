//! The flight recorder with a real guest: the seconds before a process that was never there, and before a panic, are in
//! the store at the higher rate, and those of quiet times are not.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(100);
const SECOND: u64 = 1_000_000_000;
/// Seconds of the ring, and those after a trigger.
const RING: u64 = 6;
const AFTER: u64 = 4;
/// A machine with much else to do takes so many of ten frames in a second; one is recorded always, and some
/// more that have sections which few have.
const MANY: u64 = 4;
const FEW: u64 = 2;

struct Recording {
    store: PathBuf,
    recorder: Child,
}

impl Recording {
    fn begin(domain: &str) -> Self {
        let store = std::env::temp_dir().join(format!("nfm-flight-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&store);
        let mut command = Command::new(NFM);
        command.args(["-c", "qemu:///system", "record", "--live=no", "--free", "1"]);
        command.args(["--trigger", "process", "--trigger", "panic", "--ring-learn", "8"]);
        command.args(["--ring", &RING.to_string(), "--ring-after", &AFTER.to_string()]);
        command.arg("--store").arg(&store).arg(domain).stdin(Stdio::null());
        Self { store, recorder: command.spawn().expect("a recorder") }
    }

    /// The lines of JSON that a command prints.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let mut command = Command::new(NFM);
        command.args(arguments).arg("--json").arg("--store").arg(&self.store);
        let output = command.stdin(Stdio::null()).output().expect("nfm");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The times of all frames.
    fn times(&self, domain: &str) -> Vec<u64> {
        let frames = self.lines(&["uptime", domain, "--since", "2020-01-01"]);
        frames.iter().map(|frame| frame["time_ns"].as_u64().expect("a time")).collect()
    }

    /// Waits for an event of this text; returns its time and its text.
    fn wait_for_trigger(&self, domain: &str, part: &str) -> (u64, String) {
        let begun = Instant::now();
        loop {
            let history = self.lines(&["history", domain]);
            let found = history.iter().find(|line| {
                line["kind"] == "trigger"
                    && line["text"].as_str().is_some_and(|one| one.contains(part))
            });
            if let Some(line) = found {
                let text = line["text"].as_str().expect("a text").to_owned();
                return (line["time_ns"].as_u64().expect("a time"), text);
            }
            assert!(begun.elapsed() < PATIENCE, "no trigger with '{part}' in {history:#?}");
            sleep(Duration::from_millis(300));
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
        let _ = std::fs::remove_dir_all(&self.store);
    }
}

/// Frames in these seconds before (negative) or after a time.
fn count(times: &[u64], at: u64, from: i64, to: i64) -> u64 {
    let moment = |seconds: i64| at.saturating_add_signed(seconds * SECOND as i64);
    times.iter().filter(|time| (moment(from)..moment(to)).contains(*time)).count() as u64
}

#[test]
fn the_seconds_before_it_happened() {
    let guest = lab::own_guest("store-flight", &["--memory", "256", "--append", "panic=0"]);
    let domain = guest.domain();
    let recording = Recording::begin(domain);
    // The programs that the lab's agent starts for a question are usual.
    let begun = Instant::now();
    while recording.times(domain).len() < 4 || begun.elapsed() < Duration::from_secs(6) {
        guest.ask("printf '#!/bin/sh\\nsleep 4000\\n:\\n' >/tmp/stranger; chmod 755 /tmp/stranger; sleep 0.5");
        assert!(begun.elapsed() < PATIENCE, "no frames");
    }
    // A quiet time, which is to leave no more than a frame a second.
    let quiet = recording.times(domain).last().copied().expect("a frame");
    sleep(Duration::from_secs(RING + 14));

    guest.ask("/tmp/stranger >/dev/null 2>&1 </dev/null & sleep 0.5");
    let (at, text) = recording.wait_for_trigger(domain, "'stranger'");
    println!("{text}");
    assert!(text.starts_with("process: a process 'stranger' was never there: "), "{text}");
    sleep(Duration::from_secs(AFTER + 6));
    let times = recording.times(domain);
    let (ring, after) = (RING.cast_signed(), AFTER.cast_signed());
    let before = count(&times, at, -ring, 0);
    assert!(before >= RING * MANY, "{before} frames in the {RING} s before");
    assert!(times.is_sorted(), "{times:?}");
    let next = count(&times, at, 0, after);
    assert!(next >= AFTER * MANY, "{next} frames in the {AFTER} s after");
    let usual = [count(&times, quiet, 1, 6), count(&times, at, after + 1, after + 5)];
    assert!(usual[0] <= 5 * FEW && usual[1] <= 4 * FEW, "{usual:?} frames when nothing happens");
    println!("{before} frames in {RING} s before, {next} in {AFTER} s after, usual: {usual:?}");
    // The store shows each moment of them: without it, and then with it.
    let has = |time: u64| {
        let seconds = format!("@{}.{:09}", time / SECOND, time % SECOND);
        let date = ["-u", "+%Y-%m-%dT%H:%M:%S.%NZ", "-d", &seconds];
        let date =
            String::from_utf8(Command::new("date").args(date).output().expect("date").stdout);
        let rows = recording.lines(&["ps", domain, "--at", date.expect("UTF-8").trim()]);
        let all: Vec<&Value> = rows.iter().flat_map(|one| one.as_array().expect("rows")).collect();
        assert!(all.len() > 20, "{}", all.len());
        all.iter().any(|row| row["name"] == "stranger")
    };
    let place = times.iter().rposition(|time| *time < at - SECOND / 2).expect("an earlier frame");
    assert!(!has(times[place]) && has(at + SECOND));
    // Nothing of it is a gap, and no process began twice.
    let history = recording.lines(&["history", domain]);
    let own = |kind: &str| history.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!((own("gap"), own("restarted")), (0, 0), "{history:#?}");
    let pid = text.split("there: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a pid");
    let began = format!("process {pid} began: ");
    let is_it = |line: &&Value| line["text"].as_str().is_some_and(|one| one.starts_with(&began));
    assert_eq!(history.iter().filter(is_it).count(), 1, "{history:#?}");

    // A panic, which nobody hears of but the recorder.
    let mut ask = Command::new(lab::root().join("testing/lab/guest"));
    ask.args(["ask", domain, "echo c >/proc/sysrq-trigger"]).env("NFM_LAB_ASK_TIMEOUT", "3");
    let _ = ask.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let (at, text) = recording.wait_for_trigger(domain, "the kernel panicked");
    println!("{text}");
    let before = count(&recording.times(domain), at, -5, 0);
    assert!(before >= 5 * MANY, "{before} frames in the 5 s before the panic");
}
