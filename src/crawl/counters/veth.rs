//! The counters of a pair of virtual devices.

use super::common::{
    Counters, TUNNEL_STATS, add, add_tunnel, all_queues, check_owner, lightweight, private,
    stat_type,
};
use crate::crawl::reader::{ReadError, ReadResult, Reader};
use crate::layout::Veth;

/// `veth_get_stats64` (drivers/net/veth.c): what the peer sent is what this end received. Since
/// 6fd2c17fb6e0 (6.7, and stable kernels) an end also counts what BPF redirected to it.
pub(super) fn veth(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Veth>()?;
    let own = private(reader, device)?;
    let peer = reader.pointer(own, driver.private.peer)?;
    let mut counters = Counters::default();
    if stat_type(reader, device) == Some(TUNNEL_STATS) {
        add_tunnel(reader, device, &mut counters)?;
        let mut sent = Counters::default();
        if let Some(peer) = peer {
            add_tunnel(reader, peer, &mut sent)?;
        }
        add(&mut counters.rx_packets, sent.tx_packets);
        add(&mut counters.rx_bytes, sent.tx_bytes);
    } else {
        (counters.tx_packets, counters.tx_bytes) = lightweight(reader, device)?;
        if let Some(peer) = peer {
            (counters.rx_packets, counters.rx_bytes) = lightweight(reader, peer)?;
        }
    }
    add(&mut counters.tx_dropped, reader.unsigned(own, driver.private.dropped)?);
    let received = Xdp::of(reader, device, own)?;
    add(&mut counters.tx_dropped, received.tx_errors);
    add(&mut counters.rx_dropped, received.rx_drops.wrapping_add(received.peer_errors));
    add(&mut counters.rx_packets, received.packets);
    add(&mut counters.rx_bytes, received.bytes);
    if let Some(peer) = peer {
        let received = Xdp::of(reader, peer, private(reader, peer)?)?;
        add(&mut counters.tx_dropped, received.peer_errors);
        add(&mut counters.rx_dropped, received.tx_errors);
        add(&mut counters.tx_packets, received.packets);
        add(&mut counters.tx_bytes, received.bytes);
    }
    Ok(counters)
}

/// XDP's counts on the receive queues of one end of a veth pair (`veth_stats_rx`).
#[derive(Default)]
struct Xdp {
    packets: u64,
    bytes: u64,
    rx_drops: u64,
    tx_errors: u64,
    peer_errors: u64,
}

impl Xdp {
    fn of(reader: &Reader, device: u64, own: u64) -> ReadResult<Self> {
        let driver = reader.driver::<Veth>()?;
        let count = reader.layout.network.device.num_rx_queues;
        let queues = all_queues(reader.unsigned(device, count)?, device)?;
        let first = reader.follow(own, driver.private.rq)?;
        check_owner(reader, first, driver.queue.dev, device)?;
        if queues > 1 && driver.queue.size == 0 {
            return Err(ReadError::NoMember("veth_rq"));
        }
        let mut sums = Self::default();
        for queue in 0..queues {
            let queue = first.wrapping_add(queue * u64::from(driver.queue.size));
            add(&mut sums.packets, reader.unsigned(queue, driver.queue.xdp_packets)?);
            add(&mut sums.bytes, reader.unsigned(queue, driver.queue.xdp_bytes)?);
            add(&mut sums.rx_drops, reader.unsigned(queue, driver.queue.rx_drops)?);
            add(&mut sums.tx_errors, reader.unsigned(queue, driver.queue.xdp_tx_err)?);
            add(&mut sums.peer_errors, reader.unsigned(queue, driver.queue.peer_errors)?);
        }
        Ok(sums)
    }
}
