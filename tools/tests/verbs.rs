//! The verbs that show one section each, and the ways to crawl, against a real guest.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// How often nfm is killed while it holds the domain.
const ROUNDS: u64 = 8;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(NFM);
    command.args(["-c", "qemu:///system"]).args(arguments).stdin(Stdio::null());
    command
}

/// The output of nfm, which has to succeed and to complain of nothing.
fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(arguments).output().expect("nfm");
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{arguments:?}: {status}: {errors}");
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(stdout).expect("UTF-8")
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(arguments)).unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
}

/// The rows of a verb's JSON.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let all = json(&[arguments, &["--json"]].concat());
    all.as_array().unwrap_or_else(|| panic!("{arguments:?}: no array")).clone()
}

fn shared() -> lab::Guest {
    lab::guest("shared-61", &[])
}

/// Lines as words.
fn words(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect()).collect()
}

/// That a line has all these words, one after the other.
fn has_row(table: &str, row: &str) {
    let row: Vec<&str> = row.split(' ').collect();
    let found = words(table).iter().any(|line| line.windows(row.len()).any(|part| part == row));
    assert!(found, "no {row:?} in:\n{table}");
}

/// The pid of the guest's process of this name.
fn pid(guest: &lab::Guest, name: &str) -> String {
    let rows = rows(&["ps", guest.domain()]);
    let row = rows.iter().find(|row| row["name"] == name);
    row.unwrap_or_else(|| panic!("no process {name}"))["pid"].to_string()
}

#[test]
fn top() {
    let guest = shared();
    let text = printed(&["top", guest.domain(), "--once", "--interval", "0.2"]);
    assert!(text.starts_with(&format!("{}: up ", guest.domain())), "{text}");
    assert!(text.contains("load average: ") && text.contains("Mem: "), "{text}");
    let table = words(&text);
    let heading = table.iter().position(|line| line.first() == Some(&"PID")).expect("headings");
    assert_eq!(
        table[heading],
        ["PID", "UID", "NI", "VIRT", "RES", "SHR", "S", "%CPU", "TIME", "COMMAND"]
    );
    let init = table[heading + 1..].iter().find(|line| line.last() == Some(&"init"));
    assert_eq!(init.expect("init")[..3], ["1", "0", "0"]);
    let shares: Vec<f64> =
        table[heading + 1..].iter().filter_map(|line| line.get(7)?.parse().ok()).collect();
    assert!(shares.len() > 80 && shares.is_sorted_by(|a, b| a >= b), "{shares:?}");

    let all = rows(&["top", guest.domain(), "--once", "--interval", "0.2"]);
    assert!(all.len() > 80 && all.iter().all(|row| row["cpu_percent"].is_f64()), "{all:?}");
    assert!(all.iter().any(|row| row["name"] == "kthreadd"));
}

