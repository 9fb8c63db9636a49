package nfm

// #include <nfm.h>
import "C"

import (
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

// Opt is a value that may not be known.
type Opt[T any] struct {
	Value T
	Known bool
}

// Some is a value that is known.
func Some[T any](value T) Opt[T] {
	return Opt[T]{value, true}
}

// Or returns the value, or another where it is not known.
func (opt Opt[T]) Or(other T) T {
	if opt.Known {
		return opt.Value
	}
	return other
}

// String returns the value as text, "?" where it is not known.
func (opt Opt[T]) String() string {
	if opt.Known {
		return fmt.Sprint(opt.Value)
	}
	return "?"
}

// MarshalJSON writes the value, or null where it is not known.
func (opt Opt[T]) MarshalJSON() ([]byte, error) {
	if opt.Known {
		return json.Marshal(opt.Value)
	}
	return []byte("null"), nil
}

// Frame is one snapshot of one guest. It never changes: goroutines may read it at the same time.
type Frame struct {
	mutex   sync.RWMutex
	pointer *C.nfm_frame_t
}

// Close frees the frame. What was read from it stays. It does nothing the second time.
func (frame *Frame) Close() {
	frame.mutex.Lock()
	defer frame.mutex.Unlock()
	C.nfm_frame_free(frame.pointer)
	frame.pointer = nil
	runtime.SetFinalizer(frame, nil)
}

// Info returns the frame's head: whose it is, when it was taken, what it holds, whether it is complete.
func (frame *Frame) Info() (*FrameInfo, error) {
	return one(frame, func(frame *C.nfm_frame_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_info(frame))
	}, newFrameInfo)
}

// Problems returns what the frame lacks; none if it is complete.
func (frame *Frame) Problems() ([]Problem, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_problems(frame, count, stride))
	}, newProblem)
}

// JSON returns the whole frame as JSON.
func (frame *Frame) JSON() (string, error) {
	return frame.json(0)
}

// PrettyJSON returns the whole frame as JSON, indented for people.
func (frame *Frame) PrettyJSON() (string, error) {
	return frame.json(C.NFM_JSON_PRETTY)
}

func (frame *Frame) json(flags C.uint32_t) (string, error) {
	frame.mutex.RLock()
	defer frame.mutex.RUnlock()
	if frame.pointer == nil {
		return "", ErrClosed
	}
	return C.GoString(C.nfm_frame_to_json(frame.pointer, flags)), nil
}

// one reads a section that is one structure.
func one[T any](
	frame *Frame,
	read func(*C.nfm_frame_t) unsafe.Pointer,
	make func(unsafe.Pointer) T,
) (*T, error) {
	frame.mutex.RLock()
	defer frame.mutex.RUnlock()
	if frame.pointer == nil {
		return nil, ErrClosed
	}
	found := read(frame.pointer)
	if found == nil {
		return nil, ErrNoSection
	}
	made := make(found)
	return &made, nil
}

// many reads a section of rows.
func many[T any](
	frame *Frame,
	read func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer,
	make func(unsafe.Pointer) T,
) ([]T, error) {
	frame.mutex.RLock()
	defer frame.mutex.RUnlock()
	if frame.pointer == nil {
		return nil, ErrClosed
	}
	var count, stride C.size_t
	first := read(frame.pointer, &count, &stride)
	if first == nil {
		return nil, ErrNoSection
	}
	return nested(first, count, stride, make), nil
}

// oneOf and manyOf read those of a difference.
func oneOf[T any](
	diff *Diff,
	read func(*C.nfm_diff_t) unsafe.Pointer,
	make func(unsafe.Pointer) T,
) (*T, error) {
	diff.mutex.RLock()
	defer diff.mutex.RUnlock()
	if diff.pointer == nil {
		return nil, ErrClosed
	}
	made := make(read(diff.pointer))
	return &made, nil
}

func manyOf[T any](
	diff *Diff,
	read func(diff *C.nfm_diff_t, count, stride *C.size_t) unsafe.Pointer,
	make func(unsafe.Pointer) T,
) ([]T, error) {
	diff.mutex.RLock()
	defer diff.mutex.RUnlock()
	if diff.pointer == nil {
		return nil, ErrClosed
	}
	var count, stride C.size_t
	first := read(diff.pointer, &count, &stride)
	if first == nil {
		return nil, ErrNoSection
	}
	return nested(first, count, stride, make), nil
}

// nested reads rows, the bytes from one to the next as the library tells them.
func nested[T any](first unsafe.Pointer, count, stride C.size_t, read func(unsafe.Pointer) T) []T {
	rows := make([]T, 0, int(count))
	for index := C.size_t(0); index < count; index++ {
		rows = append(rows, read(unsafe.Add(first, index*stride)))
	}
	return rows
}

func texts(first **C.char, count C.size_t) []string {
	made := make([]string, 0, int(count))
	for index := C.size_t(0); index < count; index++ {
		made = append(made, C.GoString(at(first, index)))
	}
	return made
}

func at(first **C.char, index C.size_t) *C.char {
	return *(**C.char)(unsafe.Add(unsafe.Pointer(first), index*C.size_t(unsafe.Sizeof(*first))))
}
