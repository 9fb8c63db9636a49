//! An interface's packet counters: `dev_get_stats` (net/core/dev.c). Every driver keeps its own, so the
//! driver is told by its name, and then read as its `ndo_get_stats64` would.

use super::reader::{Context, ReadError, ReadResult};
use crate::frame::Text;
use crate::layout::Field;

/// `IFF_LOOPBACK` (include/uapi/linux/if.h).
const LOOPBACK: u64 = 8;
/// `enum netdev_stat_type` (include/linux/netdevice.h).
const LOOPBACK_STATS: u64 = 1;
const TUNNEL_STATS: u64 = 2;
const DEVICE_STATS: u64 = 3;
/// Alignment of a driver's own part behind `struct net_device` (`NETDEV_ALIGN`).
const PRIVATE_ALIGNMENT: u32 = 32;
/// Receive or transmit queues of one device that are followed.
const MOST_QUEUES: u64 = 4096;

/// Counters that only the driver's own code can tell: null is true, what the core keeps would not be.
const OWN_COUNTERS: ReadError =
    ReadError::Unknown("its driver keeps counters of its own, which nfm does not know");

/// What `/proc/net/dev` shows of one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

/// Reads the counters of a `struct net_device`.
pub(super) fn counters(context: &Context, device: u64, flags: u64) -> ReadResult<Counters> {
    let mut counters = match driver(context, device, flags)?.as_str() {
        "lo" => loopback(context, device)?,
        "dummy" if stat_type(context, device).is_none() => {
            let (packets, bytes) = lightweight(context, device)?;
            Counters { tx_packets: packets, tx_bytes: bytes, ..Counters::default() }
        }
        "veth" => veth(context, device)?,
        "virtio_net" => virtio(context, device)?,
        // Their functions are their own, but read what [`generic`] does (`br_get_stats64` until 5.10).
        "dummy" | "bridge" => generic(context, device)?,
        _ if counts_itself(context, device)? => return Err(OWN_COUNTERS),
        _ => generic(context, device)?,
    };
    add_core_drops(context, device, &mut counters)?;
    Ok(counters)
}

/// The driver's name: of a virtual device the kind that `ip link add type` takes, of a real one its
/// bus driver.
fn driver(context: &Context, device: u64, flags: u64) -> ReadResult<Text> {
    let layout = &context.layout.network;
    if flags & LOOPBACK != 0 {
        return Ok(Text::fixed("lo"));
    }
    if let Some(ops) = context.pointer(device, layout.device.rtnl_link_ops)?
        && let Some(kind) = context.pointer(ops, layout.link_ops.kind)?
    {
        return context.text_at(kind, 64);
    }
    let Some(parent) = context.pointer(device, layout.device.parent)? else {
        return Ok(Text::default());
    };
    let Some(driver) = context.pointer(parent, layout.generic_device.driver)? else {
        return Ok(Text::default());
    };
    context.text_at(context.follow(driver, layout.driver.name)?, 64)
}

/// Whether the driver answers by a function of its own (`ndo_get_stats64`), other than those of tunnels,
/// which [`generic`] reads. An older `ndo_get_stats` returns `net_device.stats` in nearly all drivers.
fn counts_itself(context: &Context, device: u64) -> ReadResult<bool> {
    let (layout, symbols) = (&context.layout.network, &context.layout.symbols);
    let ops = context.follow(device, layout.device.netdev_ops)?;
    let Some(function) = context.pointer(ops, layout.device_ops.ndo_get_stats64)? else {
        return Ok(false);
    };
    let generic = [symbols.dev_get_tstats64, symbols.ip_tunnel_get_stats64];
    Ok(!generic.iter().any(|symbol| symbol.address == Some(function)))
}

/// `loopback_get_stats64`: what is sent is what is received.
fn loopback(context: &Context, device: u64) -> ReadResult<Counters> {
    let (packets, bytes) = lightweight(context, device)?;
    Ok(Counters {
        rx_packets: packets,
        tx_packets: packets,
        rx_bytes: bytes,
        tx_bytes: bytes,
        ..Counters::default()
    })
}

/// `dev_lstats_read`: (packets, bytes) over all CPUs.
fn lightweight(context: &Context, device: u64) -> ReadResult<(u64, u64)> {
    let layout = &context.layout.network;
    let stats = context.unsigned(device, layout.device.lstats)?;
    Ok((
        per_cpu_sum(context, stats, layout.loopback_stats.packets)?,
        per_cpu_sum(context, stats, layout.loopback_stats.bytes)?,
    ))
}

