// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

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
)

// Code: what a function returns, as an int. Numbers are never reused; later versions add some, so
// treat a number that is not listed as a failure.
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

	// ErrNotLinux: what runs in the guest is no Linux kernel that can be recognised.
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

	// LogLevelInfo: what happens.
	LogLevelInfo LogLevel = C.NFM_LOG_INFO

	// LogLevelDebug: what was found on the way, for whoever looks for a fault.
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

// DomainInfo: one domain, as libvirt knows it.
type DomainInfo struct {
	// The domain's name.
	Name string

	// Its UUID in the usual text form.
	UUID string

	// What it does now, as virsh domstate prints it: "running".
	State string

	// libvirt's id; not known while the domain is not active.
	ID Opt[uint32]
}

func newDomainInfo(at unsafe.Pointer) (made DomainInfo) {
	row := (*C.nfm_domain_info_t)(at)
	made.Name = C.GoString(row.name)
	made.UUID = C.GoString(row.uuid)
	made.State = C.GoString(row.state)
	if row.known&C.NFM_DOMAIN_INFO_ID != 0 {
		made.ID = Some(uint32(row.id))
	}
	return made
}

// FrameInfo: the head of a frame.
type FrameInfo struct {
	// The sections that the frame holds, NFM_SECTION_... combined.
	Sections uint64

	// Counts the frames of one domain handle, from 1.
	Seq uint64

	// When the guest was so, nanoseconds since 1970: the host's clock when the crawl began, or, of a
	// guest read from a file, when its memory was written there.
	TimeNS uint64

	// How long the crawl took, nanoseconds.
	DurationNS uint64

	// libvirt's name of the domain.
	DomainName string

	// The domain's UUID in the usual text form; NULL where none is known (a file may not tell).
	DomainUUID string

	// The hypervisor driver, in lower case: "qemu"; "file" for a guest that is read from a file.
	Hypervisor string

	// How the frame was taken: "live", the guest ran on; "paused", it was suspended meanwhile.
	Mode string

	// Walks that were begun anew because they met a change.
	Retries uint32

	// 1 if every section is whole, 0 if there are problems.
	Complete bool
}

func newFrameInfo(at unsafe.Pointer) (made FrameInfo) {
	row := (*C.nfm_frame_info_t)(at)
	made.Sections = uint64(row.sections)
	made.Seq = uint64(row.seq)
	made.TimeNS = uint64(row.time_ns)
	made.DurationNS = uint64(row.duration_ns)
	made.DomainName = C.GoString(row.domain_name)
	made.DomainUUID = C.GoString(row.domain_uuid)
	made.Hypervisor = C.GoString(row.hypervisor)
	made.Mode = C.GoString(row.mode)
	made.Retries = uint32(row.retries)
	made.Complete = row.complete != 0
	return made
}

// Problem: something that a frame lacks.
type Problem struct {
	// The guest-virtual address at which it happened.
	Address Opt[uint64]

	// The section's name, as in JSON: "processes".
	Section string

	// What happened, in one sentence for a person.
	Reason string
}

func newProblem(at unsafe.Pointer) (made Problem) {
	row := (*C.nfm_problem_t)(at)
	if row.known&C.NFM_PROBLEM_ADDRESS != 0 {
		made.Address = Some(uint64(row.address))
	}
	made.Section = C.GoString(row.section)
	made.Reason = C.GoString(row.reason)
	return made
}

// OS: the operating system.
type OS struct {
	// uname -s.
	Sysname Opt[string]

	// uname -n in the first UTS namespace.
	Nodename Opt[string]

	// uname -r.
	Release Opt[string]

	// uname -v.
	Version Opt[string]

	// uname -m.
	Machine Opt[string]

	// The kernel's build id, hexadecimal.
	BuildID Opt[string]

	// The kernel's command line.
	CommandLine Opt[string]

	// When the guest booted by its own wall clock, nanoseconds since 1970.
	BootTimeNS Opt[uint64]

	// Time since boot, as of the guest's last timer tick, nanoseconds.
	UptimeNS Opt[uint64]

	// Load averages over 1, 5 and 15 minutes.
	Load Opt[[3]float64]

	// 1 if the kernel has panicked, else 0.
	Panicked Opt[bool]
}

func newOS(at unsafe.Pointer) (made OS) {
	row := (*C.nfm_os_t)(at)
	if row.known&C.NFM_OS_SYSNAME != 0 {
		made.Sysname = Some(C.GoString(row.sysname))
	}
	if row.known&C.NFM_OS_NODENAME != 0 {
		made.Nodename = Some(C.GoString(row.nodename))
	}
	if row.known&C.NFM_OS_RELEASE != 0 {
		made.Release = Some(C.GoString(row.release))
	}
	if row.known&C.NFM_OS_VERSION != 0 {
		made.Version = Some(C.GoString(row.version))
	}
	if row.known&C.NFM_OS_MACHINE != 0 {
		made.Machine = Some(C.GoString(row.machine))
	}
	if row.known&C.NFM_OS_BUILD_ID != 0 {
		made.BuildID = Some(C.GoString(row.build_id))
	}
	if row.known&C.NFM_OS_COMMAND_LINE != 0 {
		made.CommandLine = Some(C.GoString(row.command_line))
	}
	if row.known&C.NFM_OS_BOOT_TIME_NS != 0 {
		made.BootTimeNS = Some(uint64(row.boot_time_ns))
	}
	if row.known&C.NFM_OS_UPTIME_NS != 0 {
		made.UptimeNS = Some(uint64(row.uptime_ns))
	}
	if row.known&C.NFM_OS_LOAD != 0 {
		made.Load = Some([3]float64{float64(row.load[0]), float64(row.load[1]), float64(row.load[2])})
	}
	if row.known&C.NFM_OS_PANICKED != 0 {
		made.Panicked = Some(row.panicked != 0)
	}
	return made
}

