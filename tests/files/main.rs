//! The guest's files as its memory holds them ([`nfm::GuestFiles`]) against what the guest itself says of them.

mod disk;
mod guest;
mod large;
mod overlay;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use guest::{Told, attributes, checksum, checksums, known_attributes, told};
use nfm::{
    ContentRange, Domain, DumpOptions, ErrorCode, FileKind, FoundFile, GuestFiles, OpenFile,
    OpenOptions, RangeContent,
};

#[test]
fn linux_5_10() {
    same_as_the_guest("510", &["--kernel", "5.10"]);
}

#[test]
fn linux_6_1() {
    same_as_the_guest("61", &["--kernel", "6.1", "--backing", "memfd"]);
}

#[test]
fn linux_6_12() {
    same_as_the_guest("612", &["--kernel", "6.12"]);
}

#[test]
fn linux_7_2_five_levels() {
    same_as_the_guest("72", &["--kernel", "7.2", "--cpu", "max"]);
}

fn same_as_the_guest(name: &str, options: &[&str]) {
    let guest = lab::own_guest(&format!("files-{name}"), options);
    let pids = guest.ask(include_str!("setup.sh"));
    let pid = |name: &str| -> u32 {
        let line = pids.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}: {pids}")).trim().parse().expect("a pid")
    };
    let mut domain = lab::open(&guest);
    names_and_status(&guest, &mut domain.files());
    content(&guest, &mut domain.files());
    extended_attributes(&guest, &mut domain.files());
    no_such_files(&mut domain.files());
    other_roots(&mut domain, pid("jail"), pid("apart"));
    overlay::files_of_layers(&guest, &mut domain.files());
    overlay::merged_directories(&guest, &mut domain.files());
    let log = removed_log(&guest, &mut domain.files(), pid("log"));
    growing_log(&guest, &mut domain.files());
    from_a_dump(&guest, &mut domain, pid("log"), &log);
}

/// All that is found below a folder of which memory has all names.
fn found(files: &mut GuestFiles, folder: &str) -> BTreeMap<PathBuf, FoundFile> {
    let mut found = BTreeMap::new();
    for file in held(files, folder) {
        assert_ne!(file.complete, Some(false), "{file:?}");
        assert!(found.insert(file.path.clone(), file.clone()).is_none(), "{file:?} twice");
    }
    found
}

/// All that memory holds below a folder. In /proc there may be two of one name, for two network namespaces.
fn held(files: &mut GuestFiles, folder: &str) -> Vec<FoundFile> {
    let mut found = Vec::new();
    let problems = files.find(Path::new(folder), false, &mut |file| {
        found.push(file);
        ControlFlow::Continue(())
    });
    assert_eq!(problems.expect("a search"), []);
    found
}

fn names_and_status(guest: &lab::Guest, files: &mut GuestFiles) {
    let expected = told(guest, "/tmp/f");
    let found = found(files, "/tmp/f");
    let paths = |map: &BTreeMap<PathBuf, FoundFile>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&found), expected.keys().cloned().collect::<Vec<_>>());
    assert!(expected.len() > 220, "{} files", expected.len());
    for (path, expected) in &expected {
        let status = &found[path].status;
        assert_eq!(Told::of(status).as_ref(), Some(expected), "{}", path.display());
    }
    for (link, target) in [("link", "one"), ("absolute", "/tmp/f/deep/file-7")] {
        let (status, _) = files.stat(&Path::new("/tmp/f").join(link), false).expect("a link");
        assert_eq!(status.target.as_deref(), Some(target));
        assert_eq!(status.kind, Some(FileKind::Symlink));
    }
    let long = &found[Path::new("/tmp/f/long-link")].status;
    assert_eq!(long.target.as_ref().map(|target| target.len()), Some(407));
    // A folder alone: the same names, and it says that these are all.
    let listing = files.list(Path::new("/tmp/f/deep/")).expect("a listing");
    assert!(listing.complete && listing.files.len() == 191, "{} files", listing.files.len());
    let of_proc = files.list(Path::new("/proc")).expect("a listing");
    assert!(!of_proc.complete, "the kernel makes what is in /proc");
    // With one file system alone, mount points are shown and not entered.
    let mut inside = 0;
    let count = &mut |file: FoundFile| {
        inside += usize::from(file.path.starts_with("/tmp/f/huge"));
        ControlFlow::Continue(())
    };
    files.find(Path::new("/tmp/f"), true, count).expect("a search");
    assert_eq!(inside, 1);
    let limited = files.find(Path::new("/"), true, &mut |_| ControlFlow::Break(()));
    assert_eq!(limited.expect("a search that ends at once"), []);
}

