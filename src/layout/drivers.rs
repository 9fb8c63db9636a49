//! Structures of network drivers. They are in the modules' own BTF where the driver is a module, so
//! they are compiled when a device of the driver is met.

use super::Field;
use crate::kernel::Types;

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
}

/// Structures that drivers embed: where no BTF tells a driver's own, their sizes do.
pub(super) const EMBEDDED: &[&str] = &["napi_struct", "scatterlist", "skb_shared_info"];
/// `SMP_CACHE_BYTES` on x86-64.
const CACHE_LINE: u32 = 64;

/// Offsets of network drivers.
#[derive(Clone, Debug)]
pub(crate) struct Drivers {
    /// `virtio_net`.
    pub virtio_net: Driver<VirtioNet>,
    /// `veth`.
    pub veth: Driver<Veth>,
}

/// Offsets of one driver.
#[derive(Clone, Debug)]
pub(crate) struct Driver<T> {
    /// As its types tell them: at once where it is built in, else when the first device of it is met.
    pub known: Option<T>,
    /// As they are where its module carries no types.
    pub without_btf: Option<T>,
}

impl Drivers {
    /// Compiles what vmlinux's types tell.
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            virtio_net: Driver {
                known: VirtioNet::compile(types),
                without_btf: VirtioNet::without_btf(types),
            },
            veth: Driver { known: Veth::compile(types), without_btf: Veth::without_btf(types) },
        }
    }
}

/// The driver `virtio_net`.
#[derive(Clone, Debug)]
pub(crate) struct VirtioNet {
    pub info: VirtnetInfo,
    pub send_queue: SendQueue,
    pub receive_queue: ReceiveQueue,
}

impl VirtioNet {
    /// Compiles the driver's types; `None` where they are not among these.
    pub fn compile(types: &dyn Types) -> Option<Self> {
        let info = VirtnetInfo::compile(types);
        (info.size > 0).then(|| Self {
            info,
            send_queue: SendQueue::compile(types),
            receive_queue: ReceiveQueue::compile(types),
        })
    }

    /// The driver of kernels whose modules carry no BTF (before 36e68442d1af, 5.11), put together from
    /// drivers/net/virtio_net.c of 5.10 and the sizes of what it embeds. Whoever uses it checks
    /// [`VirtnetInfo::dev`] first.
    pub fn without_btf(types: &dyn Types) -> Option<Self> {
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

impl Veth {
    /// Compiles the driver's types; `None` where they are not among these.
    pub fn compile(types: &dyn Types) -> Option<Self> {
        let private = VethPrivate::compile(types);
        (private.size > 0).then(|| Self { private, queue: VethQueue::compile(types) })
    }

    /// As [`VirtioNet::without_btf`], from drivers/net/veth.c of 5.10. Whoever uses it checks
    /// [`VethQueue::dev`] first. The size of a queue is not known: it serves devices with one.
    pub fn without_btf(types: &dyn Types) -> Option<Self> {
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
