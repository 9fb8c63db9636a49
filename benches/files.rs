//! The cost of a guest's file: `make bench-files`. Reads 100 MB that the guest caches, by their path and their pages, and
//! for comparison as many bytes of the guest's RAM in one pass. One file was written at once, and mostly lies in one run of
//! RAM; one was written together with another, and its pages are scattered. Figures of one run compare with each other
//! only.

mod support;

use std::path::Path;
use std::time::Instant;

use nfm::{Domain, GuestFiles, GuestMemory, OpenOptions};
use support::{Guest, median, spread};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

const BYTES: usize = 100_000_000;
/// The two come in turns, as the host's own speed changes from one moment to the next.
const TURNS: usize = 15;

fn main() {
    if !support::is_run() {
        return;
    }
    for (name, backing) in [("private", "private"), ("shared", "memfd")] {
        let guest = Guest::start(name, &["--backing", backing, "--memory", "768"]);
        guest.ask(&format!("head -c {BYTES} /dev/urandom >/tmp/large; echo small >/tmp/small"));
        guest.ask("tee /tmp/scattered </tmp/large >/tmp/other");
        println!("\n{name} memory ({backing}): {}, 6.1, 768 MiB, 1 vCPU", guest.name);
        let mut domain = Domain::open(&guest.name, &OpenOptions::default()).expect("it opens");
        let [mut of_file, mut of_scattered, mut of_ram, mut of_small] =
            [(); 4].map(|()| Vec::new());
        let mut bytes = vec![0; GuestFiles::LONGEST_READ.min(GuestMemory::LONGEST_READ)];
        for _ in 0..support::if_time(TURNS, 2) {
            of_file.push(file(&mut domain, "/tmp/large", BYTES, &mut bytes));
            of_scattered.push(file(&mut domain, "/tmp/scattered", BYTES, &mut bytes));
            of_ram.push(ram(&mut domain, &mut bytes));
            of_small.push(file(&mut domain, "/tmp/small", 6, &mut bytes));
        }
        let figures = [
            ("a file of 100 MB", &of_file),
            ("a scattered one", &of_scattered),
            ("100 MB of RAM", &of_ram),
            ("6 bytes", &of_small),
        ];
        for (what, times) in figures {
            println!("{what:<20}{:>9.3} ms ({})", median(times), spread(times));
        }
        let times = |of: &[f64]| median(of) / median(&of_ram);
        println!(
            "the files take {:.2} and {:.2} times as long",
            times(&of_file),
            times(&of_scattered)
        );
    }
}

fn file(domain: &mut Domain, path: &str, length: usize, bytes: &mut [u8]) -> f64 {
    let begun = Instant::now();
    let mut files = domain.files();
    let file = files.open(Path::new(path)).expect("the file");
    let mut done = 0;
    loop {
        let read = files.read(&file, done as u64, bytes).expect("a read");
        assert!(read.absent.is_empty(), "{:?}", read.absent);
        done += read.length;
        if read.length < bytes.len() {
            break;
        }
    }
    assert_eq!(done, length);
    begun.elapsed().as_secs_f64() * 1e3
}

fn ram(domain: &mut Domain, bytes: &mut [u8]) -> f64 {
    let begun = Instant::now();
    let mut memory = domain.memory();
    for start in (0..BYTES).step_by(bytes.len()) {
        let part = &mut bytes[..(BYTES - start).min(GuestMemory::LONGEST_READ)];
        let absent = memory.read_physical((64 << 20) + start as u64, part).expect("a read");
        assert!(absent.is_empty(), "{absent:?}");
    }
    begun.elapsed().as_secs_f64() * 1e3
}
