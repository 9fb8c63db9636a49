//! Processes of a kernel without types (CONFIG_DEBUG_INFO_BTF): the few members of `task_struct` that memory shows by
//! itself. `init_task` holds what is known beforehand, the ring of tasks holds the same members many times, and what
//! they lead to must agree. A member that two places could be is not known.

use memchr::memmem;
use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{FIRST_TASK, FIRST_TASK_END, FIRST_UTS};
use super::types::{Member, Types};
use crate::paging::AddressSpace;

/// Where such types are said to come from.
pub(super) const ORIGIN: &str =
    "tasks in memory (no BTF): their ids, names, parents, states, starts and threads alone";

/// Bytes of a `struct task_struct`: at least, and those that are looked at.
const TASK_BYTES: std::ops::RangeInclusive<u64> = 1024..=32 << 10;
/// Tasks whose ring is followed, and those that are looked at.
const MOST_TASKS: usize = 100_000;
const MOST_SAMPLED: usize = 400;
/// Fewer tell too little: a kernel has some tens of threads of its own.
const FEWEST_TASKS: usize = 16;
/// `TASK_COMM_LEN`.
const NAME_BYTES: usize = 16;
/// `PID_MAX_LIMIT` (include/linux/threads.h).
const MOST_PIDS: u32 = 4 << 20;
/// `PF_KTHREAD` (include/linux/sched.h).
const KERNEL_THREAD: u32 = 0x0020_0000;
/// `TASK_IDLE`, in which kernel threads wait (80ed87c8a9ca, 4.2), and all bits of a state below those of freezing.
const IDLE: u32 = 0x402;
const STATE_BITS: u32 = 0xffff;
/// `EXIT_DEAD`, `EXIT_ZOMBIE`.
const EXIT_STATES: [u32; 3] = [0, 0x10, 0x20];
/// `SIGCHLD`, which a process sends its parent when it ends, and the last signal.
const CHILD_SIGNAL: u32 = 17;
const LAST_SIGNAL: u32 = 64;
/// The first process starts within this after the kernel.
const LATEST_FIRST_START: u64 = 3_600_000_000_000;
/// Bytes of a field of `struct new_utsname` (include/uapi/linux/utsname.h), in its order.
const UTS_BYTES: u32 = 65;
const UTS_NAMES: [&str; 5] =
    ["name.sysname", "name.nodename", "name.release", "name.version", "name.machine"];
/// Bytes before them in `struct uts_namespace`: a reference count, until 9a56493f6942 (5.11).
const MOST_BEFORE_UTS: u64 = 64;
/// In `struct signal_struct` (include/linux/sched/signal.h): behind two reference counts; and the list of threads.
const THREAD_COUNT: u64 = 8;
const THREAD_LIST: u64 = 16;

/// Members that were pinned, as types.
pub(super) struct PinnedTypes {
    members: FxHashMap<(&'static str, &'static str), Member>,
}

impl Types for PinnedTypes {
    /// The end of the last member that is known.
    fn size_of(&self, structure: &str) -> Option<u32> {
        let of = self.members.iter().filter(|((name, _), _)| *name == structure);
        of.map(|(_, member)| member.offset.saturating_add(member.size)).max()
    }

    fn member(&self, structure: &str, path: &str) -> Option<Member> {
        let mut members = self.members.iter();
        let found = members.find(|((name, member), _)| *name == structure && *member == path);
        found.map(|(_, member)| *member)
    }

    fn enumerator(&self, _: &str, _: &str) -> Option<i64> {
        None
    }
}

