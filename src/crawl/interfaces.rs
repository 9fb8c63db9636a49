//! The section `interfaces`: names, addresses and counters as `/proc/net/dev` and `ip address` show
//! them, of every network namespace.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::counters::{Counters, counters};
use super::lists::Walk;
use super::reader::{ReadResult, Reader};
use crate::frame::{Interface, Text};

/// `IFF_UP` (include/uapi/linux/if.h).
const UP: u64 = 1;
/// The longest hardware address (`MAX_ADDR_LEN`).
pub(super) const LONGEST_ADDRESS: u64 = 32;
/// Tunnels whose hardware address is one of IPv4: `ARPHRD_TUNNEL`, `ARPHRD_SIT`, `ARPHRD_IPGRE`
/// (include/uapi/linux/if_arp.h).
const OVER_IPV4: [u64; 3] = [768, 776, 778];
/// Those of IPv6: `ARPHRD_TUNNEL6`, `ARPHRD_IP6GRE`.
const OVER_IPV6: [u64; 2] = [769, 823];
/// Addresses of one interface that are followed.
const MOST_ADDRESSES: usize = 1 << 16;

pub(super) fn crawl(reader: &Reader) -> Vec<Interface> {
    let layout = &reader.layout.network;
    let head = reader.symbol(reader.layout.symbols.net_namespace_list);
    let Some(head) = reader.note("interfaces", head) else { return Vec::new() };
    let mut rows = Vec::new();
    for net in reader.list("network namespaces", head, layout.net.list) {
        let netns = reader.note("netns", reader.u32(net, layout.net.inum));
        let devices = reader.at(net, layout.net.dev_base_head);
        let Some(devices) = reader.note("interfaces", devices) else { continue };
        let devices = reader.list("interfaces", devices, layout.device.dev_list);
        for device in reader.rows::<Interface, _>(devices) {
            rows.push(row(reader, device, netns));
        }
    }
    rows
}

fn row(reader: &Reader, device: u64, netns: Option<u32>) -> Interface {
    let layout = &reader.layout.network;
    let name = reader.note("name", reader.text(device, layout.device.name));
    let flags = reader.note("flags", reader.unsigned(device, layout.device.flags));
    let counters = match counters(reader, device) {
        Ok(counters) => Some(counters),
        Err(error) => {
            let of = name.as_deref().unwrap_or("an interface");
            reader.note(&format!("counters of {of}"), Err(error))
        }
    };
    let counter = |of: fn(&Counters) -> u64| counters.as_ref().map(of);
    Interface {
        netns,
        index: reader.note("index", reader.u32(device, layout.device.ifindex)),
        mac: reader.note("mac", mac(reader, device)).flatten(),
        mtu: reader.note("mtu", reader.u32(device, layout.device.mtu)),
        up: flags.map(|flags| flags & UP != 0),
        ipv4: reader.note("ipv4", ipv4(reader, device)),
        ipv6: reader.note("ipv6", ipv6(reader, device)),
        rx_bytes: counter(|c| c.rx_bytes),
        rx_packets: counter(|c| c.rx_packets),
        rx_errors: counter(|c| c.rx_errors),
        rx_dropped: counter(Counters::rx_lost),
        tx_bytes: counter(|c| c.tx_bytes),
        tx_packets: counter(|c| c.tx_packets),
        tx_errors: counter(|c| c.tx_errors),
        tx_dropped: counter(|c| c.tx_dropped),
        name,
    }
}

/// As `rtnl_fill_ifinfo` (net/core/rtnetlink.c) gives it to ip(8): none where it has no bytes.
fn mac(reader: &Reader, device: u64) -> ReadResult<Option<Text>> {
    let layout = &reader.layout.network.device;
    let length = reader.unsigned(device, layout.addr_len)?.min(LONGEST_ADDRESS);
    let Some(address) = reader.pointer(device, layout.dev_addr)?.filter(|_| length > 0) else {
        return Ok(None);
    };
    let bytes = reader.bytes_at(address, length as usize)?;
    Ok(Some(hardware_address(&bytes, reader.unsigned(device, layout.hardware)?)))
}

