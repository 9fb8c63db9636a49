"""The rows of frames. A member that is not known is None.

Generated from include/nfm.h by bindings/generate: do not edit.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import Any, NamedTuple, Optional, Tuple

from . import _abi
from ._decode import Sections, rows, texts

new = tuple.__new__


class DomainInfo(NamedTuple):
    """One domain, as libvirt knows it."""

    name: str
    """The domain's name; empty for a QEMU process that has none."""
    uuid: str
    """Its UUID in the usual text form; empty for a QEMU process that has none."""
    state: str
    """Its state now, as virsh domstate prints it: "running"."""
    id: Optional[int]
    """libvirt's id; not known while the domain is not active."""
    pid: Optional[int]
    """The id of its QEMU process on this host, for nfm_open_pid(); known of those that
    nfm_list_processes() gives.
    """


_unpack_domain_info = Struct("QPPPIIQ").unpack_from


def _domain_info(row: Any) -> DomainInfo:
    values = _unpack_domain_info(row)
    known = values[0]
    return new(DomainInfo, (
        row.name.decode("utf-8", "replace"),
        row.uuid.decode("utf-8", "replace"),
        row.state.decode("utf-8", "replace"),
        values[4] if known & 0x1 else None,
        values[6] if known & 0x2 else None,
    ))


class FrameInfo(NamedTuple):
    """The head of a frame."""

    sections: int
    """The sections that the frame holds, NFM_SECTION_... combined."""
    seq: int
    """Counts the frames of one domain handle, from 1."""
    time_ns: int
    """When the guest was so, nanoseconds since 1970: the host's clock when the crawl began, or, of
    a guest read from a file, when its memory was written there.
    """
    duration_ns: int
    """How long the crawl took, nanoseconds."""
    domain_name: str
    """libvirt's name of the domain."""
    domain_uuid: str
    """The domain's UUID in the usual text form; None where none is known (a file may not tell)."""
    hypervisor: str
    """The hypervisor driver, in lower case: "qemu"; "file" for a guest that is read from a file.
    """
    mode: str
    """How the frame was taken: "live", the guest ran on; "paused", it was suspended meanwhile."""
    retries: int
    """Walks that were begun anew because they met a change."""
    complete: bool
    """1 if every section is whole, 0 if there are problems."""
    incomplete_sections: Optional[int]
    """The sections that the frame holds and that are not whole, NFM_SECTION_... combined: a row
    that one of them lacks may have been there.
    """


def _frame_info(row: Any) -> FrameInfo:
    known = row.known
    return new(FrameInfo, (
        row.sections,
        row.seq,
        row.time_ns,
        row.duration_ns,
        row.domain_name.decode("utf-8", "replace"),
        row.domain_uuid.decode("utf-8", "replace"),
        row.hypervisor.decode("utf-8", "replace"),
        row.mode.decode("utf-8", "replace"),
        row.retries,
        row.complete != 0,
        row.incomplete_sections if known & 0x1 else None,
    ))


class Problem(NamedTuple):
    """Something that a frame lacks."""

    address: Optional[int]
    """The guest-virtual address at which it happened."""
    section: str
    """The section's name, as in JSON: "processes"."""
    reason: str
    """One sentence for a person on what happened."""
    section_bit: Optional[int]
    """The section's bit, one of NFM_SECTION_..."""


_unpack_problem = Struct("QQPPQ").unpack_from


def _problem(row: Any) -> Problem:
    values = _unpack_problem(row)
    known = values[0]
    return new(Problem, (
        values[1] if known & 0x1 else None,
        row.section.decode("utf-8", "replace"),
        row.reason.decode("utf-8", "replace"),
        values[4] if known & 0x2 else None,
    ))


class Os(NamedTuple):
    """The operating system."""

    sysname: Optional[str]
    """uname -s; None if not known."""
    nodename: Optional[str]
    """uname -n in the first UTS namespace; None if not known."""
    release: Optional[str]
    """uname -r; None if not known."""
    version: Optional[str]
    """uname -v; None if not known."""
    machine: Optional[str]
    """uname -m; None if not known."""
    build_id: Optional[str]
    """The kernel's build id, hexadecimal; None if not known."""
    command_line: Optional[str]
    """The kernel's command line; None if not known."""
    boot_time_ns: Optional[int]
    """When the guest booted by its own wall clock, nanoseconds since 1970."""
    uptime_ns: Optional[int]
    """Time since boot, as of the guest's last timer tick, nanoseconds."""
    load: Optional[Tuple[float, ...]]
    """Load averages over 1, 5 and 15 minutes."""
    panicked: Optional[bool]
    """1 if the kernel has panicked, else 0."""


def _os(row: Any) -> Os:
    known = row.known
    return new(Os, (
        row.sysname.decode("utf-8", "replace") if known & 0x1 else None,
        row.nodename.decode("utf-8", "replace") if known & 0x2 else None,
        row.release.decode("utf-8", "replace") if known & 0x4 else None,
        row.version.decode("utf-8", "replace") if known & 0x8 else None,
        row.machine.decode("utf-8", "replace") if known & 0x10 else None,
        row.build_id.decode("utf-8", "replace") if known & 0x20 else None,
        row.command_line.decode("utf-8", "replace") if known & 0x40 else None,
        row.boot_time_ns if known & 0x80 else None,
        row.uptime_ns if known & 0x100 else None,
        tuple(row.load) if known & 0x200 else None,
        row.panicked != 0 if known & 0x400 else None,
    ))


class Cpu(NamedTuple):
    """One CPU of the guest. Its times count since boot, as /proc/stat does."""

    vendor: Optional[str]
    """CPUID vendor: "GenuineIntel", "AuthenticAMD"; None if not known."""
    model: Optional[str]
    """CPUID model name; None if not known."""
    mhz: Optional[float]
    """Megahertz, as the kernel measured it at boot."""
    cache_kib: Optional[int]
    """Last-level cache in KiB."""
    user_ns: Optional[int]
    """In user mode, that of guests of its own included, nanoseconds."""
    nice_ns: Optional[int]
    """In user mode at low priority, nanoseconds."""
    system_ns: Optional[int]
    """In the kernel, nanoseconds."""
    idle_ns: Optional[int]
    """Idle, nanoseconds."""
    iowait_ns: Optional[int]
    """Idle while a task waited for input or output, nanoseconds."""
    irq_ns: Optional[int]
    """In interrupts, nanoseconds."""
    softirq_ns: Optional[int]
    """In software interrupts, nanoseconds."""
    steal_ns: Optional[int]
    """Wanted but taken by the hypervisor, nanoseconds."""
    guest_ns: Optional[int]
    """Running guests of its own, nanoseconds."""
    guest_nice_ns: Optional[int]
    """Running guests of its own at low priority, nanoseconds."""
    id: int
    """The kernel's number of the CPU."""
    online: bool
    """1 if it is in use, else 0."""


_unpack_cpu = Struct("QPPdQQQQQQQQQQQII").unpack_from


