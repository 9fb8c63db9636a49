//! The exporter with a real guest: Debian's Prometheus scrapes it over TLS, and its answers are what the guest says.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(100);

/// A folder of the test's own, and programs that end with it.
struct Place {
    folder: PathBuf,
    programs: Vec<Child>,
}

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("nfm-metrics-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        Self { folder, programs: Vec::new() }
    }

    fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).expect("a file");
    }

    fn start(&mut self, command: &mut Command) -> u32 {
        let log =
            |name: &str| fs::File::options().create(true).append(true).open(self.folder.join(name));
        command.stdin(Stdio::null()).stderr(log("log").expect("a log"));
        command.stdout(log("log").expect("a log"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let pid = child.id();
        self.programs.push(child);
        pid
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The exporter's text, by curl as Prometheus asks for it.
    fn scrape(&self, port: u16, accept: &str) -> String {
        let mut command = Command::new("curl");
        command.args([
            "-s",
            "--fail",
            "-u",
            "prometheus:secret",
            "-H",
            &format!("Accept: {accept}"),
        ]);
        command.arg("--cacert").arg(self.at("server.pem"));
        text(&command.arg(format!("https://localhost:{port}/metrics")).output().expect("curl"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            let _ = program.kill();
            let _ = program.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    text(&output)
}

fn wait_for<T>(what: &str, place: &Place, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}\n{}", place.log());
        sleep(Duration::from_millis(200));
    }
}

/// A port that nobody has now.
fn port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The one number of a query, by promtool.
fn query(prometheus: &str, expression: &str) -> Option<f64> {
    let mut command = Command::new("promtool");
    let output =
        command.args(["query", "instant", prometheus, expression]).output().expect("promtool");
    let said = text(&output);
    let mut lines = said.lines();
    // {labels} => 1.5 @[1700000000]
    let value = lines.next()?.rsplit(" => ").next()?.split(' ').next()?.parse().ok();
    assert_eq!(lines.next(), None, "{expression} has several answers: {said}");
    value
}

/// The guest's own numbers, by the expression that a dashboard of node_exporter has for each; those that may change from one
/// look to the next have a tolerance, as a share.
fn expected(guest: &lab::Guest) -> Vec<(String, f64, f64)> {
    let mut all: Vec<(String, f64, f64)> = Vec::new();
    let meminfo = guest.ask("cat /proc/meminfo");
    let meminfo: HashMap<&str, f64> = meminfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(name, value)| Some((name, value.split_whitespace().next()?.parse().ok()?)))
        .collect();
    for (name, tolerance) in [
        ("MemTotal", 0.0),
        ("MemFree", 0.1),
        ("MemAvailable", 0.1),
        ("Buffers", 0.2),
        ("Cached", 0.2),
        ("SwapTotal", 0.0),
        ("SwapFree", 0.0),
        ("Slab", 0.2),
        ("SReclaimable", 0.2),
        ("SUnreclaim", 0.2),
        ("Shmem", 0.2),
        ("Mapped", 0.5),
        ("AnonPages", 0.5),
        ("KernelStack", 0.2),
        ("PageTables", 0.5),
    ] {
        let expected = meminfo.get(name).unwrap_or_else(|| panic!("no {name}")) * 1024.0;
        all.push((format!("node_memory_{name}_bytes"), expected, tolerance));
    }
    let used = meminfo["MemTotal"] - meminfo["MemFree"];
    let expression = "100 * (1 - node_memory_MemFree_bytes / node_memory_MemTotal_bytes)";
    all.push((expression.to_owned(), 100.0 * used / meminfo["MemTotal"], 0.2));
    let stat = guest.ask("cat /proc/stat");
    let number = |name: &str| -> f64 {
        let line = stat.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse().expect("a number")
    };
    all.push(("floor(node_boot_time_seconds)".to_owned(), number("btime "), 1e-9));
    let cpus = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    let count = cpus.clone().count() as f64;
    all.push(("count(count by (cpu) (node_cpu_seconds_total))".to_owned(), count, 0.0));
    all.push(("sum(node_cpu_online)".to_owned(), count, 0.0));
    let total = stat.lines().next().expect("cpu").split_whitespace().skip(1);
    let ticks: Vec<f64> = total.map(|ticks| ticks.parse().expect("ticks")).collect();
    for (at, mode, tolerance) in
        [(0, "user", 0.3), (2, "system", 0.3), (3, "idle", 0.1), (7, "steal", 0.3)]
    {
        let expression = format!("sum(node_cpu_seconds_total{{mode=\"{mode}\"}})");
        all.push((expression, ticks[at] / 100.0, tolerance));
    }
    // All at once: each question takes a while.
    let network = guest.ask(
        "cd /sys/class/net; for d in lo eth0; do [ ! -e $d ] || for f in mtu statistics/rx_bytes statistics/rx_packets \
         statistics/rx_errors statistics/tx_bytes statistics/tx_packets statistics/tx_dropped; do \
         echo $d $f $(cat $d/$f); done; done",
    );
    for line in network.lines() {
        let [device, file, value] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let (series, tolerance) = match file {
            "mtu" => ("mtu_bytes", 0.0),
            "statistics/rx_bytes" => ("receive_bytes_total", 0.5),
            "statistics/rx_packets" => ("receive_packets_total", 0.5),
            "statistics/rx_errors" => ("receive_errs_total", 0.5),
            "statistics/tx_bytes" => ("transmit_bytes_total", 0.5),
            "statistics/tx_packets" => ("transmit_packets_total", 0.5),
            "statistics/tx_dropped" => ("transmit_drop_total", 0.5),
            _ => panic!("{line}"),
        };
        let expression = format!("node_network_{series}{{device=\"{device}\"}}");
        all.push((expression, value.parse().expect("a number"), tolerance));
    }
    let load = guest.ask("cat /proc/loadavg");
    let load: f64 = load.split(' ').nth(2).expect("loads").parse().expect("a load");
    all.push(("node_load15".to_owned(), load, 0.3));
    let uptime = guest.ask("cat /proc/uptime");
    let uptime: f64 = uptime.split(' ').next().expect("seconds").parse().expect("a number");
    all.push(("node_time_seconds - node_boot_time_seconds".to_owned(), uptime, 0.2));
    let release = guest.ask("uname -r");
    let node = guest.ask("uname -n");
    let (release, node) = (release.trim(), node.trim());
    let expression = format!("node_uname_info{{release=\"{release}\",nodename=\"{node}\"}}");
    all.push((expression, 1.0, 0.0));
    let processes: f64 = guest.ask("ls -d /proc/[0-9]* | wc -l").trim().parse().expect("a number");
    all.push(("node_processes_pids".to_owned(), processes, 0.1));
    let sleeping = guest.ask("cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | grep -c '^S'");
    let sleeping: f64 = sleeping.trim().parse().expect("a number");
    all.push(("node_processes_state{state=\"S\"}".to_owned(), sleeping, 0.1));
    all
}

/// The complaints of `promtool check metrics`, without those of node_exporter's names that are not in snake case.
fn complaints(text: &str, place: &Place) -> Vec<String> {
    place.write("metrics", text);
    let metrics = fs::File::open(place.folder.join("metrics")).expect("the metrics");
    let mut command = Command::new("promtool");
    let output = command.args(["check", "metrics"]).stdin(metrics).output().expect("promtool");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_own = |line: &&str| !(line.starts_with("node_memory_") && line.ends_with("'camelCase'"));
    said.lines().filter(is_own).map(str::to_owned).collect()
}

#[test]
fn prometheus_scrapes_a_guest_over_tls() {
    let guest = lab::guest("shared-61", &[]);
    let domain = guest.domain();
    let mut place = Place::new();
    let (exporter, prometheus) = (port(), port());
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", &place.at("server.key"), "-out", &place.at("server.pem")]));
    // htpasswd -nbBC 4 prometheus secret
    place.write(
        "web.yml",
        "tls_server_config: {cert_file: server.pem, key_file: server.key}\n\
         basic_auth_users: {prometheus: $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW}\n",
    );
    place.write("groups.yml", "process_names: [{name: '{{.Comm}}', comm: [init]}]\n");
    place.start(
        Command::new(NFM)
            .args([
                "-c",
                "qemu:///system",
                "record",
                "--rate",
                "2",
                "--free",
                "1",
                "--user",
                "root",
            ])
            .args(["--every", "interfaces=0.5", "--every", "mounts=5"])
            .args(["--store", &place.at("store"), "--socket", &place.at("nfm.sock"), domain]),
    );
    let socket = place.at("nfm.sock");
    wait_for("the recorder's socket", &place, || Path::new(&socket).exists().then_some(()));
    let address = format!("127.0.0.1:{exporter}");
    let pid = place.start(
        Command::new(NFM)
            .args(["exporter", "--listen", &address, "--socket", &socket, domain])
            .args(["--web-config", &place.at("web.yml"), "--groups", &place.at("groups.yml")]),
    );
    place.write(
        "prometheus.yml",
        &format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{rules}']\n\
             scrape_configs:\n\
             - job_name: nfm\n  scheme: https\n  tls_config: {{ca_file: server.pem}}\n\
             \x20 basic_auth: {{username: prometheus, password: secret}}\n\
             \x20 static_configs: [{{targets: ['localhost:{exporter}']}}]\n",
            rules = lab::root().join("integrations/prometheus/nfm.rules.yml").display(),
        ),
    );
    place.start(
        Command::new("prometheus")
            .arg(format!("--config.file={}", place.at("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", place.at("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{prometheus}")),
    );
    let prometheus = format!("http://127.0.0.1:{prometheus}");
    wait_for("the guest's metrics in Prometheus", &place, || {
        query(&prometheus, "node_memory_MemTotal_bytes")
    });
    assert_eq!(query(&prometheus, "up"), Some(1.0));

    // The exporter has no rights of its own.
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");

    // A guest that works changes its numbers: what differs is compared again, with new ones of both.
    let begun = Instant::now();
    let compared = loop {
        let all = expected(&guest);
        let wrong: Vec<String> = all
            .iter()
            .filter_map(|(expression, expected, tolerance)| {
                let found = query(&prometheus, expression);
                let room = expected.abs() * tolerance + if *tolerance > 0.0 { 0.5 } else { 0.0 };
                match found {
                    Some(found) if (found - expected).abs() <= room => None,
                    found => Some(format!("{expression}: {found:?}, the guest says {expected}")),
                }
            })
            .collect();
        if wrong.is_empty() {
            break all.len();
        }
        assert!(begun.elapsed() < PATIENCE, "{wrong:#?}");
    };
    assert!(compared >= 30, "only {compared} numbers were compared");
    println!("{compared} numbers of Prometheus are those of the guest");

    // Our own series, the labels, and the group that the rules name.
    for (expression, least) in [
        (format!("nfm_guest_up{{vm=\"{domain}\"}}"), 1.0),
        ("nfm_source_up".to_owned(), 1.0),
        ("nfm_host_rss_bytes".to_owned(), 1e6),
        ("nfm_host_vcpu_time_seconds_total".to_owned(), 0.01),
        ("count(nfm_host_untouched_bytes)".to_owned(), 1.0),
        ("namedprocess_namegroup_num_procs{groupname=\"init\"}".to_owned(), 1.0),
        ("sum(namedprocess_namegroup_memory_bytes{memtype=\"resident\"})".to_owned(), 1000.0),
        ("count(nfm_section_age_seconds{section=\"interfaces\"})".to_owned(), 1.0),
    ] {
        let found = query(&prometheus, &expression);
        assert!(found.is_some_and(|found| found >= least), "{expression}: {found:?}");
    }
    let groups = query(&prometheus, "count(namedprocess_namegroup_num_procs)");
    assert_eq!(groups, Some(1.0), "the rules name one group");
    assert_eq!(query(&prometheus, "count(ALERTS{alertname=~\"Nfm.*\"})"), None, "no alert fires");

    let shown = place.scrape(exporter, "text/plain");
    assert_eq!(complaints(&shown, &place), Vec::<String>::new());
    let open = place.scrape(exporter, "application/openmetrics-text");
    assert!(open.ends_with("# EOF\n"), "{open}");

    // The recorder ends: what it had is shown as old by nobody.
    place.programs[0].kill().expect("the recorder");
    wait_for("that there is no source", &place, || {
        let shown = place.scrape(exporter, "text/plain");
        shown.contains("nfm_source_up{} 0\n").then_some(())
    });
    others(&guest, &mut place);
}

/// The exporter's own crawler, with a file; and frames for programs that nfm crawl prints.
fn others(guest: &lab::Guest, place: &mut Place) {
    let domain = guest.domain();
    let file = place.at("nfm.prom");
    place.start(
        Command::new(NFM)
            .args([
                "-c",
                "qemu:///system",
                "exporter",
                "--live",
                "no",
                "--interval",
                "0.5",
                "--user",
                "root",
            ])
            .args(["--textfile", &file, domain]),
    );
    let up = format!("nfm_guest_up{{vm=\"{domain}\"");
    let shown = wait_for("a file of metrics", place, || {
        let text = fs::read_to_string(&file).ok()?;
        let is_up = text.lines().any(|line| line.starts_with(&up) && line.ends_with(" 1"));
        is_up.then_some(text)
    });
    assert!(shown.contains("\nnfm_memory_total_bytes{") && !shown.contains("\nnode_"), "{shown}");
    assert!(shown.contains("\nnamedprocess_namegroup_num_procs{"), "{shown}");
    assert_eq!(complaints(&shown, place), Vec::<String>::new());

    let crawl = |format: &str| {
        let arguments =
            ["-c", "qemu:///system", "crawl", "--live", "no", domain, "--format", format];
        run(Command::new(NFM).args(arguments))
    };
    let metrics = crawl("openmetrics");
    assert!(
        metrics.contains("\nnode_boot_time_seconds{") && metrics.ends_with("# EOF\n"),
        "{metrics}"
    );
    let lines = crawl("influx");
    let own = format!("nfm_memory,vm={domain},vm_uuid=");
    assert!(
        lines.lines().any(|line| line.starts_with(&own) && line.contains(" total=")),
        "{lines}"
    );
    let frame: serde_json::Value = serde_json::from_str(&crawl("jsonl")).expect("a frame");
    assert_eq!(frame["domain"]["name"], domain);
    // Others' guests come and go meanwhile: one that ended is named, and costs the others nothing.
    let arguments =
        ["-c", "qemu:///system", "crawl", "--live", "no", "--all", "--format", "influx"];
    let all = text(&Command::new(NFM).args(arguments).output().expect("nfm"));
    assert!(all.lines().any(|line| line.starts_with(&own)), "{all}");
}

#[test]
fn wrong_arguments_and_files_are_told() {
    let place = Place::new();
    place.write("groups.yml", "process_names: [{name: x}]\n");
    place.write("web.yml", "tls: {}\n");
    for (arguments, status, reason) in [
        (["--groups", &place.at("groups.yml")], 16, "neither comm nor exe"),
        (["--web-config", &place.at("web.yml")], 16, "unknown field `tls`"),
        (["--web-config", &place.at("none")], 16, "none'"),
        (["--listen", "127.0.0.1"], 2, "--listen"),
        (["--interval", "0"], 2, "0.1 to 3600"),
    ] {
        // With --server it is the process that serves, which needs neither libvirt nor a recorder.
        let mut command = Command::new(env!("CARGO_BIN_EXE_nfm-exporter"));
        let port = format!("127.0.0.1:{}", port());
        command.args(arguments).arg("--server").stdin(Stdio::null());
        if arguments[0] != "--listen" {
            command.args(["--listen", &port]);
        }
        let output = command.output().expect("nfm-exporter");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{said}");
    }
    let alerts = lab::root().join("integrations/prometheus");
    let said = run(Command::new("promtool")
        .args(["test", "rules", "nfm.rules.test.yml"])
        .current_dir(alerts));
    assert!(said.contains("SUCCESS"), "{said}");
}
