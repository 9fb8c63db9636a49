//! The rows of the section `interfaces`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::Interface;

/// Bit of nfm_interface_t.known: name.
pub const NFM_INTERFACE_NAME: u64 = 1u64 << 0;
/// Bit of nfm_interface_t.known: mac.
pub const NFM_INTERFACE_MAC: u64 = 1u64 << 1;
/// Bit of nfm_interface_t.known: ipv4.
pub const NFM_INTERFACE_IPV4: u64 = 1u64 << 2;
/// Bit of nfm_interface_t.known: ipv6.
pub const NFM_INTERFACE_IPV6: u64 = 1u64 << 3;
/// Bit of nfm_interface_t.known: rx_bytes.
pub const NFM_INTERFACE_RX_BYTES: u64 = 1u64 << 4;
/// Bit of nfm_interface_t.known: rx_packets.
pub const NFM_INTERFACE_RX_PACKETS: u64 = 1u64 << 5;
/// Bit of nfm_interface_t.known: rx_errors.
pub const NFM_INTERFACE_RX_ERRORS: u64 = 1u64 << 6;
/// Bit of nfm_interface_t.known: rx_dropped.
pub const NFM_INTERFACE_RX_DROPPED: u64 = 1u64 << 7;
/// Bit of nfm_interface_t.known: tx_bytes.
pub const NFM_INTERFACE_TX_BYTES: u64 = 1u64 << 8;
/// Bit of nfm_interface_t.known: tx_packets.
pub const NFM_INTERFACE_TX_PACKETS: u64 = 1u64 << 9;
/// Bit of nfm_interface_t.known: tx_errors.
pub const NFM_INTERFACE_TX_ERRORS: u64 = 1u64 << 10;
/// Bit of nfm_interface_t.known: tx_dropped.
pub const NFM_INTERFACE_TX_DROPPED: u64 = 1u64 << 11;
/// Bit of nfm_interface_t.known: netns.
pub const NFM_INTERFACE_NETNS: u64 = 1u64 << 12;
/// Bit of nfm_interface_t.known: index.
pub const NFM_INTERFACE_INDEX: u64 = 1u64 << 13;
/// Bit of nfm_interface_t.known: mtu.
pub const NFM_INTERFACE_MTU: u64 = 1u64 << 14;
/// Bit of nfm_interface_t.known: up.
pub const NFM_INTERFACE_UP: u64 = 1u64 << 15;

/// One network interface of one network namespace.
#[repr(C)]
#[derive(CRow)]
#[row(Interface)]
pub struct nfm_interface_t {
    /// Which members are known, NFM_INTERFACE_... combined.
    pub known: u64,
    /// Its name; NULL if not known.
    pub name: *const c_char,
    /// Hardware address, as ip link prints it; NULL if not known, and where the device has none.
    pub mac: *const c_char,
    /// IPv4 addresses with their prefix length ("10.0.2.15/24"), and a NULL; NULL if not known.
    pub ipv4: *const *const c_char,
    /// The number of strings in ipv4, without the NULL.
    pub ipv4_count: usize,
    /// IPv6 addresses with their prefix length, and a NULL; NULL if not known.
    pub ipv6: *const *const c_char,
    /// The number of strings in ipv6, without the NULL.
    pub ipv6_count: usize,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Failed sendings.
    pub tx_errors: u64,
    /// Packets dropped on the way out.
    pub tx_dropped: u64,
    /// Inode of the network namespace, as in /proc/PID/ns/net.
    pub netns: u32,
    /// The interface's index in its namespace.
    pub index: u32,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// 1 if it is set up (IFF_UP), else 0.
    pub up: u32,
}

/// The network interfaces of a frame, of every network namespace.
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
pub unsafe extern "C" fn nfm_frame_interfaces(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_interface_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe {
        hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.interfaces.as_deref()))
    }
}
symver!("NFM_0.1", nfm_frame_interfaces);
