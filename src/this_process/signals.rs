//! Threads of this library's own take none of the process's signals: those are for the threads of the program, which
//! may count on it.

use std::mem::MaybeUninit;

/// Runs a call, within which this thread, and the threads that it starts, have all signals blocked; those that it
/// starts have them blocked from then on.
pub(crate) fn without_signals<T>(call: impl FnOnce() -> T) -> T {
    let _blocked = AllBlocked::new();
    call()
}

/// All signals are blocked in this thread until this is dropped.
struct AllBlocked {
    /// The mask from before; `None` where it could not be changed.
    before: Option<libc::sigset_t>,
}

impl AllBlocked {
    fn new() -> Self {
        // SAFETY: each call writes the set that it is given, and a zeroed set may be written over.
        unsafe {
            let mut all = MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
            let mut before = all;
            libc::sigfillset(&mut all);
            let done = libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            Self { before: (done == 0).then_some(before) }
        }
    }
}

impl Drop for AllBlocked {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: the set is the one that was there.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The mask of this thread, as the kernel tells it.
    fn blocked() -> u64 {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    }

    #[test]
    fn a_thread_that_is_started_takes_none() {
        let before = blocked();
        let of_thread = without_signals(|| std::thread::spawn(blocked)).join().unwrap();
        assert_eq!(blocked(), before);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGCHLD, libc::SIGALRM, libc::SIGUSR1] {
            assert_ne!(of_thread & 1 << (signal - 1), 0, "{signal}");
        }
    }
}