def _cpu(row: Any) -> Cpu:
    values = _unpack_cpu(row)
    known = values[0]
    return new(Cpu, (
        row.vendor.decode("utf-8", "replace") if known & 0x1 else None,
        row.model.decode("utf-8", "replace") if known & 0x2 else None,
        values[3] if known & 0x4 else None,
        values[4] if known & 0x8 else None,
        values[5] if known & 0x10 else None,
        values[6] if known & 0x20 else None,
        values[7] if known & 0x40 else None,
        values[8] if known & 0x80 else None,
        values[9] if known & 0x100 else None,
        values[10] if known & 0x200 else None,
        values[11] if known & 0x400 else None,
        values[12] if known & 0x800 else None,
        values[13] if known & 0x1000 else None,
        values[14] if known & 0x2000 else None,
        values[15],
        values[16] != 0,
    ))


def _cpu_at(row: Any) -> Cpu:
    known = row.known
    return new(Cpu, (
        row.vendor.decode("utf-8", "replace") if known & 0x1 else None,
        row.model.decode("utf-8", "replace") if known & 0x2 else None,
        row.mhz if known & 0x4 else None,
        row.cache_kib if known & 0x8 else None,
        row.user_ns if known & 0x10 else None,
        row.nice_ns if known & 0x20 else None,
        row.system_ns if known & 0x40 else None,
        row.idle_ns if known & 0x80 else None,
        row.iowait_ns if known & 0x100 else None,
        row.irq_ns if known & 0x200 else None,
        row.softirq_ns if known & 0x400 else None,
        row.steal_ns if known & 0x800 else None,
        row.guest_ns if known & 0x1000 else None,
        row.guest_nice_ns if known & 0x2000 else None,
        row.id,
        row.online != 0,
    ))


class Memory(NamedTuple):
    """Memory as a whole, in bytes, by the names of the guest's /proc/meminfo."""

    total: Optional[int]
    """MemTotal, bytes."""
    free: Optional[int]
    """MemFree, bytes."""
    available: Optional[int]
    """MemAvailable, bytes."""
    buffers: Optional[int]
    """Buffers, bytes."""
    cached: Optional[int]
    """Cached, bytes."""
    swap_cached: Optional[int]
    """SwapCached, bytes."""
    active: Optional[int]
    """Active, bytes."""
    inactive: Optional[int]
    """Inactive, bytes."""
    swap_total: Optional[int]
    """SwapTotal, bytes."""
    swap_free: Optional[int]
    """SwapFree, bytes."""
    dirty: Optional[int]
    """Dirty, bytes."""
    writeback: Optional[int]
    """Writeback, bytes."""
    anonymous: Optional[int]
    """AnonPages, bytes."""
    mapped: Optional[int]
    """Mapped, bytes."""
    shared: Optional[int]
    """Shmem, bytes."""
    slab: Optional[int]
    """Slab, bytes."""
    slab_reclaimable: Optional[int]
    """SReclaimable, bytes."""
    slab_unreclaimable: Optional[int]
    """SUnreclaim, bytes."""
    kernel_stack: Optional[int]
    """KernelStack, bytes."""
    page_tables: Optional[int]
    """PageTables, bytes."""


def _memory(row: Any) -> Memory:
    known = row.known
    return new(Memory, (
        row.total if known & 0x1 else None,
        row.free if known & 0x2 else None,
        row.available if known & 0x4 else None,
        row.buffers if known & 0x8 else None,
        row.cached if known & 0x10 else None,
        row.swap_cached if known & 0x20 else None,
        row.active if known & 0x40 else None,
        row.inactive if known & 0x80 else None,
        row.swap_total if known & 0x100 else None,
        row.swap_free if known & 0x200 else None,
        row.dirty if known & 0x400 else None,
        row.writeback if known & 0x800 else None,
        row.anonymous if known & 0x1000 else None,
        row.mapped if known & 0x2000 else None,
        row.shared if known & 0x4000 else None,
        row.slab if known & 0x8000 else None,
        row.slab_reclaimable if known & 0x10000 else None,
        row.slab_unreclaimable if known & 0x20000 else None,
        row.kernel_stack if known & 0x40000 else None,
        row.page_tables if known & 0x80000 else None,
    ))


class Thread(NamedTuple):
    """One thread of a process, as /proc/PID/task/TID shows it."""

    name: Optional[str]
    """The thread's name; None if not known."""
    start_time_ns: Optional[int]
    """When it started, nanoseconds since the guest's boot."""
    cpu_ns: Optional[int]
    """Time on a CPU, as the scheduler measures it, nanoseconds."""
    tid: int
    """Thread id."""
    state: Optional[str]
    """The state's letter, as of nfm_process_t."""


_unpack_thread = Struct("QPQQIc3s").unpack_from


def _thread(row: Any) -> Thread:
    values = _unpack_thread(row)
    known = values[0]
    return new(Thread, (
        row.name.decode("utf-8", "replace") if known & 0x1 else None,
        values[2] if known & 0x2 else None,
        values[3] if known & 0x4 else None,
        values[4],
        values[5].decode("ascii", "replace") if known & 0x8 else None,
    ))


class Process(NamedTuple):
    """One process: a thread group, as /proc lists it in the guest's first PID namespace."""

    name: Optional[str]
    """The name as in /proc/PID/status; None if not known."""
    command_line: Optional[str]
    """The arguments, joined by spaces; empty for a kernel thread; None if not known."""
    exe: Optional[str]
    """The file it runs, as in /proc/PID/exe; None if not known, and for a kernel thread."""
    cwd: Optional[str]
    """Its working directory; None if not known."""
    root: Optional[str]
    """Its root directory; None if not known."""
    cgroup: Optional[str]
    """Its group in the unified cgroup hierarchy, as in /proc/PID/cgroup; None if not known."""
    start_time_ns: Optional[int]
    """When it started, nanoseconds since the guest's boot."""
    user_ns: Optional[int]
    """CPU time in user mode of all its threads, past ones included, nanoseconds."""
    system_ns: Optional[int]
    """CPU time in the kernel of all its threads, past ones included, nanoseconds."""
    virtual_bytes: Optional[int]
    """Size of the address space, bytes."""
    rss_bytes: Optional[int]
    """Memory of it that is in RAM, bytes."""
    shared_bytes: Optional[int]
    """That part of rss_bytes which is of files or shared memory, bytes."""
    pid: int
    """Process id."""
    pid_in_namespace: Optional[int]
    """Its process id in its own PID namespace."""
    ppid: Optional[int]
    """The parent's process id; 0 for the first process and the kernel's threads' parent."""
    uid: Optional[int]
    """Real user id."""
    euid: Optional[int]
    """Effective user id."""
    gid: Optional[int]
    """Real group id."""
    egid: Optional[int]
    """Effective group id."""
    threads: Optional[int]
    """Number of threads, the first included."""
    nice: Optional[int]
    """Nice value, -20 to 19."""
    open_files: Optional[int]
    """Number of open file descriptors."""
    pid_namespace: Optional[int]
    """Process id namespace: its inode number, as in /proc/PID/ns."""
    net_namespace: Optional[int]
    """Network namespace: its inode number, as in /proc/PID/ns."""
    mnt_namespace: Optional[int]
    """Mount namespace: its inode number, as in /proc/PID/ns."""
    uts_namespace: Optional[int]
    """Host name (UTS) namespace: its inode number, as in /proc/PID/ns."""
    ipc_namespace: Optional[int]
    """IPC namespace: its inode number, as in /proc/PID/ns."""
    user_namespace: Optional[int]
    """User namespace: its inode number, as in /proc/PID/ns."""
    cgroup_namespace: Optional[int]
    """Control group namespace: its inode number, as in /proc/PID/ns."""
    time_namespace: Optional[int]
    """Time namespace: its inode number, as in /proc/PID/ns."""
    kernel_thread: Optional[bool]
    """1 for a thread of the kernel, else 0."""
    state: Optional[str]
    """The state's letter, as ps shows it ('R', 'S', 'D', 'T', 't', 'X', 'Z', 'P', 'I')."""
    thread_list: Optional[Tuple[Thread, ...]]
    """Its threads, the first included, if they were asked for; None if not."""
    oom_score_adj: Optional[int]
    """Added to its share of memory, in thousandths, when the kernel out of memory chooses a
    process to kill: -1000 (never) to 1000, as in /proc/PID/oom_score_adj.
    """


