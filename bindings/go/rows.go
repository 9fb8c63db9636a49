// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// DomainInfo: one domain, as libvirt knows it.
type DomainInfo struct {
	// The domain's name.
	Name string

	// Its UUID in the usual text form.
	UUID string

	// What it does now, as virsh domstate prints it: "running".
	State string

	// libvirt's id; not known while the domain is not active.
	ID Opt[uint32]
}

func newDomainInfo(at unsafe.Pointer) (made DomainInfo) {
	row := (*C.nfm_domain_info_t)(at)
	made.Name = C.GoString(row.name)
	made.UUID = C.GoString(row.uuid)
	made.State = C.GoString(row.state)
	if row.known&C.NFM_DOMAIN_INFO_ID != 0 {
		made.ID = Some(uint32(row.id))
	}
	return made
}

// FrameInfo: the head of a frame.
type FrameInfo struct {
	// The sections that the frame holds, NFM_SECTION_... combined.
	Sections uint64

	// Counts the frames of one domain handle, from 1.
	Seq uint64

	// When the guest was so, nanoseconds since 1970: the host's clock when the crawl began, or, of a
	// guest read from a file, when its memory was written there.
	TimeNS uint64

	// How long the crawl took, nanoseconds.
	DurationNS uint64

	// libvirt's name of the domain.
	DomainName string

	// The domain's UUID in the usual text form; NULL where none is known (a file may not tell).
	DomainUUID string

	// The hypervisor driver, in lower case: "qemu"; "file" for a guest that is read from a file.
	Hypervisor string

	// How the frame was taken: "live", the guest ran on; "paused", it was suspended meanwhile.
	Mode string

	// Walks that were begun anew because they met a change.
	Retries uint32

	// 1 if every section is whole, 0 if there are problems.
	Complete bool
}

func newFrameInfo(at unsafe.Pointer) (made FrameInfo) {
	row := (*C.nfm_frame_info_t)(at)
	made.Sections = uint64(row.sections)
	made.Seq = uint64(row.seq)
	made.TimeNS = uint64(row.time_ns)
	made.DurationNS = uint64(row.duration_ns)
	made.DomainName = C.GoString(row.domain_name)
	made.DomainUUID = C.GoString(row.domain_uuid)
	made.Hypervisor = C.GoString(row.hypervisor)
	made.Mode = C.GoString(row.mode)
	made.Retries = uint32(row.retries)
	made.Complete = row.complete != 0
	return made
}

// Problem: something that a frame lacks.
type Problem struct {
	// The guest-virtual address at which it happened.
	Address Opt[uint64]

	// The section's name, as in JSON: "processes".
	Section string

	// One sentence for a person on what happened.
	Reason string
}

func newProblem(at unsafe.Pointer) (made Problem) {
	row := (*C.nfm_problem_t)(at)
	if row.known&C.NFM_PROBLEM_ADDRESS != 0 {
		made.Address = Some(uint64(row.address))
	}
	made.Section = C.GoString(row.section)
	made.Reason = C.GoString(row.reason)
	return made
}

// Member: one member of a section's rows.
type Member struct {
	// Its name, in C and in JSON: "rss_bytes".
	Name string

	// One sentence or two on it.
	Doc string

	// The unit of its numbers: "ns", "bytes", "KiB", "MHz"; empty for a count, and for what is no
	// number.
	Unit string

	// The name of the member of the section's rows that leads to the rows which have this one; empty
	// if the section's own rows have it.
	RowsOf string

	// Its bit in the row's known; 0 if it is always known.
	KnownBit uint64

	// Bytes from the beginning of the row.
	Offset uint64

	// Bytes that it has.
	Size uint64

	// The way in which it is read, one of nfm_member_type_t.
	ValueType uint32

	// The way in which it changes from frame to frame, one of nfm_kind_t.
	Kind uint32
}

func newMember(at unsafe.Pointer) (made Member) {
	row := (*C.nfm_member_t)(at)
	made.Name = C.GoString(row.name)
	made.Doc = C.GoString(row.doc)
	made.Unit = C.GoString(row.unit)
	made.RowsOf = C.GoString(row.rows_of)
	made.KnownBit = uint64(row.known_bit)
	made.Offset = uint64(row.offset)
	made.Size = uint64(row.size)
	made.ValueType = uint32(row.value_type)
	made.Kind = uint32(row.kind)
	return made
}

// DiffInfo: the head of a difference.
type DiffInfo struct {
	// The time that passed for the guest between the frames, nanoseconds, never 0: by its own boot
	// clock where the frames tell it (NFM_SECTION_OS), else by the host's. A figure of the difference
	// divided by it is a rate.
	ElapsedNS Opt[uint64]

	// Are they of one boot? One of nfm_boot_t.
	Boot uint32
}

func newDiffInfo(at unsafe.Pointer) (made DiffInfo) {
	row := (*C.nfm_diff_info_t)(at)
	if row.known&C.NFM_DIFF_INFO_ELAPSED_NS != 0 {
		made.ElapsedNS = Some(uint64(row.elapsed_ns))
	}
	made.Boot = uint32(row.boot)
	return made
}
