//! Helpers that the benchmarks share: guests of the lab, counted allocations, medians with their spread.
#![allow(dead_code, reason = "no benchmark uses all of it")]

pub mod plot;

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Counts allocations; frees are not counted.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's duty.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's duty.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's duty.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Allocations so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// True if this is a run: `cargo test --benches` starts benchmarks too, without `--bench`.
pub fn is_run() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The arguments that are the benchmark's own.
pub fn arguments() -> Vec<String> {
    std::env::args().skip(1).filter(|argument| argument != "--bench").collect()
}

/// True if it is only to be seen that the benchmark works (NFM_BENCH_QUICK=1): little of everything.
pub fn quick() -> bool {
    std::env::var_os("NFM_BENCH_QUICK").is_some()
}

/// The first of these, or the second where the benchmark is quick.
pub fn if_time<T>(all: T, little: T) -> T {
    if quick() { little } else { all }
}

/// Wall-clock and CPU time (user and system, of this thread) of what was measured again and again.
#[derive(Default)]
pub struct Times {
    pub wall: Vec<f64>,
    pub cpu: Vec<f64>,
}

impl Times {
    /// Runs and measures once.
    pub fn measure<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let (wall, cpu) = (Instant::now(), thread_time());
        let result = run();
        let (wall, cpu) = (wall.elapsed(), thread_time().saturating_sub(cpu));
        self.wall.push(wall.as_secs_f64() * 1e3);
        self.cpu.push(cpu.as_secs_f64() * 1e3);
        result
    }
}

/// A percentile of what was measured.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(f64::NAN)
}

/// The median.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The 10th and the 90th percentile.
pub fn spread(values: &[f64]) -> String {
    format!("{:.3} – {:.3}", percentile(values, 10), percentile(values, 90))
}

/// CPU time of this thread.
pub fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// CPU time of this process.
pub fn process_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// The resident memory of this process and its peak, in KiB.
pub fn resident() -> (u64, u64) {
    (status("VmRSS:"), status("VmHWM:"))
}

/// That part of it which is this process's own, in KiB: no file's, and no guest's that is mapped.
pub fn own() -> u64 {
    status("RssAnon:")
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// A guest of the lab, ended when the benchmark ends.
pub struct Guest {
    /// libvirt's name of the domain.
    pub name: String,
    owned: bool,
}

impl Guest {
    const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testing/lab/guest");

    /// Starts a guest with these options of `testing/lab/guest up`. With NFM_BENCH_GUEST in the
    /// environment, `nfm-test-$NFM_BENCH_GUEST-NAME` is taken as it runs and is left running.
    pub fn start(name: &str, options: &[&str]) -> Self {
        if let Ok(prefix) = std::env::var("NFM_BENCH_GUEST") {
            return Self { name: format!("nfm-test-{prefix}-{name}"), owned: false };
        }
        let name = format!("bench-{name}-{}", std::process::id());
        let up =
            Command::new(Self::LAB).args(["up", &name, "--timeout", "600"]).args(options).output();
        let up = up.expect("the lab runs");
        assert!(
            up.status.success(),
            "no guest (run the benchmark by `make` or in scripts/with-lab): {}",
            String::from_utf8_lossy(&up.stderr)
        );
        Self { name: String::from_utf8_lossy(&up.stdout).trim().to_owned(), owned: true }
    }

    /// The output of a shell command in the guest.
    pub fn ask(&self, command: &str) -> String {
        let asked = Command::new(Self::LAB).args(["ask", &self.name, command]).output();
        let asked = asked.expect("the lab runs");
        assert!(
            asked.status.success(),
            "'{command}' in {}: {}",
            self.name,
            String::from_utf8_lossy(&asked.stderr)
        );
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }

    /// QEMU's process on this host.
    pub fn pid(&self) -> u32 {
        let path = format!("/run/libvirt/qemu/{}.pid", self.name);
        let text = std::fs::read_to_string(&path).expect("QEMU's pid");
        text.trim().parse().expect("a pid")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.owned {
            let _ = Command::new(Self::LAB).args(["down", &self.name]).output();
        }
    }
}

/// Starts libvirt's daemon again where it ended, to run on: it ran before.
pub fn start_libvirt() {
    const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/setup");
    let started = Command::new(SETUP).arg("libvirt").env_remove("NFM_SETUP_STARTED").output();
    let started = started.expect("scripts/setup runs");
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
}
