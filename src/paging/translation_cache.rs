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
pub(super) struct TranslationCache {
    /// There until it is dropped.
    room: Option<Box<Room>>,
}

/// The mapping of 2 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// A large page, or a part of a larger one, at this guest-physical address.
    Large(u64),
    /// Pages, by the table at this guest-physical address.
    Table(u64),
}

struct Room {
    /// How often all was forgotten, from 1.
    turn: Cell<u64>,
    pages: Slots<PageAt, PAGES, PAGE_SHIFT>,
    regions: Slots<Region, REGIONS, REGION_SHIFT>,
}

/// A cache of stretches of so many bytes (`log2`), each at its place.
struct Slots<T, const COUNT: usize, const SHIFT: u32>([Slot<T>; COUNT]);

struct Slot<T> {
    /// The stretch's virtual address, and the turn: one of another turn is forgotten.
    tag: Cell<u64>,
    known: Cell<Option<T>>,
}

impl<T: Copy, const COUNT: usize, const SHIFT: u32> Slots<T, COUNT, SHIFT> {
    fn new() -> Self {
        Self([const { Slot { tag: Cell::new(0), known: Cell::new(None) } }; COUNT])
    }

    fn clear(&self) {
        self.0.iter().for_each(|place| place.tag.set(0));
    }

    /// The place of an address, and the tag that stands there if it is known.
    #[inline]
    fn place(&self, address: u64, turn: u64) -> Option<(&Slot<T>, u64)> {
        let place = self.0.get((address >> SHIFT) as usize % COUNT)?;
        Some((place, address >> SHIFT << SHIFT | turn))
    }

    #[inline]
    fn get(&self, address: u64, turn: u64) -> Option<T> {
        let (place, tag) = self.place(address, turn)?;
        if place.tag.get() == tag { place.known.get() } else { None }
    }

    fn set(&self, address: u64, turn: u64, known: T) {
        if let Some((place, tag)) = self.place(address, turn) {
            place.tag.set(tag);
            place.known.set(Some(known));
        }
    }
}

impl Room {
    fn new() -> Self {
        Self { turn: Cell::new(1), pages: Slots::new(), regions: Slots::new() }
    }

    fn forget(&self) {
        self.turn.set(self.turn.get() % MOST_TURNS + 1);
        if self.turn.get() == 1 {
            self.pages.clear();
            self.regions.clear();
        }
    }
}

impl TranslationCache {
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
        room.pages.get(address, room.turn.get())
    }

    /// The page of an address lies there.
    pub fn set_page(&self, address: u64, at: PageAt) {
        if let Some(room) = &self.room {
            room.pages.set(address, room.turn.get(), at);
        }
    }

    /// The region of an address.
    #[inline]
    pub fn region(&self, address: u64) -> Option<Region> {
        let room = self.room.as_ref()?;
        room.regions.get(address, room.turn.get())
    }

    /// The region of an address is mapped so.
    pub fn set_region(&self, address: u64, region: Region) {
        if let Some(room) = &self.room {
            room.regions.set(address, room.turn.get(), region);
        }
    }
}

impl Drop for TranslationCache {
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
        let known = TranslationCache::new();
        let is_known = |known: &TranslationCache, address| {
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
        let others: Vec<TranslationCache> =
            (0..2 * MOST_FREE).map(|_| TranslationCache::new()).collect();
        assert!(others.iter().all(|known| is_known(known, 0) == (false, false)));
        drop(others);
        assert!(FREE.lock().unwrap().len() <= MOST_FREE);
    }
}
