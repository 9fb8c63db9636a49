//! Frames of a real guest (those that `nfm-analysis` is tested by), and frames of every kind made of them, go through the
//! log and through sealed segments and come back as they were.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nfm_frame::{
    At, Connection, Cpu, DomainIdentity, File, FileKind, Frame, FrameSource, HiddenConnection,
    HiddenProcess, HookTarget, HookedSyscall, Integrity, Interface, LogRecord, Mapping, Module,
    Neighbour, PhysicalRun, Problem, Process, Route, Section, Thread,
};
use nfm_store::{Encoder, Event, Parsed, Store, StoreWriter, parse, seal, verify};

const SECOND: u64 = 1_000_000_000;
/// Ten minutes to a full hour.
const START: u64 = 1_796_000_400 * SECOND;

/// A folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("nfm-store-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn recorded() -> Vec<Frame> {
    let lines = include_str!("../../analysis/tests/frames/6.1.jsonl").lines();
    lines.map(|line| Frame::from_json(line).expect("a frame")).collect()
}

/// A frame with rows of every section, and values that are extreme.
fn every_section(mut frame: Frame) -> Frame {
    let text = || Some("größe \u{1b}[2J\n".into());
    frame.consistency.complete = false;
    frame.consistency.problems = vec![
        Problem { section: "files".into(), reason: "torn".to_owned(), address: Some(u64::MAX) },
        Problem { section: "mounts".into(), reason: String::new(), address: None },
    ];
    let thread = Thread { tid: 7, name: text(), cpu_ns: Some(u64::MAX), ..Thread::default() };
    if let Some(process) = frame.processes.as_mut().and_then(|all| all.first_mut()) {
        process.thread_list = Some(vec![thread.clone(), Thread::default()]);
        process.user_ns = Some(u64::MAX);
        process.nice = Some(-20);
    }
    let run = PhysicalRun { physical: None, bytes: 4096, swapped: true, virtual_address: u64::MAX };
    frame.cpus = Some(vec![Cpu { id: 1, mhz: Some(2999.9), ..Cpu::default() }]);
    frame.mappings = Some(vec![
        Mapping { pid: 1, start: u64::MAX, physical: Some(vec![run]), ..Mapping::default() },
        Mapping { pid: 1, physical: Some(Vec::new()), ..Mapping::default() },
        Mapping::default(),
    ]);
    frame.files = Some(vec![
        File { kind: Some(FileKind::AnonInode), position: Some(u64::MAX), ..File::default() },
        File::default(),
    ]);
    frame.modules = Some(vec![Module {
        name: "m".into(),
        address: Some(0xffff_ffff_c000_0000),
        used_by: Some(vec!["a".into(), "b".into()]),
        references: Some(-1),
        ..Module::default()
    }]);
    frame.interfaces = Some(vec![Interface { ipv4: Some(Vec::new()), ..Interface::default() }]);
    let connection = Connection { local_port: Some(65_535), path: text(), ..Connection::default() };
    frame.connections = Some(vec![connection.clone(), Connection::default()]);
    frame.log = Some(vec![LogRecord { time_ns: 1, level: 7, text: "one".into() }]);
    frame.routes = Some(vec![Route::default()]);
    frame.neighbours =
        Some(vec![Neighbour { flags: Some(vec!["use".into()]), ..Neighbour::default() }]);
    frame.mounts = Some(Vec::new());
    let hidden = HiddenProcess {
        pid: 9,
        seen_in: vec!["task list".into()],
        process: Some(Process { pid: 9, thread_list: Some(vec![thread]), ..Process::default() }),
        ..HiddenProcess::default()
    };
    let target = HookTarget { address: u64::MAX, module: text(), hidden: true };
    frame.integrity = Some(Integrity {
        hidden_processes: vec![hidden, HiddenProcess::default()],
        hidden_connections: vec![HiddenConnection { connection, process: text() }],
        hooked_syscalls: vec![HookedSyscall { target, number: 59, ..HookedSyscall::default() }],
        ..Integrity::default()
    });
    frame
}

