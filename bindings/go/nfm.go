// Package nfm sees into running Linux guests from their host.
//
//	domain, err := nfm.OpenDomain(ctx, "web-1", nil)
//	if err != nil {
//		return err
//	}
//	defer domain.Close()
//	frame, err := domain.Crawl(ctx, &nfm.CrawlOptions{Sections: nfm.SectionProcesses})
//	if err != nil {
//		return err
//	}
//	defer frame.Close()
//	processes, err := frame.Processes()
//
// It is linked with the C library, which pkg-config finds as nfm. Reading guest memory needs root or
// CAP_SYS_PTRACE, see nfm-security(7).
//
// Close what OpenDomain and Crawl return. A finalizer closes what was forgotten, some time: rely
// on it as little as on that of a file. What was read from a frame outlives it.
//
// Text comes from the guest and can hold control characters: print it with %q, or escape it otherwise.
// Times are in nanoseconds and sizes in bytes, unless a name says otherwise.
package nfm

/*
#cgo pkg-config: nfm
#include <stdlib.h>
#include <nfm.h>

void nfm_go_told(int level, char *target, char *message, void *user);
*/
import "C"

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// HeaderVersion is the version of the header that this package was built with.
const HeaderVersion = C.NFM_VERSION

// ErrClosed: what is used was closed.
var ErrClosed = errors.New("nfm: it is closed")

// ErrNoSection: the frame does not hold the section, as it was not asked for.
var ErrNoSection = errors.New("nfm: the frame does not hold this section")

// Version returns the version of the library that runs.
func Version() string {
	return C.GoString(C.nfm_version())
}

// Features returns what the library that runs can do, see nfm_features(3).
func Features() []string {
	first := C.nfm_features()
	var count C.size_t
	for at(first, count) != nil {
		count++
	}
	return texts(first, count)
}

// Error is why a function of the library failed. errors.Is finds its code in it: errors.Is(err,
// nfm.ErrNoSuchDomain).
type Error struct {
	// Code is the library's number of it.
	Code Code

	// Message is one sentence for a person: why, and what to do. It can hold names from the guest.
	Message string

	// Errno is the system's error number behind it, 0 where there is none.
	Errno syscall.Errno

	// Address is the guest-virtual address at which it happened.
	Address Opt[uint64]

	// Retry is what helps.
	Retry Retry

	cause error
}

func (failure *Error) Error() string {
	return failure.Message
}

// Is tells whether the target is the error's code.
func (failure *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == failure.Code
}

// Unwrap returns the context's error where that cancelled the call.
func (failure *Error) Unwrap() error {
	return failure.cause
}

func (code Code) Error() string {
	return code.String()
}

// String returns the code's name in nfm.h: "NFM_ERR_NO_SUCH_DOMAIN".
func (code Code) String() string {
	return C.GoString(C.nfm_result_name(C.int(code)))
}

// failed makes an error of the library's, which ends here; nil where there was none.
func failed(result C.int, failure *C.nfm_error_t) error {
	if result == C.NFM_OK {
		return nil
	}
	defer C.nfm_error_free(failure)
	return errorOf(result, failure)
}

// errorOf makes an error of the library's, which stays.
func errorOf(result C.int, failure *C.nfm_error_t) error {
	made := &Error{
		Code:    Code(result),
		Message: C.GoString(C.nfm_error_message(failure)),
		Errno:   syscall.Errno(C.nfm_error_errno(failure)),
		Retry:   Retry(C.nfm_error_retry(failure)),
	}
	var address C.uint64_t
	if C.nfm_error_address(failure, &address) != 0 {
		made.Address = Some(uint64(address))
	}
	return made
}

// OpenOptions tells how to open a domain. The zero value has the defaults.
type OpenOptions struct {
	// URI is libvirt's; empty for libvirt's own default.
	URI string

	// Connection is the program's own connection to libvirt instead, a virConnectPtr (RawPtr of
	// libvirt.org/go/libvirt); nil for none.
	Connection unsafe.Pointer

	// Symbols and Types are files that tell those of the kernel instead of the guest's memory.
	Symbols, Types string

	// DebugDir is where the kernel's debug package is searched; empty for the default.
	DebugDir string

	// CacheDir is where what was learned of the kernel is kept, Some("") for nowhere.
	CacheDir Opt[string]

	// TimeLimit: a kernel that was not found after this long is given up; 0 for the library's default.
	TimeLimit time.Duration

	// Log is told this domain's messages up to LogLevel; 0 for warnings and worse. nil for what SetLog set.
	Log      LogFunc
	LogLevel LogLevel
}

// CrawlOptions tells how to crawl. The zero value has the defaults.
type CrawlOptions struct {
	// Sections to fill; 0 for the default ones.
	Sections Section

	// TimeLimit: a frame that is not done after this long is returned as it is, with a problem that says
	// so; 0 for the library's default.
	TimeLimit time.Duration

	// MemoryLimit and RowLimit: bytes and rows that a frame may cost, likewise.
	MemoryLimit, RowLimit uint64

	// Mode: ModePaused suspends the guest meanwhile.
	Mode Mode

	// Threads: list the threads of each process.
	Threads bool

	// Physical: tell where the pages of each mapping are.
	Physical bool
}

