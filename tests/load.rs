//! A guest under load: processes are born and die, and connections open and close, while it is crawled
//! again and again. Every frame comes, in bounded time, and is whole or says what it lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::process::Command;
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, Frame, OpenOptions, Process};
use rustix::time::{ClockId, clock_gettime};

const CRAWLS: usize = 1000;
/// The port of churn.c's server.
const PORT: u16 = 7777;
/// Births a second below which it is no load.
const LEAST_BIRTHS: f64 = 100.0;
/// Frames that may be incomplete: one of a hundred.
const MOST_TORN: usize = CRAWLS / 100;
/// The 99th percentile of the CPU time of a crawl, in medians.
const MOST_P99: u32 = 3;

#[test]
fn a_guest_under_load() {
    let guest = lab::own_guest("load", &["--kernel", "6.1", "--memory", "512"]);
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    let mut options = CrawlOptions::default();
    // Other tests want the CPUs, too.
    options.time_limit = Duration::from_secs(20);
    let steady = steady(&domain.crawl(&options).expect("a frame at rest"));
    assert!(steady.len() > 40, "only {} processes at rest", steady.len());

    guest.ask("churn >/dev/null 2>&1 & while [ ! -s /tmp/churned ]; do sleep 0.1; done; sleep 1");
    let before = churned(&guest);
    run_before_others();
    let mut frames = Frames::default();
    for _ in 0..CRAWLS {
        let (wall, cpu) = (Instant::now(), thread_time());
        let frame = domain.crawl(&options).expect("a frame under load");
        frames.cpu.push(thread_time() - cpu);
        frames.wall.push(wall.elapsed());
        frames.add(&frame, &steady);
    }
    let after = churned(&guest);
    let rate = |index: usize| (after.1[index] - before.1[index]) / (after.0 - before.0);
    println!(
        "{CRAWLS} frames under load: {:.0} births and {:.0} connections a second in the guest",
        rate(0),
        rate(1)
    );
    frames.conclude(rate(0));
}

/// Puts this thread before all ordinary ones: a crawl that waits for a CPU while the guest runs on would be torn by
/// whatever else this machine does.
fn run_before_others() {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let done = Command::new("chrt").args(["--fifo", "--pid", "1", &thread]).status();
    assert!(done.is_ok_and(|status| status.success()), "chrt, which needs root");
}

/// The guest's work so far, by its own clock: seconds, and births and connections.
fn churned(guest: &lab::Guest) -> (f64, [f64; 2]) {
    let text = guest.ask("cut -d' ' -f1 /proc/uptime; od -A n -t u8 -N 16 /tmp/churned");
    let numbers: Vec<f64> =
        text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    (numbers[0], [numbers[1], numbers[2]])
}

/// CPU time of this thread, which other work on this machine does not lengthen much.
fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a time")
}

type Known = BTreeMap<u32, Option<u64>>;

/// Pids and start times of the processes (no kernel threads, no agent) of a guest at rest.
fn steady(frame: &Frame) -> Known {
    let rests = |process: &&Process| {
        process.kernel_thread == Some(false) && process.name.as_deref() != Some("lab-agent")
    };
    let processes = frame.processes.iter().flatten().filter(rests);
    processes.map(|process| (process.pid, process.start_time_ns)).collect()
}

/// The count of all frames.
#[derive(Default)]
struct Frames {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
    torn: usize,
    retries: u64,
    most_retries: u32,
    reasons: BTreeMap<String, usize>,
    /// Processes of all frames that were not there at rest.
    passing: usize,
    /// Those whose parent had gone, in all frames together.
    orphans: usize,
    /// States of the connections that churn.
    states: BTreeSet<nfm::Text>,
    wrong: Vec<String>,
}

