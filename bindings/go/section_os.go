// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// OS: the operating system.
type OS struct {
	// uname -s.
	Sysname Opt[string]

	// uname -n in the first UTS namespace.
	Nodename Opt[string]

	// uname -r.
	Release Opt[string]

	// uname -v.
	Version Opt[string]

	// uname -m.
	Machine Opt[string]

	// The kernel's build id, hexadecimal.
	BuildID Opt[string]

	// The kernel's command line.
	CommandLine Opt[string]

	// When the guest booted by its own wall clock, nanoseconds since 1970.
	BootTimeNS Opt[uint64]

	// Time since boot, as of the guest's last timer tick, nanoseconds.
	UptimeNS Opt[uint64]

	// Load averages over 1, 5 and 15 minutes.
	Load Opt[[3]float64]

	// 1 if the kernel has panicked, else 0.
	Panicked Opt[bool]
}

func newOS(at unsafe.Pointer) (made OS) {
	row := (*C.nfm_os_t)(at)
	if row.known&C.NFM_OS_SYSNAME != 0 {
		made.Sysname = Some(C.GoString(row.sysname))
	}
	if row.known&C.NFM_OS_NODENAME != 0 {
		made.Nodename = Some(C.GoString(row.nodename))
	}
	if row.known&C.NFM_OS_RELEASE != 0 {
		made.Release = Some(C.GoString(row.release))
	}
	if row.known&C.NFM_OS_VERSION != 0 {
		made.Version = Some(C.GoString(row.version))
	}
	if row.known&C.NFM_OS_MACHINE != 0 {
		made.Machine = Some(C.GoString(row.machine))
	}
	if row.known&C.NFM_OS_BUILD_ID != 0 {
		made.BuildID = Some(C.GoString(row.build_id))
	}
	if row.known&C.NFM_OS_COMMAND_LINE != 0 {
		made.CommandLine = Some(C.GoString(row.command_line))
	}
	if row.known&C.NFM_OS_BOOT_TIME_NS != 0 {
		made.BootTimeNS = Some(uint64(row.boot_time_ns))
	}
	if row.known&C.NFM_OS_UPTIME_NS != 0 {
		made.UptimeNS = Some(uint64(row.uptime_ns))
	}
	if row.known&C.NFM_OS_LOAD != 0 {
		made.Load = Some([3]float64{float64(row.load[0]), float64(row.load[1]), float64(row.load[2])})
	}
	if row.known&C.NFM_OS_PANICKED != 0 {
		made.Panicked = Some(row.panicked != 0)
	}
	return made
}

// OS returns the operating system of a frame. It is ErrNoSection where it was not asked for.
func (frame *Frame) OS() (*OS, error) {
	return one(frame, func(frame *C.nfm_frame_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_os(frame))
	}, newOS)
}
