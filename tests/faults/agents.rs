//! The library inside a monitoring agent written in C (`tests/capi/agent.c`), which knows nothing of signals: what
//! befalls libvirt, the agent's descriptors or a child of its own neither ends it nor floods its log.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nfm::{Domain, Error, ErrorCode, OpenOptions, Retry};

use crate::{PATIENCE, crawl};
use lab::collectd::Collectd;
use lab::following::Following;
use lab::programs::{Build, output};
use lab::{OwnLibvirt, wait_until};

/// Handles that an agent holds, and the descriptors that it may have (`ulimit -n`).
const HANDLES: &str = "1000";
const DESCRIPTORS: u32 = 4096;
const RESTARTS: usize = 20;

/// Ten threads that crawl.
struct Crawlers {
    child: Child,
    input: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Crawlers {
    fn start(mut agent: Command) -> Self {
        let pipes = agent.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the agent");
        let input = child.stdin.take().expect("its input");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, input, lines }
    }

    /// Frames since it was asked last: that told the domain's state, that did not, and that failed.
    fn frames(&mut self) -> [u32; 3] {
        writeln!(self.input, "now").expect("it runs");
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("its answer");
        if line.is_empty() {
            panic!("it ended: {:?}", self.child.wait());
        }
        let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
        std::array::from_fn(|_| numbers.next().expect("three numbers"))
    }

    /// Waits until frames tell the state, or do not; what they told until then does not count.
    fn frames_tell(&mut self, state: bool) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let [told, untold, failed] = self.frames();
            assert_eq!(failed, 0, "a frame needs no libvirt");
            if [told, untold][usize::from(state)] == 0 && told + untold > 0 {
                return;
            }
            assert!(Instant::now() < end, "state told: {told}, not told: {untold}");
        }
    }

    /// The number of messages in its log: that libvirt is away, that it is back, and other warnings; and standard
    /// error.
    fn end(self) -> ([u32; 3], String) {
        let Self { mut child, input, mut lines } = self;
        drop(input);
        let (mut words, mut errors) = (String::new(), String::new());
        lines.read_to_string(&mut words).expect("its last words");
        let stderr = child.stderr.as_mut().expect("its errors");
        stderr.read_to_string(&mut errors).expect("its errors");
        let status = child.wait().expect("its end");
        assert!(status.success(), "{status}: {words}{errors}");
        let mut numbers = words.split_whitespace().filter_map(|word| word.parse().ok());
        (std::array::from_fn(|_| numbers.next().expect("three numbers")), errors)
    }
}

/// libvirtd ends and starts anew twenty times under ten threads that crawl. Its socket breaks in the middle of
/// whatever they ask: the write that meets that raises SIGPIPE (pipe(7)), of which the agent would die.
#[test]
fn libvirtd_restarted_under_ten_threads() {
    let Some(mut libvirt) = OwnLibvirt::start("nfm-agents") else { return };
    let guest = libvirt.guest("agents");
    let build = Build::new("agent-restarts");
    let mut agent = build.program("tests/capi/agent.c");
    agent.args([&libvirt.uri(), &guest, "crawl"]);
    let mut crawlers = Crawlers::start(agent);
    crawlers.frames_tell(true);
    for restart in 0..RESTARTS {
        libvirt.stop_daemon(["TERM", "KILL"][restart % 2]);
        if restart % 5 == 0 {
            crawlers.frames_tell(false);
        }
        libvirt.start_daemon();
        crawlers.frames_tell(true);
    }
    let ([away, back, others], errors) = crawlers.end();
    println!("away {away}, back {back}, other warnings {others}");
    // Said once for each time: ten threads meet it, and hundreds of frames.
    assert!((RESTARTS as u32 / 5..=RESTARTS as u32).contains(&away), "{away}");
    assert_eq!((back, others, errors.as_str()), (away, 0, ""));
    authentication_fails(&mut libvirt, &guest);
}

/// libvirt comes back with a lock on its door: no failure to reach it, and nothing that time mends.
fn authentication_fails(libvirt: &mut OwnLibvirt, guest: &str) {
    let mut options = OpenOptions::default();
    options.uri = Some(libvirt.uri());
    let mut domain = Domain::open(guest, &options).expect("an open domain");
    libvirt.stop_daemon("TERM");
    libvirt.lock();
    wait_until("it asks who comes", || {
        matches!(Domain::open(guest, &options), Err(Error::Authentication { .. }))
    });
    let error = Domain::open(guest, &options).err().expect("nobody is let in");
    assert_eq!((error.code(), error.retry()), (ErrorCode::Connect, Retry::Never));
    assert!(error.to_string().contains("authentication failed"), "{error}");
    let frame = crawl(&mut domain).expect("a frame");
    let problems = &frame.consistency.problems;
    let says_so = |problem: &nfm::Problem| problem.reason.contains("authentication failed");
    assert!(problems.iter().any(says_so), "{problems:?}");
}

