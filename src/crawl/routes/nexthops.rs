//! The next hops of a route, which both families keep alike: in the route, or in an object of their own.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::read_error::ReadError;
use super::super::reader::{ReadResult, Reader};
use super::names::BLACKHOLE;
use crate::frame::{Route, Text};
use crate::layout::Field;

/// Next hops of one route: as many as a message of netlink can name (`struct rtnexthop` in one attribute), and more
/// than a group may have.
const MOST_HOPS: u64 = 1 << 16;
/// `AF_INET` and `AF_INET6`.
const INET: u64 = 2;
const INET6: u64 = 10;
/// The flags of a next hop that the kernel tells (`fib_nexthop_info`), by the names of ip(8).
const FLAGS: [(u64, &str); 5] =
    [(1, "dead"), (4, "onlink"), (8, "offload"), (64, "trap"), (16, "linkdown")];
/// The flags of a route, in the order in which they are asked for.
const ROUTE_FLAGS: [&str; 3] = ["rt_offload", "rt_trap", "rt_offload_failed"];

/// The next hops of one route.
pub(super) struct Hops {
    /// The object that names them, by its number.
    object: Option<u32>,
    /// It leads nowhere, whatever the route's own type.
    is_blackhole: bool,
    count: u64,
    place: Place,
}

/// Where they are.
enum Place {
    /// One behind the other, each of so many bytes with a `struct fib_nh_common` in it.
    Inline { first: u64, stride: u64, common: Field },
    /// The entries of a group.
    Group { first: u64 },
    /// One of an object's.
    One { common: u64 },
}

impl Hops {
    /// Those in the route itself.
    pub fn in_place(first: u64, count: u64, stride: u64, common: Field) -> Self {
        let place = Place::Inline { first, stride, common };
        Self { object: None, is_blackhole: false, count, place }
    }

    /// The number of the route's type, as the kernel tells it (`nexthop_is_blackhole`).
    pub fn kind(&self, own: u64) -> u64 {
        if self.is_blackhole { BLACKHOLE } else { own }
    }

    /// A next hop's `struct fib_nh_common`, and its weight where that is not in there.
    fn hop(&self, reader: &Reader, index: u64) -> ReadResult<(u64, Option<u32>)> {
        let layout = &reader.layout.routes;
        match &self.place {
            Place::Inline { first, stride, common } => {
                let hop = first.wrapping_add(index.wrapping_mul(*stride));
                Ok((reader.at(hop, *common)?, None))
            }
            Place::Group { first } => {
                let stride = u64::from(layout.group_entry.size);
                let entry = first.wrapping_add(index.wrapping_mul(stride));
                let object = reader.follow(entry, layout.group_entry.object)?;
                let weight = reader.u32(entry, layout.group_entry.weight)?;
                let info = reader.follow(object, layout.object.info)?;
                Ok((reader.at(info, layout.object_info.common)?, Some(weight)))
            }
            Place::One { common } => Ok((*common, None)),
        }
    }
}

/// The next hops that a `struct nexthop` names (net/ipv4/nexthop.c).
pub(super) fn hops_of_object(reader: &Reader, object: u64) -> ReadResult<Hops> {
    let layout = &reader.layout.routes;
    let id = Some(reader.u32(object, layout.object.id)?);
    let is_blackhole = |object| {
        let info = reader.follow(object, layout.object.info)?;
        reader.unsigned(info, layout.object_info.is_blackhole).map(|is| is & 1 != 0)
    };
    if reader.unsigned(object, layout.object.is_group)? & 1 == 0 {
        let info = reader.follow(object, layout.object.info)?;
        let common = reader.at(info, layout.object_info.common)?;
        let is_blackhole = is_blackhole(object)?;
        return Ok(Hops { object: id, is_blackhole, count: 1, place: Place::One { common } });
    }
    let group = reader.follow(object, layout.object.group)?;
    let count = reader.unsigned(group, layout.group.count)?;
    let first = reader.at(group, layout.group.entries)?;
    let is_blackhole = match count {
        1 => is_blackhole(reader.follow(first, layout.group_entry.object)?)?,
        _ => false,
    };
    Ok(Hops { object: id, is_blackhole, count, place: Place::Group { first } })
}