_unpack_process = Struct("QPPPPPPQQQQQQIIIIIIIIiIIIIIIIIIIc3sPNNiI").unpack_from


def _process(row: Any) -> Process:
    values = _unpack_process(row)
    known = values[0]
    return new(Process, (
        row.name.decode("utf-8", "replace") if known & 0x1 else None,
        row.command_line.decode("utf-8", "replace") if known & 0x2 else None,
        row.exe.decode("utf-8", "replace") if known & 0x4 else None,
        row.cwd.decode("utf-8", "replace") if known & 0x8 else None,
        row.root.decode("utf-8", "replace") if known & 0x10 else None,
        row.cgroup.decode("utf-8", "replace") if known & 0x20 else None,
        values[7] if known & 0x40 else None,
        values[8] if known & 0x80 else None,
        values[9] if known & 0x100 else None,
        values[10] if known & 0x200 else None,
        values[11] if known & 0x400 else None,
        values[12] if known & 0x800 else None,
        values[13],
        values[14] if known & 0x1000 else None,
        values[15] if known & 0x2000 else None,
        values[16] if known & 0x4000 else None,
        values[17] if known & 0x8000 else None,
        values[18] if known & 0x10000 else None,
        values[19] if known & 0x20000 else None,
        values[20] if known & 0x40000 else None,
        values[21] if known & 0x80000 else None,
        values[22] if known & 0x100000 else None,
        values[23] if known & 0x200000 else None,
        values[24] if known & 0x400000 else None,
        values[25] if known & 0x800000 else None,
        values[26] if known & 0x1000000 else None,
        values[27] if known & 0x2000000 else None,
        values[28] if known & 0x4000000 else None,
        values[29] if known & 0x8000000 else None,
        values[30] if known & 0x10000000 else None,
        values[31] != 0 if known & 0x20000000 else None,
        values[32].decode("ascii", "replace") if known & 0x40000000 else None,
        rows(row.thread_list, row.thread_list_count, row.thread_list_stride, _abi.nfm_thread_t, _thread) if known & 0x80000000 else None,
        values[37] if known & 0x100000000 else None,
    ))


def _process_at(row: Any) -> Process:
    known = row.known
    return new(Process, (
        row.name.decode("utf-8", "replace") if known & 0x1 else None,
        row.command_line.decode("utf-8", "replace") if known & 0x2 else None,
        row.exe.decode("utf-8", "replace") if known & 0x4 else None,
        row.cwd.decode("utf-8", "replace") if known & 0x8 else None,
        row.root.decode("utf-8", "replace") if known & 0x10 else None,
        row.cgroup.decode("utf-8", "replace") if known & 0x20 else None,
        row.start_time_ns if known & 0x40 else None,
        row.user_ns if known & 0x80 else None,
        row.system_ns if known & 0x100 else None,
        row.virtual_bytes if known & 0x200 else None,
        row.rss_bytes if known & 0x400 else None,
        row.shared_bytes if known & 0x800 else None,
        row.pid,
        row.pid_in_namespace if known & 0x1000 else None,
        row.ppid if known & 0x2000 else None,
        row.uid if known & 0x4000 else None,
        row.euid if known & 0x8000 else None,
        row.gid if known & 0x10000 else None,
        row.egid if known & 0x20000 else None,
        row.threads if known & 0x40000 else None,
        row.nice if known & 0x80000 else None,
        row.open_files if known & 0x100000 else None,
        row.pid_namespace if known & 0x200000 else None,
        row.net_namespace if known & 0x400000 else None,
        row.mnt_namespace if known & 0x800000 else None,
        row.uts_namespace if known & 0x1000000 else None,
        row.ipc_namespace if known & 0x2000000 else None,
        row.user_namespace if known & 0x4000000 else None,
        row.cgroup_namespace if known & 0x8000000 else None,
        row.time_namespace if known & 0x10000000 else None,
        row.kernel_thread != 0 if known & 0x20000000 else None,
        row.state.decode("ascii", "replace") if known & 0x40000000 else None,
        rows(row.thread_list, row.thread_list_count, row.thread_list_stride, _abi.nfm_thread_t, _thread) if known & 0x80000000 else None,
        row.oom_score_adj if known & 0x100000000 else None,
    ))


class File(NamedTuple):
    """One open file descriptor of one process."""

    kind: Optional[str]
    """The kind of file, as in JSON: "file", "directory", "character_device", "block_device",
    "pipe", "socket", "symlink", "anon_inode"; None if not known.
    """
    path: Optional[str]
    """The path as readlink /proc/PID/fd/FD shows it in the guest; None if not known."""
    flags: Optional[int]
    """The flags of open(2), O_CLOEXEC included, by the values of the guest's architecture."""
    position: Optional[int]
    """The offset for the next read or write."""
    inode: Optional[int]
    """The inode's number."""
    pid: int
    """The process."""
    fd: int
    """The descriptor."""


_unpack_file = Struct("QPPQQQII").unpack_from


def _file(row: Any) -> File:
    values = _unpack_file(row)
    known = values[0]
    return new(File, (
        row.kind.decode("utf-8", "replace") if known & 0x1 else None,
        row.path.decode("utf-8", "replace") if known & 0x2 else None,
        values[3] if known & 0x4 else None,
        values[4] if known & 0x8 else None,
        values[5] if known & 0x10 else None,
        values[6],
        values[7],
    ))


class PhysicalRun(NamedTuple):
    """Neighbouring pages of a mapping and where they are in the guest's RAM."""

    virtual_address: int
    """First virtual address."""
    physical: Optional[int]
    """Guest-physical address of the first byte; not known for pages in swap."""
    bytes: int
    """Bytes."""
    swapped: bool
    """1 if the pages are in the guest's swap, else 0."""


