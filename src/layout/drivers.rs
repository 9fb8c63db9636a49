//! Structures of network drivers. They are in the modules' own BTF where the driver is a module, so
//! they are compiled when a device of the driver is met.

use crate::kernel::Types;

super::field::structures! {
    /// `struct virtnet_info` (drivers/net/virtio_net.c).
    VirtnetInfo = "virtnet_info" {
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
        xdp_packets: "stats.vs.xdp_packets",
        xdp_bytes: "stats.vs.xdp_bytes",
        rx_drops: "stats.vs.rx_drops",
        xdp_tx_err: "stats.vs.xdp_tx_err",
        peer_errors: "stats.vs.peer_tq_xdp_xmit_err",
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
}