// CPU: one CPU of the guest. Its times count since boot, as /proc/stat does.
type CPU struct {
	// CPUID vendor: "GenuineIntel", "AuthenticAMD".
	Vendor Opt[string]

	// CPUID model name.
	Model Opt[string]

	// Megahertz, as the kernel measured it at boot.
	Mhz Opt[float64]

	// Last-level cache in KiB.
	CacheKiB Opt[uint64]

	// In user mode, that of guests of its own included, nanoseconds.
	UserNS Opt[uint64]

	// In user mode at low priority, nanoseconds.
	NiceNS Opt[uint64]

	// In the kernel, nanoseconds.
	SystemNS Opt[uint64]

	// Idle, nanoseconds.
	IdleNS Opt[uint64]

	// Idle while a task waited for input or output, nanoseconds.
	IowaitNS Opt[uint64]

	// In interrupts, nanoseconds.
	IrqNS Opt[uint64]

	// In software interrupts, nanoseconds.
	SoftirqNS Opt[uint64]

	// Wanted but taken by the hypervisor, nanoseconds.
	StealNS Opt[uint64]

	// Running guests of its own, nanoseconds.
	GuestNS Opt[uint64]

	// Running guests of its own at low priority, nanoseconds.
	GuestNiceNS Opt[uint64]

	// The kernel's number of the CPU.
	ID uint32

	// 1 if it is in use, else 0.
	Online bool
}

func newCPU(at unsafe.Pointer) (made CPU) {
	row := (*C.nfm_cpu_t)(at)
	if row.known&C.NFM_CPU_VENDOR != 0 {
		made.Vendor = Some(C.GoString(row.vendor))
	}
	if row.known&C.NFM_CPU_MODEL != 0 {
		made.Model = Some(C.GoString(row.model))
	}
	if row.known&C.NFM_CPU_MHZ != 0 {
		made.Mhz = Some(float64(row.mhz))
	}
	if row.known&C.NFM_CPU_CACHE_KIB != 0 {
		made.CacheKiB = Some(uint64(row.cache_kib))
	}
	if row.known&C.NFM_CPU_USER_NS != 0 {
		made.UserNS = Some(uint64(row.user_ns))
	}
	if row.known&C.NFM_CPU_NICE_NS != 0 {
		made.NiceNS = Some(uint64(row.nice_ns))
	}
	if row.known&C.NFM_CPU_SYSTEM_NS != 0 {
		made.SystemNS = Some(uint64(row.system_ns))
	}
	if row.known&C.NFM_CPU_IDLE_NS != 0 {
		made.IdleNS = Some(uint64(row.idle_ns))
	}
	if row.known&C.NFM_CPU_IOWAIT_NS != 0 {
		made.IowaitNS = Some(uint64(row.iowait_ns))
	}
	if row.known&C.NFM_CPU_IRQ_NS != 0 {
		made.IrqNS = Some(uint64(row.irq_ns))
	}
	if row.known&C.NFM_CPU_SOFTIRQ_NS != 0 {
		made.SoftirqNS = Some(uint64(row.softirq_ns))
	}
	if row.known&C.NFM_CPU_STEAL_NS != 0 {
		made.StealNS = Some(uint64(row.steal_ns))
	}
	if row.known&C.NFM_CPU_GUEST_NS != 0 {
		made.GuestNS = Some(uint64(row.guest_ns))
	}
	if row.known&C.NFM_CPU_GUEST_NICE_NS != 0 {
		made.GuestNiceNS = Some(uint64(row.guest_nice_ns))
	}
	made.ID = uint32(row.id)
	made.Online = row.online != 0
	return made
}

