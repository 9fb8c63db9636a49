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
 * nfm_close_domain(), nfm_frame_free(), nfm_error_free(). NULL there does nothing. What a function
 * returns as a pointer to const belongs to the frame or the error it was asked of, and goes with it.
 * Never call free() on any of it. What you pass in stays yours and is not kept.
 *
 * Threads. A domain: one thread at a time, which need not be the same each time. A frame or an error
 * never changes: any number of threads may read it, and one frees it when the others are done.
 *
 * Growth. Later versions add functions, numbers, bits, and members at the end of structures, and
 * never change those that are. So that your program runs with older and newer libraries:
 *   - Options: zero them whole and set size to sizeof. Zero means default.
 *   - Rows: go from one to the next with NFM_ROW() and the stride that the library tells, never by
 *     array index or sizeof. Copy members, not whole rows.
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

/* The result of such a function must be looked at. */
#if defined(__GNUC__) || defined(__clang__)
#define NFM_MUST_USE __attribute__((warn_unused_result))
#else
#define NFM_MUST_USE
#endif

/**
 * Section of a frame: the operating system.
 */
#define NFM_SECTION_OS (1ull << 0)

/**
 * Section of a frame: the CPUs.
 */
#define NFM_SECTION_CPUS (1ull << 1)

/**
 * Section of a frame: memory as a whole.
 */
#define NFM_SECTION_MEMORY (1ull << 2)

/**
 * Section of a frame: the processes, see nfm_frame_processes().
 */
#define NFM_SECTION_PROCESSES (1ull << 3)

/**
 * Section of a frame: the open files of the processes.
 */
#define NFM_SECTION_FILES (1ull << 4)

/**
 * Section of a frame: the address spaces of the processes.
 */
#define NFM_SECTION_MAPPINGS (1ull << 5)

/**
 * Section of a frame: the loaded kernel modules.
 */
#define NFM_SECTION_MODULES (1ull << 6)

/**
 * Section of a frame: the network interfaces.
 */
#define NFM_SECTION_INTERFACES (1ull << 7)

/**
 * Section of a frame: the sockets.
 */
#define NFM_SECTION_CONNECTIONS (1ull << 8)

/**
 * Section of a frame: the mounts.
 */
#define NFM_SECTION_MOUNTS (1ull << 9)

/**
 * Section of a frame: the kernel's log.
 */
#define NFM_SECTION_LOG (1ull << 10)

/**
 * Section of a frame: what the host knows of the guest.
 */
#define NFM_SECTION_HOST (1ull << 11)

/**
 * Section of a frame: where the kernel's structures contradict each other. It must be asked for, and
 * nfm_frame_to_json() tells it.
 */
#define NFM_SECTION_INTEGRITY (1ull << 12)

/**
 * Bit of nfm_problem_t.known: address.
 */
#define NFM_PROBLEM_ADDRESS (1ull << 0)

/**
 * Flag of nfm_frame_to_json(): indented, for people.
 */
#define NFM_JSON_PRETTY (1u << 0)

/**
 * Bit of nfm_process_t.known: name.
 */
#define NFM_PROCESS_NAME (1ull << 0)

/**
 * Bit of nfm_process_t.known: command_line.
 */
#define NFM_PROCESS_COMMAND_LINE (1ull << 1)

/**
 * Bit of nfm_process_t.known: exe.
 */
#define NFM_PROCESS_EXE (1ull << 2)

/**
 * Bit of nfm_process_t.known: cwd.
 */
#define NFM_PROCESS_CWD (1ull << 3)

/**
 * Bit of nfm_process_t.known: root.
 */
#define NFM_PROCESS_ROOT (1ull << 4)

/**
 * Bit of nfm_process_t.known: cgroup.
 */
#define NFM_PROCESS_CGROUP (1ull << 5)

/**
 * Bit of nfm_process_t.known: start_time_ns.
 */
#define NFM_PROCESS_START_TIME_NS (1ull << 6)

/**
 * Bit of nfm_process_t.known: user_ns.
 */
#define NFM_PROCESS_USER_NS (1ull << 7)

/**
 * Bit of nfm_process_t.known: system_ns.
 */
#define NFM_PROCESS_SYSTEM_NS (1ull << 8)

