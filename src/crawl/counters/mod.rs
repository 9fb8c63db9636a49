//! An interface's packet counters: `dev_get_stats` (net/core/dev.c). Every driver keeps its own, so the
//! driver is told by its name, and then read as its `ndo_get_stats64` would.

mod cards;
mod common;
mod stacked;
mod veth;

use std::cell::Cell;

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::Text;
pub(super) use common::Counters;
use common::{
    TUNNEL_STATS, add, add_tunnel, device_stats, lightweight, per_cpu_sum, stat_type,
    tunnel_counters,
};
use veth::veth;

/// `IFF_LOOPBACK` (include/uapi/linux/if.h).
const LOOPBACK: u64 = 8;
/// `enum netdev_stat_type` (include/linux/netdevice.h).
const LOOPBACK_STATS: u64 = 1;
const DEVICE_STATS: u64 = 3;
/// Devices that stand on each other (`MAX_NEST_DEV`, include/linux/netdevice.h).
const DEEPEST_NEST: u32 = 8;
/// Devices under one device that are followed.
const MOST_UNDER: u32 = 1024;

/// Counters that only the driver's own code can tell: null is true, what the core keeps would not be.
const OWN_COUNTERS: ReadError =
    ReadError::Unknown("its driver keeps counters of its own, which nfm does not know");

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

/// Counters that a function of the driver's own tells.
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
        "bond" => stacked::bond(reader, device, |under| counters_under(reader, under, nest)),
        "vrf" => stacked::vrf(reader, device),
        "ifb" => stacked::ifb(reader, device),
        "tun" if tunnel_counters(reader, device)?.is_none() => stacked::tun(reader, device),
        // They read what others' do: `br_get_stats64` until 5.10, `tun_net_get_stats64` since then,
        // `macsec_get_stats64`, `netkit_get_stats`.
        "dummy" | "bridge" | "tun" | "macsec" | "netkit" => generic(reader, device),
        _ => Err(OWN_COUNTERS),
    }
}

/// The device's own counters, with those that the driver adds when it is asked.
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

/// The function that answers `dev_get_stats` (net/core/dev.c).
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
