//! A worker that is asked, and trees of files on real filesystems to hold its answers against.

#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nfm_disk::message::{Answer, Ask, Disk, FileRow, Format, Image, Name, Place, Question};
use sha2::{Digest, Sha256};

/// A folder that goes with the value, and what is mounted on its `mnt`.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("disk-{test}-{}", std::process::id()));
        fs::create_dir_all(path.join("mnt")).expect("a folder");
        Self(path)
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Makes an empty image.
    pub fn image(&self, name: &str, mib: u64) -> String {
        let path = self.file(name);
        File::create(&path).and_then(|file| file.set_len(mib << 20)).expect("an image");
        path
    }

    /// Mounts an image, or what a loop device shows of it, until the value goes.
    pub fn mount(&self, image: &str, options: &str) -> Mounted {
        let on = self.0.join("mnt");
        run("mount", &["-o", &format!("loop,noatime{options}"), image, &on.display().to_string()]);
        Mounted(on)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-q").arg(self.0.join("mnt")).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A mounted image.
pub struct Mounted(pub PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[&self.0.display().to_string()]);
    }
}

pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All answers to a question about images, each a disk of its own (vda, vdb, …), and all content.
pub fn ask(images: &[&str], ask: Ask) -> (Vec<Answer>, Vec<u8>) {
    let files: Vec<File> =
        images.iter().map(|image| File::open(image).expect("an image")).collect();
    let disks = files.iter().zip(images).zip('a'..).map(|((file, image), letter)| {
        // SAFETY: the flag of a descriptor of this process alone.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }, 0);
        let format = if image.ends_with("qcow2") { Format::Qcow2 } else { Format::Raw };
        Disk {
            name: format!("vd{letter}"),
            images: Ok(vec![Image { descriptor: file.as_raw_fd(), format }]),
        }
    });
    let question = Question { disks: disks.collect(), ask };
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfm-disk"));
    let mut worker =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a worker");
    let text = serde_json::to_string(&question).expect("JSON") + "\n";
    worker.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a worker that listens");
    let mut out = BufReader::new(worker.stdout.take().expect("a pipe"));
    let (mut answers, mut content) = (Vec::new(), Vec::new());
    let mut line = String::new();
    while out.read_line(&mut line).expect("an answer") > 0 {
        let answer: Answer =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        if let Answer::Content(length) = answer {
            out.by_ref().take(length).read_to_end(&mut content).expect("content");
        }
        answers.push(answer);
        line.clear();
    }
    let status = worker.wait().expect("an end");
    let last = answers.last();
    assert!(matches!(last, Some(Answer::Done | Answer::Failed(_))), "{status}: {last:?}");
    (answers, content)
}

pub fn place(volume: &str, path: &[u8]) -> Place {
    Place { volume: Some(volume.to_owned()), path: Name::from(path) }
}

/// The files of an answer; nothing else may be in it.
pub fn files(answers: Vec<Answer>) -> Vec<FileRow> {
    let mut files = Vec::new();
    for answer in answers {
        match answer {
            Answer::File(row) => files.push(row),
            Answer::Done | Answer::Content(_) => {}
            other => panic!("{other:?}"),
        }
    }
    files
}

/// The facts of a file that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub mode: u32,
    pub links: u64,
    pub owner: (u32, u32),
    pub size: u64,
    pub rdev: u64,
    pub times: [i64; 3],
    pub inode: u64,
    pub target: Option<Vec<u8>>,
    pub sha256: Option<String>,
}

/// All files below a mounted folder, by their paths from there.
pub fn original(root: &Path) -> BTreeMap<Vec<u8>, Facts> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let status = fs::symlink_metadata(&path).expect("a status");
        let kind = status.file_type();
        if kind.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .expect("a directory")
                    .map(|entry| entry.expect("an entry").path()),
            );
        }
        let time = |seconds: i64, nanoseconds: i64| seconds * 1_000_000_000 + nanoseconds;
        let facts = Facts {
            mode: status.mode(),
            links: status.nlink(),
            owner: (status.uid(), status.gid()),
            size: status.size(),
            rdev: status.rdev(),
            times: [
                time(status.atime(), status.atime_nsec()),
                time(status.mtime(), status.mtime_nsec()),
                time(status.ctime(), status.ctime_nsec()),
            ],
            inode: status.ino(),
            target: kind
                .is_symlink()
                .then(|| fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec()),
            sha256: kind.is_file().then(|| sha256(&fs::read(&path).expect("content"))),
        };
        let name = path.strip_prefix(root).expect("below").as_os_str().as_bytes();
        found.insert([b"/", name].concat(), facts);
    }
    found
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same of a volume, by the worker: a walk, and the sums of all files.
pub fn told(images: &[&str], volume: &str) -> BTreeMap<Vec<u8>, Facts> {
    let walk = Ask::Walk { place: place(volume, b"/"), one_file_system: true };
    let rows = files(ask(images, walk).0);
    let sums = files(ask(images, Ask::Hash(place(volume, b"/"))).0);
    let sums: BTreeMap<Vec<u8>, Option<String>> =
        sums.into_iter().map(|row| (row.path.bytes().to_vec(), row.sha256)).collect();
    let facts = |row: FileRow| {
        let kind = match row.kind.map(|kind| kind.name()) {
            Some("file") => 0o100_000,
            Some("directory") => 0o040_000,
            Some("symlink") => 0o120_000,
            Some("character_device") => 0o020_000,
            Some("block_device") => 0o060_000,
            Some("pipe") => 0o010_000,
            Some("socket") => 0o140_000,
            other => panic!("{other:?}"),
        };
        let time = |time: Option<i64>| time.expect("a time");
        let path = row.path.bytes().to_vec();
        let facts = Facts {
            mode: kind | row.mode.expect("a mode"),
            links: u64::from(row.links.unwrap_or(1)),
            owner: (row.uid.expect("an owner"), row.gid.expect("a group")),
            size: row.size.expect("a size"),
            rdev: row.rdev.unwrap_or(0),
            times: [time(row.accessed_ns), time(row.modified_ns), time(row.changed_ns)],
            inode: row.inode.expect("an inode"),
            target: row.target.map(|target| target.bytes().to_vec()),
            sha256: sums.get(&path).cloned().flatten(),
        };
        (path, facts)
    };
    rows.into_iter().map(facts).collect()
}

/// Holds two trees against one another, and names what differs.
pub fn same(told: &BTreeMap<Vec<u8>, Facts>, original: &BTreeMap<Vec<u8>, Facts>) {
    for (path, facts) in original {
        assert_eq!(told.get(path), Some(facts), "{}", String::from_utf8_lossy(path));
    }
    let extra = told.keys().find(|path| !original.contains_key(*path));
    assert_eq!(extra.map(|path| String::from_utf8_lossy(path)), None);
}

/// Extended attributes of a file, by name, as the kernel tells them.
pub fn attributes(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 1 << 16];
    let length = rustix::fs::llistxattr(path, &mut names[..]).expect("names");
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0; 1 << 16];
        let length =
            rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value[..]).expect("a value");
        value[..length].to_vec()
    };
    names.map(|name| (name.to_vec(), value(name))).collect()
}
