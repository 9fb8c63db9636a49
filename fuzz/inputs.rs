//! Parsers, each with inputs of its own: those of its corpus, mutated.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nfm::fuzzing::{self, Ram};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::case::{Case, Outcome, Tally, TimeLimit, run};
use crate::meter::heap;
use crate::random::Random;

/// CPU time that one input may take.
pub const INPUT_LIMIT: Duration = Duration::from_millis(250);
/// Inputs of one group.
pub const INPUTS_A_GROUP: u64 = 500;
/// An input does not grow beyond so many bytes.
const LONGEST: usize = 1 << 20;

/// A parser: the name of its corpus, and what it does with an input.
type Parser = (&'static str, fn(&[u8]));

const PARSERS: [Parser; 7] = [
    ("btf", fuzzing::btf),
    ("kallsyms", fuzzing::kallsyms),
    ("vmcoreinfo", fuzzing::vmcoreinfo),
    ("page_tables", page_tables),
    ("symbols", |input| fuzzing::symbol_file(&as_file(input))),
    ("profile", fuzzing::profile),
    ("dump", |input| fuzzing::dump(&as_file(input))),
];

/// The corpora of all parsers.
pub struct Inputs(Vec<(Parser, Vec<Vec<u8>>)>);

impl Inputs {
    /// Reads them from `fuzz/corpus`.
    pub fn load(folder: &Path) -> Self {
        let load = |parser: Parser| {
            let folder = folder.join(parser.0);
            let entries =
                fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
            let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            paths.sort();
            let inputs: Vec<_> =
                paths.iter().map(|path| fs::read(path).expect("an input")).collect();
            assert!(!inputs.is_empty(), "{} is empty", folder.display());
            (parser, inputs)
        };
        Self(PARSERS.into_iter().map(load).collect())
    }

    /// Runs the cases of one group: the first are the corpus itself.
    pub fn group(
        &self,
        seed: u64,
        cases: impl Iterator<Item = Case>,
        begin: &mut dyn FnMut(Case),
        fail: &mut dyn FnMut(Case, String),
    ) -> Tally {
        let mut tally = Tally::default();
        let floor = heap();
        for case in cases {
            begin(case);
            let (parser, corpus) = &self.0[case.group as usize % self.0.len()];
            let mut random = Random::new(seed, case.group << 20 | case.index);
            let whole =
                corpus.get(case.index as usize).filter(|_| case.group < self.0.len() as u64);
            let input = whole.cloned().unwrap_or_else(|| mutated(&mut random, corpus));
            let work = || {
                (parser.1)(&input);
                (Outcome::Whole, ())
            };
            let name = parser.0;
            run(
                &mut tally,
                TimeLimit { limit: INPUT_LIMIT, by_clock: false },
                floor,
                work,
                &mut |what| {
                    fail(case, format!("{name}, {} bytes: {what}", input.len()));
                },
            );
        }
        tally
    }
}

fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.pick(corpus).cloned().unwrap_or_default();
    for _ in 0..random.few(8) {
        if input.is_empty() {
            break;
        }
        let at = random.below(input.len());
        let length = (1 << random.below(12)).min(input.len() - at);
        match random.below(8) {
            0 | 1 => input[at] ^= 1 << random.below(8),
            2 => input[at] = [0, 0xff, 0x7f, 0x80, 1][random.below(5)],
            // A number of two, four or eight bytes.
            3 | 4 => {
                let value = match random.below(3) {
                    0 => random.next(),
                    1 => u64::MAX >> random.below(64),
                    _ => random.below(256) as u64,
                };
                let size = 2 << random.below(3);
                let bytes = value.to_le_bytes();
                for (to, from) in input[at..].iter_mut().zip(&bytes[..size]) {
                    *to = *from;
                }
            }
            5 => input.truncate(at),
            6 => drop(input.drain(at..at + length)),
            _ => {
                let copy = input[at..at + length].to_vec();
                let to = random.below(input.len());
                if input.len() + copy.len() <= LONGEST {
                    input.splice(to..to, copy);
                }
            }
        }
    }
    input
}

/// The path of a file with this content; it serves until the next one is asked for.
fn as_file(input: &[u8]) -> PathBuf {
    thread_local! {
        static FILE: RefCell<Option<File>> = const { RefCell::new(None) };
    }
    let memory = memfd_create("nfm-hostile", MemfdFlags::CLOEXEC).expect("a file in memory");
    let mut file = File::from(memory);
    file.write_all(input).expect("room for the input");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    FILE.replace(Some(file));
    path.into()
}

/// RAM as a list of cells: two bytes for its place, eight for what is there.
struct Cells(Vec<u8>);

const RAM_BYTES: usize = 4 << 20;

fn page_tables(input: &[u8]) {
    let mut ram = vec![0; RAM_BYTES];
    for cell in input.chunks_exact(10) {
        let (place, value) = cell.split_at(2);
        let at = 8 * usize::from(u16::from_le_bytes([place[0], place[1]]));
        ram[at..at + 8].copy_from_slice(value);
    }
    fuzzing::page_tables(Arc::new(Cells(ram)));
}

impl Ram for Cells {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let at = address as usize;
        self.0.get(at..at + bytes.len()).map(|from| bytes.copy_from_slice(from)).is_some()
    }
}