/// A frame of the guest `name` at a second after the start.
fn frame_at(name: &str, second: u64) -> Frame {
    let all = recorded();
    let index = usize::try_from(second).unwrap() % all.len();
    let mut frame = all.into_iter().nth(index).unwrap();
    frame.domain = DomainIdentity {
        name: name.to_owned(),
        uuid: Some(format!("00000000-0000-0000-0000-{:012}", name.len())),
        hypervisor: "qemu".to_owned(),
        labels: Some(vec!["project=shop".into(), format!("title={name}").as_str().into()]),
    };
    frame.time_ns = START + second * SECOND + 123_456_789;
    frame
}

fn sections(frame: &Frame) -> Vec<Section> {
    Section::ALL.into_iter().filter(|section| frame.has(*section)).collect()
}

/// Records frames; returns them as they were recorded.
fn record(store: &Path, frames: &[Frame]) -> (StoreWriter, Vec<Frame>) {
    let mut writer = StoreWriter::open(store, "host-1", Duration::from_secs(1)).unwrap();
    let mut encoders: Vec<(String, Encoder)> = Vec::new();
    let mut recorded = Vec::new();
    for frame in frames {
        let mut frame = frame.clone();
        let known = encoders.iter().position(|(name, _)| *name == frame.domain.name);
        let index = known.unwrap_or(encoders.len());
        if known.is_none() {
            let encoder = Encoder::new(index as u32 + 1, frame.domain.clone(), 0).unwrap();
            encoders.push((frame.domain.name.clone(), encoder));
        }
        let whole = frame.log.clone();
        let mut bytes = Vec::new();
        let boot_ns = frame.time_ns - START + 5;
        encoders[index].1.encode(&mut frame, boot_ns, &mut bytes).unwrap();
        let Parsed::Record(record, length) = parse(&bytes) else { panic!("no record") };
        assert_eq!(length, bytes.len());
        writer.append(&record.head, &bytes).unwrap();
        frame.log = whole;
        recorded.push(frame);
    }
    (writer, recorded)
}

fn seal_all(store: &Path, writer: &mut StoreWriter) {
    writer.end_all().unwrap();
    for (path, name) in writer.take_finished() {
        let sealed = seal(store, &path, &name).unwrap().expect("rows");
        assert!(sealed.losses.is_empty(), "{:?}", sealed.losses);
    }
}

#[test]
fn every_section_comes_back() {
    let store = folder("sections");
    let frames: Vec<Frame> = (0..4)
        .flat_map(|second| ["web-1", "db"].map(|name| every_section(frame_at(name, second))))
        .collect();
    let (mut writer, recorded) = record(&store, &frames);
    for is_sealed in [false, true] {
        if is_sealed {
            seal_all(&store, &mut writer);
            assert!(std::fs::read_dir(store.join("log")).unwrap().next().is_none());
        }
        let mut source = Store::open(&store).unwrap();
        assert_eq!(source.domains().unwrap().len(), 2);
        for frame in &recorded {
            let at = At::Before(frame.time_ns);
            let (found, ages) =
                source.frame_with_ages(&frame.domain.name, at, &sections(frame)).unwrap();
            assert_eq!(&found, frame, "sealed: {is_sealed}");
            assert!(ages.iter().all(|age| age.age_ns == 0));
        }
        let verified = verify(&store).unwrap();
        assert!(verified.damage.is_empty() && verified.rows > 0, "{verified:?}");
    }
    std::fs::remove_dir_all(&store).unwrap();
}