impl Frames {
    fn add(&mut self, frame: &Frame, steady: &Known) {
        let consistency = &frame.consistency;
        self.retries += u64::from(consistency.retries);
        self.most_retries = self.most_retries.max(consistency.retries);
        for problem in &consistency.problems {
            // Alike but for the numbers.
            let reason: String =
                problem.reason.chars().filter(|c| !c.is_ascii_digit()).take(90).collect();
            *self.reasons.entry(format!("{}: {reason}", problem.section)).or_default() += 1;
        }
        if consistency.complete != consistency.problems.is_empty() {
            self.wrong(frame, "complete although it has problems, or the other way round");
        }
        if !consistency.complete {
            self.torn += 1;
            for problem in &consistency.problems {
                if problem.section.is_empty() || problem.reason.is_empty() {
                    self.wrong(frame, problem);
                }
            }
            return;
        }
        self.check(frame, steady);
    }

    /// A frame that says that it is whole has to be plausible.
    fn check(&mut self, frame: &Frame, steady: &Known) {
        let Some(processes) = &frame.processes else {
            return self.wrong(frame, "complete without processes");
        };
        let mut rows: BTreeMap<u32, &Process> = BTreeMap::new();
        for process in processes {
            if rows.insert(process.pid, process).is_some() {
                self.wrong(frame, ("listed twice", process.pid));
            }
        }
        for (pid, start) in steady {
            match rows.get(pid) {
                Some(process) if process.start_time_ns == *start => {}
                Some(process) => self.wrong(frame, ("another start", pid, process.start_time_ns)),
                None => self.wrong(frame, ("a steady process is missing", pid)),
            }
        }
        for process in processes {
            if !steady.contains_key(&process.pid) && process.kernel_thread == Some(false) {
                self.passing += 1;
            }
            // Only who was born under load may have a parent that has just gone.
            if process.ppid.is_some_and(|parent| parent != 0 && !rows.contains_key(&parent)) {
                self.orphans += 1;
                if steady.contains_key(&process.pid) {
                    self.wrong(frame, ("no such parent", process.pid, process.ppid));
                }
            }
        }
        let files = frame.files.iter().flatten().map(|file| file.pid);
        let mappings = frame.mappings.iter().flatten().map(|mapping| mapping.pid);
        for (what, of) in [("files", files.collect()), ("mappings", mappings.collect())] {
            let of: BTreeSet<u32> = of;
            let strangers: Vec<_> = of.into_iter().filter(|pid| !rows.contains_key(pid)).collect();
            if !strangers.is_empty() {
                self.wrong(frame, (what, "of processes that are not in the frame", strangers));
            }
        }
        for connection in frame.connections.iter().flatten() {
            if connection.local_port == Some(PORT) {
                self.states.extend(connection.state.clone());
            }
        }
    }

    fn wrong(&mut self, frame: &Frame, what: impl Debug) {
        self.wrong.push(format!("frame {}: {what:?}", frame.seq));
    }

    fn conclude(mut self, births: f64) {
        println!(
            "  {} incomplete; {} retries, at most {} in a frame",
            self.torn, self.retries, self.most_retries
        );
        for (reason, count) in &self.reasons {
            println!("    {count} problems: {reason}");
        }
        println!(
            "  {} passing processes seen, {} without parent; connections {:?}",
            self.passing, self.orphans, self.states
        );
        let [median, p99, longest] = spread(&mut self.cpu);
        println!(
            "  CPU time of a crawl: median {median:?}, 99 % below {p99:?}, longest {longest:?}"
        );
        let [wall, wall_p99, wall_longest] = spread(&mut self.wall);
        println!(
            "  by the clock: median {wall:?}, 99 % below {wall_p99:?}, longest {wall_longest:?}"
        );
        for line in self.wrong.iter().take(30) {
            println!("  WRONG {line}");
        }
        assert!(births > LEAST_BIRTHS, "only {births:.0} births a second");
        assert!(self.passing > 0, "no frame saw any of the load");
        assert!(self.wrong.is_empty(), "{} things are wrong", self.wrong.len());
        assert!(self.torn <= MOST_TORN, "{} of {CRAWLS} frames are incomplete", self.torn);
        assert!(
            p99 <= MOST_P99 * median,
            "one of a hundred crawls took {p99:?}, the median is {median:?}"
        );
        assert!(longest <= 8 * median, "a crawl took {longest:?}, the median is {median:?}");
    }
}

/// Median, 99th percentile and maximum.
fn spread(times: &mut [Duration]) -> [Duration; 3] {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    [at(50), at(99), at(100)]
}
