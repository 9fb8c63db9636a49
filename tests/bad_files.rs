//! Files that hold no guest's memory, or lie about it: each gets one clear error, and nothing panics, hangs
//! or takes memory without bounds.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, DumpOptions, Error, ErrorCode, OpenOptions};

/// Doctored copies of each made-up file.
const ROUNDS: u32 = 2000;
/// Doctored headers of a real dump, each of which may lead to a whole frame.
const REAL_ROUNDS: u32 = 40;
/// An open of a small file that takes longer is as good as one that hangs.
const LONGEST: Duration = Duration::from_secs(5);

/// A file that goes when dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("nfm-bad-{}-{name}", std::process::id()));
        fs::write(&path, bytes).expect("a temporary file");
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn open(path: &Path) -> Result<Domain, Error> {
    let begun = Instant::now();
    let opened = Domain::open(&format!("file:{}", path.display()), &OpenOptions::default());
    assert!(begun.elapsed() < LONGEST, "{}: {:?}", path.display(), begun.elapsed());
    opened
}

/// The same numbers in each run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Makes something wrong in the headers, or cuts the end off.
fn doctor(bytes: &mut Vec<u8>, headers: &[Range<usize>], numbers: &mut Numbers) {
    const TELLING: [u64; 10] =
        [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX >> 1, u64::MAX];
    for _ in 0..=numbers.below(4) {
        let part = &headers[numbers.below(headers.len())];
        let at = part.start + numbers.below(part.len());
        let width = [1, 2, 4, 8][numbers.below(4)].min(bytes.len() - at);
        let value = match numbers.below(3) {
            0 => numbers.next(),
            _ => TELLING[numbers.below(TELLING.len())],
        };
        let value = match numbers.below(2) {
            0 => value.to_le_bytes(),
            _ => (value << (64 - 8 * width)).to_be_bytes(),
        };
        bytes[at..at + width].copy_from_slice(&value[..width]);
    }
    if numbers.below(8) == 0 {
        bytes.truncate(numbers.below(bytes.len()));
    }
}

fn expect_errors_only(name: &str, whole: &[u8], headers: &[Range<usize>]) {
    let file = Temporary::new(name, whole);
    let error = open(&file.0).err().expect("no kernel is in it");
    assert_eq!(error.code(), ErrorCode::NotLinux, "{name}, sound: {error}");
    let mut numbers = Numbers(0x5eed);
    let mut codes = BTreeMap::<String, u32>::new();
    for round in 0..ROUNDS {
        let mut bytes = whole.to_vec();
        doctor(&mut bytes, headers, &mut numbers);
        fs::write(&file.0, &bytes).unwrap();
        let error = open(&file.0).err().unwrap_or_else(|| panic!("{name}, {round}: it opened"));
        let text = error.to_string();
        assert!(text.len() < 1000 && !text.contains('\n'), "{name}, {round}: {text}");
        *codes.entry(error.code().name().to_owned()).or_default() += 1;
    }
    println!("{name}: {codes:?}");
    assert!(codes.len() >= 2, "{codes:?}");
}

