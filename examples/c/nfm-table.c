/*
 * nfm-table: any section of a frame of a running guest, as a table of tab-separated values. It knows no
 * section: names, places and types come from the library, so it shows those of later versions too.
 *
 *     cc -o nfm-table nfm-table.c $(pkg-config --cflags --libs nfm)
 *     ./nfm-table [-c URI] DOMAIN SECTION
 *
 * The first line has the members' names, and their units in brackets. A value that is not known is "?"; of rows
 * within a row their number is shown. The exit status is 0, or the number of nfm's result (nfm.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <nfm.h>

/*
 * Text of a guest must not steer the terminal, nor look like another cell: all but plain ASCII is shown as \xNN,
 * byte by byte. nfm-ps.c shows how to let letters of other languages pass.
 */
static void print_text(FILE *out, const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;

    for (; *byte; byte++)
        fprintf(out, *byte < 0x20 || *byte > 0x7e || *byte == '\\' ? "\\x%02x" : "%c", *byte);
}

/* A number of any size, without a cast that C forbids. */
static uint64_t number(const unsigned char *at, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, at, size); /* little endian, as all machines that nfm runs on */
    return value;
}

static void print_value(const unsigned char *at, const nfm_member_t *member)
{
    const char *text;
    const char *const *texts;
    size_t i, count;
    uint64_t value;
    double real;

    switch (member->value_type) {
    case NFM_MEMBER_UNSIGNED:
    case NFM_MEMBER_FLAG:
        printf("%" PRIu64, number(at, member->size));
        break;
    case NFM_MEMBER_SIGNED:
        value = number(at, member->size);
        if (member->size < sizeof(value)) /* its sign */
            value = (value ^ 1ull << (8 * member->size - 1)) - (1ull << (8 * member->size - 1));
        printf("%" PRId64, (int64_t)value);
        break;
    case NFM_MEMBER_REAL:
        for (i = 0; i < member->size / sizeof(real); i++) {
            memcpy(&real, at + i * sizeof(real), sizeof(real));
            printf("%s%.17g", i ? "," : "", real);
        }
        break;
    case NFM_MEMBER_LETTER:
        putchar(*at);
        break;
    case NFM_MEMBER_TEXT:
        memcpy(&text, at, sizeof(text));
        print_text(stdout, text);
        break;
    case NFM_MEMBER_TEXTS:
        memcpy(&texts, at, sizeof(texts));
        for (i = 0; texts[i]; i++) {
            if (i)
                putchar(',');
            print_text(stdout, texts[i]);
        }
        break;
    case NFM_MEMBER_ROWS:
        memcpy(&count, at + member->size, sizeof(count));
        printf("%zu", count);
        break;
    default:
        putchar('?'); /* of a later version */
    }
}

static void print_row(const unsigned char *row, const nfm_member_t *members, size_t count, size_t stride)
{
    uint64_t known;
    size_t i;

    memcpy(&known, row, sizeof(known)); /* every row begins with it */
    for (i = 0; i < count; i++) {
        const nfm_member_t *member = NFM_ROW(nfm_member_t, members, stride, i);

        if (*member->rows_of)
            continue;
        if (i)
            putchar('\t');
        if (member->known_bit && !(known & member->known_bit))
            putchar('?');
        else
            print_value(row + member->offset, member);
    }
    putchar('\n');
}

static int fail(nfm_error_t *error)
{
    int code = nfm_error_code(error);

    fputs("nfm-table: ", stderr);
    print_text(stderr, nfm_error_message(error));
    fprintf(stderr, " (%s)\n", nfm_result_name(code));
    nfm_error_free(error);
    return code;
}

int main(int argc, char **argv)
{
    nfm_open_options_t open_options;
    nfm_crawl_options_t crawl_options;
    nfm_domain_t *domain = NULL;
    nfm_frame_t *frame = NULL;
    nfm_error_t *error = NULL;
    const nfm_problem_t *problems;
    const nfm_member_t *members;
    const unsigned char *rows;
    size_t member_count, member_stride, count, stride, i;
    uint64_t section;

    memset(&open_options, 0, sizeof(open_options));
    open_options.size = sizeof(open_options);
    if (argc == 5 && strcmp(argv[1], "-c") == 0) {
        open_options.uri = argv[2];
    } else if (argc != 3) {
        fprintf(stderr, "usage: nfm-table [-c URI] DOMAIN SECTION\n");
        return NFM_ERR_INVALID_ARGUMENT;
    }
    section = nfm_section_bit(argv[argc - 1]);
    members = nfm_section_members(section, &member_count, &member_stride);
    if (!members) {
        fprintf(stderr, "nfm-table: there is no section with rows of that name\n");
        return NFM_ERR_INVALID_ARGUMENT;
    }
    if (nfm_open_domain(argv[argc - 2], &open_options, &domain, &error) != NFM_OK)
        return fail(error);

    memset(&crawl_options, 0, sizeof(crawl_options));
    crawl_options.size = sizeof(crawl_options);
    crawl_options.sections = section;
    if (nfm_crawl(domain, &crawl_options, &frame, &error) != NFM_OK) {
        nfm_close_domain(domain);
        return fail(error);
    }

    for (i = 0; i < member_count; i++) {
        const nfm_member_t *member = NFM_ROW(nfm_member_t, members, member_stride, i);

        if (*member->rows_of)
            continue;
        printf(*member->unit ? "%s%s [%s]" : "%s%s%s", i ? "\t" : "", member->name, member->unit);
    }
    putchar('\n');
    rows = nfm_frame_rows(frame, section, &count, &stride);
    for (i = 0; i < count; i++)
        print_row(rows + i * stride, members, member_count, member_stride);

    /* A table that is not whole says so. */
    problems = nfm_frame_problems(frame, &count, &stride);
    for (i = 0; i < count; i++) {
        const nfm_problem_t *problem = NFM_ROW(nfm_problem_t, problems, stride, i);

        fprintf(stderr, "nfm-table: %s: ", problem->section);
        print_text(stderr, problem->reason);
        fputc('\n', stderr);
    }

    nfm_frame_free(frame);
    nfm_close_domain(domain);
    return 0;
}