/// `struct net_device_stats`, and the per-CPU counters of a device that names their kind.
fn generic(context: &Context, device: u64) -> ReadResult<Counters> {
    let layout = &context.layout.network;
    let stats = context.at(device, layout.device.stats)?;
    let of = |field| context.unsigned(stats, field);
    let mut counters = Counters {
        rx_bytes: of(layout.stats.rx_bytes)?,
        rx_packets: of(layout.stats.rx_packets)?,
        rx_errors: of(layout.stats.rx_errors)?,
        rx_dropped: of(layout.stats.rx_dropped)?,
        tx_bytes: of(layout.stats.tx_bytes)?,
        tx_packets: of(layout.stats.tx_packets)?,
        tx_errors: of(layout.stats.tx_errors)?,
        tx_dropped: of(layout.stats.tx_dropped)?,
    };
    let Some(per_cpu) = context.pointer(device, layout.device.tstats)? else { return Ok(counters) };
    // A device without a type may have counters of any kind here; those of tunnels, bridges and tun
    // are by far the most common, and drivers with others are known by name above.
    match stat_type(context, device).unwrap_or(TUNNEL_STATS) {
        LOOPBACK_STATS => {
            let (packets, bytes) = lightweight(context, device)?;
            add(&mut counters.tx_packets, packets);
            add(&mut counters.tx_bytes, bytes);
        }
        DEVICE_STATS => {
            let of = &layout.device_stats;
            let sum = |field| per_cpu_sum(context, per_cpu, field);
            add(&mut counters.rx_packets, sum(of.rx_packets)?);
            add(&mut counters.rx_bytes, sum(of.rx_bytes)?);
            add(&mut counters.rx_dropped, sum(of.rx_drops)?);
            add(&mut counters.tx_packets, sum(of.tx_packets)?);
            add(&mut counters.tx_bytes, sum(of.tx_bytes)?);
            add(&mut counters.tx_dropped, sum(of.tx_drops)?);
        }
        _ => add_tunnel(context, device, &mut counters)?,
    }
    Ok(counters)
}

/// What the device itself says its per-CPU counters are (34d21de99cea, 6.7, and stable kernels).
fn stat_type(context: &Context, device: u64) -> Option<u64> {
    let kind = context.layout.network.device.pcpu_stat_type;
    context.unsigned(device, kind).ok().filter(|kind| *kind != 0)
}

/// `dev_fetch_sw_netstats`.
fn add_tunnel(context: &Context, device: u64, counters: &mut Counters) -> ReadResult<()> {
    let layout = &context.layout.network;
    let of = &layout.tunnel_stats;
    let per_cpu = context.follow(device, layout.device.tstats)?;
    let sum = |field| per_cpu_sum(context, per_cpu, field);
    add(&mut counters.rx_packets, sum(of.rx_packets)?);
    add(&mut counters.rx_bytes, sum(of.rx_bytes)?);
    add(&mut counters.tx_packets, sum(of.tx_packets)?);
    add(&mut counters.tx_bytes, sum(of.tx_bytes)?);
    Ok(())
}

/// `virtnet_stats` (drivers/net/virtio_net.c).
fn virtio(context: &Context, device: u64) -> ReadResult<Counters> {
    let layout = &context.layout.network;
    let driver = context.virtio_net()?;
    let own = private(context, device)?;
    check_owner(context, own, driver.info.dev, device)?;
    let queues = context.unsigned(own, driver.info.max_queue_pairs)?.min(MOST_QUEUES);
    let senders = context.follow(own, driver.info.sq)?;
    let receivers = context.follow(own, driver.info.rq)?;
    let stats = context.at(device, layout.device.stats)?;
    let mut counters = Counters {
        tx_dropped: context.unsigned(stats, layout.stats.tx_dropped)?,
        ..Counters::default()
    };
    for queue in 0..queues {
        let sender = senders.wrapping_add(queue * u64::from(driver.send_queue.size));
        let receiver = receivers.wrapping_add(queue * u64::from(driver.receive_queue.size));
        add(&mut counters.tx_packets, context.unsigned(sender, driver.send_queue.packets)?);
        add(&mut counters.tx_bytes, context.unsigned(sender, driver.send_queue.bytes)?);
        if driver.send_queue.timeouts.exists() {
            add(&mut counters.tx_errors, context.unsigned(sender, driver.send_queue.timeouts)?);
        }
        add(&mut counters.rx_packets, context.unsigned(receiver, driver.receive_queue.packets)?);
        add(&mut counters.rx_bytes, context.unsigned(receiver, driver.receive_queue.bytes)?);
        add(&mut counters.rx_dropped, context.unsigned(receiver, driver.receive_queue.drops)?);
    }
    Ok(counters)
}

