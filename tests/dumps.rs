//! One moment of a guest, read live and from every kind of file that its memory can be written to: the
//! frames must be equal, field by field.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use nfm::{Control, CrawlOptions, Domain, DumpOptions, ErrorCode, OpenOptions, Text};
use serde_json::Value;

/// A folder into which QEMU may write, too; it goes when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        // Not in /tmp: files are as large as the guests' RAM, and /tmp may be RAM itself.
        let path = PathBuf::from(format!("/var/tmp/nfm-dumps-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a folder for dumps");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("its permissions");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(name: &str) -> Domain {
    Domain::open(name, &OpenOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn uri(path: &Path) -> String {
    format!("file:{}", path.display())
}

fn frame(domain: &mut Domain) -> Value {
    let mut options = lab::patient();
    (options.threads, options.physical) = (true, true);
    let frame = domain.crawl(&options).expect("a frame");
    let frame: Value = serde_json::from_str(&frame.to_json()).expect("the frame's JSON");
    assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
    frame
}

/// Facts of the guest alone, without the way in which they were read.
fn facts(mut frame: Value) -> Value {
    let members = frame.as_object_mut().expect("an object");
    for name in ["domain", "seq", "time_ns", "duration_ns", "consistency", "host"] {
        members.remove(name);
    }
    frame
}

/// How many values there are in it.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(rows) => rows.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 1,
    }
}

/// The first places in which two values differ.
fn differences(a: &Value, b: &Value, path: &str, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (name, value) in a {
                differences(value, &b[name], &format!("{path}.{name}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{path}[{index}]"), found);
            }
        }
        _ if a == b || found.len() > 10 => {}
        _ => found.push(format!("{path}: {a} and {b}")),
    }
}

fn expect_equal(live: &Value, path: &Path) -> Value {
    let whole = frame(&mut open(&uri(path)));
    let facts = facts(whole.clone());
    let mut found = Vec::new();
    differences(live, &facts, "", &mut found);
    assert!(found.is_empty(), "{}: {found:#?}", path.display());
    println!("{}: {} values equal", path.display(), count(&facts));
    whole
}

fn virsh(arguments: &[&str]) {
    assert!(lab::virsh(arguments).is_some(), "virsh {arguments:?}");
}

