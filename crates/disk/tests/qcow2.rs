//! qcow2 images against `qemu-img convert`, and headers that lie.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nfm_disk::message::Format;
use nfm_disk::{OpenDisk, ReadAt, Reason, volumes};

const MIB: u64 = 1 << 20;
const SIZE: u64 = 24 * MIB + 512;

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("qcow2-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// Bytes that compress a little, from a seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 60) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A raw disk with data at the edges of clusters, and holes.
fn raw(path: &str) {
    let file = File::create(path).expect("a file");
    file.set_len(SIZE).expect("its length");
    let places =
        [(0, 4096), (65_000, 1200), (2 * MIB - 100, 70_000), (5 * MIB, 3 << 20), (SIZE - 700, 700)];
    for (seed, (offset, length)) in (1..).zip(places) {
        file.write_all_at(&noise(seed, length), offset).expect("data");
    }
}

/// A chain of images as one disk; the uppermost first.
fn open(images: &[(&str, Format)]) -> Result<std::sync::Arc<dyn ReadAt>, nfm_disk::DiskError> {
    let images = images.iter().map(|(path, format)| (File::open(path).expect(path), *format));
    let disks = [OpenDisk { name: "vda".to_owned(), images: Ok(images.collect()) }];
    let volume = volumes(&disks).remove(0);
    match volume.row.problem {
        Some(problem) => Err(problem),
        None => Ok(volume.source.expect("a source")),
    }
}

/// Holds an image against the bytes of a raw one: in whole, and in pieces that cross clusters.
fn equals(images: &[(&str, Format)], raw: &str) {
    let disk = open(images).unwrap_or_else(|error| panic!("{images:?}: {error}"));
    let expected = fs::read(raw).expect(raw);
    assert_eq!(disk.length(), expected.len() as u64);
    let mut all = vec![0; expected.len()];
    disk.read_at(0, &mut all).expect("all of it");
    assert!(all == expected, "{images:?} differs from {raw}");
    for (offset, length) in [(65_530, 20), (2_097_000, 140_000), (expected.len() - 3, 3), (1, 1)] {
        let mut part = vec![0xff; length];
        disk.read_at(offset as u64, &mut part).expect("a part");
        assert!(part == expected[offset..offset + length], "{images:?} at {offset}");
    }
    assert_eq!(
        disk.read_at(expected.len() as u64 - 1, &mut [0; 2]).unwrap_err().reason,
        Reason::Truncated
    );
}

#[test]
fn every_kind_of_image_is_what_qemu_says() {
    let folder = Folder::new("kinds");
    let source = folder.file("raw");
    raw(&source);
    equals(&[(&source, Format::Raw)], &source);
    let kinds: [(&str, &[&str]); 8] = [
        ("plain", &[]),
        ("version-2", &["-o", "compat=0.10"]),
        ("small", &["-o", "cluster_size=512"]),
        ("large", &["-o", "cluster_size=2M"]),
        ("zlib", &["-c"]),
        ("zstd", &["-c", "-o", "compression_type=zstd"]),
        ("extended", &["-o", "extended_l2=on"]),
        ("extended-zstd", &["-c", "-o", "extended_l2=on,compression_type=zstd,cluster_size=128k"]),
    ];
    for (name, options) in kinds {
        let image = folder.file(name);
        run(
            "qemu-img",
            &[&["convert", "-f", "raw", "-O", "qcow2"], options, &[&source, &image]].concat(),
        );
        equals(&[(&image, Format::Qcow2)], &source);
    }
}

#[test]
fn a_chain_is_read_through_to_what_lies_below() {
    let folder = Folder::new("chain");
    let [base, middle, top, flat] = ["base", "middle", "top", "flat"].map(|name| folder.file(name));
    let source = folder.file("raw");
    raw(&source);
    run("qemu-img", &["convert", "-c", "-f", "raw", "-O", "qcow2", &source, &base]);
    // Longer than what lies below, with parts of clusters, zeros and what is discarded.
    run(
        "qemu-img",
        &[
            "create",
            "-f",
            "qcow2",
            "-o",
            "extended_l2=on",
            "-b",
            &base,
            "-F",
            "qcow2",
            &middle,
            "30M",
        ],
    );
    let writes =
        ["write -P 7 5M 3k", "write -z 6M 100k", "write -P 8 25M 70000", "write -P 9 65000 2000"];
    for write in writes {
        run("qemu-io", &["-f", "qcow2", "-c", write, &middle]);
    }
    run("qemu-img", &["create", "-f", "qcow2", "-b", &middle, "-F", "qcow2", &top]);
    for write in ["write -P 5 0 1k", "discard 5M 64k", "write -z 7M 64k"] {
        run("qemu-io", &["-f", "qcow2", "-c", write, &top]);
    }
    run("qemu-img", &["convert", "-f", "qcow2", "-O", "raw", &top, &flat]);
    let chain: [(&str, Format); 3] =
        [(&top, Format::Qcow2), (&middle, Format::Qcow2), (&base, Format::Qcow2)];
    equals(&chain, &flat);
    // The header names what lies below, and nobody else does.
    let alone = open(&chain[..1]).err().expect("an error");
    assert_eq!(alone.reason, Reason::Unnamed);
    assert!(alone.text.contains(&middle), "{alone}");
}

#[test]
fn a_header_that_names_a_file_of_the_host_is_refused() {
    let folder = Folder::new("shadow");
    let image = folder.file("image");
    run(
        "qemu-img",
        &["create", "-u", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", &image, "1M"],
    );
    let error = open(&[(&image, Format::Qcow2)]).err().expect("an error");
    assert_eq!(error.reason, Reason::Unnamed);
    assert!(error.text.contains("/etc/shadow"), "{error}");
}

#[test]
fn images_that_cannot_be_read_say_why() {
    let folder = Folder::new("refused");
    let (source, image) = (folder.file("raw"), folder.file("image"));
    raw(&source);
    let data = folder.file("data");
    run("qemu-img", &["create", "-f", "qcow2", "-o", &format!("data_file={data}"), &image, "1M"]);
    let error = open(&[(&image, Format::Qcow2)]).err().expect("an error");
    assert_eq!(error.reason, Reason::Unsupported, "{error}");
    assert!(error.text.contains("external data file"), "{error}");

    run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", &source, &image]);
    let whole = fs::read(&image).expect("an image");
    let lies: [(usize, &[u8], Reason); 7] = [
        (4, &[0, 0, 0, 9], Reason::Unsupported),
        (20, &[0, 0, 0, 40], Reason::Damaged),
        (32, &[0, 0, 0, 2], Reason::Encrypted),
        (36, &[0x7f, 0, 0, 0], Reason::Damaged),
        (72, &[0x80, 0, 0, 0, 0, 0, 0, 0], Reason::Unsupported),
        (104, &[9], Reason::Unsupported),
        (0, b"none", Reason::Damaged),
    ];
    for (at, lie, reason) in lies {
        let mut bytes = whole.clone();
        bytes[at..at + lie.len()].copy_from_slice(lie);
        fs::write(&image, bytes).expect("an image");
        let error =
            open(&[(&image, Format::Qcow2)]).err().unwrap_or_else(|| panic!("{lie:?} at {at}"));
        assert_eq!(error.reason, reason, "{lie:?} at {at}: {error}");
    }
    // Cut short, and a disk that is longer than its table.
    for cut in [50, 300, 70_000, 300_000] {
        fs::write(&image, &whole[..cut]).expect("an image");
        let read = open(&[(&image, Format::Qcow2)]).and_then(|disk| {
            let mut all = vec![0; SIZE as usize];
            disk.read_at(0, &mut all)
        });
        assert_eq!(read.err().map(|error| error.reason), Some(Reason::Truncated), "cut to {cut}");
    }
    let mut bytes = whole;
    bytes[24..32].copy_from_slice(&(1_u64 << 60).to_be_bytes());
    fs::write(&image, bytes).expect("an image");
    let disk = open(&[(&image, Format::Qcow2)]).expect("an image");
    assert_eq!(disk.read_at(1 << 59, &mut [0]).unwrap_err().reason, Reason::Damaged);
}
