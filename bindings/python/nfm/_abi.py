"""The C ABI, as ctypes sees it.

Generated from include/nfm.h by bindings/generate: do not edit.
"""

from __future__ import annotations

import enum
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint16,
    c_uint32,
    c_uint64,
    c_uint8,
    c_void_p,
)
from typing import Any, Dict, List, Tuple

# The version of the header.
VERSION = "0.1.0"

NFM_DOMAIN_INFO_ID = 0x1
NFM_DOMAIN_INFO_PID = 0x2
NFM_FRAME_INFO_INCOMPLETE_SECTIONS = 0x1
NFM_PROBLEM_ADDRESS = 0x1
NFM_PROBLEM_SECTION_BIT = 0x2
NFM_JSON_PRETTY = 0x1
NFM_OS_SYSNAME = 0x1
NFM_OS_NODENAME = 0x2
NFM_OS_RELEASE = 0x4
NFM_OS_VERSION = 0x8
NFM_OS_MACHINE = 0x10
NFM_OS_BUILD_ID = 0x20
NFM_OS_COMMAND_LINE = 0x40
NFM_OS_BOOT_TIME_NS = 0x80
NFM_OS_UPTIME_NS = 0x100
NFM_OS_LOAD = 0x200
NFM_OS_PANICKED = 0x400
NFM_CPU_VENDOR = 0x1
NFM_CPU_MODEL = 0x2
NFM_CPU_MHZ = 0x4
NFM_CPU_CACHE_KIB = 0x8
NFM_CPU_USER_NS = 0x10
NFM_CPU_NICE_NS = 0x20
NFM_CPU_SYSTEM_NS = 0x40
NFM_CPU_IDLE_NS = 0x80
NFM_CPU_IOWAIT_NS = 0x100
NFM_CPU_IRQ_NS = 0x200
NFM_CPU_SOFTIRQ_NS = 0x400
NFM_CPU_STEAL_NS = 0x800
NFM_CPU_GUEST_NS = 0x1000
NFM_CPU_GUEST_NICE_NS = 0x2000
NFM_MEMORY_TOTAL = 0x1
NFM_MEMORY_FREE = 0x2
NFM_MEMORY_AVAILABLE = 0x4
NFM_MEMORY_BUFFERS = 0x8
NFM_MEMORY_CACHED = 0x10
NFM_MEMORY_SWAP_CACHED = 0x20
NFM_MEMORY_ACTIVE = 0x40
NFM_MEMORY_INACTIVE = 0x80
NFM_MEMORY_SWAP_TOTAL = 0x100
NFM_MEMORY_SWAP_FREE = 0x200
NFM_MEMORY_DIRTY = 0x400
NFM_MEMORY_WRITEBACK = 0x800
NFM_MEMORY_ANONYMOUS = 0x1000
NFM_MEMORY_MAPPED = 0x2000
NFM_MEMORY_SHARED = 0x4000
NFM_MEMORY_SLAB = 0x8000
NFM_MEMORY_SLAB_RECLAIMABLE = 0x10000
NFM_MEMORY_SLAB_UNRECLAIMABLE = 0x20000
NFM_MEMORY_KERNEL_STACK = 0x40000
NFM_MEMORY_PAGE_TABLES = 0x80000
NFM_THREAD_NAME = 0x1
NFM_THREAD_START_TIME_NS = 0x2
NFM_THREAD_CPU_NS = 0x4
NFM_THREAD_STATE = 0x8
NFM_PROCESS_NAME = 0x1
NFM_PROCESS_COMMAND_LINE = 0x2
NFM_PROCESS_EXE = 0x4
NFM_PROCESS_CWD = 0x8
NFM_PROCESS_ROOT = 0x10
NFM_PROCESS_CGROUP = 0x20
NFM_PROCESS_START_TIME_NS = 0x40
NFM_PROCESS_USER_NS = 0x80
NFM_PROCESS_SYSTEM_NS = 0x100
NFM_PROCESS_VIRTUAL_BYTES = 0x200
NFM_PROCESS_RSS_BYTES = 0x400
NFM_PROCESS_SHARED_BYTES = 0x800
NFM_PROCESS_PID_IN_NAMESPACE = 0x1000
NFM_PROCESS_PPID = 0x2000
NFM_PROCESS_UID = 0x4000
NFM_PROCESS_EUID = 0x8000
NFM_PROCESS_GID = 0x10000
NFM_PROCESS_EGID = 0x20000
NFM_PROCESS_THREADS = 0x40000
NFM_PROCESS_NICE = 0x80000
NFM_PROCESS_OPEN_FILES = 0x100000
NFM_PROCESS_PID_NAMESPACE = 0x200000
NFM_PROCESS_NET_NAMESPACE = 0x400000
NFM_PROCESS_MNT_NAMESPACE = 0x800000
NFM_PROCESS_UTS_NAMESPACE = 0x1000000
NFM_PROCESS_IPC_NAMESPACE = 0x2000000
NFM_PROCESS_USER_NAMESPACE = 0x4000000
NFM_PROCESS_CGROUP_NAMESPACE = 0x8000000
NFM_PROCESS_TIME_NAMESPACE = 0x10000000
NFM_PROCESS_KERNEL_THREAD = 0x20000000
NFM_PROCESS_STATE = 0x40000000
NFM_PROCESS_THREAD_LIST = 0x80000000
NFM_PROCESS_OOM_SCORE_ADJ = 0x100000000
NFM_FILE_KIND = 0x1
NFM_FILE_PATH = 0x2
NFM_FILE_FLAGS = 0x4
NFM_FILE_POSITION = 0x8
NFM_FILE_INODE = 0x10
NFM_PHYSICAL_RUN_PHYSICAL = 0x1
NFM_MAPPING_PERMISSIONS = 0x1
NFM_MAPPING_PATH = 0x2
NFM_MAPPING_OFFSET = 0x4
NFM_MAPPING_RESIDENT_BYTES = 0x8
NFM_MAPPING_PHYSICAL = 0x10
NFM_MODULE_STATE = 0x1
NFM_MODULE_TAINTS = 0x2
NFM_MODULE_SIZE = 0x4
NFM_MODULE_ADDRESS = 0x8
NFM_MODULE_REFERENCES = 0x10
NFM_MODULE_USED_BY = 0x20
NFM_INTERFACE_NAME = 0x1
NFM_INTERFACE_MAC = 0x2
NFM_INTERFACE_IPV4 = 0x4
NFM_INTERFACE_IPV6 = 0x8
NFM_INTERFACE_RX_BYTES = 0x10
NFM_INTERFACE_RX_PACKETS = 0x20
NFM_INTERFACE_RX_ERRORS = 0x40
NFM_INTERFACE_RX_DROPPED = 0x80
NFM_INTERFACE_TX_BYTES = 0x100
NFM_INTERFACE_TX_PACKETS = 0x200
NFM_INTERFACE_TX_ERRORS = 0x400
NFM_INTERFACE_TX_DROPPED = 0x800
NFM_INTERFACE_NETNS = 0x1000
NFM_INTERFACE_INDEX = 0x2000
NFM_INTERFACE_MTU = 0x4000
NFM_INTERFACE_UP = 0x8000
NFM_CONNECTION_STATE = 0x1
NFM_CONNECTION_LOCAL_ADDRESS = 0x2
NFM_CONNECTION_REMOTE_ADDRESS = 0x4
NFM_CONNECTION_PATH = 0x8
NFM_CONNECTION_INODE = 0x10
NFM_CONNECTION_NETNS = 0x20
NFM_CONNECTION_UID = 0x40
NFM_CONNECTION_PID = 0x80
NFM_CONNECTION_FD = 0x100
NFM_CONNECTION_LOCAL_PORT = 0x200
NFM_CONNECTION_REMOTE_PORT = 0x400
NFM_CONNECTION_PROTOCOL_ID = 0x800
NFM_CONNECTION_STATE_ID = 0x1000
NFM_CONNECTION_FAMILY = 0x2000
NFM_CONNECTION_LOCAL_IP = 0x4000
NFM_CONNECTION_REMOTE_IP = 0x8000
NFM_MOUNT_SOURCE = 0x1
NFM_MOUNT_TARGET = 0x2
NFM_MOUNT_FILESYSTEM = 0x4
NFM_MOUNT_OPTIONS = 0x8
NFM_MOUNT_MNT_NS = 0x10
NFM_HOST_STATE = 0x1
NFM_HOST_VCPU_TIME_NS = 0x2
NFM_HOST_RSS_BYTES = 0x4
NFM_HOST_SWAPPED_BYTES = 0x8
NFM_HOST_UNTOUCHED_BYTES = 0x10
NFM_HOST_MEMORY_AGE_NS = 0x20
NFM_ROUTE_KIND = 0x1
NFM_ROUTE_DESTINATION = 0x2
NFM_ROUTE_SOURCE = 0x4
NFM_ROUTE_PROTOCOL = 0x8
NFM_ROUTE_SCOPE = 0x10
NFM_ROUTE_PREFERRED_SOURCE = 0x20
NFM_ROUTE_GATEWAY = 0x40
NFM_ROUTE_INTERFACE = 0x80
NFM_ROUTE_FLAGS = 0x100
NFM_ROUTE_NETNS = 0x200
NFM_ROUTE_TABLE = 0x400
NFM_ROUTE_TOS = 0x800
NFM_ROUTE_METRIC = 0x1000
NFM_ROUTE_MTU = 0x2000
NFM_ROUTE_NEXTHOP_ID = 0x4000
NFM_ROUTE_NEXTHOPS = 0x8000
NFM_ROUTE_NEXTHOP = 0x10000
NFM_ROUTE_INTERFACE_INDEX = 0x20000
NFM_ROUTE_WEIGHT = 0x40000
NFM_NEIGHBOUR_ADDRESS = 0x1
NFM_NEIGHBOUR_INTERFACE = 0x2
NFM_NEIGHBOUR_MAC = 0x4
NFM_NEIGHBOUR_STATE = 0x8
NFM_NEIGHBOUR_PROTOCOL = 0x10
NFM_NEIGHBOUR_FLAGS = 0x20
NFM_NEIGHBOUR_NETNS = 0x40
NFM_NEIGHBOUR_INTERFACE_INDEX = 0x80
NFM_DIFF_INFO_ELAPSED_NS = 0x1
NFM_PROCESS_DIFF_EARLIER = 0x1
NFM_PROCESS_DIFF_LATER = 0x2
NFM_PROCESS_DIFF_CPU_NS = 0x4
NFM_PROCESS_DIFF_CPU_PERCENT = 0x8
NFM_CPU_DIFF_EARLIER = 0x1
NFM_CPU_DIFF_LATER = 0x2
NFM_CPU_DIFF_BUSY_NS = 0x4
NFM_CPU_DIFF_IDLE_NS = 0x8
NFM_CPU_DIFF_STEAL_NS = 0x10
NFM_CPU_DIFF_BUSY_PERCENT = 0x20
NFM_INTERFACE_DIFF_EARLIER = 0x1
NFM_INTERFACE_DIFF_LATER = 0x2
NFM_INTERFACE_DIFF_RX_BYTES = 0x4
NFM_INTERFACE_DIFF_RX_PACKETS = 0x8
NFM_INTERFACE_DIFF_RX_ERRORS = 0x10
NFM_INTERFACE_DIFF_RX_DROPPED = 0x20
NFM_INTERFACE_DIFF_TX_BYTES = 0x40
NFM_INTERFACE_DIFF_TX_PACKETS = 0x80
NFM_INTERFACE_DIFF_TX_ERRORS = 0x100
NFM_INTERFACE_DIFF_TX_DROPPED = 0x200
NFM_CONNECTION_DIFF_EARLIER = 0x1
NFM_CONNECTION_DIFF_LATER = 0x2
NFM_EVENT_INFO_NAME = 0x1
NFM_EVENT_INFO_UUID = 0x2
NFM_EVENT_INFO_FRAME = 0x4
NFM_EVENT_INFO_BEFORE = 0x8
NFM_EVENT_INFO_ERROR = 0x10
NFM_EVENT_INFO_RETRY_AFTER_NS = 0x20
NFM_FOUND_FILE_KIND = 0x1
NFM_FOUND_FILE_TARGET = 0x2
NFM_FOUND_FILE_FILESYSTEM = 0x4
NFM_FOUND_FILE_INODE = 0x8
NFM_FOUND_FILE_DEVICE = 0x10
NFM_FOUND_FILE_RDEV = 0x20
NFM_FOUND_FILE_SIZE = 0x40
NFM_FOUND_FILE_ACCESSED_NS = 0x80
NFM_FOUND_FILE_MODIFIED_NS = 0x100
NFM_FOUND_FILE_CHANGED_NS = 0x200
NFM_FOUND_FILE_MODE = 0x400
NFM_FOUND_FILE_LINKS = 0x800
NFM_FOUND_FILE_UID = 0x1000
NFM_FOUND_FILE_GID = 0x2000


