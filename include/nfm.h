/*
 * nfm.h: see into running Linux guests from their host.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Generated from src/capi/ by build.rs: edit there.
 *
 *     nfm_domain_t *domain;
 *     nfm_frame_t *frame;
 *     nfm_error_t *error;
 *
 *     if (nfm_open_domain("web-1", NULL, &domain, &error) != NFM_OK)
 *         ...                     say nfm_error_message(error), then nfm_error_free(error)
 *     if (nfm_crawl(domain, NULL, &frame, &error) != NFM_OK)
 *         ...                     the same, and nfm_close_domain(domain)
 *
 *     size_t count, stride;
 *     const nfm_process_t *rows = nfm_frame_processes(frame, &count, &stride);
 *     for (size_t i = 0; i < count; i++) {
 *         const nfm_process_t *process = NFM_ROW(nfm_process_t, rows, stride, i);
 *         ...
 *     }
 *     nfm_frame_free(frame);
 *     nfm_close_domain(domain);
 *
 * Link with: cc ... $(pkg-config --cflags --libs nfm)
 *
 * Results. A function that can fail returns an int: NFM_OK, which is 0, or one of nfm_result_t.
 * Its last arguments are outputs: a handle, written on success alone, and an error, written on
 * failure alone (overwritten, never freed: free an old one first). NULL for the error means that
 * you do not want it. A NULL where none is allowed is NFM_ERR_INVALID_ARGUMENT, or NULL from a
 * function that returns a pointer. Nothing is kept for each thread.
 *
 * Ownership. What a function gives through an output is yours, and has one function that ends it:
 * nfm_close_domain(), nfm_frame_free(), nfm_diff_free(), nfm_fleet_free(), nfm_event_free(),
 * nfm_file_close(), nfm_file_list_free(), nfm_file_ranges_free(), nfm_domain_list_free(), nfm_control_free(), nfm_error_free().
 * NULL there does nothing; to end a thing twice is undefined, as with free(). What a function returns as
 * a pointer to const belongs to the handle it was asked of, and goes with it. Never call free() on any
 * of it. What you pass in stays yours and is not kept.
 *
 * Threads. A domain: one thread at a time, which need not be the same each time. A frame, a list or an
 * error never changes: any number of threads may read it, and one frees it when the others are done. A
 * control: any number of threads, that is what it is for. Each function says its own rule. After fork()
 * the child uses none of the parent's domains.
 *
 * Growth. Later versions add functions, numbers, bits, and members at the end of structures, and
 * never change those that are. So that your program runs with older and newer libraries:
 *   - Options: zero them whole and set size to sizeof. Zero means default.
 *   - Rows: go from one to the next with NFM_ROW() and the stride that the library tells, never by
 *     array index or sizeof. Copy members, not whole rows. Rows within rows bring their own count and
 *     stride as members. Lists of strings are arrays that end with a NULL.
 *   - Absent is not zero: a member means something only where its bit is set in known. A library
 *     that is too old to have a member never sets its bit; do not touch the member then.
 *
 * Text is UTF-8, where bytes of the guest that are not UTF-8, and NULs, stand as U+FFFD. It comes
 * from the guest: it can contain control characters, so escape it before you show it on a terminal.
 * Times are in nanoseconds and sizes in bytes, unless a name says otherwise.
 *
 * A panic inside the library is a bug. It is caught and returned as NFM_ERR_PANIC (NULL or 0 where a
 * function has no result), and Rust's own message about it goes to stderr.
 */

#ifndef NFM_H
#define NFM_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header; nfm_version() tells that of the library. */
#define NFM_VERSION "0.1.0"
#define NFM_VERSION_MAJOR 0
#define NFM_VERSION_MINOR 1
#define NFM_VERSION_PATCH 0

/**
 * The row at an index: a const type *. rows and stride are from one call of a function that returns
 * rows, index is below their count.
 */
#define NFM_ROW(type, rows, stride, index) \
    ((const type *)(const void *)((const char *)(rows) + (size_t)(index) * (stride)))

/**
 * Goes through the rows that a function gives for a handle, with row as a const type * to each:
 *
 *     NFM_FOREACH(nfm_process_t, process, nfm_frame_processes, frame)
 *         printf("%u\n", process->pid);
 */
#define NFM_FOREACH(type, row, function, handle)                                                 for (size_t row##_size_[2] = {0, 0}, row##_at_ = 0, row##_once_ = 1; row##_once_;            row##_once_ = 0)                                                                        for (const type *row##_rows_ = (function)((handle), &row##_size_[0], &row##_size_[1]),   *row = row##_rows_;                                                      row##_at_ < row##_size_[0];                                                         row##_at_++, row = NFM_ROW(type, row##_rows_, row##_size_[1], row##_at_))

/* The result of such a function must be looked at. */
#if defined(__GNUC__) || defined(__clang__)
#define NFM_MUST_USE __attribute__((warn_unused_result))
#else
#define NFM_MUST_USE
#endif

/** Section of a frame: the operating system, see nfm_frame_os(). */
#define NFM_SECTION_OS (1ull << 0)

/** Section of a frame: the CPUs, see nfm_frame_cpus(). */
#define NFM_SECTION_CPUS (1ull << 1)

/** Section of a frame: memory as a whole, see nfm_frame_memory(). */
#define NFM_SECTION_MEMORY (1ull << 2)

/** Section of a frame: the processes, see nfm_frame_processes(). */
#define NFM_SECTION_PROCESSES (1ull << 3)

/** Section of a frame: the open files of the processes, see nfm_frame_files(). */
#define NFM_SECTION_FILES (1ull << 4)

/** Section of a frame: the address spaces of the processes, see nfm_frame_mappings(). */
#define NFM_SECTION_MAPPINGS (1ull << 5)

/** Section of a frame: the loaded kernel modules, see nfm_frame_modules(). */
#define NFM_SECTION_MODULES (1ull << 6)

/** Section of a frame: the network interfaces, see nfm_frame_interfaces(). */
#define NFM_SECTION_INTERFACES (1ull << 7)

/** Section of a frame: the sockets, see nfm_frame_connections(). */
#define NFM_SECTION_CONNECTIONS (1ull << 8)

/** Section of a frame: the mounts, see nfm_frame_mounts(). */
#define NFM_SECTION_MOUNTS (1ull << 9)

/** Section of a frame: the kernel's log, see nfm_frame_log(). */
#define NFM_SECTION_LOG (1ull << 10)

/** Section of a frame: what the host knows of the guest, see nfm_frame_host(). */
#define NFM_SECTION_HOST (1ull << 11)

/**
 * Section of a frame: where the kernel's structures contradict each other. It must be asked for, and
 * nfm_frame_to_json() tells it.
 */
#define NFM_SECTION_INTEGRITY (1ull << 12)

/** Section of a frame: the routes, see nfm_frame_routes(). */
#define NFM_SECTION_ROUTES (1ull << 13)

/** Section of a frame: the neighbours (ARP, NDP), see nfm_frame_neighbours(). */
#define NFM_SECTION_NEIGHBOURS (1ull << 14)

/** Bit of nfm_domain_info_t.known: id. */
#define NFM_DOMAIN_INFO_ID (1ull << 0)
/** Bit of nfm_domain_info_t.known: pid. */
#define NFM_DOMAIN_INFO_PID (1ull << 1)

/** Bit of nfm_frame_info_t.known: incomplete_sections. */
#define NFM_FRAME_INFO_INCOMPLETE_SECTIONS (1ull << 0)

/** Bit of nfm_problem_t.known: address. */
#define NFM_PROBLEM_ADDRESS (1ull << 0)
/** Bit of nfm_problem_t.known: section_bit. */
#define NFM_PROBLEM_SECTION_BIT (1ull << 1)

/** Flag of nfm_frame_to_json(): indented, for people. */
#define NFM_JSON_PRETTY (1u << 0)

/** Bit of nfm_os_t.known: sysname. */
#define NFM_OS_SYSNAME (1ull << 0)
/** Bit of nfm_os_t.known: nodename. */
#define NFM_OS_NODENAME (1ull << 1)
/** Bit of nfm_os_t.known: release. */
#define NFM_OS_RELEASE (1ull << 2)
/** Bit of nfm_os_t.known: version. */
#define NFM_OS_VERSION (1ull << 3)
/** Bit of nfm_os_t.known: machine. */
#define NFM_OS_MACHINE (1ull << 4)
/** Bit of nfm_os_t.known: build_id. */
#define NFM_OS_BUILD_ID (1ull << 5)
/** Bit of nfm_os_t.known: command_line. */
#define NFM_OS_COMMAND_LINE (1ull << 6)
/** Bit of nfm_os_t.known: boot_time_ns. */
#define NFM_OS_BOOT_TIME_NS (1ull << 7)
/** Bit of nfm_os_t.known: uptime_ns. */
#define NFM_OS_UPTIME_NS (1ull << 8)
/** Bit of nfm_os_t.known: load. */
#define NFM_OS_LOAD (1ull << 9)
/** Bit of nfm_os_t.known: panicked. */
#define NFM_OS_PANICKED (1ull << 10)

/** Bit of nfm_cpu_t.known: vendor. */
#define NFM_CPU_VENDOR (1ull << 0)
/** Bit of nfm_cpu_t.known: model. */
#define NFM_CPU_MODEL (1ull << 1)
/** Bit of nfm_cpu_t.known: mhz. */
#define NFM_CPU_MHZ (1ull << 2)
/** Bit of nfm_cpu_t.known: cache_kib. */
#define NFM_CPU_CACHE_KIB (1ull << 3)
/** Bit of nfm_cpu_t.known: user_ns. */
#define NFM_CPU_USER_NS (1ull << 4)
/** Bit of nfm_cpu_t.known: nice_ns. */
#define NFM_CPU_NICE_NS (1ull << 5)
/** Bit of nfm_cpu_t.known: system_ns. */
#define NFM_CPU_SYSTEM_NS (1ull << 6)
/** Bit of nfm_cpu_t.known: idle_ns. */
#define NFM_CPU_IDLE_NS (1ull << 7)
/** Bit of nfm_cpu_t.known: iowait_ns. */
#define NFM_CPU_IOWAIT_NS (1ull << 8)
/** Bit of nfm_cpu_t.known: irq_ns. */
#define NFM_CPU_IRQ_NS (1ull << 9)
/** Bit of nfm_cpu_t.known: softirq_ns. */
#define NFM_CPU_SOFTIRQ_NS (1ull << 10)
/** Bit of nfm_cpu_t.known: steal_ns. */
#define NFM_CPU_STEAL_NS (1ull << 11)
/** Bit of nfm_cpu_t.known: guest_ns. */
#define NFM_CPU_GUEST_NS (1ull << 12)
/** Bit of nfm_cpu_t.known: guest_nice_ns. */
#define NFM_CPU_GUEST_NICE_NS (1ull << 13)

/** Bit of nfm_memory_t.known: total. */
#define NFM_MEMORY_TOTAL (1ull << 0)
/** Bit of nfm_memory_t.known: free. */
#define NFM_MEMORY_FREE (1ull << 1)
/** Bit of nfm_memory_t.known: available. */
#define NFM_MEMORY_AVAILABLE (1ull << 2)
/** Bit of nfm_memory_t.known: buffers. */
#define NFM_MEMORY_BUFFERS (1ull << 3)
/** Bit of nfm_memory_t.known: cached. */
#define NFM_MEMORY_CACHED (1ull << 4)
/** Bit of nfm_memory_t.known: swap_cached. */
#define NFM_MEMORY_SWAP_CACHED (1ull << 5)
/** Bit of nfm_memory_t.known: active. */
#define NFM_MEMORY_ACTIVE (1ull << 6)
/** Bit of nfm_memory_t.known: inactive. */
#define NFM_MEMORY_INACTIVE (1ull << 7)
/** Bit of nfm_memory_t.known: swap_total. */
#define NFM_MEMORY_SWAP_TOTAL (1ull << 8)
/** Bit of nfm_memory_t.known: swap_free. */
#define NFM_MEMORY_SWAP_FREE (1ull << 9)
/** Bit of nfm_memory_t.known: dirty. */
#define NFM_MEMORY_DIRTY (1ull << 10)
/** Bit of nfm_memory_t.known: writeback. */
#define NFM_MEMORY_WRITEBACK (1ull << 11)
/** Bit of nfm_memory_t.known: anonymous. */
#define NFM_MEMORY_ANONYMOUS (1ull << 12)
/** Bit of nfm_memory_t.known: mapped. */
#define NFM_MEMORY_MAPPED (1ull << 13)
/** Bit of nfm_memory_t.known: shared. */
#define NFM_MEMORY_SHARED (1ull << 14)
/** Bit of nfm_memory_t.known: slab. */
#define NFM_MEMORY_SLAB (1ull << 15)
/** Bit of nfm_memory_t.known: slab_reclaimable. */
#define NFM_MEMORY_SLAB_RECLAIMABLE (1ull << 16)
/** Bit of nfm_memory_t.known: slab_unreclaimable. */
#define NFM_MEMORY_SLAB_UNRECLAIMABLE (1ull << 17)
/** Bit of nfm_memory_t.known: kernel_stack. */
#define NFM_MEMORY_KERNEL_STACK (1ull << 18)
/** Bit of nfm_memory_t.known: page_tables. */
#define NFM_MEMORY_PAGE_TABLES (1ull << 19)

/** Bit of nfm_thread_t.known: name. */
#define NFM_THREAD_NAME (1ull << 0)
/** Bit of nfm_thread_t.known: start_time_ns. */
#define NFM_THREAD_START_TIME_NS (1ull << 1)
/** Bit of nfm_thread_t.known: cpu_ns. */
#define NFM_THREAD_CPU_NS (1ull << 2)
/** Bit of nfm_thread_t.known: state. */
#define NFM_THREAD_STATE (1ull << 3)