/// Pins the members, by the addresses of variables.
///
/// # Errors
/// A clause that says what could not be pinned without which there are no processes.
pub(super) fn pin(
    space: &AddressSpace,
    symbols: &FxHashMap<String, u64>,
    release: Option<&str>,
) -> Result<PinnedTypes, String> {
    let symbol = |name: &str| symbols.get(name).copied();
    let tasks = symbol(FIRST_TASK)
        .zip(symbol(FIRST_TASK_END))
        .and_then(|(first, end)| Tasks::read(space, first, end))
        .ok_or("memory shows no ring of tasks")?;
    let mut members = FxHashMap::default();
    let mut add = |structure, member, offset: Option<u64>, size: u32, elements: u32| {
        let offset = offset.and_then(|offset| u32::try_from(offset).ok());
        if let Some(offset) = offset {
            let plain = Member { offset, size, elements, bit: 0, bits: 0, signed: false };
            members.insert((structure, member), plain);
        }
        offset.is_some()
    };
    const TASK: &str = "task_struct";
    let text = NAME_BYTES as u32;
    add(TASK, "comm", Some(tasks.comm), text, text);
    add(TASK, "tasks", Some(tasks.node), 16, 1);
    let pid = tasks.pid().ok_or("memory shows no ids of tasks")?;
    add(TASK, "pid", Some(pid), 4, 1);
    add(TASK, "tgid", pid.checked_add(4), 4, 1);
    let stack = symbol("init_stack").and_then(|stack| tasks.stack(stack));
    let flags = stack.and_then(|stack| tasks.flags(stack));
    add(TASK, "flags", flags, 4, 1);
    add(TASK, "real_parent", tasks.parent(pid), 8, 1);
    let mm = flags.and_then(|flags| tasks.memory(flags, pid));
    // Without it no row says if it is a thread of the kernel.
    if !add(TASK, "mm", mm, 8, 1) {
        return Err("memory does not show which tasks are threads of the kernel".to_owned());
    }
    let exit_state = mm.and_then(|mm| tasks.exit_state(mm, pid));
    add(TASK, "exit_state", exit_state, 4, 1);
    add(TASK, "__state", stack.and_then(|stack| tasks.state(stack)), 4, 1);
    add(TASK, "start_boottime", tasks.start(pid), 8, 1);
    let signal = symbol("init_signals").and_then(|signals| tasks.signal(signals));
    if let Some((signal, thread_node)) = signal {
        add(TASK, "signal", Some(signal), 8, 1);
        add(TASK, "thread_node", Some(thread_node), 16, 1);
        add("signal_struct", "nr_threads", Some(THREAD_COUNT), 4, 1);
        add("signal_struct", "thread_head", Some(THREAD_LIST), 16, 1);
    }
    let names = symbol(FIRST_UTS).and_then(|uts| names_of(space, uts, release?));
    for (name, offset) in UTS_NAMES.into_iter().zip((0..).step_by(UTS_BYTES as usize)) {
        add("uts_namespace", name, names.map(|names| names + offset), UTS_BYTES, UTS_BYTES);
    }
    Ok(PinnedTypes { members })
}

/// Where the names begin in the first UTS namespace, whose release is known.
fn names_of(space: &AddressSpace, uts: u64, release: &str) -> Option<u64> {
    let mut bytes = [0; 512];
    space.read(uts, &mut bytes).ok()?;
    let text = |offset: u64, text: &[u8]| {
        let found = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
        found.and_then(|rest| rest.strip_prefix(text)).is_some_and(|rest| rest.starts_with(b"\0"))
    };
    let offsets = (0..MOST_BEFORE_UTS).step_by(4);
    let release_at = u64::from(2 * UTS_BYTES);
    only(offsets.filter(|at| text(*at, b"Linux") && text(at + release_at, release.as_bytes())))
}

/// One task: where it is, and its bytes.
struct Task {
    address: u64,
    bytes: Vec<u8>,
}

impl Task {
    fn word(&self, at: u64) -> Option<u64> {
        Some(u64::from_le_bytes(*self.bytes.get(usize::try_from(at).ok()?..)?.first_chunk()?))
    }

    fn half(&self, at: u64) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes.get(usize::try_from(at).ok()?..)?.first_chunk()?))
    }
}

/// The first task, and those of the ring.
struct Tasks<'a> {
    space: &'a AddressSpace<'a>,
    first: Task,
    /// Oldest first, as far as they are looked at.
    others: Vec<Task>,
    /// Where their names and their nodes of the ring are.
    comm: u64,
    node: u64,
}

