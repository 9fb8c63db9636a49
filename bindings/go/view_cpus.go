// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// CPUView is a CPU where it lies, of which nothing is copied. It is valid during EachCPU alone.
type CPUView struct{ row *C.nfm_cpu_t }

// Vendor is as in CPU.
func (view CPUView) Vendor() (made Opt[Text]) {
	if view.row.known&C.NFM_CPU_VENDOR != 0 {
		made = Some(Text{view.row.vendor})
	}
	return made
}

// Model is as in CPU.
func (view CPUView) Model() (made Opt[Text]) {
	if view.row.known&C.NFM_CPU_MODEL != 0 {
		made = Some(Text{view.row.model})
	}
	return made
}

// Mhz is as in CPU.
func (view CPUView) Mhz() (made Opt[float64]) {
	if view.row.known&C.NFM_CPU_MHZ != 0 {
		made = Some(float64(view.row.mhz))
	}
	return made
}

// CacheKiB is as in CPU.
func (view CPUView) CacheKiB() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_CACHE_KIB != 0 {
		made = Some(uint64(view.row.cache_kib))
	}
	return made
}

// UserNS is as in CPU.
func (view CPUView) UserNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_USER_NS != 0 {
		made = Some(uint64(view.row.user_ns))
	}
	return made
}

// NiceNS is as in CPU.
func (view CPUView) NiceNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_NICE_NS != 0 {
		made = Some(uint64(view.row.nice_ns))
	}
	return made
}

// SystemNS is as in CPU.
func (view CPUView) SystemNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_SYSTEM_NS != 0 {
		made = Some(uint64(view.row.system_ns))
	}
	return made
}

// IdleNS is as in CPU.
func (view CPUView) IdleNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_IDLE_NS != 0 {
		made = Some(uint64(view.row.idle_ns))
	}
	return made
}

// IowaitNS is as in CPU.
func (view CPUView) IowaitNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_IOWAIT_NS != 0 {
		made = Some(uint64(view.row.iowait_ns))
	}
	return made
}

// IrqNS is as in CPU.
func (view CPUView) IrqNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_IRQ_NS != 0 {
		made = Some(uint64(view.row.irq_ns))
	}
	return made
}

// SoftirqNS is as in CPU.
func (view CPUView) SoftirqNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_SOFTIRQ_NS != 0 {
		made = Some(uint64(view.row.softirq_ns))
	}
	return made
}

// StealNS is as in CPU.
func (view CPUView) StealNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_STEAL_NS != 0 {
		made = Some(uint64(view.row.steal_ns))
	}
	return made
}

// GuestNS is as in CPU.
func (view CPUView) GuestNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_GUEST_NS != 0 {
		made = Some(uint64(view.row.guest_ns))
	}
	return made
}

// GuestNiceNS is as in CPU.
func (view CPUView) GuestNiceNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_CPU_GUEST_NICE_NS != 0 {
		made = Some(uint64(view.row.guest_nice_ns))
	}
	return made
}

// ID is as in CPU.
func (view CPUView) ID() uint32 {
	return uint32(view.row.id)
}

// Online is as in CPU.
func (view CPUView) Online() bool {
	return view.row.online != 0
}

// EachCPU calls a function with each row of Cpus, one after another, until it returns false.
// Nothing is copied and nothing allocated. It is ErrNoSection where the section was not asked
// for.
func (frame *Frame) EachCPU(yield func(CPUView) bool) error {
	return each(frame, SectionCpus, yield)
}
