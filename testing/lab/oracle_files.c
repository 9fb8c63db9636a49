/* oracle --page-out FILE, --set-xattr FILE NAME VALUE, --xattrs FILE: what busybox cannot do with files. */
#define _GNU_SOURCE
#include "oracle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Has the kernel put the first half of a file of tmpfs into swap. */
void page_out(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	volatile char *mapped;
	size_t half;

	if (fd < 0 || fstat(fd, &status))
		fail(path);
	half = status.st_size / 2;
	mapped = mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		fail(path);
	/* Only what this process maps is paged out. */
	for (size_t at = 0; at < half; at += 4096)
		(void)mapped[at];
	if (madvise((void *)mapped, half, MADV_PAGEOUT))
		fail("MADV_PAGEOUT");
}

void set_xattr(const char *path, const char *name, const char *value)
{
	if (lsetxattr(path, name, value, strlen(value), 0))
		fail(path);
}

/* Prints `NAME VALUE` for each, the value in hexadecimal. */
void show_xattrs(const char *path)
{
	static char names[65536], value[65536];
	ssize_t length = llistxattr(path, names, sizeof names);

	if (length < 0)
		fail(path);
	for (char *name = names; name < names + length; name += strlen(name) + 1) {
		ssize_t size = lgetxattr(path, name, value, sizeof value);

		if (size < 0)
			fail(name);
		printf("%s ", name);
		for (ssize_t i = 0; i < size; i++)
			printf("%02x", (unsigned char)value[i]);
		putchar('\n');
	}
}
