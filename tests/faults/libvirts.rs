//! Faults of libvirt, and changes that libvirt makes to guests: its daemon ends and starts anew, a guest migrates to
//! another host.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::OwnLibvirt;
use nfm::{CrawlOptions, Domain, ErrorCode, Mode, OpenOptions, Section};

use crate::{crawl, expect_gone, holdings, open_at, whole, with_pid};

/// The processes by which a guest is known, kernel threads left out.
fn people(frame: &nfm::Frame) -> Vec<(u32, Option<nfm::Text>, Option<u64>)> {
    let rows = frame.processes.as_ref().expect("processes");
    let people = rows.iter().filter(|process| process.kernel_thread == Some(false));
    people.map(|process| (process.pid, process.name.clone(), process.start_time_ns)).collect()
}

fn paused() -> CrawlOptions {
    let mut options = lab::patient();
    options.mode = Mode::Paused;
    options
}

/// libvirt's daemon ends, by itself and killed, and is started anew while a handle is open. The guest runs
/// on, and whoever has it open reads on; what only libvirt knows is named.
#[test]
fn libvirtd_restarted() {
    let Some(mut libvirt) = OwnLibvirt::start("nfm-restarts") else { return };
    let guest = libvirt.guest("libvirtd");
    let mut options = OpenOptions::default();
    options.uri = Some(libvirt.uri());
    let mut domain = Domain::open(&guest, &options).expect("an open domain");
    let before = people(&whole(&mut domain));
    for signal in ["TERM", "KILL"] {
        libvirt.stop_daemon(signal);
        let error = Domain::open(&guest, &options).err().map(|error| error.code());
        assert_eq!(error, Some(ErrorCode::Connect), "nobody answers");
        for _ in 0..3 {
            let frame = crawl(&mut domain).expect("a frame without libvirt");
            let problems = &frame.consistency.problems;
            assert!(problems.iter().all(|problem| problem.section == "host"), "{problems:?}");
            assert!(!problems.is_empty(), "the state is libvirt's to tell: {:?}", frame.host);
            assert_eq!(frame.host.as_ref().and_then(|host| host.state.clone()), None);
            assert_eq!(people(&frame), before);
        }
        let error = domain.crawl(&paused()).expect_err("nobody can suspend it");
        assert_eq!(error.code(), ErrorCode::Connect, "{error}");

        libvirt.start_daemon();
        assert_eq!(libvirt.state(&guest).as_deref(), Some("running"));
        let after = whole(&mut domain);
        assert_eq!(after.host.as_ref().and_then(|host| host.state.clone()), Some("running".into()));
        assert_eq!(people(&after), before);
        assert!(Domain::open(&guest, &options).is_ok());
        assert!(domain.crawl(&paused()).expect("a frame").consistency.complete);
        assert_eq!(libvirt.state(&guest).as_deref(), Some("running"));
    }
}

/// The daemon is killed while a guest is suspended for a frame: the guest runs on once somebody answers.
#[test]
fn libvirtd_killed_while_a_guest_is_held() {
    let Some(mut libvirt) = OwnLibvirt::start("nfm-holds") else { return };
    let guest = libvirt.guest("held");
    let mut domain = open_at(&guest, &libvirt.uri()).expect("an open domain");
    whole(&mut domain);
    let mut was_held = false;
    for _ in 0..20 {
        let mut handle = domain;
        let frame = std::thread::spawn(move || {
            // All sections: the guest is held for long enough to be met so.
            let mut options = CrawlOptions::sections(&Section::ALL);
            (options.mode, options.threads, options.physical) = (Mode::Paused, true, true);
            options.time_limit = Duration::from_secs(20);
            let taken = handle.crawl(&options);
            (handle, taken.map(|frame| frame.consistency.complete))
        });
        while !frame.is_finished() && !libvirt.noted_paused(&guest) {}
        libvirt.stop_daemon("KILL");
        let held = libvirt.noted_paused(&guest);
        libvirt.start_daemon();
        let taken = frame.join().expect("no panic");
        domain = taken.0;
        assert_eq!(libvirt.state(&guest).as_deref(), Some("running"), "{:?}", taken.1);
        whole(&mut domain);
        was_held |= held;
        if was_held {
            return;
        }
    }
    panic!("no frame took long enough to be met");
}

/// A guest migrates to another host while frames of it are taken: the handle is told so, and sees neither the
/// guest that runs elsewhere now nor whoever has its pid.
#[test]
fn migrated_away() {
    let Some(mut here) = OwnLibvirt::start("nfm-here") else { return };
    let Some(there) = OwnLibvirt::start("nfm-there") else { return };
    let guest = here.guest("migrates");
    let descriptors = holdings().0;
    let mut domain = open_at(&guest, &here.uri()).expect("an open domain");
    let before = whole(&mut domain);
    let pid = domain.findings().pid.and_then(|pid| u32::try_from(pid).ok()).expect("its pid");

    let (from, to) = (here.uri(), there.uri());
    // Nobody else here is asked for this port; the address is this host's own.
    let way = format!("tcp://127.0.0.1:{}", 49152 + std::process::id() % 16000);
    let mut leaving = Command::new("timeout")
        .args(["200", "virsh", "-q", "-c", &from, "migrate", "--live", &guest, &to])
        .args(["--migrateuri", &way, "--listen-address", "127.0.0.1"])
        .stdin(Stdio::null())
        .spawn()
        .expect("virsh");
    let (begun, mut frames) = (Instant::now(), 0);
    let error = loop {
        match crawl(&mut domain) {
            Ok(frame) => {
                let problems = &frame.consistency.problems;
                assert!(problems.iter().all(|problem| problem.section == "host"), "{problems:?}");
                assert_eq!(people(&frame), people(&before));
                frames += 1;
            }
            Err(error) => break error,
        }
        let failed = leaving.try_wait().expect("its end").is_some_and(|status| !status.success());
        assert!(!failed && begun.elapsed() < Duration::from_secs(200), "it did not migrate");
    };
    println!("{frames} frames while it migrated in {:.1?}, then: {error}", begun.elapsed());
    assert!(leaving.wait().is_ok_and(|status| status.success()));
    assert!(frames > 0);
    assert_eq!(error.code(), ErrorCode::Gone, "{error}");
    expect_gone(&mut domain, &guest);
    let code = |uri: &str| open_at(&guest, uri).err().map(|error| error.code());
    assert_eq!(code(&from), Some(ErrorCode::NoSuchDomain));

    // It runs on there, as it was.
    let mut arrived = open_at(&guest, &to).expect("the guest there");
    let after = whole(&mut arrived);
    assert_eq!(people(&after), people(&before));
    assert_ne!(arrived.findings().pid, domain.findings().pid);
    match with_pid(pid) {
        Some(mut other) => {
            let error = crawl(&mut domain).expect_err("another process is no guest");
            let found = code(&from);
            let _ = other.kill();
            let _ = other.wait();
            assert_eq!(error.code(), ErrorCode::Gone, "{error}");
            assert_eq!(found, Some(ErrorCode::NoSuchDomain));
        }
        None => println!("NOT TESTED: the pid {pid} could not be had again on this machine"),
    }
    drop((domain, arrived));
    assert!(holdings().0 <= descriptors, "descriptors are left open");
}
