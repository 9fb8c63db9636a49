//! Crawls and openings of snapshots whose memory lies.

use std::sync::Arc;
use std::time::Duration;

use nfm::fuzzing::{begin_recording, end_recording, open};
use nfm::{CrawlOptions, Domain, ErrorCode, Frame, OpenOptions, Section};

use crate::case::{Case, Kind, Outcome, Tally, TimeLimit, run};
use crate::files::Files;
use crate::meter::heap;
use crate::mutate::{Lies, Map};
use crate::random::Random;
use crate::snapshot::Snapshot;

/// The time limit that a crawl is given.
pub const CRAWL_LIMIT: Duration = Duration::from_millis(250);
/// The time limit that an opening is given.
pub const OPEN_LIMIT: Duration = Duration::from_secs(2);
/// Crawls of one open domain.
pub const CRAWLS_A_GROUP: u64 = 250;
/// Openings of one group.
pub const OPENS_A_GROUP: u64 = 10;
/// Frames whose JSON is read back: one in so many.
const READ_BACK: usize = 16;
/// Frames of which a process's memory is read afterwards: one in so many.
const MEMORY_READ: usize = 8;
const PAGE: usize = 4096;

/// A snapshot, and what nfm looks at in it.
pub struct Target {
    snapshot: Snapshot,
    lies: Lies,
    crawl: Map,
    files: Files,
    open: Map,
    /// Guest-physical address and bytes of the kernel's image, and of the page table that led to it.
    image: (u64, u64),
    trampoline: u64,
    /// Bytes of heap that the open domain holds.
    held: usize,
}

fn sections() -> impl Iterator<Item = Section> {
    Section::ALL.into_iter().filter(|section| *section != Section::Host)
}

impl Target {
    /// Opens and crawls a snapshot as it is, and records what is read.
    pub fn learn(snapshot: &Snapshot) -> Self {
        let lies = Lies::new(snapshot);
        let before = heap();
        begin_recording();
        let mut domain = sound(&lies);
        let opening = end_recording();
        let held = heap().saturating_sub(before + std::mem::size_of_val(&opening[..]));
        let recorded: Vec<_> = sections()
            .map(|section| {
                begin_recording();
                // The machine may be busy: it is not the sound snapshot that is tested.
                let frame = crawl_within(&mut domain, &[section], true, OPEN_LIMIT * 10);
                let frame = frame.expect("a frame");
                let problems = &frame.consistency.problems;
                assert!(problems.is_empty(), "{}: {problems:?}", snapshot.name);
                end_recording()
            })
            .collect();
        let files = Files::learn(snapshot, &mut domain);
        let found = domain.findings();
        let (_, physical, length) = found.image;
        Self {
            crawl: Map::new(snapshot, &recorded),
            files,
            open: Map::new(snapshot, &[opening]),
            image: (physical, length),
            trampoline: found.trampoline.expect("a guest of QEMU has a trampoline"),
            held,
            snapshot: snapshot.clone(),
            lies,
        }
    }

    /// How much nfm reads of it, in words.
    pub fn describe(&self) -> String {
        format!(
            "{}: {} words are read by crawls, {} by looks at files, {} by opening; an open domain holds {:.1} MB",
            self.snapshot.name,
            self.crawl.len(),
            self.files.len(),
            self.open.len(),
            self.held as f64 / 1e6
        )
    }

    /// Runs the cases of one group; each that failed is told with its name.
    pub fn group(
        &self,
        seed: u64,
        cases: impl Iterator<Item = Case>,
        begin: &mut dyn FnMut(Case),
        fail: &mut dyn FnMut(Case, String),
    ) -> Tally {
        let mut tally = Tally::default();
        self.lies.clear();
        let floor = heap();
        let mut domain = None;
        for case in cases {
            begin(case);
            let mut fail = |what| fail(case, what);
            let mut random = Random::new(seed, case.group << 20 | case.index);
            if case.kind == Kind::Open {
                self.opening(&mut random, &mut tally, floor, &mut fail);
                continue;
            }
            self.lies.clear();
            let open = domain.take().unwrap_or_else(|| sound(&self.lies));
            let (random, tally, fail) = (&mut random, &mut tally, &mut fail);
            domain = match case.kind {
                Kind::Files => self.files.case(random, open, &self.lies, tally, floor, fail),
                _ => self.crawling(random, open, tally, floor, fail),
            };
        }
        tally
    }