// Memory: memory as a whole, in bytes, by the names of the guest's /proc/meminfo.
type Memory struct {
	// MemTotal, bytes.
	Total Opt[uint64]

	// MemFree, bytes.
	Free Opt[uint64]

	// MemAvailable, bytes.
	Available Opt[uint64]

	// Buffers, bytes.
	Buffers Opt[uint64]

	// Cached, bytes.
	Cached Opt[uint64]

	// SwapCached, bytes.
	SwapCached Opt[uint64]

	// Active, bytes.
	Active Opt[uint64]

	// Inactive, bytes.
	Inactive Opt[uint64]

	// SwapTotal, bytes.
	SwapTotal Opt[uint64]

	// SwapFree, bytes.
	SwapFree Opt[uint64]

	// Dirty, bytes.
	Dirty Opt[uint64]

	// Writeback, bytes.
	Writeback Opt[uint64]

	// AnonPages, bytes.
	Anonymous Opt[uint64]

	// Mapped, bytes.
	Mapped Opt[uint64]

	// Shmem, bytes.
	Shared Opt[uint64]

	// Slab, bytes.
	Slab Opt[uint64]

	// SReclaimable, bytes.
	SlabReclaimable Opt[uint64]

	// SUnreclaim, bytes.
	SlabUnreclaimable Opt[uint64]

	// KernelStack, bytes.
	KernelStack Opt[uint64]

	// PageTables, bytes.
	PageTables Opt[uint64]
}

func newMemory(at unsafe.Pointer) (made Memory) {
	row := (*C.nfm_memory_t)(at)
	if row.known&C.NFM_MEMORY_TOTAL != 0 {
		made.Total = Some(uint64(row.total))
	}
	if row.known&C.NFM_MEMORY_FREE != 0 {
		made.Free = Some(uint64(row.free))
	}
	if row.known&C.NFM_MEMORY_AVAILABLE != 0 {
		made.Available = Some(uint64(row.available))
	}
	if row.known&C.NFM_MEMORY_BUFFERS != 0 {
		made.Buffers = Some(uint64(row.buffers))
	}
	if row.known&C.NFM_MEMORY_CACHED != 0 {
		made.Cached = Some(uint64(row.cached))
	}
	if row.known&C.NFM_MEMORY_SWAP_CACHED != 0 {
		made.SwapCached = Some(uint64(row.swap_cached))
	}
	if row.known&C.NFM_MEMORY_ACTIVE != 0 {
		made.Active = Some(uint64(row.active))
	}
	if row.known&C.NFM_MEMORY_INACTIVE != 0 {
		made.Inactive = Some(uint64(row.inactive))
	}
	if row.known&C.NFM_MEMORY_SWAP_TOTAL != 0 {
		made.SwapTotal = Some(uint64(row.swap_total))
	}
	if row.known&C.NFM_MEMORY_SWAP_FREE != 0 {
		made.SwapFree = Some(uint64(row.swap_free))
	}
	if row.known&C.NFM_MEMORY_DIRTY != 0 {
		made.Dirty = Some(uint64(row.dirty))
	}
	if row.known&C.NFM_MEMORY_WRITEBACK != 0 {
		made.Writeback = Some(uint64(row.writeback))
	}
	if row.known&C.NFM_MEMORY_ANONYMOUS != 0 {
		made.Anonymous = Some(uint64(row.anonymous))
	}
	if row.known&C.NFM_MEMORY_MAPPED != 0 {
		made.Mapped = Some(uint64(row.mapped))
	}
	if row.known&C.NFM_MEMORY_SHARED != 0 {
		made.Shared = Some(uint64(row.shared))
	}
	if row.known&C.NFM_MEMORY_SLAB != 0 {
		made.Slab = Some(uint64(row.slab))
	}
	if row.known&C.NFM_MEMORY_SLAB_RECLAIMABLE != 0 {
		made.SlabReclaimable = Some(uint64(row.slab_reclaimable))
	}
	if row.known&C.NFM_MEMORY_SLAB_UNRECLAIMABLE != 0 {
		made.SlabUnreclaimable = Some(uint64(row.slab_unreclaimable))
	}
	if row.known&C.NFM_MEMORY_KERNEL_STACK != 0 {
		made.KernelStack = Some(uint64(row.kernel_stack))
	}
	if row.known&C.NFM_MEMORY_PAGE_TABLES != 0 {
		made.PageTables = Some(uint64(row.page_tables))
	}
	return made
}

// Thread: one thread of a process, as /proc/PID/task/TID shows it.
type Thread struct {
	// The thread's name.
	Name Opt[string]

	// When it started, nanoseconds since the guest's boot.
	StartTimeNS Opt[uint64]

	// Time on a CPU, as the scheduler measures it, nanoseconds.
	CPUNS Opt[uint64]

	// Thread id.
	TID uint32

	// The state's letter, as of nfm_process_t.
	State Opt[byte]
}

func newThread(at unsafe.Pointer) (made Thread) {
	row := (*C.nfm_thread_t)(at)
	if row.known&C.NFM_THREAD_NAME != 0 {
		made.Name = Some(C.GoString(row.name))
	}
	if row.known&C.NFM_THREAD_START_TIME_NS != 0 {
		made.StartTimeNS = Some(uint64(row.start_time_ns))
	}
	if row.known&C.NFM_THREAD_CPU_NS != 0 {
		made.CPUNS = Some(uint64(row.cpu_ns))
	}
	made.TID = uint32(row.tid)
	if row.known&C.NFM_THREAD_STATE != 0 {
		made.State = Some(byte(row.state))
	}
	return made
}