class Section(enum.IntFlag):
    """The sections of a frame."""

    OS = 0x1
    """Section of a frame: the operating system, see nfm_frame_os()."""

    CPUS = 0x2
    """Section of a frame: the CPUs, see nfm_frame_cpus()."""

    MEMORY = 0x4
    """Section of a frame: memory as a whole, see nfm_frame_memory()."""

    PROCESSES = 0x8
    """Section of a frame: the processes, see nfm_frame_processes()."""

    FILES = 0x10
    """Section of a frame: the open files of the processes, see nfm_frame_files()."""

    MAPPINGS = 0x20
    """Section of a frame: the address spaces of the processes, see nfm_frame_mappings()."""

    MODULES = 0x40
    """Section of a frame: the loaded kernel modules, see nfm_frame_modules()."""

    INTERFACES = 0x80
    """Section of a frame: the network interfaces, see nfm_frame_interfaces()."""

    CONNECTIONS = 0x100
    """Section of a frame: the sockets, see nfm_frame_connections()."""

    MOUNTS = 0x200
    """Section of a frame: the mounts, see nfm_frame_mounts()."""

    LOG = 0x400
    """Section of a frame: the kernel's log, see nfm_frame_log()."""

    HOST = 0x800
    """Section of a frame: what the host knows of the guest, see nfm_frame_host()."""

    INTEGRITY = 0x1000
    """Section of a frame: where the kernel's structures contradict each other. It must be asked
    for, and nfm_frame_to_json() tells it.
    """

    ROUTES = 0x2000
    """Section of a frame: the routes, see nfm_frame_routes()."""

    NEIGHBOURS = 0x4000
    """Section of a frame: the neighbours (ARP, NDP), see nfm_frame_neighbours()."""