/// The same processes as the guest's kernel would kill, each with the score that `/proc/PID/oom_score` shows, but for what
/// a frame does not tell of it: page tables, of which a page is 1/128 of a thousandth of this guest's memory.
#[test]
fn oom() {
    let guest = shared();
    // The agent's own shell comes and goes. vfork(2)'s child, whom the kernel spares, is not told from others.
    let scores = guest.ask(
        "cd /proc; for p in [0-9]*; do read -r name 2>/dev/null <$p/comm && \
         read -r score 2>/dev/null <$p/oom_score && [ $p != $$ ] && echo $p $score $name; done; :",
    );
    let mut own: Vec<(u64, i64)> = Vec::new();
    for line in words(&scores) {
        if line[2] != "vfork-child" && line[1] != "0" {
            own.push((line[0].parse().expect("a pid"), line[1].parse().expect("a score")));
        }
    }
    let all = rows(&["oom", guest.domain()]);
    let shown: Vec<(u64, i64)> = all
        .iter()
        .filter(|row| row["name"] != "vfork-child")
        .map(|row| (row["pid"].as_u64().expect("pid"), row["oom_score"].as_i64().expect("score")))
        .collect();
    let mut by_pid = shown.clone();
    by_pid.sort_unstable();
    own.sort_unstable();
    let pids = |rows: &[(u64, i64)]| rows.iter().map(|row| row.0).collect::<Vec<_>>();
    assert!(own.len() > 40, "{own:?}");
    assert_eq!(pids(&by_pid), pids(&own));
    for ((pid, ours), (_, score)) in by_pid.iter().zip(&own) {
        assert!(
            (score - 1..=*score).contains(ours),
            "process {pid}: {ours}, the guest says {score}"
        );
    }
    assert!(shown.is_sorted_by_key(|row| -row.1), "{shown:?}");
    assert_eq!((&all[0]["name"], &all[0]["oom_score_adj"]), (&"nice".into(), &300.into()));
    let last = all.last().expect("a last row");
    assert_eq!((&last["name"], &last["oom_score_adj"]), (&"urgent".into(), &Value::from(-500)));
    let table = printed(&["oom", guest.domain()]);
    assert_eq!(words(&table)[0], ["SCORE", "ADJ", "RSS", "PID", "UID", "COMMAND"]);
    assert_eq!(words(&table)[1].last(), Some(&"nice"), "{table}");
    assert_eq!(words(&table).len(), all.len() + 1);
}

#[test]
fn ss() {
    let guest = shared();
    let server = pid(&guest, "server");
    for verb in ["ss", "netstat"] {
        let table = printed(&[verb, guest.domain()]);
        assert_eq!(
            words(&table)[0],
            ["NETNS", "PROTO", "STATE", "LOCAL", "REMOTE", "UID", "INODE", "PROCESS"]
        );
        has_row(&table, "tcp LISTEN 0.0.0.0:22 0.0.0.0:0");
        has_row(&table, "tcp LISTEN 10.9.0.2:9090 0.0.0.0:0");
        has_row(&table, &format!("server (pid {server}, fd 3)"));
    }
    let all = rows(&["ss", guest.domain()]);
    let listener = all.iter().find(|row| row["local_port"] == 8080 && row["state"] == "LISTEN");
    assert_eq!(listener.expect("the server's socket")["pid"].to_string(), server);
    for protocol in ["tcp", "tcp6", "udp", "raw", "unix"] {
        assert!(all.iter().any(|row| row["protocol"] == protocol), "no {protocol}");
    }
}

#[test]
fn ip() {
    let guest = shared();
    for verb in ["ip", "ifconfig"] {
        let text = printed(&[verb, guest.domain()]);
        has_row(&text, "inet 10.0.2.15/24");
        has_row(&text, "inet 10.9.0.2/24"); // in a namespace of its own
        has_row(&text, "inet6 fd00:77::1/64");
        has_row(&text, "link 02:00:00:00:00:07");
        has_row(&text, "mtu 1400 state UP");
        assert!(
            text.lines().any(|line| line.contains(": br0: ") && line.ends_with("DOWN")),
            "{text}"
        );
    }
    let all = rows(&["ip", guest.domain()]);
    let dummy = all.iter().find(|row| row["name"] == "dummy0").expect("dummy0");
    assert_eq!(dummy["ipv4"][0], "192.168.77.1/24");
}

#[test]
fn route() {
    let guest = shared();
    let table = printed(&["route", guest.domain()]);
    let headings = "NETNS TABLE TYPE DESTINATION VIA DEV SRC METRIC PROTO SCOPE DETAILS".split(' ');
    assert_eq!(words(&table)[0], headings.collect::<Vec<_>>());
    has_row(&table, "main unicast 0.0.0.0/0 10.0.2.2 eth0 - 0 boot global -");
    has_row(
        &table,
        "main unicast 198.51.100.0/24 192.168.77.3 dummy0 - 0 static global nexthop 2 of 2 weight 5",
    );
    has_row(
        &table,
        "100 unicast 198.51.100.0/25 192.168.77.2 dummy0 192.168.77.1 50 dhcp global mtu 1300",
    );
    has_row(&table, "local local 10.9.0.2/32 - veth1 10.9.0.2 0 kernel host -");
    has_row(&table, "main unicast 2001:db8:3::/64 from 2001:db8:f::/48 fd00:77::2 dummy0");
    let all = rows(&["route", guest.domain()]);
    // The last line of the table is empty of none.
    assert_eq!(all.len(), words(&table).len() - 1);
    let own = guest.ask("oracle --routes | wc -l");
    let netns = all.iter().find(|row| row["interface"] == "eth0").expect("eth0")["netns"].clone();
    let of_first = all.iter().filter(|row| row["netns"] == netns).count();
    assert_eq!(of_first.to_string(), own.trim());
}