var errTimeLimit = &Error{Code: ErrInvalidArgument, Message: "a time limit is above 0"}

// Domain is open for crawling. Goroutines may share it; one that crawls while another does waits for it.
type Domain struct {
	mutex   sync.Mutex
	pointer *C.nfm_domain_t

	// The control goes when both locks are held: a crawl holds the one, Progress the other.
	progress sync.Mutex
	control  *C.nfm_control_t

	// log lasts until the domain is closed.
	log logger
}

// OpenDomain opens a running domain, by its name, id or UUID as virsh takes them. It ends with ErrCancelled once
// the context does.
func OpenDomain(ctx context.Context, name string, options *OpenOptions) (*Domain, error) {
	called, err := text(name)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(called))
	return open(ctx, options, func(
		options *C.nfm_open_options_t,
		out **C.nfm_domain_t,
		failure **C.nfm_error_t,
	) C.int {
		return C.nfm_open_domain(called, options, out, failure)
	})
}

// OpenVirDomain opens the domain that the program has from libvirt itself, a virDomainPtr (RawPtr of
// libvirt.org/go/libvirt), over the connection that it belongs to. The options name neither URI nor Connection.
func OpenVirDomain(
	ctx context.Context,
	virDomain unsafe.Pointer,
	options *OpenOptions,
) (*Domain, error) {
	return open(ctx, options, func(
		options *C.nfm_open_options_t,
		out **C.nfm_domain_t,
		failure **C.nfm_error_t,
	) C.int {
		return C.nfm_open_virdomain(virDomain, options, out, failure)
	})
}

// OpenPID opens the guest of a QEMU process of this host, which libvirt need not know (see ListProcesses).
func OpenPID(ctx context.Context, pid uint64, options *OpenOptions) (*Domain, error) {
	return open(ctx, options, func(
		options *C.nfm_open_options_t,
		out **C.nfm_domain_t,
		failure **C.nfm_error_t,
	) C.int {
		return C.nfm_open_pid(C.uint64_t(pid), options, out, failure)
	})
}

func open(
	ctx context.Context,
	options *OpenOptions,
	call func(*C.nfm_open_options_t, **C.nfm_domain_t, **C.nfm_error_t) C.int,
) (*Domain, error) {
	passed, log, release, err := options.passed()
	if err != nil {
		return nil, err
	}
	defer release()
	domain := &Domain{log: log}
	var failure *C.nfm_error_t
	if err := failed(C.nfm_control_new(&domain.control, &failure), failure); err != nil {
		domain.log.free()
		return nil, err
	}
	passed.control = domain.control
	err = domain.cancelled(ctx, func() error {
		var failure *C.nfm_error_t
		return failed(call(passed, &domain.pointer, &failure), failure)
	})
	if err != nil {
		C.nfm_control_free(domain.control)
		domain.log.free()
		return nil, err
	}
	runtime.SetFinalizer(domain, (*Domain).Close)
	return domain, nil
}

// passed makes C's structure of the options, which C's memory holds, as it leads to more of that; release
// frees it. The logger, of which it has the address, is to be freed once what was opened is closed.
func (options *OpenOptions) passed() (
	passed *C.nfm_open_options_t, log logger, release func(), err error,
) {
	if options == nil {
		options = &OpenOptions{}
	}
	if options.TimeLimit < 0 {
		return nil, log, nil, errTimeLimit
	}
	var held []unsafe.Pointer
	release = func() {
		for _, one := range held {
			C.free(one)
		}
	}
	passed = (*C.nfm_open_options_t)(C.calloc(1, C.sizeof_nfm_open_options_t))
	held = append(held, unsafe.Pointer(passed))
	passed.size = C.sizeof_nfm_open_options_t
	passed.time_limit_ns = C.uint64_t(options.TimeLimit.Nanoseconds())
	passed.connection = options.Connection
	for _, one := range []struct {
		to    **C.char
		value string
		given bool
	}{
		{&passed.uri, options.URI, options.URI != ""},
		{&passed.symbols, options.Symbols, options.Symbols != ""},
		{&passed.types, options.Types, options.Types != ""},
		{&passed.debug_dir, options.DebugDir, options.DebugDir != ""},
		{&passed.cache_dir, options.CacheDir.Value, options.CacheDir.Known},
	} {
		if one.given {
			if *one.to, err = text(one.value); err != nil {
				release()
				return nil, log, nil, err
			}
			held = append(held, unsafe.Pointer(*one.to))
		}
	}
	if log = newLogger(options.Log); log.at != nil {
		passed.log = C.nfm_log_callback_t(C.nfm_go_told)
		passed.log_user = log.at
		passed.log_level = C.uint32_t(options.LogLevel)
	}
	return passed, log, release, nil
}

