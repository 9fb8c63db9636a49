//! Structures of network drivers. They are in the modules' own BTF where the driver is a module, so
//! they are compiled when a device of the driver is met.

use super::Field;
use crate::kernel::{AskDriver, Types};

super::field::structures! {
    /// `struct virtnet_info` (drivers/net/virtio_net.c).
    VirtnetInfo = "virtnet_info" {
        dev: "dev",
        max_queue_pairs: "max_queue_pairs",
        sq: "sq",
        rq: "rq",
    }

    /// `struct send_queue` of virtio_net.
    SendQueue = "send_queue" {
        packets: "stats.packets",
        bytes: "stats.bytes",
        timeouts: "stats.tx_timeouts",
    }

    /// `struct receive_queue` of virtio_net.
    ReceiveQueue = "receive_queue" {
        packets: "stats.packets",
        bytes: "stats.bytes",
        drops: "stats.drops",
    }

    /// `struct veth_priv` (drivers/net/veth.c).
    VethPrivate = "veth_priv" {
        peer: "peer",
        dropped: "dropped.counter",
        rq: "rq",
    }

    /// `struct veth_rq`.
    VethQueue = "veth_rq" {
        dev: "dev",
        xdp_packets: "stats.vs.xdp_packets",
        xdp_bytes: "stats.vs.xdp_bytes",
        rx_drops: "stats.vs.rx_drops",
        xdp_tx_err: "stats.vs.xdp_tx_err",
        peer_errors: "stats.vs.peer_tq_xdp_xmit_err",
    }

    /// `struct vlan_dev_priv` (include/linux/if_vlan.h).
    VlanPrivate = "vlan_dev_priv" {
        stats: "vlan_pcpu_stats",
    }

    /// `struct vlan_pcpu_stats` (include/linux/if_vlan.h), of VLANs and macvlans.
    VlanStats = "vlan_pcpu_stats" {
        rx_packets: "rx_packets",
        rx_bytes: "rx_bytes",
        tx_packets: "tx_packets",
        tx_bytes: "tx_bytes",
        rx_errors: "rx_errors",
        tx_dropped: "tx_dropped",
    }

    /// `struct macvlan_dev` (include/linux/if_macvlan.h).
    MacvlanPrivate = "macvlan_dev" {
        dev: "dev",
        stats: "pcpu_stats",
    }

    /// `struct ipvl_dev` (drivers/net/ipvlan/ipvlan.h).
    IpvlanPrivate = "ipvl_dev" {
        dev: "dev",
        stats: "pcpu_stats",
    }

    /// `struct ipvl_pcpu_stats`.
    IpvlanStats = "ipvl_pcpu_stats" {
        rx_packets: "rx_pkts",
        rx_bytes: "rx_bytes",
        tx_packets: "tx_pkts",
        tx_bytes: "tx_bytes",
        rx_errors: "rx_errs",
        tx_dropped: "tx_drps",
    }

    /// `struct team` (include/linux/if_team.h).
    TeamPrivate = "team" {
        stats: "pcpu_stats",
    }

    /// `struct team_pcpu_stats`.
    TeamStats = "team_pcpu_stats" {
        rx_packets: "rx_packets",
        rx_bytes: "rx_bytes",
        tx_packets: "tx_packets",
        tx_bytes: "tx_bytes",
        rx_dropped: "rx_dropped",
        tx_dropped: "tx_dropped",
    }

    /// `struct bonding` (include/net/bonding.h).
    BondPrivate = "bonding" {
        dev: "dev",
        stats: "bond_stats",
    }

    /// `struct slave`: what a bond knows of a device under it.
    BondSlave = "slave" {
        dev: "dev",
        stats: "slave_stats",
    }

    /// `struct pcpu_dstats` as vrf had its own (drivers/net/vrf.c) until 34d21de99cea (6.7, and stable kernels).
    VrfStats = "pcpu_dstats" {
        rx_packets: "rx_packets" | "rx_pkts",
        rx_bytes: "rx_bytes",
        tx_packets: "tx_packets" | "tx_pkts",
        tx_bytes: "tx_bytes",
        tx_dropped: "tx_drops" | "tx_drps",
    }

    /// `struct ifb_dev_private` (drivers/net/ifb.c).
    IfbPrivate = "ifb_dev_private" {
        queues: "tx_private",
    }

    /// `struct ifb_q_private`. Its counters have structures of their own since 5.17.
    IfbQueue = "ifb_q_private" {
        dev: "dev",
        rx_packets: "rx_stats.packets" | "rx_packets",
        rx_bytes: "rx_stats.bytes" | "rx_bytes",
        tx_packets: "tx_stats.packets" | "tx_packets",
        tx_bytes: "tx_stats.bytes" | "tx_bytes",
    }

    /// `struct tun_struct` (drivers/net/tun.c).
    TunPrivate = "tun_struct" {
        dev: "dev",
        /// Until 5.10; later ones are among the device's.
        stats: "pcpu_stats",
    }

    /// `struct tun_pcpu_stats`, until then.
    TunStats = "tun_pcpu_stats" {
        rx_packets: "rx_packets",
        rx_bytes: "rx_bytes",
        tx_packets: "tx_packets",
        tx_bytes: "tx_bytes",
        rx_dropped: "rx_dropped",
        tx_dropped: "tx_dropped",
    }

    /// `struct e1000_adapter` of e1000e (drivers/net/ethernet/intel/e1000e/e1000.h).
    E1000ePrivate = "e1000_adapter" {
        dev: "netdev",
        /// e1000, whose structure has the same name, has none.
        own: "stats64_lock",
        rx_packets: "stats.gprc",
        rx_bytes: "stats.gorc",
        tx_packets: "stats.gptc",
        tx_bytes: "stats.gotc",
        rx_data_errors: "stats.rxerrc",
        rx_crc_errors: "stats.crcerrs",
        rx_alignment_errors: "stats.algnerrc",
        rx_undersized: "stats.ruc",
        rx_oversized: "stats.roc",
        rx_extension_errors: "stats.cexterr",
        rx_missed: "stats.mpc",
        tx_excessive_collisions: "stats.ecol",
        tx_late_collisions: "stats.latecol",
    }

    /// `struct ovl_inode` (fs/overlayfs/ovl_entry.h): a file of overlayfs, which stands for one of another file system.
    OvlInode = "ovl_inode" {
        flags: "flags",
        inode: "vfs_inode",
        /// The dentry of the file in the upper layer, if it is there.
        upper: "__upperdentry",
        /// In the layers below: since 6.5 in a structure of its own ...
        entry: "oe",
        /// ... before, since 5.19, as a path ...
        lower_dentry: "lowerpath.dentry",
        /// ... and as an inode before.
        lower_inode: "lower",
        /// Where a lower layer has the content and not the status, until 6.4.
        lower_data: "lowerdata",
    }

    /// `struct ovl_entry`: the layers below, the topmost first. Of an inode, and of a dentry before 0af950f57fef (6.5).
    OvlEntry = "ovl_entry" {
        count: "__numlower" | "numlower",
        stack: "__lowerstack" | "lowerstack",
    }

    /// `struct ovl_path`.
    OvlPath = "ovl_path" {
        dentry: "dentry",
    }

    /// `struct xfs_inode` (fs/xfs/xfs_inode.h): a file of xfs.
    XfsInode = "xfs_inode" {
        inode: "i_vnode",
        /// Bytes, also those of a directory. Within a structure until 13d2c10b05d8 (5.13).
        disk_size: "i_disk_size" | "i_d.di_size",
        /// 0 where there is no room for extended attributes. Within a structure until 7821ea302dca (5.13).
        fork_offset: "i_forkoff" | "i_d.di_forkoff",
        /// The extended attributes: here since 2ed5b09b3e8f (6.0) ...
        attributes: "i_af",
        /// ... and a pointer before.
        attributes_pointer: "i_afp",
    }

    /// `struct xfs_ifork` (fs/xfs/libxfs/xfs_inode_fork.h).
    XfsFork = "xfs_ifork" {
        format: "if_format",
        bytes: "if_bytes",
        data: "if_data" | "if_u1.if_data",
        extents: "if_nextents",
    }

    /// `struct rtl8139_private` (drivers/net/ethernet/realtek/8139too.c).
    Rtl8139Private = "rtl8139_private" {
        dev: "dev",
        rx_packets: "rx_stats.packets",
        rx_bytes: "rx_stats.bytes",
        tx_packets: "tx_stats.packets",
        tx_bytes: "tx_stats.bytes",
    }
}

