//! The gain of each optimization: `make bench-tricks`. The table of `docs/measurements/tricks.md` comes from here.
//!
//! Each guest is open twice, with all optimizations and without one of them. Frames of both are taken in turns, and the
//! CPU time of a turn is held against that of its neighbour: the host's own speed changes from one moment to the next,
//! their ratio does not. Guests are suspended, so that all frames read the same.

mod support;

use std::process::Command;

use nfm::{CrawlOptions, Domain, OpenOptions, Optimizations, Section};
use support::{Guest, Times, if_time, percentile};

/// Pairs of turns for each optimization and setting.
const PAIRS: usize = 60;
/// Processes of the large guest.
const PROCESSES: usize = 5000;
/// Guests of the fleet, half of them with private and half with shared memory.
const FLEET: usize = 20;

/// An optimization, and the switch that turns it off.
type Trick = (&'static str, fn(&mut Optimizations));

const TRICKS: [Trick; 5] = [
    ("CPU prefetch", |all| all.cpu_prefetch = false),
    ("partial reads", |all| all.partial_reads = false),
    ("page pool", |all| all.page_pool = false),
    ("sleeper cache", |all| all.sleeper_cache = false),
    ("translation cache", |all| all.translation_cache = false),
];

fn main() {
    if !support::is_run() {
        return;
    }
    let wanted = support::arguments();
    let is_wanted = |name| wanted.is_empty() || wanted.iter().any(|one| one == name);
    println!(
        "CPU time that a frame of all sections but the log takes more without it, in percent: \
         median of {} pairs of turns (10th to 90th percentile)",
        if_time(PAIRS, 3)
    );
    for backing in ["private", "memfd"] {
        if is_wanted("reference") {
            let guest = Guest::start(&format!("tricks-{backing}"), &["--backing", backing]);
            measure(&format!("reference guest, {backing}"), &[guest], 20);
        }
    }
    if is_wanted("fleet") {
        let guests: Vec<Guest> = (0..if_time(FLEET, 2))
            .map(|number| {
                let backing = if number % 2 == 0 { "private" } else { "memfd" };
                Guest::start(&format!("tricks{number}"), &["--memory", "256", "--backing", backing])
            })
            .collect();
        measure(&format!("fleet of {}", guests.len()), &guests, 1);
    }
    for backing in ["private", "memfd"] {
        if is_wanted("processes") {
            let memory = ["--memory", "2048", "--backing", backing];
            let guest = Guest::start(&format!("tricks-large-{backing}"), &memory);
            grow(&guest, if_time(PROCESSES, 250));
            measure(&format!("{PROCESSES} processes, {backing}"), &[guest], 1);
        }
    }
}

/// Starts sleeping processes in the guest.
fn grow(guest: &Guest, count: usize) {
    // In portions, each shorter than the time that an answer may take.
    for _ in 0..count / 250 {
        guest.ask("i=0; while [ $i -lt 250 ]; do sleep 1000000 >/dev/null 2>&1 & i=$((i+1)); done");
    }
}

/// Prints the gain of each optimization, over so many frames of each guest in a turn.
fn measure(setting: &str, guests: &[Guest], frames: usize) {
    println!("\n{setting}");
    for guest in guests {
        virsh("suspend", guest);
    }
    for (name, turn_off) in TRICKS {
        let mut optimizations = Optimizations::default();
        let mut with = open(guests, optimizations);
        turn_off(&mut optimizations);
        let mut without = open(guests, optimizations);
        // The first frames of a handle learn what the next ones read ahead.
        for _ in 0..3 {
            turn(&mut with, 1);
            turn(&mut without, 1);
        }
        let mut more = Vec::new();
        for pair in 0..if_time(PAIRS, 3) {
            let mut times = [0.0; 2];
            // Either goes first as often.
            for which in [pair % 2, 1 - pair % 2] {
                let domains = if which == 0 { &mut with } else { &mut without };
                times[which] = turn(domains, frames);
            }
            more.push(100.0 * (times[1] / times[0] - 1.0));
        }
        let [low, middle, high] = [10, 50, 90].map(|percent| percentile(&more, percent));
        println!("  {name:<20}{middle:>8.1} %  ({low:.1} to {high:.1})");
    }
    for guest in guests {
        virsh("resume", guest);
    }
}

fn open(guests: &[Guest], optimizations: Optimizations) -> Vec<Domain> {
    let mut options = OpenOptions::default();
    options.optimizations = optimizations;
    let open = |guest: &Guest| Domain::open(&guest.name, &options).expect("the guest opens");
    guests.iter().map(open).collect()
}

/// CPU milliseconds of so many frames of each guest.
fn turn(domains: &mut [Domain], frames: usize) -> f64 {
    let sections: Vec<Section> =
        Section::defaults().filter(|section| *section != Section::Log).collect();
    let mut options = CrawlOptions::sections(&sections);
    options.time_limit = std::time::Duration::from_secs(30);
    let mut times = Times::default();
    times.measure(|| {
        for _ in 0..frames {
            for domain in &mut *domains {
                let frame = domain.crawl(&options).expect("the guest lives");
                assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
            }
        }
    });
    times.cpu.iter().sum()
}

fn virsh(verb: &str, guest: &Guest) {
    let done =
        Command::new("virsh").args(["-q", "-c", "qemu:///system", verb, &guest.name]).status();
    assert!(done.is_ok_and(|status| status.success()), "virsh {verb} {}", guest.name);
}
