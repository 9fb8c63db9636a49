//! The identity of a process, which tells it from a later one with the same id.

use std::fs;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// The identity of a process.
#[derive(Debug)]
pub(super) enum Identity {
    /// Becomes readable when the process ends.
    Pidfd(OwnedFd),
    /// When it started, in clock ticks; for hosts without pidfd_open (before Linux 5.3, valgrind).
    Start(u64),
}

impl Identity {
    pub fn of(pid: i32) -> Option<Self> {
        match pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()) {
            Ok(pidfd) => Some(Self::Pidfd(pidfd)),
            Err(Errno::NOSYS) => start_time(pid).map(Self::Start),
            Err(_) => None,
        }
    }

    pub fn lives(&self, pid: i32) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_too() {
        let own = std::process::id() as i32;
        let start = start_time(own).unwrap();
        assert!(Identity::Start(start).lives(own));
        assert!(!Identity::Start(start + 1).lives(own));
        assert!(Identity::of(own).unwrap().lives(own));
    }
}
