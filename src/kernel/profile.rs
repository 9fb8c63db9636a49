//! A profile: all that crawling asks about one kernel, answered, as one small file. It serves kernels that
//! carry no symbols or types, and makes the next opening of a known one immediate.
//!
//! The file is a line with format and checksum, then JSON. What was never asked is not in it: whether a
//! profile serves another version of nfm shows when that version asks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::names::core_symbol_lacking;
use super::types::{Member, Types};

/// The beginning of a profile's first line.
pub(super) const MAGIC: &[u8] = b"nfm-profile/";
/// The format that is written and read.
const FORMAT: &str = "nfm-profile/1";
/// No profile is larger.
pub(super) const LARGEST: u64 = 1 << 20;
/// No kernel's image is larger.
const LARGEST_IMAGE: u64 = 512 << 20;
/// `linux_banner` is not longer.
pub(super) const LONGEST_BANNER: usize = 512;

/// Where a symbol lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SymbolPlace {
    /// Bytes from the image's start.
    Image(u64),
    /// A number that does not move: a per-CPU variable's.
    Absolute(u64),
}

/// How the kernel is told in guest memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marks {
    /// The linker's build id, in hexadecimal.
    pub build_id: String,
    /// Bytes from the image's start to the note that holds it.
    pub notes: u64,
    /// `linux_banner`: bytes from the image's start, and its text.
    pub banner: Option<(u64, String)>,
}

/// A profile's facts about one kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Which kernel it is of.
    pub marks: Marks,
    /// `uname -r`.
    pub release: Option<String>,
    /// Where symbols and types came from, in words.
    pub origin: Origin,
    pub(super) symbols: BTreeMap<String, Option<SymbolPlace>>,
    pub(super) types: TypeAnswers,
    /// The same of drivers that are modules, by the module's name.
    pub(super) drivers: BTreeMap<String, TypeAnswers>,
}

/// Where symbols and types came from, in words: `kallsyms`, `DWARF in /usr/lib/debug/…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    pub symbols: String,
    pub types: String,
}

/// Questions about types with their answers; `null` where the kernel has no such thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeAnswers {
    sizes: BTreeMap<String, Option<u32>>,
    members: BTreeMap<String, BTreeMap<String, Option<MemberFact>>>,
    enumerators: BTreeMap<String, BTreeMap<String, Option<i64>>>,
}

/// Offset, size, elements, lowest bit, bits, signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MemberFact(u32, u32, u32, u8, u8, bool);

impl From<Member> for MemberFact {
    fn from(m: Member) -> Self {
        Self(m.offset, m.size, m.elements, m.bit, m.bits, m.signed)
    }
}

impl From<MemberFact> for Member {
    fn from(MemberFact(offset, size, elements, bit, bits, signed): MemberFact) -> Self {
        Self { offset, size, elements, bit, bits, signed }
    }
}

/// Types that note what they are asked and what they answer.
pub(crate) struct Recorder<'a> {
    types: &'a dyn Types,
    facts: RefCell<TypeAnswers>,
}

impl<'a> Recorder<'a> {
    pub fn new(types: &'a dyn Types) -> Self {
        Self { types, facts: RefCell::default() }
    }

    /// The answers to all that `ask` asks.
    pub fn answers(types: &'a dyn Types, ask: &dyn Fn(&dyn Types)) -> TypeAnswers {
        let recorder = Self::new(types);
        ask(&recorder);
        recorder.into_facts()
    }

    pub fn into_facts(self) -> TypeAnswers {
        self.facts.into_inner()
    }
}

impl Types for Recorder<'_> {
    fn size_of(&self, structure: &str) -> Option<u32> {
        let size = self.types.size_of(structure);
        self.facts.borrow_mut().sizes.insert(structure.to_owned(), size);
        size
    }

    fn member(&self, structure: &str, path: &str) -> Option<Member> {
        let member = self.types.member(structure, path);
        let mut facts = self.facts.borrow_mut();
        let of = facts.members.entry(structure.to_owned()).or_default();
        of.insert(path.to_owned(), member.map(MemberFact::from));
        member
    }

    fn enumerator(&self, enumeration: &str, name: &str) -> Option<i64> {
        let value = self.types.enumerator(enumeration, name);
        let mut facts = self.facts.borrow_mut();
        facts.enumerators.entry(enumeration.to_owned()).or_default().insert(name.to_owned(), value);
        value
    }
}

/// A profile's types.
#[derive(Clone, Debug)]
pub(crate) struct ProfileTypes {
    facts: TypeAnswers,
    complete: Cell<bool>,
}

