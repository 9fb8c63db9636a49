//! The costs of a piece of work: time by the clock, time on a CPU, memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The system's allocator, with a count of the bytes in use.
pub struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn add(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

fn remove(bytes: usize) {
    NOW.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        remove(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        remove(layout.size());
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Bytes of heap in use.
pub fn heap() -> usize {
    NOW.load(Ordering::Relaxed)
}

/// The costs of a piece of work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Time by the clock.
    pub wall: Duration,
    /// CPU time of this thread, which other work on the machine hardly lengthens.
    pub cpu: Duration,
    /// Time in which this thread could have run, and another one did.
    pub waited: Duration,
    /// The most bytes of heap that the process had in use meanwhile, all of it counted.
    pub heap: usize,
}

impl Cost {
    /// Time by the clock, without what other work on the machine took of it. Sleep counts.
    pub fn own_time(&self) -> Duration {
        self.wall.saturating_sub(self.waited)
    }
}

/// Does a piece of work and tells what it cost.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    PEAK.store(heap(), Ordering::Relaxed);
    let waited = time_waited();
    let (wall, cpu) = (Instant::now(), thread_time());
    let result = work();
    let cost = Cost {
        wall: wall.elapsed(),
        cpu: thread_time().saturating_sub(cpu),
        waited: time_waited().saturating_sub(waited),
        heap: PEAK.load(Ordering::Relaxed),
    };
    (result, cost)
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Time that this thread waited for a CPU so far: the second number (Documentation/scheduler/sched-stats.rst);
/// none where the kernel does not count it.
fn time_waited() -> Duration {
    let mut text = [0; 128];
    let file = File::open("/proc/thread-self/schedstat");
    let length = file.and_then(|mut file| file.read(&mut text)).unwrap_or(0);
    let words = std::str::from_utf8(text.get(..length).unwrap_or_default()).unwrap_or_default();
    let waited = words.split(' ').nth(1).and_then(|number| number.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}
