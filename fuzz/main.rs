//! Holds nfm against guests that lie: `make test-hostile`, `make fuzz`; see README.md here.
//!
//! The first process makes the snapshots, shares the cases out to processes of its own kind, watches
//! them and adds up what they tell. A case is replayed by its name and the seed.

mod case;
mod crawls;
mod files;
mod inputs;
mod meter;
mod mutate;
mod random;
mod snapshot;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use case::{Case, Kind, Tally, keep_panics};
use crawls::{CRAWL_LIMIT, CRAWLS_A_GROUP, OPEN_LIMIT, OPENS_A_GROUP, Target};
use files::FILES_A_GROUP;
use inputs::{INPUT_LIMIT, INPUTS_A_GROUP, Inputs};
use snapshot::Snapshot;

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

/// A case that takes longer than this is hung.
const HUNG: Duration = Duration::from_secs(120);
/// After so long a run tells how far it is.
const A_WHILE: Duration = Duration::from_secs(60);
/// Failures that are told one by one; more are counted only.
const MOST_TOLD: usize = 40;

const USAGE: &str = "\
usage: hostile [--crawls N] [--files N] [--opens N] [--inputs N] [--minutes N] [--workers N]
               [--seed N] [--snapshots FOLDER] [--replay CASE]
  --minutes N   go on with new seeds until so many minutes are over
  --replay CASE runs the cases of its group up to the one (crawl:17:204); the status is 1 if one fails";

/// The tasks of a run.
#[derive(Clone, Debug)]
struct Plan {
    crawls: u64,
    files: u64,
    opens: u64,
    inputs: u64,
    minutes: u64,
    workers: u64,
    seed: u64,
    snapshots: PathBuf,
    replay: Option<Case>,
    /// This process is the worker of this number.
    worker: Option<u64>,
}

/// A worker's report of a group, one line of JSON each.
#[derive(Serialize, Deserialize)]
enum Told {
    Words(String),
    Failure { case: String, what: String },
    Group { kind: Kind, target: String, tally: Tally },
}

