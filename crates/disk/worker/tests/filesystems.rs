//! XFS, Btrfs and FAT by the worker against the same filesystems as the kernel mounts them.

#[path = "support/edges.rs"]
mod edges;
mod support;

use std::collections::BTreeMap;
use std::fs;

use nfm_disk::message::{Answer, Ask};
use support::{Folder, ask, attributes, files, original, place, run, same, told};

/// Holds a tree of edge cases, and the attributes in it, against the kernel's own view.
fn compare(name: &str, make: &[&str], options: &str, more: impl Fn(&std::path::Path)) {
    let folder = Folder::new(name);
    let image = folder.image("image", 350);
    run(make[0], &[&make[1..], &[&image]].concat());
    let mounted = folder.mount(&image, options);
    edges::make(&mounted.0, 3000);
    more(&mounted.0);
    let all = attributes(&mounted.0.join("attributes"));
    drop(mounted);
    let mounted = folder.mount(&image, ",ro");
    let expected = original(&mounted.0);
    drop(mounted);
    assert!(expected.len() > 2000, "{}", expected.len());
    same(&told(&[&image], "vda"), &expected);
    let status = Ask::Status { place: place("vda", b"/attributes"), follow: false };
    let row = files(ask(&[&image], status).0).remove(0);
    let found = row.extended_attributes.expect("attributes").into_iter();
    let found: BTreeMap<Vec<u8>, Vec<u8>> =
        found.map(|one| (one.name.bytes().to_vec(), one.value.bytes().to_vec())).collect();
    assert_eq!(found, all);
}

#[test]
fn a_tree_on_xfs() {
    compare("xfs", &["mkfs.xfs", "-q"], "", |_| {});
}

#[test]
fn a_tree_on_btrfs() {
    for compression in ["zstd", "lzo", "zlib"] {
        let options = format!(",compress-force={compression}");
        compare(&format!("btrfs-{compression}"), &["mkfs.btrfs", "-q"], &options, |root| {
            let root = root.display();
            run("btrfs", &["-q", "subvolume", "create", &format!("{root}/home")]);
            fs::write(format!("{root}/home/user"), "of a subvolume\n".repeat(9000))
                .expect("a file");
            run(
                "btrfs",
                &[
                    "-q",
                    "subvolume",
                    "snapshot",
                    &format!("{root}/home"),
                    &format!("{root}/names/then"),
                ],
            );
            fs::write(format!("{root}/home/user"), "later").expect("a file");
        });
    }
}

#[test]
fn a_btrfs_whose_log_is_dirty_is_that_of_its_last_commit() {
    let folder = Folder::new("btrfs-log");
    let image = folder.image("image", 120);
    run("mkfs.btrfs", &["-q", &image]);
    let mounted = folder.mount(&image, "");
    let path = mounted.0.join("file");
    fs::write(&path, "committed").expect("a file");
    run("sync", &["-f", &path.display().to_string()]);
    fs::File::create(mounted.0.join("in-the-log"))
        .and_then(|file| file.sync_all())
        .expect("a file");
    // As a power cut leaves it.
    let cut = folder.file("cut");
    fs::copy(&image, &cut).expect("a copy");
    drop(mounted);
    let log = run("btrfs", &["inspect-internal", "dump-super", &cut]);
    let log = log
        .lines()
        .find(|line| line.starts_with("log_root\t"))
        .expect("a line")
        .split_whitespace()
        .last();
    assert_ne!(log, Some("0"), "the log is clean, so nothing is tried");
    let (answers, content) = ask(&[&cut], Ask::Content(place("vda", b"/file")));
    assert_eq!(String::from_utf8_lossy(&content), "committed", "{answers:?}");
}

/// A limit of the crate: a compressed extent that ended within a block, and is not the last any more. It is refused, and
/// nothing else is said of the file.
#[test]
fn an_extent_of_btrfs_that_ends_early_is_refused_and_never_guessed() {
    let folder = Folder::new("btrfs-short");
    let image = folder.image("image", 120);
    run("mkfs.btrfs", &["-q", &image]);
    let mounted = folder.mount(&image, ",compress-force=zstd");
    let file = fs::File::create(mounted.0.join("file")).expect("a file");
    for at in [0, 20_000] {
        std::os::unix::fs::FileExt::write_all_at(&file, &[b'x'; 9000], at).expect("data");
        file.sync_all().expect("a sync");
    }
    drop(file);
    drop(mounted);
    let (answers, content) = ask(&[&image], Ask::Content(place("vda", b"/file")));
    let [Answer::Failed(error)] = &answers[..] else { panic!("{answers:?}") };
    assert!(content.is_empty() && error.text.contains("extent"), "{error}");
}

/// This machine's kernel may have no FAT: mtools writes it.
#[test]
fn files_on_fat() {
    for (size, mib) in [("12", 2), ("16", 32), ("32", 300)] {
        let folder = Folder::new(&format!("fat-{size}"));
        let image = folder.image("image", mib);
        run("mkfs.vfat", &["-F", size, "-n", "EFI", &image]);
        let large: Vec<u8> = (0..600_000_u32).map(|at| (at % 251) as u8).collect();
        fs::write(folder.file("large"), &large).expect("a file");
        fs::write(folder.file("small"), "small").expect("a file");
        run("mmd", &["-i", &image, "::EFI", "::EFI/debian"]);
        run(
            "mcopy",
            &["-i", &image, &folder.file("large"), "::EFI/debian/grubx64 with a long name.efi"],
        );
        run("mcopy", &["-i", &image, &folder.file("small"), "::SMALL.TXT"]);
        let rows = files(ask(&[&image], Ask::Hash(place("vda", b"/"))).0);
        let found: Vec<(&[u8], Option<&str>)> =
            rows.iter().map(|row| (row.path.bytes(), row.sha256.as_deref())).collect();
        let expected = [
            (&b"/EFI/debian/grubx64 with a long name.efi"[..], support::sha256(&large)),
            (b"/SMALL.TXT", support::sha256(b"small")),
        ];
        assert_eq!(found, expected.each_ref().map(|(path, sum)| (*path, Some(sum.as_str()))));
        let (answers, _) = ask(&[&image], Ask::Volumes);
        let label = answers.iter().find_map(|answer| match answer {
            Answer::Filesystem(row) => row.label.clone(),
            _ => None,
        });
        assert_eq!(label.as_deref(), Some("EFI"));
    }
}
