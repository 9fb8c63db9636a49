//! Structures of the tables of neighbours: ARP and neighbour discovery (include/net/neighbour.h).

use crate::kernel::Types;

super::field::structures! {
    /// `struct neigh_table`: of one family, and of all namespaces.
    NeighbourTable = "neigh_table" {
        family: "family",
        /// Bytes of an address.
        key_length: "key_len",
        hash: "nht",
        /// Chains of `struct pneigh_entry`.
        proxies: "phash_buckets",
    }

    /// `struct neigh_hash_table`.
    NeighbourHash = "neigh_hash_table" {
        /// Lists since Linux 6.13, plain chains before.
        chains: "hash_heads" | "hash_buckets",
        /// The logarithm of their number.
        shift: "hash_shift",
    }

    /// `struct neighbour`.
    NeighbourEntry = "neighbour" {
        /// The link of its list ...
        node: "hash",
        /// ... or, until Linux 6.12, where the next one lies.
        next: "next",
        state: "nud_state",
        flags: "flags",
        protocol: "protocol",
        mac: "ha",
        device: "dev",
        address: "primary_key",
    }

    /// `struct pneigh_entry`: an address that is answered for.
    ProxyEntry = "pneigh_entry" {
        next: "next",
        net: "net.net",
        device: "dev",
        flags: "flags",
        protocol: "protocol",
        address: "key",
    }

    /// `struct net_device`: where it belongs to.
    NeighbourDevice = "net_device" {
        net: "nd_net.net",
    }
}

/// The layout of the section `neighbours`.
#[derive(Clone, Debug)]
pub(crate) struct NeighbourLayout {
    pub table: NeighbourTable,
    pub hash: NeighbourHash,
    pub entry: NeighbourEntry,
    pub proxy: ProxyEntry,
    pub device: NeighbourDevice,
}

impl NeighbourLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            table: NeighbourTable::compile(types),
            hash: NeighbourHash::compile(types),
            entry: NeighbourEntry::compile(types),
            proxy: ProxyEntry::compile(types),
            device: NeighbourDevice::compile(types),
        }
    }
}
