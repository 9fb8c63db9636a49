//! The section `connections`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// States of sockets by their numbers (include/net/tcp_states.h); 0 is none. A half-open connection
/// (`TCP_NEW_SYN_RECV`, 12) is shown as `SYN_RECV`, as `/proc` does.
pub const SOCKET_STATES: [&str; 13] = [
    "",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "SYN_RECV",
];

/// One socket of one network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Connection {
    /// Inode of the network namespace.
    #[column(label)]
    pub netns: Option<u32>,
    /// `tcp`, `tcp6`, `udp`, `udp6`, `udplite`, `udplite6`, `raw`, `raw6`, `icmp`, `icmp6` (both of ping sockets)
    /// or `unix`.
    pub protocol: Text,
    /// The state by the kernel's name without `TCP_`: `ESTABLISHED`, `LISTEN`, `CLOSE` (which is what
    /// an unconnected datagram socket has) ...
    pub state: Option<Text>,
    /// Own address; `None` for unix sockets.
    pub local_address: Option<Text>,
    /// Own port; of a raw socket its protocol number, of a ping socket its identifier; `None` for unix sockets.
    #[column(label)]
    pub local_port: Option<u16>,
    /// The other end's address; `None` for unix sockets.
    pub remote_address: Option<Text>,
    /// The other end's port; `None` for unix sockets.
    #[column(label)]
    pub remote_port: Option<u16>,
    /// The socket's inode; 0 where no process has it open any more, as `/proc` shows it.
    #[column(label)]
    pub inode: Option<u64>,
    /// The owner's user id.
    #[column(label)]
    pub uid: Option<u32>,
    /// A process that has it open; `None` where none has.
    #[column(label)]
    pub pid: Option<u32>,
    /// That process's descriptor.
    #[column(label)]
    pub fd: Option<u32>,
    /// A unix socket's path; `@` stands for the NUL at the start of an abstract one.
    pub path: Option<Text>,
}
