//! The cost of crawling to the guest: `make bench-overhead`, as the talk measured it. In the guest a web server
//! answers requests, or a task computes, without a pause; what is done is told by the guest's own clock. Meanwhile the
//! host takes full frames 10 or 100 times a second for a moment, takes none for a moment, and so on. The vCPU has one
//! core of the host for itself, nfm another. In every second turn a loop stands in nfm's place that keeps its core as
//! busy and looks at no memory: what that costs the guest, two cores of one machine cost each other.
//!
//! Turns are short and many as the host's own speed changes from one moment to the next: each turn with is held against
//! the two without beside it. Turns of 100 ms tell twice as much in the same time as turns of 300 ms, on a host that is
//! not alone on its hardware. What a turn costs differs from one start of the guest to the next, too, by where its memory
//! comes to lie: several guests are measured one after the other.
//!
//! Needs a machine with at least two cores that does nothing else. The argument `private` or `shared` measures
//! a guest with that kind of memory alone.

mod support;

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use nfm::{CrawlOptions, Domain, OpenOptions, Section};
use rustix::thread::{CpuSet, sched_setaffinity};
use support::{Guest, if_time, median, percentile};

const HERTZ: [u32; 2] = [10, 100];
const TURN: Duration = Duration::from_millis(100);
/// The length of a turn with nothing: the guest's work once a second falls into turns of each kind so.
const QUIET_TURN: Duration = Duration::from_millis(113);
/// Seconds at a turn's begin and end that do not count: the guest's clock is known no better.
const UNSURE: f64 = 0.002;
/// Guests of each kind.
const GUESTS: usize = 3;
const GUESTS_CORE: usize = 0;
const OUR_CORE: usize = 1;

/// Work that goes on until there is a file /tmp/stop, as a shell command for the guest that prints a line for each unit
/// of it.
struct Task {
    name: &'static str,
    command: &'static str,
    /// Turns of nfm in each guest, and as many of the loop, for each rate: what a server does in a turn varies more.
    turns: usize,
}

const TASKS: [Task; 2] = [
    Task {
        name: "a web server under load",
        command: "while [ ! -e /tmp/stop ] && wget -q -O /dev/null http://127.0.0.1:8090/page; \
                  do echo; done",
        turns: 200,
    },
    Task {
        name: "a task that computes",
        command: "awk 'BEGIN { while ((getline line < \"/tmp/stop\") < 0) { \
                  for (i = 0; i < 500; i++) sum += i * i; print; fflush() } }'",
        turns: 120,
    },
];

/// The load beside the guest.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    /// Full frames.
    Nfm,
    /// A loop, each time as long as a frame takes.
    Loop,
}

/// The order of turns, again and again.
const ORDER: [Beside; 4] = [Beside::Nothing, Beside::Nfm, Beside::Nothing, Beside::Loop];

/// One turn.
struct Turn {
    beside: Beside,
    /// Begin and end, in seconds of the host's clock.
    begun: f64,
    ended: f64,
    /// How often it was, and what CPU time that took.
    times: u32,
    cpu: Duration,
}

fn main() {
    if !support::is_run() {
        return;
    }
    let mut core = CpuSet::new();
    core.set(OUR_CORE);
    // With all threads and commands that are started from here on.
    sched_setaffinity(None, &core).expect("a second core");
    let wanted = support::arguments();
    let kinds = [("private", "private"), ("shared", "memfd")];
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    for (name, backing) in kinds.into_iter().filter(|(name, _)| is_wanted(name)) {
        println!("\n{name} memory: 6.1, 512 MiB, 1 vCPU on core {GUESTS_CORE}; {GUESTS} guests");
        let combinations = TASKS.iter().flat_map(|task| HERTZ.map(|hertz| (task, hertz)));
        let mut costs: Vec<_> = combinations.map(|(task, hertz)| Costs::of(task, hertz)).collect();
        for number in 0..GUESTS {
            let guest = Guest::start(&format!("overhead-{name}{number}"), &["--backing", backing]);
            let pinned = Command::new("taskset")
                .args(["-a", "-c", "-p", &GUESTS_CORE.to_string(), &guest.pid().to_string()])
                .output();
            assert!(pinned.is_ok_and(|done| done.status.success()), "taskset (util-linux)");
            guest.ask(
                "mkdir -p /tmp/www; head -c 20000 /dev/zero >/tmp/www/page; \
                 httpd -p 127.0.0.1:8090 -h /tmp/www",
            );
            costs.iter_mut().for_each(|costs| measure(&guest, costs));
        }
        println!(
            "{:<26}{:<8}{:>4}{:>9}{:>12}{:>18}{:>20}{:>11}   each guest",
            "task",
            "beside",
            "Hz",
            "got Hz",
            "overhead %",
            "95 % sure",
            "10 – 90 % of turns",
            "its CPU %"
        );
        costs.iter().for_each(Costs::print);
    }
}

/// The cost of turns of nfm and of the loop to a task, at one rate.
struct Costs {
    task: &'static Task,
    hertz: u32,
    nfm: Cost,
    spinning: Cost,
}

#[derive(Default)]
struct Cost {
    /// The overhead of each guest, in percent, each turn held against the two without beside it.
    overheads: Vec<Vec<f64>>,
    /// Seconds, how often it was in them, and what CPU time that took.
    took: f64,
    times: u32,
    cpu: Duration,
}

