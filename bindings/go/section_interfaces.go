// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Interface: one network interface of one network namespace.
type Interface struct {
	// Its name.
	Name Opt[string]

	// Hardware address, as ip link prints it, and where the device has none.
	MAC Opt[string]

	// IPv4 addresses with their prefix length ("10.0.2.15/24"), and a NULL.
	IPv4 Opt[[]string]

	// IPv6 addresses with their prefix length, and a NULL.
	IPv6 Opt[[]string]

	// Bytes received.
	RxBytes Opt[uint64]

	// Packets received.
	RxPackets Opt[uint64]

	// Bad packets received.
	RxErrors Opt[uint64]

	// Packets received and dropped.
	RxDropped Opt[uint64]

	// Bytes sent.
	TxBytes Opt[uint64]

	// Packets sent.
	TxPackets Opt[uint64]

	// Failed sendings.
	TxErrors Opt[uint64]

	// Packets dropped on the way out.
	TxDropped Opt[uint64]

	// Inode of the network namespace, as in /proc/PID/ns/net.
	NetNS Opt[uint32]

	// The interface's index in its namespace.
	Index Opt[uint32]

	// Largest packet in bytes.
	MTU Opt[uint32]

	// 1 if it is set up (IFF_UP), else 0.
	Up Opt[bool]
}

func newInterface(at unsafe.Pointer) (made Interface) {
	row := (*C.nfm_interface_t)(at)
	if row.known&C.NFM_INTERFACE_NAME != 0 {
		made.Name = Some(C.GoString(row.name))
	}
	if row.known&C.NFM_INTERFACE_MAC != 0 {
		made.MAC = Some(C.GoString(row.mac))
	}
	if row.known&C.NFM_INTERFACE_IPV4 != 0 {
		made.IPv4 = Some(texts(row.ipv4, row.ipv4_count))
	}
	if row.known&C.NFM_INTERFACE_IPV6 != 0 {
		made.IPv6 = Some(texts(row.ipv6, row.ipv6_count))
	}
	if row.known&C.NFM_INTERFACE_RX_BYTES != 0 {
		made.RxBytes = Some(uint64(row.rx_bytes))
	}
	if row.known&C.NFM_INTERFACE_RX_PACKETS != 0 {
		made.RxPackets = Some(uint64(row.rx_packets))
	}
	if row.known&C.NFM_INTERFACE_RX_ERRORS != 0 {
		made.RxErrors = Some(uint64(row.rx_errors))
	}
	if row.known&C.NFM_INTERFACE_RX_DROPPED != 0 {
		made.RxDropped = Some(uint64(row.rx_dropped))
	}
	if row.known&C.NFM_INTERFACE_TX_BYTES != 0 {
		made.TxBytes = Some(uint64(row.tx_bytes))
	}
	if row.known&C.NFM_INTERFACE_TX_PACKETS != 0 {
		made.TxPackets = Some(uint64(row.tx_packets))
	}
	if row.known&C.NFM_INTERFACE_TX_ERRORS != 0 {
		made.TxErrors = Some(uint64(row.tx_errors))
	}
	if row.known&C.NFM_INTERFACE_TX_DROPPED != 0 {
		made.TxDropped = Some(uint64(row.tx_dropped))
	}
	if row.known&C.NFM_INTERFACE_NETNS != 0 {
		made.NetNS = Some(uint32(row.netns))
	}
	if row.known&C.NFM_INTERFACE_INDEX != 0 {
		made.Index = Some(uint32(row.index))
	}
	if row.known&C.NFM_INTERFACE_MTU != 0 {
		made.MTU = Some(uint32(row.mtu))
	}
	if row.known&C.NFM_INTERFACE_UP != 0 {
		made.Up = Some(row.up != 0)
	}
	return made
}

// Interfaces returns the network interfaces of a frame, of every network namespace. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Interfaces() ([]Interface, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_interfaces(frame, count, stride))
	}, newInterface)
}
