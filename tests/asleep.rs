//! What is known of processes that sleep, by a handle that is kept open: it is not all read again, and what changes is
//! seen all the same.

#[path = "lab/mod.rs"]
mod lab;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use nfm::{Domain, Frame, Process};

/// The rows of one that the other has not.
fn other<T: PartialEq + Debug>(one: &Option<Vec<T>>, other: &Option<Vec<T>>) -> Vec<String> {
    let rows = one.iter().flatten().filter(|row| !other.iter().flatten().any(|one| one == *row));
    rows.map(|row| format!("{row:?}")).collect()
}

/// What two frames say of processes that they do not say both.
fn differences(one: &Frame, two: &Frame) -> Vec<String> {
    let both = [(one, two), (two, one)];
    let all = both.into_iter().flat_map(|(one, two)| {
        [
            other(&one.processes, &two.processes),
            other(&one.files, &two.files),
            other(&one.mappings, &two.mappings),
            other(&one.connections, &two.connections),
        ]
    });
    all.flatten().collect()
}

/// A frame of a handle that is kept open, which says what a new one says that knows nothing; of a guest that rests,
/// after a few tries at most.
fn expect_as_anew(guest: &lab::Guest, kept: &mut Domain) -> Frame {
    let mut seen = Vec::new();
    for _ in 0..20 {
        // Opened first: what takes long would let threads of the kernel run between the frames.
        let mut anew = lab::open(guest);
        let frame = lab::whole_frame(kept);
        seen = differences(&frame, &lab::whole_frame(&mut anew));
        if seen.is_empty() {
            return frame;
        }
    }
    panic!("a handle that is kept open, and one that is new, differ: {seen:#?}");
}

fn process(frame: &Frame, pid: u32) -> &Process {
    let mut rows = frame.processes.iter().flatten();
    rows.find(|row| row.pid == pid).expect("the process is there")
}

