//! The verbs of the `nfm` command against a real guest.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");

fn nfm(arguments: &[&str]) -> Output {
    Command::new(NFM).args(["-c", "qemu:///system"]).args(arguments).output().expect("nfm")
}

/// The output of nfm, which has to succeed and to complain of nothing.
fn printed(arguments: &[&str]) -> String {
    let output = nfm(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {errors}", output.status);
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(arguments)).unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
}

fn shared() -> lab::Guest {
    lab::guest("shared-61", &[])
}

/// The words of a table's rows, under its headings.
fn rows(table: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut lines = table.lines().map(|line| line.split_whitespace().collect());
    (lines.next().expect("headings"), lines.collect())
}

#[test]
fn list() {
    let guest = shared();
    let table = printed(&["list"]);
    let (headings, rows) = rows(&table);
    assert_eq!(headings, ["ID", "NAME", "STATE", "UUID"]);
    let row = rows.iter().find(|row| row[1] == guest.domain()).expect("the guest");
    assert_eq!(row[2], "running");

    let domains = json(&["list", "--json"]);
    let domain = domains.as_array().unwrap().iter().find(|d| d["name"] == guest.domain());
    let domain = domain.expect("the guest");
    assert_eq!(domain["id"].to_string(), row[0]);
    assert_eq!(domain["uuid"], row[3]);
    assert_eq!(domain["state"], "running");

    // By name, id and UUID, the same guest.
    for name in [guest.domain(), row[0], row[3]] {
        assert_eq!(json(&["crawl", name, "--json"])["domain"]["uuid"], row[3], "by {name}");
    }
}

/// A QEMU that libvirt does not know is listed by its process, and read by that name.
#[test]
fn a_guest_that_libvirt_does_not_know() {
    let options = ["-name", "nfm-test-unknown", "-m", "256"];
    let guest = lab::plain::PlainGuest::start("listed", "6.1-cloud", &[], &options);
    let (id, shared) = (format!("qemu:{}", guest.pid()), shared());
    let table = printed(&["list"]);
    let (_, rows) = rows(&table);
    let row = rows.iter().find(|row| row[0] == id).expect("the guest");
    assert_eq!(row[1..], ["nfm-test-unknown", "-", "-"]);
    let listed = json(&["list", "--json"]);
    let one = listed.as_array().unwrap().iter().find(|one| one["id"] == id).expect("the guest");
    assert_eq!(one["name"], "nfm-test-unknown");
    assert!(one["state"].is_null() && one["uuid"].is_null());
    assert!(printed(&["ps", &id]).contains("/bin/lab-workload"));
    // Those of libvirt's stand once.
    let named = |name: &str| rows.iter().filter(|row| row[1] == name).count();
    assert_eq!(named(shared.domain()), 1);
}

#[test]
fn ps() {
    let guest = shared();
    let table = printed(&["ps", guest.domain()]);
    let (headings, rows) = rows(&table);
    let column = |name: &str| headings.iter().position(|h| *h == name).expect("the heading");
    let (uid, pid, state, nice) = (column("UID"), column("PID"), column("S"), column("NI"));
    let threads = column("NLWP");
    let row = |command: &str| {
        let line = table.lines().position(|line| line.ends_with(&format!("  {command}")));
        &rows[line.unwrap_or_else(|| panic!("no '{command}' in:\n{table}")) - 1]
    };
    assert_eq!(row("init")[pid], "1");
    assert_eq!(row("[kthreadd]")[pid], "2");
    assert_eq!(row("/bin/lab-workload alice")[uid], "1000");
    assert_eq!(row("/bin/lab-workload bob")[uid], "1001");
    assert_eq!(row("/bin/lab-workload server")[uid], "33");
    assert_eq!(row("/bin/lab-workload threads")[threads], "10");
    assert_eq!(row("/bin/lab-workload nice")[nice], "5");
    assert_eq!(row("/bin/lab-workload urgent")[nice], "-5");
    assert_eq!(row("[zombie-child]")[state], "Z");
    assert_eq!(row("/bin/lab-workload stopped")[state], "T");
    assert_eq!(row("retitled: serving 42 clie")[state], "S");

    let list = json(&["ps", guest.domain(), "--json"]);
    let list = list.as_array().expect("an array");
    assert!(list.len() > 80, "only {} processes", list.len());
    let named = |name: &str| list.iter().find(|row| row["name"] == name).expect(name);
    assert_eq!(named("alice")["uid"], 1000);
    assert_eq!(named("new\nline\u{fffd}\\n")["command_line"], "/bin/lab-workload bytes");
    assert_eq!(named("kthreadd")["kernel_thread"], true);
}

#[test]
fn lsmod() {
    let guest = shared();
    let own = guest.ask("cat /proc/modules");
    let own: BTreeSet<&str> = own.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(own.len() > 5, "the guest has few modules: {own:?}");
    let table = printed(&["lsmod", guest.domain()]);
    let (headings, rows) = rows(&table);
    assert_eq!(headings, ["Module", "Size", "Used", "by"]);
    assert_eq!(rows.iter().map(|row| row[0]).collect::<BTreeSet<_>>(), own);
    let list = json(&["lsmod", guest.domain(), "--json"]);
    let names = list.as_array().expect("an array").iter().filter_map(|row| row["name"].as_str());
    assert_eq!(names.collect::<BTreeSet<_>>(), own);
}

