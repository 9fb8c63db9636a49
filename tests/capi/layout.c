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

SIZE(nfm_process_t, 184);
AT(nfm_process_t, known, 0);
AT(nfm_process_t, name, 8);
AT(nfm_process_t, command_line, 16);
AT(nfm_process_t, exe, 24);
AT(nfm_process_t, cwd, 32);
AT(nfm_process_t, root, 40);
AT(nfm_process_t, cgroup, 48);
AT(nfm_process_t, start_time_ns, 56);
AT(nfm_process_t, user_ns, 64);
AT(nfm_process_t, system_ns, 72);
AT(nfm_process_t, virtual_bytes, 80);
AT(nfm_process_t, rss_bytes, 88);
AT(nfm_process_t, shared_bytes, 96);
AT(nfm_process_t, pid, 104);
AT(nfm_process_t, pid_in_namespace, 108);
AT(nfm_process_t, ppid, 112);
AT(nfm_process_t, uid, 116);
AT(nfm_process_t, euid, 120);
AT(nfm_process_t, gid, 124);
AT(nfm_process_t, egid, 128);
AT(nfm_process_t, threads, 132);
AT(nfm_process_t, nice, 136);
AT(nfm_process_t, open_files, 140);
AT(nfm_process_t, pid_namespace, 144);
AT(nfm_process_t, net_namespace, 148);
AT(nfm_process_t, mnt_namespace, 152);
AT(nfm_process_t, uts_namespace, 156);
AT(nfm_process_t, ipc_namespace, 160);
AT(nfm_process_t, user_namespace, 164);
AT(nfm_process_t, cgroup_namespace, 168);
AT(nfm_process_t, time_namespace, 172);
AT(nfm_process_t, kernel_thread, 176);
AT(nfm_process_t, state, 180);
AT(nfm_process_t, reserved, 181);

/* Numbers and bits, of which the last of each kind shows that none was put between. */
_Static_assert(NFM_OK == 0 && NFM_ERR_OTHER == 1 && NFM_ERR_PANIC == 14, "a result has moved");
_Static_assert(NFM_SECTION_OS == 1 && NFM_SECTION_HOST == 1 << 11, "a section has moved");
_Static_assert(NFM_PROBLEM_ADDRESS == 1 && NFM_JSON_PRETTY == 1, "a bit has moved");
_Static_assert(NFM_PROCESS_NAME == 1 && NFM_PROCESS_STATE == 1 << 30, "a bit has moved");
