package nfm

/*
#include <nfm.h>

// Rows by value: what is passed to C by its address is allocated anew each time, and so is a check of a pointer to an
// incomplete structure.
typedef struct nfm_go_rows_t {
	const void *first;
	size_t count, stride;
} nfm_go_rows_t;

static nfm_go_rows_t nfm_go_rows(uintptr_t frame, uint64_t section)
{
	nfm_go_rows_t rows;

	rows.first = nfm_frame_rows((const nfm_frame_t *)frame, section, &rows.count, &rows.stride);
	return rows;
}
*/
import "C"

import "unsafe"

// Text is text of the library where it lies. It is valid as long as the view that gave it.
type Text struct{ at *C.char }

// Bytes returns the text without a copy. It must not be changed.
func (text Text) Bytes() []byte {
	if text.at == nil {
		return nil
	}
	length := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(text.at), length)) != 0 {
		length++
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(text.at)), length)
}

// String returns a copy, which outlives the view.
func (text Text) String() string {
	return C.GoString(text.at)
}

// Is tells whether it is that text, without a copy.
func (text Text) Is(other string) bool {
	return string(text.Bytes()) == other
}

// Texts is a list of texts of the library where it lies.
type Texts struct {
	first **C.char
	count C.size_t
}

// Len returns the number of texts.
func (texts Texts) Len() int {
	return int(texts.count)
}

// At returns one of them, counted from 0.
func (texts Texts) At(index int) Text {
	if index < 0 || index >= texts.Len() {
		panic("nfm: there is no such text")
	}
	return Text{at(texts.first, C.size_t(index))}
}

// Views is rows within a row where they lie.
type Views[T any] struct {
	first         unsafe.Pointer
	count, stride C.size_t
}

func viewsOf[T any](first unsafe.Pointer, count, stride C.size_t) Views[T] {
	return Views[T]{first, count, stride}
}

// Len returns the number of rows.
func (views Views[T]) Len() int {
	return int(views.count)
}

// At returns one of them, counted from 0.
func (views Views[T]) At(index int) T {
	if index < 0 || index >= views.Len() {
		panic("nfm: there is no such row")
	}
	return viewAt[T](views.first, C.size_t(index)*views.stride)
}

// viewAt makes a view, which is nothing but a pointer to a row.
func viewAt[T any](first unsafe.Pointer, offset C.size_t) T {
	row := unsafe.Add(first, offset)
	return *(*T)(unsafe.Pointer(&row))
}

// each walks over the rows of a section; meanwhile the frame cannot be closed.
func each[T any](frame *Frame, section Section, yield func(T) bool) error {
	frame.mutex.RLock()
	defer frame.mutex.RUnlock()
	if frame.pointer == nil {
		return ErrClosed
	}
	rows := C.nfm_go_rows(C.uintptr_t(uintptr(unsafe.Pointer(frame.pointer))), C.uint64_t(section))
	if rows.first == nil {
		return ErrNoSection
	}
	for index := C.size_t(0); index < rows.count; index++ {
		if !yield(viewAt[T](rows.first, index*rows.stride)) {
			break
		}
	}
	return nil
}
