//! The plugin for collectd (integrations/collectd): in Debian's collectd against a guest, and under the checkers of
//! memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use lab::Guest;
use lab::programs::{Build, output};
use lab::root;

/// An emulated guest on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);
const PLUGIN: &str = "integrations/collectd/nfm.c";
/// Where Debian's collectd-dev puts its headers, which include each other in several ways.
const HEADERS: [&str; 3] =
    ["/usr/include/collectd", "/usr/include/collectd/core", "/usr/include/collectd/core/daemon"];

/// Compiles as README.md there says, with no warning.
fn compile(build: &Build, arguments: &[&str], sources: &[&str], to: &Path) {
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu99", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-DHAVE_CONFIG_H"]);
    for folder in HEADERS {
        compiler.args(["-isystem", folder]);
    }
    compiler.arg("-I").arg(root().join("include")).args(arguments);
    compiler.args(sources.iter().map(|source| root().join(source))).arg("-o").arg(to);
    output(compiler.arg("-L").arg(build.folder()).arg("-lnfm"));
}

/// Debian's collectd with the plugin, in a folder of its own.
struct Collectd {
    daemon: Child,
    folder: PathBuf,
}

impl Collectd {
    fn start(build: &Build, options: &str) -> Self {
        let folder = build.folder().join("collectd");
        let plugins = folder.join("plugins");
        fs::create_dir_all(&plugins).unwrap();
        compile(build, &["-shared", "-fPIC"], &[PLUGIN], &plugins.join("nfm.so"));
        for plugin in ["logfile.so", "csv.so"] {
            fs::copy(Path::new("/usr/lib/collectd").join(plugin), plugins.join(plugin)).unwrap();
        }
        let base = folder.display();
        let configuration = format!(
            "Hostname \"host\"\nFQDNLookup false\nBaseDir \"{base}\"\nPIDFile \"{base}/pid\"\n\
             PluginDir \"{base}/plugins\"\nTypesDB \"/usr/share/collectd/types.db\"\nInterval 1\n\
             LoadPlugin logfile\n<Plugin logfile>\nFile \"{base}/log\"\n</Plugin>\n\
             LoadPlugin csv\n<Plugin csv>\nDataDir \"{base}/csv\"\n</Plugin>\n\
             LoadPlugin nfm\n<Plugin nfm>\n{options}</Plugin>\n"
        );
        fs::write(folder.join("collectd.conf"), configuration).unwrap();
        let daemon = Command::new("/usr/sbin/collectd")
            .args(["-f", "-C"])
            .arg(folder.join("collectd.conf"))
            .env("LD_LIBRARY_PATH", build.folder())
            .stderr(fs::File::create(folder.join("errors")).unwrap())
            .spawn()
            .expect("collectd, of the package collectd-core");
        Self { daemon, folder }
    }

    /// The lines of one value: each a time and numbers.
    fn lines(&self, guest: &Guest, value: &str) -> Vec<Vec<f64>> {
        let (part, name) = value.split_once('/').unwrap();
        let folder = self.folder.join("csv").join(guest.domain()).join(part);
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        // A file a day: NAME-YYYY-MM-DD.
        let is_it = |path: &PathBuf| {
            let file = path.file_name().unwrap().to_str().unwrap();
            file.len() == name.len() + 11 && file.starts_with(name)
        };
        let mut paths: Vec<PathBuf> = files.map(|file| file.path()).filter(is_it).collect();
        paths.sort();
        let text: String = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        let rows = text.lines().filter(|line| !line.starts_with("epoch"));
        rows.map(|row| row.split(',').map_while(|number| number.parse().ok()).collect()).collect()
    }

    /// Waits for a line of one value that is so.
    fn wait(&self, guest: &Guest, value: &str, is: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines(guest, value);
            if let Some(line) = lines.iter().find(|line| is(line)) {
                return line.clone();
            }
            assert!(Instant::now() < end, "{value}: {lines:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends it as its service does.
    fn stop(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.daemon);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.daemon.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.log());
        self.log()
    }
}

