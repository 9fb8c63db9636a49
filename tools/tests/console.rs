//! The console: its commands are the verbs, now and at recorded times, of guests that are well, tampered with and dead.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::write::{Changes, Held, Kernel};
use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(100);
/// The verbs that show a recorded frame.
const VERBS: [&str; 16] = [
    "ps", "lsof", "pmap", "ss", "netstat", "ip", "ifconfig", "route", "arp", "lsmod", "mount",
    "free", "uptime", "dmesg", "lscpu", "oom",
];

fn nfm(arguments: &[&str]) -> Command {
    let mut command = Command::new(NFM);
    command.args(["-c", "qemu:///system"]).args(arguments).stdin(Stdio::null());
    command
}

fn printed(arguments: &[&str]) -> String {
    let output = nfm(arguments).output().expect("nfm");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A script's output on standard output, on standard error, and its exit status.
fn script(arguments: &[&str], lines: &str) -> (String, String, Option<i32>) {
    let mut command = nfm(&[&["console"], arguments].concat());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("nfm console");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("a script");
    let Output { status, stdout, stderr } = child.wait_with_output().expect("its end");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(stdout), text(stderr), status.code())
}

/// A folder of the test's own, removed with the value, and a recorder, which is killed.
struct Recording {
    folder: PathBuf,
    recorder: Child,
}

