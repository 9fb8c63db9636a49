/*
 * The workload's roles about paths that are not plain ones: files of an overlay,
 * mounts with options, files and areas whose names the kernel makes up, and
 * what was removed while it was in use.
 */
#include "workload.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/dma-buf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/udmabuf.h>
#include <linux/vhost.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Newer than the C library's headers. */
#define NUMBER_OPEN_TREE 428
#define NUMBER_MOVE_MOUNT 429
#define NUMBER_FSOPEN 430
#define NUMBER_MOUNT_SETATTR 442
#define NUMBER_LANDLOCK 444
#define NUMBER_MEMFD_SECRET 447
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define PAGE 4096
#define HUGE_PAGE (2 * 1024 * 1024)

static const int rw = PROT_READ | PROT_WRITE;

static char *map_of(int fd, size_t length, int protection, int flags, off_t offset)
{
	char *at = mmap(NULL, length, protection, flags, fd, offset);

	TRY(at == MAP_FAILED ? -1 : 0);
	return at == MAP_FAILED ? NULL : at;
}

static void read_at(const volatile char *at)
{
	if (at)
		(void)*at;
}

/* A file that is written through its mapping, and closed. */
static void write_map(const char *path)
{
	int fd = make_file(path, O_RDWR, NULL);

	TRY(ftruncate(fd, 16 * PAGE));
	char *at = map_of(fd, 16 * PAGE, rw, MAP_SHARED, 0);
	if (at)
		memset(at, 'm', 16 * PAGE);
	close(fd);
}

/* ------------------------------------------------------------------------ */
/* Overlays and mounts                                                       */

/* Runs from the overlay, and maps files of its lower and its upper layer. */
void role_overlaid(void)
{
	int fd = TRY(open("/mnt/overlay/www/data.txt", O_RDONLY));

	read_at(map_of(fd, 2 * PAGE, PROT_READ, MAP_PRIVATE, 0));
	close(fd);
	write_map("/mnt/overlay/upper.map");
	write_map("/mnt/overlay/gone.map");
	TRY(unlink("/mnt/overlay/gone.map"));
	rest();
}