fn main() -> ExitCode {
    let plan = match Plan::from_arguments() {
        Ok(plan) => plan,
        Err(reason) => {
            eprintln!("{reason}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match (plan.worker, plan.replay) {
        (Some(worker), _) => {
            work(&plan, worker);
            ExitCode::SUCCESS
        }
        (None, Some(case)) => replay(&plan, case),
        (None, None) => conduct(&plan),
    }
}

impl Plan {
    fn from_arguments() -> Result<Self, String> {
        let cache = std::env::var_os("NFM_LAB_CACHE").map(PathBuf::from);
        let cache = cache.unwrap_or_else(|| PathBuf::from("/var/cache/nfm-lab"));
        let cores = std::thread::available_parallelism().map_or(2, usize::from) as u64;
        let mut plan = Self {
            crawls: 100_000,
            files: 4_000,
            opens: 400,
            inputs: 40_000,
            minutes: 0,
            // A crawl that waits for a guest to settle leaves its core to another.
            workers: 2 * cores,
            seed: 1,
            snapshots: cache.join("snapshots"),
            replay: None,
            worker: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || value.parse().map_err(|_| format!("{name} needs a number"));
            match name.as_str() {
                "--crawls" => plan.crawls = number()?,
                "--files" => plan.files = number()?,
                "--opens" => plan.opens = number()?,
                "--inputs" => plan.inputs = number()?,
                "--minutes" => plan.minutes = number()?,
                "--workers" => plan.workers = number()?.max(1),
                "--seed" => plan.seed = number()?,
                "--snapshots" => plan.snapshots = value.into(),
                "--replay" => plan.replay = Some(value.parse()?),
                "--worker" => plan.worker = Some(number()?),
                _ => return Err(format!("there is no {name}")),
            }
        }
        Ok(plan)
    }

    /// Kinds, with how many cases are wanted and how many a group has.
    fn kinds(&self) -> [(Kind, u64, u64); 4] {
        [
            (Kind::Crawl, self.crawls, CRAWLS_A_GROUP),
            (Kind::Files, self.files, FILES_A_GROUP),
            (Kind::Open, self.opens, OPENS_A_GROUP),
            (Kind::Input, self.inputs, INPUTS_A_GROUP),
        ]
    }
}

/// The work of one process: every so many-th group.
fn work(plan: &Plan, worker: u64) {
    keep_panics();
    let journal = File::create(journal(worker)).expect("the worker's journal");
    let mut bench = Bench::new(plan);
    for (kind, wanted, size) in plan.kinds() {
        for group in (0..wanted.div_ceil(size)).filter(|group| group % plan.workers == worker) {
            let cases =
                (0..size.min(wanted - group * size)).map(|i| Case { kind, group, index: i });
            bench.group(plan.seed, kind, group, cases, &mut |case| {
                let line = format!("{case:<63}\n");
                journal.write_all_at(line.as_bytes(), 0).expect("the worker's journal");
            });
        }
    }
}

/// The case that a worker is at.
fn journal(worker: u64) -> PathBuf {
    let parent = std::env::var("NFM_HOSTILE_PARENT").unwrap_or_default();
    std::env::temp_dir().join(format!("nfm-hostile-{parent}-{worker}"))
}

/// The objects that a worker works on; each target is learned when it is first met.
struct Bench {
    folder: PathBuf,
    /// The files of the guests' RAM there; cases of inputs need none.
    snapshots: OnceCell<Vec<PathBuf>>,
    targets: BTreeMap<usize, Target>,
    inputs: Inputs,
}

impl Bench {
    fn new(plan: &Plan) -> Self {
        let corpus = lab::root().join("fuzz/corpus");
        Self {
            folder: plan.snapshots.clone(),
            snapshots: OnceCell::new(),
            targets: BTreeMap::new(),
            inputs: Inputs::load(&corpus),
        }
    }

    /// Runs cases of one group; returns how many failures there were.
    fn group(
        &mut self,
        seed: u64,
        kind: Kind,
        group: u64,
        cases: impl Iterator<Item = Case>,
        begin: &mut dyn FnMut(Case),
    ) -> u64 {
        let fail = &mut |case: Case, what| tell(&Told::Failure { case: case.to_string(), what });
        if kind == Kind::Input {
            let tally = self.inputs.group(seed, cases, begin, fail);
            let failures = tally.failures();
            tell(&Told::Group { kind, target: "parsers".to_owned(), tally });
            return failures;
        }
        let snapshots = self.snapshots.get_or_init(|| snapshot::files(&self.folder));
        let place = group as usize % snapshots.len();
        let path = &snapshots[place];
        let target = self.targets.entry(place).or_insert_with(|| {
            let target = Target::learn(&Snapshot::map(path));
            tell(&Told::Words(target.describe()));
            target
        });
        let tally = target.group(seed, cases, begin, fail);
        let target = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let failures = tally.failures();
        tell(&Told::Group { kind, target, tally });
        failures
    }
}

fn tell(told: &Told) {
    println!("{}", serde_json::to_string(told).expect("JSON"));
}

/// Runs the cases of a group up to the one that is asked for; fails if one of them does, or hangs.
fn replay(plan: &Plan, case: Case) -> ExitCode {
    println!("seed {}, case {case}", plan.seed);
    let cases = (0..=case.index).map(|index| Case { index, ..case });
    let (sender, begun) = mpsc::channel();
    std::thread::spawn(move || {
        let mut current = case;
        loop {
            match begun.recv_timeout(HUNG) {
                Ok(next) => current = next,
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    println!("FAILED case {current}: it hangs");
                    std::process::exit(1);
                }
            }
        }
    });
    let mut begin = |case| sender.send(case).expect("the watching thread");
    let failures = Bench::new(plan).group(plan.seed, case.kind, case.group, cases, &mut begin);
    if failures > 0 {
        println!("{failures} FAILED");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Shares the cases out, watches the workers and adds up; again with the next seed while there is time.
fn conduct(plan: &Plan) -> ExitCode {
    let begun = Instant::now();
    snapshot::files(&plan.snapshots);
    let mut plan = plan.clone();
    let mut sums = Sums::default();
    loop {
        sums.round(&plan);
        let over = begun.elapsed() >= Duration::from_secs(60 * plan.minutes);
        if over || sums.failures > 0 {
            break;
        }
        plan.seed += 1;
    }
    sums.print(begun.elapsed())
}

#[derive(Default)]
struct Sums {
    by_target: BTreeMap<(Kind, String), Tally>,
    failures: u64,
    broken_workers: u64,
}

impl Sums {
    /// All cases of one seed.
    fn round(&mut self, plan: &Plan) {
        println!("seed {}, {} workers", plan.seed, plan.workers);
        let (sender, lines) = mpsc::channel();
        let mut workers: Vec<Worker> =
            (0..plan.workers).map(|number| Worker::start(number, plan, sender.clone())).collect();
        drop(sender);
        let mut learned = BTreeSet::new();
        let mut progress = (0, Instant::now());
        loop {
            match lines.recv_timeout(Duration::from_secs(5)) {
                Ok(Told::Words(words)) => {
                    if learned.insert(words.clone()) {
                        println!("{words}");
                    }
                }
                Ok(Told::Failure { case, what }) => {
                    self.fail(&format!("seed {}, case {case}: {what}", plan.seed));
                }
                Ok(Told::Group { kind, target, tally }) => {
                    progress.0 += tally.cases;
                    if progress.1.elapsed() > A_WHILE {
                        println!("{} cases of this seed", progress.0);
                        progress.1 = Instant::now();
                    }
                    self.by_target.entry((kind, target)).or_default().add(&tally);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    workers.iter_mut().for_each(Worker::look_after);
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        for worker in workers {
            if let Err(what) = worker.end() {
                self.broken_workers += 1;
                self.fail(&format!("seed {}, {what}", plan.seed));
            }
        }
    }

    fn fail(&mut self, what: &str) {
        self.failures += 1;
        if self.failures <= MOST_TOLD as u64 {
            println!("FAILED {what}");
        }
    }

    fn print(&self, time: Duration) -> ExitCode {
        println!(
            "\n{:<8}{:<10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>11}{:>11}{:>9}",
            "",
            "",
            "cases",
            "whole",
            "partial",
            "limited",
            "refused",
            "cpu ms",
            "longest",
            "by clock",
            "heap"
        );
        let mut all = Tally::default();
        let mut crawls = 0;
        for ((kind, target), tally) in &self.by_target {
            let name = format!("{kind:?}").to_lowercase();
            let mean = tally.cpu.as_secs_f64() * 1e3 / tally.cases.max(1) as f64;
            println!(
                "{name:<8}{target:<10}{:>9}{:>9}{:>9}{:>9}{:>9}{mean:>9.2}{:>8.0} ms{:>8.0} ms{:>6} MB",
                tally.cases,
                tally.done - tally.partial - tally.limited,
                tally.partial,
                tally.limited,
                tally.refused,
                tally.longest_cpu.as_secs_f64() * 1e3,
                tally.longest_wall.as_secs_f64() * 1e3,
                tally.most_heap / 1_000_000
            );
            crawls += if *kind == Kind::Crawl { tally.cases } else { 0 };
            all.add(tally);
        }
        println!(
            "\nlimits: a crawl {CRAWL_LIMIT:?}, an opening {OPEN_LIMIT:?}, an input {INPUT_LIMIT:?}\n\
             {crawls} mutated crawls and {} other cases in {:.0} s: {} panics, {} aborts or hangs, {} over \
             their time, {} over 100 MB (the most: {} MB), {} wrong",
            all.cases - crawls,
            time.as_secs_f64(),
            all.panics,
            self.broken_workers,
            all.late,
            all.large,
            all.most_heap / 1_000_000,
            all.wrong
        );
        let failed = self.failures.max(all.failures());
        if failed > 0 {
            println!("{failed} FAILED");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

/// A process that works on its part of the cases.
struct Worker {
    number: u64,
    process: Child,
    /// The case it was last seen at, and since when.
    seen: (String, Instant),
    /// When it was looked after last.
    looked: Instant,
}

impl Worker {
    fn start(number: u64, plan: &Plan, lines: mpsc::Sender<Told>) -> Self {
        let own = std::env::current_exe().expect("this program's path");
        let numbers = [
            ("--worker", number),
            ("--workers", plan.workers),
            ("--crawls", plan.crawls),
            ("--files", plan.files),
            ("--opens", plan.opens),
            ("--inputs", plan.inputs),
            ("--seed", plan.seed),
        ];
        let mut command = Command::new(own);
        for (name, value) in numbers {
            command.args([name, &value.to_string()]);
        }
        command.arg("--snapshots").arg(&plan.snapshots);
        command.env("NFM_HOSTILE_PARENT", std::process::id().to_string());
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a worker");
        let output = process.stdout.take().expect("the worker's output");
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let told = serde_json::from_str(&line).unwrap_or(Told::Words(line));
                if lines.send(told).is_err() {
                    break;
                }
            }
        });
        let now = Instant::now();
        Self { number, process, seen: (String::new(), now), looked: now }
    }

    fn journal(&self) -> PathBuf {
        let name = format!("nfm-hostile-{}-{}", std::process::id(), self.number);
        std::env::temp_dir().join(name)
    }

    fn case(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default().trim().to_owned()
    }

    /// Ends it where it hangs. Where this program itself stood still (SIGSTOP), so may the worker have: it has its
    /// time anew.
    fn look_after(&mut self) {
        let case = Self::case(&self.journal());
        let stood_still = self.looked.elapsed() > A_WHILE;
        self.looked = Instant::now();
        if case != self.seen.0 || stood_still {
            self.seen = (case, Instant::now());
        } else if self.seen.1.elapsed() > HUNG {
            let _ = self.process.kill();
        }
    }

    fn end(mut self) -> Result<(), String> {
        let status = self.process.wait().map_err(|error| error.to_string());
        let case = Self::case(&self.journal());
        let _ = fs::remove_file(self.journal());
        match status {
            Ok(status) if status.success() => Ok(()),
            status => Err(format!("case {case}: the worker ended with {status:?}")),
        }
    }
}
