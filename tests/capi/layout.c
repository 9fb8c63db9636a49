/*
 * The layout that programs are compiled against, on machines with 64-bit pointers. Once released,
 * nothing here changes but by new lines for members at the end, and the sizes that follow from them.
 */
#include <nfm.h>

#define AT(type, member, offset) \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has changed its size")

SIZE(nfm_list_options_t, 32);
AT(nfm_list_options_t, size, 0);
AT(nfm_list_options_t, uri, 8);
AT(nfm_list_options_t, inactive, 16);
AT(nfm_list_options_t, reserved, 20);
AT(nfm_list_options_t, connection, 24);

SIZE(nfm_domain_info_t, 48);
AT(nfm_domain_info_t, known, 0);
AT(nfm_domain_info_t, name, 8);
AT(nfm_domain_info_t, uuid, 16);
AT(nfm_domain_info_t, state, 24);
AT(nfm_domain_info_t, id, 32);
AT(nfm_domain_info_t, reserved, 36);
AT(nfm_domain_info_t, pid, 40);

SIZE(nfm_open_options_t, 72);
AT(nfm_open_options_t, size, 0);
AT(nfm_open_options_t, uri, 8);
AT(nfm_open_options_t, control, 16);
AT(nfm_open_options_t, symbols, 24);
AT(nfm_open_options_t, types, 32);
AT(nfm_open_options_t, debug_dir, 40);
AT(nfm_open_options_t, cache_dir, 48);
AT(nfm_open_options_t, time_limit_ns, 56);
AT(nfm_open_options_t, connection, 64);

SIZE(nfm_crawl_options_t, 64);
AT(nfm_crawl_options_t, size, 0);
AT(nfm_crawl_options_t, sections, 8);
AT(nfm_crawl_options_t, time_limit_ns, 16);
AT(nfm_crawl_options_t, mode, 24);
AT(nfm_crawl_options_t, threads, 28);
AT(nfm_crawl_options_t, physical, 32);
AT(nfm_crawl_options_t, reserved, 36);
AT(nfm_crawl_options_t, control, 40);
AT(nfm_crawl_options_t, memory_limit, 48);
AT(nfm_crawl_options_t, row_limit, 56);

SIZE(nfm_found_file_t, 112);
AT(nfm_found_file_t, known, 0);
AT(nfm_found_file_t, path, 8);
AT(nfm_found_file_t, kind, 16);
AT(nfm_found_file_t, target, 24);
AT(nfm_found_file_t, filesystem, 32);
AT(nfm_found_file_t, inode, 40);
AT(nfm_found_file_t, device, 48);
AT(nfm_found_file_t, rdev, 56);
AT(nfm_found_file_t, size, 64);
AT(nfm_found_file_t, accessed_ns, 72);
AT(nfm_found_file_t, modified_ns, 80);
AT(nfm_found_file_t, changed_ns, 88);
AT(nfm_found_file_t, mode, 96);
AT(nfm_found_file_t, links, 100);
AT(nfm_found_file_t, uid, 104);
AT(nfm_found_file_t, gid, 108);

SIZE(nfm_file_range_t, 32);
AT(nfm_file_range_t, known, 0);
AT(nfm_file_range_t, offset, 8);
AT(nfm_file_range_t, length, 16);
AT(nfm_file_range_t, content, 24);
AT(nfm_file_range_t, reserved, 28);

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

SIZE(nfm_os_t, 112);
AT(nfm_os_t, known, 0);
AT(nfm_os_t, sysname, 8);
AT(nfm_os_t, nodename, 16);
AT(nfm_os_t, release, 24);
AT(nfm_os_t, version, 32);
AT(nfm_os_t, machine, 40);
AT(nfm_os_t, build_id, 48);
AT(nfm_os_t, command_line, 56);
AT(nfm_os_t, boot_time_ns, 64);
AT(nfm_os_t, uptime_ns, 72);
AT(nfm_os_t, load, 80);
AT(nfm_os_t, panicked, 104);
AT(nfm_os_t, reserved, 108);

SIZE(nfm_cpu_t, 128);
AT(nfm_cpu_t, known, 0);
AT(nfm_cpu_t, vendor, 8);
AT(nfm_cpu_t, model, 16);
AT(nfm_cpu_t, mhz, 24);
AT(nfm_cpu_t, cache_kib, 32);
AT(nfm_cpu_t, user_ns, 40);
AT(nfm_cpu_t, nice_ns, 48);
AT(nfm_cpu_t, system_ns, 56);
AT(nfm_cpu_t, idle_ns, 64);
AT(nfm_cpu_t, iowait_ns, 72);
AT(nfm_cpu_t, irq_ns, 80);
AT(nfm_cpu_t, softirq_ns, 88);
AT(nfm_cpu_t, steal_ns, 96);
AT(nfm_cpu_t, guest_ns, 104);
AT(nfm_cpu_t, guest_nice_ns, 112);
AT(nfm_cpu_t, id, 120);
AT(nfm_cpu_t, online, 124);

