//! Recorders that are killed at any instruction, while they record and while they seal: nothing that was acknowledged is
//! missing, nothing is there twice, also for those who read meanwhile.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nfm_frame::{At, DomainIdentity, Frame, FrameSource, Os, Process, Section};
use nfm_store::{Encoder, Parsed, Store, StoreWriter, parse, seal};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_796_000_400 * SECOND;
const NAME: &str = "kills_lose_nothing";
const CHILD: &str = "NFM_STORE_CHILD";
/// As many of them in CI; `NFM_KILLS` says otherwise (make soak: 100).
const KILLS: u64 = 12;
/// As often the store is read meanwhile at least; `NFM_READS` says otherwise (make soak: 10,000).
const READS: u64 = 50;

/// The frame of a number: ten seconds after the one before, so that a log is over after 60.
fn frame(seq: u64) -> Frame {
    let process = |pid: u32| Process {
        pid,
        name: Some("a process".into()),
        user_ns: Some(seq * 1000 + u64::from(pid)),
        ..Process::default()
    };
    Frame {
        domain: DomainIdentity { name: "web-1".to_owned(), ..DomainIdentity::default() },
        seq,
        time_ns: START + seq * 10 * SECOND,
        os: Some(Os { uptime_ns: Some(seq), ..Os::default() }),
        processes: Some((1..20).map(process).collect()),
        ..Frame::default()
    }
}

/// Records as fast as it can, seals each log that is over, and prints the number of each frame that is written.
fn record(path: &Path) {
    let mut writer = StoreWriter::open(path, "host", Duration::from_millis(50)).unwrap();
    let first = frame(0);
    let mut seq = writer.highest();
    let mut encoder = Encoder::new(1, first.domain, seq).unwrap();
    println!("ready {}", writer.run());
    loop {
        seq += 1;
        let mut bytes = Vec::new();
        encoder.encode(&mut frame(seq), seq, &mut bytes).unwrap();
        let Parsed::Record(record, _) = parse(&bytes) else { panic!("no record") };
        writer.append(&record.head, &bytes).unwrap();
        println!("{seq}");
        std::io::stdout().flush().unwrap();
        writer.tick().unwrap();
        if seq % 60 == 59 {
            writer.end_all().unwrap();
        }
        for (log, name) in writer.take_finished() {
            seal(path, &log, &name).unwrap();
        }
    }
}

/// Reads the numbers of all frames again and again, whatever the recorder does to its logs and segments, until it is
/// told to stop and has read so often.
fn read_on(path: &Path, acknowledged: &AtomicU64, stop: &AtomicBool, reads: u64) -> u64 {
    let mut count = 0;
    while count < reads || !stop.load(Ordering::Relaxed) {
        let before = acknowledged.load(Ordering::Acquire);
        let Ok(mut store) = Store::open(path) else { continue };
        let entries = store.entries("web-1", 0, u64::MAX).unwrap();
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        let last = seqs.last().copied().unwrap_or(0);
        assert!(last >= before, "{last} is there, and {before} was acknowledged");
        assert!(seqs.iter().copied().eq(1..=last), "{seqs:?}");
        assert!(store.take_damage().is_empty());
        count += 1;
    }
    count
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

#[test]
fn kills_lose_nothing() {
    if let Some(path) = std::env::var_os(CHILD) {
        return record(&PathBuf::from(path));
    }
    let path = std::env::temp_dir().join(format!("nfm-kill-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let (kills, reads) = (setting("NFM_KILLS", KILLS), setting("NFM_READS", READS));
    let known = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
    let (own, folder) = (known.clone(), path.clone());
    let reader = std::thread::spawn(move || read_on(&folder, &own.0, &own.1, reads));
    let wanted = [Section::Os, Section::Processes];
    let (mut acknowledged, mut slowest) = (0_u64, Duration::ZERO);
    for round in 0..kills {
        let begun = Instant::now();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.by_ref().find(|line| line.contains("ready")).expect("it records");
        slowest = slowest.max(begun.elapsed());
        // After another number of frames each time, some of them while a log is sealed.
        let count = (round * 37 + 5) % 150;
        for line in lines.by_ref().take(count as usize + 1) {
            acknowledged = line.parse().unwrap();
            known.0.store(acknowledged, Ordering::Release);
        }
        child.kill().unwrap();
        // It may have written some more before it ended.
        if let Some(last) = lines.filter_map(|line| line.parse().ok()).last() {
            acknowledged = last;
        }
        child.wait().unwrap();

        let mut store = Store::open(&path).unwrap();
        let entries = store.entries("web-1", 0, u64::MAX).unwrap();
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        let last = seqs.last().copied().unwrap_or(0);
        assert!(last >= acknowledged, "{last} is there, and {acknowledged} was acknowledged");
        assert!(seqs.iter().copied().eq(1..=last), "{seqs:?}");
        assert!(store.take_damage().is_empty());
        let found = store.frame("web-1", At::Latest, &wanted).unwrap();
        assert_eq!(found, frame(last));
    }
    known.1.store(true, Ordering::Relaxed);
    let reads = reader.join().expect("who read saw all frames, each once");
    // Each frame once, with its rows, from logs and segments alike.
    let mut store = Store::open(&path).unwrap();
    let mut next = 1;
    let each = |found: Frame| {
        assert_eq!(found, frame(next));
        next += 1;
    };
    store.each_frame("web-1", (0, u64::MAX), &wanted, each).unwrap();
    assert!(next > acknowledged, "{next}");
    println!(
        "{acknowledged} frames, {kills} kills, {reads} reads; the slowest start took {slowest:?}"
    );
    std::fs::remove_dir_all(&path).unwrap();
}
