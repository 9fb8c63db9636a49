/*
 * A whole back end of libnfm (include/nfm-backend.h, docs/backends.md), as small as one can be: guest
 * memory from a file that has it raw, byte 0 of the file being guest-physical address 0.
 *
 *     cc -shared -fPIC -I include -o test.so tests/backends/example.c
 *     EXAMPLE_RAM=/path/to/memory NFM_BACKEND_DIR=. nfm -c test:///default ps test
 *
 * The file's name is that of libvirt's driver, in small letters: libvirt's test driver here. For the tests
 * EXAMPLE_FAILURE lets it fail in each way that a back end may, and EXAMPLE_ROOT has it name the page
 * tables' root.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nfm-backend.h>

struct nfm_backend_guest {
	int file;
	uint64_t bytes;
	int ended;
};

/* Whether the tests want this failure. */
static int fails(const char *name)
{
	const char *wanted = getenv("EXAMPLE_FAILURE");

	return wanted && strcmp(wanted, name) == 0;
}

static int example_open(const nfm_backend_domain_t *domain, nfm_backend_guest_t **guest,
			nfm_backend_error_t *error)
{
	const char *path = getenv("EXAMPLE_RAM");
	nfm_backend_guest_t *opened;
	struct stat status;
	int file;

	if (fails("denied")) {
		snprintf(error->message, sizeof(error->message), "it is not yours; ask its owner");
		return NFM_BACKEND_DENIED;
	}
	if (fails("gone"))
		return NFM_BACKEND_GONE;
	if (fails("silent"))
		return 99;
	if (!path) {
		snprintf(error->message, sizeof(error->message), "set EXAMPLE_RAM to the memory of '%s'",
			 domain->name);
		return NFM_BACKEND_UNSUPPORTED;
	}
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) != 0) {
		snprintf(error->message, sizeof(error->message), "%s: %s", path, strerror(errno));
		return errno == EACCES ? NFM_BACKEND_DENIED : NFM_BACKEND_FAILED;
	}
	opened = calloc(1, sizeof(*opened));
	if (!opened) {
		close(file);
		return NFM_BACKEND_FAILED;
	}
	opened->file = file;
	opened->bytes = (uint64_t)status.st_size;
	*guest = opened;
	return NFM_BACKEND_OK;
}

static void example_close(nfm_backend_guest_t *guest)
{
	close(guest->file);
	free(guest);
}

static int example_memory(nfm_backend_guest_t *guest, nfm_backend_memory_t *memory,
			  nfm_backend_error_t *error)
{
	const char *root = getenv("EXAMPLE_ROOT");

	(void)error;
	memory->frames = NFM_BACKEND_GUEST_FRAMES;
	memory->bytes = guest->bytes;
	if (root) {
		memory->root = strtoull(root, NULL, 0);
		memory->levels = 4;
	}
	snprintf(memory->description, sizeof(memory->description), "a file of %llu MiB",
		 (unsigned long long)guest->bytes >> 20);
	return NFM_BACKEND_OK;
}

static void example_read(nfm_backend_guest_t *guest, const uint64_t *frames, size_t count, void *pages,
			 uint8_t *read)
{
	unsigned char *page = pages;
	size_t i;

	for (i = 0; i < count; i++, page += NFM_BACKEND_PAGE) {
		read[i] = 0;
		if (frames[i] >= guest->bytes / NFM_BACKEND_PAGE)
			continue; /* no RAM: the number comes from the guest */
		if (fails("holes") && frames[i] % 16 == 5)
			continue;
		read[i] = pread(guest->file, page, NFM_BACKEND_PAGE,
				(off_t)(frames[i] * NFM_BACKEND_PAGE)) == NFM_BACKEND_PAGE;
		guest->ended = fails("ends");
	}
}

static int example_state(nfm_backend_guest_t *guest, nfm_backend_state_t *state)
{
	/* A file does not tell what else the structure has: it stays unknown. */
	state->resident_bytes = guest->bytes;
	return guest->ended ? NFM_BACKEND_GONE : NFM_BACKEND_OK;
}

static const nfm_backend_v1_t table = {
	.size = sizeof(nfm_backend_v1_t),
	.name = "example 1",
	.open = example_open,
	.close = example_close,
	.memory = example_memory,
	.read = example_read,
	.state = example_state,
};

const nfm_backend_v1_t *nfm_backend_v1(void)
{
	static nfm_backend_v1_t other;

	if (fails("table"))
		return NULL;
	if (fails("old")) { /* of a time when the table had less */
		other = table;
		other.size = 2 * sizeof(void *);
		return &other;
	}
	return &table;
}
