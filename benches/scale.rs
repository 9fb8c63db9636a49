//! How time grows with the guest: `make bench-scale`. Time of a frame against the number of processes,
//! and of opening against guest RAM; both are drawn into `docs/`.
//!
//! Frames are taken one after the other, so that what a small guest's take lies in the CPU's caches, and what a
//! large one's take cannot; and again with the caches filled with other things before each frame, as they are
//! where frames are taken now and then. The floor, one batched read of all of the pages, is taken in that state.

mod support;

use std::fs;

use nfm::{CrawlOptions, Domain, OpenOptions, Section};
use support::plot::{Line, Plot};
use support::{Guest, Times, if_time, median, spread};

const PROCESSES: [usize; 7] = [50, 100, 250, 500, 1000, 2000, 5000];
/// MiB of guest RAM.
const RAM: [u64; 7] = [256, 512, 1024, 2048, 4096, 8192, 16384];
const OPENINGS: usize = 15;
const FLOORS: usize = 9;
/// Bytes that drive all else out of the CPU's caches.
const OTHER_THINGS: usize = 64 << 20;

fn main() {
    if !support::is_run() {
        return;
    }
    let wanted = support::arguments();
    let is_wanted = |name| wanted.is_empty() || wanted.iter().any(|one| one == name);
    if is_wanted("processes") {
        processes();
    }
    if is_wanted("ram") {
        ram();
    }
}

/// Frames of guests with more and more processes, of both kinds of memory.
fn processes() {
    let mut lines = Vec::new();
    for (name, backing) in [("private", "private"), ("shared", "memfd")] {
        let memory = ["--memory", "2048", "--backing", backing];
        let guest = Guest::start(&format!("scale-{name}"), &memory);
        println!("\n{name} memory: all sections but log and host");
        println!(
            "{:>10}{:>10}{:>20}{:>10}{:>12}{:>20}{:>10}{:>12}{:>10}",
            "processes",
            "ms",
            "spread",
            "µs each",
            "cold ms",
            "spread",
            "µs each",
            "floor ms",
            "µs each"
        );
        let mut domain = Domain::open(&guest.name, &OpenOptions::default()).expect("it opens");
        let mut points = [Vec::new(), Vec::new()];
        let mut at_100 = None;
        for wanted in PROCESSES.into_iter().take(if_time(7, 3)) {
            let count = grow(&guest, &mut domain, wanted);
            let times = [frames(&mut domain, false), frames(&mut domain, true)];
            let floor = floor(&mut domain);
            let [warm, cold] = times.each_ref().map(|times| median(&times.wall));
            let (ms, per_process) = ([warm, cold], |ms: f64| ms * 1e3 / count as f64);
            let (each, floor_each) = (ms.map(per_process), per_process(floor));
            print!("{count:>10}");
            for ((times, (ms, each)), wide) in times.iter().zip(ms.iter().zip(each)).zip([10, 12]) {
                print!("{ms:>wide$.3}{:>20}{each:>10.2}", spread(&times.wall));
            }
            println!("{floor:>12.3}{floor_each:>10.2}");
            if at_100.is_none() && count >= 100 {
                at_100 = Some((each, floor_each));
            }
            for (points, ms) in points.iter_mut().zip(ms) {
                // The lab's own processes are more than the least that is asked for.
                if points.last().is_none_or(|(last, _)| *last < count as f64) {
                    points.push((count as f64, ms));
                }
            }
            if let (Some((base, base_floor)), true) = (at_100, count >= 4000) {
                println!(
                    "per process, against about 100 processes: {:.2} times, cold {:.2} times; the floor {:.2} times",
                    each[0] / base[0],
                    each[1] / base[1],
                    floor_each / base_floor,
                );
            }
        }
        let [warm, cold] = points;
        lines.push(Line { name: name.to_owned(), points: warm });
        lines.push(Line { name: format!("{name}, cold"), points: cold });
    }
    draw(
        "docs/frame-time.svg",
        &Plot {
            title: "A frame of all sections but log and host",
            x: "processes in the guest",
            y: "milliseconds",
            marks: PROCESSES
                .iter()
                .skip(1)
                .map(|count| (*count as f64, count.to_string()))
                .collect(),
            lines,
        },
    );
}

