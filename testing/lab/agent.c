/*
 * The lab's agent: runs in the test guest only, so that a test can ask the
 * guest's own kernel what is true there (nfm itself needs no agent).
 *
 * It serves the virtio port "nfm.lab" or, where there is none, Xen's console.
 * All integers are little endian.
 *   request: "NFMQ" u32 id, u32 length, a shell command
 *   answer:  frames of "NFMA" u32 id, u32 kind, u32 length, bytes
 *            kind 1 = stdout, 2 = stderr, 3 = the end (u32 exit status, u32 Adler-32
 *            of what the other frames held, in their order)
 * One request at a time; a host that goes away ends the command it asked for.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { OUT = 1, ERR = 2, END = 3, MAX_COMMAND = 1 << 20 };

static int port = -1;
static sigset_t sigio;
static char buffer[65536];
/* Of the answer so far (RFC 1950, section 8.2): a way that loses bytes is found out. */
static uint32_t sum_a, sum_b;

static void die(const char *what)
{
	fprintf(stderr, "lab agent: %s: %s\n", what, strerror(errno));
	sleep(1); /* init starts us again: not in a tight loop */
	exit(1);
}

static int open_port(void)
{
	static const char sys[] = "/sys/class/virtio-ports";
	DIR *dir = opendir(sys);
	struct dirent *entry;
	char path[600], name[64];

	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof path, "%s/%s/name", sys, entry->d_name);
		FILE *f = fopen(path, "r");
		if (!f)
			continue;
		int found = fgets(name, sizeof name, f) && !strcmp(name, "nfm.lab\n");
		fclose(f);
		if (found) {
			snprintf(path, sizeof path, "/dev/%s", entry->d_name);
			closedir(dir);
			return open(path, O_RDWR | O_CLOEXEC);
		}
	}
	closedir(dir);
	errno = ENODEV;
	return -1;
}

/* A guest of Xen has its console alone: as it is, with nothing made of the bytes. */
static int open_console(void)
{
	struct termios raw;
	int fd = open("/dev/hvc0", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && !tcgetattr(fd, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

/* Reads exactly n bytes; 0 when the host went away meanwhile. */
static int read_all(void *to, size_t n)
{
	char *p = to;

	while (n) {
		ssize_t got = read(port, p, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		p += got;
		n -= got;
	}
	return 1;
}

static void write_all(const void *from, size_t n)
{
	const char *p = from;

	while (n) {
		ssize_t put = write(port, p, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return; /* nobody listens */
		p += put;
		n -= put;
	}
}

static void send_frame(uint32_t id, uint32_t kind, const void *data, uint32_t n)
{
	uint32_t head[4] = { 0, id, kind, n };

	memcpy(head, "NFMA", 4);
	write_all(head, sizeof head);
	write_all(data, n);
}

/* Sends what was read from a pipe. */
static void send_read(uint32_t id, uint32_t kind, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sum_a = (sum_a + (unsigned char)buffer[i]) % 65521;
		sum_b = (sum_b + sum_a) % 65521;
	}
	send_frame(id, kind, buffer, n);
}

/* Passes on what a pipe holds; 0 at its end. */
static int pass_on(int fd, uint32_t id, uint32_t kind)
{
	ssize_t got = read(fd, buffer, sizeof buffer);

	if (got > 0)
		send_read(id, kind, got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* A command may arrive before the news that its host is connected; until then
 * the port tells of the hang-up of the host before. */
static int host_is_gone(void)
{
	for (int try = 0; try < 50; try++) {
		struct pollfd now = { .fd = port };
		poll(&now, 1, 0);
		if (!(now.revents & POLLHUP))
			return 0;
		usleep(10000);
	}
	return 1;
}

static void run(uint32_t id, char *command)
{
	int out[2], err[2], status = 0;

	sum_a = 1;
	sum_b = 0;
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	pid_t pid = vfork();
	if (pid < 0)
		die("vfork");
	if (pid == 0) {
		sigset_t none;
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setpgid(0, 0);
		dup2(null, 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);

	/* The command's end decides, not its pipes': a process that it left in
	 * the background may hold those for ever. */
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		die("pidfd_open");
	struct pollfd fds[4] = {
		{ .fd = out[0], .events = POLLIN }, { .fd = err[0], .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN }, { .fd = port, .events = 0 },
	};
	while (!(fds[2].revents & POLLIN)) {
		if (poll(fds, 4, -1) < 0) {
			if (errno == EINTR)
				continue;
			die("poll");
		}
		if (fds[0].revents && !pass_on(out[0], id, OUT))
			fds[0].fd = -1;
		if (fds[1].revents && !pass_on(err[0], id, ERR))
			fds[1].fd = -1;
		if ((fds[3].revents & POLLHUP) && host_is_gone()) {
			fds[3].fd = -1;
			kill(-pid, SIGKILL);
		}
	}
	waitpid(pid, &status, 0);
	/* What is left in the pipes. */
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	ssize_t got;
	while ((got = read(out[0], buffer, sizeof buffer)) > 0)
		send_read(id, OUT, got);
	while ((got = read(err[0], buffer, sizeof buffer)) > 0)
		send_read(id, ERR, got);
	close(out[0]);
	close(err[0]);
	close(pidfd);

	uint32_t code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	uint32_t end[2] = { code, sum_b << 16 | sum_a };
	send_frame(id, END, end, sizeof end);
}

int main(void)
{
	static char command[MAX_COMMAND + 1];

	port = open_port();
	if (port < 0)
		port = open_console();
	if (port < 0)
		die("no virtio port nfm.lab, no console of Xen");
	/* A read returns nothing while no host is connected; SIGIO, blocked and
	 * waited for, tells when one comes: so an idle agent uses no time. */
	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	sigprocmask(SIG_BLOCK, &sigio, NULL);
	fcntl(port, F_SETOWN, getpid());
	fcntl(port, F_SETFL, O_ASYNC);

	/* On the serial console: 'guest up' waits for this line. */
	int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	dprintf(console, "\nNFM-LAB-READY\n");
	close(console);

	for (;;) {
		char magic[4] = "";
		while (memcmp(magic, "NFMQ", 4)) { /* skips what a lost host left */
			memmove(magic, magic + 1, 3);
			ssize_t got = read(port, magic + 3, 1);
			if (got < 0 && errno != EINTR)
				die("read");
			if (got == 0) {
				magic[3] = 0;
				sigwaitinfo(&sigio, NULL);
			}
		}
		uint32_t head[2];
		if (!read_all(head, sizeof head) || head[1] > MAX_COMMAND ||
		    !read_all(command, head[1]))
			continue;
		command[head[1]] = 0;
		run(head[0], command);
	}
}
