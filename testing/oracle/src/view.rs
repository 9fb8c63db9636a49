//! The guest's own view: what its kernel tells in `/proc`, fetched in one go before a crawl and in
//! another after it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Memory is read by the shell itself, so that little of it is in use only because it is asked for.
const MEMORY: &str = "m=$(while read -r line; do echo \"$line\"; done </proc/meminfo); \
    printf '== /proc/meminfo %d\\n%s\\n' ${#m} \"$m\"";
/// Clocks come first before the crawl and last after it, so that their readings enclose it.
const CLOCKS: &str = "oracle /proc/uptime /proc/loadavg /proc/stat";
const SYSTEM: &str = "oracle /proc/cmdline /proc/modules /proc/cpuinfo /sys/kernel/notes \
    /proc/sys/kernel/ostype /proc/sys/kernel/osrelease /proc/sys/kernel/version \
    /proc/sys/kernel/hostname /sys/devices/system/cpu/possible /sys/devices/system/cpu/online";
const PROCESSES: &str = "oracle stat status cmdline cgroup oom_score_adj exe cwd root 'ns/*' 'fd/*' 'fdinfo/*' \
    'task/*/fd/*'";
/// Mode, inode and name of every open file.
const STAT: &str = "say stat sh -c 'stat -L -c \"%f %i %n\" /proc/[0-9]*/fd/* 2>/dev/null; :'";
/// The log by syslog(2): from /dev/kmsg, util-linux's dmesg -r prints levels of other facilities than the
/// kernel's wrongly (facility | level). busybox has no choice, and is right.
const LOG: &str = "say dmesg sh -c 'dmesg -r -S 2>/dev/null || dmesg -r'";
/// Files of each network namespace, by a process in it.
const NETWORK: [&str; 12] = [
    "dev", "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6",
    "unix",
];

/// Prints a command's output in the form of `oracle`.
const PRINT: &str = r#"say() { what=$1; shift; "$@" >/tmp/.oracle; printf '== %s %d\n' "$what" $(wc -c </tmp/.oracle); cat /tmp/.oracle; echo; rm /tmp/.oracle; }"#;

/// One reading.
pub struct Reading {
    files: HashMap<String, Vec<u8>>,
    links: HashMap<String, String>,
    /// The fields of `/proc/PID/stat` by pid.
    stats: BTreeMap<u32, Stat>,
    children: HashMap<String, BTreeSet<u32>>,
}

/// `/proc/PID/stat`.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The name between the first and the last parenthesis.
    pub name: String,
    fields: Vec<String>,
}

impl Stat {
    /// The line of `/proc/PID/stat`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let open = bytes.iter().position(|byte| *byte == b'(')?;
        let close = bytes.iter().rposition(|byte| *byte == b')')?;
        let name = String::from_utf8_lossy(&bytes[open + 1..close]).into_owned();
        let rest = String::from_utf8_lossy(&bytes[close + 1..]).into_owned();
        Some(Self { name, fields: rest.split_whitespace().map(str::to_owned).collect() })
    }

    /// A field by the number that proc(5) gives it, from 3 on.
    pub fn text(&self, number: usize) -> &str {
        self.fields.get(number - 3).map_or("", String::as_str)
    }

    /// A field that is a number.
    pub fn number(&self, number: usize) -> u64 {
        self.text(number).parse().unwrap_or_else(|_| panic!("stat {number}: {self:?}"))
    }

    /// True if it is a thread of the kernel (`PF_KTHREAD`).
    pub fn is_kernel(&self) -> bool {
        self.number(9) & 0x0020_0000 != 0
    }
}