/// Structures that drivers embed: where no BTF tells a driver's own, their sizes do.
pub(super) const EMBEDDED: &[&str] = &[
    "napi_struct",
    "scatterlist",
    "sk_buff_head",
    "skb_shared_info",
    "spinlock",
    "tasklet_struct",
    "timer_list",
];
/// `SMP_CACHE_BYTES` on x86-64.
const CACHE_LINE: u32 = 64;

/// Offsets of one driver.
#[derive(Clone, Debug)]
pub(crate) struct Driver<T> {
    /// As its types tell them: at once where it is built in, else when the first device of it is met.
    pub known: Option<T>,
    /// As they are where its module carries no types.
    pub without_btf: Option<T>,
}

/// Offsets that one driver's types tell.
pub(crate) trait DriverLayout: Sized + Clone {
    /// Compiles the driver's types; `None` where they are not among these.
    fn compile(types: &dyn Types) -> Option<Self>;

    /// The driver of kernels whose modules carry no BTF (before 36e68442d1af, 5.11), put together from its source in
    /// 5.10 and the sizes of what it embeds.
    fn without_btf(_: &dyn Types) -> Option<Self> {
        None
    }
}

/// A driver, or a file system, as one of [`Drivers`].
pub(crate) trait OfModule: DriverLayout {
    /// The name of its module.
    const MODULE: &'static str;

