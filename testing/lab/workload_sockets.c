/*
 * The workload's roles that hold sockets.
 */
#include "workload.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

static int bound_of(int protocol, int family, int type, const char *address, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1, fd = TRY(socket(family, type, protocol));

	if (fd < 0)
		return fd;

	TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
	if (family == AF_INET) {
		TRY(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one));
		inet_pton(family, address, &v4.sin_addr);
		TRY(bind(fd, (void *)&v4, sizeof v4));
	} else {
		inet_pton(family, address, &v6.sin6_addr);
		TRY(bind(fd, (void *)&v6, sizeof v6));
	}
	return fd;
}

int bound(int family, int type, const char *address, int port)
{
	return bound_of(0, family, type, address, port);
}

int tcp_listener(int family, const char *address, int port)
{
	int fd = bound(family, SOCK_STREAM, address, port);

	TRY(listen(fd, 16));
	return fd;
}

static int connect_to(int fd, int family, const char *address, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (fd < 0)
		return fd;
	if (family == AF_INET) {
		inet_pton(family, address, &v4.sin_addr);
		TRY(connect(fd, (void *)&v4, sizeof v4));
	} else {
		inet_pton(family, address, &v6.sin6_addr);
		TRY(connect(fd, (void *)&v6, sizeof v6));
	}
	return fd;
}

static int unix_socket(int type, const char *name, int (*how)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = TRY(socket(AF_UNIX, type, 0));
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(name);

	strcpy(address.sun_path, name);
	if (name[0] == '@')
		address.sun_path[0] = 0; /* abstract: no NUL at its end */
	else
		length++;
	TRY(how(fd, (void *)&address, length));
	return fd;
}

/* Holds the listening ends and accepts what role_client asks for. */
void role_server(void)
{
	int v4 = tcp_listener(AF_INET, "127.0.0.1", 8080);
	int v6 = tcp_listener(AF_INET6, "::", 8081);
	tcp_listener(AF_INET, "0.0.0.0", 22);
	int local = unix_socket(SOCK_STREAM, "/run/lab.sock", bind);
	TRY(listen(local, 5));
	TRY(chmod("/run/lab.sock", 0666));
	become(33, 33);
	settled();

	int fd = TRY(accept(v4, NULL, NULL));
	write(fd, "hello", 5);
	fd = TRY(accept(v6, NULL, NULL));
	write(fd, "hello", 5);
	fd = TRY(accept(v6, NULL, NULL)); /* IPv4 on an IPv6 socket */
	write(fd, "hello", 5);
	/* FIN-WAIT-2 here and CLOSE-WAIT there. Not closed: the kernel would
	 * forget it after a minute. */
	fd = TRY(accept(v4, NULL, NULL));
	write(fd, "hello", 5);
	TRY(shutdown(fd, SHUT_WR));
	fd = TRY(accept(local, NULL, NULL));
	write(fd, "hello", 5);
	rest();
}

static void greet(int fd)
{
	char greeting[5];

	TRY(recv(fd, greeting, sizeof greeting, MSG_WAITALL));
}

void role_client(void)
{
	static char unread[100];
	char none;
	int fd;

	become(1000, 1000);
	fd = connect_to(bound(AF_INET, SOCK_STREAM, "127.0.0.1", 40080), AF_INET, "127.0.0.1", 8080);
	greet(fd);
	write(fd, unread, sizeof unread); /* stays in the receiver's queue */
	fd = connect_to(bound(AF_INET6, SOCK_STREAM, "::1", 40081), AF_INET6, "::1", 8081);
	greet(fd);
	fd = connect_to(bound(AF_INET, SOCK_STREAM, "127.0.0.1", 40082), AF_INET, "127.0.0.1", 8081);
	greet(fd);
	fd = connect_to(bound(AF_INET, SOCK_STREAM, "127.0.0.1", 40083), AF_INET, "127.0.0.1", 8080);
	greet(fd);
	TRY(recv(fd, &none, 1, 0)); /* the end: CLOSE-WAIT */
	greet(unix_socket(SOCK_STREAM, "/run/lab.sock", connect));
	rest();
}

void role_datagrams(void)
{
	int fd = bound(AF_INET, SOCK_DGRAM, "0.0.0.0", 5353);
	connect_to(bound(AF_INET, SOCK_DGRAM, "127.0.0.1", 40001), AF_INET, "127.0.0.1", 5353);
	bound(AF_INET6, SOCK_DGRAM, "::1", 5354);
	/* The port of a ping socket is its identifier. */
	bound_of(IPPROTO_ICMP, AF_INET, SOCK_DGRAM, "127.0.0.1", 4711);
	bound_of(IPPROTO_ICMPV6, AF_INET6, SOCK_DGRAM, "::1", 4712);
	/* Until Linux 7.0 (d6e0f04bf22d). */
	connect_to(bound_of(IPPROTO_UDPLITE, AF_INET, SOCK_DGRAM, "127.0.0.1", 5355), AF_INET,
		   "127.0.0.1", 5356);
	bound_of(IPPROTO_UDPLITE, AF_INET6, SOCK_DGRAM, "::", 5357);
	/* Traffic on dummy0, which swallows it; kept in no queue. */
	fd = connect_to(bound(AF_INET, SOCK_DGRAM, "192.168.77.1", 40009), AF_INET, "192.168.77.9", 9);
	for (int i = 0; i < 5; i++)
		TRY(send(fd, "0123456789", 10, 0));
	rest();
}

void role_raw_sockets(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct sockaddr_ll any = { .sll_family = AF_PACKET };
	int pair[2];

	TRY(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	TRY(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
	int fd = TRY(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	TRY(bind(fd, (void *)&kernel, sizeof kernel));
	fd = TRY(socket(AF_PACKET, SOCK_RAW, 0));
	if (fd >= 0)
		TRY(bind(fd, (void *)&any, sizeof any));
	unix_socket(SOCK_DGRAM, "/run/lab-dgram.sock", bind);
	fd = unix_socket(SOCK_STREAM, "@lab-abstract", bind);
	TRY(listen(fd, 1));
	fd = unix_socket(SOCK_SEQPACKET, "@lab\nodd \xff", bind);
	TRY(listen(fd, 1));
	TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	/* TCP that is neither bound nor connected. */
	TRY(socket(AF_INET, SOCK_STREAM, 0));
	rest();
}
