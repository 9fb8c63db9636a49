// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// InterfaceView is a Interface where it lies, of which nothing is copied. It is valid during
// EachInterface alone.
type InterfaceView struct{ row *C.nfm_interface_t }

// Name is as in Interface.
func (view InterfaceView) Name() (made Opt[Text]) {
	if view.row.known&C.NFM_INTERFACE_NAME != 0 {
		made = Some(Text{view.row.name})
	}
	return made
}

// MAC is as in Interface.
func (view InterfaceView) MAC() (made Opt[Text]) {
	if view.row.known&C.NFM_INTERFACE_MAC != 0 {
		made = Some(Text{view.row.mac})
	}
	return made
}

// IPv4 is as in Interface.
func (view InterfaceView) IPv4() (made Opt[Texts]) {
	if view.row.known&C.NFM_INTERFACE_IPV4 != 0 {
		made = Some(Texts{view.row.ipv4, view.row.ipv4_count})
	}
	return made
}

// IPv6 is as in Interface.
func (view InterfaceView) IPv6() (made Opt[Texts]) {
	if view.row.known&C.NFM_INTERFACE_IPV6 != 0 {
		made = Some(Texts{view.row.ipv6, view.row.ipv6_count})
	}
	return made
}

// RxBytes is as in Interface.
func (view InterfaceView) RxBytes() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_RX_BYTES != 0 {
		made = Some(uint64(view.row.rx_bytes))
	}
	return made
}

// RxPackets is as in Interface.
func (view InterfaceView) RxPackets() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_RX_PACKETS != 0 {
		made = Some(uint64(view.row.rx_packets))
	}
	return made
}

// RxErrors is as in Interface.
func (view InterfaceView) RxErrors() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_RX_ERRORS != 0 {
		made = Some(uint64(view.row.rx_errors))
	}
	return made
}

// RxDropped is as in Interface.
func (view InterfaceView) RxDropped() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_RX_DROPPED != 0 {
		made = Some(uint64(view.row.rx_dropped))
	}
	return made
}

// TxBytes is as in Interface.
func (view InterfaceView) TxBytes() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_TX_BYTES != 0 {
		made = Some(uint64(view.row.tx_bytes))
	}
	return made
}

// TxPackets is as in Interface.
func (view InterfaceView) TxPackets() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_TX_PACKETS != 0 {
		made = Some(uint64(view.row.tx_packets))
	}
	return made
}

// TxErrors is as in Interface.
func (view InterfaceView) TxErrors() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_TX_ERRORS != 0 {
		made = Some(uint64(view.row.tx_errors))
	}
	return made
}

// TxDropped is as in Interface.
func (view InterfaceView) TxDropped() (made Opt[uint64]) {
	if view.row.known&C.NFM_INTERFACE_TX_DROPPED != 0 {
		made = Some(uint64(view.row.tx_dropped))
	}
	return made
}

// NetNS is as in Interface.
func (view InterfaceView) NetNS() (made Opt[uint32]) {
	if view.row.known&C.NFM_INTERFACE_NETNS != 0 {
		made = Some(uint32(view.row.netns))
	}
	return made
}

// Index is as in Interface.
func (view InterfaceView) Index() (made Opt[uint32]) {
	if view.row.known&C.NFM_INTERFACE_INDEX != 0 {
		made = Some(uint32(view.row.index))
	}
	return made
}

// MTU is as in Interface.
func (view InterfaceView) MTU() (made Opt[uint32]) {
	if view.row.known&C.NFM_INTERFACE_MTU != 0 {
		made = Some(uint32(view.row.mtu))
	}
	return made
}

// Up is as in Interface.
func (view InterfaceView) Up() (made Opt[bool]) {
	if view.row.known&C.NFM_INTERFACE_UP != 0 {
		made = Some(view.row.up != 0)
	}
	return made
}

// EachInterface calls a function with each row of Interfaces, one after another, until it returns
// false. Nothing is copied and nothing allocated. It is ErrNoSection where the section was not
// asked for.
func (frame *Frame) EachInterface(yield func(InterfaceView) bool) error {
	return each(frame, SectionInterfaces, yield)
}