    /// Its offsets.
    fn of(drivers: &mut Drivers) -> &mut Driver<Self>;
}

/// Declares the drivers, each with the name of its module.
macro_rules! drivers {
    ($( $name:ident : $layout:ty = $module:literal ),* $(,)?) => {
        /// Offsets of network drivers, and of file systems that mostly are modules too.
        #[derive(Clone, Debug)]
        pub(crate) struct Drivers {
            $( $name: Driver<$layout>, )*
        }

        impl Drivers {
            /// The drivers' modules.
            pub const MODULES: &'static [(&'static str, AskDriver)] = &[
                $( ($module, |types| <$layout as DriverLayout>::compile(types).map(drop)), )*
            ];

            /// Compiles what vmlinux's types tell.
            pub(super) fn compile(types: &dyn Types) -> Self {
                Self {
                    $( $name: Driver {
                        known: <$layout as DriverLayout>::compile(types),
                        without_btf: <$layout as DriverLayout>::without_btf(types),
                    }, )*
                }
            }
        }

        $( impl OfModule for $layout {
            const MODULE: &'static str = $module;

            fn of(drivers: &mut Drivers) -> &mut Driver<Self> {
                &mut drivers.$name
            }
        } )*
    };
}

drivers! {
    virtio_net: VirtioNet = "virtio_net",
    veth: Veth = "veth",
    vlan: Vlan = "8021q",
    macvlan: Macvlan = "macvlan",
    ipvlan: Ipvlan = "ipvlan",
    team: Team = "team",
    bond: Bond = "bonding",
    vrf: VrfStats = "vrf",
    ifb: Ifb = "ifb",
    tun: Tun = "tun",
    e1000e: E1000ePrivate = "e1000e",
    rtl8139: Rtl8139Private = "8139too",
    overlay: Overlay = "overlay",
    xfs: Xfs = "xfs",
}

