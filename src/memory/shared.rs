//! Guest RAM whose file this process maps too: read where it is, without a system call.
//!
//! Reading a page that the file does not have yet would give it one: memory that the guest never asked
//! for. So the host is asked first which pages are there, for a few neighbours at once, and what it
//! said counts for a second: a guest gives pages back (a balloon) only when it has no use for them.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::page_pool::PageAt;
use super::{PAGE_SHIFT, PAGE_SIZE};

/// Pages that are asked for at once.
const NEIGHBOURS: u64 = 16;
/// For how long an answer counts.
const LASTS: Duration = Duration::from_secs(1);
/// File systems (statfs(2)).
const TMPFS: u64 = 0x0102_1994;
const HUGETLBFS: u64 = 0x9584_58f6;

/// A run of a file that is mapped here, read-only.
#[derive(Debug)]
pub(super) struct SharedMapping {
    start: NonNull<u8>,
    length: usize,
    /// The file has at least this size, or reading would end this process (SIGBUS).
    file_end: u64,
    presence: Presence,
    /// For each neighbourhood the bits of the pages that are there and, above them, when that was asked.
    /// Zeroed by the system: what is never used takes no memory.
    present: RefCell<Vec<u32>>,
    /// Counts the times for which answers last; 0 is never.
    epoch: Cell<u16>,
    asked: Cell<Instant>,
    /// Cleared when the file is no longer what was mapped.
    usable: Cell<bool>,
}

// SAFETY: the mapping is this value's own, and any thread may read it.
unsafe impl Send for SharedMapping {}

/// The source that tells which pages are there.
#[derive(Debug)]
enum Presence {
    /// mincore(2), for tmpfs: what is in the page cache.
    Mincore,
    /// The pagemap of the process that uses the huge pages, and the address at which it does.
    Pagemap(Arc<File>, u64),
}

impl SharedMapping {
    /// Maps a run of a file, which the process of a pagemap uses at an address. `None` where that is not safe (a
    /// file of a file system that may fail to give its pages), or not possible.
    pub fn new(
        file: &File,
        offset: u64,
        length: u64,
        pagemap: Option<&Arc<File>>,
        host: u64,
    ) -> Option<Self> {
        let presence = match rustix::fs::fstatfs(file).ok()?.f_type as u64 {
            // mincore tells the truth to those only who may write to the file.
            TMPFS if may_write(file) => Presence::Mincore,
            HUGETLBFS => Presence::Pagemap(Arc::clone(pagemap?), host),
            _ => return None,
        };
        let file_end = offset.checked_add(length)?;
        let length = usize::try_from(length).ok()?;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let start = unsafe {
            mmap(std::ptr::null_mut(), length, ProtFlags::READ, flags, file, offset).ok()?
        };
        Some(Self {
            start: NonNull::new(start.cast())?,
            length,
            file_end,
            presence,
            present: RefCell::new(vec![0; (length >> PAGE_SHIFT).div_ceil(NEIGHBOURS as usize)]),
            epoch: Cell::new(1),
            asked: Cell::new(Instant::now()),
            usable: Cell::new(true),
        })
    }

    /// Looks whether the file is as long as it was, and forgets old answers.
    pub fn begin_frame(&self, file: &File) {
        let size = rustix::fs::fstat(file).map_or(0, |stat| stat.st_size as u64);
        self.usable.set(size >= self.file_end);
        if self.asked.get().elapsed() > LASTS {
            self.asked.set(Instant::now());
            let epoch = self.epoch.get().wrapping_add(1);
            if epoch == 0 {
                self.present.borrow_mut().fill(0);
            }
            self.epoch.set(epoch.max(1));
        }
    }

    /// The page that holds an offset, if it is there.
    pub fn page(&self, offset: u64) -> Option<PageAt> {
        let offset = offset >> PAGE_SHIFT << PAGE_SHIFT;
        let page = offset >> PAGE_SHIFT;
        let (place, bit) = (page / NEIGHBOURS, page % NEIGHBOURS);
        if !self.usable.get() || offset.checked_add(PAGE_SIZE as u64)? > self.length as u64 {
            return None;
        }
        let mut present = self.present.borrow_mut();
        let known = present.get_mut(place as usize)?;
        if *known >> 16 != u32::from(self.epoch.get()) {
            let bits = self.ask(place * NEIGHBOURS).unwrap_or(0);
            *known = u32::from(self.epoch.get()) << 16 | u32::from(bits);
        }
        let bits = *known;
        // SAFETY: within the mapping (checked above), at a page's start; its memory is there, so that
        // reading neither allocates nor fails. It is unmapped when this value is dropped, which the
        // guest RAM owns.
        (bits & 1 << bit != 0)
            .then(|| unsafe { PageAt::new(self.start.add((page << PAGE_SHIFT) as usize)) })
    }

    /// Which of the pages from this one on are there.
    fn ask(&self, first: u64) -> Option<u16> {
        let left = (self.length as u64 >> PAGE_SHIFT).checked_sub(first)?;
        let count = left.min(NEIGHBOURS) as usize;
        let bits = |is_there: &mut dyn Iterator<Item = bool>| {
            is_there.zip(0..16).fold(0, |bits, (there, bit)| bits | u16::from(there) << bit)
        };
        match &self.presence {
            Presence::Mincore => {
                let mut states = [0_u8; NEIGHBOURS as usize];
                // SAFETY: the range lies in the mapping; the kernel writes a byte a page.
                let done = unsafe {
                    let from = self.start.add((first << PAGE_SHIFT) as usize);
                    libc::mincore(from.as_ptr().cast(), count << PAGE_SHIFT, states.as_mut_ptr())
                };
                (done == 0)
                    .then(|| bits(&mut states.iter().take(count).map(|state| state & 1 != 0)))
            }
            Presence::Pagemap(pagemap, host) => {
                const PRESENT: u64 = 1 << 63;
                let mut entries = [0_u8; 8 * NEIGHBOURS as usize];
                let wanted = entries.get_mut(..8 * count)?;
                pagemap.read_exact_at(wanted, ((host >> PAGE_SHIFT) + first) * 8).ok()?;
                let entries = wanted.as_chunks().0.iter().map(|entry| u64::from_le_bytes(*entry));
                Some(bits(&mut entries.map(|entry| entry & PRESENT != 0)))
            }
        }
    }
}

impl Drop for SharedMapping {
    fn drop(&mut self) {
        // SAFETY: as it was mapped; no place in it is used after the guest RAM is dropped.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// True if this process might write to the file, though it never does.
fn may_write(file: &File) -> bool {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}
