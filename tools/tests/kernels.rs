//! Kernels of which little can be read: each verb says so, and none shows an empty guest.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use nfm::ErrorCode;

/// The status of `nfm check` that looked at less than it has to.
const UNDECIDED: i32 = 21;

/// A folder of the test's own, on a disk: dumps are as large as guests.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/var/tmp/nfm-kernels-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn nfm(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nfm"));
        command.env("NFM_CACHE_DIR", self.0.join("cache"));
        command.env("NFM_PROFILE_DIR", self.0.join("imported"));
        command.env("NFM_DEBUG_DIR", "/nonexistent");
        command.args(["-c", "qemu:///system"]).args(arguments);
        command.current_dir(&self.0).output().expect("nfm")
    }

    fn has(&self, name: &str) -> bool {
        fs::read_dir(self.0.join(name)).is_ok_and(|mut entries| entries.next().is_some())
            || self.0.join(name).is_file()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without CONFIG_KALLSYMS_ALL (`symbol_valid`, scripts/kallsyms.c) the table names no variable: what nothing else tells of
/// is named, a check decides nothing, and no profile is made of it.
#[test]
fn a_kernel_without_all_symbols() {
    let guest = lab::guest("functions", &["--kernel", "6.1", "--flavour", "functions"]);
    let files = lab::kernel_files("6.1-functions").expect("the guest's files");
    let (name, folder) = (guest.domain(), Folder::new("functions"));
    let undecided = 21;
    for (verb, status) in [
        (&["doctor", name][..], 0),
        (&["crawl", name], 0),
        (&["crawl", name, "--json"], 0),
        (&["ps", name], 0),
        (&["lsof", name], 0),
        (&["ss", name], 0),
        (&["lsmod", name], 0),
        (&["free", name], 0),
        (&["check", name], undecided),
        (&["check", name, "--json"], undecided),
    ] {
        let output = folder.nfm(verb);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{verb:?}: {errors}");
        assert!(text(&output.stdout).lines().count() >= 1, "{verb:?} shows nothing");
        for line in errors.lines() {
            assert!(
                line.contains("table of symbols does not name the variable"),
                "{verb:?}: {line}"
            );
        }
    }
    let output = folder.nfm(&["profile", "export", name, "profile"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(ErrorCode::NoSymbols as i32), "{errors}");
    assert_eq!((text(&output.stdout), errors.lines().count()), (String::new(), 1), "{errors}");
    for words in ["CONFIG_KALLSYMS_ALL", "--symbols", "debug package"] {
        assert!(errors.contains(words), "no '{words}' in: {errors}");
    }
    assert!(
        !folder.has("profile") && !folder.has("cache/profiles"),
        "what is known in part is kept"
    );

    // Its symbols in a file: all is there, and what was learned of it needs no file any more.
    let map = files.join("System.map").display().to_string();
    let output = folder.nfm(&["--symbols", &map, "check", name]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let vmlinux = files.join("vmlinux").display().to_string();
    for verb in [
        &["--symbols", &*map, "profile", "export", name, "of-map"],
        &["profile", "export", "--vmlinux", &vmlinux, "of-file"][..],
        &["profile", "import", "of-file"],
        &["check", name],
    ] {
        let output = folder.nfm(verb);
        assert_eq!(output.status.code(), Some(0), "{verb:?}: {}", text(&output.stderr));
    }
}

/// `pid_namespace.idr` (include/linux/pid_namespace.h) is in every kernel: where it is not known, half of what
/// shows a hidden process was not looked at.
#[test]
fn a_check_without_the_pid_tables_decides_nothing() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("undecided");
    let output = folder.nfm(&["dump", guest.domain(), "dump"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let dump = format!("file:{}", folder.0.join("dump").display());
    let output = folder.nfm(&["--no-cache", "check", &dump]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));

    lab::btf::Btf::in_dump(&folder.0.join("dump")).rename("idr_rt", "idr_rz");
    let output = folder.nfm(&["--no-cache", "check", &dump]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(UNDECIDED), "{said}{}", text(&output.stderr));
    assert!(said.contains("not checked  processes in the PID tables, because"), "{said}");
}
