//! Tells if this process has file descriptors left.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

/// Descriptors that are free before a guest is opened or libvirt is connected to. That takes few at a time, but
/// GLib, which libvirt's client uses, ends the process where it gets none (`g_wakeup_new`), and other threads take
/// some meanwhile.
const SPARE: usize = 32;

/// True if a call that needs some descriptors for a moment will get them.
pub(crate) fn descriptors_are_free() -> bool {
    let take = || -> rustix::io::Result<Vec<OwnedFd>> {
        let first = open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        (0..SPARE).map(|_| rustix::io::fcntl_dupfd_cloexec(&first, 0)).collect()
    };
    !matches!(take(), Err(Errno::MFILE | Errno::NFILE))
}

/// True if a call failed as the process, or the host, has no descriptor left.
pub(crate) fn lacks_descriptors(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// How many this process may have.
pub(crate) fn descriptor_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    #[test]
    fn some_are_free_here() {
        assert!(super::descriptors_are_free());
        assert!(super::descriptor_limit().is_none_or(|limit| limit > super::SPARE as u64));
    }
}