    /// One crawl; gives the domain back unless it panicked.
    fn crawling(
        &self,
        random: &mut Random,
        mut domain: Domain,
        tally: &mut Tally,
        floor: usize,
        fail: &mut dyn FnMut(String),
    ) -> Option<Domain> {
        let all: Vec<Section> = sections().collect();
        let place = |section| all.iter().position(|one| *one == section).unwrap_or(0);
        let parts: Vec<usize> = match random.below(20) {
            0..=8 => vec![place(Section::Processes)],
            9..=14 => vec![random.below(all.len())],
            15..=17 => (0..3).map(|_| random.below(all.len())).collect(),
            _ => (0..all.len()).collect(),
        };
        let chosen: Vec<Section> = parts.iter().map(|part| all[*part]).collect();
        let details = random.one_in(3);
        self.crawl.mutate(random, &parts, &self.lies);
        let work = || {
            let crawled = crawl(&mut domain, &chosen, details);
            (crawled.as_ref().map_or(Outcome::Refused, outcome), crawled)
        };
        let (crawled, _) = run(tally, by_clock(CRAWL_LIMIT), floor, work, fail)?;
        let read_back = random.one_in(READ_BACK);
        match crawled {
            Ok(frame) => {
                if let Err(reason) = check(&frame, read_back) {
                    tally.wrong += 1;
                    fail(reason);
                }
                if random.one_in(MEMORY_READ) {
                    reading(random, &mut domain, &frame, tally, floor, fail);
                }
                Some(domain)
            }
            // The guest seems restarted. The next crawl begins with a sound guest.
            Err(error) if error.code() == ErrorCode::NotBooted => None,
            Err(error) => {
                tally.wrong += 1;
                fail(format!("a crawl failed: {error}"));
                None
            }
        }
    }

    /// One opening, and a crawl of what it gave.
    fn opening(
        &self,
        random: &mut Random,
        tally: &mut Tally,
        floor: usize,
        fail: &mut dyn FnMut(String),
    ) {
        self.lies.clear();
        self.damage(random);
        let work = || match open(Arc::new(self.lies.clone()), OPEN_LIMIT) {
            Ok(domain) => (Outcome::Whole, Ok(domain)),
            Err(error) => (Outcome::Refused, Err(error)),
        };
        let Some((opened, _)) = run(tally, by_clock(OPEN_LIMIT), floor, work, fail) else { return };
        match opened {
            // A change that an opening took for sound must not bring a crawl down either.
            Ok(mut domain) => {
                let mut crawls = Tally::default();
                let work = || (Outcome::Whole, drop(crawl(&mut domain, &Section::ALL, true)));
                run(&mut crawls, by_clock(CRAWL_LIMIT), floor, work, fail);
                crawls.cases = 0;
                crawls.done = 0;
                tally.add(&crawls);
            }
            Err(error) if error.to_string().is_empty() => {
                tally.wrong += 1;
                fail("an error without words".to_owned());
            }
            Err(_) => {}
        }
    }

    /// Alters what an opening looks at.
    fn damage(&self, random: &mut Random) {
        let (image, length) = self.image;
        let anywhere = |random: &mut Random| image + (random.below(length as usize) as u64 & !7);
        match random.below(6) {
            0 | 1 => self.open.mutate(random, &[0], &self.lies),
            // The page tables that lead to the kernel.
            2 => {
                let entry = self.trampoline + (PAGE as u64 - 8);
                let value = random.next() & if random.one_in(2) { 0x0fff_f067 } else { u64::MAX };
                self.lies.write(entry, value);
            }
            // Some words, or some pages, of the image.
            3 => {
                for _ in 0..1 << random.below(14) {
                    let (at, value) = (anywhere(random), random.next());
                    self.lies.write(at, value);
                }
            }
            4 => {
                for _ in 0..1 << random.below(9) {
                    let page = anywhere(random) & !(PAGE as u64 - 1);
                    let filler = [0, 0xff, 0x30, 0x01][random.below(4)];
                    self.lies.write_bytes(page, &[filler; PAGE]);
                }
            }
            // The searched bytes, where they should not be, or as they should not be.
            _ => {
                let btf = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
                let digits = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
                for _ in 0..1 << random.below(10) {
                    let at = anywhere(random);
                    let header: Vec<u8> =
                        (0..4).flat_map(|_| random.next().to_le_bytes()).collect();
                    match random.below(4) {
                        0 => self.lies.write_bytes(at, &[&btf[..], &header].concat()),
                        1 => self.lies.write_bytes(at, digits),
                        2 => {
                            self.lies.write_bytes(at, b"OSRELEASE=6.1.0\nSYMBOL(kallsyms_names)=ff")
                        }
                        _ => self.lies.write_bytes(at, b"Linux version 9"),
                    }
                }
            }
        }
    }
}

