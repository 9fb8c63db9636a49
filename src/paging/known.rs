//! Translations that an address space made, each at the one place that its address gives: a new one drives the old one
//! out.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

use crate::memory::{PAGE_SHIFT, PageAt};

/// Pages that have a place.
const PAGES: usize = 2048;
/// Regions that have one.
const REGIONS: usize = 256;
/// `log2` of a region's bytes: those of a large page, or of the pages of one table.
pub(super) const REGION_SHIFT: u32 = 21;
/// How often all can be forgotten before the room is cleared: a number that fits below a page's address.
const MOST_TURNS: u64 = (1 << PAGE_SHIFT) - 1;
/// Rooms that are kept for later.
const MOST_FREE: usize = 8;

/// Rooms that no address space uses just now, of all guests of this process, so that none has to be cleared first.
static FREE: Mutex<Vec<Box<Room>>> = Mutex::new(Vec::new());

/// The translations of one address space.
pub(super) struct Known {
    /// There until it is dropped.
    room: Option<Box<Room>>,
}

/// What 2 MiB are mapped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// A large page, or a part of a larger one, at this guest-physical address.
    Large(u64),
    /// Pages, by the table at this guest-physical address.
    Table(u64),
}

struct Room {
    /// How often all was forgotten, from 1. It stands in each address that is known: those with another number are
    /// forgotten.
    turn: Cell<u64>,
    pages: [KnownPage; PAGES],
    /// Regions that were met: the virtual address, and the turn.
    regions: [Cell<(u64, Region)>; REGIONS],
}

/// A page that was met.
struct KnownPage {
    /// Its virtual address, and the turn.
    tag: Cell<u64>,
    at: Cell<Option<PageAt>>,
}

impl Room {
    fn new() -> Self {
        Self {
            turn: Cell::new(1),
            pages: [const { KnownPage { tag: Cell::new(0), at: Cell::new(None) } }; PAGES],
            regions: [const { Cell::new((0, Region::Large(0))) }; REGIONS],
        }
    }

    fn forget(&self) {
        self.turn.set(self.turn.get() % MOST_TURNS + 1);
        if self.turn.get() == 1 {
            self.pages.iter().for_each(|page| page.tag.set(0));
            self.regions.iter().for_each(|region| region.set((0, Region::Large(0))));
        }
    }

    /// What stands for an address in a place of its page.
    #[inline]
    fn tag(&self, address: u64, shift: u32) -> u64 {
        address >> shift << shift | self.turn.get()
    }
}

impl Known {
    /// With nothing known.
    pub fn new() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { room: Some(free.unwrap_or_else(|| Box::new(Room::new()))) }
    }

    /// Forgets all.
    pub fn forget(&self) {
        if let Some(room) = &self.room {
            room.forget();
        }
    }

    /// Where the page of an address lies.
    #[inline]
    pub fn page(&self, address: u64) -> Option<PageAt> {
        let room = self.room.as_ref()?;
        let place = room.pages.get((address >> PAGE_SHIFT) as usize % PAGES)?;
        if place.tag.get() == room.tag(address, PAGE_SHIFT) { place.at.get() } else { None }
    }

    /// The page of an address lies there.
    pub fn set_page(&self, address: u64, at: PageAt) {
        if let Some(room) = &self.room
            && let Some(place) = room.pages.get((address >> PAGE_SHIFT) as usize % PAGES)
        {
            place.tag.set(room.tag(address, PAGE_SHIFT));
            place.at.set(Some(at));
        }
    }

    /// The region of an address.
    #[inline]
    pub fn region(&self, address: u64) -> Option<Region> {
        let room = self.room.as_ref()?;
        let place = room.regions.get((address >> REGION_SHIFT) as usize % REGIONS)?;
        let (tag, region) = place.get();
        (tag == room.tag(address, REGION_SHIFT)).then_some(region)
    }

    /// The region of an address is mapped so.
    pub fn set_region(&self, address: u64, region: Region) {
        if let Some(room) = &self.room
            && let Some(place) = room.regions.get((address >> REGION_SHIFT) as usize % REGIONS)
        {
            place.set((room.tag(address, REGION_SHIFT), region));
        }
    }
}

impl Drop for Known {
    /// The room is another's, who knows nothing of what stands there.
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            room.forget();
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < MOST_FREE {
                free.push(room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::NonNull;

    use super::*;

    #[test]
    fn what_was_known_is_forgotten_whatever_the_turn() {
        static PAGE: [u64; 512] = [0; 512];
        // SAFETY: the page is a static one.
        let at = unsafe { PageAt::new(NonNull::from(&PAGE).cast()) };
        let known = Known::new();
        let is_known = |known: &Known, address| {
            (known.page(address).is_some(), known.region(address).is_some())
        };
        // The first page too, which no bit of an address tells from nothing.
        for turn in 0..2 * MOST_TURNS + 2 {
            let address = (turn % 3) << REGION_SHIFT;
            assert_eq!(is_known(&known, address), (false, false), "{turn}");
            known.set_page(address, at);
            known.set_region(address, Region::Table(7 << PAGE_SHIFT));
            assert_eq!(is_known(&known, address + 4095), (true, true), "{turn}");
            assert_eq!(is_known(&known, address + 4096), (false, true), "{turn}");
            known.forget();
        }
        // Whoever takes the room next knows nothing either.
        known.set_page(0, at);
        drop(known);
        let others: Vec<Known> = (0..2 * MOST_FREE).map(|_| Known::new()).collect();
        assert!(others.iter().all(|known| is_known(known, 0) == (false, false)));
        drop(others);
        assert!(FREE.lock().unwrap().len() <= MOST_FREE);
    }
}