impl<'a> Tasks<'a> {
    fn read(space: &'a AddressSpace<'a>, address: u64, end: u64) -> Option<Self> {
        let length = end.checked_sub(address)?.min(*TASK_BYTES.end());
        TASK_BYTES.contains(&length).then_some(())?;
        let task = |address: u64| {
            let mut bytes = vec![0; usize::try_from(length).ok()?];
            space.read(address, &mut bytes).ok()?;
            Some(Task { address, bytes })
        };
        let first = task(address)?;
        // `INIT_TASK_COMM` (include/linux/init_task.h), of the first CPU.
        let named = memmem::find_iter(&first.bytes, b"swapper").filter(|at| {
            let rest = first.bytes.get(at + 7..).unwrap_or_default();
            rest.starts_with(b"\0") || rest.starts_with(b"/0\0")
        });
        let comm = only(named.map(|at| at as u64))?;
        let ring = |node: &u64| {
            let next = first.word(*node)?;
            (next >> 56 == 0xff && next != address.wrapping_add(*node)).then_some(())?;
            let ring = ring_of(space, address.wrapping_add(*node))?;
            let name = |at: &u64| has_name(space, at.wrapping_sub(*node).wrapping_add(comm));
            // A process may name itself as it likes.
            let named = ring.iter().filter(|at| name(at)).count();
            (ring.len() >= FEWEST_TASKS && named * 10 >= ring.len() * 9).then_some(ring)
        };
        let mut rings = (0..length).step_by(8).filter_map(|node| Some((node, ring(&node)?)));
        let (node, nodes) = rings.next()?;
        rings.next().is_none().then_some(())?;
        let addresses = nodes.iter().take(MOST_SAMPLED).map(|at| at.wrapping_sub(node));
        let others = addresses.map(task).collect::<Option<Vec<Task>>>()?;
        Some(Self { space, first, others, comm, node })
    }

    /// Offsets of a task that may be a member's.
    fn offsets(&self, step: usize) -> impl Iterator<Item = u64> {
        (0..self.first.bytes.len() as u64).step_by(step)
    }

    /// The oldest and the second: init and kthreadd.
    fn oldest(&self) -> Option<(&Task, &Task)> {
        Some((self.others.first()?, self.others.get(1)?))
    }

    fn all(&self, is_so: impl Fn(&Task) -> Option<bool>) -> bool {
        self.others.iter().all(|task| is_so(task).unwrap_or(false))
    }

    /// `pid`, with `tgid` behind it: both 0 in the first task, 1 in the oldest of the ring, alike in each and no two
    /// tasks' the same.
    fn pid(&self) -> Option<u64> {
        let ids = |task: &Task, at: u64| Some((task.half(at)?, task.half(at.checked_add(4)?)?));
        let (init, kthreadd) = self.oldest()?;
        let is_it = |at: &u64| {
            let mut seen = FxHashSet::default();
            ids(&self.first, *at) == Some((0, 0))
                && ids(init, *at) == Some((1, 1))
                && ids(kthreadd, *at) == Some((2, 2))
                && self.others.iter().all(|task| {
                    ids(task, *at).is_some_and(|(pid, tgid)| {
                        pid == tgid && (1..=MOST_PIDS).contains(&pid) && seen.insert(pid)
                    })
                })
        };
        only(self.offsets(4).filter(is_it))
    }

    /// `stack`: the first task's is a variable, others' are of their own.
    fn stack(&self, first: u64) -> Option<u64> {
        let is_it = |at: &u64| {
            let mut seen = FxHashSet::default();
            let mut own = |task: &Task| {
                let stack = task.word(*at)?;
                Some(stack >> 56 == 0xff && stack.is_multiple_of(4096) && seen.insert(stack))
            };
            // A task that ended has none.
            let owners = self.others.iter().filter(|task| own(task) == Some(true)).count();
            self.first.word(*at) == Some(first) && owners * 10 >= self.others.len() * 9
        };
        only(self.offsets(8).filter(is_it))
    }

