// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// NeighbourView is a Neighbour where it lies, of which nothing is copied. It is valid during
// EachNeighbour alone.
type NeighbourView struct{ row *C.nfm_neighbour_t }

// Family is as in Neighbour.
func (view NeighbourView) Family() Text {
	return Text{view.row.family}
}

// Address is as in Neighbour.
func (view NeighbourView) Address() (made Opt[Text]) {
	if view.row.known&C.NFM_NEIGHBOUR_ADDRESS != 0 {
		made = Some(Text{view.row.address})
	}
	return made
}

// Interface is as in Neighbour.
func (view NeighbourView) Interface() (made Opt[Text]) {
	if view.row.known&C.NFM_NEIGHBOUR_INTERFACE != 0 {
		made = Some(Text{view.row._interface})
	}
	return made
}

// MAC is as in Neighbour.
func (view NeighbourView) MAC() (made Opt[Text]) {
	if view.row.known&C.NFM_NEIGHBOUR_MAC != 0 {
		made = Some(Text{view.row.mac})
	}
	return made
}

// State is as in Neighbour.
func (view NeighbourView) State() (made Opt[Text]) {
	if view.row.known&C.NFM_NEIGHBOUR_STATE != 0 {
		made = Some(Text{view.row.state})
	}
	return made
}

// Protocol is as in Neighbour.
func (view NeighbourView) Protocol() (made Opt[Text]) {
	if view.row.known&C.NFM_NEIGHBOUR_PROTOCOL != 0 {
		made = Some(Text{view.row.protocol})
	}
	return made
}

// Flags is as in Neighbour.
func (view NeighbourView) Flags() (made Opt[Texts]) {
	if view.row.known&C.NFM_NEIGHBOUR_FLAGS != 0 {
		made = Some(Texts{view.row.flags, view.row.flags_count})
	}
	return made
}

// NetNS is as in Neighbour.
func (view NeighbourView) NetNS() (made Opt[uint32]) {
	if view.row.known&C.NFM_NEIGHBOUR_NETNS != 0 {
		made = Some(uint32(view.row.netns))
	}
	return made
}

// InterfaceIndex is as in Neighbour.
func (view NeighbourView) InterfaceIndex() (made Opt[uint32]) {
	if view.row.known&C.NFM_NEIGHBOUR_INTERFACE_INDEX != 0 {
		made = Some(uint32(view.row.interface_index))
	}
	return made
}

// EachNeighbour calls a function with each row of Neighbours, one after another, until it returns
// false. Nothing is copied and nothing allocated. It is ErrNoSection where the section was not
// asked for.
func (frame *Frame) EachNeighbour(yield func(NeighbourView) bool) error {
	return each(frame, SectionNeighbours, yield)
}
