/*
 * nfm-ps: the processes of a running guest, seen from its host.
 *
 *     cc -o nfm-ps nfm-ps.c $(pkg-config --cflags --libs nfm)
 *     ./nfm-ps [-c URI] DOMAIN
 *
 * The exit status is 0, or the number of nfm's result (nfm.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <nfm.h>

/* A number, or "?" where it is not known. */
static void print_number(int width, uint64_t known, uint32_t value)
{
    if (known)
        printf("%*" PRIu32 " ", width, value);
    else
        printf("%*s ", width, "?");
}

/*
 * Whether a terminal does something else with this character than show it: as nfm escapes them in JSON, Unicode's
 * categories Cc, Cf, Zl and Zp, and what is reserved among them.
 */
static int steers_terminal(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},
        {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},
        {0x8e2, 0x8e2},     {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd},
        {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
        {0xe0000, 0xe007f},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return 1;
    return 0;
}

/* The next character of a text, which is sound UTF-8 as all of nfm's is, and how many bytes it has. */
static uint32_t next_character(const unsigned char *byte, int *bytes)
{
    uint32_t c = *byte;

    *bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (*bytes > 1)
        c &= 0x7f >> *bytes;
    for (int i = 1; i < *bytes; i++)
        c = c << 6 | (byte[i] & 0x3f);
    return c;
}

/* Text of a guest must not steer the terminal: such characters are shown as \xNN, \uNNNN or \UNNNNNNNN. */
static void print_text(FILE *out, int width, const char *text)
{
    const unsigned char *byte = (const unsigned char *)(text ? text : "?");
    int bytes;

    for (; *byte; byte += bytes) {
        uint32_t c = next_character(byte, &bytes);

        if (!steers_terminal(c)) {
            fwrite(byte, 1, bytes, out);
            width--; /* one for each character */
        } else if (c < 0x100) {
            width -= fprintf(out, "\\x%02" PRIx32, c);
        } else if (c < 0x10000) {
            width -= fprintf(out, "\\u%04" PRIx32, c);
        } else {
            width -= fprintf(out, "\\U%08" PRIx32, c);
        }
    }
    fprintf(out, "%*s", width > 0 ? width : 0, "");
}

static int fail(nfm_error_t *error)
{
    int code = nfm_error_code(error);

    fputs("nfm-ps: ", stderr);
    print_text(stderr, 0, nfm_error_message(error));
    fprintf(stderr, " (%s)\n", nfm_result_name(code));
    nfm_error_free(error);
    return code;
}

static void print_process(const nfm_process_t *process)
{
    uint64_t known = process->known;

    print_number(7, 1, process->pid);
    print_number(7, known & NFM_PROCESS_PPID, process->ppid);
    print_number(7, known & NFM_PROCESS_UID, process->uid);
    print_number(7, known & NFM_PROCESS_THREADS, process->threads);
    if (process->command_line && !*process->command_line) {
        print_text(stdout, 0, process->name); /* a kernel thread, for one */
    } else {
        print_text(stdout, 15, process->name);
        putchar(' ');
        print_text(stdout, 0, process->command_line);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    nfm_open_options_t open_options;
    nfm_crawl_options_t crawl_options;
    nfm_domain_t *domain = NULL;
    nfm_frame_t *frame = NULL;
    nfm_error_t *error = NULL;
    const nfm_process_t *processes;
    const nfm_problem_t *problems;
    size_t count, stride, i;

    memset(&open_options, 0, sizeof(open_options));
    open_options.size = sizeof(open_options);
    if (argc == 4 && strcmp(argv[1], "-c") == 0) {
        open_options.uri = argv[2];
    } else if (argc != 2) {
        fprintf(stderr, "usage: nfm-ps [-c URI] DOMAIN\n");
        return NFM_ERR_INVALID_ARGUMENT;
    }
    if (nfm_open_domain(argv[argc - 1], &open_options, &domain, &error) != NFM_OK)
        return fail(error);

    memset(&crawl_options, 0, sizeof(crawl_options));
    crawl_options.size = sizeof(crawl_options);
    crawl_options.sections = NFM_SECTION_PROCESSES;
    if (nfm_crawl(domain, &crawl_options, &frame, &error) != NFM_OK) {
        nfm_close_domain(domain);
        return fail(error);
    }

    printf("%7s %7s %7s %7s %-15s %s\n", "PID", "PPID", "UID", "THREADS", "NAME", "COMMAND");
    processes = nfm_frame_processes(frame, &count, &stride);
    for (i = 0; i < count; i++)
        print_process(NFM_ROW(nfm_process_t, processes, stride, i));

    /* A list that is not whole says so. */
    problems = nfm_frame_problems(frame, &count, &stride);
    for (i = 0; i < count; i++) {
        const nfm_problem_t *problem = NFM_ROW(nfm_problem_t, problems, stride, i);

        fprintf(stderr, "nfm-ps: %s: ", problem->section);
        print_text(stderr, 0, problem->reason);
        fputc('\n', stderr);
    }

    nfm_frame_free(frame);
    nfm_close_domain(domain);
    return 0;
}
