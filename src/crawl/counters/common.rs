//! Counters of an interface, and how drivers keep them.

use crate::crawl::reader::{ReadError, ReadResult, Reader};
use crate::layout::Field;

/// A value of `enum netdev_stat_type` (include/linux/netdevice.h).
pub(super) const TUNNEL_STATS: u64 = 2;
/// Alignment of a driver's own part behind `struct net_device` (`NETDEV_ALIGN`).
const PRIVATE_ALIGNMENT: u32 = 32;
/// Receive or transmit queues of one device that are followed.
const MOST_QUEUES: u64 = 4096;

/// The counters of one interface, as `/proc/net/dev` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::crawl) struct Counters {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    /// Those for which the device had no room.
    pub rx_missed: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

impl Counters {
    /// The column `drop` of what is received: `dev_seq_printf_stats` (net/core/net-procfs.c).
    pub fn rx_lost(&self) -> u64 {
        self.rx_dropped.wrapping_add(self.rx_missed)
    }

    /// `bond_fold_stats` (drivers/net/bonding/bond_main.c): adds what is new. Some drivers begin anew at times, and
    /// some counters have 32 bits.
    pub fn fold(&mut self, now: &Self, before: &Self) {
        for of in [
            (|counters| &mut counters.rx_bytes) as fn(&mut Self) -> &mut u64,
            |counters| &mut counters.rx_packets,
            |counters| &mut counters.rx_errors,
            |counters| &mut counters.rx_dropped,
            |counters| &mut counters.rx_missed,
            |counters| &mut counters.tx_bytes,
            |counters| &mut counters.tx_packets,
            |counters| &mut counters.tx_errors,
            |counters| &mut counters.tx_dropped,
        ] {
            let (now, before) = (*of(&mut now.clone()), *of(&mut before.clone()));
            let new = match (now | before) >> 32 {
                0 => i64::from((now as u32).wrapping_sub(before as u32) as i32),
                _ => now.wrapping_sub(before) as i64,
            };
            if new > 0 {
                add(of(self), new as u64);
            }
        }
    }
}

/// `struct net_device_stats`.
pub(super) fn device_stats(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let layout = &reader.layout.network;
    let stats = reader.at(device, layout.device.stats)?;
    let of = |field| reader.unsigned(stats, field);
    Ok(Counters {
        rx_bytes: of(layout.stats.rx_bytes)?,
        rx_packets: of(layout.stats.rx_packets)?,
        rx_errors: of(layout.stats.rx_errors)?,
        rx_dropped: of(layout.stats.rx_dropped)?,
        rx_missed: of(layout.stats.rx_missed)?,
        tx_bytes: of(layout.stats.tx_bytes)?,
        tx_packets: of(layout.stats.tx_packets)?,
        tx_errors: of(layout.stats.tx_errors)?,
        tx_dropped: of(layout.stats.tx_dropped)?,
    })
}

/// `dev_lstats_read`: (packets, bytes) over all CPUs.
pub(super) fn lightweight(reader: &Reader, device: u64) -> ReadResult<(u64, u64)> {
    let layout = &reader.layout.network;
    let stats = reader.unsigned(device, layout.device.lstats)?;
    Ok((
        per_cpu_sum(reader, stats, layout.loopback_stats.packets)?,
        per_cpu_sum(reader, stats, layout.loopback_stats.bytes)?,
    ))
}

/// The device's per-CPU counters, of whatever kind.
pub(super) fn tunnel_counters(reader: &Reader, device: u64) -> ReadResult<Option<u64>> {
    reader.pointer(device, reader.layout.network.device.tstats)
}

/// The kind of per-CPU counters that the device itself names (34d21de99cea, 6.7, and stable kernels).
pub(super) fn stat_type(reader: &Reader, device: u64) -> Option<u64> {
    let kind = reader.layout.network.device.pcpu_stat_type;
    reader.unsigned(device, kind).ok().filter(|kind| *kind != 0)
}

/// `dev_fetch_sw_netstats`.
pub(super) fn add_tunnel(reader: &Reader, device: u64, counters: &mut Counters) -> ReadResult<()> {
    let layout = &reader.layout.network;
    let of = &layout.tunnel_stats;
    let per_cpu = reader.follow(device, layout.device.tstats)?;
    let sum = |field| per_cpu_sum(reader, per_cpu, field);
    add(&mut counters.rx_packets, sum(of.rx_packets)?);
    add(&mut counters.rx_bytes, sum(of.rx_bytes)?);
    add(&mut counters.tx_packets, sum(of.tx_packets)?);
    add(&mut counters.tx_bytes, sum(of.tx_bytes)?);
    Ok(())
}

/// A number of queues that can be: a sum over fewer than there are would be wrong.
pub(super) fn all_queues(queues: u64, device: u64) -> ReadResult<u64> {
    match queues > MOST_QUEUES {
        true => Err(ReadError::Nonsense { what: "a device has too many queues", address: device }),
        false => Ok(queues),
    }
}

/// A driver's own part leads back to its device: a check of offsets that no type information gave.
pub(super) fn check_owner(reader: &Reader, own: u64, dev: Field, device: u64) -> ReadResult<()> {
    match reader.unsigned(own, dev)? == device {
        true => Ok(()),
        false => Err(ReadError::Nonsense {
            what: "the driver's part does not lead back to its device",
            address: own,
        }),
    }
}

/// The driver's own part behind `struct net_device` (`netdev_priv`).
pub(super) fn private(reader: &Reader, device: u64) -> ReadResult<u64> {
    let layout = &reader.layout.network.device;
    if layout.private.exists() {
        return reader.at(device, layout.private);
    }
    match layout.size.checked_next_multiple_of(PRIVATE_ALIGNMENT) {
        Some(size) if layout.size > 0 => Ok(device.wrapping_add(u64::from(size))),
        _ => Err(ReadError::NoMember("net_device")),
    }
}

/// The sum of a counter over the possible CPUs.
pub(super) fn per_cpu_sum(reader: &Reader, base: u64, field: Field) -> ReadResult<u64> {
    let mut sum = 0;
    for cpu in reader.possible_cpus()? {
        add(&mut sum, reader.unsigned(reader.per_cpu(base, cpu)?, field)?);
    }
    Ok(sum)
}

/// The same of counters of 32 bits.
pub(super) fn per_cpu_sum_u32(reader: &Reader, base: u64, field: Field) -> ReadResult<u64> {
    per_cpu_sum(reader, base, field).map(|sum| u64::from(sum as u32))
}

/// Counters wrap, as the kernel's do.
pub(super) fn add(sum: &mut u64, value: u64) {
    *sum = sum.wrapping_add(value);
}

#[cfg(test)]
mod tests {
    use super::Counters;

    #[test]
    fn a_bond_counts_what_is_new_of_each_device_under_it() {
        let of = |rx_bytes, tx_packets| Counters { rx_bytes, tx_packets, ..Counters::default() };
        let folded = |now, before| {
            let mut counters = of(10, 20);
            counters.fold(&now, &before);
            counters
        };
        assert_eq!(folded(of(7, 9), of(5, 9)), of(12, 20));
        // A counter of 32 bits that went round, and one that began anew.
        assert_eq!(folded(of(1, 3), of(u64::from(u32::MAX), 1 << 33)), of(12, 20));
        assert_eq!(folded(of(1 << 40, 0), of((1 << 40) - 1, 5)), of(11, 20));
    }
}
