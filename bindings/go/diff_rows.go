// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"

import "unsafe"

// ProcessDiff: one process in two frames: it is the same where its id and its start time are.
type ProcessDiff struct {
	// Its row of the earlier frame; NULL where that has none.
	Earlier Opt[Process]

	// Its row of the later frame; NULL where that has none.
	Later Opt[Process]

	// CPU time that it used in between, user and system, nanoseconds; of a new one that since its
	// start. Not known of one that is gone.
	CPUNS Opt[uint64]

	// The same as a share of one CPU, percent: a process of several threads may have more than 100.
	CPUPercent Opt[float64]

	// Its fate, one of nfm_change_t.
	Change uint32
}

func newProcessDiff(at unsafe.Pointer) (made ProcessDiff) {
	row := (*C.nfm_process_diff_t)(at)
	if row.known&C.NFM_PROCESS_DIFF_EARLIER != 0 {
		made.Earlier = Some(newProcess(unsafe.Pointer(row.earlier)))
	}
	if row.known&C.NFM_PROCESS_DIFF_LATER != 0 {
		made.Later = Some(newProcess(unsafe.Pointer(row.later)))
	}
	if row.known&C.NFM_PROCESS_DIFF_CPU_NS != 0 {
		made.CPUNS = Some(uint64(row.cpu_ns))
	}
	if row.known&C.NFM_PROCESS_DIFF_CPU_PERCENT != 0 {
		made.CPUPercent = Some(float64(row.cpu_percent))
	}
	made.Change = uint32(row.change)
	return made
}

// CPUDiff: one of the guest's CPUs in two frames.
type CPUDiff struct {
	// Its row of the earlier frame; NULL where that has none.
	Earlier Opt[CPU]

	// Its row of the later frame; NULL where that has none.
	Later Opt[CPU]

	// Time at work in between, nanoseconds: user, nice, system, interrupts.
	BusyNS Opt[uint64]

	// Time without work in between, nanoseconds: idle and waiting for input or output.
	IdleNS Opt[uint64]

	// Time in between that it wanted to run and the hypervisor gave to others, nanoseconds; part of
	// neither.
	StealNS Opt[uint64]

	// Time at work as a share of all three, percent, 0 to 100.
	BusyPercent Opt[float64]

	// Its fate, one of nfm_change_t.
	Change uint32
}

func newCPUDiff(at unsafe.Pointer) (made CPUDiff) {
	row := (*C.nfm_cpu_diff_t)(at)
	if row.known&C.NFM_CPU_DIFF_EARLIER != 0 {
		made.Earlier = Some(newCPU(unsafe.Pointer(row.earlier)))
	}
	if row.known&C.NFM_CPU_DIFF_LATER != 0 {
		made.Later = Some(newCPU(unsafe.Pointer(row.later)))
	}
	if row.known&C.NFM_CPU_DIFF_BUSY_NS != 0 {
		made.BusyNS = Some(uint64(row.busy_ns))
	}
	if row.known&C.NFM_CPU_DIFF_IDLE_NS != 0 {
		made.IdleNS = Some(uint64(row.idle_ns))
	}
	if row.known&C.NFM_CPU_DIFF_STEAL_NS != 0 {
		made.StealNS = Some(uint64(row.steal_ns))
	}
	if row.known&C.NFM_CPU_DIFF_BUSY_PERCENT != 0 {
		made.BusyPercent = Some(float64(row.busy_percent))
	}
	made.Change = uint32(row.change)
	return made
}

// InterfaceDiff: one network interface in two frames: it is the same where its namespace and its
// index are. Its counters are those in between, also where one of 32 bits wrapped; none is known
// where they began anew (restarted).
type InterfaceDiff struct {
	// Its row of the earlier frame; NULL where that has none.
	Earlier Opt[Interface]

	// Its row of the later frame; NULL where that has none.
	Later Opt[Interface]

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

	// Its fate, one of nfm_change_t.
	Change uint32

	// 1 if it is in both frames and its counters began anew in between, else 0.
	Restarted bool
}

