// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// ThreadView is a Thread where it lies, of which nothing is copied. It is valid during
// EachProcess alone.
type ThreadView struct{ row *C.nfm_thread_t }

// Name is as in Thread.
func (view ThreadView) Name() (made Opt[Text]) {
	if view.row.known&C.NFM_THREAD_NAME != 0 {
		made = Some(Text{view.row.name})
	}
	return made
}

// StartTimeNS is as in Thread.
func (view ThreadView) StartTimeNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_THREAD_START_TIME_NS != 0 {
		made = Some(uint64(view.row.start_time_ns))
	}
	return made
}

// CPUNS is as in Thread.
func (view ThreadView) CPUNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_THREAD_CPU_NS != 0 {
		made = Some(uint64(view.row.cpu_ns))
	}
	return made
}

// TID is as in Thread.
func (view ThreadView) TID() uint32 {
	return uint32(view.row.tid)
}

// State is as in Thread.
func (view ThreadView) State() (made Opt[byte]) {
	if view.row.known&C.NFM_THREAD_STATE != 0 {
		made = Some(byte(view.row.state))
	}
	return made
}

// ProcessView is a Process where it lies, of which nothing is copied. It is valid during
// EachProcess alone.
type ProcessView struct{ row *C.nfm_process_t }

// Name is as in Process.
func (view ProcessView) Name() (made Opt[Text]) {
	if view.row.known&C.NFM_PROCESS_NAME != 0 {
		made = Some(Text{view.row.name})
	}
	return made
}

// CommandLine is as in Process.
func (view ProcessView) CommandLine() (made Opt[Text]) {
	if view.row.known&C.NFM_PROCESS_COMMAND_LINE != 0 {
		made = Some(Text{view.row.command_line})
	}
	return made
}

// Exe is as in Process.
func (view ProcessView) Exe() (made Opt[Text]) {
	if view.row.known&C.NFM_PROCESS_EXE != 0 {
		made = Some(Text{view.row.exe})
	}
	return made
}

// CWD is as in Process.
func (view ProcessView) CWD() (made Opt[Text]) {
	if view.row.known&C.NFM_PROCESS_CWD != 0 {
		made = Some(Text{view.row.cwd})
	}
	return made
}

// Root is as in Process.
func (view ProcessView) Root() (made Opt[Text]) {
	if view.row.known&C.NFM_PROCESS_ROOT != 0 {
		made = Some(Text{view.row.root})
	}
	return made
}

// Cgroup is as in Process.
func (view ProcessView) Cgroup() (made Opt[Text]) {
	if view.row.known&C.NFM_PROCESS_CGROUP != 0 {
		made = Some(Text{view.row.cgroup})
	}
	return made
}

// StartTimeNS is as in Process.
func (view ProcessView) StartTimeNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_PROCESS_START_TIME_NS != 0 {
		made = Some(uint64(view.row.start_time_ns))
	}
	return made
}

// UserNS is as in Process.
func (view ProcessView) UserNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_PROCESS_USER_NS != 0 {
		made = Some(uint64(view.row.user_ns))
	}
	return made
}

// SystemNS is as in Process.
func (view ProcessView) SystemNS() (made Opt[uint64]) {
	if view.row.known&C.NFM_PROCESS_SYSTEM_NS != 0 {
		made = Some(uint64(view.row.system_ns))
	}
	return made
}

// VirtualBytes is as in Process.
func (view ProcessView) VirtualBytes() (made Opt[uint64]) {
	if view.row.known&C.NFM_PROCESS_VIRTUAL_BYTES != 0 {
		made = Some(uint64(view.row.virtual_bytes))
	}
	return made
}

// RSSBytes is as in Process.
func (view ProcessView) RSSBytes() (made Opt[uint64]) {
	if view.row.known&C.NFM_PROCESS_RSS_BYTES != 0 {
		made = Some(uint64(view.row.rss_bytes))
	}
	return made
}

// SharedBytes is as in Process.
func (view ProcessView) SharedBytes() (made Opt[uint64]) {
	if view.row.known&C.NFM_PROCESS_SHARED_BYTES != 0 {
		made = Some(uint64(view.row.shared_bytes))
	}
	return made
}

// PID is as in Process.
func (view ProcessView) PID() uint32 {
	return uint32(view.row.pid)
}

// PIDInNamespace is as in Process.
func (view ProcessView) PIDInNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_PID_IN_NAMESPACE != 0 {
		made = Some(uint32(view.row.pid_in_namespace))
	}
	return made
}

