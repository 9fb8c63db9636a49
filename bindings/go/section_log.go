// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// LogRecord: one record of the kernel's log ring buffer.
type LogRecord struct {
	// The message, without prefix.
	Text string

	// When it was written, nanoseconds of the guest's own log clock (since boot).
	TimeNS uint64

	// syslog level, 0 (emergency) to 7 (debug).
	Level uint32
}

func newLogRecord(at unsafe.Pointer) (made LogRecord) {
	row := (*C.nfm_log_record_t)(at)
	made.Text = C.GoString(row.text)
	made.TimeNS = uint64(row.time_ns)
	made.Level = uint32(row.level)
	return made
}

// Log returns the kernel's log of a frame, oldest record first. It is ErrNoSection where it was
// not asked for.
func (frame *Frame) Log() ([]LogRecord, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_log(frame, count, stride))
	}, newLogRecord)
}
