// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// CPU: one CPU of the guest. Its times count since boot, as /proc/stat does.
type CPU struct {
	// CPUID vendor: "GenuineIntel", "AuthenticAMD".
	Vendor Opt[string]

	// CPUID model name.
	Model Opt[string]

	// Megahertz, as the kernel measured it at boot.
	Mhz Opt[float64]

	// Last-level cache in KiB.
	CacheKiB Opt[uint64]

	// In user mode, that of guests of its own included, nanoseconds.
	UserNS Opt[uint64]

	// In user mode at low priority, nanoseconds.
	NiceNS Opt[uint64]

	// In the kernel, nanoseconds.
	SystemNS Opt[uint64]

	// Idle, nanoseconds.
	IdleNS Opt[uint64]

	// Idle while a task waited for input or output, nanoseconds.
	IowaitNS Opt[uint64]

	// In interrupts, nanoseconds.
	IrqNS Opt[uint64]

	// In software interrupts, nanoseconds.
	SoftirqNS Opt[uint64]

	// Wanted but taken by the hypervisor, nanoseconds.
	StealNS Opt[uint64]

	// Running guests of its own, nanoseconds.
	GuestNS Opt[uint64]

	// Running guests of its own at low priority, nanoseconds.
	GuestNiceNS Opt[uint64]

	// The kernel's number of the CPU.
	ID uint32

	// 1 if it is in use, else 0.
	Online bool
}

func newCPU(at unsafe.Pointer) (made CPU) {
	row := (*C.nfm_cpu_t)(at)
	if row.known&C.NFM_CPU_VENDOR != 0 {
		made.Vendor = Some(C.GoString(row.vendor))
	}
	if row.known&C.NFM_CPU_MODEL != 0 {
		made.Model = Some(C.GoString(row.model))
	}
	if row.known&C.NFM_CPU_MHZ != 0 {
		made.Mhz = Some(float64(row.mhz))
	}
	if row.known&C.NFM_CPU_CACHE_KIB != 0 {
		made.CacheKiB = Some(uint64(row.cache_kib))
	}
	if row.known&C.NFM_CPU_USER_NS != 0 {
		made.UserNS = Some(uint64(row.user_ns))
	}
	if row.known&C.NFM_CPU_NICE_NS != 0 {
		made.NiceNS = Some(uint64(row.nice_ns))
	}
	if row.known&C.NFM_CPU_SYSTEM_NS != 0 {
		made.SystemNS = Some(uint64(row.system_ns))
	}
	if row.known&C.NFM_CPU_IDLE_NS != 0 {
		made.IdleNS = Some(uint64(row.idle_ns))
	}
	if row.known&C.NFM_CPU_IOWAIT_NS != 0 {
		made.IowaitNS = Some(uint64(row.iowait_ns))
	}
	if row.known&C.NFM_CPU_IRQ_NS != 0 {
		made.IrqNS = Some(uint64(row.irq_ns))
	}
	if row.known&C.NFM_CPU_SOFTIRQ_NS != 0 {
		made.SoftirqNS = Some(uint64(row.softirq_ns))
	}
	if row.known&C.NFM_CPU_STEAL_NS != 0 {
		made.StealNS = Some(uint64(row.steal_ns))
	}
	if row.known&C.NFM_CPU_GUEST_NS != 0 {
		made.GuestNS = Some(uint64(row.guest_ns))
	}
	if row.known&C.NFM_CPU_GUEST_NICE_NS != 0 {
		made.GuestNiceNS = Some(uint64(row.guest_nice_ns))
	}
	made.ID = uint32(row.id)
	made.Online = row.online != 0
	return made
}

// Cpus returns the CPUs of a frame, by id. It is ErrNoSection where it was not asked for.
func (frame *Frame) Cpus() ([]CPU, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_cpus(frame, count, stride))
	}, newCPU)
}
