/* Bad input, none of which needs a guest: libvirt's test driver has a domain 'test'. */
#include "check.h"

#define URI "test:///default"

static char nowhere;
#define UNTOUCHED ((nfm_domain_t *)(void *)&nowhere)

struct newer_options {
    nfm_open_options_t known;
    const char *later;
};

static void no_error_object(void)
{
    uint64_t address = 7;

    CHECK(nfm_error_code(NULL) == NFM_OK);
    CHECK(strcmp(nfm_error_message(NULL), "no error") == 0);
    CHECK(nfm_error_errno(NULL) == 0);
    CHECK(nfm_error_address(NULL, &address) == 0 && address == 7);
    nfm_error_free(NULL);
}

static void names(void)
{
    CHECK(strcmp(nfm_version(), NFM_VERSION) == 0);
    CHECK(strcmp(nfm_result_name(NFM_OK), "NFM_OK") == 0);
    CHECK(strcmp(nfm_result_name(NFM_ERR_GONE), "NFM_ERR_GONE") == 0);
    CHECK(strcmp(nfm_result_name(-1), "NFM_ERR_?") == 0);
}

static void open_domain(void)
{
    nfm_error_t *error = NULL;
    nfm_domain_t *out = UNTOUCHED;
    nfm_open_options_t options;
    struct newer_options newer;

    memset(&options, 0, sizeof(options));
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "size is 0");
    options.size = sizeof(options.size);
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "size is");
    options.size = (size_t)-1;
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "size is");

    options.size = sizeof(options);
    options.uri = URI;
    CHECK_FAILS(nfm_open_domain(NULL, &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_open_domain("test", &options, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK_FAILS(nfm_open_domain("\xff", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "UTF-8");
    CHECK_FAILS(nfm_open_domain("nope", &options, &out, &error), NFM_ERR_NO_SUCH_DOMAIN, "'nope'");
    CHECK_FAILS(nfm_open_domain("", &options, &out, &error), NFM_ERR_NO_SUCH_DOMAIN, "''");
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_UNSUPPORTED, "TEST");
    options.uri = "nonsense:///";
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_CONNECT, "nonsense");
    options.uri = "\xff";
    CHECK_FAILS(nfm_open_domain("test", &options, &out, &error), NFM_ERR_INVALID_ARGUMENT, "uri");

    /* A program newer than the library: what it leaves zero does not matter. */
    memset(&newer, 0, sizeof(newer));
    newer.known.size = sizeof(newer);
    newer.known.uri = URI;
    CHECK_FAILS(nfm_open_domain("nope", &newer.known, &out, &error), NFM_ERR_NO_SUCH_DOMAIN, "nope");
    newer.later = URI;
    CHECK_FAILS(nfm_open_domain("nope", &newer.known, &out, &error), NFM_ERR_INVALID_ARGUMENT,
                "does not know");

    /* Nobody wants the error. */
    CHECK(nfm_open_domain(NULL, NULL, NULL, NULL) == NFM_ERR_INVALID_ARGUMENT);
    CHECK(nfm_open_domain("nope", &newer.known, &out, NULL) == NFM_ERR_INVALID_ARGUMENT);

    CHECK(out == UNTOUCHED);
    nfm_close_domain(NULL);
}

static void without_a_frame(void)
{
    nfm_error_t *error = NULL;
    nfm_frame_t *out = (nfm_frame_t *)(void *)&nowhere;
    size_t count = 7, stride = 7;

    CHECK_FAILS(nfm_crawl(NULL, NULL, &out, &error), NFM_ERR_INVALID_ARGUMENT, "domain is NULL");
    CHECK_FAILS(nfm_crawl(NULL, NULL, NULL, &error), NFM_ERR_INVALID_ARGUMENT, "out is NULL");
    CHECK(out == (nfm_frame_t *)(void *)&nowhere);

    CHECK(!nfm_frame_info(NULL));
    CHECK(!nfm_frame_to_json(NULL, 0));
    CHECK(!nfm_frame_processes(NULL, &count, &stride) && count == 0);
    count = 7;
    CHECK(!nfm_frame_problems(NULL, &count, &stride) && count == 0);
    CHECK(!nfm_frame_processes(NULL, NULL, NULL));
    nfm_frame_free(NULL);
}

/* A library newer than the program: its rows are longer. */
static void rows_that_grew(void)
{
    struct {
        nfm_process_t known;
        uint64_t later[3];
    } rows[3];
    size_t i;

    memset(rows, 0, sizeof(rows));
    for (i = 0; i < 3; i++)
        rows[i].known.pid = (uint32_t)i;
    for (i = 0; i < 3; i++)
        CHECK(NFM_ROW(nfm_process_t, &rows[0].known, sizeof(rows[0]), i)->pid == i);
}

int main(void)
{
    no_error_object();
    names();
    open_domain();
    without_a_frame();
    rows_that_grew();
    return 0;
}
