//! The section `cpus`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One CPU of the guest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, Row)]
pub struct Cpu {
    /// The kernel's number of the CPU.
    #[column(label)]
    pub id: u32,
    /// True if it is in use.
    pub online: bool,
    /// CPUID vendor: `GenuineIntel`, `AuthenticAMD`.
    pub vendor: Option<Text>,
    /// CPUID model name.
    pub model: Option<Text>,
    /// Megahertz, as the kernel measured it at boot.
    #[column(megahertz)]
    pub mhz: Option<f64>,
    /// Last-level cache in KiB.
    #[column(kibibytes)]
    pub cache_kib: Option<u64>,
    /// Time in user mode since boot, as `/proc/stat` counts it, `guest_ns` included.
    #[column(counter)]
    pub user_ns: Option<u64>,
    /// Time in user mode at low priority, `guest_nice_ns` included.
    #[column(counter)]
    pub nice_ns: Option<u64>,
    /// Time in the kernel.
    #[column(counter)]
    pub system_ns: Option<u64>,
    /// Time idle.
    #[column(counter)]
    pub idle_ns: Option<u64>,
    /// Time idle while a task waited for input or output.
    #[column(counter)]
    pub iowait_ns: Option<u64>,
    /// Time in interrupts.
    #[column(counter)]
    pub irq_ns: Option<u64>,
    /// Time in software interrupts.
    #[column(counter)]
    pub softirq_ns: Option<u64>,
    /// Time that it wanted to run and the hypervisor gave to others.
    #[column(counter)]
    pub steal_ns: Option<u64>,
    /// Time running guests of its own.
    #[column(counter)]
    pub guest_ns: Option<u64>,
    /// Time running guests of its own at low priority.
    #[column(counter)]
    pub guest_nice_ns: Option<u64>,
}
