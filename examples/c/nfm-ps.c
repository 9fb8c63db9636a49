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

static int fail(nfm_error_t *error)
{
    int code = nfm_error_code(error);

    fprintf(stderr, "nfm-ps: %s (%s)\n", nfm_error_message(error), nfm_result_name(code));
    nfm_error_free(error);
    return code;
}

/* A number, or "?" where it is not known. */
static void print_number(int width, uint64_t known, uint32_t value)
{
    if (known)
        printf("%*" PRIu32 " ", width, value);
    else
        printf("%*s ", width, "?");
}

/* Whether a character that turns writing around or cannot be seen begins here, in three bytes. */
static int is_hidden(const unsigned char *byte)
{
    return (byte[0] == 0xe2 && byte[1] == 0x80 && /* U+200B to U+200F, U+2028 to U+202E */
            ((byte[2] >= 0x8b && byte[2] <= 0x8f) || (byte[2] >= 0xa8 && byte[2] <= 0xae))) ||
           (byte[0] == 0xe2 && byte[1] == 0x81 && byte[2] >= 0xa0 && byte[2] <= 0xaf) ||
           (byte[0] == 0xef && byte[1] == 0xbb && byte[2] == 0xbf);
}

/*
 * Text of a guest must not steer the terminal: control characters are shown as \xNN, those of ASCII
 * and those of Unicode (U+0080 to U+009F, in UTF-8 a C2 and a byte below A0); hidden ones
 * are shown as \uNNNN.
 */
static void print_text(int width, const char *text)
{
    const unsigned char *byte = (const unsigned char *)(text ? text : "?");

    for (; *byte; byte++) {
        int control = *byte < 0x20 || *byte == 0x7f;

        if (is_hidden(byte)) {
            printf("\\u%04x", (byte[0] & 0xf) << 12 | (byte[1] & 0x3f) << 6 | (byte[2] & 0x3f));
            width -= 6;
            byte += 2;
            continue;
        }
        if (byte[0] == 0xc2 && byte[1] < 0xa0) {
            byte++;
            control = 1;
        }
        if (control) {
            printf("\\x%02x", *byte);
            width -= 4;
        } else {
            putchar(*byte);
            width -= (*byte & 0xc0) != 0x80; /* one for each character */
        }
    }
    printf("%*s", width > 0 ? width : 0, "");
}

static void print_process(const nfm_process_t *process)
{
    uint64_t known = process->known;

    print_number(7, 1, process->pid);
    print_number(7, known & NFM_PROCESS_PPID, process->ppid);
    print_number(7, known & NFM_PROCESS_UID, process->uid);
    print_number(7, known & NFM_PROCESS_THREADS, process->threads);
    if (process->command_line && !*process->command_line) {
        print_text(0, process->name); /* a kernel thread, for one */
    } else {
        print_text(15, process->name);
        putchar(' ');
        print_text(0, process->command_line);
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

        fprintf(stderr, "nfm-ps: %s: %s\n", problem->section, problem->reason);
    }

    nfm_frame_free(frame);
    nfm_close_domain(domain);
    return 0;
}