/** Bit of nfm_process_t.known: name. */
#define NFM_PROCESS_NAME (1ull << 0)
/** Bit of nfm_process_t.known: command_line. */
#define NFM_PROCESS_COMMAND_LINE (1ull << 1)
/** Bit of nfm_process_t.known: exe. */
#define NFM_PROCESS_EXE (1ull << 2)
/** Bit of nfm_process_t.known: cwd. */
#define NFM_PROCESS_CWD (1ull << 3)
/** Bit of nfm_process_t.known: root. */
#define NFM_PROCESS_ROOT (1ull << 4)
/** Bit of nfm_process_t.known: cgroup. */
#define NFM_PROCESS_CGROUP (1ull << 5)
/** Bit of nfm_process_t.known: start_time_ns. */
#define NFM_PROCESS_START_TIME_NS (1ull << 6)
/** Bit of nfm_process_t.known: user_ns. */
#define NFM_PROCESS_USER_NS (1ull << 7)
/** Bit of nfm_process_t.known: system_ns. */
#define NFM_PROCESS_SYSTEM_NS (1ull << 8)
/** Bit of nfm_process_t.known: virtual_bytes. */
#define NFM_PROCESS_VIRTUAL_BYTES (1ull << 9)
/** Bit of nfm_process_t.known: rss_bytes. */
#define NFM_PROCESS_RSS_BYTES (1ull << 10)
/** Bit of nfm_process_t.known: shared_bytes. */
#define NFM_PROCESS_SHARED_BYTES (1ull << 11)
/** Bit of nfm_process_t.known: pid_in_namespace. */
#define NFM_PROCESS_PID_IN_NAMESPACE (1ull << 12)
/** Bit of nfm_process_t.known: ppid. */
#define NFM_PROCESS_PPID (1ull << 13)
/** Bit of nfm_process_t.known: uid. */
#define NFM_PROCESS_UID (1ull << 14)
/** Bit of nfm_process_t.known: euid. */
#define NFM_PROCESS_EUID (1ull << 15)
/** Bit of nfm_process_t.known: gid. */
#define NFM_PROCESS_GID (1ull << 16)
/** Bit of nfm_process_t.known: egid. */
#define NFM_PROCESS_EGID (1ull << 17)
/** Bit of nfm_process_t.known: threads. */
#define NFM_PROCESS_THREADS (1ull << 18)
/** Bit of nfm_process_t.known: nice. */
#define NFM_PROCESS_NICE (1ull << 19)
/** Bit of nfm_process_t.known: open_files. */
#define NFM_PROCESS_OPEN_FILES (1ull << 20)
/** Bit of nfm_process_t.known: pid_namespace. */
#define NFM_PROCESS_PID_NAMESPACE (1ull << 21)
/** Bit of nfm_process_t.known: net_namespace. */
#define NFM_PROCESS_NET_NAMESPACE (1ull << 22)
/** Bit of nfm_process_t.known: mnt_namespace. */
#define NFM_PROCESS_MNT_NAMESPACE (1ull << 23)
/** Bit of nfm_process_t.known: uts_namespace. */
#define NFM_PROCESS_UTS_NAMESPACE (1ull << 24)
/** Bit of nfm_process_t.known: ipc_namespace. */
#define NFM_PROCESS_IPC_NAMESPACE (1ull << 25)
/** Bit of nfm_process_t.known: user_namespace. */
#define NFM_PROCESS_USER_NAMESPACE (1ull << 26)
/** Bit of nfm_process_t.known: cgroup_namespace. */
#define NFM_PROCESS_CGROUP_NAMESPACE (1ull << 27)
/** Bit of nfm_process_t.known: time_namespace. */
#define NFM_PROCESS_TIME_NAMESPACE (1ull << 28)
/** Bit of nfm_process_t.known: kernel_thread. */
#define NFM_PROCESS_KERNEL_THREAD (1ull << 29)
/** Bit of nfm_process_t.known: state. */
#define NFM_PROCESS_STATE (1ull << 30)
/** Bit of nfm_process_t.known: thread_list. */
#define NFM_PROCESS_THREAD_LIST (1ull << 31)
/** Bit of nfm_process_t.known: oom_score_adj. */
#define NFM_PROCESS_OOM_SCORE_ADJ (1ull << 32)

/** Bit of nfm_file_t.known: kind. */
#define NFM_FILE_KIND (1ull << 0)
/** Bit of nfm_file_t.known: path. */
#define NFM_FILE_PATH (1ull << 1)
/** Bit of nfm_file_t.known: flags. */
#define NFM_FILE_FLAGS (1ull << 2)
/** Bit of nfm_file_t.known: position. */
#define NFM_FILE_POSITION (1ull << 3)
/** Bit of nfm_file_t.known: inode. */
#define NFM_FILE_INODE (1ull << 4)

/** Bit of nfm_physical_run_t.known: physical. */
#define NFM_PHYSICAL_RUN_PHYSICAL (1ull << 0)

/** Bit of nfm_mapping_t.known: permissions. */
#define NFM_MAPPING_PERMISSIONS (1ull << 0)
/** Bit of nfm_mapping_t.known: path. */
#define NFM_MAPPING_PATH (1ull << 1)
/** Bit of nfm_mapping_t.known: offset. */
#define NFM_MAPPING_OFFSET (1ull << 2)
/** Bit of nfm_mapping_t.known: resident_bytes. */
#define NFM_MAPPING_RESIDENT_BYTES (1ull << 3)
/** Bit of nfm_mapping_t.known: physical. */
#define NFM_MAPPING_PHYSICAL (1ull << 4)

/** Bit of nfm_module_t.known: state. */
#define NFM_MODULE_STATE (1ull << 0)
/** Bit of nfm_module_t.known: taints. */
#define NFM_MODULE_TAINTS (1ull << 1)
/** Bit of nfm_module_t.known: size. */
#define NFM_MODULE_SIZE (1ull << 2)
/** Bit of nfm_module_t.known: address. */
#define NFM_MODULE_ADDRESS (1ull << 3)
/** Bit of nfm_module_t.known: references. */
#define NFM_MODULE_REFERENCES (1ull << 4)
/** Bit of nfm_module_t.known: used_by. */
#define NFM_MODULE_USED_BY (1ull << 5)

/** Bit of nfm_interface_t.known: name. */
#define NFM_INTERFACE_NAME (1ull << 0)
/** Bit of nfm_interface_t.known: mac. */
#define NFM_INTERFACE_MAC (1ull << 1)
/** Bit of nfm_interface_t.known: ipv4. */
#define NFM_INTERFACE_IPV4 (1ull << 2)
/** Bit of nfm_interface_t.known: ipv6. */
#define NFM_INTERFACE_IPV6 (1ull << 3)
/** Bit of nfm_interface_t.known: rx_bytes. */
#define NFM_INTERFACE_RX_BYTES (1ull << 4)
/** Bit of nfm_interface_t.known: rx_packets. */
#define NFM_INTERFACE_RX_PACKETS (1ull << 5)
/** Bit of nfm_interface_t.known: rx_errors. */
#define NFM_INTERFACE_RX_ERRORS (1ull << 6)
/** Bit of nfm_interface_t.known: rx_dropped. */
#define NFM_INTERFACE_RX_DROPPED (1ull << 7)
/** Bit of nfm_interface_t.known: tx_bytes. */
#define NFM_INTERFACE_TX_BYTES (1ull << 8)
/** Bit of nfm_interface_t.known: tx_packets. */
#define NFM_INTERFACE_TX_PACKETS (1ull << 9)
/** Bit of nfm_interface_t.known: tx_errors. */
#define NFM_INTERFACE_TX_ERRORS (1ull << 10)
/** Bit of nfm_interface_t.known: tx_dropped. */
#define NFM_INTERFACE_TX_DROPPED (1ull << 11)
/** Bit of nfm_interface_t.known: netns. */
#define NFM_INTERFACE_NETNS (1ull << 12)
/** Bit of nfm_interface_t.known: index. */
#define NFM_INTERFACE_INDEX (1ull << 13)
/** Bit of nfm_interface_t.known: mtu. */
#define NFM_INTERFACE_MTU (1ull << 14)
/** Bit of nfm_interface_t.known: up. */
#define NFM_INTERFACE_UP (1ull << 15)

/** Bit of nfm_connection_t.known: state. */
#define NFM_CONNECTION_STATE (1ull << 0)
/** Bit of nfm_connection_t.known: local_address. */
#define NFM_CONNECTION_LOCAL_ADDRESS (1ull << 1)
/** Bit of nfm_connection_t.known: remote_address. */
#define NFM_CONNECTION_REMOTE_ADDRESS (1ull << 2)
/** Bit of nfm_connection_t.known: path. */
#define NFM_CONNECTION_PATH (1ull << 3)
/** Bit of nfm_connection_t.known: inode. */
#define NFM_CONNECTION_INODE (1ull << 4)
/** Bit of nfm_connection_t.known: netns. */
#define NFM_CONNECTION_NETNS (1ull << 5)
/** Bit of nfm_connection_t.known: uid. */
#define NFM_CONNECTION_UID (1ull << 6)
/** Bit of nfm_connection_t.known: pid. */
#define NFM_CONNECTION_PID (1ull << 7)
/** Bit of nfm_connection_t.known: fd. */
#define NFM_CONNECTION_FD (1ull << 8)
/** Bit of nfm_connection_t.known: local_port. */
#define NFM_CONNECTION_LOCAL_PORT (1ull << 9)
/** Bit of nfm_connection_t.known: remote_port. */
#define NFM_CONNECTION_REMOTE_PORT (1ull << 10)
/** Bit of nfm_connection_t.known: protocol_id. */
#define NFM_CONNECTION_PROTOCOL_ID (1ull << 11)
/** Bit of nfm_connection_t.known: state_id. */
#define NFM_CONNECTION_STATE_ID (1ull << 12)
/** Bit of nfm_connection_t.known: family. */
#define NFM_CONNECTION_FAMILY (1ull << 13)
/** Bit of nfm_connection_t.known: local_ip. */
#define NFM_CONNECTION_LOCAL_IP (1ull << 14)
/** Bit of nfm_connection_t.known: remote_ip. */
#define NFM_CONNECTION_REMOTE_IP (1ull << 15)

/** Bit of nfm_mount_t.known: source. */
#define NFM_MOUNT_SOURCE (1ull << 0)
/** Bit of nfm_mount_t.known: target. */
#define NFM_MOUNT_TARGET (1ull << 1)
/** Bit of nfm_mount_t.known: filesystem. */
#define NFM_MOUNT_FILESYSTEM (1ull << 2)
/** Bit of nfm_mount_t.known: options. */
#define NFM_MOUNT_OPTIONS (1ull << 3)
/** Bit of nfm_mount_t.known: mnt_ns. */
#define NFM_MOUNT_MNT_NS (1ull << 4)

/** Bit of nfm_host_t.known: state. */
#define NFM_HOST_STATE (1ull << 0)
/** Bit of nfm_host_t.known: vcpu_time_ns. */
#define NFM_HOST_VCPU_TIME_NS (1ull << 1)
/** Bit of nfm_host_t.known: rss_bytes. */
#define NFM_HOST_RSS_BYTES (1ull << 2)
/** Bit of nfm_host_t.known: swapped_bytes. */
#define NFM_HOST_SWAPPED_BYTES (1ull << 3)
/** Bit of nfm_host_t.known: untouched_bytes. */
#define NFM_HOST_UNTOUCHED_BYTES (1ull << 4)
/** Bit of nfm_host_t.known: memory_age_ns. */
#define NFM_HOST_MEMORY_AGE_NS (1ull << 5)

/** Bit of nfm_route_t.known: kind. */
#define NFM_ROUTE_KIND (1ull << 0)
/** Bit of nfm_route_t.known: destination. */
#define NFM_ROUTE_DESTINATION (1ull << 1)
/** Bit of nfm_route_t.known: source. */
#define NFM_ROUTE_SOURCE (1ull << 2)
/** Bit of nfm_route_t.known: protocol. */
#define NFM_ROUTE_PROTOCOL (1ull << 3)
/** Bit of nfm_route_t.known: scope. */
#define NFM_ROUTE_SCOPE (1ull << 4)
/** Bit of nfm_route_t.known: preferred_source. */
#define NFM_ROUTE_PREFERRED_SOURCE (1ull << 5)
/** Bit of nfm_route_t.known: gateway. */
#define NFM_ROUTE_GATEWAY (1ull << 6)
/** Bit of nfm_route_t.known: interface. */
#define NFM_ROUTE_INTERFACE (1ull << 7)
/** Bit of nfm_route_t.known: flags. */
#define NFM_ROUTE_FLAGS (1ull << 8)
/** Bit of nfm_route_t.known: netns. */
#define NFM_ROUTE_NETNS (1ull << 9)
/** Bit of nfm_route_t.known: table. */
#define NFM_ROUTE_TABLE (1ull << 10)
/** Bit of nfm_route_t.known: tos. */
#define NFM_ROUTE_TOS (1ull << 11)
/** Bit of nfm_route_t.known: metric. */
#define NFM_ROUTE_METRIC (1ull << 12)
/** Bit of nfm_route_t.known: mtu. */
#define NFM_ROUTE_MTU (1ull << 13)
/** Bit of nfm_route_t.known: nexthop_id. */
#define NFM_ROUTE_NEXTHOP_ID (1ull << 14)
/** Bit of nfm_route_t.known: nexthops. */
#define NFM_ROUTE_NEXTHOPS (1ull << 15)
/** Bit of nfm_route_t.known: nexthop. */
#define NFM_ROUTE_NEXTHOP (1ull << 16)
/** Bit of nfm_route_t.known: interface_index. */
#define NFM_ROUTE_INTERFACE_INDEX (1ull << 17)
/** Bit of nfm_route_t.known: weight. */
#define NFM_ROUTE_WEIGHT (1ull << 18)

/** Bit of nfm_neighbour_t.known: address. */
#define NFM_NEIGHBOUR_ADDRESS (1ull << 0)
/** Bit of nfm_neighbour_t.known: interface. */
#define NFM_NEIGHBOUR_INTERFACE (1ull << 1)
/** Bit of nfm_neighbour_t.known: mac. */
#define NFM_NEIGHBOUR_MAC (1ull << 2)
/** Bit of nfm_neighbour_t.known: state. */
#define NFM_NEIGHBOUR_STATE (1ull << 3)
/** Bit of nfm_neighbour_t.known: protocol. */
#define NFM_NEIGHBOUR_PROTOCOL (1ull << 4)
/** Bit of nfm_neighbour_t.known: flags. */
#define NFM_NEIGHBOUR_FLAGS (1ull << 5)
/** Bit of nfm_neighbour_t.known: netns. */
#define NFM_NEIGHBOUR_NETNS (1ull << 6)
/** Bit of nfm_neighbour_t.known: interface_index. */
#define NFM_NEIGHBOUR_INTERFACE_INDEX (1ull << 7)

/** Bit of nfm_diff_info_t.known: elapsed_ns. */
#define NFM_DIFF_INFO_ELAPSED_NS (1ull << 0)

/** Bit of nfm_process_diff_t.known: earlier. */
#define NFM_PROCESS_DIFF_EARLIER (1ull << 0)
/** Bit of nfm_process_diff_t.known: later. */
#define NFM_PROCESS_DIFF_LATER (1ull << 1)
/** Bit of nfm_process_diff_t.known: cpu_ns. */
#define NFM_PROCESS_DIFF_CPU_NS (1ull << 2)
/** Bit of nfm_process_diff_t.known: cpu_percent. */
#define NFM_PROCESS_DIFF_CPU_PERCENT (1ull << 3)

