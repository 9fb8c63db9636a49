//! The offsets and addresses that crawling needs, compiled once when a domain is opened.
//!
//! Never by the kernel's version: a member or a symbol is asked for by name, newest name first, and
//! what a kernel lacks costs that field, not the frame.

mod drivers;
mod field;
mod files;
mod integrity;
mod log;
mod memory;
mod neighbours;
mod network;
mod page_cache;
mod process;
mod routes;
mod sockets;
mod system;

pub(crate) use drivers::*;
pub(crate) use field::{Field, Symbol};
pub(crate) use files::*;
pub(crate) use integrity::*;
pub(crate) use log::*;
pub(crate) use memory::*;
pub(crate) use neighbours::*;
pub(crate) use network::*;
pub(crate) use page_cache::*;
pub(crate) use process::*;
pub(crate) use routes::*;
pub(crate) use sockets::*;
pub(crate) use system::*;

use std::cell::RefCell;

use crate::kernel::Types;

/// Everything that crawling knows of one kernel.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Kernel variables.
    pub symbols: Symbols,
    /// Tasks, credentials, memory descriptors.
    pub process: ProcessLayout,
    /// Open files, paths, mounts.
    pub files: FileLayout,
    /// Address spaces and memory as a whole.
    pub memory: MemoryLayout,
    /// The kernel's log.
    pub log: LogLayout,
    /// Sockets and their tables.
    pub sockets: SocketLayout,
    /// The kernel itself: name, clocks, CPUs, modules.
    pub system: SystemLayout,
    /// Network devices and addresses.
    pub network: NetworkLayout,
    /// Routing tables.
    pub routes: RouteLayout,
    /// Tables of neighbours.
    pub neighbours: NeighbourLayout,
    /// Inodes and the page cache.
    pub page_cache: PageCacheLayout,
    /// Structures in which facts are kept twice, and those that lead to code.
    pub integrity: IntegrityLayout,
    /// Network drivers; those that are modules are compiled when the first device of one is met.
    pub drivers: RefCell<Drivers>,
}

impl Layout {
    /// The names of all types that are asked for.
    pub fn type_names() -> Vec<&'static str> {
        [
            process::STRUCTURES,
            files::STRUCTURES,
            memory::STRUCTURES,
            log::STRUCTURES,
            sockets::STRUCTURES,
            system::STRUCTURES,
            network::STRUCTURES,
            routes::STRUCTURES,
            neighbours::STRUCTURES,
            page_cache::STRUCTURES,
            integrity::STRUCTURES,
            drivers::STRUCTURES,
        ]
        .into_iter()
        .flatten()
        .flat_map(|names| names.iter().copied())
        .chain(drivers::EMBEDDED.iter().copied())
        .chain(drivers::ENUMERATIONS.iter().copied())
        .chain(ENUMERATIONS.iter().copied())
        .collect()
    }

    /// The names of the types that modules bring along.
    pub fn driver_type_names() -> Vec<&'static str> {
        let structures = drivers::STRUCTURES.iter().flat_map(|names| names.iter().copied());
        structures.chain(drivers::ENUMERATIONS.iter().copied()).collect()
    }

    /// Compiles types and symbols.
    pub fn compile(types: &dyn Types, find_symbol: impl Fn(&str) -> Option<u64>) -> Self {
        Self {
            symbols: Symbols::compile(find_symbol),
            process: ProcessLayout::compile(types),
            files: FileLayout::compile(types),
            memory: MemoryLayout::compile(types),
            log: LogLayout::compile(types),
            sockets: SocketLayout::compile(types),
            system: SystemLayout::compile(types),
            network: NetworkLayout::compile(types),
            routes: RouteLayout::compile(types),
            neighbours: NeighbourLayout::compile(types),
            page_cache: PageCacheLayout::compile(types),
            integrity: IntegrityLayout::compile(types),
            drivers: RefCell::new(Drivers::compile(types)),
        }
    }
}