    /// `__state` (or `state`), with `saved_state` behind it where there is one, is before the stack.
    fn state(&self, stack: u64) -> Option<u64> {
        let at = stack.checked_sub(8)?;
        let is_state = |task: &Task| Some(task.half(at)? & !STATE_BITS == 0);
        let idle = self.others.iter().any(|task| task.half(at) == Some(IDLE));
        let rests = self.oldest()?.1.half(at)? != 0;
        (idle && rests && self.first.half(at) == Some(0) && self.all(is_state)).then_some(at)
    }

    /// `flags`, behind the stack and the count of users: only init of the oldest is no thread of the kernel.
    fn flags(&self, stack: u64) -> Option<u64> {
        let at = stack.checked_add(12)?;
        let is_thread = |task: &Task| Some(task.half(at)? & KERNEL_THREAD != 0);
        let (init, kthreadd) = self.oldest()?;
        let told = [&self.first, kthreadd, init].map(is_thread);
        (told == [Some(true), Some(true), Some(false)]).then_some(at)
    }

    /// `real_parent`: with `parent`, `children`, `sibling` and `group_leader` behind it, as they have followed each
    /// other since 2.6. The first task is its own parent, and that of the two oldest; all lead their group.
    fn parent(&self, pid: u64) -> Option<u64> {
        let tgid = pid.checked_add(4)?;
        let known: FxHashSet<u64> = self.others.iter().map(|task| task.address).collect();
        let first = self.first.address;
        let (init, kthreadd) = self.oldest()?;
        let is_it = |at: &u64| {
            let of = |task: &Task| task.word(*at);
            let leads = |task: &Task| Some(task.word(at.checked_add(48)?)? == task.address);
            // A thread may be a parent; and more tasks there may be than were looked at.
            let is_task = |address: u64| {
                address == first
                    || known.contains(&address)
                    || self
                        .space
                        .number(address.wrapping_add(tgid), 4)
                        .is_ok_and(|id| (1..=u64::from(MOST_PIDS)).contains(&id))
            };
            [of(&self.first), self.first.word(at + 8), of(init), of(kthreadd)] == [Some(first); 4]
                && self.others.iter().skip(2).any(|task| of(task) == Some(kthreadd.address))
                && leads(&self.first) == Some(true)
                && self.all(leads)
                && self.all(|task| Some(is_task(of(task)?)))
        };
        only(self.offsets(8).filter(is_it))
    }

    /// `mm`, with `active_mm` behind it, between the ring's node and the ids: threads of the kernel have none.
    fn memory(&self, flags: u64, pid: u64) -> Option<u64> {
        let is_it = |at: &u64| {
            let of = |task: &Task| Some((task.word(*at)?, task.word(at.checked_add(8)?)?));
            let owns = |task: &Task| of(task).is_some_and(|(own, _)| own != 0);
            let is_memory = |task: &Task| {
                let (own, active) = of(task)?;
                Some(own == 0 || own == active && own >> 56 == 0xff)
            };
            let is_thread = |task: &Task| Some(task.half(flags)? & KERNEL_THREAD != 0);
            // A process that ends gives its memory back, and a thread of the kernel may use a process's.
            let told = self.others.iter().filter(|task| is_thread(task) == Some(!owns(task)));
            self.oldest().is_some_and(|(init, kthreadd)| owns(init) && !owns(kthreadd))
                && !owns(&self.first)
                && self.all(is_memory)
                && told.count() * 10 >= self.others.len() * 9
        };
        only((self.node..pid).step_by(8).filter(is_it))
    }

