//! Files on a disk, of which the guest caches parts: a whole Debian on ext4.

use std::collections::BTreeMap;
use std::path::Path;

use nfm::{ContentRange, Domain, DumpOptions, ErrorCode, GuestFiles, OpenOptions, RangeContent};

use crate::guest::{checksum, checksums};
use crate::{held, whole};

/// Pages of files that mincore(2) calls cached in the guest: by path, runs of (first, count).
pub(crate) fn cached(guest: &lab::Guest, files: &[&str]) -> BTreeMap<String, Vec<(u64, u64)>> {
    let printed = guest.ask(&format!("oracle --cached {}", files.join(" ")));
    let lines = printed.lines().map(|line| {
        let mut words = line.split(' ');
        let path = words.next().expect("a path").to_owned();
        let runs = words.skip(1).map(|run| {
            let (first, count) = run.split_once('+').expect("a run");
            (first.parse().expect("a page"), count.parse().expect("a count"))
        });
        (path, runs.collect())
    });
    lines.collect()
}

/// The same, as nfm tells it.
pub(crate) fn known(files: &mut GuestFiles, path: &str) -> Vec<(u64, u64)> {
    let file = files.open(Path::new(path)).expect("a file");
    let ranges = files.content(&file).expect("its ranges");
    let end = ranges.last().map(|last| last.offset + last.length);
    assert_eq!(end, file.status.size.filter(|size| *size > 0), "{path}: {ranges:?}");
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for ContentRange { offset, length, content, .. } in ranges {
        assert_ne!(content, RangeContent::Hole, "{path}");
        if !content.is_known() {
            continue;
        }
        let (first, count) = (offset / 4096, length.div_ceil(4096));
        match runs.last_mut() {
            Some((start, pages)) if *start + *pages == first => *pages += count,
            _ => runs.push((first, count)),
        }
    }
    runs
}

#[test]
fn parts_of_files_on_ext4() {
    let guest = lab::guest("oracle-Debian-bookworm-with-systemd", &["--kind", "debian"]);
    let _alone = guest.alone();
    let mut domain = lab::open(&guest);
    let partly = ["/usr/bin/perl", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/sbin/sshd"];
    guest.ask(&format!(
        "sync; echo 3 >/proc/sys/vm/drop_caches
        for file in {}; do
            for page in 3 17 40 41 42 100 170; do
                dd if=$file of=/dev/null bs=4096 count=1 skip=$page 2>/dev/null
            done
        done",
        partly.join(" ")
    ));
    let expected = cached(&guest, &partly);
    let told: BTreeMap<String, Vec<(u64, u64)>> =
        partly.map(|path| (path.to_owned(), known(&mut domain.files(), path))).into();
    assert_eq!(told, expected);
    let some = expected.values().filter(|runs| runs.len() > 2).count();
    assert!(some >= 2, "files that are cached in parts: {expected:?}");
    parts_that_are_not_cached(&mut domain, &expected);

    // Files that were read whole.
    let names = "find /usr/bin /usr/sbin /usr/lib/x86_64-linux-gnu -xdev -type f -size -200 -print0 \
                 | head -z -n 220";
    let sums = checksums(&guest, names);
    assert!(sums.len() >= 200, "{} files", sums.len());
    let mut files = domain.files();
    for (path, sum) in &sums {
        let file = files.open(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(&checksum(&whole(&mut files, &file)), sum, "{path}");
    }
    // Memory holds the names that were used, and says that there may be others.
    let listing = files.list(Path::new("/usr/bin")).expect("a listing");
    assert!(!listing.complete && listing.files.len() > 40, "{} names", listing.files.len());
    let missing = files.open(Path::new("/usr/share/nobody-looked-for-this")).expect_err("no file");
    assert_eq!(missing.code(), ErrorCode::NotInMemory);
    // A name that somebody looked for in vain is known not to be there.
    guest.ask("! test -e /usr/share/somebody-looked-for-this");
    let missing =
        files.open(Path::new("/usr/share/somebody-looked-for-this")).expect_err("no file");
    assert_eq!(missing.code(), ErrorCode::File);

    newer_than_the_disk(&guest, &mut files);
    from_a_dump(&guest, &mut domain, partly[0]);
}

/// Bytes of parts that are not cached are named, and are zeros.
fn parts_that_are_not_cached(domain: &mut Domain, expected: &BTreeMap<String, Vec<(u64, u64)>>) {
    let mut files = domain.files();
    for (path, runs) in expected {
        let file = files.open(Path::new(path)).expect("a file");
        let mut bytes = vec![0xee; 180 * 4096];
        let read = files.read(&file, 0, &mut bytes).expect("a read");
        assert_eq!(read.length, bytes.len());
        let is_known =
            |page: u64| runs.iter().any(|(first, count)| (*first..first + count).contains(&page));
        for (page, bytes) in bytes.chunks(4096).enumerate() {
            let at = page * 4096;
            let absent = read
                .absent
                .iter()
                .any(|part| (part.offset..part.offset + part.length).contains(&at));
            assert_eq!(absent, !is_known(page as u64), "{path}, page {page}");
            assert!(!absent || bytes.iter().all(|byte| *byte == 0), "{path}, page {page}");
        }
    }
}

/// A file that was written and is not on its disk yet.
fn newer_than_the_disk(guest: &lab::Guest, files: &mut GuestFiles) {
    let path = "/root/nfm-files-test";
    guest.ask(&format!("sync; head -c 3000001 /dev/urandom >{path}; dd if={path} of={path} bs=1M count=1 conv=notrunc 2>/dev/null"));
    let file = files.open(Path::new(path)).expect("a file");
    let ranges = files.content(&file).expect("its ranges");
    let sum = guest.ask(&format!("sha256sum <{path}"));
    let bytes = whole(files, &file);
    guest.ask(&format!("sync; rm {path}"));
    assert_eq!(checksum(&bytes), sum[..64]);
    let dirty = |range: &ContentRange| range.content == RangeContent::Dirty;
    assert!(ranges.iter().any(dirty), "{ranges:?}");
    assert_eq!(files.content(&file).expect_err("it was removed").code(), ErrorCode::File);
}

/// A dump tells the same, by names, status and ranges.
fn from_a_dump(guest: &lab::Guest, domain: &mut Domain, path: &str) {
    let file = std::path::PathBuf::from(format!("/var/tmp/nfm-disk-{}.elf", std::process::id()));
    let suspended = guest.suspend();
    domain.dump(&file, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
    let dumped = Domain::open(&format!("file:{}", file.display()), &OpenOptions::default());
    std::fs::remove_file(&file).expect("the dump");
    let mut dumped = dumped.expect("the dump");
    let live = held(&mut domain.files(), "/");
    assert!(live.len() > 2000, "{} files", live.len());
    assert_eq!(held(&mut dumped.files(), "/"), live);
    assert_eq!(known(&mut dumped.files(), path), known(&mut domain.files(), path));
    drop(suspended);
}