/// The flags of a route (RTM_F_OFFLOAD and its like), of which each kernel knows some.
pub(super) fn route_flags(reader: &Reader, base: u64, flags: [Field; 3]) -> Option<Vec<Text>> {
    let mut words = Vec::new();
    for (flag, word) in flags.into_iter().zip(ROUTE_FLAGS) {
        // One that this kernel knows not is never set.
        if flag.exists() && reader.note("flags", reader.unsigned(base, flag))? & 1 != 0 {
            words.push(Text::fixed(word));
        }
    }
    Some(words)
}

/// Adds a row for each next hop of a route. `flags` are the route's own.
pub(super) fn add_hops(
    reader: &Reader,
    route: &Route,
    hops: &Hops,
    flags: Option<&[Text]>,
    rows: &mut Vec<Route>,
) -> ReadResult<()> {
    if !(1..=MOST_HOPS).contains(&hops.count) {
        let address = match &hops.place {
            Place::Inline { first, .. } | Place::Group { first } => *first,
            Place::One { common } => *common,
        };
        return Err(ReadError::Nonsense { what: "a route has no next hops", address });
    }
    let count = hops.count as u32;
    for index in 0..count {
        let (common, weight) = hops.hop(reader, u64::from(index))?;
        let row = Route {
            nexthop_id: hops.object,
            nexthops: Some(count),
            nexthop: Some(index),
            ..route.clone()
        };
        let row = of_hop(reader, row, common, weight, flags);
        reader.row::<Route>()?;
        rows.push(row);
    }
    Ok(())
}

/// The row of one next hop, of a `struct fib_nh_common`. `own` are the route's own flags.
pub(super) fn of_hop(
    reader: &Reader,
    row: Route,
    common: u64,
    weight: Option<u32>,
    own: Option<&[Text]>,
) -> Route {
    let layout = &reader.layout.routes.hop;
    let device = reader.note("interface", reader.pointer(common, layout.device)).flatten();
    let devices = &reader.layout.network.device;
    let of_hop = reader.note("flags", reader.unsigned(common, layout.flags));
    let flags = of_hop.zip(own).map(|(of_hop, own)| {
        let words = FLAGS.iter().filter(|(bit, _)| of_hop & bit != 0);
        words.map(|(_, word)| Text::fixed(word)).chain(own.iter().cloned()).collect()
    });
    let own_weight = || reader.note("weight", reader.u32(common, layout.weight));
    Route {
        gateway: reader.note("gateway", gateway(reader, common)).flatten(),
        interface: device
            .and_then(|device| reader.note("interface", reader.text(device, devices.name))),
        interface_index: device
            .and_then(|device| reader.note("interface_index", reader.u32(device, devices.ifindex))),
        weight: weight.or_else(own_weight),
        flags,
        ..row
    }
}

fn gateway(reader: &Reader, common: u64) -> ReadResult<Option<Text>> {
    let layout = &reader.layout.routes.hop;
    let at = reader.at(common, layout.gateway)?;
    match reader.unsigned(common, layout.gateway_family)? {
        0 => Ok(None),
        INET => {
            let address = Ipv4Addr::from(reader.u32_at(at)?.to_le_bytes());
            Ok(Some(Text::of(format_args!("{address}"))))
        }
        INET6 => ipv6_address(reader, at).map(|address| Some(Text::of(format_args!("{address}")))),
        _ => Err(ReadError::Nonsense { what: "a gateway is of no known family", address: common }),
    }
}

/// The address of IPv6 that lies there.
pub(super) fn ipv6_address(reader: &Reader, at: u64) -> ReadResult<Ipv6Addr> {
    let mut bytes = [0; 16];
    reader.space.read(at, &mut bytes)?;
    Ok(Ipv6Addr::from(bytes))
}