/// Reads the memory of one of the frame's processes, through page tables that lie, too.
fn reading(
    random: &mut Random,
    domain: &mut Domain,
    frame: &Frame,
    tally: &mut Tally,
    floor: usize,
    fail: &mut dyn FnMut(String),
) {
    let processes = frame.processes.as_deref().unwrap_or_default();
    let Some(process) = processes.get(random.below(processes.len().max(1))) else { return };
    let mappings = frame.mappings.iter().flatten().filter(|one| one.pid == process.pid);
    let starts: Vec<u64> = mappings.map(|one| one.start).collect();
    let start = starts.get(random.below(starts.len().max(1))).copied();
    let address = start.unwrap_or_else(|| random.next() & 0x7fff_ffff_ffff);
    let length = 1 << random.below(20);
    let work = || {
        let mut bytes = vec![0; length];
        let mut memory = domain.memory().with_time_limit(CRAWL_LIMIT);
        let read = memory.read_process(
            process.pid,
            process.start_time_ns.unwrap_or(0),
            address,
            &mut bytes,
        );
        // Ascending, apart, and within the bytes, which are 0 there.
        let mut end = 0;
        let is_sound = read.iter().flatten().flatten().all(|part| {
            let begins = part.offset >= end && part.length > 0;
            end = part.offset.saturating_add(part.length);
            begins && bytes.get(part.offset..end).is_some_and(|part| part.iter().all(|b| *b == 0))
        });
        (Outcome::Whole, is_sound)
    };
    let mut reads = Tally::default();
    if let Some((false, _)) = run(&mut reads, by_clock(CRAWL_LIMIT), floor, work, fail) {
        reads.wrong += 1;
        fail("parts of memory that is absent are not as they should be".to_owned());
    }
    (reads.cases, reads.done) = (0, 0);
    tally.add(&reads);
}

fn sound(lies: &Lies) -> Domain {
    let limit = OpenOptions::default().time_limit;
    open(Arc::new(lies.clone()), limit).unwrap_or_else(|e| panic!("the sound snapshot: {e}"))
}

fn crawl(domain: &mut Domain, sections: &[Section], details: bool) -> nfm::Result<Frame> {
    crawl_within(domain, sections, details, CRAWL_LIMIT)
}

/// A limit that nfm was given, too.
fn by_clock(limit: Duration) -> TimeLimit {
    TimeLimit { limit, by_clock: true }
}

fn crawl_within(
    domain: &mut Domain,
    sections: &[Section],
    details: bool,
    time_limit: Duration,
) -> nfm::Result<Frame> {
    let mut options = CrawlOptions::sections(sections);
    options.time_limit = time_limit;
    options.threads = details;
    options.physical = details;
    domain.crawl(&options)
}

fn outcome(frame: &Frame) -> Outcome {
    let limited = |reason: &str| reason.contains("limit is reached");
    match &frame.consistency.problems {
        problems if problems.is_empty() => Outcome::Whole,
        problems if problems.iter().any(|p| limited(&p.reason)) => Outcome::Limited,
        _ => Outcome::Partial,
    }
}

/// Promises of the data model that hold for every frame.
fn check(frame: &Frame, read_back: bool) -> Result<(), String> {
    let consistency = &frame.consistency;
    if consistency.complete != consistency.problems.is_empty() {
        return Err("complete, and yet with problems".to_owned());
    }
    if consistency.problems.iter().any(|problem| problem.reason.is_empty()) {
        return Err("a problem without words".to_owned());
    }
    if read_back {
        let json = frame.to_json();
        let read: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&json);
        read.map_err(|error| format!("its JSON is not sound: {error}"))?;
        if json.contains(nfm::steers_terminal) {
            return Err("its JSON passes on what steers a terminal".to_owned());
        }
    }
    Ok(())
}