/// As `ll_addr_n2a` (lib/ll_addr.c of iproute2) writes it: of a tunnel it is the IP address of its own end.
pub(super) fn hardware_address(bytes: &[u8], hardware: u64) -> Text {
    if let (true, Ok(four)) = (OVER_IPV4.contains(&hardware), <[u8; 4]>::try_from(bytes)) {
        return Text::of(format_args!("{}", Ipv4Addr::from(four)));
    }
    if let (true, Ok(sixteen)) = (OVER_IPV6.contains(&hardware), <[u8; 16]>::try_from(bytes)) {
        return Text::of(format_args!("{}", Ipv6Addr::from(sixteen)));
    }
    let digit = |half: u8| char::from_digit(u32::from(half), 16);
    let mut text = String::with_capacity(3 * bytes.len());
    for byte in bytes {
        if !text.is_empty() {
            text.push(':');
        }
        text.extend([digit(byte >> 4), digit(byte & 15)].into_iter().flatten());
    }
    text.into()
}

fn ipv4(reader: &Reader, device: u64) -> ReadResult<Vec<Text>> {
    let layout = &reader.layout.network;
    let mut addresses = Vec::new();
    let Some(own) = reader.pointer(device, layout.device.ip_ptr)? else { return Ok(addresses) };
    let mut next = reader.pointer(own, layout.in_device.ifa_list)?;
    let mut walk = Walk::new(own);
    while let Some(entry) = next {
        walk.step(entry, "the addresses do not end", entry)?;
        if addresses.len() >= MOST_ADDRESSES {
            let reason =
                format!("of an interface's addresses the first {MOST_ADDRESSES} are shown");
            reader.problem(reason, Some(entry));
            break;
        }
        // Network byte order: the first byte in memory is the first of the address.
        let local = reader.u32(entry, layout.in_ifaddr.ifa_local)?;
        let prefix = reader.unsigned(entry, layout.in_ifaddr.ifa_prefixlen)?;
        let address = Ipv4Addr::from(local.to_le_bytes());
        addresses.push(Text::of(format_args!("{address}/{prefix}")));
        next = reader.pointer(entry, layout.in_ifaddr.ifa_next)?;
    }
    Ok(addresses)
}

fn ipv6(reader: &Reader, device: u64) -> ReadResult<Vec<Text>> {
    let layout = &reader.layout.network;
    let Some(own) = reader.pointer(device, layout.device.ip6_ptr)? else { return Ok(Vec::new()) };
    let head = reader.at(own, layout.inet6_dev.addr_list)?;
    reader
        .list("IPv6 addresses", head, layout.inet6_ifaddr.if_list)
        .into_iter()
        .map(|entry| {
            let bytes = reader.bytes_at(reader.at(entry, layout.inet6_ifaddr.addr)?, 16)?;
            let address: [u8; 16] = bytes.try_into().unwrap_or_default();
            let prefix = reader.unsigned(entry, layout.inet6_ifaddr.prefix_len)?;
            Ok(Text::of(format_args!("{}/{prefix}", Ipv6Addr::from(address))))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::hardware_address;

    #[test]
    fn a_tunnels_hardware_address_is_its_ip_address() {
        let ipv4 = [10, 9, 0, 1];
        for kind in [768, 776, 778] {
            assert_eq!(&*hardware_address(&ipv4, kind), "10.9.0.1");
        }
        assert_eq!(&*hardware_address(&ipv4, 1), "0a:09:00:01");
        let mut ipv6 = [0; 16];
        ipv6[0] = 0xfd;
        ipv6[15] = 1;
        for kind in [769, 823] {
            assert_eq!(&*hardware_address(&ipv6, kind), "fd00::1");
        }
        assert_eq!(&*hardware_address(&[0xab; 20], 32), ["ab"; 20].join(":"));
    }
}
