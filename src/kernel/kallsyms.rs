//! kallsyms: the kernel's compressed symbol table in its own constants (scripts/kallsyms.c).
//!
//! Linux 6.0 and later name the tables in VMCOREINFO (5fd8fea935a1). Before that they are found by
//! their structure, which no configuration changes.

use memchr::memmem;
use rustc_hash::FxHashMap;

use super::vmcoreinfo::Vmcoreinfo;
use crate::paging::AddressSpace;

const TOKENS: usize = 256;
/// A kernel has more symbols than the first and fewer than the second.
const SYMBOL_COUNT: std::ops::RangeInclusive<u64> = 1_000..=4_000_000;
/// Compressed names: at most so many bytes are read or searched.
const MOST_NAME_BYTES: u64 = 64 << 20;
/// Names longer than this cannot be (`KSYM_NAME_LEN` is 512 since 6.1, b8a94bfb3395).
const LONGEST_NAME: usize = 1024;
/// Places that may be tried as the symbol count before the search ends.
const MOST_COUNTS: usize = 4096;
/// Symbols between two markers.
const MARKER_STEP: usize = 256;

/// How the tables were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// VMCOREINFO names them.
    Vmcoreinfo,
    /// By the structure of the tables.
    Structure,
}

/// The tables, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kallsyms {
    names: Vec<u8>,
    tokens: Tokens,
    offsets: Vec<i32>,
    relative_base: u64,
    /// How the tables were found.
    pub found_by: FoundBy,
}

/// The 256 strings that a byte of a compressed name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tokens(Vec<Vec<u8>>);

impl Kallsyms {
    /// Number of symbols.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Reads the tables that VMCOREINFO names; `None` where it names none.
    ///
    /// # Errors
    /// One sentence when they are named but cannot be read.
    pub fn from_vmcoreinfo(
        space: &AddressSpace,
        info: &Vmcoreinfo,
    ) -> Option<Result<Self, String>> {
        let names = info.symbol("kallsyms_names")?;
        let count = info.symbol("kallsyms_num_syms")?;
        let table = info.symbol("kallsyms_token_table")?;
        let index = info.symbol("kallsyms_token_index")?;
        let offsets = info.symbol("kallsyms_offsets")?;
        let base = info.symbol("kallsyms_relative_base")?;
        Some(Self::read_tables(space, [names, count, table, index, offsets, base]))
    }

    fn read_tables(space: &AddressSpace, at: [u64; 6]) -> Result<Self, String> {
        let [names, count, table, index, offsets, base] = at;
        let read = |what: &str, address: u64, length: u64| {
            let mut bytes = vec![0; length as usize];
            match space.read(address, &mut bytes) {
                Ok(()) => Ok(bytes),
                Err(fault) => Err(format!("{what} at {:#x}: {fault}", fault.address)),
            }
        };
        let count = u64::from(word(&read("kallsyms_num_syms", count, 4)?, 0).unwrap_or(0));
        if !SYMBOL_COUNT.contains(&count) {
            return Err(format!("kallsyms_num_syms is {count}"));
        }
        let name_bytes = table.wrapping_sub(names);
        let token_bytes = index.wrapping_sub(table);
        if name_bytes > MOST_NAME_BYTES || token_bytes > 1 << 16 {
            return Err("its tables are not in their order".to_owned());
        }
        let tokens = Tokens::parse(&read("kallsyms_token_table", table, token_bytes)?)
            .ok_or("kallsyms_token_table holds no 256 tokens")?;
        let base = read("kallsyms_relative_base", base, 8)?;
        Ok(Self {
            names: read("kallsyms_names", names, name_bytes)?,
            tokens,
            offsets: words(&read("kallsyms_offsets", offsets, count * 4)?),
            relative_base: quad(&base, 0).unwrap_or(0),
            found_by: FoundBy::Vmcoreinfo,
        })
    }

