// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Connection: one socket of one network namespace.
type Connection struct {
	// "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6" (of ping
	// sockets) or "unix"; later versions may add others.
	Protocol string

	// The state by the kernel's name without TCP_: "ESTABLISHED", "LISTEN", "CLOSE" (which is what an
	// unconnected datagram socket has) and others.
	State Opt[string]

	// Own address, and for unix sockets.
	LocalAddress Opt[string]

	// The other end's address, and for unix sockets.
	RemoteAddress Opt[string]

	// A unix socket's path; '@' stands for the NUL at the start of an abstract one known, and for
	// others.
	Path Opt[string]

	// The socket's inode; 0 where no process has it open any more, as /proc shows it.
	Inode Opt[uint64]

	// Inode of the network namespace, as in /proc/PID/ns/net.
	NetNS Opt[uint32]

	// The owner's user id.
	UID Opt[uint32]

	// A process that has it open.
	PID Opt[uint32]

	// That process's descriptor.
	FD Opt[uint32]

	// Own port; of a raw socket its protocol number, of a ping socket its identifier.
	LocalPort Opt[uint16]

	// The other end's port.
	RemotePort Opt[uint16]

	// The protocol by its number: 6 for TCP, 17 for UDP, 136 for UDP-Lite, 1 and 58 for ICMP, 255 for
	// a raw socket, of which local_port tells more; not known for unix sockets.
	ProtocolID Opt[uint32]

	// The state by the kernel's number (include/net/tcp_states.h): 1 for ESTABLISHED, 10 for LISTEN.
	StateID Opt[uint32]

	// The addresses' family by Linux's number: AF_INET 2, AF_INET6 10, AF_UNIX 1.
	Family Opt[uint32]

	// local_address in network order: of AF_INET the first four bytes, and zeros.
	LocalIP Opt[[16]byte]

	// remote_address likewise.
	RemoteIP Opt[[16]byte]
}

func newConnection(at unsafe.Pointer) (made Connection) {
	row := (*C.nfm_connection_t)(at)
	made.Protocol = C.GoString(row.protocol)
	if row.known&C.NFM_CONNECTION_STATE != 0 {
		made.State = Some(C.GoString(row.state))
	}
	if row.known&C.NFM_CONNECTION_LOCAL_ADDRESS != 0 {
		made.LocalAddress = Some(C.GoString(row.local_address))
	}
	if row.known&C.NFM_CONNECTION_REMOTE_ADDRESS != 0 {
		made.RemoteAddress = Some(C.GoString(row.remote_address))
	}
	if row.known&C.NFM_CONNECTION_PATH != 0 {
		made.Path = Some(C.GoString(row.path))
	}
	if row.known&C.NFM_CONNECTION_INODE != 0 {
		made.Inode = Some(uint64(row.inode))
	}
	if row.known&C.NFM_CONNECTION_NETNS != 0 {
		made.NetNS = Some(uint32(row.netns))
	}
	if row.known&C.NFM_CONNECTION_UID != 0 {
		made.UID = Some(uint32(row.uid))
	}
	if row.known&C.NFM_CONNECTION_PID != 0 {
		made.PID = Some(uint32(row.pid))
	}
	if row.known&C.NFM_CONNECTION_FD != 0 {
		made.FD = Some(uint32(row.fd))
	}
	if row.known&C.NFM_CONNECTION_LOCAL_PORT != 0 {
		made.LocalPort = Some(uint16(row.local_port))
	}
	if row.known&C.NFM_CONNECTION_REMOTE_PORT != 0 {
		made.RemotePort = Some(uint16(row.remote_port))
	}
	if row.known&C.NFM_CONNECTION_PROTOCOL_ID != 0 {
		made.ProtocolID = Some(uint32(row.protocol_id))
	}
	if row.known&C.NFM_CONNECTION_STATE_ID != 0 {
		made.StateID = Some(uint32(row.state_id))
	}
	if row.known&C.NFM_CONNECTION_FAMILY != 0 {
		made.Family = Some(uint32(row.family))
	}
	if row.known&C.NFM_CONNECTION_LOCAL_IP != 0 {
		made.LocalIP = Some(*(*[16]byte)(unsafe.Pointer(&row.local_ip)))
	}
	if row.known&C.NFM_CONNECTION_REMOTE_IP != 0 {
		made.RemoteIP = Some(*(*[16]byte)(unsafe.Pointer(&row.remote_ip)))
	}
	return made
}

// Connections returns the sockets of a frame, of every network namespace. It is ErrNoSection
// where it was not asked for.
func (frame *Frame) Connections() ([]Connection, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_connections(frame, count, stride))
	}, newConnection)
}
