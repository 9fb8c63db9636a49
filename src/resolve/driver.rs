//! libvirt's QEMU driver on this host.

use std::fs;
use std::path::{Path, PathBuf};

use super::identity::Identity;

/// libvirt's process whose QEMU driver runs the domains of this host. All handles share it.
#[derive(Debug)]
pub(super) struct Driver {
    pub pid: i32,
    pub identity: Identity,
}

impl Driver {
    pub fn find(uri: &str) -> Option<Self> {
        // The driver holds this file as long as it runs (`virPidFileAcquire`).
        let path = state_folder(uri)?.join("driver.pid");
        let pid = fs::read_to_string(path).ok()?.trim().parse().ok()?;
        let identity = Identity::of(pid)?;
        // It may be left of a driver that ended, and its pid be another's.
        let runs = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        matches!(runs.trim_end(), "libvirtd" | "virtqemud").then_some(Self { pid, identity })
    }

    /// True if it still runs.
    pub fn lives(&self) -> bool {
        self.identity.lives(self.pid)
    }
}

/// Where libvirt's QEMU driver keeps what it knows of running domains.
pub(super) fn state_folder(uri: &str) -> Option<PathBuf> {
    match uri.contains("///session") {
        true => Some(PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?).join("libvirt/qemu/run")),
        false => Some(Path::new("/run/libvirt/qemu").to_owned()),
    }
}
