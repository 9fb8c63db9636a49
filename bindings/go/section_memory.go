// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// Memory: memory as a whole, in bytes, by the names of the guest's /proc/meminfo.
type Memory struct {
	// MemTotal, bytes.
	Total Opt[uint64]

	// MemFree, bytes.
	Free Opt[uint64]

	// MemAvailable, bytes.
	Available Opt[uint64]

	// Buffers, bytes.
	Buffers Opt[uint64]

	// Cached, bytes.
	Cached Opt[uint64]

	// SwapCached, bytes.
	SwapCached Opt[uint64]

	// Active, bytes.
	Active Opt[uint64]

	// Inactive, bytes.
	Inactive Opt[uint64]

	// SwapTotal, bytes.
	SwapTotal Opt[uint64]

	// SwapFree, bytes.
	SwapFree Opt[uint64]

	// Dirty, bytes.
	Dirty Opt[uint64]

	// Writeback, bytes.
	Writeback Opt[uint64]

	// AnonPages, bytes.
	Anonymous Opt[uint64]

	// Mapped, bytes.
	Mapped Opt[uint64]

	// Shmem, bytes.
	Shared Opt[uint64]

	// Slab, bytes.
	Slab Opt[uint64]

	// SReclaimable, bytes.
	SlabReclaimable Opt[uint64]

	// SUnreclaim, bytes.
	SlabUnreclaimable Opt[uint64]

	// KernelStack, bytes.
	KernelStack Opt[uint64]

	// PageTables, bytes.
	PageTables Opt[uint64]
}

func newMemory(at unsafe.Pointer) (made Memory) {
	row := (*C.nfm_memory_t)(at)
	if row.known&C.NFM_MEMORY_TOTAL != 0 {
		made.Total = Some(uint64(row.total))
	}
	if row.known&C.NFM_MEMORY_FREE != 0 {
		made.Free = Some(uint64(row.free))
	}
	if row.known&C.NFM_MEMORY_AVAILABLE != 0 {
		made.Available = Some(uint64(row.available))
	}
	if row.known&C.NFM_MEMORY_BUFFERS != 0 {
		made.Buffers = Some(uint64(row.buffers))
	}
	if row.known&C.NFM_MEMORY_CACHED != 0 {
		made.Cached = Some(uint64(row.cached))
	}
	if row.known&C.NFM_MEMORY_SWAP_CACHED != 0 {
		made.SwapCached = Some(uint64(row.swap_cached))
	}
	if row.known&C.NFM_MEMORY_ACTIVE != 0 {
		made.Active = Some(uint64(row.active))
	}
	if row.known&C.NFM_MEMORY_INACTIVE != 0 {
		made.Inactive = Some(uint64(row.inactive))
	}
	if row.known&C.NFM_MEMORY_SWAP_TOTAL != 0 {
		made.SwapTotal = Some(uint64(row.swap_total))
	}
	if row.known&C.NFM_MEMORY_SWAP_FREE != 0 {
		made.SwapFree = Some(uint64(row.swap_free))
	}
	if row.known&C.NFM_MEMORY_DIRTY != 0 {
		made.Dirty = Some(uint64(row.dirty))
	}
	if row.known&C.NFM_MEMORY_WRITEBACK != 0 {
		made.Writeback = Some(uint64(row.writeback))
	}
	if row.known&C.NFM_MEMORY_ANONYMOUS != 0 {
		made.Anonymous = Some(uint64(row.anonymous))
	}
	if row.known&C.NFM_MEMORY_MAPPED != 0 {
		made.Mapped = Some(uint64(row.mapped))
	}
	if row.known&C.NFM_MEMORY_SHARED != 0 {
		made.Shared = Some(uint64(row.shared))
	}
	if row.known&C.NFM_MEMORY_SLAB != 0 {
		made.Slab = Some(uint64(row.slab))
	}
	if row.known&C.NFM_MEMORY_SLAB_RECLAIMABLE != 0 {
		made.SlabReclaimable = Some(uint64(row.slab_reclaimable))
	}
	if row.known&C.NFM_MEMORY_SLAB_UNRECLAIMABLE != 0 {
		made.SlabUnreclaimable = Some(uint64(row.slab_unreclaimable))
	}
	if row.known&C.NFM_MEMORY_KERNEL_STACK != 0 {
		made.KernelStack = Some(uint64(row.kernel_stack))
	}
	if row.known&C.NFM_MEMORY_PAGE_TABLES != 0 {
		made.PageTables = Some(uint64(row.page_tables))
	}
	return made
}

// Memory returns memory as a whole of a frame. It is ErrNoSection where it was not asked for.
func (frame *Frame) Memory() (*Memory, error) {
	return one(frame, func(frame *C.nfm_frame_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_memory(frame))
	}, newMemory)
}
