//! Structures of sockets and of the tables in which the kernel finds them.

use crate::kernel::Types;

super::field::structures! {
    /// `struct sock_common` (include/net/sock.h): the start of every kind of socket.
    SockCommon = "sock_common" {
        family: "skc_family",
        state: "skc_state",
        net: "skc_net.net",
        /// Network byte order.
        remote4: "skc_daddr",
        local4: "skc_rcv_saddr",
        remote_port: "skc_dport",
        /// Host byte order.
        local_port: "skc_num",
        remote6: "skc_v6_daddr",
        local6: "skc_v6_rcv_saddr",
        /// Link of a hash chain; one union with the kind that ends in a number.
        node: "skc_node",
    }

    /// `struct sock`.
    Sock = "sock" {
        socket: "sk_socket",
        uid: "sk_uid.val",
    }

    /// `struct inet_timewait_sock` (include/net/inet_timewait_sock.h): all that is left of a closed TCP socket.
    TimewaitSock = "inet_timewait_sock" {
        /// `TCP_FIN_WAIT2` or `TCP_TIME_WAIT`; the state of `sock_common` is the latter for both.
        substate: "tw_substate",
    }

    /// `struct socket_alloc` (include/net/sock.h): a socket and its inode in one.
    SocketAlloc = "socket_alloc" {
        socket: "socket",
        inode: "vfs_inode",
    }

    /// `struct inode`, of a socket.
    SocketInode = "inode" {
        number: "i_ino",
        uid: "i_uid.val",
    }

    /// `struct net`: tables that a namespace may have of its own.
    NetTables = "net" {
        /// (4461568aa4e5, 6.1; embedded before 5.19 too).
        tcp: "ipv4.tcp_death_row.hashinfo",
        /// (9804985bf27f, 6.2).
        udp: "ipv4.udp_table",
        /// (b6e811383062, 6.0).
        unix_buckets: "unx.table.buckets",
    }

    /// `struct inet_hashinfo` (include/net/inet_hashtables.h).
    InetHashinfo = "inet_hashinfo" {
        ehash: "ehash",
        ehash_mask: "ehash_mask",
        /// Listening sockets by address and port; the only table of them since cae3873c5b3a (5.19).
        lhash2: "lhash2",
        lhash2_mask: "lhash2_mask",
        /// Listening sockets by port, until 5.18.
        listening: "listening_hash",
    }

    /// `struct inet_listen_hashbucket`.
    ListenBucket = "inet_listen_hashbucket" {
        head: "nulls_head" | "head",
    }

    /// `struct inet_ehash_bucket`.
    EstablishedBucket = "inet_ehash_bucket" {
        head: "chain",
    }

    /// `struct udp_table` (include/net/udp.h).
    UdpTable = "udp_table" {
        hash: "hash",
        mask: "mask",
    }

    /// `struct udp_hslot`.
    UdpSlot = "udp_hslot" {
        head: "head",
    }

    /// `struct raw_hashinfo` (include/net/raw.h).
    RawHashinfo = "raw_hashinfo" {
        table: "ht",
    }

    /// `struct ping_table` (net/ipv4/ping.c).
    PingTable = "ping_table" {
        hash: "hash",
    }

    /// `struct unix_sock` (include/net/af_unix.h).
    UnixSock = "unix_sock" {
        addr: "addr",
    }

    /// `struct unix_address`.
    UnixAddress = "unix_address" {
        /// Bytes of `name`, its family included.
        length: "len",
        name: "name",
    }
}

/// The layout of the section `connections`.
#[derive(Clone, Debug)]
pub(crate) struct SocketLayout {
    pub common: SockCommon,
    pub sock: Sock,
    pub timewait: TimewaitSock,
    pub socket_alloc: SocketAlloc,
    pub inode: SocketInode,
    pub net: NetTables,
    pub inet: InetHashinfo,
    pub listen_bucket: ListenBucket,
    pub established_bucket: EstablishedBucket,
    pub udp: UdpTable,
    pub udp_slot: UdpSlot,
    pub raw: RawHashinfo,
    pub ping: PingTable,
    pub unix: UnixSock,
    pub unix_address: UnixAddress,
}

impl SocketLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            common: SockCommon::compile(types),
            sock: Sock::compile(types),
            timewait: TimewaitSock::compile(types),
            socket_alloc: SocketAlloc::compile(types),
            inode: SocketInode::compile(types),
            net: NetTables::compile(types),
            inet: InetHashinfo::compile(types),
            listen_bucket: ListenBucket::compile(types),
            established_bucket: EstablishedBucket::compile(types),
            udp: UdpTable::compile(types),
            udp_slot: UdpSlot::compile(types),
            raw: RawHashinfo::compile(types),
            ping: PingTable::compile(types),
            unix: UnixSock::compile(types),
            unix_address: UnixAddress::compile(types),
        }
    }
}
