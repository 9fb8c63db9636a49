/* process DOMAIN PID: a guest by its QEMU process is the one that libvirt has by its name. */
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

int main(int argc, char **argv)
{
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
    CHECK(nfm_open_domain(argv[1], &options, &by_name, NULL) == NFM_OK);
    CHECK(nfm_open_pid(pid, NULL, &by_pid, NULL) == NFM_OK);
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
