//! `nfm check` over memory that cannot be read: what is not there is not checked, and nobody is accused for it.
//!
//! Where the kernel keeps what is compared: kernel/fork.c (`copy_process`), kernel/exit.c (`__unhash_process`),
//! kernel/module/main.c. All of these lists and tables are whole in the guests here; what differs is what of them a
//! core of the guest holds.

use std::ops::Range;

use nfm::{CheckOutcome, Integrity};

use crate::cores::Core;
use lab::write::{Changes, Held, Kernel};

/// The bytes that are left out at once: a large page.
const RANGE: u64 = 2 << 20;
const PAGE: u64 = 4096;
/// As testing/lab/guest makes guests.
const MEMORY: u64 = 512 << 20;

#[test]
fn what_a_core_of_5_10_lacks_is_not_checked() {
    nobody_is_accused("510", &["--kernel", "5.10"]);
}

#[test]
fn what_a_core_of_7_2_lacks_is_not_checked() {
    nobody_is_accused("72", &["--kernel", "7.2", "--cpu", "max"]);
}

fn nobody_is_accused(name: &str, options: &[&str]) {
    let options = [options, &["--timeout", "300"]].concat();
    let guest = lab::own_guest(&format!("field-integrity-{name}"), &options);
    let kernel = Kernel::open(&guest, MEMORY);
    let held = Held::hold(&guest);
    let compared = compared(&kernel);
    let tasks = kernel.symbol("init_task") + kernel.offset("task_struct", "tasks");
    let tasks = kernel.physical(tasks) / PAGE * PAGE;
    let clean = Core::dump(&guest, &format!("clean-{name}"));
    let planted = Planted::plant(&kernel);
    let rootkit = Core::dump(&guest, &format!("rootkit-{name}"));
    drop(held);
    drop(guest);

    let whole = clean.check().expect("a check").0;
    assert_eq!(whole.findings(), 0, "{whole:#?}");
    assert!(unread(&whole).is_empty(), "{whole:#?}");
    let ranges = match std::env::var_os("NFM_EVERY_RANGE") {
        Some(_) => every_range(&clean),
        None => around(&compared, RANGE),
    };
    let mut partly = 0;
    for range in ranges.iter().cloned().chain(around(&compared, PAGE)) {
        let checked = innocent(&clean, std::slice::from_ref(&range));
        partly += usize::from(checked.is_some_and(|one| !unread(&one).is_empty()));
    }
    assert!(partly >= 8, "only {partly} of these changed anything");
    // A guest of which no process can be read is an error, not one that runs nothing.
    clean.leave_out(&[]);
    let whole = clean.processes().expect("processes").processes.map_or(0, |rows| rows.len());
    assert!(whole > 50, "{whole} processes");
    clean.leave_out(std::slice::from_ref(&(tasks..tasks + PAGE)));
    let reason = clean.processes().expect_err("no frame without a list of tasks");
    assert!(reason.contains("can be read") || reason.contains("cannot"), "{reason}");
    println!("without the head of the task list: {reason}");
    // Some pages at once, wherever they lie.
    let (ram, mut chance) = (clean.ram().collect::<Vec<_>>(), Chance(0x9e37_79b9_7f4a_7c15));
    for _ in 0..4 {
        let missing = (0..256).map(|_| {
            let range = &ram[chance.below(ram.len() as u64) as usize];
            let page = range.start + chance.below((range.end - range.start) / PAGE) * PAGE;
            page..page + PAGE
        });
        let mut missing: Vec<_> = missing.collect();
        missing.sort_unstable_by_key(|page| page.start);
        missing.dedup();
        innocent(&clean, &missing);
    }
    planted.are_found(&rootkit, &ranges);
}

/// Guest-physical addresses of what is compared: of the first processes, those that #20 tells of, and some more.
fn compared(kernel: &Kernel) -> Vec<u64> {
    let (tasks, thread_pid) =
        (kernel.offset("task_struct", "tasks"), kernel.offset("task_struct", "thread_pid"));
    let all = kernel.list(kernel.symbol("init_task") + tasks, tasks);
    let mut found = Vec::new();
    // init and kthreadd, and the youngest.
    for task in all.iter().take(2).chain(all.last()) {
        found.push(*task + tasks);
        found.push(*task + kernel.offset("task_struct", "tgid"));
        for pointer in ["signal", "real_cred"] {
            found.push(kernel.word(task + kernel.offset("task_struct", pointer)));
        }
        found.push(kernel.word(task + thread_pid));
    }
    // Places of the packet filter, the modules, the gates, the system calls, the tables of operations.
    let list = kernel.offset("module", "list");
    found.extend(kernel.list(kernel.symbol("modules"), list).first());
    for symbol in ["init_net", "idt_table", "sys_call_table", "tcp4_seq_ops", "module_kset"] {
        found.push(kernel.symbol(symbol));
    }
    found.push(kernel.word(kernel.symbol("sys_call_table") + 8 * 39));
    found.into_iter().map(|address| kernel.physical(address)).collect()
}

