//! The disks of a guest that runs, and writes to them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

/// Readings of a file that the guest replaces again and again; NFM_READS says otherwise.
const READS: usize = 40;

fn nfm(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfm"));
    command.args(["-c", "qemu:///system"]).args(arguments).output().expect("nfm")
}

fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = nfm(arguments);
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success() && errors.is_empty(), "{arguments:?}: {status}: {errors}");
    String::from_utf8(stdout).expect("UTF-8")
}

#[test]
fn a_guest_that_runs_is_read_without_a_trace() {
    let guest = lab::guest("oracle-Debian-bookworm-with-systemd", &["--kind", "debian"]);
    let _alone = guest.alone();
    let domain = guest.domain();
    guest.ask("sync");

    // QEMU holds the lock of the image.
    let xml = lab::virsh(&["dumpxml", domain]).expect("a definition");
    let image = xml
        .split("<source file='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("an image");
    let inode = fs::metadata(image).map(|status| status.ino()).expect("an image");
    let locks = fs::read_to_string("/proc/locks").expect("locks");
    assert!(locks.contains(&format!(":{inode} ")), "the image is not locked: {locks}");

    // Packages as dpkg itself lists them.
    let expected = guest.ask("dpkg-query -W -f '${Package} ${Version} ${Architecture}\\n'");
    let expected: BTreeSet<&str> = expected.lines().collect();
    let told: Value =
        serde_json::from_str(&printed(&["packages", "--json", domain])).expect("JSON");
    let rows = told["packages"].as_array().expect("packages").iter();
    let of = |row: &Value, name: &str| row[name].as_str().expect("text").to_owned();
    let told_packages: BTreeSet<String> = rows
        .map(|row| ["name", "version", "architecture"].map(|name| of(row, name)).join(" "))
        .collect();
    assert!(expected.len() > 100);
    assert_eq!(told_packages.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    assert_eq!(told["os_release"]["version_codename"], "bookworm");
    let pattern = format!("{}*", domain.trim_end_matches("systemd"));
    assert!(printed(&["packages", "--has", "dpkg", &pattern]).contains(domain));

    // Files, and the use of the filesystem.
    let sums = guest.ask("sha256sum /usr/bin/* 2>/dev/null | sort");
    let found = printed(&["sha256", domain, "/usr/bin"]);
    let found: BTreeSet<&str> = found.lines().collect();
    // Links to files elsewhere are not files of the directory.
    let missing = found.iter().find(|line| !sums.contains(**line));
    assert!(found.len() > 200 && missing.is_none(), "{missing:?}");
    let disk: Value = serde_json::from_str(&printed(&["disk", "--json", domain])).expect("JSON");
    let own = guest.ask("stat -f -c '%S %b %c' /");
    let numbers: Vec<u64> =
        own.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    let filesystem = &disk["filesystems"][0];
    assert_eq!(filesystem["size_bytes"], numbers[0] * numbers[1]);
    assert_eq!(
        (&filesystem["inodes"], &filesystem["mounted_on"]),
        (&numbers[2].into(), &"/".into())
    );

    // No file is opened for writing, none is locked, and libvirt is asked over its socket for readers alone.
    let trace = std::env::temp_dir().join(format!("nfm-disk-strace-{}", std::process::id()));
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .args([env!("CARGO_BIN_EXE_nfm"), "-c", "qemu:///system", "packages", domain])
        .output()
        .expect("strace")
        .status;
    assert!(status.success());
    let calls = fs::read_to_string(&trace).expect("a trace");
    fs::remove_file(&trace).expect("a trace");
    assert!(calls.contains("pread64(") && calls.contains(image), "nothing of the image was traced");
    let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
    let is_wrong = |line: &&str| {
        (line.contains(" open") && has(line, &["O_WRONLY", "O_RDWR", "O_CREAT"]))
            || has(line, &["flock(", "F_SETLK", "F_OFD_SETLK", "F_SETLEASE", "pwrite"])
            || (has(line, &[" connect("])
                && line.contains("sun_path")
                && !line.contains("-sock-ro"))
    };
    assert_eq!(calls.lines().find(is_wrong), None);

    replaced_again_and_again(&guest);
}

/// The versions of all packages, or the complaint of a list that is not believed.
fn versions(domain: &str) -> Result<BTreeSet<String>, String> {
    let Output { status, stdout, stderr } = nfm(&["packages", "--json", domain]);
    if !status.success() {
        return Err(String::from_utf8_lossy(&stderr).into_owned());
    }
    let told: Value = serde_json::from_slice(&stdout).expect("JSON");
    let rows = told["packages"].as_array().expect("packages");
    assert!(rows.len() > 100, "{} packages", rows.len());
    Ok(rows.iter().map(|row| row["version"].as_str().expect("a version").to_owned()).collect())
}

/// A file that is replaced by fsync and rename: each reading that is believed is whole and of one moment.
fn replaced_again_and_again(guest: &lab::Guest) {
    let reads =
        std::env::var("NFM_READS").ok().and_then(|reads| reads.parse().ok()).unwrap_or(READS);
    let first = versions(guest.domain()).expect("packages");
    guest.ask(
        "cp -p /var/lib/dpkg/status /root/status
        rm -f /run/enough
        (n=0
        until test -e /run/enough; do
            n=$((n + 1))
            sed \"s/^Version: .*/Version: $n/\" /root/status >/var/lib/dpkg/status-new
            sync /var/lib/dpkg/status-new
            mv /var/lib/dpkg/status-new /var/lib/dpkg/status
        done
        mv /root/status /var/lib/dpkg/status
        sync
        touch /run/done) >/dev/null 2>&1 &",
    );
    let (mut seen, mut unstable) = (BTreeSet::new(), Vec::new());
    for _ in 0..reads {
        match versions(guest.domain()) {
            Ok(versions) => {
                assert!(versions.len() == 1 || versions == first, "of two moments: {versions:?}");
                seen.insert(versions);
            }
            Err(complaint) => unstable.push(complaint),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    guest.ask(
        "touch /run/enough; until test -e /run/done; do sleep 0.1; done; rm /run/done /run/enough",
    );
    println!("{reads} reads, {} states seen, {} unstable", seen.len(), unstable.len());
    assert!(seen.len() > 2, "the guest changed nothing meanwhile: {seen:?} {unstable:?}");
    assert!(unstable.len() * 100 <= reads.max(100), "{unstable:?}");
}
