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
	return made
}

// Connections returns the sockets of a frame, of every network namespace. It is ErrNoSection
// where it was not asked for.
func (frame *Frame) Connections() ([]Connection, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_connections(frame, count, stride))
	}, newConnection)
}
