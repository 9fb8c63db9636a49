/*
 * What the files of the lab guest's workload share: see workload.c.
 */
#ifndef LAB_WORKLOAD_H
#define LAB_WORKLOAD_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#define SELF "/bin/lab-workload"

/* This process's role, arguments, and the pipe on which it says it is settled. */
extern const char *role;
extern int our_argc, ready_fd;
extern char **our_argv;

/* Says what failed, and goes on without it. */
#define TRY(what) tried((long)(what), #what)
long tried(long result, const char *what);

void name_process(const char *name);
void settled(void);
void rest(void) __attribute__((noreturn));
void become(uid_t uid, gid_t gid);
int make_file(const char *path, int flags, const char *text);
void start(const char *as, char **argv);
int bound(int family, int type, const char *address, int port);
int tcp_listener(int family, const char *address, int port);

/* workload_processes.c */
void role_threads(void);
void role_alice(void);
void role_bob(void);
void role_setuid(void);
void role_renamed(void);
void role_parentheses(void);
void role_unicode(void);
void role_bytes(void);
void role_retitled(void);
void role_plain(void);
void role_nice(void);
void role_urgent(void);
void role_realtime(void);
void role_burner(void);
void role_zombie_parent(void);
void role_stopped(void);
void role_tracer(void);
void role_vfork(void);
void role_leaderless(void);
void role_gone_directory(void);
void role_limits(void);
void role_boxed(void);
void role_container(void);
void role_jailed(void);
void role_userns(void);
void role_netns(void);
void role_netns_client(void);

/* workload_files.c */
void role_memory(void);
void role_files(void);
void role_many_files(void);
void role_terminal(void);
void role_pipes(void);

/* workload_special.c */
void role_overlaid(void);
void role_mounts(void);
void role_special(void);
void role_fixed_places(void);
void role_vhost_owner(void);
void role_gone_root(void);
void role_gone_group(void);

/* workload_bounds.c */
void role_deep(void);
void role_deep_mounts(void);
void role_deep_group(void);
void role_many_areas(void);
void role_high_descriptor(void);

/* workload_sockets.c */
void role_server(void);
void role_client(void);
void role_datagrams(void);
void role_raw_sockets(void);

#endif