// Process: one process: a thread group, as /proc lists it in the guest's first PID namespace.
type Process struct {
	// The name as in /proc/PID/status.
	Name Opt[string]

	// The arguments, joined by spaces; empty for a kernel thread.
	CommandLine Opt[string]

	// The file it runs, as in /proc/PID/exe, and for a kernel thread.
	Exe Opt[string]

	// Its working directory.
	CWD Opt[string]

	// Its root directory.
	Root Opt[string]

	// Its group in the unified cgroup hierarchy, as in /proc/PID/cgroup.
	Cgroup Opt[string]

	// When it started, nanoseconds since the guest's boot.
	StartTimeNS Opt[uint64]

	// CPU time in user mode of all its threads, past ones included, nanoseconds.
	UserNS Opt[uint64]

	// CPU time in the kernel of all its threads, past ones included, nanoseconds.
	SystemNS Opt[uint64]

	// Size of the address space, bytes.
	VirtualBytes Opt[uint64]

	// Memory of it that is in RAM, bytes.
	RSSBytes Opt[uint64]

	// That part of rss_bytes which is of files or shared memory, bytes.
	SharedBytes Opt[uint64]

	// Process id.
	PID uint32

	// Its process id in its own PID namespace.
	PIDInNamespace Opt[uint32]

	// The parent's process id; 0 for the first process and the kernel's threads' parent.
	PPID Opt[uint32]

	// Real user id.
	UID Opt[uint32]

	// Effective user id.
	EUID Opt[uint32]

	// Real group id.
	GID Opt[uint32]

	// Effective group id.
	EGID Opt[uint32]

	// Number of threads, the first included.
	Threads Opt[uint32]

	// Nice value, -20 to 19.
	Nice Opt[int32]

	// Number of open file descriptors.
	OpenFiles Opt[uint32]

	// Process id namespace: its inode number, as in /proc/PID/ns.
	PIDNamespace Opt[uint32]

	// Network namespace: its inode number, as in /proc/PID/ns.
	NetNamespace Opt[uint32]

	// Mount namespace: its inode number, as in /proc/PID/ns.
	MntNamespace Opt[uint32]

	// Host name (UTS) namespace: its inode number, as in /proc/PID/ns.
	UTSNamespace Opt[uint32]

	// IPC namespace: its inode number, as in /proc/PID/ns.
	IPCNamespace Opt[uint32]

	// User namespace: its inode number, as in /proc/PID/ns.
	UserNamespace Opt[uint32]

	// Control group namespace: its inode number, as in /proc/PID/ns.
	CgroupNamespace Opt[uint32]

	// Time namespace: its inode number, as in /proc/PID/ns.
	TimeNamespace Opt[uint32]

	// 1 for a thread of the kernel, else 0.
	KernelThread Opt[bool]

	// The state's letter, as ps shows it ('R', 'S', 'D', 'T', 't', 'X', 'Z', 'P', 'I').
	State Opt[byte]

	// Its threads, the first included, if they were asked for.
	ThreadList Opt[[]Thread]
}

