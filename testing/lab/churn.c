/*
 * churn: load for the lab guest. Processes are born and die, and TCP connections
 * over lo open and close, as fast as the guest can, until the program is killed.
 *
 * Each kind of work runs as a process of its own; /tmp/churned says what has been
 * done so far: births and connections since the start.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 7777, CHILDREN = 6 };

static struct {
	unsigned long births, connections;
} *done;

static void count(unsigned long *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

/* Short lives: children that map, open and close something, some with a child
 * that outlives them, several at a time. */
static void fork_loop(void)
{
	for (;;) {
		for (int i = 0; i < CHILDREN; i++) {
			pid_t pid = fork();
			if (pid == 0) {
				char *memory = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				int fds[2];

				memory[0] = 1;
				pipe(fds);
				if (i == 0 && fork() == 0) { /* init's, soon */
					count(&done->births);
					sched_yield();
					_exit(0);
				}
				_exit(0);
			}
			if (pid > 0)
				count(&done->births);
		}
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
}

/* vfork and exec, as shells and build tools do. */
static void exec_loop(void)
{
	for (;;) {
		pid_t pid = vfork();
		if (pid == 0) {
			execl("/proc/self/exe", "churn", "leaf", (char *)NULL);
			_exit(127);
		}
		if (pid > 0) {
			count(&done->births);
			waitpid(pid, NULL, 0);
		}
	}
}

static int task(void *unused)
{
	return unused != NULL;
}

/* Processes that share their memory and files with the one that bears them. */
static void clone_loop(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	for (;;) {
		pid_t pid = clone(task, stack + sizeof stack,
				  CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, NULL);
		if (pid > 0) {
			count(&done->births);
			waitpid(pid, NULL, 0);
		}
	}
}

/* Connections: a server that accepts and closes, a client that does likewise;
 * a reset leaves no TIME-WAIT behind, so the ports last. */
static void connection_loop(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct linger reset = { .l_onoff = 1 };
	int on = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 64)) {
		perror("churn: listen");
		exit(1);
	}
	for (unsigned long round = 0;; round++) {
		int client = socket(AF_INET, SOCK_STREAM, 0), accepted;

		if (connect(client, (struct sockaddr *)&address, sizeof address) == 0) {
			accepted = accept(server, NULL, NULL);
			write(client, "x", 1);
			/* One in eight the gentle way, which leaves TIME-WAIT. */
			if (round % 8)
				setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
			close(client);
			close(accepted);
			count(&done->connections);
		}
	}
}

int main(int argc, char **argv)
{
	static void (*const loops[])(void) = { fork_loop, exec_loop, clone_loop, connection_loop };
	static const char *const names[] = { "churn-fork", "churn-exec", "churn-clone",
					     "churn-tcp" };

	if (argc > 1 && !strcmp(argv[1], "leaf"))
		return 0;
	int fd = open("/tmp/churned", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ftruncate(fd, sizeof *done);
	done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (done == MAP_FAILED) {
		perror("churn: /tmp/churned");
		return 1;
	}
	for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			prctl(PR_SET_NAME, names[i]);
			loops[i]();
			_exit(1);
		}
	for (;;)
		pause();
}
