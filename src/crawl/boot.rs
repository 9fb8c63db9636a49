//! What tells one boot of a guest from another, cheap enough to be looked at before and after each frame.
//!
//! A restart clears no memory: until something else is written there, all of the old kernel lies where it
//! lay, in good order. So it takes more than a look at the kernel itself to notice that another runs.

use super::reader::Context;
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
    /// Of the kernel's image its banner and the stack canary of its first task, a random number; below 1 MiB
    /// what firmware leaves, and the page table for starting CPUs, which each kernel makes.
    marks: Vec<Mark>,
    /// When it began, by the kernel's wall clock; 0 where that is not known.
    began: u64,
    /// The kernel's wall clock when this was noted.
    pub clock: u64,
}

impl Boot {
    /// Notes the marks of the boot that runs.
    pub fn note(ram: &GuestRam, kernel: &Kernel, layout: &Layout) -> Self {
        let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
        let reuse = super::Reuse::default();
        let context = Context::new(&space, kernel, layout, super::Details::default(), &reuse);
        let mark = |at: Option<u64>, length: usize| {
            let at = at.filter(|at| (at % PAGE_SIZE as u64) as usize + length <= PAGE_SIZE)?;
            let mut bytes = vec![0; length];
            ram.memory().read_run(at, &mut bytes).then_some(Mark { at, bytes })
        };
        let banner = context.symbol(layout.symbols.linux_banner).ok();
        let banner = banner.and_then(|at| Some((kernel.image.physical_address(at)?, at)));
        // Within its page.
        let length = banner.map(|(_, at)| BANNER.min(PAGE_SIZE - (at as usize & (PAGE_SIZE - 1))));
        let canary = context.symbol(layout.symbols.init_task);
        let canary = canary.and_then(|task| context.at(task, layout.process.task.stack_canary));
        let canary = canary.ok().and_then(|at| kernel.image.physical_address(at));
        let marks = [
            mark(banner.map(|(physical, _)| physical), length.unwrap_or(0)),
            mark(canary, 8),
            mark(kernel.image.trampoline().map(|page| page.wrapping_add(LAST_ENTRY)), 8),
            mark(Some(BIOS_TICKS), 4),
        ];
        let mut marks: Vec<Mark> = marks.into_iter().flatten().collect();
        marks.sort_unstable_by_key(|mark| mark.at);
        Self {
            marks,
            began: super::os::boot_time(&context).unwrap_or(0),
            clock: super::os::wall_clock(&context).unwrap_or(0),
        }
    }

    /// Whether all marks are still there. Read past the frame's cache, in one batch.
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

    /// Whether it began after the other was seen to run. What is left in memory of an earlier boot did not,
    /// and neither did a kernel that has no clock yet.
    pub fn follows(&self, earlier: &Self) -> bool {
        self.began >= earlier.clock
    }
}
