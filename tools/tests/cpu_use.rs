//! Shares of the CPU by the difference of two frames, against the guest's own count.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// Points of a percent by which nfm may differ.
const TOLERANCE: f64 = 1.0;

/// Starts a busy loop, and another that has about a third of its weight; prints their pids.
const BUSY: &str = "busy() { sh -c 'while :; do :; done' >/dev/null 2>&1 & }
    busy; first=$!; busy; second=$!; renice -n 5 -p $second >&2; echo $first $second";

/// Counts in the guest around nfm's two seconds: for each process, nanoseconds on the CPU and those that passed. The
/// shell itself reads it, and then sleeps: to count must cost no share.
const COUNT: &str = r#"count() { for pid in $PIDS; do
        read -r ran waited slices </proc/$pid/schedstat
        while read -r now at nanoseconds unit; do
            [ "$now" != now ] || break
        done </proc/timer_list
        echo count $pid $ran $nanoseconds
    done; }
    sleep 0.2; count; sleep 3.2; count"#;

/// The guest's own figures of each process: its share in percent by its kernel's count, and by its `top`.
fn own(guest: &lab::Guest, pids: &[u64]) -> Vec<(f64, String)> {
    let names: Vec<String> = pids.iter().map(u64::to_string).collect();
    let text = guest.ask(&format!("PIDS='{}'\n{COUNT}", names.join(" ")));
    // Its top takes a share itself, when it starts: it has two seconds of its own.
    let screens = guest.ask("top -b -n 2 -d 2");
    let own = |name: &String| {
        let words = |line: &'_ str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let counts: Vec<(f64, f64)> = text
            .lines()
            .map(words)
            .filter(|words| words.len() == 4 && words[0] == "count" && words[1] == *name)
            .map(|words| (words[2].parse().unwrap(), words[3].parse().unwrap()))
            .collect();
        let [(ran, at), (ran_after, after)] = counts[..] else { panic!("not two counts: {text}") };
        // PID PPID USER STAT VSZ %VSZ %CPU COMMAND; of two screens, the second.
        let top = screens.lines().map(words).rfind(|words| words.first() == Some(name));
        let top = top.and_then(|words| words.into_iter().filter(|w| w.ends_with('%')).nth(1));
        (100.0 * (ran_after - ran) / (after - at), top.unwrap_or_default())
    };
    names.iter().map(own).collect()
}

#[test]
fn as_the_guest_counts() {
    let guest = lab::own_guest("busy", &[]);
    let pids: Vec<u64> = guest.ask(BUSY).split_whitespace().map(|p| p.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2, "{pids:?}");
    let verbs: [&[&str]; 2] = [
        &["ps", guest.domain(), "--cpu", "--interval", "2", "--json"],
        &["top", guest.domain(), "--once", "--interval", "2", "--json"],
    ];
    let mut wrong = Vec::new();
    for verb in verbs {
        let (output, own) = thread::scope(|scope| {
            let own = scope.spawn(|| own(&guest, &pids));
            thread::sleep(Duration::from_millis(500));
            let output = Command::new(NFM)
                .args(["-c", "qemu:///system"])
                .args(verb)
                .stdin(Stdio::null())
                .output()
                .expect("nfm");
            (output, own.join().expect("the guest's answer"))
        });
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let share = |pid: u64| {
            let row = rows.as_array().expect("rows").iter().find(|row| row["pid"] == pid);
            row.unwrap_or_else(|| panic!("no process {pid}"))["cpu_percent"].as_f64().unwrap()
        };
        for (pid, (own, top)) in pids.iter().zip(&own) {
            let nfm = share(*pid);
            println!("{}: process {pid}: nfm {nfm:.2} %, guest {own:.2} %, its top {top}", verb[0]);
            assert!((15.0..85.0).contains(own), "no busy pair: {own}");
            if (nfm - own).abs() >= TOLERANCE {
                wrong.push((verb[0], *pid, nfm, *own));
            }
        }
        let idle = share(1);
        assert!(idle < TOLERANCE, "init had {idle} %");
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