    /// `exit_state`, with `exit_code` and `exit_signal` behind it.
    fn exit_state(&self, mm: u64, pid: u64) -> Option<u64> {
        let (init, _) = self.oldest()?;
        let is_it = |at: &u64| {
            let signal = |task: &Task| task.half(at.checked_add(8)?);
            let fits = |task: &Task| {
                let signal = signal(task)?;
                let is_signal = signal <= LAST_SIGNAL || signal == u32::MAX;
                Some(EXIT_STATES.contains(&task.half(*at)?) && is_signal)
            };
            // Another signal, or none, may be asked for (clone).
            let usual = self.others.iter().filter(|task| signal(task) == Some(CHILD_SIGNAL));
            signal(init) == Some(CHILD_SIGNAL)
                && signal(&self.first) == Some(0)
                && [0, 4].map(|from| self.first.half(at + from)) == [Some(0); 2]
                && usual.count() * 10 >= self.others.len() * 9
                && self.all(fits)
        };
        only((mm..pid).step_by(4).filter(is_it))
    }

    /// `start_boottime` (or `real_start_time`), behind `start_time`: 0 in the first task, and rising along the ring.
    fn start(&self, pid: u64) -> Option<u64> {
        let pair = |task: &Task, at: u64| Some((task.word(at)?, task.word(at.checked_add(8)?)?));
        let (init, _) = self.oldest()?;
        let is_it = |at: &u64| {
            let (mut last, mut falls) = (0, 0);
            let rising = self.others.iter().all(|task| match pair(task, *at) {
                Some((start, boot)) if 0 < start && start <= boot => {
                    falls += usize::from(boot < last);
                    last = boot;
                    true
                }
                _ => false,
            });
            // A thread that runs a program takes its leader's place in the ring.
            rising
                && falls * 20 <= self.others.len()
                && pair(&self.first, *at) == Some((0, 0))
                && pair(init, *at).is_some_and(|(start, _)| start < LATEST_FIRST_START)
        };
        only(self.offsets(8).skip_while(|at| *at < pid).filter(is_it))
            .and_then(|at| at.checked_add(8))
    }

    /// `signal`, and `thread_node`: what the first task's leads to is a variable, and in each the list of threads is as
    /// long as their count.
    fn signal(&self, first: u64) -> Option<(u64, u64)> {
        let is_it = |at: &u64| {
            let mut seen = FxHashSet::default();
            self.first.word(*at) == Some(first)
                && self.others.iter().all(|task| task.word(*at).is_some_and(|one| seen.insert(one)))
        };
        let signal = only(self.offsets(8).filter(is_it))?;
        let mut node = None;
        for task in &self.others {
            let signals = task.word(signal)?;
            let count = self.space.number(signals.wrapping_add(THREAD_COUNT), 4).ok()?;
            let threads = ring_of(self.space, signals.wrapping_add(THREAD_LIST))?;
            (threads.len() as u64 == count).then_some(())?;
            if let [only] = threads.as_slice() {
                let own = only.checked_sub(task.address)?;
                (*node.get_or_insert(own) == own).then_some(())?;
            }
        }
        Some((signal, node.filter(|node| *node < self.first.bytes.len() as u64)?))
    }
}

/// The nodes of a ring but its head, if each leads back to the one before it.
fn ring_of(space: &AddressSpace, head: u64) -> Option<Vec<u64>> {
    let (mut nodes, mut node) = (Vec::new(), head);
    while nodes.len() <= MOST_TASKS {
        let next = space.number(node, 8).ok()?;
        (space.number(next.wrapping_add(8), 8).ok()? == node).then_some(())?;
        if next == head {
            return Some(nodes);
        }
        nodes.push(next);
        node = next;
    }
    None
}

/// True if a task's name may stand at an address: some bytes, and their end.
fn has_name(space: &AddressSpace, at: u64) -> bool {
    let mut name = [0; NAME_BYTES];
    let read = space.read(at, &mut name).is_ok();
    let end = name.iter().position(|byte| *byte == 0);
    let text = end.and_then(|end| name.get(..end)).unwrap_or_default();
    read && !text.is_empty() && text.iter().all(|byte| *byte >= b' ' || b"\t\n".contains(byte))
}

/// The only one: of two that look alike neither is known to be it.
fn only(mut found: impl Iterator<Item = u64>) -> Option<u64> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
