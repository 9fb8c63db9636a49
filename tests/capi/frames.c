/*
 * frames DOMAIN: what a caller may do with a real guest and its frames, and what it may not.
 */
#define _POSIX_C_SOURCE 200112L
#include <pthread.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 50 };

struct reading {
    const nfm_frame_t *frame;
    const nfm_process_t *rows;
    const nfm_module_t *modules;
    const char *json;
};

static void *read_frame(void *argument)
{
    struct reading *reading = argument;
    size_t count, stride;

    reading->rows = nfm_frame_processes(reading->frame, &count, &stride);
    reading->modules = nfm_frame_modules(reading->frame, &count, &stride);
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
        CHECK(readings[i].modules && readings[i].modules == readings[0].modules);
        CHECK(readings[i].json && readings[i].json == readings[0].json);
    }
}

struct work {
    nfm_domain_t *domain;
    nfm_control_t *control;
    uint32_t mode;
    int done, refused;
};

static void *crawl_often(void *argument)
{
    struct work *work = argument;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        nfm_error_t *error = NULL;
        nfm_frame_t *frame = NULL;
        int code = nfm_crawl(work->domain, NULL, &frame, &error);

        CHECK(code == NFM_OK || code == NFM_ERR_INVALID_ARGUMENT);
        CHECK(!frame == (code != NFM_OK) && !error == (code == NFM_OK));
        if (frame) {
            work->done++;
        } else {
            CHECK(strstr(nfm_error_message(error), "another thread is using this domain"));
            work->refused++;
        }
        nfm_error_free(error);
        nfm_frame_free(frame);
    }
    return NULL;
}

