//! A guest's memory as bytes: what [`nfm::GuestMemory`] reads of a process against the guest's own `/proc/PID/mem`, and
//! its physical memory against the same bytes by their physical addresses, live and from a dump.

use nfm::{
    Absence, AbsentMemory, CrawlOptions, Domain, DumpOptions, ErrorCode, Frame, GuestMemory,
    Mapping, OpenOptions, Process, Section,
};

/// The text that the lab's program `memory` writes into 32 MiB of 0x5a (testing/lab/workload_files.c).
const MARKER: &[u8] = b"NFM-LAB-MARKER-IN-MEMORY\0";
const MARKER_AT: usize = 12345;
const MIB: u64 = 1 << 20;

/// Processes and mappings, with where the pages are.
fn frame(domain: &mut Domain) -> Frame {
    let mut options = CrawlOptions::sections(&[Section::Processes, Section::Mappings]);
    options.physical = true;
    options.time_limit = std::time::Duration::from_secs(60);
    let frame = domain.crawl(&options).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    frame
}

/// The lab's program that has memory of each kind.
fn program(frame: &Frame) -> (Process, Vec<Mapping>) {
    let is_it = |one: &&Process| {
        one.command_line.as_deref().is_some_and(|line| line.starts_with("/bin/lab-workload memory"))
            || one.name.as_deref() == Some("memory")
    };
    let process =
        frame.processes.iter().flatten().find(is_it).expect("the program `memory`").clone();
    let pid = process.pid;
    let own = frame.mappings.iter().flatten().filter(|one| one.pid == pid);
    (process, own.cloned().collect())
}

/// A mapping of so many MiB that is private, without a name, and may be written.
fn anonymous(mappings: &[Mapping], mib: u64, resident: bool) -> &Mapping {
    let is_it = |one: &&Mapping| {
        one.end - one.start == mib * MIB
            && one.path.is_none()
            && one.permissions.as_deref() == Some("rw-p")
            && (one.resident_bytes != Some(0)) == resident
    };
    mappings.iter().find(is_it).unwrap_or_else(|| panic!("a mapping of {mib} MiB: {mappings:#?}"))
}

fn read(
    memory: &mut GuestMemory,
    process: &Process,
    address: u64,
    length: usize,
) -> (Vec<u8>, Vec<AbsentMemory>) {
    let mut bytes = vec![0xee; length];
    let start = process.start_time_ns.expect("a start time");
    let absent = memory.read_process(process.pid, start, address, &mut bytes).expect("a read");
    (bytes, absent.expect("the process"))
}

fn whole(
    memory: &mut GuestMemory,
    process: &Process,
    mapping: &Mapping,
) -> (Vec<u8>, Vec<AbsentMemory>) {
    let (mut bytes, mut absent) = (Vec::new(), Vec::new());
    for at in (mapping.start..mapping.end).step_by(GuestMemory::LONGEST_READ) {
        let length = (mapping.end - at).min(GuestMemory::LONGEST_READ as u64) as usize;
        let (part, missing) = read(memory, process, at, length);
        absent.extend(missing);
        bytes.extend(part);
    }
    (bytes, absent)
}

/// The guest's own reading of these pages: their CRC-32.
fn checksums(guest: &lab::Guest, pid: u32, mappings: &[&Mapping]) -> Vec<String> {
    let ranges = mappings
        .iter()
        .map(|one| format!("{} {}\\n", one.start / 4096, (one.end - one.start) / 4096));
    let script = format!(
        "printf '{}' | while read skip count; do \
         dd if=/proc/{pid}/mem bs=4096 skip=$skip count=$count 2>/dev/null | crc32; done",
        ranges.collect::<String>()
    );
    let sums: Vec<String> =
        guest.ask(&script).lines().map(|line| line.trim().to_lowercase()).collect();
    assert_eq!(sums.len(), mappings.len(), "{sums:?}");
    sums
}

