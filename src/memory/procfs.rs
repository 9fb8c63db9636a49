//! Guest RAM inside a QEMU process: `process_vm_readv` for private memory, the backing file for
//! shared memory, `/proc/PID/mem` where the system call is refused.

use std::cell::{Cell, OnceCell};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::SeekFrom;

use super::shared::SharedMapping;
use super::{PAGE_SHIFT, PAGE_SIZE, Page, PageAt, Part, PhysicalMemory, Residency, residency};
use crate::error::{Error, Result};
use crate::resolve::{Backing, QemuProcess, RamBlock, RamLayout};
use crate::this_process::{descriptor_limit, lacks_descriptors};

/// Pages in one call.
const BATCH: usize = 512;
/// Ranges in one call: the kernel's limit (`UIO_MAXIOV`).
const MOST_RANGES: usize = 1024;
/// Frames, the opening being one, with the last of which shared memory is mapped.
const FRAMES_BEFORE_MAPPING: u64 = 3;

/// A QEMU process whose memory may be read.
#[derive(Debug)]
pub(crate) struct ReadableProcess {
    process: QemuProcess,
    /// `/proc/PID/mem`, where it may be opened and there is private memory: that takes the right to open other
    /// users' files beside the right to trace, which is all that `process_vm_readv` asks for.
    mem: Option<File>,
    /// System calls that reading took.
    calls: AtomicU64,
    /// `/proc/PID/pagemap`: kept open, as whoever gave up privileges could not open it later.
    pagemap: Option<Arc<File>>,
}

/// The memory of a running QEMU guest.
#[derive(Debug)]
pub(crate) struct ProcfsMemory {
    owner: Arc<ReadableProcess>,
    blocks: Vec<Block>,
    /// Frames that have begun.
    frames: Cell<u64>,
    /// True if this frame asked for an address without RAM.
    missed: Cell<bool>,
}

#[derive(Debug)]
struct Block {
    ram: RamBlock,
    /// The backing file and the offset in it of the block's first byte.
    file: Option<(File, u64)>,
    /// The same, mapped here, once it was tried.
    mapping: OnceCell<Option<SharedMapping>>,
}

impl ReadableProcess {
    /// Asks for the right to read the process's memory, by one byte at an address that is mapped in it.
    /// `private`: it has memory that no file is behind. Each descriptor counts: a process may have hundreds of
    /// guests open.
    ///
    /// # Errors
    /// [`Error::Permission`] when it is refused, with the system's words.
    pub fn open(
        process: QemuProcess,
        mapped: u64,
        private: bool,
        domain: &str,
    ) -> Result<Arc<Self>> {
        let path = format!("/proc/{}/mem", process.pid);
        let mem = enough_descriptors(File::open(&path))?;
        let refusal = mem.as_ref().err().map(ToString::to_string);
        let mem = mem.ok().filter(|_| private);
        let pagemap = enough_descriptors(File::open(format!("/proc/{}/pagemap", process.pid)))?;
        let pagemap = pagemap.ok().map(Arc::new);
        let readable = Self { process, mem, calls: AtomicU64::new(0), pagemap };
        let Some(reason) = refusal else { return Ok(Arc::new(readable)) };
        let mut page = [[0; PAGE_SIZE]];
        if readable.vm_read(&[mapped], &mut page) == Some(1) {
            return Ok(Arc::new(readable));
        }
        if readable.process.ending() {
            return Err(Error::Gone { domain: domain.to_owned() });
        }
        Err(Error::Permission {
            domain: domain.to_owned(),
            pid: readable.process.pid,
            reason: format!("{path}: {reason}"),
        })
    }