field::symbols! {
    /// Usable pages.
    _totalram_pages,
    /// Head of the list of block devices, until 5.10.
    all_bdevs,
    /// The super block of block devices (a pointer).
    blockdev_superblock,
    /// The counters of a device that has those of tunnels.
    dev_get_tstats64,
    /// The same of tunnels, until 5.10.
    ip_tunnel_get_stats64,
    /// The only node of a kernel without NUMA.
    contig_page_data,
    /// The area of legacy system calls.
    gate_vma,
    /// The operations of that area.
    gate_vma_ops,
    /// The frame number of the large page of zeros; all bits are set where there is none.
    huge_zero_pfn,
    /// The map of users of a mount that maps none, since Linux 6.2.
    nop_mnt_idmap,
    /// Tables of neighbours, by `NEIGH_ARP_TABLE` and `NEIGH_ND_TABLE` (pointers).
    neigh_tables,
    /// Pages of free swap.
    nr_swap_pages,
    /// Swap devices that there were so far at once.
    nr_swapfiles,
    /// How many address spaces each swap device has, until 5.11.
    nr_swapper_spaces,
    /// `struct pglist_data` of each NUMA node (pointers).
    node_data,
    /// Sets of NUMA nodes by `enum node_states`.
    node_states,
    /// Ping sockets of all namespaces.
    ping_table,
    /// The log's ring buffer (a pointer).
    prb,
    /// The mount of all sockets (a pointer).
    sock_mnt,
    /// Raw sockets over IPv4.
    raw_v4_hashinfo,
    /// Raw sockets over IPv6.
    raw_v6_hashinfo,
    /// TCP sockets of all namespaces.
    tcp_hashinfo,
    /// UDP sockets of all namespaces.
    udp_table,
    /// UDP-Lite sockets of all namespaces, until 7.0 (d6e0f04bf22d, 7.1).
    udplite_table,
    /// Unix sockets of all namespaces, until 5.19.
    unix_socket_table,
    /// The operations of areas like [vdso].
    special_mapping_vmops,
    /// The address spaces of each swap device (pointers), until 5.11.
    swapper_spaces,
    /// Pages of swap.
    total_swap_pages,
    /// Pages kept back.
    totalreserve_pages,
    /// Where the `struct page` of the first page of RAM lies (a pointer).
    vmemmap_base,
    /// Counters by `enum node_stat_item`.
    vm_node_stat,
    /// Counters by `enum zone_stat_item`.
    vm_zone_stat,
    /// Not NONE where legacy system calls are mapped.
    vsyscall_mode,
    /// Bits of the CPUs that are online (`struct cpumask`).
    __cpu_online_mask,
    /// Bits of the CPUs that may ever be.
    __cpu_possible_mask,
    /// Per-CPU bases, one pointer a CPU.
    __per_cpu_offset,
    /// `struct cpuinfo_x86`, per CPU.
    cpu_info,
    /// The same of the first CPU.
    boot_cpu_data,
    /// Kilohertz of the CPUs.
    cpu_khz,
    /// `struct kernel_cpustat`, per CPU.
    kernel_cpustat,
    /// `struct tick_sched`, per CPU.
    tick_cpu_sched,
    /// Not 0 once idle CPUs stop their tick.
    tick_nohz_active,
    /// Three load averages, fixed point with 11 fractional bits.
    avenrun,
    /// The PID 0 task, head of the task list.
    init_task,
    /// The first user namespace.
    init_user_ns,
    /// The first UTS namespace.
    init_uts_ns,
    /// Release, compiler and time of the build (init/version.c).
    linux_banner,
    /// Firmware's map of RAM, as the kernel took it over and never changed it (a pointer).
    e820_table_firmware,
    /// Head of the module list.
    modules,
    /// Head of the list of network namespaces.
    net_namespace_list,
    /// The CPU that panicked, or -1.
    panic_cpu,
    /// Head of the list of modules' BTF.
    btf_modules,
    /// The kernel's command line (a pointer).
    saved_command_line,
    /// The clock, until Linux 6.16.
    tk_core,
    /// The clocks, from Linux 6.17 on (22c62b9a84b8).
    timekeeper_data,
    /// The kernel's code.
    _stext,
    _etext,
    /// Code that BPF made.
    bpf_kallsyms,
    /// The table of exception handlers until the IDT was set up; lies in memory that was freed after boot.
    early_idt_handler_array,
    /// Operations of ext4, where it is built in.
    ext4_dir_operations,
    ext4_file_operations,
    /// End of the list of ftrace's users.
    ftrace_list_end,
    /// The first of ftrace's users (a pointer).
    ftrace_ops_list,
    /// The dispatcher of 32-bit system calls, since 1e3ad78334a6 (6.9) and in stable kernels.
    ia32_sys_call,
    /// 32-bit system calls, until 1e3ad78334a6.
    ia32_sys_call_table,
    /// Interrupt gates.
    idt_table,
    /// The first task's credentials.
    init_cred,
    /// The first PID namespace.
    init_pid_ns,
    kallsyms_op,
    /// The functions that are told of keys.
    keyboard_notifier_list,
    /// Probes by address.
    kprobe_table,
    /// Modules by their memory.
    mod_tree,
    /// `/sys/module` (a pointer).
    module_kset,
    modules_op,
    packet_seq_ops,
    /// The handler of a return probe's own probe.
    pre_handler_kretprobe,
    proc_root_inode_operations,
    proc_root_operations,
    raw6_seq_ops,
    raw_seq_ops,
    /// `struct rq`, per CPU.
    runqueues,
    shmem_file_operations,
    simple_dir_operations,
    /// Operations of directories that have all names in memory, since 6faddda69f62 (6.6).
    simple_offset_dir_operations,
    /// System calls; since 1e3ad78334a6 (6.9) for tracing alone.
    sys_call_table,
    tcp4_seq_ops,
    tcp6_seq_ops,
    udp6_seq_ops,
    udp_seq_ops,
    unix_seq_ops,
    /// The dispatcher of system calls, since 1e3ad78334a6 (6.9) and in stable kernels.
    x64_sys_call,
}

/// Enumerations whose values are asked for.
const ENUMERATIONS: &[&str] = &[
    "cpu_usage_stat",
    "mapping_flags",
    "mod_mem_type",
    "node_stat_item",
    "node_states",
    "pageflags",
    "zone_stat_item",
];
