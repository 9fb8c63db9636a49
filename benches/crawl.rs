//! What a frame costs: `make bench`, on a live guest of the lab.
//!
//! Prints for opening, for each section and for the whole frame: the median and the spread of the time,
//! the guest pages read and the reads they took. Figures of one run compare with each other only.

use std::process::Command;
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, OpenOptions, Section};

const FRAMES: usize = 200;
const OPENINGS: usize = 20;

fn main() {
    // `cargo test --benches` compiles and calls this too, without `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let guest = Guest::start();
    let domain = guest.name.as_str();
    println!("guest {domain}: 6.1, 512 MiB, 1 vCPU; medians, with the 10th and 90th percentile\n");
    println!("{:<16}{:>10}{:>20}{:>9}{:>9}", "", "ms", "spread", "pages", "reads");
    let mut opening = Vec::new();
    for _ in 0..OPENINGS {
        let begun = Instant::now();
        Domain::open(domain, &OpenOptions::default()).expect("the guest opens");
        opening.push(begun.elapsed());
    }
    line("open", &mut opening, None);
    let mut open = Domain::open(domain, &OpenOptions::default()).expect("the guest opens");
    for section in Section::ALL {
        measure(&mut open, section.name(), &[section]);
    }
    let all_but_host: Vec<Section> =
        Section::DEFAULT.into_iter().filter(|one| *one != Section::Host).collect();
    measure(&mut open, "all but host", &all_but_host);
    measure(&mut open, "all", &Section::DEFAULT);
}

fn measure(domain: &mut Domain, name: &str, sections: &[Section]) {
    let options = CrawlOptions::sections(sections);
    let mut times = Vec::with_capacity(FRAMES);
    for _ in 0..FRAMES {
        let begun = Instant::now();
        domain.crawl(&options).expect("the guest lives");
        times.push(begun.elapsed());
    }
    let cost = domain.statistics();
    line(name, &mut times, Some((cost.pages, cost.batches)));
}

fn line(name: &str, times: &mut [Duration], cost: Option<(u64, u64)>) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let spread = format!("{:.2} – {:.2}", at(10), at(90));
    let (pages, reads) =
        cost.map_or_else(Default::default, |(p, r)| (p.to_string(), r.to_string()));
    println!("{name:<16}{:>10.2}{spread:>20}{pages:>9}{reads:>9}", at(50));
}

/// A guest of the lab, ended when the benchmark ends.
struct Guest {
    name: String,
}

impl Guest {
    const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/guest");

    fn start() -> Self {
        let up = Command::new(Self::LAB).args(["up", "bench"]).output().expect("the lab runs");
        assert!(
            up.status.success(),
            "no guest: run `make bench` (or scripts/with-lab cargo bench)"
        );
        Self { name: String::from_utf8_lossy(&up.stdout).trim().to_owned() }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = Command::new(Self::LAB).args(["down", &self.name]).status();
    }
}