    /// Reads private pages of the process, by their addresses, in one system call; returns how many
    /// were read whole, from the first on, or `None` where the call itself is refused.
    fn vm_read(&self, addresses: &[u64], pages: &mut [Page]) -> Option<usize> {
        let mut remote: Vec<libc::iovec> = Vec::with_capacity(addresses.len());
        let mut end = None;
        for address in addresses {
            match remote.last_mut() {
                // Neighbours are one range.
                Some(last) if end == Some(*address) => last.iov_len += PAGE_SIZE,
                _ => remote.push(libc::iovec {
                    iov_base: *address as *mut libc::c_void,
                    iov_len: PAGE_SIZE,
                }),
            }
            end = address.checked_add(PAGE_SIZE as u64);
        }
        let length = addresses.len().min(pages.len()) * PAGE_SIZE;
        let local = libc::iovec { iov_base: pages.as_mut_ptr().cast(), iov_len: length };
        self.count_call();
        // SAFETY: the local range is what `pages` borrows exclusively; the remote addresses are only
        // read by the kernel in the other process, and it checks them.
        let read = unsafe {
            let (ranges, count) = (remote.as_ptr(), remote.len() as u64);
            libc::process_vm_readv(self.process.pid, &local, 1, ranges, count, 0)
        };
        match usize::try_from(read) {
            Ok(read) => Some(read / PAGE_SIZE),
            Err(_) => {
                let error = std::io::Error::last_os_error().raw_os_error();
                (error == Some(libc::EFAULT)).then_some(0)
            }
        }
    }

