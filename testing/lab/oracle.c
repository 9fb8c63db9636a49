/*
 * oracle GLOB... : prints many files of the guest's /proc in one go, for tests
 * that compare nfm with what the guest's own kernel says.
 *
 * A relative GLOB is looked for in the folder of every process (stat, exe,
 * 'fd/N', 'task/N/comm' with N a star); an absolute one as it is. In the order of pids:
 *   == PATH LENGTH\n<LENGTH bytes>\n     a file's content
 *   -> PATH LENGTH\n<LENGTH bytes>\n     a symbolic link's target
 *   !! PATH ERRNO\n                      neither could be read
 *
 * oracle --cached FILE...: the pages of files in the page cache (oracle_cached.c).
 * oracle --page-out FILE, --set-xattr FILE NAME VALUE, --xattrs FILE (oracle_files.c).
 * oracle --routes, oracle --neighbours: those of the network namespace (oracle_netlink.c).
 */
#define _GNU_SOURCE
#include "oracle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *content;
static size_t room;

static void show_link(const char *path)
{
	static char target[PATH_MAX * 2];
	ssize_t n = readlink(path, target, sizeof target);

	if (n < 0) {
		printf("!! %s %d\n", path, errno);
		return;
	}
	printf("-> %s %zd\n", path, n);
	fwrite(target, 1, n, stdout);
	putchar('\n');
}

static void show_file(const char *path)
{
	size_t n = 0;
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	while (fd >= 0) {
		if (room - n < 65536) {
			room = room * 2 + 131072;
			content = realloc(content, room);
			if (!content)
				abort();
		}
		got = read(fd, content + n, room - n);
		if (got <= 0)
			break;
		n += got;
	}
	if (got < 0)
		printf("!! %s %d\n", path, errno);
	else {
		printf("== %s %zu\n", path, n);
		fwrite(content, 1, n, stdout);
		putchar('\n');
	}
	if (fd >= 0)
		close(fd);
}

static void show(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		printf("!! %s %d\n", path, errno);
	else if (S_ISLNK(st.st_mode))
		show_link(path);
	else
		show_file(path);
}

static void show_glob(const char *pattern)
{
	glob_t found;

	if (!strpbrk(pattern, "*?[")) {
		show(pattern);
		return;
	}
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			show(found.gl_pathv[i]);
		globfree(&found);
	}
}

static int by_pid(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int main(int argc, char **argv)
{
	static int pids[65536];
	static char pattern[PATH_MAX];
	int count = 0, relative = 0;
	struct dirent *entry;

	if (argc == 2 && !strcmp(argv[1], "--routes")) {
		show_routes();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--neighbours")) {
		show_neighbours();
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--cached")) {
		for (int i = 2; i < argc; i++)
			show_cached(argv[i]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--page-out")) {
		page_out(argv[2]);
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "--set-xattr")) {
		set_xattr(argv[2], argv[3], argv[4]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--xattrs")) {
		show_xattrs(argv[2]);
		return 0;
	}
	for (int i = 1; i < argc; i++)
		relative |= argv[i][0] != '/';
	if (relative) {
		DIR *proc = opendir("/proc");
		while (proc && (entry = readdir(proc)))
			if (atoi(entry->d_name) > 0 && count < 65536)
				pids[count++] = atoi(entry->d_name);
		qsort(pids, count, sizeof *pids, by_pid);
	}
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '/')
			show_glob(argv[i]);
	for (int p = 0; p < count; p++)
		for (int i = 1; i < argc; i++)
			if (argv[i][0] != '/') {
				snprintf(pattern, sizeof pattern, "/proc/%d/%s", pids[p], argv[i]);
				show_glob(pattern);
			}
	return 0;
}
