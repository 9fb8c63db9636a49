/*
 * arrow DOMAIN: a frame's JSON in a line, then each of its sections, as Arrow's C Data Interface gives it, as a line of
 * its name and an array of its rows in JSON, of texts the bytes in hexadecimal.
 */
#include <inttypes.h>

#include "check.h"

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

static int bit(const void *bits, int64_t index)
{
    return ((const uint8_t *)bits)[index / 8] >> (index % 8) & 1;
}

static int is_null(const struct ArrowArray *array, int64_t index)
{
    return array->null_count && !bit(array->buffers[0], index);
}

static void value(const struct ArrowSchema *type, const struct ArrowArray *array, int64_t index);

static void list(const struct ArrowSchema *type, const struct ArrowArray *array, int64_t from, int64_t to)
{
    int64_t i;

    putchar('[');
    for (i = from; i < to; i++) {
        if (i > from)
            putchar(',');
        value(type->children[0], array->children[0], i);
    }
    putchar(']');
}

static void members(const struct ArrowSchema *type, const struct ArrowArray *array, int64_t index)
{
    int64_t i;

    putchar('{');
    for (i = 0; i < type->n_children; i++) {
        printf("%s\"%s\":", i ? "," : "", type->children[i]->name);
        value(type->children[i], array->children[i], index);
    }
    putchar('}');
}

static void text(const struct ArrowArray *array, int64_t index)
{
    const int32_t *ends = array->buffers[1];
    const uint8_t *bytes = array->buffers[2];
    int32_t i;

    putchar('"');
    for (i = ends[index]; i < ends[index + 1]; i++)
        printf("%02x", bytes[i]);
    putchar('"');
}

static void value(const struct ArrowSchema *type, const struct ArrowArray *array, int64_t index)
{
    const int32_t *ends = array->n_buffers > 1 ? array->buffers[1] : NULL;
    const void *data = array->n_buffers > 1 ? array->buffers[1] : NULL;

    CHECK(array->offset == 0 && index < array->length && array->n_children == type->n_children);
    CHECK(!((uintptr_t)data % 8));
    if (is_null(array, index)) {
        CHECK(type->flags & 2);
        printf("null");
        return;
    }
    switch (type->format[0]) {
    case 'b':
        printf("%d", bit(data, index));
        break;
    case 'C':
        printf("%u", ((const uint8_t *)data)[index]);
        break;
    case 'S':
        printf("%u", ((const uint16_t *)data)[index]);
        break;
    case 'I':
        printf("%" PRIu32, ((const uint32_t *)data)[index]);
        break;
    case 'L':
        printf("%" PRIu64, ((const uint64_t *)data)[index]);
        break;
    case 'i':
        printf("%" PRId32, ((const int32_t *)data)[index]);
        break;
    case 'l':
        printf("%" PRId64, ((const int64_t *)data)[index]);
        break;
    case 'g':
        printf("%.17g", ((const double *)data)[index]);
        break;
    case 'u':
        text(array, index);
        break;
    case '+':
        if (type->format[1] == 's')
            members(type, array, index);
        else if (type->format[1] == 'l')
            list(type, array, ends[index], ends[index + 1]);
        else {
            int64_t number = strtol(type->format + 3, NULL, 10);

            list(type, array, index * number, (index + 1) * number);
        }
        break;
    default:
        CHECK(!"a format");
    }
}

static void section(const nfm_frame_t *frame, uint64_t bit, const char *name)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    int64_t i;

    CHECK(nfm_frame_export_arrow(frame, bit, &schema, &array, NULL) == NFM_OK);
    CHECK(strcmp(schema.format, "+s") == 0 && array.null_count == 0 && schema.metadata);
    printf("%s\t[", name);
    for (i = 0; i < array.length; i++) {
        if (i)
            putchar(',');
        members(&schema, &array, i);
    }
    puts("]");
    /* A consumer moves what it takes. */
    if (schema.n_children) {
        struct ArrowArray taken = *array.children[0];

        array.children[0]->release = NULL;
        taken.release(&taken);
        CHECK(!taken.release);
    }
    schema.release(&schema);
    array.release(&array);
    CHECK(!schema.release && !array.release);
}

int main(int argc, char **argv)
{
    nfm_open_options_t options;
    nfm_crawl_options_t crawl;
    nfm_domain_t *domain = NULL;
    nfm_frame_t *frame = NULL;
    nfm_error_t *error = NULL;
    struct ArrowSchema schema;
    struct ArrowArray array;
    const char *names[] = {"os",         "cpus",        "memory", "processes", "files", "mappings",  "modules",
                           "interfaces", "connections", "mounts", "log",       "host",  "integrity", "routes",
                           "neighbours"};
    uint64_t all = 0;
    size_t i;

    CHECK(argc == 2);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "qemu:///system";
    CHECK(nfm_open_domain(argv[1], &options, &domain, NULL) == NFM_OK);
    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        all |= nfm_section_bit(names[i]);
    memset(&crawl, 0, sizeof(crawl));
    crawl.size = sizeof(crawl);
    crawl.sections = all;
    crawl.threads = crawl.physical = 1;
    crawl.time_limit_ns = 20000000000u;
    CHECK(nfm_crawl(domain, &crawl, &frame, NULL) == NFM_OK);
    puts(nfm_frame_to_json(frame, 0));
    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        section(frame, nfm_section_bit(names[i]), names[i]);
    CHECK_FAILS(nfm_frame_export_arrow(frame, 3, &schema, &array, &error), NFM_ERR_INVALID_ARGUMENT, "name one");
    CHECK_FAILS(nfm_frame_export_arrow(frame, 1, NULL, &array, &error), NFM_ERR_INVALID_ARGUMENT, "schema is NULL");
    CHECK_FAILS(nfm_frame_export_arrow(NULL, 1, &schema, &array, &error), NFM_ERR_INVALID_ARGUMENT, "frame is NULL");
    nfm_frame_free(frame);
    crawl.sections = NFM_SECTION_OS;
    CHECK(nfm_crawl(domain, &crawl, &frame, NULL) == NFM_OK);
    CHECK_FAILS(nfm_frame_export_arrow(frame, NFM_SECTION_CPUS, &schema, &array, &error), NFM_ERR_INVALID_ARGUMENT,
                "does not hold");
    nfm_frame_free(frame);
    nfm_close_domain(domain);
    return 0;
}