#[test]
fn by_time_and_in_order_through_logs_and_segments() {
    let store = folder("order");
    // Over the border of two segments, with 60 s of it sealed; files only every ten seconds.
    let mut frames: Vec<Frame> = (540..660).map(|second| frame_at("web-1", second)).collect();
    for (frame, second) in frames.iter_mut().zip(540_u64..) {
        frame.files = second
            .is_multiple_of(10)
            .then(|| vec![File { pid: 1, fd: second as u32, ..File::default() }]);
        frame.log = Some(
            (500..=second)
                .map(|time_ns| LogRecord { time_ns, level: 6, text: format!("{time_ns}").into() })
                .collect(),
        );
    }
    let (mut writer, recorded) = record(&store, &frames);
    writer.end_all().unwrap();
    let finished = writer.take_finished();
    assert_eq!(finished.len(), 2);
    let first = seal(&store, &finished[0].0, &finished[0].1).unwrap().unwrap();
    assert_eq!(first.frames, 60);
    let mut source = Store::open(&store).unwrap();
    let wanted = [Section::Os, Section::Processes, Section::Log];
    let time = |second: u64| START + second * SECOND + 123_456_789;
    let mut seq = |at| source.frame("web-1", at, &wanted).map(|frame| frame.seq).ok();
    assert_eq!(seq(At::Latest), Some(120));
    assert_eq!(seq(At::Before(time(540))), Some(1));
    assert_eq!(seq(At::Before(time(540) - 1)), None);
    assert_eq!(seq(At::Before(time(600) - 1)), Some(60));
    assert_eq!(seq(At::After(time(599) + 1)), Some(61));
    assert_eq!(seq(At::After(time(659) + 1)), None);
    assert_eq!(seq(At::Nearest(time(610) + SECOND / 3)), Some(71));
    assert_eq!(source.time_of("web-1", 77).unwrap(), Some(time(616)));

    // Each frame after the other, with the kernel's log put together.
    let mut frame = source.frame("web-1", At::After(0), &wanted).unwrap();
    for expected in &recorded {
        let mut expected = expected.clone();
        expected.keep_only(&wanted);
        assert_eq!(frame, expected);
        match source.next(&frame, &wanted).unwrap() {
            Some(next) => frame = next,
            None => assert_eq!(frame.seq, 120),
        }
    }
    // A section of an older frame, of the same segment and of the one before.
    let files = |second| (vec![File { pid: 1, fd: second, ..File::default() }], second);
    for (second, (rows, taken)) in [(599, files(590)), (605, files(600)), (600, files(600))] {
        let at = At::Before(time(second));
        let (frame, ages) =
            source.frame_with_ages("web-1", at, &[Section::Os, Section::Files]).unwrap();
        assert_eq!(frame.files, Some(rows));
        assert_eq!(ages[1].age_ns, (second - u64::from(taken)) * SECOND);
    }
    let error = source.frame("web-1", At::Latest, &[Section::Os, Section::Routes]);
    assert!(error.unwrap_err().to_string().contains("no section 'routes'"));
    let error = source.frame("web-2", At::Latest, &wanted).unwrap_err().to_string();
    assert_eq!(error, "there are no frames of a domain 'web-2'; there are of web-1");
    let error = source.frame("web-1", At::Before(5), &wanted).unwrap_err().to_string();
    assert!(error.starts_with("'web-1' was recorded from 2026-11-30T01:09:00.123Z to"), "{error}");
    std::fs::remove_dir_all(&store).unwrap();
}

#[test]
fn events_and_one_recorder_at_a_time() {
    let store = folder("events");
    let (mut writer, _) = record(&store, &[frame_at("web-1", 1)]);
    let event = |vm: &str, second: u64| Event {
        time_ns: START + second * SECOND,
        vm: vm.to_owned(),
        vm_uuid: None,
        kind: "gone".to_owned(),
        text: "it ended".to_owned(),
    };
    let all = [event("web-1", 2), event("db", 3), event("", 4)];
    all.iter().for_each(|event| writer.append_event(event, 0).unwrap());
    let other = StoreWriter::open(&store, "host-1", Duration::ZERO);
    let error = other.map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("another recorder writes to"), "{error}");
    for is_sealed in [false, true] {
        if is_sealed {
            seal_all(&store, &mut writer);
        }
        let mut source = Store::open(&store).unwrap();
        assert_eq!(source.events(None, 0, u64::MAX).unwrap(), all);
        assert_eq!(source.events(Some("db"), 0, u64::MAX).unwrap(), all[1..]);
        assert_eq!(source.events(Some("db"), 0, START + 3 * SECOND).unwrap(), all[1..2]);
    }
    drop(writer);
    let writer = StoreWriter::open(&store, "host-1", Duration::ZERO).unwrap();
    assert_eq!((writer.run(), writer.highest()), (2, 1));
    std::fs::remove_dir_all(&store).unwrap();
}
