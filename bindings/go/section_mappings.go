// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// PhysicalRun: neighbouring pages of a mapping and where they are in the guest's RAM.
type PhysicalRun struct {
	// First virtual address.
	VirtualAddress uint64

	// Guest-physical address of the first byte; not known for pages in swap.
	Physical Opt[uint64]

	// Bytes.
	Bytes uint64

	// 1 if the pages are in the guest's swap, else 0.
	Swapped bool
}

func newPhysicalRun(at unsafe.Pointer) (made PhysicalRun) {
	row := (*C.nfm_physical_run_t)(at)
	made.VirtualAddress = uint64(row.virtual_address)
	if row.known&C.NFM_PHYSICAL_RUN_PHYSICAL != 0 {
		made.Physical = Some(uint64(row.physical))
	}
	made.Bytes = uint64(row.bytes)
	made.Swapped = row.swapped != 0
	return made
}

// Mapping: one area of a process's address space, as /proc/PID/maps shows it.
type Mapping struct {
	// "rwx" and 'p' (private) or 's' (shared), '-' for what is not allowed.
	Permissions Opt[string]

	// The file, or a name in brackets, and for nameless memory.
	Path Opt[string]

	// First address.
	Start uint64

	// First address after it.
	End uint64

	// Offset in the file of the first byte; 0 without a file.
	Offset Opt[uint64]

	// Bytes of it that are in RAM (Rss of smaps; huge TLB pages do not count).
	ResidentBytes Opt[uint64]

	// Where its pages are, by address, if that was asked for.
	Physical Opt[[]PhysicalRun]

	// The process.
	PID uint32
}

func newMapping(at unsafe.Pointer) (made Mapping) {
	row := (*C.nfm_mapping_t)(at)
	if row.known&C.NFM_MAPPING_PERMISSIONS != 0 {
		made.Permissions = Some(C.GoString(row.permissions))
	}
	if row.known&C.NFM_MAPPING_PATH != 0 {
		made.Path = Some(C.GoString(row.path))
	}
	made.Start = uint64(row.start)
	made.End = uint64(row.end)
	if row.known&C.NFM_MAPPING_OFFSET != 0 {
		made.Offset = Some(uint64(row.offset))
	}
	if row.known&C.NFM_MAPPING_RESIDENT_BYTES != 0 {
		made.ResidentBytes = Some(uint64(row.resident_bytes))
	}
	if row.known&C.NFM_MAPPING_PHYSICAL != 0 {
		made.Physical = Some(nested(unsafe.Pointer(row.physical), row.physical_count, row.physical_stride, newPhysicalRun))
	}
	made.PID = uint32(row.pid)
	return made
}

// Mappings returns the address spaces of a frame, by process and address. It is ErrNoSection
// where it was not asked for.
func (frame *Frame) Mappings() ([]Mapping, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_mappings(frame, count, stride))
	}, newMapping)
}
