/* Prints the members of every section, one a line: section, rows_of, name, offset, size, known_bit, value_type. */
#include <inttypes.h>
#include <stdio.h>

#include <nfm.h>

int main(void)
{
    for (int shift = 0; shift < 64; shift++) {
        size_t count, stride;
        const nfm_member_t *members = nfm_section_members(UINT64_C(1) << shift, &count, &stride);

        for (size_t i = 0; i < count; i++) {
            const nfm_member_t *member = NFM_ROW(nfm_member_t, members, stride, i);

            printf("%d\t%s\t%s\t%zu\t%zu\t%" PRIu64 "\t%" PRIu32 "\n", shift, member->rows_of, member->name,
                   member->offset, member->size, member->known_bit, member->value_type);
        }
    }
    return 0;
}