class Result(enum.IntEnum):
    """The results of functions, as an int. Numbers are never reused; later versions add some, so
    treat a number that is not listed as a failure.
    """

    OK = 0
    """All went well."""

    ERR_OTHER = 1
    """Something failed that has no code of its own (an input or output error, for example)."""

    ERR_INVALID_ARGUMENT = 2
    """An argument is not what the function takes."""

    ERR_CONNECT = 3
    """libvirt cannot be reached."""

    ERR_NO_SUCH_DOMAIN = 4
    """libvirt knows no such domain."""

    ERR_NOT_RUNNING = 5
    """The domain is known but not running."""

    ERR_PERMISSION = 6
    """The guest's memory may not be read with the caller's privileges."""

    ERR_NOT_BOOTED = 7
    """No operating system runs in the guest yet: it is in its firmware or boot loader."""

    ERR_NOT_LINUX = 8
    """The guest runs no Linux kernel that can be recognised."""

    ERR_NO_TYPES = 9
    """The kernel carries no BTF, so the layout of its structures is unknown."""

    ERR_NO_SYMBOLS = 10
    """The kernel's symbol table cannot be found in its memory."""

    ERR_UNSUPPORTED = 11
    """The hypervisor, the architecture or the kind of memory is one that nfm does not read."""

    ERR_NO_MEMORY = 12
    """The guest's RAM cannot be located in the hypervisor's process."""

    ERR_GONE = 13
    """The guest ended, or was replaced by another, while it was read."""

    ERR_PANIC = 14
    """A bug in nfm: a panic was caught, or was caught earlier with this handle. Close the handle.
    """

    ERR_CANCELLED = 15
    """The call was cancelled through its nfm_control_t."""

    ERR_FILE = 16
    """A file is not there, may not be read or written, or is none that nfm can read."""

    ERR_MISMATCH = 17
    """A symbol file is of another kernel than the guest's."""

    ERR_DESCRIPTORS = 18
    """The process has no file descriptor left: close some domains, or raise its limit."""

    ERR_NOT_IN_MEMORY = 19
    """The guest's memory does not hold what was asked for: the guest may have it on its disk."""


