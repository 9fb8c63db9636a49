//! Failures, each with one clear sentence and its own exit status.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, ErrorCode};

use crate::commands;
use crate::lab::{Guest, URI, virsh};
use crate::options;

const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu";

/// nfm ended with this status, and one sentence that has these words.
fn expect(output: &Output, code: ErrorCode, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code as i32), "{errors}");
    for word in words {
        assert!(errors.contains(word), "{word:?} is not in: {errors}");
    }
    assert_eq!(errors.lines().count(), 1, "{errors}");
    println!("  {}", errors.trim());
}

fn ps(guest: &Guest, change: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new("/payload/bin/nfm");
    command.args(["-c", URI, "ps", guest.domain()]);
    change(&mut command);
    command.output().expect("nfm")
}

/// A guest that was made a moment ago has no kernel to be found yet.
pub fn not_booted(guest: &Guest) {
    let output = ps(guest, |_| {});
    let errors = String::from_utf8_lossy(&output.stderr);
    let codes =
        [ErrorCode::NotBooted, ErrorCode::NotLinux, ErrorCode::NoSymbols, ErrorCode::NoTypes];
    let told = codes.iter().any(|code| output.status.code() == Some(*code as i32));
    assert!(told && errors.lines().count() == 1, "{}: {errors}", output.status);
    println!("  {}", errors.trim());
}

/// Without the back end the error names the package, and `nfm list` works all the same.
pub fn no_backend(guest: &Guest) {
    let empty = "/tmp/no-backends";
    fs::create_dir_all(empty).expect("a folder");
    let output = ps(guest, |command| {
        command.env("NFM_BACKEND_DIR", empty);
    });
    expect(&output, ErrorCode::Unsupported, &["install the package nfm-xen", empty]);
}

/// A back end that others could have put there is not loaded; one that is none is told so.
pub fn untrusted_backend(guest: &Guest) {
    let folder = "/tmp/open-backends";
    fs::create_dir_all(folder).expect("a folder");
    let file = format!("{folder}/xen.so");
    fs::copy("/payload/lib/nfm/backends/xen.so", &file).expect("a copy");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("its mode");
    let run = || {
        ps(guest, |command| {
            command.env("NFM_BACKEND_DIR", folder);
        })
    };
    expect(&run(), ErrorCode::Unsupported, &["not trusted", "can be written to by others"]);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("its mode");
    fs::write(&file, "no library").expect("a file");
    expect(&run(), ErrorCode::Unsupported, &["cannot be used", "xen.so"]);
    fs::copy(format!("{LIBRARIES}/libgcc_s.so.1"), &file).expect("a copy");
    expect(&run(), ErrorCode::Unsupported, &["exports no nfm_backend_v1"]);
}

/// The control library of another release than the hypervisor's: as after an upgrade without a reboot.
pub fn wrong_release(guest: &Guest) {
    let files = fs::read_dir(LIBRARIES).expect("libraries").flatten().map(|entry| entry.path());
    let is_control =
        |path: &PathBuf| path.to_string_lossy().starts_with(&format!("{LIBRARIES}/libxenctrl.so."));
    let own: Vec<PathBuf> = files.filter(is_control).collect();
    let hidden = |path: &Path| Path::new("/tmp").join(path.file_name().expect("a name"));
    let other = format!("{LIBRARIES}/libxenctrl.so.4.99");
    fs::copy(own.first().expect("Xen's control library"), &other).expect("another release");
    for path in &own {
        fs::copy(path, hidden(path)).expect("a copy");
        fs::remove_file(path).expect("its removal");
    }
    let output = ps(guest, |_| {});
    for path in &own {
        fs::copy(hidden(path), path).expect("the library");
    }
    fs::remove_file(&other).expect("the other release's removal");
    let words = ["libxenctrl.so.4.99", "install the package libxenmisc4.", "Xen 4."];
    expect(&output, ErrorCode::Unsupported, &words);
}

/// Somebody else than root.
pub fn no_privilege(guest: &Guest) {
    let output = ps(guest, |command| {
        command.uid(65534).gid(65534);
    });
    let words = ["/dev/xen/privcmd", "Permission denied", "run as root"];
    expect(&output, ErrorCode::Permission, &words);
}

/// libvirt lists the control domain too.
pub fn control_domain() {
    let output = commands::nfm(&["ps", "Domain-0"]);
    expect(&output, ErrorCode::Unsupported, &["'Domain-0'", "control domain", "no guest"]);
}

/// How many pieces of guests' memory this process has mapped.
fn mapped() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("our mappings");
    maps.lines().filter(|line| line.ends_with("/dev/xen/privcmd")).count()
}

/// Pages that are kept mapped between frames are given back soon, though the domain stays open.
pub fn unmapped(guest: &Guest) {
    let mut domain = Domain::open(guest.domain(), &options()).expect("an open domain");
    domain.crawl(&CrawlOptions::default()).expect("a frame");
    let kept = mapped();
    assert!(kept > 0, "nothing is kept mapped");
    let begun = Instant::now();
    while mapped() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{} are still mapped", mapped());
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("  {kept} pieces were mapped, none {:.1} s later", begun.elapsed().as_secs_f64());
    domain.crawl(&CrawlOptions::default()).expect("another frame");
    drop(domain);
    assert_eq!(mapped(), 0);
}

/// Opens and closes each guest many times: nothing may break, and nothing may stay.
pub fn repeated(guests: &[&Guest]) {
    const TIMES: u32 = 15;
    let begun = Instant::now();
    for _ in 0..TIMES {
        for guest in guests {
            let output = ps(guest, |_| {});
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {errors}", output.status);
        }
    }
    println!("  {TIMES} times each in {:.1} s", begun.elapsed().as_secs_f64());
}

/// A guest that ends while it is crawled: the crawl says so, the command too, and nothing of it stays.
pub fn destroyed(guest: Guest) {
    let mut domain = Domain::open(guest.domain(), &options()).expect("an open domain");
    let name = guest.domain().to_owned();
    let watch =
        std::thread::spawn(move || commands::nfm(&["crawl", &name, "--watch", "0.001", "--json"]));
    // Both are at it.
    std::thread::sleep(Duration::from_millis(1500));
    let name = guest.domain().to_owned();
    let id = virsh(&["domid", &name]);
    let destroy = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(guest);
    });
    let begun = Instant::now();
    let mut frames = 0;
    let error = loop {
        assert!(begun.elapsed() < Duration::from_secs(30), "the guest's end was not noticed");
        match domain.crawl(&CrawlOptions::default()) {
            Ok(_) => frames += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), ErrorCode::Gone, "{error}");
    println!("  after {frames} frames: {error}");
    assert_eq!(mapped(), 0, "parts of the guest are still mapped");
    destroy.join().expect("the guest's end");
    let output = watch.join().expect("nfm crawl --watch");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(ErrorCode::Gone as i32), "{errors}");
    // Xen has no trace of it: a mapping would keep it as a domain without a name.
    let left = virsh(&["list", "--all", "--id"]);
    assert!(!left.lines().any(|line| line.trim() == id.trim()), "{left}");
}
