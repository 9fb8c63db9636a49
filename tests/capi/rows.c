/*
 * rows DOMAIN FRAMES SECTIONS TIME_LIMIT_NS: takes frames of a real guest, one after the other, and walks
 * all their rows. Of the last one it prints the JSON in one line, then each row in a line of JSON behind
 * its section's name, with texts in hexadecimal: both must tell the same.
 *
 * It must compile with the oldest header too: of what came later it knows nothing.
 */
#include <inttypes.h>

#include "check.h"

/* Instead of the bit of a member that is always known. */
#define ALWAYS 0

/* Whether rows are longer than their structures here, as those of a later library will be. */
#ifdef ROWS_HAVE_GROWN
#define CHECK_STRIDE(stride, type) CHECK((stride) > sizeof(type))
#else
#define CHECK_STRIDE(stride, type) CHECK((stride) >= sizeof(type))
#endif

static FILE *out;
static const char *separator;

static int member(uint64_t known, uint64_t bit, const char *name)
{
    int is_known = bit == ALWAYS || (known & bit);

    fprintf(out, "%s\"%s\":", separator, name);
    separator = ",";
    if (!is_known)
        fprintf(out, "null");
    return is_known;
}

static void text(const char *value)
{
    putc('"', out);
    for (; *value; value++)
        fprintf(out, "%02x", (unsigned char)*value);
    putc('"', out);
}

