//! The nfm command and the C example, as somebody in the control domain uses them.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;

use crate::lab::{Guest, URI, virsh};

/// Runs nfm on this host.
pub fn nfm(arguments: &[&str]) -> Output {
    Command::new("/payload/bin/nfm").args(["-c", URI]).args(arguments).output().expect("nfm")
}

/// The output of nfm. Panics where it fails.
fn stdout(arguments: &[&str]) -> String {
    let output = nfm(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "nfm {arguments:?}: {}: {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(arguments)).expect("JSON")
}

/// `nfm list` against what libvirt runs.
pub fn list(guests: &[&Guest]) {
    let table = stdout(&["list"]);
    for guest in guests {
        let line = table.lines().find(|line| line.contains(guest.domain()));
        let line = line.unwrap_or_else(|| panic!("{} is not in\n{table}", guest.domain()));
        let id = virsh(&["domid", guest.domain()]);
        assert_eq!(line.split_whitespace().next(), Some(id.trim()), "{line}");
        assert!(line.contains("running") || line.contains("idle"), "{line}");
    }
}

/// The processes by `nfm ps`, `nfm crawl` and the C example against the guest's own `/proc`; what
/// `nfm doctor` found.
pub fn agree(guest: &Guest) {
    let pids = |rows: &Value| -> BTreeSet<u64> {
        let pids = rows.as_array().expect("rows").iter().filter_map(|row| row["pid"].as_u64());
        pids.collect()
    };
    let in_proc = || -> BTreeSet<u64> {
        let pids = guest.ask("cd /proc; echo [0-9]*");
        pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    let own = in_proc();
    let frame = json(&["crawl", guest.domain(), "--time-limit", "60", "--json"]);
    assert_eq!(frame["domain"]["hypervisor"], "xen");
    assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
    let crawled = pids(&frame["processes"]);
    let ps = pids(&json(&["ps", guest.domain(), "--json"]));
    let example = Command::new("/payload/bin/nfm-ps").args(["-c", URI, guest.domain()]).output();
    let example = example.expect("the C example");
    assert!(example.status.success(), "nfm-ps: {}", String::from_utf8_lossy(&example.stderr));
    let example = String::from_utf8_lossy(&example.stdout).into_owned();
    let listed: BTreeSet<u64> =
        example.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    // The shell that was asked is there only then, and on a busy host for some looks more; kernel workers come and go.
    let named = |pid: &u64| {
        let rows = frame["processes"].as_array().into_iter().flatten();
        rows.filter(|row| row["pid"] == *pid).any(|row| row["kernel_thread"] == false)
    };
    let after = in_proc();
    let lasts = |pid: &u64| named(pid) && after.contains(pid);
    let lasting: BTreeSet<u64> = crawled.iter().copied().filter(lasts).collect();
    assert!(lasting.len() > 40, "only {} processes", lasting.len());
    for (what, seen) in [("ps", &ps), ("the C example", &listed), ("the guest", &own)] {
        let missing: Vec<_> = lasting.difference(seen).collect();
        assert!(missing.is_empty(), "{what} lacks {missing:?}");
        assert!(seen.difference(&crawled).count() <= 3, "{what}: {seen:?}, crawl: {crawled:?}");
    }
    println!("{}: {} processes by crawl, ps, C and /proc", guest.domain(), crawled.len());

    let doctor = stdout(&["doctor", guest.domain()]);
    for words in ["memory of     Xen ", "xen           its back end is installed: /payload"] {
        assert!(doctor.contains(words), "{words:?} is not in\n{doctor}");
    }
    println!("{doctor}");
}

/// The guest is suspended for the frame and runs on after it.
pub fn paused(guest: &Guest) {
    let sections = ["--sections", "processes,host", "--time-limit", "60"];
    let frame = json(&[&["crawl", guest.domain(), "--paused", "--json"], &sections[..]].concat());
    assert_eq!(frame["consistency"]["mode"], "paused");
    assert_eq!(frame["host"]["state"], "paused");
    let state = virsh(&["domstate", guest.domain()]);
    assert!(["running", "idle"].contains(&state.trim()), "{state}");
    assert_eq!(guest.ask("echo alive"), "alive\n");
}
