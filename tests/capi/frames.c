/*
 * frames DOMAIN: what a caller may do with the frames of a real guest. Prints the first frame's JSON
 * in one line, then a line for each of its rows, texts in hexadecimal: both must tell the same.
 */
#include <inttypes.h>
#include <pthread.h>

#include "check.h"

enum { THREADS = 4 };

struct reading {
    const nfm_frame_t *frame;
    const nfm_process_t *rows;
    const char *json;
};

static void *read_frame(void *argument)
{
    struct reading *reading = argument;
    size_t count, stride;

    reading->rows = nfm_frame_processes(reading->frame, &count, &stride);
    reading->json = nfm_frame_to_json(reading->frame, 0);
    return NULL;
}

/* Several threads that ask first, all at once, get the same. */
static void read_by_threads(const nfm_frame_t *frame)
{
    struct reading readings[THREADS];
    pthread_t threads[THREADS];
    int i;

    for (i = 0; i < THREADS; i++) {
        readings[i].frame = frame;
        CHECK(pthread_create(&threads[i], NULL, read_frame, &readings[i]) == 0);
    }
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (i = 0; i < THREADS; i++) {
        CHECK(readings[i].rows && readings[i].rows == readings[0].rows);
        CHECK(readings[i].json && readings[i].json == readings[0].json);
    }
}

