//! Guests that a program in C follows, the difference of their frames, a connection of the program's own, and guests by
//! their processes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use lab::Guest;
use lab::following::Following;
use lab::programs::{Build, output};

/// An emulated guest on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that prints lines while it is asked.
struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut program: Command) -> Self {
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// The lines up to one.
    fn until(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it ended after {lines:?}");
            match line.trim_end() {
                line if line == last => return lines,
                line => lines.push(line.to_owned()),
            }
        }
    }

    fn next(&mut self) -> Vec<String> {
        self.input.write_all(b"\n").unwrap();
        self.until("done")
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

/// A number of a line of a file in the guest, by the words before it.
fn received(guest: &Guest, interface: &str) -> (u64, u64) {
    let text = guest.ask("cat /proc/net/dev");
    let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{interface}:")));
    let mut numbers = line.unwrap().split_whitespace().map(|word| word.parse::<u64>().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// CPU time of a process, in clock ticks of the guest (100 a second).
fn ticks(guest: &Guest, pid: u32) -> u64 {
    let stat = guest.ask(&format!("cat /proc/{pid}/stat"));
    let behind = stat.rsplit_once(") ").unwrap().1;
    behind.split(' ').skip(11).take(2).map(|word| word.parse::<u64>().unwrap()).sum()
}

/// Time at work of all CPUs, in the same ticks: user, nice, system, irq, softirq.
fn busy_ticks(guest: &Guest) -> u64 {
    let stat = guest.ask("head -1 /proc/stat");
    let numbers = stat.split_whitespace().skip(1).map(|word| word.parse::<u64>().unwrap());
    numbers.enumerate().filter(|(place, _)| [0, 1, 2, 5, 6].contains(place)).map(|(_, n)| n).sum()
}

#[test]
fn the_difference_is_what_the_guest_did() {
    let guest = lab::own_guest("capi-diff", &["--kernel", "6.1", "--on-reboot", "restart"]);
    let build = Build::new("diff");
    let pid = |text: String| text.trim().parse::<u32>().unwrap();
    let ends = pid(guest.ask("sleep 1000 >/dev/null 2>&1 & echo $!"));
    let works = pid(guest.ask("while :; do :; done >/dev/null 2>&1 & echo $!"));
    let mut command = build.program("tests/capi/diff.c");
    command.arg(guest.domain());
    let mut program = Running::start(command);
    program.until("ready");

    let busy_before = busy_ticks(&guest);
    let before = (ticks(&guest, works), received(&guest, "lo"));
    guest.ask(&format!("kill {ends}; ping -c 3 -q 127.0.0.1; sleep 1"));
    let new = pid(guest.ask("sleep 1000 >/dev/null 2>&1 & echo $!"));
    let inner = (ticks(&guest, works), received(&guest, "lo"));
    let busy_inner = busy_ticks(&guest);
    let lines = program.next();
    let after = (ticks(&guest, works), received(&guest, "lo"));
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    let row = |kind: &str, what: &str| {
        let found = words.iter().find(|words| words[0] == kind && words[2] == what);
        found.unwrap_or_else(|| panic!("no {kind} {what} in {lines:#?}")).clone()
    };
    assert_eq!(words[0][..2], ["boot", "same"]);
    assert_eq!(row("process", &new.to_string())[1], "new");
    assert_eq!(row("process", &ends.to_string())[1], "gone");
    assert_eq!(row("process", "1")[1], "stayed");

    // The first frame was taken before `before`, the second between `inner` and `after`.
    let used: u64 = row("process", &works.to_string())[3].parse().unwrap();
    let least = inner.0 - before.0;
    let elapsed: u64 = words[0][2].parse().unwrap();
    assert!(least > 20, "it worked for {least} ticks alone");
    assert!(used >= (least - 1) * 10_000_000 && used <= elapsed, "{used} ns, {least} ticks");
    let cpus = words.iter().filter(|words| words[0] == "cpu");
    let busy: u64 = cpus.map(|words| words[3].parse::<u64>().unwrap()).sum();
    // /proc/stat rounds each of its numbers down, of which there are five here.
    let least = busy_inner - busy_before - 5;
    assert!(busy >= least * 10_000_000, "{busy} ns of all CPUs, {least} ticks");

    // `ping` sent so much to itself, to the byte: nothing else on lo moves while nobody asks.
    let interfaces = words.iter().filter(|words| words[0] == "interface");
    let moved: Vec<(u64, u64)> = interfaces
        .filter(|words| words[2].ends_with("/lo"))
        .map(|words| (words[3].parse().unwrap(), words[4].parse().unwrap()))
        .collect();
    let expected = ((inner.1).0 - (before.1).0, (inner.1).1 - (before.1).1);
    assert!(expected.1 >= 6, "{expected:?}");
    assert_eq!(inner.1, after.1, "something else talks on lo");
    assert!(moved.contains(&expected), "{moved:?}, not {expected:?}");

    // Started anew: all is new, and nothing is told of what was before.
    lab::virsh(&["reset", guest.domain()]).expect("a reset");
    let end = Instant::now() + PATIENCE;
    // Until firmware writes over it, what is left of the old boot looks as it did.
    let lines = loop {
        let lines = program.next();
        if lines[0].starts_with("boot other ") {
            break lines;
        }
        assert!(Instant::now() < end, "{}", lines[0]);
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(lines.iter().all(|line| !line.contains(" stayed ")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("process new 1 ")), "{lines:#?}");
    program.end();
}

#[test]
fn the_programs_own_connection_is_the_only_one() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    // It is suspended for a moment.
    let _alone = guest.alone();
    let build = Build::new("connection").linked_with(&["-lvirt"]);
    output(build.program("tests/capi/connection.c").arg(guest.domain()));
}

#[test]
fn a_guest_by_its_process() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let build = Build::new("process");
    let pid = guest.qemu_pid().to_string();
    output(build.program("tests/capi/process.c").args([guest.domain(), &pid]));
}

/// By the example, which has no more to do than to print: it is told of a start, a restart and an end, and meanwhile
/// loses no frame of another guest.
#[test]
fn guests_are_followed_by_the_example() {
    let build = Build::new("follow");
    let lasting = lab::own_guest("capi-follow-lasts", &[]);
    let pattern = format!("nfm-test-*capi-follow-*-{}", std::process::id());
    let mut following = Following::start(&build, "qemu:///system", &pattern);
    let is_frame = |line: &str| line.starts_with("frame ");
    following.wait(lasting.domain(), 0, is_frame);
    let guest = lab::own_guest("capi-follow-restarts", &["--on-reboot", "restart"]);
    let name = guest.domain().to_owned();
    let first = following.wait(&name, 0, |line| line.contains("of a CPU by process"));
    lab::virsh(&["reset", &name]).expect("a reset");
    let again = following.wait(&name, first, |line| line.contains(" restarted"));
    drop(guest);
    following.wait(&name, again, |line| line == "gone");
    following.lost_nothing(lasting.domain());
}