/// Page tables of processes that sleep are not read again, and yet what changes is seen: memory that a process takes
/// once it wakes, and what is taken away from one that sleeps on.
fn follow(name: &str, options: &[&str]) {
    let guest = lab::own_guest(name, options);
    guest.ask(
        "mkfifo /tmp/more; cp /bin/busybox /tmp/awk; \
         /tmp/awk '{ all = all $0 }' <>/tmp/more >/dev/null 2>&1 &",
    );
    let mut kept = lab::open(&guest);
    lab::whole_frame(&mut kept);
    let all = kept.statistics().pages;
    for _ in 0..4 {
        lab::whole_frame(&mut kept);
    }
    let fewer = kept.statistics().pages;
    assert!(fewer + 200 < all, "{fewer} pages of {all}: page tables were read again");
    let before = expect_as_anew(&guest, &mut kept);

    let rows = before.processes.iter().flatten();
    let hungry = rows.filter(|row| row.name.as_deref() == Some("awk")).map(|row| row.pid);
    let [hungry] = hungry.collect::<Vec<_>>()[..] else { panic!("no awk in the guest") };
    let held = |frame: &Frame| -> u64 {
        let rows = frame.mappings.iter().flatten().filter(|row| row.pid == hungry);
        rows.filter_map(|row| row.resident_bytes).sum()
    };
    for _ in 0..3 {
        let had = held(&expect_as_anew(&guest, &mut kept));
        guest.ask("(head -c 1000000 /dev/zero | tr '\\0' x; echo) >/tmp/more; sleep 0.5");
        let has = held(&expect_as_anew(&guest, &mut kept));
        assert!(has > had + 900_000, "{had} bytes, then {has}");
    }

    let mapped = |frame: &Frame| {
        let mut rows = frame.mappings.iter().flatten();
        rows.find(|row| row.path.as_deref() == Some("/tmp/shared.map"))?.resident_bytes
    };
    assert_eq!(mapped(&expect_as_anew(&guest, &mut kept)), Some(64 << 10));
    guest.ask("truncate -s 0 /tmp/shared.map");
    assert_eq!(mapped(&lab::whole_frame(&mut kept)), Some(0));
    expect_as_anew(&guest, &mut kept);

    // Arguments, too, may be written over while their process sleeps on.
    let line = |kept: &mut Domain| {
        let line = process(&lab::whole_frame(kept), hungry).command_line.clone();
        line.expect("awk's command line").to_string()
    };
    for _ in 0..3 {
        assert!(line(&mut kept).starts_with("/tmp/awk {"));
    }
    guest.ask(&format!(
        "at=$(cut -d' ' -f48 /proc/{hungry}/stat); \
         printf /tmp/AWK | dd of=/proc/{hungry}/mem bs=1 seek=$at conv=notrunc"
    ));
    // That changes nothing that tells; it is looked at again after ten seconds at the latest.
    let begun = Instant::now();
    while !line(&mut kept).starts_with("/tmp/AWK {") {
        assert!(begun.elapsed() < Duration::from_secs(11), "the line is as it was");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn private_memory() {
    follow("residents", &[]);
}

/// Counters of resident pages are per CPU there.
#[test]
fn shared_memory() {
    follow("residents-shared", &["--kernel", "6.12", "--vcpus", "2", "--backing", "memfd"]);
}

/// What others do to a process that sleeps on is seen at once.
#[test]
fn what_others_change() {
    let guest = lab::own_guest("asleep-others", &[]);
    let sleeper = guest.ask(
        "cd /tmp; cp /bin/busybox sleep; mkdir here; mkfifo go; cd here; echo 0123456789 >../read; \
         (exec 3<../read; ../sleep 1000000 >/dev/null 2>&1 & echo $! >../pid; \
          (read go <../go; dd bs=4 count=1 <&3) >/dev/null 2>&1 &); \
         cat ../pid",
    );
    let sleeper: u32 = sleeper.trim().parse().expect("a process id");
    let mut kept = lab::open(&guest);
    let now = |kept: &mut Domain| {
        for _ in 0..3 {
            lab::whole_frame(kept);
        }
        expect_as_anew(&guest, kept)
    };
    let read = |frame: &Frame| {
        let mut rows = frame.files.iter().flatten();
        let row = rows.find(|row| row.pid == sleeper && row.fd == 3).expect("what it reads");
        (row.path.clone().expect("a path").to_string(), row.position.expect("a position"))
    };
    let maps = |frame: &Frame, path: &str| {
        let mut rows = frame.mappings.iter().flatten();
        rows.any(|row| row.pid == sleeper && row.path.as_deref() == Some(path))
    };
    let frame = now(&mut kept);
    let row = process(&frame, sleeper);
    assert_eq!(row.exe.as_deref(), Some("/tmp/sleep"));
    assert_eq!((row.cwd.as_deref(), row.nice), (Some("/tmp/here"), Some(0)));
    assert_eq!(read(&frame), ("/tmp/read".to_owned(), 0));
    assert!(maps(&frame, "/tmp/sleep"));

    guest.ask(&format!(
        "cd /tmp; mv sleep moved; mv here there; mv read old; rm old; renice -n 7 -p {sleeper}; \
         mkdir /sys/fs/cgroup/other; echo {sleeper} >/sys/fs/cgroup/other/cgroup.procs; \
         echo >go; usleep 500000"
    ));
    let frame = now(&mut kept);
    let row = process(&frame, sleeper);
    assert_eq!(row.exe.as_deref(), Some("/tmp/moved"));
    assert_eq!((row.cwd.as_deref(), row.nice), (Some("/tmp/there"), Some(7)));
    assert_eq!(row.cgroup.as_deref(), Some("/other"));
    assert_eq!(read(&frame), ("/tmp/old (deleted)".to_owned(), 4));
    assert!(maps(&frame, "/tmp/moved"));
}