/// Enumerations of modules whose values are asked for.
pub(super) const ENUMERATIONS: &[&str] = &["ovl_inode_flag"];

/// The file system `overlay`.
#[derive(Clone, Debug)]
pub(crate) struct Overlay {
    pub inode: OvlInode,
    pub entry: OvlEntry,
    pub path: OvlPath,
    /// The bit of `ovl_inode.flags` of a file whose content is in the upper layer.
    pub upper_data: Option<i64>,
}

impl DriverLayout for Overlay {
    fn compile(types: &dyn Types) -> Option<Self> {
        let inode = OvlInode::compile(types);
        (inode.size > 0).then(|| Self {
            inode,
            entry: OvlEntry::compile(types),
            path: OvlPath::compile(types),
            upper_data: types.enumerator("ovl_inode_flag", "OVL_UPPERDATA"),
        })
    }

    fn without_btf(types: &dyn Types) -> Option<Self> {
        let inode = types.size_of("inode")?;
        let word = |name, offset| Field::known(name, offset, 8);
        // A union, redirect, version and flags stand before the inode.
        const BEFORE: u32 = 4 * 8;
        let after = inode.checked_add(BEFORE)?;
        let absent = Field::absent;
        Some(Self {
            inode: OvlInode {
                size: after + 2 * 8,
                flags: word("ovl_inode.flags", BEFORE - 8),
                inode: word("ovl_inode.vfs_inode", BEFORE),
                upper: word("ovl_inode.__upperdentry", after),
                entry: absent("ovl_inode.oe"),
                lower_dentry: absent("ovl_inode.lowerpath.dentry"),
                lower_inode: word("ovl_inode.lower", after + 8),
                lower_data: word("ovl_inode.lowerdata", 0),
            },
            // Behind a `struct rcu_head`; a layer stands before each dentry.
            entry: OvlEntry {
                size: 24,
                count: Field::known("ovl_entry.numlower", 16, 4),
                stack: word("ovl_entry.lowerstack", 24),
            },
            path: OvlPath { size: 16, dentry: word("ovl_path.dentry", 8) },
            upper_data: Some(3),
        })
    }
}

/// The file system `xfs`.
#[derive(Clone, Debug)]
pub(crate) struct Xfs {
    pub inode: XfsInode,
    pub fork: XfsFork,
}

impl DriverLayout for Xfs {
    fn compile(types: &dyn Types) -> Option<Self> {
        let inode = XfsInode::compile(types);
        (inode.size > 0).then(|| Self { inode, fork: XfsFork::compile(types) })
    }
}

/// The driver `virtio_net`.
#[derive(Clone, Debug)]
pub(crate) struct VirtioNet {
    pub info: VirtnetInfo,
    pub send_queue: SendQueue,
    pub receive_queue: ReceiveQueue,
}

impl DriverLayout for VirtioNet {
    fn compile(types: &dyn Types) -> Option<Self> {
        let info = VirtnetInfo::compile(types);
        (info.size > 0).then(|| Self {
            info,
            send_queue: SendQueue::compile(types),
            receive_queue: ReceiveQueue::compile(types),
        })
    }

