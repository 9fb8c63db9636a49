//! A recorder's socket: what comes out is what was recorded, nobody who looks holds the recorder up, and nobody at
//! either end is believed.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nfm_frame::{At, DomainIdentity, Frame, FrameSource, LogRecord, Process, Section, SourceError};
use nfm_live::{
    About, Answer, Followed, Greeting, Incoming, LiveConnection, LiveError, RecordReader,
    RecordWriter, Request, Server, Update, VERSION, Viewers,
};
use nfm_store::{Encoder, FrameColumns, Newest};

const SECOND: u64 = 1_000_000_000;

/// A server and its socket, which goes with it.
struct Served {
    server: Server,
    path: PathBuf,
    encoder: Encoder,
}

impl Served {
    fn start(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nfm-live-{}-{name}", std::process::id()));
        let listener = Server::bind(&path, None).expect("a socket");
        let about = About { greeting: greeting(), viewers: Viewers::default(), log: |_| {} };
        let server = Server::start(listener, about).expect("a server");
        let encoder = Encoder::new(1, identity(), 0).expect("an encoder");
        Self { server, path, encoder }
    }

    /// Records a frame and serves it; gives it back as it was recorded.
    fn publish(&mut self, mut frame: Frame) -> Frame {
        let mut record = Vec::new();
        self.encoder.encode(&mut frame, 7, &mut record).expect("a record");
        assert!(self.server.publish(&record));
        frame
    }

