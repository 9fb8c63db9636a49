//! The kernel's type information in a guest's RAM, found and altered from outside, in its QEMU.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use memchr::memmem;

/// The first bytes of a blob: magic, version 1, no flags, the header's length.
const BEGINNING: [u8; 8] = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
const HEADER: usize = 24;
const CHUNK: usize = 4 << 20;
/// Bytes of a kernel's own; those of modules are smaller, of xfs over 256 KiB.
const SIZES: std::ops::Range<u64> = 1 << 20..64 << 20;

/// Each large BTF blob of a guest.
pub struct Btf {
    mem: File,
    /// Where each begins in QEMU or in the dump, and its strings: where and how many bytes.
    blobs: Vec<(u64, (u64, usize))>,
}

/// Bytes of a type, and of each of its members by kind (include/uapi/linux/btf.h): (kind, once, for each).
const TYPE: usize = 12;
const STRUCT: u32 = 4;
const EXTRA: [(u32, usize, usize); 10] = [
    (1, 4, 0),  // INT
    (3, 12, 0), // ARRAY
    (STRUCT, 0, 12),
    (5, 0, 12),  // UNION
    (6, 0, 8),   // ENUM
    (13, 0, 8),  // FUNC_PROTO
    (14, 4, 0),  // VAR
    (15, 0, 12), // DATASEC
    (17, 4, 0),  // DECL_TAG
    (19, 0, 12), // ENUM64
];

impl Btf {
    /// Searches the RAM, private to its QEMU and in one piece, of a guest.
    pub fn find(qemu: u32, ram: u64) -> Self {
        let maps = std::fs::read_to_string(format!("/proc/{qemu}/maps")).unwrap();
        let start = maps.lines().find_map(|line| {
            let range = line.split(' ').next()?.split_once('-')?;
            let [start, end] = [range.0, range.1].map(|hex| u64::from_str_radix(hex, 16).unwrap());
            (end - start >= ram && line.contains(" rw-p 00000000 00:00 0")).then_some(start)
        });
        let start = start.expect("a mapping as large as the guest's RAM");
        Self::within(Path::new(&format!("/proc/{qemu}/mem")), start, ram)
    }

    /// Searches a dump in which memory lies in one piece.
    pub fn in_dump(path: &Path) -> Self {
        Self::within(path, 0, std::fs::metadata(path).unwrap().len())
    }

    fn within(path: &Path, start: u64, ram: u64) -> Self {
        let mem = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut blobs = Vec::new();
        let mut bytes = vec![0; CHUNK + HEADER];
        for offset in (0..ram).step_by(CHUNK) {
            let read = mem.read_at(&mut bytes, start + offset).unwrap();
            for at in memmem::find_iter(&bytes[..read], &BEGINNING) {
                let Some(header) = bytes[..read].get(at..at + HEADER) else { continue };
                let word = |field: usize| {
                    u64::from(u32::from_le_bytes(header[field..field + 4].try_into().unwrap()))
                };
                let (types, strings) = (word(12), word(20));
                let begin = start + offset + at as u64;
                let size = types + strings;
                let fits = begin + HEADER as u64 + size <= start + ram && SIZES.contains(&size);
                if word(8) == 0 && types == word(16) && fits {
                    blobs.push((begin, (begin + HEADER as u64 + types, strings as usize)));
                }
            }
        }
        assert!(!blobs.is_empty(), "no BTF in the guest's memory");
        Self { mem, blobs }
    }

    /// Overwrites the beginnings: there are no types any more.
    pub fn wipe(&self) {
        for (begin, _) in &self.blobs {
            self.mem.write_all_at(b"no types", *begin).unwrap();
        }
    }

    /// Gives whatever has this name another of the same length. Members of several structures that have
    /// one name share it.
    pub fn rename(&self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let name = |name: &str| format!("\0{name}\0").into_bytes();
        let mut renamed = 0;
        for (_, (at, length)) in &self.blobs {
            let mut strings = vec![0; *length];
            self.mem.read_exact_at(&mut strings, *at).unwrap();
            assert!(memmem::find(&strings, &name(to)).is_none(), "there is a {to} already");
            if let Some(found) = memmem::find(&strings, &name(from)) {
                self.mem.write_all_at(&name(to), at + found as u64).unwrap();
                renamed += 1;
            }
        }
        assert!(renamed > 0, "nothing is named {from}");
    }

    /// Lets two members of a structure change places, in what the types say.
    pub fn exchange(&self, structure: &str, members: [&str; 2]) {
        let mut exchanged = 0;
        for (begin, (strings_at, length)) in &self.blobs {
            let mut types = vec![0; (strings_at - begin) as usize - HEADER];
            self.mem.read_exact_at(&mut types, begin + HEADER as u64).unwrap();
            let mut strings = vec![0; *length];
            self.mem.read_exact_at(&mut strings, *strings_at).unwrap();
            let word = |at: usize| u32::from_le_bytes(types[at..at + 4].try_into().unwrap());
            let is_named = |at: usize, name: &str| {
                let rest = &strings[word(at) as usize..];
                rest.starts_with(name.as_bytes()) && rest[name.len()] == 0
            };
            let mut at = 0;
            while at < types.len() {
                let (kind, count) = (word(at + 4) >> 24 & 31, word(at + 4) as usize & 0xffff);
                if kind == STRUCT && is_named(at, structure) {
                    // The name, type and place of each member.
                    let places = members.map(|name| {
                        let mut all = (0..count).map(|index| at + TYPE + 12 * index);
                        all.find(|at| is_named(*at, name)).expect(name) + 8
                    });
                    for (place, other) in [(places[0], places[1]), (places[1], places[0])] {
                        let to = begin + (HEADER + place) as u64;
                        self.mem.write_all_at(&word(other).to_le_bytes(), to).unwrap();
                    }
                    exchanged += 1;
                }
                let extra = EXTRA.iter().find(|(of, ..)| *of == kind);
                at += TYPE + extra.map_or(0, |(_, once, each)| once + each * count);
            }
        }
        assert_eq!(exchanged, 1, "structures named {structure}");
    }
}