/// The ranges of a length that these addresses lie in.
fn around(addresses: &[u64], length: u64) -> Vec<Range<u64>> {
    let mut starts: Vec<u64> = addresses.iter().map(|at| at / length * length).collect();
    starts.sort_unstable();
    starts.dedup();
    starts.into_iter().map(|start| start..start + length).collect()
}

/// All of RAM, range by range: takes minutes.
fn every_range(core: &Core) -> Vec<Range<u64>> {
    let all = core.ram().flat_map(|ram| {
        let starts = (ram.start / RANGE * RANGE..ram.end).step_by(RANGE as usize);
        starts.map(move |start| start.max(ram.start)..(start + RANGE).min(ram.end))
    });
    all.collect()
}

/// Checks a core that lacks these ranges: nothing may be found. `None` where it cannot be opened.
fn innocent(core: &Core, missing: &[Range<u64>]) -> Option<Integrity> {
    core.leave_out(missing);
    let (integrity, frame) = core.check().ok()?;
    assert_eq!(integrity.findings(), 0, "without {missing:x?}: {integrity:#?}");
    // A check that was not made leaves the frame incomplete.
    assert_eq!(unread(&integrity).is_empty(), frame.consistency.complete, "{missing:x?}");
    Some(integrity)
}

/// The checks that could not be done, or not wholly.
fn unread(integrity: &Integrity) -> Vec<String> {
    let failed = integrity.checks.iter().filter(|one| one.outcome == CheckOutcome::Failed);
    failed.map(|one| one.name.to_string()).collect()
}

/// A process out of the list of tasks, and a system call that leads nowhere.
struct Planted {
    pid: u32,
    /// `quotactl`.
    call: u32,
}

impl Planted {
    fn plant(kernel: &Kernel) -> Self {
        let (tasks, comm) =
            (kernel.offset("task_struct", "tasks"), kernel.offset("task_struct", "comm"));
        let all = kernel.list(kernel.symbol("init_task") + tasks, tasks);
        let is_alice = |task: &u64| kernel.read::<6>(task + comm) == *b"alice\0";
        let task = all.into_iter().find(is_alice).expect("alice");
        let pid = u32::from_le_bytes(kernel.read(task + kernel.offset("task_struct", "tgid")));
        let (mut changes, call) = (Changes::default(), 179);
        changes.unlink(kernel, task + tasks);
        let nowhere = kernel.symbol("__log_buf") + (100 << 10);
        changes.write_word(kernel, kernel.symbol("sys_call_table") + 8 * u64::from(call), nowhere);
        Self { pid, call }
    }

    /// Whichever of these ranges is missing: both are found unless what shows them is not checked, and nothing else.
    fn are_found(&self, core: &Core, ranges: &[Range<u64>]) {
        let (mut both, mut opened) = (0, 0);
        for range in ranges {
            core.leave_out(std::slice::from_ref(range));
            let Ok((integrity, _)) = core.check() else { continue };
            let unread = unread(&integrity);
            let processes: Vec<u32> =
                integrity.hidden_processes.iter().map(|one| one.pid).collect();
            let calls: Vec<u32> = integrity.hooked_syscalls.iter().map(|one| one.number).collect();
            assert_eq!(
                integrity.findings(),
                processes.len() + calls.len() + integrity.hidden_connections.len(),
                "{range:x?}: {integrity:#?}"
            );
            let may_lack = |check: &str| unread.iter().any(|one| one.starts_with(check));
            assert!(processes == [self.pid] || (processes.is_empty() && may_lack("processes")));
            assert!(calls == [self.call] || (calls.is_empty() && may_lack("system calls")));
            for process in &integrity.hidden_processes {
                assert_eq!(process.missing_from, ["task list"], "{range:x?}");
            }
            opened += 1;
            both += usize::from(processes.len() + calls.len() == 2);
        }
        println!("both are found in {both} of {opened} cores");
        assert!(both > 0, "both are found in {both} of {opened} cores alone");
        // Memory that the kernel gives to processes last: most likely nothing of it matters. The kernel itself,
        // which lies anywhere (CONFIG_RANDOMIZE_BASE), may take one of these ranges: then nothing can be opened.
        let mut unrelated = 0;
        for start in [128 << 20, 192 << 20, 256 << 20] {
            core.leave_out(std::slice::from_ref(&(start..start + RANGE)));
            let Ok((integrity, _)) = core.check() else { continue };
            let both = integrity.hidden_processes.len() + integrity.hooked_syscalls.len() == 2;
            unrelated += usize::from(both && unread(&integrity).is_empty());
        }
        assert!(unrelated >= 2, "without three ranges that hold nothing of it, {unrelated} times");
    }
}

/// Numbers by chance, the same ones in each run (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