/* What is not known is zero. */
#define TEXT(bit, name)                                            \
    do {                                                           \
        CHECK(!row->name == !(bit == ALWAYS || row->known & bit)); \
        if (member(row->known, bit, #name))                        \
            text(row->name);                                       \
    } while (0)
#define INTEGER(bit, name, type, format)               \
    do {                                               \
        if (member(row->known, bit, #name))            \
            fprintf(out, "%" format, (type)row->name); \
        else                                           \
            CHECK(row->name == 0);                     \
    } while (0)
#define NUMBER(bit, name) INTEGER(bit, name, uint64_t, PRIu64)
#define SIGNED(bit, name) INTEGER(bit, name, int64_t, PRId64)
#define LETTER(bit, name)                        \
    do {                                         \
        if (member(row->known, bit, #name))      \
            fprintf(out, "\"%02x\"", row->name); \
        else                                     \
            CHECK(row->name == 0);               \
    } while (0)
#define REALS(bit, name, numbers) \
    do { \
        size_t i_; \
        if (!member(row->known, bit, #name)) \
            break; \
        for (i_ = 0; i_ < (numbers); i_++) \
            fprintf(out, "%s%.16e", i_ ? "," : "[", row->name[i_]); \
        putc(']', out); \
    } while (0)
#define REAL(bit, name) \
    do { \
        if (member(row->known, bit, #name)) \
            fprintf(out, "%.16e", row->name); \
    } while (0)
/* A list has as many strings as it says, and then a NULL. */
#define TEXTS(bit, name)                             \
    do {                                             \
        size_t i_;                                   \
        if (!member(row->known, bit, #name)) {       \
            CHECK(!row->name && !row->name##_count); \
            break;                                   \
        }                                            \
        putc('[', out);                              \
        for (i_ = 0; row->name[i_]; i_++) {          \
            fprintf(out, "%s", i_ ? "," : "");       \
            text(row->name[i_]);                     \
        }                                            \
        CHECK(i_ == row->name##_count);              \
        putc(']', out);                              \
    } while (0)
#define ROWS(bit, type, name, print)                                 \
    do {                                                             \
        size_t i_;                                                   \
        if (!member(row->known, bit, #name)) {                       \
            CHECK(!row->name && !row->name##_count);                 \
            break;                                                   \
        }                                                            \
        CHECK_STRIDE(row->name##_stride, type);                      \
        putc('[', out);                                              \
        for (i_ = 0; i_ < row->name##_count; i_++) {                 \
            separator = i_ ? ",{" : "{";                             \
            print(NFM_ROW(type, row->name, row->name##_stride, i_)); \
            putc('}', out);                                          \
        }                                                            \
        putc(']', out);                                              \
        separator = ",";                                             \
    } while (0)

static void print_problem(const nfm_problem_t *row)
{
    NUMBER(NFM_PROBLEM_ADDRESS, address);
    TEXT(ALWAYS, section);
    TEXT(ALWAYS, reason);
}

static void print_os(const nfm_os_t *row)
{
    TEXT(NFM_OS_SYSNAME, sysname);
    TEXT(NFM_OS_NODENAME, nodename);
    TEXT(NFM_OS_RELEASE, release);
    TEXT(NFM_OS_VERSION, version);
    TEXT(NFM_OS_MACHINE, machine);
    TEXT(NFM_OS_BUILD_ID, build_id);
    TEXT(NFM_OS_COMMAND_LINE, command_line);
    NUMBER(NFM_OS_BOOT_TIME_NS, boot_time_ns);
    NUMBER(NFM_OS_UPTIME_NS, uptime_ns);
    REALS(NFM_OS_LOAD, load, 3);
    NUMBER(NFM_OS_PANICKED, panicked);
}

static void print_cpu(const nfm_cpu_t *row)
{
    TEXT(NFM_CPU_VENDOR, vendor);
    TEXT(NFM_CPU_MODEL, model);
    REAL(NFM_CPU_MHZ, mhz);
    NUMBER(NFM_CPU_CACHE_KIB, cache_kib);
    NUMBER(NFM_CPU_USER_NS, user_ns);
    NUMBER(NFM_CPU_NICE_NS, nice_ns);
    NUMBER(NFM_CPU_SYSTEM_NS, system_ns);
    NUMBER(NFM_CPU_IDLE_NS, idle_ns);
    NUMBER(NFM_CPU_IOWAIT_NS, iowait_ns);
    NUMBER(NFM_CPU_IRQ_NS, irq_ns);
    NUMBER(NFM_CPU_SOFTIRQ_NS, softirq_ns);
    NUMBER(NFM_CPU_STEAL_NS, steal_ns);
    NUMBER(NFM_CPU_GUEST_NS, guest_ns);
    NUMBER(NFM_CPU_GUEST_NICE_NS, guest_nice_ns);
    NUMBER(ALWAYS, id);
    NUMBER(ALWAYS, online);
}

static void print_memory(const nfm_memory_t *row)
{
    NUMBER(NFM_MEMORY_TOTAL, total);
    NUMBER(NFM_MEMORY_FREE, free);
    NUMBER(NFM_MEMORY_AVAILABLE, available);
    NUMBER(NFM_MEMORY_BUFFERS, buffers);
    NUMBER(NFM_MEMORY_CACHED, cached);
    NUMBER(NFM_MEMORY_SWAP_CACHED, swap_cached);
    NUMBER(NFM_MEMORY_ACTIVE, active);
    NUMBER(NFM_MEMORY_INACTIVE, inactive);
    NUMBER(NFM_MEMORY_SWAP_TOTAL, swap_total);
    NUMBER(NFM_MEMORY_SWAP_FREE, swap_free);
    NUMBER(NFM_MEMORY_DIRTY, dirty);
    NUMBER(NFM_MEMORY_WRITEBACK, writeback);
    NUMBER(NFM_MEMORY_ANONYMOUS, anonymous);
    NUMBER(NFM_MEMORY_MAPPED, mapped);
    NUMBER(NFM_MEMORY_SHARED, shared);
    NUMBER(NFM_MEMORY_SLAB, slab);
    NUMBER(NFM_MEMORY_SLAB_RECLAIMABLE, slab_reclaimable);
    NUMBER(NFM_MEMORY_SLAB_UNRECLAIMABLE, slab_unreclaimable);
    NUMBER(NFM_MEMORY_KERNEL_STACK, kernel_stack);
    NUMBER(NFM_MEMORY_PAGE_TABLES, page_tables);
}

static void print_thread(const nfm_thread_t *row)
{
    TEXT(NFM_THREAD_NAME, name);
    NUMBER(NFM_THREAD_START_TIME_NS, start_time_ns);
    NUMBER(NFM_THREAD_CPU_NS, cpu_ns);
    NUMBER(ALWAYS, tid);
    LETTER(NFM_THREAD_STATE, state);
}

static void print_process(const nfm_process_t *row)
{
    TEXT(NFM_PROCESS_NAME, name);
    TEXT(NFM_PROCESS_COMMAND_LINE, command_line);
    TEXT(NFM_PROCESS_EXE, exe);
    TEXT(NFM_PROCESS_CWD, cwd);
    TEXT(NFM_PROCESS_ROOT, root);
    TEXT(NFM_PROCESS_CGROUP, cgroup);
    NUMBER(NFM_PROCESS_START_TIME_NS, start_time_ns);
    NUMBER(NFM_PROCESS_USER_NS, user_ns);
    NUMBER(NFM_PROCESS_SYSTEM_NS, system_ns);
    NUMBER(NFM_PROCESS_VIRTUAL_BYTES, virtual_bytes);
    NUMBER(NFM_PROCESS_RSS_BYTES, rss_bytes);
    NUMBER(NFM_PROCESS_SHARED_BYTES, shared_bytes);
    NUMBER(ALWAYS, pid);
    NUMBER(NFM_PROCESS_PID_IN_NAMESPACE, pid_in_namespace);
    NUMBER(NFM_PROCESS_PPID, ppid);
    NUMBER(NFM_PROCESS_UID, uid);
    NUMBER(NFM_PROCESS_EUID, euid);
    NUMBER(NFM_PROCESS_GID, gid);
    NUMBER(NFM_PROCESS_EGID, egid);
    NUMBER(NFM_PROCESS_THREADS, threads);
    SIGNED(NFM_PROCESS_NICE, nice);
    NUMBER(NFM_PROCESS_OPEN_FILES, open_files);
    NUMBER(NFM_PROCESS_PID_NAMESPACE, pid_namespace);
    NUMBER(NFM_PROCESS_NET_NAMESPACE, net_namespace);
    NUMBER(NFM_PROCESS_MNT_NAMESPACE, mnt_namespace);
    NUMBER(NFM_PROCESS_UTS_NAMESPACE, uts_namespace);
    NUMBER(NFM_PROCESS_IPC_NAMESPACE, ipc_namespace);
    NUMBER(NFM_PROCESS_USER_NAMESPACE, user_namespace);
    NUMBER(NFM_PROCESS_CGROUP_NAMESPACE, cgroup_namespace);
    NUMBER(NFM_PROCESS_TIME_NAMESPACE, time_namespace);
    NUMBER(NFM_PROCESS_KERNEL_THREAD, kernel_thread);
    LETTER(NFM_PROCESS_STATE, state);
    ROWS(NFM_PROCESS_THREAD_LIST, nfm_thread_t, thread_list, print_thread);
#ifdef NFM_PROCESS_OOM_SCORE_ADJ
    SIGNED(NFM_PROCESS_OOM_SCORE_ADJ, oom_score_adj);
#endif
}

static void print_file(const nfm_file_t *row)
{
    TEXT(NFM_FILE_KIND, kind);
    TEXT(NFM_FILE_PATH, path);
    NUMBER(NFM_FILE_FLAGS, flags);
    NUMBER(NFM_FILE_POSITION, position);
    NUMBER(NFM_FILE_INODE, inode);
    NUMBER(ALWAYS, pid);
    NUMBER(ALWAYS, fd);
}

static void print_physical_run(const nfm_physical_run_t *row)
{
    NUMBER(ALWAYS, virtual_address);
    NUMBER(NFM_PHYSICAL_RUN_PHYSICAL, physical);
    NUMBER(ALWAYS, bytes);
    NUMBER(ALWAYS, swapped);
}

static void print_mapping(const nfm_mapping_t *row)
{
    TEXT(NFM_MAPPING_PERMISSIONS, permissions);
    TEXT(NFM_MAPPING_PATH, path);
    NUMBER(ALWAYS, start);
    NUMBER(ALWAYS, end);
    NUMBER(NFM_MAPPING_OFFSET, offset);
    NUMBER(NFM_MAPPING_RESIDENT_BYTES, resident_bytes);
    ROWS(NFM_MAPPING_PHYSICAL, nfm_physical_run_t, physical, print_physical_run);
    NUMBER(ALWAYS, pid);
}

static void print_module(const nfm_module_t *row)
{
    TEXT(ALWAYS, name);
    TEXT(NFM_MODULE_STATE, state);
    TEXT(NFM_MODULE_TAINTS, taints);
    NUMBER(NFM_MODULE_SIZE, size);
    NUMBER(NFM_MODULE_ADDRESS, address);
    SIGNED(NFM_MODULE_REFERENCES, references);
    TEXTS(NFM_MODULE_USED_BY, used_by);
}

static void print_interface(const nfm_interface_t *row)
{
    TEXT(NFM_INTERFACE_NAME, name);
    TEXT(NFM_INTERFACE_MAC, mac);
    TEXTS(NFM_INTERFACE_IPV4, ipv4);
    TEXTS(NFM_INTERFACE_IPV6, ipv6);
    NUMBER(NFM_INTERFACE_RX_BYTES, rx_bytes);
    NUMBER(NFM_INTERFACE_RX_PACKETS, rx_packets);
    NUMBER(NFM_INTERFACE_RX_ERRORS, rx_errors);
    NUMBER(NFM_INTERFACE_RX_DROPPED, rx_dropped);
    NUMBER(NFM_INTERFACE_TX_BYTES, tx_bytes);
    NUMBER(NFM_INTERFACE_TX_PACKETS, tx_packets);
    NUMBER(NFM_INTERFACE_TX_ERRORS, tx_errors);
    NUMBER(NFM_INTERFACE_TX_DROPPED, tx_dropped);
    NUMBER(NFM_INTERFACE_NETNS, netns);
    NUMBER(NFM_INTERFACE_INDEX, index);
    NUMBER(NFM_INTERFACE_MTU, mtu);
    NUMBER(NFM_INTERFACE_UP, up);
}

static void print_connection(const nfm_connection_t *row)
{
    TEXT(ALWAYS, protocol);
    TEXT(NFM_CONNECTION_STATE, state);
    TEXT(NFM_CONNECTION_LOCAL_ADDRESS, local_address);
    TEXT(NFM_CONNECTION_REMOTE_ADDRESS, remote_address);
    TEXT(NFM_CONNECTION_PATH, path);
    NUMBER(NFM_CONNECTION_INODE, inode);
    NUMBER(NFM_CONNECTION_NETNS, netns);
    NUMBER(NFM_CONNECTION_UID, uid);
    NUMBER(NFM_CONNECTION_PID, pid);
    NUMBER(NFM_CONNECTION_FD, fd);
    NUMBER(NFM_CONNECTION_LOCAL_PORT, local_port);
    NUMBER(NFM_CONNECTION_REMOTE_PORT, remote_port);
}

static void print_mount(const nfm_mount_t *row)
{
    TEXT(NFM_MOUNT_SOURCE, source);
    TEXT(NFM_MOUNT_TARGET, target);
    TEXT(NFM_MOUNT_FILESYSTEM, filesystem);
    TEXT(NFM_MOUNT_OPTIONS, options);
    NUMBER(NFM_MOUNT_MNT_NS, mnt_ns);
}

static void print_log_record(const nfm_log_record_t *row)
{
    TEXT(ALWAYS, text);
    NUMBER(ALWAYS, time_ns);
    NUMBER(ALWAYS, level);
}

static void print_host(const nfm_host_t *row)
{
    TEXT(NFM_HOST_STATE, state);
    NUMBER(NFM_HOST_VCPU_TIME_NS, vcpu_time_ns);
    NUMBER(NFM_HOST_RSS_BYTES, rss_bytes);
    NUMBER(NFM_HOST_SWAPPED_BYTES, swapped_bytes);
    NUMBER(NFM_HOST_UNTOUCHED_BYTES, untouched_bytes);
    NUMBER(NFM_HOST_MEMORY_AGE_NS, memory_age_ns);
}

#ifdef NFM_SECTION_ROUTES
static void print_route(const nfm_route_t *row)
{
    TEXT(ALWAYS, family);
    TEXT(NFM_ROUTE_KIND, kind);
    TEXT(NFM_ROUTE_DESTINATION, destination);
    TEXT(NFM_ROUTE_SOURCE, source);
    TEXT(NFM_ROUTE_PROTOCOL, protocol);
    TEXT(NFM_ROUTE_SCOPE, scope);
    TEXT(NFM_ROUTE_PREFERRED_SOURCE, preferred_source);
    TEXT(NFM_ROUTE_GATEWAY, gateway);
    TEXT(NFM_ROUTE_INTERFACE, interface);
    TEXTS(NFM_ROUTE_FLAGS, flags);
    NUMBER(NFM_ROUTE_NETNS, netns);
    NUMBER(NFM_ROUTE_TABLE, table);
    NUMBER(NFM_ROUTE_TOS, tos);
    NUMBER(NFM_ROUTE_METRIC, metric);
    NUMBER(NFM_ROUTE_MTU, mtu);
    NUMBER(NFM_ROUTE_NEXTHOP_ID, nexthop_id);
    NUMBER(NFM_ROUTE_NEXTHOPS, nexthops);
    NUMBER(NFM_ROUTE_NEXTHOP, nexthop);
    NUMBER(NFM_ROUTE_INTERFACE_INDEX, interface_index);
    NUMBER(NFM_ROUTE_WEIGHT, weight);
}
#endif

#ifdef NFM_SECTION_NEIGHBOURS
static void print_neighbour(const nfm_neighbour_t *row)
{
    TEXT(ALWAYS, family);
    TEXT(NFM_NEIGHBOUR_ADDRESS, address);
    TEXT(NFM_NEIGHBOUR_INTERFACE, interface);
    TEXT(NFM_NEIGHBOUR_MAC, mac);
    TEXT(NFM_NEIGHBOUR_STATE, state);
    TEXT(NFM_NEIGHBOUR_PROTOCOL, protocol);
    TEXTS(NFM_NEIGHBOUR_FLAGS, flags);
    NUMBER(NFM_NEIGHBOUR_NETNS, netns);
    NUMBER(NFM_NEIGHBOUR_INTERFACE_INDEX, interface_index);
}
#endif

/* The rows of a section. A section that the frame does not hold has none. */
#define SECTION(name, bit, type, print)                                 \
    do {                                                                \
        size_t count_ = 7, stride_ = 0, i_;                             \
        const type *rows_ = nfm_frame_##name(frame, &count_, &stride_); \
        CHECK_STRIDE(stride_, type);                                    \
        CHECK(!rows_ == !(info->sections & (bit)));                     \
        CHECK(rows_ || count_ == 0);                                    \
        for (i_ = 0; i_ < count_; i_++) {                               \
            fprintf(out, #name "\t");                                   \
            separator = "{";                                            \
            print(NFM_ROW(type, rows_, stride_, i_));                   \
            fprintf(out, "}\n");                                        \
        }                                                               \
    } while (0)
#define SINGLE(name, bit, type, print)              \
    do {                                            \
        const type *row_ = nfm_frame_##name(frame); \
        CHECK(!row_ == !(info->sections & (bit)));  \
        if (row_) {                                 \
            fprintf(out, #name "\t");               \
            separator = "{";                        \
            print(row_);                            \
            fprintf(out, "}\n");                    \
        }                                           \
    } while (0)

static void print_frame(const nfm_frame_t *frame)
{
    const nfm_frame_info_t *info = nfm_frame_info(frame);
    const uint64_t always = info->sections;

    fprintf(out, "%s\n", nfm_frame_to_json(frame, 0));
    SECTION(problems, always, nfm_problem_t, print_problem);
    SINGLE(os, NFM_SECTION_OS, nfm_os_t, print_os);
    SECTION(cpus, NFM_SECTION_CPUS, nfm_cpu_t, print_cpu);
    SINGLE(memory, NFM_SECTION_MEMORY, nfm_memory_t, print_memory);
    SECTION(processes, NFM_SECTION_PROCESSES, nfm_process_t, print_process);
    SECTION(files, NFM_SECTION_FILES, nfm_file_t, print_file);
    SECTION(mappings, NFM_SECTION_MAPPINGS, nfm_mapping_t, print_mapping);
    SECTION(modules, NFM_SECTION_MODULES, nfm_module_t, print_module);
    SECTION(interfaces, NFM_SECTION_INTERFACES, nfm_interface_t, print_interface);
    SECTION(connections, NFM_SECTION_CONNECTIONS, nfm_connection_t, print_connection);
    SECTION(mounts, NFM_SECTION_MOUNTS, nfm_mount_t, print_mount);
    SECTION(log, NFM_SECTION_LOG, nfm_log_record_t, print_log_record);
    SINGLE(host, NFM_SECTION_HOST, nfm_host_t, print_host);
#ifdef NFM_SECTION_ROUTES
    SECTION(routes, NFM_SECTION_ROUTES, nfm_route_t, print_route);
#endif
#ifdef NFM_SECTION_NEIGHBOURS
    SECTION(neighbours, NFM_SECTION_NEIGHBOURS, nfm_neighbour_t, print_neighbour);
#endif
}

int main(int argc, char **argv)
{
    nfm_open_options_t open_options;
    nfm_crawl_options_t options;
    nfm_domain_t *domain = NULL;
    nfm_error_t *error = NULL;
    unsigned long frames;

    CHECK(argc == 5);
    memset(&open_options, 0, sizeof(open_options));
    open_options.size = sizeof(open_options);
    open_options.uri = "qemu:///system";
    /* Under valgrind, an opening by a library that is not optimised comes near the usual limit of 10 s. */
    open_options.time_limit_ns = 120000000000u;
    if (nfm_open_domain(argv[1], &open_options, &domain, &error) != NFM_OK)
        fprintf(stderr, "%s\n", nfm_error_message(error));
    CHECK(!error);

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = strtoull(argv[3], NULL, 0);
    options.time_limit_ns = strtoull(argv[4], NULL, 0);
    options.threads = options.physical = 1;
    for (frames = strtoul(argv[2], NULL, 0); frames > 0; frames--) {
        nfm_frame_t *frame;

        CHECK(nfm_crawl(domain, &options, &frame, &error) == NFM_OK);
        out = frames == 1 ? stdout : fopen("/dev/null", "w");
        print_frame(frame);
        if (out != stdout)
            fclose(out);
        nfm_frame_free(frame);
    }
    nfm_close_domain(domain);
    return 0;
}
