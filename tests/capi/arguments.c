/* Bad input, none of which needs a guest: libvirt's test driver has a domain 'test'. */
#include "check.h"

#define URI "test:///default"

static char nowhere;
#define UNTOUCHED ((nfm_domain_t *)(void *)&nowhere)

struct newer_options {
    nfm_open_options_t known;
    const char *later;
};

static void no_error_object(void)
{
    uint64_t address = 7;

    CHECK(nfm_error_code(NULL) == NFM_OK);
    CHECK(strcmp(nfm_error_message(NULL), "no error") == 0);
    CHECK(nfm_error_errno(NULL) == 0);
    CHECK(nfm_error_address(NULL, &address) == 0 && address == 7);
    nfm_error_free(NULL);
}

static void names(void)
{
    CHECK(strcmp(nfm_version(), NFM_VERSION) == 0);
    CHECK(strcmp(nfm_result_name(NFM_OK), "NFM_OK") == 0);
    CHECK(strcmp(nfm_result_name(NFM_ERR_GONE), "NFM_ERR_GONE") == 0);
    CHECK(strcmp(nfm_result_name(NFM_ERR_CANCELLED), "NFM_ERR_CANCELLED") == 0);
    CHECK(strcmp(nfm_result_name(-1), "NFM_ERR_?") == 0);
}

static void open_domain(void)
{
    nfm_error_t *error = NULL;
    nfm_domain_t *out = UNTOUCHED;
    nfm_open_options_t options;
    struct newer_options newer;

    memset(&options, 0, sizeof(options));
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "size is 0");
    options.size = sizeof(options.size);
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "size is");
    options.size = (size_t)-1;
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "size is");

    options.size = sizeof(options);
    options.uri = URI;
    CHECK_FAILS(nfm_open_domain(NULL, &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_open_domain("test", &options, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK_FAILS(nfm_open_domain("\xff", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "UTF-8");
    CHECK_FAILS(nfm_open_domain("nope", &options, &out, &error), NFM_ERR_NO_SUCH_DOMAIN, "'nope'");
    CHECK_FAILS(nfm_open_domain("", &options, &out, &error), NFM_ERR_NO_SUCH_DOMAIN, "''");
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_UNSUPPORTED, "no back end");
    options.uri = "nonsense:///";
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_CONNECT, "nonsense");
    options.uri = "\xff";
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "uri");

    /* A program newer than the library: what it leaves zero does not matter. */
    memset(&newer, 0, sizeof(newer));
    newer.known.size = sizeof(newer);
    newer.known.uri = URI;
    CHECK_FAILS(nfm_open_domain("nope", &newer.known, &out, &error), NFM_ERR_NO_SUCH_DOMAIN, "nope");
    newer.later = URI;
    CHECK_FAILS(nfm_open_domain("nope", &newer.known, &out, &error), NFM_ERR_INVALID_ARGUMENT,
                "does not know");

    /* Nobody wants the error. */
    CHECK(nfm_open_domain(NULL, NULL, NULL, NULL) == NFM_ERR_INVALID_ARGUMENT);
    CHECK(nfm_open_domain("nope", &newer.known, &out, NULL) == NFM_ERR_INVALID_ARGUMENT);

    CHECK(out == UNTOUCHED);
    nfm_close_domain(NULL);
}