    /// Finds the tables in the kernel's constants by their structure.
    pub fn search(constants: &[u8]) -> Option<Self> {
        // Digits occur in symbol names, so each is its own token, and these follow one another.
        const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
        memmem::find_iter(constants, DIGITS).find_map(|position| {
            let start = token_table_start(constants, position)?;
            let tokens = Tokens::parse(constants.get(start..)?)?;
            let index = (start + tokens.bytes()).next_multiple_of(8);
            tokens.matches_index(constants.get(index..index + 2 * TOKENS)?).then_some(())?;
            Self::around(constants, start, index + 2 * TOKENS, tokens)
        })
    }

    /// Finds names, offsets and base around the token tables. Two orders exist: offsets, base, count,
    /// names, markers, …, tokens; and since 6.4 (404bad70fcf7) count, names, markers, tokens, offsets,
    /// base.
    fn around(
        constants: &[u8],
        tokens_start: usize,
        tokens_end: usize,
        tokens: Tokens,
    ) -> Option<Self> {
        let first = tokens_start.saturating_sub(MOST_NAME_BYTES as usize).next_multiple_of(8);
        let counts = (first..tokens_start & !7)
            .step_by(8)
            .rev()
            .filter_map(|position| Some((position, quad(constants, position)?)))
            .filter(|(_, count)| SYMBOL_COUNT.contains(count));
        for (position, count) in counts.take(MOST_COUNTS) {
            let (count, names_start) = (count as usize, position + 8);
            let Some(names_end) = names_end(constants, names_start, tokens_start, count) else {
                continue;
            };
            let after = offsets_at(constants, tokens_end.next_multiple_of(8), count);
            let before = position
                .checked_sub((count * 4).next_multiple_of(8) + 8)
                .and_then(|start| offsets_at(constants, start, count));
            let (offsets, relative_base) = after.or(before)?;
            let names = constants.get(names_start..names_end)?.to_vec();
            let found_by = FoundBy::Structure;
            return Some(Self { names, tokens, offsets, relative_base, found_by });
        }
        None
    }

    /// Looks up many symbols in one pass; a name that several symbols share gives the first that is
    /// no code.
    pub fn resolve<'n>(&self, wanted: &[&'n str]) -> FxHashMap<&'n str, u64> {
        let by_name: FxHashMap<&[u8], &'n str> =
            wanted.iter().map(|name| (name.as_bytes(), *name)).collect();
        let mut lengths = [false; LONGEST_NAME];
        for name in wanted {
            if let Some(slot) = lengths.get_mut(name.len()) {
                *slot = true;
            }
        }
        let mut found: FxHashMap<&'n str, (bool, u64)> = FxHashMap::default();
        let mut name = Vec::with_capacity(LONGEST_NAME);
        for (index, compressed) in (Names { bytes: &self.names }).take(self.len()).enumerate() {
            let length: usize = compressed.iter().map(|token| self.tokens.get(*token).len()).sum();
            // The first character is the symbol's type.
            if !length.checked_sub(1).and_then(|l| lengths.get(l)).is_some_and(|wanted| *wanted) {
                continue;
            }
            name.clear();
            compressed.iter().for_each(|token| name.extend_from_slice(self.tokens.get(*token)));
            let Some((kind, rest)) = name.split_first() else { continue };
            let Some(key) = by_name.get(rest) else { continue };
            let Some(address) = self.address(index) else { continue };
            let is_data = !matches!(kind, b't' | b'T' | b'w' | b'W');
            let entry = found.entry(*key).or_insert((is_data, address));
            if is_data && !entry.0 {
                *entry = (true, address);
            }
        }
        found.into_iter().map(|(name, (_, address))| (name, address)).collect()
    }

    /// `kallsyms_sym_address` (kernel/kallsyms.c). With CONFIG_KALLSYMS_ABSOLUTE_PERCPU (x86 until
    /// 6.15) positive offsets are absolute and negative ones relative; without it, all are unsigned
    /// and relative. An image is smaller than 2 GiB, so any negative one tells which.
    fn address(&self, index: usize) -> Option<u64> {
        let offset = *self.offsets.get(index)?;
        if !self.has_absolute() {
            return Some(self.relative_base.wrapping_add(u64::from(offset as u32)));
        }
        if offset >= 0 {
            return Some(offset as u64);
        }
        Some(self.relative_base.wrapping_sub(1).wrapping_sub(i64::from(offset) as u64))
    }

    fn has_absolute(&self) -> bool {
        self.offsets.last().is_some_and(|offset| *offset < 0)
    }
}

