//! What crawling costs the guest: `make bench-overhead`, as the talk measured it. In the guest a web
//! server answers requests, and a task computes; each does the same work again and again, while full
//! frames are taken 10 or 100 times a second, and in between without. The vCPU has one core of the host
//! for itself, nfm another. The same is done with a loop in nfm's place that keeps its core as busy and looks at no
//! memory: what that costs the guest, two cores of one machine cost each other.
//!
//! Needs a machine with at least two cores that does nothing else. The argument `private` or `shared` measures
//! a guest with that kind of memory alone.

mod support;

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, OpenOptions, Rate};
use rustix::thread::{CpuSet, sched_setaffinity};
use support::{Guest, if_time, median, percentile};

/// Pairs of each rate and task, and how few will do to see that it works.
const PAIRS: [usize; 2] = [10, 2];
const HERTZ: [u32; 2] = [10, 100];
/// How long the work of one run is to take.
const RUN: Duration = Duration::from_millis(2500);
const GUESTS_CORE: usize = 0;
const OUR_CORE: usize = 1;

/// Work of a size, as a shell command for the guest.
struct Task {
    name: &'static str,
    command: fn(u64) -> String,
    first_size: u64,
}

const TASKS: [Task; 2] = [
    Task {
        name: "a web server under load",
        command: |size| {
            format!(
                "i=0; while [ $i -lt {size} ]; do \
                 wget -q -O /dev/null http://127.0.0.1:8090/page || exit 1; i=$((i+1)); done"
            )
        },
        first_size: 20,
    },
    Task {
        name: "a task that computes",
        command: |size| format!("awk 'BEGIN {{ for (i = 0; i < {size}; i++) sum += i * i }}'"),
        first_size: 100_000,
    },
];

fn main() {
    if !support::is_run() {
        return;
    }
    let wanted = support::arguments();
    let kinds = [("private", "private"), ("shared", "memfd")];
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    for (name, backing) in kinds.into_iter().filter(|(name, _)| is_wanted(name)) {
        let guest = Guest::start(&format!("overhead-{name}"), &["--backing", backing]);
        let pinned = Command::new("taskset")
            .args(["-a", "-c", "-p", &GUESTS_CORE.to_string(), &guest.pid().to_string()])
            .output();
        assert!(pinned.is_ok_and(|done| done.status.success()), "taskset (util-linux)");
        guest.ask(
            "mkdir -p /tmp/www; head -c 20000 /dev/zero >/tmp/www/page; \
             httpd -p 127.0.0.1:8090 -h /tmp/www",
        );
        println!("\n{name} memory: {}, 6.1, 512 MiB, 1 vCPU on core {GUESTS_CORE}", guest.name);
        println!(
            "{:<26}{:<8}{:>4}{:>10}{:>12}{:>22}{:>12}",
            "task", "beside", "Hz", "got Hz", "overhead %", "10 – 90 % of pairs", "its CPU %"
        );
        for task in &TASKS {
            let size = calibrated(&guest, task);
            for hertz in HERTZ {
                let frame = pairs(&guest, task, size, hertz, Beside::Nfm);
                pairs(&guest, task, size, hertz, Beside::Loop(frame));
            }
        }
    }
}

/// How long the guest takes for work of this size.
fn run(guest: &Guest, task: &Task, size: u64) -> f64 {
    let begun = Instant::now();
    guest.ask(&(task.command)(size));
    begun.elapsed().as_secs_f64()
}

/// The size of work that takes about as long as a run shall.
fn calibrated(guest: &Guest, task: &Task) -> u64 {
    let mut size = task.first_size;
    loop {
        let took = run(guest, task, size);
        if took > RUN.as_secs_f64() / 3.0 {
            return (size as f64 * RUN.as_secs_f64() / took) as u64;
        }
        size *= 2;
    }
}

/// What runs on the other core.
#[derive(Clone, Copy)]
enum Beside {
    /// Full frames.
    Nfm,
    /// A loop, each time as long as a frame takes.
    Loop(Duration),
}

/// Runs without and with the other in turn; each with is held against the two without beside it. Gives the CPU time
/// that the other took each time.
fn pairs(guest: &Guest, task: &Task, size: u64, hertz: u32, beside: Beside) -> Duration {
    let mut overheads = Vec::new();
    let (mut frames, mut share, mut each) = (0.0, 0.0, 0.0);
    let mut before = run(guest, task, size);
    let count = if_time(PAIRS[0], PAIRS[1]);
    for _ in 0..count {
        let ((with, cpu), taken) = accompanied(guest, hertz, beside, || run(guest, task, size));
        let after = run(guest, task, size);
        overheads.push(100.0 * (with / ((before + after) / 2.0) - 1.0));
        frames += taken as f64 / with;
        share += 100.0 * cpu / with;
        each += cpu / taken.max(1) as f64 / count as f64;
        before = after;
    }
    let spread = format!("{:.2} – {:.2}", percentile(&overheads, 10), percentile(&overheads, 90));
    println!(
        "{:<26}{:<8}{hertz:>4}{:>10.1}{:>12.2}{spread:>22}{:>12.1}",
        task.name,
        if matches!(beside, Beside::Nfm) { "nfm" } else { "a loop" },
        frames / count as f64,
        median(&overheads),
        share / count as f64,
    );
    Duration::from_secs_f64(each)
}

/// Takes frames or loops at a rate while something runs; gives its result with the CPU time of that, and how often
/// it was.
fn accompanied(
    guest: &Guest,
    hertz: u32,
    beside: Beside,
    meanwhile: impl FnOnce() -> f64,
) -> ((f64, f64), u64) {
    let (stop, taken) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let crawler = scope.spawn(|| {
            let mut core = CpuSet::new();
            core.set(OUR_CORE);
            sched_setaffinity(None, &core).expect("a second core");
            let mut domain = Domain::open(&guest.name, &OpenOptions::default()).expect("it opens");
            let options = CrawlOptions::default();
            let mut once = || match beside {
                Beside::Nfm => drop(domain.crawl(&options).expect("a frame")),
                Beside::Loop(time) => spin(time),
            };
            once();
            let cpu = support::thread_time();
            let mut rate = Rate::new(Duration::from_secs(1) / hertz);
            while !stop.load(Ordering::Relaxed) {
                once();
                taken.fetch_add(1, Ordering::Relaxed);
                rate.wait();
            }
            (support::thread_time() - cpu).as_secs_f64()
        });
        // Until frames come.
        while taken.load(Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let first = taken.load(Ordering::Relaxed);
        let took = meanwhile();
        let last = taken.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        let cpu = crawler.join().expect("the crawler");
        ((took, cpu), last - first)
    })
}

/// Computes for so long.
fn spin(time: Duration) {
    let begun = Instant::now();
    let mut sum = 0_u64;
    while begun.elapsed() < time {
        for step in 0..500 {
            sum = std::hint::black_box(
                sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step),
            );
        }
    }
}
