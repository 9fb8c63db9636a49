//! Tells one boot of a guest from another, cheaply enough to be asked before and after each frame.
//!
//! A restart clears no memory: until something else is written there, all of the old kernel lies where it
//! lay, in good order. So it takes more than a look at the kernel itself to notice that another runs.

use super::reader::{ReadResult, Reader};
use crate::kernel::Kernel;
use crate::layout::Layout;
use crate::memory::{GuestRam, PAGE_SHIFT, PAGE_SIZE, Part, PhysicalMemory};
use crate::paging::AddressSpace;

/// Bytes of the kernel's banner that are compared.
const BANNER: usize = 256;
/// The BIOS's count of clock ticks (BIOS data area, 40:6c). SeaBIOS sets it from the clock whenever it
/// starts (`timer_setup`, src/hw/timer.c); Linux keeps this page as it is.
const BIOS_TICKS: u64 = 0x46c;
/// Offset of a page table's last entry.
const LAST_ENTRY: u64 = PAGE_SIZE as u64 - 8;

/// Bytes in guest memory that stay as they are from one start of the guest to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    /// Guest-physical address.
    at: u64,
    bytes: Vec<u8>,
}

/// One boot of a guest.
#[derive(Clone, Debug)]
pub(crate) struct Boot {
    /// Places that another boot would change: the banner in the kernel's image, the stack canary of its first task (a
    /// random number), the memory of firmware below 1 MiB, and the page table for starting CPUs, which each kernel
    /// makes.
    marks: Vec<Mark>,
    /// The canary among them, which no two boots share.
    canary: Option<Mark>,
    /// When it began, by the kernel's wall clock; 0 where that is not known.
    began: u64,
    /// The kernel's wall clock when this was noted.
    pub clock: u64,
    /// True if the kernel's first task and its clock are this kernel's. The remains of one that has gone may be
    /// overwritten, or its page tables be the next one's, so that its clock tells any time.
    sound: bool,
}

/// Firmware's memory when a search for kernels began. It must be older than the kernel that the search finds: a guest
/// that is restarted meanwhile has left its kernel behind.
pub(crate) struct Firmware(Option<Mark>);

impl Firmware {
    /// Looks at it.
    pub fn note(memory: &dyn PhysicalMemory) -> Self {
        Self(Mark::note(memory, Some(BIOS_TICKS), 4))
    }
}

impl Mark {
    /// The bytes at a place, within one page.
    fn note(memory: &dyn PhysicalMemory, at: Option<u64>, length: usize) -> Option<Self> {
        let at = at.filter(|at| (at % PAGE_SIZE as u64) as usize + length <= PAGE_SIZE)?;
        let mut bytes = vec![0; length];
        memory.read_run(at, &mut bytes).then_some(Self { at, bytes })
    }
}

impl Boot {
    /// Notes the marks of the boot that runs.
    pub fn note(ram: &GuestRam, kernel: &Kernel, layout: &Layout, firmware: &Firmware) -> Self {
        let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
        let reader = Reader::new(&space, kernel, layout);
        let mark = |at: Option<u64>, length: usize| Mark::note(ram.memory(), at, length);
        let banner = reader.symbol(layout.symbols.linux_banner).ok();
        let banner = banner.and_then(|at| Some((kernel.image.physical_address(at)?, at)));
        // Within its page.
        let length = banner.map(|(_, at)| BANNER.min(PAGE_SIZE - (at as usize & (PAGE_SIZE - 1))));
        let first = reader.symbol(layout.symbols.init_task);
        let canary = first.and_then(|task| reader.at(task, layout.process.task.stack_canary));
        let canary = canary.ok().and_then(|at| kernel.image.physical_address(at));
        let canary = mark(canary, 8);
        // As it was when it led to this kernel: by now another may have made its own.
        let lead = kernel.image.led_by().map(|(page, last)| Mark {
            at: page.wrapping_add(LAST_ENTRY),
            bytes: last.to_le_bytes().to_vec(),
        });
        let marks = [
            mark(banner.map(|(physical, _)| physical), length.unwrap_or(0)),
            canary.clone(),
            lead,
            firmware.0.clone(),
        ];
        let name = first.and_then(|task| reader.text(task, layout.process.task.comm));
        let own = |at: ReadResult<u64>| at.is_ok_and(|at| kernel.image.is_led_to(&space, at));
        let began = super::os::boot_time(&reader).unwrap_or(0);
        let clock = super::os::wall_clock(&reader).unwrap_or(0);
        let mut marks: Vec<Mark> = marks.into_iter().flatten().collect();
        marks.sort_unstable_by_key(|mark| mark.at);
        Self {
            marks,
            canary,
            began,
            clock,
            sound: own(first)
                && own(super::os::timekeeper(&reader))
                // INIT_TASK_COMM (include/linux/init_task.h).
                && name.is_ok_and(|name| name.starts_with("swapper"))
                && began <= clock,
        }
    }

    /// True if this is the other boot a little later: its clock went on, and no more than this.
    pub fn goes_on_from(&self, clock: u64, most: u64) -> bool {
        self.sound && self.clock > clock && self.clock - clock <= most
    }

    /// Which of several kernels in one memory is more likely the one that runs: what is left of an earlier
    /// boot has stopped its clock, or is damaged.
    pub fn rank(&self) -> impl Ord {
        (self.sound, self.clock)
    }

    /// True if all marks are still there. Read past the frame's cache, in one batch.
    pub fn runs_in(&self, memory: &dyn PhysicalMemory) -> bool {
        let mut room = vec![[0; BANNER]; self.marks.len()];
        let parts = self.marks.iter().zip(&mut room).map(|(mark, room)| Part {
            frame: mark.at >> PAGE_SHIFT,
            start: mark.at as usize & (PAGE_SIZE - 1),
            bytes: room.get_mut(..mark.bytes.len()).unwrap_or_default(),
            read: false,
        });
        let mut parts: Vec<Part> = parts.collect();
        memory.read_parts(&mut parts);
        self.marks.iter().zip(&parts).all(|(mark, part)| part.read && *part.bytes == *mark.bytes)
    }

    /// True if it is a whole kernel that began after the other was seen to run. The remains of an earlier boot did
    /// not, and neither did a kernel that has no clock yet. The canary tells the remains of the other one itself: a
    /// kernel that was met in its first moments sets its clock later on.
    pub fn follows(&self, earlier: &Self) -> bool {
        let another = self.canary.is_some() && self.canary != earlier.canary;
        another && self.sound && self.began >= earlier.clock
    }
}
