/*
 * diff DOMAIN: a frame when it starts, and one for each line of standard input, each held against the one before: of
 * processes, CPUs, interfaces and sockets is said what became of them. All figures are also computed here from the
 * rows of both frames.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <time.h>

#include "check.h"

static const char *const changes[] = {"?", "new", "gone", "stayed", "perhaps_new", "perhaps_gone"};

static nfm_frame_t *crawl(nfm_domain_t *domain)
{
    nfm_crawl_options_t options;
    nfm_frame_t *frame;
    nfm_error_t *error = NULL;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = NFM_SECTION_OS | NFM_SECTION_CPUS | NFM_SECTION_PROCESSES | NFM_SECTION_INTERFACES |
                       NFM_SECTION_CONNECTIONS;
    options.time_limit_ns = 20000000000u;
    while (nfm_crawl(domain, &options, &frame, &error) != NFM_OK) {
        const struct timespec rest = {0, 200000000};

        /* It is restarted. */
        if (nfm_error_retry(error) != NFM_RETRY_LATER)
            fprintf(stderr, "%s\n", nfm_error_message(error));
        CHECK(nfm_error_retry(error) == NFM_RETRY_LATER);
        nfm_error_free(error);
        nanosleep(&rest, NULL);
    }
    return frame;
}

static void ends_fit(uint32_t change, const void *earlier, const void *later)
{
    switch (change) {
    case NFM_CHANGE_NEW:
    case NFM_CHANGE_PERHAPS_NEW:
        CHECK(!earlier && later);
        break;
    case NFM_CHANGE_GONE:
    case NFM_CHANGE_PERHAPS_GONE:
        CHECK(earlier && !later);
        break;
    default:
        CHECK(change == NFM_CHANGE_STAYED && earlier && later);
    }
}

static void processes(const nfm_diff_t *diff, uint64_t elapsed)
{
    size_t count, stride, i;
    const nfm_process_diff_t *rows = nfm_diff_processes(diff, &count, &stride);

    CHECK(rows && rows == nfm_diff_processes(diff, &count, &stride));
    for (i = 0; i < count; i++) {
        const nfm_process_diff_t *row = NFM_ROW(nfm_process_diff_t, rows, stride, i);
        const nfm_process_t *one = row->later ? row->later : row->earlier;

        ends_fit(row->change, row->earlier, row->later);
        CHECK(!(row->known & NFM_PROCESS_DIFF_EARLIER) == !row->earlier);
        CHECK(!(row->known & NFM_PROCESS_DIFF_LATER) == !row->later);
        if (row->known & NFM_PROCESS_DIFF_CPU_NS) {
            uint64_t before = row->earlier ? row->earlier->user_ns + row->earlier->system_ns : 0;
            double percent = 100.0 * (double)row->cpu_ns / (double)elapsed;

            CHECK(row->cpu_ns == row->later->user_ns + row->later->system_ns - before);
            CHECK(row->cpu_percent - percent < 1e-6 && percent - row->cpu_percent < 1e-6);
        } else
            CHECK(!row->later || row->change == NFM_CHANGE_PERHAPS_NEW ||
                  row->later->user_ns + row->later->system_ns <
                      row->earlier->user_ns + row->earlier->system_ns);
        printf("process %s %" PRIu32 " %" PRIu64 "\n", changes[row->change], one->pid, row->cpu_ns);
    }
}

static void cpus(const nfm_diff_t *diff)
{
    size_t count, stride, i;
    const nfm_cpu_diff_t *rows = nfm_diff_cpus(diff, &count, &stride);

    for (i = 0; i < count; i++) {
        const nfm_cpu_diff_t *row = NFM_ROW(nfm_cpu_diff_t, rows, stride, i);
        const nfm_cpu_t *one = row->later ? row->later : row->earlier;

        ends_fit(row->change, row->earlier, row->later);
        CHECK(row->change != NFM_CHANGE_STAYED || row->known & NFM_CPU_DIFF_BUSY_NS);
        CHECK(!(row->known & NFM_CPU_DIFF_BUSY_PERCENT) || (row->busy_percent >= 0 && row->busy_percent <= 100));
        printf("cpu %s %" PRIu32 " %" PRIu64 "\n", changes[row->change], one->id, row->busy_ns);
    }
}