fn crc32(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

fn absent(offset: usize, length: usize, reason: Absence) -> (usize, usize, Absence) {
    (offset, length, reason)
}

fn told(parts: &[AbsentMemory]) -> Vec<(usize, usize, Absence)> {
    parts.iter().map(|part| absent(part.offset, part.length, part.reason)).collect()
}

#[test]
fn private_memory_is_what_the_guest_reads_itself() {
    same_as_the_guest(&lab::guest("memory-private", &[]));
}

#[test]
fn shared_memory_is_what_the_guest_reads_itself() {
    same_as_the_guest(&lab::guest("memory-shared", &["--backing", "memfd", "--kernel", "6.12"]));
}

fn same_as_the_guest(guest: &lab::Guest) {
    let _alone = guest.alone();
    let mut domain = lab::open(guest);
    let (process, mappings) = program(&frame(&mut domain));
    let mut memory = domain.memory();

    // The pattern that the program wrote.
    // Its first MiB, which is locked, is a mapping of its own.
    let mut heap = anonymous(&mappings, 31, true).clone();
    heap.start -= MIB;
    let (bytes, missing) = whole(&mut memory, &process, &heap);
    assert_eq!(missing, []);
    assert_eq!(bytes.get(MARKER_AT..MARKER_AT + MARKER.len()), Some(MARKER));
    let others = bytes.iter().filter(|byte| **byte != 0x5a).count();
    assert_eq!(others, MARKER.iter().filter(|byte| **byte != 0x5a).count());
    // Across a page's border, and within one.
    let (part, missing) = read(&mut memory, &process, heap.start + 12340, 5000);
    assert_eq!((part.as_slice(), missing), (&bytes[12340..17340], vec![]));

    // Memory with nothing behind it is told, and the bytes are 0.
    let untouched = anonymous(&mappings, 16, false);
    let (bytes, missing) = read(&mut memory, &process, untouched.start + 100, 10_000);
    assert_eq!(told(&missing), [absent(0, 10_000, Absence::NotMapped)]);
    assert!(bytes.iter().all(|byte| *byte == 0));
    let (_, missing) = read(&mut memory, &process, heap.end - 4096, 2 * 4096);
    let behind = mappings.iter().any(|one| one.start == heap.end && one.resident_bytes != Some(0));
    assert!(behind || told(&missing) == [absent(4096, 4096, Absence::NotMapped)], "{missing:?}");
    // A process has no memory of the kernel's.
    for address in [0xffff_8000_0000_0000, 1 << 47, u64::MAX - 10] {
        let (_, missing) = read(&mut memory, &process, address, 4096);
        assert_eq!(told(&missing), [absent(0, 4096, Absence::NotMapped)], "{address:#x}");
    }

    // All that the process has, as the guest reads it. Its reading brings in what was not there.
    let has_content = |one: &&Mapping| {
        let path = one.path.as_deref().unwrap_or_default();
        let permissions = one.permissions.as_deref().unwrap_or_default();
        permissions.starts_with('r')
            && !["[vvar]", "[vvar_vclock]", "[vsyscall]"].contains(&path)
            && !path.contains("hugepage")
    };
    let own: Vec<&Mapping> = mappings.iter().filter(has_content).collect();
    assert!(own.len() > 12, "{mappings:#?}");
    let expected = checksums(guest, process.pid, &own);
    for (mapping, expected) in own.iter().zip(&expected) {
        let (bytes, missing) = whole(&mut memory, &process, mapping);
        // Past the end of a file that is mapped there is nothing, and pages that only the guest's reading brought in
        // are not always kept.
        if missing.is_empty() {
            assert_eq!(&crc32(&bytes), expected, "{mapping:#?}");
        }
    }
    let full = own.iter().filter(|one| whole(&mut memory, &process, one).1.is_empty()).count();
    assert!(full * 4 >= own.len() * 3, "only {full} of {} mappings are there", own.len());

    // By their physical addresses.
    let places = heap.physical.as_deref().expect("where the pages are");
    let mut compared = 0;
    for run in places {
        if compared >= 1 << 20 {
            break;
        }
        let physical = run.physical.expect("a physical address");
        let length = (run.bytes as usize).min(GuestMemory::LONGEST_READ);
        let mut bytes = vec![0; length];
        assert_eq!(memory.read_physical(physical, &mut bytes).expect("a read"), []);
        let (virtual_bytes, missing) = read(&mut memory, &process, run.virtual_address, length);
        assert!(missing.is_empty() && bytes == virtual_bytes, "{run:?}");
        compared += length;
    }
    assert!(compared >= 1 << 20, "{compared} bytes of {places:?}");

    bounds(&mut memory, &process);
}

/// Memory that there is not, and reads that are refused.
fn bounds(memory: &mut GuestMemory, process: &Process) {
    let ranges = memory.ranges().expect("ranges");
    let (start, length) = *ranges.last().expect("a range");
    assert_eq!(ranges.iter().map(|(_, length)| length).sum::<u64>(), 512 * MIB);
    let mut bytes = vec![0xee; 3 * 4096];
    let missing = memory.read_physical(start + length - 4096, &mut bytes).expect("a read");
    assert_eq!(told(&missing), [absent(4096, 2 * 4096, Absence::NotRam)]);
    assert!(bytes[4096..].iter().all(|byte| *byte == 0));
    let missing = memory.read_physical(u64::MAX - 100, &mut bytes).expect("a read");
    assert_eq!(told(&missing), [absent(0, 3 * 4096, Absence::NotRam)]);
    assert_eq!(memory.read_physical(start, &mut []).expect("nothing"), []);

    let mut most = vec![0; GuestMemory::LONGEST_READ + 1];
    let refused = memory.read_physical(start, &mut most).expect_err("too many bytes");
    assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{refused}");
    let start_time = process.start_time_ns.expect("a start time");
    let refused = memory.read_process(process.pid, start_time, 0, &mut most).expect_err("too many");
    assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{refused}");
    most.pop();
    assert_eq!(memory.read_physical(start, &mut most).expect("the longest read"), []);

    // Nobody, and the kernel's own thread kthreadd.
    let nobody = memory.read_process(process.pid, start_time + 1, 0, &mut bytes);
    assert_eq!(nobody.expect("a read"), None);
}

#[test]
fn a_process_that_ended_is_none() {
    let guest = lab::guest("memory-private", &[]);
    let _alone = guest.alone();
    let mut domain = lab::open(&guest);
    let pid: u32 = guest.ask("sleep 4321 >/dev/null 2>&1 & echo $!").trim().parse().expect("a pid");
    let frame = frame(&mut domain);
    let find =
        |pid| frame.processes.iter().flatten().find(|one| one.pid == pid).expect("it").clone();
    let (process, kthreadd) = (find(pid), find(2));
    let mapping = frame
        .mappings
        .iter()
        .flatten()
        .find(|one| one.pid == pid && one.path.as_deref() == Some("[stack]"));
    let stack = mapping.expect("a stack").end - 4096;
    let mut memory = domain.memory();
    let (bytes, missing) = read(&mut memory, &process, stack, 4096);
    assert_eq!(missing, []);
    let line = b"sleep\x004321\0";
    assert!(bytes.windows(line.len()).any(|part| part == line), "its arguments");
    let start = kthreadd.start_time_ns.expect("a start time");
    let mut bytes = [0; 64];
    assert_eq!(memory.read_process(2, start, stack, &mut bytes).expect("a read"), None);

    guest.ask(&format!(
        "kill -9 {pid}; while [ -e /proc/{pid}/stat ] && grep -q -v Z /proc/{pid}/stat; do :; done"
    ));
    let start = process.start_time_ns.expect("a start time");
    assert_eq!(memory.read_process(pid, start, stack, &mut bytes).expect("a read"), None);
}

#[test]
fn a_dump_has_the_same_bytes() {
    let guest = lab::guest("memory-private", &[]);
    let _alone = guest.alone();
    let folder = std::path::PathBuf::from(format!("/var/tmp/nfm-memory-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("dump.elf");
    let _suspended = guest.suspend();
    let mut live = lab::open(&guest);
    live.dump(&path, &DumpOptions::default(), &mut |_, _| {}).expect("a dump");
    let uri = format!("file:{}", path.display());
    let mut dumped = Domain::open(&uri, &OpenOptions::default()).expect("the dump");
    std::fs::remove_dir_all(&folder).expect("the folder");
    let (process, mappings) = program(&frame(&mut live));
    let (mut live, mut dumped) = (live.memory(), dumped.memory());
    assert_eq!(live.ranges().expect("ranges"), dumped.ranges().expect("ranges"));
    let (mut there, mut all) = (0, 0);
    for mapping in mappings.iter().filter(|one| one.path.as_deref() != Some("[vsyscall]")) {
        let from_live = whole(&mut live, &process, mapping);
        assert!(from_live == whole(&mut dumped, &process, mapping), "{mapping:#?}");
        let missing: usize = from_live.1.iter().map(|part| part.length).sum();
        there += from_live.0.len() - missing;
        all += from_live.0.len();
    }
    assert!(there > 36 << 20 && all > there, "{there} of {all} bytes");
    let (start, _) = *live.ranges().expect("ranges").first().expect("a range");
    let mut bytes = [vec![0; 1 << 20], vec![1; 1 << 20]];
    for (memory, bytes) in [&mut live, &mut dumped].into_iter().zip(&mut bytes) {
        memory.read_physical(start, bytes).expect("a read");
    }
    assert!(bytes[0] == bytes[1] && bytes[0].iter().any(|byte| *byte != 0));
}

/// Reading costs the host no memory: what the guest never touched stays untouched.
#[test]
fn untouched_memory_stays_so() {
    let guest = lab::guest("memory-shared", &["--backing", "memfd", "--kernel", "6.12"]);
    let _alone = guest.alone();
    let _suspended = guest.suspend();
    let mut domain = lab::open(&guest);
    let mut options = CrawlOptions::sections(&[Section::Host]);
    options.time_limit = std::time::Duration::from_secs(60);
    let untouched = |domain: &mut Domain| {
        let host = domain.crawl(&options).expect("a frame").host.expect("the section host");
        host.untouched_bytes.expect("what was never touched")
    };
    let before = untouched(&mut domain);
    assert!(before > 16 << 20, "{before} bytes that nobody touched");
    let mut memory = domain.memory();
    let mut bytes = vec![0; GuestMemory::LONGEST_READ];
    for (start, length) in memory.ranges().expect("ranges") {
        for at in (start..start + length).step_by(bytes.len()) {
            let part = (start + length - at).min(bytes.len() as u64) as usize;
            assert_eq!(memory.read_physical(at, &mut bytes[..part]).expect("a read"), []);
        }
    }
    assert_eq!(untouched(&mut domain), before);
}
