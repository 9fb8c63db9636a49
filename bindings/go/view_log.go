// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// LogRecordView is a LogRecord where it lies, of which nothing is copied. It is valid during
// EachLogRecord alone.
type LogRecordView struct{ row *C.nfm_log_record_t }

// Text is as in LogRecord.
func (view LogRecordView) Text() Text {
	return Text{view.row.text}
}

// TimeNS is as in LogRecord.
func (view LogRecordView) TimeNS() uint64 {
	return uint64(view.row.time_ns)
}

// Level is as in LogRecord.
func (view LogRecordView) Level() uint32 {
	return uint32(view.row.level)
}

// EachLogRecord calls a function with each row of Log, one after another, until it returns false.
// Nothing is copied and nothing allocated. It is ErrNoSection where the section was not asked
// for.
func (frame *Frame) EachLogRecord(yield func(LogRecordView) bool) error {
	return each(frame, SectionLog, yield)
}
