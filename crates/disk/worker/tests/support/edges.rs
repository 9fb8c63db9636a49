//! A tree of files with what filesystems treat in ways of their own.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{
    CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat, setxattr, utimensat,
};

/// Makes it; with so many files in its largest directory.
pub fn make(root: &Path, many: u32) {
    let below = |name: &str| root.join(name);
    let write = |name: &str, bytes: &[u8]| fs::write(below(name), bytes).expect("a file");
    write("empty", b"");
    write("tiny", b"a line\n");
    write("block", &pattern(4096));
    write("large", &pattern(3_000_001));
    // Holes, also at the end.
    let sparse = File::create(below("sparse")).expect("a file");
    for at in [0, 70_000, 9_000_000, 40_000_000] {
        sparse.write_all_at(b"here", at).expect("data");
    }
    sparse.set_len(50_000_000).expect("a length");
    // In many pieces: two files that grow by turns, synced so that each piece has its place.
    let pieces =
        ["in-pieces-1", "in-pieces-2"].map(|name| File::create(below(name)).expect("a file"));
    for turn in 0..60 {
        for file in &pieces {
            file.write_all_at(&pattern(8192), turn * 20_480).expect("data");
            file.sync_data().expect("a sync");
        }
    }
    // Names.
    fs::create_dir(below("names")).expect("a folder");
    for name in
        [&b"caf\xe9"[..], b" blank ", b"new\nline", b"\xff\xfe", "été ☃".as_bytes(), &[b'n'; 255]]
    {
        fs::write(below("names").join(OsStr::from_bytes(name)), name).expect("a file");
    }
    fs::create_dir(below("many")).expect("a folder");
    for number in 0..many {
        let path = below("many").join(format!("a-name-of-some-length-{number}"));
        fs::write(path, number.to_string()).expect("a file");
    }
    for number in (0..many).step_by(3) {
        fs::remove_file(below("many").join(format!("a-name-of-some-length-{number}")))
            .expect("a file");
    }
    let mut deep = below("deep");
    fs::create_dir(&deep).expect("a folder");
    for level in 0..60 {
        deep = deep.join(format!("level-{level}"));
        fs::create_dir(&deep).expect("a folder");
    }
    fs::write(deep.join("bottom"), "bottom").expect("a file");
    // Links.
    fs::hard_link(below("tiny"), below("tiny-again")).expect("a link");
    for (target, name) in
        [("tiny", "short-link"), ("/etc/passwd", "absolute"), ("nowhere", "dangling")]
    {
        symlink(target, below(name)).expect("a link");
    }
    symlink("x/".repeat(500) + "end", below("long-link")).expect("a link");
    symlink("loop", below("loop")).expect("a link");
    // Others than files.
    UnixListener::bind(below("socket")).expect("a socket");
    let mode = Mode::from_raw_mode(0o640);
    for (name, kind, device) in [
        ("pipe", FileType::Fifo, 0),
        ("character", FileType::CharacterDevice, makedev(5, 1)),
        ("block-device", FileType::BlockDevice, makedev(259, 70_000)),
    ] {
        mknodat(CWD, below(name), kind, mode, device).expect("a node");
    }
    // Owners, modes, times.
    for (name, mode, uid, gid) in [
        ("set", 0o6755, 0, 0),
        ("sticky", 0o1777, 65_534, 1),
        ("far", 0o600, 4_000_000_000, 70_000),
    ] {
        write(name, name.as_bytes());
        chown(below(name), Some(uid), Some(gid)).expect("an owner");
        fs::set_permissions(below(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }
    for (name, tv_sec) in
        [("before-1970", -86_400), ("after-2038", 2_500_000_000), ("after-2106", 4_400_000_000)]
    {
        write(name, b"");
        let time = Timespec { tv_sec, tv_nsec: 123_456_789 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, below(name), &times, rustix::fs::AtFlags::empty()).expect("a time");
    }
    // Extended attributes: short ones, and one that does not fit beside the inode.
    write("attributes", b"has some");
    for (name, value) in [
        ("user.short", b"value".to_vec()),
        ("user.empty", Vec::new()),
        ("user.long", pattern(1500)),
        ("trusted.binary", vec![0, 255, 10]),
        ("security.capability", vec![1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        setxattr(below("attributes"), name, &value, XattrFlags::empty()).expect(name);
    }
    // Written and not reached: the size is larger than what was written.
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(below("allocated"))
        .expect("a file");
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 300_000).expect("room");
    file.write_all_at(b"here", 150_000).expect("data");
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}
