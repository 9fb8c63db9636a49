//! An ELF core of a guest whose header can be rewritten, so that memory is missing from it and the file need not be
//! copied for each case.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nfm::{At, DumpOptions, Frame, FrameSource, Integrity, LiveFrames, Section};

/// `PT_LOAD` (elf.h).
const LOAD: u32 = 1;
/// Bytes of a program header (`sizeof(Elf64_Phdr)`), and where in the file's header their place and count stand.
const ENTRY: usize = 56;
const PLACE: u64 = 0x20;
const COUNT: u64 = 0x38;

/// A segment of guest memory: guest-physical address, place in the file, bytes.
#[derive(Clone, Copy)]
struct Segment {
    address: u64,
    place: u64,
    bytes: u64,
}

/// A core of a guest of the lab, which goes when dropped.
pub struct Core {
    path: PathBuf,
    file: File,
    /// Program headers of other kinds: notes.
    notes: Vec<[u8; ENTRY]>,
    memory: Vec<Segment>,
    /// Where the rewritten headers stand: behind all else.
    end: u64,
}

impl Core {
    /// Writes the memory of a guest that is held.
    pub fn dump(guest: &lab::Guest, name: &str) -> Self {
        // Not in /tmp: files are as large as the guests' RAM, and /tmp may be RAM itself.
        let path = format!("/var/tmp/nfm-field-{name}-{}.elf", std::process::id());
        let path = PathBuf::from(path);
        let summary = lab::open(guest).dump(&path, &DumpOptions::default(), &mut |_, _| {});
        assert_eq!(summary.expect("a dump").unreadable_bytes, 0);
        Self::open(&path)
    }

    fn open(path: &Path) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).expect("the dump");
        let mut head = [0; 64];
        file.read_exact_at(&mut head, 0).expect("the header");
        let word = |bytes: &[u8], at: usize| {
            u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
        };
        let count = u16::from_le_bytes([head[COUNT as usize], head[COUNT as usize + 1]]);
        let (mut notes, mut memory) = (Vec::new(), Vec::new());
        for index in 0..usize::from(count) {
            let mut entry = [0; ENTRY];
            let place = word(&head, PLACE as usize) + (index * ENTRY) as u64;
            file.read_exact_at(&mut entry, place).expect("a program header");
            match u32::from_le_bytes(entry[..4].try_into().expect("4 bytes")) {
                LOAD => memory.push(Segment {
                    address: word(&entry, 24),
                    place: word(&entry, 8),
                    bytes: word(&entry, 32),
                }),
                _ => notes.push(entry),
            }
        }
        let end = file.metadata().expect("its length").len().next_multiple_of(4096);
        Self { path: path.to_owned(), file, notes, memory, end }
    }

    /// The guest's RAM.
    pub fn ram(&self) -> impl DoubleEndedIterator<Item = Range<u64>> {
        self.memory.iter().map(|segment| segment.address..segment.address + segment.bytes)
    }

    /// From now on the file holds all of the guest's memory but for these ranges, which are ascending.
    pub fn leave_out(&self, missing: &[Range<u64>]) {
        let mut headers = self.notes.concat();
        let mut count = self.notes.len();
        let mut add = |segment: &Segment, from: u64, to: u64| {
            let (place, bytes) = (segment.place + (from - segment.address), to - from);
            let kind = u64::from(LOAD) | 7 << 32;
            for word in [kind, place, from, from, bytes, bytes, 0] {
                headers.extend(word.to_le_bytes());
            }
            count += 1;
        };
        for segment in &self.memory {
            let (mut from, end) = (segment.address, segment.address + segment.bytes);
            for hole in missing {
                let (start, stop) = (hole.start.clamp(from, end), hole.end.clamp(from, end));
                if start < stop {
                    if from < start {
                        add(segment, from, start);
                    }
                    from = stop;
                }
            }
            if from < end {
                add(segment, from, end);
            }
        }
        self.file.write_all_at(&headers, self.end).expect("program headers");
        self.file.write_all_at(&self.end.to_le_bytes(), PLACE).expect("their place");
        let count = u16::try_from(count).expect("not more segments than the header can count");
        self.file.write_all_at(&count.to_le_bytes(), COUNT).expect("their count");
    }

    /// The frame that `nfm ps` shows of it.
    pub fn processes(&self) -> Result<Frame, String> {
        let name = format!("file:{}", self.path.display());
        let domain = nfm::Domain::open(&name, &nfm::OpenOptions::default());
        let domain = domain.map_err(|error| error.to_string())?;
        let mut frames = LiveFrames::new(domain, lab::patient());
        let name = frames.domains().map_err(|error| error.to_string())?.remove(0).name;
        frames.frame(&name, At::Latest, &[Section::Processes]).map_err(|error| error.to_string())
    }

    /// The result of `nfm check` on it, or why it cannot be opened.
    pub fn check(&self) -> nfm::Result<(Integrity, Frame)> {
        let name = format!("file:{}", self.path.display());
        let mut domain = nfm::Domain::open(&name, &nfm::OpenOptions::default())?;
        let mut options = nfm::CrawlOptions::sections(&[nfm::Section::Integrity]);
        options.time_limit = std::time::Duration::from_secs(60);
        let frame = domain.crawl(&options)?;
        Ok((frame.integrity.clone().expect("the section"), frame))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