#[test]
fn crawl() {
    let guest = shared();
    let text = printed(&["crawl", guest.domain()]);
    for word in
        ["Linux 6.1.", "lab-guest", "processes", "modules", "eth0", "10.0.2.15/24", "complete"]
    {
        assert!(text.contains(word), "no '{word}' in:\n{text}");
    }
    assert!(!text.contains("NOT complete"), "{text}");

    let frame = json(&["crawl", guest.domain(), "--json"]);
    assert_eq!(frame["format"], "nfm-frame/2");
    assert_eq!(frame["domain"]["name"], guest.domain());
    assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
    for section in ["os", "cpus", "processes", "modules", "interfaces"] {
        assert!(!frame[section].is_null(), "no {section}");
    }

    let frame = json(&["crawl", guest.domain(), "--json", "--sections", "os,cpus"]);
    let keys: BTreeSet<&str> = frame.as_object().unwrap().keys().map(String::as_str).collect();
    let about = ["format", "domain", "seq", "time_ns", "duration_ns", "consistency"];
    let expected: BTreeSet<&str> = about.into_iter().chain(["os", "cpus"]).collect();
    assert_eq!(keys, expected);
    let text = printed(&["crawl", guest.domain(), "--sections", "os,cpus"]);
    assert!(text.contains("cpus") && !text.contains("processes"), "{text}");
}

#[test]
fn doctor() {
    let guest = shared();
    let text = printed(&["doctor", guest.domain()]);
    let release = guest.ask("uname -r");
    for word in [&guest.qemu_pid().to_string(), release.trim(), "BTF", "kallsyms", "whole"] {
        assert!(text.contains(word), "no '{word}' in:\n{text}");
    }
    let report = json(&["doctor", guest.domain(), "--json"]);
    assert_eq!(report["readable"], true);
    assert_eq!(report["release"], release.trim());
    assert_eq!(report["problems"], Value::Array(Vec::new()));
    // The kernel's own word on where it lies (KASLR is on).
    let text = guest.ask("grep ' _text$' /proc/kallsyms");
    let address = u64::from_str_radix(text.split(' ').next().unwrap(), 16).unwrap();
    assert_eq!(report["image"]["virtual"], address);
    let bytes: u64 = report["ram"].as_array().unwrap().iter().filter_map(|r| r[1].as_u64()).sum();
    assert_eq!(bytes, 512 << 20, "RAM of the guest");
}

#[test]
fn guest_text_cannot_steer_the_terminal() {
    let guest = lab::own_guest("hostile", &[]);
    // A screen cleared, a row forged, a title set, text turned round, an 8-bit control, no UTF-8.
    guest.ask(
        r#"sh -c 'printf "\033]0;x\a\n" >/proc/$$/comm; sleep 1000; :' \
           "$(printf 'evil\033[2J\n0 1 0 1 S forged\r\342\200\256back\302\233\377')" >/dev/null 2>&1 &
           while ! grep -q evil /proc/[0-9]*/cmdline; do :; done"#,
    );
    let crawls: [&[&str]; 4] = [
        &["ps", guest.domain()],
        &["crawl", guest.domain()],
        &["doctor", guest.domain()],
        &["ps", guest.domain(), "--json"],
    ];
    for arguments in crawls {
        let text = printed(arguments);
        let steers = |c: &char| *c != '\n' && nfm::steers_terminal(*c);
        assert_eq!(text.chars().find(steers), None, "{arguments:?}: {text:?}");
    }
    let text = printed(&["ps", guest.domain()]);
    let evil: Vec<&str> = text.lines().filter(|line| line.contains("evil")).collect();
    assert_eq!(evil.len(), 1, "{text}");
    assert!(evil[0].contains(r"evil\u{1b}[2J\n0 1 0 1 S forged\r\u{202e}back"), "{}", evil[0]);
    assert!(!text.lines().any(|line| line.trim_start().starts_with("0 1 0 1 S forged")), "{text}");
    let list = json(&["ps", guest.domain(), "--json"]);
    let evil = list.as_array().unwrap().iter().find(|row| row["name"] == "\u{1b}]0;x\u{7}\n");
    let line = evil.expect("the process by its name")["command_line"].as_str().unwrap();
    assert!(
        line.ends_with("evil\u{1b}[2J\n0 1 0 1 S forged\r\u{202e}back\u{9b}\u{fffd}"),
        "{line:?}"
    );
}

#[test]
fn a_closed_pipe_ends_it_silently() {
    let guest = shared();
    let script = r#"set -o pipefail; "$1" -c qemu:///system ps "$2" | head -n 1"#;
    let output =
        Command::new("bash").args(["-c", script, "bash", NFM, guest.domain()]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);

    // Nobody reads at all.
    let mut child = Command::new(NFM)
        .args(["-c", "qemu:///system", "crawl", guest.domain(), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
}
