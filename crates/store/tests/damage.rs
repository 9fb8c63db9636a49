//! Damage on the disk: no panic, no false value, and each loss named.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nfm_frame::{At, DomainIdentity, Frame, FrameSource, Process, Section};
use nfm_store::{Encoder, KEY_PERIOD, Parsed, Store, StoreWriter, parse, seal, verify};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_796_000_400 * SECOND;
const FRAMES: u64 = 150;
const GUESTS: [&str; 2] = ["web-1", "db"];
const WANTED: [Section; 2] = [Section::Os, Section::Processes];

/// Flips, cuts and zeros of all tests here; `NFM_FLIPS` says otherwise (make soak: 1,000). Half of them hit the log.
fn flips() -> usize {
    std::env::var("NFM_FLIPS").ok().and_then(|count| count.parse().ok()).unwrap_or(120)
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("nfm-damage-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// A guest's frame at a second: its values tell guest and second.
fn frame(name: &str, second: u64) -> Frame {
    let process = |pid: u32| Process {
        pid,
        name: Some(format!("{name}-{pid}").into()),
        user_ns: Some(second * 1000 + u64::from(pid)),
        rss_bytes: Some(second * 4096),
        ..Process::default()
    };
    Frame {
        domain: DomainIdentity { name: name.to_owned(), ..DomainIdentity::default() },
        time_ns: START + second * SECOND,
        os: Some(nfm_frame::Os { uptime_ns: Some(second), ..nfm_frame::Os::default() }),
        processes: Some((1..40).map(process).collect()),
        ..Frame::default()
    }
}

/// A store with frames of two guests, in a log.
fn store(name: &str) -> (PathBuf, StoreWriter) {
    let path = folder(name);
    let mut writer = StoreWriter::open(&path, "host", Duration::ZERO).unwrap();
    let mut encoders = GUESTS.map(|name| {
        let domain = DomainIdentity { name: name.to_owned(), ..DomainIdentity::default() };
        Encoder::new(name.len() as u32, domain, 0).unwrap()
    });
    for second in 0..FRAMES {
        for (name, encoder) in GUESTS.iter().zip(&mut encoders) {
            let mut bytes = Vec::new();
            encoder.encode(&mut frame(name, second), second, &mut bytes).unwrap();
            let Parsed::Record(record, _) = parse(&bytes) else { panic!("no record") };
            writer.append(&record.head, &bytes).unwrap();
        }
    }
    (path, writer)
}

/// A frame of the store must be what was recorded at its second.
fn check(found: &Frame) {
    let second = (found.time_ns - START) / SECOND;
    let mut expected = frame(&found.domain.name, second);
    expected.seq = second + 1;
    assert_eq!(*found, expected);
}

/// Reads every frame that the store has, one after another and some by their times; panics at a false one. Returns how
/// many there are of each guest.
fn read(path: &Path) -> [u64; 2] {
    GUESTS.map(|name| {
        let mut source = Store::open(path).unwrap();
        let mut count = 0;
        let each = |found: Frame| {
            check(&found);
            count += 1;
        };
        // A file that cannot be opened at all is an error; a part that is damaged is left out.
        let _ = source.each_frame(name, (0, u64::MAX), &WANTED, each);
        for second in [0, FRAMES / 2, FRAMES] {
            let found = source.frame(name, At::Before(START + second * SECOND), &WANTED);
            let next = found.ok().and_then(|found| {
                check(&found);
                source.next(&found, &WANTED).ok().flatten()
            });
            next.iter().for_each(check);
        }
        count
    })
}

/// Numbers that seem to be random, the same in each run.
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}

/// Damages a file in one of the ways that disks know.
fn damage(bytes: &mut Vec<u8>, number: &mut impl FnMut(usize) -> usize) -> String {
    let at = number(bytes.len());
    match number(3) {
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let end = (at + 512).min(bytes.len());
            bytes[at..end].fill(0);
            format!("zeros from {at}")
        }
        _ => {
            bytes[at] ^= 1 << number(8);
            format!("a flip at {at}")
        }
    }
}