/// Suspends the guest for one test and takes all of its memory that way.
fn same_from_all(name: &str, options: &[&str]) {
    let guest = lab::own_guest(name, options);
    let domain = guest.domain();
    let folder = Folder::new(name);
    virsh(&["suspend", domain]);
    let mut live = open(domain);
    let whole = frame(&mut live);
    let expected = facts(whole.clone());
    assert!(count(&expected) > 10_000, "only {} values", count(&expected));

    let own = folder.file("nfm.elf");
    let summary = live.dump(&own, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
    assert_eq!(summary.ram_bytes, 512 << 20);
    assert_eq!(summary.unreadable_bytes, 0);
    let meta = fs::metadata(&own).expect("the dump");
    assert_eq!(meta.mode() & 0o777, 0o600);
    let on_disk = meta.blocks() * 512;
    assert!(on_disk < summary.written_bytes + (1 << 20), "{on_disk} bytes on the disk");
    assert!(on_disk < 400 << 20, "{on_disk} bytes on the disk");
    let from_own = expect_equal(&expected, &own);
    // It tells whose it is, and when it was taken.
    assert_eq!(from_own["domain"]["name"], domain);
    assert_eq!(from_own["domain"]["uuid"], whole["domain"]["uuid"]);
    assert_eq!(from_own["domain"]["hypervisor"], "file");
    assert_eq!(from_own.get("host"), None);
    let [then, dumped] =
        [&whole, &from_own].map(|frame| frame["time_ns"].as_u64().expect("time_ns"));
    assert!((then..then + 60_000_000_000).contains(&dumped), "{then} and {dumped}");
    // And opens elsewhere: a copy in which zeros are holes no more.
    let copy = folder.file("copy of nfm.elf");
    fs::copy(&own, &copy).expect("a copy");
    expect_equal(&expected, &copy);
    fs::remove_file(&copy).unwrap();

    // Given up on the way, it leaves nothing.
    let control = Control::default();
    let mut options = DumpOptions::default();
    options.control = Some(control.clone());
    let cancelled = live.dump(&folder.file("cancelled"), &options, &mut |done, _| {
        if done > 64 << 20 {
            control.cancel();
        }
    });
    assert_eq!(cancelled.err().map(|error| error.code()), Some(ErrorCode::Cancelled));
    assert!(!folder.file("cancelled").exists());

    let elf = folder.file("virsh.elf");
    virsh(&["dump", "--memory-only", domain, elf.to_str().unwrap()]);
    let from_elf = expect_equal(&expected, &elf);
    assert_eq!(from_elf["domain"]["name"], "virsh.elf");
    assert_eq!(from_elf["domain"]["uuid"], Value::Null);
    // A dump of a dump is one, too.
    let again = folder.file("again.elf");
    let from = &mut open(&uri(&elf));
    from.dump(&again, &DumpOptions::default(), &mut |_, _| {}).expect("a dump of a dump");
    expect_equal(&expected, &again);
    fs::remove_file(&again).unwrap();
    fs::remove_file(&elf).unwrap();

    let kdump = folder.file("virsh.kdump");
    let format = ["dump", "--memory-only", "--format", "kdump-zlib", domain];
    virsh(&[&format[..], &[kdump.to_str().unwrap()]].concat());
    expect_equal(&expected, &kdump);
    fs::remove_file(&kdump).unwrap();

    let raw = folder.file("pmemsave.raw");
    let command = format!("pmemsave 0 0x20000000 \"{}\"", raw.display());
    virsh(&["qemu-monitor-command", "--hmp", domain, &command]);
    expect_equal(&expected, &raw);
    fs::remove_file(&raw).unwrap();

    // This ends the guest.
    let saved = folder.file("virsh.save");
    virsh(&["save", domain, saved.to_str().unwrap()]);
    let from_saved = expect_equal(&expected, &saved);
    assert_eq!(from_saved["domain"]["uuid"], whole["domain"]["uuid"]);
    assert_eq!(live.crawl(&CrawlOptions::default()).err().map(|e| e.code()), Some(ErrorCode::Gone));
    let gone = live.dump(&folder.file("gone"), &DumpOptions::default(), &mut |_, _| {});
    assert_eq!(gone.err().map(|error| error.code()), Some(ErrorCode::Gone));
    assert!(!folder.file("gone").exists());
}

#[test]
fn linux_5_10() {
    same_from_all("dumps-510", &["--kernel", "5.10"]);
}

#[test]
fn linux_6_1() {
    same_from_all("dumps-61", &["--kernel", "6.1"]);
}

#[test]
fn linux_6_12() {
    same_from_all("dumps-612", &["--kernel", "6.12"]);
}

#[test]
fn linux_7_2_five_levels() {
    same_from_all("dumps-72", &["--kernel", "7.2", "--cpu", "max", "--backing", "memfd"]);
}

/// RAM on both sides of 4 GiB, and raw memory without the hole between: a copy of the file behind it.
#[test]
fn ram_above_4_gib() {
    let base = ["--machine", "q35", "--memory", "6144", "--backing", "file"];
    let options = [&base[..], &["--append", "nokaslr"]].concat();
    let guest = lab::own_guest("dumps-6g", &options);
    let domain = guest.domain();
    let folder = Folder::new("6g");
    virsh(&["suspend", domain]);
    let mut live = open(domain);
    let expected = facts(frame(&mut live));
    let before = host(&mut live);
    let own = folder.file("nfm.elf");
    let summary = live.dump(&own, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
    assert_eq!(summary.ram_bytes, 6144 << 20);
    // Untouched RAM was not touched.
    assert_eq!(host(&mut live), before);
    expect_equal(&expected, &own);

    let raw = folder.file("ram.raw");
    let behind = ram_file(guest.qemu_pid(), 6144 << 20);
    let mut copy = Command::new("cp");
    copy.arg("--sparse=always").arg(behind).arg(&raw);
    assert!(copy.status().expect("cp").success());
    expect_equal(&expected, &raw);
    // Cut short, it contradicts the kernel's own map of RAM.
    let short = fs::OpenOptions::new().write(true).open(&raw).unwrap();
    short.set_len(5 << 30).unwrap();
    let error = Domain::open(&uri(&raw), &OpenOptions::default()).err().expect("an error");
    assert_eq!(error.code(), ErrorCode::File, "{error}");
    assert!(error.to_string().contains("cut short"), "{error}");
}

/// The guest's RAM that the host holds and that it does not.
fn host(domain: &mut Domain) -> (Option<u64>, Option<u64>) {
    let frame = domain.crawl(&CrawlOptions::sections(&[nfm::Section::Host])).expect("a frame");
    let host = frame.host.expect("the host's side");
    (host.rss_bytes, host.untouched_bytes)
}

/// The file of this length among QEMU's.
fn ram_file(pid: u32, length: u64) -> PathBuf {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("QEMU's files");
    let mut paths = files.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .find(|path| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == length))
        .expect("the file behind the guest's RAM")
}

/// A guest that runs on smears its dump: it still opens, and shows the processes that rest.
#[test]
fn of_a_busy_guest() {
    let guest = lab::own_guest("dumps-busy", &["--kernel", "6.1"]);
    guest.ask("churn >/dev/null 2>&1 & sleep 1");
    let folder = Folder::new("busy");
    for round in 0..3 {
        let path = folder.file(&format!("{round}.elf"));
        let mut live = open(guest.domain());
        live.dump(&path, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
        let frame = open(&uri(&path)).crawl(&lab::patient()).expect("a frame");
        let processes = frame.processes.expect("processes");
        let named = |name: &str| processes.iter().any(|one| one.name.as_deref() == Some(name));
        println!("{} processes, {:?}", processes.len(), frame.consistency);
        for name in ["init", "kthreadd", "memory", "server", "lab-agent"] {
            assert!(named(name), "no {name} in {} processes", processes.len());
        }
    }
}

/// A kdump leaves out the first MiB, and the kernel's image is in it twice: VMCOREINFO leads to it.
#[test]
fn without_the_first_mib() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("low");
    let path = folder.file("nfm.elf");
    open(guest.domain()).dump(&path, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
    let names = |path: &Path| -> Vec<Option<Text>> {
        let frame = open(&uri(path)).crawl(&lab::patient()).expect("a frame");
        frame.processes.expect("processes").into_iter().map(|one| one.name).collect()
    };
    let expected = names(&path);
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let number = |at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).unwrap();
        u64::from_le_bytes(bytes)
    };
    // The second segment, behind the notes: it begins one MiB later, in the file and in memory.
    const SECOND: u64 = 64 + 56;
    assert_eq!((number(SECOND + 24), number(SECOND + 32)), (0, 512 << 20));
    for (member, change) in [(8, 1_i64), (24, 1), (32, -1), (40, -1)] {
        let changed = number(SECOND + member).wrapping_add_signed(change << 20);
        file.write_all_at(&changed.to_le_bytes(), SECOND + member).unwrap();
    }
    assert_eq!(names(&path), expected);
    let domain = open(&uri(&path));
    assert_eq!(domain.findings().trampoline, None);
    assert_eq!(domain.findings().ram, [(1 << 20, 511 << 20)]);
}