SIZE(nfm_memory_t, 168);
AT(nfm_memory_t, known, 0);
AT(nfm_memory_t, total, 8);
AT(nfm_memory_t, free, 16);
AT(nfm_memory_t, available, 24);
AT(nfm_memory_t, buffers, 32);
AT(nfm_memory_t, cached, 40);
AT(nfm_memory_t, swap_cached, 48);
AT(nfm_memory_t, active, 56);
AT(nfm_memory_t, inactive, 64);
AT(nfm_memory_t, swap_total, 72);
AT(nfm_memory_t, swap_free, 80);
AT(nfm_memory_t, dirty, 88);
AT(nfm_memory_t, writeback, 96);
AT(nfm_memory_t, anonymous, 104);
AT(nfm_memory_t, mapped, 112);
AT(nfm_memory_t, shared, 120);
AT(nfm_memory_t, slab, 128);
AT(nfm_memory_t, slab_reclaimable, 136);
AT(nfm_memory_t, slab_unreclaimable, 144);
AT(nfm_memory_t, kernel_stack, 152);
AT(nfm_memory_t, page_tables, 160);

SIZE(nfm_thread_t, 40);
AT(nfm_thread_t, known, 0);
AT(nfm_thread_t, name, 8);
AT(nfm_thread_t, start_time_ns, 16);
AT(nfm_thread_t, cpu_ns, 24);
AT(nfm_thread_t, tid, 32);
AT(nfm_thread_t, state, 36);
AT(nfm_thread_t, reserved, 37);

SIZE(nfm_process_t, 208);
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
AT(nfm_process_t, thread_list, 184);
AT(nfm_process_t, thread_list_count, 192);
AT(nfm_process_t, thread_list_stride, 200);

SIZE(nfm_file_t, 56);
AT(nfm_file_t, known, 0);
AT(nfm_file_t, kind, 8);
AT(nfm_file_t, path, 16);
AT(nfm_file_t, flags, 24);
AT(nfm_file_t, position, 32);
AT(nfm_file_t, inode, 40);
AT(nfm_file_t, pid, 48);
AT(nfm_file_t, fd, 52);

SIZE(nfm_physical_run_t, 40);
AT(nfm_physical_run_t, known, 0);
AT(nfm_physical_run_t, virtual_address, 8);
AT(nfm_physical_run_t, physical, 16);
AT(nfm_physical_run_t, bytes, 24);
AT(nfm_physical_run_t, swapped, 32);
AT(nfm_physical_run_t, reserved, 36);

SIZE(nfm_mapping_t, 88);
AT(nfm_mapping_t, known, 0);
AT(nfm_mapping_t, permissions, 8);
AT(nfm_mapping_t, path, 16);
AT(nfm_mapping_t, start, 24);
AT(nfm_mapping_t, end, 32);
AT(nfm_mapping_t, offset, 40);
AT(nfm_mapping_t, resident_bytes, 48);
AT(nfm_mapping_t, physical, 56);
AT(nfm_mapping_t, physical_count, 64);
AT(nfm_mapping_t, physical_stride, 72);
AT(nfm_mapping_t, pid, 80);
AT(nfm_mapping_t, reserved, 84);

SIZE(nfm_module_t, 72);
AT(nfm_module_t, known, 0);
AT(nfm_module_t, name, 8);
AT(nfm_module_t, state, 16);
AT(nfm_module_t, taints, 24);
AT(nfm_module_t, size, 32);
AT(nfm_module_t, address, 40);
AT(nfm_module_t, references, 48);
AT(nfm_module_t, used_by, 56);
AT(nfm_module_t, used_by_count, 64);

SIZE(nfm_interface_t, 136);
AT(nfm_interface_t, known, 0);
AT(nfm_interface_t, name, 8);
AT(nfm_interface_t, mac, 16);
AT(nfm_interface_t, ipv4, 24);
AT(nfm_interface_t, ipv4_count, 32);
AT(nfm_interface_t, ipv6, 40);
AT(nfm_interface_t, ipv6_count, 48);
AT(nfm_interface_t, rx_bytes, 56);
AT(nfm_interface_t, rx_packets, 64);
AT(nfm_interface_t, rx_errors, 72);
AT(nfm_interface_t, rx_dropped, 80);
AT(nfm_interface_t, tx_bytes, 88);
AT(nfm_interface_t, tx_packets, 96);
AT(nfm_interface_t, tx_errors, 104);
AT(nfm_interface_t, tx_dropped, 112);
AT(nfm_interface_t, netns, 120);
AT(nfm_interface_t, index, 124);
AT(nfm_interface_t, mtu, 128);
AT(nfm_interface_t, up, 132);

