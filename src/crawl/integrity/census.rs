//! Every task that one look finds, wherever the kernel keeps tasks.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::confirm::{chain, forward, slot, slots};
use super::xarray;
use crate::crawl::reader::{Context, ReadError, ReadResult};

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

/// Who a task is. A task that ended and one that began later in its memory are two.
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
    /// Whether it leads its thread group.
    pub leads: bool,
    /// Whether it is a thread of the kernel.
    pub kernel_thread: bool,
    /// Its own, the objective, credentials.
    pub cred: u64,
    /// Where it was seen.
    pub seen: Vec<TaskIndex>,
}

/// What one look found.
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
pub(super) fn take(context: &Context, suspects: &[u64]) -> ReadResult<Census> {
    let mut seen: FxHashMap<u64, Vec<TaskIndex>> = FxHashMap::default();
    let mut places = BTreeMap::new();
    let mut add = |place, tasks: &[u64], looked: ReadResult<()>| {
        let tasks: FxHashSet<u64> = tasks.iter().copied().collect();
        places.insert(place, looked.map(|()| tasks.len() as u64));
        for task in tasks {
            seen.entry(task).or_default().push(place);
        }
    };
    let init = context.symbol(context.layout.symbols.init_task)?;
    let task = &context.layout.process.task;
    let head = context.at(init, task.tasks)?;
    let (listed, in_list) = reached(context, |tasks| {
        let (reached, walked) = forward(context, head, task.tasks);
        tasks.extend(reached);
        walked
    });
    settled(in_list)?;
    ahead(context, &listed);
    add(TaskIndex::TaskList, &listed, in_list);
    let (of_ids, in_tables) = reached(context, |tasks| identified(context, tasks));
    settled(in_tables)?;
    ahead(context, &of_ids);
    add(TaskIndex::PidTable, &of_ids, in_tables);
    // Through these the lists of threads and children are met: who is not met could be in one that was not walked.
    let unread = [in_list, in_tables].into_iter().filter_map(Result::err);
    let unread = unread.into_iter().find(|error| error.is_unreadable());
    let is_met = |looked: ReadResult<()>| looked.and(unread.map_or(Ok(()), Err));
    let mut known = [listed, of_ids].concat();
    let (threads, looked) = reached(context, |tasks| threads(context, &known, tasks));
    add(TaskIndex::ThreadList, &threads, is_met(looked));
    known.extend(threads);
    known.push(init);
    known.sort_unstable();
    known.dedup();
    let (children, looked) = reached(context, |tasks| children(context, &known, tasks));
    add(TaskIndex::Children, &children, is_met(looked));
    let (running, looked) = reached(context, |tasks| running(context, tasks));
    add(TaskIndex::RunQueue, &running, looked);
    for suspect in suspects {
        seen.entry(*suspect).or_default();
    }
    // What is no task has ended meanwhile.
    let before = context.absences();
    let members = seen.into_iter().filter(|(address, _)| *address != init);
    let members = members.filter_map(|(address, seen)| member(context, address, seen).ok()?);
    Ok(Census { members: members.collect(), places, unread: context.unread_since(before) })
}