/* Threads that share a domain are refused but for one at a time. */
static void share_a_domain(nfm_domain_t *domain)
{
    struct work work[THREADS];
    pthread_t threads[THREADS];
    int i, done = 0, refused = 0;

    memset(work, 0, sizeof(work));
    for (i = 0; i < THREADS; i++) {
        work[i].domain = domain;
        CHECK(pthread_create(&threads[i], NULL, crawl_often, &work[i]) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        done += work[i].done;
        refused += work[i].refused;
    }
    CHECK(done > 0 && refused > 0 && done + refused == THREADS * ROUNDS);
}

static void *crawl_all(void *argument)
{
    struct work *work = argument;
    nfm_crawl_options_t options;
    nfm_frame_t *frame = NULL;
    nfm_error_t *error = NULL;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.control = work->control;
    options.physical = options.threads = 1;
    options.mode = work->mode;
    CHECK_FAILS(nfm_crawl(work->domain, &options, &frame, &error), NFM_ERR_CANCELLED, "was cancelled");
    CHECK(!frame);
    return NULL;
}

/* A crawl ends when another thread cancels it, and none begins until that is taken back. A guest that was
 * suspended for it runs again. */
static void cancel(const char *name, nfm_domain_t *domain, uint32_t mode)
{
    nfm_open_options_t open_options;
    nfm_crawl_options_t options;
    nfm_error_t *error = NULL;
    nfm_domain_t *other = NULL;
    nfm_frame_t *frame = NULL;
    struct work work;
    pthread_t thread;
    uint64_t pages, seq;

    memset(&work, 0, sizeof(work));
    work.domain = domain;
    work.mode = mode;
    CHECK(nfm_control_new(&work.control, &error) == NFM_OK);
    CHECK(!nfm_control_is_cancelled(work.control) && nfm_control_pages(work.control) == 0);
    CHECK(nfm_crawl(domain, NULL, &frame, NULL) == NFM_OK);
    seq = nfm_frame_info(frame)->seq;
    nfm_frame_free(frame);
    frame = NULL;

    CHECK(pthread_create(&thread, NULL, crawl_all, &work) == 0);
    while (nfm_control_pages(work.control) == 0 || nfm_control_section(work.control) == 0)
        continue;
    nfm_control_cancel(work.control);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(nfm_control_section(work.control) == 0);

    /* Still cancelled: nothing is read. */
    pages = nfm_control_pages(work.control);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.control = work.control;
    CHECK_FAILS(nfm_crawl(domain, &options, &frame, &error), NFM_ERR_CANCELLED, name);
    memset(&open_options, 0, sizeof(open_options));
    open_options.size = sizeof(open_options);
    open_options.uri = "qemu:///system";
    open_options.control = work.control;
    CHECK_FAILS(nfm_open_domain(name, &open_options, &other, &error), NFM_ERR_CANCELLED, name);
    CHECK(nfm_control_is_cancelled(work.control) && nfm_control_pages(work.control) == pages);

    /* The domain is as before: a cancelled frame does not even count. */
    nfm_control_reset(work.control);
    CHECK(nfm_crawl(domain, &options, &frame, &error) == NFM_OK);
    CHECK(nfm_frame_info(frame)->seq == seq + 1 && nfm_frame_info(frame)->complete);
    CHECK(strcmp(nfm_frame_host(frame)->state, "running") == 0);
    CHECK(nfm_control_pages(work.control) > pages);
    nfm_frame_free(frame);
    nfm_control_free(work.control);
}

struct lines {
    int lines;
    char last[256];
};

static void note(int level, const char *target, const char *message, void *user)
{
    struct lines *lines = user;
    nfm_error_t *error = NULL;

    CHECK(level >= NFM_LOG_ERROR && level <= NFM_LOG_DEBUG);
    CHECK(strncmp(target, "nfm", 3) == 0);
    lines->lines++;
    snprintf(lines->last, sizeof(lines->last), "%s", message);
    CHECK_FAILS(nfm_set_log(NFM_LOG_OFF, NULL, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "callback");
}

static void note_elsewhere(int level, const char *target, const char *message, void *user)
{
    (void)level, (void)target, (void)message;
    ++*(int *)user;
}

/* What the library finds is told to a function, until another one is set. */
static void log_messages(const char *name)
{
    nfm_open_options_t options;
    nfm_domain_t *domain;
    struct lines lines;
    int later = 0, told;

    memset(&lines, 0, sizeof(lines));
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "qemu:///system";
    CHECK(nfm_set_log(NFM_LOG_DEBUG, note, &lines, NULL) == NFM_OK);
    CHECK(nfm_open_domain(name, &options, &domain, NULL) == NFM_OK);
    CHECK(lines.lines > 0 && strchr(lines.last, '='));
    told = lines.lines;

    CHECK(nfm_set_log(NFM_LOG_DEBUG, note_elsewhere, &later, NULL) == NFM_OK);
    nfm_close_domain(domain);
    CHECK(nfm_open_domain(name, &options, &domain, NULL) == NFM_OK);
    CHECK(lines.lines == told && later > 0);
    told = later;

    CHECK(nfm_set_log(NFM_LOG_WARN, note_elsewhere, &later, NULL) == NFM_OK);
    nfm_close_domain(domain);
    CHECK(nfm_open_domain(name, &options, &domain, NULL) == NFM_OK);
    CHECK(later == told);

    CHECK(nfm_set_log(NFM_LOG_OFF, NULL, NULL, NULL) == NFM_OK);
    nfm_close_domain(domain);
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

/* The guest is suspended for the frame, and runs again. */
static void pause_it(nfm_domain_t *domain)
{
    nfm_crawl_options_t options;
    nfm_frame_t *frame;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.mode = NFM_MODE_PAUSED;
    options.sections = NFM_SECTION_HOST;
    CHECK(nfm_crawl(domain, &options, &frame, NULL) == NFM_OK);
    CHECK(strcmp(nfm_frame_info(frame)->mode, "paused") == 0);
    CHECK(strcmp(nfm_frame_host(frame)->state, "paused") == 0);
    nfm_frame_free(frame);

    options.mode = NFM_MODE_LIVE;
    CHECK(nfm_crawl(domain, &options, &frame, NULL) == NFM_OK);
    CHECK(strcmp(nfm_frame_host(frame)->state, "running") == 0);
    nfm_frame_free(frame);
}

static void *close_it(void *domain)
{
    nfm_close_domain(domain);
    return NULL;
}

int main(int argc, char **argv)
{
    nfm_open_options_t options;
    nfm_domain_t *domain;
    nfm_frame_t *frame;
    nfm_error_t *error = NULL;
    pthread_t thread;

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
    share_a_domain(domain);
    cancel(argv[1], domain, NFM_MODE_LIVE);
    cancel(argv[1], domain, NFM_MODE_PAUSED);
    log_messages(argv[1]);
    pause_it(domain);
    CHECK(pthread_create(&thread, NULL, close_it, domain) == 0 && pthread_join(thread, NULL) == 0);

    /* A frame outlives its domain. */
    CHECK(!nfm_frame_to_json(frame, 2));
    CHECK(nfm_frame_to_json(frame, NFM_JSON_PRETTY) == nfm_frame_to_json(frame, NFM_JSON_PRETTY));
    CHECK(strchr(nfm_frame_to_json(frame, NFM_JSON_PRETTY), '\n'));
    nfm_frame_free(frame);
    return 0;
}
