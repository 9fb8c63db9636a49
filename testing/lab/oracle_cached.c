/* oracle --cached FILE...: the pages of files that are in the page cache, by mincore(2). */
#define _GNU_SOURCE
#include "oracle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Prints `PATH PAGES FIRST+COUNT...`: how many pages a file has, and the runs of those that are cached. */
void show_cached(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t pages, run = 0;
	unsigned char *cached;
	void *mapped;

	if (fd < 0 || fstat(fd, &status)) {
		perror(path);
		exit(1);
	}
	pages = (status.st_size + 4095) / 4096;
	printf("%s %zu", path, pages);
	if (pages) {
		cached = calloc(pages + 1, 1);
		mapped = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (!cached || mapped == MAP_FAILED || mincore(mapped, status.st_size, cached)) {
			perror(path);
			exit(1);
		}
		for (size_t page = 0; page <= pages; page++) {
			if (page < pages && cached[page] & 1) {
				run++;
				continue;
			}
			if (run)
				printf(" %zu+%zu", page - run, run);
			run = 0;
		}
		munmap(mapped, status.st_size);
		free(cached);
	}
	putchar('\n');
	close(fd);
}
