//! An interface's packet counters: `dev_get_stats` (net/core/dev.c). Every driver keeps its own, so the
//! driver is told by its name, and then read as its `ndo_get_stats64` would.

mod cards;
mod stacked;
mod veth;

use std::cell::Cell;

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::Text;
use crate::layout::Field;
use veth::veth;

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
/// Devices that stand on each other (`MAX_NEST_DEV`, include/linux/netdevice.h).
const DEEPEST_NEST: u32 = 8;
/// Devices under one device that are followed.
const MOST_UNDER: u32 = 1024;

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
    fn fold(&mut self, now: &Self, before: &Self) {
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

/// Reads the counters of a `struct net_device`.
pub(super) fn counters(reader: &Reader, device: u64) -> ReadResult<Counters> {
    counters_of(reader, device, &Nest { depth: 0, left: &Cell::new(MOST_UNDER) })
}

/// Where a device stands among those that one device has under it.
struct Nest<'a> {
    /// Devices above it.
    depth: u32,
    /// Devices that may still be met.
    left: &'a Cell<u32>,
}

/// The counters of a device under another one.
fn counters_under(reader: &Reader, device: u64, nest: &Nest) -> ReadResult<Counters> {
    let left = nest.left.get().checked_sub(1).filter(|_| nest.depth < DEEPEST_NEST);
    let Some(left) = left else {
        let what = "devices stand on each other without an end";
        return Err(ReadError::Nonsense { what, address: device });
    };
    nest.left.set(left);
    counters_of(reader, device, &Nest { depth: nest.depth + 1, left: nest.left })
}

fn counters_of(reader: &Reader, device: u64, nest: &Nest) -> ReadResult<Counters> {
    let mut counters = match driver(reader, device)?.as_ref() {
        "lo" => loopback(reader, device)?,
        "veth" => veth(reader, device)?,
        "virtio_net" => cards::virtio(reader, device)?,
        "e1000e" => cards::e1000e(reader, device)?,
        "8139too" => cards::rtl8139(reader, device)?,
        driver => match Asked::of(reader, device)? {
            Asked::Driver => of_driver(reader, device, driver, nest)?,
            Asked::Generic => generic(reader, device)?,
            Asked::Device => of_device(reader, device, driver)?,
        },
    };
    add_core_drops(reader, device, &mut counters)?;
    Ok(counters)
}

/// What a function of the driver's own tells.
fn of_driver(reader: &Reader, device: u64, driver: &str, nest: &Nest) -> ReadResult<Counters> {
    match driver {
        "dummy" if stat_type(reader, device).is_none() => {
            let (packets, bytes) = lightweight(reader, device)?;
            Ok(Counters { tx_packets: packets, tx_bytes: bytes, ..Counters::default() })
        }
        "vlan" => stacked::vlan(reader, device),
        "macvlan" | "macvtap" => stacked::macvlan(reader, device),
        "ipvlan" | "ipvtap" => stacked::ipvlan(reader, device),
        "team" => stacked::team(reader, device),
        "bond" => stacked::bond(reader, device, nest),
        "vrf" => stacked::vrf(reader, device),
        "ifb" => stacked::ifb(reader, device),
        "tun" if tunnel_counters(reader, device)?.is_none() => stacked::tun(reader, device),
        // They read what others' do: `br_get_stats64` until 5.10, `tun_net_get_stats64` since then,
        // `macsec_get_stats64`, `netkit_get_stats`.
        "dummy" | "bridge" | "tun" | "macsec" | "netkit" => generic(reader, device),
        _ => Err(OWN_COUNTERS),
    }
}

