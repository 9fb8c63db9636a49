/*
 * harness DOMAIN READS: collectd's part towards the plugin, so that it is seen under the checkers of memory: reads as
 * fast as frames come, until so many reads and a hundredth as many frames were, and then holds what the process has of
 * memory against what it had after a tenth of them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <collectd.h>

#include <plugin.h>
#include <utils/common/common.h>
#include <utils_complain.h>

void module_register(void);

static int (*config)(oconfig_item_t *), (*read_values)(void), (*stop)(void);
static unsigned long dispatched, uptimes;
static const char *domain;

int plugin_register_complex_config(const char *name, int (*callback)(oconfig_item_t *))
{
    (void)name;
    config = callback;
    return 0;
}

int plugin_register_read(const char *name, int (*callback)(void))
{
    (void)name;
    read_values = callback;
    return 0;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback)
{
    (void)name;
    stop = callback;
    return 0;
}

int plugin_dispatch_values(value_list_t const *list)
{
    if (strcmp(list->host, domain) != 0 || list->values_len == 0 || strchr(list->type_instance, '/'))
        abort();
    dispatched++;
    uptimes += strcmp(list->type, "uptime") == 0;
    return 0;
}

cdtime_t plugin_get_interval(void)
{
    return MS_TO_CDTIME_T(2);
}

static void say(const char *format, va_list arguments)
{
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void plugin_log(int level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void c_complain(int level, c_complain_t *complaint, const char *format, ...)
{
    va_list arguments;

    (void)level, (void)complaint;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void c_do_release(int level, c_complain_t *complaint, const char *format, ...)
{
    (void)level, (void)complaint, (void)format;
}

char *sstrncpy(char *to, const char *from, size_t size)
{
    snprintf(to, size, "%s", from);
    return to;
}

int escape_slashes(char *text, size_t size)
{
    (void)size;
    for (; *text; text++)
        if (*text == '/')
            *text = '_';
    return 0;
}

int cf_util_get_string(const oconfig_item_t *item, char **to)
{
    free(*to);
    *to = strdup(item->values[0].value.string);
    return 0;
}

static void option(char *name, const char *text)
{
    oconfig_value_t value = {.value.string = (char *)text, .type = OCONFIG_TYPE_STRING};
    oconfig_item_t item = {.key = name, .values = &value, .values_num = 1};
    oconfig_item_t all = {.children = &item, .children_num = 1};

    if (config(&all) != 0)
        abort();
}

static unsigned long resident_pages(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file || fscanf(file, "%*u %lu", &pages) != 1)
        abort();
    fclose(file);
    return pages;
}

int main(int argc, char **argv)
{
    unsigned long wanted = strtoul(argv[argc - 1], NULL, 10), reads = 0, before = 0;

    domain = argv[1];
    module_register();
    option("URI", "qemu:///system");
    option("Domain", domain);
    option("ProcessGroup", "server");
    while (reads < wanted || uptimes < wanted / 100) {
        if (read_values() != 0)
            return 1;
        if (++reads > wanted / 10 && uptimes > wanted / 1000 && before == 0)
            before = resident_pages();
        usleep(100);
    }
    printf("%lu reads, %lu frames, %lu values, %lu and then %lu pages\n", reads, uptimes, dispatched, before,
           resident_pages());
    return stop();
}