static void without_a_frame(void)
{
    nfm_error_t *error = NULL;
    nfm_frame_t *out = (nfm_frame_t *)(void *)&nowhere;
    size_t count = 7, stride = 7;

    CHECK_FAILS(nfm_crawl(NULL, NULL, &out, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_crawl(NULL, NULL, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK(out == (nfm_frame_t *)(void *)&nowhere);

    CHECK(!nfm_frame_info(NULL));
    CHECK(!nfm_frame_to_json(NULL, 0));
    CHECK(!nfm_frame_os(NULL) && !nfm_frame_memory(NULL) && !nfm_frame_host(NULL));
#define CHECK_NO_ROWS(rows)                                     \
    do {                                                        \
        count = 7;                                              \
        CHECK(!nfm_frame_##rows(NULL, &count, &stride) && count == 0); \
        CHECK(!nfm_frame_##rows(NULL, NULL, NULL));             \
    } while (0)
    CHECK_NO_ROWS(problems);
    CHECK_NO_ROWS(cpus);
    CHECK_NO_ROWS(processes);
    CHECK_NO_ROWS(files);
    CHECK_NO_ROWS(mappings);
    CHECK_NO_ROWS(modules);
    CHECK_NO_ROWS(interfaces);
    CHECK_NO_ROWS(connections);
    CHECK_NO_ROWS(mounts);
    CHECK_NO_ROWS(log);
    CHECK_NO_ROWS(routes);
    CHECK_NO_ROWS(neighbours);
    count = 7;
    CHECK(!nfm_frame_rows(NULL, NFM_SECTION_CPUS, &count, &stride) && count == 0);
    CHECK(!nfm_frame_rows(NULL, NFM_SECTION_CPUS, NULL, NULL));
    count = 7;
    CHECK(!nfm_section_members(0, &count, &stride) && count == 0);
    CHECK(!nfm_section_members(NFM_SECTION_OS | NFM_SECTION_CPUS, &count, &stride) && count == 0);
    CHECK(!nfm_section_members(NFM_SECTION_CPUS, NULL, NULL));
    CHECK(nfm_section_members(NFM_SECTION_CPUS, &count, &stride) && count > 10);
    CHECK(nfm_section_bit("cpus") == NFM_SECTION_CPUS && nfm_section_bit(NULL) == 0);
    nfm_frame_free(NULL);
}

static void list_domains(void)
{
    nfm_list_options_t options;
    nfm_domain_list_t *list = NULL;
    nfm_error_t *error = NULL;
    const nfm_domain_info_t *rows, *domain;
    size_t count = 7, stride = 7;

    memset(&options, 0, sizeof(options));
    CHECK_FAILS(nfm_list_domains(&options, &list, &error), NFM_ERR_INVALID_ARGUMENT, "size is 0");
    options.size = sizeof(options);
    options.uri = "nonsense:///";
    CHECK_FAILS(nfm_list_domains(&options, &list, &error), NFM_ERR_CONNECT, "nonsense");
    options.uri = "\xff";
    CHECK_FAILS(nfm_list_domains(&options, &list, &error), NFM_ERR_INVALID_ARGUMENT, "uri");
    options.uri = URI;
    CHECK_FAILS(nfm_list_domains(&options, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    options.inactive = 2;
    CHECK_FAILS(nfm_list_domains(&options, &list, &error), NFM_ERR_INVALID_ARGUMENT, "inactive");
    options.inactive = 1;
    options.reserved = 1;
    CHECK_FAILS(nfm_list_domains(&options, &list, &error), NFM_ERR_INVALID_ARGUMENT, "reserved");
    CHECK(!list);

    options.reserved = 0;
    CHECK(nfm_list_domains(&options, &list, &error) == NFM_OK && !error);
    rows = nfm_domain_list_rows(list, &count, &stride);
    CHECK(count == 1);
    domain = NFM_ROW(nfm_domain_info_t, rows, stride, 0);
    CHECK(strcmp(domain->name, "test") == 0 && strcmp(domain->state, "running") == 0);
    CHECK(strlen(domain->uuid) == 36);
    CHECK(domain->known & NFM_DOMAIN_INFO_ID && domain->id == 1);
    CHECK(!nfm_domain_list_rows(list, NULL, &stride));
    CHECK(!nfm_domain_list_rows(NULL, &count, &stride) && count == 0);
    nfm_domain_list_free(list);
    nfm_domain_list_free(NULL);
    CHECK_FAILS(nfm_list_processes(NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
}

static void diffs(void)
{
    nfm_diff_t *diff = (nfm_diff_t *)(void *)&nowhere;
    nfm_frame_t *frame = (nfm_frame_t *)(void *)&nowhere;
    nfm_error_t *error = NULL;
    size_t count = 7, stride = 7;

    CHECK_FAILS(nfm_frame_share(NULL, &frame, &error), NFM_ERR_INVALID_ARGUMENT, "frame is NULL");
    CHECK_FAILS(nfm_frame_diff(NULL, NULL, &diff, &error), NFM_ERR_INVALID_ARGUMENT, "earlier is NULL");
    CHECK_FAILS(nfm_frame_diff(NULL, NULL, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK(diff == (nfm_diff_t *)(void *)&nowhere && frame == (nfm_frame_t *)(void *)&nowhere);
    CHECK(!nfm_diff_info(NULL));
    CHECK(!nfm_diff_processes(NULL, &count, &stride) && count == 0);
    CHECK(!nfm_diff_cpus(NULL, &count, &stride) && !nfm_diff_interfaces(NULL, &count, &stride));
    CHECK(!nfm_diff_connections(NULL, NULL, NULL));
    nfm_diff_free(NULL);
}

static void files(void)
{
    nfm_open_file_t *file = (nfm_open_file_t *)(void *)&nowhere;
    nfm_file_list_t *list = (nfm_file_list_t *)(void *)&nowhere;
    nfm_file_ranges_t *ranges = (nfm_file_ranges_t *)(void *)&nowhere;
    nfm_error_t *error = NULL;
    size_t count = 7, stride = 7;
    uint8_t byte = 9;

    CHECK_FAILS(nfm_file_open(NULL, 0, "/", &file, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_file_open(NULL, 0, NULL, &file, &error), NFM_ERR_INVALID_ARGUMENT, "path is NULL");
    /* Paths are bytes: this one is no fault. */
    CHECK_FAILS(nfm_file_open(NULL, 0, "\xff", &file, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_file_open(NULL, 0, "/", NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK_FAILS(nfm_file_open_descriptor(NULL, 1, 0, &file, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_file_list(NULL, 0, "/", &list, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_file_stat(NULL, 0, NULL, 1, &list, &error), NFM_ERR_INVALID_ARGUMENT, "path is NULL");
    CHECK_FAILS(nfm_file_content(NULL, NULL, &ranges, &error), NFM_ERR_INVALID_ARGUMENT, "file is NULL");
    CHECK_FAILS(nfm_file_read(NULL, NULL, 0, &byte, 1, &count, &ranges, &error), NFM_ERR_INVALID_ARGUMENT, "file is NULL");
    CHECK(file == (nfm_open_file_t *)(void *)&nowhere && list == (nfm_file_list_t *)(void *)&nowhere);
    CHECK(ranges == (nfm_file_ranges_t *)(void *)&nowhere && count == 7 && byte == 9);
    CHECK(!nfm_file_list_rows(NULL, &count, &stride) && count == 0);
    CHECK(!nfm_file_ranges_rows(NULL, &count, NULL) && !nfm_file_list_is_complete(NULL));
    nfm_file_close(NULL);
    nfm_file_list_free(NULL);
    nfm_file_ranges_free(NULL);
}

static void fleets(void)
{
    static const char *const none[] = {"no-such-domain", NULL};
    nfm_fleet_options_t options;
    nfm_open_options_t open;
    nfm_fleet_t *fleet = (nfm_fleet_t *)(void *)&nowhere;
    nfm_event_t *event = (nfm_event_t *)(void *)&nowhere;
    nfm_error_t *error = NULL;
    const nfm_event_info_t *info;

    memset(&open, 0, sizeof(open));
    open.size = sizeof(open);
    open.uri = "nonsense:///";
    memset(&options, 0, sizeof(options));
    options.size = 8;
    CHECK_FAILS(nfm_fleet_start(&options, &fleet, &error), NFM_ERR_INVALID_ARGUMENT, "sizeof(nfm_fleet_options_t)");
    options.size = sizeof(options);
    options.open = &open;
    CHECK_FAILS(nfm_fleet_start(&options, &fleet, &error), NFM_ERR_CONNECT, "nonsense");
    options.reserved = 1;
    CHECK_FAILS(nfm_fleet_start(&options, &fleet, &error), NFM_ERR_INVALID_ARGUMENT, "reserved");
    options.reserved = 0;
    CHECK_FAILS(nfm_fleet_start(&options, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK(fleet == (nfm_fleet_t *)(void *)&nowhere);

    /* libvirt's own domain for tests has no memory that could be read. */
    open.uri = URI;
    options.period_ns = 1000000;
    CHECK(nfm_fleet_start(&options, &fleet, NULL) == NFM_OK);
    CHECK(nfm_fleet_next(fleet, 60000000000u, &event, NULL) == NFM_OK && event);
    info = nfm_event_info(event);
    CHECK(info->kind == NFM_EVENT_FAILED && strcmp(info->name, "test") == 0 && strlen(info->uuid) == 36);
    CHECK(nfm_error_code(info->error) == NFM_ERR_UNSUPPORTED && nfm_error_retry(info->error) == NFM_RETRY_NEVER);
    CHECK(info->known & NFM_EVENT_INFO_RETRY_AFTER_NS && info->retry_after_ns == 60000000000u);
    CHECK(!info->frame && !info->before && !info->repeated && !info->restarted);
    nfm_event_free(event);
    CHECK(nfm_fleet_next(fleet, 0, &event, NULL) == NFM_OK && !event);
    CHECK_FAILS(nfm_fleet_next(fleet, 0, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    nfm_fleet_stop(fleet);
    CHECK_FAILS(nfm_fleet_next(fleet, UINT64_MAX, &event, &error), NFM_ERR_CANCELLED, "cancelled");
    nfm_fleet_free(fleet);

    options.domains = none;
    CHECK(nfm_fleet_start(&options, &fleet, NULL) == NFM_OK);
    CHECK(nfm_fleet_next(fleet, 100000000, &event, NULL) == NFM_OK && !event);
    nfm_fleet_free(fleet);

    CHECK_FAILS(nfm_fleet_next(NULL, 0, &event, &error), NFM_ERR_INVALID_ARGUMENT, "fleet is NULL");
    CHECK(!nfm_event_info(NULL));
    nfm_fleet_stop(NULL);
    nfm_fleet_free(NULL);
    nfm_event_free(NULL);
}

static void features(void)
{
    const char *const *feature;

    for (feature = nfm_features(); *feature; feature++)
        CHECK(nfm_has_feature(*feature) == 1);
    CHECK(nfm_has_feature("section-processes") == 1 && nfm_has_feature("qemu") == 1);
    CHECK(nfm_has_feature("") == 0 && nfm_has_feature("\xff") == 0 && nfm_has_feature(NULL) == 0);
}

static void never(int level, const char *target, const char *message, void *user)
{
    (void)level, (void)target, (void)message, (void)user;
    CHECK(!"called");
}

static void bad_log(void)
{
    nfm_error_t *error = NULL;

    CHECK_FAILS(nfm_set_log(-1, never, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "-1");
    CHECK_FAILS(nfm_set_log(6, never, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "level 6");
    CHECK(nfm_set_log(6, NULL, NULL, NULL) == NFM_ERR_INVALID_ARGUMENT);
    CHECK(nfm_set_log(NFM_LOG_TRACE, NULL, NULL, &error) == NFM_OK && !error);
}

static void controls(void)
{
    nfm_control_t *control = NULL;
    nfm_error_t *error = NULL;

    CHECK_FAILS(nfm_control_new(NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK(nfm_control_new(NULL, NULL) == NFM_ERR_INVALID_ARGUMENT);
    CHECK(nfm_control_new(&control, NULL) == NFM_OK);
    CHECK(nfm_control_is_cancelled(control) == 0 && nfm_control_section(control) == 0);
    nfm_control_cancel(control);
    nfm_control_cancel(control);
    CHECK(nfm_control_is_cancelled(control) == 1);
    nfm_control_reset(control);
    CHECK(nfm_control_is_cancelled(control) == 0 && nfm_control_pages(control) == 0);
    nfm_control_free(control);

    nfm_control_cancel(NULL);
    nfm_control_reset(NULL);
    CHECK(nfm_control_is_cancelled(NULL) == 0);
    CHECK(nfm_control_section(NULL) == 0 && nfm_control_pages(NULL) == 0);
    nfm_control_free(NULL);
}

/* A library newer than the program: its rows are longer. */
static void rows_that_grew(void)
{
    struct {
        nfm_process_t known;
        uint64_t later[3];
    } rows[3];
    size_t i;

    memset(rows, 0, sizeof(rows));
    for (i = 0; i < 3; i++)
        rows[i].known.pid = (uint32_t)i;
    for (i = 0; i < 3; i++)
        CHECK(NFM_ROW(nfm_process_t, &rows[0].known, sizeof(rows[0]), i)->pid == i);
}

int main(void)
{
    no_error_object();
    names();
    open_domain();
    without_a_frame();
    list_domains();
    diffs();
    files();
    fleets();
    features();
    bad_log();
    controls();
    rows_that_grew();
    return 0;
}
