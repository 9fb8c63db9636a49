//! The guest's own view of its files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nfm::{FileStatus, GuestFiles};

/// The status of a file as the guest's `stat` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// With the bits of the kind.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub links: u32,
    pub inode: u64,
    pub device: u64,
    /// Major and minor number of a device file.
    pub rdev: (u64, u64),
    pub times: [i64; 3],
}

impl Told {
    /// The same, as nfm tells it.
    pub fn of(status: &FileStatus) -> Option<Self> {
        let kind = match status.kind?.name() {
            "file" => 0o100_000,
            "directory" => 0o040_000,
            "character_device" => 0o020_000,
            "block_device" => 0o060_000,
            "pipe" => 0o010_000,
            "socket" => 0o140_000,
            "symlink" => 0o120_000,
            _ => 0,
        };
        let rdev = status.rdev.unwrap_or(0);
        Some(Self {
            mode: kind | status.mode?,
            uid: status.uid?,
            gid: status.gid?,
            size: status.size?,
            links: status.links?,
            inode: status.inode?,
            device: status.device?,
            rdev: (rdev >> 8 & 0xfff, rdev & 0xff | rdev >> 12 & 0xfff00),
            times: [status.accessed_ns?, status.modified_ns?, status.changed_ns?],
        })
    }
}

/// The files that the guest's `find` finds below a folder.
pub fn told(guest: &lab::Guest, folder: &str) -> BTreeMap<PathBuf, Told> {
    let format = "%f|%u|%g|%s|%h|%i|%d|%t|%T|%X %x|%Y %y|%Z %z|%n";
    let command = format!("find {folder} -print0 | xargs -0 stat -c '{format}\u{1}'");
    // Reading a folder sets its time, once.
    guest.ask(&command);
    let printed = guest.ask_bytes(&command);
    let records = printed.split(|byte| *byte == 1).map(|record| record.trim_ascii_start());
    records.filter(|record| !record.is_empty()).map(record).collect()
}

fn record(record: &[u8]) -> (PathBuf, Told) {
    let fields: Vec<&[u8]> = record.splitn(13, |byte| *byte == b'|').collect();
    let text = |index: usize| std::str::from_utf8(fields[index]).expect("a number");
    let number = |index: usize| -> u64 { text(index).parse().expect("a number") };
    let hex = |index: usize| u64::from_str_radix(text(index), 16).expect("a number");
    let told = Told {
        mode: hex(0) as u32,
        uid: number(1) as u32,
        gid: number(2) as u32,
        size: number(3),
        links: number(4) as u32,
        inode: number(5),
        device: number(6),
        rdev: (hex(7), hex(8)),
        times: [9, 10, 11].map(|index| time(text(index))),
    };
    (OsString::from_vec(fields[12].to_vec()).into(), told)
}

/// `SECONDS YYYY-MM-DD HH:MM:SS.NNNNNNNNN +0000`.
fn time(text: &str) -> i64 {
    let (seconds, written) = text.split_once(' ').expect("a time");
    let (_, rest) = written.split_once('.').expect("nanoseconds");
    let nanoseconds: i64 = rest[..9].parse().expect("nanoseconds");
    seconds.parse::<i64>().expect("seconds") * 1_000_000_000 + nanoseconds
}

/// The guest's own SHA-256 of files that a command prints the names of, each ended by NUL.
pub fn checksums(guest: &lab::Guest, names: &str) -> BTreeMap<String, String> {
    let printed = guest.ask(&format!("{names} | xargs -0 sha256sum"));
    let lines = printed.lines().filter_map(|line| line.split_once("  "));
    lines.map(|(sum, path)| (path.to_owned(), sum.to_owned())).collect()
}

/// The SHA-256 of bytes.
pub fn checksum(bytes: &[u8]) -> String {
    let mut command = Command::new("sha256sum");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sha256sum");
    child.stdin.take().expect("its input").write_all(bytes).expect("its input");
    let output = child.wait_with_output().expect("its output");
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

/// The extended attributes of a file as the guest tells them, by their names; values in hexadecimal.
pub fn attributes(guest: &lab::Guest, path: &str) -> BTreeMap<String, String> {
    let printed = guest.ask(&format!("oracle --xattrs {path}"));
    let lines = printed.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The same, as nfm tells them.
pub fn known_attributes(files: &mut GuestFiles, path: &str) -> Option<BTreeMap<String, String>> {
    let (found, problems) = files.extended_attributes(Path::new(path), false).expect("a file");
    assert_eq!(problems, []);
    let in_hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(found?.iter().map(|one| (one.name.to_string(), in_hexadecimal(&one.value))).collect())
}
