/*
 * The workload's roles that are about memory mappings and open files.
 */
#include "workload.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#define MIB (1024 * 1024)

static void *map(size_t length, int protection, int flags, int fd)
{
	void *at = mmap(NULL, length, protection, flags, fd, 0);

	TRY(at == MAP_FAILED ? -1 : 0);
	return at == MAP_FAILED ? NULL : at;
}

static void *map_file(int fd, size_t length)
{
	TRY(ftruncate(fd, length));
	char *at = map(length, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	if (at)
		memset(at, 'm', length);
	close(fd);
	return at;
}

void role_memory(void)
{
	const int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

	/* The marker lets a memory scan be tested. */
	char *heap = map(32 * MIB, rw, anonymous, -1);
	if (heap) {
		memset(heap, 0x5a, 32 * MIB);
		strcpy(heap + 12345, "NFM-LAB-MARKER-IN-MEMORY");
		TRY(mlock(heap, MIB));
	}
	map(16 * MIB, rw, anonymous | MAP_NORESERVE, -1); /* never touched */
	map(MIB, PROT_NONE, anonymous, -1);
	map(4096, PROT_READ | PROT_EXEC, anonymous, -1);
	char *huge = map(4 * MIB, rw, anonymous, -1);
	if (huge && madvise(huge, 4 * MIB, MADV_HUGEPAGE) == 0)
		memset(huge, 1, 4 * MIB);
	char *hugetlb = map(2 * MIB, rw, anonymous | MAP_HUGETLB, -1);
	if (hugetlb)
		hugetlb[0] = 1;

	map_file(make_file("/tmp/shared.map", O_RDWR, NULL), 64 * 1024);
	map_file(make_file("/tmp/gone.map", O_RDWR, NULL), 64 * 1024);
	TRY(unlink("/tmp/gone.map"));
	map_file(make_file("/mnt/disk/on-disk.map", O_RDWR, NULL), 64 * 1024);
	map_file(make_file("/dev/shm/posix-shm", O_RDWR, NULL), 8 * 1024);
	map_file(TRY(memfd_create("lab-memfd", MFD_CLOEXEC)), 128 * 1024);
	char *shared = map(64 * 1024, rw, MAP_SHARED | MAP_ANONYMOUS, -1);
	if (shared)
		shared[0] = 1;
	int fd = TRY(open("/srv/www/data.txt", O_RDONLY));
	volatile char *text = map(8192, PROT_READ, MAP_PRIVATE, fd);
	if (text)
		(void)text[0];
	close(fd);
	int segment = TRY(shmget(0x1ab, 64 * 1024, IPC_CREAT | 0600));
	char *sysv = shmat(segment, NULL, 0);
	if (sysv != (void *)-1)
		sysv[0] = 1;
	rest();
}

/* ------------------------------------------------------------------------ */
/* Files                                                                     */

void role_files(void)
{
	struct itimerspec tomorrow = { .it_value.tv_sec = 86400 };
	sigset_t usr1;
	int fd;

	fd = TRY(open("/srv/www/data.txt", O_RDONLY));
	TRY(lseek(fd, 1234, SEEK_SET));
	fd = make_file("/var/log/app.log", O_WRONLY | O_APPEND, NULL);
	write(fd, "0123456789012345678901234567890123456789\r\n", 42);
	fd = make_file("/mnt/disk/db", O_RDWR | O_CLOEXEC | O_NOATIME, "database");
	fd = make_file("/tmp/deleted.txt", O_RDWR, "soon gone\n");
	TRY(unlink("/tmp/deleted.txt"));
	TRY(open("/mnt/overlay/www/data.txt", O_RDONLY));
	make_file("/mnt/overlay/upper.txt", O_RDWR, "in the upper layer");
	TRY(open("/mnt/bind/data.txt", O_RDONLY));
	make_file("/tmp/odd name\n\xc3\xbc \\ (deleted)", O_RDWR, NULL);

	/* A path longer than 1000 bytes. */
	char path[2000] = "/tmp";
	for (int i = 0; i < 40; i++) {
		snprintf(path + strlen(path), 40, "/a-folder-with-a-long-name-%02d", i);
		mkdir(path, 0755);
	}
	strcat(path, "/deep");
	make_file(path, O_RDWR, "deep");

	TRY(mkfifo("/run/lab.fifo", 0644));
	TRY(open("/run/lab.fifo", O_RDWR | O_NONBLOCK));
	int event = TRY(eventfd(7, EFD_NONBLOCK));
	int poll = TRY(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event in = { .events = EPOLLIN };
	TRY(epoll_ctl(poll, EPOLL_CTL_ADD, event, &in));
	fd = TRY(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	TRY(timerfd_settime(fd, 0, &tomorrow, NULL));
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	TRY(signalfd(-1, &usr1, 0));
	fd = TRY(inotify_init1(0));
	TRY(inotify_add_watch(fd, "/srv/www", IN_MODIFY));
	TRY(open("/dev/null", O_RDWR));
	TRY(open("/dev/zero", O_RDONLY));
	TRY(open("/srv", O_RDONLY | O_DIRECTORY));
	TRY(open("/srv/www", O_PATH));
	TRY(open("/proc/self/status", O_RDONLY));
	TRY(open("/sys/kernel/notes", O_RDONLY));
	fd = TRY(memfd_create("lab file", MFD_CLOEXEC));
	write(fd, "memory", 6);
	TRY(syscall(SYS_pidfd_open, 1, 0));
	TRY(open("/proc/self/ns/net", O_RDONLY));
	TRY(dup2(event, 500));
	rest();
}

/* More descriptors than the first table of a process holds. */
void role_many_files(void)
{
	for (int i = 0; i < 300; i++)
		TRY(open("/dev/null", O_RDONLY));
	rest();
}

void role_terminal(void)
{
	int master = TRY(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));

	grantpt(master);
	unlockpt(master);
	if (fork() == 0) {
		close(ready_fd);
		ready_fd = -1;
		name_process("terminal-shell");
		TRY(setsid());
		int slave = TRY(open(ptsname(master), O_RDWR | O_NOCTTY));
		TRY(ioctl(slave, TIOCSCTTY, 0));
		close(master);
		rest();
	}
	usleep(50000);
	rest();
}

void role_pipes(void)
{
	int ends[2];

	TRY(pipe2(ends, 0));
	if (fork() == 0) {
		close(ready_fd);
		ready_fd = -1;
		close(ends[1]);
		name_process("pipe-reader");
		rest();
	}
	close(ends[0]);
	name_process("pipe-writer");
	write(ends[1], "in the pipe", 11);
	usleep(50000);
	rest();
}
