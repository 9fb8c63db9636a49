package nfm

// #include <stdlib.h>
// #include <nfm.h>
import "C"

import (
	"strings"
	"unsafe"
)

// SectionMembers returns the members of a section's rows, by the section's name in JSON ("processes"): what
// each is called there and in C, its unit, its kind (a Kind) and how C reads it (a MemberType). The members of
// rows within rows follow the one that leads to them, and name it in RowsOf. There are none for a section that
// has no rows ("integrity"). It fails with ErrInvalidArgument for one that the library does not know.
func SectionMembers(section string) ([]Member, error) {
	if strings.ContainsRune(section, 0) {
		return nil, ErrInvalidArgument
	}
	name := C.CString(section)
	defer C.free(unsafe.Pointer(name))
	bit := C.nfm_section_bit(name)
	if bit == 0 {
		return nil, ErrInvalidArgument
	}
	var count, stride C.size_t
	first := C.nfm_section_members(bit, &count, &stride)
	return nested(unsafe.Pointer(first), count, stride, newMember), nil
}