impl Tokens {
    /// Parses 256 NUL-terminated strings.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let tokens: Vec<Vec<u8>> =
            bytes.split(|byte| *byte == 0).take(TOKENS).map(<[u8]>::to_vec).collect();
        let whole = tokens.len() == TOKENS && tokens.iter().all(|token| token.len() < LONGEST_NAME);
        whole.then_some(Self(tokens))
    }

    fn get(&self, token: u8) -> &[u8] {
        self.0.get(usize::from(token)).map_or(&[], Vec::as_slice)
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|token| token.len() + 1).sum()
    }

    /// Whether `kallsyms_token_index` names just these tokens' positions.
    fn matches_index(&self, index: &[u8]) -> bool {
        let mut position = 0;
        index.as_chunks().0.iter().zip(&self.0).all(|(entry, token)| {
            let matches = usize::from(u16::from_le_bytes(*entry)) == position;
            position += token.len() + 1;
            matches
        })
    }
}

/// The compressed names, one after another: a length of one or two bytes (73bbb94466fd, 6.1), tokens.
struct Names<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (first, mut rest) = self.bytes.split_first()?;
        let mut length = usize::from(*first);
        if first & 0x80 != 0 {
            let (second, more) = rest.split_first()?;
            length = usize::from(first & 0x7f) | (usize::from(*second) << 7);
            rest = more;
        }
        let (name, rest) = rest.split_at_checked(length)?;
        self.bytes = rest;
        Some(name)
    }
}

/// Goes back from token '0' (code 0x30) over the tokens before it.
fn token_table_start(constants: &[u8], zero: usize) -> Option<usize> {
    let mut start = zero;
    for _ in 0..usize::from(b'0') {
        let before = start.checked_sub(1)?;
        (constants.get(before) == Some(&0)).then_some(())?;
        let window = constants.get(before.saturating_sub(LONGEST_NAME)..before)?;
        start = before - window.iter().rev().position(|byte| *byte == 0)?;
    }
    Some(start)
}

/// Where `count` names end, if the markers behind them agree: every 256th name's position.
fn names_end(constants: &[u8], start: usize, limit: usize, count: usize) -> Option<usize> {
    let bytes = constants.get(start..limit)?;
    let mut names = Names { bytes };
    let mut marked = Vec::with_capacity(count.div_ceil(MARKER_STEP));
    for index in 0..count {
        if index % MARKER_STEP == 0 {
            marked.push(bytes.len() - names.bytes.len());
        }
        if names.next()?.is_empty() {
            return None;
        }
    }
    let end = limit - names.bytes.len();
    let markers = end.next_multiple_of(8);
    marked
        .iter()
        .enumerate()
        .all(|(index, position)| word(constants, markers + index * 4) == Some(*position as u32))
        .then_some(end)
}

/// Offsets and the relative base behind them, if the base is an address of the kernel's image.
fn offsets_at(constants: &[u8], start: usize, count: usize) -> Option<(Vec<i32>, u64)> {
    let end = start.checked_add(count * 4)?;
    let base = quad(constants, end.next_multiple_of(8))?;
    (base >= 0xffff_ffff_8000_0000).then_some(())?;
    Some((words(constants.get(start..end)?), base))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

fn quad(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

fn words(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks().0.iter().map(|chunk| i32::from_le_bytes(*chunk)).collect()
}
