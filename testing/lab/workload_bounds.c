/*
 * Roles that go beyond what anybody would do by hand, to find what is cut. They are not started with the others, but
 * by tests: LAB_ROLE=deep LAB_COUNT=600 /bin/lab-workload &
 */
#include "workload.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static int count(void)
{
	const char *number = getenv("LAB_COUNT");

	return number ? atoi(number) : 0;
}

static void write_number(const char *path, long number)
{
	char text[32];
	int fd = TRY(open(path, O_WRONLY));

	snprintf(text, sizeof text, "%ld", number);
	TRY(write(fd, text, strlen(text)));
	close(fd);
}

/* A program that runs so many directories deep, with a file open there. */
void role_deep(void)
{
	char *argv[] = { "./program", NULL };
	char *environment[] = { "LAB_ROLE=deep-rest", NULL };
	char first[32];

	snprintf(first, sizeof first, "/tmp/deep%d", count());
	TRY(mkdir(first, 0755));
	TRY(chdir(first));
	for (int i = 1; i < count(); i++) {
		TRY(mkdir("deep", 0755));
		TRY(chdir("deep"));
	}
	int from = TRY(open(SELF, O_RDONLY)), to = TRY(open("program", O_WRONLY | O_CREAT, 0755));
	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	close(to);
	dup2(TRY(open("file", O_RDWR | O_CREAT, 0644)), 99);
	execve("./program", argv, environment);
	TRY(-1);
}

/* So many mounts in one another, in a namespace of its own. */
void role_deep_mounts(void)
{
	TRY(unshare(CLONE_NEWNS));
	TRY(mkdir("/tmp/mounts", 0755));
	TRY(chdir("/tmp/mounts"));
	for (int i = 0; i < count(); i++) {
		TRY(mkdir("in", 0755));
		TRY(mount("deep", "in", "tmpfs", 0, "nr_inodes=8"));
		TRY(chdir("in"));
	}
	rest();
}

/* In a control group so many groups deep. */
void role_deep_group(void)
{
	TRY(chdir("/sys/fs/cgroup"));
	for (int i = 0; i < count(); i++) {
		TRY(mkdir("group", 0755));
		TRY(chdir("group"));
	}
	write_number("cgroup.procs", getpid());
	rest();
}

/* So many areas of one page. */
void role_many_areas(void)
{
	write_number("/proc/sys/vm/max_map_count", count() + 1000);
	char *at = mmap(NULL, 4096L * count(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY(at == MAP_FAILED ? -1 : 0);
	for (int i = 0; i < count(); i += 2)
		TRY(mprotect(at + 4096L * i, 4096, PROT_READ));
	rest();
}

/* A descriptor of a number that only a raised limit allows. */
void role_high_descriptor(void)
{
	struct rlimit limit = { count() + 1, count() + 1 };

	write_number("/proc/sys/fs/nr_open", count() + 64);
	TRY(setrlimit(RLIMIT_NOFILE, &limit));
	TRY(dup2(TRY(open("/etc/passwd", O_RDONLY)), count()));
	rest();
}
