//! Frames of the flight recorder: taken between others and written after them, they are read in their order.

use std::path::PathBuf;
use std::time::Duration;

use nfm_frame::{At, DomainIdentity, Frame, FrameSource, Os, Process, Section};
use nfm_store::{Encoder, Parsed, Ring, Store, StoreWriter, parse, seal, verify};

const SECOND: u64 = 1_000_000_000;
/// Thirty seconds to ten minutes that are over.
const START: u64 = 1_796_000_370 * SECOND;
const WANTED: [Section; 2] = [Section::Os, Section::Processes];

/// The frame of a tenth of a second.
fn frame(tenth: u64) -> Frame {
    let process = |pid: u32| Process {
        pid,
        user_ns: Some(tenth * 1000 + u64::from(pid)),
        ..Process::default()
    };
    Frame {
        domain: DomainIdentity { name: "web-1".to_owned(), ..DomainIdentity::default() },
        time_ns: START + tenth * SECOND / 10,
        seq: tenth + 1,
        os: Some(Os { uptime_ns: Some(tenth), ..Os::default() }),
        processes: Some((1..20).map(process).collect()),
        ..Frame::default()
    }
}

struct Recorder {
    writer: StoreWriter,
    /// Those of the frames that are always recorded, and of the flight recorder's.
    encoders: [Encoder; 2],
}

impl Recorder {
    /// Makes the record of a frame: one in ten is always recorded.
    fn encode(&mut self, tenth: u64) -> (bool, Vec<u8>) {
        let mut frame = frame(tenth);
        let is_usual = tenth.is_multiple_of(10);
        let encoder = &mut self.encoders[usize::from(!is_usual)];
        encoder.number_on(tenth);
        let mut bytes = Vec::new();
        let number = encoder.encode(&mut frame, tenth * SECOND / 10, &mut bytes).unwrap();
        assert_eq!(number, tenth + 1);
        (is_usual, bytes)
    }

    fn append(&mut self, mut bytes: &[u8]) {
        while let Parsed::Record(record, length) = parse(bytes) {
            self.writer.append(&record.head, &bytes[..length]).unwrap();
            bytes = &bytes[length..];
        }
    }
}

#[test]
fn what_the_ring_kept_lies_between_what_was_recorded() {
    let path: PathBuf = std::env::temp_dir().join(format!("nfm-flight-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let writer = StoreWriter::open(&path, "host", Duration::ZERO).unwrap();
    let domain = || frame(0).domain;
    let encoders =
        [Encoder::new(1, domain(), 0).unwrap(), Encoder::of_flight(2, domain(), 0).unwrap()];
    let mut recorder = Recorder { writer, encoders };
    recorder.writer.expect_late(Duration::from_secs(20));
    let mut ring = Ring::new(Duration::from_secs(20), 1 << 20);
    // 40 s with the ring, over the border of two logs; then it is kept, and for 5 s all frames are; then they are not.
    for tenth in 0..400 {
        match recorder.encode(tenth) {
            (true, bytes) => recorder.append(&bytes),
            (false, bytes) => ring.push(&bytes),
        }
    }
    let (bytes, count) = ring.take();
    recorder.append(&bytes);
    for tenth in 400..450 {
        let (_, bytes) = recorder.encode(tenth);
        recorder.append(&bytes);
    }
    for tenth in (450..600).filter(|tenth| tenth % 10 == 0) {
        let (_, bytes) = recorder.encode(tenth);
        recorder.append(&bytes);
    }
    // Twenty seconds at least, of which it has nine frames in ten.
    assert!((180..=240).contains(&count), "{count}");
    let Parsed::Record(oldest, _) = parse(&bytes) else { panic!("no record") };
    let first = oldest.head.seq - 1;
    let is_there = |tenth: u64| tenth.is_multiple_of(10) || (first..450).contains(&tenth);
    let expected: Vec<u64> = (0..600).filter(|tenth| is_there(*tenth)).collect();
    for is_sealed in [false, true] {
        if is_sealed {
            recorder.writer.end_all().unwrap();
            for (log, name) in recorder.writer.take_finished() {
                let sealed = seal(&path, &log, &name).unwrap().expect("rows");
                assert!(sealed.losses.is_empty(), "{:?}", sealed.losses);
            }
        }
        let mut store = Store::open(&path).unwrap();
        let mut found = Vec::new();
        store
            .each_frame("web-1", (0, u64::MAX), &WANTED, |own| {
                assert_eq!(own, frame(own.seq - 1));
                found.push(own.seq - 1);
            })
            .unwrap();
        assert_eq!(found, expected, "sealed: {is_sealed}");
        // Each by its time, and the one after it.
        for pair in expected.windows(2).step_by(5) {
            let at = At::Before(frame(pair[0]).time_ns);
            let own = store.frame("web-1", at, &WANTED).unwrap();
            assert_eq!(own, frame(pair[0]));
            let next = store.next(&own, &WANTED).unwrap();
            assert_eq!(next, Some(frame(pair[1])));
        }
        // They are marked.
        let entries = store.entries("web-1", 0, u64::MAX).unwrap();
        let marked = entries.iter().filter(|entry| entry.is_of_flight()).count();
        assert_eq!(marked, count + 45);
        assert!(verify(&path).unwrap().damage.is_empty() && store.take_damage().is_empty());
    }
    std::fs::remove_dir_all(&path).unwrap();
}
