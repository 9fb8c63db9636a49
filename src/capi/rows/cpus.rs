//! The rows of the section `cpus`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::Cpu;

/// Bit of nfm_cpu_t.known: vendor.
pub const NFM_CPU_VENDOR: u64 = 1u64 << 0;
/// Bit of nfm_cpu_t.known: model.
pub const NFM_CPU_MODEL: u64 = 1u64 << 1;
/// Bit of nfm_cpu_t.known: mhz.
pub const NFM_CPU_MHZ: u64 = 1u64 << 2;
/// Bit of nfm_cpu_t.known: cache_kib.
pub const NFM_CPU_CACHE_KIB: u64 = 1u64 << 3;
/// Bit of nfm_cpu_t.known: user_ns.
pub const NFM_CPU_USER_NS: u64 = 1u64 << 4;
/// Bit of nfm_cpu_t.known: nice_ns.
pub const NFM_CPU_NICE_NS: u64 = 1u64 << 5;
/// Bit of nfm_cpu_t.known: system_ns.
pub const NFM_CPU_SYSTEM_NS: u64 = 1u64 << 6;
/// Bit of nfm_cpu_t.known: idle_ns.
pub const NFM_CPU_IDLE_NS: u64 = 1u64 << 7;
/// Bit of nfm_cpu_t.known: iowait_ns.
pub const NFM_CPU_IOWAIT_NS: u64 = 1u64 << 8;
/// Bit of nfm_cpu_t.known: irq_ns.
pub const NFM_CPU_IRQ_NS: u64 = 1u64 << 9;
/// Bit of nfm_cpu_t.known: softirq_ns.
pub const NFM_CPU_SOFTIRQ_NS: u64 = 1u64 << 10;
/// Bit of nfm_cpu_t.known: steal_ns.
pub const NFM_CPU_STEAL_NS: u64 = 1u64 << 11;
/// Bit of nfm_cpu_t.known: guest_ns.
pub const NFM_CPU_GUEST_NS: u64 = 1u64 << 12;
/// Bit of nfm_cpu_t.known: guest_nice_ns.
pub const NFM_CPU_GUEST_NICE_NS: u64 = 1u64 << 13;

/// One CPU of the guest. Its times count since boot, as /proc/stat does.
#[repr(C)]
#[derive(CRow)]
#[row(Cpu)]
pub struct nfm_cpu_t {
    /// Which members are known, NFM_CPU_... combined; id and online always are.
    pub known: u64,
    /// CPUID vendor: "GenuineIntel", "AuthenticAMD"; NULL if not known.
    pub vendor: *const c_char,
    /// CPUID model name; NULL if not known.
    pub model: *const c_char,
    /// Megahertz, as the kernel measured it at boot.
    pub mhz: f64,
    /// Last-level cache in KiB.
    pub cache_kib: u64,
    /// In user mode, that of guests of its own included, nanoseconds.
    pub user_ns: u64,
    /// In user mode at low priority, nanoseconds.
    pub nice_ns: u64,
    /// In the kernel, nanoseconds.
    pub system_ns: u64,
    /// Idle, nanoseconds.
    pub idle_ns: u64,
    /// Idle while a task waited for input or output, nanoseconds.
    pub iowait_ns: u64,
    /// In interrupts, nanoseconds.
    pub irq_ns: u64,
    /// In software interrupts, nanoseconds.
    pub softirq_ns: u64,
    /// Wanted but taken by the hypervisor, nanoseconds.
    pub steal_ns: u64,
    /// Running guests of its own, nanoseconds.
    pub guest_ns: u64,
    /// Running guests of its own at low priority, nanoseconds.
    pub guest_nice_ns: u64,
    /// The kernel's number of the CPU.
    #[row(always)]
    pub id: u32,
    /// 1 if it is in use, else 0.
    #[row(always)]
    pub online: u32,
}

/// The CPUs of a frame, by id.
///
/// Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
/// the next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
/// not hold the section or an argument is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_cpus(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_cpu_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.cpus.as_deref())) }
}
symver!("NFM_0.1", nfm_frame_cpus);