impl Reading {
    fn parse(output: &[u8]) -> Self {
        let mut reading = Self {
            files: HashMap::new(),
            links: HashMap::new(),
            stats: BTreeMap::new(),
            children: HashMap::new(),
        };
        let mut rest = output;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let header = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 1..];
            let (kind, line) = header.split_at_checked(3).expect("a header of the oracle");
            let (path, number) = line.rsplit_once(' ').expect("a path and a number");
            if kind == "!! " {
                continue;
            }
            let length: usize = number.parse().expect("a length");
            let content = rest[..length].to_vec();
            rest = &rest[length + 1..];
            let mut path_to = path;
            while let Some((folder, name)) = path_to.rsplit_once('/') {
                if let Ok(number) = name.parse() {
                    reading.children.entry(folder.to_owned()).or_default().insert(number);
                }
                path_to = folder;
            }
            match kind {
                "== " => drop(reading.files.insert(path.to_owned(), content)),
                "-> " => {
                    let target = String::from_utf8_lossy(&content).into_owned();
                    reading.links.insert(path.to_owned(), target);
                }
                _ => panic!("not the oracle's output: {header}"),
            }
        }
        let stat = |(path, content): (&String, &Vec<u8>)| {
            let pid = path.strip_prefix("/proc/")?.strip_suffix("/stat")?.parse().ok()?;
            Some((pid, Stat::parse(content)?))
        };
        reading.stats = reading.files.iter().filter_map(stat).collect();
        reading
    }

    /// A file's content; empty where it could not be read.
    pub fn bytes(&self, path: &str) -> &[u8] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }

    /// A file's content as text.
    pub fn text(&self, path: &str) -> String {
        String::from_utf8_lossy(self.bytes(path)).into_owned()
    }

    /// A file of a process.
    pub fn of(&self, pid: u32, file: &str) -> String {
        self.text(&format!("/proc/{pid}/{file}"))
    }

    /// A link of a process.
    pub fn link(&self, pid: u32, link: &str) -> Option<&str> {
        self.links.get(&format!("/proc/{pid}/{link}")).map(String::as_str)
    }

    /// A namespace's inode: the link of a process reads `net:[4026531840]`.
    pub fn namespace(&self, pid: u32, kind: &str) -> Option<u64> {
        self.link(pid, &format!("ns/{kind}"))?.rsplit_once('[')?.1.strip_suffix(']')?.parse().ok()
    }

    /// The open file descriptors of a process.
    pub fn descriptors(&self, pid: u32) -> BTreeSet<u32> {
        self.children.get(&format!("/proc/{pid}/fd")).cloned().unwrap_or_default()
    }

    /// Descriptors that are open in other threads' tables than the leader's, with their paths:
    /// `/proc/PID/task/TID/fd`.
    pub fn threads_descriptors(&self, pid: u32) -> BTreeMap<u32, &str> {
        let own = self.descriptors(pid);
        let tasks = self.children.get(&format!("/proc/{pid}/task")).into_iter().flatten();
        let folders = tasks.map(|tid| format!("/proc/{pid}/task/{tid}/fd"));
        let all = folders.flat_map(|folder| {
            let open = self.children.get(&folder).into_iter().flatten();
            open.filter_map(move |fd| {
                Some((*fd, self.links.get(&format!("{folder}/{fd}"))?.as_str()))
            })
        });
        all.filter(|(fd, _)| !own.contains(fd)).collect()
    }

    /// All processes.
    pub fn stats(&self) -> &BTreeMap<u32, Stat> {
        &self.stats
    }

    /// A line `NAME: VALUE` of a process's status.
    pub fn status(&self, pid: u32, name: &str) -> Option<String> {
        value_of(&self.of(pid, "status"), name).map(str::to_owned)
    }

    /// A line `NAME: NUMBER kB` of a process's status, in bytes.
    pub fn status_bytes(&self, pid: u32, name: &str) -> Option<u64> {
        kilobytes(&self.status(pid, name)?)
    }
}

/// The value of a line `NAME:   VALUE`.
pub fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim()))
}

/// `NUMBER kB` in bytes.
pub fn kilobytes(text: &str) -> Option<u64> {
    Some(text.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Both readings, and through which process each namespace was seen.
pub struct View {
    pub before: Reading,
    pub after: Reading,
    /// Network namespaces: inode and a process in it.
    pub networks: BTreeMap<u64, u32>,
    /// Mount namespaces: inode and a process in it.
    pub mounts: BTreeMap<u64, u32>,
}

impl View {
    /// Reads the guest, does something, and reads the guest again. `ask` gives what a shell command in the guest prints;
    /// nobody else may ask meanwhile.
    pub fn around<T>(ask: impl Fn(&str) -> Vec<u8>, meanwhile: impl FnOnce() -> T) -> (Self, T) {
        let first = Reading::parse(&ask("oracle ns/net ns/mnt stat"));
        let networks = namespaces(&first, "net");
        let mounts = namespaces(&first, "mnt");
        let mut commands = vec![PRINT.to_owned(), SYSTEM.to_owned()];
        commands.push(format!("say uname uname -m; {LOG}"));
        commands.push(STAT.to_owned());
        for pid in networks.values() {
            let files: Vec<_> =
                NETWORK.iter().map(|file| format!("/proc/{pid}/net/{file}")).collect();
            commands.push(format!("oracle {}", files.join(" ")));
            commands.push(format!("say ip/{pid} nsenter -t {pid} -n ip addr"));
            for what in ["routes", "neighbours"] {
                commands.push(format!("say {what}/{pid} nsenter -t {pid} -n oracle --{what}"));
            }
        }
        for pid in mounts.values() {
            commands.push(format!("oracle /proc/{pid}/mountinfo"));
        }
        commands.push(format!("{PROCESSES} smaps"));
        let commands = commands.join("\n");
        let before = Reading::parse(&ask(&format!("{CLOCKS}\n{MEMORY}\n{commands}")));
        let done = meanwhile();
        let after = Reading::parse(&ask(&format!("{commands}\n{MEMORY}\n{CLOCKS}")));
        (Self { before, after, networks, mounts }, done)
    }

    /// The processes that were there all the time, with what was said of them before and after.
    pub fn lasting(&self) -> impl Iterator<Item = (u32, &Stat, &Stat)> {
        const START: usize = 22;
        self.before.stats.iter().filter_map(|(pid, before)| {
            let after = self.after.stats.get(pid)?;
            (before.text(START) == after.text(START)).then_some((*pid, before, after))
        })
    }

    /// The process that carries the lab's questions out: not at rest while it is asked.
    pub fn is_agent(&self, pid: u32) -> bool {
        self.before.stats.get(&pid).is_some_and(|stat| stat.name == "lab-agent")
    }
}

fn namespaces(reading: &Reading, kind: &str) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    for pid in reading.stats.keys() {
        if let Some(inode) = reading.namespace(*pid, kind) {
            found.entry(inode).or_insert(*pid);
        }
    }
    found
}
