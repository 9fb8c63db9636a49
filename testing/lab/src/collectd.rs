//! Debian's collectd with the plugin (integrations/collectd), and the values that it wrote down.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::programs::{Build, output};
use crate::root;

/// An emulated guest on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);
/// Its source.
pub const PLUGIN: &str = "integrations/collectd/nfm.c";
/// Where Debian's collectd-dev puts its headers, which include each other in several ways.
const HEADERS: [&str; 3] =
    ["/usr/include/collectd", "/usr/include/collectd/core", "/usr/include/collectd/core/daemon"];

/// Compiles as README.md there says, with no warning.
pub fn compile(build: &Build, arguments: &[&str], sources: &[&str], to: &Path) {
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
pub struct Collectd {
    daemon: Child,
    folder: PathBuf,
}

impl Collectd {
    /// Starts it; `options` are lines of the plugin's configuration.
    pub fn start(build: &Build, options: &str) -> Self {
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
    pub fn lines(&self, domain: &str, value: &str) -> Vec<Vec<f64>> {
        let (part, name) = value.split_once('/').unwrap();
        let folder = self.folder.join("csv").join(domain).join(part);
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
    pub fn wait(&self, domain: &str, value: &str, is: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines(domain, value);
            if let Some(line) = lines.iter().find(|line| is(line)) {
                return line.clone();
            }
            assert!(Instant::now() < end, "{value}: {lines:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// All that it said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends it as its service does.
    pub fn stop(mut self) -> String {
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
