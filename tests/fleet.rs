//! Guests that are followed: they start, restart, fail, end, and others go on meanwhile.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use nfm::{ErrorCode, FleetEvent, FollowOptions, Section, follow};

/// An emulated guest on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    New,
    Frame(u64),
    Restarted,
    Failed(ErrorCode, bool),
    Gone,
}

/// The events of each domain, in order.
#[derive(Default)]
struct Told {
    events: Mutex<BTreeMap<String, Vec<Seen>>>,
    changed: Condvar,
}

impl Told {
    fn add(&self, domain: &str, seen: Seen) {
        self.events.lock().unwrap().entry(domain.to_owned()).or_default().push(seen);
        self.changed.notify_all();
    }

    fn of(&self, domain: &str) -> Vec<Seen> {
        self.events.lock().unwrap().get(domain).cloned().unwrap_or_default()
    }

    /// Waits until something was told of a domain, behind its first `after` events; gives how many there are then.
    fn wait(&self, domain: &str, after: usize, what: &str, is: impl Fn(&Seen) -> bool) -> usize {
        let end = Instant::now() + PATIENCE;
        let mut events = self.events.lock().unwrap();
        loop {
            let of = events.get(domain).map(Vec::as_slice).unwrap_or_default();
            if let Some(place) = of.iter().skip(after).position(&is) {
                return after + place + 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{domain}: no {what} behind {after} of {of:?}");
            events = self.changed.wait_timeout(events, left).unwrap().0;
        }
    }
}

#[test]
fn guests_are_followed_as_they_start_restart_fail_and_end() {
    let own = format!("-{}", std::process::id());
    let (told, stop) = (Told::default(), AtomicBool::new(false));
    let lasting = lab::own_guest("fleet-lasts", &[]);
    let mut options = FollowOptions::default();
    options.open.uri = Some("qemu:///system".to_owned());
    options.crawl.sections = vec![Section::Os];
    options.period = Duration::from_millis(200);
    options.listing_period = Duration::from_millis(500);
    std::thread::scope(|scope| {
        let following = scope.spawn(|| {
            let chosen = |name: &str| name.contains("fleet-") && name.ends_with(&own);
            follow(
                &options,
                |domain| chosen(&domain.name),
                |event| {
                    match event {
                        FleetEvent::New { domain } => told.add(&domain.name, Seen::New),
                        FleetEvent::Frame { domain, frame, restarted } => {
                            if restarted {
                                told.add(&domain.name, Seen::Restarted);
                            }
                            told.add(&domain.name, Seen::Frame(frame.seq));
                        }
                        FleetEvent::Failed { domain, error, repeated, .. } => {
                            told.add(&domain.name, Seen::Failed(error.code(), repeated));
                        }
                        FleetEvent::Gone { domain } => told.add(&domain.name, Seen::Gone),
                        other => panic!("{other:?}"),
                    }
                    match stop.load(Ordering::Relaxed) {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    }
                },
            )
        });
        let steps = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            steps(&told, lasting.domain(), &own);
        }));
        stop.store(true, Ordering::Relaxed);
        following.join().expect("no panic").expect("libvirt was there");
        if let Err(panic) = steps {
            std::panic::resume_unwind(panic);
        }
    });
    // Through all of that, one after another.
    let events = told.of(lasting.domain());
    let frames = events.iter().skip(1).enumerate();
    for (index, seen) in frames {
        assert_eq!(*seen, Seen::Frame(index as u64 + 1), "{events:?}");
    }
    assert_eq!(events[0], Seen::New);
}

fn steps(told: &Told, lasting: &str, own: &str) {
    let is_frame = |seen: &Seen| matches!(seen, Seen::Frame(_));
    told.wait(lasting, 0, "frame", is_frame);

    // One that starts, restarts and ends.
    let guest = lab::own_guest("fleet-restarts", &["--on-reboot", "restart"]);
    let name = guest.domain().to_owned();
    let first = told.wait(&name, 0, "frame", is_frame);
    let early = told.of(&name);
    let opened = early.iter().position(|seen| *seen == Seen::New).expect("an event");
    assert!(opened < first, "{early:?}");
    lab::virsh(&["reset", &name]).expect("a reset");
    let restarted = told.wait(&name, first, "restart", |seen| *seen == Seen::Restarted);
    drop(guest);
    told.wait(&name, restarted, "end", |seen| *seen == Seen::Gone);
    assert_eq!(told.of(&name).iter().filter(|seen| **seen == Seen::New).count(), 1);

    // One in which nothing boots: told once, then as a repetition, until it ends.
    let name = format!("nfm-test-fleet-empty{own}");
    let xml = std::env::temp_dir().join(format!("{name}.xml"));
    let machine = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
    );
    std::fs::write(&xml, machine).expect("its definition");
    let created = lab::virsh(&["create", &xml.display().to_string()]);
    let _ = std::fs::remove_file(&xml);
    created.expect("a machine");
    let not_booted =
        |repeated| move |seen: &Seen| *seen == Seen::Failed(ErrorCode::NotBooted, repeated);
    let first = told.wait(&name, 0, "failure", not_booted(false));
    let second = told.wait(&name, first, "second failure", not_booted(true));
    lab::virsh(&["destroy", &name]).expect("its end");
    told.wait(&name, second, "end", |seen| *seen == Seen::Gone);
}
