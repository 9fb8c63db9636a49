/*
 * collectd's plugin nfm: the guests of this host, from outside (README.md). libnfm follows the guests; each read takes
 * the frames that came since the last and dispatches what they tell. A guest is collectd's host of its name.
 */
#include <collectd.h>

#include <plugin.h>
#include <utils/common/common.h>
#include <utils_complain.h>

#include <nfm.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
enum { MOST = 64 };

static char *uri;
/* Names as patterns, and a NULL; none for all. */
static char *domains[MOST + 1], *groups[MOST];
static size_t domain_count, group_count;
static nfm_fleet_t *fleet;
static c_complain_t unreachable = C_COMPLAIN_INIT_STATIC;

static void submit(const char *host, const char *instance, const char *type, const char *what, value_t *values,
                   size_t count)
{
    value_list_t list = VALUE_LIST_INIT;

    list.values = values;
    list.values_len = count;
    sstrncpy(list.host, host, sizeof(list.host));
    sstrncpy(list.plugin, "nfm", sizeof(list.plugin));
    sstrncpy(list.plugin_instance, instance, sizeof(list.plugin_instance));
    sstrncpy(list.type, type, sizeof(list.type));
    sstrncpy(list.type_instance, what, sizeof(list.type_instance));
    /* A guest decides its names: '/' would end a part of an identifier. */
    escape_slashes(list.plugin_instance, sizeof(list.plugin_instance));
    escape_slashes(list.type_instance, sizeof(list.type_instance));
    plugin_dispatch_values(&list);
}

static void gauge(const char *host, const char *instance, const char *type, const char *what, double value)
{
    submit(host, instance, type, what, &(value_t){.gauge = value}, 1);
}

static void system_values(const char *host, const nfm_frame_t *frame)
{
    const nfm_os_t *os = nfm_frame_os(frame);
    const nfm_memory_t *memory = nfm_frame_memory(frame);

    if (os && os->known & NFM_OS_LOAD)
        submit(host, "", "load", "",
               (value_t[]){{.gauge = os->load[0]}, {.gauge = os->load[1]}, {.gauge = os->load[2]}}, 3);
    if (os && os->known & NFM_OS_UPTIME_NS)
        gauge(host, "", "uptime", "", (double)(os->uptime_ns / 1000000000));
    if (memory) {
        const struct {
            const char *name;
            uint64_t bit, value;
        } parts[] = {
            {"total", NFM_MEMORY_TOTAL, memory->total},
            {"free", NFM_MEMORY_FREE, memory->free},
            {"available", NFM_MEMORY_AVAILABLE, memory->available},
            {"buffered", NFM_MEMORY_BUFFERS, memory->buffers},
            {"cached", NFM_MEMORY_CACHED, memory->cached},
        };

        for (size_t i = 0; i < LENGTH(parts); i++)
            if (memory->known & parts[i].bit)
                gauge(host, "", "memory", parts[i].name, (double)parts[i].value);
    }
}

static void states_of_processes(const char *host, const nfm_frame_t *frame)
{
    static const struct {
        const char *name, *letters;
    } states[] = {
        {"running", "R"}, {"sleeping", "SI"}, {"blocked", "D"}, {"stopped", "Tt"}, {"zombies", "Z"},
    };
    size_t counts[LENGTH(states)] = {0};

    NFM_FOREACH(nfm_process_t, process, nfm_frame_processes, frame)
        for (size_t i = 0; i < LENGTH(states); i++)
            if (process->known & NFM_PROCESS_STATE && strchr(states[i].letters, process->state))
                counts[i]++;
    for (size_t i = 0; i < LENGTH(states); i++)
        gauge(host, "", "ps_state", states[i].name, (double)counts[i]);
}

static void interfaces(const char *host, const nfm_frame_t *frame, uint32_t netns)
{
    NFM_FOREACH(nfm_interface_t, one, nfm_frame_interfaces, frame) {
        char name[DATA_MAX_NAME_LEN];

        if (!(one->known & NFM_INTERFACE_RX_BYTES) || !(one->known & NFM_INTERFACE_TX_BYTES) || !one->name)
            continue;
        /* Those of containers have names that others have, too. */
        if (one->netns == netns)
            sstrncpy(name, one->name, sizeof(name));
        else
            snprintf(name, sizeof(name), "%u-%s", (unsigned)one->netns, one->name);
        submit(host, name, "if_octets", "",
               (value_t[]){{.derive = (derive_t)one->rx_bytes}, {.derive = (derive_t)one->tx_bytes}}, 2);
        submit(host, name, "if_packets", "",
               (value_t[]){{.derive = (derive_t)one->rx_packets}, {.derive = (derive_t)one->tx_packets}}, 2);
    }
}