class Retry(enum.IntEnum):
    """The remedies after an error, as an int. Later versions may add some: treat one that is not
    listed as NFM_RETRY_NEVER.
    """

    NEVER = 0
    """Nothing that the program could do: the same call fails again until somebody changes
    something.
    """

    LATER = 1
    """The same call again after a while: what it failed of passes by itself."""

    REOPEN = 2
    """The domain is of no more use: close it, and open it anew."""


class LogLevel(enum.IntEnum):
    """How grave a message is, as nfm_set_log() takes and tells it."""

    OFF = 0
    """Nothing is told."""

    ERROR = 1
    """Something failed that cannot be returned: a guest that could not be resumed, for example."""

    WARN = 2
    """Something looks wrong."""

    INFO = 3
    """Events."""

    DEBUG = 4
    """Findings on the way, for whoever looks for a fault."""

    TRACE = 5
    """Everything."""


class Mode(enum.IntEnum):
    """How the guest is treated while a frame is taken."""

    LIVE = 0
    """It runs on: what looks torn is read anew."""

    PAUSED = 1
    """libvirt suspends it for the crawl and resumes it after, over a read-write connection. A
    guest whose vCPUs do not run is left as it is. If the calling process is killed in between,
    the guest stays suspended (virsh resume).
    """


class MemberType(enum.IntEnum):
    """How a member of a row is read."""

    UNSIGNED = 1
    """An unsigned integer of the member's size."""

    SIGNED = 2
    """A signed integer of the member's size."""

    REAL = 3
    """A double, or an array of as many as the size has room for."""

    FLAG = 4
    """A uint32_t: 1 for yes, 0 for no."""

    LETTER = 5
    """A char: an ASCII letter."""

    TEXT = 6
    """A const char *: text."""

    TEXTS = 7
    """A const char *const *: texts, and a NULL after the last. A size_t with their number follows
    it.
    """

    ROWS = 8
    """A pointer to rows, whose members are told with it. Their number and the bytes from one to
    the next follow it, a size_t each.
    """


class Kind(enum.IntEnum):
    """How a member changes from frame to frame."""

    LABEL = 1
    """It tells rows apart or describes one; such numbers are not summed."""

    GAUGE = 2
    """It rises and falls."""

    COUNTER = 3
    """It only rises, until its owner starts anew."""


class Boot(enum.IntEnum):
    """The answer to whether two frames are of one boot of the guest, as an int."""

    SAME = 1
    """They are."""

    OTHER = 2
    """The guest was started anew in between, or set back to a snapshot: all of the later frame is
    new, and all of the earlier one gone.
    """

    UNKNOWN = 3
    """The frames do not tell; their rows are compared as of one boot."""


class Change(enum.IntEnum):
    """The fate of a row between two frames, as an int. A row that a frame lacks which is not whole
    is none that was not there.
    """

    NEW = 1
    """It is in the later frame alone."""

    GONE = 2
    """It is in the earlier frame alone."""

    STAYED = 3
    """It is in both."""

    PERHAPS_NEW = 4
    """It is in the later frame alone, and the earlier one does not tell: it is not whole, or has a
    row that may be the same one.
    """

    PERHAPS_GONE = 5
    """It is in the earlier frame alone, and the later one does not tell."""


class EventKind(enum.IntEnum):
    """Something that happened to a domain, as an int. Later versions may add some."""

    NEW = 1
    """It was opened: for the first time, or after it had ended."""

    FRAME = 2
    """It was crawled."""

    FAILED = 3
    """It could not be opened or crawled. It is tried again, ever less often."""

    GONE = 4
    """It ended. If it is started again, it is new."""

    NOT_LISTED = 5
    """libvirt does not tell which domains run. Those that are open are crawled all the same."""


