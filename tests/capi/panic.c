/*
 * panic DOMAIN: a bug in the library, which debug builds have on request, is an error like any other, and
 * the domain is of no more use. Frames are.
 */
#define _POSIX_C_SOURCE 200112L
#include "check.h"

int main(int argc, char **argv)
{
    nfm_open_options_t options;
    nfm_domain_t *domain = NULL, *other = NULL;
    nfm_frame_t *frame = NULL, *none = NULL;
    nfm_error_t *error = NULL;

    CHECK(argc == 2);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "qemu:///system";
    CHECK(nfm_open_domain(argv[1], &options, &domain, NULL) == NFM_OK);
    CHECK(nfm_crawl(domain, NULL, &frame, NULL) == NFM_OK);

    CHECK(setenv("NFM_TEST_PANIC", "1", 1) == 0);
    CHECK_FAILS(nfm_crawl(domain, NULL, &none, &error), NFM_ERR_PANIC, "NFM_TEST_PANIC asks for it");
    CHECK(unsetenv("NFM_TEST_PANIC") == 0);
    CHECK_FAILS(nfm_crawl(domain, NULL, &none, &error), NFM_ERR_PANIC, "close it");
    CHECK(nfm_crawl(domain, NULL, &none, NULL) == NFM_ERR_PANIC);
    CHECK(!none);
    nfm_close_domain(domain);

    CHECK(strstr(nfm_frame_to_json(frame, 0), argv[1]));
    nfm_frame_free(frame);

    /* The library itself goes on. */
    CHECK(nfm_open_domain(argv[1], &options, &other, NULL) == NFM_OK);
    CHECK(nfm_crawl(other, NULL, &frame, NULL) == NFM_OK);
    nfm_frame_free(frame);
    nfm_close_domain(other);
    return 0;
}