/** Bit of nfm_cpu_diff_t.known: earlier. */
#define NFM_CPU_DIFF_EARLIER (1ull << 0)
/** Bit of nfm_cpu_diff_t.known: later. */
#define NFM_CPU_DIFF_LATER (1ull << 1)
/** Bit of nfm_cpu_diff_t.known: busy_ns. */
#define NFM_CPU_DIFF_BUSY_NS (1ull << 2)
/** Bit of nfm_cpu_diff_t.known: idle_ns. */
#define NFM_CPU_DIFF_IDLE_NS (1ull << 3)
/** Bit of nfm_cpu_diff_t.known: steal_ns. */
#define NFM_CPU_DIFF_STEAL_NS (1ull << 4)
/** Bit of nfm_cpu_diff_t.known: busy_percent. */
#define NFM_CPU_DIFF_BUSY_PERCENT (1ull << 5)

/** Bit of nfm_interface_diff_t.known: earlier. */
#define NFM_INTERFACE_DIFF_EARLIER (1ull << 0)
/** Bit of nfm_interface_diff_t.known: later. */
#define NFM_INTERFACE_DIFF_LATER (1ull << 1)
/** Bit of nfm_interface_diff_t.known: rx_bytes. */
#define NFM_INTERFACE_DIFF_RX_BYTES (1ull << 2)
/** Bit of nfm_interface_diff_t.known: rx_packets. */
#define NFM_INTERFACE_DIFF_RX_PACKETS (1ull << 3)
/** Bit of nfm_interface_diff_t.known: rx_errors. */
#define NFM_INTERFACE_DIFF_RX_ERRORS (1ull << 4)
/** Bit of nfm_interface_diff_t.known: rx_dropped. */
#define NFM_INTERFACE_DIFF_RX_DROPPED (1ull << 5)
/** Bit of nfm_interface_diff_t.known: tx_bytes. */
#define NFM_INTERFACE_DIFF_TX_BYTES (1ull << 6)
/** Bit of nfm_interface_diff_t.known: tx_packets. */
#define NFM_INTERFACE_DIFF_TX_PACKETS (1ull << 7)
/** Bit of nfm_interface_diff_t.known: tx_errors. */
#define NFM_INTERFACE_DIFF_TX_ERRORS (1ull << 8)
/** Bit of nfm_interface_diff_t.known: tx_dropped. */
#define NFM_INTERFACE_DIFF_TX_DROPPED (1ull << 9)

/** Bit of nfm_connection_diff_t.known: earlier. */
#define NFM_CONNECTION_DIFF_EARLIER (1ull << 0)
/** Bit of nfm_connection_diff_t.known: later. */
#define NFM_CONNECTION_DIFF_LATER (1ull << 1)

/** Bit of nfm_event_info_t.known: name. */
#define NFM_EVENT_INFO_NAME (1ull << 0)
/** Bit of nfm_event_info_t.known: uuid. */
#define NFM_EVENT_INFO_UUID (1ull << 1)
/** Bit of nfm_event_info_t.known: frame. */
#define NFM_EVENT_INFO_FRAME (1ull << 2)
/** Bit of nfm_event_info_t.known: before. */
#define NFM_EVENT_INFO_BEFORE (1ull << 3)
/** Bit of nfm_event_info_t.known: error. */
#define NFM_EVENT_INFO_ERROR (1ull << 4)
/** Bit of nfm_event_info_t.known: retry_after_ns. */
#define NFM_EVENT_INFO_RETRY_AFTER_NS (1ull << 5)

/** Bit of nfm_found_file_t.known: kind. */
#define NFM_FOUND_FILE_KIND (1ull << 0)
/** Bit of nfm_found_file_t.known: target. */
#define NFM_FOUND_FILE_TARGET (1ull << 1)
/** Bit of nfm_found_file_t.known: filesystem. */
#define NFM_FOUND_FILE_FILESYSTEM (1ull << 2)
/** Bit of nfm_found_file_t.known: inode. */
#define NFM_FOUND_FILE_INODE (1ull << 3)
/** Bit of nfm_found_file_t.known: device. */
#define NFM_FOUND_FILE_DEVICE (1ull << 4)
/** Bit of nfm_found_file_t.known: rdev. */
#define NFM_FOUND_FILE_RDEV (1ull << 5)
/** Bit of nfm_found_file_t.known: size. */
#define NFM_FOUND_FILE_SIZE (1ull << 6)
/** Bit of nfm_found_file_t.known: accessed_ns. */
#define NFM_FOUND_FILE_ACCESSED_NS (1ull << 7)
/** Bit of nfm_found_file_t.known: modified_ns. */
#define NFM_FOUND_FILE_MODIFIED_NS (1ull << 8)
/** Bit of nfm_found_file_t.known: changed_ns. */
#define NFM_FOUND_FILE_CHANGED_NS (1ull << 9)
/** Bit of nfm_found_file_t.known: mode. */
#define NFM_FOUND_FILE_MODE (1ull << 10)
/** Bit of nfm_found_file_t.known: links. */
#define NFM_FOUND_FILE_LINKS (1ull << 11)
/** Bit of nfm_found_file_t.known: uid. */
#define NFM_FOUND_FILE_UID (1ull << 12)
/** Bit of nfm_found_file_t.known: gid. */
#define NFM_FOUND_FILE_GID (1ull << 13)

/**
 * The results of functions, as an int. Numbers are never reused; later versions add some, so treat a number that is
 * not listed as a failure.
 */
typedef enum nfm_result_t {
    /** All went well. */
    NFM_OK = 0,
    /** Something failed that has no code of its own (an input or output error, for example). */
    NFM_ERR_OTHER = 1,
    /** An argument is not what the function takes. */
    NFM_ERR_INVALID_ARGUMENT = 2,
    /** libvirt cannot be reached. */
    NFM_ERR_CONNECT = 3,
    /** libvirt knows no such domain. */
    NFM_ERR_NO_SUCH_DOMAIN = 4,
    /** The domain is known but not running. */
    NFM_ERR_NOT_RUNNING = 5,
    /** The guest's memory may not be read with the caller's privileges. */
    NFM_ERR_PERMISSION = 6,
    /** No operating system runs in the guest yet: it is in its firmware or boot loader. */
    NFM_ERR_NOT_BOOTED = 7,
    /** The guest runs no Linux kernel that can be recognised. */
    NFM_ERR_NOT_LINUX = 8,
    /** The kernel carries no BTF, so the layout of its structures is unknown. */
    NFM_ERR_NO_TYPES = 9,
    /** The kernel's symbol table cannot be found in its memory. */
    NFM_ERR_NO_SYMBOLS = 10,
    /** The hypervisor, the architecture or the kind of memory is one that nfm does not read. */
    NFM_ERR_UNSUPPORTED = 11,
    /** The guest's RAM cannot be located in the hypervisor's process. */
    NFM_ERR_NO_MEMORY = 12,
    /** The guest ended, or was replaced by another, while it was read. */
    NFM_ERR_GONE = 13,
    /**
     * A bug in nfm: a panic was caught, or was caught earlier with this handle. Close the handle.
     */
    NFM_ERR_PANIC = 14,
    /** The call was cancelled through its nfm_control_t. */
    NFM_ERR_CANCELLED = 15,
    /** A file is not there, may not be read or written, or is none that nfm can read. */
    NFM_ERR_FILE = 16,
    /** A symbol file is of another kernel than the guest's. */
    NFM_ERR_MISMATCH = 17,
    /** The process has no file descriptor left: close some domains, or raise its limit. */
    NFM_ERR_DESCRIPTORS = 18,
    /** The guest's memory does not hold what was asked for: the guest may have it on its disk. */
    NFM_ERR_NOT_IN_MEMORY = 19,
} nfm_result_t;

/**
 * The remedies after an error, as an int. Later versions may add some: treat one that is not listed as
 * NFM_RETRY_NEVER.
 */
typedef enum nfm_retry_t {
    /**
     * Nothing that the program could do: the same call fails again until somebody changes something.
     */
    NFM_RETRY_NEVER = 0,
    /** The same call again after a while: what it failed of passes by itself. */
    NFM_RETRY_LATER = 1,
    /** The domain is of no more use: close it, and open it anew. */
    NFM_RETRY_REOPEN = 2,
} nfm_retry_t;

/** How grave a message is, as nfm_set_log() takes and tells it. */
typedef enum nfm_log_level_t {
    /** Nothing is told. */
    NFM_LOG_OFF = 0,
    /** Something failed that cannot be returned: a guest that could not be resumed, for example. */
    NFM_LOG_ERROR = 1,
    /** Something looks wrong. */
    NFM_LOG_WARN = 2,
    /** Events. */
    NFM_LOG_INFO = 3,
    /** Findings on the way, for whoever looks for a fault. */
    NFM_LOG_DEBUG = 4,
    /** Everything. */
    NFM_LOG_TRACE = 5,
} nfm_log_level_t;

/** How the guest is treated while a frame is taken. */
typedef enum nfm_mode_t {
    /** It runs on: what looks torn is read anew. */
    NFM_MODE_LIVE = 0,
    /**
     * libvirt suspends it for the crawl and resumes it after, over a read-write connection. A guest
     * whose vCPUs do not run is left as it is. If the calling process is killed in between, the guest
     * stays suspended (virsh resume).
     */
    NFM_MODE_PAUSED = 1,
} nfm_mode_t;

/** How a member of a row is read. */
typedef enum nfm_member_type_t {
    /** An unsigned integer of the member's size. */
    NFM_MEMBER_UNSIGNED = 1,
    /** A signed integer of the member's size. */
    NFM_MEMBER_SIGNED = 2,
    /** A double, or an array of as many as the size has room for. */
    NFM_MEMBER_REAL = 3,
    /** A uint32_t: 1 for yes, 0 for no. */
    NFM_MEMBER_FLAG = 4,
    /** A char: an ASCII letter. */
    NFM_MEMBER_LETTER = 5,
    /** A const char *: text. */
    NFM_MEMBER_TEXT = 6,
    /**
     * A const char *const *: texts, and a NULL after the last. A size_t with their number follows it.
     */
    NFM_MEMBER_TEXTS = 7,
    /**
     * A pointer to rows, whose members are told with it. Their number and the bytes from one to the next
     * follow it, a size_t each.
     */
    NFM_MEMBER_ROWS = 8,
} nfm_member_type_t;

/** How a member changes from frame to frame. */
typedef enum nfm_kind_t {
    /** It tells rows apart or describes one; such numbers are not summed. */
    NFM_KIND_LABEL = 1,
    /** It rises and falls. */
    NFM_KIND_GAUGE = 2,
    /** It only rises, until its owner starts anew. */
    NFM_KIND_COUNTER = 3,
} nfm_kind_t;

/** The answer to whether two frames are of one boot of the guest, as an int. */
typedef enum nfm_boot_t {
    /** They are. */
    NFM_BOOT_SAME = 1,
    /**
     * The guest was started anew in between, or set back to a snapshot: all of the later frame is new, and all of the
     * earlier one gone.
     */
    NFM_BOOT_OTHER = 2,
    /** The frames do not tell; their rows are compared as of one boot. */
    NFM_BOOT_UNKNOWN = 3,
} nfm_boot_t;

/**
 * The fate of a row between two frames, as an int. A row that a frame lacks which is not whole is none that was not
 * there.
 */
typedef enum nfm_change_t {
    /** It is in the later frame alone. */
    NFM_CHANGE_NEW = 1,
    /** It is in the earlier frame alone. */
    NFM_CHANGE_GONE = 2,
    /** It is in both. */
    NFM_CHANGE_STAYED = 3,
    /**
     * It is in the later frame alone, and the earlier one does not tell: it is not whole, or has a row that may be the
     * same one.
     */
    NFM_CHANGE_PERHAPS_NEW = 4,
    /** It is in the earlier frame alone, and the later one does not tell. */
    NFM_CHANGE_PERHAPS_GONE = 5,
} nfm_change_t;

/** Something that happened to a domain, as an int. Later versions may add some. */
typedef enum nfm_event_kind_t {
    /** It was opened: for the first time, or after it had ended. */
    NFM_EVENT_NEW = 1,
    /** It was crawled. */
    NFM_EVENT_FRAME = 2,
    /** It could not be opened or crawled. It is tried again, ever less often. */
    NFM_EVENT_FAILED = 3,
    /** It ended. If it is started again, it is new. */
    NFM_EVENT_GONE = 4,
    /** libvirt does not tell which domains run. Those that are open are crawled all the same. */
    NFM_EVENT_NOT_LISTED = 5,
} nfm_event_kind_t;

/** The place of a part of a file's content, as an int. The first three are known. */
typedef enum nfm_content_t {
    /** In the guest's page cache, and the same on its disk. */
    NFM_CONTENT_CACHED = 1,
    /** In the guest's page cache, and newer than its disk; also files that no disk has. */
    NFM_CONTENT_DIRTY = 2,
    /** Never written: zeros. */
    NFM_CONTENT_HOLE = 3,
    /** In the guest's swap: not known. */
    NFM_CONTENT_SWAPPED = 4,
    /** Not in memory: not known. */
    NFM_CONTENT_NOT_CACHED = 5,
    /** It moved or changed whenever it was looked at: not known. */
    NFM_CONTENT_MOVING = 6,
    /** In memory that the host or the dump has not: not known. */
    NFM_CONTENT_NO_RAM = 7,
} nfm_content_t;

/**
 * A hand on calls that run: through it any thread cancels them, and sees how far they are. It is given
 * with the options of nfm_open_domain() and nfm_crawl(), to one call or to many, also of several
 * domains. Any number of threads may use it at the same time.
 */
typedef struct nfm_control_t nfm_control_t;

/**
 * The difference of two frames of one guest. It never changes, and all that its functions return belongs to it: any
 * number of threads may read it at the same time, until nfm_diff_free(). It keeps what it needs of the frames, which
 * may be freed before it.
 */
typedef struct nfm_diff_t nfm_diff_t;

/**
 * The domains at one time. It never changes, and all that its functions return belongs to it: any
 * number of threads may read it at the same time, until nfm_domain_list_free().
 */
typedef struct nfm_domain_list_t nfm_domain_list_t;

/**
 * A domain that is open for crawling. One thread at a time may use it, and it may move between
 * threads; different domains may be used at the same time.
 */
typedef struct nfm_domain_t nfm_domain_t;

/**
 * Why a function failed. Made by the function that failed, freed with nfm_error_free(). It never
 * changes: any number of threads may read it.
 */
typedef struct nfm_error_t nfm_error_t;

/**
 * Something that happened to a domain of a fleet. It never changes, and all that its functions return belongs to it:
 * any number of threads may read it at the same time, until nfm_event_free().
 */
typedef struct nfm_event_t nfm_event_t;

/**
 * Files that were found. It never changes, and its rows belong to it: any number of threads may read it at the same
 * time, until nfm_file_list_free().
 */
typedef struct nfm_file_list_t nfm_file_list_t;

/**
 * Parts of a file. It never changes, and its rows belong to it: any number of threads may read it at the same time, until
 * nfm_file_ranges_free().
 */
typedef struct nfm_file_ranges_t nfm_file_ranges_t;

/**
 * Domains that are followed: opened as they start, crawled at a steady rate, opened anew where their hypervisor was
 * restarted, left out when they end. Any number of threads may take its events.
 */
