//! The QEMU process behind a domain, and proof that it is that one.
//!
//! libvirt's public API does not name the process. It writes `NAME.pid` beside its state, and starts
//! QEMU with `-uuid UUID`; the file is only a hint, the command line is the proof.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::command_line::QemuCommandLine;
use super::driver::state_folder;
use super::identity::Identity;
use super::libvirt::DomainSummary;
use super::maps::Mapping;
use crate::error::{Error, Result};

/// For how long it counts which threads are vCPUs, though their number stays as it is.
const LISTED_FOR: Duration = Duration::from_secs(1);

/// A QEMU process that was seen to run the domain.
#[derive(Debug)]
pub(crate) struct QemuProcess {
    /// Process id on this host.
    pub pid: i32,
    identity: Identity,
}

impl QemuProcess {
    /// Finds the process of an active domain.
    pub fn find(domain: &DomainSummary, uri: &str) -> Result<Self> {
        let hint = pid_file(uri, &domain.name)
            .and_then(|path| fs::read_to_string(path).ok())
            .and_then(|text| text.trim().parse().ok());
        if let Some(process) = hint.and_then(|pid| Self::verified(pid, &domain.uuid)) {
            return Ok(process);
        }
        let processes = fs::read_dir("/proc").map_err(|error| Error::io("/proc", error))?;
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .find_map(|pid| Self::verified(pid, &domain.uuid))
            .ok_or_else(|| Error::Unsupported {
                domain: domain.name.clone(),
                reason: format!(
                    "no QEMU process with '-uuid {}' runs on this host; run nfm on the host that \
                     runs the guest, outside of any container that hides its processes",
                    domain.uuid
                ),
            })
    }

    /// The QEMU process of this id, which libvirt need not know.
    ///
    /// # Errors
    /// There is no such process, or it is no QEMU that runs an x86-64 guest whose memory can be read.
    pub fn of_pid(pid: i32) -> Result<(Self, QemuCommandLine)> {
        let domain = format!("{QEMU_PREFIX}{pid}");
        let none = || Error::NoSuchProcess { pid };
        let identity = Identity::of(pid).ok_or_else(none)?;
        let command_line = QemuCommandLine::of(pid).ok_or_else(none)?;
        let unsupported = |reason| Error::Unsupported { domain: domain.clone(), reason };
        match program(pid, &command_line).as_deref().and_then(QemuCommandLine::architecture) {
            Some(_) if !command_line.has_guest() => return Err(none()),
            Some("x86_64") => {}
            Some(other) => {
                let reason = format!("its architecture is {other}; nfm reads x86_64 guests");
                return Err(unsupported(reason));
            }
            None => return Err(none()),
        }
        if let Some(kind) = command_line.encryption() {
            let reason = format!("its memory is encrypted ({kind}) and closed to the host");
            return Err(unsupported(reason));
        }
        Ok((Self { pid, identity }, command_line))
    }

    /// The identity is taken before the command line is read: were the pid used anew in between, the
    /// command line would be another process's and the proof would fail.
    fn verified(pid: i32, uuid: &str) -> Option<Self> {
        let identity = Identity::of(pid)?;
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        runs_domain(&command_line, uuid).then_some(Self { pid, identity })
    }

    /// True if the process still runs.
    pub fn alive(&self) -> bool {
        self.identity.lives(self.pid)
    }

    /// True if the process has ended, or is about to: one that was killed gives its memory back first, and with it its
    /// command line.
    pub fn ending(&self) -> bool {
        let command_line = fs::read(format!("/proc/{}/cmdline", self.pid));
        !self.alive() || command_line.is_ok_and(|line| line.is_empty())
    }

    /// The process's mappings.
    pub fn mappings(&self, domain: &str) -> Result<Vec<Mapping>> {
        let path = format!("/proc/{}/maps", self.pid);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Mapping::parse_all(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(Error::Permission {
                    domain: domain.to_owned(),
                    pid: self.pid,
                    reason: format!("{path}: {error}"),
                })
            }
            Err(error) => Err(Error::io(path, error)),
        }
    }
}

/// A domain that is named by its QEMU process: `qemu:14782`.
pub(crate) const QEMU_PREFIX: &str = "qemu:";

/// A QEMU process of this host that runs an x86-64 guest, as its command line tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QemuGuestSummary {
    /// Its process id on this host: `qemu:PID` opens it.
    pub pid: i32,
    /// The guest's name (`-name`).
    pub name: Option<String>,
    /// The guest's UUID (`-uuid`).
    pub uuid: Option<String>,
}

/// The QEMU processes of this host that run x86-64 guests, those in containers too, known to libvirt or not; by their
/// ids. It takes root's view of `/proc`: others' processes may be hidden from users.
///
/// # Errors
/// `/proc` cannot be read.
pub fn qemu_guests() -> Result<Vec<QemuGuestSummary>> {
    let processes = fs::read_dir("/proc").map_err(|error| Error::io("/proc", error))?;
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let guest = |pid: i32| {
        let command_line = QemuCommandLine::of(pid)?;
        let program = program(pid, &command_line)?;
        let runs_guest =
            QemuCommandLine::architecture(&program) == Some("x86_64") && command_line.has_guest();
        let (name, uuid) = (command_line.name(), command_line.uuid());
        runs_guest.then_some(QemuGuestSummary { pid, name, uuid })
    };
    let mut guests: Vec<QemuGuestSummary> = pids.filter_map(guest).collect();
    guests.sort_by_key(|guest| guest.pid);
    Ok(guests)
}

