// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

// Section is a set of sections of a frame.
type Section uint64

const (
	// SectionOS: section of a frame: the operating system, see nfm_frame_os().
	SectionOS Section = C.NFM_SECTION_OS

	// SectionCpus: section of a frame: the CPUs, see nfm_frame_cpus().
	SectionCpus Section = C.NFM_SECTION_CPUS

	// SectionMemory: section of a frame: memory as a whole, see nfm_frame_memory().
	SectionMemory Section = C.NFM_SECTION_MEMORY

	// SectionProcesses: section of a frame: the processes, see nfm_frame_processes().
	SectionProcesses Section = C.NFM_SECTION_PROCESSES

	// SectionFiles: section of a frame: the open files of the processes, see nfm_frame_files().
	SectionFiles Section = C.NFM_SECTION_FILES

	// SectionMappings: section of a frame: the address spaces of the processes, see
	// nfm_frame_mappings().
	SectionMappings Section = C.NFM_SECTION_MAPPINGS

	// SectionModules: section of a frame: the loaded kernel modules, see nfm_frame_modules().
	SectionModules Section = C.NFM_SECTION_MODULES

	// SectionInterfaces: section of a frame: the network interfaces, see nfm_frame_interfaces().
	SectionInterfaces Section = C.NFM_SECTION_INTERFACES

	// SectionConnections: section of a frame: the sockets, see nfm_frame_connections().
	SectionConnections Section = C.NFM_SECTION_CONNECTIONS

	// SectionMounts: section of a frame: the mounts, see nfm_frame_mounts().
	SectionMounts Section = C.NFM_SECTION_MOUNTS

	// SectionLog: section of a frame: the kernel's log, see nfm_frame_log().
	SectionLog Section = C.NFM_SECTION_LOG

	// SectionHost: section of a frame: what the host knows of the guest, see nfm_frame_host().
	SectionHost Section = C.NFM_SECTION_HOST

	// SectionIntegrity: section of a frame: where the kernel's structures contradict each other. It
	// must be asked for, and nfm_frame_to_json() tells it.
	SectionIntegrity Section = C.NFM_SECTION_INTEGRITY

	// SectionRoutes: section of a frame: the routes, see nfm_frame_routes().
	SectionRoutes Section = C.NFM_SECTION_ROUTES

	// SectionNeighbours: section of a frame: the neighbours (ARP, NDP), see nfm_frame_neighbours().
	SectionNeighbours Section = C.NFM_SECTION_NEIGHBOURS
)

// Code: the results of functions, as an int. Numbers are never reused; later versions add some,
// so treat a number that is not listed as a failure.
type Code int

const (
	// ErrOther: something failed that has no code of its own (an input or output error, for example).
	ErrOther Code = C.NFM_ERR_OTHER

	// ErrInvalidArgument: an argument is not what the function takes.
	ErrInvalidArgument Code = C.NFM_ERR_INVALID_ARGUMENT

	// ErrConnect: libvirt cannot be reached.
	ErrConnect Code = C.NFM_ERR_CONNECT

	// ErrNoSuchDomain: libvirt knows no such domain.
	ErrNoSuchDomain Code = C.NFM_ERR_NO_SUCH_DOMAIN

	// ErrNotRunning: the domain is known but not running.
	ErrNotRunning Code = C.NFM_ERR_NOT_RUNNING

	// ErrPermission: the guest's memory may not be read with the caller's privileges.
	ErrPermission Code = C.NFM_ERR_PERMISSION

	// ErrNotBooted: no operating system runs in the guest yet: it is in its firmware or boot loader.
	ErrNotBooted Code = C.NFM_ERR_NOT_BOOTED

	// ErrNotLinux: the guest runs no Linux kernel that can be recognised.
	ErrNotLinux Code = C.NFM_ERR_NOT_LINUX

	// ErrNoTypes: the kernel carries no BTF, so the layout of its structures is unknown.
	ErrNoTypes Code = C.NFM_ERR_NO_TYPES

	// ErrNoSymbols: the kernel's symbol table cannot be found in its memory.
	ErrNoSymbols Code = C.NFM_ERR_NO_SYMBOLS

	// ErrUnsupported: the hypervisor, the architecture or the kind of memory is one that nfm does not
	// read.
	ErrUnsupported Code = C.NFM_ERR_UNSUPPORTED

	// ErrNoMemory: the guest's RAM cannot be located in the hypervisor's process.
	ErrNoMemory Code = C.NFM_ERR_NO_MEMORY

	// ErrGone: the guest ended, or was replaced by another, while it was read.
	ErrGone Code = C.NFM_ERR_GONE

	// ErrPanic: A bug in nfm: a panic was caught, or was caught earlier with this handle. Close the
	// handle.
	ErrPanic Code = C.NFM_ERR_PANIC

	// ErrCancelled: the call was cancelled through its nfm_control_t.
	ErrCancelled Code = C.NFM_ERR_CANCELLED

	// ErrFile: A file is not there, may not be read or written, or is none that nfm can read.
	ErrFile Code = C.NFM_ERR_FILE

	// ErrMismatch: A symbol file is of another kernel than the guest's.
	ErrMismatch Code = C.NFM_ERR_MISMATCH

	// ErrDescriptors: the process has no file descriptor left: close some domains, or raise its
	// limit.
	ErrDescriptors Code = C.NFM_ERR_DESCRIPTORS

	// ErrNotInMemory: the guest's memory does not hold what was asked for: the guest may have it on
	// its disk.
	ErrNotInMemory Code = C.NFM_ERR_NOT_IN_MEMORY
)