    /// Whoever uses it checks [`VirtnetInfo::dev`] first.
    fn without_btf(types: &dyn Types) -> Option<Self> {
        let napi = types.size_of("napi_struct")?;
        // Linear part and fragments: MAX_SKB_FRAGS + 2.
        let entries = types.member("skb_shared_info", "frags")?.elements.checked_add(2)?;
        let list = types.size_of("scatterlist")?.checked_mul(entries)?;
        const POINTER: u32 = 8;
        const NAME: u32 = 40;
        const SENT: u32 = 5 * 8;
        const RECEIVED: u32 = 8 * 8;
        let sent = POINTER + list + NAME;
        let received = POINTER + napi + POINTER;
        // mrg_avg_pkt_len, pages, alloc_frag, sg, min_buf_len, name; then a cache line for xdp_rxq.
        let rest = received + RECEIVED + 8 + POINTER + 16 + list + 4 + NAME;
        let word = Field::known;
        Some(Self {
            info: VirtnetInfo {
                size: 64,
                dev: word("virtnet_info.dev", 16, 8),
                sq: word("virtnet_info.sq", 24, 8),
                rq: word("virtnet_info.rq", 32, 8),
                max_queue_pairs: word("virtnet_info.max_queue_pairs", 44, 2),
            },
            send_queue: SendQueue {
                size: sent + SENT + napi,
                packets: word("send_queue.stats.packets", sent, 8),
                bytes: word("send_queue.stats.bytes", sent + 8, 8),
                timeouts: Field::absent("send_queue.stats.tx_timeouts"),
            },
            receive_queue: ReceiveQueue {
                size: rest.next_multiple_of(CACHE_LINE) + CACHE_LINE,
                packets: word("receive_queue.stats.packets", received, 8),
                bytes: word("receive_queue.stats.bytes", received + 8, 8),
                drops: word("receive_queue.stats.drops", received + 16, 8),
            },
        })
    }
}

/// The driver `veth`.
#[derive(Clone, Debug)]
pub(crate) struct Veth {
    pub private: VethPrivate,
    pub queue: VethQueue,
}

impl DriverLayout for Veth {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = VethPrivate::compile(types);
        (private.size > 0).then(|| Self { private, queue: VethQueue::compile(types) })
    }

    /// Whoever uses it checks [`VethQueue::dev`] first. The size of a queue is not known: it serves devices with one.
    fn without_btf(types: &dyn Types) -> Option<Self> {
        let napi = types.size_of("napi_struct")?;
        // dev, xdp_prog and xdp_mem stand between.
        let stats = napi + 3 * 8;
        let word = Field::known;
        Some(Self {
            private: VethPrivate {
                size: 40,
                peer: word("veth_priv.peer", 0, 8),
                dropped: word("veth_priv.dropped", 8, 8),
                rq: word("veth_priv.rq", 24, 8),
            },
            queue: VethQueue {
                size: 0,
                dev: word("veth_rq.dev", napi, 8),
                rx_drops: word("veth_stats.rx_drops", stats, 8),
                xdp_packets: word("veth_stats.xdp_packets", stats + 8, 8),
                xdp_bytes: word("veth_stats.xdp_bytes", stats + 16, 8),
                xdp_tx_err: word("veth_stats.xdp_tx_err", stats + 48, 8),
                peer_errors: word("veth_stats.peer_tq_xdp_xmit_err", stats + 64, 8),
            },
        })
    }
}

/// VLANs (module `8021q`); their structures are in a header that vmlinux uses.
#[derive(Clone, Debug)]
pub(crate) struct Vlan {
    pub private: VlanPrivate,
    pub stats: VlanStats,
}

impl DriverLayout for Vlan {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = VlanPrivate::compile(types);
        (private.size > 0).then(|| Self { private, stats: VlanStats::compile(types) })
    }
}

/// The driver `macvlan`, and `macvtap` over it.
#[derive(Clone, Debug)]
pub(crate) struct Macvlan {
    pub private: MacvlanPrivate,
    pub stats: VlanStats,
}

impl DriverLayout for Macvlan {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = MacvlanPrivate::compile(types);
        (private.size > 0).then(|| Self { private, stats: VlanStats::compile(types) })
    }

    fn without_btf(types: &dyn Types) -> Option<Self> {
        // Behind the device: list, hlist, port, lowerdev, accel_priv.
        let private = MacvlanPrivate {
            size: 0,
            dev: Field::known("macvlan_dev.dev", 0, 8),
            stats: Field::known("macvlan_dev.pcpu_stats", 64, 8),
        };
        Some(Self { private, stats: VlanStats::compile(types) })
    }
}

