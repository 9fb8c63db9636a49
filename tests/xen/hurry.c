/*
 * For xenconsoled alone: its clock runs 50 times as fast.
 *
 * It takes at most 30 messages in 200 ms from a guest's console, so that a guest cannot keep it busy
 * (RATE_LIMIT_ALLOWANCE, RATE_LIMIT_PERIOD, tools/console/daemon/io.c). Linux sends 256 bytes in one, and
 * the lab's guests have to tell megabytes of what their /proc says.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>
#include <time.h>

enum { TIMES = 50 };

int clock_gettime(clockid_t clock, struct timespec *time)
{
	static int (*real)(clockid_t, struct timespec *);
	int result;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	result = real(clock, time);
	if (result == 0) {
		time->tv_nsec *= TIMES;
		time->tv_sec = time->tv_sec * TIMES + time->tv_nsec / 1000000000;
		time->tv_nsec %= 1000000000;
	}
	return result;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	static int (*real)(struct pollfd *, nfds_t, int);

	if (!real)
		real = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
	return real(fds, count, timeout > 0 ? (timeout + TIMES - 1) / TIMES : timeout);
}