/// `veth_get_stats64` (drivers/net/veth.c): what the peer sent is what this end received. Since
/// 6fd2c17fb6e0 (6.7, and stable kernels) an end also counts what BPF redirected to it.
fn veth(context: &Context, device: u64) -> ReadResult<Counters> {
    let driver = context.veth()?;
    let own = private(context, device)?;
    let peer = context.pointer(own, driver.private.peer)?;
    let mut counters = Counters::default();
    if stat_type(context, device) == Some(TUNNEL_STATS) {
        add_tunnel(context, device, &mut counters)?;
        let mut sent = Counters::default();
        if let Some(peer) = peer {
            add_tunnel(context, peer, &mut sent)?;
        }
        add(&mut counters.rx_packets, sent.tx_packets);
        add(&mut counters.rx_bytes, sent.tx_bytes);
    } else {
        (counters.tx_packets, counters.tx_bytes) = lightweight(context, device)?;
        if let Some(peer) = peer {
            (counters.rx_packets, counters.rx_bytes) = lightweight(context, peer)?;
        }
    }
    add(&mut counters.tx_dropped, context.unsigned(own, driver.private.dropped)?);
    let received = Xdp::of(context, device, own)?;
    add(&mut counters.tx_dropped, received.tx_errors);
    add(&mut counters.rx_dropped, received.rx_drops.wrapping_add(received.peer_errors));
    add(&mut counters.rx_packets, received.packets);
    add(&mut counters.rx_bytes, received.bytes);
    if let Some(peer) = peer {
        let received = Xdp::of(context, peer, private(context, peer)?)?;
        add(&mut counters.tx_dropped, received.peer_errors);
        add(&mut counters.rx_dropped, received.tx_errors);
        add(&mut counters.tx_packets, received.packets);
        add(&mut counters.tx_bytes, received.bytes);
    }
    Ok(counters)
}

/// What XDP counts on the receive queues of one end of a veth pair (`veth_stats_rx`).
#[derive(Default)]
struct Xdp {
    packets: u64,
    bytes: u64,
    rx_drops: u64,
    tx_errors: u64,
    peer_errors: u64,
}

impl Xdp {
    fn of(context: &Context, device: u64, own: u64) -> ReadResult<Self> {
        let driver = context.veth()?;
        let count = context.layout.network.device.num_rx_queues;
        let queues = context.unsigned(device, count)?.min(MOST_QUEUES);
        let first = context.follow(own, driver.private.rq)?;
        check_owner(context, first, driver.queue.dev, device)?;
        if queues > 1 && driver.queue.size == 0 {
            return Err(ReadError::NoMember("veth_rq"));
        }
        let mut sums = Self::default();
        for queue in 0..queues {
            let queue = first.wrapping_add(queue * u64::from(driver.queue.size));
            add(&mut sums.packets, context.unsigned(queue, driver.queue.xdp_packets)?);
            add(&mut sums.bytes, context.unsigned(queue, driver.queue.xdp_bytes)?);
            add(&mut sums.rx_drops, context.unsigned(queue, driver.queue.rx_drops)?);
            add(&mut sums.tx_errors, context.unsigned(queue, driver.queue.xdp_tx_err)?);
            add(&mut sums.peer_errors, context.unsigned(queue, driver.queue.peer_errors)?);
        }
        Ok(sums)
    }
}

/// A driver's own part leads back to its device: a check of offsets that no type information gave.
fn check_owner(context: &Context, own: u64, dev: Field, device: u64) -> ReadResult<()> {
    match context.unsigned(own, dev)? == device {
        true => Ok(()),
        false => Err(ReadError::Nonsense {
            what: "the driver's part does not lead back to its device",
            address: own,
        }),
    }
}

/// Drops that the core counts itself, per CPU (`dev_get_stats`).
fn add_core_drops(context: &Context, device: u64, counters: &mut Counters) -> ReadResult<()> {
    let layout = &context.layout.network;
    if !layout.device.core_stats.exists() {
        return Ok(());
    }
    let Some(drops) = context.pointer(device, layout.device.core_stats)? else { return Ok(()) };
    add(&mut counters.rx_dropped, per_cpu_sum(context, drops, layout.core_stats.rx_dropped)?);
    add(&mut counters.tx_dropped, per_cpu_sum(context, drops, layout.core_stats.tx_dropped)?);
    Ok(())
}

/// The driver's own part behind `struct net_device` (`netdev_priv`).
fn private(context: &Context, device: u64) -> ReadResult<u64> {
    let layout = &context.layout.network.device;
    if layout.private.exists() {
        return context.at(device, layout.private);
    }
    match layout.size.checked_next_multiple_of(PRIVATE_ALIGNMENT) {
        Some(size) if layout.size > 0 => Ok(device.wrapping_add(u64::from(size))),
        _ => Err(ReadError::NoMember("net_device")),
    }
}

/// The sum of a counter over the possible CPUs.
fn per_cpu_sum(context: &Context, base: u64, field: Field) -> ReadResult<u64> {
    let mut sum = 0;
    for cpu in context.possible_cpus()? {
        add(&mut sum, context.unsigned(context.per_cpu(base, cpu)?, field)?);
    }
    Ok(sum)
}

/// Counters wrap, as the kernel's do.
fn add(sum: &mut u64, value: u64) {
    *sum = sum.wrapping_add(value);
}
