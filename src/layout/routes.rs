//! Structures of the routing tables of IPv4 and IPv6.

use crate::kernel::Types;

super::field::structures! {
    /// `struct net`: the routing tables of a namespace (include/net/netns/ipv4.h, include/net/netns/ipv6.h).
    NetRoutes = "net" {
        /// Chains of `struct fib_table`, by the table's number.
        tables4: "ipv4.fib_table_hash",
        /// Only where there are tables of any number (CONFIG_IP_MULTIPLE_TABLES).
        rules4: "ipv4.rules_ops",
        /// Only where the kernel has IPv6.
        ipv6: "ipv6",
        /// Chains of `struct fib6_table`.
        tables6: "ipv6.fib_table_hash",
        /// Only with CONFIG_IPV6_MULTIPLE_TABLES.
        rules6: "ipv6.fib6_rules_ops",
        /// The entry that stands where no route is.
        null_entry: "ipv6.fib6_null_entry",
    }

    /// `struct fib_table` (include/net/ip_fib.h).
    FibTable = "fib_table" {
        node: "tb_hlist",
        id: "tb_id",
        /// The table's `struct trie`; of the table `local` that of `main`, as long as there are no rules.
        trie: "tb_data",
    }

    /// `struct trie` (net/ipv4/fib_trie.c).
    FibTrie = "trie" {
        root: "kv",
    }

    /// `struct key_vector`: a node of the trie or, with 0 bits, a leaf.
    KeyVector = "key_vector" {
        /// The prefix, as a number.
        key: "key",
        /// The lowest of the bits that choose a child, and how many they are.
        position: "pos",
        bits: "bits",
        children: "tnode",
        leaf: "leaf",
    }

    /// `struct fib_alias` (net/ipv4/fib_lookup.h): a route of a leaf.
    FibAlias = "fib_alias" {
        node: "fa_list",
        info: "fa_info",
        /// As DSCP since Linux 5.18, with the same bits.
        tos: "fa_dscp" | "fa_tos",
        kind: "fa_type",
        /// 32 less the length of the prefix.
        suffix: "fa_slen",
        table: "tb_id",
        offload: "offload",
        trap: "trap",
        /// Since Linux 5.12.
        offload_failed: "offload_failed",
    }

    /// `struct fib_info`: what routes may have in common.
    FibInfo = "fib_info" {
        protocol: "fib_protocol",
        scope: "fib_scope",
        preferred_source: "fib_prefsrc",
        metric: "fib_priority",
        metrics: "fib_metrics",
        /// The next hops that lie behind it ...
        hop_count: "fib_nhs",
        hops: "fib_nh",
        /// ... or the object that names them.
        object: "nh",
    }

    /// `struct fib_nh`.
    FibNexthop = "fib_nh" {
        common: "nh_common",
    }

    /// `struct fib_nh_common`: a next hop of either family.
    FibNexthopCommon = "fib_nh_common" {
        device: "nhc_dev",
        flags: "nhc_flags",
        gateway_family: "nhc_gw_family",
        gateway: "nhc_gw",
        weight: "nhc_weight",
    }

    /// `struct dst_metrics` (include/net/dst.h).
    RouteMetrics = "dst_metrics" {
        metrics: "metrics",
    }

    /// `struct nexthop` (include/net/nexthop.h): one next hop, or a group of them.
    NexthopObject = "nexthop" {
        id: "id",
        is_group: "is_group",
        info: "nh_info",
        group: "nh_grp",
    }

    /// `struct nh_info`.
    NexthopInfo = "nh_info" {
        is_blackhole: "reject_nh",
        common: "fib_nhc",
    }

    /// `struct nh_group`.
    NexthopGroup = "nh_group" {
        count: "num_nh",
        entries: "nh_entries",
    }

    /// `struct nh_grp_entry`.
    NexthopGroupEntry = "nh_grp_entry" {
        object: "nh",
        weight: "weight",
    }

    /// `struct fib6_table` (include/net/ip6_fib.h).
    Fib6Table = "fib6_table" {
        node: "tb6_hlist",
        id: "tb6_id",
        root: "tb6_root",
    }

    /// `struct fib6_node`.
    Fib6Node = "fib6_node" {
        parent: "parent",
        left: "left",
        right: "right",
        /// Routes to the same destinations by where a packet comes from; only with CONFIG_IPV6_SUBTREES.
        subtree: "subtree",
        leaf: "leaf",
        /// The length of its prefix.
        bit: "fn_bit",
        flags: "fn_flags",
    }

    /// `struct fib6_info`: a route with one next hop; others that differ in it alone are its siblings.
    Fib6Info = "fib6_info" {
        next: "fib6_next",
        sibling_count: "fib6_nsiblings",
        metrics: "fib6_metrics",
        destination: "fib6_dst.addr",
        destination_length: "fib6_dst.plen",
        source: "fib6_src.addr",
        source_length: "fib6_src.plen",
        preferred_source: "fib6_prefsrc.addr",
        preferred_source_length: "fib6_prefsrc.plen",
        metric: "fib6_metric",
        protocol: "fib6_protocol",
        kind: "fib6_type",
        offload: "offload",
        trap: "trap",
        /// Since Linux 5.12.
        offload_failed: "offload_failed",
        object: "nh",
        hop: "fib6_nh",
    }

    /// `struct fib6_nh`.
    Fib6Nexthop = "fib6_nh" {
        common: "nh_common",
    }
}

/// The layout of the section `routes`.
#[derive(Clone, Debug)]
pub(crate) struct RouteLayout {
    pub net: NetRoutes,
    pub table4: FibTable,
    pub trie: FibTrie,
    pub vector: KeyVector,
    pub alias: FibAlias,
    pub info: FibInfo,
    pub hop4: FibNexthop,
    pub hop: FibNexthopCommon,
    pub metrics: RouteMetrics,
    pub object: NexthopObject,
    pub object_info: NexthopInfo,
    pub group: NexthopGroup,
    pub group_entry: NexthopGroupEntry,
    pub table6: Fib6Table,
    pub node6: Fib6Node,
    pub route6: Fib6Info,
    pub hop6: Fib6Nexthop,
}

impl RouteLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            net: NetRoutes::compile(types),
            table4: FibTable::compile(types),
            trie: FibTrie::compile(types),
            vector: KeyVector::compile(types),
            alias: FibAlias::compile(types),
            info: FibInfo::compile(types),
            hop4: FibNexthop::compile(types),
            hop: FibNexthopCommon::compile(types),
            metrics: RouteMetrics::compile(types),
            object: NexthopObject::compile(types),
            object_info: NexthopInfo::compile(types),
            group: NexthopGroup::compile(types),
            group_entry: NexthopGroupEntry::compile(types),
            table6: Fib6Table::compile(types),
            node6: Fib6Node::compile(types),
            route6: Fib6Info::compile(types),
            hop6: Fib6Nexthop::compile(types),
        }
    }
}