/**
 * Bit of nfm_process_t.known: virtual_bytes.
 */
#define NFM_PROCESS_VIRTUAL_BYTES (1ull << 9)

/**
 * Bit of nfm_process_t.known: rss_bytes.
 */
#define NFM_PROCESS_RSS_BYTES (1ull << 10)

/**
 * Bit of nfm_process_t.known: shared_bytes.
 */
#define NFM_PROCESS_SHARED_BYTES (1ull << 11)

/**
 * Bit of nfm_process_t.known: pid_in_namespace.
 */
#define NFM_PROCESS_PID_IN_NAMESPACE (1ull << 12)

/**
 * Bit of nfm_process_t.known: ppid.
 */
#define NFM_PROCESS_PPID (1ull << 13)

/**
 * Bit of nfm_process_t.known: uid.
 */
#define NFM_PROCESS_UID (1ull << 14)

/**
 * Bit of nfm_process_t.known: euid.
 */
#define NFM_PROCESS_EUID (1ull << 15)

/**
 * Bit of nfm_process_t.known: gid.
 */
#define NFM_PROCESS_GID (1ull << 16)

/**
 * Bit of nfm_process_t.known: egid.
 */
#define NFM_PROCESS_EGID (1ull << 17)

/**
 * Bit of nfm_process_t.known: threads.
 */
#define NFM_PROCESS_THREADS (1ull << 18)

/**
 * Bit of nfm_process_t.known: nice.
 */
#define NFM_PROCESS_NICE (1ull << 19)

/**
 * Bit of nfm_process_t.known: open_files.
 */
#define NFM_PROCESS_OPEN_FILES (1ull << 20)

/**
 * Bit of nfm_process_t.known: pid_namespace.
 */
#define NFM_PROCESS_PID_NAMESPACE (1ull << 21)

/**
 * Bit of nfm_process_t.known: net_namespace.
 */
#define NFM_PROCESS_NET_NAMESPACE (1ull << 22)

/**
 * Bit of nfm_process_t.known: mnt_namespace.
 */
#define NFM_PROCESS_MNT_NAMESPACE (1ull << 23)

/**
 * Bit of nfm_process_t.known: uts_namespace.
 */
#define NFM_PROCESS_UTS_NAMESPACE (1ull << 24)

/**
 * Bit of nfm_process_t.known: ipc_namespace.
 */
#define NFM_PROCESS_IPC_NAMESPACE (1ull << 25)

/**
 * Bit of nfm_process_t.known: user_namespace.
 */
#define NFM_PROCESS_USER_NAMESPACE (1ull << 26)

/**
 * Bit of nfm_process_t.known: cgroup_namespace.
 */
#define NFM_PROCESS_CGROUP_NAMESPACE (1ull << 27)

/**
 * Bit of nfm_process_t.known: time_namespace.
 */
#define NFM_PROCESS_TIME_NAMESPACE (1ull << 28)

/**
 * Bit of nfm_process_t.known: kernel_thread.
 */
#define NFM_PROCESS_KERNEL_THREAD (1ull << 29)

/**
 * Bit of nfm_process_t.known: state.
 */
#define NFM_PROCESS_STATE (1ull << 30)

/**
 * What a function returns, as an int. Numbers are never reused; later versions add some, so treat a
 * number that is not listed as a failure.
 */
