/*
 * network COMMAND...: makes in the guest what tests of network devices, sockets and swap need beyond
 * busybox's ip.
 *
 *   closed                    TCP sockets that their process has closed, over IPv4 and IPv6
 *   frames COUNT DEVICE...    sends broadcast frames that no protocol knows
 *   tun NAME TYPE             a lasting tun device of an ARPHRD_ type, through which a packet came
 *   vxlan NAME ID             a tunnel that busybox cannot make
 *   geneve NAME ID            another
 *   neighbours DEVICE PREFIX...   neighbours of every sort (network_neighbours.c)
 *   routes DEVICE [ipv6]      routes of every sort (network_routes.c)
 *   swapped MIB               a process whose memory was swapped out, and is read in again
 */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static long tried(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "network: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

#define TRY(call) tried(call, #call)

/* <net/if.h> and <linux/if.h> exclude each other. */
unsigned if_nametoindex(const char *name);

/* Leaves a process behind that holds what this one has. */
static void stay(void)
{
	if (TRY(fork()) != 0)
		return;
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (;;)
		pause();
}

/* ------------------------------------------------------------------------ */

static socklen_t address(int family, int port, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof *to);
	to->ss_family = family;
	if (family == AF_INET) {
		struct sockaddr_in *v4 = (void *)to;

		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof *v4;
	}
	struct sockaddr_in6 *v6 = (void *)to;

	v6->sin6_port = htons(port);
	v6->sin6_addr = in6addr_loopback;
	return sizeof *v6;
}

/* A connection: its two ends. */
static void connected(int family, int port, int ends[2])
{
	struct sockaddr_storage to;
	socklen_t length = address(family, port, &to);
	int one = 1, listener = TRY(socket(family, SOCK_STREAM, 0));

	TRY(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
	TRY(bind(listener, (void *)&to, length));
	TRY(listen(listener, 1));
	ends[0] = TRY(socket(family, SOCK_STREAM, 0));
	TRY(connect(ends[0], (void *)&to, length));
	ends[1] = TRY(accept(listener, NULL, NULL));
	close(listener);
}

/* The kernel keeps both kinds for a minute, as what is left of a socket (tcp_time_wait). */
static void closed(void)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int ends[2];

	for (int i = 0; i < 2; i++) {
		connected(families[i], 7001, ends); /* FIN-WAIT-2: the other end stays open */
		close(ends[0]);
		connected(families[i], 7002, ends); /* TIME-WAIT */
		close(ends[0]);
		usleep(50000);
		close(ends[1]);
	}
	usleep(50000);
	stay();
}

/* ------------------------------------------------------------------------ */

static void frames(int count, char **devices)
{
	static const struct {
		unsigned char to[ETH_ALEN], from[ETH_ALEN];
		unsigned short protocol;
		char text[86];
	} frame = {
		.to = { 255, 255, 255, 255, 255, 255 },
		.from = { 2, 0, 0, 0, 0, 1 },
		.protocol = 0xb588, /* 0x88b5, for local experiments */
	};
	int fd = TRY(socket(AF_PACKET, SOCK_RAW, 0));

	for (; *devices; devices++) {
		struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = frame.protocol };

		to.sll_ifindex = TRY((int)if_nametoindex(*devices) ?: -1);
		/* A device that drops them says so, and counts them. */
		for (int i = 0; i < count; i++)
			sendto(fd, &frame, sizeof frame, 0, (void *)&to, sizeof to);
	}
}

static void tun(const char *name, int type)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd;

	mkdir("/dev/net", 0755);
	fd = TRY(open("/dev/net/tun", O_RDWR));
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	TRY(ioctl(fd, TUNSETIFF, &request));
	TRY(ioctl(fd, TUNSETPERSIST, 1));
	if (type)
		TRY(ioctl(fd, TUNSETLINK, type));
	request.ifr_flags = IFF_UP;
	TRY(ioctl(TRY(socket(AF_INET, SOCK_DGRAM, 0)), SIOCSIFFLAGS, &request));
	/* To nobody: it is counted, and goes no further. */
	TRY(write(fd, "\x45\0\0\x14\0\0\0\0\x40\x11\0\0\x0a\x63\0\x02\x0a\x63\0\x01", 20));
}

