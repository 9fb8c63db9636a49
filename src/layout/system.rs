//! Structures of the kernel itself: name, clocks, CPUs, RAM, modules.

use crate::kernel::Types;

super::field::structures! {
    /// `struct uts_namespace` (include/linux/uts_namespace.h).
    Uts = "uts_namespace" {
        sysname: "name.sysname",
        nodename: "name.nodename",
        release: "name.release",
        version: "name.version",
        machine: "name.machine",
        inum: "ns.inum",
    }

    /// `struct timekeeper` (include/linux/timekeeper_internal.h).
    Timekeeper = "timekeeper" {
        /// Monotonic nanoseconds at the last update.
        mono_base: "tkr_mono.base",
        /// Nanoseconds above the base, shifted.
        mono_nsec: "tkr_mono.xtime_nsec",
        mono_shift: "tkr_mono.shift",
        /// Wall clock minus monotonic clock.
        offs_real: "offs_real",
        /// Time asleep: boot clock minus monotonic clock.
        offs_boot: "offs_boot",
        /// Whole seconds of the wall clock.
        xtime_sec: "xtime_sec",
    }

    /// `struct tk_data` (kernel/time/timekeeping.c): named since 79a57bf5de5e (6.13), anonymous before.
    TimekeeperData = "tk_data" {
        timekeeper: "timekeeper",
    }

    /// The sequence count before the timekeeper where `tk_data` has no name: `seqcount_raw_spinlock_t`
    /// (include/linux/seqlock_types.h), which PREEMPT_RT and lock debugging lengthen; before 5.9 `seqcount_t`.
    SequenceCount = "seqcount_raw_spinlock" | "seqcount" {
        sequence: "seqcount.sequence" | "sequence",
    }

    /// `struct cpumask` (include/linux/cpumask_types.h).
    Cpumask = "cpumask" {
        bits: "bits",
    }

    /// `struct e820_table` (arch/x86/include/asm/e820/types.h).
    E820Table = "e820_table" {
        nr_entries: "nr_entries",
        entries: "entries",
    }

    /// `struct e820_entry`.
    E820Entry = "e820_entry" {
        addr: "addr",
        size_bytes: "size",
        kind: "type",
    }

    /// `struct cpuinfo_x86` (arch/x86/include/asm/processor.h).
    CpuInfo = "cpuinfo_x86" {
        vendor: "x86_vendor_id",
        model: "x86_model_id",
        /// KiB.
        cache_size: "x86_cache_size",
    }

    /// `struct kernel_cpustat` (include/linux/kernel_stat.h): nanoseconds by `enum cpu_usage_stat`.
    KernelCpustat = "kernel_cpustat" {
        cpustat: "cpustat",
    }

    /// `struct tick_sched` (kernel/time/tick-sched.h).
    TickSched = "tick_sched" {
        idle_sleeptime: "idle_sleeptime",
        iowait_sleeptime: "iowait_sleeptime",
        idle_entrytime: "idle_entrytime",
        idle_active: "idle_active",
        /// Holds what was `idle_active` since 3ce74f1a8566 (6.9).
        flags: "flags",
    }

    /// `struct rb_node` (include/linux/rbtree_types.h).
    RbNode = "rb_node" {
        left: "rb_left",
        right: "rb_right",
    }

    /// `struct xa_node` (include/linux/xarray.h).
    XaNode = "xa_node" {
        shift: "shift",
        slots: "slots",
        array: "array",
    }

    /// `struct xarray` (include/linux/xarray.h).
    Xarray = "xarray" {
        head: "xa_head",
    }

    /// `struct module` (include/linux/module.h).
    Module = "module" {
        list: "list",
        name: "name",
        state: "state",
        refcnt: "refcnt.counter",
        /// Modules that use this one.
        source_list: "source_list",
        taints: "taints",
        /// Memory by kind since ac3b43283923 (6.4).
        mem: "mem",
        /// One core and one init layout until 6.3.
        core_base: "core_layout.base",
        core_size: "core_layout.size",
        init_size: "init_layout.size",
    }

    /// `struct btf_module` (kernel/bpf/btf.c; 36e68442d1af, 5.11): the BTF of one module. The section in
    /// the module itself is freed once it is loaded.
    BtfModule = "btf_module" {
        list: "list",
        module: "module",
        btf: "btf",
    }

    /// `struct btf` (kernel/bpf/btf.c): the kernel's copy of one BTF blob.
    Btf = "btf" {
        data: "data",
        data_size: "data_size",
    }

    /// `struct module_memory` (since 6.4).
    ModuleMemory = "module_memory" {
        base: "base",
        bytes: "size",
    }

    /// `struct module_use`.
    ModuleUse = "module_use" {
        source_list: "source_list",
        source: "source",
    }
}

