// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// File: one open file descriptor of one process.
type File struct {
	// The kind of file, as in JSON: "file", "directory", "character_device", "block_device", "pipe",
	// "socket", "symlink", "anon_inode".
	Kind Opt[string]

	// The path as readlink /proc/PID/fd/FD shows it in the guest.
	Path Opt[string]

	// The flags of open(2), O_CLOEXEC included, by the values of the guest's architecture.
	Flags Opt[uint64]

	// The offset for the next read or write.
	Position Opt[uint64]

	// The inode's number.
	Inode Opt[uint64]

	// The process.
	PID uint32

	// The descriptor.
	FD uint32
}

func newFile(at unsafe.Pointer) (made File) {
	row := (*C.nfm_file_t)(at)
	if row.known&C.NFM_FILE_KIND != 0 {
		made.Kind = Some(C.GoString(row.kind))
	}
	if row.known&C.NFM_FILE_PATH != 0 {
		made.Path = Some(C.GoString(row.path))
	}
	if row.known&C.NFM_FILE_FLAGS != 0 {
		made.Flags = Some(uint64(row.flags))
	}
	if row.known&C.NFM_FILE_POSITION != 0 {
		made.Position = Some(uint64(row.position))
	}
	if row.known&C.NFM_FILE_INODE != 0 {
		made.Inode = Some(uint64(row.inode))
	}
	made.PID = uint32(row.pid)
	made.FD = uint32(row.fd)
	return made
}

// Files returns the open files of a frame, by process and descriptor. It is ErrNoSection where it
// was not asked for.
func (frame *Frame) Files() ([]File, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_files(frame, count, stride))
	}, newFile)
}