#[test]
fn neigh() {
    let guest = shared();
    for verb in ["neigh", "arp"] {
        let table = printed(&[verb, guest.domain()]);
        let headings = "NETNS ADDRESS DEV LLADDR STATE PROTO FLAGS".split(' ');
        assert_eq!(words(&table)[0], headings.collect::<Vec<_>>());
        has_row(&table, "192.168.77.21 dummy0 02:00:00:00:01:15 permanent - -");
        has_row(&table, "fd00:77::23 dummy0 02:00:00:00:01:17 stale static router");
        has_row(&table, "192.168.77.24 dummy0 - failed - -");
        has_row(&table, "192.168.77.27 dummy0 - none - proxy");
        has_row(&table, "10.9.0.1 veth1 02:00:00:00:00:91 permanent - -"); // of another namespace
    }
    let all = rows(&["neigh", guest.domain()]);
    let gateway = all.iter().find(|row| row["address"] == "10.0.2.2").expect("the gateway");
    assert!(gateway["mac"].is_string() && gateway["interface"] == "eth0", "{gateway}");
}

#[test]
fn lsof() {
    let guest = shared();
    let files = pid(&guest, "files");
    let table = printed(&["lsof", guest.domain(), "-p", &files]);
    let lines = words(&table);
    assert_eq!(lines[0], ["COMMAND", "PID", "UID", "FD", "TYPE", "OFFSET", "NODE", "NAME"]);
    assert!(lines[1..].iter().all(|line| line[0] == "files" && line[1] == files), "{table}");
    let data = lines.iter().find(|line| line.last() == Some(&"/srv/www/data.txt"));
    let data = data.unwrap_or_else(|| panic!("no data.txt in:\n{table}"));
    assert_eq!((data[4], data[5]), ("REG", "1234"));
    assert!(lines.iter().any(|line| line[3].starts_with("500")), "no descriptor 500 in:\n{table}");

    let own = guest.ask(&format!("ls /proc/{files}/fd | wc -l"));
    let all = rows(&["lsof", guest.domain(), "-p", &files]);
    assert_eq!(all.len().to_string(), own.trim());
    assert_eq!(lines.len() - 1, all.len());
    assert!(rows(&["lsof", guest.domain()]).len() > all.len() + 300, "of all processes");
}

#[test]
fn pmap() {
    let guest = shared();
    let table = printed(&["pmap", guest.domain(), "-p", "1"]);
    let lines = words(&table);
    assert_eq!(lines[0], ["PID", "Address", "Kbytes", "RSS", "Mode", "Offset", "Mapping"]);
    has_row(&table, "r-xp 00001000 /bin/busybox");
    assert!(lines.iter().any(|line| line.last() == Some(&"[heap]")), "{table}");
    assert!(lines.iter().any(|line| line.last() == Some(&"[stack]")), "{table}");
    let all = rows(&["pmap", guest.domain(), "-p", "1"]);
    let own = guest.ask("grep -v vsyscall /proc/1/maps | wc -l");
    let is_own = |row: &&Value| row["path"] != "[vsyscall]";
    assert_eq!(all.iter().filter(is_own).count().to_string(), own.trim());
    assert!(all.iter().all(|row| row["pid"] == 1));
}

