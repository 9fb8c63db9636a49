//! Tables and metrics, which the routes of both families have in common.

use super::super::lists::Walk;
use super::super::read_error::ReadError;
use super::super::reader::{ReadResult, Reader};
use super::super::whole::pointers;
use crate::layout::Field;

/// Chains of tables with CONFIG_IP_MULTIPLE_TABLES (`FIB_TABLE_HASHSZ`, include/net/ip_fib.h; `FIB6_TABLE_HASHSZ`,
/// include/net/ip6_fib.h).
const CHAINS: u64 = 256;
/// `RTAX_MTU - 1` (include/uapi/linux/rtnetlink.h).
const MTU: u32 = 1;

/// The tables of a namespace: chains by the table's number, one without rules.
pub(super) fn tables(
    reader: &Reader,
    net: u64,
    family: &Family,
    found: &mut Vec<u64>,
) -> ReadResult<()> {
    // None before the namespace is ready, and where IPv6 is off.
    let Some(chains) = reader.pointer(net, family.tables)? else { return Ok(()) };
    let count = if family.rules.exists() { CHAINS } else { family.chains_without_rules };
    for (chain, head) in pointers(reader, chains, count)? {
        let mut link = head;
        let mut walk = Walk::new(link);
        while link != 0 {
            walk.step(link, "the chain of tables does not end", link)?;
            let table = reader.container(link, family.node)?;
            let id = reader.unsigned(table, family.id)?;
            if id & (count - 1) != chain {
                let what = "a routing table is in another's chain";
                return Err(ReadError::Nonsense { what, address: table });
            }
            reader.keep(16)?;
            found.push(table);
            link = reader.u64_at(link)?;
        }
    }
    Ok(())
}

/// Where the tables of one family are.
pub(super) struct Family {
    pub tables: Field,
    pub rules: Field,
    /// Chains of a kernel without rules, a power of two.
    pub chains_without_rules: u64,
    pub node: Field,
    pub id: Field,
}

/// The MTU that a route's metrics have.
pub(super) fn mtu(reader: &Reader, route: u64, metrics: Field) -> ReadResult<Option<u32>> {
    let Some(metrics) = reader.pointer(route, metrics)? else { return Ok(None) };
    let mtu = reader.element(metrics, reader.layout.routes.metrics.metrics, MTU)?;
    Ok(u32::try_from(mtu).ok().filter(|mtu| *mtu != 0))
}