/// The driver `ipvlan`, and `ipvtap` over it.
#[derive(Clone, Debug)]
pub(crate) struct Ipvlan {
    pub private: IpvlanPrivate,
    pub stats: IpvlanStats,
}

impl DriverLayout for Ipvlan {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = IpvlanPrivate::compile(types);
        (private.size > 0).then(|| Self { private, stats: IpvlanStats::compile(types) })
    }

    fn without_btf(_: &dyn Types) -> Option<Self> {
        // Behind the device: pnode, port, phy_dev, addrs.
        let private = IpvlanPrivate {
            size: 0,
            dev: Field::known("ipvl_dev.dev", 0, 8),
            stats: Field::known("ipvl_dev.pcpu_stats", 56, 8),
        };
        // The third is of multicast packets.
        let stats = IpvlanStats {
            size: 48,
            rx_packets: Field::known("ipvl_pcpu_stats.rx_pkts", 0, 8),
            rx_bytes: Field::known("ipvl_pcpu_stats.rx_bytes", 8, 8),
            tx_packets: Field::known("ipvl_pcpu_stats.tx_pkts", 24, 8),
            tx_bytes: Field::known("ipvl_pcpu_stats.tx_bytes", 32, 8),
            rx_errors: Field::known("ipvl_pcpu_stats.rx_errs", 40, 4),
            tx_dropped: Field::known("ipvl_pcpu_stats.tx_drps", 44, 4),
        };
        Some(Self { private, stats })
    }
}

/// The driver `team`.
#[derive(Clone, Debug)]
pub(crate) struct Team {
    pub private: TeamPrivate,
    pub stats: TeamStats,
}

impl DriverLayout for Team {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = TeamPrivate::compile(types);
        (private.size > 0).then(|| Self { private, stats: TeamStats::compile(types) })
    }

    fn without_btf(_: &dyn Types) -> Option<Self> {
        let private = TeamPrivate { size: 0, stats: Field::known("team.pcpu_stats", 8, 8) };
        // The third is of multicast packets.
        let stats = TeamStats {
            size: 56,
            rx_packets: Field::known("team_pcpu_stats.rx_packets", 0, 8),
            rx_bytes: Field::known("team_pcpu_stats.rx_bytes", 8, 8),
            tx_packets: Field::known("team_pcpu_stats.tx_packets", 24, 8),
            tx_bytes: Field::known("team_pcpu_stats.tx_bytes", 32, 8),
            rx_dropped: Field::known("team_pcpu_stats.rx_dropped", 40, 4),
            tx_dropped: Field::known("team_pcpu_stats.tx_dropped", 44, 4),
        };
        Some(Self { private, stats })
    }
}

/// The driver `bonding`.
#[derive(Clone, Debug)]
pub(crate) struct Bond {
    pub private: BondPrivate,
    pub slave: BondSlave,
}

impl DriverLayout for Bond {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = BondPrivate::compile(types);
        (private.size > 0).then(|| Self { private, slave: BondSlave::compile(types) })
    }
}

impl DriverLayout for VrfStats {
    fn compile(types: &dyn Types) -> Option<Self> {
        let stats = Self::compile(types);
        (stats.size > 0).then_some(stats)
    }

    fn without_btf(_: &dyn Types) -> Option<Self> {
        Some(Self {
            size: 40,
            tx_packets: Field::known("pcpu_dstats.tx_pkts", 0, 8),
            tx_bytes: Field::known("pcpu_dstats.tx_bytes", 8, 8),
            tx_dropped: Field::known("pcpu_dstats.tx_drps", 16, 8),
            rx_packets: Field::known("pcpu_dstats.rx_pkts", 24, 8),
            rx_bytes: Field::known("pcpu_dstats.rx_bytes", 32, 8),
        })
    }
}

