//! What is in processes' own memory, by a handle that is kept open: it does not read all page tables again, and sees
//! what changes all the same.

#[path = "lab/mod.rs"]
mod lab;

use std::collections::BTreeMap;

use nfm::{Domain, Frame};

/// Bytes in RAM of every mapping, by process and first address.
fn residents(frame: &Frame) -> BTreeMap<(u32, u64), Option<u64>> {
    let rows = frame.mappings.iter().flatten();
    rows.map(|row| ((row.pid, row.start), row.resident_bytes)).collect()
}

/// What a handle that is kept open says of mappings' memory is what a new one says, which read all page tables; of a
/// guest that rests, after a few tries at most.
fn expect_as_anew(guest: &lab::Guest, kept: &mut Domain) -> Frame {
    for _ in 0..20 {
        let frame = lab::whole_frame(kept);
        if residents(&frame) == residents(&lab::whole_frame(&mut lab::open(guest))) {
            return frame;
        }
    }
    panic!("what a handle says that is kept open is not what a new one says");
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
        let frame = lab::whole_frame(kept);
        let mut rows = frame.processes.iter().flatten();
        let line = rows.find(|row| row.pid == hungry).and_then(|row| row.command_line.clone());
        line.expect("awk's command line").to_string()
    };
    for _ in 0..3 {
        assert!(line(&mut kept).starts_with("/tmp/awk {"));
    }
    guest.ask(&format!(
        "at=$(cut -d' ' -f48 /proc/{hungry}/stat); \
         printf /tmp/AWK | dd of=/proc/{hungry}/mem bs=1 seek=$at conv=notrunc"
    ));
    assert!(line(&mut kept).starts_with("/tmp/AWK {"));
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