/// Runs of RAM that `nfm dump` wrote: guest-physical address, offset in the file, bytes.
fn segments(file: &fs::File) -> Vec<(u64, u64, u64)> {
    let bytes = |at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).unwrap();
        bytes
    };
    let number = |at: u64| u64::from_le_bytes(bytes(at));
    let count = u64::from(u16::from_le_bytes([bytes(56)[0], bytes(56)[1]]));
    let headers = (0..count).map(|index| 64 + index * 56).filter(|at| bytes(*at)[0] == 1);
    headers.map(|at| (number(at + 24), number(at + 8), number(at + 32))).collect()
}

/// A run's header as LiME writes it (doc/README.md of LiME) and AVML (src/image.rs of microsoft/avml).
fn run_header(magic: u32, version: u32, start: u64, length: u64) -> Vec<u8> {
    let words = [magic, version].map(u32::to_le_bytes);
    let longs = [start, start + length - 1, 0].map(u64::to_le_bytes);
    [words.as_flattened(), longs.as_flattened()].concat()
}

/// The same memory as LiME writes it, AVML without compression too.
fn lime(elf: &Path, path: &Path) {
    let (from, to) = (fs::File::open(elf).unwrap(), fs::File::create(path).unwrap());
    let mut position = 0;
    for (start, offset, length) in segments(&from) {
        to.write_all_at(&run_header(0x4c69_4d45, 1, start, length), position).unwrap();
        position += 32;
        let mut piece = vec![0; 1 << 20];
        for skip in (0..length).step_by(piece.len()) {
            from.read_exact_at(&mut piece, offset + skip).unwrap();
            if piece.iter().any(|byte| *byte != 0) {
                to.write_all_at(&piece, position + skip).unwrap();
            }
        }
        position += length;
    }
    to.set_len(position).unwrap();
}

