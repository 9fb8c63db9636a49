//! Large files, on xfs and on large pages, and a file of tmpfs of which the guest put a part into swap.

use std::path::Path;

use nfm::{Absence, GuestFiles, RangeContent};

use crate::disk::{cached, known};
use crate::guest::{Told, attributes, checksum, checksums, known_attributes, told};
use crate::{held, whole};

/// The folder on xfs, and what is in it.
const XFS: &str = "/mnt/xfs/tree";

#[test]
fn large_files_and_swap() {
    let options = ["--kernel", "6.12", "--memory", "1024", "--disk", "xfs", "--backing", "memfd"];
    let guest = lab::own_guest("files-large", &options);
    guest.ask(include_str!("large.sh"));
    let mut domain = lab::open(&guest);
    let mut files = domain.files();
    whole_files(&guest, &mut files);
    names_on_xfs(&guest, &mut files);
    attributes_on_xfs(&guest, &mut files);
    parts_on_xfs(&guest, &mut files);
    in_swap(&guest, &mut files);
}

/// 200 files of xfs from 1 byte to 150 MB, a sparse one, and one of 200 MB on large pages.
fn whole_files(guest: &lab::Guest, files: &mut GuestFiles) {
    let sums = checksums(guest, &format!("find {XFS} /tmp/huge -type f -print0"));
    assert!(sums.len() > 200, "{} files", sums.len());
    let mut largest = 0;
    for (path, sum) in &sums {
        let file = files.open(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let bytes = whole(files, &file);
        assert_eq!(&checksum(&bytes), sum, "{path}");
        largest = largest.max(bytes.len());
    }
    assert!(largest > 200_000_000, "{largest} bytes");
    let huge = guest.ask("grep ShmemHugePages /proc/meminfo");
    let kib = huge.split_whitespace().nth(1).expect("a number");
    assert!(kib.parse::<u64>().expect("a number") > 190 << 10, "no large pages were used: {huge}");
}

/// Names, sizes, modes, owners and times on xfs, all of which the guest has just looked at.
fn names_on_xfs(guest: &lab::Guest, files: &mut GuestFiles) {
    let expected = told(guest, XFS);
    let found = held(files, XFS);
    let paths: Vec<_> = found.iter().map(|file| file.path.clone()).collect();
    assert_eq!(paths, expected.keys().cloned().collect::<Vec<_>>());
    for file in &found {
        let told = Told::of(&file.status);
        assert_eq!(told.as_ref(), expected.get(&file.path), "{}", file.path.display());
    }
}

/// Extended attributes in the inode; those that are elsewhere on the disk are not known.
fn attributes_on_xfs(guest: &lab::Guest, files: &mut GuestFiles) {
    for (name, count) in [("5", 2), ("6", 0), ("deep", 1)] {
        let path = format!("{XFS}/{name}");
        let expected = attributes(guest, &path);
        assert_eq!(expected.len(), count, "{path}: {expected:?}");
        assert_eq!(known_attributes(files, &path), Some(expected), "{path}");
    }
    assert_eq!(attributes(guest, &format!("{XFS}/7")).len(), 1);
    assert_eq!(known_attributes(files, &format!("{XFS}/7")), None);
}

/// Exactly those pages are known that mincore(2) calls cached.
fn parts_on_xfs(guest: &lab::Guest, files: &mut GuestFiles) {
    let (large, small) = (format!("{XFS}/large"), format!("{XFS}/150"));
    guest.ask(&format!(
        "sync; echo 3 >/proc/sys/vm/drop_caches
        for page in 3 17 40 41 42 9000 30000; do
            dd if={large} of=/dev/null bs=4096 count=1 skip=$page 2>/dev/null
        done
        dd if={small} of=/dev/null bs=4096 count=1 skip=4 2>/dev/null"
    ));
    let expected = cached(guest, &[&large, &small]);
    for (path, runs) in &expected {
        assert_eq!(&known(files, path), runs, "{path}");
    }
    let pages: u64 = expected[&large].iter().map(|(_, count)| count).sum();
    assert!(expected[&large].len() > 2 && pages < 10_000, "{expected:?}");
}

/// Parts in swap are named by range; the rest is read.
fn in_swap(guest: &lab::Guest, files: &mut GuestFiles) {
    let path = "/tmp/swapped";
    let file = files.open(Path::new(path)).expect("a file");
    let all = whole(files, &file);
    assert_eq!(checksum(&all), guest.ask(&format!("sha256sum <{path}"))[..64]);
    // The first call begins to write them, the second one finds them written.
    guest.ask(&format!("for i in 1 2 3; do oracle --page-out {path}; done"));
    let in_core = &cached(guest, &[path])[path];
    let ranges = files.content(&file).expect("its ranges");
    let swapped: u64 = ranges
        .iter()
        .filter(|range| range.content == RangeContent::Swapped)
        .map(|range| range.length)
        .sum();
    assert!(swapped > 1 << 20, "{ranges:?}");
    let kinds = [RangeContent::Swapped, RangeContent::Dirty, RangeContent::Cached];
    assert!(ranges.iter().all(|range| kinds.contains(&range.content)), "{ranges:?}");
    // mincore(2) counts what is in RAM and in swap.
    for (first, count) in known(files, path) {
        let is_in_core =
            |(start, pages): &(u64, u64)| *start <= first && first + count <= start + pages;
        assert!(in_core.iter().any(is_in_core), "{first}+{count}: {in_core:?}");
    }
    let mut bytes = vec![0xee; all.len()];
    let read = files.read(&file, 0, &mut bytes).expect("a read");
    assert_eq!(read.length, all.len());
    assert!(read.absent.iter().all(|part| part.reason == Absence::Swapped), "{:?}", read.absent);
    let absent: usize = read.absent.iter().map(|part| part.length).sum();
    assert_eq!(absent as u64, swapped, "{:?}", read.absent);
    let mut end = 0;
    for part in &read.absent {
        assert!(bytes[end..part.offset] == all[end..part.offset], "bytes {end} to {}", part.offset);
        end = part.offset + part.length;
    }
    assert!(bytes[end..] == all[end..], "bytes from {end} on");
    // Once it is used again, it is known again.
    assert_eq!(checksum(&all), guest.ask(&format!("sha256sum <{path}"))[..64]);
    assert!(whole(files, &file) == all);
}