_unpack_physical_run = Struct("QQQQII").unpack_from


def _physical_run(row: Any) -> PhysicalRun:
    values = _unpack_physical_run(row)
    known = values[0]
    return new(PhysicalRun, (
        values[1],
        values[2] if known & 0x1 else None,
        values[3],
        values[4] != 0,
    ))


class Mapping(NamedTuple):
    """One area of a process's address space, as /proc/PID/maps shows it."""

    permissions: Optional[str]
    """"rwx" and 'p' (private) or 's' (shared), '-' for what is not allowed; None if not known."""
    path: Optional[str]
    """The file, or a name in brackets; None if not known, and for nameless memory."""
    start: int
    """First address."""
    end: int
    """First address after it."""
    offset: Optional[int]
    """Offset in the file of the first byte; 0 without a file."""
    resident_bytes: Optional[int]
    """Bytes of it that are in RAM (Rss of smaps; huge TLB pages do not count)."""
    physical: Optional[Tuple[PhysicalRun, ...]]
    """Where its pages are, by address, if that was asked for; None if not."""
    pid: int
    """The process."""


_unpack_mapping = Struct("QPPQQQQPNNII").unpack_from


def _mapping(row: Any) -> Mapping:
    values = _unpack_mapping(row)
    known = values[0]
    return new(Mapping, (
        row.permissions.decode("utf-8", "replace") if known & 0x1 else None,
        row.path.decode("utf-8", "replace") if known & 0x2 else None,
        values[3],
        values[4],
        values[5] if known & 0x4 else None,
        values[6] if known & 0x8 else None,
        rows(row.physical, row.physical_count, row.physical_stride, _abi.nfm_physical_run_t, _physical_run) if known & 0x10 else None,
        values[10],
    ))


class Module(NamedTuple):
    """One loaded module, as /proc/modules shows it."""

    name: str
    """The module's name."""
    state: Optional[str]
    """"Live", "Loading" or "Unloading"; None if not known."""
    taints: Optional[str]
    """Taint letters, as /proc/modules shows them between parentheses; empty for none; None if not
    known.
    """
    size: Optional[int]
    """Bytes of memory."""
    address: Optional[int]
    """Kernel-virtual address of its code."""
    references: Optional[int]
    """How many use it."""
    used_by: Optional[Tuple[str, ...]]
    """The modules that use it, in the kernel's order, and a None; None if not known."""


_unpack_module = Struct("QPPPQQqPN").unpack_from


def _module(row: Any) -> Module:
    values = _unpack_module(row)
    known = values[0]
    return new(Module, (
        row.name.decode("utf-8", "replace"),
        row.state.decode("utf-8", "replace") if known & 0x1 else None,
        row.taints.decode("utf-8", "replace") if known & 0x2 else None,
        values[4] if known & 0x4 else None,
        values[5] if known & 0x8 else None,
        values[6] if known & 0x10 else None,
        texts(row.used_by, row.used_by_count) if known & 0x20 else None,
    ))


class Interface(NamedTuple):
    """One network interface of one network namespace."""

    name: Optional[str]
    """Its name; None if not known."""
    mac: Optional[str]
    """Hardware address, as ip link prints it; None if not known, and where the device has none."""
    ipv4: Optional[Tuple[str, ...]]
    """IPv4 addresses with their prefix length ("10.0.2.15/24"), and a None; None if not known."""
    ipv6: Optional[Tuple[str, ...]]
    """IPv6 addresses with their prefix length, and a None; None if not known."""
    rx_bytes: Optional[int]
    """Bytes received."""
    rx_packets: Optional[int]
    """Packets received."""
    rx_errors: Optional[int]
    """Bad packets received."""
    rx_dropped: Optional[int]
    """Packets received and dropped."""
    tx_bytes: Optional[int]
    """Bytes sent."""
    tx_packets: Optional[int]
    """Packets sent."""
    tx_errors: Optional[int]
    """Failed sendings."""
    tx_dropped: Optional[int]
    """Packets dropped on the way out."""
    netns: Optional[int]
    """Inode of the network namespace, as in /proc/PID/ns/net."""
    index: Optional[int]  # type: ignore[assignment]
    """The interface's index in its namespace."""
    mtu: Optional[int]
    """Largest packet in bytes."""
    up: Optional[bool]
    """1 if it is set up (IFF_UP), else 0."""


_unpack_interface = Struct("QPPPNPNQQQQQQQQIIII").unpack_from


def _interface(row: Any) -> Interface:
    values = _unpack_interface(row)
    known = values[0]
    return new(Interface, (
        row.name.decode("utf-8", "replace") if known & 0x1 else None,
        row.mac.decode("utf-8", "replace") if known & 0x2 else None,
        texts(row.ipv4, row.ipv4_count) if known & 0x4 else None,
        texts(row.ipv6, row.ipv6_count) if known & 0x8 else None,
        values[7] if known & 0x10 else None,
        values[8] if known & 0x20 else None,
        values[9] if known & 0x40 else None,
        values[10] if known & 0x80 else None,
        values[11] if known & 0x100 else None,
        values[12] if known & 0x200 else None,
        values[13] if known & 0x400 else None,
        values[14] if known & 0x800 else None,
        values[15] if known & 0x1000 else None,
        values[16] if known & 0x2000 else None,
        values[17] if known & 0x4000 else None,
        values[18] != 0 if known & 0x8000 else None,
    ))


def _interface_at(row: Any) -> Interface:
    known = row.known
    return new(Interface, (
        row.name.decode("utf-8", "replace") if known & 0x1 else None,
        row.mac.decode("utf-8", "replace") if known & 0x2 else None,
        texts(row.ipv4, row.ipv4_count) if known & 0x4 else None,
        texts(row.ipv6, row.ipv6_count) if known & 0x8 else None,
        row.rx_bytes if known & 0x10 else None,
        row.rx_packets if known & 0x20 else None,
        row.rx_errors if known & 0x40 else None,
        row.rx_dropped if known & 0x80 else None,
        row.tx_bytes if known & 0x100 else None,
        row.tx_packets if known & 0x200 else None,
        row.tx_errors if known & 0x400 else None,
        row.tx_dropped if known & 0x800 else None,
        row.netns if known & 0x1000 else None,
        row.index if known & 0x2000 else None,
        row.mtu if known & 0x4000 else None,
        row.up != 0 if known & 0x8000 else None,
    ))


