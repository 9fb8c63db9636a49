/*
 * agent URI DOMAIN WORK: an agent that knows nothing of signals, as most are: SIGPIPE would end it.
 *
 * crawl        ten threads crawl, each with a handle of its own, until standard input ends. Of each line from
 *              there is said how many frames told the domain's state since the last, and how many did not. At the
 *              end is said what the log was told.
 * many COUNT   COUNT handles stay open, each with a frame; the descriptors of this process are counted.
 * fork         a child uses what its parent opened; then its parent goes on.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { THREADS = 10, MOST_HANDLES = 2000 };

static const char *uri, *name;
static volatile sig_atomic_t ended;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned told, untold, failed;
static unsigned away, back, others;

static int open_domain(nfm_domain_t **domain, nfm_error_t **error)
{
    nfm_open_options_t options;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = uri;
    return nfm_open_domain(name, &options, domain, error);
}

static int crawl(nfm_domain_t *domain, nfm_frame_t **frame, nfm_error_t **error)
{
    nfm_crawl_options_t options;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sections = NFM_SECTION_OS | NFM_SECTION_HOST;
    options.time_limit_ns = 20000000000u;
    return nfm_crawl(domain, &options, frame, error);
}

static int state_is_known(const nfm_frame_t *frame)
{
    const nfm_host_t *host = nfm_frame_host(frame);

    return host && host->state != NULL;
}

static void *work(void *unused)
{
    const struct timespec rest = {0, 2000000};
    nfm_domain_t *domain = NULL;
    nfm_frame_t *frame;
    nfm_error_t *error = NULL;

    (void)unused;
    if (open_domain(&domain, &error) != NFM_OK) {
        fprintf(stderr, "%s\n", nfm_error_message(error));
        exit(1);
    }
    while (!ended) {
        int result = crawl(domain, &frame, NULL);
        int known = result == NFM_OK && state_is_known(frame);

        pthread_mutex_lock(&lock);
        *(result != NFM_OK ? &failed : known ? &told : &untold) += 1;
        pthread_mutex_unlock(&lock);
        if (result == NFM_OK)
            nfm_frame_free(frame);
        nanosleep(&rest, NULL);
    }
    nfm_close_domain(domain);
    return NULL;
}

static void note(int level, const char *target, const char *message, void *unused)
{
    (void)target;
    (void)unused;
    pthread_mutex_lock(&lock);
    if (strstr(message, "libvirt is away"))
        away++;
    else if (strstr(message, "libvirt answers again"))
        back++;
    else if (level <= NFM_LOG_WARN)
        others++;
    pthread_mutex_unlock(&lock);
}

static int crawl_all(void)
{
    pthread_t threads[THREADS];
    char line[100];
    int i;

    CHECK(nfm_set_log(NFM_LOG_INFO, note, NULL, NULL) == NFM_OK);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    while (fgets(line, sizeof(line), stdin)) {
        pthread_mutex_lock(&lock);
        printf("told %u untold %u failed %u\n", told, untold, failed);
        told = untold = failed = 0;
        pthread_mutex_unlock(&lock);
        fflush(stdout);
    }
    ended = 1;
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    printf("away %u back %u others %u\n", away, back, others);
    return 0;
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    CHECK(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    /* . and .. and the folder itself */
    return count - 3;
}

static int many(unsigned wanted)
{
    static nfm_domain_t *domains[MOST_HANDLES];
    nfm_error_t *error = NULL;
    nfm_frame_t *frame;
    unsigned count, i;
    int result = NFM_OK, retry = 0;

    CHECK(wanted <= MOST_HANDLES);
    for (count = 0; count < wanted; count++) {
        result = open_domain(&domains[count], &error);
        if (result != NFM_OK)
            break;
        CHECK(crawl(domains[count], &frame, NULL) == NFM_OK);
        CHECK(state_is_known(frame));
        nfm_frame_free(frame);
    }
    if (result != NFM_OK) {
        retry = nfm_error_retry(error);
        printf("%s: %s\n", nfm_result_name(result), nfm_error_message(error));
        nfm_error_free(error);
    }
    printf("handles %u descriptors %u result %d retry %d\n", count, descriptors(), result, retry);
    /* Those that are open serve on, also in the shared memory that is mapped by now. */
    for (i = 0; i < count; i += 100) {
        CHECK(crawl(domains[i], &frame, NULL) == NFM_OK);
        CHECK(crawl(domains[i], &frame, NULL) == NFM_OK);
        nfm_frame_free(frame);
    }
    for (i = 0; i < count; i++)
        nfm_close_domain(domains[i]);
    printf("left %u\n", descriptors());
    return 0;
}

static int forked(void)
{
    nfm_domain_t *domain = NULL, *own = NULL;
    nfm_frame_t *frame, *none = NULL;
    nfm_error_t *error = NULL;
    pid_t child;
    int status;

    CHECK(open_domain(&domain, NULL) == NFM_OK);
    CHECK(crawl(domain, &frame, NULL) == NFM_OK && state_is_known(frame));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_FAILS(crawl(domain, &none, &error), NFM_ERR_INVALID_ARGUMENT, "fork");
        CHECK(crawl(domain, &none, &error) == NFM_ERR_INVALID_ARGUMENT);
        CHECK(nfm_error_retry(error) == NFM_RETRY_REOPEN);
        nfm_error_free(error);
        CHECK(!none);
        /* A frame is the child's as well as the parent's. */
        CHECK(strstr(nfm_frame_to_json(frame, 0), name));
        nfm_frame_free(frame);
        nfm_close_domain(domain);
        CHECK(open_domain(&own, NULL) == NFM_OK);
        CHECK(crawl(own, &frame, NULL) == NFM_OK && state_is_known(frame));
        nfm_frame_free(frame);
        nfm_close_domain(own);
        exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    nfm_frame_free(frame);
    CHECK(crawl(domain, &frame, NULL) == NFM_OK && state_is_known(frame));
    nfm_frame_free(frame);
    nfm_close_domain(domain);
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc >= 4);
    uri = argv[1];
    name = argv[2];
    /* Whoever started this may have ignored it. */
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    if (strcmp(argv[3], "crawl") == 0)
        return crawl_all();
    if (strcmp(argv[3], "many") == 0 && argc == 5)
        return many((unsigned)strtoul(argv[4], NULL, 10));
    CHECK(strcmp(argv[3], "fork") == 0);
    return forked();
}