/* ------------------------------------------------------------------------ */

struct request begin(int type)
{
	struct request request = { .head = {
		.nlmsg_len = NLMSG_LENGTH(0),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
	} };

	/* As ip(8) adds a route beside another. */
	if (type == RTM_NEWROUTE)
		request.head.nlmsg_flags |= NLM_F_APPEND;
	return request;
}

char *end_of(struct request *request)
{
	return (char *)request + NLMSG_ALIGN(request->head.nlmsg_len);
}

void *room(struct request *request, int size)
{
	void *new = end_of(request);

	request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + NLMSG_ALIGN(size);
	return new;
}

void *body(struct request *request, int size)
{
	return room(request, size);
}

struct rtattr *put(struct request *request, int type, const void *value, int length)
{
	struct rtattr *new = room(request, RTA_LENGTH(length));

	new->rta_type = type;
	new->rta_len = RTA_LENGTH(length);
	if (length)
		memcpy(RTA_DATA(new), value, length);
	return new;
}

void close_nest(struct request *request, struct rtattr *nest)
{
	nest->rta_len = end_of(request) - (char *)nest;
}

void call(struct request *request, const char *what)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct { struct nlmsghdr head; struct nlmsgerr error; char rest[1024]; } answer;
	int fd = TRY(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));

	TRY(sendto(fd, request, request->head.nlmsg_len, 0, (void *)&kernel, sizeof kernel));
	TRY(recv(fd, &answer, sizeof answer, 0));
	close(fd);
	errno = -answer.error.error;
	tried(answer.error.error, what);
}

/* Number 1 of the data is the tunnel's id in both kinds (IFLA_VXLAN_ID, IFLA_GENEVE_ID). */
static void tunnel(const char *kind, const char *name, unsigned id, int remote)
{
	struct request request = begin(RTM_NEWLINK);
	unsigned other = inet_addr("10.9.0.2");

	body(&request, sizeof(struct ifinfomsg));
	put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	struct rtattr *info = put(&request, IFLA_LINKINFO, NULL, 0);
	put(&request, IFLA_INFO_KIND, kind, strlen(kind));
	struct rtattr *data = put(&request, IFLA_INFO_DATA, NULL, 0);
	put(&request, 1, &id, sizeof id);
	put(&request, remote, &other, sizeof other);
	close_nest(&request, data);
	close_nest(&request, info);
	call(&request, kind);
}

/* ------------------------------------------------------------------------ */

/* What is read in again stays in the swap cache, too, until somebody writes to it. */
static void swapped(size_t mebibytes)
{
	size_t size = mebibytes << 20;
	volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sum = 0;

	if (memory == MAP_FAILED)
		exit(1);
	for (size_t at = 0; at < size; at += 4096)
		memory[at] = 1 + at % 251;
	TRY(madvise((void *)memory, size, MADV_PAGEOUT));
	for (size_t at = 0; at < size / 2; at += 4096)
		sum += memory[at];
	printf("%d\n", sum);
	fflush(stdout);
	stay();
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "closed"))
		closed();
	else if (!strcmp(command, "frames") && argc > 3)
		frames(atoi(argv[2]), argv + 3);
	else if (!strcmp(command, "tun") && argc == 4)
		tun(argv[2], atoi(argv[3]));
	else if (!strcmp(command, "vxlan") && argc == 4)
		tunnel(command, argv[2], atoi(argv[3]), IFLA_VXLAN_GROUP);
	else if (!strcmp(command, "geneve") && argc == 4)
		tunnel(command, argv[2], atoi(argv[3]), IFLA_GENEVE_REMOTE);
	else if (!strcmp(command, "neighbours") && argc > 3)
		add_neighbours(argv[2], argv + 3);
	else if (!strcmp(command, "routes") && argc > 2)
		add_routes(argv[2], argc > 3);
	else if (!strcmp(command, "swapped") && argc == 3)
		swapped(atoi(argv[2]));
	else
		return 2;
	return 0;
}