static void bad_options(nfm_domain_t *domain)
{
    struct {
        nfm_crawl_options_t known;
        uint64_t later;
    } newer;
    nfm_error_t *error = NULL;
    nfm_frame_t *frame = NULL;

    memset(&newer, 0, sizeof(newer));
    CHECK_FAILS(nfm_crawl(domain, &newer.known, &frame, &error), NFM_ERR_INVALID_ARGUMENT, "size is 0");
    newer.known.size = sizeof(newer);
    newer.later = 1;
    CHECK_FAILS(nfm_crawl(domain, &newer.known, &frame, &error), NFM_ERR_INVALID_ARGUMENT,
                "does not know");
    newer.later = 0;
    newer.known.sections = NFM_SECTION_OS | 1ull << 63;
    CHECK_FAILS(nfm_crawl(domain, &newer.known, &frame, &error), NFM_ERR_INVALID_ARGUMENT,
                "0x8000000000000000");
    CHECK_FAILS(nfm_crawl(domain, NULL, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK(!frame);
}

/* A section that was not asked for is not there, which is not the same as empty. */
static void one_section(nfm_domain_t *domain)
{
    nfm_crawl_options_t options;
    nfm_frame_t *frame;
    size_t count = 7, stride = 0;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = NFM_SECTION_OS;
    CHECK(nfm_crawl(domain, &options, &frame, NULL) == NFM_OK);
    CHECK(nfm_frame_info(frame)->sections == NFM_SECTION_OS);
    CHECK(!nfm_frame_processes(frame, &count, &stride) && count == 0);
    CHECK(strstr(nfm_frame_to_json(frame, 0), "\"os\":"));
    CHECK(!strstr(nfm_frame_to_json(frame, 0), "\"processes\":"));
    nfm_frame_free(frame);
}

/* A frame that was not done in time says so. */
static void no_time(nfm_domain_t *domain)
{
    nfm_crawl_options_t options;
    nfm_frame_t *frame;
    size_t count, stride, i;
    const nfm_problem_t *problems;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.time_limit_ns = 1;
    CHECK(nfm_crawl(domain, &options, &frame, NULL) == NFM_OK);
    CHECK(!nfm_frame_info(frame)->complete);
    problems = nfm_frame_problems(frame, &count, &stride);
    CHECK(count > 0);
    for (i = 0; i < count; i++) {
        const nfm_problem_t *problem = NFM_ROW(nfm_problem_t, problems, stride, i);

        CHECK(problem->section && problem->reason);
        CHECK(problem->known & NFM_PROBLEM_ADDRESS || problem->address == 0);
    }
    nfm_frame_free(frame);
}

static void head(const nfm_frame_t *frame, const char *domain)
{
    const nfm_frame_info_t *info = nfm_frame_info(frame);
    size_t count = 7, stride;

    CHECK(info && info == nfm_frame_info(frame));
    CHECK(strcmp(info->domain_name, domain) == 0);
    CHECK(strlen(info->domain_uuid) == 36);
    CHECK(strcmp(info->hypervisor, "qemu") == 0);
    CHECK(strcmp(info->mode, "live") == 0);
    CHECK(info->seq == 1 && info->time_ns > 0 && info->duration_ns > 0);
    CHECK(info->sections & NFM_SECTION_PROCESSES && info->sections & NFM_SECTION_INTERFACES);
    nfm_frame_problems(frame, &count, &stride);
    CHECK(info->complete == (count == 0));
}

static void print_hexadecimal(const char *text)
{
    if (!text)
        printf("\tnull");
    else
        putchar('\t');
    for (; text && *text; text++)
        printf("%02x", (unsigned char)*text);
}

static void print_number(uint64_t known, int64_t value)
{
    if (known)
        printf("\t%" PRId64, value);
    else
        printf("\tnull");
}

static void print_row(const nfm_process_t *row)
{
    uint64_t known = row->known;

    CHECK(!row->name == !(known & NFM_PROCESS_NAME));
    CHECK(!row->command_line == !(known & NFM_PROCESS_COMMAND_LINE));
    CHECK(!row->exe == !(known & NFM_PROCESS_EXE));
    CHECK(!row->cwd == !(known & NFM_PROCESS_CWD));
    CHECK(!row->root == !(known & NFM_PROCESS_ROOT));
    CHECK(!row->cgroup == !(known & NFM_PROCESS_CGROUP));
    printf("%" PRIu32, row->pid);
    print_number(known & NFM_PROCESS_START_TIME_NS, (int64_t)row->start_time_ns);
    print_number(known & NFM_PROCESS_USER_NS, (int64_t)row->user_ns);
    print_number(known & NFM_PROCESS_SYSTEM_NS, (int64_t)row->system_ns);
    print_number(known & NFM_PROCESS_VIRTUAL_BYTES, (int64_t)row->virtual_bytes);
    print_number(known & NFM_PROCESS_RSS_BYTES, (int64_t)row->rss_bytes);
    print_number(known & NFM_PROCESS_SHARED_BYTES, (int64_t)row->shared_bytes);
    print_number(known & NFM_PROCESS_PID_IN_NAMESPACE, row->pid_in_namespace);
    print_number(known & NFM_PROCESS_PPID, row->ppid);
    print_number(known & NFM_PROCESS_UID, row->uid);
    print_number(known & NFM_PROCESS_EUID, row->euid);
    print_number(known & NFM_PROCESS_GID, row->gid);
    print_number(known & NFM_PROCESS_EGID, row->egid);
    print_number(known & NFM_PROCESS_THREADS, row->threads);
    print_number(known & NFM_PROCESS_NICE, row->nice);
    print_number(known & NFM_PROCESS_OPEN_FILES, row->open_files);
    print_number(known & NFM_PROCESS_PID_NAMESPACE, row->pid_namespace);
    print_number(known & NFM_PROCESS_NET_NAMESPACE, row->net_namespace);
    print_number(known & NFM_PROCESS_MNT_NAMESPACE, row->mnt_namespace);
    print_number(known & NFM_PROCESS_UTS_NAMESPACE, row->uts_namespace);
    print_number(known & NFM_PROCESS_IPC_NAMESPACE, row->ipc_namespace);
    print_number(known & NFM_PROCESS_USER_NAMESPACE, row->user_namespace);
    print_number(known & NFM_PROCESS_CGROUP_NAMESPACE, row->cgroup_namespace);
    print_number(known & NFM_PROCESS_TIME_NAMESPACE, row->time_namespace);
    print_number(known & NFM_PROCESS_KERNEL_THREAD, row->kernel_thread);
    printf("\t%c", known & NFM_PROCESS_STATE ? row->state : '?');
    print_hexadecimal(row->name);
    print_hexadecimal(row->command_line);
    print_hexadecimal(row->exe);
    print_hexadecimal(row->cwd);
    print_hexadecimal(row->root);
    print_hexadecimal(row->cgroup);
    putchar('\n');
}

int main(int argc, char **argv)
{
    nfm_open_options_t options;
    nfm_domain_t *domain;
    nfm_frame_t *frame;
    nfm_error_t *error = NULL;
    const nfm_process_t *rows;
    size_t count, stride, i;

    CHECK(argc == 2);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "qemu:///system";
    if (nfm_open_domain(argv[1], &options, &domain, &error) != NFM_OK)
        fprintf(stderr, "%s\n", nfm_error_message(error));
    CHECK(!error);
    CHECK(nfm_crawl(domain, NULL, &frame, &error) == NFM_OK);
    head(frame, argv[1]);
    read_by_threads(frame);

    bad_options(domain);
    one_section(domain);
    no_time(domain);
    nfm_close_domain(domain);

    /* A frame outlives its domain. */
    CHECK(!nfm_frame_to_json(frame, 2));
    CHECK(nfm_frame_to_json(frame, NFM_JSON_PRETTY) == nfm_frame_to_json(frame, NFM_JSON_PRETTY));
    CHECK(strchr(nfm_frame_to_json(frame, NFM_JSON_PRETTY), '\n'));
    puts(nfm_frame_to_json(frame, 0));
    rows = nfm_frame_processes(frame, &count, &stride);
    CHECK(!nfm_frame_processes(frame, &count, NULL) && count == 0);
    CHECK(rows == nfm_frame_processes(frame, &count, &stride));
    for (i = 0; i < count; i++)
        print_row(NFM_ROW(nfm_process_t, rows, stride, i));
    nfm_frame_free(frame);
    return 0;
}
