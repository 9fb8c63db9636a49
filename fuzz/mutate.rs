//! Guest memory that lies: a snapshot, altered where nfm looks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nfm::fuzzing::{Ram, Touch};

use crate::random::Random;
use crate::snapshot::Snapshot;

const PAGE: usize = 4096;
/// Attributes of an entry that maps: present, writable, user, accessed, dirty.
const MAPPED: u64 = 0x67;
/// The entry maps a large page.
const LARGE: u64 = 0x80;
/// Numbers that counts, lengths and indexes should not be.
const HUGE: [u64; 14] = [
    0,
    1,
    2,
    0xff,
    0xffff,
    0x10_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    u64::MAX - 7,
    0x0101_0101_0101_0101,
];
/// Places that no pointer of a kernel leads to.
const NOWHERE: [u64; 10] = [
    0,
    8,
    0x1000,
    0x4141_4141_4141_4141,
    0x0000_7fff_ffff_f000,
    0x0000_5555_5555_4000,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fff8,
    0xffff_ffff_ffff_ffff,
    0xff00_0000_0000_0000,
];

/// Eight bytes that a crawl reads.
#[derive(Clone, Copy, Debug)]
struct Cell {
    physical: u64,
    virtual_address: Option<u64>,
}

/// The reads that a crawl of a snapshot makes, by the sections asked for.
pub struct Map {
    snapshot: Snapshot,
    /// The cells of each part.
    parts: Vec<Vec<Cell>>,
    /// Values that lead to cells.
    pointers: Vec<u64>,
    /// Where a virtual address lies.
    physical: HashMap<u64, u64>,
}

impl Map {
    /// From what was recorded of each part.
    pub fn new(snapshot: &Snapshot, parts: &[Vec<Touch>]) -> Self {
        let mut map = Self {
            snapshot: snapshot.clone(),
            parts: Vec::new(),
            pointers: Vec::new(),
            physical: HashMap::new(),
        };
        for touches in parts {
            let mut cells: HashMap<u64, Cell> = HashMap::new();
            for touch in touches {
                let end = touch.physical + u64::from(touch.length.min(PAGE as u32));
                for physical in (touch.physical & !7..end).step_by(8) {
                    let virtual_address = touch.virtual_address.map(|at| {
                        (at & !7).wrapping_add(physical.wrapping_sub(touch.physical & !7))
                    });
                    cells.insert(physical, Cell { physical, virtual_address });
                    if let Some(at) = virtual_address {
                        map.physical.insert(at, physical);
                    }
                }
            }
            let mut cells: Vec<Cell> = cells.into_values().collect();
            cells.sort_by_key(|cell| cell.physical);
            map.parts.push(cells);
        }
        let values = map.parts.iter().flatten().filter_map(|cell| map.value(cell.physical));
        let mut pointers: Vec<u64> = values.filter(|value| value >> 56 == 0xff).collect();
        pointers.sort_unstable();
        pointers.dedup();
        map.pointers = pointers;
        map
    }

    /// Cells in all parts.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    fn value(&self, physical: u64) -> Option<u64> {
        let at = usize::try_from(physical).ok()?;
        self.snapshot.ram.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Alters memory for one case: some lies about some of these parts.
    pub fn mutate(&self, random: &mut Random, parts: &[usize], memory: &Lies) {
        let lies = match random.below(8) {
            0 => 8 + random.below(120) as u32,
            _ => random.few(10),
        };
        for _ in 0..lies {
            let cells = random.pick(parts).and_then(|part| self.parts.get(*part));
            if let Some(cell) = cells.and_then(|cells| random.pick(cells)).copied() {
                self.lie(random, cell, memory);
            }
        }
    }

    fn lie(&self, random: &mut Random, cell: Cell, memory: &Lies) {
        let Some(value) = self.value(cell.physical) else { return };
        if cell.virtual_address.is_none() && !random.one_in(4) {
            return self.lie_in_table(random, cell, value, memory);
        }
        let pointer = |random: &mut Random| random.pick(&self.pointers).copied().unwrap_or(0);
        let own = cell.virtual_address.unwrap_or(cell.physical);
        match random.below(16) {
            0 | 1 => {
                let bits = (0..random.few(4)).fold(0, |bits, _| bits | 1 << random.below(64));
                memory.write(cell.physical, value ^ bits);
            }
            2..=4 => memory.write(cell.physical, pointer(random)),
            5 => memory.write(cell.physical, own),
            6 => memory.write(cell.physical, own.wrapping_sub(8 * random.below(64) as u64)),
            7 => memory.write(cell.physical, NOWHERE[random.below(NOWHERE.len())]),
            8 => memory.write(cell.physical, HUGE[random.below(HUGE.len())]),
            9 => {
                let half = HUGE[random.below(HUGE.len())] & 0xffff_ffff;
                let (shift, keep) = *random.pick(&[(0, !0xffff_ffff), (32, 0xffff_ffff)]).unwrap();
                memory.write(cell.physical, value & keep | half << shift);
            }
            10 => {
                let near = value.wrapping_add_signed(8 * (random.below(33) as i64 - 16));
                memory.write(cell.physical, near);
            }
            // A link that leads to another entry, which leads back: a list without its middle, or a ring.
            11 | 12 => {
                let other = pointer(random);
                memory.write(cell.physical, other);
                if let Some(back) = self.physical.get(&(other & !7).wrapping_add(8)) {
                    memory.write(*back, own);
                }
            }
            // Text without an end, or of bytes that are no text.
            13 => {
                let filler = [0x41, 0x1b, 0x80, 0xff, 0x0a][random.below(5)];
                let bytes = vec![filler; 8 << random.below(10)];
                memory.write_bytes(cell.physical, &bytes);
            }
            14 => {
                let page = cell.physical & !(PAGE as u64 - 1);
                match random.below(3) {
                    0 => memory.write_bytes(page, &[0; PAGE]),
                    1 => {
                        let noise: Vec<u8> =
                            (0..PAGE / 8).flat_map(|_| random.next().to_le_bytes()).collect();
                        memory.write_bytes(page, &noise);
                    }
                    _ => {
                        let words = (0..PAGE / 8).flat_map(|_| pointer(random).to_le_bytes());
                        memory.write_bytes(page, &words.collect::<Vec<u8>>());
                    }
                }
            }
            _ => memory.flicker(cell.physical, pointer(random)),
        }
    }

