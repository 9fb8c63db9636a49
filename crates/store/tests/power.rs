//! Power cuts: on a file system that stops at once, nothing is lost but what the sync period allows, and nothing is false.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nfm_frame::{DomainIdentity, Frame, Os, Process, Section};
use nfm_store::{Encoder, Parsed, Store, StoreWriter, parse};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_796_000_400 * SECOND;
const NAME: &str = "at_most_the_sync_period_is_lost";
/// Set in the process that has mounts of its own.
const ALONE: &str = "NFM_STORE_POWER_ALONE";
const CHILD: &str = "NFM_STORE_POWER_CHILD";
/// As many in CI; `NFM_POWER_CUTS` says otherwise (make soak: 30).
const CUTS: u64 = 3;
const SYNC: Duration = Duration::from_secs(1);
/// The time between two looks at what is to be synced, and what the disk takes for it on a machine with much else to do.
const TICK: Duration = Duration::from_millis(20);
const DISK: Duration = Duration::from_millis(1500);

/// An XFS of its own, in a file.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?} fails");
}

impl Disk {
    fn make() -> Self {
        let base = std::env::temp_dir().join(format!("nfm-power-{}", std::process::id()));
        let (image, mounted) = (base.with_extension("img"), base);
        std::fs::create_dir(&mounted).unwrap();
        std::fs::File::create(&image).unwrap().set_len(320 << 20).unwrap();
        run("mkfs.xfs", &["-q", "-f", image.to_str().unwrap()]);
        let disk = Self { image, mounted };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", self.image.to_str().unwrap(), self.mounted.to_str().unwrap()]);
    }

    /// Cuts the power: what is not on the disk is gone, the journal's end with it.
    fn cut(&self) -> Instant {
        run("xfs_io", &["-x", "-c", "shutdown", self.mounted.to_str().unwrap()]);
        Instant::now()
    }

    fn unmount(&self) {
        run("umount", &[self.mounted.to_str().unwrap()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir(&self.mounted);
        let _ = std::fs::remove_file(&self.image);
    }
}

fn frame(seq: u64) -> Frame {
    let process = |pid: u32| Process {
        pid,
        user_ns: Some(seq * 1000 + u64::from(pid)),
        ..Process::default()
    };
    Frame {
        domain: DomainIdentity { name: "web-1".to_owned(), ..DomainIdentity::default() },
        seq,
        time_ns: START + seq * SECOND / 50,
        os: Some(Os { uptime_ns: Some(seq), ..Os::default() }),
        processes: Some((1..40).map(process).collect()),
        ..Frame::default()
    }
}

/// Records fifty frames a second and prints the number of each that was appended.
fn record(path: &Path) {
    let mut writer = StoreWriter::open(path, "host", SYNC).unwrap();
    let mut seq = writer.highest();
    let mut encoder = Encoder::new(1, frame(0).domain, seq).unwrap();
    println!("ready");
    loop {
        seq += 1;
        let mut bytes = Vec::new();
        encoder.encode(&mut frame(seq), seq, &mut bytes).unwrap();
        let Parsed::Record(record, _) = parse(&bytes) else { panic!("no record") };
        // The disk is gone once the power was cut.
        if writer.append(&record.head, &bytes).and_then(|()| writer.tick()).is_err() {
            return;
        }
        println!("{seq}");
        std::io::stdout().flush().unwrap();
        std::thread::sleep(TICK);
    }
}

#[test]
fn at_most_the_sync_period_is_lost() {
    if let Some(path) = std::env::var_os(CHILD) {
        return record(&PathBuf::from(path));
    }
    if std::env::var_os(ALONE).is_none() {
        // A mount namespace that another test makes meanwhile would have a copy of the mount, by which the dead filesystem
        // lives on, and is what the next mount gives.
        let mut alone = Command::new("unshare");
        alone.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
        alone.args([NAME, "--exact", "--nocapture"]).env(ALONE, "1");
        assert!(alone.status().expect("unshare").success());
        return;
    }
    let cuts = std::env::var("NFM_POWER_CUTS").ok().and_then(|count| count.parse().ok());
    let cuts: u64 = cuts.unwrap_or(CUTS);
    let disk = Disk::make();
    let path = disk.mounted.join("store");
    let mut worst = Duration::ZERO;
    for cut in 0..cuts {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.by_ref().find(|line| line.contains("ready")).expect("it records");
        let mut told: Vec<(u64, Instant)> = Vec::new();
        // After another time in each round.
        let count = 60 + (cut * 37) % 50;
        for line in lines.by_ref().take(usize::try_from(count).unwrap()) {
            told.push((line.parse().unwrap(), Instant::now()));
        }
        let at = disk.cut();
        drop(lines);
        let _ = child.kill();
        child.wait().unwrap();
        disk.unmount();
        disk.mount();

        let mut store = Store::open(&path).unwrap();
        let mut last = 0;
        let each = |found: Frame| {
            assert_eq!(found, frame(found.seq));
            last = found.seq;
        };
        store.each_frame("web-1", (0, u64::MAX), &[Section::Os, Section::Processes], each).unwrap();
        let lost = told.iter().find(|(seq, _)| *seq > last);
        let lost = lost.map_or(Duration::ZERO, |(_, when)| at.duration_since(*when));
        worst = worst.max(lost);
        assert!(lost <= SYNC + TICK + DISK, "{lost:?} are lost, from #{last} on");
    }
    println!("{cuts} power cuts: at most the last {worst:?} were lost");
}
