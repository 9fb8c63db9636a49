//! The recorder's writer on a disk of 16 MB that runs full, with a clock that steps an hour either way: it writes on, says
//! what is missing, and the newest frames can be read.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nfm::{At, DomainIdentity, Frame, FrameSource, Os, Process, Section};
use nfm_store::{Encoder, Store};

const SECOND: u64 = 1_000_000_000;
/// Seconds of recording; `NFM_SMALL_DISK_SECONDS` says otherwise (make soak: 600).
const SECONDS: u64 = 45;
const GUESTS: u64 = 20;
const RATE: u64 = 10;
const WANTED: [Section; 2] = [Section::Os, Section::Processes];

/// A disk of 16 MB of the test's own.
struct Disk(PathBuf);

impl Disk {
    fn mount() -> Self {
        let path = std::env::temp_dir().join(format!("nfm-small-disk-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "none"])
            .arg(&path)
            .status();
        assert!(mounted.expect("mount").success(), "no disk of 16 MB can be mounted");
        Self(path)
    }

    /// Takes all that is left, as another program may.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("other");
        let mut file =
            std::fs::File::options().create(true).append(true).open(&path).expect("a file");
        while file.write_all(&[1; 4096]).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// The writer, which is given its records here and not by a process that reads guests.
struct Writer {
    child: Child,
    pipe: Option<ChildStdin>,
    anew: Arc<AtomicBool>,
}

impl Writer {
    fn start(store: &Path) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_nfm-record"));
        let mut command = Command::new(program);
        command.args(["--writer", "--live=no", "--sync", "0.2", "--store"]).arg(store);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a writer");
        let (pipe, answers) = (child.stdin.take(), child.stdout.take());
        let mut answers = BufReader::new(answers.expect("a pipe")).lines().map_while(Result::ok);
        assert_eq!(answers.next().as_deref(), Some("{\"highest\":0}"));
        let anew = Arc::new(AtomicBool::new(false));
        let heard = anew.clone();
        std::thread::spawn(move || answers.for_each(|_| heard.store(true, Ordering::Relaxed)));
        Self { child, pipe, anew }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A guest's frame of a number. Its command lines are as good as random, so that it takes room.
fn frame(guest: u64, number: u64, time_ns: u64) -> Frame {
    let mut state = (guest << 32 | number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut process = |pid: u32| Process {
        pid,
        name: Some("server".into()),
        command_line: Some(
            (0..5).map(|_| format!("{:016x}", random())).collect::<String>().as_str().into(),
        ),
        user_ns: Some(number * 1000 + u64::from(pid)),
        ..Process::default()
    };
    Frame {
        domain: DomainIdentity { name: format!("guest-{guest}"), ..DomainIdentity::default() },
        seq: number,
        time_ns,
        os: Some(Os { uptime_ns: Some(number), ..Os::default() }),
        processes: Some((1..=50).map(&mut process).collect()),
        ..Frame::default()
    }
}

#[test]
fn a_full_disk_and_a_clock_that_steps() {
    let seconds = std::env::var("NFM_SMALL_DISK_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds: u64 = seconds.unwrap_or(SECONDS);
    let disk = Disk::mount();
    let path = disk.0.join("store");
    let mut writer = Writer::start(&path);
    let mut encoders: Vec<Encoder> = (0..GUESTS)
        .map(|guest| Encoder::new(guest as u32 + 1, frame(guest, 0, 0).domain, 0).expect("one"))
        .collect();
    let real = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let (begun, mut times, mut bytes_sent) = (Instant::now(), Vec::new(), 0);
    let mut ballast = None;
    for beat in 0..seconds * RATE {
        // An hour back after a third of the time, and two hours on after another one.
        let step = [0, -3600, 3600][usize::try_from(beat * 3 / (seconds * RATE)).unwrap()];
        let boot_ns = beat * SECOND / RATE;
        let time_ns = real.saturating_add_signed(step) * SECOND + boot_ns;
        times.push(time_ns);
        if writer.anew.swap(false, Ordering::Relaxed) {
            encoders.iter_mut().for_each(Encoder::begin_anew);
        }
        for (guest, encoder) in (0..).zip(&mut encoders) {
            let mut bytes = Vec::new();
            let own = &mut frame(guest, beat + 1, time_ns);
            encoder.encode(own, 1000 * SECOND + boot_ns, &mut bytes).expect("a record");
            bytes_sent += bytes.len();
            writer.pipe.as_mut().expect("a pipe").write_all(&bytes).expect("the writer is there");
        }
        // Another program takes all that is left for three seconds, and gives it back.
        if (seconds * RATE / 2..seconds * RATE / 2 + 3 * RATE).contains(&beat) {
            ballast = Some(disk.fill());
        }
        if beat == seconds * RATE / 2 + 3 * RATE {
            ballast.take().into_iter().for_each(|one| std::fs::remove_file(one).expect("a file"));
        }
        let next = Duration::from_nanos((beat + 1) * SECOND / RATE);
        sleep(next.saturating_sub(begun.elapsed()));
    }
    sleep(Duration::from_secs(1));
    assert!(writer.child.try_wait().expect("its state").is_none(), "the writer ended");
    // From here on nothing is sealed or removed.
    writer.pipe = None;
    assert!(writer.child.wait().expect("its end").success());

    let mut store = Store::open(&path).expect("a store");
    let events = store.events(None, 0, u64::MAX).expect("events");
    let of_kind = |kind: &'static str| events.iter().filter(move |one| one.kind == kind);
    let gaps: u64 = of_kind("gap")
        .map(|one| one.text.split(' ').next().and_then(|count| count.parse::<u64>().ok()))
        .map(|count| count.expect("a number"))
        .sum();
    let steps: Vec<&str> = of_kind("clock-step").map(|one| one.text.as_str()).collect();
    let (mut missing, mut kept, mut newest) = (0, 0, u64::MAX);
    for guest in 0..GUESTS {
        let name = format!("guest-{guest}");
        let entries = store.entries(&name, 0, u64::MAX).expect("entries");
        let (first, last) = (entries.first().expect("frames"), entries.last().expect("frames"));
        assert!(entries.is_sorted_by(|a, b| a.seq < b.seq), "{name}: out of order");
        missing += last.seq - first.seq + 1 - entries.len() as u64;
        kept += entries.len();
        newest = newest.min(last.seq);
        // The last seconds are there whole.
        let own =
            entries.iter().rev().zip((0..=last.seq).rev()).take_while(|(one, seq)| one.seq == *seq);
        assert!(own.count() as u64 >= 5 * RATE, "{name}: the newest frames");
        // Every frame is found by its time, and is what was recorded.
        for entry in entries.iter().step_by(if guest == 0 { 1 } else { 50 }) {
            let found = store.frame(&name, At::Before(entry.time_ns), &WANTED).expect("a frame");
            assert_eq!(found, frame(guest, entry.seq, times[entry.seq as usize - 1]));
        }
    }
    println!(
        "{bytes_sent} bytes in {seconds} s: {kept} frames kept up to #{newest} of {}; {missing} missing between, {gaps} of \
         them told as gaps; {steps:?}",
        seconds * RATE
    );
    assert!(newest + 3 * RATE >= seconds * RATE, "the newest frame is #{newest}");
    assert!(missing > 0 && missing <= gaps, "{missing} frames are missing, {gaps} are told");
    // The second step at least is young enough to be there.
    assert!(steps.iter().any(|one| one.contains("forward by 7200")), "{steps:?}");
    assert!(store.take_damage().is_empty());
}
