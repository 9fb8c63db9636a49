//! The cache of profiles on a real guest: what it spares, and what it must survive.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nfm::{Cache, CrawlOptions, Domain, ErrorCode, OpenOptions, Section};
use serde_json::Value;

use lab::btf::Btf;

/// A folder of the test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nfm-cache-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::default();
        options.cache = Cache::At(self.0.clone());
        options
    }

    /// The only file in it.
    fn file(&self) -> PathBuf {
        let files: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(guest: &lab::Guest, options: &OpenOptions) -> Domain {
    Domain::open(guest.domain(), options).expect("an open domain")
}

fn is_recalled(domain: &Domain) -> bool {
    let found = domain.findings();
    let of = |words: &str| words.contains("cached profile");
    assert_eq!(of(&found.symbols_from), of(&found.types_from), "{found:?}");
    of(&found.symbols_from)
}

fn frame(domain: &mut Domain) -> Value {
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    serde_json::from_str(&frame.to_json()).expect("the frame's JSON")
}

/// A profile's JSON, changed, in its file again.
fn edit(path: &Path, change: impl Fn(&mut Value)) {
    let text = fs::read_to_string(path).unwrap();
    let (line, body) = text.split_once('\n').unwrap();
    let mut body = serde_json::from_str(body).unwrap();
    change(&mut body);
    let body = body.to_string();
    let format = line.split_once(' ').unwrap().0;
    fs::write(path, format!("{format} {:08x}\n{body}", crc32fast::hash(body.as_bytes()))).unwrap();
}

#[test]
fn the_second_opening_is_immediate_and_tells_the_same() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("second");
    let mut options = OpenOptions::default();
    options.cache = Cache::Off;
    let shortest = |options: &OpenOptions| -> Duration {
        let once = || {
            let begun = Instant::now();
            let mut domain = open(&guest, options);
            domain.crawl(&CrawlOptions::sections(&[Section::Processes])).expect("a frame");
            begun.elapsed()
        };
        (0..7).map(|_| once()).min().unwrap()
    };
    let cold = shortest(&options);

    let mut first = open(&guest, &folder.options());
    assert!(!is_recalled(&first));
    // Before a frame meets them: who takes it may have given up the right to write by then.
    edit(&folder.file(), |profile| {
        let drivers = &profile["drivers"];
        assert!(drivers["virtio_net"].is_object() && drivers["veth"].is_object(), "{drivers}");
    });
    let of_guest = frame(&mut first);
    let size = fs::metadata(folder.file()).unwrap().len();
    assert!(size < 100 << 10, "{size} bytes");
    let mut second = open(&guest, &folder.options());
    assert!(is_recalled(&second));
    let of_profile = frame(&mut second);
    let facts = |domain: &Domain| {
        let found = domain.findings();
        (
            found.page_table,
            found.image,
            found.release.clone(),
            found.build_id.clone(),
            found.vmcoreinfo,
        )
    };
    assert_eq!(facts(&first), facts(&second));
    // Facts that neither clocks nor the guest's own work change.
    for section in ["os.release", "os.build_id", "modules", "mounts", "connections"] {
        let of = |frame: &Value| {
            section.split('.').fold(frame.clone(), |value, part| value[part].clone())
        };
        assert_eq!(of(&of_profile), of(&of_guest), "{section}");
    }
    let counted = |frame: &Value| {
        let rows = frame["interfaces"].as_array().unwrap().iter();
        rows.filter(|row| row["rx_bytes"].is_u64())
            .map(|row| row["name"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(counted(&of_profile), counted(&of_guest), "interfaces with counters");

    let warm = shortest(&folder.options());
    let ratio = cold.as_secs_f64() / warm.as_secs_f64();
    println!(
        "open and first process frame: cold {cold:.1?}, cached {warm:.1?}: {ratio:.1} times faster"
    );
    println!("the profile has {size} bytes");
    assert!(ratio > 2.0, "{ratio}");
}

#[test]
fn what_is_wrong_with_the_cache_is_made_good() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("wrong");
    let options = folder.options();
    frame(&mut open(&guest, &options));
    let path = folder.file();
    let whole = fs::read(&path).unwrap();
    let again = |what: &str| {
        let mut domain = open(&guest, &options);
        assert!(!is_recalled(&domain), "{what}");
        frame(&mut domain);
        assert!(is_recalled(&open(&guest, &options)), "{what}: it was not written anew");
        assert_eq!(folder.file(), path, "{what}");
    };
    for (what, bytes) in [
        ("empty", &b""[..]),
        ("cut short", &whole[..whole.len() / 2]),
        ("of another kind", b"\x7fELF\x02\x01\x01"),
        ("of another format", b"nfm-profile/9 00000000\n{}"),
    ] {
        fs::write(&path, bytes).unwrap();
        again(what);
    }
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    fs::write(&path, &flipped).unwrap();
    again("a bit flipped");

    edit(&path, |profile| {
        profile["types"]["members"]["task_struct"].as_object_mut().unwrap().remove("pid").unwrap();
    });
    again("of a version that asked less");
    edit(&path, |profile| {
        drop(profile["symbols"].as_object_mut().unwrap().remove("init_task").unwrap())
    });
    again("of a version that knew fewer symbols");
    edit(&path, |profile| profile["marks"]["banner"][1] = "Linux version 6.1.0-lie".into());
    again("of another banner");
    edit(&path, |profile| profile["symbols"]["init_top_pgt"]["image"] = 4096.into());
    again("of a page table elsewhere");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    again("writable by others");
}

#[test]
fn a_cache_that_cannot_be_is_none() {
    let guest = lab::guest("shared-61", &[]);
    let mut options = OpenOptions::default();
    for folder in ["/proc/nfm", "/dev/null/nfm", "/sys/kernel"] {
        options.cache = Cache::At(folder.into());
        for _ in 0..2 {
            let mut domain = open(&guest, &options);
            assert!(!is_recalled(&domain), "{folder}");
            frame(&mut domain);
        }
    }
}

/// Many processes and threads open one guest at once, the file not there yet: each gets the truth.
#[test]
fn many_open_at_once() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("many");
    let options = folder.options();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    frame(&mut open(&guest, &options));
                }
            });
        }
    });
    assert!(is_recalled(&open(&guest, &options)));
    folder.file();
}

/// A fact once known stays known when the guest does not tell it any more.
#[test]
fn a_known_kernel_needs_no_types_of_its_own() {
    let guest = lab::own_guest("cache-wiped", &["--kernel", "6.1", "--memory", "512"]);
    let folder = Folder::new("wiped");
    frame(&mut open(&guest, &folder.options()));
    Btf::find(guest.qemu_pid(), 512 << 20).wipe();
    let mut recalled = open(&guest, &folder.options());
    assert!(is_recalled(&recalled));
    frame(&mut recalled);
    let mut options = OpenOptions::default();
    options.cache = Cache::Off;
    let error = Domain::open(guest.domain(), &options).err().expect("no types");
    assert_eq!(error.code(), ErrorCode::NoTypes, "{error}");
}