#[test]
fn dmesg() {
    let guest = shared();
    let text = printed(&["dmesg", guest.domain()]);
    let own = guest.ask("dmesg");
    // A guest at rest may still say something now and then.
    assert!(own.starts_with(&text) || text.starts_with(&own), "{text}");
    assert!(text.contains("Linux version 6.1."), "{text}");
    let all = rows(&["dmesg", guest.domain()]);
    assert!(all.len() > 100 && all.iter().all(|row| row["level"].as_u64() < Some(8)));
    assert!(all[0]["text"].as_str().expect("text").starts_with("Linux version "));
}

#[test]
fn mount() {
    let guest = shared();
    let table = printed(&["mount", guest.domain()]);
    assert_eq!(words(&table)[0], ["NAMESPACE", "SOURCE", "TARGET", "TYPE", "OPTIONS"]);
    has_row(&table, "/dev/loop0 /mnt/disk ext4 rw,noatime");
    has_row(&table, "overlay /mnt/overlay overlay rw,relatime");
    has_row(&table, "odd source /mnt/with space tmpfs ro,relatime");
    let all = rows(&["mount", guest.domain()]);
    let disk = all.iter().find(|row| row["target"] == "/mnt/with space").expect("the mount");
    assert_eq!((&disk["source"], &disk["filesystem"]), (&"odd source".into(), &"tmpfs".into()));
}

#[test]
fn free_uptime_and_lscpu() {
    let guest = shared();
    let total = guest.ask("sed -n 's/^MemTotal: *//p' /proc/meminfo");
    let total = total.trim().trim_end_matches(" kB");
    let table = printed(&["free", guest.domain()]);
    let lines = words(&table);
    assert_eq!(lines[0], ["total", "used", "free", "shared", "buff/cache", "available"]);
    assert_eq!(lines[1][..2], ["Mem:", total]);
    assert_eq!(lines[2], ["Swap:", "0", "0", "0"]);
    let memory = json(&["free", guest.domain(), "--json"]);
    assert_eq!(memory["total"].as_u64().map(|bytes| (bytes >> 10).to_string()), Some(total.into()));

    let uptime = || -> f64 { guest.ask("cut -d' ' -f1 /proc/uptime").trim().parse().unwrap() };
    let before = uptime();
    let os = json(&["uptime", guest.domain(), "--json"]);
    let seconds = os["uptime_ns"].as_u64().expect("uptime_ns") as f64 / 1e9;
    assert!((before..uptime() + 0.01).contains(&seconds), "{before} and then {seconds}");
    let text = printed(&["uptime", guest.domain()]);
    assert!(text.starts_with("up ") && text.contains("load average: "), "{text}");

    let table = printed(&["lscpu", guest.domain()]);
    let lines = words(&table);
    assert_eq!(lines[0][..3], ["CPU", "ONLINE", "MHZ"]);
    assert_eq!(lines.len(), 2, "{table}");
    assert_eq!(lines[1][..2], ["0", "yes"]);
    let model = guest.ask("sed -n 's/^model name.*: //p' /proc/cpuinfo");
    assert!(table.contains(model.trim()), "{table}");
    assert_eq!(rows(&["lscpu", guest.domain()])[0]["model"], model.trim());
}

#[test]
fn crawl_and_watch() {
    let guest = shared();
    let text = printed(&["crawl", guest.domain(), "--watch", "0.05", "--count", "5", "--json"]);
    let frames: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a frame a line")).collect();
    let seq: Vec<u64> = frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
    assert_eq!(seq, [1, 2, 3, 4, 5]);
    let times: Vec<u64> = frames.iter().filter_map(|frame| frame["time_ns"].as_u64()).collect();
    // The rate does not drift, but a frame may be late on a busy machine, and the next one early.
    let all = (times[4] - times[0]) as f64 / 1e9;
    assert!((0.15..1.0).contains(&all), "five frames in {all} s");
    assert!(times.is_sorted(), "{times:?}");
    assert!(frames.iter().all(|frame| frame["consistency"]["mode"] == "live"));
}

