//! kallsyms: the kernel's compressed symbol table in its own constants (scripts/kallsyms.c).
//!
//! Linux 6.0 and later name the tables in VMCOREINFO (5fd8fea935a1). Before that they are found by
//! their structure, which no configuration changes.

use std::ops::Range;

use memchr::memmem;
use rustc_hash::FxHashMap;

use super::constants::Constants;
use super::vmcoreinfo::Vmcoreinfo;

const TOKENS: usize = 256;
/// A kernel has more symbols than the first and fewer than the second.
const SYMBOL_COUNT: std::ops::RangeInclusive<u64> = 1_000..=2_000_000;
/// Compressed names: at most so many bytes are read or searched.
const MOST_NAME_BYTES: u64 = 16 << 20;
/// Names longer than this cannot be (`KSYM_NAME_LEN` is 512 since 6.1, b8a94bfb3395).
const LONGEST_NAME: usize = 1024;
/// Places that may be tried as the symbol count before the search ends.
const MOST_COUNTS: usize = 16_384;
/// Names that are walked over, and tokens that are parsed, before the search ends: a sound kernel's are
/// found within a tenth of that.
const MOST_STEPS: usize = 20_000_000;
/// Start of the addresses of kernel images (`__START_KERNEL_map`).
const IMAGES: u64 = 0xffff_ffff_8000_0000;
/// Alignment of the tables: 8 bytes, and 4 where offsets count from their own places.
const ALIGNMENTS: [usize; 2] = [8, 4];
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
    base: Base,
    /// How the tables were found.
    pub found_by: FoundBy,
}

