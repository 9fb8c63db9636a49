//! Sockets of processes that hide.

use super::census::TaskIndex;
use super::outcome::done;
use crate::crawl::connections;
use crate::crawl::reader::Reader;
use crate::frame::{HiddenConnection, HiddenProcess, Integrity};

/// Finds the sockets that hidden processes have open. Whether another socket's owner hides cannot be told
/// from the socket: many have none (the kernel's own, those not yet accepted or sent to nobody yet).
pub(super) fn check(reader: &Reader, found: &mut Integrity) {
    let places = [TaskIndex::TaskList.name(), TaskIndex::PidTable.name()];
    let hides = |one: &&HiddenProcess| {
        one.missing_from.iter().any(|place| places.contains(&place.as_str()))
    };
    let hidden: Vec<&HiddenProcess> = found.hidden_processes.iter().filter(hides).collect();
    let tasks: Vec<(u64, u32)> = hidden.iter().map(|one| (one.address, one.pid)).collect();
    let before = reader.absences();
    let connections = match tasks.is_empty() {
        true => Vec::new(),
        false => connections::of_tasks(reader, &tasks),
    };
    let rows = connections.into_iter().map(|connection| {
        let of = hidden.iter().find(|one| Some(one.pid) == connection.pid);
        HiddenConnection { process: of.and_then(|one| one.name.clone()), connection }
    });
    let rows = rows.collect();
    found.hidden_connections = rows;
    let unread = reader.unread_since(before);
    found.checks.push(done("sockets of hidden processes", tasks.len() as u64, unread));
}
