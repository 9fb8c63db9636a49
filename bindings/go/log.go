package nfm

/*
#include <stdlib.h>
#include <nfm.h>

void nfm_go_told(int level, char *target, char *message, void *user);
*/
import "C"

import (
	"runtime/cgo"
	"sync"
	"unsafe"
)

// LogFunc is told the library's diagnostic messages: with the level, the part of the library and the message. It is
// called by several goroutines at the same time, and must not call SetLog.
type LogFunc func(level LogLevel, target, message string)

var told struct {
	sync.RWMutex
	callback LogFunc
}

// SetLog has the library's diagnostic messages up to a level told to a function. nil ends that. There is one
// function for the whole process; OpenOptions.Log is one for a domain.
func SetLog(level LogLevel, callback LogFunc) error {
	var function C.nfm_log_callback_t
	if callback != nil {
		function = C.nfm_log_callback_t(C.nfm_go_told)
		told.Lock()
		told.callback = callback
		told.Unlock()
	}
	var failure *C.nfm_error_t
	return failed(C.nfm_set_log(C.int(level), function, nil, &failure), failure)
}

// logger is C's memory with a handle of a function, which must last as long as that may be called; nil for none.
type logger struct{ at unsafe.Pointer }

func newLogger(callback LogFunc) logger {
	if callback == nil {
		return logger{}
	}
	at := C.malloc(C.sizeof_uintptr_t)
	*(*cgo.Handle)(at) = cgo.NewHandle(callback)
	return logger{at}
}

func (one *logger) free() {
	if one.at != nil {
		(*(*cgo.Handle)(one.at)).Delete()
		C.free(one.at)
		one.at = nil
	}
}

//export nfm_go_told
func nfm_go_told(level C.int, target, message *C.char, user unsafe.Pointer) {
	var callback LogFunc
	if user != nil {
		callback = (*(*cgo.Handle)(user)).Value().(LogFunc)
	} else {
		told.RLock()
		callback = told.callback
		told.RUnlock()
	}
	callback(LogLevel(level), C.GoString(target), C.GoString(message))
}
