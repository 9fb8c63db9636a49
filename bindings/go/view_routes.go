// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// RouteView is a Route where it lies, of which nothing is copied. It is valid during EachRoute
// alone.
type RouteView struct{ row *C.nfm_route_t }

// Family is as in Route.
func (view RouteView) Family() Text {
	return Text{view.row.family}
}

// Kind is as in Route.
func (view RouteView) Kind() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_KIND != 0 {
		made = Some(Text{view.row.kind})
	}
	return made
}

// Destination is as in Route.
func (view RouteView) Destination() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_DESTINATION != 0 {
		made = Some(Text{view.row.destination})
	}
	return made
}

// Source is as in Route.
func (view RouteView) Source() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_SOURCE != 0 {
		made = Some(Text{view.row.source})
	}
	return made
}

// Protocol is as in Route.
func (view RouteView) Protocol() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_PROTOCOL != 0 {
		made = Some(Text{view.row.protocol})
	}
	return made
}

// Scope is as in Route.
func (view RouteView) Scope() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_SCOPE != 0 {
		made = Some(Text{view.row.scope})
	}
	return made
}

// PreferredSource is as in Route.
func (view RouteView) PreferredSource() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_PREFERRED_SOURCE != 0 {
		made = Some(Text{view.row.preferred_source})
	}
	return made
}

// Gateway is as in Route.
func (view RouteView) Gateway() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_GATEWAY != 0 {
		made = Some(Text{view.row.gateway})
	}
	return made
}

// Interface is as in Route.
func (view RouteView) Interface() (made Opt[Text]) {
	if view.row.known&C.NFM_ROUTE_INTERFACE != 0 {
		made = Some(Text{view.row._interface})
	}
	return made
}

// Flags is as in Route.
func (view RouteView) Flags() (made Opt[Texts]) {
	if view.row.known&C.NFM_ROUTE_FLAGS != 0 {
		made = Some(Texts{view.row.flags, view.row.flags_count})
	}
	return made
}

// NetNS is as in Route.
func (view RouteView) NetNS() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_NETNS != 0 {
		made = Some(uint32(view.row.netns))
	}
	return made
}

// Table is as in Route.
func (view RouteView) Table() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_TABLE != 0 {
		made = Some(uint32(view.row.table))
	}
	return made
}

// TOS is as in Route.
func (view RouteView) TOS() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_TOS != 0 {
		made = Some(uint32(view.row.tos))
	}
	return made
}

// Metric is as in Route.
func (view RouteView) Metric() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_METRIC != 0 {
		made = Some(uint32(view.row.metric))
	}
	return made
}

// MTU is as in Route.
func (view RouteView) MTU() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_MTU != 0 {
		made = Some(uint32(view.row.mtu))
	}
	return made
}

// NexthopID is as in Route.
func (view RouteView) NexthopID() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_NEXTHOP_ID != 0 {
		made = Some(uint32(view.row.nexthop_id))
	}
	return made
}

// Nexthops is as in Route.
func (view RouteView) Nexthops() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_NEXTHOPS != 0 {
		made = Some(uint32(view.row.nexthops))
	}
	return made
}

// Nexthop is as in Route.
func (view RouteView) Nexthop() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_NEXTHOP != 0 {
		made = Some(uint32(view.row.nexthop))
	}
	return made
}

// InterfaceIndex is as in Route.
func (view RouteView) InterfaceIndex() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_INTERFACE_INDEX != 0 {
		made = Some(uint32(view.row.interface_index))
	}
	return made
}

// Weight is as in Route.
func (view RouteView) Weight() (made Opt[uint32]) {
	if view.row.known&C.NFM_ROUTE_WEIGHT != 0 {
		made = Some(uint32(view.row.weight))
	}
	return made
}

// EachRoute calls a function with each row of Routes, one after another, until it returns false.
// Nothing is copied and nothing allocated. It is ErrNoSection where the section was not asked
// for.
func (frame *Frame) EachRoute(yield func(RouteView) bool) error {
	return each(frame, SectionRoutes, yield)
}
