// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Host: the hypervisor's view of the guest.
type Host struct {
	// The domain's state, as virsh domstate prints it.
	State Opt[string]

	// CPU time of all vCPUs, nanoseconds.
	VCPUTimeNS Opt[uint64]

	// Guest RAM that is in the host's RAM, bytes.
	RSSBytes Opt[uint64]

	// Guest RAM that is in the host's swap, bytes.
	SwappedBytes Opt[uint64]

	// Guest RAM that the guest has never used, bytes.
	UntouchedBytes Opt[uint64]

	// How long before the frame the three amounts of RAM were counted, nanoseconds: frames in quick
	// succession share one count.
	MemoryAgeNS Opt[uint64]
}

func newHost(at unsafe.Pointer) (made Host) {
	row := (*C.nfm_host_t)(at)
	if row.known&C.NFM_HOST_STATE != 0 {
		made.State = Some(C.GoString(row.state))
	}
	if row.known&C.NFM_HOST_VCPU_TIME_NS != 0 {
		made.VCPUTimeNS = Some(uint64(row.vcpu_time_ns))
	}
	if row.known&C.NFM_HOST_RSS_BYTES != 0 {
		made.RSSBytes = Some(uint64(row.rss_bytes))
	}
	if row.known&C.NFM_HOST_SWAPPED_BYTES != 0 {
		made.SwappedBytes = Some(uint64(row.swapped_bytes))
	}
	if row.known&C.NFM_HOST_UNTOUCHED_BYTES != 0 {
		made.UntouchedBytes = Some(uint64(row.untouched_bytes))
	}
	if row.known&C.NFM_HOST_MEMORY_AGE_NS != 0 {
		made.MemoryAgeNS = Some(uint64(row.memory_age_ns))
	}
	return made
}

// Host returns gives a frame's section of the hypervisor's side. It is ErrNoSection where it was
// not asked for.
func (frame *Frame) Host() (*Host, error) {
	return one(frame, func(frame *C.nfm_frame_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_host(frame))
	}, newHost)
}
