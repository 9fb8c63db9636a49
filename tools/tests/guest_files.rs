//! `nfm ls`, `stat`, `cat`, `find` and `recover` against a real guest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The exit status where memory does not hold all that was asked for.
const NOT_IN_MEMORY: i32 = 19;
const NO_SUCH_FILE: i32 = 16;

fn nfm(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfm"));
    command.args(["-c", "qemu:///system"]).args(arguments).stdin(Stdio::null());
    command.output().expect("nfm")
}

/// Its output; it has to succeed and to complain of nothing.
fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = nfm(arguments);
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success() && errors.is_empty(), "{arguments:?}: {status}: {errors}");
    String::from_utf8(stdout).expect("UTF-8")
}

fn json(arguments: &[&str]) -> Value {
    let printed = printed(&[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// Its exit status, and its complaints.
fn failed(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = nfm(arguments);
    assert!(stdout.is_empty(), "{arguments:?} printed something");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

fn shared() -> lab::Guest {
    lab::guest("shared-61", &[])
}

#[test]
fn names_and_status() {
    let guest = shared();
    let domain = guest.domain();
    let names = guest.ask("ls -1 /srv /mnt");
    let listed = ["/srv", "/mnt"].map(|folder| printed(&["ls", domain, folder]));
    assert_eq!(names, format!("/mnt:\n{}\n/srv:\n{}", listed[1], listed[0]));
    let long = printed(&["ls", "-l", domain, "/srv/www"]);
    let told = guest.ask("stat -c '%A %h %u %g %s %y' /srv/www/data.txt");
    let words: Vec<&str> = told.split_whitespace().collect();
    let row: Vec<&str> = long.lines().nth(1).expect("a row").split_whitespace().collect();
    let time = words[6].split('.').next().expect("a time");
    let expected = [&words[..6], &[time, "data.txt"]].concat();
    assert_eq!(row, expected, "{long}");

    let listing = json(&["ls", domain, "/srv/www"]);
    assert_eq!(listing["complete"], true);
    assert_eq!(listing["files"][0]["path"], "data.txt");
    let stat = json(&["stat", domain, "/srv/www/data.txt"]);
    assert_eq!(stat, {
        let mut expected = listing["files"][0].clone();
        expected["path"] = "/srv/www/data.txt".into();
        expected["known_bytes"] = expected["size"].clone();
        let size = expected["size"].clone();
        expected["content"] =
            serde_json::json!([{"offset": 0, "length": size, "content": "dirty"}]);
        expected["problems"] = serde_json::json!([]);
        expected["extended_attributes"] = Value::Null;
        expected
    });
    let text = printed(&["stat", domain, "/srv/www/data.txt"]);
    for part in ["Kind: file", "Filesystem: rootfs", "Memory: 88000 of 88000 bytes are known"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(printed(&["stat", domain, "/bin/sh"]).contains("File: /bin/sh -> busybox"));
    let followed = json(&["stat", "-L", domain, "/bin/sh"]);
    assert_eq!((&followed["kind"], &followed["target"]), (&"file".into(), &Value::Null));

    let text = printed(&["stat", domain, "/run"]);
    assert!(text.contains("\n Xattr: trusted.lab=some text\n"), "{text}");
    let attributes = &json(&["stat", domain, "/run"])["extended_attributes"];
    let expected = serde_json::json!([{"name": "trusted.lab", "value": "736f6d652074657874"}]);
    assert_eq!(attributes, &expected);

    // It says that memory may lack names.
    let Output { status, stderr, .. } = nfm(&["ls", domain, "/proc"]);
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success() && said.contains("there may be others"), "{status}: {said}");
}

#[test]
fn find_prints_what_the_guest_finds() {
    let guest = shared();
    let expected = guest.ask("find /bin /srv /home /var | sort");
    let mut found = String::new();
    for folder in ["/bin", "/srv", "/home", "/var"] {
        found += &printed(&["find", guest.domain(), folder]);
    }
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    assert_eq!(found, expected.lines().collect::<Vec<_>>());
    let lines = printed(&["find", guest.domain(), "/srv/www", "--json"]);
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["kind"], &rows[0]["complete"]), (&"directory".into(), &true.into()));
    assert_eq!(rows[1]["path"], "/srv/www/data.txt");
}

#[test]
fn cat_prints_what_is_known() {
    let guest = shared();
    let domain = guest.domain();
    assert_eq!(printed(&["cat", domain, "/srv/www/data.txt"]), guest.ask("cat /srv/www/data.txt"));
    let (status, said) = failed(&["cat", domain, "/srv/nothing"]);
    assert_eq!(status, Some(NO_SUCH_FILE), "{said}");
    assert!(said.contains("'/srv/nothing'") && said.contains("there is no such file"), "{said}");
    let (status, said) = failed(&["cat", domain, "/proc/uptime"]);
    assert_eq!(status, Some(NOT_IN_MEMORY), "{said}");
    let (status, said) = failed(&["cat", domain, "/srv"]);
    assert_eq!(status, Some(NO_SUCH_FILE), "{said}");
    let (status, said) = failed(&["cat", domain, "/srv/www/data.txt", "--pid", "4000000"]);
    assert_eq!(status, Some(NO_SUCH_FILE), "{said}");
    assert!(said.contains("there is no process 4000000"), "{said}");
}

#[test]
fn a_removed_file_is_recovered() {
    let guest = shared();
    let domain = guest.domain();
    let files = json(&["lsof", domain]);
    let is_it = |row: &&Value| {
        let path = row["path"].as_str().unwrap_or_default();
        row["kind"] == "file" && path.starts_with('/') && path.ends_with(" (deleted)")
    };
    let row = files.as_array().expect("rows").iter().find(is_it).expect("a file that is removed");
    let (pid, fd) = (row["pid"].to_string(), row["fd"].to_string());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("recovered-{}", std::process::id()));
    let output = path.to_str().expect("a path");
    let said = printed(&["recover", domain, &pid, &fd, "-o", output]);
    let bytes = fs::read(&path).expect("the file");
    assert_eq!(bytes, guest.ask_bytes(&format!("cat /proc/{pid}/fd/{fd}")));
    assert!(!bytes.is_empty());
    assert!(said.ends_with(&format!(": {0} of {0} bytes\n", bytes.len())), "{said}");
    assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
    // A file that is there is not replaced unless that is said.
    let (status, said) = failed(&["recover", domain, &pid, &fd, "-o", output]);
    assert_eq!(status, Some(NO_SUCH_FILE), "{said}");
    let facts = json(&["recover", domain, &pid, &fd, "-o", output, "--force"]);
    assert_eq!((&facts["status"]["links"], &facts["unknown"]), (&0.into(), &Value::Array(vec![])));
    fs::remove_file(&path).expect("the file");
    // Nor is anything but a file, whatever is said.
    std::os::unix::fs::symlink("/dev/null", &path).expect("a link");
    let (status, said) = failed(&["recover", domain, &pid, &fd, "-o", output, "--force"]);
    assert_eq!(status, Some(NO_SUCH_FILE), "{said}");
    assert!(said.contains("no regular file"), "{said}");
    fs::remove_file(&path).expect("the link");
    let (status, said) = failed(&["recover", domain, &pid, "9999", "-o", output]);
    assert_eq!(status, Some(NO_SUCH_FILE), "{said}");
    let left = fs::read_dir(folder).expect("the folder").flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("recovered-"));
    assert_eq!(left.count(), 0, "nothing is left behind");
}
