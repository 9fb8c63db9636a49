//! Frames of a domain, mapped in batches and kept mapped from one frame to the next within bounds.
//!
//! A mapping holds its page: Xen cannot give it to another domain, nor end the guest's last trace, as
//! long as it stands. And a page that an HVM guest gives back (ballooning) stays visible as it was. So
//! mappings are few, and short-lived: what was not asked for goes first when there are too many, all go
//! when the guest's amount of memory changes or the guest ends, none gets older than [`OLDEST`], and a
//! thread gives all back once nobody has read for [`IDLE`].

use std::collections::VecDeque;
use std::ffi::c_int;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::Result;
use crate::library::{DomainInfo, Xen};

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// `log2(PAGE)`.
pub const PAGE_SHIFT: u32 = 12;
/// Frame numbers that fit into a page-table entry. Through one of these Linux maps a frame, without a look at the
/// bits above (`mfn_pte`, arch/x86/include/asm/xen/page.h): they would become flags, and another frame be mapped.
const FRAMES: u64 = 1 << 40;
/// A page, copied.
pub type Page = [u8; PAGE];

/// Pages that are kept mapped (64 MiB).
const MOST_KEPT: usize = 16_384;
/// Pages that are mapped by one call.
const BATCH: usize = 512;
/// A mapping older than this is made anew.
const OLDEST: Duration = Duration::from_secs(5);
/// Without a reader for so long, nothing is kept.
const IDLE: Duration = Duration::from_secs(2);

/// A domain's frames.
pub struct Mappings {
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

struct Shared {
    kept: Mutex<Kept>,
    /// Tells the keeper that the guest is closed.
    closed: Condvar,
}

struct Kept {
    xen: Xen,
    domain: u32,
    limits: Limits,
    /// Frame number to where it is mapped.
    places: FxHashMap<u64, Place>,
    regions: FxHashMap<u64, Region>,
    /// Regions in the order in which they were made.
    order: VecDeque<u64>,
    next: u64,
    /// Pages in all regions.
    pages: usize,
    /// Pages that the domain had at the last look.
    domain_pages: Option<u64>,
    last_read: Instant,
    is_closed: bool,
}

/// How much is mapped and kept. Others than the usual are for measuring what these are good for.
#[derive(Clone, Copy)]
struct Limits {
    kept: usize,
    batch: usize,
}

#[derive(Clone, Copy)]
struct Place {
    region: u64,
    page: usize,
}

/// Pages that one call mapped.
struct Region {
    start: *const u8,
    frames: Vec<u64>,
    made: Instant,
    /// Read from since the clock's hand last came by.
    used: bool,
}

// SAFETY: the pages belong to the region alone, and whoever has the lock is the only one to use it.
unsafe impl Send for Region {}

impl Limits {
    fn of_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<usize>().ok();
        Self {
            kept: number("NFM_XEN_KEPT_PAGES").unwrap_or(MOST_KEPT),
            batch: number("NFM_XEN_BATCH").unwrap_or(BATCH).clamp(1, 4096),
        }
    }
}

impl Mappings {
    /// Nothing is mapped yet.
    pub fn new(xen: Xen, domain: u32) -> Self {
        let kept = Kept {
            xen,
            domain,
            limits: Limits::of_environment(),
            places: FxHashMap::default(),
            regions: FxHashMap::default(),
            order: VecDeque::new(),
            next: 0,
            pages: 0,
            domain_pages: None,
            last_read: Instant::now(),
            is_closed: false,
        };
        let shared = Arc::new(Shared { kept: Mutex::new(kept), closed: Condvar::new() });
        Self { shared, keeper: None }
    }

    /// Xen's data about the domain.
    pub fn domain(&self) -> Result<DomainInfo> {
        let kept = self.shared.lock();
        kept.xen.domain(kept.domain)
    }

    /// Gives everything back.
    pub fn clear(&self) {
        self.shared.lock().clear();
    }

    /// Gives everything back if the domain has another number of pages than at the last look.
    pub fn check(&self, domain_pages: u64) {
        let mut kept = self.shared.lock();
        if kept.domain_pages.replace(domain_pages).is_some_and(|before| before != domain_pages) {
            kept.clear();
        }
    }

    /// Copies pages; `read[i]` becomes 1 where page i was there.
    pub fn read(&mut self, frames: &[u64], pages: &mut [Page], read: &mut [u8]) {
        let mut kept = self.shared.lock();
        kept.last_read = Instant::now();
        kept.read(frames, pages, read);
        let holds = !kept.regions.is_empty();
        drop(kept);
        let is_kept = self.keeper.as_ref().is_some_and(|keeper| !keeper.is_finished());
        if holds && !is_kept {
            let shared = Arc::clone(&self.shared);
            self.keeper = thread::Builder::new()
                .name("nfm-xen".to_owned())
                .spawn(move || shared.give_back_when_idle())
                .ok();
            if self.keeper.is_none() {
                // Nobody would give them back.
                self.clear();
            }
        }
    }
}

