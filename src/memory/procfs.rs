//! Guest RAM inside a QEMU process: `process_vm_readv` for private memory, the backing file for
//! shared memory, `/proc/PID/mem` where the system call is refused.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::SeekFrom;

use super::{PAGE_SHIFT, PAGE_SIZE, Page, PhysicalMemory, Residency, held};
use crate::error::{Error, Result};
use crate::resolve::{Backing, QemuProcess, RamBlock, RamLayout};

/// Remote ranges in one call; the kernel's limit is 1024 (`UIO_MAXIOV`).
const BATCH: usize = 512;

/// A QEMU process whose memory may be read.
#[derive(Debug)]
pub(crate) struct ReadableProcess {
    process: QemuProcess,
    /// `/proc/PID/mem`, where it may be opened: that takes the right to open other users' files beside
    /// the right to trace, which is all that `process_vm_readv` asks for.
    mem: Option<File>,
}

/// The memory of a running QEMU guest.
#[derive(Debug)]
pub(crate) struct ProcfsMemory {
    owner: Arc<ReadableProcess>,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    ram: RamBlock,
    /// The backing file and the offset in it of the block's first byte.
    file: Option<(File, u64)>,
}

impl ReadableProcess {
    /// Asks for the right to read the process's memory, by one byte at an address that is mapped in it.
    ///
    /// # Errors
    /// [`Error::Permission`] when it is refused, with the system's words.
    pub fn open(process: QemuProcess, mapped: u64, domain: &str) -> Result<Arc<Self>> {
        let path = format!("/proc/{}/mem", process.pid);
        let mem = File::open(&path);
        let refusal = mem.as_ref().err().map(ToString::to_string);
        let readable = Self { process, mem: mem.ok() };
        let Some(reason) = refusal else { return Ok(Arc::new(readable)) };
        let (mut page, mut read) = ([0; PAGE_SIZE], false);
        let mut probe = [Wanted { host: mapped, page: &mut page, read: &mut read }];
        if readable.vm_read(&mut probe) == Some(1) {
            return Ok(Arc::new(readable));
        }
        if !readable.process.alive() {
            return Err(Error::Gone { domain: domain.to_owned() });
        }
        Err(Error::Permission {
            domain: domain.to_owned(),
            pid: readable.process.pid,
            reason: format!("{path}: {reason}"),
        })
    }

    /// Reads private pages of the process in one system call; returns how many were read whole,
    /// from the first on, or `None` where the call itself is refused.
    fn vm_read(&self, wanted: &mut [Wanted]) -> Option<usize> {
        let range = |base: *mut libc::c_void| libc::iovec { iov_base: base, iov_len: PAGE_SIZE };
        let remote: Vec<_> =
            wanted.iter().map(|one| range(one.host as *mut libc::c_void)).collect();
        let local: Vec<_> =
            wanted.iter_mut().map(|one| range(one.page.as_mut_ptr().cast())).collect();
        // SAFETY: each local range is one page that `wanted` borrows exclusively; the remote addresses
        // are only read by the kernel in the other process, and it checks them.
        let read = unsafe {
            libc::process_vm_readv(
                self.process.pid,
                local.as_ptr(),
                local.len() as u64,
                remote.as_ptr(),
                remote.len() as u64,
                0,
            )
        };
        match usize::try_from(read) {
            Ok(read) => Some(read / PAGE_SIZE),
            Err(_) => {
                let error = std::io::Error::last_os_error().raw_os_error();
                (error == Some(libc::EFAULT)).then_some(0)
            }
        }
    }

