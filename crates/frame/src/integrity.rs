//! The section `integrity`: where the kernel's own structures contradict each other, or lead to code
//! that is none of the kernel's.

use serde::{Deserialize, Serialize};

use super::column::Row;
use super::{Connection, Process, Text};

/// The comparisons that were made, and those that did not agree. Every finding was seen in several looks at fresh
/// memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Integrity {
    /// Processes and threads that some of the kernel's lists and tables lack.
    pub hidden_processes: Vec<HiddenProcess>,
    /// Modules that some of the kernel's lists and tables lack.
    pub hidden_modules: Vec<HiddenModule>,
    /// Sockets that a hidden process holds.
    pub hidden_connections: Vec<HiddenConnection>,
    /// System calls that lead outside of the kernel's code.
    pub hooked_syscalls: Vec<HookedSyscall>,
    /// Interrupt gates that lead outside of the kernel's code.
    pub hooked_interrupts: Vec<HookedInterrupt>,
    /// Other pointers to functions that lead where none of the kind may.
    pub hooked_functions: Vec<HookedFunction>,
    /// Credentials that processes share which have nothing to do with each other.
    pub shared_credentials: Vec<SharedCredentials>,
    /// Every comparison, also those that could not be made.
    pub checks: Vec<IntegrityCheck>,
}

impl Integrity {
    /// How many findings there are.
    pub fn findings(&self) -> usize {
        self.hidden_processes.len()
            + self.hidden_modules.len()
            + self.hidden_connections.len()
            + self.hooked_syscalls.len()
            + self.hooked_interrupts.len()
            + self.hooked_functions.len()
            + self.shared_credentials.len()
    }
}

/// A living process or thread that is not everywhere where the kernel keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct HiddenProcess {
    /// Process id.
    #[column(label)]
    pub pid: u32,
    /// Thread id; equal to `pid` for the process itself.
    #[column(label)]
    pub tid: u32,
    /// Its name.
    pub name: Option<Text>,
    /// Its real user id.
    #[column(label)]
    pub uid: Option<u32>,
    /// When it started, in nanoseconds since the guest's boot.
    #[column(label)]
    pub start_time_ns: Option<u64>,
    /// Where its `task_struct` lies.
    #[column(label)]
    pub address: u64,
    /// Where it was seen: `task list`, `PID table`, `thread list`, `parent's children`, `run queue`.
    pub seen_in: Vec<Text>,
    /// Where it is not, though it should be.
    pub missing_from: Vec<Text>,
    /// All that is known of it, unless it is a thread of a process.
    pub process: Option<Process>,
}

/// A module that is not everywhere where the kernel keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct HiddenModule {
    /// The module's name.
    pub name: Option<Text>,
    /// Where its `struct module` lies.
    #[column(label)]
    pub address: u64,
    /// Where its code lies.
    #[column(label)]
    pub code: Option<u64>,
    /// Bytes of its memory.
    #[column(bytes)]
    pub size: Option<u64>,
    /// Where it was seen: `module list`, `/sys/module`, `module memory`.
    pub seen_in: Vec<Text>,
    /// Where it is not, though it should be.
    pub missing_from: Vec<Text>,
}

/// A socket of a process that hides; `connection.pid` is that process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct HiddenConnection {
    /// The socket.
    pub connection: Connection,
    /// The name of the process.
    pub process: Option<Text>,
}

/// A system call that leads outside of the kernel's code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct HookedSyscall {
    /// The table: `sys_call_table` or `ia32_sys_call_table`.
    pub table: Text,
    /// The system call's number.
    #[column(label)]
    pub number: u32,
    /// Its name; `None` for one that is newer than this program.
    pub name: Option<Text>,
    /// The hooked place: `entry`, the table's entry, or `code`, the first instructions of the function.
    pub place: Text,
    /// Where the entry or the code lies.
    #[column(label)]
    pub address: u64,
    /// Where it leads.
    pub target: HookTarget,
}

/// An interrupt gate that leads outside of the kernel's code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct HookedInterrupt {
    /// The interrupt's vector.
    #[column(label)]
    pub vector: u32,
    /// Where the gate lies.
    #[column(label)]
    pub address: u64,
    /// Where it leads.
    pub target: HookTarget,
}

/// A pointer to a function that leads where none of its kind may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct HookedFunction {
    /// The kind of pointer: `operations`, `dispatcher`, `ftrace`, `kprobe`, `netfilter`, `notifier`.
    pub kind: Text,
    /// Which one: `tcp4_seq_ops.show`, for example.
    pub name: Text,
    /// Where the pointer lies.
    #[column(label)]
    pub address: u64,
    /// Where it leads.
    pub target: HookTarget,
}

/// Where a hook leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, Row)]
pub struct HookTarget {
    /// Kernel-virtual address.
    #[column(label)]
    pub address: u64,
    /// The module in whose memory that is; `None` where it is no module's.
    pub module: Option<Text>,
    /// True if that module is one that hides.
    pub hidden: bool,
}

/// Credentials that belong to several processes at once, which the kernel never gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct SharedCredentials {
    /// Where the `struct cred` lies.
    #[column(label)]
    pub address: u64,
    /// Their real user id.
    #[column(label)]
    pub uid: Option<u32>,
    /// True if they are those that the kernel itself runs with (`init_cred`).
    pub of_kernel: bool,
    /// The processes that have them, by id.
    pub processes: Vec<CredentialsOwner>,
}

/// A process that has shared credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, Row)]
pub struct CredentialsOwner {
    /// Process id.
    #[column(label)]
    pub pid: u32,
    /// Its name.
    pub name: Option<Text>,
    /// True if it is a thread of the kernel.
    pub kernel_thread: bool,
}

/// One comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct IntegrityCheck {
    /// The name of the comparison.
    pub name: Text,
    /// How far it went.
    pub outcome: CheckOutcome,
    /// How many things it looked at.
    pub examined: u64,
    /// Why it is not done.
    pub reason: Option<Text>,
}

/// How far a comparison went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckOutcome {
    /// It is done.
    Done,
    /// This kernel has not what it compares.
    Unavailable,
    /// Memory that it compares could not be read.
    #[default]
    #[serde(other)]
    Failed,
}

impl CheckOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Done, Self::Unavailable, Self::Failed];

    /// The outcomes' names in JSON.
    pub const NAMES: [&'static str; 3] = ["done", "unavailable", "failed"];

    /// The outcome's name in JSON.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::CheckOutcome;

    #[test]
    fn names_are_those_of_the_json() {
        for (outcome, name) in CheckOutcome::ALL.into_iter().zip(CheckOutcome::NAMES) {
            assert_eq!(serde_json::from_value::<CheckOutcome>(name.into()).unwrap(), outcome);
            assert_eq!(outcome.name(), name);
        }
    }
}