typedef struct nfm_fleet_t nfm_fleet_t;

/**
 * One snapshot of one guest. It never changes, and all that its functions return belongs to it: any
 * number of threads may read it at the same time, until nfm_frame_free().
 */
typedef struct nfm_frame_t nfm_frame_t;

/**
 * A regular file of the guest that is open for reading: it is the same one also once its last name is removed. It never
 * changes: any number of threads may have it, until nfm_file_close().
 */
typedef struct nfm_open_file_t nfm_open_file_t;

/**
 * The function that is called for each message (nfm_set_log(), nfm_open_options_t.log): with its level, one of
 * nfm_log_level_t; the part of the library that it comes from ("nfm::domain::open"); the message, UTF-8 in one line,
 * which can contain names that come from the guest; and the pointer that was given along with the function. The texts
 * are only there during the call.
 */
typedef void (*nfm_log_callback_t)(int level,
                                   const char *target,
                                   const char *message,
                                   void *user);

/**
 * Which domains to list. Zero the whole structure, then set size and what is to differ from the
 * default. It is only read during the call.
 */
typedef struct nfm_list_options_t {
    /** sizeof(nfm_list_options_t). */
    size_t size;
    /** libvirt's connection URI; NULL for libvirt's own default. */
    const char *uri;
    /** 1 to list also the domains that are not active; 0 for active ones alone. */
    uint32_t inactive;
    /** Zero. */
    uint32_t reserved;
    /**
     * The program's own connection to libvirt, a virConnectPtr, instead of one that is made to uri, which must be NULL
     * then; NULL for none.
     */
    void *connection;
} nfm_list_options_t;

/** One domain, as libvirt knows it. */
typedef struct nfm_domain_info_t {
    /** Which members are known, NFM_DOMAIN_INFO_... combined; all but id and pid always are. */
    uint64_t known;
    /** The domain's name; empty for a QEMU process that has none. */
    const char *name;
    /** Its UUID in the usual text form; empty for a QEMU process that has none. */
    const char *uuid;
    /** Its state now, as virsh domstate prints it: "running". */
    const char *state;
    /** libvirt's id; not known while the domain is not active. */
    uint32_t id;
    /** Zero. */
    uint32_t reserved;
    /**
     * The id of its QEMU process on this host, for nfm_open_pid(); known of those that nfm_list_processes() gives.
     */
    uint64_t pid;
} nfm_domain_info_t;

/**
 * How to open a domain. Zero the whole structure, then set size and what is to differ from the
 * default. It is only read during the call.
 */
typedef struct nfm_open_options_t {
    /** sizeof(nfm_open_options_t). */
    size_t size;
    /** libvirt's connection URI; NULL for libvirt's own default. */
    const char *uri;
    /** Cancels the call from another thread; NULL for none. It may be freed during the call. */
    struct nfm_control_t *control;
    /**
     * A file that tells the kernel's symbols instead of the guest's memory (System.map, or vmlinux); NULL
     * for what NFM_SYMBOLS names in the environment, if it is set.
     */
    const char *symbols;
    /**
     * A file that tells the kernel's types instead of the guest's memory (vmlinux with DWARF or BTF, or raw
     * BTF); NULL for what NFM_TYPES names in the environment, if it is set.
     */
    const char *types;
    /**
     * The folder that is searched for the kernel's debug package where its memory tells no symbols or types;
     * NULL for what NFM_DEBUG_DIR names in the environment, else /usr/lib/debug.
     */
    const char *debug_dir;
    /**
     * The folder where what was learned of the kernel is kept for the next opening; an empty string for
     * nowhere; NULL for the default (see docs/profiles.md).
     */
    const char *cache_dir;
    /**
     * The search for the kernel in guest memory is given up after this long; 0 for the default, 10
     * seconds.
     */
    uint64_t time_limit_ns;
    /**
     * The program's own connection to libvirt, a virConnectPtr, instead of one that is made to uri, which must be NULL
     * then; NULL for none. The library counts its uses of it (virConnectRef()), so that the program may close it at
     * any time, and makes no other. Where it breaks, it is not made anew: guests that are open are read on.
     */
    void *connection;
    /**
     * The function that is told the diagnostic messages of this handle, from its opening until it is closed, as
     * nfm_set_log() says; NULL for that of the process. It must not close the handle. Of a fleet: of all that its
     * threads do.
     */
    nfm_log_callback_t log;
    /** The pointer that log is given; it must last until the handle is closed. */
    void *log_user;
    /**
     * The least grave message that log is told, one of nfm_log_level_t; 0 for the default, NFM_LOG_WARN.
     */
    uint32_t log_level;
    /** Zero. */
    uint32_t reserved;
} nfm_open_options_t;

/**
 * How to crawl. Zero the whole structure, then set size and what is to differ from the default. It is
 * only read during the call.
 */
typedef struct nfm_crawl_options_t {
    /** sizeof(nfm_crawl_options_t). */
    size_t size;
    /** The sections to fill, NFM_SECTION_... combined; 0 for the default ones. */
    uint64_t sections;
    /**
     * A frame that is not done after this long is returned as it is, with a problem that says so;
     * 0 for the default, 1 second.
     */
    uint64_t time_limit_ns;
    /** How the guest is treated, one of nfm_mode_t. */
    uint32_t mode;
    /** 1 to list the threads of each process (nfm_process_t.thread_list), else 0. */
    uint32_t threads;
    /** 1 to tell where the pages of each mapping are (nfm_mapping_t.physical), else 0. */
    uint32_t physical;
    /** Zero. */
    uint32_t reserved;
    /**
     * Cancels the call from another thread, and tells how far it is; NULL for none. It may be freed
     * during the call.
     */
    struct nfm_control_t *control;
    /**
     * A frame that would take more bytes than this is returned as it is, with a problem that says so; 0
     * for the default, 64 MiB.
     */
    uint64_t memory_limit;
    /**
     * A frame with so many rows, of all sections together, is returned as it is, with a problem that
     * says so; 0 for the default, 1,000,000.
     */
    uint64_t row_limit;
} nfm_crawl_options_t;

/** The head of a frame. */
typedef struct nfm_frame_info_t {
    /** Which of the members that later versions add are known; the ones here always are. */
    uint64_t known;
    /** The sections that the frame holds, NFM_SECTION_... combined. */
    uint64_t sections;
    /** Counts the frames of one domain handle, from 1. */
    uint64_t seq;
    /**
     * When the guest was so, nanoseconds since 1970: the host's clock when the crawl began, or, of a
     * guest read from a file, when its memory was written there.
     */
    uint64_t time_ns;
    /** How long the crawl took, nanoseconds. */
    uint64_t duration_ns;
    /** libvirt's name of the domain. */
    const char *domain_name;
    /** The domain's UUID in the usual text form; NULL where none is known (a file may not tell). */
    const char *domain_uuid;
    /**
     * The hypervisor driver, in lower case: "qemu"; "file" for a guest that is read from a file.
     */
    const char *hypervisor;
    /** How the frame was taken: "live", the guest ran on; "paused", it was suspended meanwhile. */
    const char *mode;
    /** Walks that were begun anew because they met a change. */
    uint32_t retries;
    /** 1 if every section is whole, 0 if there are problems. */
    uint32_t complete;
    /**
     * The sections that the frame holds and that are not whole, NFM_SECTION_... combined: a row that one of them lacks
     * may have been there.
     */
    uint64_t incomplete_sections;
} nfm_frame_info_t;

/** Something that a frame lacks. */
typedef struct nfm_problem_t {
    /** Which members are known, NFM_PROBLEM_... combined; section and reason always are. */
    uint64_t known;
    /** The guest-virtual address at which it happened. */
    uint64_t address;
    /** The section's name, as in JSON: "processes". */
    const char *section;
    /** One sentence for a person on what happened. */
    const char *reason;
    /** The section's bit, one of NFM_SECTION_... */
    uint64_t section_bit;
} nfm_problem_t;

/** The operating system. */
typedef struct nfm_os_t {
    /** Which members are known, NFM_OS_... combined. */
    uint64_t known;
    /** uname -s; NULL if not known. */
    const char *sysname;
    /** uname -n in the first UTS namespace; NULL if not known. */
    const char *nodename;
    /** uname -r; NULL if not known. */
    const char *release;
    /** uname -v; NULL if not known. */
    const char *version;
    /** uname -m; NULL if not known. */
    const char *machine;
    /** The kernel's build id, hexadecimal; NULL if not known. */
    const char *build_id;
    /** The kernel's command line; NULL if not known. */
    const char *command_line;
    /** When the guest booted by its own wall clock, nanoseconds since 1970. */
    uint64_t boot_time_ns;
    /** Time since boot, as of the guest's last timer tick, nanoseconds. */
    uint64_t uptime_ns;
    /** Load averages over 1, 5 and 15 minutes. */
    double load[3];
    /** 1 if the kernel has panicked, else 0. */
    uint32_t panicked;
    /** Zero. */
    uint32_t reserved;
} nfm_os_t;

/** One CPU of the guest. Its times count since boot, as /proc/stat does. */
typedef struct nfm_cpu_t {
    /** Which members are known, NFM_CPU_... combined; id and online always are. */
    uint64_t known;
    /** CPUID vendor: "GenuineIntel", "AuthenticAMD"; NULL if not known. */
    const char *vendor;
    /** CPUID model name; NULL if not known. */
    const char *model;
    /** Megahertz, as the kernel measured it at boot. */
    double mhz;
    /** Last-level cache in KiB. */
    uint64_t cache_kib;
    /** In user mode, that of guests of its own included, nanoseconds. */
    uint64_t user_ns;
    /** In user mode at low priority, nanoseconds. */
    uint64_t nice_ns;
    /** In the kernel, nanoseconds. */
    uint64_t system_ns;
    /** Idle, nanoseconds. */
    uint64_t idle_ns;
    /** Idle while a task waited for input or output, nanoseconds. */
    uint64_t iowait_ns;
    /** In interrupts, nanoseconds. */
    uint64_t irq_ns;
    /** In software interrupts, nanoseconds. */
    uint64_t softirq_ns;
    /** Wanted but taken by the hypervisor, nanoseconds. */
    uint64_t steal_ns;
    /** Running guests of its own, nanoseconds. */
    uint64_t guest_ns;
    /** Running guests of its own at low priority, nanoseconds. */
    uint64_t guest_nice_ns;
    /** The kernel's number of the CPU. */
    uint32_t id;
    /** 1 if it is in use, else 0. */
    uint32_t online;
} nfm_cpu_t;

/** Memory as a whole, in bytes, by the names of the guest's /proc/meminfo. */
typedef struct nfm_memory_t {
    /** Which members are known, NFM_MEMORY_... combined. */
    uint64_t known;
    /** MemTotal, bytes. */
    uint64_t total;
    /** MemFree, bytes. */
    uint64_t free;
    /** MemAvailable, bytes. */
    uint64_t available;
    /** Buffers, bytes. */
    uint64_t buffers;
    /** Cached, bytes. */
    uint64_t cached;
    /** SwapCached, bytes. */
    uint64_t swap_cached;
    /** Active, bytes. */
    uint64_t active;
    /** Inactive, bytes. */
    uint64_t inactive;
    /** SwapTotal, bytes. */
    uint64_t swap_total;
    /** SwapFree, bytes. */
    uint64_t swap_free;
    /** Dirty, bytes. */
    uint64_t dirty;
    /** Writeback, bytes. */
    uint64_t writeback;
    /** AnonPages, bytes. */
    uint64_t anonymous;
    /** Mapped, bytes. */
    uint64_t mapped;
    /** Shmem, bytes. */
    uint64_t shared;
    /** Slab, bytes. */
    uint64_t slab;
    /** SReclaimable, bytes. */
    uint64_t slab_reclaimable;
    /** SUnreclaim, bytes. */
    uint64_t slab_unreclaimable;
    /** KernelStack, bytes. */
    uint64_t kernel_stack;
    /** PageTables, bytes. */
    uint64_t page_tables;
} nfm_memory_t;

/** One thread of a process, as /proc/PID/task/TID shows it. */
typedef struct nfm_thread_t {
    /** Which members are known, NFM_THREAD_... combined; tid always is. */
    uint64_t known;
    /** The thread's name; NULL if not known. */
    const char *name;
    /** When it started, nanoseconds since the guest's boot. */
    uint64_t start_time_ns;
    /** Time on a CPU, as the scheduler measures it, nanoseconds. */
    uint64_t cpu_ns;
    /** Thread id. */
    uint32_t tid;
    /** The state's letter, as of nfm_process_t. */
    char state;
    /** Zero. */
    uint8_t reserved[3];
} nfm_thread_t;

/** One process: a thread group, as /proc lists it in the guest's first PID namespace. */
typedef struct nfm_process_t {
    /** Which members are known, NFM_PROCESS_... combined; pid always is. */
    uint64_t known;
    /** The name as in /proc/PID/status; NULL if not known. */
    const char *name;
    /** The arguments, joined by spaces; empty for a kernel thread; NULL if not known. */
    const char *command_line;
    /** The file it runs, as in /proc/PID/exe; NULL if not known, and for a kernel thread. */
    const char *exe;
    /** Its working directory; NULL if not known. */
    const char *cwd;
    /** Its root directory; NULL if not known. */
    const char *root;
    /** Its group in the unified cgroup hierarchy, as in /proc/PID/cgroup; NULL if not known. */
    const char *cgroup;
    /** When it started, nanoseconds since the guest's boot. */
    uint64_t start_time_ns;
    /** CPU time in user mode of all its threads, past ones included, nanoseconds. */
    uint64_t user_ns;
    /** CPU time in the kernel of all its threads, past ones included, nanoseconds. */
    uint64_t system_ns;
    /** Size of the address space, bytes. */
    uint64_t virtual_bytes;
    /** Memory of it that is in RAM, bytes. */
    uint64_t rss_bytes;
    /** That part of rss_bytes which is of files or shared memory, bytes. */
    uint64_t shared_bytes;
    /** Process id. */
    uint32_t pid;
    /** Its process id in its own PID namespace. */
    uint32_t pid_in_namespace;
    /** The parent's process id; 0 for the first process and the kernel's threads' parent. */
    uint32_t ppid;
    /** Real user id. */
    uint32_t uid;
    /** Effective user id. */
    uint32_t euid;
    /** Real group id. */
    uint32_t gid;
    /** Effective group id. */
    uint32_t egid;
    /** Number of threads, the first included. */
    uint32_t threads;
    /** Nice value, -20 to 19. */
    int32_t nice;
    /** Number of open file descriptors. */
    uint32_t open_files;
    /** Process id namespace: its inode number, as in /proc/PID/ns. */
    uint32_t pid_namespace;
    /** Network namespace: its inode number, as in /proc/PID/ns. */
    uint32_t net_namespace;
    /** Mount namespace: its inode number, as in /proc/PID/ns. */
    uint32_t mnt_namespace;
    /** Host name (UTS) namespace: its inode number, as in /proc/PID/ns. */
    uint32_t uts_namespace;
    /** IPC namespace: its inode number, as in /proc/PID/ns. */
    uint32_t ipc_namespace;
    /** User namespace: its inode number, as in /proc/PID/ns. */
    uint32_t user_namespace;
    /** Control group namespace: its inode number, as in /proc/PID/ns. */
    uint32_t cgroup_namespace;
    /** Time namespace: its inode number, as in /proc/PID/ns. */
    uint32_t time_namespace;
    /** 1 for a thread of the kernel, else 0. */
    uint32_t kernel_thread;
    /** The state's letter, as ps shows it ('R', 'S', 'D', 'T', 't', 'X', 'Z', 'P', 'I'). */
    char state;
    /** Zero. */
    uint8_t reserved[3];
    /** Its threads, the first included, if they were asked for; NULL if not. */
    const struct nfm_thread_t *thread_list;
    /** The number of rows in thread_list. */
    size_t thread_list_count;
    /** The bytes from one row of thread_list to the next, for NFM_ROW(). */
    size_t thread_list_stride;
    /**
     * Added to its share of memory, in thousandths, when the kernel out of memory chooses a process to kill: -1000
     * (never) to 1000, as in /proc/PID/oom_score_adj.
     */
    int32_t oom_score_adj;
    /** Zero. */
    uint32_t reserved_2;
} nfm_process_t;