class Content(enum.IntEnum):
    """The place of a part of a file's content, as an int. The first three are known."""

    CACHED = 1
    """In the guest's page cache, and the same on its disk."""

    DIRTY = 2
    """In the guest's page cache, and newer than its disk; also files that no disk has."""

    HOLE = 3
    """Never written: zeros."""

    SWAPPED = 4
    """In the guest's swap: not known."""

    NOT_CACHED = 5
    """Not in memory: not known."""

    MOVING = 6
    """It moved or changed whenever it was looked at: not known."""

    NO_RAM = 7
    """In memory that the host or the dump has not: not known."""


class nfm_control_t(Structure):
    pass


class nfm_diff_t(Structure):
    pass


class nfm_domain_list_t(Structure):
    pass


class nfm_domain_t(Structure):
    pass


class nfm_error_t(Structure):
    pass


class nfm_event_t(Structure):
    pass


class nfm_file_list_t(Structure):
    pass


class nfm_file_ranges_t(Structure):
    pass


class nfm_fleet_t(Structure):
    pass


class nfm_frame_t(Structure):
    pass


class nfm_open_file_t(Structure):
    pass


nfm_log_callback_t = CFUNCTYPE(None, c_int, c_char_p, c_char_p, c_void_p)


class nfm_list_options_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("uri", c_char_p),
        ("inactive", c_uint32),
        ("reserved", c_uint32),
        ("connection", c_void_p),
    ]


class nfm_domain_info_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("name", c_char_p),
        ("uuid", c_char_p),
        ("state", c_char_p),
        ("id", c_uint32),
        ("reserved", c_uint32),
        ("pid", c_uint64),
    ]


class nfm_open_options_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("uri", c_char_p),
        ("control", POINTER(nfm_control_t)),
        ("symbols", c_char_p),
        ("types", c_char_p),
        ("debug_dir", c_char_p),
        ("cache_dir", c_char_p),
        ("time_limit_ns", c_uint64),
        ("connection", c_void_p),
        ("log", nfm_log_callback_t),
        ("log_user", c_void_p),
        ("log_level", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_crawl_options_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("sections", c_uint64),
        ("time_limit_ns", c_uint64),
        ("mode", c_uint32),
        ("threads", c_uint32),
        ("physical", c_uint32),
        ("reserved", c_uint32),
        ("control", POINTER(nfm_control_t)),
        ("memory_limit", c_uint64),
        ("row_limit", c_uint64),
    ]


class nfm_frame_info_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("sections", c_uint64),
        ("seq", c_uint64),
        ("time_ns", c_uint64),
        ("duration_ns", c_uint64),
        ("domain_name", c_char_p),
        ("domain_uuid", c_char_p),
        ("hypervisor", c_char_p),
        ("mode", c_char_p),
        ("retries", c_uint32),
        ("complete", c_uint32),
        ("incomplete_sections", c_uint64),
    ]


class nfm_problem_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("address", c_uint64),
        ("section", c_char_p),
        ("reason", c_char_p),
        ("section_bit", c_uint64),
    ]


class nfm_os_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("sysname", c_char_p),
        ("nodename", c_char_p),
        ("release", c_char_p),
        ("version", c_char_p),
        ("machine", c_char_p),
        ("build_id", c_char_p),
        ("command_line", c_char_p),
        ("boot_time_ns", c_uint64),
        ("uptime_ns", c_uint64),
        ("load", c_double * 3),
        ("panicked", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_cpu_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("vendor", c_char_p),
        ("model", c_char_p),
        ("mhz", c_double),
        ("cache_kib", c_uint64),
        ("user_ns", c_uint64),
        ("nice_ns", c_uint64),
        ("system_ns", c_uint64),
        ("idle_ns", c_uint64),
        ("iowait_ns", c_uint64),
        ("irq_ns", c_uint64),
        ("softirq_ns", c_uint64),
        ("steal_ns", c_uint64),
        ("guest_ns", c_uint64),
        ("guest_nice_ns", c_uint64),
        ("id", c_uint32),
        ("online", c_uint32),
    ]


class nfm_memory_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("total", c_uint64),
        ("free", c_uint64),
        ("available", c_uint64),
        ("buffers", c_uint64),
        ("cached", c_uint64),
        ("swap_cached", c_uint64),
        ("active", c_uint64),
        ("inactive", c_uint64),
        ("swap_total", c_uint64),
        ("swap_free", c_uint64),
        ("dirty", c_uint64),
        ("writeback", c_uint64),
        ("anonymous", c_uint64),
        ("mapped", c_uint64),
        ("shared", c_uint64),
        ("slab", c_uint64),
        ("slab_reclaimable", c_uint64),
        ("slab_unreclaimable", c_uint64),
        ("kernel_stack", c_uint64),
        ("page_tables", c_uint64),
    ]


class nfm_thread_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("name", c_char_p),
        ("start_time_ns", c_uint64),
        ("cpu_ns", c_uint64),
        ("tid", c_uint32),
        ("state", c_char),
        ("reserved", c_uint8 * 3),
    ]