// Retry: the remedies after an error, as an int. Later versions may add some: treat one that is
// not listed as NFM_RETRY_NEVER.
type Retry int

const (
	// RetryNever: nothing that the program could do: the same call fails again until somebody changes
	// something.
	RetryNever Retry = C.NFM_RETRY_NEVER

	// RetryLater: the same call again after a while: what it failed of passes by itself.
	RetryLater Retry = C.NFM_RETRY_LATER

	// RetryReopen: the domain is of no more use: close it, and open it anew.
	RetryReopen Retry = C.NFM_RETRY_REOPEN
)

// LogLevel: how grave a message is, as nfm_set_log() takes and tells it.
type LogLevel int

const (
	// LogLevelOff: nothing is told.
	LogLevelOff LogLevel = C.NFM_LOG_OFF

	// LogLevelError: something failed that cannot be returned: a guest that could not be resumed, for
	// example.
	LogLevelError LogLevel = C.NFM_LOG_ERROR

	// LogLevelWarn: something looks wrong.
	LogLevelWarn LogLevel = C.NFM_LOG_WARN

	// LogLevelInfo: events.
	LogLevelInfo LogLevel = C.NFM_LOG_INFO

	// LogLevelDebug: findings on the way, for whoever looks for a fault.
	LogLevelDebug LogLevel = C.NFM_LOG_DEBUG

	// LogLevelTrace: everything.
	LogLevelTrace LogLevel = C.NFM_LOG_TRACE
)

// Mode: how the guest is treated while a frame is taken.
type Mode int

const (
	// ModeLive: it runs on: what looks torn is read anew.
	ModeLive Mode = C.NFM_MODE_LIVE

	// ModePaused: libvirt suspends it for the crawl and resumes it after, over a read-write
	// connection. A guest whose vCPUs do not run is left as it is. If the calling process is killed
	// in between, the guest stays suspended (virsh resume).
	ModePaused Mode = C.NFM_MODE_PAUSED
)

// MemberType: how a member of a row is read.
type MemberType int

const (
	// MemberTypeUnsigned: an unsigned integer of the member's size.
	MemberTypeUnsigned MemberType = C.NFM_MEMBER_UNSIGNED

	// MemberTypeSigned: A signed integer of the member's size.
	MemberTypeSigned MemberType = C.NFM_MEMBER_SIGNED

	// MemberTypeReal: A double, or an array of as many as the size has room for.
	MemberTypeReal MemberType = C.NFM_MEMBER_REAL

	// MemberTypeFlag: A uint32_t: 1 for yes, 0 for no.
	MemberTypeFlag MemberType = C.NFM_MEMBER_FLAG

	// MemberTypeLetter: A char: an ASCII letter.
	MemberTypeLetter MemberType = C.NFM_MEMBER_LETTER

	// MemberTypeText: A const char *: text.
	MemberTypeText MemberType = C.NFM_MEMBER_TEXT

	// MemberTypeTexts: A const char *const *: texts, and a NULL after the last. A size_t with their
	// number follows it.
	MemberTypeTexts MemberType = C.NFM_MEMBER_TEXTS

	// MemberTypeRows: A pointer to rows, whose members are told with it. Their number and the bytes
	// from one to the next follow it, a size_t each.
	MemberTypeRows MemberType = C.NFM_MEMBER_ROWS
)