#[test]
fn a_limit_ends_a_frame_and_is_named() {
    let guest = shared();
    for (option, value, words) in [
        ("--time-limit", "0.001", "the time limit is reached"),
        ("--row-limit", "20", "the row limit is reached"),
        ("--memory-limit", "1", "the memory limit is reached"),
    ] {
        // The slowest and largest frame that there is.
        let arguments =
            ["crawl", guest.domain(), "--json", "--physical", "--threads", option, value];
        let frame = json(&arguments);
        assert_eq!(frame["consistency"]["complete"], false, "{option}");
        let problems = frame["consistency"]["problems"].as_array().expect("problems");
        let named = problems.iter().filter(|problem| {
            problem["reason"].as_str().is_some_and(|reason| reason.starts_with(words))
        });
        // Each section from there on says so, once.
        let mut sections: Vec<_> = named.map(|problem| problem["section"].to_string()).collect();
        assert!(sections.contains(&"\"log\"".to_owned()), "{option}: {problems:?}");
        let all = sections.len();
        sections.dedup();
        assert_eq!(sections.len(), all, "{option}: {problems:?}");
    }
    let frame = json(&["crawl", guest.domain(), "--json", "--row-limit", "20"]);
    assert_eq!(rows_of(&frame, "cpus") + rows_of(&frame, "processes"), 20);

    // The sections of tasks are taken together, if there is room for all of them; if not, the first of them is whole.
    let of_tasks = ["--sections", "processes,files,mappings"];
    let crawl = ["crawl", guest.domain(), "--json"];
    let limit = rows_of(&json(&[&crawl[..], &of_tasks].concat()), "processes") + 30;
    let limited = ["--row-limit", &limit.to_string()];
    let frame = json(&[&crawl[..], &of_tasks, &limited].concat());
    assert_eq!(rows_of(&frame, "processes") + rows_of(&frame, "files"), limit);
    assert!(rows_of(&frame, "files") > 0);
    assert_eq!(rows_of(&frame, "mappings"), 0);
}

fn rows_of(frame: &Value, section: &str) -> usize {
    frame[section].as_array().map_or(0, Vec::len)
}

#[test]
fn crawl_with_threads_and_physical_addresses() {
    let guest = shared();
    let frame = json(&["crawl", guest.domain(), "--threads", "--physical", "--json"]);
    assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
    for process in frame["processes"].as_array().expect("processes") {
        let threads = process["thread_list"].as_array().expect("threads").len();
        assert_eq!(Some(threads as u64), process["threads"].as_u64(), "{process}");
    }
    let runs = |mapping: &Value| -> u64 {
        let runs = mapping["physical"].as_array().expect("where its pages are");
        runs.iter().filter_map(|run| run["bytes"].as_u64()).sum()
    };
    let mappings = frame["mappings"].as_array().expect("mappings");
    let init = mappings.iter().find(|one| one["pid"] == 1 && one["path"] == "[heap]");
    let init = init.expect("init's heap");
    assert!(runs(init) > 0);
    assert_eq!(Some(runs(init)), init["resident_bytes"].as_u64(), "{init}");
    // Neither is there where nobody asked.
    let frame = json(&["crawl", guest.domain(), "--json", "--sections", "processes,mappings"]);
    assert!(frame["processes"][0]["thread_list"].is_null());
    assert!(frame["mappings"][0]["physical"].is_null());
}

fn state(guest: &lab::Guest) -> String {
    lab::virsh(&["domstate", guest.domain()]).expect("a state").trim().to_owned()
}

/// Pids of the guards of a domain that run.
fn guards(uuid: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let is_guard = |pid: &String| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("resume-guard") && line.contains(uuid)
    };
    processes.filter_map(|one| one.file_name().into_string().ok()).filter(is_guard).collect()
}