    fn connect(&self, zstd: bool) -> LiveConnection {
        let stream = UnixStream::connect(&self.path).expect("a connection");
        let from = Box::new(stream.try_clone().expect("a stream"));
        LiveConnection::over("test", from, Box::new(stream), zstd).expect("a hello")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn greeting() -> Greeting {
    Greeting { host: "h1".to_owned(), uri: "qemu:///system".to_owned(), program: "test".to_owned() }
}

fn identity() -> DomainIdentity {
    DomainIdentity {
        name: "web-1".to_owned(),
        uuid: Some("4dea22b3-1d52-4d8a-a7a4-b12a8c8f1a55".to_owned()),
        hypervisor: "qemu".to_owned(),
        labels: Some(vec!["project=shop".into()]),
    }
}

/// The frame of a second, of a real guest.
fn frame(second: u64) -> Frame {
    let lines = include_str!("../../analysis/tests/frames/6.1.jsonl").lines();
    let line = lines.cycle().nth(second as usize).expect("a frame");
    let mut frame = Frame::from_json(line).expect("a frame");
    frame.domain = identity();
    frame.time_ns = (1_796_000_400 + second) * SECOND;
    let record = |time_ns| LogRecord { time_ns, ..LogRecord::default() };
    frame.log = Some((0..=second).map(record).collect());
    frame
}

fn sections(frame: &Frame) -> Vec<Section> {
    Section::ALL.into_iter().filter(|section| frame.has(*section)).collect()
}

#[test]
fn frames_come_as_they_were_recorded() {
    let mut served = Served::start("same");
    let first = served.publish(frame(0));
    // Later frames have fewer sections.
    let few = [Section::Os, Section::Processes];
    let second = {
        let mut second = frame(1);
        second.keep_only(&few);
        served.publish(second)
    };
    for zstd in [false, true] {
        let mut viewer = served.connect(zstd);
        assert_eq!((viewer.host(), viewer.uri()), ("h1", "qemu:///system"));
        // Published records are taken by a thread.
        let found = loop {
            let found = viewer.live_frame("web-1", &sections(&first), None);
            match found {
                Ok(found) if found.frame.seq == 2 => break found,
                Ok(_) | Err(SourceError::NoSuchDomain { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        let shown = found.frame;
        assert_eq!((&shown.os, &shown.processes), (&second.os, &second.processes));
        assert_eq!((&shown.files, &shown.mappings), (&first.files, &first.mappings));
        assert_eq!((&shown.log, &shown.modules), (&first.log, &first.modules));
        assert_eq!((shown.time_ns, &shown.domain), (second.time_ns, &identity()));
        let age = |section| found.ages.iter().find(|age| age.section == section).unwrap().age_ns;
        assert_eq!((age(Section::Processes), age(Section::Interfaces)), (0, SECOND));
        // As a source: one frame, the next one, and what it has not.
        let shown = viewer.frame("web-1", At::Latest, &few).expect("a frame");
        assert_eq!(shown, second);
        let other = viewer.frame("db-1", At::Latest, &few);
        assert!(
            matches!(&other, Err(SourceError::NoSuchDomain { known, .. }) if known == &["web-1"])
        );
        assert!(matches!(
            viewer.frame("web-1", At::Before(1), &few),
            Err(SourceError::NoFrame { .. })
        ));
        let lacks = viewer.frame("web-1", At::Latest, &[Section::Integrity]);
        assert!(matches!(lacks, Err(SourceError::NoSection { .. })), "{lacks:?}");
        let domains = viewer.live_domains().expect("domains");
        assert_eq!((domains.len(), domains[0].seq), (1, 2));
    }
    // The next one is waited for.
    let mut viewer = served.connect(false);
    let shown = viewer.frame("web-1", At::Latest, &few).expect("a frame");
    let waiting = std::thread::spawn(move || viewer.next(&shown, &few).expect("a frame"));
    std::thread::sleep(Duration::from_millis(100));
    let third = served.publish(frame(2));
    let shown = waiting.join().expect("the next").expect("a frame");
    assert_eq!((shown.seq, &shown.processes), (3, &third.processes));
}

#[test]
fn who_follows_gets_every_frame_and_who_does_not_read_holds_nobody_up() {
    let mut served = Served::start("slow");
    served.publish(frame(0));
    let few = [Section::Processes, Section::Log];
    let (mut quick, mut slow) = (served.connect(true), served.connect(false));
    for one in [&mut quick, &mut slow] {
        one.follow(&["project=*".to_owned()], &few).expect("to follow");
    }
    let seq = |viewer: &mut LiveConnection| match viewer.update().expect("an update") {
        Update::Columns(columns) => columns.head().seq,
        _ => panic!("no frame"),
    };
    assert_eq!((seq(&mut quick), seq(&mut slow)), (1, 1));
    let quick = std::thread::spawn(move || {
        let mut last = 1;
        while last < 400 {
            let seq = seq(&mut quick);
            assert_eq!(seq, last + 1);
            last = seq;
        }
    });
    let mut longest = Duration::ZERO;
    for second in 1..400 {
        let begun = Instant::now();
        served.publish(frame(second));
        longest = longest.max(begun.elapsed());
        std::thread::sleep(Duration::from_millis(4));
    }
    quick.join().expect("all frames in order");
    println!(
        "399 frames were recorded while one viewer read nothing; the slowest took {longest:?}"
    );
    // It hears how many it missed, and then sees the newest with its log.
    let (mut dropped, mut newest) = (0, None::<Newest>);
    while newest.as_ref().is_none_or(|newest| newest.head().seq < 400) {
        match slow.update().expect("an update") {
            Update::Dropped(frames) => dropped += frames,
            Update::Columns(columns) => match &mut newest {
                Some(newest) => newest.take(*columns),
                none => *none = Newest::new(*columns),
            },
            Update::Alive(_) | Update::Domains(_) => {}
        }
    }
    assert!(dropped > 0, "a socket holds fewer frames than that");
    let shown = newest.expect("a guest").frame(&few).expect("a frame");
    assert_eq!((shown.log, shown.processes), (frame(399).log, frame(399).processes));
    println!("it missed {dropped}");
}

#[test]
fn bytes_that_lie_are_refused_on_both_sides() {
    // The answer of a server to a request for a whole frame.
    let mut served = Served::start("lies");
    let first = served.publish(frame(0));
    let all = sections(&first);
    let mut viewer = served.connect(false);
    while viewer.live_frame("web-1", &all, None).is_err() {}
    let mut stream = UnixStream::connect(&served.path).expect("a connection");
    let mut asked = nfm_live::RecordWriter::new(Box::new(stream.try_clone().expect("a stream")));
    let hello = Request::Hello { version: VERSION + 5, program: String::new(), zstd: false };
    asked.message(&hello).expect("to ask");
    let names = all.iter().map(|section| section.name().to_owned()).collect();
    let request = Request::Frame { domain: "web-1".to_owned(), sections: names, after: None };
    asked.message(&request).expect("to ask");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let (mut bytes, mut room) = (Vec::new(), vec![0; 1 << 20]);
    while let Ok(count @ 1..) = stream.read(&mut room) {
        bytes.extend_from_slice(&room[..count]);
    }
    assert!(bytes.len() > 10_000);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    let (mut read, mut refused, mut followed) = (0, 0, 0);
    for _ in 0..200 {
        let mut mutated = bytes.clone();
        for _ in 0..=next(8) {
            let at = next(mutated.len());
            match next(3) {
                0 => mutated[at] ^= 1 << next(8),
                1 => mutated[at] = 0xff,
                _ => mutated.truncate(at.max(1)),
            }
        }
        // A host that lies makes its checksums right.
        mend(&mut mutated);
        followed += follow([&*bytes, &mutated].concat(), &all);
        let mut reader = RecordReader::new(Box::new(std::io::Cursor::new(mutated)));
        loop {
            match reader.read::<Answer>() {
                Ok(Some(Incoming::Columns(columns))) => {
                    read += 1;
                    let newest = Newest::new(*columns);
                    let _ = newest.map(|newest| newest.frame(&all));
                }
                Ok(Some(_)) => read += 1,
                Ok(None) => break,
                Err(_) => {
                    refused += 1;
                    break;
                }
            }
        }
    }
    std::panic::set_hook(hook);
    let panics = PANICS.load(Ordering::Relaxed);
    println!(
        "200 mutated answers: {read} records read, {refused} streams refused, {panics} panics"
    );
    assert_eq!(panics, 0);
    assert!(read > 200 && refused > 50);
    // The same by one who follows; no more than 256 MiB for all of it.
    let status = std::fs::read_to_string("/proc/self/status").expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    println!("{followed} frames of those were followed; {} MiB at most", peak >> 10);
    assert!(followed > 200 && peak < 256 << 10);
    // The server outlives what is no request.
    for lie in [&b"GET / HTTP/1.1\r\n\r\n"[..], &bytes[..200], &[0xff; 4096]] {
        let mut stream = UnixStream::connect(&served.path).expect("a connection");
        stream.write_all(lie).expect("to write");
    }
    assert!(viewer.live_frame("web-1", &all, None).is_ok());
    // Another listener's socket is not taken away.
    let taken = Server::bind(&served.path, None).expect_err("it is in use");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    let nobody = LiveConnection::unix(&served.path.with_extension("none"));
    assert!(matches!(nobody, Err(LiveError::NotThere { .. })));
}

/// Follows a recorder that sends these bytes; gives the frames that came.
fn follow(bytes: Vec<u8>, sections: &[Section]) -> usize {
    let from = Box::new(std::io::Cursor::new(bytes));
    let Ok(viewer) = LiveConnection::over("test", from, Box::new(std::io::sink()), false) else {
        return 0;
    };
    let mut following = viewer.following(&[], sections).expect("to follow");
    let mut frames = 0;
    while let Ok(next) = following.next(Duration::from_secs(20)) {
        if let Some(Followed::Frame { domain, .. }) = next {
            let _ = following.frame(&domain, sections);
            frames += 1;
        }
    }
    frames
}

#[test]
fn a_host_that_sends_too_much_is_left() {
    let bytes = |guests: u32, processes: u32| {
        let hello = Answer::Hello {
            version: VERSION,
            program: String::new(),
            host: "h1".to_owned(),
            uri: String::new(),
            zstd: false,
        };
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut writer = RecordWriter::new(Box::new(Shared(written.clone())));
        writer.message(&hello).expect("a hello");
        for guest in 0..guests {
            let process = |pid| Process { pid, ..Process::default() };
            let frame = Frame {
                domain: DomainIdentity { name: format!("g{guest}"), ..identity() },
                processes: Some((0..processes).map(process).collect()),
                ..Frame::default()
            };
            let columns = FrameColumns::of(guest, &frame).expect("columns");
            writer.columns(&columns).expect("a record");
        }
        std::mem::take(&mut *written.lock().expect("the bytes"))
    };
    let end = |bytes| {
        let from = Box::new(std::io::Cursor::new(bytes));
        let viewer = LiveConnection::over("test", from, Box::new(std::io::sink()), false);
        let mut following =
            viewer.expect("a hello").following(&[], &[Section::Processes]).expect("to follow");
        loop {
            if let Err(error) = following.next(Duration::from_secs(20)) {
                return error.to_string();
            }
        }
    };
    let said = end(bytes(1, 100_001));
    assert!(said.contains("a frame of 'g0' has 100002 rows"), "{said}");
    let said = end(bytes(9, 60_000));
    assert!(said.contains("its guests have more than 128 MiB together"), "{said}");
}

/// Bytes that somebody else reads.
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the bytes").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes the checksums of all records right.
fn mend(bytes: &mut [u8]) {
    let mut at = 0;
    while at + 48 <= bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        let end = at.saturating_add(48).saturating_add(length);
        if end > bytes.len() {
            return;
        }
        let sum = crc32fast::hash(&bytes[at + 12..end]);
        bytes[at + 8..at + 12].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}