func newProcess(at unsafe.Pointer) (made Process) {
	row := (*C.nfm_process_t)(at)
	if row.known&C.NFM_PROCESS_NAME != 0 {
		made.Name = Some(C.GoString(row.name))
	}
	if row.known&C.NFM_PROCESS_COMMAND_LINE != 0 {
		made.CommandLine = Some(C.GoString(row.command_line))
	}
	if row.known&C.NFM_PROCESS_EXE != 0 {
		made.Exe = Some(C.GoString(row.exe))
	}
	if row.known&C.NFM_PROCESS_CWD != 0 {
		made.CWD = Some(C.GoString(row.cwd))
	}
	if row.known&C.NFM_PROCESS_ROOT != 0 {
		made.Root = Some(C.GoString(row.root))
	}
	if row.known&C.NFM_PROCESS_CGROUP != 0 {
		made.Cgroup = Some(C.GoString(row.cgroup))
	}
	if row.known&C.NFM_PROCESS_START_TIME_NS != 0 {
		made.StartTimeNS = Some(uint64(row.start_time_ns))
	}
	if row.known&C.NFM_PROCESS_USER_NS != 0 {
		made.UserNS = Some(uint64(row.user_ns))
	}
	if row.known&C.NFM_PROCESS_SYSTEM_NS != 0 {
		made.SystemNS = Some(uint64(row.system_ns))
	}
	if row.known&C.NFM_PROCESS_VIRTUAL_BYTES != 0 {
		made.VirtualBytes = Some(uint64(row.virtual_bytes))
	}
	if row.known&C.NFM_PROCESS_RSS_BYTES != 0 {
		made.RSSBytes = Some(uint64(row.rss_bytes))
	}
	if row.known&C.NFM_PROCESS_SHARED_BYTES != 0 {
		made.SharedBytes = Some(uint64(row.shared_bytes))
	}
	made.PID = uint32(row.pid)
	if row.known&C.NFM_PROCESS_PID_IN_NAMESPACE != 0 {
		made.PIDInNamespace = Some(uint32(row.pid_in_namespace))
	}
	if row.known&C.NFM_PROCESS_PPID != 0 {
		made.PPID = Some(uint32(row.ppid))
	}
	if row.known&C.NFM_PROCESS_UID != 0 {
		made.UID = Some(uint32(row.uid))
	}
	if row.known&C.NFM_PROCESS_EUID != 0 {
		made.EUID = Some(uint32(row.euid))
	}
	if row.known&C.NFM_PROCESS_GID != 0 {
		made.GID = Some(uint32(row.gid))
	}
	if row.known&C.NFM_PROCESS_EGID != 0 {
		made.EGID = Some(uint32(row.egid))
	}
	if row.known&C.NFM_PROCESS_THREADS != 0 {
		made.Threads = Some(uint32(row.threads))
	}
	if row.known&C.NFM_PROCESS_NICE != 0 {
		made.Nice = Some(int32(row.nice))
	}
	if row.known&C.NFM_PROCESS_OPEN_FILES != 0 {
		made.OpenFiles = Some(uint32(row.open_files))
	}
	if row.known&C.NFM_PROCESS_PID_NAMESPACE != 0 {
		made.PIDNamespace = Some(uint32(row.pid_namespace))
	}
	if row.known&C.NFM_PROCESS_NET_NAMESPACE != 0 {
		made.NetNamespace = Some(uint32(row.net_namespace))
	}
	if row.known&C.NFM_PROCESS_MNT_NAMESPACE != 0 {
		made.MntNamespace = Some(uint32(row.mnt_namespace))
	}
	if row.known&C.NFM_PROCESS_UTS_NAMESPACE != 0 {
		made.UTSNamespace = Some(uint32(row.uts_namespace))
	}
	if row.known&C.NFM_PROCESS_IPC_NAMESPACE != 0 {
		made.IPCNamespace = Some(uint32(row.ipc_namespace))
	}
	if row.known&C.NFM_PROCESS_USER_NAMESPACE != 0 {
		made.UserNamespace = Some(uint32(row.user_namespace))
	}
	if row.known&C.NFM_PROCESS_CGROUP_NAMESPACE != 0 {
		made.CgroupNamespace = Some(uint32(row.cgroup_namespace))
	}
	if row.known&C.NFM_PROCESS_TIME_NAMESPACE != 0 {
		made.TimeNamespace = Some(uint32(row.time_namespace))
	}
	if row.known&C.NFM_PROCESS_KERNEL_THREAD != 0 {
		made.KernelThread = Some(row.kernel_thread != 0)
	}
	if row.known&C.NFM_PROCESS_STATE != 0 {
		made.State = Some(byte(row.state))
	}
	if row.known&C.NFM_PROCESS_THREAD_LIST != 0 {
		made.ThreadList = Some(nested(unsafe.Pointer(row.thread_list), row.thread_list_count, row.thread_list_stride, newThread))
	}
	return made
}

// File: one open file descriptor of one process.
type File struct {
	// What kind of file it is, as in JSON: "file", "directory", "character_device", "block_device",
	// "pipe", "socket", "symlink", "anon_inode".
	Kind Opt[string]

	// What readlink /proc/PID/fd/FD shows in the guest.
	Path Opt[string]

	// The flags of open(2), O_CLOEXEC included, by the values of the guest's architecture.
	Flags Opt[uint64]

	// The offset for the next read or write.
	Position Opt[uint64]

	// The inode's number.
	Inode Opt[uint64]

	// The process.
	PID uint32

	// The descriptor.
	FD uint32
}

func newFile(at unsafe.Pointer) (made File) {
	row := (*C.nfm_file_t)(at)
	if row.known&C.NFM_FILE_KIND != 0 {
		made.Kind = Some(C.GoString(row.kind))
	}
	if row.known&C.NFM_FILE_PATH != 0 {
		made.Path = Some(C.GoString(row.path))
	}
	if row.known&C.NFM_FILE_FLAGS != 0 {
		made.Flags = Some(uint64(row.flags))
	}
	if row.known&C.NFM_FILE_POSITION != 0 {
		made.Position = Some(uint64(row.position))
	}
	if row.known&C.NFM_FILE_INODE != 0 {
		made.Inode = Some(uint64(row.inode))
	}
	made.PID = uint32(row.pid)
	made.FD = uint32(row.fd)
	return made
}

// PhysicalRun: neighbouring pages of a mapping and where they are in the guest's RAM.
type PhysicalRun struct {
	// First virtual address; "virtual" in JSON.
	VirtualAddress uint64

	// Guest-physical address of the first byte; not known for pages in swap.
	Physical Opt[uint64]

	// Bytes.
	Bytes uint64

	// 1 if the pages are in the guest's swap, else 0.
	Swapped bool
}

func newPhysicalRun(at unsafe.Pointer) (made PhysicalRun) {
	row := (*C.nfm_physical_run_t)(at)
	made.VirtualAddress = uint64(row.virtual_address)
	if row.known&C.NFM_PHYSICAL_RUN_PHYSICAL != 0 {
		made.Physical = Some(uint64(row.physical))
	}
	made.Bytes = uint64(row.bytes)
	made.Swapped = row.swapped != 0
	return made
}