typedef enum nfm_result_t {
    /**
     * All went well.
     */
    NFM_OK = 0,
    /**
     * Something failed that has no code of its own (an input or output error, for example).
     */
    NFM_ERR_OTHER = 1,
    /**
     * An argument is not what the function takes.
     */
    NFM_ERR_INVALID_ARGUMENT = 2,
    /**
     * libvirt cannot be reached.
     */
    NFM_ERR_CONNECT = 3,
    /**
     * libvirt knows no such domain.
     */
    NFM_ERR_NO_SUCH_DOMAIN = 4,
    /**
     * The domain is known but not running.
     */
    NFM_ERR_NOT_RUNNING = 5,
    /**
     * The guest's memory may not be read with the caller's privileges.
     */
    NFM_ERR_PERMISSION = 6,
    /**
     * No operating system runs in the guest yet: it is in its firmware or boot loader.
     */
    NFM_ERR_NOT_BOOTED = 7,
    /**
     * What runs in the guest is no Linux kernel that can be recognised.
     */
    NFM_ERR_NOT_LINUX = 8,
    /**
     * The kernel carries no BTF, so the layout of its structures is unknown.
     */
    NFM_ERR_NO_TYPES = 9,
    /**
     * The kernel's symbol table cannot be found in its memory.
     */
    NFM_ERR_NO_SYMBOLS = 10,
    /**
     * The hypervisor, the architecture or the kind of memory is one that nfm does not read.
     */
    NFM_ERR_UNSUPPORTED = 11,
    /**
     * The guest's RAM cannot be located in the hypervisor's process.
     */
    NFM_ERR_NO_MEMORY = 12,
    /**
     * The guest ended, or was replaced by another, while it was read.
     */
    NFM_ERR_GONE = 13,
    /**
     * A bug in nfm: a panic was caught, or was caught earlier with this handle. Close the handle.
     */
    NFM_ERR_PANIC = 14,
} nfm_result_t;

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
 * One snapshot of one guest. It never changes, and all that its functions return belongs to it: any
 * number of threads may read it at the same time, until nfm_frame_free().
 */
typedef struct nfm_frame_t nfm_frame_t;

/**
 * How to open a domain. Zero the whole structure, then set size and what is to differ from the
 * default. It is only read during the call.
 */
typedef struct nfm_open_options_t {
    /**
     * sizeof(nfm_open_options_t).
     */
    size_t size;
    /**
     * libvirt's connection URI; NULL for libvirt's own default.
     */
    const char *uri;
} nfm_open_options_t;

/**
 * How to crawl. Zero the whole structure, then set size and what is to differ from the default. It is
 * only read during the call.
 */
typedef struct nfm_crawl_options_t {
    /**
     * sizeof(nfm_crawl_options_t).
     */
    size_t size;
    /**
     * The sections to fill, NFM_SECTION_... combined; 0 for the default ones.
     */
    uint64_t sections;
    /**
     * A frame that is not done after this long is returned as it is, with a problem that says so;
     * 0 for the default, 10 seconds.
     */
    uint64_t time_limit_ns;
} nfm_crawl_options_t;

/**
 * The head of a frame.
 */
typedef struct nfm_frame_info_t {
    /**
     * Which of the members that later versions add are known; the ones here always are.
     */
    uint64_t known;
    /**
     * The sections that the frame holds, NFM_SECTION_... combined.
     */
    uint64_t sections;
    /**
     * Counts the frames of one domain handle, from 1.
     */
    uint64_t seq;
    /**
     * The host's clock when the crawl began, nanoseconds since 1970.
     */
    uint64_t time_ns;
    /**
     * How long the crawl took, nanoseconds.
     */
    uint64_t duration_ns;
    /**
     * libvirt's name of the domain.
     */
    const char *domain_name;
    /**
     * The domain's UUID in the usual text form.
     */
    const char *domain_uuid;
    /**
     * The hypervisor driver, in lower case: "qemu".
     */
    const char *hypervisor;
    /**
     * How the frame was taken: "live", the guest ran on.
     */
    const char *mode;
    /**
     * Walks that were begun anew because they met a change.
     */
    uint32_t retries;
    /**
     * 1 if every section is whole, 0 if there are problems.
     */
    uint32_t complete;
} nfm_frame_info_t;

/**
 * Something that a frame lacks.
 */
typedef struct nfm_problem_t {
    /**
     * Which members are known, NFM_PROBLEM_... combined; section and reason always are.
     */
    uint64_t known;
    /**
     * The guest-virtual address at which it happened.
     */
    uint64_t address;
    /**
     * The section's name, as in JSON: "processes".
     */
    const char *section;
    /**
     * What happened, in one sentence for a person.
     */
    const char *reason;
} nfm_problem_t;

/**
 * One process: a thread group, as /proc lists it in the guest's first PID namespace.
 */
