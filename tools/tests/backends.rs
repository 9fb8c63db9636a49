//! Back ends: the example in C (tests/backends/example.c) under libvirt's test driver, over the memory of
//! a real guest, against what nfm reads of the same guest by itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");

/// Compiles the example as the back end for libvirt's test driver; the folder that has it.
fn example() -> PathBuf {
    let name = format!("backends-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(folder.join("test.so"))
        .arg("-I")
        .arg(lab::root().join("include"))
        .arg(lab::root().join("tests/backends/example.c"))
        .output()
        .expect("cc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    folder
}

/// nfm about the domain of libvirt's test driver.
fn nfm(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(NFM)
        .args(["-c", "test:///default"])
        .args(arguments)
        .env("NFM_BACKEND_DIR", folder)
        .envs(variables.iter().copied())
        .output()
        .expect("nfm")
}

/// The one sentence that nfm says when it fails with this status.
fn sentence(output: &Output, status: i32) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors
}

fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The file behind the memory of a guest whose RAM is a memfd.
fn memory_file(guest: &lab::Guest) -> String {
    let folder = format!("/proc/{}/fd", guest.qemu_pid());
    let is_ram = |path: &PathBuf| {
        fs::read_link(path)
            .is_ok_and(|target| target.to_string_lossy().contains("/memfd:memory-backend"))
    };
    let mut files = fs::read_dir(&folder).expect("QEMU's files").flatten().map(|file| file.path());
    files.find(is_ram).expect("the guest's memfd").to_string_lossy().into_owned()
}

/// Facts that rest in an idle guest.
fn lasting(frame: &Value) -> Vec<Value> {
    let processes = frame["processes"].as_array().expect("processes").iter();
    let own = processes.filter(|row| row["kernel_thread"] == false && row["name"] != "lab-agent");
    let own = own.map(|row| {
        ["pid", "ppid", "name", "command_line", "exe", "uid", "start_time_ns", "rss_bytes"]
            .map(|field| row[field].clone())
            .into()
    });
    let rest = ["modules", "mounts", "connections", "mappings"].map(|name| frame[name].clone());
    own.chain(rest).collect()
}

#[test]
fn a_back_end_in_c_shows_the_same_guest() {
    let guest = lab::guest("backends", &["--backing", "memfd"]);
    let folder = example();
    let memory = memory_file(&guest);
    let own = Command::new(NFM)
        .args(["-c", "qemu:///system", "crawl", guest.domain(), "--json"])
        .output()
        .expect("nfm");
    let own = json(&own);
    let ram = ("EXAMPLE_RAM", memory.as_str());
    let crawl = ["crawl", "test", "--json"];
    let frame = json(&nfm(&folder, &[ram], &crawl));
    assert_eq!(frame["domain"]["hypervisor"], "test");
    assert_eq!(frame["domain"]["name"], "test");
    assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
    assert!(lasting(&frame).len() > 40, "{} rows", lasting(&frame).len());
    assert_eq!(lasting(&frame), lasting(&own));
    // Facts of the host that the back end tells, and those that it does not.
    let host = &frame["host"];
    assert_eq!(host["rss_bytes"], 512 << 20);
    assert!(host["vcpu_time_ns"].is_null() && host["untouched_bytes"].is_null(), "{host}");
    assert_eq!(host["state"], "running");

    // A root that the back end names takes the place of the search.
    let found = json(&nfm(&folder, &[ram], &["doctor", "test", "--json"]));
    assert!(found["trampoline"].is_u64(), "{found}");
    let root = found["page_table"].to_string();
    let named = json(&nfm(&folder, &[ram, ("EXAMPLE_ROOT", &root)], &["doctor", "test", "--json"]));
    assert!(named["trampoline"].is_null(), "{named}");
    for same in ["page_table", "image", "release", "symbols", "btf_bytes"] {
        assert_eq!(named[same], found[same], "{same}");
    }
    // One that maps no kernel is passed over.
    let wrong = [ram, ("EXAMPLE_ROOT", "0x1000")];
    let passed_over = json(&nfm(&folder, &wrong, &["doctor", "test", "--json"]));
    assert_eq!(passed_over["trampoline"], found["trampoline"]);

    // Pages that it cannot read: the frame says that it is not whole, or it is refused in words.
    let holes = nfm(&folder, &[ram, ("EXAMPLE_FAILURE", "holes")], &crawl);
    match holes.status.success() {
        true => assert_eq!(json(&holes)["consistency"]["complete"], false),
        false => assert_eq!(String::from_utf8_lossy(&holes.stderr).lines().count(), 1),
    }
    let ended = nfm(&folder, &[ram, ("EXAMPLE_FAILURE", "ends")], &["ps", "test"]);
    assert!(sentence(&ended, 13).contains("ended while it was read"));
}

#[test]
fn what_goes_wrong_is_told_in_one_sentence() {
    let folder = example();
    let fails = |failure, status| {
        sentence(&nfm(&folder, &[("EXAMPLE_FAILURE", failure)], &["ps", "test"]), status)
    };
    assert!(fails("denied", 6).ends_with("'test': it is not yours; ask its owner\n"));
    assert!(fails("gone", 13).contains("'test' ended"));
    assert!(fails("silent", 11).contains("does not say why (result 99)"));
    assert!(fails("table", 11).contains("has no table"));
    assert!(fails("old", 11).contains("table of functions is not whole"));
    let unset = sentence(&nfm(&folder, &[], &["ps", "test"]), 11);
    assert!(unset.contains("cannot be read: set EXAMPLE_RAM to the memory of 'test'"), "{unset}");
    let absent = [("EXAMPLE_RAM", "/nonexistent")];
    assert!(sentence(&nfm(&folder, &absent, &["ps", "test"]), 11).contains("No such file"));
}

#[test]
fn a_back_end_that_is_none_is_told_so() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-backends");
    fs::create_dir_all(&folder).expect("a folder");
    let nothing = sentence(&nfm(&folder, &[], &["ps", "test"]), 11);
    assert!(nothing.contains("driver 'test' is none that nfm reads by itself"), "{nothing}");
    assert!(nothing.contains(&format!("test.so in {}", folder.display())), "{nothing}");

    let folder = example();
    let library = folder.join("test.so");
    fs::remove_file(&library).expect("the example");
    fs::write(&library, "no library").expect("a file");
    let text = sentence(&nfm(&folder, &[], &["ps", "test"]), 11);
    assert!(text.contains("test.so cannot be used: "), "{text}");
    // A link is followed, and what it leads to has to be trusted.
    fs::remove_file(&library).expect("the file");
    let open = folder.join("open");
    fs::write(&open, "").expect("a file");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).expect("its mode");
    symlink(&open, &library).expect("a link");
    let text = sentence(&nfm(&folder, &[], &["ps", "test"]), 11);
    assert!(text.contains("not trusted, as ") && text.contains("written to by others"), "{text}");
}

/// `nfm doctor` tells in one sentence whether guests of Xen can be read on this host.
#[test]
fn doctor_tells_of_xen() {
    let guest = lab::guest("backends", &["--backing", "memfd"]);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-backends-for-doctor");
    fs::create_dir_all(&folder).expect("a folder");
    let doctor = |folder: &Path| {
        let output = Command::new(NFM)
            .args(["-c", "qemu:///system", "doctor", guest.domain()])
            .env("NFM_BACKEND_DIR", folder)
            .output()
            .expect("nfm");
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("xen ")).collect();
        assert_eq!(lines.len(), 1, "{text}");
        lines[0].to_owned()
    };
    assert!(doctor(&folder).contains("not installed: install the package nfm-xen"));
    let with = example();
    fs::rename(with.join("test.so"), with.join("xen.so")).expect("another name");
    let line = doctor(&with);
    assert!(line.contains("is installed: ") && line.ends_with("xen.so"), "{line}");
}