/// The file name of the program that a process runs: by the kernel's link, else by its own word.
fn program(pid: i32, command_line: &QemuCommandLine) -> Option<String> {
    let Ok(path) = fs::read_link(format!("/proc/{pid}/exe")) else {
        return Some(command_line.program().to_owned());
    };
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(" (deleted)").unwrap_or(name).to_owned())
}

/// True if a NUL-separated command line holds `-uuid UUID` as two whole arguments.
fn runs_domain(command_line: &[u8], uuid: &str) -> bool {
    let mut arguments = command_line.split(|byte| *byte == 0);
    while let Some(argument) = arguments.next() {
        if argument == b"-uuid" {
            return arguments
                .next()
                .is_some_and(|value| value.eq_ignore_ascii_case(uuid.as_bytes()));
        }
    }
    false
}

/// CPU time of a guest's vCPUs: that of QEMU's threads named `CPU 0/KVM`, `CPU 0/TCG`, `ALL CPUs/TCG`. Which
/// those are is remembered; no descriptor is, as a guest may have hundreds of vCPUs, and a process hundreds of
/// guests.
#[derive(Debug, Default)]
pub(crate) struct VcpuClock {
    /// `schedstat` of each.
    threads: Vec<PathBuf>,
    /// How many threads QEMU had, and when it was looked which are vCPUs.
    listed: Option<(u64, Instant)>,
}

impl VcpuClock {
    /// The time so far, in nanoseconds; `None` where no thread has a vCPU's name: QEMU gives its threads names only if it
    /// is told to (`-name …,debug-threads=on`), as libvirt does.
    pub fn time(&mut self, process: &QemuProcess) -> std::io::Result<Option<u64>> {
        let folder = PathBuf::from(format!("/proc/{}/task", process.pid));
        // A folder of `task` has a link for each thread (`proc_task_getattr`).
        let links = fs::metadata(&folder)?.nlink();
        if let Some((then, at)) = self.listed
            && at.elapsed() < LISTED_FOR
            && links == then
            && !self.threads.is_empty()
            && let Ok(time) = self.sum()
        {
            return Ok(Some(time));
        }
        self.threads.clear();
        self.listed = None;
        let mut time = 0_u64;
        for thread in fs::read_dir(&folder)? {
            let thread = thread?.path();
            let Some(name) = of_thread(fs::read_to_string(thread.join("comm")))? else { continue };
            if name.starts_with("CPU ") || name.starts_with("ALL CPUs/") {
                let schedstat = thread.join("schedstat");
                if let Some(used) = of_thread(cpu_time(&schedstat))? {
                    time = time.saturating_add(used);
                    self.threads.push(schedstat);
                }
            }
        }
        self.listed = Some((links, Instant::now()));
        Ok((!self.threads.is_empty()).then_some(time))
    }

    fn sum(&self) -> std::io::Result<u64> {
        self.threads.iter().try_fold(0_u64, |sum, thread| Ok(sum.saturating_add(cpu_time(thread)?)))
    }
}

/// The value that was read of a thread; `None` where it has ended meanwhile.
fn of_thread<T>(read: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first number of a thread's `schedstat`, its time on a CPU (Documentation/scheduler/sched-stats.rst).
fn cpu_time(schedstat: &Path) -> std::io::Result<u64> {
    let mut room = [0; 64];
    let length = File::open(schedstat)?.read_at(&mut room, 0)?;
    let text = room.get(..length).and_then(|text| std::str::from_utf8(text).ok());
    let first = text.and_then(|text| text.split(' ').next()?.trim_end().parse().ok());
    first.ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

/// Where libvirt's QEMU driver keeps a domain's pid (`virQEMUDriverConfigNew`: `stateDir`).
fn pid_file(uri: &str, name: &str) -> Option<PathBuf> {
    (!name.contains('/')).then(|| Some(state_folder(uri)?.join(format!("{name}.pid"))))?
}

#[cfg(test)]
mod tests {
    use super::{Identity, QemuProcess, VcpuClock, runs_domain};

    const UUID: &str = "0c6c1e0a-53f5-4a4f-9d2b-4b4ee9a5a9c1";

    #[test]
    fn vcpus_are_threads_by_their_names() {
        let pid = std::process::id() as i32;
        let process = QemuProcess { pid, identity: Identity::of(pid).unwrap() };
        let mut clock = VcpuClock::default();
        assert_eq!(clock.time(&process).unwrap(), None);
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (worked, done) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("CPU 7/TCG".to_owned()).spawn(move || {
            let end = std::time::Instant::now() + std::time::Duration::from_millis(30);
            while std::time::Instant::now() < end {}
            worked.send(()).unwrap();
            let _ = stopped.recv();
        });
        done.recv().unwrap();
        let first = clock.time(&process).unwrap();
        assert!(first > Some(0));
        assert_eq!(clock.threads.len(), 1);
        assert!(clock.time(&process).unwrap() >= first);
        drop(stop);
        thread.unwrap().join().unwrap();
        assert_eq!(clock.time(&process).unwrap(), None);
    }

    #[test]
    fn only_the_uuid_argument_is_proof() {
        let command = |words: &[&str]| words.join("\0").into_bytes();
        assert!(runs_domain(&command(&["qemu", "-uuid", UUID, "-m", "1"]), UUID));
        assert!(!runs_domain(&command(&["qemu", "-name", UUID]), UUID));
        assert!(!runs_domain(&command(&["grep", &format!("-uuid {UUID}")]), UUID));
        assert!(!runs_domain(&command(&["qemu", "-uuid"]), UUID));
    }
}