/// Runs the agent with so many descriptors.
fn within(descriptors: u32, agent: &Command) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n $0 && exec \"$@\"", &descriptors.to_string()]);
    command.arg(agent.get_program()).args(agent.get_args());
    for (name, value) in agent.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// A guest of 64 vCPUs, with RAM that others can map as that takes more descriptors than private RAM, is open a
/// thousand times. Where descriptors run out, that is an error of its own: GLib, which libvirt's client uses, would
/// abort the process. A child that uses what its parent opened is told not to.
#[test]
fn a_thousand_handles_and_a_child() {
    let size = ["--vcpus", "64", "--append", "maxcpus=1", "--backing", "memfd"];
    let guest = lab::own_guest("handles", &[&size[..], &PATIENCE].concat());
    let build = Build::new("agent-handles");
    let program = build.program("tests/capi/agent.c");
    let agent = |work: &[&str]| {
        let mut agent = Command::new(program.get_program());
        agent.args([crate::URI, guest.domain()]).args(work);
        agent.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // The kernel is learned once, not a thousand times.
        agent.env("NFM_CACHE_DIR", build.folder().join("cache"));
        agent
    };

    let all = output(&mut within(DESCRIPTORS, &agent(&["many", HANDLES])));
    println!("{all}");
    assert!(all.starts_with(&format!("handles {HANDLES} descriptors ")), "{all}");
    let left = |words: &str| words.lines().last().map(str::to_owned);

    let few = output(&mut within(200, &agent(&["many", HANDLES])));
    println!("{few}");
    assert!(
        few.starts_with("NFM_ERR_DESCRIPTORS: this process has no file descriptor left"),
        "{few}"
    );
    assert!(few.contains("result 18 retry 1"), "{few}");
    assert_eq!(left(&few), left(&all), "descriptors are left open");

    output(&mut agent(&["fork"]));
}

/// A program that follows guests is told of those that start, restart and end, while libvirtd ends and starts anew, and
/// loses no frame of the others; so is collectd, by its plugin. By hand of twenty guests: `NFM_FOLLOWED=20`.
#[test]
fn guests_followed_through_a_restart_of_libvirtd() {
    let Some(mut libvirt) = OwnLibvirt::start("followed") else { return };
    let number = std::env::var("NFM_FOLLOWED").ok().and_then(|number| number.parse().ok());
    let build = Build::new("followed");
    let mut following = Following::start(&build, &libvirt.uri(), "nfm-test-*");
    let guests: Vec<String> =
        (0..number.unwrap_or(2)).map(|one| libvirt.guest(&format!("followed{one}"))).collect();
    let is_frame = |line: &str| line.starts_with("frame ");
    let told: Vec<usize> = guests.iter().map(|one| following.wait(one, 0, is_frame)).collect();
    let collectd = Collectd::start(&build, &format!("URI \"{}\"\n", libvirt.uri()));
    let uptime = |guest: &str, after: f64| {
        collectd.wait(guest, "nfm/uptime", |line| line.len() == 2 && line[1] > after)[1]
    };
    let first = uptime(&guests[0], 0.0);
    libvirt.stop_daemon("TERM");
    // libvirt is away: frames come on.
    for (guest, told) in guests.iter().zip(told) {
        let more = following.wait(guest, told, is_frame);
        following.wait(guest, more, is_frame);
    }
    following.wait("libvirt", 0, |line| line.starts_with("not listed: "));
    let away = uptime(&guests[0], first + 3.0);
    libvirt.start_daemon();
    let (last, others) = guests.split_last().expect("a guest");
    let (new, before) = (libvirt.guest("followed-later"), following.wait(last, 0, is_frame));
    following.wait(&new, 0, is_frame);
    libvirt.virsh(&["destroy", last]).expect("its end");
    following.wait(last, before, |line| line == "gone");
    let whole: Vec<&String> = others.iter().chain([&new]).collect();
    let frames: usize = whole.iter().map(|guest| following.lost_nothing(guest)).sum();
    uptime(&guests[0], away + 2.0);
    uptime(&new, 0.0);
    let log = collectd.stop();
    let complaints = log.lines().filter(|line| line.contains("nfm: libvirt: "));
    assert_eq!(complaints.count(), 1, "{log}");
    println!(
        "{} guests, {frames} frames of those that ran throughout, none lost",
        guests.len() + 1
    );
}