impl Drop for Mappings {
    fn drop(&mut self) {
        let mut kept = self.shared.lock();
        kept.clear();
        kept.is_closed = true;
        drop(kept);
        self.shared.closed.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keeper's work: it ends when nothing is mapped any more.
    fn give_back_when_idle(&self) {
        let mut kept = self.lock();
        while !kept.is_closed && !kept.regions.is_empty() {
            let idle = kept.last_read.elapsed();
            let Some(left) = IDLE.checked_sub(idle).filter(|left| !left.is_zero()) else {
                kept.clear();
                return;
            };
            let waited = self.closed.wait_timeout(kept, left);
            kept = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Kept {
    fn read(&mut self, frames: &[u64], pages: &mut [Page], read: &mut [u8]) {
        let mut missing = Vec::new();
        let now = Instant::now();
        for (index, frame) in frames.iter().enumerate() {
            match self.find(*frame, now) {
                Some(page) => {
                    copy(page, &mut pages[index]);
                    read[index] = 1;
                }
                None if *frame < FRAMES => missing.push(index),
                None => {}
            }
        }
        for indexes in missing.chunks(self.limits.batch) {
            let wanted: Vec<u64> = indexes.iter().map(|index| frames[*index]).collect();
            let mut errors = vec![0; wanted.len()];
            let Ok(start) = self.xen.map(self.domain, &wanted, &mut errors) else { continue };
            for (page, index) in indexes.iter().enumerate() {
                if errors[page] == 0 {
                    // SAFETY: the call mapped as many pages, and this one is there.
                    copy(unsafe { start.add(page * PAGE) }, &mut pages[*index]);
                    read[*index] = 1;
                }
            }
            self.keep(start, wanted, &errors, now);
        }
    }

    /// Where a frame is mapped, if it is and not for too long.
    fn find(&mut self, frame: u64, now: Instant) -> Option<*const u8> {
        let place = *self.places.get(&frame)?;
        let region = self.regions.get_mut(&place.region)?;
        if now.saturating_duration_since(region.made) > OLDEST {
            self.order.retain(|number| *number != place.region);
            self.give_back(place.region);
            return None;
        }
        region.used = true;
        // SAFETY: the region has this page.
        Some(unsafe { region.start.add(place.page * PAGE) })
    }

    /// Keeps what was mapped, or gives it back at once where it is too much.
    fn keep(&mut self, start: *const u8, frames: Vec<u64>, errors: &[c_int], now: Instant) {
        let count = frames.len();
        let some = errors.contains(&0);
        if !some || count > self.limits.kept {
            // SAFETY: what was in it has been copied.
            unsafe { self.xen.unmap(start, count) };
            return;
        }
        while self.pages + count > self.limits.kept && self.give_back_one() {}
        let region = self.next;
        self.next += 1;
        for (page, frame) in frames.iter().enumerate().filter(|(page, _)| errors[*page] == 0) {
            self.places.insert(*frame, Place { region, page });
        }
        self.pages += count;
        self.order.push_back(region);
        self.regions.insert(region, Region { start, frames, made: now, used: false });
    }

    /// Gives back the region that was made first of those that nobody used of late (CLOCK).
    fn give_back_one(&mut self) -> bool {
        for _ in 0..=2 * self.order.len() {
            let Some(oldest) = self.order.pop_front() else { return false };
            match self.regions.get_mut(&oldest) {
                Some(region) if region.used => {
                    region.used = false;
                    self.order.push_back(oldest);
                }
                Some(_) => {
                    self.give_back(oldest);
                    return true;
                }
                None => {}
            }
        }
        false
    }

    /// Unmaps a region that is in the order no more.
    fn give_back(&mut self, number: u64) {
        let Some(region) = self.regions.remove(&number) else { return };
        for frame in &region.frames {
            if self.places.get(frame).is_some_and(|place| place.region == number) {
                self.places.remove(frame);
            }
        }
        self.pages -= region.frames.len();
        // SAFETY: nothing leads there any more.
        unsafe { self.xen.unmap(region.start, region.frames.len()) };
    }

    fn clear(&mut self) {
        let numbers: Vec<u64> = self.regions.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.give_back(number));
        self.order.clear();
    }
}

/// Copies a page that the guest may change meanwhile.
fn copy(from: *const u8, to: &mut Page) {
    let from = from.cast::<u64>();
    for (index, word) in to.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        // SAFETY: the page is mapped whole and aligned; volatile, as somebody else writes there.
        *word = unsafe { from.add(index).read_volatile() }.to_ne_bytes();
    }
}
