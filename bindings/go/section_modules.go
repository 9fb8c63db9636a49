// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Module: one loaded module, as /proc/modules shows it.
type Module struct {
	// The module's name.
	Name string

	// "Live", "Loading" or "Unloading".
	State Opt[string]

	// Taint letters, as /proc/modules shows them between parentheses; empty for none known.
	Taints Opt[string]

	// Bytes of memory.
	Size Opt[uint64]

	// Kernel-virtual address of its code.
	Address Opt[uint64]

	// How many use it.
	References Opt[int64]

	// The modules that use it, in the kernel's order, and a NULL.
	UsedBy Opt[[]string]
}

func newModule(at unsafe.Pointer) (made Module) {
	row := (*C.nfm_module_t)(at)
	made.Name = C.GoString(row.name)
	if row.known&C.NFM_MODULE_STATE != 0 {
		made.State = Some(C.GoString(row.state))
	}
	if row.known&C.NFM_MODULE_TAINTS != 0 {
		made.Taints = Some(C.GoString(row.taints))
	}
	if row.known&C.NFM_MODULE_SIZE != 0 {
		made.Size = Some(uint64(row.size))
	}
	if row.known&C.NFM_MODULE_ADDRESS != 0 {
		made.Address = Some(uint64(row.address))
	}
	if row.known&C.NFM_MODULE_REFERENCES != 0 {
		made.References = Some(int64(row.references))
	}
	if row.known&C.NFM_MODULE_USED_BY != 0 {
		made.UsedBy = Some(texts(row.used_by, row.used_by_count))
	}
	return made
}

// Modules returns the loaded modules of a frame, in the order of /proc/modules. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Modules() ([]Module, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_modules(frame, count, stride))
	}, newModule)
}
