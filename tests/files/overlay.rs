//! Overlays: files in their layers, and names of layers that nobody used by the overlay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nfm::{ErrorCode, FileKind, FoundFile, GuestFiles};

use crate::guest::{Told, checksum, checksums, told};
use crate::{held, whole};

/// Files of an overlay, which have their content in its layers.
pub fn files_of_layers(guest: &lab::Guest, files: &mut GuestFiles) {
    let lower = files.open(Path::new("/mnt/overlay/www/data.txt")).expect("a file");
    assert_eq!(lower.status.size, Some(88_000));
    guest.ask("echo upper >/mnt/overlay/new; cp /srv/www/data.txt /mnt/overlay/jail/copy");
    let sums = checksums(guest, "find /mnt/overlay -type f -print0");
    let expected = told(guest, "/mnt/overlay");
    let found: BTreeMap<PathBuf, FoundFile> =
        held(files, "/mnt/overlay").into_iter().map(|file| (file.path.clone(), file)).collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, expected) in &expected {
        let mut status = found[path].status.clone();
        if status.kind == Some(FileKind::Directory) {
            assert_eq!(status.links.replace(expected.links), None, "{}", path.display());
        }
        let mut told = Told::of(&status).expect("a status");
        // The numbers of layers on several file systems are the overlay's own making.
        (told.device, told.inode) = (expected.device, expected.inode);
        assert_eq!(&told, expected, "{}", path.display());
    }
    assert!(sums.len() > 5, "{sums:?}");
    for (path, sum) in &sums {
        let file = files.open(Path::new(path)).expect("a file");
        assert_eq!(&checksum(&whole(files, &file)), sum, "{path}");
    }
    // Once it is written to, it is in the upper layer.
    guest.ask("echo more >>/mnt/overlay/www/data.txt");
    let upper = files.open(Path::new("/mnt/overlay/www/data.txt")).expect("a file");
    assert!(whole(files, &upper).ends_with(b"reads\nmore\n"));
    let lower = files.open(Path::new("/srv/www/data.txt")).expect("a file");
    assert_eq!(whole(files, &lower).len(), 88_000);
}

/// Makes two layers, changes files by an overlay of them, and mounts that anew: it has no dentries then.
const LAYERS: &str = "set -e
    mkdir -p /tmp/o/up /tmp/o/work /tmp/o/m /tmp/o/low1/both /tmp/o/low1/gone-dir /tmp/o/low2/both /tmp/o/low2/again
    cd /tmp/o
    echo one >low1/a; echo two >low2/a; echo only >low2/b; echo gone >low2/gone; echo x >low1/gone-dir/x
    echo 1 >low1/both/one; echo 2 >low2/both/two; echo old >low2/again/old; echo kept >low2/changed
    cat >mount <<'END'
    [ ! -e m/a ] || umount m
    mount -t overlay -o lowerdir=/tmp/o/low1:/tmp/o/low2,upperdir=/tmp/o/up,workdir=/tmp/o/work,$1 overlay m
END
    sh mount; rm -r m/gone m/gone-dir m/again
    mkdir m/again; echo new >m/again/new; echo more >>m/changed; echo up >m/upper
    sh mount";

/// Directories show names of their layers, those above before those below, and not what was removed.
pub fn merged_directories(guest: &lab::Guest, files: &mut GuestFiles) {
    guest.ask(LAYERS);
    let listing = files.list(Path::new("/tmp/o/m")).expect("a listing");
    let names: Vec<_> =
        listing.files.iter().map(|file| file.path.to_str().expect("text")).collect();
    assert_eq!(names, ["a", "again", "b", "both", "changed", "upper"]);
    assert!(listing.complete);
    let text = |files: &mut GuestFiles, name: &str| {
        let file = files.open(&Path::new("/tmp/o/m").join(name))?;
        Ok::<_, nfm::Error>(String::from_utf8(whole(files, &file)).expect("text"))
    };
    for (name, expected) in [
        ("a", "one\n"),
        ("b", "only\n"),
        ("changed", "kept\nmore\n"),
        ("upper", "up\n"),
        ("again/new", "new\n"),
        ("both/one", "1\n"),
    ] {
        assert_eq!(text(files, name).expect(name), expected, "{name}");
    }
    for (name, code) in [
        ("gone", ErrorCode::File),
        ("gone-dir", ErrorCode::File),
        // Layers below the topmost are not looked at in a directory that nobody used.
        ("both/two", ErrorCode::NotInMemory),
        ("again/old", ErrorCode::NotInMemory),
    ] {
        assert_eq!(text(files, name).expect_err(name).code(), code, "{name}");
    }
    let (status, _) = files.stat(Path::new("/tmp/o/m/a"), true).expect("a status");
    assert_eq!((status.inode, status.device, status.links), (None, None, Some(1)));
    assert_eq!(status.filesystem.as_deref(), Some("overlay"));

    let names = |files: &mut GuestFiles| -> Vec<PathBuf> {
        held(files, "/tmp/o/m").into_iter().map(|file| file.path).collect()
    };
    let before = names(files);
    let all: Vec<PathBuf> = told(guest, "/tmp/o/m").into_keys().collect();
    assert!(before.iter().all(|path| all.contains(path)), "{before:?}");
    assert_eq!(names(files), all);
    assert_eq!(text(files, "both/two").expect("a file"), "2\n");

    // A file whose status alone is in the upper layer, where its content would be zeros.
    let options = "metacopy=on,redirect_dir=on";
    guest.ask(&format!("cd /tmp/o; sh mount {options}; chmod 600 m/b; sh mount {options}"));
    assert_eq!(text(files, "b").expect_err("no content").code(), ErrorCode::NotInMemory);
    assert!(!files.list(Path::new("/tmp/o/m")).expect("a listing").complete);
    guest.ask("cat /tmp/o/m/b");
    assert_eq!(text(files, "b").expect("a file"), "only\n");
}
