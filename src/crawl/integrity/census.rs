//! Every task that one look finds, wherever the kernel keeps tasks.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::confirm::{chain, forward, slot, slots};
use crate::crawl::reader::{ReadError, ReadResult, Reader};
use crate::crawl::xarray;

/// Where the kernel keeps tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum TaskIndex {
    /// `init_task.tasks`: the leaders of thread groups.
    TaskList,
    /// The table of ids of a PID namespace.
    PidTable,
    /// `signal_struct.thread_head`: the threads of a group.
    ThreadList,
    /// `task_struct.children`: the leaders that a task is the parent of.
    Children,
    /// `struct rq`: what runs and what could.
    RunQueue,
}

impl TaskIndex {
    pub const ALL: [Self; 5] =
        [Self::TaskList, Self::PidTable, Self::ThreadList, Self::Children, Self::RunQueue];

    pub fn name(self) -> &'static str {
        match self {
            Self::TaskList => "task list",
            Self::PidTable => "PID table",
            Self::ThreadList => "thread list",
            Self::Children => "parent's children",
            Self::RunQueue => "run queue",
        }
    }
}

/// The identity of a task. A task that ended and one that began later in its memory are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub tgid: u32,
    pub tid: u32,
    pub start: u64,
    pub address: u64,
}

/// A living task.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub identity: Identity,
    /// True if it leads its thread group.
    pub leads: bool,
    /// True if it is a thread of the kernel.
    pub kernel_thread: bool,
    /// Its own, the objective, credentials.
    pub cred: u64,
    /// Where it was seen.
    pub seen: Vec<TaskIndex>,
}

/// The findings of one look.
pub(super) struct Census {
    pub members: Vec<Member>,
    /// How many tasks each place had, and why not it was not looked at, or not wholly: nobody is missing from it then.
    pub places: BTreeMap<TaskIndex, ReadResult<u64>>,
    /// A task was met that cannot be read, so that it is not known where it should be.
    pub unread: Option<ReadError>,
}

/// `PIDTYPE_PID` and `PIDTYPE_TGID` (`enum pid_type`, include/linux/pid_types.h).
const PIDTYPES: [u32; 2] = [0, 1];
/// `TASK_NEW` (include/linux/sched.h): not yet everywhere.
const NEW: u64 = 0x800;
/// `PF_KTHREAD`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Looks once. `suspects` are tasks of earlier looks, which count as long as they live.
///
/// # Errors
/// The list of tasks or the table of ids was met in the middle of a change, or this kernel lacks what
/// tells who a task is.
pub(super) fn take(reader: &Reader, suspects: &[u64]) -> ReadResult<Census> {
    let mut seen: FxHashMap<u64, Vec<TaskIndex>> = FxHashMap::default();
    let mut places = BTreeMap::new();
    let mut add = |place, tasks: &[u64], looked: ReadResult<()>| {
        let tasks: FxHashSet<u64> = tasks.iter().copied().collect();
        places.insert(place, looked.map(|()| tasks.len() as u64));
        for task in tasks {
            seen.entry(task).or_default().push(place);
        }
    };
    let init = reader.symbol(reader.layout.symbols.init_task)?;
    let task = &reader.layout.process.task;
    let head = reader.at(init, task.tasks)?;
    let (listed, in_list) = reached(reader, |tasks| {
        let (reached, walked) = forward(reader, head, task.tasks);
        tasks.extend(reached);
        walked
    });
    settled(in_list)?;
    ahead(reader, &listed);
    add(TaskIndex::TaskList, &listed, in_list);
    let (of_ids, in_tables) = reached(reader, |tasks| identified(reader, tasks));
    settled(in_tables)?;
    ahead(reader, &of_ids);
    add(TaskIndex::PidTable, &of_ids, in_tables);
    // Through these the lists of threads and children are met: who is not met could be in one that was not walked.
    let unread = [in_list, in_tables].into_iter().filter_map(Result::err);
    let unread = unread.into_iter().find(|error| error.is_unreadable());
    let is_met = |looked: ReadResult<()>| looked.and(unread.map_or(Ok(()), Err));
    let mut known = [listed, of_ids].concat();
    let (threads, looked) = reached(reader, |tasks| threads(reader, &known, tasks));
    add(TaskIndex::ThreadList, &threads, is_met(looked));
    known.extend(threads);
    known.push(init);
    known.sort_unstable();
    known.dedup();
    let (children, looked) = reached(reader, |tasks| children(reader, &known, tasks));
    add(TaskIndex::Children, &children, is_met(looked));
    let (running, looked) = reached(reader, |tasks| running(reader, tasks));
    add(TaskIndex::RunQueue, &running, looked);
    for suspect in suspects {
        seen.entry(*suspect).or_default();
    }
    // An address that holds no task: that one has ended meanwhile.
    let before = reader.absences();
    let members = seen.into_iter().filter(|(address, _)| *address != init);
    let members = members.filter_map(|(address, seen)| member(reader, address, seen).ok()?);
    Ok(Census { members: members.collect(), places, unread: reader.unread_since(before) })
}