/** One open file descriptor of one process. */
typedef struct nfm_file_t {
    /** Which members are known, NFM_FILE_... combined; pid and fd always are. */
    uint64_t known;
    /**
     * The kind of file, as in JSON: "file", "directory", "character_device", "block_device", "pipe", "socket",
     * "symlink", "anon_inode"; NULL if not known.
     */
    const char *kind;
    /** The path as readlink /proc/PID/fd/FD shows it in the guest; NULL if not known. */
    const char *path;
    /** The flags of open(2), O_CLOEXEC included, by the values of the guest's architecture. */
    uint64_t flags;
    /** The offset for the next read or write. */
    uint64_t position;
    /** The inode's number. */
    uint64_t inode;
    /** The process. */
    uint32_t pid;
    /** The descriptor. */
    uint32_t fd;
} nfm_file_t;

/** Neighbouring pages of a mapping and where they are in the guest's RAM. */
typedef struct nfm_physical_run_t {
    /** Which members are known, NFM_PHYSICAL_RUN_... combined; all but physical always are. */
    uint64_t known;
    /** First virtual address. */
    uint64_t virtual_address;
    /** Guest-physical address of the first byte; not known for pages in swap. */
    uint64_t physical;
    /** Bytes. */
    uint64_t bytes;
    /** 1 if the pages are in the guest's swap, else 0. */
    uint32_t swapped;
    /** Zero. */
    uint32_t reserved;
} nfm_physical_run_t;

/** One area of a process's address space, as /proc/PID/maps shows it. */
typedef struct nfm_mapping_t {
    /** Which members are known, NFM_MAPPING_... combined; pid, start and end always are. */
    uint64_t known;
    /** "rwx" and 'p' (private) or 's' (shared), '-' for what is not allowed; NULL if not known. */
    const char *permissions;
    /** The file, or a name in brackets; NULL if not known, and for nameless memory. */
    const char *path;
    /** First address. */
    uint64_t start;
    /** First address after it. */
    uint64_t end;
    /** Offset in the file of the first byte; 0 without a file. */
    uint64_t offset;
    /** Bytes of it that are in RAM (Rss of smaps; huge TLB pages do not count). */
    uint64_t resident_bytes;
    /** Where its pages are, by address, if that was asked for; NULL if not. */
    const struct nfm_physical_run_t *physical;
    /** The number of rows in physical. */
    size_t physical_count;
    /** The bytes from one row of physical to the next, for NFM_ROW(). */
    size_t physical_stride;
    /** The process. */
    uint32_t pid;
    /** Zero. */
    uint32_t reserved;
} nfm_mapping_t;

/** One loaded module, as /proc/modules shows it. */
typedef struct nfm_module_t {
    /** Which members are known, NFM_MODULE_... combined; name always is. */
    uint64_t known;
    /** The module's name. */
    const char *name;
    /** "Live", "Loading" or "Unloading"; NULL if not known. */
    const char *state;
    /**
     * Taint letters, as /proc/modules shows them between parentheses; empty for none; NULL if not
     * known.
     */
    const char *taints;
    /** Bytes of memory. */
    uint64_t size;
    /** Kernel-virtual address of its code. */
    uint64_t address;
    /** How many use it. */
    int64_t references;
    /** The modules that use it, in the kernel's order, and a NULL; NULL if not known. */
    const char *const *used_by;
    /** The number of strings in used_by, without the NULL. */
    size_t used_by_count;
} nfm_module_t;

/** One network interface of one network namespace. */
typedef struct nfm_interface_t {
    /** Which members are known, NFM_INTERFACE_... combined. */
    uint64_t known;
    /** Its name; NULL if not known. */
    const char *name;
    /** Hardware address, as ip link prints it; NULL if not known, and where the device has none. */
    const char *mac;
    /** IPv4 addresses with their prefix length ("10.0.2.15/24"), and a NULL; NULL if not known. */
    const char *const *ipv4;
    /** The number of strings in ipv4, without the NULL. */
    size_t ipv4_count;
    /** IPv6 addresses with their prefix length, and a NULL; NULL if not known. */
    const char *const *ipv6;
    /** The number of strings in ipv6, without the NULL. */
    size_t ipv6_count;
    /** Bytes received. */
    uint64_t rx_bytes;
    /** Packets received. */
    uint64_t rx_packets;
    /** Bad packets received. */
    uint64_t rx_errors;
    /** Packets received and dropped. */
    uint64_t rx_dropped;
    /** Bytes sent. */
    uint64_t tx_bytes;
    /** Packets sent. */
    uint64_t tx_packets;
    /** Failed sendings. */
    uint64_t tx_errors;
    /** Packets dropped on the way out. */
    uint64_t tx_dropped;
    /** Inode of the network namespace, as in /proc/PID/ns/net. */
    uint32_t netns;
    /** The interface's index in its namespace. */
    uint32_t index;
    /** Largest packet in bytes. */
    uint32_t mtu;
    /** 1 if it is set up (IFF_UP), else 0. */
    uint32_t up;
} nfm_interface_t;

/** One socket of one network namespace. */
typedef struct nfm_connection_t {
    /** Which members are known, NFM_CONNECTION_... combined; protocol always is. */
    uint64_t known;
    /**
     * "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6" (of ping sockets) or
     * "unix"; later versions may add others.
     */
    const char *protocol;
    /**
     * The state by the kernel's name without TCP_: "ESTABLISHED", "LISTEN", "CLOSE" (which is what
     * an unconnected datagram socket has) and others; NULL if not known.
     */
    const char *state;
    /** Own address; NULL if not known, and for unix sockets. */
    const char *local_address;
    /** The other end's address; NULL if not known, and for unix sockets. */
    const char *remote_address;
    /**
     * A unix socket's path; '@' stands for the NUL at the start of an abstract one; NULL if not
     * known, and for others.
     */
    const char *path;
    /** The socket's inode; 0 where no process has it open any more, as /proc shows it. */
    uint64_t inode;
    /** Inode of the network namespace, as in /proc/PID/ns/net. */
    uint32_t netns;
    /** The owner's user id. */
    uint32_t uid;
    /** A process that has it open. */
    uint32_t pid;
    /** That process's descriptor. */
    uint32_t fd;
    /** Own port; of a raw socket its protocol number, of a ping socket its identifier. */
    uint16_t local_port;
    /** The other end's port. */
    uint16_t remote_port;
    /** Zero. */
    uint32_t reserved;
    /**
     * The protocol by its number: 6 for TCP, 17 for UDP, 136 for UDP-Lite, 1 and 58 for ICMP, 255 for a raw socket, of
     * which local_port tells more; not known for unix sockets.
     */
    uint32_t protocol_id;
    /**
     * The state by the kernel's number (include/net/tcp_states.h): 1 for ESTABLISHED, 10 for LISTEN.
     */
    uint32_t state_id;
    /** The addresses' family by Linux's number: AF_INET 2, AF_INET6 10, AF_UNIX 1. */
    uint32_t family;
    /** Zero. */
    uint32_t reserved_2;
    /** local_address in network order: of AF_INET the first four bytes, and zeros. */
    uint8_t local_ip[16];
    /** remote_address likewise. */
    uint8_t remote_ip[16];
} nfm_connection_t;

/** One mount of one mount namespace, as /proc/PID/mountinfo shows it. */
typedef struct nfm_mount_t {
    /** Which members are known, NFM_MOUNT_... combined. */
    uint64_t known;
    /** The device or the name given instead of one; NULL if not known. */
    const char *source;
    /** The directory, seen from the root of the namespace; NULL if not known. */
    const char *target;
    /** The file system's type, with its subtype behind a dot; NULL if not known. */
    const char *filesystem;
    /** Options of this mount, as mountinfo shows them: "rw,nosuid,relatime"; NULL if not known. */
    const char *options;
    /** Inode of the mount namespace, as in /proc/PID/ns/mnt. */
    uint32_t mnt_ns;
    /** Zero. */
    uint32_t reserved;
} nfm_mount_t;

/** One record of the kernel's log ring buffer. */
typedef struct nfm_log_record_t {
    /** Which of the members that later versions add are known; the ones here always are. */
    uint64_t known;
    /** The message, without prefix. */
    const char *text;
    /** When it was written, nanoseconds of the guest's own log clock (since boot). */
    uint64_t time_ns;
    /** syslog level, 0 (emergency) to 7 (debug). */
    uint32_t level;
    /** Zero. */
    uint32_t reserved;
} nfm_log_record_t;

/** The hypervisor's view of the guest. */
typedef struct nfm_host_t {
    /** Which members are known, NFM_HOST_... combined. */
    uint64_t known;
    /** The domain's state, as virsh domstate prints it; NULL if not known. */
    const char *state;
    /** CPU time of all vCPUs, nanoseconds. */
    uint64_t vcpu_time_ns;
    /** Guest RAM that is in the host's RAM, bytes. */
    uint64_t rss_bytes;
    /** Guest RAM that is in the host's swap, bytes. */
    uint64_t swapped_bytes;
    /** Guest RAM that the guest has never used, bytes. */
    uint64_t untouched_bytes;
    /**
     * How long before the frame the three amounts of RAM were counted, nanoseconds: frames in quick
     * succession share one count.
     */
    uint64_t memory_age_ns;
} nfm_host_t;

/**
 * One next hop of one route of one network namespace, as ip route show table all prints it. A route of
 * several next hops has as many rows, one behind the other, alike but for the next hop.
 */
typedef struct nfm_route_t {
    /** Which members are known, NFM_ROUTE_... combined; family always is. */
    uint64_t known;
    /** "inet" or "inet6". */
    const char *family;
    /**
     * The route's type: "unicast", "local", "broadcast", "anycast", "multicast", "blackhole",
     * "unreachable", "prohibit", "throw", the number of any other; NULL if not known.
     */
    const char *kind;
    /**
     * The destinations, with their prefix length: "10.0.2.0/24", of a default route "0.0.0.0/0" or
     * "::/0"; NULL if not known.
     */
    const char *destination;
    /**
     * The source addresses that the route is for, with their prefix length; NULL if not known, and where it
     * is for all.
     */
    const char *source;
    /**
     * The route's origin: "kernel", "boot", "static", "ra", "dhcp", "bird" and others, the number of any
     * other; NULL if not known.
     */
    const char *protocol;
    /**
     * The reach of the destinations: "global", "site", "link", "host", "nowhere", the number of
     * any other; NULL if not known.
     */
    const char *scope;
    /**
     * The source address that is preferred towards the destinations; NULL if not known, and where the route
     * names none.
     */
    const char *preferred_source;
    /**
     * The next hop's address, which may be one of IPv6 also where the route is one of IPv4; NULL if not known,
     * and where the destinations are reached without one.
     */
    const char *gateway;
    /** The name of the interface; NULL if not known, and where there is none. */
    const char *interface;
    /**
     * "dead", "onlink", "offload", "trap", "linkdown" of the next hop, "rt_offload", "rt_trap",
     * "rt_offload_failed" of the route, and a NULL; NULL if not known.
     */
    const char *const *flags;
    /** The number of strings in flags, without the NULL. */
    size_t flags_count;
    /** Inode of the network namespace, as in /proc/PID/ns/net. */
    uint32_t netns;
    /** The routing table's number: 254 is main, 255 local, 253 default. */
    uint32_t table;
    /** The type of service that the route is for, 0 for all; not known for IPv6, which has none. */
    uint32_t tos;
    /** The metric (preference) of the route: the lowest wins. */
    uint32_t metric;
    /** The largest packet that the route says, in bytes; not known where it says none. */
    uint32_t mtu;
    /**
     * The number of the next hop object that the route uses (ip nexthop); not known where it uses none.
     */
    uint32_t nexthop_id;
    /** How many next hops the route has, each of them a row. */
    uint32_t nexthops;
    /** The row's next hop among them, from 0. */
    uint32_t nexthop;
    /** The interface's index in its namespace. */
    uint32_t interface_index;
    /** The next hop's share of the traffic: its weight among those of the route. */
    uint32_t weight;
} nfm_route_t;

/**
 * One entry of the ARP table (IPv4) or of neighbour discovery (IPv6) of one network namespace, as ip neigh
 * show nud all and ip neigh show proxy print them.
 */
typedef struct nfm_neighbour_t {
    /** Which members are known, NFM_NEIGHBOUR_... combined; family always is. */
    uint64_t known;
    /** "inet" or "inet6". */
    const char *family;
    /** The neighbour's IP address; NULL if not known. */
    const char *address;
    /**
     * The name of the interface behind which it is; NULL if not known, and where there is none, as a proxy entry
     * may be for all.
     */
    const char *interface;
    /** The neighbour's hardware address; NULL if not known, and as long as it is not valid. */
    const char *mac;
    /**
     * The state by the kernel's name without NUD_: "incomplete", "reachable", "stale", "delay", "probe",
     * "failed", "noarp", "permanent", "none", the number of any other; NULL if not known.
     */
    const char *state;
    /**
     * The entry's origin, by the names that routes have; NULL if not known, and where none is noted.
     */
    const char *protocol;
    /**
     * "proxy" (an address that is answered for), "router", "extern_learn", "offload", "managed" and others of
     * ip neigh, and a NULL; NULL if not known.
     */
    const char *const *flags;
    /** The number of strings in flags, without the NULL. */
    size_t flags_count;
    /** Inode of the network namespace, as in /proc/PID/ns/net. */
    uint32_t netns;
    /** The interface's index in its namespace. */
    uint32_t interface_index;
} nfm_neighbour_t;