impl ProfileTypes {
    pub fn new(facts: TypeAnswers) -> Self {
        Self { facts, complete: Cell::new(true) }
    }

    /// True if the profile has had an answer to every question so far.
    pub fn is_complete(&self) -> bool {
        self.complete.get()
    }

    /// Notes that the profile lacks an answer.
    pub fn miss(&self) {
        self.complete.set(false);
    }

    fn known<T: Copy>(&self, answer: Option<&Option<T>>) -> Option<T> {
        if answer.is_none() {
            self.miss();
        }
        answer.copied().flatten()
    }
}

impl Types for ProfileTypes {
    fn size_of(&self, structure: &str) -> Option<u32> {
        self.known(self.facts.sizes.get(structure))
    }

    fn member(&self, structure: &str, path: &str) -> Option<Member> {
        let members = self.facts.members.get(structure);
        self.known(members.and_then(|members| members.get(path))).map(Member::from)
    }

    fn enumerator(&self, enumeration: &str, name: &str) -> Option<i64> {
        let values = self.facts.enumerators.get(enumeration);
        self.known(values.and_then(|values| values.get(name)))
    }
}

impl Profile {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        Self::with_checksum(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// A file with this content.
    pub(super) fn with_checksum(body: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{FORMAT} {:08x}\n", crc32fast::hash(body)).into_bytes();
        bytes.extend(body);
        bytes
    }

    /// Parses a file, which is not trusted.
    ///
    /// # Errors
    /// A clause that says why it is no profile.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > LARGEST {
            return Err("it is too large for a profile".to_owned());
        }
        let cut = || "it is no whole profile".to_owned();
        let end = bytes.iter().take(64).position(|byte| *byte == b'\n').ok_or_else(cut)?;
        let (line, body) = bytes.split_at_checked(end).ok_or_else(cut)?;
        let body = body.get(1..).unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| cut())?;
        let (format, checksum) = line.split_once(' ').ok_or_else(cut)?;
        if format != FORMAT {
            return Err(format!("its format is '{format}', and this nfm reads {FORMAT}"));
        }
        if u32::from_str_radix(checksum, 16) != Ok(crc32fast::hash(body)) {
            return Err("its checksum is wrong: it was cut short or changed".to_owned());
        }
        let profile: Self = serde_json::from_slice(body)
            .map_err(|error| format!("it is no sound profile: {error}"))?;
        if let Some(name) = profile.lacking() {
            return Err(format!("it is not whole: it does not tell where {name} lies"));
        }
        match profile.is_sound() {
            true => Ok(profile),
            false => Err("what it says cannot be of any kernel".to_owned()),
        }
    }

    /// The first variable of every kernel that it does not place.
    pub(super) fn lacking(&self) -> Option<&'static str> {
        core_symbol_lacking(|name| self.symbols.get(name).is_some_and(Option::is_some))
    }

    /// True if its numbers can be true.
    fn is_sound(&self) -> bool {
        let inside = |offset: u64| offset < LARGEST_IMAGE;
        let marks = &self.marks;
        let member = |m: &MemberFact| m.3 < 8 && m.4 <= 64;
        let mut members = self
            .drivers
            .values()
            .chain([&self.types])
            .flat_map(|facts| facts.members.values())
            .flat_map(|of| of.values().flatten());
        is_build_id(&marks.build_id)
            && inside(marks.notes)
            && marks
                .banner
                .as_ref()
                .is_none_or(|(at, text)| inside(*at) && text.len() <= LONGEST_BANNER)
            && self.symbols.values().flatten().all(|place| match place {
                SymbolPlace::Image(offset) => inside(*offset),
                SymbolPlace::Absolute(_) => true,
            })
            && members.all(member)
    }
}

/// True if a text is a build id in hexadecimal.
pub(super) fn is_build_id(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (8..=128).contains(&text.len()) && text.len().is_multiple_of(2) && text.bytes().all(digit)
}

