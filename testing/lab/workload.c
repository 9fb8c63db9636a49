/*
 * The lab guest's workload: processes, files, mappings and sockets of every
 * sort, for nfm to find. The same at each boot, and all asleep once the program
 * started by the rc script has returned.
 *
 * That program starts the supervisor, which starts each role of the table below
 * as a process of its own (a new exec of this file, the role's name in the
 * environment) and waits until it is settled. What a kernel does not offer is
 * said in the kernel's log and left out.
 */
#include "workload.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>

const char *role = "supervisor";
int our_argc, ready_fd = -1;
char **our_argv;

/* By one write(2): the kernel's log takes a record of each, and dprintf(3) looks
 * for an offset first, which the log of older kernels does not have. */
static void complain(const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	write(2, line, length < (int)sizeof line ? length : (int)sizeof line);
}

long tried(long result, const char *what)
{
	if (result == -1)
		complain("lab-workload: %s: %s: %s\n", role, what, strerror(errno));
	return result;
}

void name_process(const char *name)
{
	prctl(PR_SET_NAME, name);
}

void settled(void)
{
	if (ready_fd >= 0) {
		write(ready_fd, "r", 1);
		close(ready_fd);
		ready_fd = -1;
	}
}

void rest(void)
{
	settled();
	for (;;)
		pause();
}

void become(uid_t uid, gid_t gid)
{
	setgroups(0, NULL);
	TRY(setresgid(gid, gid, gid));
	TRY(setresuid(uid, uid, uid));
}

int make_file(const char *path, int flags, const char *text)
{
	int fd = TRY(open(path, flags | O_CREAT, 0644));

	if (fd >= 0 && text)
		write(fd, text, strlen(text));
	return fd;
}

static const struct {
	const char *name;
	void (*run)(void);
} roles[] = {
	{ "threads", role_threads }, { "alice", role_alice }, { "bob", role_bob },
	{ "setuid", role_setuid }, { "renamed", role_renamed },
	{ "parentheses", role_parentheses }, { "unicode", role_unicode },
	{ "bytes", role_bytes }, { "retitled", role_retitled }, { "long-line", role_plain },
	{ "no-line", role_plain }, { "nice", role_nice }, { "urgent", role_urgent },
	{ "realtime", role_realtime }, { "burner", role_burner },
	{ "zombie-parent", role_zombie_parent }, { "stopped", role_stopped },
	{ "tracer", role_tracer }, { "vfork-parent", role_vfork },
	{ "leaderless", role_leaderless }, { "gone-exe", role_plain },
	{ "gone-directory", role_gone_directory }, { "limits", role_limits },
	{ "boxed", role_boxed }, { "container", role_container }, { "jailed", role_jailed },
	{ "userns", role_userns }, { "netns-server", role_netns }, { "netns-client", role_netns_client },
	{ "memory", role_memory }, { "files", role_files }, { "many-files", role_many_files },
	{ "terminal", role_terminal }, { "pipes", role_pipes }, { "server", role_server },
	{ "client", role_client }, { "datagrams", role_datagrams },
	{ "raw-sockets", role_raw_sockets }, { "overlaid", role_overlaid },
	{ "gone-overlaid", role_plain }, { "mounts", role_mounts }, { "special", role_special },
	{ "gone-root", role_gone_root }, { "gone-group", role_gone_group },
	{ "fixed-places", role_fixed_places }, { "vhost-owner", role_vhost_owner },
	/* Of tests alone. */
	{ "deep", role_deep }, { "deep-rest", rest }, { "deep-mounts", role_deep_mounts },
	{ "deep-group", role_deep_group }, { "many-areas", role_many_areas },
	{ "high-descriptor", role_high_descriptor },
};

static pid_t start_file(const char *file, const char *as, char **argv)
{
	char variable[64], number[32];
	char *environment[] = { "PATH=/bin:/sbin", variable, number, NULL };
	int ready[2];
	char byte;

	TRY(pipe2(ready, O_CLOEXEC));
	snprintf(variable, sizeof variable, "LAB_ROLE=%s", as);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = dup(ready[1]); /* without O_CLOEXEC */
		snprintf(number, sizeof number, "LAB_READY=%d", fd);
		execve(file, argv, environment);
		TRY(-1);
		_exit(127);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		complain("lab-workload: %s ended before it was settled\n", as);
	close(ready[0]);
	return pid;
}

void start(const char *as, char **argv)
{
	start_file(SELF, as, argv);
}

