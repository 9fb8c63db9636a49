//! `nfm disk`, `sha256`, and `ls`, `stat`, `cat`, `find` of images.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Two packages that are there, and one that was.
const STATUS: &str = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.14-1~deb12u2\n\n\
Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2+b7\n\n\
Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
const NO_SUCH_FILE: i32 = 16;
const INCOMPLETE: i32 = 23;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn nfm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nfm")).args(arguments).output().expect("nfm")
}

/// Its output; it has to succeed and to complain of nothing.
fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = nfm(arguments);
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success() && errors.is_empty(), "{arguments:?}: {status}: {errors}");
    String::from_utf8(stdout).expect("UTF-8")
}

fn json(arguments: &[&str]) -> Value {
    let printed = printed(&[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// Its exit status, and its one complaint.
fn failed(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = nfm(arguments);
    assert!(stdout.is_empty(), "{arguments:?} printed something");
    let text = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    (status.code(), text)
}

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("disk-{test}-{}", std::process::id()));
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

/// A disk with a GPT: an ESP's place, a root filesystem, and one that its fstab mounts on /srv.
fn disk(folder: &Folder) -> String {
    let (root, srv) = (folder.0.join("root"), folder.0.join("srv"));
    fs::create_dir_all(root.join("etc")).expect("a folder");
    fs::create_dir_all(root.join("srv")).expect("a folder");
    fs::create_dir_all(&srv).expect("a folder");
    fs::create_dir_all(root.join("var/lib/dpkg")).expect("a folder");
    fs::write(root.join("var/lib/dpkg/status"), STATUS).expect("a file");
    fs::write(root.join("etc/os-release"), "ID=lab\n").expect("a file");
    fs::write(
        root.join("etc/fstab"),
        "# nothing\nLABEL=data /srv ext4 defaults 0 2\n/dev/vdz /none ext4\n",
    )
    .expect("a file");
    fs::write(root.join("etc/hostile"), "\x1b[31mred").expect("a file");
    fs::write(root.join("etc/\x1b[2Jname"), "x").expect("a file");
    symlink("/srv/data.txt", root.join("data")).expect("a link");
    fs::write(srv.join("data.txt"), "data\n".repeat(50_000)).expect("a file");
    let image = folder.file("image");
    File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("an image");
    let table = folder.file("table");
    fs::write(&table, "label: gpt\nstart=2048, size=2048, type=uefi\nstart=4096, size=61440, name=system\nstart=65536, size=61440\n").expect("a table");
    run("sh", &["-c", &format!("sfdisk -q {image} <{table}")]);
    for (start, label, from) in [(4096, "root", &root), (65_536, "data", &srv)] {
        let (offset, from) = (format!("offset={}", start * 512), from.display().to_string());
        run("mkfs.ext4", &["-q", "-L", label, "-E", &offset, "-d", &from, &image, "30M"]);
    }
    image
}

#[test]
fn an_image_is_read_as_its_guest_would_see_it() {
    let folder = Folder::new("image");
    let raw = disk(&folder);
    let image = folder.file("image.qcow2");
    run("qemu-img", &["convert", "-c", "-f", "raw", "-O", "qcow2", &raw, &image]);
    let before = fs::read(&image).expect("an image");
    let image = format!("image:{image}");

    let told = printed(&["disk", &image]);
    for words in ["vda2 ", "partition", "ext4", "/srv", "gpt"] {
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    let facts = json(&["disk", &image]);
    let volumes: Vec<(&str, &str)> = facts["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .map(|row| {
            (row["name"].as_str().expect("a name"), row["content"].as_str().expect("content"))
        })
        .collect();
    assert_eq!(volumes, [("vda", "gpt"), ("vda1", "empty"), ("vda2", "ext4"), ("vda3", "ext4")]);
    assert_eq!(facts["volumes"][2]["partition_name"], "system");
    assert_eq!(facts["filesystems"][1]["mounted_on"], "/srv");

    assert_eq!(printed(&["cat", &image, "/etc/os-release"]), "ID=lab\n");
    assert_eq!(printed(&["cat", &image, "/data"]), "data\n".repeat(50_000));
    assert_eq!(printed(&["ls", &image, "/srv"]), "data.txt\nlost+found\n");
    assert!(printed(&["ls", "-l", &image, "/"]).contains("data -> /srv/data.txt"));
    assert!(
        printed(&["ls", &image, "/etc"]).contains("\\u{1b}[2Jname"),
        "a name steers the terminal"
    );
    let stat = json(&["stat", &image, "/srv/data.txt"]);
    assert_eq!((&stat["size"], &stat["volume"]), (&250_000.into(), &"vda3".into()));
    assert!(printed(&["stat", &image, "/data"]).contains("File: /data -> /srv/data.txt"));
    let found = printed(&["find", &image, "/"]);
    assert!(found.contains("/srv/data.txt\n") && found.starts_with("/\n"), "{found}");
    assert!(!printed(&["find", "--one-file-system", &image, "/"]).contains("/srv/data.txt\n"));
    let sums = printed(&["sha256", &image, "/srv"]);
    let expected = run("sha256sum", &[&folder.file("srv/data.txt")]);
    assert_eq!(sums.split_whitespace().next(), expected.split_whitespace().next());
    assert_eq!(printed(&["ls", "--volume", "vda3", &image, "/"]), "data.txt\nlost+found\n");
    assert!(
        fs::read(folder.file("image.qcow2")).expect("an image") == before,
        "the image was changed"
    );
}

#[test]
fn each_reason_is_told() {
    let folder = Folder::new("reasons");
    let raw = disk(&folder);
    let image = format!("image:{raw}");
    for (arguments, words) in [
        (&["cat", &image, "/none"][..], "no such file"),
        (&["cat", &image, "/etc"], "no regular file"),
        (&["ls", "--volume", "vda9", &image, "/"], "there are vda, vda1, vda2, vda3"),
        (&["ls", "--volume", "vda1", &image, "/"], "it holds no filesystem (empty)"),
        (&["disk", "image:/nowhere"], "No such file"),
        (&["disk", "image:/dev/null"], "neither a file nor a block device"),
        (&["disk", "file:/nowhere"], "name an image"),
    ] {
        let (status, text) = failed(arguments);
        assert_eq!(status, Some(NO_SUCH_FILE), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
    // A backing file that the header alone names.
    let top = folder.file("top.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-b", &raw, "-F", "raw", &top]);
    let top = format!("image:{top}");
    let Output { status, stderr, .. } = nfm(&["disk", &top]);
    assert_eq!(status.code(), Some(INCOMPLETE));
    assert!(String::from_utf8_lossy(&stderr).contains("names the backing file"));
    assert_eq!(failed(&["cat", &top, "/etc/os-release"]).0, Some(NO_SUCH_FILE));
    assert_eq!(printed(&["cat", "--backing", &raw, &top, "/etc/os-release"]), "ID=lab\n");
    // A disk that is cut short, and one that is encrypted: told, and the rest is shown.
    File::options()
        .write(true)
        .open(&raw)
        .and_then(|file| file.set_len(40 << 20))
        .expect("an image");
    let Output { status, stdout, stderr } = nfm(&["disk", &image]);
    assert_eq!(status.code(), Some(INCOMPLETE));
    assert!(
        String::from_utf8_lossy(&stderr).contains("vda3: it ends behind its disk"),
        "{stderr:?}"
    );
    assert!(String::from_utf8_lossy(&stdout).contains("vda2"));
    fs::write(&raw, b"LUKS\xba\xbe\0\x02".iter().copied().chain([0; 4096]).collect::<Vec<u8>>())
        .expect("an image");
    let (status, text) = failed(&["ls", &image, "/"]);
    assert_eq!(status, Some(NO_SUCH_FILE));
    assert!(text.contains("vda: it is encrypted (LUKS)"), "{text}");
}

#[test]
fn packages_of_an_image() {
    let folder = Folder::new("packages");
    let raw = disk(&folder);
    let image = format!("image:{raw}");
    let lines = |arguments: &[&str]| -> Vec<String> {
        printed(arguments).lines().skip(1).map(str::to_owned).collect()
    };
    let all = lines(&["packages", &image]);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].starts_with("libssl3") && all[0].contains("3.0.14-1~deb12u2"), "{all:?}");
    for (wanted, count) in [
        ("openssl<3.0.15", 1),
        ("openssl<3.0.14-1~deb12u2", 0),
        ("libssl3>=3.0.14-1~deb12u1", 1),
        ("bash", 1),
        ("bash=5.2", 0),
        ("gone", 0),
    ] {
        assert_eq!(lines(&["packages", "--has", wanted, &image]).len(), count, "{wanted}");
    }
    let facts = json(&["packages", &image]);
    assert_eq!(facts["os_release"]["id"], "lab");
    assert_eq!(facts["packages"][1]["purl"], "pkg:deb/lab/bash@5.2.15-2%2Bb7?arch=amd64");
    let bill = |form| -> Value {
        serde_json::from_str(&printed(&["packages", "--sbom", form, &image])).expect("JSON")
    };
    let cyclonedx = bill("cyclonedx");
    assert_eq!(cyclonedx["bomFormat"], "CycloneDX");
    assert_eq!(cyclonedx["components"][0]["purl"], facts["packages"][0]["purl"]);
    let spdx = bill("spdx");
    assert_eq!(
        spdx["packages"][1]["externalRefs"][0]["referenceLocator"],
        facts["packages"][1]["purl"]
    );
    // A list that is not whole is none.
    let cut = folder.file("cut");
    fs::write(&cut, &STATUS[..STATUS.len() - 12]).expect("a file");
    run("debugfs", &["-w", "-R", "rm /var/lib/dpkg/status", &format!("{raw}?offset=2097152")]);
    run(
        "debugfs",
        &[
            "-w",
            "-R",
            &format!("write {cut} /var/lib/dpkg/status"),
            &format!("{raw}?offset=2097152"),
        ],
    );
    let (status, text) = failed(&["packages", &image]);
    assert_eq!(status, Some(NO_SUCH_FILE));
    assert!(text.contains("is not whole"), "{text}");
    run("debugfs", &["-w", "-R", "rm /var/lib/dpkg/status", &format!("{raw}?offset=2097152")]);
    assert!(failed(&["packages", &image]).1.contains("no database of packages"));
}