class nfm_process_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("name", c_char_p),
        ("command_line", c_char_p),
        ("exe", c_char_p),
        ("cwd", c_char_p),
        ("root", c_char_p),
        ("cgroup", c_char_p),
        ("start_time_ns", c_uint64),
        ("user_ns", c_uint64),
        ("system_ns", c_uint64),
        ("virtual_bytes", c_uint64),
        ("rss_bytes", c_uint64),
        ("shared_bytes", c_uint64),
        ("pid", c_uint32),
        ("pid_in_namespace", c_uint32),
        ("ppid", c_uint32),
        ("uid", c_uint32),
        ("euid", c_uint32),
        ("gid", c_uint32),
        ("egid", c_uint32),
        ("threads", c_uint32),
        ("nice", c_int32),
        ("open_files", c_uint32),
        ("pid_namespace", c_uint32),
        ("net_namespace", c_uint32),
        ("mnt_namespace", c_uint32),
        ("uts_namespace", c_uint32),
        ("ipc_namespace", c_uint32),
        ("user_namespace", c_uint32),
        ("cgroup_namespace", c_uint32),
        ("time_namespace", c_uint32),
        ("kernel_thread", c_uint32),
        ("state", c_char),
        ("reserved", c_uint8 * 3),
        ("thread_list", POINTER(nfm_thread_t)),
        ("thread_list_count", c_size_t),
        ("thread_list_stride", c_size_t),
        ("oom_score_adj", c_int32),
        ("reserved_2", c_uint32),
    ]


class nfm_file_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("kind", c_char_p),
        ("path", c_char_p),
        ("flags", c_uint64),
        ("position", c_uint64),
        ("inode", c_uint64),
        ("pid", c_uint32),
        ("fd", c_uint32),
    ]


class nfm_physical_run_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("virtual_address", c_uint64),
        ("physical", c_uint64),
        ("bytes", c_uint64),
        ("swapped", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_mapping_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("permissions", c_char_p),
        ("path", c_char_p),
        ("start", c_uint64),
        ("end", c_uint64),
        ("offset", c_uint64),
        ("resident_bytes", c_uint64),
        ("physical", POINTER(nfm_physical_run_t)),
        ("physical_count", c_size_t),
        ("physical_stride", c_size_t),
        ("pid", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_module_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("name", c_char_p),
        ("state", c_char_p),
        ("taints", c_char_p),
        ("size", c_uint64),
        ("address", c_uint64),
        ("references", c_int64),
        ("used_by", POINTER(c_char_p)),
        ("used_by_count", c_size_t),
    ]


class nfm_interface_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("name", c_char_p),
        ("mac", c_char_p),
        ("ipv4", POINTER(c_char_p)),
        ("ipv4_count", c_size_t),
        ("ipv6", POINTER(c_char_p)),
        ("ipv6_count", c_size_t),
        ("rx_bytes", c_uint64),
        ("rx_packets", c_uint64),
        ("rx_errors", c_uint64),
        ("rx_dropped", c_uint64),
        ("tx_bytes", c_uint64),
        ("tx_packets", c_uint64),
        ("tx_errors", c_uint64),
        ("tx_dropped", c_uint64),
        ("netns", c_uint32),
        ("index", c_uint32),
        ("mtu", c_uint32),
        ("up", c_uint32),
    ]


class nfm_connection_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("protocol", c_char_p),
        ("state", c_char_p),
        ("local_address", c_char_p),
        ("remote_address", c_char_p),
        ("path", c_char_p),
        ("inode", c_uint64),
        ("netns", c_uint32),
        ("uid", c_uint32),
        ("pid", c_uint32),
        ("fd", c_uint32),
        ("local_port", c_uint16),
        ("remote_port", c_uint16),
        ("reserved", c_uint32),
        ("protocol_id", c_uint32),
        ("state_id", c_uint32),
        ("family", c_uint32),
        ("reserved_2", c_uint32),
        ("local_ip", c_uint8 * 16),
        ("remote_ip", c_uint8 * 16),
    ]


class nfm_mount_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("source", c_char_p),
        ("target", c_char_p),
        ("filesystem", c_char_p),
        ("options", c_char_p),
        ("mnt_ns", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_log_record_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("text", c_char_p),
        ("time_ns", c_uint64),
        ("level", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_host_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("state", c_char_p),
        ("vcpu_time_ns", c_uint64),
        ("rss_bytes", c_uint64),
        ("swapped_bytes", c_uint64),
        ("untouched_bytes", c_uint64),
        ("memory_age_ns", c_uint64),
    ]


class nfm_route_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("family", c_char_p),
        ("kind", c_char_p),
        ("destination", c_char_p),
        ("source", c_char_p),
        ("protocol", c_char_p),
        ("scope", c_char_p),
        ("preferred_source", c_char_p),
        ("gateway", c_char_p),
        ("interface", c_char_p),
        ("flags", POINTER(c_char_p)),
        ("flags_count", c_size_t),
        ("netns", c_uint32),
        ("table", c_uint32),
        ("tos", c_uint32),
        ("metric", c_uint32),
        ("mtu", c_uint32),
        ("nexthop_id", c_uint32),
        ("nexthops", c_uint32),
        ("nexthop", c_uint32),
        ("interface_index", c_uint32),
        ("weight", c_uint32),
    ]


class nfm_neighbour_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("family", c_char_p),
        ("address", c_char_p),
        ("interface", c_char_p),
        ("mac", c_char_p),
        ("state", c_char_p),
        ("protocol", c_char_p),
        ("flags", POINTER(c_char_p)),
        ("flags_count", c_size_t),
        ("netns", c_uint32),
        ("interface_index", c_uint32),
    ]


