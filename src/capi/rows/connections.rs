//! The rows of the section `connections`.

use std::ffi::c_char;
use std::net::IpAddr;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::{Connection, SOCKET_STATES};

/// Bit of nfm_connection_t.known: state.
pub const NFM_CONNECTION_STATE: u64 = 1u64 << 0;
/// Bit of nfm_connection_t.known: local_address.
pub const NFM_CONNECTION_LOCAL_ADDRESS: u64 = 1u64 << 1;
/// Bit of nfm_connection_t.known: remote_address.
pub const NFM_CONNECTION_REMOTE_ADDRESS: u64 = 1u64 << 2;
/// Bit of nfm_connection_t.known: path.
pub const NFM_CONNECTION_PATH: u64 = 1u64 << 3;
/// Bit of nfm_connection_t.known: inode.
pub const NFM_CONNECTION_INODE: u64 = 1u64 << 4;
/// Bit of nfm_connection_t.known: netns.
pub const NFM_CONNECTION_NETNS: u64 = 1u64 << 5;
/// Bit of nfm_connection_t.known: uid.
pub const NFM_CONNECTION_UID: u64 = 1u64 << 6;
/// Bit of nfm_connection_t.known: pid.
pub const NFM_CONNECTION_PID: u64 = 1u64 << 7;
/// Bit of nfm_connection_t.known: fd.
pub const NFM_CONNECTION_FD: u64 = 1u64 << 8;
/// Bit of nfm_connection_t.known: local_port.
pub const NFM_CONNECTION_LOCAL_PORT: u64 = 1u64 << 9;
/// Bit of nfm_connection_t.known: remote_port.
pub const NFM_CONNECTION_REMOTE_PORT: u64 = 1u64 << 10;

/// Bit of nfm_connection_t.known: protocol_id.
pub const NFM_CONNECTION_PROTOCOL_ID: u64 = 1u64 << 11;
/// Bit of nfm_connection_t.known: state_id.
pub const NFM_CONNECTION_STATE_ID: u64 = 1u64 << 12;
/// Bit of nfm_connection_t.known: family.
pub const NFM_CONNECTION_FAMILY: u64 = 1u64 << 13;
/// Bit of nfm_connection_t.known: local_ip.
pub const NFM_CONNECTION_LOCAL_IP: u64 = 1u64 << 14;
/// Bit of nfm_connection_t.known: remote_ip.
pub const NFM_CONNECTION_REMOTE_IP: u64 = 1u64 << 15;

/// One socket of one network namespace.
#[repr(C)]
#[derive(CRow)]
#[row(Connection)]
pub struct nfm_connection_t {
    /// Which members are known, NFM_CONNECTION_... combined; protocol always is.
    pub known: u64,
    /// "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6" (of ping sockets) or
    /// "unix"; later versions may add others.
    #[row(always)]
    pub protocol: *const c_char,
    /// The state by the kernel's name without TCP_: "ESTABLISHED", "LISTEN", "CLOSE" (which is what
    /// an unconnected datagram socket has) and others; NULL if not known.
    pub state: *const c_char,
    /// Own address; NULL if not known, and for unix sockets.
    pub local_address: *const c_char,
    /// The other end's address; NULL if not known, and for unix sockets.
    pub remote_address: *const c_char,
    /// A unix socket's path; '@' stands for the NUL at the start of an abstract one; NULL if not
    /// known, and for others.
    pub path: *const c_char,
    /// The socket's inode; 0 where no process has it open any more, as /proc shows it.
    pub inode: u64,
    /// Inode of the network namespace, as in /proc/PID/ns/net.
    pub netns: u32,
    /// The owner's user id.
    pub uid: u32,
    /// A process that has it open.
    pub pid: u32,
    /// That process's descriptor.
    pub fd: u32,
    /// Own port; of a raw socket its protocol number, of a ping socket its identifier.
    pub local_port: u16,
    /// The other end's port.
    pub remote_port: u16,
    /// Zero.
    pub reserved: u32,
    /// The protocol by its number: 6 for TCP, 17 for UDP, 136 for UDP-Lite, 1 and 58 for ICMP, 255 for a raw socket, of
    /// which local_port tells more; not known for unix sockets.
    #[row(computed)]
    pub protocol_id: u32,
    /// The state by the kernel's number (include/net/tcp_states.h): 1 for ESTABLISHED, 10 for LISTEN.
    #[row(computed)]
    pub state_id: u32,
    /// The addresses' family by Linux's number: AF_INET 2, AF_INET6 10, AF_UNIX 1.
    #[row(computed)]
    pub family: u32,
    /// Zero.
    pub reserved_2: u32,
    /// local_address in network order: of AF_INET the first four bytes, and zeros.
    #[row(computed)]
    pub local_ip: [u8; 16],
    /// remote_address likewise.
    #[row(computed)]
    pub remote_ip: [u8; 16],
}

/// `IPPROTO_…` (include/uapi/linux/in.h) by the names of the section.
const PROTOCOLS: [(&str, u32); 6] =
    [("tcp", 6), ("udp", 17), ("udplite", 136), ("icmp", 1), ("icmp6", 58), ("raw", 255)];

fn protocol_id(row: &Connection) -> Option<u32> {
    let known = |name: &str| PROTOCOLS.iter().find(|(one, _)| *one == name).map(|(_, id)| *id);
    known(&row.protocol).or_else(|| known(row.protocol.strip_suffix('6')?))
}

fn state_id(row: &Connection) -> Option<u32> {
    let state = row.state.as_deref()?;
    let number = SOCKET_STATES.iter().position(|one| *one == state)?;
    u32::try_from(number).ok()
}

fn family(row: &Connection) -> Option<u32> {
    let family = match &*row.protocol {
        "unix" => libc::AF_UNIX,
        name if name.ends_with('6') => libc::AF_INET6,
        _ => libc::AF_INET,
    };
    u32::try_from(family).ok()
}

fn local_ip(row: &Connection) -> Option<[u8; 16]> {
    ip(row.local_address.as_deref()?)
}

fn remote_ip(row: &Connection) -> Option<[u8; 16]> {
    ip(row.remote_address.as_deref()?)
}

fn ip(address: &str) -> Option<[u8; 16]> {
    Some(match address.parse().ok()? {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(address.octets()).for_each(|(to, from)| *to = from);
            bytes
        }
    })
}

/// The sockets of a frame, of every network namespace.
///
/// Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
/// the next, for NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
/// not hold the section or an argument is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_connections(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_connection_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe {
        hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.connections.as_deref()))
    }
}
symver!("NFM_0.1", nfm_frame_connections);
