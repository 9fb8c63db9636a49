/*
 * misuse leak|use-after-free: what a caller must not do, so that it is seen that the checkers of memory
 * watch what the library allocates. No guest is needed.
 */
#include "check.h"

int main(int argc, char **argv)
{
    nfm_list_options_t options;
    nfm_domain_list_t *list = NULL;
    const nfm_domain_info_t *rows;
    size_t count, stride;

    CHECK(argc == 2);
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.uri = "test:///default";
    CHECK(nfm_list_domains(&options, &list, NULL) == NFM_OK);
    rows = nfm_domain_list_rows(list, &count, &stride);
    CHECK(count == 1);
    if (strcmp(argv[1], "use-after-free") == 0) {
        nfm_domain_list_free(list);
        puts(NFM_ROW(nfm_domain_info_t, rows, stride, 0)->name);
    }
    return 0;
}