/// What the device's own counters tell, and what the driver adds to them when it is asked.
fn of_device(reader: &Reader, device: u64, driver: &str) -> ReadResult<Counters> {
    let mut counters = device_stats(reader, device)?;
    // `ip6_get_stats` (net/ipv6/ip6_tunnel.c) until 5.10 writes the sums over the CPUs into them.
    if driver == "ip6tnl" && tunnel_counters(reader, device)?.is_some() {
        (counters.rx_packets, counters.rx_bytes) = (0, 0);
        (counters.tx_packets, counters.tx_bytes) = (0, 0);
        add_tunnel(reader, device, &mut counters)?;
    }
    Ok(counters)
}

/// Who answers `dev_get_stats` (net/core/dev.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// A function of the driver's own.
    Driver,
    /// Those of tunnels, or the core by the type of the per-CPU counters: [`generic`].
    Generic,
    /// `net_device.stats` alone: the core, or an older `ndo_get_stats`, which returns it in nearly all drivers.
    Device,
}

impl Asked {
    fn of(reader: &Reader, device: u64) -> ReadResult<Self> {
        let (layout, symbols) = (&reader.layout.network, &reader.layout.symbols);
        let ops = reader.follow(device, layout.device.netdev_ops)?;
        if let Some(function) = reader.pointer(ops, layout.device_ops.ndo_get_stats64)? {
            let generic = [symbols.dev_get_tstats64, symbols.ip_tunnel_get_stats64];
            let is_generic = generic.iter().any(|symbol| symbol.address == Some(function));
            return Ok(if is_generic { Self::Generic } else { Self::Driver });
        }
        if reader.pointer(ops, layout.device_ops.ndo_get_stats)?.is_some() {
            return Ok(Self::Device);
        }
        Ok(match stat_type(reader, device) {
            Some(TUNNEL_STATS | DEVICE_STATS) => Self::Generic,
            _ => Self::Device,
        })
    }
}

/// The driver's name: of a virtual device the kind that `ip link add type` takes, of a real one its
/// bus driver.
fn driver(reader: &Reader, device: u64) -> ReadResult<Text> {
    let layout = &reader.layout.network;
    if reader.unsigned(device, layout.device.flags)? & LOOPBACK != 0 {
        return Ok(Text::fixed("lo"));
    }
    if let Some(ops) = reader.pointer(device, layout.device.rtnl_link_ops)?
        && let Some(kind) = reader.pointer(ops, layout.link_ops.kind)?
    {
        return reader.text_at(kind, 64);
    }
    let Some(parent) = reader.pointer(device, layout.device.parent)? else {
        return Ok(Text::default());
    };
    let Some(driver) = reader.pointer(parent, layout.generic_device.driver)? else {
        return Ok(Text::default());
    };
    reader.text_at(reader.follow(driver, layout.driver.name)?, 64)
}

/// `loopback_get_stats64`: what is sent is what is received.
fn loopback(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let (packets, bytes) = lightweight(reader, device)?;
    Ok(Counters {
        rx_packets: packets,
        tx_packets: packets,
        rx_bytes: bytes,
        tx_bytes: bytes,
        ..Counters::default()
    })
}

/// `dev_lstats_read`: (packets, bytes) over all CPUs.
fn lightweight(reader: &Reader, device: u64) -> ReadResult<(u64, u64)> {
    let layout = &reader.layout.network;
    let stats = reader.unsigned(device, layout.device.lstats)?;
    Ok((
        per_cpu_sum(reader, stats, layout.loopback_stats.packets)?,
        per_cpu_sum(reader, stats, layout.loopback_stats.bytes)?,
    ))
}

