package nfm

// #include <stdlib.h>
// #include <nfm.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// slice is how long a call into the library waits at most: it holds a thread of the program's meanwhile.
const slice = 100 * time.Millisecond

// FleetOptions tells which domains to follow, and how. The zero value has the defaults.
type FleetOptions struct {
	// Open tells how each domain is opened, and over which connection to libvirt they are listed.
	Open *OpenOptions

	// Crawl tells how each is crawled.
	Crawl *CrawlOptions

	// Domains are UUIDs, or names in which * and ? stand for others; none for all.
	Domains []string

	// Period is the time from one frame of a domain to the next; 0 for the default, one second.
	Period time.Duration

	// ListingPeriod is the time from one look at which domains run to the next; 0 for the default, two
	// seconds.
	ListingPeriod time.Duration

	// Threads that crawl; 0 for the default, two.
	Threads uint32

	// Processes: the QEMU processes of this host instead, without libvirt. The UUID of their events is "qemu:PID".
	Processes bool
}

// Fleet is domains that are followed. Goroutines may share it; each event is given to one of them.
type Fleet struct {
	mutex   sync.RWMutex
	pointer *C.nfm_fleet_t

	// log lasts until the fleet is closed.
	log logger
}

// Event is something that happened to a domain of a fleet.
type Event struct {
	// Kind of event.
	Kind EventKind

	// Name and UUID of the domain; empty with EventKindNotListed.
	Name, UUID string

	// Frame of EventKindFrame, nil with others, and the domain's frame before that one, nil where there is none.
	// They are the caller's to close.
	Frame, Before *Frame

	// Err is why EventKindFailed or EventKindNotListed, nil with others; an *Error.
	Err error

	// RetryAfter is the time until the next try, with Err.
	RetryAfter time.Duration

	// Restarted: the guest's kernel, or its hypervisor, was started anew since the frame before.
	Restarted bool

	// Repeated: the last try failed with the same code.
	Repeated bool
}

// Close closes the event's frames.
func (event *Event) Close() {
	for _, frame := range []*Frame{event.Frame, event.Before} {
		if frame != nil {
			frame.Close()
		}
	}
}

// Watch follows the running domains of a libvirt: opens them as they start, crawls each once a period, and tells
// of each what happens to it, by Next.
func Watch(options *FleetOptions) (*Fleet, error) {
	if options == nil {
		options = &FleetOptions{}
	}
	if options.Period < 0 || options.ListingPeriod < 0 {
		return nil, errTimeLimit
	}
	open, log, release, err := options.Open.passed()
	if err != nil {
		return nil, err
	}
	defer release()
	fleet := &Fleet{log: log}
	defer func() {
		if fleet.pointer == nil {
			fleet.log.free()
		}
	}()
	crawl, err := options.Crawl.passed()
	if err != nil {
		return nil, err
	}
	// All that C is given leads to C's memory alone.
	crawls := (*C.nfm_crawl_options_t)(C.calloc(1, C.sizeof_nfm_crawl_options_t))
	defer C.free(unsafe.Pointer(crawls))
	*crawls = crawl
	passed := C.nfm_fleet_options_t{
		size:              C.sizeof_nfm_fleet_options_t,
		open:              open,
		crawl:             crawls,
		period_ns:         C.uint64_t(options.Period.Nanoseconds()),
		listing_period_ns: C.uint64_t(options.ListingPeriod.Nanoseconds()),
		threads:           C.uint32_t(options.Threads),
		processes:         number(options.Processes),
	}
	if len(options.Domains) > 0 {
		names := C.calloc(C.size_t(len(options.Domains)+1), C.size_t(unsafe.Sizeof(passed.domains)))
		defer C.free(names)
		passed.domains = (**C.char)(names)
		for index, name := range options.Domains {
			called, err := text(name)
			if err != nil {
				return nil, err
			}
			defer C.free(unsafe.Pointer(called))
			place := unsafe.Add(names, uintptr(index)*unsafe.Sizeof(called))
			*(**C.char)(place) = called
		}
	}
	var failure *C.nfm_error_t
	if err := failed(C.nfm_fleet_start(&passed, &fleet.pointer, &failure), failure); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(fleet, (*Fleet).Close)
	return fleet, nil
}

// Next returns the next event; it ends with the context's error once that does.
func (fleet *Fleet) Next(ctx context.Context) (*Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		event, err := fleet.next(slice)
		if event != nil || err != nil {
			return event, err
		}
	}
}

// next returns nil where there is no event within that time.
func (fleet *Fleet) next(patience time.Duration) (*Event, error) {
	fleet.mutex.RLock()
	defer fleet.mutex.RUnlock()
	if fleet.pointer == nil {
		return nil, ErrClosed
	}
	var event *C.nfm_event_t
	var failure *C.nfm_error_t
	wait := C.uint64_t(patience.Nanoseconds())
	result := C.nfm_fleet_next(fleet.pointer, wait, &event, &failure)
	if err := failed(result, failure); err != nil || event == nil {
		return nil, err
	}
	defer C.nfm_event_free(event)
	info := C.nfm_event_info(event)
	made := &Event{
		Kind:       EventKind(info.kind),
		Name:       C.GoString(info.name),
		UUID:       C.GoString(info.uuid),
		RetryAfter: time.Duration(info.retry_after_ns),
		Restarted:  info.restarted != 0,
		Repeated:   info.repeated != 0,
	}
	if info.error != nil {
		made.Err = errorOf(C.nfm_error_code(info.error), info.error)
	}
	for _, one := range []struct {
		to   **Frame
		from *C.nfm_frame_t
	}{{&made.Frame, info.frame}, {&made.Before, info.before}} {
		if one.from == nil {
			continue
		}
		frame := &Frame{}
		var failure *C.nfm_error_t
		result := C.nfm_frame_share(one.from, &frame.pointer, &failure)
		if err := failed(result, failure); err != nil {
			made.Close()
			return nil, err
		}
		runtime.SetFinalizer(frame, (*Frame).Close)
		*one.to = frame
	}
	return made, nil
}

// Close ends the fleet, and closes its domains; events that were taken stay. It does nothing the second time.
func (fleet *Fleet) Close() {
	fleet.mutex.RLock()
	C.nfm_fleet_stop(fleet.pointer)
	fleet.mutex.RUnlock()
	fleet.mutex.Lock()
	defer fleet.mutex.Unlock()
	C.nfm_fleet_free(fleet.pointer)
	fleet.pointer = nil
	fleet.log.free()
	runtime.SetFinalizer(fleet, nil)
}
