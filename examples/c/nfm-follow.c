/*
 * nfm-follow: the guests of a host, followed through starts, restarts, failures and ends. A line for each event; of each
 * frame the process that used the CPU most since the one before.
 *
 *     cc -o nfm-follow nfm-follow.c $(pkg-config --cflags --libs nfm)
 *     ./nfm-follow [PATTERN...]
 *
 * It follows all domains, or those whose names fit a pattern ('web-*'), until it is killed.
 */
#include <inttypes.h>
#include <stdio.h>

#include <nfm.h>

/* The process that used the CPU most between two frames. */
static void print_busiest(const nfm_frame_t *before, const nfm_frame_t *frame)
{
    const nfm_process_diff_t *rows, *busiest = NULL;
    nfm_diff_t *diff;
    size_t count, stride;

    if (nfm_frame_diff(before, frame, &diff, NULL) != NFM_OK)
        return;
    rows = nfm_diff_processes(diff, &count, &stride);
    for (size_t i = 0; i < count; i++) {
        const nfm_process_diff_t *row = NFM_ROW(nfm_process_diff_t, rows, stride, i);
        if (row->known & NFM_PROCESS_DIFF_CPU_PERCENT && (!busiest || row->cpu_percent > busiest->cpu_percent))
            busiest = row;
    }
    if (busiest)
        printf(", %.1f %% of a CPU by process %" PRIu32, busiest->cpu_percent, busiest->later->pid);
    nfm_diff_free(diff);
}

static void print_event(const nfm_event_info_t *event)
{
    static const char *const kinds[] = {"?", "new", "frame", "failed", "gone", "not listed"};

    if (event->repeated)
        return;
    printf("%s %s", event->name ? event->name : "libvirt", kinds[event->kind <= 5 ? event->kind : 0]);
    if (event->frame)
        printf(" %" PRIu64 "%s", nfm_frame_info(event->frame)->seq, event->restarted ? " restarted" : "");
    if (event->frame && event->before)
        print_busiest(event->before, event->frame);
    if (event->error)
        printf(": %s", nfm_error_message(event->error));
    puts("");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    nfm_fleet_options_t options = {0};
    nfm_fleet_t *fleet = NULL;
    nfm_event_t *event;
    nfm_error_t *error = NULL;
    int result;

    options.size = sizeof(options);
    options.domains = argc > 1 ? (const char *const *)argv + 1 : NULL;
    result = nfm_fleet_start(&options, &fleet, &error);
    while (result == NFM_OK && (result = nfm_fleet_next(fleet, UINT64_MAX, &event, &error)) == NFM_OK) {
        print_event(nfm_event_info(event));
        nfm_event_free(event);
    }
    fprintf(stderr, "nfm-follow: %s\n", nfm_error_message(error));
    nfm_error_free(error);
    nfm_fleet_free(fleet);
    return result;
}
