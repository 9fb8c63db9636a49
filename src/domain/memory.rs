//! A guest's memory as bytes, for whoever looks for what no section of a frame shows.

use std::time::{Duration, Instant};

use super::{Domain, not_cancelled};
use crate::control::Control;
use crate::crawl::{ProcessSpace, ReadError, Reader};
use crate::error::{Error, Result};
use crate::memory::{Absence, Absences, AbsentMemory, Limits, PAGE_SIZE, PhysicalMemory};
use crate::paging::{AddressSpace, Fault, FaultKind};

/// The kind of frame that a read of a process's memory is for the page cache.
const KIND: u32 = u32::MAX;
/// How long one call may look for a process and through its page tables, if nothing else is said.
const LONGEST: Duration = Duration::from_secs(10);
/// Looks at pages that move while they are read.
const LOOKS: u32 = 4;

/// Reads the memory of an open guest: guest-physical memory, and the virtual memory of its processes. Only ever copies
/// out. From [`Domain::memory`].
///
/// The guest runs meanwhile, so the bytes of one call may be of different moments, a page (4096 bytes) mostly of one.
/// One call reads [`Self::LONGEST_READ`] bytes at most.
pub struct GuestMemory<'d> {
    domain: &'d mut Domain,
    control: Option<Control>,
    time_limit: Duration,
}

impl Domain {
    /// The guest's memory as bytes.
    ///
    /// ```no_run
    /// let mut domain = nfm::Domain::open("web-1", &nfm::OpenOptions::default())?;
    /// let frame = domain.crawl(&nfm::CrawlOptions::sections(&[nfm::Section::Processes]))?;
    /// let init = frame.processes.iter().flatten().find(|process| process.pid == 1);
    /// let start = init.and_then(|init| init.start_time_ns).unwrap_or(0);
    /// let mut bytes = [0; 4096];
    /// match domain.memory().read_process(1, start, 0x40_0000, &mut bytes)? {
    ///     Some(absent) if absent.is_empty() => println!("{:x?}", &bytes[..16]),
    ///     Some(absent) => println!("not there: {}", absent[0].reason.name()),
    ///     None => println!("no such process"),
    /// }
    /// # Ok::<(), nfm::Error>(())
    /// ```
    pub fn memory(&mut self) -> GuestMemory<'_> {
        GuestMemory { domain: self, control: None, time_limit: LONGEST }
    }
}