/// An ELF core of two runs of memory and a note.
fn elf() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [4_u16, 62] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend(1_u32.to_le_bytes());
    for long in [0_u64, 64, 0] {
        bytes.extend(long.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 3, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for (kind, offset, address, kept, held) in [
        (4_u32, 256_u64, 0_u64, 40_u64, 40_u64),
        (1, 4096, 0, 8192, 8192),
        (1, 4096, 8192, 4096, 65536),
    ] {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(7_u32.to_le_bytes());
        for long in [offset, 0, address, kept, held, 0] {
            bytes.extend(long.to_le_bytes());
        }
    }
    bytes.resize(256, 0);
    for word in [11_u32, 16, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(b"VMCOREINFO\0\0OSRELEASE=6.1.0\n\0");
    bytes.resize(4096 * 4, 0x5a);
    bytes
}

/// A compressed kdump of eight pages, kept as they are.
fn kdump() -> Vec<u8> {
    const PAGES: usize = 8;
    let mut bytes = vec![0; 4096 * 5];
    bytes[..8].copy_from_slice(b"KDUMP   ");
    bytes[272..279].copy_from_slice(b"x86_64\0");
    for (at, value) in [(8, 6_u32), (428, 4096), (432, 1), (436, 2), (440, PAGES as u32)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes[4096 + 96..4096 + 104].copy_from_slice(&(PAGES as u64).to_le_bytes());
    bytes[4096 * 2] = 0xff;
    bytes[4096 * 3] = 0xff;
    for page in 0..PAGES {
        let at = 4096 * 4 + page * 24;
        let offset = (4096 * (5 + page)) as u64;
        bytes[at..at + 8].copy_from_slice(&offset.to_le_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&4096_u32.to_le_bytes());
    }
    bytes.resize(4096 * (5 + PAGES), 0x5a);
    bytes
}

fn flattened(plain: &[u8]) -> Vec<u8> {
    let mut bytes = b"makedumpfile\0\0\0\0".to_vec();
    bytes.extend(1_u64.to_be_bytes());
    bytes.extend(1_u64.to_be_bytes());
    bytes.resize(4096, 0);
    for (index, piece) in plain.chunks(6000).enumerate() {
        bytes.extend((index as u64 * 6000).to_be_bytes());
        bytes.extend((piece.len() as u64).to_be_bytes());
        bytes.extend(piece);
    }
    bytes.extend([0xff; 16]);
    bytes
}

/// An image of `virsh save` of a guest with 64 KiB.
fn saved() -> Vec<u8> {
    const XML: &[u8] = b"<domain><name>small</name><memory unit='KiB'>64</memory><os>\
        <type machine='pc'>hvm</type></os></domain>\0";
    let mut bytes = b"LibvirtQemudSave".to_vec();
    for word in [2, XML.len() as u32, 1, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.resize(92, 0);
    bytes.extend(XML);
    bytes.extend(b"QEVM\0\0\0\x03\x07\0\0\0\x02pc\x01\0\0\0\x03\x03ram\0\0\0\0\0\0\0\x04");
    bytes.extend((0x10004_u64).to_be_bytes());
    bytes.extend(b"\x06pc.ram\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x10\x7e\0\0\0\x03\x03\0\0\0\x03");
    for page in 0..16_u64 {
        let (kind, same) = (if page % 3 == 0 { 2 } else { 8 }, if page == 0 { 0 } else { 0x20 });
        bytes.extend((page * 4096 + kind + same).to_be_bytes());
        if page == 0 {
            bytes.extend(b"\x06pc.ram");
        }
        bytes.extend(vec![if kind == 2 { 0 } else { 0x5a }; if kind == 2 { 1 } else { 4096 }]);
    }
    bytes.extend(0x10_u64.to_be_bytes());
    bytes
}

/// The file that plain `virsh dump` writes of the same guest.
fn stream() -> Vec<u8> {
    let saved = saved();
    let start = saved.windows(4).position(|four| four == b"QEVM").expect("a stream");
    saved[start..].to_vec()
}

/// The same with other names of its blocks.
fn of_a_device(mut stream: Vec<u8>) -> Vec<u8> {
    let is_name = |at: &usize| stream[*at..].starts_with(b"pc.ram");
    let names: Vec<usize> = (0..stream.len()).filter(is_name).collect();
    for at in names {
        stream[at..at + 6].copy_from_slice(b"vgaram");
    }
    stream
}

/// Two runs of RAM as LiME writes them.
fn lime() -> Vec<u8> {
    let runs = [(0_u64, 8192_usize), (1 << 40, 4096)];
    let runs = runs.map(|(start, length)| {
        let mut run = b"EMiL\x01\0\0\0".to_vec();
        for long in [start, start + length as u64 - 1, 0] {
            run.extend(long.to_le_bytes());
        }
        run.resize(run.len() + length, 0x5a);
        run
    });
    runs.concat()
}

/// A run of RAM as AVML compresses it.
fn avml() -> Vec<u8> {
    const LENGTH: usize = 150_000;
    let mut bytes = b"AVML\x02\0\0\0".to_vec();
    for long in [0_u64, LENGTH as u64 - 1, 0] {
        bytes.extend(long.to_le_bytes());
    }
    let content: Vec<u8> = (0..LENGTH).map(|n| (n / 7) as u8).collect();
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(&content).unwrap();
    let packed = encoder.into_inner().expect("a stream");
    bytes.extend(&packed);
    bytes.extend((packed.len() as u64).to_le_bytes());
    bytes
}

#[test]
fn doctored_lime_dumps() {
    expect_errors_only("lime", &lime(), &[0..32, 8224..8256]);
}

#[test]
fn doctored_avml_dumps() {
    let avml = avml();
    expect_errors_only("avml", &avml, &[0..32, 32..60, 60..100, avml.len() - 8..avml.len()]);
}

#[test]
fn doctored_streams() {
    expect_errors_only("stream", &stream(), &[0..100, 100..340]);
}

#[test]
fn doctored_elf_cores() {
    expect_errors_only("elf", &elf(), &[0..64, 64..232, 256..300]);
}

#[test]
fn doctored_kdumps() {
    let (sub, bits, pages) = (4096..4200, 4096 * 2..4096 * 2 + 2, 4096 * 4..4096 * 4 + 192);
    expect_errors_only("kdump", &kdump(), &[0..16, 424..444, sub, bits, pages]);
}

#[test]
fn doctored_flattened_kdumps() {
    // Each record's own header, and a part of the first one's content.
    let headers = [0..32, 4096..4112, 10112..10128, 16128..16144, 4536..4556];
    expect_errors_only("flattened", &flattened(&kdump()), &headers);
}

#[test]
fn doctored_saved_images() {
    expect_errors_only("saved", &saved(), &[0..36, 92..220, 220..340]);
}

/// Expects an error of a file, with these words in it.
fn expect(path: &Path, words: &str) {
    let error = open(path).err().unwrap_or_else(|| panic!("{} opened", path.display()));
    assert_eq!(error.code(), ErrorCode::File, "{error}");
    let text = error.to_string();
    assert!(text.contains(words), "no '{words}' in: {text}");
    assert!(text.contains(&path.display().to_string()), "{text}");
}

fn with(mut bytes: Vec<u8>, changes: &[(usize, &[u8])]) -> Vec<u8> {
    for (at, new) in changes {
        bytes[*at..*at + new.len()].copy_from_slice(new);
    }
    bytes
}

#[test]
fn what_is_wrong_is_said() {
    let far = u64::MAX.to_le_bytes();
    let made = [
        ("empty", Vec::new(), "it is empty"),
        ("short", b"short".to_vec(), "only 5 bytes long"),
        ("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0".repeat(100), "begins like no dump"),
        ("32-bit", with(elf(), &[(4, &[1])]), "32-bit"),
        ("program", with(elf(), &[(16, &[2])]), "no core"),
        ("arm64", with(elf(), &[(18, &[183])]), "another architecture"),
        ("half an ELF header", elf()[..40].to_vec(), "not sound"),
        ("a core cut short", elf()[..9000].to_vec(), "cut short"),
        ("no segments", with(elf(), &[(56, &[0, 0])]), "without any memory"),
        ("far segment", with(elf(), &[(64 + 56 + 8, &far)]), "cut short"),
        ("endless segment", with(elf(), &[(64 + 56 + 40, &far), (64 + 56 + 24, &[1])]), "lie"),
        (
            "segments without end",
            with(elf(), &[(56, &[0xff; 2]), (40, &[64]), (64 + 44, &[0xff; 4])]),
            "ELF header",
        ),
        (
            "a process",
            with(elf(), &[(64 + 56 + 16, &[16]), (64 + 112 + 16, &[32]), (64 + 112 + 24, &[0; 8])]),
            "core of a process",
        ),
        ("kdump cut short", kdump()[..9000].to_vec(), "cut short"),
        ("unfinished kdump", with(kdump(), &[(424, &[8])]), "never finished"),
        ("kdump of arm64", with(kdump(), &[(272, b"aarch64")]), "no dump of an x86-64 guest"),
        ("kdump without bounds", with(kdump(), &[(4096 + 96, &far)]), "its header lies"),
        ("flattened, cut short", flattened(&kdump())[..20_000].to_vec(), "cut short"),
        ("flattened nothing", flattened(b"something else"), "no format that nfm knows"),
        ("saved, cut short", saved()[..4000].to_vec(), "cut short"),
        ("saved in part", with(saved(), &[(0, b"LibvirtQemudPart")]), "never finished"),
        ("saved and compressed", with(saved(), &[(28, &[1])]), "save_image_format"),
        ("gzip", b"\x1f\x8b\x08\0".repeat(9), "gzip -d"),
        ("zstd", b"\x28\xb5\x2f\xfd".repeat(1 << 19), "zstd -d"),
        ("vmss", b"\xd2\xbe\xd2\xbe".repeat(9), ".vmem"),
        ("part", with(kdump(), &[(4096 + 12, &[1])]), "makedumpfile --reassemble"),
        ("lime, cut short", lime()[..5000].to_vec(), "cut short"),
        ("lime of tomorrow", with(lime(), &[(4, &[9])]), "no run of RAM as LiME"),
        ("lime that lies", with(lime(), &[(8, &far)]), "lies"),
        ("avml, cut short", avml()[..100].to_vec(), "cut short"),
        ("avml, damaged", with(avml(), &[(46, &[0xff; 5])]), "damaged"),
        ("avml, another length", with(avml(), &[(avml().len() - 8, &[0])]), "damaged"),
        ("stream, cut short", stream()[..4000].to_vec(), "cut short"),
        ("stream of tomorrow", with(stream(), &[(7, &[9])]), "no stream of QEMU's"),
        ("stream of nothing", of_a_device(stream()), "has a name that nfm knows"),
        ("saved sparse", with(saved(), &[(28, &[6])]), "virsh dump --memory-only"),
    ];
    for (name, bytes, words) in made {
        expect(&Temporary::new(name, &bytes).0, words);
    }
    expect(Path::new("/nonexistent/dump"), "no such file");
    expect(Path::new("/"), "a directory");
    expect(Path::new("/dev/zero"), "no regular file");
    expect(Path::new("/proc/self/exe"), "no core");
    let fifo = std::env::temp_dir().join(format!("nfm-bad-{}-fifo", std::process::id()));
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    expect(&fifo, "no regular file");
    fs::remove_file(&fifo).unwrap();

    // Large enough to be raw memory, but without a kernel.
    let noise = Temporary::new("noise", &b"no kernel here, ".repeat(1 << 17));
    let error = open(&noise.0).err().expect("an error");
    assert_eq!(error.code(), ErrorCode::NotLinux, "{error}");
    assert!(error.to_string().contains("raw memory"), "{error}");
}

/// A real dump whose headers lie opens or does not, and what opens is crawled to an end.
#[test]
fn doctored_headers_of_a_real_dump() {
    let guest = lab::guest("shared-61", &[]);
    let file = Temporary::new("real", b"");
    let mut options = DumpOptions::default();
    options.overwrite = true;
    let mut live = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    live.dump(&file.0, &options, &mut |_, _| {}).expect("a dump");
    let on_disk = fs::OpenOptions::new().read(true).write(true).open(&file.0).unwrap();
    let mut honest = vec![0; 4096];
    on_disk.read_exact_at(&mut honest, 0).unwrap();
    let mut numbers = Numbers(0xd0c);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..REAL_ROUNDS {
        let mut headers = honest.clone();
        // Headers and the notes' own headers; text follows.
        doctor(&mut headers, &[0..64, 64..176, 176..188], &mut numbers);
        headers.resize(4096, 0);
        on_disk.write_all_at(&headers, 0).unwrap();
        match open(&file.0) {
            Ok(mut domain) => {
                opened += 1;
                let mut options = CrawlOptions::default();
                options.time_limit = Duration::from_secs(2);
                domain.crawl(&options).expect("a frame");
            }
            Err(_) => refused += 1,
        }
    }
    println!("{opened} opened, {refused} did not");
    assert!(opened > 0 && refused > 0, "{opened} opened, {refused} did not");

    // Cut short behind its headers, and while it is open.
    on_disk.write_all_at(&honest, 0).unwrap();
    let mut domain = open(&file.0).expect("an open dump");
    let whole = domain.crawl(&lab::patient()).expect("a frame");
    assert!(whole.consistency.complete, "{:?}", whole.consistency.problems);
    on_disk.set_len(1 << 20).unwrap();
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    assert!(!frame.consistency.complete);
    expect(&file.0, "cut short");
}