    /// Page tables that lead to themselves, to one another, out of RAM, to pages of another size.
    fn lie_in_table(&self, random: &mut Random, cell: Cell, value: u64, memory: &Lies) {
        let table = cell.physical & !(PAGE as u64 - 1);
        let other = random.pick(&self.parts).and_then(|cells| random.pick(cells));
        let other = other.map_or(0, |cell| cell.physical & !(PAGE as u64 - 1));
        let entry = match random.below(9) {
            0 => table | MAPPED,
            1 => other | MAPPED,
            2 => value ^ LARGE,
            3 => value ^ 1,
            4 => (random.next() & 0x000f_ffff_ffff_f000) | MAPPED,
            5 => value ^ (1 << random.below(64)),
            6 => random.next(),
            // The whole table leads to itself: each address of what it maps has something behind it.
            7 => {
                let bytes: Vec<u8> =
                    (0..PAGE / 8).flat_map(|_| (table | MAPPED).to_le_bytes()).collect();
                return memory.write_bytes(table, &bytes);
            }
            _ => return memory.flicker(cell.physical, table | MAPPED),
        };
        memory.write(cell.physical, entry);
    }
}

/// A snapshot's memory with lies in it. Clones share them.
#[derive(Clone)]
pub struct Lies {
    snapshot: Snapshot,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    pages: Mutex<HashMap<u64, Box<[u8; PAGE]>>>,
    /// Cells that have another value at every second read.
    flicker: Mutex<Vec<(u64, u64)>>,
    any: AtomicBool,
    reads: AtomicU64,
}

impl Lies {
    /// The snapshot as it is.
    pub fn new(snapshot: &Snapshot) -> Self {
        Self { snapshot: snapshot.clone(), state: Arc::default() }
    }

    /// The truth again.
    pub fn clear(&self) {
        lock(&self.state.pages).clear();
        lock(&self.state.flicker).clear();
        self.state.any.store(false, Ordering::Relaxed);
        self.state.reads.store(0, Ordering::Relaxed);
    }

    /// Writes a number over what a guest-physical address holds.
    pub fn write(&self, physical: u64, value: u64) {
        self.write_bytes(physical, &value.to_le_bytes());
    }

    /// Writes bytes, as far as there is RAM.
    pub fn write_bytes(&self, physical: u64, bytes: &[u8]) {
        self.state.any.store(true, Ordering::Relaxed);
        let mut pages = lock(&self.state.pages);
        for (index, byte) in bytes.iter().enumerate() {
            let Some(at) = physical.checked_add(index as u64) else { return };
            let number = at / PAGE as u64;
            let page = pages.entry(number).or_insert_with(|| {
                let mut page = Box::new([0; PAGE]);
                let start = (number as usize).saturating_mul(PAGE);
                if let Some(truth) = self.snapshot.ram.get(start..).and_then(|r| r.first_chunk()) {
                    *page = *truth;
                }
                page
            });
            page[at as usize % PAGE] = *byte;
        }
    }

    /// From now on the address holds this number at every second read.
    pub fn flicker(&self, physical: u64, value: u64) {
        self.state.any.store(true, Ordering::Relaxed);
        lock(&self.state.flicker).push((physical, value));
    }
}

impl Ram for Lies {
    fn size(&self) -> u64 {
        self.snapshot.ram.len() as u64
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let truth = usize::try_from(address).ok().and_then(|at| self.snapshot.ram.get(at..));
        let Some(truth) = truth.and_then(|truth| truth.get(..bytes.len())) else { return false };
        bytes.copy_from_slice(truth);
        if !self.state.any.load(Ordering::Relaxed) {
            return true;
        }
        let end = address + bytes.len() as u64;
        let pages = lock(&self.state.pages);
        for (number, page) in pages.iter() {
            let start = number * PAGE as u64;
            overlay(address, bytes, start, &page[..]);
        }
        let odd = self.state.reads.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        for (at, value) in lock(&self.state.flicker).iter().filter(|(at, _)| odd && *at < end) {
            overlay(address, bytes, *at, &value.to_le_bytes());
        }
        true
    }
}

/// Puts `over`, which begins at `start`, over those of the bytes from `address` on that it covers.
fn overlay(address: u64, bytes: &mut [u8], start: u64, over: &[u8]) {
    let from = start.max(address);
    let to = (start + over.len() as u64).min(address + bytes.len() as u64);
    if from < to {
        let length = (to - from) as usize;
        let (at, of) = ((from - address) as usize, (from - start) as usize);
        bytes[at..at + length].copy_from_slice(&over[of..of + length]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
