// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

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

	// Added to its share of memory, in thousandths, when the kernel out of memory chooses a process
	// to kill: -1000 (never) to 1000, as in /proc/PID/oom_score_adj.
	OOMScoreAdj Opt[int32]
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
	if row.known&C.NFM_PROCESS_OOM_SCORE_ADJ != 0 {
		made.OOMScoreAdj = Some(int32(row.oom_score_adj))
	}
	return made
}

// Processes returns the processes of a frame, in the order of the kernel's task list. It is
// ErrNoSection where it was not asked for.
func (frame *Frame) Processes() ([]Process, error) {
	return many(frame, func(frame *C.nfm_frame_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_frame_processes(frame, count, stride))
	}, newProcess)
}