class Connection(NamedTuple):
    """One socket of one network namespace."""

    protocol: str
    """"tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6" (of ping
    sockets) or "unix"; later versions may add others.
    """
    state: Optional[str]
    """The state by the kernel's name without TCP_: "ESTABLISHED", "LISTEN", "CLOSE" (which is what
    an unconnected datagram socket has) and others; None if not known.
    """
    local_address: Optional[str]
    """Own address; None if not known, and for unix sockets."""
    remote_address: Optional[str]
    """The other end's address; None if not known, and for unix sockets."""
    path: Optional[str]
    """A unix socket's path; '@' stands for the NUL at the start of an abstract one; None if not
    known, and for others.
    """
    inode: Optional[int]
    """The socket's inode; 0 where no process has it open any more, as /proc shows it."""
    netns: Optional[int]
    """Inode of the network namespace, as in /proc/PID/ns/net."""
    uid: Optional[int]
    """The owner's user id."""
    pid: Optional[int]
    """A process that has it open."""
    fd: Optional[int]
    """That process's descriptor."""
    local_port: Optional[int]
    """Own port; of a raw socket its protocol number, of a ping socket its identifier."""
    remote_port: Optional[int]
    """The other end's port."""
    protocol_id: Optional[int]
    """The protocol by its number: 6 for TCP, 17 for UDP, 136 for UDP-Lite, 1 and 58 for ICMP, 255
    for a raw socket, of which local_port tells more; not known for unix sockets.
    """
    state_id: Optional[int]
    """The state by the kernel's number (include/net/tcp_states.h): 1 for ESTABLISHED, 10 for
    LISTEN.
    """
    family: Optional[int]
    """The addresses' family by Linux's number: AF_INET 2, AF_INET6 10, AF_UNIX 1."""
    local_ip: Optional[bytes]
    """local_address in network order: of AF_INET the first four bytes, and zeros."""
    remote_ip: Optional[bytes]
    """remote_address likewise."""


_unpack_connection = Struct("QPPPPPQIIIIHHIIIII16s16s").unpack_from


def _connection(row: Any) -> Connection:
    values = _unpack_connection(row)
    known = values[0]
    return new(Connection, (
        row.protocol.decode("utf-8", "replace"),
        row.state.decode("utf-8", "replace") if known & 0x1 else None,
        row.local_address.decode("utf-8", "replace") if known & 0x2 else None,
        row.remote_address.decode("utf-8", "replace") if known & 0x4 else None,
        row.path.decode("utf-8", "replace") if known & 0x8 else None,
        values[6] if known & 0x10 else None,
        values[7] if known & 0x20 else None,
        values[8] if known & 0x40 else None,
        values[9] if known & 0x80 else None,
        values[10] if known & 0x100 else None,
        values[11] if known & 0x200 else None,
        values[12] if known & 0x400 else None,
        values[14] if known & 0x800 else None,
        values[15] if known & 0x1000 else None,
        values[16] if known & 0x2000 else None,
        bytes(values[18]) if known & 0x4000 else None,
        bytes(values[19]) if known & 0x8000 else None,
    ))


def _connection_at(row: Any) -> Connection:
    known = row.known
    return new(Connection, (
        row.protocol.decode("utf-8", "replace"),
        row.state.decode("utf-8", "replace") if known & 0x1 else None,
        row.local_address.decode("utf-8", "replace") if known & 0x2 else None,
        row.remote_address.decode("utf-8", "replace") if known & 0x4 else None,
        row.path.decode("utf-8", "replace") if known & 0x8 else None,
        row.inode if known & 0x10 else None,
        row.netns if known & 0x20 else None,
        row.uid if known & 0x40 else None,
        row.pid if known & 0x80 else None,
        row.fd if known & 0x100 else None,
        row.local_port if known & 0x200 else None,
        row.remote_port if known & 0x400 else None,
        row.protocol_id if known & 0x800 else None,
        row.state_id if known & 0x1000 else None,
        row.family if known & 0x2000 else None,
        bytes(row.local_ip) if known & 0x4000 else None,
        bytes(row.remote_ip) if known & 0x8000 else None,
    ))


class Mount(NamedTuple):
    """One mount of one mount namespace, as /proc/PID/mountinfo shows it."""

    source: Optional[str]
    """The device or the name given instead of one; None if not known."""
    target: Optional[str]
    """The directory, seen from the root of the namespace; None if not known."""
    filesystem: Optional[str]
    """The file system's type, with its subtype behind a dot; None if not known."""
    options: Optional[str]
    """Options of this mount, as mountinfo shows them: "rw,nosuid,relatime"; None if not known."""
    mnt_ns: Optional[int]
    """Inode of the mount namespace, as in /proc/PID/ns/mnt."""


_unpack_mount = Struct("QPPPPII").unpack_from


def _mount(row: Any) -> Mount:
    values = _unpack_mount(row)
    known = values[0]
    return new(Mount, (
        row.source.decode("utf-8", "replace") if known & 0x1 else None,
        row.target.decode("utf-8", "replace") if known & 0x2 else None,
        row.filesystem.decode("utf-8", "replace") if known & 0x4 else None,
        row.options.decode("utf-8", "replace") if known & 0x8 else None,
        values[5] if known & 0x10 else None,
    ))


class LogRecord(NamedTuple):
    """One record of the kernel's log ring buffer."""

    text: str
    """The message, without prefix."""
    time_ns: int
    """When it was written, nanoseconds of the guest's own log clock (since boot)."""
    level: int
    """syslog level, 0 (emergency) to 7 (debug)."""


_unpack_log_record = Struct("QPQII").unpack_from


def _log_record(row: Any) -> LogRecord:
    values = _unpack_log_record(row)
    return new(LogRecord, (
        row.text.decode("utf-8", "replace"),
        values[2],
        values[3],
    ))


class Host(NamedTuple):
    """The hypervisor's view of the guest."""

    state: Optional[str]
    """The domain's state, as virsh domstate prints it; None if not known."""
    vcpu_time_ns: Optional[int]
    """CPU time of all vCPUs, nanoseconds."""
    rss_bytes: Optional[int]
    """Guest RAM that is in the host's RAM, bytes."""
    swapped_bytes: Optional[int]
    """Guest RAM that is in the host's swap, bytes."""
    untouched_bytes: Optional[int]
    """Guest RAM that the guest has never used, bytes."""
    memory_age_ns: Optional[int]
    """How long before the frame the three amounts of RAM were counted, nanoseconds: frames in
    quick succession share one count.
    """


def _host(row: Any) -> Host:
    known = row.known
    return new(Host, (
        row.state.decode("utf-8", "replace") if known & 0x1 else None,
        row.vcpu_time_ns if known & 0x2 else None,
        row.rss_bytes if known & 0x4 else None,
        row.swapped_bytes if known & 0x8 else None,
        row.untouched_bytes if known & 0x10 else None,
        row.memory_age_ns if known & 0x20 else None,
    ))