// Crawl takes a frame. It ends with ErrCancelled once the context does. What cannot be read inside a living
// guest is no error: see FrameInfo.Complete and Frame.Problems.
func (domain *Domain) Crawl(ctx context.Context, options *CrawlOptions) (*Frame, error) {
	passed, err := options.passed()
	if err != nil {
		return nil, err
	}
	domain.mutex.Lock()
	defer domain.mutex.Unlock()
	if domain.pointer == nil {
		return nil, ErrClosed
	}
	passed.control = domain.control
	frame := &Frame{}
	err = domain.cancelled(ctx, func() error {
		var failure *C.nfm_error_t
		return failed(C.nfm_crawl(domain.pointer, &passed, &frame.pointer, &failure), failure)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(frame, (*Frame).Close)
	return frame, nil
}

func (options *CrawlOptions) passed() (passed C.nfm_crawl_options_t, err error) {
	if options == nil {
		options = &CrawlOptions{}
	}
	if options.TimeLimit < 0 {
		return passed, errTimeLimit
	}
	return C.nfm_crawl_options_t{
		size:          C.sizeof_nfm_crawl_options_t,
		sections:      C.uint64_t(options.Sections),
		time_limit_ns: C.uint64_t(options.TimeLimit.Nanoseconds()),
		memory_limit:  C.uint64_t(options.MemoryLimit),
		row_limit:     C.uint64_t(options.RowLimit),
		mode:          C.uint32_t(options.Mode),
		threads:       number(options.Threads),
		physical:      number(options.Physical),
	}, nil
}

// Progress tells the section that a crawl is at, 0 while none runs, and how many pages of guest memory were
// read so far. It does not wait for a crawl.
func (domain *Domain) Progress() (section Section, pages uint64) {
	domain.progress.Lock()
	defer domain.progress.Unlock()
	section = Section(C.nfm_control_section(domain.control))
	return section, uint64(C.nfm_control_pages(domain.control))
}

// Close closes the domain; frames that were taken of it stay. It does nothing the second time.
func (domain *Domain) Close() {
	domain.mutex.Lock()
	defer domain.mutex.Unlock()
	C.nfm_close_domain(domain.pointer)
	domain.pointer = nil
	domain.log.free()
	domain.progress.Lock()
	C.nfm_control_free(domain.control)
	domain.control = nil
	domain.progress.Unlock()
	runtime.SetFinalizer(domain, nil)
}

// cancelled makes one call, and cancels it once the context ends.
func (domain *Domain) cancelled(ctx context.Context, call func() error) error {
	if err := ctx.Err(); err != nil {
		return &Error{Code: ErrCancelled, Message: "cancelled before it began", cause: err}
	}
	C.nfm_control_reset(domain.control)
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			C.nfm_control_cancel(domain.control)
		case <-ended:
		}
	}()
	err := call()
	close(ended)
	<-watched
	if failure := (*Error)(nil); errors.As(err, &failure) && failure.Code == ErrCancelled {
		failure.cause = ctx.Err()
	}
	return err
}

// ListOptions tells which domains to list. The zero value has the defaults.
type ListOptions struct {
	// URI is libvirt's; empty for libvirt's own default.
	URI string

	// Connection is the program's own connection to libvirt instead, a virConnectPtr; nil for none.
	Connection unsafe.Pointer

	// Inactive: also domains that do not run.
	Inactive bool
}

// ListDomains returns the domains that libvirt knows, active ones first.
func ListDomains(options *ListOptions) ([]DomainInfo, error) {
	if options == nil {
		options = &ListOptions{}
	}
	passed := C.nfm_list_options_t{
		size:       C.sizeof_nfm_list_options_t,
		inactive:   number(options.Inactive),
		connection: options.Connection,
	}
	if options.URI != "" {
		uri, err := text(options.URI)
		if err != nil {
			return nil, err
		}
		defer C.free(unsafe.Pointer(uri))
		passed.uri = uri
	}
	var list *C.nfm_domain_list_t
	var failure *C.nfm_error_t
	if err := failed(C.nfm_list_domains(&passed, &list, &failure), failure); err != nil {
		return nil, err
	}
	return listed(list), nil
}

// ListProcesses returns the QEMU processes of this host that run x86-64 guests, known to libvirt or not, for OpenPID.
func ListProcesses() ([]DomainInfo, error) {
	var list *C.nfm_domain_list_t
	var failure *C.nfm_error_t
	if err := failed(C.nfm_list_processes(&list, &failure), failure); err != nil {
		return nil, err
	}
	return listed(list), nil
}

// listed reads a list, which ends here.
func listed(list *C.nfm_domain_list_t) []DomainInfo {
	defer C.nfm_domain_list_free(list)
	var count, stride C.size_t
	first := C.nfm_domain_list_rows(list, &count, &stride)
	return nested(unsafe.Pointer(first), count, stride, newDomainInfo)
}

// text is the caller's to free.
func text(value string) (*C.char, error) {
	if strings.ContainsRune(value, 0) {
		return nil, &Error{Code: ErrInvalidArgument, Message: "a name or URI contains a NUL"}
	}
	return C.CString(value), nil
}

func number(set bool) C.uint32_t {
	if set {
		return 1
	}
	return 0
}
