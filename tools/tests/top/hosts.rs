//! Guests of three hosts, each with a network, an sshd and a libvirt of its own: two have a recorder, one has none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::{OwnLibvirt, wait_until};
use serde_json::Value;

use super::terminal::Terminal;
use super::{NFM, OWN_MEMORY, own_memory_of};

const HOSTS: usize = 3;
const GUESTS: usize = 2;
/// Bytes a second that a host may send or be sent.
const MOST_BYTES: f64 = 25_000.0;

fn run(program: &str, arguments: &[&str]) {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).output().expect(program);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
}

/// A host of the test's.
struct Host {
    number: usize,
    libvirt: OwnLibvirt,
    guests: Vec<String>,
    /// Its sshd and its recorder.
    programs: Vec<Child>,
}

/// The hosts, the network between them and whoever looks, and the folder of it all.
struct Hosts {
    folder: PathBuf,
    all: Vec<Host>,
    /// The network namespace of whoever looks.
    viewer: String,
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in &mut self.all {
            for program in &mut host.programs {
                let _ = program.kill();
                let _ = program.wait();
            }
        }
        self.all.clear();
        for name in (1..=HOSTS).map(network).chain([self.viewer.clone()]) {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn network(number: usize) -> String {
    format!("nfm-hosts-{}-{number}", std::process::id())
}

impl Hosts {
    /// `None` where this machine allows no namespaces, which is said.
    fn begin() -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("nfm-hosts-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        let mut hosts = Self { folder, all: Vec::new(), viewer: network(0) };
        let path = |name: &str| hosts.folder.join(name).display().to_string();
        for key in ["host", "user"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]);
        }
        let ssh = format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", path("config"));
        fs::create_dir(path("bin")).expect("a folder");
        fs::write(path("bin/ssh"), ssh).expect("a file");
        run("chmod", &["755", &path("bin/ssh")]);
        let config = format!(
            "Host *\n  User root\n  IdentityFile {}\n  UserKnownHostsFile {}\n  BatchMode yes\n",
            path("user"),
            path("known_hosts")
        );
        fs::write(path("config"), config).expect("a file");
        let host_key = fs::read_to_string(path("host.pub")).expect("a key");
        let (mut known, mut uris) = (String::new(), "# ours\n".to_owned());
        run("ip", &["netns", "add", &hosts.viewer]);
        for number in 1..=HOSTS {
            known += &format!("10.231.{number}.2 {host_key}");
            uris += &format!("qemu+ssh://10.231.{number}.2/system h{number}\n");
        }
        fs::write(path("known_hosts"), known).expect("a file");
        fs::write(path("hosts"), uris).expect("a file");
        for number in 1..=HOSTS {
            hosts.wire(number);
            let network = network(number);
            let libvirt = OwnLibvirt::start_in(&format!("own-{number}"), Some(&network))?;
            let (guests, programs) = (Vec::new(), Vec::new());
            let mut host = Host { number, libvirt, guests, programs };
            let names = (0..GUESTS).map(|guest| format!("hosts-{number}{guest}"));
            host.guests = names.map(|name| host.libvirt.name_guest(&name)).collect();
            hosts.all.push(host);
        }
        thread::scope(|scope| {
            for host in &hosts.all {
                for name in &host.guests {
                    scope.spawn(|| host.libvirt.up(name, &["--memory", "128"]));
                }
            }
        });
        let folder = hosts.folder.clone();
        hosts.all.iter_mut().for_each(|host| host.serve(&folder));
        Some(hosts)
    }

    /// A wire between whoever looks and a host.
    fn wire(&self, number: usize) {
        let (host, ours, own) = (network(number), format!("to-h{number}"), "eth0");
        run("ip", &["netns", "add", &host]);
        let peer = ["type", "veth", "peer", "name", own, "netns", &host];
        run("ip", &[&["-n", &self.viewer, "link", "add", &ours][..], &peer].concat());
        for (network, link, end) in [(&self.viewer, &*ours, 1), (&host, own, 2)] {
            let address = format!("10.231.{number}.{end}/24");
            run("ip", &["-n", network, "address", "add", &address, "dev", link]);
            run("ip", &["-n", network, "link", "set", link, "up"]);
        }
    }

