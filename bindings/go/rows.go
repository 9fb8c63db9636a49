// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// DomainInfo: one domain, as libvirt knows it.
type DomainInfo struct {
	// The domain's name; empty for a QEMU process that has none.
	Name string

	// Its UUID in the usual text form; empty for a QEMU process that has none.
	UUID string

	// Its state now, as virsh domstate prints it: "running".
	State string

	// libvirt's id; not known while the domain is not active.
	ID Opt[uint32]

	// The id of its QEMU process on this host, for nfm_open_pid(); known of those that
	// nfm_list_processes() gives.
	PID Opt[uint64]
}

func newDomainInfo(at unsafe.Pointer) (made DomainInfo) {
	row := (*C.nfm_domain_info_t)(at)
	made.Name = C.GoString(row.name)
	made.UUID = C.GoString(row.uuid)
	made.State = C.GoString(row.state)
	if row.known&C.NFM_DOMAIN_INFO_ID != 0 {
		made.ID = Some(uint32(row.id))
	}
	if row.known&C.NFM_DOMAIN_INFO_PID != 0 {
		made.PID = Some(uint64(row.pid))
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

	// The sections that the frame holds and that are not whole, NFM_SECTION_... combined: a row that
	// one of them lacks may have been there.
	IncompleteSections Opt[uint64]
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
	if row.known&C.NFM_FRAME_INFO_INCOMPLETE_SECTIONS != 0 {
		made.IncompleteSections = Some(uint64(row.incomplete_sections))
	}
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

	// The section's bit, one of NFM_SECTION_...
	SectionBit Opt[uint64]
}

func newProblem(at unsafe.Pointer) (made Problem) {
	row := (*C.nfm_problem_t)(at)
	if row.known&C.NFM_PROBLEM_ADDRESS != 0 {
		made.Address = Some(uint64(row.address))
	}
	made.Section = C.GoString(row.section)
	made.Reason = C.GoString(row.reason)
	if row.known&C.NFM_PROBLEM_SECTION_BIT != 0 {
		made.SectionBit = Some(uint64(row.section_bit))
	}
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

// FileRange: A part of a file.
type FileRange struct {
	// Its first byte.
	Offset uint64

	// How many bytes it has.
	Length uint64

	// Where they are, one of nfm_content_t.
	Content uint32
}

func newFileRange(at unsafe.Pointer) (made FileRange) {
	row := (*C.nfm_file_range_t)(at)
	made.Offset = uint64(row.offset)
	made.Length = uint64(row.length)
	made.Content = uint32(row.content)
	return made
}

// FoundFile: A file of the guest: its name, and what stat(2) tells of it.
type FoundFile struct {
	// Its name in its directory, or its path as it was asked for: its bytes, which need not be UTF-8.
	Path string

	// The kind of file, as in nfm_file_t.
	Kind Opt[string]

	// A symbolic link's target; NULL if it is none.
	Target Opt[string]

	// The type of the file system.
	Filesystem Opt[string]

	// The inode's number.
	Inode Opt[uint64]

	// The number of the device that the file system has.
	Device Opt[uint64]

	// A device file's own number.
	Rdev Opt[uint64]

	// Bytes.
	Size Opt[uint64]

	// When it was last read, nanoseconds since 1970.
	AccessedNS Opt[int64]

	// When its content changed last, nanoseconds since 1970.
	ModifiedNS Opt[int64]

	// When it or its status changed last, nanoseconds since 1970.
	ChangedNS Opt[int64]

	// Permissions and the bits beside them (07777).
	Mode Opt[uint32]

	// Names that the file has; 0 once all were removed.
	Links Opt[uint32]

	// The owner.
	UID Opt[uint32]

	// The group.
	GID Opt[uint32]
}

func newFoundFile(at unsafe.Pointer) (made FoundFile) {
	row := (*C.nfm_found_file_t)(at)
	made.Path = C.GoString(row.path)
	if row.known&C.NFM_FOUND_FILE_KIND != 0 {
		made.Kind = Some(C.GoString(row.kind))
	}
	if row.known&C.NFM_FOUND_FILE_TARGET != 0 {
		made.Target = Some(C.GoString(row.target))
	}
	if row.known&C.NFM_FOUND_FILE_FILESYSTEM != 0 {
		made.Filesystem = Some(C.GoString(row.filesystem))
	}
	if row.known&C.NFM_FOUND_FILE_INODE != 0 {
		made.Inode = Some(uint64(row.inode))
	}
	if row.known&C.NFM_FOUND_FILE_DEVICE != 0 {
		made.Device = Some(uint64(row.device))
	}
	if row.known&C.NFM_FOUND_FILE_RDEV != 0 {
		made.Rdev = Some(uint64(row.rdev))
	}
	if row.known&C.NFM_FOUND_FILE_SIZE != 0 {
		made.Size = Some(uint64(row.size))
	}
	if row.known&C.NFM_FOUND_FILE_ACCESSED_NS != 0 {
		made.AccessedNS = Some(int64(row.accessed_ns))
	}
	if row.known&C.NFM_FOUND_FILE_MODIFIED_NS != 0 {
		made.ModifiedNS = Some(int64(row.modified_ns))
	}
	if row.known&C.NFM_FOUND_FILE_CHANGED_NS != 0 {
		made.ChangedNS = Some(int64(row.changed_ns))
	}
	if row.known&C.NFM_FOUND_FILE_MODE != 0 {
		made.Mode = Some(uint32(row.mode))
	}
	if row.known&C.NFM_FOUND_FILE_LINKS != 0 {
		made.Links = Some(uint32(row.links))
	}
	if row.known&C.NFM_FOUND_FILE_UID != 0 {
		made.UID = Some(uint32(row.uid))
	}
	if row.known&C.NFM_FOUND_FILE_GID != 0 {
		made.GID = Some(uint32(row.gid))
	}
	return made
}
