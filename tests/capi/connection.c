/*
 * connection DOMAIN: the program's own connection to libvirt serves for all: no second one is made, as the sockets of
 * this process tell.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <libvirt/libvirt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static unsigned sockets(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    unsigned count = 0;

    CHECK(folder);
    while ((entry = readdir(folder))) {
        struct stat status;

        if (fstatat(dirfd(folder), entry->d_name, &status, 0) == 0 && S_ISSOCK(status.st_mode))
            count++;
    }
    closedir(folder);
    return count;
}

static void crawl(nfm_domain_t *domain, uint32_t mode)
{
    nfm_crawl_options_t options;
    nfm_frame_t *frame = NULL;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = NFM_SECTION_OS | NFM_SECTION_HOST;
    options.mode = mode;
    CHECK(nfm_crawl(domain, &options, &frame, NULL) == NFM_OK);
    CHECK(strcmp(nfm_frame_host(frame)->state, mode == NFM_MODE_PAUSED ? "paused" : "running") == 0);
    nfm_frame_free(frame);
}

static void list(virConnectPtr connection, const char *name)
{
    nfm_list_options_t options;
    nfm_domain_list_t *list = NULL;
    const nfm_domain_info_t *rows;
    size_t count, stride, i, found = 0;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.connection = connection;
    CHECK(nfm_list_domains(&options, &list, NULL) == NFM_OK);
    rows = nfm_domain_list_rows(list, &count, &stride);
    for (i = 0; i < count; i++)
        found += strcmp(NFM_ROW(nfm_domain_info_t, rows, stride, i)->name, name) == 0;
    CHECK(found == 1);
    nfm_domain_list_free(list);
}

static void follow(const nfm_open_options_t *open, const char *name)
{
    const char *names[] = {name, NULL};
    nfm_fleet_options_t options;
    nfm_fleet_t *fleet = NULL;
    nfm_event_t *event = NULL;
    unsigned frames = 0;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.open = open;
    options.domains = names;
    options.period_ns = 50000000;
    CHECK(nfm_fleet_start(&options, &fleet, NULL) == NFM_OK);
    while (frames < 3) {
        const nfm_event_info_t *info;

        CHECK(nfm_fleet_next(fleet, 60000000000u, &event, NULL) == NFM_OK && event);
        info = nfm_event_info(event);
        CHECK(strcmp(info->name, name) == 0);
        CHECK(info->kind == (frames || info->frame ? NFM_EVENT_FRAME : NFM_EVENT_NEW));
        CHECK(!info->before == (frames == 0 || !info->frame));
        frames += info->frame != NULL;
        nfm_event_free(event);
    }
    nfm_fleet_stop(fleet);
    CHECK(nfm_fleet_next(fleet, 0, &event, NULL) == NFM_ERR_CANCELLED);
    nfm_fleet_free(fleet);
}

int main(int argc, char **argv)
{
    virConnectPtr connection = virConnectOpen("qemu:///system");
    virDomainPtr object = connection ? virDomainLookupByName(connection, argv[argc - 1]) : NULL;
    nfm_open_options_t options;
    nfm_domain_t *domain = NULL, *same = NULL;
    nfm_error_t *error = NULL;
    unsigned before = sockets();

    CHECK(argc == 2 && object && before > 0);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.connection = connection;
    CHECK(nfm_open_domain(argv[1], &options, &domain, NULL) == NFM_OK);
    crawl(domain, NFM_MODE_LIVE);
    CHECK(nfm_open_virdomain(object, NULL, &same, NULL) == NFM_OK);
    crawl(same, NFM_MODE_LIVE);
    crawl(same, NFM_MODE_PAUSED);
    list(connection, argv[1]);
    follow(&options, argv[1]);
    CHECK(sockets() == before);

    CHECK_FAILS(nfm_open_virdomain(object, &options, &same, &error), NFM_ERR_INVALID_ARGUMENT, "leave uri");
    CHECK_FAILS(nfm_open_virdomain(NULL, NULL, &same, &error), NFM_ERR_INVALID_ARGUMENT, "NULL");
    options.uri = "qemu:///system";
    CHECK_FAILS(nfm_open_domain(argv[1], &options, &same, &error), NFM_ERR_INVALID_ARGUMENT, "both set");

    /* The library counts its uses: the program's end of it ends nothing. */
    virDomainFree(object);
    virConnectClose(connection);
    CHECK(sockets() == before);
    crawl(domain, NFM_MODE_LIVE);
    nfm_close_domain(same);
    nfm_close_domain(domain);
    CHECK(sockets() == 0);
    return 0;
}
