//! `nfm top` on a terminal: over a recording that was made up, and over a real guest.

mod hosts;
mod shop;
mod terminal;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use terminal::Terminal;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(NFM);
    command.args(arguments);
    command
}

/// A line of the screen that has these words.
fn line<'a>(text: &'a str, words: &str) -> &'a str {
    text.lines()
        .find(|line| line.contains(words))
        .unwrap_or_else(|| panic!("no {words:?} in:\n{text}"))
}

/// The line of the table that is the first: the one below the headings.
fn first(text: &str) -> &str {
    let at = text.lines().position(|line| line.contains("COMMAND")).expect("headings");
    text.lines().nth(at + 1).unwrap_or_default()
}

/// The words of a line.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The screen is what docs/ shows of it; NFM_UPDATE_SCREENS=1 makes docs/ show what it is.
fn as_documented(terminal: &Terminal, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let drawn = terminal.svg();
    if std::env::var_os("NFM_UPDATE_SCREENS").is_some() {
        std::fs::write(&path, drawn).expect("written");
        return;
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        documented == drawn,
        "docs/{name} is not what nfm top shows: look at it, and run this test with NFM_UPDATE_SCREENS=1:\n{}",
        terminal.text()
    );
}

/// Sort, filter, open, pause, seek, step and play over a recording, by keys alone.
#[test]
fn a_recording_by_keys() {
    let store = shop::record("keys");
    let mut top = command(&["top", "--at", "2026-10-01T14:00:50Z", "--interval", "1", "--store"]);
    let mut terminal = Terminal::start(top.arg(&store), 24, 100);

    // Sorted by the CPU, both figures: the host gave three quarters of what the guest believes.
    let text =
        terminal.wait("the rows", |text| text.contains("kworkerds") && text.contains("SELECT"));
    assert!(terminal.is_alternate());
    assert!(text.contains("PAUSED 2026-10-01T14:00:50.000+00:00"), "{text}");
    let miner = words(first(&text));
    assert_eq!(miner[..6], ["web-1", "6021", "33", "91.0", "68.2", "212M"], "{text}");
    assert_eq!(words(line(&text, "SELECT"))[3..5], ["21.2", "15.9"]);
    assert!(line(&text, "web-1 ").contains("108%"), "{text}");
    // Its name steers nothing: it is shown.
    assert!(text.contains(r"\u{1b}]0;title\u{7}\u{1b}[2Jforged\n"), "{text}");
    as_documented(&terminal, "top.svg");

    terminal.press("M");
    terminal.wait("by memory", |text| first(text).contains("./kworkerds"));
    terminal.press("r");
    terminal.wait("the least first", |text| first(text).contains("[kthreadd]"));
    terminal.press("G");
    terminal.wait("by guest", |text| first(text).starts_with("db-1"));
    terminal.press("P/SELECT");
    terminal.wait("typed", |text| text.contains("/SELECT") && !text.contains("nginx"));
    terminal.press("\r");
    let text = terminal.wait_for("/SELECT  1/1");
    assert!(first(&text).contains("postgres: shop web-1 SELECT"), "{text}");
    terminal.press("\x1b");
    terminal.wait_for("nginx: worker");

    // The mouse: a heading sorts, the wheel goes down, and what is selected is opened.
    terminal.click("GUEST", "RES");
    terminal.wait("by memory", |text| text.contains("RESv") && first(text).contains("./kworkerds"));
    terminal.press("\x1b[<65;9;9M");
    terminal.wait_for("4/14");
    terminal.click("db-1            391", "SELECT");
    terminal.wait_for("3/14");
    terminal.click("db-1            391", "SELECT");
    terminal.wait_for(" 1 Processes ");
    terminal.press("\x1b");
    terminal.wait_for("nginx: worker");
    terminal.press("P");
    terminal.wait_for("%CPUv");
    assert!(terminal.has_colours());

    // Ten seconds back and again: before the miner began. A step: a second. Then it plays till it is there.
    terminal.press("[[");
    let text = terminal.wait_for("PAUSED 2026-10-01T14:00:30.000");
    assert!(text.contains("kworkerds"), "{text}");
    terminal.press(",");
    let text = terminal.wait_for("PAUSED 2026-10-01T14:00:29.000");
    terminal.wait("it is gone", |text| !text.contains("kworkerds"));
    assert!(first(&text).contains("SELECT"), "{text}");
    terminal.press(".");
    terminal.wait_for("PAUSED 2026-10-01T14:00:30.000");
    terminal.press(",");
    terminal.wait_for("PAUSED 2026-10-01T14:00:29.000");
    terminal.press("+ ");
    let text = terminal.wait("it plays", |text| text.contains("kworkerds"));
    assert!(text.contains("PLAY x2 2026-10-01T14:00:3"), "{text}");
    terminal.press(" ");
    terminal.wait_for("PAUSED");

    // A time that is typed; what is no time.
    terminal.press("@yesterdy\r");
    terminal.wait_for("a time is 2026-11-30T14:00:00Z");
    // A time before all frames: no rows of another time stay.
    terminal.press("@2026-10-01T13:00:00Z\r");
    let text = terminal.wait_for("'web-1' was recorded from 2026-10-01T14:00:00.000Z");
    assert!(!text.contains("nginx") && text.contains("no process is known yet"), "{text}");
    terminal.press("@2026-10-01T14:00:40Z\r");
    terminal.wait_for("PAUSED 2026-10-01T14:00:40.000");
    terminal.wait("its rows", |text| first(text).contains("kworkerds"));

    // The guest of the first row: its sockets, files, log.
    terminal.press("\r");
    terminal.wait_for(" 2 Sockets ");
    terminal.press("2");
    let text = terminal.wait_for("203.0.113.66:3333");
    assert!(line(&text, "203.0.113.66").contains("6021 kworkerds"), "{text}");
    terminal.press("\t");
    terminal.wait_for("/var/log/nginx/access.log");
    terminal.press("4");
    terminal.wait_for("Run /init as init process");
    terminal.press("\x1b");
    terminal.wait_for("postgres: checkpointer");

    // Groups: the fifth is by user.
    terminal.press("ggggg");
    let text = terminal.wait("groups", |text| text.contains("PROCS") && text.contains("USER"));
    assert_eq!(words(line(&text, "249M"))[2..], ["249M", "3", "1", "33"], "{text}");
    terminal.press("\x1b");
    terminal.wait_for("postgres: checkpointer");
    // A tree, columns, help.
    terminal.press("t");
    terminal.wait_for("    postgres: checkpointer");
    terminal.press("tc\x1b[B\x1b[B\x1b[B ");
    terminal.wait_for("[x] PPID");
    terminal.press("\x1b");
    terminal.wait("its heading", |text| text.contains("  PPID   UID") && !text.contains("[x]"));
    terminal.press("?");
    terminal.wait_for("any key goes back");
    terminal.press("?");

    // The newest frame lacks a process of db-1, which may be there still.
    terminal.press("L");
    let text = terminal.wait_for("PAUSED 2026-10-01T14:01:00.000");
    let idle = words(line(&text, "shop web-1 idle"));
    assert!(idle.contains(&"?") && idle.contains(&"1.0s"), "{text}");
    assert!(text.contains("1 *incomplete") && line(&text, "db-1 ").starts_with('*'), "{text}");

    // A narrow terminal.
    terminal.resize(12, 20);
    let headings = ["PID", "%CPUv", "COMMAN"];
    terminal.wait("narrow", |text| text.lines().any(|line| words(line) == headings));
    terminal.press("q");
    assert!(terminal.end().success());
    terminal.wait_for_own_screen();

    let mut top = command(&["top", "--at", "2026-10-01T14:00:50Z", "--interval", "1", "--store"]);
    let mut terminal = Terminal::start(top.arg(&store), 16, 100);
    terminal.wait("the rows", |text| text.contains("kworkerds"));
    terminal.press("\r2");
    terminal.wait_for("203.0.113.66:3333");
    as_documented(&terminal, "top-guest.svg");

    let mut top =
        command(&["top", "--since", "2026-10-01T14:00:28Z", "--interval", "1", "--store"]);
    let mut terminal = Terminal::start(top.arg(&store).env("NO_COLOR", "1"), 24, 100);
    terminal.wait("it plays", |text| text.contains("PLAY x1") && text.contains("kworkerds"));
    assert!(!terminal.has_colours());
    // A signal closes the screen as q does.
    let pid = rustix::process::Pid::from_raw(terminal.pid().cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    assert_eq!(terminal.end().code(), Some(143));
    terminal.wait_for_own_screen();
    std::fs::remove_dir_all(store).expect("removed");
}

/// The rows of a printed table, as JSON.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let output = command(arguments).stdin(Stdio::null()).output().expect("nfm");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A shell command: pid and pages in RAM of each process of a guest that has memory.
const OWN_MEMORY: &str = "for p in /proc/[0-9]*; do read -r size rss rest 2>/dev/null <$p/statm && \
                      [ $rss != 0 ] && echo ${p#/proc/} $rss; done; :";

/// The guest's own figures, by [`OWN_MEMORY`]: pid and bytes in RAM.
fn own_memory_of(text: &str) -> Vec<(u64, u64)> {
    let row = |line: &str| {
        let (pid, pages) = line.split_once(' ')?;
        Some((pid.parse().ok()?, pages.parse::<u64>().ok()? * 4096))
    };
    text.lines().filter_map(row).collect()
}

/// A real guest: its rows against its own, on the screen, frozen, open, and as it ends.
#[test]
fn a_real_guest() {
    let guest = lab::own_guest("top", &["--memory", "256"]);
    let domain = guest.domain();
    let busy = guest.ask("sh -c 'while :; do :; done' >/dev/null 2>&1 & echo $!");

    // Memory is exact for all that did not change meanwhile; both figures of the CPU are there.
    let pattern = format!("{domain}*");
    let before = own_memory_of(&guest.ask(OWN_MEMORY));
    let all =
        rows(&["-c", "qemu:///system", "top", &pattern, "--once", "--json", "--interval", "1"]);
    let after = own_memory_of(&guest.ask(OWN_MEMORY));
    let row = |pid: u64| all.iter().find(|row| row["pid"] == pid);
    let stable: Vec<&(u64, u64)> = before.iter().filter(|one| after.contains(one)).collect();
    assert!(stable.len() > 20, "{stable:?}");
    for (pid, bytes) in stable {
        let row = row(*pid).unwrap_or_else(|| panic!("no process {pid}"));
        assert_eq!(row["rss_bytes"], *bytes, "{row}");
        assert_eq!(row["guest"], domain);
    }
    let busy = row(busy.trim().parse().expect("a pid")).expect("the loop");
    let percent = |of: &str| busy[of].as_f64().unwrap_or_else(|| panic!("{of}: {busy}"));
    assert!(percent("cpu_percent") > 50.0, "{busy}");
    // On a busy host the guest believes in more than it got.
    assert!((10.0..110.0).contains(&percent("host_percent")), "{busy}");

    let csv = command(&["-c", "qemu:///system", "top", &pattern, "--once", "--csv"])
        .output()
        .expect("nfm");
    let csv = String::from_utf8(csv.stdout).expect("UTF-8");
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().expect("names").split(',').collect();
    let place = |name: &str| names.iter().position(|one| *one == name).expect("a column");
    let first: Vec<&str> = lines.next().expect("a row").split(',').collect();
    assert_eq!((first[place("guest")], first[place("pid")]), (domain, &*busy["pid"].to_string()));
    assert_eq!(first[place("rss_bytes")], busy["rss_bytes"].to_string());

    // A recorder, for the way from now into the past.
    let store = std::env::temp_dir().join(format!("nfm-top-{}-live", std::process::id()));
    let mut record =
        command(&["-c", "qemu:///system", "record", domain, "--rate", "2", "--user", "root"]);
    record.args(["--sync", "0.2", "--free", "1", "--store"]).arg(&store).stdin(Stdio::null());
    let socket = store.with_extension("sock");
    record.env("NFM_SOCKET", &socket);
    let mut recorder = record.spawn().expect("a recorder");

    let mut top = command(&["-c", "qemu:///system", "top", domain, "--interval", "0.5"]);
    std::fs::create_dir_all(store.join("log")).expect("a store");
    let mut terminal =
        Terminal::start(top.env("NFM_STORE", &store).env("NFM_SOCKET", &socket), 30, 120);
    let text = terminal.wait("its loop", |text| {
        text.contains("LIVE  1 guest") && text.contains("while :; do") && !first_is_unknown(text)
    });
    let row = words(self::first(&text));
    assert_eq!(row[1], busy["pid"].to_string(), "{text}");
    assert!(row[3].parse::<f64>().is_ok_and(|percent| percent > 40.0), "{text}");
    // Young: seconds with one digit behind the point.
    let age = row.iter().rposition(|word| word.ends_with('s')).expect("its age");
    let age: f64 = row[age].trim_end_matches('s').parse().expect("seconds");
    assert!(age < 2.0, "{text}");

    terminal.press(" ");
    terminal.wait_for("FROZEN");
    terminal.press(" ");
    terminal.wait_for("LIVE");
    terminal.press("/sh -c\r");
    terminal.wait_for("/sh -c  1/");
    terminal.press("\x1b");
    terminal.wait_for("[kthreadd]");
    terminal.press("\r");
    terminal.wait_for(" 2 Sockets ");
    terminal.press("2");
    terminal.wait_for("LISTEN");
    terminal.press("4");
    terminal.wait("the kernel's log", |text| text.contains("TEXT") && !text.contains("on its way"));
    terminal.press("\x1b");
    terminal.wait_for("[kthreadd]");

    // Into the past, where the loop ran as well, and back to now. The first frame of a recording has no use of the CPU.
    let recorded = || {
        let folder = store.display().to_string();
        let output = command(&["store", "ls", "--json", "--store", &folder]).output();
        let output = output.expect("nfm").stdout;
        let rows: Value = serde_json::from_slice(&output).unwrap_or_default();
        rows[0]["frames"].as_u64().unwrap_or_default()
    };
    let begun = Instant::now();
    while recorded() < 6 {
        assert!(begun.elapsed() < Duration::from_secs(100), "{} frames", recorded());
        std::thread::sleep(Duration::from_millis(200));
    }
    terminal.press(",");
    let text = terminal.wait("a recorded frame", |text| {
        text.contains("PAUSED") && text.contains("while :; do") && !first_is_unknown(text)
    });
    let row = words(self::first(&text));
    assert_eq!(row[1], busy["pid"].to_string(), "{text}");
    assert!(row[3].parse::<f64>().is_ok_and(|percent| percent > 40.0), "{text}");
    terminal.press("L");
    terminal.wait("now", |text| text.contains("LIVE") && text.contains("while :; do"));
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&recorder),
        rustix::process::Signal::TERM,
    )
    .expect("a signal");
    recorder.wait().expect("its end");

    lab::virsh(&["destroy", domain]).expect("destroyed");
    terminal.wait("no guest is left", |text| text.contains("no guest runs here"));
    terminal.press("q");
    assert!(terminal.end().success());
    // A recorder that ends leaves its socket, and the next one replaces it.
    let _ = std::fs::remove_file(&socket);
    std::fs::remove_dir_all(store).expect("removed");
}

/// True if the first row's share of the CPU is not known yet.
fn first_is_unknown(text: &str) -> bool {
    words(first(text)).get(3) == Some(&"?")
}
