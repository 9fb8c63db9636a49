// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// ConnectionView is a Connection where it lies, of which nothing is copied. It is valid during
// EachConnection alone.
type ConnectionView struct{ row *C.nfm_connection_t }

// Protocol is as in Connection.
func (view ConnectionView) Protocol() Text {
	return Text{view.row.protocol}
}

// State is as in Connection.
func (view ConnectionView) State() (made Opt[Text]) {
	if view.row.known&C.NFM_CONNECTION_STATE != 0 {
		made = Some(Text{view.row.state})
	}
	return made
}

// LocalAddress is as in Connection.
func (view ConnectionView) LocalAddress() (made Opt[Text]) {
	if view.row.known&C.NFM_CONNECTION_LOCAL_ADDRESS != 0 {
		made = Some(Text{view.row.local_address})
	}
	return made
}

// RemoteAddress is as in Connection.
func (view ConnectionView) RemoteAddress() (made Opt[Text]) {
	if view.row.known&C.NFM_CONNECTION_REMOTE_ADDRESS != 0 {
		made = Some(Text{view.row.remote_address})
	}
	return made
}

// Path is as in Connection.
func (view ConnectionView) Path() (made Opt[Text]) {
	if view.row.known&C.NFM_CONNECTION_PATH != 0 {
		made = Some(Text{view.row.path})
	}
	return made
}

// Inode is as in Connection.
func (view ConnectionView) Inode() (made Opt[uint64]) {
	if view.row.known&C.NFM_CONNECTION_INODE != 0 {
		made = Some(uint64(view.row.inode))
	}
	return made
}

// NetNS is as in Connection.
func (view ConnectionView) NetNS() (made Opt[uint32]) {
	if view.row.known&C.NFM_CONNECTION_NETNS != 0 {
		made = Some(uint32(view.row.netns))
	}
	return made
}

// UID is as in Connection.
func (view ConnectionView) UID() (made Opt[uint32]) {
	if view.row.known&C.NFM_CONNECTION_UID != 0 {
		made = Some(uint32(view.row.uid))
	}
	return made
}

// PID is as in Connection.
func (view ConnectionView) PID() (made Opt[uint32]) {
	if view.row.known&C.NFM_CONNECTION_PID != 0 {
		made = Some(uint32(view.row.pid))
	}
	return made
}

// FD is as in Connection.
func (view ConnectionView) FD() (made Opt[uint32]) {
	if view.row.known&C.NFM_CONNECTION_FD != 0 {
		made = Some(uint32(view.row.fd))
	}
	return made
}

// LocalPort is as in Connection.
func (view ConnectionView) LocalPort() (made Opt[uint16]) {
	if view.row.known&C.NFM_CONNECTION_LOCAL_PORT != 0 {
		made = Some(uint16(view.row.local_port))
	}
	return made
}

// RemotePort is as in Connection.
func (view ConnectionView) RemotePort() (made Opt[uint16]) {
	if view.row.known&C.NFM_CONNECTION_REMOTE_PORT != 0 {
		made = Some(uint16(view.row.remote_port))
	}
	return made
}

// ProtocolID is as in Connection.
func (view ConnectionView) ProtocolID() (made Opt[uint32]) {
	if view.row.known&C.NFM_CONNECTION_PROTOCOL_ID != 0 {
		made = Some(uint32(view.row.protocol_id))
	}
	return made
}

// StateID is as in Connection.
func (view ConnectionView) StateID() (made Opt[uint32]) {
	if view.row.known&C.NFM_CONNECTION_STATE_ID != 0 {
		made = Some(uint32(view.row.state_id))
	}
	return made
}

// Family is as in Connection.
func (view ConnectionView) Family() (made Opt[uint32]) {
	if view.row.known&C.NFM_CONNECTION_FAMILY != 0 {
		made = Some(uint32(view.row.family))
	}
	return made
}

// LocalIP is as in Connection.
func (view ConnectionView) LocalIP() (made Opt[[16]byte]) {
	if view.row.known&C.NFM_CONNECTION_LOCAL_IP != 0 {
		made = Some(*(*[16]byte)(unsafe.Pointer(&view.row.local_ip)))
	}
	return made
}

// RemoteIP is as in Connection.
func (view ConnectionView) RemoteIP() (made Opt[[16]byte]) {
	if view.row.known&C.NFM_CONNECTION_REMOTE_IP != 0 {
		made = Some(*(*[16]byte)(unsafe.Pointer(&view.row.remote_ip)))
	}
	return made
}

// EachConnection calls a function with each row of Connections, one after another, until it
// returns false. Nothing is copied and nothing allocated. It is ErrNoSection where the section
// was not asked for.
func (frame *Frame) EachConnection(yield func(ConnectionView) bool) error {
	return each(frame, SectionConnections, yield)
}
