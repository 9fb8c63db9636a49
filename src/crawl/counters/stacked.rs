//! The counters of devices that stand on others, or on a program, and keep their own.

use super::common::{
    Counters, add, all_queues, check_owner, device_stats, per_cpu_sum, per_cpu_sum_u32, private,
};
use crate::crawl::reader::{ReadResult, Reader};
use crate::layout::{Bond, Field, Ifb, Ipvlan, Macvlan, Team, Tun, Vlan, VlanStats, VrfStats};

/// `vlan_dev_get_stats64` (net/8021q/vlan_dev.c).
pub(super) fn vlan(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Vlan>()?;
    let own = private(reader, device)?;
    of_vlan(reader, own, driver.private.stats, &driver.stats)
}

/// `macvlan_dev_get_stats64` (drivers/net/macvlan.c).
pub(super) fn macvlan(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Macvlan>()?;
    let own = private(reader, device)?;
    check_owner(reader, own, driver.private.dev, device)?;
    let counters = of_vlan(reader, own, driver.private.stats, &driver.stats)?;
    Ok(Counters { rx_dropped: counters.rx_errors, ..counters })
}

fn of_vlan(reader: &Reader, own: u64, stats: Field, of: &VlanStats) -> ReadResult<Counters> {
    let stats = reader.follow(own, stats)?;
    let sum = |field| per_cpu_sum(reader, stats, field);
    Ok(Counters {
        rx_packets: sum(of.rx_packets)?,
        rx_bytes: sum(of.rx_bytes)?,
        tx_packets: sum(of.tx_packets)?,
        tx_bytes: sum(of.tx_bytes)?,
        rx_errors: per_cpu_sum_u32(reader, stats, of.rx_errors)?,
        tx_dropped: per_cpu_sum_u32(reader, stats, of.tx_dropped)?,
        ..Counters::default()
    })
}

/// `ipvlan_get_stats64` (drivers/net/ipvlan/ipvlan_main.c). Kernels before ff672b9ffeb3 (6.7, and stable kernels)
/// count errors of sending, but do not show them.
pub(super) fn ipvlan(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Ipvlan>()?;
    let own = private(reader, device)?;
    check_owner(reader, own, driver.private.dev, device)?;
    let of = &driver.stats;
    let stats = reader.follow(own, driver.private.stats)?;
    let sum = |field| per_cpu_sum(reader, stats, field);
    let rx_errors = per_cpu_sum_u32(reader, stats, of.rx_errors)?;
    Ok(Counters {
        rx_packets: sum(of.rx_packets)?,
        rx_bytes: sum(of.rx_bytes)?,
        tx_packets: sum(of.tx_packets)?,
        tx_bytes: sum(of.tx_bytes)?,
        rx_errors,
        rx_dropped: rx_errors,
        tx_dropped: per_cpu_sum_u32(reader, stats, of.tx_dropped)?,
        tx_errors: device_stats(reader, device)?.tx_errors,
        rx_missed: 0,
    })
}

/// `team_get_stats64` (drivers/net/team/team_core.c).
pub(super) fn team(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Team>()?;
    let of = &driver.stats;
    let stats = reader.follow(private(reader, device)?, driver.private.stats)?;
    let sum = |field| per_cpu_sum(reader, stats, field);
    Ok(Counters {
        rx_packets: sum(of.rx_packets)?,
        rx_bytes: sum(of.rx_bytes)?,
        tx_packets: sum(of.tx_packets)?,
        tx_bytes: sum(of.tx_bytes)?,
        rx_dropped: per_cpu_sum_u32(reader, stats, of.rx_dropped)?,
        tx_dropped: per_cpu_sum_u32(reader, stats, of.tx_dropped)?,
        ..Counters::default()
    })
}