/// The layout of the sections `os`, `cpus` and `modules`.
#[derive(Clone, Debug)]
pub(crate) struct SystemLayout {
    /// `struct uts_namespace`.
    pub uts: Uts,
    /// `struct timekeeper`.
    pub timekeeper: Timekeeper,
    /// `struct tk_data`.
    pub timekeeper_data: TimekeeperData,
    /// `seqcount_raw_spinlock_t`.
    pub sequence_count: SequenceCount,
    /// `struct cpumask`.
    pub cpumask: Cpumask,
    /// `struct e820_table`.
    pub e820_table: E820Table,
    /// `struct e820_entry`.
    pub e820_entry: E820Entry,
    /// `struct cpuinfo_x86`.
    pub cpu_info: CpuInfo,
    /// `struct kernel_cpustat`.
    pub cpustat: KernelCpustat,
    /// Index of each time in `cpustat`, as `enum cpu_usage_stat` orders them.
    pub cpu_usage: CpuUsage,
    /// `struct tick_sched`.
    pub tick_sched: TickSched,
    /// `struct rb_node`.
    pub rb_node: RbNode,
    /// `struct xa_node`.
    pub xa_node: XaNode,
    /// `struct xarray`.
    pub xarray: Xarray,
    /// `struct module`.
    pub module: Module,
    /// `struct btf_module`.
    pub btf_module: BtfModule,
    /// `struct btf`.
    pub btf: Btf,
    /// `struct module_memory`.
    pub module_memory: ModuleMemory,
    /// `struct module_use`.
    pub module_use: ModuleUse,
    /// `enum mod_mem_type`'s `MOD_TEXT`.
    pub module_text: Option<i64>,
}

/// Values of `enum cpu_usage_stat` (include/linux/kernel_stat.h).
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuUsage {
    pub user: Option<i64>,
    pub nice: Option<i64>,
    pub system: Option<i64>,
    pub softirq: Option<i64>,
    pub irq: Option<i64>,
    pub idle: Option<i64>,
    pub iowait: Option<i64>,
    pub steal: Option<i64>,
    pub guest: Option<i64>,
    pub guest_nice: Option<i64>,
}

impl CpuUsage {
    fn compile(types: &dyn Types) -> Self {
        let of = |name| types.enumerator("cpu_usage_stat", name);
        Self {
            user: of("CPUTIME_USER"),
            nice: of("CPUTIME_NICE"),
            system: of("CPUTIME_SYSTEM"),
            softirq: of("CPUTIME_SOFTIRQ"),
            irq: of("CPUTIME_IRQ"),
            idle: of("CPUTIME_IDLE"),
            iowait: of("CPUTIME_IOWAIT"),
            steal: of("CPUTIME_STEAL"),
            guest: of("CPUTIME_GUEST"),
            guest_nice: of("CPUTIME_GUEST_NICE"),
        }
    }
}

impl SystemLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            uts: Uts::compile(types),
            timekeeper: Timekeeper::compile(types),
            timekeeper_data: TimekeeperData::compile(types),
            sequence_count: SequenceCount::compile(types),
            cpumask: Cpumask::compile(types),
            e820_table: E820Table::compile(types),
            e820_entry: E820Entry::compile(types),
            cpu_info: CpuInfo::compile(types),
            cpustat: KernelCpustat::compile(types),
            cpu_usage: CpuUsage::compile(types),
            tick_sched: TickSched::compile(types),
            rb_node: RbNode::compile(types),
            xa_node: XaNode::compile(types),
            xarray: Xarray::compile(types),
            module: Module::compile(types),
            btf_module: BtfModule::compile(types),
            btf: Btf::compile(types),
            module_memory: ModuleMemory::compile(types),
            module_use: ModuleUse::compile(types),
            module_text: types.enumerator("mod_mem_type", "MOD_TEXT"),
        }
    }
}