#[test]
fn a_damaged_log_loses_at_most_a_key_period_of_a_guest() {
    let (path, writer) = store("log");
    drop(writer);
    let file = std::fs::read_dir(path.join("log")).unwrap().next().unwrap().unwrap().path();
    let sound = std::fs::read(&file).unwrap();
    let mut number = numbers();
    let (mut least, mut silent) = (FRAMES, 0);
    for _ in 0..flips() / 2 {
        let mut bytes = sound.clone();
        let what = damage(&mut bytes, &mut number);
        std::fs::write(&file, &bytes).unwrap();
        let counts = read(&path);
        let verified = verify(&path).unwrap();
        if !what.starts_with("cut") {
            for count in counts {
                // Zeros may reach from the last frames before a key into it.
                let before = if what.starts_with("zeros") { 2 } else { 0 };
                let lost = u64::from(KEY_PERIOD) + before;
                assert!(count >= FRAMES - lost, "{what}: {counts:?}");
                least = least.min(count);
            }
            silent += u32::from(verified.damage.is_empty());
        }
    }
    // An end that is cut off was never acknowledged; all other damage is named.
    assert_eq!(silent, 0);
    println!("of {FRAMES} frames at least {least} were left");
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_damaged_segment_shows_no_false_value() {
    let (path, mut writer) = store("segment");
    writer.end_all().unwrap();
    for (log, name) in writer.take_finished() {
        seal(&path, &log, &name).unwrap();
    }
    assert_eq!(read(&path), [FRAMES, FRAMES]);
    let mut files = Vec::new();
    for table in ["frames", "processes"] {
        let folder = path.join(format!("table={table}"));
        let date = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let hour = std::fs::read_dir(&date).unwrap().next().unwrap().unwrap().path();
        files.push(std::fs::read_dir(&hour).unwrap().next().unwrap().unwrap().path());
    }
    let mut number = numbers();
    let (mut harmed, mut all) = (0, 0);
    for file in files {
        let sound = std::fs::read(&file).unwrap();
        for _ in 0..flips() / 4 {
            let mut bytes = sound.clone();
            let what = damage(&mut bytes, &mut number);
            if bytes == sound {
                continue;
            }
            std::fs::write(&file, &bytes).unwrap();
            let verified = verify(&path).unwrap();
            assert!(!verified.damage.is_empty(), "{what} of {} is not named", file.display());
            all += 1;
            // One guest's row group at most is lost, unless the footer is hit.
            harmed += u32::from(read(&path) != [FRAMES, FRAMES]);
        }
        std::fs::write(&file, &sound).unwrap();
    }
    println!("{all} damages, {harmed} of which cost frames");
    assert_eq!(read(&path), [FRAMES, FRAMES]);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_clock_that_steps_hides_no_frame() {
    let path = folder("clock");
    let mut writer = StoreWriter::open(&path, "host", Duration::ZERO).unwrap();
    let domain = DomainIdentity { name: "web-1".to_owned(), ..DomainIdentity::default() };
    let mut encoder = Encoder::new(1, domain, 0).unwrap();
    // 20 s, an hour back for 20 s, two hours on for 20 s.
    let walls = [4000, 400, 7600].into_iter().flat_map(|from: u64| from..from + 20);
    let mut times = Vec::new();
    for (boot, second) in walls.enumerate() {
        let mut bytes = Vec::new();
        let mut frame = frame("web-1", second);
        times.push(frame.time_ns);
        encoder.encode(&mut frame, boot as u64 * SECOND, &mut bytes).unwrap();
        let Parsed::Record(record, _) = parse(&bytes) else { panic!("no record") };
        writer.append(&record.head, &bytes).unwrap();
    }
    for is_sealed in [false, true] {
        if is_sealed {
            writer.end_all().unwrap();
            for (log, name) in writer.take_finished() {
                seal(&path, &log, &name).unwrap();
            }
        }
        let mut source = Store::open(&path).unwrap();
        // By their times, and by their order.
        for time in &times {
            let found = source.frame("web-1", At::Before(*time), &WANTED).unwrap();
            assert_eq!(found.time_ns, *time);
        }
        let first = source.time_of("web-1", 1).unwrap().unwrap();
        let mut own = source.frame("web-1", At::Before(first), &WANTED).unwrap();
        let mut met = vec![own.time_ns];
        while let Some(next) = source.next(&own, &WANTED).unwrap() {
            met.push(next.time_ns);
            own = next;
        }
        assert_eq!(met, times);
        let entries = source.entries("web-1", 0, u64::MAX).unwrap();
        assert!(entries.is_sorted_by_key(|entry| (entry.seq, entry.boot_ns)));
    }
    std::fs::remove_dir_all(&path).unwrap();
}
