package nfm

/*
#include <nfm.h>

// As Arrow's C Data Interface defines them.
struct nfm_go_schema {
	const char *format, *name, *metadata;
	int64_t flags, n_children;
	void *children, *dictionary;
	void (*release)(struct nfm_go_schema *);
	void *private_data;
};

struct nfm_go_array {
	int64_t length, null_count, offset, n_buffers, n_children;
	void *buffers, *children, *dictionary;
	void (*release)(struct nfm_go_array *);
	void *private_data;
};

static void nfm_go_release(struct nfm_go_schema *schema, struct nfm_go_array *array)
{
	if (schema && schema->release)
		schema->release(schema);
	if (array && array->release)
		array->release(array);
}
*/
import "C"

import "unsafe"

// ExportArrow gives a section as columns by Arrow's C Data Interface, to whatever imports that: schema and array lead
// to a struct ArrowSchema and a struct ArrowArray, which receive the type and the values (package cdata of Apache Arrow:
// the addresses of a CArrowSchema and a CArrowArray, then ImportCRecordBatch). They outlive the frame, until the
// importer releases them, or ReleaseArrow.
func (frame *Frame) ExportArrow(section Section, schema, array unsafe.Pointer) error {
	frame.mutex.RLock()
	defer frame.mutex.RUnlock()
	if frame.pointer == nil {
		return ErrClosed
	}
	var failure *C.nfm_error_t
	result := C.nfm_frame_export_arrow(frame.pointer, C.uint64_t(section), schema, array, &failure)
	return failed(result, failure)
}

// ReleaseArrow ends what ExportArrow gave and nobody imported; each may be nil.
func ReleaseArrow(schema, array unsafe.Pointer) {
	C.nfm_go_release((*C.struct_nfm_go_schema)(schema), (*C.struct_nfm_go_array)(array))
}