impl GuestMemory<'_> {
    /// Bytes that one call reads at most.
    pub const LONGEST_READ: usize = 16 << 20;

    /// The same, cancelled by this from another thread.
    #[must_use]
    pub fn with_control(self, control: &Control) -> Self {
        Self { control: Some(control.clone()), ..self }
    }

    /// The same, with another limit than ten seconds on looking for a process and through its page tables.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// The guest's RAM as ascending runs of (first guest-physical address, bytes), with what was plugged in since the
    /// guest was opened; none where the hypervisor alone knows where it lies.
    ///
    /// # Errors
    /// [`Error::Gone`] when the guest ended; [`Error::Forked`]; [`Error::Cancelled`].
    pub fn ranges(&mut self) -> Result<Vec<(u64, u64)>> {
        self.begin(0)?;
        Ok(self.domain.found.ram.memory().ram())
    }

    /// Reads guest-physical memory from an address on. Gives the parts that are not there, ascending; an empty list means
    /// that all bytes were read. Where [`crate::Findings::machine_addresses`] is set, addresses are the host's.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for more than [`Self::LONGEST_READ`] bytes; [`Error::Gone`] when the guest ended;
    /// [`Error::Forked`]; [`Error::Cancelled`].
    pub fn read_physical(&mut self, address: u64, bytes: &mut [u8]) -> Result<Vec<AbsentMemory>> {
        self.begin(bytes.len())?;
        let read = |domain: &Domain, bytes: &mut [u8]| {
            physical(domain.found.ram.memory(), address, bytes, self.control.as_ref())
        };
        let mut absent = read(self.domain, bytes);
        // It may have been plugged in a moment ago.
        if !absent.is_empty() && self.domain.follow_plugs(true) {
            absent = read(self.domain, bytes);
        }
        self.domain.check(self.control.as_ref())?;
        Ok(absent)
    }

    /// Reads a process's virtual memory, whose id and start time are [`crate::Process::pid`] and
    /// [`crate::Process::start_time_ns`] (nanoseconds since boot; 0 where the kernel has none), as `/proc/PID/mem` of the
    /// guest has it: also what the process itself may not read, but no page that would have to be fetched first. Gives the
    /// parts that are not there, ascending. Each page was where its bytes were read both before and after that.
    ///
    /// `None`: the guest has no such process, or has none any more; or it has no memory of its own, as threads of the
    /// kernel. The bytes then mean nothing.
    ///
    /// # Errors
    /// As of [`Self::read_physical`]; [`Error::NotBooted`] while the guest is restarted; [`Error::Unreadable`] where the
    /// process cannot be looked for, or that takes too long.
    pub fn read_process(
        &mut self,
        pid: u32,
        start_time_ns: u64,
        address: u64,
        bytes: &mut [u8],
    ) -> Result<Option<Vec<AbsentMemory>>> {
        self.begin(bytes.len())?;
        let begun = Instant::now();
        let control = self.control.as_ref();
        self.domain.follow_restart(self.time_limit, control)?;
        let found = &self.domain.found;
        let limits = self.domain.options.limits(begun);
        let limits = Limits { deadline: begun.checked_add(self.time_limit), ..limits };
        found.ram.begin_frame(KIND, limits, self.control.clone());
        let (root, levels) = (found.kernel.image.root, found.kernel.image.levels);
        let space = AddressSpace::new(&found.ram, root, levels);
        let reader = Reader::new(&space, &found.kernel, &found.layout);
        // Kernel memory is above the half that processes have.
        let end = 1_u64 << (11 + 9 * levels.count());
        let wanted = Wanted { pid, start_time_ns, address, end };
        let read = wanted.read(&reader, found.ram.memory(), bytes);
        found.ram.end_frame();
        self.domain.check(control)?;
        if !self.domain.is_same_boot() {
            return Err(self.domain.restarting("it was restarted while it was read"));
        }
        read.map_err(|error| Error::Unreadable {
            domain: self.domain.source.identity().name.clone(),
            what: format!("the memory of process {pid}"),
            reason: error.to_string(),
        })
    }

    /// A call for so many bytes begins.
    fn begin(&mut self, length: usize) -> Result<()> {
        if length > Self::LONGEST_READ {
            let most = Self::LONGEST_READ;
            return Err(Error::InvalidArgument(format!(
                "one call reads at most {most} bytes of memory, not {length}; call it for each part"
            )));
        }
        not_cancelled(self.control.as_ref(), &self.domain.source.identity().name)?;
        self.domain.check(self.control.as_ref())?;
        self.domain.follow_plugs(false);
        Ok(())
    }
}

/// The parts of a range that lie within one page each: (offset, address, bytes); no address where there is none.
fn pages(address: u64, length: usize) -> impl Iterator<Item = (usize, Option<u64>, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let left = length.checked_sub(done).filter(|left| *left > 0)?;
        let at = address.checked_add(done as u64);
        let within = at.map_or(0, |at| at as usize & (PAGE_SIZE - 1));
        let part = (done, at, left.min(PAGE_SIZE - within));
        done += part.2;
        Some(part)
    })
}

/// Reads physical memory: all at once, or else page by page.
fn physical(
    memory: &dyn PhysicalMemory,
    address: u64,
    bytes: &mut [u8],
    control: Option<&Control>,
) -> Vec<AbsentMemory> {
    let mut absent = Absences::default();
    let in_range = address.checked_add(bytes.len() as u64).is_some();
    if bytes.is_empty() || (in_range && memory.read_run(address, bytes)) {
        return absent.into_parts();
    }
    for (offset, at, length) in pages(address, bytes.len()) {
        let part = bytes.get_mut(offset..offset + length).unwrap_or_default();
        let goes_on = !control.is_some_and(Control::is_cancelled);
        if !(goes_on && at.is_some_and(|at| memory.read_run(at, part))) {
            part.fill(0);
            absent.add(offset, length, Absence::NotRam);
        }
    }
    absent.into_parts()
}

