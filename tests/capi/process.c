/*
 * process DOMAIN PID: a guest by its QEMU process is the one that libvirt has by its name, and is followed so; messages
 * go to the function of their handle.
 */
#include <inttypes.h>

#include "check.h"

static nfm_frame_t *crawl(nfm_domain_t *domain)
{
    nfm_crawl_options_t options;
    nfm_frame_t *frame = NULL;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = NFM_SECTION_OS | NFM_SECTION_HOST;
    CHECK(nfm_crawl(domain, &options, &frame, NULL) == NFM_OK);
    return frame;
}

static void list(const char *name, uint64_t pid)
{
    nfm_domain_list_t *list = NULL;
    size_t found = 0;

    CHECK(nfm_list_processes(&list, NULL) == NFM_OK);
    NFM_FOREACH(nfm_domain_info_t, process, nfm_domain_list_rows, list) {
        CHECK(process->known & NFM_DOMAIN_INFO_PID && !(process->known & NFM_DOMAIN_INFO_ID));
        if (process->pid != pid)
            continue;
        found++;
        CHECK(strcmp(process->name, name) == 0 && strlen(process->uuid) == 36);
    }
    CHECK(found == 1);
    nfm_domain_list_free(list);
}

static void count(int level, const char *target, const char *message, void *user)
{
    CHECK(level >= NFM_LOG_ERROR && level <= NFM_LOG_DEBUG && strncmp(target, "nfm", 3) == 0 && *message);
    ++*(unsigned *)user;
}

static void follow(const char *name, uint64_t pid)
{
    const char *names[] = {name, NULL};
    nfm_open_options_t open;
    nfm_fleet_options_t options;
    nfm_fleet_t *fleet = NULL;
    nfm_event_t *event = NULL;
    nfm_error_t *error = NULL;
    unsigned told = 0, frames = 0;
    char uuid[40];

    memset(&open, 0, sizeof(open));
    open.size = sizeof(open);
    open.log = count;
    open.log_user = &told;
    open.log_level = NFM_LOG_DEBUG;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.open = &open;
    options.domains = names;
    options.period_ns = 50000000;
    options.processes = 1;
    CHECK(nfm_fleet_start(&options, &fleet, NULL) == NFM_OK);
    snprintf(uuid, sizeof(uuid), "qemu:%" PRIu64, pid);
    while (frames < 2) {
        const nfm_event_info_t *info;

        CHECK(nfm_fleet_next(fleet, 60000000000u, &event, NULL) == NFM_OK && event);
        info = nfm_event_info(event);
        CHECK(strcmp(info->name, name) == 0 && strcmp(info->uuid, uuid) == 0);
        CHECK(info->kind == NFM_EVENT_NEW || info->frame);
        frames += info->frame != NULL;
        nfm_event_free(event);
    }
    nfm_fleet_free(fleet);
    CHECK(told > 0);
    open.uri = "qemu:///system";
    CHECK_FAILS(nfm_fleet_start(&options, &fleet, &error), NFM_ERR_INVALID_ARGUMENT, "without libvirt");
    open.uri = NULL;
    open.log_level = NFM_LOG_TRACE + 1;
    CHECK_FAILS(nfm_fleet_start(&options, &fleet, &error), NFM_ERR_INVALID_ARGUMENT, "no level 6");
}

int main(int argc, char **argv)
{
    unsigned told = 0, others = 0, before;
    nfm_open_options_t options;
    nfm_domain_t *by_name = NULL, *by_pid = NULL;
    nfm_error_t *error = NULL;
    nfm_frame_t *one, *other;
    uint64_t pid;

    CHECK(argc == 3);
    pid = strtoull(argv[2], NULL, 10);
    list(argv[1], pid);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "qemu:///system";
    options.log = count;
    options.log_user = &told;
    options.log_level = NFM_LOG_DEBUG;
    CHECK(nfm_set_log(NFM_LOG_DEBUG, count, &others, NULL) == NFM_OK);
    CHECK(nfm_open_domain(argv[1], &options, &by_name, NULL) == NFM_OK);
    CHECK(told > 0 && others == 0);
    before = told;
    CHECK(nfm_open_pid(pid, NULL, &by_pid, NULL) == NFM_OK);
    CHECK(told == before && others > 0);
    before = others;
    follow(argv[1], pid);
    CHECK(others == before);
    CHECK(nfm_set_log(NFM_LOG_OFF, NULL, NULL, NULL) == NFM_OK);
    one = crawl(by_name);
    other = crawl(by_pid);
    CHECK(strcmp(nfm_frame_info(one)->domain_name, nfm_frame_info(other)->domain_name) == 0);
    CHECK(strcmp(nfm_frame_info(one)->domain_uuid, nfm_frame_info(other)->domain_uuid) == 0);
    CHECK(strcmp(nfm_frame_os(one)->build_id, nfm_frame_os(other)->build_id) == 0);
    CHECK(nfm_frame_os(one)->boot_time_ns == nfm_frame_os(other)->boot_time_ns);
    CHECK(nfm_frame_host(one)->state && !nfm_frame_host(other)->state);
    nfm_frame_free(one);
    nfm_frame_free(other);
    nfm_close_domain(by_pid);
    nfm_close_domain(by_name);
    CHECK_FAILS(nfm_open_pid(1, NULL, &by_pid, &error), NFM_ERR_NO_SUCH_DOMAIN, "process 1 ");
    CHECK_FAILS(nfm_open_pid(UINT64_MAX, NULL, &by_pid, &error), NFM_ERR_INVALID_ARGUMENT, "names no process");
    return 0;
}