// Mapping: one area of a process's address space, as /proc/PID/maps shows it.
type Mapping struct {
	// "rwx" and 'p' (private) or 's' (shared), '-' for what is not allowed.
	Permissions Opt[string]

	// The file, or a name in brackets, and for nameless memory.
	Path Opt[string]

	// First address.
	Start uint64

	// First address after it.
	End uint64

	// Offset in the file of the first byte; 0 without a file.
	Offset Opt[uint64]

	// Bytes of it that are in RAM (Rss of smaps; huge TLB pages do not count).
	ResidentBytes Opt[uint64]

	// Where its pages are, by address, if that was asked for.
	Physical Opt[[]PhysicalRun]

	// The process.
	PID uint32
}

func newMapping(at unsafe.Pointer) (made Mapping) {
	row := (*C.nfm_mapping_t)(at)
	if row.known&C.NFM_MAPPING_PERMISSIONS != 0 {
		made.Permissions = Some(C.GoString(row.permissions))
	}
	if row.known&C.NFM_MAPPING_PATH != 0 {
		made.Path = Some(C.GoString(row.path))
	}
	made.Start = uint64(row.start)
	made.End = uint64(row.end)
	if row.known&C.NFM_MAPPING_OFFSET != 0 {
		made.Offset = Some(uint64(row.offset))
	}
	if row.known&C.NFM_MAPPING_RESIDENT_BYTES != 0 {
		made.ResidentBytes = Some(uint64(row.resident_bytes))
	}
	if row.known&C.NFM_MAPPING_PHYSICAL != 0 {
		made.Physical = Some(nested(unsafe.Pointer(row.physical), row.physical_count, row.physical_stride, newPhysicalRun))
	}
	made.PID = uint32(row.pid)
	return made
}

// Module: one loaded module, as /proc/modules shows it.
type Module struct {
	// The module's name.
	Name string

	// "Live", "Loading" or "Unloading".
	State Opt[string]

	// Taint letters, as /proc/modules shows them between parentheses; empty for none known.
	Taints Opt[string]

	// Bytes of memory.
	Size Opt[uint64]

	// Kernel-virtual address of its code.
	Address Opt[uint64]

	// How many use it.
	References Opt[int64]

	// The modules that use it, in the kernel's order, and a NULL.
	UsedBy Opt[[]string]
}

func newModule(at unsafe.Pointer) (made Module) {
	row := (*C.nfm_module_t)(at)
	made.Name = C.GoString(row.name)
	if row.known&C.NFM_MODULE_STATE != 0 {
		made.State = Some(C.GoString(row.state))
	}
	if row.known&C.NFM_MODULE_TAINTS != 0 {
		made.Taints = Some(C.GoString(row.taints))
	}
	if row.known&C.NFM_MODULE_SIZE != 0 {
		made.Size = Some(uint64(row.size))
	}
	if row.known&C.NFM_MODULE_ADDRESS != 0 {
		made.Address = Some(uint64(row.address))
	}
	if row.known&C.NFM_MODULE_REFERENCES != 0 {
		made.References = Some(int64(row.references))
	}
	if row.known&C.NFM_MODULE_USED_BY != 0 {
		made.UsedBy = Some(texts(row.used_by, row.used_by_count))
	}
	return made
}

// Interface: one network interface of one network namespace.
type Interface struct {
	// Its name.
	Name Opt[string]

	// Hardware address, as ip link prints it, and where the device has none.
	MAC Opt[string]

	// IPv4 addresses with their prefix length ("10.0.2.15/24"), and a NULL.
	IPv4 Opt[[]string]

	// IPv6 addresses with their prefix length, and a NULL.
	IPv6 Opt[[]string]

	// Bytes received.
	RxBytes Opt[uint64]

	// Packets received.
	RxPackets Opt[uint64]

	// Bad packets received.
	RxErrors Opt[uint64]

	// Packets received and dropped.
	RxDropped Opt[uint64]

	// Bytes sent.
	TxBytes Opt[uint64]

	// Packets sent.
	TxPackets Opt[uint64]

	// Failed sendings.
	TxErrors Opt[uint64]

	// Packets dropped on the way out.
	TxDropped Opt[uint64]

	// Inode of the network namespace, as in /proc/PID/ns/net.
	NetNS Opt[uint32]

	// The interface's index in its namespace.
	Index Opt[uint32]

	// Largest packet in bytes.
	MTU Opt[uint32]

	// 1 if it is set up (IFF_UP), else 0.
	Up Opt[bool]
}