impl Drop for Collectd {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

#[test]
fn its_values_are_the_guests() {
    let guest = lab::own_guest("collectd", &["--on-reboot", "restart"]);
    let build = Build::new("collectd");
    let options = format!(
        "URI \"qemu:///system\"\nDomain \"{}\"\nProcessGroup \"busy\"\nProcessGroup \"server\"\n",
        guest.domain()
    );
    guest.ask("cp /bin/busybox /tmp/sh; /tmp/sh -c 'printf busy >/proc/self/comm; while :; do :; done' >/dev/null 2>&1 &");
    let collectd = Collectd::start(&build, &options);
    let number = |command: &str| guest.ask(command).trim().parse::<f64>().unwrap();
    // Two numbers behind the time, of which each is one of the guest's.
    let first = collectd.wait(&guest, "nfm/uptime", |line| line.len() == 2);
    let second = collectd.wait(&guest, "nfm/uptime", |line| line[0] > first[0] + 1.5);
    assert!((second[1] - first[1] - (second[0] - first[0])).abs() < 2.5, "{first:?} {second:?}");
    let total = number("awk '/^MemTotal/ { print $2 }' /proc/meminfo") * 1024.0;
    collectd.wait(&guest, "nfm/memory-total", |line| line[1] == total);
    let count = number("grep -lx server /proc/[0-9]*/comm | wc -l");
    assert!(count > 0.0);
    collectd.wait(&guest, "nfm-server/ps_count", |line| line[1] == count && line[2] >= count);
    let rss =
        number("cat $(grep -lx busy /proc/[0-9]*/comm | sed s/comm/statm/) | cut -d ' ' -f 2");
    collectd.wait(&guest, "nfm-busy/ps_rss", |line| (line[1] - rss * 4096.0).abs() < 65536.0);
    collectd.wait(&guest, "nfm-busy/percent-cpu", |line| line[1] > 30.0 && line[1] <= 101.0);
    collectd.wait(&guest, "nfm/percent-cpu-0", |line| line[1] > 30.0 && line[1] <= 100.0);
    guest.ask("ping -c 3 -q 127.0.0.1");
    let received = number("awk '$1 == \"lo:\" { print $2 }' /proc/net/dev");
    let lines = collectd.wait(&guest, "nfm-lo/if_octets", |line| line[1] == received);
    assert_eq!(lines[2], received, "what lo receives it has sent");

    // It is started anew, and read on.
    let uptime = collectd.lines(&guest, "nfm/uptime").last().unwrap()[1];
    lab::virsh(&["reset", guest.domain()]).expect("a reset");
    let later = Instant::now();
    collectd.wait(&guest, "nfm/uptime", |line| {
        line[0] > second[0] && line[1] < uptime.min(later.elapsed().as_secs_f64() + 2.0)
    });
    let log = collectd.stop();
    assert!(!log.contains("nfm: libvirt"), "{log}");
}

/// A hundred times as many are read by hand: `HARNESS_READS=100000`.
#[test]
fn reads_leave_nothing_behind() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let reads = std::env::var("HARNESS_READS").unwrap_or_else(|_| "1000".to_owned());
    let plain = Build::new("collectd-harness");
    let program = plain.folder().join("harness");
    let sources = ["tests/collectd/harness.c", PLUGIN];
    compile(&plain, &[], &sources, &program);
    let run = |program: &Path| {
        let mut command = Command::new(program);
        command.args([guest.domain(), &reads]).env("LD_LIBRARY_PATH", plain.folder());
        output(&mut command)
    };
    let said = run(&program);
    println!("{said}");
    let pages: Vec<u64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [_, frames, _, before, after] = pages[..] else { panic!("{said}") };
    assert!(frames >= 10 && before > 0, "{said}");
    // A frame and its rows are some 200 KiB: one that stayed of each would be fifty pages a frame.
    assert!(after < before + 512, "{said}");

    let checked = plain.folder().join("harness-asan");
    compile(&plain, &["-fsanitize=address", "-fno-omit-frame-pointer"], &sources, &checked);
    println!("under AddressSanitizer: {}", run(&checked));
}