/// The base of the offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// One address for all (`kallsyms_relative_base`).
    Common(u64),
    /// Each its own place; this is the first one's. So in 7.x kernels, which have no common base.
    Own(u64),
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
        constants: &Constants,
        info: &Vmcoreinfo,
    ) -> Option<Result<Self, String>> {
        let names = info.symbol("kallsyms_names")?;
        let count = info.symbol("kallsyms_num_syms")?;
        let table = info.symbol("kallsyms_token_table")?;
        let index = info.symbol("kallsyms_token_index")?;
        let offsets = info.symbol("kallsyms_offsets")?;
        let base = info.symbol("kallsyms_relative_base");
        Some(Self::read_tables(constants, [names, count, table, index, offsets], base))
    }

    fn read_tables(constants: &Constants, at: [u64; 5], base: Option<u64>) -> Result<Self, String> {
        let [names, count, table, index, offsets] = at;
        let read = |what: &str, address: u64, length: u64| {
            constants
                .at(address, address.wrapping_add(length))
                .ok_or_else(|| format!("{what} at {address:#x} cannot be read"))
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
        let base = match base {
            Some(base) => {
                Base::Common(quad(&read("kallsyms_relative_base", base, 8)?, 0).unwrap_or(0))
            }
            None => Base::Own(offsets),
        };
        Ok(Self {
            names: read("kallsyms_names", names, name_bytes)?,
            tokens,
            offsets: words(&read("kallsyms_offsets", offsets, count * 4)?),
            base,
            found_by: FoundBy::Vmcoreinfo,
        })
    }

    /// Finds the tables in the kernel's constants, which lie at a virtual address, by their structure.
    pub fn search(address: u64, constants: &[u8]) -> Option<Self> {
        // Digits occur in symbol names, so each is its own token, and these follow one another.
        const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
        let mut steps = MOST_STEPS;
        memmem::find_iter(constants, DIGITS).find_map(|position| {
            steps = steps.checked_sub(TOKENS)?;
            let start = token_table_start(constants, position)?;
            let tokens = Tokens::parse(constants.get(start..)?)?;
            ALIGNMENTS.iter().find_map(|alignment| {
                let index = (start + tokens.bytes()).next_multiple_of(*alignment);
                let end = index + 2 * TOKENS;
                tokens.matches_index(constants.get(index..end)?).then_some(())?;
                Self::around(address, constants, start..end, &tokens, *alignment, &mut steps)
            })
        })
    }

    /// Finds names, offsets and base around the token tables. Two orders exist: offsets, base, count,
    /// names, markers, …, tokens; and since 6.4 (404bad70fcf7) count, names, markers, tokens, offsets,
    /// base.
    fn around(
        address: u64,
        constants: &[u8],
        at: Range<usize>,
        tokens: &Tokens,
        alignment: usize,
        steps: &mut usize,
    ) -> Option<Self> {
        let first = at.start.saturating_sub(MOST_NAME_BYTES as usize).next_multiple_of(alignment);
        let count_at = |position| match alignment {
            8 => quad(constants, position),
            _ => word(constants, position).map(u64::from),
        };
        let counts = (first..at.start & !(alignment - 1))
            .step_by(alignment)
            .rev()
            .filter_map(|position| Some((position, count_at(position)?)))
            .filter(|(_, count)| SYMBOL_COUNT.contains(count));
        for (position, count) in counts.take(MOST_COUNTS) {
            let (count, names_start) = (count as usize, position + alignment);
            let names = names_start..at.start;
            let Some(names_end) = names_end(constants, names, count, alignment, steps) else {
                continue;
            };
            let offsets = |start| offsets_at(address, constants, start, count);
            let before =
                || position.checked_sub((count * 4).next_multiple_of(8) + 8).and_then(&offsets);
            let (offsets, base) = offsets(at.end.next_multiple_of(alignment)).or_else(before)?;
            return Some(Self {
                names: constants.get(names_start..names_end)?.to_vec(),
                tokens: tokens.clone(),
                offsets,
                base,
                found_by: FoundBy::Structure,
            });
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

    /// Where the next symbol begins behind each of these addresses: that far a variable can reach.
    pub fn next_after(&self, addresses: &[u64]) -> Vec<Option<u64>> {
        let mut next = vec![None; addresses.len()];
        for address in (0..self.len()).filter_map(|index| self.address(index)) {
            for (before, next) in addresses.iter().zip(&mut next) {
                if address > *before && next.is_none_or(|nearest| address < nearest) {
                    *next = Some(address);
                }
            }
        }
        next
    }

    /// `kallsyms_sym_address` (kernel/kallsyms.c). With CONFIG_KALLSYMS_ABSOLUTE_PERCPU (x86 until
    /// 6.15) positive offsets are absolute and negative ones relative; without it, all are unsigned
    /// and relative. An image is smaller than 2 GiB, so any negative one tells which.
    fn address(&self, index: usize) -> Option<u64> {
        let offset = *self.offsets.get(index)?;
        Some(match self.base {
            Base::Own(first) => {
                first.wrapping_add(4 * index as u64).wrapping_add(i64::from(offset) as u64)
            }
            Base::Common(base) if !self.has_absolute() => {
                base.wrapping_add(u64::from(offset as u32))
            }
            Base::Common(_) if offset >= 0 => offset as u64,
            Base::Common(base) => base.wrapping_sub(1).wrapping_sub(i64::from(offset) as u64),
        })
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

    /// True if `kallsyms_token_index` names just these tokens' positions.
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
fn names_end(
    constants: &[u8],
    at: Range<usize>,
    count: usize,
    alignment: usize,
    steps: &mut usize,
) -> Option<usize> {
    let limit = at.end;
    let bytes = constants.get(at)?;
    let mut names = Names { bytes };
    let mut marked = Vec::new();
    for index in 0..count {
        if index % MARKER_STEP == 0 {
            marked.push(bytes.len() - names.bytes.len());
        }
        *steps = steps.checked_sub(1)?;
        if names.next()?.is_empty() {
            return None;
        }
    }
    let end = limit - names.bytes.len();
    let markers = end.next_multiple_of(alignment);
    marked
        .iter()
        .enumerate()
        .all(|(index, position)| word(constants, markers + index * 4) == Some(*position as u32))
        .then_some(end)
}

/// Offsets at a place, if what they give are addresses of the kernel's image: counted from the base
/// that follows them, or each from its own place.
fn offsets_at(
    address: u64,
    constants: &[u8],
    start: usize,
    count: usize,
) -> Option<(Vec<i32>, Base)> {
    let end = start.checked_add(count * 4)?;
    let offsets = words(constants.get(start..end)?);
    if let Some(base) = quad(constants, end.next_multiple_of(8)).filter(|base| *base >= IMAGES) {
        return Some((offsets, Base::Common(base)));
    }
    let first = address.wrapping_add(start as u64);
    let mut addresses = offsets
        .iter()
        .zip((first..).step_by(4))
        .map(|(offset, own)| own.wrapping_add(i64::from(*offset) as u64));
    let lowest = addresses.next()?;
    (lowest >= IMAGES && addresses.is_sorted()).then_some((offsets, Base::Own(first)))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the tables lie in these tests.
    const ADDRESS: u64 = 0xffff_ffff_8200_0000;
    const COUNT: usize = 1200;

    /// Symbol `index` is a variable at `IMAGES + 16 * index`; `jiffies` is one of them.
    fn name(index: usize) -> String {
        if index == 700 { "Djiffies".to_owned() } else { format!("dvariable{index}") }
    }

    fn symbol(index: usize) -> u64 {
        IMAGES + 16 * index as u64
    }

    /// The order of the tables: since 6.4, and before.
    #[derive(Clone, Copy, PartialEq)]
    enum Order {
        OffsetsLast,
        OffsetsFirst,
    }

    fn pad(bytes: &mut Vec<u8>, alignment: usize) {
        bytes.resize(bytes.len().next_multiple_of(alignment), 0);
    }

    /// Tables as scripts/kallsyms.c writes them, each character its own token.
    fn tables(order: Order, alignment: usize, percpu: bool) -> Vec<u8> {
        let own = alignment == 4;
        let offsets = |bytes: &mut Vec<u8>| {
            let start = ADDRESS + bytes.len() as u64;
            for index in 0..COUNT {
                let offset = match (own, percpu) {
                    (true, _) => symbol(index).wrapping_sub(start + 4 * index as u64) as i32,
                    (false, true) => -1 - (symbol(index) - IMAGES) as i32,
                    (false, false) => (symbol(index) - IMAGES) as i32,
                };
                bytes.extend(offset.to_le_bytes());
            }
            pad(bytes, alignment);
            if !own {
                bytes.extend(IMAGES.to_le_bytes());
            }
        };
        let mut bytes = vec![0xaa; 64];
        if order == Order::OffsetsFirst {
            offsets(&mut bytes);
        }
        bytes.extend((COUNT as u32).to_le_bytes());
        pad(&mut bytes, alignment);
        let (mut names, mut markers) = (Vec::new(), Vec::new());
        for index in 0..COUNT {
            if index % MARKER_STEP == 0 {
                markers.push(names.len() as u32);
            }
            names.push(name(index).len() as u8);
            names.extend(name(index).bytes());
        }
        bytes.extend(names);
        pad(&mut bytes, alignment);
        bytes.extend(markers.iter().flat_map(|marker| marker.to_le_bytes()));
        pad(&mut bytes, alignment);
        let mut index = Vec::new();
        let start = bytes.len();
        for token in 0..=255_u8 {
            index.push((bytes.len() - start) as u16);
            // Bytes that no name uses stand for longer strings.
            let text = if token.is_ascii_alphanumeric() { vec![token] } else { b"ab".to_vec() };
            bytes.extend(text);
            bytes.push(0);
        }
        pad(&mut bytes, alignment);
        bytes.extend(index.iter().flat_map(|position| position.to_le_bytes()));
        pad(&mut bytes, alignment);
        if order == Order::OffsetsLast {
            offsets(&mut bytes);
        }
        bytes.extend([0xaa; 64]);
        bytes
    }

    #[test]
    fn tables_of_every_generation_are_found_by_their_structure() {
        for (order, alignment, percpu) in [
            (Order::OffsetsFirst, 8, true),
            (Order::OffsetsLast, 8, true),
            (Order::OffsetsLast, 8, false),
            (Order::OffsetsLast, 4, false),
        ] {
            let kallsyms = Kallsyms::search(ADDRESS, &tables(order, alignment, percpu)).unwrap();
            assert_eq!(kallsyms.len(), COUNT);
            let found = kallsyms.resolve(&["jiffies", "variable3", "absent"]);
            assert_eq!(found.get("jiffies"), Some(&symbol(700)), "{alignment} {percpu}");
            assert_eq!(found.get("variable3"), Some(&symbol(3)));
            assert_eq!(found.get("absent"), None);
            let last = symbol(COUNT - 1);
            assert_eq!(kallsyms.next_after(&[symbol(3), last]), [Some(symbol(4)), None]);
        }
    }

    #[test]
    fn damaged_tables_are_not_found() {
        let sound = tables(Order::OffsetsLast, 8, true);
        for position in (0..sound.len()).step_by(97) {
            let mut damaged = sound.clone();
            damaged[position] ^= 0x5a;
            // Whatever it finds, it ends and does not panic.
            let _ = Kallsyms::search(ADDRESS, &damaged);
            let _ = Kallsyms::search(ADDRESS, &sound[..position]);
        }
        assert!(Kallsyms::search(ADDRESS, &[0; 1 << 16]).is_none());
    }
}
