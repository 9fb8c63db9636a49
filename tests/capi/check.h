/* What the tests in C share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfm.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

/* A call failed with this code, wrote no output and did write the error. */
#define CHECK_FAILS(call, expected, words)                             \
    do {                                                               \
        int code_ = (call);                                            \
        if (code_ != (expected))                                       \
            fprintf(stderr, "%s, not %s: %s\n", nfm_result_name(code_), \
                    nfm_result_name(expected), nfm_error_message(error)); \
        CHECK(code_ == (expected));                                    \
        CHECK(nfm_error_code(error) == (expected));                    \
        if (!strstr(nfm_error_message(error), words))                  \
            fprintf(stderr, "%s\n", nfm_error_message(error));         \
        CHECK(strstr(nfm_error_message(error), words));                \
        nfm_error_free(error);                                         \
        error = NULL;                                                  \
    } while (0)