/* A user namespace in which the first 65,536 users are others. */
static int shifted_users(void)
{
	char path[64], byte;
	int ready[2], fd;

	TRY(pipe2(ready, O_CLOEXEC));
	pid_t pid = fork();
	if (pid == 0) {
		TRY(unshare(CLONE_NEWUSER));
		write(ready[1], "r", 1);
		for (;;)
			pause();
	}
	read(ready[0], &byte, 1);
	for (const char *what = "ug"; *what; what++) {
		snprintf(path, sizeof path, "/proc/%d/%cid_map", pid, *what);
		fd = TRY(open(path, O_WRONLY));
		TRY(write(fd, "0 100000 65536", 14));
		close(fd);
	}
	snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
	fd = TRY(open(path, O_RDONLY | O_CLOEXEC));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

static void mount_idmapped(const char *from, const char *to)
{
	struct { unsigned long long set, clear, propagation, users; } attributes = { 0x100000, 0, 0, 0 };
	int tree = TRY(syscall(NUMBER_OPEN_TREE, AT_FDCWD, from, 1 | O_CLOEXEC)); /* OPEN_TREE_CLONE */

	attributes.users = shifted_users();
	TRY(mkdir(to, 0755));
	TRY(syscall(NUMBER_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes));
	TRY(syscall(NUMBER_MOVE_MOUNT, tree, "", AT_FDCWD, to, 4)); /* MOVE_MOUNT_F_EMPTY_PATH */
	close(tree);
	close(attributes.users);
}

/* Every option of a mount that the kernel shows. */
void role_mounts(void)
{
	TRY(mkdir("/mnt/all-options", 0755));
	TRY(mount("all", "/mnt/all-options", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC |
		  MS_NOATIME | MS_NODIRATIME | MS_NOSYMFOLLOW, "size=64k"));
	TRY(mkdir("/mnt/strictatime", 0755));
	TRY(mount("strict", "/mnt/strictatime", "tmpfs", MS_STRICTATIME, "size=64k"));
	TRY(mkdir("/mnt/read-only-bind", 0755));
	TRY(mount("/srv/www", "/mnt/read-only-bind", NULL, MS_BIND, NULL));
	TRY(mount(NULL, "/mnt/read-only-bind", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODIRATIME, NULL));
	mount_idmapped("/mnt/disk", "/mnt/idmapped");
	rest();
}

/* ------------------------------------------------------------------------ */
/* Names that the kernel makes up                                            */

static void special_files(void)
{
	static const char *const kinds[] = {
		"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children",
		"user", "uts",
	};
	struct perf_event_attr counter = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof counter, .disabled = 1,
	};
	union bpf_attr array = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1,
	};
	struct mq_attr queue = { .mq_maxmsg = 4, .mq_msgsize = 64 };
	unsigned long long rules = 1;
	char path[64];

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
		TRY(open(path, O_RDONLY));
	}
	TRY(open("/tmp", O_TMPFILE | O_RDWR, 0600));
	TRY(mq_open("/lab-queue", O_CREAT | O_RDWR, 0600, &queue));
	TRY(syscall(SYS_userfaultfd, O_CLOEXEC));
	TRY(syscall(SYS_perf_event_open, &counter, 0, -1, -1, 0));
	TRY(syscall(SYS_bpf, BPF_MAP_CREATE, &array, sizeof array));
	TRY(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
	TRY(syscall(NUMBER_FSOPEN, "tmpfs", 0));
	TRY(syscall(NUMBER_LANDLOCK, &rules, sizeof rules, 0));
	TRY(syscall(NUMBER_OPEN_TREE, AT_FDCWD, "/mnt/bind", 1)); /* OPEN_TREE_CLONE */
	/* A directory that is removed, and files of a mount that is. */
	TRY(mkdir("/tmp/gone-open", 0755));
	TRY(open("/tmp/gone-open", O_RDONLY | O_DIRECTORY));
	TRY(rmdir("/tmp/gone-open"));
	TRY(mkdir("/mnt/lazy", 0755));
	TRY(mount("lazy", "/mnt/lazy", "tmpfs", 0, "size=1m"));
	TRY(mkdir("/mnt/lazy/folder", 0755));
	make_file("/mnt/lazy/folder/file", O_RDWR, "of a mount that is no more");
	write_map("/mnt/lazy/map");
	TRY(umount2("/mnt/lazy", MNT_DETACH));
	/* Two buffers for devices, one with a name. */
	int memory = TRY(memfd_create("lab-dma", MFD_ALLOW_SEALING));
	TRY(ftruncate(memory, PAGE));
	TRY(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
	struct udmabuf_create create = { .memfd = memory, .size = PAGE };
	int maker = TRY(open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
	if (maker >= 0) {
		TRY(ioctl(maker, UDMABUF_CREATE, &create));
		int buffer = TRY(ioctl(maker, UDMABUF_CREATE, &create));
		TRY(ioctl(buffer, DMA_BUF_SET_NAME_A, "lab-buffer"));
		read_at(map_of(buffer, PAGE, rw, MAP_SHARED, 0));
	}
}

static void special_areas(void)
{
	aio_context_t requests = 0;
	struct io_uring_params parameters = { 0 };
	struct tpacket_req ring = {
		.tp_block_size = PAGE, .tp_block_nr = 2, .tp_frame_size = 2048, .tp_frame_nr = 4,
	};

	TRY(syscall(SYS_io_setup, 8, &requests));
	int fd = TRY(syscall(SYS_io_uring_setup, 8, &parameters));
	read_at(map_of(fd, PAGE, rw, MAP_SHARED | MAP_POPULATE, IORING_OFF_SQ_RING));
	fd = TRY(socket(AF_PACKET, SOCK_RAW, 0));
	TRY(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring));
	read_at(map_of(fd, 2 * PAGE, rw, MAP_SHARED, 0));
	fd = TRY(syscall(NUMBER_MEMFD_SECRET, 0));
	TRY(ftruncate(fd, 2 * PAGE));
	char *secret = map_of(fd, 2 * PAGE, rw, MAP_SHARED, 0);
	if (secret)
		secret[0] = 1;
	/* Pages that the kernel does not count: the zero pages, small and huge, and a device's. */
	char *zeros = map_of(-1, 2 * HUGE_PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (zeros) {
		char *aligned = (char *)(((unsigned long)zeros + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1UL));
		TRY(madvise(aligned, HUGE_PAGE, MADV_HUGEPAGE));
		read_at(aligned);
	}
	read_at(map_of(-1, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0));
	fd = TRY(open("/dev/mem", O_RDONLY));
	read_at(map_of(fd, PAGE, PROT_READ, MAP_SHARED, 0xf0000));
	char *nameless = map_of(-1, 4 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	char *shared = map_of(-1, 4 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, 0);
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, nameless, 4 * PAGE, "lab area");
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, shared, 4 * PAGE, "lab shared");
}

void role_special(void)
{
	special_files();
	special_areas();
	rest();
}

/* Started without chance in the addresses; something lies right behind the heap. */
void role_fixed_places(void)
{
	unsigned long end = ((unsigned long)sbrk(0) + PAGE - 1) & ~(PAGE - 1UL);

	void *at = mmap((void *)end, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	TRY(at == MAP_FAILED ? -1 : 0);
	rest();
}

/* A thread of the kernel works for it, with its address space: until Linux 6.3 one
 * of the kernel's own (vhost_dev_set_owner, drivers/vhost/vhost.c). */
void role_vhost_owner(void)
{
	int fd = TRY(open("/dev/vhost-net", O_RDWR));

	TRY(ioctl(fd, VHOST_SET_OWNER));
	usleep(50000); /* until it has done its first work */
	rest();
}

/* ------------------------------------------------------------------------ */
/* What was removed while in use                                             */

void role_gone_root(void)
{
	int folder = TRY(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	TRY(mkdir("/tmp/gone-root", 0755));
	TRY(chroot("/tmp/gone-root"));
	TRY(chdir("/"));
	TRY(unlinkat(folder, "gone-root", AT_REMOVEDIR));
	rest();
}

/* A zombie in a control group that was removed. */
void role_gone_group(void)
{
	siginfo_t info;

	TRY(mkdir("/sys/fs/cgroup/lab/gone", 0755));
	pid_t pid = fork();
	if (pid == 0) {
		name_process("gone-group-child");
		int fd = TRY(open("/sys/fs/cgroup/lab/gone/cgroup.procs", O_WRONLY));
		TRY(write(fd, "0", 1));
		_exit(0);
	}
	TRY(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	/* The group is empty a moment after its last process. */
	for (int i = 0; i < 100 && rmdir("/sys/fs/cgroup/lab/gone") && errno == EBUSY; i++)
		usleep(10000);
	TRY(access("/sys/fs/cgroup/lab/gone", F_OK) == 0 ? -1 : 0);
	rest();
}