/// The driver `ifb`.
#[derive(Clone, Debug)]
pub(crate) struct Ifb {
    pub private: IfbPrivate,
    pub queue: IfbQueue,
}

impl DriverLayout for Ifb {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = IfbPrivate::compile(types);
        (private.size > 0).then(|| Self { private, queue: IfbQueue::compile(types) })
    }

    fn without_btf(types: &dyn Types) -> Option<Self> {
        let private =
            IfbPrivate { size: 8, queues: Field::known("ifb_dev_private.tx_private", 0, 8) };
        // Behind the device: ifb_tasklet, tasklet_pending, txqnum, rq.
        let tasklet = types.size_of("tasklet_struct")?;
        let queue = types.size_of("sk_buff_head")?;
        let received = 8 + tasklet + 8 + queue;
        let sent = received + 2 * 8;
        let queue = IfbQueue {
            size: (sent + 2 * 8 + queue).next_multiple_of(CACHE_LINE),
            dev: Field::known("ifb_q_private.dev", 0, 8),
            rx_packets: Field::known("ifb_q_private.rx_packets", received, 8),
            rx_bytes: Field::known("ifb_q_private.rx_bytes", received + 8, 8),
            tx_packets: Field::known("ifb_q_private.tx_packets", sent, 8),
            tx_bytes: Field::known("ifb_q_private.tx_bytes", sent + 8, 8),
        };
        Some(Self { private, queue })
    }
}

/// The driver `tun`, where it keeps counters of its own.
#[derive(Clone, Debug)]
pub(crate) struct Tun {
    pub private: TunPrivate,
    pub stats: TunStats,
}

impl DriverLayout for Tun {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = TunPrivate::compile(types);
        (private.size > 0).then(|| Self { private, stats: TunStats::compile(types) })
    }

    fn without_btf(types: &dyn Types) -> Option<Self> {
        // tfiles, numqueues, flags, owner, group.
        const DEVICE: u32 = 256 * 8 + 4 * 4;
        // dev, set_features, align, vnet_hdr_sz, sndbuf, txflt, fprog, filter_attached, msg_enable.
        const LOCK: u32 = DEVICE + 2 * 8 + 3 * 4 + 60 + 16 + 2 * 4;
        const FLOWS: u32 = 1024 * 8;
        let lock = types.size_of("spinlock")?;
        let timer = types.size_of("timer_list")?;
        let flows = (LOCK + lock).next_multiple_of(8);
        // ageing_time, numdisabled, disabled, security, flow_count, rx_batched.
        let stats = flows + FLOWS + timer + 8 + 8 + 16 + 8 + 8;
        let private = TunPrivate {
            size: 0,
            dev: Field::known("tun_struct.dev", DEVICE, 8),
            stats: Field::known("tun_struct.pcpu_stats", stats, 8),
        };
        let stats = TunStats {
            size: 48,
            rx_packets: Field::known("tun_pcpu_stats.rx_packets", 0, 8),
            rx_bytes: Field::known("tun_pcpu_stats.rx_bytes", 8, 8),
            tx_packets: Field::known("tun_pcpu_stats.tx_packets", 16, 8),
            tx_bytes: Field::known("tun_pcpu_stats.tx_bytes", 24, 8),
            rx_dropped: Field::known("tun_pcpu_stats.rx_dropped", 32, 4),
            tx_dropped: Field::known("tun_pcpu_stats.tx_dropped", 36, 4),
        };
        Some(Self { private, stats })
    }
}

impl DriverLayout for E1000ePrivate {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = Self::compile(types);
        private.own.exists().then_some(private)
    }
}

impl DriverLayout for Rtl8139Private {
    fn compile(types: &dyn Types) -> Option<Self> {
        let private = Self::compile(types);
        (private.size > 0).then_some(private)
    }
}