/* Processes of one name: how many, their memory, and what they used of the CPU since the last frame. */
static void group(const char *host, const char *name, const nfm_frame_t *frame, const nfm_diff_t *diff)
{
    gauge_t processes = 0, threads = 0, rss = 0, percent = 0;

    NFM_FOREACH(nfm_process_t, process, nfm_frame_processes, frame)
        if (process->name && strcmp(process->name, name) == 0) {
            processes += 1;
            threads += process->threads;
            rss += (gauge_t)process->rss_bytes;
        }
    submit(host, name, "ps_count", "", (value_t[]){{.gauge = processes}, {.gauge = threads}}, 2);
    gauge(host, name, "ps_rss", "", rss);
    if (!diff)
        return;
    NFM_FOREACH(nfm_process_diff_t, row, nfm_diff_processes, diff)
        if (row->later && row->later->name && strcmp(row->later->name, name) == 0)
            percent += row->cpu_percent;
    gauge(host, name, "percent", "cpu", percent);
}

static void cpus(const char *host, const nfm_diff_t *diff)
{
    NFM_FOREACH(nfm_cpu_diff_t, row, nfm_diff_cpus, diff) {
        char number[DATA_MAX_NAME_LEN];

        if (!(row->known & NFM_CPU_DIFF_BUSY_PERCENT))
            continue;
        snprintf(number, sizeof(number), "cpu-%u", (unsigned)row->later->id);
        gauge(host, "", "percent", number, row->busy_percent);
    }
}

static void dispatch(const nfm_event_info_t *event)
{
    const nfm_frame_t *frame = event->frame;
    nfm_diff_t *diff = NULL;
    uint32_t netns = 0;

    /* After a restart there is no difference: counters began anew. */
    if (event->before && !event->restarted && nfm_frame_diff(event->before, frame, &diff, NULL) != NFM_OK)
        diff = NULL;
    NFM_FOREACH(nfm_process_t, process, nfm_frame_processes, frame)
        if (process->pid == 1)
            netns = process->net_namespace;
    system_values(event->name, frame);
    states_of_processes(event->name, frame);
    interfaces(event->name, frame, netns);
    for (size_t i = 0; i < group_count; i++)
        group(event->name, groups[i], frame, diff);
    if (diff)
        cpus(event->name, diff);
    nfm_diff_free(diff);
}

static int start(void)
{
    nfm_open_options_t open = {.size = sizeof(open), .uri = uri};
    nfm_crawl_options_t crawl = {
        .size = sizeof(crawl),
        .sections = NFM_SECTION_OS | NFM_SECTION_CPUS | NFM_SECTION_MEMORY | NFM_SECTION_PROCESSES |
                    NFM_SECTION_INTERFACES,
    };
    nfm_fleet_options_t options = {
        .size = sizeof(options),
        .open = &open,
        .crawl = &crawl,
        .domains = domain_count ? (const char *const *)domains : NULL,
        .period_ns = CDTIME_T_TO_NS(plugin_get_interval()),
    };
    nfm_error_t *error = NULL;

    if (nfm_fleet_start(&options, &fleet, &error) == NFM_OK) {
        c_release(LOG_INFO, &unreachable, "nfm: libvirt answers");
        return 0;
    }
    c_complain(LOG_ERR, &unreachable, "nfm: %s", nfm_error_message(error));
    nfm_error_free(error);
    return -1;
}

static int nfm_read(void)
{
    nfm_event_t *event;

    if (!fleet && start() != 0)
        return -1;
    while (nfm_fleet_next(fleet, 0, &event, NULL) == NFM_OK && event) {
        const nfm_event_info_t *info = nfm_event_info(event);

        if (info->frame)
            dispatch(info);
        else if (info->error && !info->repeated)
            WARNING("nfm: %s: %s", info->name ? info->name : "libvirt", nfm_error_message(info->error));
        nfm_event_free(event);
    }
    return 0;
}

static int add(char **list, size_t *count, oconfig_item_t *item)
{
    if (*count < MOST)
        return cf_util_get_string(item, &list[(*count)++]);
    ERROR("nfm: %s: there are more than %d", item->key, MOST);
    return -1;
}

static int nfm_config(oconfig_item_t *config)
{
    int result = 0;

    for (int i = 0; i < config->children_num && result == 0; i++) {
        oconfig_item_t *item = &config->children[i];

        result = -1;
        if (strcasecmp("URI", item->key) == 0)
            result = cf_util_get_string(item, &uri);
        else if (strcasecmp("Domain", item->key) == 0)
            result = add(domains, &domain_count, item);
        else if (strcasecmp("ProcessGroup", item->key) == 0)
            result = add(groups, &group_count, item);
        else
            ERROR("nfm: there is no option %s", item->key);
    }
    return result;
}

static int nfm_shutdown(void)
{
    nfm_fleet_free(fleet);
    fleet = NULL;
    return 0;
}

void module_register(void)
{
    plugin_register_complex_config("nfm", nfm_config);
    plugin_register_read("nfm", nfm_read);
    plugin_register_shutdown("nfm", nfm_shutdown);
}
