//! The section `cpus`.

use serde::{Deserialize, Serialize};

use super::Text;

/// One CPU of the guest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Cpu {
    /// The kernel's number of the CPU.
    pub id: u32,
    /// Whether it is in use.
    pub online: bool,
    /// CPUID vendor: `GenuineIntel`, `AuthenticAMD`.
    pub vendor: Option<Text>,
    /// CPUID model name.
    pub model: Option<Text>,
    /// Megahertz, as the kernel measured it at boot.
    pub mhz: Option<f64>,
    /// Last-level cache in KiB.
    pub cache_kib: Option<u64>,
    /// Time spent since boot, as `/proc/stat` counts it.
    pub times: CpuTimes,
}

/// Time a CPU has spent, by kind, in nanoseconds. `user` includes `guest`, `nice` includes `guest_nice`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct CpuTimes {
    /// In user mode.
    pub user_ns: Option<u64>,
    /// In user mode at low priority.
    pub nice_ns: Option<u64>,
    /// In the kernel.
    pub system_ns: Option<u64>,
    /// Idle.
    pub idle_ns: Option<u64>,
    /// Idle while a task waited for input or output.
    pub iowait_ns: Option<u64>,
    /// In interrupts.
    pub irq_ns: Option<u64>,
    /// In software interrupts.
    pub softirq_ns: Option<u64>,
    /// Wanted but taken by the hypervisor.
    pub steal_ns: Option<u64>,
    /// Running guests of its own.
    pub guest_ns: Option<u64>,
    /// Running guests of its own at low priority.
    pub guest_nice_ns: Option<u64>,
}
