//! The rows of the section `neighbours`.

use std::ffi::c_char;

use nfm_frame_derive::CRow;

use super::super::frame::nfm_frame_t;
use super::hand_out;
use crate::frame::Neighbour;

/// Bit of nfm_neighbour_t.known: address.
pub const NFM_NEIGHBOUR_ADDRESS: u64 = 1u64 << 0;
/// Bit of nfm_neighbour_t.known: interface.
pub const NFM_NEIGHBOUR_INTERFACE: u64 = 1u64 << 1;
/// Bit of nfm_neighbour_t.known: mac.
pub const NFM_NEIGHBOUR_MAC: u64 = 1u64 << 2;
/// Bit of nfm_neighbour_t.known: state.
pub const NFM_NEIGHBOUR_STATE: u64 = 1u64 << 3;
/// Bit of nfm_neighbour_t.known: protocol.
pub const NFM_NEIGHBOUR_PROTOCOL: u64 = 1u64 << 4;
/// Bit of nfm_neighbour_t.known: flags.
pub const NFM_NEIGHBOUR_FLAGS: u64 = 1u64 << 5;
/// Bit of nfm_neighbour_t.known: netns.
pub const NFM_NEIGHBOUR_NETNS: u64 = 1u64 << 6;
/// Bit of nfm_neighbour_t.known: interface_index.
pub const NFM_NEIGHBOUR_INTERFACE_INDEX: u64 = 1u64 << 7;

/// One entry of the ARP table (IPv4) or of neighbour discovery (IPv6) of one network namespace, as ip neigh
/// show nud all and ip neigh show proxy print them.
#[repr(C)]
#[derive(CRow)]
#[row(Neighbour)]
pub struct nfm_neighbour_t {
    /// Which members are known, NFM_NEIGHBOUR_... combined; family always is.
    pub known: u64,
    /// "inet" or "inet6".
    #[row(always)]
    pub family: *const c_char,
    /// The neighbour's IP address; NULL if not known.
    pub address: *const c_char,
    /// The name of the interface behind which it is; NULL if not known, and where there is none, as a proxy entry
    /// may be for all.
    pub interface: *const c_char,
    /// The neighbour's hardware address; NULL if not known, and as long as it is not valid.
    pub mac: *const c_char,
    /// The state by the kernel's name without NUD_: "incomplete", "reachable", "stale", "delay", "probe",
    /// "failed", "noarp", "permanent", "none", the number of any other; NULL if not known.
    pub state: *const c_char,
    /// The entry's origin, by the names that routes have; NULL if not known, and where none is noted.
    pub protocol: *const c_char,
    /// "proxy" (an address that is answered for), "router", "extern_learn", "offload", "managed" and others of
    /// ip neigh, and a NULL; NULL if not known.
    pub flags: *const *const c_char,
    /// The number of strings in flags, without the NULL.
    pub flags_count: usize,
    /// Inode of the network namespace, as in /proc/PID/ns/net.
    pub netns: u32,
    /// The interface's index in its namespace.
    pub interface_index: u32,
}

/// The neighbours of a frame (ARP, NDP), of every network namespace.
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
pub unsafe extern "C" fn nfm_frame_neighbours(
    frame: *const nfm_frame_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_neighbour_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe {
        hand_out(frame, count, stride, |frame| frame.rows.of(frame.frame.neighbours.as_deref()))
    }
}
symver!("NFM_0.1", nfm_frame_neighbours);