func newInterface(at unsafe.Pointer) (made Interface) {
	row := (*C.nfm_interface_t)(at)
	if row.known&C.NFM_INTERFACE_NAME != 0 {
		made.Name = Some(C.GoString(row.name))
	}
	if row.known&C.NFM_INTERFACE_MAC != 0 {
		made.MAC = Some(C.GoString(row.mac))
	}
	if row.known&C.NFM_INTERFACE_IPV4 != 0 {
		made.IPv4 = Some(texts(row.ipv4, row.ipv4_count))
	}
	if row.known&C.NFM_INTERFACE_IPV6 != 0 {
		made.IPv6 = Some(texts(row.ipv6, row.ipv6_count))
	}
	if row.known&C.NFM_INTERFACE_RX_BYTES != 0 {
		made.RxBytes = Some(uint64(row.rx_bytes))
	}
	if row.known&C.NFM_INTERFACE_RX_PACKETS != 0 {
		made.RxPackets = Some(uint64(row.rx_packets))
	}
	if row.known&C.NFM_INTERFACE_RX_ERRORS != 0 {
		made.RxErrors = Some(uint64(row.rx_errors))
	}
	if row.known&C.NFM_INTERFACE_RX_DROPPED != 0 {
		made.RxDropped = Some(uint64(row.rx_dropped))
	}
	if row.known&C.NFM_INTERFACE_TX_BYTES != 0 {
		made.TxBytes = Some(uint64(row.tx_bytes))
	}
	if row.known&C.NFM_INTERFACE_TX_PACKETS != 0 {
		made.TxPackets = Some(uint64(row.tx_packets))
	}
	if row.known&C.NFM_INTERFACE_TX_ERRORS != 0 {
		made.TxErrors = Some(uint64(row.tx_errors))
	}
	if row.known&C.NFM_INTERFACE_TX_DROPPED != 0 {
		made.TxDropped = Some(uint64(row.tx_dropped))
	}
	if row.known&C.NFM_INTERFACE_NETNS != 0 {
		made.NetNS = Some(uint32(row.netns))
	}
	if row.known&C.NFM_INTERFACE_INDEX != 0 {
		made.Index = Some(uint32(row.index))
	}
	if row.known&C.NFM_INTERFACE_MTU != 0 {
		made.MTU = Some(uint32(row.mtu))
	}
	if row.known&C.NFM_INTERFACE_UP != 0 {
		made.Up = Some(row.up != 0)
	}
	return made
}

// Connection: one socket of one network namespace.
type Connection struct {
	// "tcp", "tcp6", "udp", "udp6", "raw", "raw6" or "unix"; later versions may add others.
	Protocol string

	// The state by the kernel's name without TCP_: "ESTABLISHED", "LISTEN", "CLOSE" (which is what an
	// unconnected datagram socket has) and others.
	State Opt[string]

	// Own address, and for unix sockets.
	LocalAddress Opt[string]

	// The other end's address, and for unix sockets.
	RemoteAddress Opt[string]

	// A unix socket's path; '@' stands for the NUL at the start of an abstract one known, and for
	// others.
	Path Opt[string]

	// The socket's inode; 0 where no process has it open any more, as /proc shows it.
	Inode Opt[uint64]

	// Inode of the network namespace, as in /proc/PID/ns/net.
	NetNS Opt[uint32]

	// The owner's user id.
	UID Opt[uint32]

	// A process that has it open.
	PID Opt[uint32]

	// That process's descriptor.
	FD Opt[uint32]

	// Own port; of a raw socket its protocol number.
	LocalPort Opt[uint16]

	// The other end's port.
	RemotePort Opt[uint16]
}

func newConnection(at unsafe.Pointer) (made Connection) {
	row := (*C.nfm_connection_t)(at)
	made.Protocol = C.GoString(row.protocol)
	if row.known&C.NFM_CONNECTION_STATE != 0 {
		made.State = Some(C.GoString(row.state))
	}
	if row.known&C.NFM_CONNECTION_LOCAL_ADDRESS != 0 {
		made.LocalAddress = Some(C.GoString(row.local_address))
	}
	if row.known&C.NFM_CONNECTION_REMOTE_ADDRESS != 0 {
		made.RemoteAddress = Some(C.GoString(row.remote_address))
	}
	if row.known&C.NFM_CONNECTION_PATH != 0 {
		made.Path = Some(C.GoString(row.path))
	}
	if row.known&C.NFM_CONNECTION_INODE != 0 {
		made.Inode = Some(uint64(row.inode))
	}
	if row.known&C.NFM_CONNECTION_NETNS != 0 {
		made.NetNS = Some(uint32(row.netns))
	}
	if row.known&C.NFM_CONNECTION_UID != 0 {
		made.UID = Some(uint32(row.uid))
	}
	if row.known&C.NFM_CONNECTION_PID != 0 {
		made.PID = Some(uint32(row.pid))
	}
	if row.known&C.NFM_CONNECTION_FD != 0 {
		made.FD = Some(uint32(row.fd))
	}
	if row.known&C.NFM_CONNECTION_LOCAL_PORT != 0 {
		made.LocalPort = Some(uint16(row.local_port))
	}
	if row.known&C.NFM_CONNECTION_REMOTE_PORT != 0 {
		made.RemotePort = Some(uint16(row.remote_port))
	}
	return made
}

// Mount: one mount of one mount namespace, as /proc/PID/mountinfo shows it.
type Mount struct {
	// The device or the name given instead of one.
	Source Opt[string]

	// The directory, seen from the root of the namespace.
	Target Opt[string]

	// The file system's type, with its subtype behind a dot.
	Filesystem Opt[string]

	// Options of this mount, as mountinfo shows them: "rw,nosuid,relatime".
	Options Opt[string]

	// Inode of the mount namespace, as in /proc/PID/ns/mnt.
	MntNS Opt[uint32]
}