/// Has the guest work, and adds what turns of nfm and of the loop cost it.
fn measure(guest: &Guest, costs: &mut Costs) {
    let (task, hertz) = (costs.task, costs.hertz);
    let mut domain = Domain::open(&guest.name, &OpenOptions::default()).expect("it opens");
    for _ in 0..3 {
        domain.crawl(&CrawlOptions::default()).expect("a frame");
    }
    let command = task.command;
    guest.ask(&format!(
        "rm -f /tmp/stop; ({command}) 2>/tmp/failed | ts %.s >/tmp/done 2>&1 & echo $! >/tmp/pid"
    ));
    let first = ahead(&mut domain);
    let turns = take_turns(&mut domain, if_time(task.turns, 9), hertz);
    let last = ahead(&mut domain);
    let printed = guest.ask(
        "touch /tmp/stop; while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.1; done; \
         cat /tmp/failed /tmp/done",
    );
    // The guest's clock, by the host's.
    let drift = (last.1 - first.1) / (last.0 - first.0);
    let of_host = |guests: f64| guests - first.1 - drift * (guests - first.1 - first.0);
    let done: Vec<f64> = printed
        .lines()
        .map(|line| of_host(line.trim().parse().unwrap_or_else(|_| panic!("the guest: {line}"))))
        .collect();
    let speeds: Vec<f64> = turns.iter().map(|turn| speed(&done, turn)).collect();
    costs.nfm.add(Beside::Nfm, &turns, &speeds);
    costs.spinning.add(Beside::Loop, &turns, &speeds);
}

/// Seconds by which the guest's clock is ahead of the host's, and when: what its kernel keeps of the time, which is as
/// old as the last tick, where it was newest.
fn ahead(domain: &mut Domain) -> (f64, f64) {
    let options = CrawlOptions::sections(&[Section::Os]);
    let read = (0..2000).map(|_| {
        let os = domain.crawl(&options).expect("a frame").os.expect("the system");
        let read = now();
        let guests = os.boot_time_ns.expect("a clock") + os.uptime_ns.expect("a clock");
        (read, guests as f64 / 1e9 - read)
    });
    read.max_by(|one, other| one.1.total_cmp(&other.1)).expect("it was read")
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs_f64()
}

/// So many turns with nfm, and with the loop, and turns with nothing before, between and behind them.
fn take_turns(domain: &mut Domain, count: usize, hertz: u32) -> Vec<Turn> {
    let options = CrawlOptions::default();
    let period = Duration::from_secs(1) / hertz;
    let mut frame = Duration::ZERO;
    let mut turns = Vec::new();
    for beside in ORDER.into_iter().cycle().take(ORDER.len() * count + 1) {
        let turn = if beside == Beside::Nothing { QUIET_TURN } else { TURN };
        let (begun, start, cpu) = (now(), Instant::now(), support::thread_time());
        let mut times = 0;
        let mut at = period / 2;
        while at < turn {
            sleep_until(start + at);
            match beside {
                Beside::Nothing => {}
                Beside::Nfm => drop(domain.crawl(&options).expect("a frame")),
                Beside::Loop => spin(frame),
            }
            times += 1;
            at += period;
        }
        sleep_until(start + turn);
        let cpu = support::thread_time() - cpu;
        if beside == Beside::Nfm {
            frame = cpu / times;
        }
        turns.push(Turn { beside, begun, ended: now(), times, cpu });
    }
    turns
}

fn sleep_until(then: Instant) {
    std::thread::sleep(then.saturating_duration_since(Instant::now()));
}

/// Units of work that the guest did a second in a turn.
fn speed(done: &[f64], turn: &Turn) -> f64 {
    let (begun, ended) = (turn.begun + UNSURE, turn.ended - UNSURE);
    let from = done.partition_point(|at| *at < begun);
    let to = done.partition_point(|at| *at < ended);
    match done.get(from..to) {
        Some([first, .., last]) => (to - from - 1) as f64 / (last - first),
        _ => panic!("the guest does less than two units of work in a turn"),
    }
}

impl Cost {
    /// Adds what these turns cost a guest.
    fn add(&mut self, beside: Beside, turns: &[Turn], speeds: &[f64]) {
        let mut overheads = Vec::new();
        for (three, speeds) in turns.windows(3).zip(speeds.windows(3)) {
            if let ([_, turn, _], [before, with, after]) = (three, speeds)
                && turn.beside == beside
            {
                overheads.push(100.0 * ((before + after) / 2.0 / with - 1.0));
                self.took += turn.ended - turn.begun;
                self.times += turn.times;
                self.cpu += turn.cpu;
            }
        }
        self.overheads.push(overheads);
    }
}

impl Costs {
    fn of(task: &'static Task, hertz: u32) -> Self {
        Self { task, hertz, nfm: Cost::default(), spinning: Cost::default() }
    }

    fn print(&self) {
        for (name, cost) in [("nfm", &self.nfm), ("a loop", &self.spinning)] {
            let all = cost.overheads.concat();
            let each = cost.overheads.iter().map(|of_one| format!("{:.2}", median(of_one)));
            println!(
                "{:<26}{name:<8}{:>4}{:>9.1}{:>12.2}{:>18}{:>20}{:>11.1}   {}",
                self.task.name,
                self.hertz,
                f64::from(cost.times) / cost.took,
                median(&all),
                range(sure(&all)),
                range((percentile(&all, 10), percentile(&all, 90))),
                100.0 * cost.cpu.as_secs_f64() / cost.took,
                each.collect::<Vec<_>>().join(", "),
            );
        }
    }
}

fn range((low, high): (f64, f64)) -> String {
    format!("{low:.2} – {high:.2}")
}

/// Between which of the values the median of all that could be measured lies, with 95 % certainty (the sign test's
/// interval).
fn sure(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let low = ((count - 1.96 * count.sqrt()) / 2.0).floor().max(0.0) as usize;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    (at(low), at(sorted.len().saturating_sub(1 + low)))
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
