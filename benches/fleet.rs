//! Many guests from one process: `make bench-fleet`. Twenty small guests are crawled, each ten times a
//! second, by a bounded number of threads; printed is what of one core that takes, in all and per guest.

mod support;

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, Fleet, OpenOptions, Section};
use support::{Guest, if_time, median, percentile};

const HERTZ: u32 = 10;
const THREADS: usize = 2;

fn main() {
    if !support::is_run() {
        return;
    }
    let count = if_time(20, 2);
    let guests: Vec<Guest> = (0..count)
        .map(|number| {
            let backing = if number % 2 == 0 { "private" } else { "memfd" };
            Guest::start(&format!("fleet{number}"), &["--memory", "256", "--backing", backing])
        })
        .collect();
    println!(
        "{count} guests, 6.1, 256 MiB, half private and half shared memory, {THREADS} threads"
    );
    for (name, sections) in [
        ("processes", vec![Section::Processes]),
        ("all but log", Section::defaults().filter(|one| *one != Section::Log).collect()),
    ] {
        run(name, &guests, &sections);
    }
}

fn run(name: &str, guests: &[Guest], sections: &[Section]) {
    let open = |guest: &Guest| Domain::open(&guest.name, &OpenOptions::default());
    let mut domains: Vec<Domain> =
        guests.iter().map(|guest| open(guest).expect("the guest opens")).collect();
    let options = CrawlOptions::sections(sections);
    for domain in &mut domains {
        for _ in 0..3 {
            domain.crawl(&options).expect("a frame");
        }
    }
    let frames = Mutex::new(vec![Vec::new(); guests.len()]);
    let (begun, cpu) = (Instant::now(), support::process_time());
    let end = begun + Duration::from_secs(if_time(20, 2));
    Fleet::new(domains, THREADS).run(&options, Duration::from_secs(1) / HERTZ, |index, frame| {
        let frame = frame.expect("the guest lives");
        frames.lock().expect("no thread panicked")[index].push(frame.duration_ns as f64 / 1e6);
        if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let (wall, cpu) = (begun.elapsed(), support::process_time() - cpu);
    let frames = frames.into_inner().expect("no thread panicked");
    let taken: usize = frames.iter().map(Vec::len).sum();
    let share = 100.0 * cpu.as_secs_f64() / wall.as_secs_f64();
    println!("\n{name}: {taken} frames in {:.1} s, {share:.1} % of one core", wall.as_secs_f64());
    println!("{:<32}{:>8}{:>10}{:>10}{:>10}", "guest", "frames", "Hz", "ms", "99 % ms");
    for (guest, times) in guests.iter().zip(&frames) {
        let hertz = times.len() as f64 / wall.as_secs_f64();
        let (middle, late) = (median(times), percentile(times, 99));
        println!("{:<32}{:>8}{hertz:>10.2}{middle:>10.3}{late:>10.3}", guest.name, times.len());
    }
    let each = share / guests.len() as f64;
    println!("a guest: {each:.2} % of one core; a frame: {:.3} ms of CPU time", {
        cpu.as_secs_f64() * 1e3 / taken as f64
    });
}
