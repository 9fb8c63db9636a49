//! Symbols as the linker placed them, from vmlinux or System.map: what is wanted of them, and how they
//! lie in a guest.

use rustc_hash::FxHashMap;

use super::image::KERNEL_MAP;
use super::names::MEASURED;

/// The symbol at the beginning of the kernel's text.
const TEXT: &str = "_text";
/// The symbol at the end of the image, and nearly of the table: one without it was cut short.
const END: &str = "_end";
/// Alignment of an image's first address as it is mapped (2 MiB).
const IMAGE_ALIGNMENT: u64 = 2 << 20;
/// No kernel has fewer; a file with fewer is a stub, as Debian's System.map in the image package.
const FEWEST: usize = 1000;
/// A `System.map` is not larger.
pub(super) const LARGEST_MAP: u64 = 64 << 20;

/// Symbols of those names that were asked for, and the image's bounds.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkedSymbols {
    /// By name: the address and whether it is data, once met.
    addresses: FxHashMap<Vec<u8>, Option<(u64, bool)>>,
    /// The addresses of all symbols met, wanted or not.
    all: Vec<u64>,
}

impl LinkedSymbols {
    pub fn new(wanted: &[&str]) -> Self {
        let names = wanted.iter().chain([&TEXT, &END]).map(|name| (name.as_bytes().to_vec(), None));
        Self { addresses: names.collect(), all: Vec::new() }
    }

    /// Takes a symbol if it is wanted; of several of one name the first that is no code.
    pub fn add(&mut self, name: &[u8], address: u64, is_data: bool) {
        self.all.push(address);
        if let Some(slot) = self.addresses.get_mut(name) {
            match slot {
                Some((_, known_data)) if *known_data || !is_data => {}
                _ => *slot = Some((address, is_data)),
            }
        }
    }

    /// Parses a `System.map`: lines of an address, a letter and a name, as nm prints them.
    ///
    /// # Errors
    /// A clause that says why it is none.
    pub fn parse(map: &[u8], wanted: &[&str]) -> Result<Self, String> {
        let mut symbols = Self::new(wanted);
        for (number, line) in map.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let mut words = line.splitn(3, |byte| *byte == b' ');
            let address = words.next().and_then(|word| std::str::from_utf8(word).ok());
            let address = address.and_then(|word| u64::from_str_radix(word, 16).ok());
            match (address, words.next(), words.next()) {
                (Some(address), Some([kind]), Some(name)) => {
                    symbols.add(name, address, !matches!(kind, b't' | b'T' | b'w' | b'W'));
                }
                _ => return Err(format!("its line {} is no address, letter and name", number + 1)),
            }
        }
        Ok(symbols)
    }

    /// True if an address, as linked, is of the image.
    pub fn is_in_image(address: u64) -> bool {
        address >= KERNEL_MAP
    }

    /// Number of symbols.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The image's first address, as linked.
    ///
    /// # Errors
    /// A clause that says what is missing.
    pub fn image(&self) -> Result<u64, String> {
        if self.all.len() < FEWEST {
            return Err(format!(
                "it holds {} symbols, which is no kernel's; distributions keep the whole table in their debug packages",
                self.all.len()
            ));
        }
        let text = self.addresses.get(TEXT.as_bytes()).copied().flatten();
        let text = text.map(|(address, _)| address).filter(|address| Self::is_in_image(*address));
        let text = text.ok_or_else(|| format!("it has no {TEXT} in the kernel's text"))?;
        if self.addresses.get(END.as_bytes()).copied().flatten().is_none() {
            return Err(format!("it was cut short: it has no {END}"));
        }
        Ok(text & !(IMAGE_ALIGNMENT - 1))
    }

    /// The addresses in a guest whose image begins at `image`: what lies in the image moved with it, and
    /// what does not (per-CPU variables until 6.15) is as linked.
    ///
    /// # Errors
    /// As of [`Self::image`].
    pub fn in_image(&self, image: u64) -> Result<FxHashMap<String, u64>, String> {
        let moved = image.wrapping_sub(self.image()?);
        let place = |address: u64| match Self::is_in_image(address) {
            true => address.wrapping_add(moved),
            false => address,
        };
        let ends = MEASURED.into_iter().filter_map(|(name, end)| {
            let (start, _) = (*self.addresses.get(name.as_bytes())?)?;
            let next = self.all.iter().filter(|address| **address > start).min()?;
            Some((end.to_owned(), place(*next)))
        });
        let found = self.addresses.iter().filter_map(|(name, found)| {
            let name = String::from_utf8(name.clone()).ok()?;
            Some((name, place((*found)?.0)))
        });
        Ok(found.chain(ends).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: u64 = 0xffff_ffff_9ac0_0000;

    fn map(lines: &str) -> String {
        (0..FEWEST).map(|n| format!("ffffffff8{n:07x} T function{n}\n")).collect::<String>() + lines
    }

    const LINES: &str = "0000000000011280 D cpu_info\nffffffff81000000 T _text\nffffffff81000040 T twice\n\
        ffffffff82c1a940 D init_task\nffffffff82c1a950 d twice\nffffffff82c1a960 d twice\nffffffff83a00000 B _end\n";

    #[test]
    fn symbols_move_with_the_image() {
        let wanted = ["init_task", "cpu_info", "twice", "nowhere"];
        let symbols = LinkedSymbols::parse(map(LINES).as_bytes(), &wanted).unwrap();
        assert_eq!(symbols.len(), FEWEST + 7);
        let found = symbols.in_image(IMAGE).unwrap();
        assert_eq!(found["_text"], IMAGE);
        assert_eq!(found["init_task"], IMAGE + 0x1c1_a940);
        assert_eq!(found["cpu_info"], 0x11280, "a per-CPU variable stays");
        assert_eq!(found["twice"], IMAGE + 0x1c1_a950, "the first that is no code");
        assert!(!found.contains_key("nowhere"));
    }

    #[test]
    fn what_is_no_system_map() {
        let of = |map: &str| {
            LinkedSymbols::parse(map.as_bytes(), &["init_task"]).and_then(|s| s.in_image(IMAGE))
        };
        // The stub in its place in Debian's image package.
        let stub =
            "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
        assert!(of(stub).unwrap_err().contains("debug packages"));
        assert!(of("").unwrap_err().contains("0 symbols"));
        assert!(of(&map("")).unwrap_err().contains("_text"));
        assert!(of(&map("0000000000000000 T _text\n")).unwrap_err().contains("_text"));
        assert!(of(&map("ffffffff81000000 T _text\n")).unwrap_err().contains("_end"));
        let junk = map(LINES) + "junk";
        assert!(of(&junk).unwrap_err().contains("line 1008"));
        assert!(of("#!/bin/sh\n").unwrap_err().contains("line 1"));
        let cut = &map(LINES)[..40];
        assert!(of(cut).is_err());
    }
}
