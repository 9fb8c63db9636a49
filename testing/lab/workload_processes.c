/*
 * The workload's roles that are about processes: names, arguments, users,
 * states, namespaces.
 */
#include "workload.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define MIB (1024 * 1024)

static void *worker(void *name)
{
	name_process(name);
	for (;;)
		pause();
	return NULL;
}

/* A thread with descriptors that no other has. */
static void *apart(void *unused)
{
	(void)unused;
	name_process("apart");
	TRY(unshare(CLONE_FILES));
	tcp_listener(AF_INET6, "::1", 8083);
	make_file("/tmp/of-one-thread", O_RDWR, "read by one thread");
	for (;;)
		pause();
	return NULL;
}

void role_threads(void)
{
	static char names[8][16];
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (int i = 0; i < 8; i++) {
		snprintf(names[i], sizeof names[i], "worker-%d", i);
		pthread_create(&thread, &small, worker, names[i]);
	}
	pthread_create(&thread, &small, apart, NULL);
	usleep(50000); /* the last one names itself */
	rest();
}

void role_alice(void)
{
	TRY(chdir("/home/alice"));
	become(1000, 1000);
	rest();
}

void role_bob(void)
{
	static const gid_t groups[] = { 100, 1001 };

	TRY(chdir("/home/bob"));
	TRY(setgroups(2, groups));
	TRY(setresgid(1001, 1001, 1001));
	TRY(setresuid(1001, 1001, 1001));
	rest();
}

/* Runs as bob for alice: real and effective ids differ. */
void role_setuid(void)
{
	TRY(setresgid(1000, 1001, 1001));
	TRY(setresuid(1000, 1001, 0));
	rest();
}

void role_renamed(void)
{
	name_process("renamed-proc");
	rest();
}

void role_parentheses(void)
{
	name_process("a) b (c");
	rest();
}

void role_unicode(void)
{
	name_process("na\xc3\xafve \xe2\x88\x9e");
	rest();
}

/* A new line, a byte that is no UTF-8, a backslash. */
void role_bytes(void)
{
	name_process("new\nline\xff\\n");
	rest();
}

void role_retitled(void)
{
	char *end = our_argv[our_argc - 1] + strlen(our_argv[our_argc - 1]);
	size_t room = end - our_argv[0];

	memset(our_argv[0], 0, room);
	snprintf(our_argv[0], room, "retitled: serving 42 clients");
	rest();
}

void role_plain(void) /* for roles that differ by how they are started */
{
	rest();
}

static void set_oom_score_adj(const char *to)
{
	close(make_file("/proc/self/oom_score_adj", O_WRONLY, to));
}

void role_nice(void) /* and the first to be killed for memory */
{
	TRY(setpriority(PRIO_PROCESS, 0, 5));
	set_oom_score_adj("300");
	rest();
}

void role_urgent(void)
{
	TRY(setpriority(PRIO_PROCESS, 0, -5));
	set_oom_score_adj("-500");
	rest();
}

void role_realtime(void)
{
	struct sched_param parameters = { .sched_priority = 10 };

	TRY(sched_setscheduler(0, SCHED_FIFO, &parameters));
	set_oom_score_adj("-1000");
	rest();
}

void role_burner(void)
{
	struct timespec now;
	volatile unsigned sum = 0;

	do { /* mostly user time, */
		sum += 1;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_nsec < 250000000 && !now.tv_sec);
	int fd = open("/dev/zero", O_RDONLY);
	static char block[MIB];
	do { /* and some of the kernel's */
		read(fd, block, sizeof block);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_nsec < 400000000 && !now.tv_sec);
	close(fd);
	rest();
}

void role_zombie_parent(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0) {
		name_process("zombie-child");
		_exit(3);
	}
	TRY(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	rest();
}

void role_stopped(void)
{
	settled();
	raise(SIGSTOP);
	rest();
}

