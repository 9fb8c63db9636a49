/*
 * files DOMAIN list PATH | stat PATH | cat PATH | descriptor PID FD: the guest's files. `list` and `stat` print a line a
 * file, then how complete they are; the others print the content.
 */
#include <inttypes.h>

#include "check.h"

static void show(const nfm_file_list_t *list)
{
    size_t count, stride;
    const nfm_found_file_t *rows = nfm_file_list_rows(list, &count, &stride);

    CHECK(rows);
    for (size_t i = 0; i < count; i++) {
        const nfm_found_file_t *file = NFM_ROW(nfm_found_file_t, rows, stride, i);
        const uint64_t all = NFM_FOUND_FILE_KIND | NFM_FOUND_FILE_INODE | NFM_FOUND_FILE_SIZE | NFM_FOUND_FILE_MODE |
                             NFM_FOUND_FILE_LINKS | NFM_FOUND_FILE_UID | NFM_FOUND_FILE_GID |
                             NFM_FOUND_FILE_MODIFIED_NS;

        CHECK((file->known & all) == all);
        CHECK(!(file->known & NFM_FOUND_FILE_TARGET) == !file->target);
        printf("%s %s %" PRIu64 " %" PRIu64 " %o %u %u %u %" PRId64 "\n", file->path, file->kind, file->inode,
               file->size, (unsigned)file->mode, (unsigned)file->links, (unsigned)file->uid, (unsigned)file->gid,
               file->modified_ns / 1000000000);
    }
    printf("complete %d\n", nfm_file_list_is_complete(list));
}

/* The ranges of a file follow each other, and all of it is known. */
static uint64_t length(nfm_domain_t *domain, const nfm_open_file_t *file)
{
    nfm_file_ranges_t *ranges;
    size_t count, stride;
    uint64_t end = 0;

    CHECK(nfm_file_content(domain, file, &ranges, NULL) == NFM_OK);
    const nfm_file_range_t *rows = nfm_file_ranges_rows(ranges, &count, &stride);
    for (size_t i = 0; i < count; i++) {
        const nfm_file_range_t *range = NFM_ROW(nfm_file_range_t, rows, stride, i);

        CHECK(range->offset == end && range->length > 0);
        CHECK(range->content == NFM_CONTENT_DIRTY || range->content == NFM_CONTENT_HOLE);
        end += range->length;
    }
    nfm_file_ranges_free(ranges);
    return end;
}

static void cat(nfm_domain_t *domain, nfm_open_file_t *file)
{
    static uint8_t bytes[100000], again[sizeof(bytes)];
    const uint64_t end = length(domain, file);
    nfm_error_t *error = NULL;
    nfm_file_ranges_t *unknown;
    size_t count, other, stride;

    for (uint64_t at = 0; at < end; at += count) {
        CHECK(nfm_file_read(domain, file, at, bytes, sizeof(bytes), &count, NULL, NULL) == NFM_OK);
        CHECK(nfm_file_read(domain, file, at, again, sizeof(again), &other, &unknown, NULL) == NFM_OK);
        CHECK(count > 0 && count == other && !memcmp(bytes, again, count));
        CHECK(nfm_file_ranges_rows(unknown, &other, &stride) && other == 0);
        nfm_file_ranges_free(unknown);
        CHECK(fwrite(bytes, 1, count, stdout) == count);
    }
    CHECK(nfm_file_read(domain, file, end, bytes, 1, &count, NULL, NULL) == NFM_OK && count == 0);
    CHECK_FAILS(nfm_file_read(domain, file, 0, NULL, 1, &count, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "bytes is NULL");
    CHECK_FAILS(nfm_file_read(domain, file, 0, bytes, 1, NULL, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "count is NULL");
    nfm_file_close(file);
}

int main(int argc, char **argv)
{
    nfm_domain_t *domain;
    nfm_open_file_t *file;
    nfm_file_list_t *list;
    nfm_error_t *error = NULL;

    CHECK(argc > 3);
    CHECK(nfm_open_domain(argv[1], NULL, &domain, NULL) == NFM_OK);
    CHECK_FAILS(nfm_file_open(domain, 0, "/no/such/file", &file, &error), NFM_ERR_FILE, "/no/such/file");
    CHECK_FAILS(nfm_file_open(domain, 0, "/proc/uptime", &file, &error), NFM_ERR_NOT_IN_MEMORY, "/proc/uptime");
    if (!strcmp(argv[2], "list")) {
        CHECK(nfm_file_list(domain, 0, argv[3], &list, NULL) == NFM_OK);
        show(list);
        nfm_file_list_free(list);
    } else if (!strcmp(argv[2], "stat")) {
        CHECK(nfm_file_stat(domain, 1, argv[3], 0, &list, NULL) == NFM_OK);
        show(list);
        nfm_file_list_free(list);
    } else if (!strcmp(argv[2], "cat")) {
        CHECK(nfm_file_open(domain, 0, argv[3], &file, NULL) == NFM_OK);
        cat(domain, file);
    } else {
        CHECK(argc > 4 && nfm_file_open_descriptor(domain, atoi(argv[3]), atoi(argv[4]), &file, NULL) == NFM_OK);
        cat(domain, file);
    }
    nfm_close_domain(domain);
    return 0;
}