// PPID is as in Process.
func (view ProcessView) PPID() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_PPID != 0 {
		made = Some(uint32(view.row.ppid))
	}
	return made
}

// UID is as in Process.
func (view ProcessView) UID() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_UID != 0 {
		made = Some(uint32(view.row.uid))
	}
	return made
}

// EUID is as in Process.
func (view ProcessView) EUID() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_EUID != 0 {
		made = Some(uint32(view.row.euid))
	}
	return made
}

// GID is as in Process.
func (view ProcessView) GID() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_GID != 0 {
		made = Some(uint32(view.row.gid))
	}
	return made
}

// EGID is as in Process.
func (view ProcessView) EGID() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_EGID != 0 {
		made = Some(uint32(view.row.egid))
	}
	return made
}

// Threads is as in Process.
func (view ProcessView) Threads() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_THREADS != 0 {
		made = Some(uint32(view.row.threads))
	}
	return made
}

// Nice is as in Process.
func (view ProcessView) Nice() (made Opt[int32]) {
	if view.row.known&C.NFM_PROCESS_NICE != 0 {
		made = Some(int32(view.row.nice))
	}
	return made
}

// OpenFiles is as in Process.
func (view ProcessView) OpenFiles() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_OPEN_FILES != 0 {
		made = Some(uint32(view.row.open_files))
	}
	return made
}

// PIDNamespace is as in Process.
func (view ProcessView) PIDNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_PID_NAMESPACE != 0 {
		made = Some(uint32(view.row.pid_namespace))
	}
	return made
}

// NetNamespace is as in Process.
func (view ProcessView) NetNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_NET_NAMESPACE != 0 {
		made = Some(uint32(view.row.net_namespace))
	}
	return made
}

// MntNamespace is as in Process.
func (view ProcessView) MntNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_MNT_NAMESPACE != 0 {
		made = Some(uint32(view.row.mnt_namespace))
	}
	return made
}

// UTSNamespace is as in Process.
func (view ProcessView) UTSNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_UTS_NAMESPACE != 0 {
		made = Some(uint32(view.row.uts_namespace))
	}
	return made
}

// IPCNamespace is as in Process.
func (view ProcessView) IPCNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_IPC_NAMESPACE != 0 {
		made = Some(uint32(view.row.ipc_namespace))
	}
	return made
}

// UserNamespace is as in Process.
func (view ProcessView) UserNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_USER_NAMESPACE != 0 {
		made = Some(uint32(view.row.user_namespace))
	}
	return made
}

// CgroupNamespace is as in Process.
func (view ProcessView) CgroupNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_CGROUP_NAMESPACE != 0 {
		made = Some(uint32(view.row.cgroup_namespace))
	}
	return made
}

// TimeNamespace is as in Process.
func (view ProcessView) TimeNamespace() (made Opt[uint32]) {
	if view.row.known&C.NFM_PROCESS_TIME_NAMESPACE != 0 {
		made = Some(uint32(view.row.time_namespace))
	}
	return made
}

// KernelThread is as in Process.
func (view ProcessView) KernelThread() (made Opt[bool]) {
	if view.row.known&C.NFM_PROCESS_KERNEL_THREAD != 0 {
		made = Some(view.row.kernel_thread != 0)
	}
	return made
}

// State is as in Process.
func (view ProcessView) State() (made Opt[byte]) {
	if view.row.known&C.NFM_PROCESS_STATE != 0 {
		made = Some(byte(view.row.state))
	}
	return made
}

// ThreadList is as in Process.
func (view ProcessView) ThreadList() (made Opt[Views[ThreadView]]) {
	if view.row.known&C.NFM_PROCESS_THREAD_LIST != 0 {
		made = Some(viewsOf[ThreadView](unsafe.Pointer(view.row.thread_list), view.row.thread_list_count, view.row.thread_list_stride))
	}
	return made
}

// OOMScoreAdj is as in Process.
func (view ProcessView) OOMScoreAdj() (made Opt[int32]) {
	if view.row.known&C.NFM_PROCESS_OOM_SCORE_ADJ != 0 {
		made = Some(int32(view.row.oom_score_adj))
	}
	return made
}

// EachProcess calls a function with each row of Processes, one after another, until it returns
// false. Nothing is copied and nothing allocated. It is ErrNoSection where the section was not
// asked for.
func (frame *Frame) EachProcess(yield func(ProcessView) bool) error {
	return each(frame, SectionProcesses, yield)
}
