package nfm

/*
#include <nfm.h>

void nfm_go_told(int level, char *target, char *message, void *user);
*/
import "C"

import (
	"sync"
	"unsafe"
)

var told struct {
	sync.RWMutex
	callback func(level LogLevel, target, message string)
}

// SetLog has the library's diagnostic messages up to a level told to a function: with the level, the part of
// the library and the message. nil ends that. There is one function for the whole process, which is called
// by several goroutines at the same time; it must not call SetLog.
func SetLog(level LogLevel, callback func(level LogLevel, target, message string)) error {
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

//export nfm_go_told
func nfm_go_told(level C.int, target, message *C.char, _ unsafe.Pointer) {
	told.RLock()
	callback := told.callback
	told.RUnlock()
	callback(LogLevel(level), C.GoString(target), C.GoString(message))
}
