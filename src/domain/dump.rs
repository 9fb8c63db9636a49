//! Writing a guest's memory to a file: an ELF core that other tools read too, in which pages of zeros are
//! holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;

use super::new_file::{self, NewFile};
use super::{Domain, Mode, nanoseconds};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::kernel::Vmcoreinfo;
use crate::memory::{Origin, PAGE_SIZE, PhysicalMemory, core_header};
use crate::paging::AddressSpace;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;
/// Runs of RAM that an ELF header can name.
const MOST_RUNS: usize = 60_000;

/// How to write a guest's memory to a file.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DumpOptions {
    /// How the guest is treated meanwhile. While it runs on, the file's pages are of different moments.
    pub mode: Mode,
    /// Replace a file that is there already.
    pub overwrite: bool,
    /// Cancels it from another thread; nothing is left of the file.
    pub control: Option<Control>,
}

/// The result of writing a dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpSummary {
    /// Bytes of the guest's RAM, all of which can be read from the file.
    pub ram_bytes: u64,
    /// Bytes of it that are not zeros, which is what the file takes on the disk.
    pub written_bytes: u64,
    /// Bytes that the host could not read; zeros stand for them.
    pub unreadable_bytes: u64,
    /// Bytes of the guest's RAM that are not in the file, as it is not certain where the hypervisor keeps them:
    /// those of [`Findings::unplaced`](crate::Findings::unplaced).
    pub left_out_bytes: u64,
    /// How long it took.
    pub duration: Duration,
}

impl Domain {
    /// Writes the guest's memory to a new file, from which `file:PATH` opens it later and elsewhere. It is an
    /// ELF core with the kernel's VMCOREINFO, which drgn and makedumpfile read too. Only its owner may read
    /// it. It has its name once it is complete; what fails leaves nothing behind.
    ///
    /// `progress` is told how many bytes of RAM are done, and how many there are.
    ///
    /// # Errors
    /// [`Error::Dump`] when the file cannot be written, also when there is one already;
    /// [`Error::Gone`] when the guest ended; [`Error::Cancelled`]; libvirt's refusal to suspend it.
    pub fn dump(
        &mut self,
        path: &Path,
        options: &DumpOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<DumpSummary> {
        let begun = Instant::now();
        let time = self.source.taken().unwrap_or_else(SystemTime::now);
        let control = options.control.as_ref();
        self.check(control)?;
        let failed = |error: io::Error| new_file::failure(path, &error);
        let target = NewFile::new(path, options.overwrite)?;
        let hold = match options.mode {
            Mode::Live => None,
            Mode::Paused => self.source.hold()?,
        };
        // A guest between two kernels can be written down all the same.
        let left = self.options.time_limit;
        let info = self.follow_restart(left, control).ok().and_then(|()| self.vmcoreinfo());
        // Memory that was plugged in meanwhile is written down, too, or said to be left out.
        self.follow_plugs(true);
        let identity = self.source.identity();
        let origin = Origin {
            format: Origin::FORMAT.to_owned(),
            name: identity.name.clone(),
            uuid: identity.uuid.clone(),
            hypervisor: identity.hypervisor.clone(),
            time_ns: nanoseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default()),
            paused: hold.is_some(),
            left_out: self.source.unplaced(self.found.ram_layout),
        };
        let left_out = origin.left_out.iter().fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
        let memory = self.found.ram.memory();
        let ram = memory.ram();
        let refused =
            |reason| Err(Error::Dump { path: path.display().to_string(), reason, errno: 0 });
        if ram.is_empty() {
            let place = self.source.place();
            return refused(format!(
                "where the RAM of {place} lies is not known; use `virsh dump`"
            ));
        }
        if ram.len() > MOST_RUNS {
            return refused(format!(
                "the guest's memory is in {} pieces, too many for it",
                ram.len()
            ));
        }
        let header = core_header(&ram, &origin, info.as_deref());
        let writer = Writer { file: target.file(), memory, ram: &ram, start: header.len() as u64 };
        target.file().write_all_at(&header, 0).map_err(failed)?;
        target.file().set_len(writer.end()).map_err(failed)?;
        let copied = writer.copy(&mut |done, total| {
            progress(done, total);
            control.is_none_or(|control| !control.is_cancelled())
        });
        drop(hold);
        // Whatever else went wrong came of it.
        self.check(control)?;
        let mut summary = copied.map_err(failed)?;
        target.complete(path, options.overwrite)?;
        summary.duration = begun.elapsed();
        summary.left_out_bytes = left_out;
        Ok(summary)
    }

