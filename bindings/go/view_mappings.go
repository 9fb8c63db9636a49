// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// PhysicalRunView is a PhysicalRun where it lies, of which nothing is copied. It is valid during
// EachMapping alone.
type PhysicalRunView struct{ row *C.nfm_physical_run_t }

// VirtualAddress is as in PhysicalRun.
func (view PhysicalRunView) VirtualAddress() uint64 {
	return uint64(view.row.virtual_address)
}

// Physical is as in PhysicalRun.
func (view PhysicalRunView) Physical() (made Opt[uint64]) {
	if view.row.known&C.NFM_PHYSICAL_RUN_PHYSICAL != 0 {
		made = Some(uint64(view.row.physical))
	}
	return made
}

// Bytes is as in PhysicalRun.
func (view PhysicalRunView) Bytes() uint64 {
	return uint64(view.row.bytes)
}

// Swapped is as in PhysicalRun.
func (view PhysicalRunView) Swapped() bool {
	return view.row.swapped != 0
}

// MappingView is a Mapping where it lies, of which nothing is copied. It is valid during
// EachMapping alone.
type MappingView struct{ row *C.nfm_mapping_t }

// Permissions is as in Mapping.
func (view MappingView) Permissions() (made Opt[Text]) {
	if view.row.known&C.NFM_MAPPING_PERMISSIONS != 0 {
		made = Some(Text{view.row.permissions})
	}
	return made
}

// Path is as in Mapping.
func (view MappingView) Path() (made Opt[Text]) {
	if view.row.known&C.NFM_MAPPING_PATH != 0 {
		made = Some(Text{view.row.path})
	}
	return made
}

// Start is as in Mapping.
func (view MappingView) Start() uint64 {
	return uint64(view.row.start)
}

// End is as in Mapping.
func (view MappingView) End() uint64 {
	return uint64(view.row.end)
}

// Offset is as in Mapping.
func (view MappingView) Offset() (made Opt[uint64]) {
	if view.row.known&C.NFM_MAPPING_OFFSET != 0 {
		made = Some(uint64(view.row.offset))
	}
	return made
}

// ResidentBytes is as in Mapping.
func (view MappingView) ResidentBytes() (made Opt[uint64]) {
	if view.row.known&C.NFM_MAPPING_RESIDENT_BYTES != 0 {
		made = Some(uint64(view.row.resident_bytes))
	}
	return made
}

// Physical is as in Mapping.
func (view MappingView) Physical() (made Opt[Views[PhysicalRunView]]) {
	if view.row.known&C.NFM_MAPPING_PHYSICAL != 0 {
		made = Some(viewsOf[PhysicalRunView](unsafe.Pointer(view.row.physical), view.row.physical_count, view.row.physical_stride))
	}
	return made
}

// PID is as in Mapping.
func (view MappingView) PID() uint32 {
	return uint32(view.row.pid)
}

// EachMapping calls a function with each row of Mappings, one after another, until it returns
// false. Nothing is copied and nothing allocated. It is ErrNoSection where the section was not
// asked for.
func (frame *Frame) EachMapping(yield func(MappingView) bool) error {
	return each(frame, SectionMappings, yield)
}
