//! Tells without a question to libvirt if its word on a domain still holds: its QEMU driver keeps each domain's status
//! in a file of its own, and writes that anew at each change of the domain's state (`qemuDomainSaveStatus`,
//! src/qemu/qemu_domain.c).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::connection::Connection;
use super::driver::{Driver, state_folder};

/// A file that was written within so much time may be written again without a change of its time: the
/// host's file systems count time in ticks.
const SETTLED: Duration = Duration::from_millis(50);

/// The status file of a domain, and the driver that keeps it.
#[derive(Debug)]
pub(crate) struct StatusFile {
    path: PathBuf,
    driver: Arc<Driver>,
}

/// The facts that differ once the file was written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl StatusFile {
    /// Finds the file of a domain of this host's own driver. Who reaches libvirt in another way may see
    /// that way end without the driver ending.
    pub fn find(connection: &Connection, uri: &str, name: &str) -> Option<Self> {
        let path = Self::path(uri, name)?;
        let driver = connection.driver(|| Driver::find(uri))?;
        Some(Self { path, driver })
    }

    fn path(uri: &str, name: &str) -> Option<PathBuf> {
        let is_own = matches!(uri, "qemu:///system" | "qemu:///session") && !name.contains('/');
        is_own.then(|| Some(state_folder(uri)?.join(format!("{name}.xml"))))?
    }

    /// The file as it is now; `None` where it does not tell: the driver has ended, or wrote it a moment ago.
    pub fn stamp(&self) -> Option<Stamp> {
        let file = fs::metadata(&self.path).ok().filter(|_| self.driver.lives())?;
        let age = SystemTime::now().duration_since(file.modified().ok()?).ok()?;
        (age >= SETTLED).then(|| Stamp {
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::identity::Identity;
    use super::*;

    #[test]
    fn a_file_that_is_written_anew_has_another_stamp() {
        let path = std::env::temp_dir().join(format!("nfm-status-{}", std::process::id()));
        let pid = std::process::id() as i32;
        let driver = Arc::new(Driver { pid, identity: Identity::of(pid).unwrap() });
        let file = StatusFile { path: path.clone(), driver };
        assert_eq!(file.stamp(), None);
        fs::write(&path, "running").unwrap();
        assert_eq!(file.stamp(), None, "written a moment ago");
        std::thread::sleep(2 * SETTLED);
        let first = file.stamp();
        assert!(first.is_some() && first == file.stamp());
        // Text of the same length.
        fs::File::create(&path).unwrap().write_all(b"running").unwrap();
        std::thread::sleep(2 * SETTLED);
        assert_ne!(file.stamp(), first);
        fs::remove_file(&path).unwrap();
        assert_eq!(file.stamp(), None);
    }

    #[test]
    fn only_this_hosts_own_driver_is_asked_so() {
        for uri in ["qemu:///system?socket=/tmp/x", "qemu+ssh://host/system", "xen:///system", ""] {
            assert!(StatusFile::path(uri, "guest").is_none());
        }
        assert!(StatusFile::path("qemu:///system", "../guest").is_none());
    }
}