    /// Reads bytes at an address of the process.
    fn read_at(&self, bytes: &mut [u8], address: u64) -> bool {
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
                Ok(Block { ram: *ram, file })
            })
            .collect::<Result<_>>()?;
        Ok(Self { owner: Arc::clone(owner), blocks })
    }

    /// The block that holds `length` bytes from a guest-physical address, and the offset in it.
    fn find(&self, address: u64, length: u64) -> Option<(&Block, u64)> {
        let after = self.blocks.partition_point(|block| block.ram.guest <= address);
        let block = self.blocks.get(after.checked_sub(1)?)?;
        let offset = address - block.ram.guest;
        (offset.checked_add(length)? <= block.ram.length).then_some((block, offset))
    }

    fn read_block(&self, block: &Block, offset: u64, bytes: &mut [u8]) -> bool {
        match &block.file {
            Some((file, start)) => file.read_exact_at(bytes, start.saturating_add(offset)).is_ok(),
            None => self.owner.read_at(bytes, block.ram.host.saturating_add(offset)),
        }
    }

    fn read_private(&self, mut wanted: &mut [Wanted]) {
        while !wanted.is_empty() {
            let (now, _) = wanted.split_at_mut(wanted.len().min(BATCH));
            let size = now.len();
            let done = match self.owner.vm_read(now) {
                Some(count) => {
                    now.iter_mut().take(count).for_each(|one| *one.read = true);
                    // The call stops at the first page that cannot be read: that one is left out.
                    (count + 1).min(size)
                }
                None => {
                    for one in now {
                        *one.read = self.owner.read_at(one.page, one.host);
                    }
                    size
                }
            };
            wanted = wanted.split_at_mut(done).1;
        }
    }
}

/// A private page to be read.
struct Wanted<'a> {
    host: u64,
    page: &'a mut Page,
    read: &'a mut bool,
}

impl PhysicalMemory for ProcfsMemory {
    fn read_pages(&self, frames: &[u64], pages: &mut [Page], read: &mut [bool]) {
        let mut private = Vec::with_capacity(frames.len());
        for ((frame, page), read) in frames.iter().zip(pages).zip(read) {
            *read = false;
            let address = frame.checked_mul(PAGE_SIZE as u64);
            match address.and_then(|address| self.find(address, PAGE_SIZE as u64)) {
                Some((block, offset)) if block.file.is_none() => {
                    let host = block.ram.host.saturating_add(offset);
                    private.push(Wanted { host, page, read });
                }
                Some((block, offset)) => *read = self.read_block(block, offset, page),
                None => {}
            }
        }
        self.read_private(&mut private);
    }

    fn read_run(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.find(address, bytes.len() as u64)
            .is_some_and(|(block, offset)| self.read_block(block, offset, bytes))
    }

    fn ram(&self) -> Vec<(u64, u64)> {
        self.blocks.iter().map(|block| (block.ram.guest, block.ram.length)).collect()
    }

    fn populated(&self) -> Vec<(u64, u64)> {
        let pagemap = File::open(format!("/proc/{}/pagemap", self.owner.process.pid)).ok();
        let of_block = |block: &Block| {
            let RamBlock { guest, length, host, .. } = block.ram;
            let runs = match &block.file {
                Some((file, start)) => held::of_file(file, *start, length),
                None => {
                    pagemap.as_ref().and_then(|pagemap| held::of_process(pagemap, host, length))
                }
            };
            let runs = runs.unwrap_or_else(|| vec![(0, length)]);
            runs.into_iter().map(move |(start, bytes)| (guest.saturating_add(start), bytes))
        };
        self.blocks.iter().flat_map(of_block).collect()
    }

    fn residency(&self) -> Option<Residency> {
        let pagemap = File::open(format!("/proc/{}/pagemap", self.owner.process.pid)).ok()?;
        self.blocks.iter().try_fold(Residency::default(), |sum, block| {
            let (resident, swapped) = present(&pagemap, block.ram.host, block.ram.length)?;
            // What is in a shared file but not in the process's page tables counts as resident too.
            let (resident, swapped) = match &block.file {
                Some((file, start)) => {
                    let data = data_bytes(file, *start, block.ram.length)?;
                    (data.saturating_sub(swapped), swapped)
                }
                None => (resident, swapped),
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
}

/// Opens the file with this inode among the process's descriptors: also a deleted one, also a memfd.
fn backing_file(pid: i32, inode: u64) -> Result<Option<File>> {
    use std::os::unix::fs::MetadataExt;
    let folder = format!("/proc/{pid}/fd");
    let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
    for entry in entries.flatten() {
        let is_it =
            fs::metadata(entry.path()).is_ok_and(|meta| meta.ino() == inode && meta.is_file());
        if is_it && let Ok(file) = File::open(entry.path()) {
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
    let (mut position, mut sum) = (start, 0_u64);
    while position < end {
        let Ok(data) = rustix::fs::seek(file, SeekFrom::Data(position)) else { break };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(data)).ok()?;
        sum = sum.checked_add(hole.min(end).saturating_sub(data))?;
        position = hole.max(data.saturating_add(1));
    }
    Some(sum)
}