typedef struct nfm_process_t {
    /**
     * Which members are known, NFM_PROCESS_... combined; pid always is.
     */
    uint64_t known;
    /**
     * The name as in /proc/PID/status; NULL if not known.
     */
    const char *name;
    /**
     * The arguments, joined by spaces; empty for a kernel thread; NULL if not known.
     */
    const char *command_line;
    /**
     * The file it runs, as in /proc/PID/exe; NULL if not known, and for a kernel thread.
     */
    const char *exe;
    /**
     * Its working directory; NULL if not known.
     */
    const char *cwd;
    /**
     * Its root directory; NULL if not known.
     */
    const char *root;
    /**
     * Its group in the unified cgroup hierarchy, as in /proc/PID/cgroup; NULL if not known.
     */
    const char *cgroup;
    /**
     * When it started, nanoseconds since the guest's boot.
     */
    uint64_t start_time_ns;
    /**
     * CPU time in user mode of all its threads, past ones included, nanoseconds.
     */
    uint64_t user_ns;
    /**
     * CPU time in the kernel of all its threads, past ones included, nanoseconds.
     */
    uint64_t system_ns;
    /**
     * Size of the address space, bytes.
     */
    uint64_t virtual_bytes;
    /**
     * Memory of it that is in RAM, bytes.
     */
    uint64_t rss_bytes;
    /**
     * That part of rss_bytes which is of files or shared memory, bytes.
     */
    uint64_t shared_bytes;
    /**
     * Process id.
     */
    uint32_t pid;
    /**
     * Its process id in its own PID namespace.
     */
    uint32_t pid_in_namespace;
    /**
     * The parent's process id; 0 for the first process and the kernel's threads' parent.
     */
    uint32_t ppid;
    /**
     * Real user id.
     */
    uint32_t uid;
    /**
     * Effective user id.
     */
    uint32_t euid;
    /**
     * Real group id.
     */
    uint32_t gid;
    /**
     * Effective group id.
     */
    uint32_t egid;
    /**
     * Number of threads, the first included.
     */
    uint32_t threads;
    /**
     * Nice value, -20 to 19.
     */
    int32_t nice;
    /**
     * Number of open file descriptors.
     */
    uint32_t open_files;
    /**
     * Process id namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t pid_namespace;
    /**
     * Network namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t net_namespace;
    /**
     * Mount namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t mnt_namespace;
    /**
     * Host name (UTS) namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t uts_namespace;
    /**
     * IPC namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t ipc_namespace;
    /**
     * User namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t user_namespace;
    /**
     * Control group namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t cgroup_namespace;
    /**
     * Time namespace: its inode number, as in /proc/PID/ns.
     */
    uint32_t time_namespace;
    /**
     * 1 for a thread of the kernel, else 0.
     */
    uint32_t kernel_thread;
    /**
     * The state's letter, as ps shows it ('R', 'S', 'D', 'T', 't', 'X', 'Z', 'P', 'I').
     */
    char state;
    /**
     * Zero.
     */
    uint8_t reserved[3];
} nfm_process_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that runs, where NFM_VERSION is that of the header compiled against.
 *
 * Returns: a static string, "MAJOR.MINOR.PATCH".
 * Threads: any.
 * Since: 0.1
 */
const char *nfm_version(void);

/**
 * The number of an error, one of nfm_result_t.
 *
 * Parameters: error, or NULL.
 * Returns: the code that the function returned which made the error; NFM_OK for NULL.
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
 * Returns: UTF-8, owned by the error; "no error" for NULL; never NULL.
 * Threads: any.
 * Since: 0.1
 */
const char *nfm_error_message(const struct nfm_error_t *error);

/**
 * The system's error number behind an error.
 *
 * Parameters: error, or NULL.
 * Returns: an errno value; 0 where there is none, and for NULL.
 * Threads: any.
 * Since: 0.1
 */
int nfm_error_errno(const struct nfm_error_t *error);

/**
 * The guest-virtual address at which an error happened.
 *
 * Parameters: error, or NULL; address receives it, where there is one, and may be NULL.
 * Returns: 1 where there is one (0 is an address like any other), else 0.
 * Threads: any.
 * Since: 0.1
 */
int nfm_error_address(const struct nfm_error_t *error, uint64_t *address);

/**
 * Frees an error, and with it the message that nfm_error_message() gave.
 *
 * Parameters: error, or NULL, which does nothing.
 * Threads: any, once no other uses the error.
 * Since: 0.1
 */