// Kind: how a member changes from frame to frame.
type Kind int

const (
	// KindLabel: it tells rows apart or describes one; such numbers are not summed.
	KindLabel Kind = C.NFM_KIND_LABEL

	// KindGauge: it rises and falls.
	KindGauge Kind = C.NFM_KIND_GAUGE

	// KindCounter: it only rises, until its owner starts anew.
	KindCounter Kind = C.NFM_KIND_COUNTER
)

// Boot: the answer to whether two frames are of one boot of the guest, as an int.
type Boot int

const (
	// BootSame: they are.
	BootSame Boot = C.NFM_BOOT_SAME

	// BootOther: the guest was started anew in between, or set back to a snapshot: all of the later
	// frame is new, and all of the earlier one gone.
	BootOther Boot = C.NFM_BOOT_OTHER

	// BootUnknown: the frames do not tell; their rows are compared as of one boot.
	BootUnknown Boot = C.NFM_BOOT_UNKNOWN
)

// Change: the fate of a row between two frames, as an int. A row that a frame lacks which is not
// whole is none that was not there.
type Change int

const (
	// ChangeNew: it is in the later frame alone.
	ChangeNew Change = C.NFM_CHANGE_NEW

	// ChangeGone: it is in the earlier frame alone.
	ChangeGone Change = C.NFM_CHANGE_GONE

	// ChangeStayed: it is in both.
	ChangeStayed Change = C.NFM_CHANGE_STAYED

	// ChangePerhapsNew: it is in the later frame alone, and the earlier one does not tell: it is not
	// whole, or has a row that may be the same one.
	ChangePerhapsNew Change = C.NFM_CHANGE_PERHAPS_NEW

	// ChangePerhapsGone: it is in the earlier frame alone, and the later one does not tell.
	ChangePerhapsGone Change = C.NFM_CHANGE_PERHAPS_GONE
)

// EventKind: something that happened to a domain, as an int. Later versions may add some.
type EventKind int

const (
	// EventKindNew: it was opened: for the first time, or after it had ended.
	EventKindNew EventKind = C.NFM_EVENT_NEW

	// EventKindFrame: it was crawled.
	EventKindFrame EventKind = C.NFM_EVENT_FRAME

	// EventKindFailed: it could not be opened or crawled. It is tried again, ever less often.
	EventKindFailed EventKind = C.NFM_EVENT_FAILED

	// EventKindGone: it ended. If it is started again, it is new.
	EventKindGone EventKind = C.NFM_EVENT_GONE

	// EventKindNotListed: libvirt does not tell which domains run. Those that are open are crawled
	// all the same.
	EventKindNotListed EventKind = C.NFM_EVENT_NOT_LISTED
)

// Content: the place of a part of a file's content, as an int. The first three are known.
type Content int

const (
	// ContentCached: in the guest's page cache, and the same on its disk.
	ContentCached Content = C.NFM_CONTENT_CACHED

	// ContentDirty: in the guest's page cache, and newer than its disk; also files that no disk has.
	ContentDirty Content = C.NFM_CONTENT_DIRTY

	// ContentHole: never written: zeros.
	ContentHole Content = C.NFM_CONTENT_HOLE

	// ContentSwapped: in the guest's swap: not known.
	ContentSwapped Content = C.NFM_CONTENT_SWAPPED

	// ContentNotCached: not in memory: not known.
	ContentNotCached Content = C.NFM_CONTENT_NOT_CACHED

	// ContentMoving: it moved or changed whenever it was looked at: not known.
	ContentMoving Content = C.NFM_CONTENT_MOVING

	// ContentNoRam: in memory that the host or the dump has not: not known.
	ContentNoRam Content = C.NFM_CONTENT_NO_RAM
)