/// `bond_get_stats` (drivers/net/bonding/bond_main.c): what it counted until it was last asked, and what the devices
/// under it, which `under` reads, counted since.
pub(super) fn bond(
    reader: &Reader,
    device: u64,
    under: impl Fn(u64) -> ReadResult<Counters>,
) -> ReadResult<Counters> {
    let driver = reader.driver::<Bond>()?;
    let layout = &reader.layout.network;
    let own = private(reader, device)?;
    check_owner(reader, own, driver.private.dev, device)?;
    let mut counters = link_stats(reader, reader.at(own, driver.private.stats)?)?;
    let lower = reader.at(device, layout.device.lower)?;
    for entry in reader.whole_list(lower, layout.adjacent.list)? {
        let Some(slave) = reader.pointer(entry, layout.adjacent.private)? else { continue };
        let before = link_stats(reader, reader.at(slave, driver.slave.stats)?)?;
        counters.fold(&under(reader.follow(slave, driver.slave.dev)?)?, &before);
    }
    Ok(counters)
}

/// `struct rtnl_link_stats64`.
fn link_stats(reader: &Reader, stats: u64) -> ReadResult<Counters> {
    let layout = &reader.layout.network.link_stats;
    let of = |field| reader.unsigned(stats, field);
    Ok(Counters {
        rx_bytes: of(layout.rx_bytes)?,
        rx_packets: of(layout.rx_packets)?,
        rx_errors: of(layout.rx_errors)?,
        rx_dropped: of(layout.rx_dropped)?,
        rx_missed: of(layout.rx_missed)?,
        tx_bytes: of(layout.tx_bytes)?,
        tx_packets: of(layout.tx_packets)?,
        tx_errors: of(layout.tx_errors)?,
        tx_dropped: of(layout.tx_dropped)?,
    })
}

/// `vrf_get_stats64` (drivers/net/vrf.c), which later kernels have not.
pub(super) fn vrf(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let of = reader.driver::<VrfStats>()?;
    let stats = reader.follow(device, reader.layout.network.device.tstats)?;
    let sum = |field| per_cpu_sum(reader, stats, field);
    Ok(Counters {
        rx_packets: sum(of.rx_packets)?,
        rx_bytes: sum(of.rx_bytes)?,
        tx_packets: sum(of.tx_packets)?,
        tx_bytes: sum(of.tx_bytes)?,
        tx_dropped: sum(of.tx_dropped)?,
        ..Counters::default()
    })
}

/// `ifb_stats64` (drivers/net/ifb.c).
pub(super) fn ifb(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Ifb>()?;
    let of = &driver.queue;
    let count = reader.layout.network.device.num_tx_queues;
    let queues = all_queues(reader.unsigned(device, count)?, device)?;
    let first = reader.follow(private(reader, device)?, driver.private.queues)?;
    let own = device_stats(reader, device)?;
    let mut counters =
        Counters { rx_dropped: own.rx_dropped, tx_dropped: own.tx_dropped, ..Counters::default() };
    for queue in 0..queues {
        let queue = first.wrapping_add(queue * u64::from(of.size));
        check_owner(reader, queue, of.dev, device)?;
        add(&mut counters.rx_packets, reader.unsigned(queue, of.rx_packets)?);
        add(&mut counters.rx_bytes, reader.unsigned(queue, of.rx_bytes)?);
        add(&mut counters.tx_packets, reader.unsigned(queue, of.tx_packets)?);
        add(&mut counters.tx_bytes, reader.unsigned(queue, of.tx_bytes)?);
    }
    Ok(counters)
}

/// `tun_net_get_stats64` (drivers/net/tun.c) of 5.10.
pub(super) fn tun(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Tun>()?;
    let own = private(reader, device)?;
    check_owner(reader, own, driver.private.dev, device)?;
    let of = &driver.stats;
    let stats = reader.follow(own, driver.private.stats)?;
    let sum = |field| per_cpu_sum(reader, stats, field);
    Ok(Counters {
        rx_packets: sum(of.rx_packets)?,
        rx_bytes: sum(of.rx_bytes)?,
        tx_packets: sum(of.tx_packets)?,
        tx_bytes: sum(of.tx_bytes)?,
        rx_dropped: per_cpu_sum_u32(reader, stats, of.rx_dropped)?,
        tx_dropped: per_cpu_sum_u32(reader, stats, of.tx_dropped)?,
        ..Counters::default()
    })
}
