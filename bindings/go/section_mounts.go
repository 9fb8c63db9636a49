// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Mount: one mount of one mount namespace, as /proc/PID/mountinfo shows it.
type Mount struct {
	// The device or the name given instead of one.
	Source Opt[string]

	// The directory, seen from the root of the namespace.
	Target Opt[string]

	// The file system's type, with its subtype behind a dot.
	Filesystem Opt[string]

	// Options of this mount, as mountinfo shows them: "rw,nosuid,relatime".
	Options Opt[string]

	// Inode of the mount namespace, as in /proc/PID/ns/mnt.
	MntNS Opt[uint32]
}

func newMount(at unsafe.Pointer) (made Mount) {
	row := (*C.nfm_mount_t)(at)
	if row.known&C.NFM_MOUNT_SOURCE != 0 {
		made.Source = Some(C.GoString(row.source))
	}
	if row.known&C.NFM_MOUNT_TARGET != 0 {
		made.Target = Some(C.GoString(row.target))
	}
	if row.known&C.NFM_MOUNT_FILESYSTEM != 0 {
		made.Filesystem = Some(C.GoString(row.filesystem))
	}
	if row.known&C.NFM_MOUNT_OPTIONS != 0 {
		made.Options = Some(C.GoString(row.options))
	}
	if row.known&C.NFM_MOUNT_MNT_NS != 0 {
		made.MntNS = Some(uint32(row.mnt_ns))
	}
	return made
}

// Mounts returns the mounts of a frame, of every mount namespace. It is ErrNoSection where it was
// not asked for.
func (frame *Frame) Mounts() ([]Mount, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_mounts(frame, count, stride))
	}, newMount)
}