SIZE(nfm_connection_t, 80);
AT(nfm_connection_t, known, 0);
AT(nfm_connection_t, protocol, 8);
AT(nfm_connection_t, state, 16);
AT(nfm_connection_t, local_address, 24);
AT(nfm_connection_t, remote_address, 32);
AT(nfm_connection_t, path, 40);
AT(nfm_connection_t, inode, 48);
AT(nfm_connection_t, netns, 56);
AT(nfm_connection_t, uid, 60);
AT(nfm_connection_t, pid, 64);
AT(nfm_connection_t, fd, 68);
AT(nfm_connection_t, local_port, 72);
AT(nfm_connection_t, remote_port, 74);
AT(nfm_connection_t, reserved, 76);

SIZE(nfm_mount_t, 48);
AT(nfm_mount_t, known, 0);
AT(nfm_mount_t, source, 8);
AT(nfm_mount_t, target, 16);
AT(nfm_mount_t, filesystem, 24);
AT(nfm_mount_t, options, 32);
AT(nfm_mount_t, mnt_ns, 40);
AT(nfm_mount_t, reserved, 44);

SIZE(nfm_log_record_t, 32);
AT(nfm_log_record_t, known, 0);
AT(nfm_log_record_t, text, 8);
AT(nfm_log_record_t, time_ns, 16);
AT(nfm_log_record_t, level, 24);
AT(nfm_log_record_t, reserved, 28);

SIZE(nfm_host_t, 56);
AT(nfm_host_t, known, 0);
AT(nfm_host_t, state, 8);
AT(nfm_host_t, vcpu_time_ns, 16);
AT(nfm_host_t, rss_bytes, 24);
AT(nfm_host_t, swapped_bytes, 32);
AT(nfm_host_t, untouched_bytes, 40);
AT(nfm_host_t, memory_age_ns, 48);

SIZE(nfm_route_t, 136);
AT(nfm_route_t, known, 0);
AT(nfm_route_t, family, 8);
AT(nfm_route_t, kind, 16);
AT(nfm_route_t, destination, 24);
AT(nfm_route_t, source, 32);
AT(nfm_route_t, protocol, 40);
AT(nfm_route_t, scope, 48);
AT(nfm_route_t, preferred_source, 56);
AT(nfm_route_t, gateway, 64);
AT(nfm_route_t, interface, 72);
AT(nfm_route_t, flags, 80);
AT(nfm_route_t, flags_count, 88);
AT(nfm_route_t, netns, 96);
AT(nfm_route_t, table, 100);
AT(nfm_route_t, tos, 104);
AT(nfm_route_t, metric, 108);
AT(nfm_route_t, mtu, 112);
AT(nfm_route_t, nexthop_id, 116);
AT(nfm_route_t, nexthops, 120);
AT(nfm_route_t, nexthop, 124);
AT(nfm_route_t, interface_index, 128);
AT(nfm_route_t, weight, 132);

SIZE(nfm_neighbour_t, 80);
AT(nfm_neighbour_t, known, 0);
AT(nfm_neighbour_t, family, 8);
AT(nfm_neighbour_t, address, 16);
AT(nfm_neighbour_t, interface, 24);
AT(nfm_neighbour_t, mac, 32);
AT(nfm_neighbour_t, state, 40);
AT(nfm_neighbour_t, protocol, 48);
AT(nfm_neighbour_t, flags, 56);
AT(nfm_neighbour_t, flags_count, 64);
AT(nfm_neighbour_t, netns, 72);
AT(nfm_neighbour_t, interface_index, 76);

SIZE(nfm_member_t, 72);
AT(nfm_member_t, known, 0);
AT(nfm_member_t, name, 8);
AT(nfm_member_t, doc, 16);
AT(nfm_member_t, unit, 24);
AT(nfm_member_t, rows_of, 32);
AT(nfm_member_t, known_bit, 40);
AT(nfm_member_t, offset, 48);
AT(nfm_member_t, size, 56);
AT(nfm_member_t, value_type, 64);
AT(nfm_member_t, kind, 68);