func newMount(at unsafe.Pointer) (made Mount) {
	row := (*C.nfm_mount_t)(at)
	if row.known&C.NFM_MOUNT_SOURCE != 0 {
		made.Source = Some(C.GoString(row.source))
	}
	if row.known&C.NFM_MOUNT_TARGET != 0 {
		made.Target = Some(C.GoString(row.target))
	}
	if row.known&C.NFM_MOUNT_FILESYSTEM != 0 {
		made.Filesystem = Some(C.GoString(row.filesystem))
	}
	if row.known&C.NFM_MOUNT_OPTIONS != 0 {
		made.Options = Some(C.GoString(row.options))
	}
	if row.known&C.NFM_MOUNT_MNT_NS != 0 {
		made.MntNS = Some(uint32(row.mnt_ns))
	}
	return made
}

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

// Host: what the hypervisor's side knows of the guest.
type Host struct {
	// The domain's state, as virsh domstate prints it.
	State Opt[string]

	// CPU time of all vCPUs, nanoseconds.
	VCPUTimeNS Opt[uint64]

	// Guest RAM that is in the host's RAM, bytes.
	RSSBytes Opt[uint64]

	// Guest RAM that is in the host's swap, bytes.
	SwappedBytes Opt[uint64]

	// Guest RAM that the guest has never used, bytes.
	UntouchedBytes Opt[uint64]

	// How long before the frame the three amounts of RAM were counted, nanoseconds: frames in quick
	// succession share one count.
	MemoryAgeNS Opt[uint64]
}

func newHost(at unsafe.Pointer) (made Host) {
	row := (*C.nfm_host_t)(at)
	if row.known&C.NFM_HOST_STATE != 0 {
		made.State = Some(C.GoString(row.state))
	}
	if row.known&C.NFM_HOST_VCPU_TIME_NS != 0 {
		made.VCPUTimeNS = Some(uint64(row.vcpu_time_ns))
	}
	if row.known&C.NFM_HOST_RSS_BYTES != 0 {
		made.RSSBytes = Some(uint64(row.rss_bytes))
	}
	if row.known&C.NFM_HOST_SWAPPED_BYTES != 0 {
		made.SwappedBytes = Some(uint64(row.swapped_bytes))
	}
	if row.known&C.NFM_HOST_UNTOUCHED_BYTES != 0 {
		made.UntouchedBytes = Some(uint64(row.untouched_bytes))
	}
	if row.known&C.NFM_HOST_MEMORY_AGE_NS != 0 {
		made.MemoryAgeNS = Some(uint64(row.memory_age_ns))
	}
	return made
}

// OS returns the operating system of a frame. It is ErrNoSection where it was not asked for.
func (frame *Frame) OS() (*OS, error) {
	return one(frame, func(frame *C.nfm_frame_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_os(frame))
	}, newOS)
}

// Cpus returns the CPUs of a frame, by id. It is ErrNoSection where it was not asked for.
func (frame *Frame) Cpus() ([]CPU, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_cpus(frame, count, stride))
	}, newCPU)
}

// Memory returns memory as a whole of a frame. It is ErrNoSection where it was not asked for.
func (frame *Frame) Memory() (*Memory, error) {
	return one(frame, func(frame *C.nfm_frame_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_memory(frame))
	}, newMemory)
}

// Processes returns the processes of a frame, in the order of the kernel's task list. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Processes() ([]Process, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_processes(frame, count, stride))
	}, newProcess)
}

// Files returns the open files of a frame, by process and descriptor. It is ErrNoSection where it
// was not asked for.
func (frame *Frame) Files() ([]File, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_files(frame, count, stride))
	}, newFile)
}

// Mappings returns the address spaces of a frame, by process and address. It is ErrNoSection
// where it was not asked for.
func (frame *Frame) Mappings() ([]Mapping, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_mappings(frame, count, stride))
	}, newMapping)
}

// Modules returns the loaded modules of a frame, in the order of /proc/modules. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Modules() ([]Module, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_modules(frame, count, stride))
	}, newModule)
}

// Interfaces returns the network interfaces of a frame, of every network namespace. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Interfaces() ([]Interface, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_interfaces(frame, count, stride))
	}, newInterface)
}

// Connections returns the sockets of a frame, of every network namespace. It is ErrNoSection
// where it was not asked for.
func (frame *Frame) Connections() ([]Connection, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_connections(frame, count, stride))
	}, newConnection)
}

// Mounts returns the mounts of a frame, of every mount namespace. It is ErrNoSection where it was
// not asked for.
func (frame *Frame) Mounts() ([]Mount, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_mounts(frame, count, stride))
	}, newMount)
}

// Log returns the kernel's log of a frame, oldest record first. It is ErrNoSection where it was
// not asked for.
func (frame *Frame) Log() ([]LogRecord, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_log(frame, count, stride))
	}, newLogRecord)
}

// Host returns what a frame holds of the hypervisor's side. It is ErrNoSection where it was not
// asked for.
func (frame *Frame) Host() (*Host, error) {
	return one(frame, func(frame *C.nfm_frame_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_host(frame))
	}, newHost)
}