class Route(NamedTuple):
    """One next hop of one route of one network namespace, as ip route show table all prints it. A
    route of several next hops has as many rows, one behind the other, alike but for the next
    hop.
    """

    family: str
    """"inet" or "inet6"."""
    kind: Optional[str]
    """The route's type: "unicast", "local", "broadcast", "anycast", "multicast", "blackhole",
    "unreachable", "prohibit", "throw", the number of any other; None if not known.
    """
    destination: Optional[str]
    """The destinations, with their prefix length: "10.0.2.0/24", of a default route "0.0.0.0/0" or
    "::/0"; None if not known.
    """
    source: Optional[str]
    """The source addresses that the route is for, with their prefix length; None if not known, and
    where it is for all.
    """
    protocol: Optional[str]
    """The route's origin: "kernel", "boot", "static", "ra", "dhcp", "bird" and others, the number
    of any other; None if not known.
    """
    scope: Optional[str]
    """The reach of the destinations: "global", "site", "link", "host", "nowhere", the number of
    any other; None if not known.
    """
    preferred_source: Optional[str]
    """The source address that is preferred towards the destinations; None if not known, and where
    the route names none.
    """
    gateway: Optional[str]
    """The next hop's address, which may be one of IPv6 also where the route is one of IPv4; None
    if not known, and where the destinations are reached without one.
    """
    interface: Optional[str]
    """The name of the interface; None if not known, and where there is none."""
    flags: Optional[Tuple[str, ...]]
    """"dead", "onlink", "offload", "trap", "linkdown" of the next hop, "rt_offload", "rt_trap",
    "rt_offload_failed" of the route, and a None; None if not known.
    """
    netns: Optional[int]
    """Inode of the network namespace, as in /proc/PID/ns/net."""
    table: Optional[int]
    """The routing table's number: 254 is main, 255 local, 253 default."""
    tos: Optional[int]
    """The type of service that the route is for, 0 for all; not known for IPv6, which has none."""
    metric: Optional[int]
    """The metric (preference) of the route: the lowest wins."""
    mtu: Optional[int]
    """The largest packet that the route says, in bytes; not known where it says none."""
    nexthop_id: Optional[int]
    """The number of the next hop object that the route uses (ip nexthop); not known where it uses
    none.
    """
    nexthops: Optional[int]
    """How many next hops the route has, each of them a row."""
    nexthop: Optional[int]
    """The row's next hop among them, from 0."""
    interface_index: Optional[int]
    """The interface's index in its namespace."""
    weight: Optional[int]
    """The next hop's share of the traffic: its weight among those of the route."""


_unpack_route = Struct("QPPPPPPPPPPNIIIIIIIIII").unpack_from


def _route(row: Any) -> Route:
    values = _unpack_route(row)
    known = values[0]
    return new(Route, (
        row.family.decode("utf-8", "replace"),
        row.kind.decode("utf-8", "replace") if known & 0x1 else None,
        row.destination.decode("utf-8", "replace") if known & 0x2 else None,
        row.source.decode("utf-8", "replace") if known & 0x4 else None,
        row.protocol.decode("utf-8", "replace") if known & 0x8 else None,
        row.scope.decode("utf-8", "replace") if known & 0x10 else None,
        row.preferred_source.decode("utf-8", "replace") if known & 0x20 else None,
        row.gateway.decode("utf-8", "replace") if known & 0x40 else None,
        row.interface.decode("utf-8", "replace") if known & 0x80 else None,
        texts(row.flags, row.flags_count) if known & 0x100 else None,
        values[12] if known & 0x200 else None,
        values[13] if known & 0x400 else None,
        values[14] if known & 0x800 else None,
        values[15] if known & 0x1000 else None,
        values[16] if known & 0x2000 else None,
        values[17] if known & 0x4000 else None,
        values[18] if known & 0x8000 else None,
        values[19] if known & 0x10000 else None,
        values[20] if known & 0x20000 else None,
        values[21] if known & 0x40000 else None,
    ))


class Neighbour(NamedTuple):
    """One entry of the ARP table (IPv4) or of neighbour discovery (IPv6) of one network namespace,
    as ip neigh show nud all and ip neigh show proxy print them.
    """

    family: str
    """"inet" or "inet6"."""
    address: Optional[str]
    """The neighbour's IP address; None if not known."""
    interface: Optional[str]
    """The name of the interface behind which it is; None if not known, and where there is none, as
    a proxy entry may be for all.
    """
    mac: Optional[str]
    """The neighbour's hardware address; None if not known, and as long as it is not valid."""
    state: Optional[str]
    """The state by the kernel's name without NUD_: "incomplete", "reachable", "stale", "delay",
    "probe", "failed", "noarp", "permanent", "none", the number of any other; None if not known.
    """
    protocol: Optional[str]
    """The entry's origin, by the names that routes have; None if not known, and where none is
    noted.
    """
    flags: Optional[Tuple[str, ...]]
    """"proxy" (an address that is answered for), "router", "extern_learn", "offload", "managed"
    and others of ip neigh, and a None; None if not known.
    """
    netns: Optional[int]
    """Inode of the network namespace, as in /proc/PID/ns/net."""
    interface_index: Optional[int]
    """The interface's index in its namespace."""


_unpack_neighbour = Struct("QPPPPPPPNII").unpack_from


def _neighbour(row: Any) -> Neighbour:
    values = _unpack_neighbour(row)
    known = values[0]
    return new(Neighbour, (
        row.family.decode("utf-8", "replace"),
        row.address.decode("utf-8", "replace") if known & 0x1 else None,
        row.interface.decode("utf-8", "replace") if known & 0x2 else None,
        row.mac.decode("utf-8", "replace") if known & 0x4 else None,
        row.state.decode("utf-8", "replace") if known & 0x8 else None,
        row.protocol.decode("utf-8", "replace") if known & 0x10 else None,
        texts(row.flags, row.flags_count) if known & 0x20 else None,
        values[9] if known & 0x40 else None,
        values[10] if known & 0x80 else None,
    ))


class Member(NamedTuple):
    """One member of a section's rows."""

    name: str
    """Its name, in C and in JSON: "rss_bytes"."""
    doc: str
    """One sentence or two on it."""
    unit: str
    """The unit of its numbers: "ns", "bytes", "KiB", "MHz"; empty for a count, and for what is no
    number.
    """
    rows_of: str
    """The name of the member of the section's rows that leads to the rows which have this one;
    empty if the section's own rows have it.
    """
    known_bit: int
    """Its bit in the row's known; 0 if it is always known."""
    offset: int
    """Bytes from the beginning of the row."""
    size: int
    """Bytes that it has."""
    value_type: int
    """The way in which it is read, one of nfm_member_type_t."""
    kind: int
    """The way in which it changes from frame to frame, one of nfm_kind_t."""


_unpack_member = Struct("QPPPPQNNII").unpack_from


def _member(row: Any) -> Member:
    values = _unpack_member(row)
    return new(Member, (
        row.name.decode("utf-8", "replace"),
        row.doc.decode("utf-8", "replace"),
        row.unit.decode("utf-8", "replace"),
        row.rows_of.decode("utf-8", "replace"),
        values[5],
        values[6],
        values[7],
        values[8],
        values[9],
    ))


class DiffInfo(NamedTuple):
    """The head of a difference."""

    elapsed_ns: Optional[int]
    """The time that passed for the guest between the frames, nanoseconds, never 0: by its own boot
    clock where the frames tell it (NFM_SECTION_OS), else by the host's. A figure of the
    difference divided by it is a rate.
    """
    boot: int
    """Are they of one boot? One of nfm_boot_t."""


