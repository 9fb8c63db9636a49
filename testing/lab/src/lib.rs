//! The lab for tests: real guests that outlive a test's process, as nextest runs each test in its own.
//!
//! `scripts/with-lab` (which `make test` uses) ends every guest that was begun within it.

pub mod btf;
pub mod collectd;
pub mod following;
mod own_libvirt;
pub mod plain;
pub mod programs;
pub mod write;

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub use own_libvirt::OwnLibvirt;
use rustix::fs::{FlockOperation, flock};

/// A running guest of the lab.
pub struct Guest {
    domain: String,
    owned: bool,
}

/// The shared guest of this name, started with these options of `testing/lab/guest up` unless it runs
/// already: tests that share it must not change it.
pub fn guest(name: &str, options: &[&str]) -> Guest {
    let guest = Guest { domain: domain_name(&record(), name), owned: false };
    let _alone = guest.alone();
    if virsh(&["domstate", &guest.domain]).is_none() {
        guest.up(options);
    }
    guest
}

/// A guest for one test alone, which may do with it what it likes; it ends when dropped.
pub fn own_guest(name: &str, options: &[&str]) -> Guest {
    let name = format!("{name}-{}", std::process::id());
    let guest = Guest { domain: domain_name(&record(), &name), owned: true };
    guest.up(options);
    guest
}

impl Guest {
    /// libvirt's name of the domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The output of a shell command in the guest, other than UTF-8 replaced. Panics if it fails.
    pub fn ask(&self, command: &str) -> String {
        String::from_utf8_lossy(&self.ask_bytes(command)).into_owned()
    }

    /// The output of a shell command in the guest. Panics if it fails.
    pub fn ask_bytes(&self, command: &str) -> Vec<u8> {
        run_lab(["ask", &self.domain, command]).stdout
    }

    /// The pid of the guest's QEMU on this host.
    pub fn qemu_pid(&self) -> u32 {
        let path = format!("/run/libvirt/qemu/{}.pid", self.domain);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        text.trim().parse().unwrap_or_else(|_| panic!("{path} holds no pid: {text:?}"))
    }

    /// As long as the result lives, every other test that wants the guest alone waits.
    pub fn alone(&self) -> File {
        let path = record().with_file_name(format!("{}.lock", self.domain));
        let file = File::create(&path)
            .unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
        flock(&file, FlockOperation::LockExclusive).expect("a guest's lock");
        file
    }

    /// Suspends the guest as long as the result lives: frames that are taken meanwhile show one and the same state.
    pub fn suspend(&self) -> Suspended<'_> {
        virsh(&["suspend", &self.domain]).expect("a suspended guest");
        Suspended(self)
    }

    /// An emulated guest now and then ends while it boots (seen once in some hundred starts, in the
    /// kernel's PCI scan): it is started once more, and that is said.
    fn up(&self, options: &[&str]) {
        let arguments = || ["up", &self.domain].into_iter().chain(options.iter().copied());
        let first = lab_command(arguments()).output();
        if first.as_ref().is_ok_and(|output| output.status.success()) {
            return;
        }
        let errors = first.map(|output| output.stderr).unwrap_or_default();
        eprintln!(
            "{} did not start; once more:\n{}",
            self.domain,
            String::from_utf8_lossy(&errors)
        );
        run_lab(arguments());
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.owned {
            // Not run_lab: a panic in drop would hide the test's own.
            let _ = lab_command(["down", &self.domain]).output();
        }
    }
}

/// A guest that stands still; it runs on when this is dropped.
pub struct Suspended<'a>(&'a Guest);

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        let resumed = virsh(&["resume", &self.0.domain]).is_some();
        assert!(resumed || std::thread::panicking(), "{} was not resumed", self.0.domain);
    }
}

/// A frame of all sections that other tests, which want the CPUs too, do not cut short: for tests of what is
/// read, not of how fast.
pub fn patient() -> nfm::CrawlOptions {
    let mut options = nfm::CrawlOptions::default();
    options.time_limit = std::time::Duration::from_secs(60);
    options
}

/// A guest, opened with nothing but its name.
pub fn open(guest: &Guest) -> nfm::Domain {
    nfm::Domain::open(guest.domain(), &nfm::OpenOptions::default()).expect("an open domain")
}

/// A frame of all sections, which must be whole.
pub fn whole_frame(domain: &mut nfm::Domain) -> nfm::Frame {
    let frame = domain.crawl(&patient()).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    frame
}

/// The folder of a kernel of the lab and what belongs to it, if it is cached.
pub fn kernel_files(kernel: &str) -> Option<PathBuf> {
    let output = lab_command(["files", kernel]).output().expect("testing/lab/guest");
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then(|| path.into())
}

/// The output of virsh, or `None` where it fails; bounded in time.
pub fn virsh(arguments: &[&str]) -> Option<String> {
    let output = Command::new("timeout")
        .args(["30", "virsh", "-q", "-c", "qemu:///system"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits up to a minute until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The repository's root.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("testing/lab is two folders below the root")
}

/// The file in which `testing/lab/guest` notes what it started, for scripts/with-lab to end.
fn record() -> PathBuf {
    match std::env::var_os("NFM_LAB_STARTED") {
        Some(path) => path.into(),
        None => panic!(
            "this test needs real guests: run `make test`, or `scripts/with-lab cargo nextest run`"
        ),
    }
}

/// Runs side by side (of two work trees, say) do not share guests: the one that ends first would end
/// them for the other. Only guests that are to be kept have names that the next run finds.
fn domain_name(record: &Path, name: &str) -> String {
    if std::env::var("NFM_LAB_KEEP").is_ok_and(|keep| keep == "1") {
        return format!("nfm-test-{name}");
    }
    let folder = record.parent().and_then(Path::file_name).unwrap_or_default();
    let run: String =
        folder.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("nfm-test-{}-{name}", run.trim_start_matches("tmp"))
}

fn lab_command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(root().join("testing/lab/guest"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run_lab<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    let mut command = lab_command(arguments);
    let output = command.output().unwrap_or_else(|error| panic!("testing/lab/guest: {error}"));
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().collect();
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("testing/lab/guest {arguments:?}: {}\n{errors}", output.status);
    }
    output
}
