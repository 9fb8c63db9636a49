//! Guest RAM in a file: what tells the formats apart, and the reads that all of them share.
//!
//! A file is read by position (`pread`) and never mapped: a mapped file that is cut short while it is read
//! kills the process (SIGBUS), and pages read through the frame's cache gain nothing from a mapping.
//! Whatever a header says is a claim: offsets and counts are held against the file's length before use.

mod content;
mod elf;
mod extents;
mod kdump;
mod lime;
mod open;
mod other;
mod raw;
mod saved;

use std::sync::Arc;

use super::{PAGE_SIZE, Page, PhysicalMemory, Residency};
pub(crate) use content::{Content, Dump, Origin};
pub(crate) use elf::core_header;
pub(crate) use open::DumpFile;

impl Dump {
    /// Recognises the format by the file's first bytes; what no format knows is raw memory.
    ///
    /// # Errors
    /// One clause that tells what is wrong with the file.
    pub fn open(file: DumpFile) -> Result<Self, String> {
        let mut beginning = [0; 16];
        let known = file.read(0, &mut beginning);
        let file = Arc::new(file);
        match &beginning {
            _ if !known => Err(format!("it is only {} bytes long", file.length())),
            b if b.starts_with(elf::MAGIC) => elf::open(&file),
            b if b.starts_with(kdump::FLATTENED) => kdump::open_flattened(&file),
            b if b.starts_with(kdump::MAGIC) => kdump::open(&file),
            b if b.starts_with(lime::LIME) || b.starts_with(lime::AVML) => lime::open(&file),
            b if b.starts_with(saved::STREAM) => saved::open_stream(&file),
            b if b.starts_with(saved::MAGIC) => saved::open(&file),
            b if b.starts_with(saved::PARTIAL) => {
                Err("libvirt never finished to save this image".to_owned())
            }
            b => match other::recognised(b) {
                Some(named) => Err(named),
                None => raw::open(&file),
            },
        }
    }
}

/// A layout of a dump as guest memory.
pub(crate) struct FileMemory(Arc<dyn Content>);

impl FileMemory {
    /// One of a dump's layouts.
    pub fn new(content: &Arc<dyn Content>) -> Self {
        Self(Arc::clone(content))
    }
}

impl PhysicalMemory for FileMemory {
    /// Neighbouring pages are read at once; where that fails, each is tried alone.
    fn read_pages(&self, frames: &[u64], pages: &mut [Page], read: &mut [bool]) {
        let (mut frames, mut pages, mut read) = (frames, pages, read);
        while let Some(first) = frames.first() {
            let next = (1_u64..).zip(frames.iter().skip(1));
            let more = next.take_while(|(step, frame)| first.checked_add(*step) == Some(**frame));
            let run = 1 + more.count();
            let (Some((_, later_frames)), Some((now_pages, later_pages)), Some((now, later))) = (
                frames.split_at_checked(run),
                pages.split_at_mut_checked(run),
                read.split_at_mut_checked(run),
            ) else {
                return;
            };
            let at = |step: u64| first.checked_add(step)?.checked_mul(PAGE_SIZE as u64);
            let whole = at(0).is_some_and(|at| self.0.read(at, now_pages.as_flattened_mut()));
            for ((step, page), read) in (0..).zip(now_pages).zip(now) {
                *read = whole || (run > 1 && at(step).is_some_and(|at| self.0.read(at, page)));
            }
            (frames, pages, read) = (later_frames, later_pages, later);
        }
    }

    fn read_run(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.0.read(address, bytes)
    }

    fn ram(&self) -> Vec<(u64, u64)> {
        self.0.ram()
    }

    fn boot_ram(&self) -> Vec<(u64, u64)> {
        self.0.boot_ram()
    }

    fn residency(&self) -> Option<Residency> {
        None
    }

    fn alive(&self) -> bool {
        true
    }
}
