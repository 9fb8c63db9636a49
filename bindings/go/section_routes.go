// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Route: one next hop of one route of one network namespace, as ip route show table all prints
// it. A route of several next hops has as many rows, one behind the other, alike but for the next
// hop.
type Route struct {
	// "inet" or "inet6".
	Family string

	// The route's type: "unicast", "local", "broadcast", "anycast", "multicast", "blackhole",
	// "unreachable", "prohibit", "throw", the number of any other.
	Kind Opt[string]

	// The destinations, with their prefix length: "10.0.2.0/24", of a default route "0.0.0.0/0" or
	// "::/0".
	Destination Opt[string]

	// The source addresses that the route is for, with their prefix length, and where it is for all.
	Source Opt[string]

	// The route's origin: "kernel", "boot", "static", "ra", "dhcp", "bird" and others, the number of
	// any other.
	Protocol Opt[string]

	// The reach of the destinations: "global", "site", "link", "host", "nowhere", the number of any
	// other.
	Scope Opt[string]

	// The source address that is preferred towards the destinations, and where the route names none.
	PreferredSource Opt[string]

	// The next hop's address, which may be one of IPv6 also where the route is one of IPv4, and where
	// the destinations are reached without one.
	Gateway Opt[string]

	// The name of the interface, and where there is none.
	Interface Opt[string]

	// "dead", "onlink", "offload", "trap", "linkdown" of the next hop, "rt_offload", "rt_trap",
	// "rt_offload_failed" of the route, and a NULL.
	Flags Opt[[]string]

	// Inode of the network namespace, as in /proc/PID/ns/net.
	NetNS Opt[uint32]

	// The routing table's number: 254 is main, 255 local, 253 default.
	Table Opt[uint32]

	// The type of service that the route is for, 0 for all; not known for IPv6, which has none.
	TOS Opt[uint32]

	// The metric (preference) of the route: the lowest wins.
	Metric Opt[uint32]

	// The largest packet that the route says, in bytes; not known where it says none.
	MTU Opt[uint32]

	// The number of the next hop object that the route uses (ip nexthop); not known where it uses
	// none.
	NexthopID Opt[uint32]

	// How many next hops the route has, each of them a row.
	Nexthops Opt[uint32]

	// The row's next hop among them, from 0.
	Nexthop Opt[uint32]

	// The interface's index in its namespace.
	InterfaceIndex Opt[uint32]

	// The next hop's share of the traffic: its weight among those of the route.
	Weight Opt[uint32]
}

func newRoute(at unsafe.Pointer) (made Route) {
	row := (*C.nfm_route_t)(at)
	made.Family = C.GoString(row.family)
	if row.known&C.NFM_ROUTE_KIND != 0 {
		made.Kind = Some(C.GoString(row.kind))
	}
	if row.known&C.NFM_ROUTE_DESTINATION != 0 {
		made.Destination = Some(C.GoString(row.destination))
	}
	if row.known&C.NFM_ROUTE_SOURCE != 0 {
		made.Source = Some(C.GoString(row.source))
	}
	if row.known&C.NFM_ROUTE_PROTOCOL != 0 {
		made.Protocol = Some(C.GoString(row.protocol))
	}
	if row.known&C.NFM_ROUTE_SCOPE != 0 {
		made.Scope = Some(C.GoString(row.scope))
	}
	if row.known&C.NFM_ROUTE_PREFERRED_SOURCE != 0 {
		made.PreferredSource = Some(C.GoString(row.preferred_source))
	}
	if row.known&C.NFM_ROUTE_GATEWAY != 0 {
		made.Gateway = Some(C.GoString(row.gateway))
	}
	if row.known&C.NFM_ROUTE_INTERFACE != 0 {
		made.Interface = Some(C.GoString(row._interface))
	}
	if row.known&C.NFM_ROUTE_FLAGS != 0 {
		made.Flags = Some(texts(row.flags, row.flags_count))
	}
	if row.known&C.NFM_ROUTE_NETNS != 0 {
		made.NetNS = Some(uint32(row.netns))
	}
	if row.known&C.NFM_ROUTE_TABLE != 0 {
		made.Table = Some(uint32(row.table))
	}
	if row.known&C.NFM_ROUTE_TOS != 0 {
		made.TOS = Some(uint32(row.tos))
	}
	if row.known&C.NFM_ROUTE_METRIC != 0 {
		made.Metric = Some(uint32(row.metric))
	}
	if row.known&C.NFM_ROUTE_MTU != 0 {
		made.MTU = Some(uint32(row.mtu))
	}
	if row.known&C.NFM_ROUTE_NEXTHOP_ID != 0 {
		made.NexthopID = Some(uint32(row.nexthop_id))
	}
	if row.known&C.NFM_ROUTE_NEXTHOPS != 0 {
		made.Nexthops = Some(uint32(row.nexthops))
	}
	if row.known&C.NFM_ROUTE_NEXTHOP != 0 {
		made.Nexthop = Some(uint32(row.nexthop))
	}
	if row.known&C.NFM_ROUTE_INTERFACE_INDEX != 0 {
		made.InterfaceIndex = Some(uint32(row.interface_index))
	}
	if row.known&C.NFM_ROUTE_WEIGHT != 0 {
		made.Weight = Some(uint32(row.weight))
	}
	return made
}

// Routes returns the routes of a frame, of every network namespace and all tables. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Routes() ([]Route, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_routes(frame, count, stride))
	}, newRoute)
}
