/*
 * The layout that programs are compiled against, on machines with 64-bit pointers. Once released,
 * nothing here changes but by new lines for members at the end, and the sizes that follow from them.
 */
#include <nfm.h>

#define AT(type, member, offset) \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has changed its size")

SIZE(nfm_open_options_t, 16);
AT(nfm_open_options_t, size, 0);
AT(nfm_open_options_t, uri, 8);

SIZE(nfm_crawl_options_t, 24);
AT(nfm_crawl_options_t, size, 0);
AT(nfm_crawl_options_t, sections, 8);
AT(nfm_crawl_options_t, time_limit_ns, 16);

SIZE(nfm_frame_info_t, 80);
AT(nfm_frame_info_t, known, 0);
AT(nfm_frame_info_t, sections, 8);
AT(nfm_frame_info_t, seq, 16);
AT(nfm_frame_info_t, time_ns, 24);
AT(nfm_frame_info_t, duration_ns, 32);
AT(nfm_frame_info_t, domain_name, 40);
AT(nfm_frame_info_t, domain_uuid, 48);
AT(nfm_frame_info_t, hypervisor, 56);
AT(nfm_frame_info_t, mode, 64);
AT(nfm_frame_info_t, retries, 72);
AT(nfm_frame_info_t, complete, 76);

SIZE(nfm_problem_t, 32);
AT(nfm_problem_t, known, 0);
AT(nfm_problem_t, address, 8);
AT(nfm_problem_t, section, 16);
AT(nfm_problem_t, reason, 24);

SIZE(nfm_process_t, 96);
AT(nfm_process_t, known, 0);
AT(nfm_process_t, name, 8);
AT(nfm_process_t, command_line, 16);
AT(nfm_process_t, start_time_ns, 24);
AT(nfm_process_t, user_ns, 32);
AT(nfm_process_t, system_ns, 40);
AT(nfm_process_t, virtual_bytes, 48);
AT(nfm_process_t, pid, 56);
AT(nfm_process_t, ppid, 60);
AT(nfm_process_t, uid, 64);
AT(nfm_process_t, euid, 68);
AT(nfm_process_t, gid, 72);
AT(nfm_process_t, egid, 76);
AT(nfm_process_t, threads, 80);
AT(nfm_process_t, nice, 84);
AT(nfm_process_t, kernel_thread, 88);
AT(nfm_process_t, state, 92);
AT(nfm_process_t, reserved, 93);

/* Numbers and bits, of which the last of each kind shows that none was put between. */
_Static_assert(NFM_OK == 0 && NFM_ERR_OTHER == 1 && NFM_ERR_PANIC == 14, "a result has moved");
_Static_assert(NFM_SECTION_OS == 1 && NFM_SECTION_INTERFACES == 16, "a section has moved");
_Static_assert(NFM_PROBLEM_ADDRESS == 1 && NFM_JSON_PRETTY == 1, "a bit has moved");
_Static_assert(NFM_PROCESS_PPID == 1 && NFM_PROCESS_KERNEL_THREAD == 1 << 14, "a bit has moved");