/* As /bin/lab-workload ROLE. */
static pid_t start_role(const char *as)
{
	char *argv[] = { SELF, (char *)as, NULL };

	return start_file(SELF, as, argv);
}

static void run_command(const char *format, int number)
{
	char line[512];

	snprintf(line, sizeof line, format, number);
	if (system(line) != 0)
		complain("lab-workload: failed: %s\n", line);
}

static void supervise(void)
{
	static char *many[402];
	static const char *simple[] = {
		"threads", "alice", "bob", "setuid", "renamed", "parentheses", "unicode", "bytes",
		"retitled", "nice", "urgent", "realtime", "burner", "zombie-parent", "tracer",
		"vfork-parent", "leaderless", "gone-directory", "limits", "boxed", "container",
		"userns", "memory", "files", "many-files", "terminal", "pipes", "server", "client",
		"datagrams", "raw-sockets", "mounts", "special", "gone-root", "gone-group",
		"vhost-owner",
	};
	char *none[] = { NULL };
	char *gone[] = { "/tmp/gone-exe", "--forever", "", "with an empty argument", NULL };
	char *overlaid[] = { "/mnt/overlay/overlaid", NULL };
	siginfo_t info;

	for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
		start_role(simple[i]);

	many[0] = SELF;
	for (int i = 1; i <= 400; i++)
		asprintf(&many[i], "--argument-%03d=value", i);
	start("long-line", many);
	/* Linux 5.18 and later make that one empty argument. */
	start("no-line", none);

	pid_t pid = start_role("stopped");
	TRY(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));

	run_command("cp " SELF " /tmp/gone-exe", 0);
	start_file("/tmp/gone-exe", "gone-exe", gone);
	TRY(unlink("/tmp/gone-exe"));
	start_file("/mnt/overlay/overlaid", "overlaid", overlaid);
	run_command("cp " SELF " /mnt/overlay/gone-exe", 0);
	start_file("/mnt/overlay/gone-exe", "gone-overlaid", gone);
	TRY(unlink("/mnt/overlay/gone-exe"));
	/* Without chance in the addresses the heap follows the program's data. */
	personality(ADDR_NO_RANDOMIZE);
	start_role("fixed-places");
	personality(PER_LINUX);

	/* Neighbours are given by hand: a learnt one would be probed seconds
	 * later, and the counters would move. */
	pid = start_role("netns-server");
	run_command("ip link add veth1 type veth", 0); /* the other end becomes veth0 */
	run_command("ip link set veth0 address 02:00:00:00:00:91", 0);
	run_command("ip link set veth1 address 02:00:00:00:00:92", 0);
	run_command("ip link set veth1 netns %d", pid);
	run_command("/etc/quiet-net; nsenter -t %d -n /etc/quiet-net", pid);
	run_command("ip addr add 10.9.0.1/24 dev veth0 && ip link set veth0 up", 0);
	run_command("nsenter -t %d -n sh -c '"
		    "ip link set lo up; ip addr add 10.9.0.2/24 dev veth1; ip link set veth1 up;"
		    "arp -s 10.9.0.1 02:00:00:00:00:91'", pid);
	/* Since there is a rule, the table local has a trie of its own. */
	run_command("nsenter -t %d -n sh -c '"
		    "ip rule add from 192.0.2.99 table 100; ip link add dummy2 type dummy; /etc/quiet-net;"
		    "ip addr add 192.168.77.1/24 dev dummy2; ip link set dummy2 up; network routes dummy2; network neighbours dummy2 192.168.77'", pid);
	run_command("arp -s 10.9.0.2 02:00:00:00:00:92", 0);
	start_role("netns-client");
	usleep(200000); /* those who still had a step to go */
}

int main(int argc, char **argv)
{
	const char *as = getenv("LAB_ROLE"), *number = getenv("LAB_READY");
	int ready[2];
	char byte;

	our_argc = argc;
	our_argv = argv;
	if (as) {
		role = as;
		ready_fd = number ? atoi(number) : -1;
		fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
		name_process(as);
		for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
			if (!strcmp(roles[i].name, as))
				roles[i].run();
		return 1;
	}

	TRY(pipe2(ready, O_CLOEXEC));
	if (fork() == 0) {
		close(ready[0]);
		ready_fd = ready[1];
		setsid();
		name_process("lab-supervisor");
		supervise();
		rest();
	}
	close(ready[1]);
	return read(ready[0], &byte, 1) == 1 ? 0 : 1;
}
