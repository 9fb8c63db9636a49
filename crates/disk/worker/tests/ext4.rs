//! ext4 by the worker against the same filesystem as the kernel mounts it.

#[path = "support/edges.rs"]
mod edges;
mod support;

use std::collections::BTreeMap;

use nfm_disk::message::{Answer, Ask, Usage};
use support::{Folder, ask, attributes, files, original, place, run, same, told};

#[test]
fn a_tree_is_as_the_kernel_shows_it() {
    for (kind, options) in
        [("plain", &[][..]), ("inline", &["-O", "inline_data,bigalloc", "-I", "512"])]
    {
        let folder = Folder::new(&format!("ext4-{kind}"));
        let image = folder.image("image", 300);
        run("mkfs.ext4", &[&["-q", "-b", "4096", "-L", "root"], options, &[&image]].concat());
        let mounted = folder.mount(&image, "");
        edges::make(&mounted.0, 3000);
        let all = attributes(&mounted.0.join("attributes"));
        drop(mounted);
        // Mounted anew, for what is on the disk alone.
        let mounted = folder.mount(&image, ",ro");
        let expected = original(&mounted.0);
        let usage =
            run("stat", &["-f", "-c", "%S %b %f %a %c %d", &mounted.0.display().to_string()]);
        drop(mounted);
        assert!(expected.len() > 2000, "{}", expected.len());
        same(&told(&[&image], "vda"), &expected);

        let status = Ask::Status { place: place("vda", b"/attributes"), follow: false };
        let row = files(ask(&[&image], status).0).remove(0);
        let found = row.extended_attributes.expect("attributes").into_iter();
        let found: BTreeMap<Vec<u8>, Vec<u8>> =
            found.map(|one| (one.name.bytes().to_vec(), one.value.bytes().to_vec())).collect();
        assert_eq!(found, all);

        let (answers, _) = ask(&[&image], Ask::Volumes);
        let own = answers.iter().find_map(|answer| match answer {
            Answer::Filesystem(row) => Some(row.clone()),
            _ => None,
        });
        let own = own.expect("a filesystem");
        assert_eq!((own.label.as_deref(), own.problem), (Some("root"), None));
        let numbers: Vec<u64> =
            usage.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [block, size, free, available, inodes, free_inodes] = numbers[..] else {
            panic!("{usage}")
        };
        let expected = Usage {
            size_bytes: Some(size * block),
            free_bytes: Some(free * block),
            available_bytes: Some(available * block),
            inodes: Some(inodes),
            free_inodes: Some(free_inodes),
        };
        assert_eq!(own.usage, expected, "{kind}");
    }
}

#[test]
fn paths_stay_in_the_tree() {
    let folder = Folder::new("ext4-paths");
    let image = folder.image("image", 32);
    run("mkfs.ext4", &["-q", "-b", "4096", &image]);
    let mounted = folder.mount(&image, "");
    edges::make(&mounted.0, 3);
    std::fs::create_dir(mounted.0.join("etc")).expect("a folder");
    std::fs::write(mounted.0.join("etc/passwd"), "the guest's own\n").expect("a file");
    std::os::unix::fs::symlink("../../../../etc/passwd", mounted.0.join("up")).expect("a link");
    drop(mounted);
    for path in ["/etc/passwd", "/absolute", "/up", "/etc/../../etc/passwd", "//etc/./passwd"] {
        let (answers, content) = ask(&[&image], Ask::Content(place("vda", path.as_bytes())));
        assert_eq!(String::from_utf8_lossy(&content), "the guest's own\n", "{path}: {answers:?}");
    }
    for (path, reason) in [
        ("/loop", "LinkLoop"),
        ("/dangling", "NoSuchFile"),
        ("/tiny/x", "WrongKind"),
        ("/etc", "WrongKind"),
        ("/none", "NoSuchFile"),
        ("/pipe", "WrongKind"),
    ] {
        let (answers, _) = ask(&[&image], Ask::Content(place("vda", path.as_bytes())));
        let [Answer::Failed(error)] = &answers[..] else { panic!("{path}: {answers:?}") };
        assert_eq!(format!("{:?}", error.reason), reason, "{path}: {error}");
    }
}
