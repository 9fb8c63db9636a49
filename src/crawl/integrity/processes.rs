//! Processes and threads that the kernel has, and does not show everywhere.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::census::{self, Census, Identity, Member, TaskIndex};
use super::confirm::confirmed;
use super::outcome::{done, not_done};
use crate::crawl::context::Context;
use crate::crawl::descriptors::with_descriptors;
use crate::crawl::processes;
use crate::crawl::reader::ReadResult;
use crate::crawl::sleeper_cache::Look;
use crate::frame::{HiddenProcess, Integrity, Text};

pub(super) fn check(context: &Context, found: &mut Integrity) {
    let reader = &context.reader;
    let places = RefCell::new((BTreeMap::new(), None));
    // By task and place, so that what is missing in one look for this reason and in the next for that
    // is no finding.
    let look = |before: &BTreeMap<(Identity, TaskIndex), Vec<TaskIndex>>| {
        let suspects: Vec<u64> = before.keys().map(|(task, _)| task.address).collect();
        let Census { members, places: looked, unread } = census::take(reader, &suspects)?;
        let missing = members.iter().flat_map(|member| {
            let seen = member.seen.clone();
            missing(member, &looked).map(move |place| ((member.identity, place), seen.clone()))
        });
        let missing = missing.collect();
        *places.borrow_mut() = (looked, unread);
        Ok(missing)
    };
    let result = confirmed(reader, look);
    let (places, unread) = places.into_inner();
    for place in TaskIndex::ALL {
        found.checks.push(match (&result, places.get(&place)) {
            (Ok(_), Some(Ok(count))) => done(name(place), *count, unread),
            (Ok(_), Some(Err(error))) | (Err(error), _) => not_done(name(place), *error),
            (Ok(_), None) => continue,
        });
    }
    let mut hidden: BTreeMap<Identity, (Vec<TaskIndex>, Vec<TaskIndex>)> = BTreeMap::new();
    let result = result.map(|confirmed| confirmed.found).unwrap_or_default();
    for ((task, place), seen) in result {
        let entry = hidden.entry(task).or_insert_with(|| (seen, Vec::new()));
        entry.1.push(place);
    }
    found.hidden_processes = hidden
        .into_iter()
        .map(|(task, (seen, missing))| row(context, task, &seen, &missing))
        .collect();
}

fn name(place: TaskIndex) -> &'static str {
    match place {
        TaskIndex::TaskList => "processes in the task list",
        TaskIndex::PidTable => "processes in the PID tables",
        TaskIndex::ThreadList => "processes in the thread lists",
        TaskIndex::Children => "processes among their parents' children",
        TaskIndex::RunQueue => "processes in the run queues",
    }
}

/// Where a task should be and is not. Whether it is in a run queue depends on what it does.
fn missing(
    member: &Member,
    looked: &BTreeMap<TaskIndex, ReadResult<u64>>,
) -> impl Iterator<Item = TaskIndex> {
    let is_there = |place: TaskIndex| match place {
        // These hold the leaders of thread groups alone.
        TaskIndex::TaskList | TaskIndex::Children => !member.leads || member.seen.contains(&place),
        TaskIndex::PidTable | TaskIndex::ThreadList => member.seen.contains(&place),
        TaskIndex::RunQueue => true,
    };
    let missing: Vec<TaskIndex> = looked
        .iter()
        .filter(|(place, count)| count.is_ok() && !is_there(**place))
        .map(|(place, _)| *place)
        .collect();
    missing.into_iter()
}

fn row(
    context: &Context,
    task: Identity,
    seen: &[TaskIndex],
    missing: &[TaskIndex],
) -> HiddenProcess {
    let reader = &context.reader;
    let layout = &reader.layout.process;
    let names =
        |places: &[TaskIndex]| places.iter().map(|place| Text::fixed(place.name())).collect();
    let cred = reader.follow(task.address, layout.task.real_cred);
    HiddenProcess {
        pid: task.tgid,
        tid: task.tid,
        name: reader.text(task.address, layout.task.comm).ok(),
        uid: cred.and_then(|cred| reader.u32(cred, layout.cred.uid)).ok(),
        start_time_ns: layout.task.start_boottime.exists().then_some(task.start),
        address: task.address,
        seen_in: names(seen),
        missing_from: names(missing),
        process: (task.tid == task.tgid)
            .then(|| {
                let mut look = Look::new(task.address, task.tgid);
                with_descriptors(reader, &mut look, &mut Vec::new(), |look, open| {
                    processes::row(context, look, open.map(|open| open.len() as u32))
                })
            })
            .flatten(),
    }
}