func newInterfaceDiff(at unsafe.Pointer) (made InterfaceDiff) {
	row := (*C.nfm_interface_diff_t)(at)
	if row.known&C.NFM_INTERFACE_DIFF_EARLIER != 0 {
		made.Earlier = Some(newInterface(unsafe.Pointer(row.earlier)))
	}
	if row.known&C.NFM_INTERFACE_DIFF_LATER != 0 {
		made.Later = Some(newInterface(unsafe.Pointer(row.later)))
	}
	if row.known&C.NFM_INTERFACE_DIFF_RX_BYTES != 0 {
		made.RxBytes = Some(uint64(row.rx_bytes))
	}
	if row.known&C.NFM_INTERFACE_DIFF_RX_PACKETS != 0 {
		made.RxPackets = Some(uint64(row.rx_packets))
	}
	if row.known&C.NFM_INTERFACE_DIFF_RX_ERRORS != 0 {
		made.RxErrors = Some(uint64(row.rx_errors))
	}
	if row.known&C.NFM_INTERFACE_DIFF_RX_DROPPED != 0 {
		made.RxDropped = Some(uint64(row.rx_dropped))
	}
	if row.known&C.NFM_INTERFACE_DIFF_TX_BYTES != 0 {
		made.TxBytes = Some(uint64(row.tx_bytes))
	}
	if row.known&C.NFM_INTERFACE_DIFF_TX_PACKETS != 0 {
		made.TxPackets = Some(uint64(row.tx_packets))
	}
	if row.known&C.NFM_INTERFACE_DIFF_TX_ERRORS != 0 {
		made.TxErrors = Some(uint64(row.tx_errors))
	}
	if row.known&C.NFM_INTERFACE_DIFF_TX_DROPPED != 0 {
		made.TxDropped = Some(uint64(row.tx_dropped))
	}
	made.Change = uint32(row.change)
	made.Restarted = row.restarted != 0
	return made
}

// ConnectionDiff: one socket in two frames: a connection is the same where its namespace,
// protocol and both ends are, any other socket where its inode is.
type ConnectionDiff struct {
	// Its row of the earlier frame; NULL where that has none.
	Earlier Opt[Connection]

	// Its row of the later frame; NULL where that has none.
	Later Opt[Connection]

	// Its fate, one of nfm_change_t.
	Change uint32
}

func newConnectionDiff(at unsafe.Pointer) (made ConnectionDiff) {
	row := (*C.nfm_connection_diff_t)(at)
	if row.known&C.NFM_CONNECTION_DIFF_EARLIER != 0 {
		made.Earlier = Some(newConnection(unsafe.Pointer(row.earlier)))
	}
	if row.known&C.NFM_CONNECTION_DIFF_LATER != 0 {
		made.Later = Some(newConnection(unsafe.Pointer(row.later)))
	}
	made.Change = uint32(row.change)
	return made
}

// Processes returns the processes of two frames: those of the later one in its order, then those
// that are in the earlier one alone. It is ErrNoSection where one of the frames lacks it.
func (diff *Diff) Processes() ([]ProcessDiff, error) {
	return manyOf(diff, func(diff *C.nfm_diff_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_diff_processes(diff, count, stride))
	}, newProcessDiff)
}

// Cpus returns the CPUs of two frames: those of the later one in its order, then those that are
// in the earlier one alone. It is ErrNoSection where one of the frames lacks it.
func (diff *Diff) Cpus() ([]CPUDiff, error) {
	return manyOf(diff, func(diff *C.nfm_diff_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_diff_cpus(diff, count, stride))
	}, newCPUDiff)
}

// Interfaces returns the network interfaces of two frames: those of the later one in its order,
// then those that are in the earlier one alone. It is ErrNoSection where one of the frames lacks
// it.
func (diff *Diff) Interfaces() ([]InterfaceDiff, error) {
	return manyOf(diff, func(diff *C.nfm_diff_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_diff_interfaces(diff, count, stride))
	}, newInterfaceDiff)
}

// Connections returns the sockets of two frames: those of the later one in its order, then those
// that are in the earlier one alone. It is ErrNoSection where one of the frames lacks it.
func (diff *Diff) Connections() ([]ConnectionDiff, error) {
	return manyOf(diff, func(diff *C.nfm_diff_t, count, stride *C.size_t) unsafe.Pointer {
		return unsafe.Pointer(C.nfm_diff_connections(diff, count, stride))
	}, newConnectionDiff)
}