    /// The kernel's VMCOREINFO.
    fn vmcoreinfo(&self) -> Option<String> {
        let kernel = &self.found.kernel;
        let ram = &self.found.ram;
        ram.forget_pages();
        let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
        Vmcoreinfo::read(&space, kernel.vmcoreinfo?).map(|info| info.text().to_owned())
    }
}

/// Copies memory to the file, behind its headers.
struct Writer<'a> {
    file: &'a File,
    memory: &'a dyn PhysicalMemory,
    ram: &'a [(u64, u64)],
    /// Offset of the first run of RAM.
    start: u64,
}

impl Writer<'_> {
    /// The offset behind the last byte.
    fn end(&self) -> u64 {
        self.ram.iter().fold(self.start, |end, (_, length)| end.saturating_add(*length))
    }

    /// `goes_on` is told how many bytes are done, and how many there are, and says whether to go on.
    fn copy(&self, goes_on: &mut dyn FnMut(u64, u64) -> bool) -> io::Result<DumpSummary> {
        let total = self.end().saturating_sub(self.start);
        let mut summary = DumpSummary { ram_bytes: total, ..DumpSummary::default() };
        let mut piece = vec![0; PIECE];
        let populated = self.memory.populated();
        // Both ascend, and no populated run goes beyond its run of RAM.
        let mut runs = populated.iter().peekable();
        let mut base = self.start;
        for (first, length) in self.ram {
            let end = first.saturating_add(*length);
            while let Some((start, bytes)) = runs.next_if(|(start, _)| *start < end) {
                for skip in (0..*bytes).step_by(PIECE) {
                    let at = start.saturating_add(skip);
                    let offset = base.saturating_add(at.saturating_sub(*first));
                    let now = (bytes - skip).min(PIECE as u64) as usize;
                    self.piece(at, offset, piece.get_mut(..now).unwrap_or_default(), &mut summary)?;
                    if !goes_on(offset.saturating_sub(self.start), total) {
                        return Err(Errno::CANCELED.into());
                    }
                }
            }
            base = base.saturating_add(*length);
        }
        goes_on(total, total);
        Ok(summary)
    }

    /// Reads some pages and writes those that are not zeros.
    fn piece(
        &self,
        address: u64,
        offset: u64,
        bytes: &mut [u8],
        summary: &mut DumpSummary,
    ) -> io::Result<()> {
        if !self.memory.read_run(address, bytes) {
            for (index, page) in bytes.chunks_mut(PAGE_SIZE).enumerate() {
                let at = address.saturating_add((index * PAGE_SIZE) as u64);
                if !self.memory.read_run(at, page) {
                    page.fill(0);
                    summary.unreadable_bytes += page.len() as u64;
                }
            }
        }
        let is_zero = |page: &&[u8]| page.iter().all(|byte| *byte == 0);
        let mut rest = &*bytes;
        let mut at = offset;
        while !rest.is_empty() {
            let zeros = rest.chunks(PAGE_SIZE).take_while(is_zero).map(<[u8]>::len).sum();
            let (skipped, later) = rest.split_at(zeros);
            let full = later.chunks(PAGE_SIZE).take_while(|page| !is_zero(page));
            let (kept, after) = later.split_at(full.map(<[u8]>::len).sum());
            at = at.saturating_add(skipped.len() as u64);
            self.file.write_all_at(kept, at)?;
            summary.written_bytes += kept.len() as u64;
            at = at.saturating_add(kept.len() as u64);
            rest = after;
        }
        Ok(())
    }
}