/// The tasks of a place that were reached, and why not all were: also where the walk passed over memory that cannot be
/// read.
fn reached(
    reader: &Reader,
    walk: impl FnOnce(&mut Vec<u64>) -> ReadResult<()>,
) -> (Vec<u64>, ReadResult<()>) {
    let before = reader.absences();
    let mut tasks = Vec::new();
    let walked = walk(&mut tasks);
    (tasks, walked.and(reader.unread_since(before).map_or(Ok(()), Err)))
}

/// An error for a place that was met in the middle of a change. What this kernel has not, or what cannot be read, is
/// the same in the next look.
fn settled(looked: ReadResult<()>) -> ReadResult<()> {
    match looked {
        Err(error) if !error.is_lack() && !error.is_unreadable() => Err(error),
        _ => Ok(()),
    }
}

/// A task, if it lives: one that exits leaves the places one after another.
fn member(reader: &Reader, address: u64, seen: Vec<TaskIndex>) -> ReadResult<Option<Member>> {
    let layout = &reader.layout.process.task;
    let links = &reader.layout.integrity.task;
    let leader = reader.follow(address, links.group_leader)?;
    let tgid = reader.u32(address, layout.tgid)?;
    let lives = reader.unsigned(address, layout.exit_state)? == 0
        && reader.unsigned(address, layout.state)? & NEW == 0;
    // Memory that is no task at all has no leader of its own group.
    let is_task = reader.follow(address, layout.signal)? == reader.follow(leader, layout.signal)?
        && reader.u32(leader, layout.tgid)? == tgid;
    let tid = reader.u32(address, layout.pid)?;
    // The idle tasks, whose id is 0, are in no list.
    if !lives || !is_task || tid == 0 {
        return Ok(None);
    }
    let start = match layout.start_boottime.exists() {
        true => reader.unsigned(address, layout.start_boottime)?,
        false => 0,
    };
    Ok(Some(Member {
        identity: Identity { tgid, tid, start, address },
        leads: leader == address,
        kernel_thread: reader.unsigned(address, layout.flags)? & KERNEL_THREAD != 0,
        cred: reader.follow(address, layout.real_cred)?,
        seen,
    }))
}

/// The tasks of all ids of all PID namespaces. A task has an id in each of the namespaces that its own
/// is in, so the first namespace's table has them all, if nobody took one out.
fn identified(reader: &Reader, tasks: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.integrity;
    let process = &reader.layout.process;
    let first = reader.symbol(reader.layout.symbols.init_pid_ns)?;
    let mut namespaces = vec![first];
    let mut met: FxHashSet<u64> = namespaces.iter().copied().collect();
    let mut ids = FxHashSet::default();
    while let Some(namespace) = namespaces.pop() {
        let found = match xarray::pointers(reader, reader.at(namespace, layout.pid_table.head)?) {
            // A namespace that is going takes its table along; the first one stays.
            Err(_) if namespace != first => continue,
            found => found?,
        };
        reader.space.prefetch(found.iter().map(|id| (*id, u64::from(process.pid.size))));
        for id in found {
            if !ids.insert(id) {
                continue;
            }
            // An id that is freed meanwhile has no tasks to tell of.
            let _ = of_id(reader, id, tasks);
            if let Ok(namespace) = deepest(reader, id)
                && met.insert(namespace)
            {
                namespaces.push(namespace);
            }
        }
    }
    tasks.sort_unstable();
    tasks.dedup();
    Ok(())
}