    /// Reads parts of private pages of the process into places of their own, in one system call; `None`
    /// where the call itself is refused. Else how many were read whole, from the first on.
    fn vm_read_parts(&self, parts: &mut [(u64, &mut Part<'_>)]) -> Option<usize> {
        let range =
            |start: *mut libc::c_void, length| libc::iovec { iov_base: start, iov_len: length };
        let local = parts
            .iter_mut()
            .map(|(_, part)| range(part.bytes.as_mut_ptr().cast(), part.bytes.len()));
        let local: Vec<libc::iovec> = local.collect();
        let remote =
            parts.iter().map(|(at, part)| range(*at as *mut libc::c_void, part.bytes.len()));
        let remote: Vec<libc::iovec> = remote.collect();
        self.count_call();
        let count = local.len() as u64;
        // SAFETY: the local ranges are what the parts borrow exclusively; the remote addresses are only
        // read by the kernel in the other process, and it checks them.
        let read = unsafe {
            let (local, remote) = (local.as_ptr(), remote.as_ptr());
            libc::process_vm_readv(self.process.pid, local, count, remote, count, 0)
        };
        let Ok(mut left) = usize::try_from(read) else {
            let error = std::io::Error::last_os_error().raw_os_error();
            return (error == Some(libc::EFAULT)).then_some(0);
        };
        let whole = parts.iter().take_while(|(_, part)| {
            let read = left.checked_sub(part.bytes.len());
            left = read.unwrap_or(0);
            read.is_some()
        });
        Some(whole.count())
    }

    /// Reads bytes at an address of the process.
    fn read_at(&self, bytes: &mut [u8], address: u64) -> bool {
        self.count_call();
        if let Some(mem) = &self.mem {
            return mem.read_exact_at(bytes, address).is_ok();
        }
        let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
        // SAFETY: `local` covers memory that `bytes` borrows exclusively; the remote address is only
        // read by the kernel in the other process, and it checks it.
        let read = unsafe { libc::process_vm_readv(self.process.pid, &local, 1, &remote, 1, 0) };
        usize::try_from(read) == Ok(bytes.len())
    }

    fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// The process.
    pub fn process(&self) -> &QemuProcess {
        &self.process
    }
}

impl ProcfsMemory {
    /// The process's memory as guest RAM, laid out as `layout` says.
    pub fn new(owner: &Arc<ReadableProcess>, layout: &RamLayout) -> Result<Self> {
        let blocks = layout
            .blocks
            .iter()
            .map(|ram| {
                let file = match ram.backing {
                    Backing::Private => None,
                    Backing::Shared { file_offset, inode } => {
                        backing_file(owner.process.pid, inode)?.map(|file| (file, file_offset))
                    }
                };
                Ok(Block { ram: *ram, file, mapping: OnceCell::new() })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            owner: Arc::clone(owner),
            blocks,
            frames: Cell::new(0),
            missed: Cell::new(false),
        })
    }

    /// The block that holds `length` bytes from a guest-physical address, and the offset in it.
    fn find(&self, address: u64, length: u64) -> Option<(&Block, u64)> {
        let found = || {
            let after = self.blocks.partition_point(|block| block.ram.guest <= address);
            let block = self.blocks.get(after.checked_sub(1)?)?;
            let offset = address - block.ram.guest;
            (offset.checked_add(length)? <= block.ram.length).then_some((block, offset))
        };
        let found = found();
        if found.is_none() {
            self.missed.set(true);
        }
        found
    }

    fn read_block(&self, block: &Block, offset: u64, bytes: &mut [u8]) -> bool {
        match &block.file {
            Some((file, start)) => {
                self.owner.count_call();
                file.read_exact_at(bytes, start.saturating_add(offset)).is_ok()
            }
            None => self.owner.read_at(bytes, block.ram.host.saturating_add(offset)),
        }
    }

    /// Reads private pages by their addresses in the process.
    fn read_private(&self, addresses: &[u64], pages: &mut [Page], read: &mut [bool]) {
        let mut done = 0;
        while done < addresses.len() {
            let now = done..addresses.len().min(done + BATCH);
            let (Some(addresses), Some(pages), Some(read)) =
                (addresses.get(now.clone()), pages.get_mut(now.clone()), read.get_mut(now))
            else {
                return;
            };
            done += match self.owner.vm_read(addresses, pages) {
                Some(count) => {
                    read.iter_mut().take(count).for_each(|read| *read = true);
                    // The call stops at the first page that cannot be read: that one is left out.
                    (count + 1).min(addresses.len())
                }
                None => {
                    for ((address, page), read) in addresses.iter().zip(pages).zip(read) {
                        *read = self.owner.read_at(page, *address);
                    }
                    addresses.len()
                }
            };
        }
    }

    /// Reads parts of private pages, each with its address in the process.
    fn read_private_parts(&self, parts: &mut [(u64, &mut Part<'_>)]) {
        let mut rest = parts;
        while !rest.is_empty() {
            let now = rest.len().min(MOST_RANGES);
            let Some(batch) = rest.get_mut(..now) else { return };
            let done = match self.owner.vm_read_parts(batch) {
                Some(count) => {
                    batch.iter_mut().take(count).for_each(|(_, part)| part.read = true);
                    // The call stops at the first part that cannot be read: that one is left out.
                    (count + 1).min(now)
                }
                None => {
                    for (address, part) in batch {
                        part.read = self.owner.read_at(part.bytes, *address);
                    }
                    now
                }
            };
            rest = rest.get_mut(done..).unwrap_or_default();
        }
    }

    /// Reads bytes of shared memory, in place where it is mapped here.
    fn read_shared(&self, block: &Block, offset: u64, bytes: &mut [u8]) -> bool {
        let mapping = block.mapping.get().and_then(Option::as_ref);
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let start = offset as usize & (PAGE_SIZE - 1);
            let length = rest.len().min(PAGE_SIZE - start);
            let (now, later) = rest.split_at_mut(length);
            match mapping.and_then(|mapping| mapping.page(offset)) {
                Some(page) => page.copy(start, now),
                None if self.read_block(block, offset, now) => {}
                None => return false,
            }
            offset = offset.saturating_add(length as u64);
            rest = later;
        }
        true
    }

    /// Where a page of private memory lies in the process.
    fn private(&self, frame: u64) -> Option<u64> {
        let (block, offset) = self.find(frame.checked_mul(PAGE_SIZE as u64)?, PAGE_SIZE as u64)?;
        block.file.is_none().then(|| block.ram.host.saturating_add(offset))
    }
}

impl PhysicalMemory for ProcfsMemory {
    fn read_pages(&self, frames: &[u64], pages: &mut [Page], read: &mut [bool]) {
        let mut addresses = Vec::with_capacity(frames.len());
        let mut at = 0;
        while at < frames.len() {
            // A run of private pages goes in few calls.
            addresses.clear();
            addresses.extend(frames.iter().skip(at).map_while(|frame| self.private(*frame)));
            let run = at..at + addresses.len();
            if let (Some(pages), Some(read)) =
                (pages.get_mut(run.clone()), read.get_mut(run.clone()))
            {
                self.read_private(&addresses, pages, read);
            }
            at = run.end;
            // Then one that is not.
            if let (Some(frame), Some(page), Some(read)) =
                (frames.get(at), pages.get_mut(at), read.get_mut(at))
            {
                let address = frame.checked_mul(PAGE_SIZE as u64);
                *read = match self.mapped(*frame) {
                    Some(at) => {
                        at.copy(0, page);
                        true
                    }
                    None => address.is_some_and(|address| self.read_run(address, page)),
                };
                at += 1;
            }
        }
    }

    fn reads_parts(&self) -> bool {
        true
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        let mut private = Vec::with_capacity(parts.len());
        for part in parts {
            let address = part.frame.checked_mul(PAGE_SIZE as u64);
            let Some(address) = address.and_then(|page| page.checked_add(part.start as u64)) else {
                continue;
            };
            match self.find(address, part.bytes.len() as u64) {
                Some((Block { file: None, ram, .. }, offset)) => {
                    private.push((ram.host.saturating_add(offset), part));
                }
                Some((block, offset)) => {
                    part.read = self.read_shared(block, offset, part.bytes);
                }
                None => {}
            }
        }
        self.read_private_parts(&mut private);
    }

    fn read_run(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.find(address, bytes.len() as u64)
            .is_some_and(|(block, offset)| self.read_block(block, offset, bytes))
    }

    /// Only what is read more than once is mapped: a mapping counts as this process's memory.
    fn begin_frame(&self) {
        self.frames.set(self.frames.get().saturating_add(1));
        self.missed.set(false);
        if self.frames.get() < FRAMES_BEFORE_MAPPING {
            return;
        }
        for block in &self.blocks {
            let Some((file, start)) = &block.file else { continue };
            let (length, host) = (block.ram.length, block.ram.host);
            let pagemap = self.owner.pagemap.as_ref();
            let map = || SharedMapping::new(file, *start, length, pagemap, host);
            if let Some(mapping) = block.mapping.get_or_init(map) {
                mapping.begin_frame(file);
            }
        }
    }

    fn in_place(&self) -> bool {
        self.blocks.iter().all(|block| matches!(block.mapping.get(), Some(Some(_))))
    }

    fn mapped(&self, frame: u64) -> Option<PageAt> {
        let (block, offset) = self.find(frame.checked_mul(PAGE_SIZE as u64)?, PAGE_SIZE as u64)?;
        block.mapping.get()?.as_ref()?.page(offset)
    }

    fn system_calls(&self) -> u64 {
        self.owner.calls.load(Ordering::Relaxed)
    }

    fn ram(&self) -> Vec<(u64, u64)> {
        self.blocks.iter().map(|block| (block.ram.guest, block.ram.length)).collect()
    }

    fn boot_ram(&self) -> Vec<(u64, u64)> {
        let boot = self.blocks.iter().filter(|block| !block.ram.plugged);
        boot.map(|block| (block.ram.guest, block.ram.length)).collect()
    }

    fn missed(&self) -> bool {
        self.missed.get()
    }

    fn populated(&self) -> Vec<(u64, u64)> {
        let pagemap = self.owner.pagemap.as_ref();
        let of_block = |block: &Block| {
            let RamBlock { guest, length, host, .. } = block.ram;
            let runs = match &block.file {
                Some((file, start)) => residency::of_file(file, *start, length),
                None => pagemap.and_then(|pagemap| residency::of_process(pagemap, host, length)),
            };
            let runs = runs.unwrap_or_else(|| vec![(0, length)]);
            runs.into_iter().map(move |(start, bytes)| (guest.saturating_add(start), bytes))
        };
        self.blocks.iter().flat_map(of_block).collect()
    }

    fn residency(&self) -> Option<Residency> {
        let pagemap = self.owner.pagemap.as_ref()?;
        self.blocks.iter().try_fold(Residency::default(), |sum, block| {
            let (resident, swapped) = match &block.file {
                // Pages of a shared file that the process's page tables lack are held too. Their share in swap cannot
                // be told (Documentation/admin-guide/mm/pagemap.rst).
                Some((file, start)) => (data_bytes(file, *start, block.ram.length)?, 0),
                None => present(pagemap, block.ram.host, block.ram.length)?,
            };
            let held = resident.saturating_add(swapped);
            Some(Residency {
                resident: sum.resident.saturating_add(resident),
                swapped: sum.swapped.saturating_add(swapped),
                untouched: sum.untouched.saturating_add(block.ram.length.saturating_sub(held)),
            })
        })
    }

    fn alive(&self) -> bool {
        self.owner.process.alive()
    }

    fn ending(&self) -> bool {
        self.owner.process.ending()
    }
}

/// A file's opening, which may fail but for want of descriptors.
fn enough_descriptors(opened: io::Result<File>) -> Result<io::Result<File>> {
    match opened {
        Err(error) if lacks_descriptors(&error) => {
            Err(Error::Descriptors { limit: descriptor_limit() })
        }
        opened => Ok(opened),
    }
}

/// Opens the file with this inode among the process's descriptors: also a deleted one, also a memfd.
fn backing_file(pid: i32, inode: u64) -> Result<Option<File>> {
    use std::os::unix::fs::MetadataExt;
    let folder = format!("/proc/{pid}/fd");
    let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
    for entry in entries.flatten() {
        let is_it =
            fs::metadata(entry.path()).is_ok_and(|meta| meta.ino() == inode && meta.is_file());
        if is_it && let Ok(file) = enough_descriptors(File::open(entry.path()))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Bytes of a process's memory that are (present, swapped): bits 63 and 62 of a page's entry
/// (Documentation/admin-guide/mm/pagemap.rst).
fn present(pagemap: &File, start: u64, length: u64) -> Option<(u64, u64)> {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    let mut entries = vec![0_u8; 1 << 16];
    let mut offset = (start >> PAGE_SHIFT).checked_mul(8)?;
    let mut left = (length >> PAGE_SHIFT).checked_mul(8)?;
    let (mut present, mut swapped) = (0_u64, 0_u64);
    while left > 0 {
        let chunk = entries.get_mut(..left.min(1 << 16) as usize)?;
        pagemap.read_exact_at(chunk, offset).ok()?;
        for entry in chunk.as_chunks().0 {
            let entry = u64::from_le_bytes(*entry);
            present += u64::from(entry & PRESENT != 0);
            swapped += u64::from(entry & SWAPPED != 0);
        }
        offset += chunk.len() as u64;
        left -= chunk.len() as u64;
    }
    Some((present << PAGE_SHIFT, swapped << PAGE_SHIFT))
}

/// Bytes of a file's range that are no hole.
fn data_bytes(file: &File, start: u64, length: u64) -> Option<u64> {
    let end = start.checked_add(length)?;
    let stat = rustix::fs::fstat(file).ok()?;
    if start == 0 && u64::try_from(stat.st_size) == Ok(length) {
        // In blocks of 512 bytes, whatever the file system.
        return u64::try_from(stat.st_blocks).ok()?.checked_mul(512).map(|held| held.min(length));
    }
    let (mut position, mut sum) = (start, 0_u64);
    while position < end {
        let Ok(data) = rustix::fs::seek(file, SeekFrom::Data(position)) else { break };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(data)).ok()?;
        sum = sum.checked_add(hole.min(end).saturating_sub(data))?;
        position = hole.max(data.saturating_add(1));
    }
    Some(sum)
}