def _diff_info(row: Any) -> DiffInfo:
    known = row.known
    return new(DiffInfo, (
        row.elapsed_ns if known & 0x1 else None,
        row.boot,
    ))


class ProcessDiff(NamedTuple):
    """One process in two frames: it is the same where its id and its start time are."""

    earlier: Optional[Process]
    """Its row of the earlier frame; None where that has none."""
    later: Optional[Process]
    """Its row of the later frame; None where that has none."""
    cpu_ns: Optional[int]
    """CPU time that it used in between, user and system, nanoseconds; of a new one that since its
    start. Not known of one that is gone.
    """
    cpu_percent: Optional[float]
    """The same as a share of one CPU, percent: a process of several threads may have more than
    100.
    """
    change: int
    """Its fate, one of nfm_change_t."""


_unpack_process_diff = Struct("QPPQdII").unpack_from


def _process_diff(row: Any) -> ProcessDiff:
    values = _unpack_process_diff(row)
    known = values[0]
    return new(ProcessDiff, (
        _process_at(row.earlier.contents) if known & 0x1 else None,
        _process_at(row.later.contents) if known & 0x2 else None,
        values[3] if known & 0x4 else None,
        values[4] if known & 0x8 else None,
        values[5],
    ))


class CpuDiff(NamedTuple):
    """One of the guest's CPUs in two frames."""

    earlier: Optional[Cpu]
    """Its row of the earlier frame; None where that has none."""
    later: Optional[Cpu]
    """Its row of the later frame; None where that has none."""
    busy_ns: Optional[int]
    """Time at work in between, nanoseconds: user, nice, system, interrupts."""
    idle_ns: Optional[int]
    """Time without work in between, nanoseconds: idle and waiting for input or output."""
    steal_ns: Optional[int]
    """Time in between that it wanted to run and the hypervisor gave to others, nanoseconds; part
    of neither.
    """
    busy_percent: Optional[float]
    """Time at work as a share of all three, percent, 0 to 100."""
    change: int
    """Its fate, one of nfm_change_t."""


_unpack_cpu_diff = Struct("QPPQQQdII").unpack_from


def _cpu_diff(row: Any) -> CpuDiff:
    values = _unpack_cpu_diff(row)
    known = values[0]
    return new(CpuDiff, (
        _cpu_at(row.earlier.contents) if known & 0x1 else None,
        _cpu_at(row.later.contents) if known & 0x2 else None,
        values[3] if known & 0x4 else None,
        values[4] if known & 0x8 else None,
        values[5] if known & 0x10 else None,
        values[6] if known & 0x20 else None,
        values[7],
    ))


class InterfaceDiff(NamedTuple):
    """One network interface in two frames: it is the same where its namespace and its index are.
    Its counters are those in between, also where one of 32 bits wrapped; none is known where
    they began anew (restarted).
    """

    earlier: Optional[Interface]
    """Its row of the earlier frame; None where that has none."""
    later: Optional[Interface]
    """Its row of the later frame; None where that has none."""
    rx_bytes: Optional[int]
    """Bytes received."""
    rx_packets: Optional[int]
    """Packets received."""
    rx_errors: Optional[int]
    """Bad packets received."""
    rx_dropped: Optional[int]
    """Packets received and dropped."""
    tx_bytes: Optional[int]
    """Bytes sent."""
    tx_packets: Optional[int]
    """Packets sent."""
    tx_errors: Optional[int]
    """Failed sendings."""
    tx_dropped: Optional[int]
    """Packets dropped on the way out."""
    change: int
    """Its fate, one of nfm_change_t."""
    restarted: bool
    """1 if it is in both frames and its counters began anew in between, else 0."""


_unpack_interface_diff = Struct("QPPQQQQQQQQII").unpack_from


def _interface_diff(row: Any) -> InterfaceDiff:
    values = _unpack_interface_diff(row)
    known = values[0]
    return new(InterfaceDiff, (
        _interface_at(row.earlier.contents) if known & 0x1 else None,
        _interface_at(row.later.contents) if known & 0x2 else None,
        values[3] if known & 0x4 else None,
        values[4] if known & 0x8 else None,
        values[5] if known & 0x10 else None,
        values[6] if known & 0x20 else None,
        values[7] if known & 0x40 else None,
        values[8] if known & 0x80 else None,
        values[9] if known & 0x100 else None,
        values[10] if known & 0x200 else None,
        values[11],
        values[12] != 0,
    ))


class ConnectionDiff(NamedTuple):
    """One socket in two frames: a connection is the same where its namespace, protocol and both
    ends are, any other socket where its inode is.
    """

    earlier: Optional[Connection]
    """Its row of the earlier frame; None where that has none."""
    later: Optional[Connection]
    """Its row of the later frame; None where that has none."""
    change: int
    """Its fate, one of nfm_change_t."""


_unpack_connection_diff = Struct("QPPII").unpack_from


def _connection_diff(row: Any) -> ConnectionDiff:
    values = _unpack_connection_diff(row)
    known = values[0]
    return new(ConnectionDiff, (
        _connection_at(row.earlier.contents) if known & 0x1 else None,
        _connection_at(row.later.contents) if known & 0x2 else None,
        values[3],
    ))


class FileRange(NamedTuple):
    """A part of a file."""

    offset: int
    """Its first byte."""
    length: int
    """How many bytes it has."""
    content: int
    """Where they are, one of nfm_content_t."""


_unpack_file_range = Struct("QQQII").unpack_from


def _file_range(row: Any) -> FileRange:
    values = _unpack_file_range(row)
    return new(FileRange, (
        values[1],
        values[2],
        values[3],
    ))


class FoundFile(NamedTuple):
    """A file of the guest: its name, and what stat(2) tells of it."""

    path: str
    """Its name in its directory, or its path as it was asked for: its bytes, which need not be
    UTF-8.
    """
    kind: Optional[str]
    """The kind of file, as in nfm_file_t; None if not known."""
    target: Optional[str]
    """A symbolic link's target; None if it is none."""
    filesystem: Optional[str]
    """The type of the file system; None if not known."""
    inode: Optional[int]
    """The inode's number."""
    device: Optional[int]
    """The number of the device that the file system has."""
    rdev: Optional[int]
    """A device file's own number."""
    size: Optional[int]
    """Bytes."""
    accessed_ns: Optional[int]
    """When it was last read, nanoseconds since 1970."""
    modified_ns: Optional[int]
    """When its content changed last, nanoseconds since 1970."""
    changed_ns: Optional[int]
    """When it or its status changed last, nanoseconds since 1970."""
    mode: Optional[int]
    """Permissions and the bits beside them (07777)."""
    links: Optional[int]
    """Names that the file has; 0 once all were removed."""
    uid: Optional[int]
    """The owner."""
    gid: Optional[int]
    """The group."""


_unpack_found_file = Struct("QPPPPQQQQqqqIIII").unpack_from