/// The memory of a process that is asked for.
struct Wanted {
    pid: u32,
    start_time_ns: u64,
    address: u64,
    /// The first address that no process has.
    end: u64,
}

/// Where a page lies, or why nowhere.
type Place = std::result::Result<u64, Absence>;

/// A part of the bytes, within one page.
struct Part {
    offset: usize,
    length: usize,
    /// Its address, unless that would be beyond the last one.
    at: Option<u64>,
    /// Where it lay when it was read.
    place: Place,
    absent: Option<Absence>,
    /// True if it lay there after that as well.
    is_sound: bool,
}

impl Wanted {
    fn read(
        &self,
        reader: &Reader,
        memory: &dyn PhysicalMemory,
        bytes: &mut [u8],
    ) -> std::result::Result<Option<Vec<AbsentMemory>>, ReadError> {
        let Some(process) = ProcessSpace::find(reader, self.pid, self.start_time_ns)? else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        for (offset, at, length) in pages(self.address, bytes.len()) {
            let place = self.place(&process.space, at)?;
            parts.push(Part { offset, length, at, place, absent: None, is_sound: false });
        }
        for _ in 0..LOOKS {
            for part in parts.iter_mut().filter(|part| !part.is_sound) {
                let room = bytes.get_mut(part.offset..part.offset + part.length);
                let room = room.unwrap_or_default();
                part.absent = match part.place {
                    Ok(physical) if memory.read_run(physical, room) => None,
                    Ok(_) => Some(Absence::NotRam),
                    Err(reason) => Some(reason),
                };
            }
            if !process.is_still_there(reader) {
                return Ok(None);
            }
            for part in parts.iter_mut().filter(|part| !part.is_sound) {
                let place = self.place(&process.space, part.at)?;
                part.is_sound = place == part.place;
                part.place = place;
            }
            if parts.iter().all(|part| part.is_sound) {
                break;
            }
        }
        let mut absent = Absences::default();
        for part in &parts {
            let reason = if part.is_sound { part.absent } else { Some(Absence::Moving) };
            if let Some(reason) = reason {
                let room = bytes.get_mut(part.offset..part.offset + part.length);
                room.unwrap_or_default().fill(0);
                absent.add(part.offset, part.length, reason);
            }
        }
        Ok(Some(absent.into_parts()))
    }

    /// Where the page of an address lies now.
    fn place(&self, space: &AddressSpace, at: Option<u64>) -> std::result::Result<Place, Fault> {
        let Some(at) = at.filter(|at| *at < self.end) else { return Ok(Err(Absence::NotMapped)) };
        match space.translate(at) {
            Ok(place) => Ok(Ok(place)),
            Err(fault) => match fault.kind {
                FaultKind::NotMapped | FaultKind::NotCanonical => Ok(Err(Absence::NotMapped)),
                FaultKind::Swapped => Ok(Err(Absence::Swapped)),
                FaultKind::NotRam => Ok(Err(Absence::NotRam)),
                FaultKind::EndlessTables | FaultKind::Limit(_) => Err(fault),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_with_their_pages_and_with_the_last_address() {
        let parts = |address, length| pages(address, length).collect::<Vec<_>>();
        assert_eq!(parts(0x1ffe, 3), [(0, Some(0x1ffe), 2), (2, Some(0x2000), 1)]);
        assert_eq!(parts(0x1000, 0), []);
        let last = u64::MAX - 1;
        assert_eq!(parts(last, 4), [(0, Some(last), 2), (2, None, 2)]);
        let most = pages(4095, GuestMemory::LONGEST_READ);
        assert_eq!(most.count(), GuestMemory::LONGEST_READ / PAGE_SIZE + 1);
    }
}