impl Recording {
    fn begin(guest: &lab::Guest) -> Self {
        let folder = std::env::temp_dir().join(format!("nfm-console-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let (store, rate) = (folder.to_str().expect("UTF-8"), "5");
        let mut command = nfm(&[
            "record",
            "--live=no",
            "--rate",
            rate,
            "--sync",
            "0.1",
            "--free",
            "1",
            "--store",
        ]);
        let recorder = command.args([store, guest.domain()]).spawn().expect("a recorder");
        Self { folder, recorder }
    }

    fn store(&self) -> &str {
        self.folder.to_str().expect("UTF-8")
    }

    /// Waits until so many frames are there, and ends the recorder.
    fn end_with(&mut self, frames: u64) {
        let begun = Instant::now();
        let count = || {
            let output =
                nfm(&["store", "ls", "--json", "--store", self.store()]).output().expect("nfm");
            let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            rows[0]["frames"].as_u64().unwrap_or_default()
        };
        while count() < frames {
            assert!(begun.elapsed() < PATIENCE, "{} frames of {frames}", count());
            sleep(Duration::from_millis(100));
        }
        self.recorder.kill().expect("the recorder");
        self.recorder.wait().expect("its end");
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
fn commands_agree_with_the_verbs() {
    let guest = lab::guest("shared-61", &[]);
    let frames = std::env::temp_dir().join(format!("nfm-console-{}.jsonl", std::process::id()));
    let file = format!("file:{}", frames.display());
    fs::write(&frames, printed(&["crawl", guest.domain(), "--json"])).expect("a file");
    let mut expected = String::new();
    let mut lines = String::new();
    for verb in VERBS {
        expected += &printed(&[verb, &file]);
        lines += &format!("{verb}\n");
    }
    let (out, errors, status) = script(&[&file], &lines);
    assert_eq!((out.as_str(), errors.as_str(), status), (expected.as_str(), "", Some(0)));

    // Filters, quotes, comments; what is wrong is one line each, and does not end the console.
    let threads = printed(&["ps", &file]).lines().filter(|line| line.ends_with(']')).count();
    let (out, errors, status) = script(
        &[],
        &format!(
            "ps\nuse {file}\n# a comment\n\nps | grep '\\]$' | wc -l\nps | head -2 | tail -1\n\
             pas\nps | sort\ncat 'x\nseek tomorrow\nps --nonsense\nhelp seek\nhelp | head -1\nquit\nps\n"
        ),
    );
    let shown: Vec<&str> = out.lines().collect();
    assert_eq!(shown[0], threads.to_string(), "{out}");
    assert!(shown[1].ends_with("init"), "{out}");
    assert!(shown[2].starts_with("seek TIME") && shown[4].starts_with("COMMAND"), "{out}");
    assert_eq!(shown.len(), 5, "{out}");
    let complaints: Vec<&str> = errors.lines().filter(|line| line.starts_with("nfm: ")).collect();
    for (line, part) in
        complaints.iter().zip(["use DOMAIN", "'pas'", "'sort'", "quote", "a time is"])
    {
        assert!(line.contains(part), "no {part} in {line}");
    }
    assert!(errors.contains("--nonsense"), "{errors}");
    assert_eq!(status, Some(2));

    // Files in memory, as the verbs show them.
    let domain = guest.domain();
    let expected = printed(&["ls", domain, "/etc"]) + &printed(&["cat", domain, "/etc/passwd"]);
    let (out, _, status) = script(&[domain], "ls /etc\ncat /etc/passwd\n");
    assert_eq!((out, status), (expected, Some(0)));
    fs::remove_file(&frames).expect("the file");
}

#[test]
fn time_travels() {
    let guest = lab::guest("shared-61", &[]);
    let mut recording = Recording::begin(&guest);
    recording.end_with(8);
    let store = recording.store();
    let domain = guest.domain();
    let at = |number: &str| printed(&["ps", domain, "--at", number, "--store", store]);
    let uptime = |number: &str| printed(&["uptime", domain, "--at", number, "--store", store]);

    let lines = "seek #3\nps\nstep\nps\nstep -2\nps\nseek #5\nseek -0.4s\nnow\n";
    let (out, errors, status) = script(&[domain, "--store", store], lines);
    assert_eq!(status, Some(0), "{errors}");
    let heading = |number: u32, out: &str| {
        let line = out.lines().find(|line| line.ends_with(&format!("#{number}")));
        format!("{}\n", line.unwrap_or_else(|| panic!("no #{number} in {out}")))
    };
    let mut expected = String::new();
    for number in [3, 4, 2] {
        expected += &format!("{}{}", heading(number, &out), at(&format!("#{number}")));
    }
    assert!(out.starts_with(&expected), "{out}\nexpected\n{expected}");
    // Five a second: two frames, or three where one came late.
    let last = out.lines().last().expect("a line");
    assert!(last.ends_with("#3") || last.ends_with("#2") || last.ends_with("#4"), "{last}");
    // Each says on standard error which frame it shows.
    assert!(errors.contains("(#3)") && errors.contains("(#4)"), "{errors}");

    // Play goes on to the last frame; diff compares with this one; memory as it is now is not that of then.
    let lines =
        "seek #6\ntop --once | grep -c kthreadd\nplay uptime\nseek #2\ndiff #4\nls /\nsync\nls /\n";
    let (out, errors, status) = script(&[domain, "--store", store], lines);
    assert_eq!(status, Some(2), "{errors}");
    for number in ["#6", "#7", "#8"] {
        assert!(out.contains(&uptime(number)), "{out}");
    }
    assert_eq!(out.lines().nth(1), Some("1"), "top: {out}");
    let same = printed(&["diff", domain, "--at", "#2", "--at", "#4", "--store", store]);
    assert!(out.contains(&same), "{out}\nexpected\n{same}");
    assert!(errors.contains("sync first"), "{errors}");
    assert!(out.ends_with(&printed(&["ls", domain, "/"])), "{out}");

    // Beyond the ends there is no further; a store that is not there is said.
    let (out, _, _) = script(&[domain, "--at", "#1", "--store", store], "step -1\nstep 1000\n");
    assert!(out.contains("this is the first frame"), "{out}");
    let (_, errors, status) = script(&[domain, "--store", "/nonexistent"], "seek -1m\nuptime\n");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("nothing was recorded there"), "{errors}");
    assert_eq!(status, Some(16));
}

/// The talk's picture: the guest's own netstat hides a connection, and the console shows it with its process. Then the
/// guest dies, and the console says so first.
#[test]
fn what_the_guest_hides_and_that_it_is_dead() {
    let guest = lab::own_guest("console", &["--memory", "256", "--append", "panic=0"]);
    let domain = guest.domain();
    let own = || guest.ask("netstat -tln 2>/dev/null");
    assert!(own().contains("127.0.0.1:8080"), "{}", own());
    let kernel = Kernel::open(&guest, 256 << 20);
    let mut changes = Changes::default();
    let held = Held::hold(&guest);
    // As rootkits do: what shows a line of /proc/net/tcp shows none (SEQ_SKIP, include/linux/seq_file.h).
    let show = kernel.symbol("tcp4_seq_ops") + kernel.offset("seq_operations", "show");
    changes.write_word(&kernel, show, kernel.symbol("always_delete_dentry"));
    drop(held);
    assert!(!own().contains("8080"), "{}", own());
    let (out, errors, status) = script(&[domain], "netstat | grep 8080\n");
    assert_eq!((errors.as_str(), status), ("", Some(0)));
    let shown = out.lines().find(|line| line.contains("127.0.0.1:8080")).expect("the socket");
    assert!(shown.contains("LISTEN") && shown.contains("server"), "{out}");
    let held = Held::hold(&guest);
    changes.undo(&kernel);
    drop(held);

    let mut ask = Command::new(lab::root().join("testing/lab/guest"));
    ask.args(["ask", domain, "echo c >/proc/sysrq-trigger"]).env("NFM_LAB_ASK_TIMEOUT", "3");
    let _ = ask.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    // The log is written to its end first: the emulated serial line is slow.
    let begun = Instant::now();
    while !printed(&["dmesg", domain]).contains("end Kernel panic") {
        assert!(begun.elapsed() < PATIENCE, "no panic");
        sleep(Duration::from_millis(100));
    }
    let servers = printed(&["ps", domain]).matches("server").count().to_string();
    let (out, errors, status) = script(&[domain], "ps | grep -c server\n");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].contains("its kernel has panicked"), "{out}\n{errors}");
    assert!(lines[1].ends_with(": Kernel panic - not syncing: sysrq triggered crash"), "{out}");
    assert_eq!((lines.last().copied(), status), (Some(servers.as_str()), Some(0)), "{out}");
}

/// At a terminal: the prompt, completion of commands, guests and paths, Ctrl-C, Ctrl-D.
#[test]
fn a_terminal() {
    let guest = lab::guest("shared-61", &[]);
    let domain = guest.domain();
    let (start, _) = domain.split_at(domain.len() - 1);
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command"]);
    // The shell of `script` gives its place to nfm: dash, which it takes where SHELL is not set, would end with 130 after
    // a Ctrl-C that nfm outlived.
    command.arg(format!("exec {NFM} -c qemu:///system console")).arg("/dev/null");
    // Nothing of the user's own history, and the output as it is.
    let home = std::env::temp_dir().join(format!("nfm-console-home-{}", std::process::id()));
    command.env("XDG_STATE_HOME", &home).env("TERM", "xterm").env("NFM_STORE", "/nonexistent");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("script");
    let mut keys = child.stdin.take().expect("a pipe");
    let mut screen = Screen::of(child.stdout.take().expect("a pipe"));
    let mut type_in = |text: &str| {
        keys.write_all(text.as_bytes()).expect("keys");
        keys.flush().expect("keys");
    };
    screen.wait_for("nfm> ");
    type_in(&format!("use {start}\t"));
    screen.wait_for(&format!("use {domain}"));
    type_in("\r");
    screen.wait_for(&format!("{domain}> "));
    type_in("upt\t");
    screen.wait_for("uptime");
    type_in("\r");
    screen.wait_for("load average");
    type_in("ls /et\t");
    screen.wait_for("/etc/");
    type_in("\r");
    screen.wait_for("passwd");
    screen.wait_for(&format!("{domain}> "));
    // A verb that would run on ends with Ctrl-C, and the console does not.
    type_in("crawl --json --watch 0.3 | wc -l\r");
    screen.wait_for("wc -l\u{1b}");
    sleep(Duration::from_secs(1));
    type_in("\x03");
    screen.wait_for(&format!("{domain}> "));
    type_in("quit\r");
    let status = child.wait().expect("its end");
    assert!(status.success(), "{status}: {}", screen.rest());
    let history = fs::read_to_string(home.join("nfm/console_history")).expect("the history");
    assert!(history.contains("uptime") && history.contains("ls /etc/"), "{history}");
    fs::remove_dir_all(&home).expect("the folder");
}

/// The bytes that a terminal was sent, as they come.
struct Screen {
    bytes: std::sync::mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Screen {
    fn of(mut from: std::process::ChildStdout) -> Self {
        let (sender, bytes) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = std::io::Read::read(&mut from, &mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { bytes, seen: String::new() }
    }

    /// The output that nothing has waited for.
    fn rest(&mut self) -> &str {
        while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(100)) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        &self.seen
    }

    /// Waits for a text, and forgets what came up to its end.
    fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            match self.bytes.recv_timeout(Duration::from_millis(100)) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(_) => {
                    assert!(begun.elapsed() < PATIENCE, "no '{text}' in {:?}", self.seen);
                }
            }
        }
    }
}