/// All bytes of a file, which must all be known.
fn whole(files: &mut GuestFiles, file: &OpenFile) -> Vec<u8> {
    let mut bytes = vec![0xee; file.status.size.expect("a size") as usize + 100];
    let mut done = 0;
    for part in bytes.chunks_mut(GuestFiles::LONGEST_READ) {
        let read = files.read(file, done as u64, part).expect("a read");
        assert_eq!(read.absent, [], "{file:?} from {done}");
        done += read.length;
    }
    bytes.truncate(done);
    bytes
}

fn content(guest: &lab::Guest, files: &mut GuestFiles) {
    let expected =
        checksums(guest, "find /tmp/f /bin/busybox /etc /srv/www -type f ! -name new* -print0");
    let mut compared = 0;
    for (path, sum) in &expected {
        // sha256sum prints others otherwise.
        if path.contains(['\\', '\u{fffd}']) {
            continue;
        }
        let file = files.open(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let bytes = whole(files, &file);
        assert_eq!(Some(bytes.len() as u64), file.status.size, "{path}");
        assert_eq!(&checksum(&bytes), sum, "{path}");
        compared += 1;
    }
    assert!(compared > 200, "{compared} files");
    // A part of one, across the end of a page.
    let large = files.open(Path::new("/tmp/f/large")).expect("a file");
    let bytes = whole(files, &large);
    let mut part = [0; 9000];
    let read = files.read(&large, 4090, &mut part).expect("a read");
    assert_eq!((read.length, part.as_slice()), (9000, &bytes[4090..13090]));
    let read = files.read(&large, bytes.len() as u64 - 5, &mut part).expect("a read");
    assert_eq!((read.length, &part[..5]), (5, &bytes[bytes.len() - 5..]));
    assert_eq!(files.read(&large, u64::MAX, &mut part).expect("a read").length, 0);
    let mut too_many = vec![0; GuestFiles::LONGEST_READ + 1];
    let refused = files.read(&large, 0, &mut too_many).expect_err("too many bytes");
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);

    let ranges = |files: &mut GuestFiles, path: &str| {
        let file = files.open(Path::new(path)).expect("a file");
        let ranges = files.content(&file).expect("its ranges");
        let ranges = ranges
            .iter()
            .map(|ContentRange { offset, length, content, .. }| (*offset, *length, *content));
        ranges.collect::<Vec<_>>()
    };
    let (hole, dirty) = (RangeContent::Hole, RangeContent::Dirty);
    let sparse = [(0, 1_228_800, hole), (1_228_800, 12_288, dirty), (1_241_088, 3_758_913, hole)];
    assert_eq!(ranges(files, "/tmp/f/sparse"), sparse);
    assert_eq!(ranges(files, "/tmp/f/hole"), [(0, 3_000_000, hole)]);
    assert_eq!(ranges(files, "/tmp/f/huge/file"), [(0, 12_582_917, dirty)]);
    assert_eq!(ranges(files, "/tmp/f/empty"), []);
    let huge = guest.ask("grep ShmemHugePages /proc/meminfo");
    let kib = huge.split_whitespace().nth(1).expect("a number");
    assert!(kib.parse::<u64>().expect("a number") >= 12 << 10, "no large pages were used: {huge}");
}

fn extended_attributes(guest: &lab::Guest, files: &mut GuestFiles) {
    for (path, count) in [("/tmp/f/deep/file-5", 2), ("/tmp/f/deep", 1), ("/tmp/f/one", 0)] {
        let expected = attributes(guest, path);
        assert_eq!(expected.len(), count, "{path}: {expected:?}");
        assert_eq!(known_attributes(files, path), Some(expected), "{path}");
    }
    // Other file systems keep them elsewhere.
    assert_eq!(known_attributes(files, "/proc"), None);
}

fn no_such_files(files: &mut GuestFiles) {
    let code = |result: nfm::Result<OpenFile>| result.expect_err("no file").code();
    for path in [
        "/tmp/f/removed",
        "/tmp/f/nothing",
        "/tmp/f/one/inside",
        "/tmp/f/one/",
        "/tmp/f/dangling",
        "/tmp/f/loop-1",
        "/tmp/f/fifo",
        "/tmp/f/deep",
        "/dev/null",
        "/",
        "",
    ] {
        assert_eq!(code(files.open(Path::new(path))), ErrorCode::File, "{path}");
    }
    // Files that the kernel makes when they are asked for are not held, which is not to say that there are none.
    for path in ["/proc/1/status", "/proc/uptime", "/sys/kernel/notes"] {
        assert_eq!(code(files.open(Path::new(path))), ErrorCode::NotInMemory, "{path}");
    }
    assert_eq!(code(files.open_descriptor(1, 9999)), ErrorCode::File);
    assert_eq!(code(files.open_descriptor(4_000_000, 0)), ErrorCode::File);
    // Up from the root directory is the root directory.
    let file = files.open(Path::new("../../tmp/./f/deep/../deep/er/relative")).expect("a file");
    assert_eq!(file.status.size, Some(1));
    let dots = files.open(Path::new("/tmp/f/bound/../huge/../../f/hard")).expect("a file");
    assert_eq!((dots.status.size, dots.status.links), (Some(1), Some(2)));
}