/// Starts sleeping processes in the guest until there are so many; gives how many there are.
fn grow(guest: &Guest, domain: &mut Domain, wanted: usize) -> usize {
    let options = CrawlOptions::sections(&[Section::Processes]);
    let mut count = || {
        let frame = domain.crawl(&options).expect("a frame");
        frame.processes.map_or(0, |processes| processes.len())
    };
    let mut have = count();
    while have < wanted {
        // In portions, each shorter than the time that an answer may take.
        let more = (wanted - have).min(250);
        guest.ask(&format!(
            "i=0; while [ $i -lt {more} ]; do sleep 1000000 >/dev/null 2>&1 & i=$((i+1)); done"
        ));
        have = count();
    }
    have
}

/// All sections but the log and the host's.
fn options() -> CrawlOptions {
    let left_out = [Section::Log, Section::Host];
    let sections: Vec<Section> =
        Section::defaults().filter(|one| !left_out.contains(one)).collect();
    CrawlOptions::sections(&sections)
}

/// Milliseconds that one batched read of the pages of a frame takes, the CPU's caches filled with other things.
fn floor(domain: &mut Domain) -> f64 {
    domain.crawl(&options()).expect("a frame");
    let mut other_things = vec![0_u8; OTHER_THINGS];
    let floors: Vec<f64> = (0..FLOORS)
        .map(|_| {
            other_things.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            std::hint::black_box(&mut other_things);
            domain.floor().1.as_secs_f64() * 1e3
        })
        .collect();
    median(&floors)
}

fn frames(domain: &mut Domain, cold: bool) -> Times {
    let options = options();
    let mut times = Times::default();
    let mut other_things = vec![0_u8; if cold { OTHER_THINGS } else { 0 }];
    for round in 0..if_time(43, 13) {
        other_things.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        std::hint::black_box(&mut other_things);
        let mut now = Times::default();
        let frame = now.measure(|| domain.crawl(&options)).expect("a frame");
        assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
        // The first ones make room.
        if round >= 3 {
            times.wall.extend(now.wall);
        }
    }
    times
}

/// Opening guests of more and more RAM.
fn ram() {
    println!("\nopening, nothing kept from before");
    println!("{:>10}{:>10}{:>20}{:>10}{:>14}", "MiB", "ms", "spread", "cpu ms", "x 512 MiB");
    let mut points = Vec::new();
    for mib in RAM.into_iter().take(if_time(7, 2)) {
        let guest = Guest::start(&format!("ram{mib}"), &["--memory", &mib.to_string()]);
        let mut times = Times::default();
        for _ in 0..OPENINGS {
            let folder = std::env::temp_dir().join(format!("nfm-bench-{}", std::process::id()));
            // SAFETY: this process has one thread.
            unsafe { std::env::set_var("XDG_CACHE_HOME", &folder) };
            let open = times.measure(|| Domain::open(&guest.name, &OpenOptions::default()));
            open.expect("it opens");
            let _ = fs::remove_dir_all(&folder);
        }
        points.push((mib as f64, median(&times.wall)));
        let base = points.iter().find(|(mib, _)| *mib == 512.0).map_or(f64::NAN, |(_, ms)| *ms);
        println!(
            "{mib:>10}{:>10.2}{:>20}{:>10.2}{:>14.2}",
            median(&times.wall),
            spread(&times.wall),
            median(&times.cpu),
            median(&times.wall) / base,
        );
    }
    let marks = RAM.iter().map(|mib| (*mib as f64, mib.to_string())).collect();
    let lines = vec![Line { name: "nothing supplied, nothing cached".to_owned(), points }];
    draw(
        "docs/open-time.svg",
        &Plot { title: "Opening a guest", x: "MiB of guest RAM", y: "milliseconds", marks, lines },
    );
}

fn draw(path: &str, plot: &Plot) {
    if support::quick() {
        return println!("quick: {path} is left as it is");
    }
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::write(&path, plot.svg()).expect("the plot is written");
    println!("drawn: {path}");
}
