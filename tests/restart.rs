//! Guests that are restarted while a handle is open: it follows them, and never shows what is left of the
//! kernel before.

#[path = "lab/mod.rs"]
mod lab;

use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, ErrorCode, Frame, OpenOptions, Section};

/// A restart takes seconds; a machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(120);
const SECTIONS: [Section; 3] = [Section::Os, Section::Processes, Section::Modules];

fn crawl(domain: &mut Domain) -> nfm::Result<Frame> {
    domain.crawl(&CrawlOptions::sections(&SECTIONS))
}

/// What makes a frame's boot another's.
fn boot_time(frame: &Frame) -> u64 {
    frame.os.as_ref().and_then(|os| os.boot_time_ns).expect("boot_time_ns")
}

fn up_time(frame: &Frame) -> u64 {
    frame.os.as_ref().and_then(|os| os.uptime_ns).expect("uptime_ns")
}

/// Crawls on while the guest is restarted until it is ready again; every frame is of one boot or of the
/// other. Returns the first frame after it, and how many times there was none.
fn follow(guest: &lab::Guest, domain: &mut Domain, before: &Frame) -> (Frame, usize) {
    let begun = Instant::now();
    let (mut refusals, mut after, mut last_of_old) = (0, None, up_time(before));
    loop {
        assert!(begun.elapsed() < PATIENCE, "no frame of the new boot, {refusals} refusals");
        match crawl(domain) {
            Ok(frame) if boot_time(&frame).abs_diff(boot_time(before)) < 1_000_000_000 => {
                assert!(after.is_none(), "the old boot again");
                assert!(refusals == 0, "the old boot after {refusals} refusals");
                last_of_old = last_of_old.max(up_time(&frame));
            }
            // Early in the boot there are neither all processes nor the time of day.
            Ok(frame) => {
                println!("up {} ms, {refusals} refusals", up_time(&frame) / 1_000_000);
                assert!(up_time(&frame) < 100_000_000_000, "{:?}", frame.os);
                let is_ready = frame
                    .processes
                    .iter()
                    .flatten()
                    .any(|one| one.name.as_deref() == Some("lab-agent"));
                if is_ready && guest.ask("echo ready") == "ready\n" {
                    break after = Some(frame);
                }
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::NotBooted, "{error}");
                if refusals == 0 {
                    println!("{error}")
                }
                refusals += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let frame = after.expect("a frame");
    println!("old boot up to {} ms", last_of_old / 1_000_000);
    (frame, refusals)
}

fn restart_by_reset(name: &str, options: &[&str]) {
    let guest = lab::own_guest(name, &[&["--on-reboot", "restart"], options].concat());
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    let mut before = crawl(&mut domain).expect("a frame");
    for _ in 0..2 {
        guest.ask("mkdir -p /tmp/boot; (exec -a before-the-restart sleep 1000) >/dev/null 2>&1 &");
        assert!(lab::virsh(&["reset", guest.domain()]).is_some(), "virsh reset");
        let (_, refusals) = follow(&guest, &mut domain, &before);
        println!("{refusals} refusals");
        before = crawl(&mut domain).expect("a frame");
    }
}

#[test]
fn a_reset_guest_is_followed() {
    restart_by_reset("reset", &["--kernel", "6.1"]);
}