/// A process with another root directory, and one with mounts of its own.
fn other_roots(domain: &mut Domain, jail: u32, apart: u32) {
    let mut files = domain.files().of_process(jail);
    let names: Vec<PathBuf> = found(&mut files, "/").into_keys().collect();
    assert_eq!(names, ["/", "/bin", "/bin/busybox"].map(PathBuf::from));
    let up = files.open(Path::new("/../../bin/../../bin/busybox")).expect("a file");
    assert!(up.status.size > Some(100_000));
    let mut files = domain.files().of_process(apart);
    let own = files.open(Path::new("/mnt/file")).expect("a file");
    assert_eq!(whole(&mut files, &own), b"private\n");
    let others = domain.files().open(Path::new("/mnt/file"));
    assert_eq!(others.expect_err("it is mounted elsewhere").code(), ErrorCode::File);
    let nobody = domain.files().of_process(4_000_000).list(Path::new("/"));
    assert_eq!(nobody.expect_err("no process").code(), ErrorCode::File);
}

/// A file without a name that a process holds.
fn removed_log(guest: &lab::Guest, files: &mut GuestFiles, pid: u32) -> Vec<u8> {
    let expected = guest.ask(&format!("sha256sum </proc/{pid}/fd/9"));
    let file = files.open_descriptor(pid, 9).expect("the file");
    assert_eq!(file.status.links, Some(0));
    let bytes = whole(files, &file);
    assert!(bytes.ends_with(b"\n299999\n300000\n"), "{} bytes", bytes.len());
    assert_eq!(checksum(&bytes), expected[..64]);
    bytes
}

/// A file that is written to meanwhile is read as it was at some moment: whole lines, in order.
fn growing_log(guest: &lab::Guest, files: &mut GuestFiles) {
    let writer = "i=1000000; while [ -e /tmp/f/grow ]; do i=$((i+1)); echo $i; done >>/tmp/f/grow";
    let pid = guest.ask(&format!(": >/tmp/f/grow; ({writer}) 2>/dev/null & echo $!"));
    let file = files.open(Path::new("/tmp/f/grow")).expect("the file");
    let mut bytes = vec![0; GuestFiles::LONGEST_READ];
    let (mut lengths, mut rounds) = (Vec::new(), 0);
    while lengths.len() < 12 {
        rounds += 1;
        assert!(rounds < 10_000, "it does not grow: {lengths:?}");
        let read = files.read(&file, 0, &mut bytes).expect("a read");
        assert_eq!(read.absent, []);
        assert!(read.length.is_multiple_of(8), "{} bytes", read.length);
        for (line, number) in bytes[..read.length].chunks(8).zip(1_000_001_u64..) {
            assert_eq!(line, format!("{number}\n").as_bytes());
        }
        if lengths.last() != Some(&read.length) {
            lengths.push(read.length);
        }
    }
    assert!(lengths.is_sorted(), "{lengths:?}");
    guest.ask(&format!("rm /tmp/f/grow; while [ -e /proc/{} ]; do usleep 10000; done", pid.trim()));
    // It is gone, and whoever has it open here learns that.
    let gone = files.read(&file, 0, &mut bytes).expect_err("it was removed");
    assert_eq!(gone.code(), ErrorCode::File, "{gone}");
}

/// A dump shows the same.
fn from_a_dump(guest: &lab::Guest, domain: &mut Domain, pid: u32, log: &[u8]) {
    let folder = PathBuf::from(format!("/var/tmp/nfm-files-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("dump.elf");
    let suspended = guest.suspend();
    let live = held(&mut domain.files(), "/");
    domain.dump(&path, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
    drop(suspended);
    let uri = format!("file:{}", path.display());
    let mut dumped = Domain::open(&uri, &OpenOptions::default()).expect("the dump");
    std::fs::remove_dir_all(&folder).expect("the folder");
    let mut files = dumped.files();
    assert!(live.len() > 900, "{} files", live.len());
    assert_eq!(held(&mut files, "/"), live);
    let file = files.open_descriptor(pid, 9).expect("the file");
    assert!(whole(&mut files, &file) == log);
    for path in ["/tmp/f/huge/file", "/tmp/f/sparse", "/bin/busybox"] {
        let file = files.open(Path::new(path)).expect("a file");
        let now = domain.files().open(Path::new(path)).expect("a file");
        assert!(whole(&mut files, &file) == whole(&mut domain.files(), &now), "{path}");
    }
}