/// The note that holds a build id, as the linker writes it (`NT_GNU_BUILD_ID`).
pub(super) fn note(build_id: &str) -> Vec<u8> {
    let digits = build_id.as_bytes().as_chunks::<2>().0.iter();
    let id: Vec<u8> = digits
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    [&[4, 0, 0, 0][..], &(id.len() as u32).to_le_bytes(), &[3, 0, 0, 0], b"GNU\0", &id].concat()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One of each kind.
    struct Few;

    impl Types for Few {
        fn size_of(&self, structure: &str) -> Option<u32> {
            (structure == "task_struct").then_some(9024)
        }

        fn member(&self, structure: &str, path: &str) -> Option<Member> {
            let member = Member { offset: 8, size: 2, elements: 1, bit: 3, bits: 9, signed: true };
            (structure == "task_struct" && path == "pid").then_some(member)
        }

        fn enumerator(&self, _: &str, name: &str) -> Option<i64> {
            (name == "NEGATIVE").then_some(-5)
        }
    }

    fn ask(types: &dyn Types) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            types.size_of("task_struct"),
            types.size_of("nothing"),
            types.member("task_struct", "pid"),
            types.member("task_struct", "other"),
            types.enumerator("some", "NEGATIVE"),
            types.enumerator("some", "OTHER"),
        )
    }

    pub(in crate::kernel) fn sample() -> Profile {
        let facts = Recorder::answers(&Few, &|types| {
            ask(types);
        });
        let banner = "Linux version 6.1.0 (someone)\n".to_owned();
        Profile {
            marks: Marks {
                build_id: "00112233445566778899aabbccddeeff00112233".to_owned(),
                notes: 0x43_7e70,
                banner: Some((0x20_0000, banner)),
            },
            release: Some("6.1.0".to_owned()),
            origin: Origin { symbols: "kallsyms".to_owned(), types: "BTF".to_owned() },
            symbols: [
                ("init_task".to_owned(), Some(SymbolPlace::Image(0x1c1_a940))),
                ("init_uts_ns".to_owned(), Some(SymbolPlace::Image(0x1c1_b000))),
                ("cpu_info".to_owned(), Some(SymbolPlace::Absolute(0x11280))),
                ("nowhere".to_owned(), None),
            ]
            .into(),
            types: facts.clone(),
            drivers: [("veth".to_owned(), facts)].into(),
        }
    }

    #[test]
    fn answers_survive_the_file() {
        let profile = sample();
        let read = Profile::parse(&profile.to_bytes()).unwrap();
        assert_eq!(read, profile);
        let types = ProfileTypes::new(read.types);
        assert_eq!(ask(&types), ask(&Few));
        assert!(types.is_complete());
        assert_eq!(types.member("task_struct", "never asked"), None);
        assert!(!types.is_complete(), "what was not asked is not known to be absent");
    }

    #[test]
    fn no_damage_goes_unnoticed() {
        let bytes = sample().to_bytes();
        for length in 0..bytes.len() {
            assert!(Profile::parse(&bytes[..length]).is_err(), "cut to {length}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            // The checksum is a number: its letters may be capitals.
            assert!(
                Profile::parse(&changed).map_or(true, |read| read == sample()),
                "changed at {at}"
            );
        }
        assert!(Profile::parse(&[bytes, b"more".to_vec()].concat()).is_err());
    }

    /// A file whose checksum is right says what cannot be.
    #[test]
    fn lies_are_refused() {
        let lie = |change: &dyn Fn(&mut Profile)| {
            let mut profile = sample();
            change(&mut profile);
            Profile::parse(&profile.to_bytes()).unwrap_err()
        };
        let cannot_be: [&dyn Fn(&mut Profile); 6] = [
            &|p| p.marks.build_id = "../../etc".to_owned(),
            &|p| p.marks.build_id = String::new(),
            &|p| p.marks.notes = u64::MAX,
            &|p| p.marks.banner = Some((1 << 40, String::new())),
            &|p| {
                p.symbols.insert("x".to_owned(), Some(SymbolPlace::Image(u64::MAX)));
            },
            &|p| {
                let member = MemberFact(0, 8, 1, 9, 200, false);
                p.types
                    .members
                    .entry("x".to_owned())
                    .or_default()
                    .insert("y".to_owned(), Some(member));
            },
        ];
        for change in cannot_be {
            assert!(lie(change).contains("cannot be"), "{}", lie(change));
        }
        let json = |body: &str| {
            Profile::parse(
                format!("{FORMAT} {:08x}\n{body}", crc32fast::hash(body.as_bytes())).as_bytes(),
            )
        };
        for body in ["", "{}", "[]", "null", &"[".repeat(100_000), "{\"marks\": 1}"] {
            assert!(json(body).unwrap_err().contains("no sound profile"));
        }
        let newer = Profile::parse(b"nfm-profile/2 00000000\n{}").unwrap_err();
        assert!(newer.contains("nfm-profile/2"), "{newer}");
    }

    #[test]
    fn a_note_is_as_the_linker_writes_it() {
        let note = note("00112233445566778899aabbccddeeff00112233");
        assert_eq!(note[..20], *b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0\x00\x11\x22\x33");
        assert_eq!(note.len(), 36);
    }
}
