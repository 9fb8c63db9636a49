//! node_exporter's names: one table, from a frame's columns to the series under which its dashboards look for them.
//!
//! Names and labels are those of node_exporter 1.x (`collector/cpu_linux.go`, `meminfo_linux.go`, `loadavg.go`,
//! `netdev_common.go`, `netclass_linux.go`, `stat_linux.go`).

use nfm_frame::Section;

/// The name that node_exporter has for a column.
pub(crate) struct NodeName {
    pub section: Section,
    pub column: &'static str,
    /// The place of the number in a column of several.
    pub place: usize,
    /// Its name, of a counter without `_total`.
    pub name: &'static str,
    /// The labels that tell columns of one name apart.
    pub labels: &'static str,
}

const fn name(section: Section, column: &'static str, name: &'static str) -> NodeName {
    NodeName { section, column, place: 0, name, labels: "" }
}

const fn cpu(column: &'static str, labels: &'static str) -> NodeName {
    NodeName { labels, ..name(Section::Cpus, column, "node_cpu_seconds") }
}

const fn guest(column: &'static str, labels: &'static str) -> NodeName {
    NodeName { labels, ..name(Section::Cpus, column, "node_cpu_guest_seconds") }
}

const fn load(place: usize, of: &'static str) -> NodeName {
    NodeName { place, ..name(Section::Os, "load", of) }
}

const fn memory(column: &'static str, of: &'static str) -> NodeName {
    name(Section::Memory, column, of)
}

const fn network(column: &'static str, of: &'static str) -> NodeName {
    name(Section::Interfaces, column, of)
}

pub(crate) const NODE_NAMES: &[NodeName] = &[
    name(Section::Os, "boot_time_ns", "node_boot_time_seconds"),
    load(0, "node_load1"),
    load(1, "node_load5"),
    load(2, "node_load15"),
    cpu("user_ns", "mode=\"user\""),
    cpu("nice_ns", "mode=\"nice\""),
    cpu("system_ns", "mode=\"system\""),
    cpu("idle_ns", "mode=\"idle\""),
    cpu("iowait_ns", "mode=\"iowait\""),
    cpu("irq_ns", "mode=\"irq\""),
    cpu("softirq_ns", "mode=\"softirq\""),
    cpu("steal_ns", "mode=\"steal\""),
    guest("guest_ns", "mode=\"user\""),
    guest("guest_nice_ns", "mode=\"nice\""),
    name(Section::Cpus, "online", "node_cpu_online"),
    memory("total", "node_memory_MemTotal_bytes"),
    memory("free", "node_memory_MemFree_bytes"),
    memory("available", "node_memory_MemAvailable_bytes"),
    memory("buffers", "node_memory_Buffers_bytes"),
    memory("cached", "node_memory_Cached_bytes"),
    memory("swap_cached", "node_memory_SwapCached_bytes"),
    memory("active", "node_memory_Active_bytes"),
    memory("inactive", "node_memory_Inactive_bytes"),
    memory("swap_total", "node_memory_SwapTotal_bytes"),
    memory("swap_free", "node_memory_SwapFree_bytes"),
    memory("dirty", "node_memory_Dirty_bytes"),
    memory("writeback", "node_memory_Writeback_bytes"),
    memory("anonymous", "node_memory_AnonPages_bytes"),
    memory("mapped", "node_memory_Mapped_bytes"),
    memory("shared", "node_memory_Shmem_bytes"),
    memory("slab", "node_memory_Slab_bytes"),
    memory("slab_reclaimable", "node_memory_SReclaimable_bytes"),
    memory("slab_unreclaimable", "node_memory_SUnreclaim_bytes"),
    memory("kernel_stack", "node_memory_KernelStack_bytes"),
    memory("page_tables", "node_memory_PageTables_bytes"),
    network("mtu", "node_network_mtu_bytes"),
    network("rx_bytes", "node_network_receive_bytes"),
    network("rx_packets", "node_network_receive_packets"),
    network("rx_errors", "node_network_receive_errs"),
    network("rx_dropped", "node_network_receive_drop"),
    network("tx_bytes", "node_network_transmit_bytes"),
    network("tx_packets", "node_network_transmit_packets"),
    network("tx_errors", "node_network_transmit_errs"),
    network("tx_dropped", "node_network_transmit_drop"),
];

/// The label that node_exporter has for the column that tells a section's rows apart.
pub(crate) fn node_key(section: Section) -> Option<(&'static str, &'static str)> {
    match section {
        Section::Cpus => Some(("id", "cpu")),
        Section::Interfaces => Some(("name", "device")),
        _ => None,
    }
}
