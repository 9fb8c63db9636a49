// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// MountView is a Mount where it lies, of which nothing is copied. It is valid during EachMount
// alone.
type MountView struct{ row *C.nfm_mount_t }

// Source is as in Mount.
func (view MountView) Source() (made Opt[Text]) {
	if view.row.known&C.NFM_MOUNT_SOURCE != 0 {
		made = Some(Text{view.row.source})
	}
	return made
}

// Target is as in Mount.
func (view MountView) Target() (made Opt[Text]) {
	if view.row.known&C.NFM_MOUNT_TARGET != 0 {
		made = Some(Text{view.row.target})
	}
	return made
}

// Filesystem is as in Mount.
func (view MountView) Filesystem() (made Opt[Text]) {
	if view.row.known&C.NFM_MOUNT_FILESYSTEM != 0 {
		made = Some(Text{view.row.filesystem})
	}
	return made
}

// Options is as in Mount.
func (view MountView) Options() (made Opt[Text]) {
	if view.row.known&C.NFM_MOUNT_OPTIONS != 0 {
		made = Some(Text{view.row.options})
	}
	return made
}

// MntNS is as in Mount.
func (view MountView) MntNS() (made Opt[uint32]) {
	if view.row.known&C.NFM_MOUNT_MNT_NS != 0 {
		made = Some(uint32(view.row.mnt_ns))
	}
	return made
}

// EachMount calls a function with each row of Mounts, one after another, until it returns false.
// Nothing is copied and nothing allocated. It is ErrNoSection where the section was not asked
// for.
func (frame *Frame) EachMount(yield func(MountView) bool) error {
	return each(frame, SectionMounts, yield)
}