static void interfaces(const nfm_diff_t *diff)
{
    size_t count, stride, i;
    const nfm_interface_diff_t *rows = nfm_diff_interfaces(diff, &count, &stride);

    for (i = 0; i < count; i++) {
        const nfm_interface_diff_t *row = NFM_ROW(nfm_interface_diff_t, rows, stride, i);
        const nfm_interface_t *one = row->later ? row->later : row->earlier;

        ends_fit(row->change, row->earlier, row->later);
        if (row->known & NFM_INTERFACE_DIFF_RX_BYTES)
            CHECK(row->rx_bytes == row->later->rx_bytes - row->earlier->rx_bytes);
        if (row->known & NFM_INTERFACE_DIFF_TX_PACKETS)
            CHECK(row->tx_packets == row->later->tx_packets - row->earlier->tx_packets);
        printf("interface %s %" PRIu32 "/%s %" PRIu64 " %" PRIu64 "\n", changes[row->change], one->netns, one->name,
               row->rx_bytes, row->rx_packets);
    }
}

static void connections(const nfm_diff_t *diff)
{
    size_t count, stride, i;
    const nfm_connection_diff_t *rows = nfm_diff_connections(diff, &count, &stride);

    for (i = 0; i < count; i++) {
        const nfm_connection_diff_t *row = NFM_ROW(nfm_connection_diff_t, rows, stride, i);
        const nfm_connection_t *one = row->later ? row->later : row->earlier;

        ends_fit(row->change, row->earlier, row->later);
        printf("connection %s %s %u %u\n", changes[row->change], one->protocol, one->local_port, one->remote_port);
    }
}

static void compare(nfm_frame_t *before, nfm_frame_t *after)
{
    nfm_diff_t *diff = NULL;
    nfm_frame_t *another = NULL;
    const nfm_diff_info_t *info;

    CHECK(nfm_frame_share(after, &another, NULL) == NFM_OK && another != after);
    CHECK(nfm_frame_diff(before, another, &diff, NULL) == NFM_OK);
    /* The difference keeps what it needs. */
    nfm_frame_free(before);
    nfm_frame_free(another);
    info = nfm_diff_info(diff);
    CHECK(info && info->known & NFM_DIFF_INFO_ELAPSED_NS && info->elapsed_ns > 0);
    printf("boot %s %" PRIu64 "\n", info->boot == NFM_BOOT_SAME ? "same" : "other", info->elapsed_ns);
    processes(diff, info->elapsed_ns);
    cpus(diff);
    interfaces(diff);
    connections(diff);
    nfm_diff_free(diff);
    puts("done");
    fflush(stdout);
}

/* A frame that lacks the section, and one of another guest. */
static void what_is_not_there(nfm_domain_t *domain, const nfm_frame_t *frame)
{
    nfm_crawl_options_t options;
    nfm_frame_t *os = NULL;
    nfm_diff_t *diff = NULL;
    size_t count = 1, stride;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = NFM_SECTION_OS;
    CHECK(nfm_crawl(domain, &options, &os, NULL) == NFM_OK);
    CHECK(nfm_frame_diff(frame, os, &diff, NULL) == NFM_OK);
    CHECK(!nfm_diff_processes(diff, &count, &stride) && count == 0);
    CHECK(nfm_diff_info(diff)->boot == NFM_BOOT_SAME);
    nfm_diff_free(diff);
    nfm_frame_free(os);
}

int main(int argc, char **argv)
{
    nfm_open_options_t options;
    nfm_domain_t *domain = NULL;
    nfm_frame_t *before, *after;
    char line[100];

    CHECK(argc == 2);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "qemu:///system";
    CHECK(nfm_open_domain(argv[1], &options, &domain, NULL) == NFM_OK);
    before = crawl(domain);
    what_is_not_there(domain, before);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        after = crawl(domain);
        compare(before, after);
        before = after;
    }
    nfm_frame_free(before);
    nfm_close_domain(domain);
    return 0;
}