/* A child in tracing stop. */
void role_tracer(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0) {
		name_process("traced");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		TRY(ptrace(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		_exit(0);
	}
	TRY(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
	rest();
}

/* The parent waits in the kernel (state D) for a child that shares its memory. */
void role_vfork(void)
{
	static int to_parent;

	to_parent = ready_fd;
	if (vfork() == 0) {
		name_process("vfork-child");
		write(to_parent, "r", 1);
		for (;;)
			pause();
	}
	rest();
}

static void *outlive(void *unused)
{
	(void)unused;
	name_process("survivor");
	usleep(50000); /* until the leader is gone */
	tcp_listener(AF_INET, "127.0.0.1", 8082);
	rest();
}

/* The first thread ends, another goes on: its leader is a zombie. */
void role_leaderless(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, outlive, NULL);
	pthread_exit(NULL);
}

void role_gone_directory(void)
{
	TRY(mkdir("/tmp/gone-dir", 0755));
	TRY(chdir("/tmp/gone-dir"));
	TRY(rmdir("/tmp/gone-dir"));
	rest();
}

void role_limits(void)
{
	struct rlimit files = { 77, 99 }, core = { 0, RLIM_INFINITY };

	TRY(setrlimit(RLIMIT_NOFILE, &files));
	TRY(setrlimit(RLIMIT_CORE, &core));
	rest();
}

void role_boxed(void)
{
	int fd = TRY(open("/sys/fs/cgroup/lab/box/cgroup.procs", O_WRONLY));

	if (fd >= 0) {
		TRY(write(fd, "0", 1));
		close(fd);
	}
	rest();
}

/* ------------------------------------------------------------------------ */
/* Namespaces                                                                */

/* A small container: pid 1 of its own, own mounts, host name and IPC; beside it a
 * process locked into a folder. */
void role_container(void)
{
	char *argv[] = { "jailed", NULL };

	TRY(unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP));
	if (fork() != 0) {
		close(ready_fd); /* the child has it too */
		ready_fd = -1;
		rest();
	}
	name_process("container-init");
	TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	TRY(mount("jail", "/srv/jail", "tmpfs", 0, "size=1m,mode=755"));
	TRY(mount("proc", "/proc", "proc", 0, NULL));
	TRY(sethostname("container", 9));
	TRY(mkdir("/srv/jail/inside", 0755));
	int fd = make_file("/srv/jail/inside/file", O_RDWR, "in the jail\n");
	(void)fd; /* stays open */
	start("jailed", argv);
	rest();
}

void role_jailed(void)
{
	TRY(chroot("/srv/jail"));
	TRY(chdir("/inside"));
	TRY(open("/inside/file", O_RDONLY));
	become(1001, 1001);
	rest();
}

static void write_to(const char *path, const char *text)
{
	int fd = TRY(open(path, O_WRONLY));

	if (fd >= 0) {
		TRY(write(fd, text, strlen(text)));
		close(fd);
	}
}

void role_userns(void)
{
	become(1000, 1000);
	prctl(PR_SET_DUMPABLE, 1); /* else its own /proc files are root's */
	if (TRY(unshare(CLONE_NEWUSER)) == 0) {
		write_to("/proc/self/setgroups", "deny");
		write_to("/proc/self/uid_map", "0 1000 1");
		write_to("/proc/self/gid_map", "0 1000 1");
	}
	rest();
}

/* The second network namespace. Its interface and address come later, from the
 * supervisor: hence IP_FREEBIND. */
void role_netns(void)
{
	TRY(unshare(CLONE_NEWNET));
	int listener = tcp_listener(AF_INET, "10.9.0.2", 9090);
	settled();
	int fd = TRY(accept(listener, NULL, NULL));
	write(fd, "hello", 5);
	rest();
}

void role_netns_client(void)
{
	char greeting[5];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9090) };
	int fd = bound(AF_INET, SOCK_STREAM, "10.9.0.1", 40090);

	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	TRY(connect(fd, (void *)&to, sizeof to));
	TRY(recv(fd, greeting, sizeof greeting, MSG_WAITALL));
	rest();
}
