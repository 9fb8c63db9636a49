//! The part of `tests/lab/mod.rs` that these tests need, until that is here.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

pub struct Guest(String);

pub fn guest(name: &str, options: &[&str]) -> Guest {
    let domain = format!("nfm-test-{name}");
    // Tests start it at the same time.
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{domain}.lock"));
    let lock = File::create(lock).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let virsh = ["-q", "-c", "qemu:///system", "domstate", &domain];
    if !Command::new("virsh").args(virsh).output().unwrap().status.success() {
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/guest");
        let up = Command::new(lab).args(["up", &domain]).args(options).output().unwrap();
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    }
    Guest(domain)
}

impl Guest {
    pub fn domain(&self) -> &str {
        &self.0
    }
}
