package nfm

// #include <nfm.h>
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// Diff is the difference of two frames of one guest: which rows are new, gone or in both, and what was used in
// between. It never changes: goroutines may read it at the same time. The frames may be closed before it.
type Diff struct {
	mutex   sync.RWMutex
	pointer *C.nfm_diff_t
}

// NewDiff compares two frames of one guest, the earlier one first.
func NewDiff(earlier, later *Frame) (*Diff, error) {
	earlier.mutex.RLock()
	defer earlier.mutex.RUnlock()
	if earlier != later {
		later.mutex.RLock()
		defer later.mutex.RUnlock()
	}
	if earlier.pointer == nil || later.pointer == nil {
		return nil, ErrClosed
	}
	diff := &Diff{}
	var failure *C.nfm_error_t
	result := C.nfm_frame_diff(earlier.pointer, later.pointer, &diff.pointer, &failure)
	if err := failed(result, failure); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(diff, (*Diff).Close)
	return diff, nil
}

// Close frees the difference. What was read from it stays. It does nothing the second time.
func (diff *Diff) Close() {
	diff.mutex.Lock()
	defer diff.mutex.Unlock()
	C.nfm_diff_free(diff.pointer)
	diff.pointer = nil
	runtime.SetFinalizer(diff, nil)
}

// Info returns the difference's head: the time between its frames, and whether the guest was restarted (a Boot).
func (diff *Diff) Info() (*DiffInfo, error) {
	return oneOf(diff, func(diff *C.nfm_diff_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_diff_info(diff))
	}, newDiffInfo)
}