/** One member of a section's rows. */
typedef struct nfm_member_t {
    /** Which of the members that later versions add are known; the ones here always are. */
    uint64_t known;
    /** Its name, in C and in JSON: "rss_bytes". */
    const char *name;
    /** One sentence or two on it. */
    const char *doc;
    /**
     * The unit of its numbers: "ns", "bytes", "KiB", "MHz"; empty for a count, and for what is no number.
     */
    const char *unit;
    /**
     * The name of the member of the section's rows that leads to the rows which have this one; empty if
     * the section's own rows have it.
     */
    const char *rows_of;
    /** Its bit in the row's known; 0 if it is always known. */
    uint64_t known_bit;
    /** Bytes from the beginning of the row. */
    size_t offset;
    /** Bytes that it has. */
    size_t size;
    /** The way in which it is read, one of nfm_member_type_t. */
    uint32_t value_type;
    /** The way in which it changes from frame to frame, one of nfm_kind_t. */
    uint32_t kind;
} nfm_member_t;

/** The head of a difference. */
typedef struct nfm_diff_info_t {
    /** Which members are known, NFM_DIFF_INFO_... combined; boot always is. */
    uint64_t known;
    /**
     * The time that passed for the guest between the frames, nanoseconds, never 0: by its own boot clock where the
     * frames tell it (NFM_SECTION_OS), else by the host's. A figure of the difference divided by it is a rate.
     */
    uint64_t elapsed_ns;
    /** Are they of one boot? One of nfm_boot_t. */
    uint32_t boot;
    /** Zero. */
    uint32_t reserved;
} nfm_diff_info_t;

/** One process in two frames: it is the same where its id and its start time are. */
typedef struct nfm_process_diff_t {
    /** Which members are known, NFM_PROCESS_DIFF_... combined; change always is. */
    uint64_t known;
    /** Its row of the earlier frame; NULL where that has none. */
    const struct nfm_process_t *earlier;
    /** Its row of the later frame; NULL where that has none. */
    const struct nfm_process_t *later;
    /**
     * CPU time that it used in between, user and system, nanoseconds; of a new one that since its start. Not known of
     * one that is gone.
     */
    uint64_t cpu_ns;
    /**
     * The same as a share of one CPU, percent: a process of several threads may have more than 100.
     */
    double cpu_percent;
    /** Its fate, one of nfm_change_t. */
    uint32_t change;
    /** Zero. */
    uint32_t reserved;
} nfm_process_diff_t;

/** One of the guest's CPUs in two frames. */
typedef struct nfm_cpu_diff_t {
    /**
     * Which members are known, NFM_CPU_DIFF_... combined; change always is. There are no times after a restart, nor
     * of a CPU that is in one frame alone.
     */
    uint64_t known;
    /** Its row of the earlier frame; NULL where that has none. */
    const struct nfm_cpu_t *earlier;
    /** Its row of the later frame; NULL where that has none. */
    const struct nfm_cpu_t *later;
    /** Time at work in between, nanoseconds: user, nice, system, interrupts. */
    uint64_t busy_ns;
    /** Time without work in between, nanoseconds: idle and waiting for input or output. */
    uint64_t idle_ns;
    /**
     * Time in between that it wanted to run and the hypervisor gave to others, nanoseconds; part of neither.
     */
    uint64_t steal_ns;
    /** Time at work as a share of all three, percent, 0 to 100. */
    double busy_percent;
    /** Its fate, one of nfm_change_t. */
    uint32_t change;
    /** Zero. */
    uint32_t reserved;
} nfm_cpu_diff_t;

/**
 * One network interface in two frames: it is the same where its namespace and its index are. Its counters are those in
 * between, also where one of 32 bits wrapped; none is known where they began anew (restarted).
 */
typedef struct nfm_interface_diff_t {
    /**
     * Which members are known, NFM_INTERFACE_DIFF_... combined; change and restarted always are.
     */
    uint64_t known;
    /** Its row of the earlier frame; NULL where that has none. */
    const struct nfm_interface_t *earlier;
    /** Its row of the later frame; NULL where that has none. */
    const struct nfm_interface_t *later;
    /** Bytes received. */
    uint64_t rx_bytes;
    /** Packets received. */
    uint64_t rx_packets;
    /** Bad packets received. */
    uint64_t rx_errors;
    /** Packets received and dropped. */
    uint64_t rx_dropped;
    /** Bytes sent. */
    uint64_t tx_bytes;
    /** Packets sent. */
    uint64_t tx_packets;
    /** Failed sendings. */
    uint64_t tx_errors;
    /** Packets dropped on the way out. */
    uint64_t tx_dropped;
    /** Its fate, one of nfm_change_t. */
    uint32_t change;
    /** 1 if it is in both frames and its counters began anew in between, else 0. */
    uint32_t restarted;
} nfm_interface_diff_t;

/**
 * One socket in two frames: a connection is the same where its namespace, protocol and both ends are, any other socket
 * where its inode is.
 */
typedef struct nfm_connection_diff_t {
    /** Which members are known, NFM_CONNECTION_DIFF_... combined; change always is. */
    uint64_t known;
    /** Its row of the earlier frame; NULL where that has none. */
    const struct nfm_connection_t *earlier;
    /** Its row of the later frame; NULL where that has none. */
    const struct nfm_connection_t *later;
    /** Its fate, one of nfm_change_t. */
    uint32_t change;
    /** Zero. */
    uint32_t reserved;
} nfm_connection_diff_t;

/**
 * Which domains to follow, and how. Zero the whole structure, then set size and what is to differ from the default. It
 * is only read during the call.
 */
typedef struct nfm_fleet_options_t {
    /** sizeof(nfm_fleet_options_t). */
    size_t size;
    /**
     * How each domain is opened, and over which connection to libvirt they are listed; NULL for the defaults.
     */
    const struct nfm_open_options_t *open;
    /** How each is crawled; NULL for the defaults. */
    const struct nfm_crawl_options_t *crawl;
    /**
     * The domains: UUIDs, or names in which * and ? stand for others (fnmatch()), and a NULL after the last; NULL for
     * all.
     */
    const char *const *domains;
    /** The time from one frame of a domain to the next; 0 for the default, 1 second. */
    uint64_t period_ns;
    /**
     * The time from one look at which domains run to the next, the longest that a new one waits for its first frame;
     * 0 for the default, 2 seconds.
     */
    uint64_t listing_period_ns;
    /**
     * Threads that crawl; 0 for the default, 2. The second and later ones help where the first is late.
     */
    uint32_t threads;
    /** Zero. */
    uint32_t reserved;
    /**
     * 1 to follow the QEMU processes of this host, known to libvirt or not, instead of a libvirt's domains: libvirt is
     * not asked, and uri and connection of open are NULL. The UUID of each is "qemu:PID" then, as nfm_open_domain()
     * takes it. 0 for domains.
     */
    uint32_t processes;
    /** Zero. */
    uint32_t reserved_2;
} nfm_fleet_options_t;

/** The members of an event. */
typedef struct nfm_event_info_t {
    /**
     * Which members are known, NFM_EVENT_INFO_... combined; kind, restarted and repeated always are.
     */
    uint64_t known;
    /** The domain's name; NULL with NFM_EVENT_NOT_LISTED. */
    const char *name;
    /** The domain's UUID in the usual text form; NULL with NFM_EVENT_NOT_LISTED. */
    const char *uuid;
    /**
     * The frame of NFM_EVENT_FRAME; NULL with others. nfm_frame_share() keeps it for longer than the event.
     */
    const struct nfm_frame_t *frame;
    /** The domain's frame before that one, for nfm_frame_diff(); NULL where there is none. */
    const struct nfm_frame_t *before;
    /**
     * Why NFM_EVENT_FAILED or NFM_EVENT_NOT_LISTED; NULL with others. nfm_error_retry() tells whether it passes by
     * itself.
     */
    const struct nfm_error_t *error;
    /** With error: the time until the next try. */
    uint64_t retry_after_ns;
    /** The kind of event, one of nfm_event_kind_t. */
    uint32_t kind;
    /**
     * With NFM_EVENT_FRAME: 1 if the guest's kernel, or its hypervisor, was started anew since the frame before, else 0.
     */
    uint32_t restarted;
    /**
     * With error: 1 if the last try failed with the same number, else 0. Who reports failures has reported this one.
     */
    uint32_t repeated;
    /** Zero. */
    uint32_t reserved;
} nfm_event_info_t;

/** A part of a file. */
typedef struct nfm_file_range_t {
    /** Zero: all members are known. */
    uint64_t known;
    /** Its first byte. */
    uint64_t offset;
    /** How many bytes it has. */
    uint64_t length;
    /** Where they are, one of nfm_content_t. */
    uint32_t content;
    /** Zero. */
    uint32_t reserved;
} nfm_file_range_t;

/** A file of the guest: its name, and what stat(2) tells of it. */
typedef struct nfm_found_file_t {
    /** Which members are known, NFM_FOUND_FILE_... combined; path always is. */
    uint64_t known;
    /**
     * Its name in its directory, or its path as it was asked for: its bytes, which need not be UTF-8.
     */
    const char *path;
    /** The kind of file, as in nfm_file_t; NULL if not known. */
    const char *kind;
    /** A symbolic link's target; NULL if it is none. */
    const char *target;
    /** The type of the file system; NULL if not known. */
    const char *filesystem;
    /** The inode's number. */
    uint64_t inode;
    /** The number of the device that the file system has. */
    uint64_t device;
    /** A device file's own number. */
    uint64_t rdev;
    /** Bytes. */
    uint64_t size;
    /** When it was last read, nanoseconds since 1970. */
    int64_t accessed_ns;
    /** When its content changed last, nanoseconds since 1970. */
    int64_t modified_ns;
    /** When it or its status changed last, nanoseconds since 1970. */
    int64_t changed_ns;
    /** Permissions and the bits beside them (07777). */
    uint32_t mode;
    /** Names that the file has; 0 once all were removed. */
    uint32_t links;
    /** The owner. */
    uint32_t uid;
    /** The group. */
    uint32_t gid;
} nfm_found_file_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that runs, where NFM_VERSION is that of the header compiled against.
 *
 * Returns: a static string, "MAJOR.MINOR.PATCH".
 * Errors: none.
 * Ownership: the library's, as long as it is loaded.
 * Threads: any.
 * Since: 0.1
 */
const char *nfm_version(void);

/**
 * Lists the features of the library that runs, for programs that are to run with older and newer ones.
 *
 * Sections are "section-" and their JSON name. "threads", "physical", "paused" and "control" are
 * members of the options that have an effect; "log-callback" is nfm_set_log(); "qemu" is a hypervisor
 * whose guests can be read. A name never changes its meaning.
 *
 * Returns: names, and NULL after the last.
 * Errors: none.
 * Ownership: the library's, as long as it is loaded.
 * Threads: any.
 * Since: 0.1
 */
const char *const *nfm_features(void);

/**
 * Tells if the library that runs has a feature.
 *
 * Parameters: feature, a name of nfm_features().
 * Returns: 1 if it has it; 0 if not, if there is no such name, and for NULL.
 * Errors: none.
 * Ownership: feature stays the caller's.
 * Threads: any.
 * Since: 0.1
 */
int nfm_has_feature(const char *feature);

/**
 * The number of an error, one of nfm_result_t.
 *
 * Parameters: error, or NULL.
 * Returns: the code that the function returned which made the error; NFM_OK for NULL.
 * Errors: none.
 * Ownership: error stays the caller's.
 * Threads: any.
 * Since: 0.1
 */
int nfm_error_code(const struct nfm_error_t *error);

/**
 * The error in one sentence for a person, with its causes and what to do about it.
 *
 * The wording is no part of the interface. It can contain names that come from the guest.
 *
 * Parameters: error, or NULL.
 * Returns: UTF-8; "no error" for NULL; never NULL.
 * Errors: none.
 * Ownership: the error's.
 * Threads: any.
 * Since: 0.1
 */
const char *nfm_error_message(const struct nfm_error_t *error);

/**
 * The system's error number behind an error.
 *
 * Parameters: error, or NULL.
 * Returns: an errno value; 0 where there is none, and for NULL.
 * Errors: none.
 * Ownership: error stays the caller's.
 * Threads: any.
 * Since: 0.1
 */
int nfm_error_errno(const struct nfm_error_t *error);

/**
 * The guest-virtual address at which an error happened.
 *
 * No error of version 0.1 has one: what cannot be read inside a guest is a problem of the frame, and
 * nfm_problem_t has the address. It is here for errors of later versions.
 *
 * Parameters: error, or NULL; address receives it, where there is one, and may be NULL.
 * Returns: 1 where there is one (0 is an address like any other), else 0.
 * Errors: none.
 * Ownership: error stays the caller's.
 * Threads: any.
 * Since: 0.1
 */
int nfm_error_address(const struct nfm_error_t *error,
                      uint64_t *address);

/**
 * Tells if the call that failed may succeed later, after the domain was opened anew, or not at all.
 *
 * Parameters: error, or NULL.
 * Returns: one of nfm_retry_t; NFM_RETRY_NEVER for NULL.
 * Errors: none.
 * Ownership: error stays the caller's.
 * Threads: any.
 * Since: 0.1
 */
int nfm_error_retry(const struct nfm_error_t *error);

/**
 * Frees an error, and with it the message that nfm_error_message() gave.
 *
 * Parameters: error, or NULL, which does nothing.
 * Errors: none. To free an error twice, or while it is read, is undefined.
 * Ownership: error is no more.
 * Threads: any, once no other uses the error.
 * Since: 0.1
 */
void nfm_error_free(struct nfm_error_t *error);

/**
 * The name of a result, as in this header: "NFM_ERR_NO_SUCH_DOMAIN".
 *
 * Parameters: result, what a function returned.
 * Returns: a static string; "NFM_ERR_?" for a number without a name; never NULL.
 * Errors: none.
 * Ownership: the library's, as long as it is loaded.
 * Threads: any.
 * Since: 0.1
 */
const char *nfm_result_name(int result);

/**
 * Has the library's diagnostic messages told to a function; there is one for the whole process. Handles that were opened
 * with a function of their own (nfm_open_options_t.log) tell theirs to that alone.
 *
 * The function is called on whichever thread the message arises, several at the same time, while that
 * thread is inside a function of this library. It must return in the ordinary way (no longjmp, no C++
 * exception). It may call functions of this library, but messages that arise from that are not told,
 * and this function refuses. Once this function returns, the earlier function is not called any more.
 *
 * Parameters: level, the least grave that is told, one of nfm_log_level_t; callback, or NULL for none;
 * user, what the callback is given; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT for a level that is none, and within the callback; NFM_ERR_OTHER if
 * the program is written in Rust and has a tracing subscriber of its own.
 * Ownership: user stays the caller's; it must last until another function is set.
 * Threads: any; waits until no thread is in the earlier function.
 * Since: 0.1
 */
int nfm_set_log(int level,
                nfm_log_callback_t callback,
                void *user,
                struct nfm_error_t **error);