#[test]
fn crawl_paused() {
    let guest = lab::own_guest("paused", &[]);
    let frame = json(&["crawl", guest.domain(), "--paused", "--json"]);
    assert_eq!(frame["consistency"]["mode"], "paused");
    assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
    assert_eq!(frame["host"]["state"], "paused");
    assert_eq!(state(&guest), "running");
    let uuid = frame["domain"]["uuid"].as_str().expect("a uuid");
    assert_eq!(guards(uuid), Vec::<String>::new());

    // Whoever suspended it stays responsible: it is no business of nfm's.
    lab::virsh(&["suspend", guest.domain()]).expect("suspended");
    let frame = json(&["crawl", guest.domain(), "--paused", "--json"]);
    assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
    assert_eq!(state(&guest), "paused");
    lab::virsh(&["resume", guest.domain()]).expect("resumed");

    for round in 0..ROUNDS {
        let mut child =
            command(&["crawl", guest.domain(), "--paused", "--watch", "0.001", "--json"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nfm");
        wait_for("paused", Duration::from_secs(10), || state(&guest) == "paused", &mut child);
        // At different points of a frame and between two.
        std::thread::sleep(Duration::from_millis(7 * round));
        child.kill().expect("killed");
        child.wait().expect("its end");
        let killed = Instant::now();
        wait_for(
            "running again and unguarded",
            Duration::from_secs(2),
            || state(&guest) == "running" && guards(uuid).is_empty(),
            &mut child,
        );
        println!("round {round}: runs again after {:?}", killed.elapsed());
        // Nothing that was still on its way suspends it anew.
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(state(&guest), "running", "round {round}, later");
    }
    guest.ask("true");
}

fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool, child: &mut Child) {
    let end = Instant::now() + limit;
    while !holds() {
        if Instant::now() >= end {
            let _ = child.kill();
            panic!("not {what} within {limit:?}");
        }
    }
}

/// Frames that were printed as JSON are read back by every verb that shows frames, and tell the same.
#[test]
fn recorded_frames_show_what_the_guest_shows() {
    let guest = lab::own_guest("recorded", &["--memory", "256"]);
    let domain = guest.domain();
    // So that two readings cannot differ.
    lab::virsh(&["suspend", domain]).expect("suspended");
    let folder = std::env::temp_dir().join(format!("nfm-recorded-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("a file");
        format!("file:{}", folder.join(name).display())
    };
    let lines = printed(&["crawl", domain, "--json", "--watch", "0.05", "--count", "3"]);
    let all = file("all.jsonl", &lines);
    for verb in [
        "ps", "oom", "lsof", "pmap", "ss", "ip", "route", "neigh", "lsmod", "dmesg", "mount",
        "free", "uptime", "lscpu",
    ] {
        assert_eq!(printed(&[verb, &all]), printed(&[verb, domain]), "{verb}");
        assert_eq!(printed(&[verb, &all, "--json"]), printed(&[verb, domain, "--json"]), "{verb}");
    }
    // A file does not tell the host.
    assert_eq!(printed(&["topology", &all]), printed(&["topology", domain]));
    let uri = all.replace("file:", "file://");
    assert_eq!(printed(&["ps", "--cpu", &uri]), printed(&["ps", "--cpu", domain]));
    assert_eq!(printed(&["top", "--once", &all]), printed(&["top", "--once", domain]));
    // All of them, one after the other, and then it ends.
    assert_eq!(printed(&["top", &all]).matches("Tasks: ").count(), 2);

    let fails = |arguments: &[&str], status: i32, words: &str| {
        let output = command(arguments).output().expect("nfm");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    };
    let some = file("os.jsonl", &printed(&["crawl", domain, "--json", "--sections", "os,cpus"]));
    printed(&["uptime", &some]);
    fails(&["ps", &some], 16, "no section 'processes', only os, cpus");
    fails(
        &["ps", "--cpu", &file("one.jsonl", lines.lines().next().unwrap())],
        16,
        "no whole frame",
    );
    fails(&["check", &all], 16, "hold no guest's memory");
    let two = file("two.jsonl", &format!("{lines}{}", lines.replace(domain, "web-2")));
    fails(&["ps", &two], 16, &format!("frames of {domain}, web-2"));
    fails(&["ps", &file("bad.jsonl", &format!("{lines}{{}}\n"))], 16, "line 4 is no frame");
    fs::remove_dir_all(folder).expect("removed");
}
