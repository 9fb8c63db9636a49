// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// ModuleView is a Module where it lies, of which nothing is copied. It is valid during EachModule
// alone.
type ModuleView struct{ row *C.nfm_module_t }

// Name is as in Module.
func (view ModuleView) Name() Text {
	return Text{view.row.name}
}

// State is as in Module.
func (view ModuleView) State() (made Opt[Text]) {
	if view.row.known&C.NFM_MODULE_STATE != 0 {
		made = Some(Text{view.row.state})
	}
	return made
}

// Taints is as in Module.
func (view ModuleView) Taints() (made Opt[Text]) {
	if view.row.known&C.NFM_MODULE_TAINTS != 0 {
		made = Some(Text{view.row.taints})
	}
	return made
}

// Size is as in Module.
func (view ModuleView) Size() (made Opt[uint64]) {
	if view.row.known&C.NFM_MODULE_SIZE != 0 {
		made = Some(uint64(view.row.size))
	}
	return made
}

// Address is as in Module.
func (view ModuleView) Address() (made Opt[uint64]) {
	if view.row.known&C.NFM_MODULE_ADDRESS != 0 {
		made = Some(uint64(view.row.address))
	}
	return made
}

// References is as in Module.
func (view ModuleView) References() (made Opt[int64]) {
	if view.row.known&C.NFM_MODULE_REFERENCES != 0 {
		made = Some(int64(view.row.references))
	}
	return made
}

// UsedBy is as in Module.
func (view ModuleView) UsedBy() (made Opt[Texts]) {
	if view.row.known&C.NFM_MODULE_USED_BY != 0 {
		made = Some(Texts{view.row.used_by, view.row.used_by_count})
	}
	return made
}

// EachModule calls a function with each row of Modules, one after another, until it returns
// false. Nothing is copied and nothing allocated. It is ErrNoSection where the section was not
// asked for.
func (frame *Frame) EachModule(yield func(ModuleView) bool) error {
	return each(frame, SectionModules, yield)
}