/// The tasks that have an id as their own or their group's.
fn of_id(reader: &Reader, id: u64, tasks: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.integrity;
    for kind in PIDTYPES {
        let first = slot(reader, id, layout.pid.tasks, kind)?;
        chain(reader, first, 0, 0, |link| {
            let links = slot(reader, 0, layout.task.pid_links, kind)?;
            tasks.push(link.wrapping_sub(links));
            Ok(())
        })?;
    }
    Ok(())
}

/// The PID namespace in which an id was made.
fn deepest(reader: &Reader, id: u64) -> ReadResult<u64> {
    const DEEPEST: u64 = 32;
    let layout = &reader.layout.process;
    let level = reader.unsigned(id, layout.pid.level)?;
    if level > DEEPEST {
        return Err(ReadError::Nonsense { what: "an id has too many levels", address: id });
    }
    let numbers = reader.at(id, layout.pid.numbers)?;
    reader.follow(numbers.wrapping_add(level * u64::from(layout.upid.size)), layout.upid.ns)
}

/// The threads of all groups. A group that ends meanwhile gives what of it was reached.
fn threads(reader: &Reader, tasks: &[u64], found: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.process;
    let at = layout.signal.thread_head;
    at.member().ok_or(ReadError::NoMember(at.name))?;
    let signals: FxHashSet<u64> =
        tasks.iter().filter_map(|task| reader.follow(*task, layout.task.signal).ok()).collect();
    reader.space.prefetch(signals.iter().map(|one| (*one, u64::from(layout.signal.size))));
    let heads = signals.into_iter().filter_map(|signal| reader.at(signal, at).ok());
    found.extend(heads.flat_map(|head| forward(reader, head, layout.task.thread_node).0));
    Ok(())
}

/// The children of all tasks.
fn children(reader: &Reader, tasks: &[u64], found: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.integrity.task;
    let at = layout.children;
    at.member().ok_or(ReadError::NoMember(at.name))?;
    let heads = tasks.iter().filter_map(|task| reader.at(*task, at).ok());
    found.extend(heads.flat_map(|head| forward(reader, head, layout.sibling).0));
    Ok(())
}

/// The tasks that run on the CPUs, and those that wait for them. The queues change all the time: those that were
/// reached count.
fn running(reader: &Reader, tasks: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.integrity;
    let queues = reader.symbol(reader.layout.symbols.runqueues)?;
    let fair = layout.run_queue.cfs_tasks;
    fair.member().ok_or(ReadError::NoMember(fair.name))?;
    for cpu in reader.cpus(reader.layout.symbols.__cpu_possible_mask)? {
        let queue = reader.per_cpu(queues, cpu)?;
        tasks.extend(reader.pointer(queue, layout.run_queue.curr)?);
        let mut add = |head, node| tasks.extend(forward(reader, head, node).0);
        add(reader.at(queue, fair)?, layout.task.group_node);
        for priority in 0..slots(layout.run_queue.rt_queue)? {
            let head = slot(reader, queue, layout.run_queue.rt_queue, priority)?;
            add(head, layout.task.run_list);
        }
    }
    Ok(())
}

fn ahead(reader: &Reader, tasks: &[u64]) {
    let length = u64::from(reader.layout.process.task.size.max(1));
    reader.space.prefetch(tasks.iter().map(|task| (*task, length)));
}
