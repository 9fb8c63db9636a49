//! The section `processes`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Text;
use super::column::Row;
use super::lenient::or_unknown;

/// One process: a thread group, as `/proc` lists it in the guest's first PID namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Process {
    /// Process id.
    #[column(label)]
    pub pid: u32,
    /// The parent's process id; 0 for the first process and the kernel's threads' parent.
    #[column(label)]
    pub ppid: Option<u32>,
    /// The name as in `/proc/PID/status` (`comm`).
    pub name: Option<Text>,
    /// Its state.
    #[serde(default, deserialize_with = "or_unknown")]
    pub state: Option<ProcessState>,
    /// The arguments, joined by spaces; empty for a kernel thread.
    pub command_line: Option<Text>,
    /// The file it runs, as `readlink /proc/PID/exe` shows; `None` for a kernel thread.
    pub exe: Option<Text>,
    /// Its working directory.
    pub cwd: Option<Text>,
    /// Its root directory.
    pub root: Option<Text>,
    /// Real user id.
    #[column(label)]
    pub uid: Option<u32>,
    /// Effective user id.
    #[column(label)]
    pub euid: Option<u32>,
    /// Real group id.
    #[column(label)]
    pub gid: Option<u32>,
    /// Effective group id.
    #[column(label)]
    pub egid: Option<u32>,
    /// Number of threads, the first included.
    pub threads: Option<u32>,
    /// The threads themselves, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_list: Option<Vec<Thread>>,
    /// Nice value, -20 to 19.
    pub nice: Option<i32>,
    /// When it started, in nanoseconds since the guest's boot.
    #[column(label)]
    pub start_time_ns: Option<u64>,
    /// CPU time in user mode, all threads that were.
    #[column(counter)]
    pub user_ns: Option<u64>,
    /// CPU time in the kernel, all threads that were.
    #[column(counter)]
    pub system_ns: Option<u64>,
    /// Size of the address space.
    pub virtual_bytes: Option<u64>,
    /// Memory of it that is in RAM.
    pub rss_bytes: Option<u64>,
    /// That part of `rss_bytes` which is of files or shared memory.
    pub shared_bytes: Option<u64>,
    /// Number of open file descriptors, those that only a thread has among them.
    pub open_files: Option<u32>,
    /// Its group in the unified cgroup hierarchy, as `/proc/PID/cgroup` shows.
    pub cgroup: Option<Text>,
    /// Its namespace of process ids: the inode number, as `readlink /proc/PID/ns/pid` shows it.
    #[column(label)]
    pub pid_namespace: Option<u32>,
    /// Its namespace of the network: the inode number, as `readlink /proc/PID/ns/net` shows it.
    #[column(label)]
    pub net_namespace: Option<u32>,
    /// Its namespace of mounts: the inode number, as `readlink /proc/PID/ns/mnt` shows it.
    #[column(label)]
    pub mnt_namespace: Option<u32>,
    /// Its namespace of the host name: the inode number, as `readlink /proc/PID/ns/uts` shows it.
    #[column(label)]
    pub uts_namespace: Option<u32>,
    /// Its namespace of System V IPC and message queues: the inode number, as `readlink /proc/PID/ns/ipc` shows it.
    #[column(label)]
    pub ipc_namespace: Option<u32>,
    /// Its namespace of user and group ids: the inode number, as `readlink /proc/PID/ns/user` shows it.
    #[column(label)]
    pub user_namespace: Option<u32>,
    /// Its namespace of control groups: the inode number, as `readlink /proc/PID/ns/cgroup` shows it.
    #[column(label)]
    pub cgroup_namespace: Option<u32>,
    /// Its namespace of clock offsets: the inode number, as `readlink /proc/PID/ns/time` shows it.
    #[column(label)]
    pub time_namespace: Option<u32>,
    /// True if it is a thread of the kernel.
    pub kernel_thread: Option<bool>,
    /// Its process id in its own PID namespace.
    #[column(label)]
    pub pid_in_namespace: Option<u32>,
    /// Added to its share of memory, in thousandths, when the kernel out of memory chooses a process to kill: -1000
    /// (never) to 1000, as `/proc/PID/oom_score_adj` shows.
    pub oom_score_adj: Option<i32>,
}

/// One thread of a process, as `/proc/PID/task/TID` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Thread {
    /// Thread id.
    #[column(label)]
    pub tid: u32,
    /// The thread's name.
    pub name: Option<Text>,
    /// Its state.
    #[serde(default, deserialize_with = "or_unknown")]
    pub state: Option<ProcessState>,
    /// When it started, in nanoseconds since the guest's boot.
    #[column(label)]
    pub start_time_ns: Option<u64>,
    /// Time on a CPU, as the scheduler measures it.
    #[column(counter)]
    pub cpu_ns: Option<u64>,
}

/// A process's state, by the letter that `ps` and `/proc/PID/stat` show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessState {
    /// Runs or could.
    Running,
    /// Sleeps, a signal wakes it.
    Sleeping,
    /// Sleeps on the disk, no signal wakes it.
    DiskSleep,
    /// Stopped by a signal.
    Stopped,
    /// Stopped by a tracer.
    TracingStop,
    /// Dead, on its way out.
    Dead,
    /// Dead, its parent has not asked yet.
    Zombie,
    /// A parked kernel thread.
    Parked,
    /// An idle kernel thread.
    Idle,
}

impl ProcessState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Sleeping,
        Self::DiskSleep,
        Self::Stopped,
        Self::TracingStop,
        Self::Dead,
        Self::Zombie,
        Self::Parked,
        Self::Idle,
    ];

    /// Their letters.
    pub const LETTERS: [&'static str; 9] = ["R", "S", "D", "T", "t", "X", "Z", "P", "I"];

    /// The letter as a text.
    pub fn text(self) -> &'static str {
        Self::LETTERS.get(self as usize).copied().unwrap_or_default()
    }

    /// The state of a letter.
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.letter() == letter)
    }

    /// The letter.
    pub fn letter(self) -> char {
        self.text().chars().next().unwrap_or('?')
    }
}

impl Serialize for ProcessState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(self.letter())
    }
}

impl<'de> Deserialize<'de> for ProcessState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let letter = char::deserialize(deserializer)?;
        Self::from_letter(letter).ok_or_else(|| D::Error::custom("no letter of a process's state"))
    }
}

#[cfg(test)]
mod tests {
    use super::ProcessState;

    #[test]
    fn each_state_has_its_letter() {
        assert_eq!(ProcessState::ALL.map(ProcessState::text), ProcessState::LETTERS);
        assert_eq!(ProcessState::TracingStop.letter(), 't');
        assert_eq!(ProcessState::from_letter('t'), Some(ProcessState::TracingStop));
        assert_eq!(ProcessState::from_letter('?'), None);
    }
}
