//! The QEMU process behind a domain, and proof that it is that one.
//!
//! libvirt's public API does not name the process. It writes `NAME.pid` beside its state, and starts
//! QEMU with `-uuid UUID`; the file is only a hint, the command line is the proof.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::libvirt::DomainSummary;
use super::maps::Mapping;
use crate::error::{Error, Result};

/// A QEMU process that was seen to run the domain.
#[derive(Debug)]
pub(crate) struct QemuProcess {
    /// Process id on this host.
    pub pid: i32,
    identity: Identity,
}

/// What tells the process from a later one with the same pid.
#[derive(Debug)]
enum Identity {
    /// Becomes readable when the process ends.
    Pidfd(OwnedFd),
    /// When it started, in clock ticks; for hosts without pidfd_open (before Linux 5.3, valgrind).
    Start(u64),
}

impl Identity {
    fn of(pid: i32) -> Option<Self> {
        match pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()) {
            Ok(pidfd) => Some(Self::Pidfd(pidfd)),
            Err(Errno::NOSYS) => start_time(pid).map(Self::Start),
            Err(_) => None,
        }
    }

    fn lives(&self, pid: i32) -> bool {
        match self {
            Self::Pidfd(pidfd) => {
                let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
                let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
                matches!(poll(&mut fds, Some(&at_once)), Ok(0) | Err(_))
            }
            Self::Start(start) => start_time(pid) == Some(*start),
        }
    }
}

/// The 22nd field of `/proc/PID/stat`, counted behind the name, which may hold anything.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(") ")?;
    behind_name.split(' ').nth(19)?.parse().ok()
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

    /// The identity is taken before the command line is read: were the pid used anew in between, the
    /// command line would be another process's and the proof would fail.
    fn verified(pid: i32, uuid: &str) -> Option<Self> {
        let identity = Identity::of(pid)?;
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        runs_domain(&command_line, uuid).then_some(Self { pid, identity })
    }

    /// Whether the process still runs.
    pub fn alive(&self) -> bool {
        self.identity.lives(self.pid)
    }

    /// Whether the process has ended, or is about to: one that was killed gives its memory back first, and
    /// with it its command line.
    pub fn ending(&self) -> bool {
        let command_line = fs::read(format!("/proc/{}/cmdline", self.pid));
        !self.alive() || command_line.is_ok_and(|line| line.is_empty())
    }

    /// CPU time of the guest's vCPUs, in nanoseconds: that of QEMU's threads named `CPU 0/KVM`,
    /// `CPU 0/TCG`, `ALL CPUs/TCG`.
    pub fn vcpu_time(&self) -> std::io::Result<u64> {
        let mut sum = 0_u64;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))?.flatten() {
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if name.starts_with("CPU ") || name.starts_with("ALL CPUs/") {
                // Its first number is the time on a CPU (Documentation/scheduler/sched-stats.rst).
                let times = fs::read_to_string(thread.path().join("schedstat"))?;
                let time = times.split(' ').next().and_then(|time| time.parse().ok());
                sum = sum.saturating_add(time.unwrap_or(0));
            }
        }
        Ok(sum)
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

/// Whether a NUL-separated command line holds `-uuid UUID` as two whole arguments.
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

/// Where libvirt's QEMU driver keeps a domain's pid (`virQEMUDriverConfigNew`: `stateDir`).
fn pid_file(uri: &str, name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return None;
    }
    let state = if uri.contains("///session") {
        PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?).join("libvirt/qemu/run")
    } else {
        Path::new("/run/libvirt/qemu").to_owned()
    };
    Some(state.join(format!("{name}.pid")))
}

#[cfg(test)]
mod tests {
    use super::{Identity, runs_domain, start_time};

    const UUID: &str = "0c6c1e0a-53f5-4a4f-9d2b-4b4ee9a5a9c1";

    #[test]
    fn a_process_is_known_by_its_start_too() {
        let own = std::process::id() as i32;
        let start = start_time(own).unwrap();
        assert!(Identity::Start(start).lives(own));
        assert!(!Identity::Start(start + 1).lives(own));
        assert!(Identity::of(own).unwrap().lives(own));
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
