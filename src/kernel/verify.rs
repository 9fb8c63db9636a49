//! Types and symbols against the memory that they are to explain. A kernel built with RANDSTRUCT has its
//! structures in another order than its type information tells (Makefile.randstruct), and a file may be of another
//! kernel: what every kernel has must be found where they say.

use rustc_hash::FxHashMap;

use super::names::{FIRST_TASK, FIRST_UTS};
use super::types::Types;
use crate::paging::{AddressSpace, Fault, FaultKind};

/// `INIT_TASK_COMM` (include/linux/init_task.h); with more CPUs, `/0` follows.
const FIRST_NAME: &[u8] = b"swapper";
/// `PID_MAX_LIMIT` (include/linux/threads.h).
const MOST_PIDS: u64 = 4 << 20;
/// Looks at a list that the guest may be changing.
const LOOKS: u32 = 4;

/// Why types are not of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// They lack what every kernel has; a clause that names it.
    Lack(String),
    /// Memory is otherwise than they say; a clause.
    Contradiction(String),
}

/// Looks for the release in the first UTS namespace (init/version.c), for the first task by its name and id
/// (init/init_task.c), and for the list of tasks, whose links must lead back. Memory that is not there contradicts
/// nothing.
///
/// # Errors
/// The first thing that is not as it must be.
pub(super) fn verify(
    space: &AddressSpace,
    types: &dyn Types,
    symbols: &FxHashMap<String, u64>,
    release: Option<&str>,
) -> Result<(), Unfit> {
    let member = |structure: &str, path: &str| {
        let lack = || Unfit::Lack(format!("it does not tell {structure}.{path}"));
        types.member(structure, path).map(|member| u64::from(member.offset)).ok_or_else(lack)
    };
    let in_release = member("uts_namespace", "name.release")?;
    let of_task = |path| member("task_struct", path);
    let task =
        TaskMembers { tasks: of_task("tasks")?, pid: of_task("pid")?, tgid: of_task("tgid")? };
    if let (Some(release), Some(uts)) = (release, symbols.get(FIRST_UTS)) {
        let at = uts.wrapping_add(in_release);
        let mut expected = release.as_bytes().to_vec();
        expected.push(0);
        if !holds(space, at, &expected) {
            return Err(Unfit::Contradiction(format!(
                "by it the guest's release would be at {at:#x}, where '{release}' does not stand"
            )));
        }
    }
    let Some(first) = symbols.get(FIRST_TASK) else { return Ok(()) };
    if let Ok(name) = member("task_struct", "comm") {
        let at = first.wrapping_add(name);
        if !holds(space, at, FIRST_NAME) {
            return Err(Unfit::Contradiction(format!(
                "by it the first task's name would be at {at:#x}, where 'swapper' does not stand"
            )));
        }
    }
    let at = first.wrapping_add(task.tgid);
    if !holds(space, at, &[0; 4]) {
        return Err(Unfit::Contradiction(format!(
            "by it the first task's id would be at {at:#x}, where 0 does not stand"
        )));
    }
    let head = first.wrapping_add(task.tasks);
    for look in 1..=LOOKS {
        if task.is_list(space, head).unwrap_or_else(is_out_of_reach) {
            return Ok(());
        }
        if look < LOOKS {
            space.forget();
        }
    }
    Err(Unfit::Contradiction(format!(
        "by it the list of tasks would begin at {head:#x}, where none leads back"
    )))
}

/// True if these bytes stand at an address, as far as its memory is there.
fn holds(space: &AddressSpace, at: u64, expected: &[u8]) -> bool {
    let mut found = vec![0; expected.len()];
    match space.read(at, &mut found) {
        Ok(()) => found == expected,
        Err(fault) => is_out_of_reach(fault),
    }
}

/// Where members of a task lie.
struct TaskMembers {
    tasks: u64,
    pid: u64,
    tgid: u64,
}

impl TaskMembers {
    /// True if the list of tasks begins at an address: a neighbour leads back, and the oldest task, which is init,
    /// leads a thread group. Nothing else is looked at, so that a rootkit that hides a process is found, rather than
    /// makes all processes unreadable.
    fn is_list(&self, space: &AddressSpace, head: u64) -> Result<bool, Fault> {
        let next = space.number(head, 8)?;
        if next == head {
            // Until the first process is made.
            return Ok(true);
        }
        let leads_back = space.number(next.wrapping_add(8), 8)? == head || {
            let back = space.number(head.wrapping_add(8), 8)?;
            space.number(back, 8)? == head
        };
        let oldest = next.wrapping_sub(self.tasks);
        let pid = space.number(oldest.wrapping_add(self.pid), 4)?;
        let tgid = space.number(oldest.wrapping_add(self.tgid), 4)?;
        Ok(leads_back && pid == tgid && (1..=MOST_PIDS).contains(&pid))
    }
}

/// The memory may be as it should, but cannot be read: a dump left it out, or the time is up.
fn is_out_of_reach(fault: Fault) -> bool {
    matches!(fault.kind, FaultKind::NotRam | FaultKind::Swapped | FaultKind::Limit(_))
}