void nfm_error_free(struct nfm_error_t *error);

/**
 * The name of a result, as in this header: "NFM_ERR_NO_SUCH_DOMAIN".
 *
 * Parameters: result, what a function returned.
 * Returns: a static string; "NFM_ERR_?" for a number without a name; never NULL.
 * Threads: any.
 * Since: 0.1
 */
const char *nfm_result_name(int result);

/**
 * Opens a running domain: finds its process, its memory and its kernel. Nothing is asked of the
 * guest or the hypervisor, and libvirt is only read from.
 *
 * Parameters: domain, its name, id or UUID as virsh takes them, in UTF-8; options, or NULL for the
 * defaults; out receives the domain; error receives what went wrong, or is NULL.
 * Returns: NFM_OK; NFM_ERR_INVALID_ARGUMENT, NFM_ERR_CONNECT, NFM_ERR_NO_SUCH_DOMAIN,
 * NFM_ERR_NOT_RUNNING, NFM_ERR_PERMISSION, NFM_ERR_NOT_BOOTED, NFM_ERR_NOT_LINUX, NFM_ERR_NO_TYPES,
 * NFM_ERR_NO_SYMBOLS, NFM_ERR_UNSUPPORTED, NFM_ERR_NO_MEMORY, NFM_ERR_GONE, NFM_ERR_PANIC or
 * NFM_ERR_OTHER.
 * Ownership: the caller's, to be ended with nfm_close_domain().
 * Note: where no connection can be made, libvirt prints its own line to standard error, as it does for
 * every program that has set no other handler with virSetErrorFunc(). This library sets none: the
 * handler belongs to the whole process.
 * Threads: any.
 * Since: 0.1
 */
NFM_MUST_USE
int nfm_open_domain(const char *domain,
                    const struct nfm_open_options_t *options,
                    struct nfm_domain_t **out,
                    struct nfm_error_t **error);

/**
 * Takes a frame: one snapshot of the guest, which runs on meanwhile.
 *
 * What cannot be read inside a living guest is no error: nfm_frame_info() says whether the frame is
 * complete, and nfm_frame_problems() what it lacks.
 *
 * Parameters: domain; options, or NULL for the defaults; out receives the frame; error receives what
 * went wrong, or is NULL.
 * Returns: NFM_OK; NFM_ERR_INVALID_ARGUMENT (also when another thread is using the domain);
 * NFM_ERR_GONE, after which the domain is of no more use; NFM_ERR_PANIC, after which all calls with
 * this domain but nfm_close_domain() return the same; NFM_ERR_OTHER.
 * Ownership: the caller's, to be ended with nfm_frame_free(); it may outlive the domain.
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
 * Parameters: domain, or NULL, which does nothing.
 * Threads: any, once no other uses the domain.
 * Since: 0.1
 */
void nfm_close_domain(struct nfm_domain_t *domain);

/**
 * The head of a frame: whose it is, when it was taken, what it holds, whether it is complete.
 *
 * Parameters: frame.
 * Returns: the head; NULL only if frame is NULL.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_frame_info_t *nfm_frame_info(const struct nfm_frame_t *frame);

/**
 * What a frame lacks; none if it is complete.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL if an argument is NULL.
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
 * Ownership: the frame's, which keeps it for further calls.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const char *nfm_frame_to_json(const struct nfm_frame_t *frame,
                              uint32_t flags);

/**
 * Frees a frame, and with it all that was read from it.
 *
 * Parameters: frame, or NULL, which does nothing.
 * Threads: any, once no other uses the frame.
 * Since: 0.1
 */
void nfm_frame_free(struct nfm_frame_t *frame);

/**
 * The processes of a frame, in the order of the kernel's task list.
 *
 * Parameters: frame; count receives the number of rows; stride receives the bytes from one row to
 * the next, for NFM_ROW().
 * Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does
 * not hold the section or an argument is NULL.
 * Ownership: the frame's.
 * Threads: any number at the same time.
 * Since: 0.1
 */
const struct nfm_process_t *nfm_frame_processes(const struct nfm_frame_t *frame,
                                                size_t *count,
                                                size_t *stride);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NFM_H */
