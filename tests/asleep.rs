//! Facts about sleeping processes, by a handle that is kept open: they are not all read again, and changes are seen
//! all the same.

use std::time::{Duration, Instant};

use nfm::{Domain, Frame, Process};
use serde_json::Value;

/// The rows of a section that only one of two frames has, as JSON.
fn differing_rows(section: &str, one: &Value, two: &Value) -> Vec<String> {
    let (Value::Array(one), Value::Array(two)) = (one, two) else {
        return if one == two { Vec::new() } else { vec![format!("{section}: {one} and {two}")] };
    };
    let only = |these: &[Value], those: &[Value], which: &str| -> Vec<String> {
        let these = these.iter().filter(|row| !those.contains(row));
        these.map(|row| format!("{section}, {which}: {row}")).collect()
    };
    [only(one, two, "kept"), only(two, one, "new")].concat()
}

/// All that two frames of a suspended guest say differently. Only what belongs to the crawl itself, or to the host, may
/// differ.
fn differences(kept: &Frame, new: &Frame) -> Vec<String> {
    let of_the_crawl = ["seq", "time_ns", "duration_ns", "consistency", "host"];
    let [kept, new] =
        [kept, new].map(|frame| serde_json::from_str::<Value>(&frame.to_json()).expect("JSON"));
    let (Value::Object(kept), Value::Object(new)) = (kept, new) else { panic!("no objects") };
    assert!(kept.keys().eq(new.keys()), "other sections");
    let sections = kept.iter().filter(|(name, _)| !of_the_crawl.contains(&name.as_str()));
    sections.flat_map(|(name, rows)| differing_rows(name, rows, &new[name])).collect()
}

/// A frame of the handle that is kept open, which must say all that a new handle says: the guest is suspended meanwhile,
/// so that both see the same.
fn expect_as_anew(guest: &lab::Guest, kept: &mut Domain) -> Frame {
    let _suspended = guest.suspend();
    let frame = lab::whole_frame(kept);
    let differences = differences(&frame, &lab::whole_frame(&mut lab::open(guest)));
    assert!(
        differences.is_empty(),
        "a handle that is kept open, and one that is new, differ in {} rows: {:#?}",
        differences.len(),
        &differences[..differences.len().min(20)]
    );
    frame
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

/// Changes that others make to a process that sleeps on are seen at once.
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
    assert_eq!(row.oom_score_adj, Some(0));
    assert_eq!(read(&frame), ("/tmp/read".to_owned(), 0));
    assert!(maps(&frame, "/tmp/sleep"));

    guest.ask(&format!(
        "cd /tmp; mv sleep moved; mv here there; mv read old; rm old; renice -n 7 -p {sleeper}; \
         echo -600 >/proc/{sleeper}/oom_score_adj; \
         mkdir /sys/fs/cgroup/other; echo {sleeper} >/sys/fs/cgroup/other/cgroup.procs; \
         echo >go; usleep 500000"
    ));
    let frame = now(&mut kept);
    let row = process(&frame, sleeper);
    assert_eq!(row.exe.as_deref(), Some("/tmp/moved"));
    assert_eq!((row.cwd.as_deref(), row.nice), (Some("/tmp/there"), Some(7)));
    assert_eq!(row.oom_score_adj, Some(-600));
    assert_eq!(row.cgroup.as_deref(), Some("/other"));
    assert_eq!(read(&frame), ("/tmp/old (deleted)".to_owned(), 4));
    assert!(maps(&frame, "/tmp/moved"));
}
