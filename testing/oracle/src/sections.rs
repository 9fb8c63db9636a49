//! The sections that are compared, the function that compares each, and the least number of facts in each.

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::View;
use crate::{
    connections, cpus, files, interfaces, log, mappings, memory, modules, mounts, neighbours, os,
    processes, routes,
};

/// The sections and fields that a frame must have, but for `host`, which no guest tells. What is not in this list and
/// not in the frame is printed, and does not count.
pub const REQUIRED: &[(&str, &str)] = &[
    ("consistency", "complete problems"),
    (
        "os",
        "sysname nodename release version machine build_id command_line boot_time_ns uptime_ns load \
         panicked",
    ),
    (
        "cpus",
        "online vendor model mhz cache_kib user_ns nice_ns system_ns idle_ns \
         iowait_ns irq_ns softirq_ns steal_ns guest_ns \
         guest_nice_ns",
    ),
    (
        "memory",
        "total free available buffers cached swap_cached active inactive swap_total swap_free dirty \
         writeback anonymous mapped shared slab slab_reclaimable slab_unreclaimable kernel_stack \
         page_tables",
    ),
    (
        "processes",
        "ppid name state command_line exe cwd root uid euid gid egid threads nice start_time_ns \
         user_ns system_ns virtual_bytes rss_bytes shared_bytes open_files cgroup pid_namespace \
         net_namespace mnt_namespace uts_namespace ipc_namespace user_namespace \
         cgroup_namespace time_namespace kernel_thread pid_in_namespace oom_score_adj",
    ),
    ("files", "kind path flags position inode"),
    ("mappings", "end permissions offset path resident_bytes"),
    ("modules", "size references used_by state address taints"),
    (
        "interfaces",
        "name mac mtu up ipv4 ipv6 rx_bytes rx_packets rx_errors rx_dropped tx_bytes tx_packets \
         tx_errors tx_dropped",
    ),
    (
        "connections",
        "protocol state local_address local_port remote_address remote_port inode uid pid fd path",
    ),
    ("mounts", "source target filesystem options"),
    ("log", "time_ns level text"),
    (
        "routes",
        "family table kind destination source tos metric protocol scope preferred_source mtu nexthop_id \
         nexthops nexthop gateway interface interface_index weight flags",
    ),
    ("neighbours", "family address interface interface_index mac state protocol flags"),
];

/// Compares one section.
pub type Compare = fn(&mut Tally, &View, &Value);

/// Each section that the guest itself tells, and the function that compares it.
pub const SECTIONS: [(&str, Compare); 14] = [
    ("consistency", consistency),
    ("os", os::compare),
    ("cpus", cpus::compare),
    ("memory", memory::compare),
    ("processes", processes::compare),
    ("files", files::compare),
    ("mappings", mappings::compare),
    ("modules", modules::compare),
    ("interfaces", interfaces::compare),
    ("connections", connections::compare),
    ("mounts", mounts::compare),
    ("log", log::compare),
    ("routes", routes::compare),
    ("neighbours", neighbours::compare),
];

fn consistency(tally: &mut Tally, _: &View, frame: &Value) {
    let Some(consistency) = tally.section(frame, "consistency") else { return };
    tally.field("consistency", "-", consistency, "complete", Expected::is(true));
    tally.field("consistency", "-", consistency, "problems", Expected::is(Vec::<Value>::new()));
}

/// Compares every section of one frame that the guest tells.
pub fn compare_all(tally: &mut Tally, view: &View, frame: &Value) {
    for (_, compare) in SECTIONS {
        compare(tally, view, frame);
    }
}