/// The tasks of a place that were reached, and why not all were: also where the walk passed over memory that cannot be
/// read.
fn reached(
    context: &Context,
    walk: impl FnOnce(&mut Vec<u64>) -> ReadResult<()>,
) -> (Vec<u64>, ReadResult<()>) {
    let before = context.absences();
    let mut tasks = Vec::new();
    let walked = walk(&mut tasks);
    (tasks, walked.and(context.unread_since(before).map_or(Ok(()), Err)))
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
fn member(context: &Context, address: u64, seen: Vec<TaskIndex>) -> ReadResult<Option<Member>> {
    let layout = &context.layout.process.task;
    let links = &context.layout.integrity.task;
    let leader = context.follow(address, links.group_leader)?;
    let tgid = context.u32(address, layout.tgid)?;
    let lives = context.unsigned(address, layout.exit_state)? == 0
        && context.unsigned(address, layout.state)? & NEW == 0;
    // What is no task at all has no leader of its own group.
    let is_task = context.follow(address, layout.signal)?
        == context.follow(leader, layout.signal)?
        && context.u32(leader, layout.tgid)? == tgid;
    let tid = context.u32(address, layout.pid)?;
    // The idle tasks, whose id is 0, are in no list.
    if !lives || !is_task || tid == 0 {
        return Ok(None);
    }
    let start = match layout.start_boottime.exists() {
        true => context.unsigned(address, layout.start_boottime)?,
        false => 0,
    };
    Ok(Some(Member {
        identity: Identity { tgid, tid, start, address },
        leads: leader == address,
        kernel_thread: context.unsigned(address, layout.flags)? & KERNEL_THREAD != 0,
        cred: context.follow(address, layout.real_cred)?,
        seen,
    }))
}

/// The tasks of all ids of all PID namespaces. A task has an id in each of the namespaces that its own
/// is in, so the first namespace's table has them all, if nobody took one out.
fn identified(context: &Context, tasks: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &context.layout.integrity;
    let process = &context.layout.process;
    let first = context.symbol(context.layout.symbols.init_pid_ns)?;
    let mut namespaces = vec![first];
    let mut met: FxHashSet<u64> = namespaces.iter().copied().collect();
    let mut ids = FxHashSet::default();
    while let Some(namespace) = namespaces.pop() {
        let found = match xarray::pointers(context, context.at(namespace, layout.pid_table.head)?) {
            // A namespace that is going takes its table along; the first one stays.
            Err(_) if namespace != first => continue,
            found => found?,
        };
        context.space.prefetch(found.iter().map(|id| (*id, u64::from(process.pid.size))));
        for id in found {
            if !ids.insert(id) {
                continue;
            }
            // An id that is freed meanwhile has no tasks to tell of.
            let _ = of_id(context, id, tasks);
            if let Ok(namespace) = deepest(context, id)
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
fn of_id(context: &Context, id: u64, tasks: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &context.layout.integrity;
    for kind in PIDTYPES {
        let first = slot(context, id, layout.pid.tasks, kind)?;
        chain(context, first, 0, 0, |link| {
            let links = slot(context, 0, layout.task.pid_links, kind)?;
            tasks.push(link.wrapping_sub(links));
            Ok(())
        })?;
    }
    Ok(())
}

/// The PID namespace in which an id was made.
fn deepest(context: &Context, id: u64) -> ReadResult<u64> {
    const DEEPEST: u64 = 32;
    let layout = &context.layout.process;
    let level = context.unsigned(id, layout.pid.level)?;
    if level > DEEPEST {
        return Err(ReadError::Nonsense { what: "an id has too many levels", address: id });
    }
    let numbers = context.at(id, layout.pid.numbers)?;
    context.follow(numbers.wrapping_add(level * u64::from(layout.upid.size)), layout.upid.ns)
}

/// The threads of all groups. A group that ends meanwhile gives what of it was reached.
fn threads(context: &Context, tasks: &[u64], found: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &context.layout.process;
    let at = layout.signal.thread_head;
    at.member().ok_or(ReadError::NoMember(at.name))?;
    let signals: FxHashSet<u64> =
        tasks.iter().filter_map(|task| context.follow(*task, layout.task.signal).ok()).collect();
    context.space.prefetch(signals.iter().map(|one| (*one, u64::from(layout.signal.size))));
    let heads = signals.into_iter().filter_map(|signal| context.at(signal, at).ok());
    found.extend(heads.flat_map(|head| forward(context, head, layout.task.thread_node).0));
    Ok(())
}

/// The children of all tasks.
fn children(context: &Context, tasks: &[u64], found: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &context.layout.integrity.task;
    let at = layout.children;
    at.member().ok_or(ReadError::NoMember(at.name))?;
    let heads = tasks.iter().filter_map(|task| context.at(*task, at).ok());
    found.extend(heads.flat_map(|head| forward(context, head, layout.sibling).0));
    Ok(())
}

/// What runs on the CPUs, and what waits for them. The queues change all the time: what was reached
/// counts.
fn running(context: &Context, tasks: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &context.layout.integrity;
    let queues = context.symbol(context.layout.symbols.runqueues)?;
    let fair = layout.run_queue.cfs_tasks;
    fair.member().ok_or(ReadError::NoMember(fair.name))?;
    for cpu in context.cpus(context.layout.symbols.__cpu_possible_mask)? {
        let queue = context.per_cpu(queues, cpu)?;
        tasks.extend(context.pointer(queue, layout.run_queue.curr)?);
        let mut add = |head, node| tasks.extend(forward(context, head, node).0);
        add(context.at(queue, fair)?, layout.task.group_node);
        for priority in 0..slots(layout.run_queue.rt_queue)? {
            let head = slot(context, queue, layout.run_queue.rt_queue, priority)?;
            add(head, layout.task.run_list);
        }
    }
    Ok(())
}

fn ahead(context: &Context, tasks: &[u64]) {
    let length = u64::from(context.layout.process.task.size.max(1));
    context.space.prefetch(tasks.iter().map(|task| (*task, length)));
}
