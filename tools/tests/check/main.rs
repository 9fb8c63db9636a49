//! `nfm check`: an untouched guest has no finding, at rest and under load; what is done to its kernel from
//! outside, as a rootkit would from inside, is found, by name.

#[path = "../../../tests/lab/mod.rs"]
mod lab;
#[path = "../../../tests/lab/write.rs"]
mod write;

mod cases;
mod tamper;

use std::process::{Command, Output};

use nfm::{CheckOutcome, CrawlOptions, Domain, Integrity, OpenOptions, Section};

use lab::Guest;

/// Checks in a row that must find nothing, at rest and under load.
const CHECKS: usize = 200;
const FINDINGS: i32 = 20;
const UNDECIDED: i32 = 21;

#[test]
fn linux_5_10() {
    linux("5.10", &["--kernel", "5.10"]);
}

#[test]
fn linux_6_1() {
    linux("6.1", &["--kernel", "6.1", "--vcpus", "2"]);
}

#[test]
fn linux_6_12() {
    linux("6.12", &["--kernel", "6.12"]);
}

/// Page tables of five levels.
#[test]
fn linux_7_2() {
    linux("7.2", &["--kernel", "7.2", "--cpu", "max"]);
}

/// A distribution as it is installed.
#[test]
fn debian_with_systemd() {
    let guest = lab::guest("oracle-Debian-bookworm-with-systemd", &["--kind", "debian"]);
    let mut domain = open(&guest);
    clean("Debian", &mut domain, CHECKS);
}

fn linux(kernel: &str, options: &[&str]) {
    let guest = lab::own_guest(&format!("check-{kernel}"), options);
    let mut domain = open(&guest);
    clean(&format!("{kernel} at rest"), &mut domain, CHECKS);
    let output = nfm(&guest, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains(": no finding\n"), "{}", text(&output));
    assert!(text(&output).contains("not checked  "), "{}", text(&output));

    tamper::tamper(&guest);

    clean(&format!("{kernel} put back"), &mut domain, 1);
    guest.ask("churn >/dev/null 2>&1 & while [ ! -s /tmp/churned ]; do sleep 0.1; done; sleep 1");
    let births = || {
        let counts = guest.ask("od -A n -t u8 -N 8 /tmp/churned");
        counts.trim().parse::<u64>().expect("a number")
    };
    let before = births();
    clean(&format!("{kernel} under load"), &mut domain, CHECKS);
    println!("{kernel}: {} births meanwhile", births() - before);
    assert!(births() > before + 100, "the guest was under no load");
}

fn open(guest: &Guest) -> Domain {
    Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain")
}

fn nfm(guest: &Guest, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nfm"))
        .args(["-c", "qemu:///system", "check", guest.domain()])
        .args(options)
        .output()
        .expect("nfm")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Checks again and again: there must be no finding, and nothing that could not be read.
fn clean(title: &str, domain: &mut Domain, checks: usize) {
    let options = CrawlOptions::sections(&[Section::Integrity]);
    let mut retries = 0;
    for round in 0..checks {
        let frame = domain.crawl(&options).expect("a frame");
        let integrity: Integrity = frame.integrity.expect("the section");
        assert_eq!(integrity.findings(), 0, "{title}, check {round}: {integrity:#?}");
        assert!(frame.consistency.complete, "{title}: {:?}", frame.consistency.problems);
        retries += frame.consistency.retries;
        for check in &integrity.checks {
            assert_ne!(check.outcome, CheckOutcome::Failed, "{title}: {check:?}");
        }
        let examined = |name: &str| {
            let check = integrity.checks.iter().find(|check| check.name == name);
            check.unwrap_or_else(|| panic!("{name} was not checked")).examined
        };
        assert!(examined("processes in the task list") > 60);
        assert!(examined("processes in the PID tables") > 60);
        assert!(examined("processes in the run queues") > 0);
        assert!(examined("modules in the tree of module memory") > 3);
        assert!(examined("modules in /sys/module") > 3);
        assert!(examined("system calls") > 400);
        assert!(examined("interrupt gates") > 200);
        assert!(examined("tables of operations") > 50);
        assert!(examined("credentials") > 60);
    }
    println!("{title}: {checks} checks without a finding, {retries} second looks");
}
