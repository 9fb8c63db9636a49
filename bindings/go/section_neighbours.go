// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Neighbour: one entry of the ARP table (IPv4) or of neighbour discovery (IPv6) of one network
// namespace, as ip neigh show nud all and ip neigh show proxy print them.
type Neighbour struct {
	// "inet" or "inet6".
	Family string

	// The neighbour's IP address.
	Address Opt[string]

	// The name of the interface behind which it is, and where there is none, as a proxy entry may be
	// for all.
	Interface Opt[string]

	// The neighbour's hardware address, and as long as it is not valid.
	MAC Opt[string]

	// The state by the kernel's name without NUD_: "incomplete", "reachable", "stale", "delay",
	// "probe", "failed", "noarp", "permanent", "none", the number of any other.
	State Opt[string]

	// The entry's origin, by the names that routes have, and where none is noted.
	Protocol Opt[string]

	// "proxy" (an address that is answered for), "router", "extern_learn", "offload", "managed" and
	// others of ip neigh, and a NULL.
	Flags Opt[[]string]

	// Inode of the network namespace, as in /proc/PID/ns/net.
	NetNS Opt[uint32]

	// The interface's index in its namespace.
	InterfaceIndex Opt[uint32]
}

func newNeighbour(at unsafe.Pointer) (made Neighbour) {
	row := (*C.nfm_neighbour_t)(at)
	made.Family = C.GoString(row.family)
	if row.known&C.NFM_NEIGHBOUR_ADDRESS != 0 {
		made.Address = Some(C.GoString(row.address))
	}
	if row.known&C.NFM_NEIGHBOUR_INTERFACE != 0 {
		made.Interface = Some(C.GoString(row._interface))
	}
	if row.known&C.NFM_NEIGHBOUR_MAC != 0 {
		made.MAC = Some(C.GoString(row.mac))
	}
	if row.known&C.NFM_NEIGHBOUR_STATE != 0 {
		made.State = Some(C.GoString(row.state))
	}
	if row.known&C.NFM_NEIGHBOUR_PROTOCOL != 0 {
		made.Protocol = Some(C.GoString(row.protocol))
	}
	if row.known&C.NFM_NEIGHBOUR_FLAGS != 0 {
		made.Flags = Some(texts(row.flags, row.flags_count))
	}
	if row.known&C.NFM_NEIGHBOUR_NETNS != 0 {
		made.NetNS = Some(uint32(row.netns))
	}
	if row.known&C.NFM_NEIGHBOUR_INTERFACE_INDEX != 0 {
		made.InterfaceIndex = Some(uint32(row.interface_index))
	}
	return made
}

// Neighbours returns the neighbours of a frame (ARP, NDP), of every network namespace. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Neighbours() ([]Neighbour, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_neighbours(frame, count, stride))
	}, newNeighbour)
}
