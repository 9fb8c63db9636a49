//! The costs of a frame: `make bench`, on live guests of the lab, with private and with shared memory.
//!
//! Prints for opening, for each section and for the whole frame: the median and the spread of the time,
//! CPU time, guest pages, reads and system calls, allocations, and the floor: how long one batched read
//! of the same pages takes. Figures of one run compare with each other only.
//!
//! With the argument `frames` (`make bench-frames`) it takes 100,000 frames through one handle instead and
//! prints how much memory this process has after so many.

mod support;

use nfm::{CrawlOptions, Domain, OpenOptions, Section};
use support::{Guest, Times, allocations, median, spread};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

const OPENINGS: usize = 20;
/// Frames and floors come in turns, as the host's own speed changes from one moment to the next.
const TURNS: usize = 30;
const FRAMES: usize = 10;
const FLOORS: usize = 3;
/// Frames through one handle, and after how many memory is looked at; the first ones make room.
const MANY: [usize; 6] = [100, 1_000, 10_000, 25_000, 50_000, 100_000];

fn main() {
    if !support::is_run() {
        return;
    }
    let wanted = support::arguments();
    if wanted.iter().any(|one| one == "frames") {
        return many_frames();
    }
    for (name, backing) in [("private", "private"), ("shared", "memfd")] {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            let guest = Guest::start(name, &["--backing", backing]);
            println!("\n{name} memory ({backing}): {}, 6.1, 512 MiB, 1 vCPU", guest.name);
            println!(
                "medians, with the 10th and 90th percentile; x floor is of the wall-clock time\n"
            );
            table(&guest.name);
        }
    }
    let (resident, peak) = support::resident();
    println!("\nmemory of this process: {resident} KiB, at most {peak} KiB");
}

/// Shows if a handle that is kept open grows.
fn many_frames() {
    for (name, backing) in [("private", "private"), ("shared", "memfd")] {
        let guest = Guest::start(name, &["--backing", backing]);
        println!("\n{name} memory ({backing}): {}, all sections", guest.name);
        println!("{:>10}{:>16}{:>16}", "frames", "own KiB", "resident KiB");
        let options = CrawlOptions::default();
        let mut domain = Domain::open(&guest.name, &OpenOptions::default()).expect("it opens");
        let mut taken = 0;
        for count in MANY.into_iter().take(support::if_time(MANY.len(), 2)) {
            while taken < count {
                let frame = domain.crawl(&options).expect("the guest lives");
                assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
                taken += 1;
            }
            println!("{count:>10}{:>16}{:>16}", support::own(), support::resident().0);
        }
    }
}

fn table(domain: &str) {
    println!(
        "{:<14}{:>9}{:>18}{:>9}{:>7}{:>7}{:>7}{:>8}{:>9}{:>9}",
        "", "ms", "spread", "cpu ms", "pages", "reads", "calls", "allocs", "floor ms", "x floor"
    );
    let mut times = Times::default();
    let mut allocated = 0;
    for _ in 0..OPENINGS {
        let before = allocations();
        let open = times.measure(|| Domain::open(domain, &OpenOptions::default()));
        allocated = allocations() - before;
        open.expect("the guest opens");
    }
    let (ms, cpu) = (median(&times.wall), median(&times.cpu));
    let allocs = format!("{:>29}", allocated);
    println!("{:<14}{ms:>9.3}{:>18}{cpu:>9.3}{allocs}", "open", spread(&times.wall));
    let mut open = Domain::open(domain, &OpenOptions::default()).expect("the guest opens");
    for section in Section::ALL {
        line(&mut open, section.name(), &[section]);
    }
    let without = |left_out: &[Section]| -> Vec<Section> {
        Section::defaults().filter(|one| !left_out.contains(one)).collect()
    };
    line(&mut open, "but log, host", &without(&[Section::Log, Section::Host]));
    line(&mut open, "but log", &without(&[Section::Log]));
    line(&mut open, "all", &Section::defaults().collect::<Vec<_>>());
}

fn line(domain: &mut Domain, name: &str, sections: &[Section]) {
    let options = CrawlOptions::sections(sections);
    let mut times = Times::default();
    let (mut allocated, mut cost) = (0, domain.statistics());
    let mut floors = Vec::new();
    for _ in 0..TURNS {
        for _ in 0..FRAMES {
            let before = allocations();
            let frame = times.measure(|| domain.crawl(&options)).expect("the guest lives");
            allocated = allocations() - before;
            assert!(frame.consistency.complete, "{name}: {:?}", frame.consistency.problems);
        }
        cost = domain.statistics();
        for _ in 0..FLOORS {
            floors.push(domain.floor().1.as_secs_f64() * 1e3);
        }
    }
    let (ms, cpu, floor) = (median(&times.wall), median(&times.cpu), median(&floors));
    println!(
        "{name:<14}{ms:>9.3}{:>18}{cpu:>9.3}{:>7}{:>7}{:>7}{allocated:>8}{floor:>9.3}{:>9.1}",
        spread(&times.wall),
        cost.pages,
        cost.batches,
        cost.system_calls,
        ms / floor,
    );
}