class nfm_member_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("name", c_char_p),
        ("doc", c_char_p),
        ("unit", c_char_p),
        ("rows_of", c_char_p),
        ("known_bit", c_uint64),
        ("offset", c_size_t),
        ("size", c_size_t),
        ("value_type", c_uint32),
        ("kind", c_uint32),
    ]


class nfm_diff_info_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("elapsed_ns", c_uint64),
        ("boot", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_process_diff_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("earlier", POINTER(nfm_process_t)),
        ("later", POINTER(nfm_process_t)),
        ("cpu_ns", c_uint64),
        ("cpu_percent", c_double),
        ("change", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_cpu_diff_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("earlier", POINTER(nfm_cpu_t)),
        ("later", POINTER(nfm_cpu_t)),
        ("busy_ns", c_uint64),
        ("idle_ns", c_uint64),
        ("steal_ns", c_uint64),
        ("busy_percent", c_double),
        ("change", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_interface_diff_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("earlier", POINTER(nfm_interface_t)),
        ("later", POINTER(nfm_interface_t)),
        ("rx_bytes", c_uint64),
        ("rx_packets", c_uint64),
        ("rx_errors", c_uint64),
        ("rx_dropped", c_uint64),
        ("tx_bytes", c_uint64),
        ("tx_packets", c_uint64),
        ("tx_errors", c_uint64),
        ("tx_dropped", c_uint64),
        ("change", c_uint32),
        ("restarted", c_uint32),
    ]


class nfm_connection_diff_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("earlier", POINTER(nfm_connection_t)),
        ("later", POINTER(nfm_connection_t)),
        ("change", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_fleet_options_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("open", POINTER(nfm_open_options_t)),
        ("crawl", POINTER(nfm_crawl_options_t)),
        ("domains", POINTER(c_char_p)),
        ("period_ns", c_uint64),
        ("listing_period_ns", c_uint64),
        ("threads", c_uint32),
        ("reserved", c_uint32),
        ("processes", c_uint32),
        ("reserved_2", c_uint32),
    ]


class nfm_event_info_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("name", c_char_p),
        ("uuid", c_char_p),
        ("frame", POINTER(nfm_frame_t)),
        ("before", POINTER(nfm_frame_t)),
        ("error", POINTER(nfm_error_t)),
        ("retry_after_ns", c_uint64),
        ("kind", c_uint32),
        ("restarted", c_uint32),
        ("repeated", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_file_range_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("offset", c_uint64),
        ("length", c_uint64),
        ("content", c_uint32),
        ("reserved", c_uint32),
    ]


class nfm_found_file_t(Structure):
    _fields_ = [
        ("known", c_uint64),
        ("path", c_char_p),
        ("kind", c_char_p),
        ("target", c_char_p),
        ("filesystem", c_char_p),
        ("inode", c_uint64),
        ("device", c_uint64),
        ("rdev", c_uint64),
        ("size", c_uint64),
        ("accessed_ns", c_int64),
        ("modified_ns", c_int64),
        ("changed_ns", c_int64),
        ("mode", c_uint32),
        ("links", c_uint32),
        ("uid", c_uint32),
        ("gid", c_uint32),
    ]


# What each function returns and takes.
FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    "nfm_version": (c_char_p, []),
    "nfm_features": (POINTER(c_char_p), []),
    "nfm_has_feature": (c_int, [c_char_p]),
    "nfm_error_code": (c_int, [POINTER(nfm_error_t)]),
    "nfm_error_message": (c_char_p, [POINTER(nfm_error_t)]),
    "nfm_error_errno": (c_int, [POINTER(nfm_error_t)]),
    "nfm_error_address": (c_int, [POINTER(nfm_error_t), POINTER(c_uint64)]),
    "nfm_error_retry": (c_int, [POINTER(nfm_error_t)]),
    "nfm_error_free": (None, [POINTER(nfm_error_t)]),
    "nfm_result_name": (c_char_p, [c_int]),
    "nfm_set_log": (c_int, [c_int, nfm_log_callback_t, c_void_p, POINTER(POINTER(nfm_error_t))]),
    "nfm_control_new": (c_int, [POINTER(POINTER(nfm_control_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_control_cancel": (None, [POINTER(nfm_control_t)]),
    "nfm_control_reset": (None, [POINTER(nfm_control_t)]),
    "nfm_control_is_cancelled": (c_int, [POINTER(nfm_control_t)]),
    "nfm_control_section": (c_uint64, [POINTER(nfm_control_t)]),
    "nfm_control_pages": (c_uint64, [POINTER(nfm_control_t)]),
    "nfm_control_free": (None, [POINTER(nfm_control_t)]),
    "nfm_list_domains": (c_int, [POINTER(nfm_list_options_t), POINTER(POINTER(nfm_domain_list_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_list_processes": (c_int, [POINTER(POINTER(nfm_domain_list_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_domain_list_rows": (POINTER(nfm_domain_info_t), [POINTER(nfm_domain_list_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_domain_list_free": (None, [POINTER(nfm_domain_list_t)]),
    "nfm_open_domain": (c_int, [c_char_p, POINTER(nfm_open_options_t), POINTER(POINTER(nfm_domain_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_open_virdomain": (c_int, [c_void_p, POINTER(nfm_open_options_t), POINTER(POINTER(nfm_domain_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_open_pid": (c_int, [c_uint64, POINTER(nfm_open_options_t), POINTER(POINTER(nfm_domain_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_crawl": (c_int, [POINTER(nfm_domain_t), POINTER(nfm_crawl_options_t), POINTER(POINTER(nfm_frame_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_close_domain": (None, [POINTER(nfm_domain_t)]),
    "nfm_frame_info": (POINTER(nfm_frame_info_t), [POINTER(nfm_frame_t)]),
    "nfm_frame_problems": (POINTER(nfm_problem_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_to_json": (c_char_p, [POINTER(nfm_frame_t), c_uint32]),
    "nfm_frame_share": (c_int, [POINTER(nfm_frame_t), POINTER(POINTER(nfm_frame_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_frame_free": (None, [POINTER(nfm_frame_t)]),
    "nfm_frame_os": (POINTER(nfm_os_t), [POINTER(nfm_frame_t)]),
    "nfm_frame_cpus": (POINTER(nfm_cpu_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_memory": (POINTER(nfm_memory_t), [POINTER(nfm_frame_t)]),
    "nfm_frame_processes": (POINTER(nfm_process_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_files": (POINTER(nfm_file_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_mappings": (POINTER(nfm_mapping_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_modules": (POINTER(nfm_module_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_interfaces": (POINTER(nfm_interface_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_connections": (POINTER(nfm_connection_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_mounts": (POINTER(nfm_mount_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_log": (POINTER(nfm_log_record_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_host": (POINTER(nfm_host_t), [POINTER(nfm_frame_t)]),
    "nfm_frame_routes": (POINTER(nfm_route_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_neighbours": (POINTER(nfm_neighbour_t), [POINTER(nfm_frame_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_section_bit": (c_uint64, [c_char_p]),
    "nfm_section_members": (POINTER(nfm_member_t), [c_uint64, POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_rows": (c_void_p, [POINTER(nfm_frame_t), c_uint64, POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_frame_diff": (c_int, [POINTER(nfm_frame_t), POINTER(nfm_frame_t), POINTER(POINTER(nfm_diff_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_diff_info": (POINTER(nfm_diff_info_t), [POINTER(nfm_diff_t)]),
    "nfm_diff_processes": (POINTER(nfm_process_diff_t), [POINTER(nfm_diff_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_diff_cpus": (POINTER(nfm_cpu_diff_t), [POINTER(nfm_diff_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_diff_interfaces": (POINTER(nfm_interface_diff_t), [POINTER(nfm_diff_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_diff_connections": (POINTER(nfm_connection_diff_t), [POINTER(nfm_diff_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_diff_free": (None, [POINTER(nfm_diff_t)]),
    "nfm_fleet_start": (c_int, [POINTER(nfm_fleet_options_t), POINTER(POINTER(nfm_fleet_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_fleet_next": (c_int, [POINTER(nfm_fleet_t), c_uint64, POINTER(POINTER(nfm_event_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_fleet_stop": (None, [POINTER(nfm_fleet_t)]),
    "nfm_fleet_free": (None, [POINTER(nfm_fleet_t)]),
    "nfm_event_info": (POINTER(nfm_event_info_t), [POINTER(nfm_event_t)]),
    "nfm_event_free": (None, [POINTER(nfm_event_t)]),
    "nfm_file_open": (c_int, [POINTER(nfm_domain_t), c_uint32, c_char_p, POINTER(POINTER(nfm_open_file_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_file_open_descriptor": (c_int, [POINTER(nfm_domain_t), c_uint32, c_uint32, POINTER(POINTER(nfm_open_file_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_file_read": (c_int, [POINTER(nfm_domain_t), POINTER(nfm_open_file_t), c_uint64, POINTER(c_uint8), c_size_t, POINTER(c_size_t), POINTER(POINTER(nfm_file_ranges_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_file_content": (c_int, [POINTER(nfm_domain_t), POINTER(nfm_open_file_t), POINTER(POINTER(nfm_file_ranges_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_file_ranges_rows": (POINTER(nfm_file_range_t), [POINTER(nfm_file_ranges_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_file_ranges_free": (None, [POINTER(nfm_file_ranges_t)]),
    "nfm_file_stat": (c_int, [POINTER(nfm_domain_t), c_uint32, c_char_p, c_int, POINTER(POINTER(nfm_file_list_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_file_list": (c_int, [POINTER(nfm_domain_t), c_uint32, c_char_p, POINTER(POINTER(nfm_file_list_t)), POINTER(POINTER(nfm_error_t))]),
    "nfm_file_list_rows": (POINTER(nfm_found_file_t), [POINTER(nfm_file_list_t), POINTER(c_size_t), POINTER(c_size_t)]),
    "nfm_file_list_is_complete": (c_int, [POINTER(nfm_file_list_t)]),
    "nfm_file_list_free": (None, [POINTER(nfm_file_list_t)]),
    "nfm_file_close": (None, [POINTER(nfm_open_file_t)]),
    "nfm_frame_export_arrow": (c_int, [POINTER(nfm_frame_t), c_uint64, c_void_p, c_void_p, POINTER(POINTER(nfm_error_t))]),
}
