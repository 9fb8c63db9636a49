//! Symbols and types out of files, against what the same kernel tells itself: `make test-symbols`, which
//! fetches the kernel's debug package.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use memchr::memmem;
use nfm::{Cache, CrawlOptions, Domain, ErrorCode, OpenOptions, Profile};
use serde_json::Value;

use lab::btf::Btf;

/// The longest that opening by a kernel's DWARF may take, in an optimised build.
const LONGEST: Duration = Duration::from_secs(5);
const MOST_KIB: u64 = 400 << 10;

/// The debug package's files: as they are, and laid out as distributions do but with no BTF in vmlinux.
struct Files {
    vmlinux: PathBuf,
    system_map: PathBuf,
    without_btf: PathBuf,
    folder: PathBuf,
}

impl Files {
    fn find() -> Self {
        let lab = lab::root().join("testing/lab/guest");
        let output = Command::new(lab).args(["debug", "6.1-cloud"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no debug package: {errors}");
        let package = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
        let named = |prefix: &str| {
            let files = fs::read_dir(package.join("boot")).unwrap();
            let mut files = files.map(|entry| entry.unwrap().path());
            files
                .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
                .unwrap()
        };
        let (vmlinux, system_map) = (named("vmlinux-"), named("System.map-"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debug");
        let without_btf = folder.join("boot").join(vmlinux.file_name().unwrap());
        fs::create_dir_all(folder.join("boot")).unwrap();
        let lock = fs::File::create(folder.join("lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        if fs::metadata(&without_btf)
            .is_ok_and(|about| about.len() != fs::metadata(&vmlinux).unwrap().len())
        {
            fs::remove_file(&without_btf).unwrap();
        }
        if !without_btf.exists() {
            let new = folder.join("new");
            copy_without_btf(&vmlinux, &new);
            fs::rename(new, &without_btf).unwrap();
        }
        for (link, to) in [
            (folder.join("boot").join(system_map.file_name().unwrap()), system_map.clone()),
            (folder.join("lib"), package.join("lib")),
        ] {
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(to, link).unwrap();
        }
        Self { vmlinux, system_map, without_btf, folder }
    }

    /// Options that name both files.
    fn named(&self) -> OpenOptions {
        let mut options = cold();
        options.symbols = Some(self.system_map.clone());
        options.types = Some(self.without_btf.clone());
        options.debug_dir = Some(self.folder.clone());
        options
    }
}

/// Overwrites the header of the BTF in a copy.
fn copy_without_btf(vmlinux: &Path, copy: &Path) {
    fs::copy(vmlinux, copy).unwrap();
    let mut file = fs::OpenOptions::new().read(true).write(true).open(copy).unwrap();
    let mut chunk = vec![0; 64 << 20];
    file.read_exact(&mut chunk).unwrap();
    let header = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    let places: Vec<_> = memmem::find_iter(&chunk, &header).collect();
    assert!(!places.is_empty(), "no BTF in {}", vmlinux.display());
    for at in places {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(b"no types").unwrap();
    }
}

fn cold() -> OpenOptions {
    let mut options = OpenOptions::default();
    options.cache = Cache::Off;
    options.debug_dir = Some("/nonexistent".into());
    options
}

/// A frame without what differs between two of a guest that stands still.
fn still(domain: &mut Domain) -> Value {
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    let mut frame: Value = serde_json::from_str(&frame.to_json()).expect("the frame's JSON");
    for name in ["seq", "time_ns", "duration_ns", "host"] {
        frame.as_object_mut().unwrap().remove(name).expect(name);
    }
    frame
}

/// Every value in which two frames differ, by its path.
fn differences(path: &str, a: &Value, b: &Value, all: &mut Vec<String>) -> usize {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            let of = |all: &mut Vec<String>, name: &String| {
                let null = Value::Null;
                let (a, b) = (a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null));
                differences(&format!("{path}.{name}"), a, b, all)
            };
            names.into_iter().map(|name| of(all, name)).sum()
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                all.push(format!("{path}: {} and {} rows", a.len(), b.len()));
            }
            let rows = a.iter().zip(b).enumerate();
            rows.map(|(n, (a, b))| differences(&format!("{path}[{n}]"), a, b, all)).sum()
        }
        _ => {
            if a != b {
                all.push(format!("{path}: {a} and {b}"));
            }
            1
        }
    }
}

#[test]
#[ignore = "needs the kernel's debug package: make test-symbols"]
fn dwarf_and_system_map_compile_to_what_btf_and_kallsyms_do() {
    let files = Files::find();
    let guest = lab::guest("shared-61", &[]);
    let mut domain = Domain::open(guest.domain(), &cold()).expect("an open domain");
    domain.crawl(&CrawlOptions::default()).expect("a frame");
    let body = |profile: &Profile, name: &str| -> Value {
        let path = files.folder.join(name);
        profile.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(path).unwrap();
        serde_json::from_str(text.split_once('\n').unwrap().1).unwrap()
    };
    let own = body(&domain.profile().unwrap(), "own");
    let mut options = files.named();
    let mut of_files = Domain::open(guest.domain(), &options).expect("an open domain");
    of_files.crawl(&CrawlOptions::default()).expect("a frame");
    options.symbols = Some(files.without_btf.clone());
    let of_vmlinux = Domain::open(guest.domain(), &options).expect("an open domain");
    // SAFETY: no other thread of this test reads the environment meanwhile.
    unsafe { std::env::set_var("NFM_DEBUG_DIR", &files.folder) };
    let offline = Profile::of_files(&files.without_btf, Some(&files.system_map)).unwrap();
    for (what, theirs, parts) in [
        (
            "DWARF and System.map",
            body(&of_files.profile().unwrap(), "files"),
            &["symbols", "types", "drivers"][..],
        ),
        ("vmlinux alone", body(&of_vmlinux.profile().unwrap(), "vmlinux"), &["symbols", "types"]),
        (
            "no guest",
            body(&offline, "offline"),
            &["symbols", "types", "drivers", "marks", "release"],
        ),
    ] {
        for part in parts {
            let mut all = Vec::new();
            let compared = differences(part, &own[part], &theirs[part], &mut all);
            println!("{what}: {part}: {compared} values compared");
            assert_eq!(all, Vec::<String>::new(), "{what}");
            assert!(compared > 0, "{what}: {part}");
        }
    }
}

#[test]
#[ignore = "needs the kernel's debug package: make test-symbols"]
fn without_btf_the_files_give_the_same_frame() {
    let files = Files::find();
    let guest = lab::own_guest("symbols", &["--kernel", "6.1", "--memory", "512"]);
    lab::virsh(&["suspend", guest.domain()]).expect("a suspended guest");
    let expected = still(&mut Domain::open(guest.domain(), &cold()).expect("a kernel with BTF"));
    Btf::find(guest.qemu_pid(), 512 << 20).wipe();
    let error = Domain::open(guest.domain(), &cold()).err().expect("no types");
    assert_eq!(error.code(), ErrorCode::NoTypes, "{error}");

    let mut searched = cold();
    searched.debug_dir = Some(files.folder.clone());
    for (what, options) in [("named", files.named()), ("searched for", searched)] {
        let begun = Instant::now();
        let mut domain = Domain::open(guest.domain(), &options).expect("an open domain");
        let time = begun.elapsed();
        let peak = peak_kib();
        let found = domain.findings().clone();
        println!("{what}: symbols from {}, types from {}", found.symbols_from, found.types_from);
        println!("{what}: opened in {time:.2?}, peak memory {} MiB", peak >> 10);
        assert!(found.types_from.contains("DWARF in "), "{}", found.types_from);
        let mut all = Vec::new();
        let compared = differences("frame", &expected, &still(&mut domain), &mut all);
        println!("{what}: {compared} values of the frame compared");
        assert_eq!(all, Vec::<String>::new(), "{what}");
        assert!(peak < MOST_KIB, "{peak} KiB");
        assert!(time < LONGEST, "{time:?}");
    }
}

#[test]
#[ignore = "needs the kernel's debug package: make test-symbols"]
fn files_of_another_kernel_are_refused() {
    let files = Files::find();
    let guest = lab::guest("shared-61", &[]);
    let own = Domain::open(guest.domain(), &cold()).unwrap().findings().build_id.clone().unwrap();
    let made = |name: &str, bytes: &[u8]| {
        let path = files.folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let refused =
        |symbols: Option<&Path>, types: Option<&Path>, code: ErrorCode, words: &[&str]| {
            let mut options = cold();
            options.symbols = symbols.map(Path::to_owned);
            options.types = types.map(Path::to_owned);
            let error = Domain::open(guest.domain(), &options).err().expect("a refusal");
            println!("{error}");
            assert_eq!(error.code(), code, "{error}");
            let named = symbols.or(types).unwrap().display().to_string();
            for word in words.iter().copied().chain([named.as_str()]) {
                assert!(error.to_string().contains(word), "{word} in: {error}");
            }
        };

    // The beginning of vmlinux has all but its debug information; its build id is changed.
    let id: Vec<u8> =
        (0..20).map(|n| u8::from_str_radix(&own[2 * n..2 * n + 2], 16).unwrap()).collect();
    let mut other = fs::read(&files.vmlinux).unwrap();
    let at = memmem::find(&other, &id).expect("its build id");
    other[at] ^= 0xff;
    let foreign = made("foreign", &other);
    let theirs = format!("{:02x}{}", id[0] ^ 0xff, &own[2..]);
    refused(Some(&foreign), None, ErrorCode::Mismatch, &[&own, &theirs]);
    refused(None, Some(&foreign), ErrorCode::Mismatch, &[&own, &theirs]);
    other.truncate(40 << 20);
    let cut = made("foreign", &other);
    refused(None, Some(&cut), ErrorCode::File, &["no sound ELF"]);
    fs::remove_file(foreign).unwrap();

    let map = fs::read_to_string(&files.system_map).unwrap();
    let moved = map.replace("ffffffff82", "ffffffff83");
    refused(Some(&made("moved", moved.as_bytes())), None, ErrorCode::Mismatch, &["linux_banner"]);
    let line = map.lines().find(|line| line.ends_with(" init_task")).unwrap();
    let lie = map.replace(line, "ffffffff82000000 D init_task");
    refused(Some(&made("lie", lie.as_bytes())), None, ErrorCode::Mismatch, &["init_task"]);
    let cut = made("cut", &map.as_bytes()[..map.len() / 3]);
    refused(Some(&cut), None, ErrorCode::File, &["cut short"]);
    refused(Some(&made("empty", b"")), None, ErrorCode::File, &["it is empty"]);
    refused(None, Some(&files.system_map), ErrorCode::File, &["tells no types"]);
    refused(None, Some(Path::new("/nonexistent/vmlinux")), ErrorCode::File, &["No such file"]);
    for name in ["moved", "lie", "cut", "empty"] {
        fs::remove_file(files.folder.join(name)).unwrap();
    }
}

/// The most memory that this process held so far.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
