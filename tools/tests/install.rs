//! `make uninstall` leaves what was there before `make install`. What is installed is stand-ins, but for the manual.

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/manual/main.rs"]
mod manual;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A root folder to install to and a build to install from; both go with the value.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let name = format!("install {test} {}", std::process::id());
        let place = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        let programs = ["nfm", "nfm-record", "nfm-exporter", "nfm-disk"];
        for name in programs.into_iter().chain(["libnfm.so", "libnfm.a", "libnfm_xen.so"]) {
            place.write(&format!("target/release/{name}"));
        }
        manual::generate(&place.0.join("target/manual")).expect("the manual");
        fs::create_dir_all(place.root()).expect("a folder");
        place
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// Writes a file, in a folder that is made for it.
    fn write(&self, path: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "a stand-in").expect("a file");
    }

    fn make(&self, target: &str, settings: &[&str]) {
        let mut command = Command::new("make");
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        command.arg("--no-print-directory").arg(target).args(settings).arg("STRIP=true");
        command.arg(format!("DESTDIR={}", self.root().display()));
        command.arg(format!("TARGET={}", self.0.join("target").display()));
        let output = command.output().expect("make");
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    /// Files, links and folders below the root.
    fn tree(&self) -> BTreeSet<PathBuf> {
        let mut tree = BTreeSet::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("a type").is_dir() {
                    folders.push(entry.path());
                }
                tree.insert(entry.path().strip_prefix(self.root()).expect("below").to_owned());
            }
        }
        tree
    }

    /// The tree after installing, as often as is said, and uninstalling must be the one before.
    fn expect_nothing_left(&self, settings: &[&str], times: usize) {
        let before = self.tree();
        for _ in 0..times {
            self.make("install", settings);
        }
        let installed = self.tree();
        assert!(installed.len() > before.len() + 50, "{installed:?}");
        self.make("uninstall", settings);
        let after = self.tree();
        let left: Vec<_> = after.difference(&before).collect();
        let lost: Vec<_> = before.difference(&after).collect();
        assert!(left.is_empty() && lost.is_empty(), "left: {left:#?}, lost: {lost:#?}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn of_an_empty_root() {
    let place = Place::new("empty");
    place.expect_nothing_left(&[], 1);
    place.expect_nothing_left(&["PREFIX=/usr", "LIBDIR=/usr/lib/x86_64-linux-gnu"], 2);
}

/// Folders that were there stay, empty or not, and so do other programs' files beside nfm's.
#[test]
fn of_a_root_with_other_things() {
    let place = Place::new("others");
    for name in ["bin/other", "share/man/man1/other.1", "lib/nfm/backends/other.so"] {
        place.write(&format!("root/usr/local/{name}"));
    }
    fs::create_dir_all(place.root().join("usr/local/include")).expect("an empty folder");
    place.expect_nothing_left(&[], 1);
}