/* Numbers and bits, of which the last of each kind shows that none was put between. */
_Static_assert(NFM_OK == 0 && NFM_ERR_OTHER == 1 && NFM_ERR_CANCELLED == 15, "a result has moved");
_Static_assert(NFM_LOG_OFF == 0 && NFM_LOG_TRACE == 5, "a level has moved");
_Static_assert(NFM_MODE_LIVE == 0 && NFM_MODE_PAUSED == 1, "a mode has moved");
_Static_assert(NFM_MEMBER_UNSIGNED == 1 && NFM_MEMBER_ROWS == 8, "a type has moved");
_Static_assert(NFM_KIND_LABEL == 1 && NFM_KIND_COUNTER == 3, "a kind has moved");
_Static_assert(NFM_SECTION_OS == 1 && NFM_SECTION_HOST == 1 << 11, "a section has moved");
_Static_assert(NFM_PROBLEM_ADDRESS == 1 && NFM_JSON_PRETTY == 1, "a bit has moved");
_Static_assert(NFM_PROCESS_NAME == 1 && NFM_PROCESS_THREAD_LIST == 1u << 31, "a bit has moved");

SIZE(nfm_fleet_options_t, 56);
AT(nfm_fleet_options_t, size, 0);
AT(nfm_fleet_options_t, open, 8);
AT(nfm_fleet_options_t, crawl, 16);
AT(nfm_fleet_options_t, domains, 24);
AT(nfm_fleet_options_t, period_ns, 32);
AT(nfm_fleet_options_t, listing_period_ns, 40);
AT(nfm_fleet_options_t, threads, 48);
AT(nfm_fleet_options_t, reserved, 52);

SIZE(nfm_event_info_t, 72);
AT(nfm_event_info_t, known, 0);
AT(nfm_event_info_t, name, 8);
AT(nfm_event_info_t, uuid, 16);
AT(nfm_event_info_t, frame, 24);
AT(nfm_event_info_t, before, 32);
AT(nfm_event_info_t, error, 40);
AT(nfm_event_info_t, retry_after_ns, 48);
AT(nfm_event_info_t, kind, 56);
AT(nfm_event_info_t, restarted, 60);
AT(nfm_event_info_t, repeated, 64);
AT(nfm_event_info_t, reserved, 68);

SIZE(nfm_diff_info_t, 24);
AT(nfm_diff_info_t, known, 0);
AT(nfm_diff_info_t, elapsed_ns, 8);
AT(nfm_diff_info_t, boot, 16);
AT(nfm_diff_info_t, reserved, 20);

SIZE(nfm_process_diff_t, 48);
AT(nfm_process_diff_t, known, 0);
AT(nfm_process_diff_t, earlier, 8);
AT(nfm_process_diff_t, later, 16);
AT(nfm_process_diff_t, cpu_ns, 24);
AT(nfm_process_diff_t, cpu_percent, 32);
AT(nfm_process_diff_t, change, 40);
AT(nfm_process_diff_t, reserved, 44);

SIZE(nfm_cpu_diff_t, 64);
AT(nfm_cpu_diff_t, known, 0);
AT(nfm_cpu_diff_t, earlier, 8);
AT(nfm_cpu_diff_t, later, 16);
AT(nfm_cpu_diff_t, busy_ns, 24);
AT(nfm_cpu_diff_t, idle_ns, 32);
AT(nfm_cpu_diff_t, steal_ns, 40);
AT(nfm_cpu_diff_t, busy_percent, 48);
AT(nfm_cpu_diff_t, change, 56);
AT(nfm_cpu_diff_t, reserved, 60);

SIZE(nfm_interface_diff_t, 96);
AT(nfm_interface_diff_t, known, 0);
AT(nfm_interface_diff_t, earlier, 8);
AT(nfm_interface_diff_t, later, 16);
AT(nfm_interface_diff_t, rx_bytes, 24);
AT(nfm_interface_diff_t, rx_packets, 32);
AT(nfm_interface_diff_t, rx_errors, 40);
AT(nfm_interface_diff_t, rx_dropped, 48);
AT(nfm_interface_diff_t, tx_bytes, 56);
AT(nfm_interface_diff_t, tx_packets, 64);
AT(nfm_interface_diff_t, tx_errors, 72);
AT(nfm_interface_diff_t, tx_dropped, 80);
AT(nfm_interface_diff_t, change, 88);
AT(nfm_interface_diff_t, restarted, 92);

SIZE(nfm_connection_diff_t, 32);
AT(nfm_connection_diff_t, known, 0);
AT(nfm_connection_diff_t, earlier, 8);
AT(nfm_connection_diff_t, later, 16);
AT(nfm_connection_diff_t, change, 24);
AT(nfm_connection_diff_t, reserved, 28);
