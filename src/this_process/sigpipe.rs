//! Calls into libraries that write to sockets, without the signal that ends a process whose socket's other end
//! has gone: libvirt writes without `MSG_NOSIGNAL` (`virNetSocketWriteWire`), and who loads this library need
//! not handle SIGPIPE.

use std::mem::MaybeUninit;

/// Runs a call during which SIGPIPE does not reach this thread. One that the call raises is consumed: it is
/// always raised in the thread that writes (`sigpipe_info`, signal(7)). One that was pending before stays.
pub(crate) fn without_sigpipe<T>(call: impl FnOnce() -> T) -> T {
    let _blocked = Blocked::new();
    call()
}

/// SIGPIPE is blocked in this thread until this is dropped.
struct Blocked {
    signal: libc::sigset_t,
    /// The mask from before; `None` where there is nothing to be undone.
    before: Option<libc::sigset_t>,
}

impl Blocked {
    fn new() -> Self {
        // SAFETY: each call writes the set that it is given, and a zeroed set may be written over.
        unsafe {
            let mut signal = zeroed();
            libc::sigemptyset(&mut signal);
            libc::sigaddset(&mut signal, libc::SIGPIPE);
            if is_pending() {
                // Whoever made it so has it blocked: it does not reach this thread anyway.
                return Self { signal, before: None };
            }
            let mut before = zeroed();
            let done = libc::pthread_sigmask(libc::SIG_BLOCK, &signal, &mut before);
            Self { signal, before: (done == 0).then_some(before) }
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let Some(before) = &self.before else { return };
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the sets are initialised, and nobody wants to know more of the signal.
        unsafe {
            if is_pending() {
                libc::sigtimedwait(&self.signal, std::ptr::null_mut(), &at_once);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut());
        }
    }
}

fn zeroed() -> libc::sigset_t {
    // SAFETY: it is an array of integers.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn is_pending() -> bool {
    let mut pending = zeroed();
    // SAFETY: the set may be written.
    unsafe {
        libc::sigpending(&mut pending) == 0 && libc::sigismember(&pending, libc::SIGPIPE) == 1
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn write_to_nobody() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        // As write(2), which libvirt uses, does; `Write` of a socket asks for no signal.
        let mut file = std::fs::File::from(std::os::fd::OwnedFd::from(ours.try_clone().unwrap()));
        assert!(file.write(b"x").is_err());
        let _ = ours.flush();
    }

    /// Rust's own start ignores SIGPIPE: a C program does not.
    fn as_in_c(test: impl FnOnce()) {
        // SAFETY: signal(2) with the default action.
        let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        test();
        // SAFETY: what it was.
        unsafe { libc::signal(libc::SIGPIPE, before) };
    }

    #[test]
    fn a_write_to_nobody_ends_no_process() {
        as_in_c(|| {
            without_sigpipe(write_to_nobody);
            assert!(!is_pending());
            without_sigpipe(|| without_sigpipe(write_to_nobody));
            // One that the caller has pending is its own.
            let mut before = zeroed();
            let mut signal = zeroed();
            // SAFETY: the sets may be written; the thread is this one.
            unsafe {
                libc::sigemptyset(&mut signal);
                libc::sigaddset(&mut signal, libc::SIGPIPE);
                libc::pthread_sigmask(libc::SIG_BLOCK, &signal, &mut before);
                libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE);
            }
            without_sigpipe(write_to_nobody);
            assert!(is_pending());
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: as above.
            unsafe {
                libc::sigtimedwait(&signal, std::ptr::null_mut(), &at_once);
                libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
            }
        });
    }
}