/// The same memory as AVML compresses it: runs of 16 MiB, each a stream of Snappy's and its length.
fn avml(elf: &Path, path: &Path) {
    const RUN: u64 = 16 << 20;
    let (from, mut to) = (fs::File::open(elf).unwrap(), fs::File::create(path).unwrap());
    for (start, offset, length) in segments(&from) {
        for skip in (0..length).step_by(RUN as usize) {
            let mut piece = vec![0; RUN.min(length - skip) as usize];
            from.read_exact_at(&mut piece, offset + skip).unwrap();
            to.write_all(&run_header(0x4c4d_5641, 2, start + skip, piece.len() as u64)).unwrap();
            let mut encoder = snap::write::FrameEncoder::new(Vec::new());
            encoder.write_all(&piece).unwrap();
            let packed = encoder.into_inner().expect("a stream");
            to.write_all(&packed).unwrap();
            to.write_all(&(packed.len() as u64).to_le_bytes()).unwrap();
        }
    }
}

fn refused(path: &Path, words: &[&str]) {
    let error = Domain::open(&uri(path), &OpenOptions::default()).err().expect("an error");
    assert_eq!(error.code(), ErrorCode::File, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "no '{word}' in: {error}");
    }
}

/// A guest whose high RAM begins at 1 TiB (`AMD_HT_START`, hw/i386/pc.c of QEMU), and its low RAM ends where no
/// machine type has it: formats that say where memory lies, and those in which the kernel's own copy of
/// firmware's map (`boot_params.e820_table`, arch/x86/kernel/setup.c) has to.
#[test]
fn ram_at_1_tib_in_every_format() {
    let machine = ["--memory", "384", "--low-ram", "256", "--max-memory", "1100000"];
    let cpu = ["--cpu", "EPYC", "--phys-bits", "46", "--backing", "file", "--timeout", "300"];
    let guest = lab::own_guest("dumps-1t", &[&machine[..], &cpu].concat());
    let domain = guest.domain();
    let folder = Folder::new("1t");
    virsh(&["suspend", domain]);
    let mut live = open(domain);
    assert_eq!(live.findings().ram, [(0, 256 << 20), (1 << 40, 128 << 20)]);
    let whole = frame(&mut live);
    let expected = facts(whole.clone());
    let own = folder.file("nfm.elf");
    live.dump(&own, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
    expect_equal(&expected, &own);

    let path = folder.file("guest.lime");
    lime(&own, &path);
    expect_equal(&expected, &path);
    let shorter = fs::OpenOptions::new().write(true).open(&path).unwrap();
    shorter.set_len(fs::metadata(&path).unwrap().len() - 4096).unwrap();
    refused(&path, &["cut short"]);
    fs::remove_file(&path).unwrap();

    let path = folder.file("guest.avml");
    avml(&own, &path);
    expect_equal(&expected, &path);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0x55; 3], 32 + 10).unwrap();
    refused(&path, &["damaged"]);
    fs::remove_file(&path).unwrap();

    let path = folder.file("ram.raw");
    let behind = ram_file(guest.qemu_pid(), 384 << 20);
    let mut copy = Command::new("cp");
    assert!(copy.arg("--sparse=always").arg(behind).arg(&path).status().expect("cp").success());
    expect_equal(&expected, &path);
    // Cut short, no layout fits; and that is said, not that no Linux runs.
    for bytes in [300 << 20, 200 << 20] {
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes).unwrap();
        refused(&path, &["cut short", "virsh dump --memory-only"]);
    }
    fs::remove_file(&path).unwrap();

    let path = folder.file("virsh.dump");
    virsh(&["dump", domain, path.to_str().unwrap()]);
    let mut beginning = [0; 4];
    fs::File::open(&path).unwrap().read_exact_at(&mut beginning, 0).unwrap();
    assert_eq!(&beginning, b"QEVM");
    expect_equal(&expected, &path);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(fs::metadata(&path).unwrap().len() / 2).unwrap();
    refused(&path, &["cut short"]);
}