def _found_file(row: Any) -> FoundFile:
    values = _unpack_found_file(row)
    known = values[0]
    return new(FoundFile, (
        os.fsdecode(row.path),
        row.kind.decode("utf-8", "replace") if known & 0x1 else None,
        row.target.decode("utf-8", "replace") if known & 0x2 else None,
        row.filesystem.decode("utf-8", "replace") if known & 0x4 else None,
        values[5] if known & 0x8 else None,
        values[6] if known & 0x10 else None,
        values[7] if known & 0x20 else None,
        values[8] if known & 0x40 else None,
        values[9] if known & 0x80 else None,
        values[10] if known & 0x100 else None,
        values[11] if known & 0x200 else None,
        values[12] if known & 0x400 else None,
        values[13] if known & 0x800 else None,
        values[14] if known & 0x1000 else None,
        values[15] if known & 0x2000 else None,
    ))


class FrameSections(Sections):
    """A frame's sections."""

    @property
    def os(self) -> Optional[Os]:
        """The operating system of a frame. None if it was not asked for."""
        found: Optional[Os] = self._one("nfm_frame_os", _abi.nfm_os_t, _os)
        return found

    @property
    def cpus(self) -> Optional[Tuple[Cpu, ...]]:
        """The CPUs of a frame, by id. None if it was not asked for."""
        found: Optional[Tuple[Cpu, ...]] = self._many("nfm_frame_cpus", _abi.nfm_cpu_t, _cpu)
        return found

    @property
    def memory(self) -> Optional[Memory]:
        """Memory as a whole of a frame. None if it was not asked for."""
        found: Optional[Memory] = self._one("nfm_frame_memory", _abi.nfm_memory_t, _memory)
        return found

    @property
    def processes(self) -> Optional[Tuple[Process, ...]]:
        """The processes of a frame, in the order of the kernel's task list. None if it was not
        asked for.
        """
        found: Optional[Tuple[Process, ...]] = self._many("nfm_frame_processes", _abi.nfm_process_t, _process)
        return found

    @property
    def files(self) -> Optional[Tuple[File, ...]]:
        """The open files of a frame, by process and descriptor. None if it was not asked for."""
        found: Optional[Tuple[File, ...]] = self._many("nfm_frame_files", _abi.nfm_file_t, _file)
        return found

    @property
    def mappings(self) -> Optional[Tuple[Mapping, ...]]:
        """The address spaces of a frame, by process and address. None if it was not asked for."""
        found: Optional[Tuple[Mapping, ...]] = self._many("nfm_frame_mappings", _abi.nfm_mapping_t, _mapping)
        return found

    @property
    def modules(self) -> Optional[Tuple[Module, ...]]:
        """The loaded modules of a frame, in the order of /proc/modules. None if it was not asked
        for.
        """
        found: Optional[Tuple[Module, ...]] = self._many("nfm_frame_modules", _abi.nfm_module_t, _module)
        return found

    @property
    def interfaces(self) -> Optional[Tuple[Interface, ...]]:
        """The network interfaces of a frame, of every network namespace. None if it was not asked
        for.
        """
        found: Optional[Tuple[Interface, ...]] = self._many("nfm_frame_interfaces", _abi.nfm_interface_t, _interface)
        return found

    @property
    def connections(self) -> Optional[Tuple[Connection, ...]]:
        """The sockets of a frame, of every network namespace. None if it was not asked for."""
        found: Optional[Tuple[Connection, ...]] = self._many("nfm_frame_connections", _abi.nfm_connection_t, _connection)
        return found

    @property
    def mounts(self) -> Optional[Tuple[Mount, ...]]:
        """The mounts of a frame, of every mount namespace. None if it was not asked for."""
        found: Optional[Tuple[Mount, ...]] = self._many("nfm_frame_mounts", _abi.nfm_mount_t, _mount)
        return found

    @property
    def log(self) -> Optional[Tuple[LogRecord, ...]]:
        """The kernel's log of a frame, oldest record first. None if it was not asked for."""
        found: Optional[Tuple[LogRecord, ...]] = self._many("nfm_frame_log", _abi.nfm_log_record_t, _log_record)
        return found

    @property
    def host(self) -> Optional[Host]:
        """Gives a frame's section of the hypervisor's side. None if it was not asked for."""
        found: Optional[Host] = self._one("nfm_frame_host", _abi.nfm_host_t, _host)
        return found

    @property
    def routes(self) -> Optional[Tuple[Route, ...]]:
        """The routes of a frame, of every network namespace and all tables. None if it was not
        asked for.
        """
        found: Optional[Tuple[Route, ...]] = self._many("nfm_frame_routes", _abi.nfm_route_t, _route)
        return found

    @property
    def neighbours(self) -> Optional[Tuple[Neighbour, ...]]:
        """The neighbours of a frame (ARP, NDP), of every network namespace. None if it was not
        asked for.
        """
        found: Optional[Tuple[Neighbour, ...]] = self._many("nfm_frame_neighbours", _abi.nfm_neighbour_t, _neighbour)
        return found


class DiffSections(Sections):
    """The sections of a difference."""

    @property
    def processes(self) -> Optional[Tuple[ProcessDiff, ...]]:
        """The processes of two frames: those of the later one in its order, then those that are in
        the earlier one alone. None if a frame lacks it.
        """
        found: Optional[Tuple[ProcessDiff, ...]] = self._many("nfm_diff_processes", _abi.nfm_process_diff_t, _process_diff)
        return found

    @property
    def cpus(self) -> Optional[Tuple[CpuDiff, ...]]:
        """The CPUs of two frames: those of the later one in its order, then those that are in the
        earlier one alone. None if a frame lacks it.
        """
        found: Optional[Tuple[CpuDiff, ...]] = self._many("nfm_diff_cpus", _abi.nfm_cpu_diff_t, _cpu_diff)
        return found

    @property
    def interfaces(self) -> Optional[Tuple[InterfaceDiff, ...]]:
        """The network interfaces of two frames: those of the later one in its order, then those
        that are in the earlier one alone. None if a frame lacks it.
        """
        found: Optional[Tuple[InterfaceDiff, ...]] = self._many("nfm_diff_interfaces", _abi.nfm_interface_diff_t, _interface_diff)
        return found

    @property
    def connections(self) -> Optional[Tuple[ConnectionDiff, ...]]:
        """The sockets of two frames: those of the later one in its order, then those that are in
        the earlier one alone. None if a frame lacks it.
        """
        found: Optional[Tuple[ConnectionDiff, ...]] = self._many("nfm_diff_connections", _abi.nfm_connection_diff_t, _connection_diff)
        return found


__all__ = [
    "DiffSections",
    "FrameSections",
    "Connection",
    "ConnectionDiff",
    "Cpu",
    "CpuDiff",
    "DiffInfo",
    "DomainInfo",
    "File",
    "FileRange",
    "FoundFile",
    "FrameInfo",
    "Host",
    "Interface",
    "InterfaceDiff",
    "LogRecord",
    "Mapping",
    "Member",
    "Memory",
    "Module",
    "Mount",
    "Neighbour",
    "Os",
    "PhysicalRun",
    "Problem",
    "Process",
    "ProcessDiff",
    "Route",
    "Thread",
]
