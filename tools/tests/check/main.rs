//! `nfm check`: an untouched guest has no finding, at rest and under load; what is done to its kernel from
//! outside, as a rootkit would from inside, is found, by name.

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
    let output = in_time(&guest, "0.001", &[]);
    assert_eq!(output.status.code(), Some(UNDECIDED), "{}", text(&output));
    assert!(text(&output).contains("the time limit is reached"), "{}", text(&output));

    traced(kernel, &guest, &mut domain);
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

/// The kernel's own writes over functions, and its own hooks, are no finding: ftrace on every system call, probes on
/// ftrace's places, beside them (jumps, once they are optimised), and two at one place.
fn traced(kernel: &str, guest: &Guest, domain: &mut Domain) {
    guest.ask(
        "mkdir -p /tmp/tracing && mount -t tracefs none /tmp/tracing && cd /tmp/tracing && \
         for probe in p:a p:b; do echo $probe __x64_sys_quotactl >>kprobe_events; done && \
         echo r:c __x64_sys_openat >>kprobe_events && \
         for at in 4 5 9 13; do echo p:d$at __x64_sys_umount+$at >>kprobe_events; done 2>/dev/null; \
         echo 1 >events/kprobes/enable && echo '__x64_sys_*' >set_ftrace_filter && \
         echo function >current_tracer && sleep 1",
    );
    let integrity = clean(&format!("{kernel} traced"), domain, 20);
    assert!(examined(&integrity, "functions that ftrace calls") >= 2, "{integrity:#?}");
    // Four handlers of plain probes at least, and two of the one that is of a return.
    assert!(examined(&integrity, "functions that kprobes call") >= 6, "{integrity:#?}");
    guest.ask(
        "cd /tmp/tracing && echo nop >current_tracer && echo >set_ftrace_filter && \
         echo 0 >events/kprobes/enable && echo >kprobe_events && cd / && umount /tmp/tracing",
    );
}

fn examined(integrity: &Integrity, name: &str) -> u64 {
    let check = integrity.checks.iter().find(|check| check.name == name);
    check.unwrap_or_else(|| panic!("{name} was not checked")).examined
}

fn open(guest: &Guest) -> Domain {
    Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain")
}

/// `nfm check` of a guest. On a machine that does much else a second may be over before all was looked at; a list
/// without end uses up all the time that there is.
fn nfm(guest: &Guest, options: &[&str]) -> Output {
    in_time(guest, "5", options)
}

fn in_time(guest: &Guest, seconds: &str, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nfm"))
        .args(["-c", "qemu:///system", "check", guest.domain(), "--time-limit", seconds])
        .args(options)
        .output()
        .expect("nfm")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Checks again and again: there must be no finding, and nothing that could not be read.
fn clean(title: &str, domain: &mut Domain, checks: usize) -> Integrity {
    let mut options = CrawlOptions::sections(&[Section::Integrity]);
    options.time_limit = std::time::Duration::from_secs(20);
    let mut retries = 0;
    let mut last = Integrity::default();
    for round in 0..checks {
        let frame = domain.crawl(&options).expect("a frame");
        let integrity: Integrity = frame.integrity.expect("the section");
        assert_eq!(integrity.findings(), 0, "{title}, check {round}: {integrity:#?}");
        assert!(frame.consistency.complete, "{title}: {:?}", frame.consistency.problems);
        retries += frame.consistency.retries;
        for check in &integrity.checks {
            assert_ne!(check.outcome, CheckOutcome::Failed, "{title}: {check:?}");
        }
        let examined = |name| examined(&integrity, name);
        assert!(examined("processes in the task list") > 30);
        assert!(examined("processes in the PID tables") > 30);
        assert!(examined("processes in the run queues") > 0);
        assert!(examined("modules in the tree of module memory") > 3);
        assert!(examined("modules in /sys/module") > 3);
        assert!(examined("system calls") > 400);
        assert!(examined("interrupt gates") > 200);
        assert!(examined("tables of operations") > 50);
        assert!(examined("credentials") > 20);
        last = integrity;
    }
    println!("{title}: {checks} checks without a finding, {retries} second looks");
    last
}