    fn link(&self, number: usize, state: &str) {
        run("ip", &["-n", &self.viewer, "link", "set", &format!("to-h{number}"), state]);
    }

    /// Bytes that went over a host's wire.
    fn bytes(&self, number: usize) -> u64 {
        let of = |way: &str| format!("/sys/class/net/to-h{number}/statistics/{way}_bytes");
        let mut cat = Command::new("ip");
        cat.args(["netns", "exec", &self.viewer, "cat", &of("rx"), &of("tx")]);
        let output = cat.output().expect("its counters").stdout;
        let text = String::from_utf8(output).expect("numbers");
        text.lines().map(|line| line.parse::<u64>().expect("a number")).sum()
    }

    /// nfm on the machine of whoever looks.
    fn command(&self, arguments: &[&str]) -> Command {
        let path = std::env::var("PATH").expect("PATH");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.viewer, NFM, "--hosts"]);
        command.arg(self.folder.join("hosts")).args(arguments);
        command.env("PATH", format!("{}:{path}", self.folder.join("bin").display()));
        command.env("NFM_STORE", self.folder.join("nothing"));
        command
    }

    fn nfm(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("nfm")
    }

    fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.nfm(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Host {
    /// Starts its sshd; the first two hosts have a recorder, too.
    fn serve(&mut self, folder: &Path) {
        let path = |name: &str| folder.join(name).display().to_string();
        let number = self.number;
        let own = |name: &str| path(&format!("{name}-{number}"));
        let public = fs::read_to_string(path("user.pub")).expect("a key");
        let forced = format!("restrict,command=\"{NFM} serve --socket {}\" {public}", own("sock"));
        fs::write(own("keys"), forced).expect("a file");
        fs::create_dir_all("/run/sshd").expect("a folder");
        let keys = format!("AuthorizedKeysFile={}", own("keys"));
        let mut sshd = vec!["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-o", &keys, "-h"];
        let key = path("host");
        sshd.push(&key);
        for option in ["StrictModes=no", "UsePAM=no", "PasswordAuthentication=no", "PidFile=none"] {
            sshd.extend(["-o", option]);
        }
        self.start(&sshd);
        if number < HOSTS {
            let (socket, store) = (own("sock"), own("store"));
            let to = ["--user", "root", "--free", "1", "--socket", &socket, "--store", &store];
            self.start(&[&[NFM, "record"][..], &to].concat());
        }
    }

    fn start(&mut self, program: &[&str]) {
        let mut command = self.libvirt.command(program);
        let command = command.stdin(Stdio::null()).stderr(Stdio::null());
        self.programs.push(command.spawn().expect("a program"));
    }
}

/// The ages of the guests' lines on the screen, in seconds, by host.
fn ages(text: &str) -> Vec<(String, f64)> {
    let of = |line: &str| {
        let name = line.get(2..)?.split('/').next()?.to_owned();
        let (_, rest) = line.split_once(" age ")?;
        Some((name, rest.trim_start().split('s').next()?.parse().ok()?))
    };
    text.lines().filter_map(of).collect()
}

/// The number of programs that a process has started and that run.
fn children(pid: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
    let texts = tasks.filter_map(|task| of(task.ok()?));
    texts.map(|text| text.split_whitespace().count()).sum()
}

#[test]
fn guests_of_three_hosts() {
    let begun = Instant::now();
    let Some(hosts) = Hosts::begin() else { return };
    println!("three hosts with two guests each after {:?}", begun.elapsed());
    wait_until("each guest is listed", || {
        let output = hosts.nfm(&["list", "--json"]);
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        output.status.success() && rows.len() == HOSTS * GUESTS
    });
    // By host and name, with patterns; a name alone is looked for on all.
    let rows = hosts.rows(&["list", "--json", "h3/*-30-*"]);
    assert!(rows.iter().all(|row| row["host"] == "h3") && rows.len() == 1, "{rows:?}");
    let last = &hosts.all[HOSTS - 1].guests[GUESTS - 1];
    for domain in [last.clone(), format!("h3/{last}"), "h?/*-31-*".to_owned()] {
        let rows = hosts.rows(&["ps", &domain, "--json"]);
        assert!(rows.iter().any(|row| row["name"] == "init"), "{domain}");
    }
    let several = hosts.nfm(&["ps", "h1/*"]);
    let said = String::from_utf8_lossy(&several.stderr);
    assert!(said.contains("may be any of h1/") && several.status.code() == Some(16), "{said}");
    let other = hosts.nfm(&["ps", "h4/x"]);
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("there is no host 'h4': the hosts are h1, h2, h3"), "{said}");

    // Each row as the guest has it.
    let own = || -> Vec<Vec<(u64, u64)>> {
        let all =
            hosts.all.iter().flat_map(|host| host.guests.iter().map(move |name| (host, name)));
        all.map(|(host, name)| own_memory_of(&host.libvirt.ask(name, OWN_MEMORY))).collect()
    };
    let before = own();
    let all = hosts.rows(&["top", "--once", "--json", "--interval", "1"]);
    let after = own();
    let names = hosts.all.iter().flat_map(|host| host.guests.iter().map(move |name| (host, name)));
    let mut compared = 0;
    for ((host, name), (before, after)) in names.zip(before.iter().zip(&after)) {
        let of =
            |row: &&Value| row["host"] == format!("h{}", host.number) && row["guest"] == **name;
        let own: Vec<&Value> = all.iter().filter(of).collect();
        for (pid, bytes) in before.iter().filter(|one| after.contains(one)) {
            let row = own.iter().find(|row| row["pid"] == *pid);
            let row = row.unwrap_or_else(|| panic!("no process {pid} of {name}"));
            assert_eq!(row["rss_bytes"], *bytes, "{row}");
            compared += 1;
        }
        assert!(own.iter().all(|row| row["cpu_percent"].is_number()), "{name}");
    }
    println!("{compared} rows have the guests' own RSS");
    assert!(compared >= 20 * HOSTS * GUESTS, "{compared}");

    // The screen: one connection a host, frames of less than two seconds, few bytes.
    let mut top = hosts.command(&["top", "--interval", "1"]);
    let mut terminal = Terminal::start(&mut top, 40, 140);
    let young = |text: &str, hosts: &[&str]| {
        let ages = ages(text);
        let own: Vec<_> = ages.iter().filter(|(host, _)| hosts.contains(&&**host)).collect();
        own.len() == GUESTS * hosts.len() && own.iter().all(|(_, age)| *age < 2.0)
    };
    terminal.wait("all guests", |text| {
        text.contains("LIVE  6 guests  3 hosts") && young(text, &["h1", "h2", "h3"])
    });
    assert_eq!(children(terminal.pid()), HOSTS);
    let (begun, bytes) = (Instant::now(), [1, 2, 3].map(|number| hosts.bytes(number)));
    let mut oldest: f64 = 0.0;
    while begun.elapsed() < Duration::from_secs(6) {
        oldest = ages(&terminal.text()).iter().map(|(_, age)| *age).fold(oldest, f64::max);
        thread::sleep(Duration::from_millis(100));
    }
    let seconds = begun.elapsed().as_secs_f64();
    for (number, before) in (1..).zip(bytes) {
        let rate = (hosts.bytes(number) - before) as f64 / seconds;
        println!("h{number}: {:.1} KB/s over its wire, both ways", rate / 1000.0);
        assert!(rate < MOST_BYTES, "{rate}");
    }
    println!("the oldest frame on the screen was {oldest:.1} s old");

    // A host that is cut off: stale in five seconds, the others go on; it comes back by itself.
    hosts.link(2, "down");
    let cut = Instant::now();
    terminal.wait("it is stale", |text| {
        text.lines().filter(|line| line.starts_with("~ h2/")).count() == GUESTS
            && young(text, &["h1", "h3"])
    });
    println!("a host that was cut off is stale after {:?}", cut.elapsed());
    assert!(cut.elapsed() < Duration::from_secs(5));
    hosts.link(2, "up");
    let up = Instant::now();
    terminal.wait("it is back", |text| young(text, &["h1", "h2", "h3"]));
    println!("it is back {:?} after its link", up.elapsed());
    assert_eq!(children(terminal.pid()), HOSTS);
    // A guest is open, with its sockets: only of that one.
    terminal.press("\r");
    terminal.wait_for(" 2 Sockets ");
    terminal.press("4");
    terminal.wait("the kernel's log", |text| text.contains("TEXT") && !text.contains("on its way"));
    terminal.press("\x1bq");
    assert!(terminal.end().success());
}
