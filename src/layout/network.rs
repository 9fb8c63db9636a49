//! Structures of network namespaces, devices and addresses.

use crate::kernel::Types;

super::field::structures! {
    /// `struct net` (include/net/net_namespace.h).
    Net = "net" {
        list: "list",
        dev_base_head: "dev_base_head",
        inum: "ns.inum",
    }

    /// `struct net_device` (include/linux/netdevice.h).
    NetDevice = "net_device" {
        dev_list: "dev_list",
        name: "name",
        ifindex: "ifindex",
        flags: "flags",
        mtu: "mtu",
        /// The kind of hardware, `ARPHRD_`.
        hardware: "type",
        addr_len: "addr_len",
        dev_addr: "dev_addr",
        stats: "stats",
        /// Per-CPU counters of drops (625788b58445, 5.18) ...
        core_stats: "core_stats",
        /// ... and plain ones before.
        rx_dropped: "rx_dropped.counter",
        tx_dropped: "tx_dropped.counter",
        /// The kind of per-CPU counters that the device has (34d21de99cea, 6.7).
        pcpu_stat_type: "pcpu_stat_type",
        /// Per-CPU counters of loopback, dummy and veth.
        lstats: "lstats",
        /// Per-CPU counters of tunnels; one union with the others of the kind.
        tstats: "tstats",
        rtnl_link_ops: "rtnl_link_ops",
        netdev_ops: "netdev_ops",
        parent: "dev.parent",
        num_rx_queues: "real_num_rx_queues",
        num_tx_queues: "num_tx_queues",
        /// The devices under it.
        lower: "adj_list.lower",
        /// The driver's own part, named since 13cabc47f8ae (6.12); before it lies just behind.
        private: "priv",
        ip_ptr: "ip_ptr",
        ip6_ptr: "ip6_ptr",
    }

    /// `struct net_device_ops`.
    NetDeviceOps = "net_device_ops" {
        ndo_get_stats64: "ndo_get_stats64",
        ndo_get_stats: "ndo_get_stats",
    }

    /// `struct netdev_adjacent` (net/core/dev.h): one device over another.
    NetDeviceAdjacent = "netdev_adjacent" {
        list: "list",
        /// The upper device's data about the lower one.
        private: "private",
    }

    /// `struct rtnl_link_stats64` (include/uapi/linux/if_link.h).
    LinkStats = "rtnl_link_stats64" {
        rx_packets: "rx_packets",
        tx_packets: "tx_packets",
        rx_bytes: "rx_bytes",
        tx_bytes: "tx_bytes",
        rx_errors: "rx_errors",
        tx_errors: "tx_errors",
        rx_dropped: "rx_dropped",
        tx_dropped: "tx_dropped",
        rx_missed: "rx_missed_errors",
    }

    /// `struct net_device_stats`: the counters of a device that keeps no others.
    NetDeviceStats = "net_device_stats" {
        rx_packets: "rx_packets",
        tx_packets: "tx_packets",
        rx_bytes: "rx_bytes",
        tx_bytes: "tx_bytes",
        rx_errors: "rx_errors",
        tx_errors: "tx_errors",
        rx_dropped: "rx_dropped",
        tx_dropped: "tx_dropped",
        rx_missed: "rx_missed_errors",
    }

    /// `struct net_device_core_stats`.
    CoreStats = "net_device_core_stats" {
        rx_dropped: "rx_dropped",
        tx_dropped: "tx_dropped",
    }

    /// `struct pcpu_lstats`: loopback, dummy and veth; no receive counters of their own.
    LoopbackStats = "pcpu_lstats" {
        packets: "packets",
        bytes: "bytes",
    }

    /// `struct pcpu_sw_netstats`: tunnels, bridges, tun.
    TunnelStats = "pcpu_sw_netstats" {
        rx_packets: "rx_packets",
        rx_bytes: "rx_bytes",
        tx_packets: "tx_packets",
        tx_bytes: "tx_bytes",
    }

    /// `struct pcpu_dstats`: dummy, vrf and, since 6.7, others.
    DeviceStats = "pcpu_dstats" {
        rx_packets: "rx_packets",
        rx_bytes: "rx_bytes",
        rx_drops: "rx_drops" | "rx_drps",
        tx_packets: "tx_packets",
        tx_bytes: "tx_bytes",
        tx_drops: "tx_drops" | "tx_drps",
    }

    /// `struct rtnl_link_ops` (include/net/rtnetlink.h).
    LinkOps = "rtnl_link_ops" {
        /// The kind's name: "dummy", "veth", "bridge" ...
        kind: "kind",
    }

    /// `struct device`.
    Device = "device" {
        driver: "driver",
    }

    /// `struct device_driver`.
    DeviceDriver = "device_driver" {
        name: "name",
    }

    /// `struct in_device` (include/linux/inetdevice.h).
    InDevice = "in_device" {
        ifa_list: "ifa_list",
    }

    /// `struct in_ifaddr`.
    InIfaddr = "in_ifaddr" {
        ifa_next: "ifa_next",
        ifa_local: "ifa_local",
        ifa_prefixlen: "ifa_prefixlen",
    }

    /// `struct inet6_dev` (include/net/if_inet6.h).
    Inet6Dev = "inet6_dev" {
        addr_list: "addr_list",
    }

    /// `struct inet6_ifaddr`.
    Inet6Ifaddr = "inet6_ifaddr" {
        if_list: "if_list",
        addr: "addr",
        prefix_len: "prefix_len",
    }
}

/// The layout of the section `interfaces`.
#[derive(Clone, Debug)]
pub(crate) struct NetworkLayout {
    pub net: Net,
    pub device: NetDevice,
    pub device_ops: NetDeviceOps,
    pub adjacent: NetDeviceAdjacent,
    pub stats: NetDeviceStats,
    pub link_stats: LinkStats,
    pub core_stats: CoreStats,
    pub loopback_stats: LoopbackStats,
    pub tunnel_stats: TunnelStats,
    pub device_stats: DeviceStats,
    pub link_ops: LinkOps,
    pub generic_device: Device,
    pub driver: DeviceDriver,
    pub in_device: InDevice,
    pub in_ifaddr: InIfaddr,
    pub inet6_dev: Inet6Dev,
    pub inet6_ifaddr: Inet6Ifaddr,
}

impl NetworkLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            net: Net::compile(types),
            device: NetDevice::compile(types),
            device_ops: NetDeviceOps::compile(types),
            adjacent: NetDeviceAdjacent::compile(types),
            stats: NetDeviceStats::compile(types),
            link_stats: LinkStats::compile(types),
            core_stats: CoreStats::compile(types),
            loopback_stats: LoopbackStats::compile(types),
            tunnel_stats: TunnelStats::compile(types),
            device_stats: DeviceStats::compile(types),
            link_ops: LinkOps::compile(types),
            generic_device: Device::compile(types),
            driver: DeviceDriver::compile(types),
            in_device: InDevice::compile(types),
            in_ifaddr: InIfaddr::compile(types),
            inet6_dev: Inet6Dev::compile(types),
            inet6_ifaddr: Inet6Ifaddr::compile(types),
        }
    }
}