/**
 * Makes a control.
 *
 * Parameters: out receives the control; error receives what went wrong, or is NULL.
 * Returns: NFM_OK; NFM_ERR_INVALID_ARGUMENT if out is NULL.
 * Errors: as returned.
 * Ownership: the caller's, to be ended with nfm_control_free().
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE int nfm_control_new(struct nfm_control_t **out, struct nfm_error_t **error);

/**
 * Cancels the calls that run with a control, and those that begin before nfm_control_reset(): they
 * return NFM_ERR_CANCELLED. Does not wait for that.
 *
 * A call looks whenever it reads more of the guest's memory, so it ends within milliseconds; what
 * libvirt is asked is waited for. A guest that was suspended for the call is resumed first.
 *
 * Parameters: control, or NULL, which does nothing.
 * Errors: none.
 * Ownership: control stays the caller's.
 * Threads: any number at the same time; also from a signal handler.
 * Since: 0.1
 */
void nfm_control_cancel(struct nfm_control_t *control);

/**
 * Lets calls with a control that was cancelled run again.
 *
 * Parameters: control, or NULL, which does nothing.
 * Errors: none.
 * Ownership: control stays the caller's.
 * Threads: any number at the same time; also from a signal handler.
 * Since: 0.1
 */
void nfm_control_reset(struct nfm_control_t *control);

/**
 * Tells if a control was cancelled and not reset since.
 *
 * Parameters: control, or NULL.
 * Returns: 1 if so, else 0; 0 for NULL.
 * Errors: none.
 * Ownership: control stays the caller's.
 * Threads: any number at the same time; also from a signal handler.
 * Since: 0.1
 */
int nfm_control_is_cancelled(const struct nfm_control_t *control);

/**
 * The section that a crawl with a control is at.
 *
 * Parameters: control, or NULL.
 * Returns: one of NFM_SECTION_...; 0 while no crawl runs, and for NULL.
 * Errors: none.
 * Ownership: control stays the caller's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
uint64_t nfm_control_section(const struct nfm_control_t *control);

/**
 * Pages of guest memory that all calls with a control have read since it was made: while a call gets
 * on, the number rises.
 *
 * Parameters: control, or NULL.
 * Returns: the number of pages; 0 for NULL.
 * Errors: none.
 * Ownership: control stays the caller's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
uint64_t nfm_control_pages(const struct nfm_control_t *control);

/**
 * Frees a control. Calls that run with it run on, but can be cancelled no more.
 *
 * Parameters: control, or NULL, which does nothing.
 * Errors: none. To free a control twice, or while it is used, is undefined.
 * Ownership: control is no more.
 * Threads: any, once no other uses the control itself.
 * Since: 0.1
 */
void nfm_control_free(struct nfm_control_t *control);

/**
 * Lists the domains that libvirt knows, active ones first.
 *
 * Parameters: options, or NULL for the defaults; out receives the list; error receives what went
 * wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT, NFM_ERR_CONNECT, NFM_ERR_PANIC, NFM_ERR_OTHER.
 * Ownership: the list is the caller's, to be ended with nfm_domain_list_free().
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_list_domains(const struct nfm_list_options_t *options,
                     struct nfm_domain_list_t **out,
                     struct nfm_error_t **error);

/**
 * Lists the QEMU processes of this host that run x86-64 guests, those in containers too, known to libvirt or not.
 * nfm_open_pid() opens one. libvirt is not asked, so that ids and states are not known.
 *
 * Parameters: out receives the list, by process ids; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT, NFM_ERR_PANIC, NFM_ERR_OTHER.
 * Ownership: the list is the caller's, to be ended with nfm_domain_list_free().
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_list_processes(struct nfm_domain_list_t **out,
                       struct nfm_error_t **error);

/**
 * The domains of a list, by id, then by name.
 *
 * Parameters: list; count receives the number of rows; stride receives the bytes from one row to the
 * next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if an argument is
 * NULL.
 * Errors: none.
 * Ownership: the list's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_domain_info_t *nfm_domain_list_rows(const struct nfm_domain_list_t *list,
                                                     size_t *count,
                                                     size_t *stride);

/**
 * Frees a list of domains, and with it its rows.
 *
 * Parameters: list, or NULL, which does nothing.
 * Errors: none. To free a list twice, or while it is used, is undefined.
 * Ownership: list is no more.
 * Threads: any, once no other uses the list.
 * Since: 0.1
 */
void nfm_domain_list_free(struct nfm_domain_list_t *list);

/**
 * Opens a running domain: finds its process, its memory and its kernel. Nothing is asked of the
 * guest or the hypervisor, and libvirt is only read from.
 *
 * Parameters: domain, its name, id or UUID as virsh takes them, in UTF-8, "qemu:PID" as nfm_open_pid() takes it, or
 * "file:PATH" for a file with a guest's memory ("file:///PATH" with % escapes); options, or NULL for the
 * defaults; out receives the domain; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT, NFM_ERR_CONNECT, NFM_ERR_NO_SUCH_DOMAIN, NFM_ERR_NOT_RUNNING,
 * NFM_ERR_PERMISSION, NFM_ERR_NOT_BOOTED, NFM_ERR_NOT_LINUX, NFM_ERR_NO_TYPES, NFM_ERR_NO_SYMBOLS,
 * NFM_ERR_UNSUPPORTED, NFM_ERR_NO_MEMORY, NFM_ERR_GONE, NFM_ERR_CANCELLED, NFM_ERR_FILE,
 * NFM_ERR_DESCRIPTORS, NFM_ERR_PANIC, NFM_ERR_OTHER. nfm_error_retry() tells which of them pass.
 * Ownership: the domain is the caller's, to be ended with nfm_close_domain().
 * Note: all domains of one URI share one connection to libvirt. Where none can be made for the first of
 * them, libvirt prints its own line to standard error, as it does for every program that has set no other
 * handler with virSetErrorFunc(). This library sets none: the handler belongs to the whole process.
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_open_domain(const char *domain,
                    const struct nfm_open_options_t *options,
                    struct nfm_domain_t **out,
                    struct nfm_error_t **error);

/**
 * Opens the running domain that a program has from libvirt itself, over the connection that it belongs to: no other is
 * made (nfm_open_options_t.connection).
 *
 * Parameters: vir_domain, a virDomainPtr, which may be freed after the call; options, or NULL for the defaults: uri
 * and connection are NULL there; out receives the domain; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: as of nfm_open_domain().
 * Ownership: the domain is the caller's, to be ended with nfm_close_domain(); vir_domain stays the caller's.
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_open_virdomain(void *vir_domain,
                       const struct nfm_open_options_t *options,
                       struct nfm_domain_t **out,
                       struct nfm_error_t **error);

/**
 * Opens the guest of a QEMU process of this host, which libvirt need not know: that of a QEMU by hand, of Proxmox, of
 * Incus, or in a container. nfm_list_processes() tells which there are.
 *
 * Its name is that of QEMU's -name, else "qemu:PID". What only libvirt knows is not there: the state of the section
 * host; NFM_MODE_PAUSED; memory that is plugged in later.
 *
 * Parameters: pid, the process's id as this process's host counts; options, or NULL for the defaults, of which uri and
 * connection are not used; out receives the domain; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: as of nfm_open_domain(); NFM_ERR_NO_SUCH_DOMAIN if the process is no QEMU that runs a guest.
 * Ownership: the domain is the caller's, to be ended with nfm_close_domain().
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_open_pid(uint64_t pid,
                 const struct nfm_open_options_t *options,
                 struct nfm_domain_t **out,
                 struct nfm_error_t **error);

/**
 * Takes a frame: one snapshot of the guest, which runs on meanwhile.
 *
 * A part of a living guest that cannot be read is no error: nfm_frame_info() says whether the frame is complete, and
 * nfm_frame_problems() what it lacks.
 *
 * Parameters: domain; options, or NULL for the defaults; out receives the frame; error receives what
 * went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT (also when another thread is using the domain, and in a child by fork()
 * of the process that opened it); NFM_ERR_GONE, after which the domain is of no more use; NFM_ERR_NOT_BOOTED
 * while the guest is restarted, after which the domain serves again; NFM_ERR_CANCELLED, after which it is as
 * before; NFM_ERR_PANIC, after which all calls with this domain but nfm_close_domain() return the same;
 * NFM_ERR_DESCRIPTORS; NFM_ERR_CONNECT and NFM_ERR_OTHER, for NFM_MODE_PAUSED and where libvirt refuses.
 * Ownership: the frame is the caller's, to be ended with nfm_frame_free(); it may outlive the domain.
 * Threads: one at a time for each domain.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_crawl(struct nfm_domain_t *domain,
              const struct nfm_crawl_options_t *options,
              struct nfm_frame_t **out,
              struct nfm_error_t **error);

/**
 * Closes a domain. Frames that were taken of it stay.
 *
 * In a child by fork() of the process that opened it, it frees what the child has of it alone.
 *
 * Parameters: domain, or NULL, which does nothing.
 * Errors: none. To close a domain twice, or while it is used, is undefined.
 * Ownership: domain is no more.
 * Threads: any, once no other uses the domain.
 * Since: 0.1
 */
void nfm_close_domain(struct nfm_domain_t *domain);

/**
 * The head of a frame: whose it is, when it was taken, what it holds, whether it is complete.
 *
 * Parameters: frame.
 * Returns: the head; NULL only if frame is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_frame_info_t *nfm_frame_info(const struct nfm_frame_t *frame);

/**
 * The problems of a frame, each something that it lacks; none if it is complete.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL if an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_problem_t *nfm_frame_problems(const struct nfm_frame_t *frame,
                                               size_t *count,
                                               size_t *stride);

/**
 * The whole frame as JSON, all sections included.
 *
 * Text from the guest is in it as the guest has it, characters below U+0020 as JSON escapes.
 *
 * Parameters: frame; flags, 0 for one line or NFM_JSON_PRETTY.
 * Returns: UTF-8; NULL if frame is NULL or a flag is unknown.
 * Errors: none.
 * Ownership: the frame's, which keeps it for further calls.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const char *nfm_frame_to_json(const struct nfm_frame_t *frame,
                              uint32_t flags);

/**
 * Makes a further handle of a frame, which costs next to nothing: the frame is there until the last of its
 * handles is freed. So a frame of an event (nfm_event_info_t) is kept for longer than the event.
 *
 * Parameters: frame; out receives the handle; error receives what went wrong, or is NULL.
 * Returns: NFM_OK; NFM_ERR_INVALID_ARGUMENT if frame or out is NULL.
 * Errors: as returned.
 * Ownership: the handle is the caller's, to be ended with nfm_frame_free(); frame stays as it is.
 * Threads: any number at the same time.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_frame_share(const struct nfm_frame_t *frame,
                    struct nfm_frame_t **out,
                    struct nfm_error_t **error);

/**
 * Frees a frame, and with it all that was read from it, unless there are other handles of it
 * (nfm_frame_share()).
 *
 * Parameters: frame, or NULL, which does nothing.
 * Errors: none. To free a frame twice, or while it is read, is undefined.
 * Ownership: frame is no more.
 * Threads: any, once no other uses the frame.
 * Since: 0.1
 */
void nfm_frame_free(struct nfm_frame_t *frame);

/**
 * The operating system of a frame.
 *
 * Parameters: frame.
 * Returns: the structure; NULL if the frame does not hold the section, or frame is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_os_t *nfm_frame_os(const struct nfm_frame_t *frame);

/**
 * The CPUs of a frame, by id.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_cpu_t *nfm_frame_cpus(const struct nfm_frame_t *frame,
                                       size_t *count,
                                       size_t *stride);

/**
 * Memory as a whole of a frame.
 *
 * Parameters: frame.
 * Returns: the structure; NULL if the frame does not hold the section, or frame is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_memory_t *nfm_frame_memory(const struct nfm_frame_t *frame);

/**
 * The processes of a frame, in the order of the kernel's task list.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_process_t *nfm_frame_processes(const struct nfm_frame_t *frame,
                                                size_t *count,
                                                size_t *stride);

/**
 * The open files of a frame, by process and descriptor.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_file_t *nfm_frame_files(const struct nfm_frame_t *frame,
                                         size_t *count,
                                         size_t *stride);

/**
 * The address spaces of a frame, by process and address.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_mapping_t *nfm_frame_mappings(const struct nfm_frame_t *frame,
                                               size_t *count,
                                               size_t *stride);

/**
 * The loaded modules of a frame, in the order of /proc/modules.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_module_t *nfm_frame_modules(const struct nfm_frame_t *frame,
                                             size_t *count,
                                             size_t *stride);

/**
 * The network interfaces of a frame, of every network namespace.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_interface_t *nfm_frame_interfaces(const struct nfm_frame_t *frame,
                                                   size_t *count,
                                                   size_t *stride);

/**
 * The sockets of a frame, of every network namespace.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_connection_t *nfm_frame_connections(const struct nfm_frame_t *frame,
                                                     size_t *count,
                                                     size_t *stride);

/**
 * The mounts of a frame, of every mount namespace.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_mount_t *nfm_frame_mounts(const struct nfm_frame_t *frame,
                                           size_t *count,
                                           size_t *stride);

/**
 * The kernel's log of a frame, oldest record first.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_log_record_t *nfm_frame_log(const struct nfm_frame_t *frame,
                                             size_t *count,
                                             size_t *stride);

/**
 * Gives a frame's section of the hypervisor's side.
 *
 * Parameters: frame.
 * Returns: the structure; NULL if the frame does not hold the section, or frame is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_host_t *nfm_frame_host(const struct nfm_frame_t *frame);

/**
 * The routes of a frame, of every network namespace and all tables.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_route_t *nfm_frame_routes(const struct nfm_frame_t *frame,
                                           size_t *count,
                                           size_t *stride);

/**
 * The neighbours of a frame (ARP, NDP), of every network namespace.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_neighbour_t *nfm_frame_neighbours(const struct nfm_frame_t *frame,
                                                   size_t *count,
                                                   size_t *stride);

/**
 * The bit of a section's name, for programs that take names of sections from their users.
 *
 * Parameters: name, as in JSON: "processes".
 * Returns: one of NFM_SECTION_...; 0 if the library knows no such section, and for NULL.
 * Errors: none.
 * Ownership: name stays the caller's.
 * Threads: any.
 * Since: 0.1
 */
uint64_t nfm_section_bit(const char *name);

/**
 * The members of a section's rows: their names, places, units and kinds, for programs that show or keep
 * sections which they were not written for. nfm_frame_rows() gives the rows.
 *
 * They stand in the order of the structure, without known, reserved, and the number and stride of a list. A
 * member of type NFM_MEMBER_ROWS is followed by those of its rows.
 *
 * Parameters: section, one of NFM_SECTION_...; count receives the number of members; stride receives the
 * bytes from one to the next, for NFM_ROW().
 * Returns: the first member; NULL, with a count of 0, if the library does not know the section, if the
 * section has no rows (NFM_SECTION_INTEGRITY), or if an argument is NULL.
 * Errors: none.
 * Ownership: the library's, as long as it is loaded.
 * Threads: any.
 * Since: 0.1
 */
