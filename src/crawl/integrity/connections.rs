//! Sockets of processes that hide.

use super::done;
use crate::crawl::connections;
use crate::crawl::reader::Context;
use crate::frame::{HiddenConnection, Integrity};

/// Finds the sockets that hidden processes have open. Whether another socket's owner hides cannot be told
/// from the socket: many have none (the kernel's own, those not yet accepted or sent to nobody yet).
pub(super) fn check(context: &Context, found: &mut Integrity) {
    let hidden: Vec<(u64, u32)> =
        found.hidden_processes.iter().map(|one| (one.address, one.pid)).collect();
    let name = |pid| {
        let of = found.hidden_processes.iter().find(|one| Some(one.pid) == pid);
        of.and_then(|one| one.name.clone())
    };
    let connections = match hidden.is_empty() {
        true => Vec::new(),
        false => connections::of_tasks(context, &hidden),
    };
    let rows = connections
        .into_iter()
        .map(|connection| HiddenConnection { process: name(connection.pid), connection });
    found.hidden_connections = rows.collect();
    found.checks.push(done("sockets of hidden processes", hidden.len() as u64));
}