/// `struct net_device_stats`.
fn device_stats(reader: &Reader, device: u64) -> ReadResult<Counters> {
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

/// The same, and the per-CPU counters of the device.
fn generic(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let layout = &reader.layout.network;
    let mut counters = device_stats(reader, device)?;
    let Some(per_cpu) = tunnel_counters(reader, device)? else { return Ok(counters) };
    // A device without a type may have counters of any kind here; those of tunnels, bridges and tun
    // are by far the most common, and drivers with others are known by name above.
    match stat_type(reader, device).unwrap_or(TUNNEL_STATS) {
        LOOPBACK_STATS => {
            let (packets, bytes) = lightweight(reader, device)?;
            add(&mut counters.tx_packets, packets);
            add(&mut counters.tx_bytes, bytes);
        }
        DEVICE_STATS => {
            let of = &layout.device_stats;
            let sum = |field| per_cpu_sum(reader, per_cpu, field);
            add(&mut counters.rx_packets, sum(of.rx_packets)?);
            add(&mut counters.rx_bytes, sum(of.rx_bytes)?);
            add(&mut counters.rx_dropped, sum(of.rx_drops)?);
            add(&mut counters.tx_packets, sum(of.tx_packets)?);
            add(&mut counters.tx_bytes, sum(of.tx_bytes)?);
            add(&mut counters.tx_dropped, sum(of.tx_drops)?);
        }
        _ => add_tunnel(reader, device, &mut counters)?,
    }
    Ok(counters)
}

/// The device's per-CPU counters, of whatever kind.
fn tunnel_counters(reader: &Reader, device: u64) -> ReadResult<Option<u64>> {
    reader.pointer(device, reader.layout.network.device.tstats)
}

/// What the device itself says its per-CPU counters are (34d21de99cea, 6.7, and stable kernels).
fn stat_type(reader: &Reader, device: u64) -> Option<u64> {
    let kind = reader.layout.network.device.pcpu_stat_type;
    reader.unsigned(device, kind).ok().filter(|kind| *kind != 0)
}

/// `dev_fetch_sw_netstats`.
fn add_tunnel(reader: &Reader, device: u64, counters: &mut Counters) -> ReadResult<()> {
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
fn all_queues(queues: u64, device: u64) -> ReadResult<u64> {
    match queues > MOST_QUEUES {
        true => Err(ReadError::Nonsense { what: "a device has too many queues", address: device }),
        false => Ok(queues),
    }
}

/// A driver's own part leads back to its device: a check of offsets that no type information gave.
fn check_owner(reader: &Reader, own: u64, dev: Field, device: u64) -> ReadResult<()> {
    match reader.unsigned(own, dev)? == device {
        true => Ok(()),
        false => Err(ReadError::Nonsense {
            what: "the driver's part does not lead back to its device",
            address: own,
        }),
    }
}

/// Drops that the core counts itself, per CPU (`dev_get_stats`).
fn add_core_drops(reader: &Reader, device: u64, counters: &mut Counters) -> ReadResult<()> {
    let layout = &reader.layout.network;
    if !layout.device.core_stats.exists() {
        add(&mut counters.rx_dropped, reader.unsigned(device, layout.device.rx_dropped)?);
        add(&mut counters.tx_dropped, reader.unsigned(device, layout.device.tx_dropped)?);
        return Ok(());
    }
    let Some(drops) = reader.pointer(device, layout.device.core_stats)? else { return Ok(()) };
    add(&mut counters.rx_dropped, per_cpu_sum(reader, drops, layout.core_stats.rx_dropped)?);
    add(&mut counters.tx_dropped, per_cpu_sum(reader, drops, layout.core_stats.tx_dropped)?);
    Ok(())
}

/// The driver's own part behind `struct net_device` (`netdev_priv`).
fn private(reader: &Reader, device: u64) -> ReadResult<u64> {
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
fn per_cpu_sum(reader: &Reader, base: u64, field: Field) -> ReadResult<u64> {
    let mut sum = 0;
    for cpu in reader.possible_cpus()? {
        add(&mut sum, reader.unsigned(reader.per_cpu(base, cpu)?, field)?);
    }
    Ok(sum)
}

/// The same of counters of 32 bits.
fn per_cpu_sum_u32(reader: &Reader, base: u64, field: Field) -> ReadResult<u64> {
    per_cpu_sum(reader, base, field).map(|sum| u64::from(sum as u32))
}

/// Counters wrap, as the kernel's do.
fn add(sum: &mut u64, value: u64) {
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