const struct nfm_member_t *nfm_section_members(uint64_t section,
                                               size_t *count,
                                               size_t *stride);

/**
 * The rows of a section, whatever it is: what the section's own function gives, for programs that read
 * them by nfm_section_members(). A section that is one structure is one row.
 *
 * Parameters: frame; section, one of NFM_SECTION_...; count receives the number of rows; stride receives
 * the bytes from one row to the next.
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does not
 * hold the section, if the library does not know it, if it has no rows, or if an argument is NULL.
 * Errors: none.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const void *nfm_frame_rows(const struct nfm_frame_t *frame,
                           uint64_t section,
                           size_t *count,
                           size_t *stride);

/**
 * Compares two frames of one guest: which rows are new, gone or in both, and what was used in between.
 *
 * Absent is not zero: a figure that the frames do not tell has no bit in known, and a row that an incomplete frame
 * lacks is perhaps new or perhaps gone. Nothing is computed before it is asked for.
 *
 * Parameters: earlier and later, two frames of one domain, which stay as they are and may be freed before the
 * difference; out receives it; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT, also if the frames are of two guests; NFM_ERR_PANIC.
 * Ownership: the difference is the caller's, to be ended with nfm_diff_free().
 * Threads: any number at the same time.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_frame_diff(const struct nfm_frame_t *earlier,
                   const struct nfm_frame_t *later,
                   struct nfm_diff_t **out,
                   struct nfm_error_t **error);

/**
 * The head of a difference: the time between its frames, and whether the guest was restarted.
 *
 * Parameters: diff.
 * Returns: the head; NULL only if diff is NULL.
 * Errors: none.
 * Ownership: the difference's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_diff_info_t *nfm_diff_info(const struct nfm_diff_t *diff);

/**
 * The processes of two frames: those of the later one in its order, then those that are in the earlier one alone.
 *
 * Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
 * NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
 * the section or an argument is NULL.
 * Errors: none.
 * Ownership: the difference's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_process_diff_t *nfm_diff_processes(const struct nfm_diff_t *diff,
                                                    size_t *count,
                                                    size_t *stride);

/**
 * The CPUs of two frames: those of the later one in its order, then those that are in the earlier one alone.
 *
 * Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
 * NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
 * the section or an argument is NULL.
 * Errors: none.
 * Ownership: the difference's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_cpu_diff_t *nfm_diff_cpus(const struct nfm_diff_t *diff,
                                           size_t *count,
                                           size_t *stride);

/**
 * The network interfaces of two frames: those of the later one in its order, then those that are in the earlier one alone.
 *
 * Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
 * NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
 * the section or an argument is NULL.
 * Errors: none.
 * Ownership: the difference's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_interface_diff_t *nfm_diff_interfaces(const struct nfm_diff_t *diff,
                                                       size_t *count,
                                                       size_t *stride);

/**
 * The sockets of two frames: those of the later one in its order, then those that are in the earlier one alone.
 *
 * Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
 * NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
 * the section or an argument is NULL.
 * Errors: none.
 * Ownership: the difference's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_connection_diff_t *nfm_diff_connections(const struct nfm_diff_t *diff,
                                                         size_t *count,
                                                         size_t *stride);

/**
 * Frees a difference, and with it all that was read from it.
 *
 * Parameters: diff, or NULL, which does nothing.
 * Errors: none. To free a difference twice, or while it is read, is undefined.
 * Ownership: diff is no more.
 * Threads: any, once no other uses the difference.
 * Since: 0.1
 */
void nfm_diff_free(struct nfm_diff_t *diff);

/**
 * Follows the running domains of a libvirt, or the QEMU processes of this host: opens them as they start, crawls each
 * once a period, and tells of each what happens to it, until nfm_fleet_free(). nfm_fleet_next() gives the events.
 *
 * The library starts threads for that, as many as the options say and one more, in which all signals are blocked.
 *
 * Parameters: options, or NULL for the defaults; out receives the fleet; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT; NFM_ERR_CONNECT, as libvirt must be there at the beginning (later it may go and
 * come back); NFM_ERR_DESCRIPTORS, NFM_ERR_PANIC, NFM_ERR_OTHER.
 * Ownership: the fleet is the caller's, to be ended with nfm_fleet_free().
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_fleet_start(const struct nfm_fleet_options_t *options,
                    struct nfm_fleet_t **out,
                    struct nfm_error_t **error);

/**
 * The next event of a fleet. The events of one domain come in their order.
 *
 * A domain has one frame at most that was not taken yet: whoever takes them more slowly than the period gets the next
 * ones later, and loses none.
 *
 * Parameters: fleet; timeout_ns, for how long to wait, 0 to take what is there, UINT64_MAX for ever; out receives the
 * event, NULL if there was none within that time; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT, also in a child by fork() of the process that started the fleet;
 * NFM_ERR_CANCELLED after nfm_fleet_stop(); NFM_ERR_PANIC if the fleet ended by a bug.
 * Ownership: the event is the caller's, to be ended with nfm_event_free(); it may outlive the fleet.
 * Threads: any number at the same time; each event is given to one.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_fleet_next(struct nfm_fleet_t *fleet,
                   uint64_t timeout_ns,
                   struct nfm_event_t **out,
                   struct nfm_error_t **error);

/**
 * Has nfm_fleet_next() return NFM_ERR_CANCELLED from now on, also where it waits. Does not wait for the fleet's
 * threads; nfm_fleet_free() does.
 *
 * Parameters: fleet, or NULL, which does nothing.
 * Errors: none.
 * Ownership: fleet stays the caller's.
 * Threads: any number at the same time; not from a signal handler.
 * Since: 0.1
 */
void nfm_fleet_stop(struct nfm_fleet_t *fleet);

/**
 * Ends a fleet: waits until its threads are gone, and closes its domains. A crawl that runs is cancelled, unless the
 * options named a control of the caller's.
 *
 * In a child by fork() of the process that started it, it frees what the child has of it alone.
 *
 * Parameters: fleet, or NULL, which does nothing.
 * Errors: none. To free a fleet twice, or while it is used, is undefined.
 * Ownership: fleet is no more; its events stay.
 * Threads: any, once no other uses the fleet.
 * Since: 0.1
 */
void nfm_fleet_free(struct nfm_fleet_t *fleet);

/**
 * The members of an event.
 *
 * Parameters: event.
 * Returns: the members; NULL only if event is NULL.
 * Errors: none.
 * Ownership: the event's, as are its frames and its error.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_event_info_t *nfm_event_info(const struct nfm_event_t *event);

/**
 * Frees an event, and with it its frames, unless there are other handles of them (nfm_frame_share()).
 *
 * Parameters: event, or NULL, which does nothing.
 * Errors: none. To free an event twice, or while it is read, is undefined.
 * Ownership: event is no more.
 * Threads: any, once no other uses the event.
 * Since: 0.1
 */
void nfm_event_free(struct nfm_event_t *event);

/**
 * Opens a regular file of the guest for reading by its path, as a process sees it: by its root directory and its mounts.
 * Nothing is done in the guest.
 *
 * Parameters: domain; pid, the process, or 0 for the first one; path, which need not be UTF-8; out receives the file; error receives what
 * went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_FILE where the guest has no such file, or it is no regular one; NFM_ERR_NOT_IN_MEMORY where the guest's
 * memory does not hold the name, or the kernel makes the file's content when it is read (as in proc); NFM_ERR_OTHER where
 * memory cannot be read or that takes more than ten seconds; else as of nfm_crawl().
 * Ownership: the file is the caller's, to be ended with nfm_file_close(); it may outlive the domain.
 * Threads: one at a time for each domain.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_file_open(struct nfm_domain_t *domain,
                  uint32_t pid,
                  const char *path,
                  struct nfm_open_file_t **out,
                  struct nfm_error_t **error);

/**
 * Opens a regular file that a process of the guest has open for reading, by its descriptor (nfm_file_t.fd): also one
 * whose last name was removed.
 *
 * Parameters: domain; pid, the process; fd, its descriptor; out receives the file; error receives what went wrong, or is
 * NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: as of nfm_file_open(); NFM_ERR_FILE where there is no such process or descriptor.
 * Ownership: the file is the caller's, to be ended with nfm_file_close(); it may outlive the domain.
 * Threads: one at a time for each domain.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_file_open_descriptor(struct nfm_domain_t *domain,
                             uint32_t pid,
                             uint32_t fd,
                             struct nfm_open_file_t **out,
                             struct nfm_error_t **error);

/**
 * Reads bytes of a file from an offset on, as many as it has there. Each page (4096 bytes) was the file's both before and
 * after its bytes were copied, and where the file was written to meanwhile, they were the same twice.
 *
 * Parameters: domain, that the file was opened of; file; offset; bytes receives them, zeros where they are not known;
 * length, how many there is room for, at most 16 MiB; count receives how many the file has there; unknown receives the
 * parts that are not known, by their offsets in the file, or is NULL: then such a part is an error; error receives what
 * went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors, on which bytes means nothing.
 * Errors: NFM_ERR_FILE once the file is gone; NFM_ERR_NOT_IN_MEMORY where unknown is NULL and not all is known;
 * NFM_ERR_INVALID_ARGUMENT, also for a longer read; else as of nfm_file_open().
 * Ownership: unknown is the caller's, to be ended with nfm_file_ranges_free().
 * Threads: one at a time for each domain.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_file_read(struct nfm_domain_t *domain,
                  const struct nfm_open_file_t *file,
                  uint64_t offset,
                  uint8_t *bytes,
                  size_t length,
                  size_t *count,
                  struct nfm_file_ranges_t **unknown,
                  struct nfm_error_t **error);

/**
 * The parts of a file from its beginning to its end, ascending, each with where it is.
 *
 * Parameters: domain, that the file was opened of; file; out receives the parts; error receives what went wrong, or is
 * NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_FILE once the file is gone; else as of nfm_file_open().
 * Ownership: the parts are the caller's, to be ended with nfm_file_ranges_free().
 * Threads: one at a time for each domain.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_file_content(struct nfm_domain_t *domain,
                     const struct nfm_open_file_t *file,
                     struct nfm_file_ranges_t **out,
                     struct nfm_error_t **error);

/**
 * The rows of parts of a file.
 *
 * Parameters: ranges; count receives the number of rows; stride receives the bytes from one row to the next, for
 * NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if an argument is NULL.
 * Errors: none.
 * Ownership: the ranges'.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_file_range_t *nfm_file_ranges_rows(const struct nfm_file_ranges_t *ranges,
                                                    size_t *count,
                                                    size_t *stride);

/**
 * Ends parts of a file.
 *
 * Parameters: ranges, or NULL, which does nothing.
 * Errors: none.
 * Ownership: ranges, and all that was had of it, is no more.
 * Threads: any, once no other uses it.
 * Since: 0.1
 */
void nfm_file_ranges_free(struct nfm_file_ranges_t *ranges);

/**
 * The status of a path in the guest, as stat(2) tells it: a list of one.
 *
 * Parameters: domain; pid, the process that sees the path so, or 0 for the first one; path, which need not be UTF-8; follow, 0 to show a
 * symbolic link itself, as lstat(2) does; out receives the list; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: as of nfm_file_open(), for files of every kind.
 * Ownership: the list is the caller's, to be ended with nfm_file_list_free().
 * Threads: one at a time for each domain.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_file_stat(struct nfm_domain_t *domain,
                  uint32_t pid,
                  const char *path,
                  int follow,
                  struct nfm_file_list_t **out,
                  struct nfm_error_t **error);

/**
 * The names in a directory of the guest that its memory holds, in the order of their bytes, each with what lstat(2) tells
 * of it; of another file, that one.
 *
 * Parameters: domain; pid, the process that sees the path so, or 0 for the first one; path, which need not be UTF-8; out receives the list;
 * error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: as of nfm_file_open(), for files of every kind.
 * Ownership: the list is the caller's, to be ended with nfm_file_list_free().
 * Threads: one at a time for each domain.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_file_list(struct nfm_domain_t *domain,
                  uint32_t pid,
                  const char *path,
                  struct nfm_file_list_t **out,
                  struct nfm_error_t **error);

/**
 * The files of a list.
 *
 * Parameters: list; count receives the number of rows; stride receives the bytes from one row to the next, for
 * NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if an argument is NULL.
 * Errors: none.
 * Ownership: the list's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_found_file_t *nfm_file_list_rows(const struct nfm_file_list_t *list,
                                                  size_t *count,
                                                  size_t *stride);

/**
 * Tells if a list has all names of its directory: it has where the guest's file system keeps all in memory, as tmpfs
 * does, and nothing was unreadable.
 *
 * Parameters: list.
 * Returns: 1 if there are no others; 0 if there may be, or list is NULL.
 * Errors: none.
 * Ownership: nothing is given.
 * Threads: any number at the same time.
 * Since: 0.1
 */
int nfm_file_list_is_complete(const struct nfm_file_list_t *list);

/**
 * Ends a list of files.
 *
 * Parameters: list, or NULL, which does nothing.
 * Errors: none.
 * Ownership: list, and all that was had of it, is no more.
 * Threads: any, once no other uses it.
 * Since: 0.1
 */
void nfm_file_list_free(struct nfm_file_list_t *list);

/**
 * Closes a file of the guest.
 *
 * Parameters: file, or NULL, which does nothing.
 * Errors: none.
 * Ownership: file is no more.
 * Threads: any, once no other uses it.
 * Since: 0.1
 */
void nfm_file_close(struct nfm_open_file_t *file);

/**
 * Gives a section of a frame as columns, by Arrow's C Data Interface: what reads that (pyarrow, Polars, DuckDB, R and
 * others) takes them as they are.
 *
 * The section is a struct array, of which each field is a column of the name that it has in C and in JSON; what is not
 * known is null. Lists of texts and rows within rows are lists. The metadata of a field has its kind ("label", "gauge",
 * "counter") and unit, that of the whole "nfm.section", "nfm.domain", "nfm.uuid" and "nfm.time_ns".
 *
 * Parameters: frame; section, one of NFM_SECTION_...; schema and array, a struct ArrowSchema and a struct ArrowArray
 * as that interface defines them, which receive the type and the values; error receives what went wrong, or is NULL.
 * Returns: NFM_OK or one of the errors.
 * Errors: NFM_ERR_INVALID_ARGUMENT, also if the frame does not hold the section; NFM_ERR_OTHER if the section is
 * larger than columns with offsets of 32 bits; NFM_ERR_PANIC.
 * Ownership: both are the caller's, to be ended by their release callbacks, or handed to whoever calls those. They
 * outlive the frame.
 * Threads: any number at the same time.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_frame_export_arrow(const struct nfm_frame_t *frame,
                           uint64_t section,
                           void *schema,
                           void *array,
                           struct nfm_error_t **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NFM_H */
