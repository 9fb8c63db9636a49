// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// FileView is a File where it lies, of which nothing is copied. It is valid during EachFile
// alone.
type FileView struct{ row *C.nfm_file_t }

// Kind is as in File.
func (view FileView) Kind() (made Opt[Text]) {
	if view.row.known&C.NFM_FILE_KIND != 0 {
		made = Some(Text{view.row.kind})
	}
	return made
}

// Path is as in File.
func (view FileView) Path() (made Opt[Text]) {
	if view.row.known&C.NFM_FILE_PATH != 0 {
		made = Some(Text{view.row.path})
	}
	return made
}

// Flags is as in File.
func (view FileView) Flags() (made Opt[uint64]) {
	if view.row.known&C.NFM_FILE_FLAGS != 0 {
		made = Some(uint64(view.row.flags))
	}
	return made
}

// Position is as in File.
func (view FileView) Position() (made Opt[uint64]) {
	if view.row.known&C.NFM_FILE_POSITION != 0 {
		made = Some(uint64(view.row.position))
	}
	return made
}

// Inode is as in File.
func (view FileView) Inode() (made Opt[uint64]) {
	if view.row.known&C.NFM_FILE_INODE != 0 {
		made = Some(uint64(view.row.inode))
	}
	return made
}

// PID is as in File.
func (view FileView) PID() uint32 {
	return uint32(view.row.pid)
}

// FD is as in File.
func (view FileView) FD() uint32 {
	return uint32(view.row.fd)
}

// EachFile calls a function with each row of Files, one after another, until it returns false.
// Nothing is copied and nothing allocated. It is ErrNoSection where the section was not asked
// for.
func (frame *Frame) EachFile(yield func(FileView) bool) error {
	return each(frame, SectionFiles, yield)
}
