/*
 * oracle --routes, oracle --neighbours: every route and every neighbour of the network namespace, as RTM_GETROUTE and
 * RTM_GETNEIGH tell them; what ip(8) makes its lines of.
 *
 * One line for each next hop and each neighbour, in the kernel's order: words NAME=VALUE, numbers as the kernel gives them.
 */
#include "oracle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_ATTRIBUTES 64

static void fail(const char *what)
{
	fprintf(stderr, "oracle: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The attributes of a message by their type. */
static void sort(struct rtattr *first, int length, struct rtattr **by_type)
{
	memset(by_type, 0, MOST_ATTRIBUTES * sizeof *by_type);
	for (struct rtattr *one = first; RTA_OK(one, length); one = RTA_NEXT(one, length))
		if ((one->rta_type & NLA_TYPE_MASK) < MOST_ATTRIBUTES)
			by_type[one->rta_type & NLA_TYPE_MASK] = one;
}

static unsigned number(struct rtattr *attribute)
{
	return attribute ? *(unsigned *)RTA_DATA(attribute) : 0;
}

static void print_address(const char *name, int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	printf(" %s=%s", name, address ? inet_ntop(family, address, text, sizeof text) : "-");
}

static void print_prefix(const char *name, int family, struct rtattr *address, int length)
{
	static const char any[16];

	print_address(name, family, address ? RTA_DATA(address) : any);
	printf("/%d", length);
}

static void print_interface(unsigned index)
{
	char name[IF_NAMESIZE];

	printf(" index=%u interface=%s", index, index && if_indextoname(index, name) ? name : "-");
}

/* A gateway of the route's family, or (RTA_VIA) of another. */
static void print_gateway(int family, struct rtattr **of)
{
	if (of[RTA_VIA]) {
		struct rtvia *via = RTA_DATA(of[RTA_VIA]);

		print_address("gateway", via->rtvia_family, via->rtvia_addr);
	} else {
		print_address("gateway", family, of[RTA_GATEWAY] ? RTA_DATA(of[RTA_GATEWAY]) : NULL);
	}
}

static void print_route(const struct rtmsg *route, struct rtattr **of)
{
	struct rtattr *metrics[MOST_ATTRIBUTES] = { NULL };

	if (of[RTA_METRICS])
		sort(RTA_DATA(of[RTA_METRICS]), RTA_PAYLOAD(of[RTA_METRICS]), metrics);
	printf("family=%d table=%u kind=%d", route->rtm_family,
	       of[RTA_TABLE] ? number(of[RTA_TABLE]) : route->rtm_table, route->rtm_type);
	print_prefix("destination", route->rtm_family, of[RTA_DST], route->rtm_dst_len);
	print_prefix("source", route->rtm_family, of[RTA_SRC], route->rtm_src_len);
	print_address("preferred", route->rtm_family, of[RTA_PREFSRC] ? RTA_DATA(of[RTA_PREFSRC]) : NULL);
	printf(" tos=%d metric=%u protocol=%d scope=%d mtu=%u object=%u", route->rtm_tos,
	       number(of[RTA_PRIORITY]), route->rtm_protocol, route->rtm_scope,
	       number(metrics[RTAX_MTU]), number(of[RTA_NH_ID]));
}

static void one_route(const struct nlmsghdr *head)
{
	const struct rtmsg *route = NLMSG_DATA(head);
	struct rtattr *of[MOST_ATTRIBUTES], *of_hop[MOST_ATTRIBUTES];
	int count = 0, index = 0;

	/* What the kernel keeps of a path is no route, and ip(8) shows it only when asked for the cache. */
	if (route->rtm_flags & RTM_F_CLONED)
		return;
	sort(RTM_RTA(route), RTM_PAYLOAD(head), of);
	if (!of[RTA_MULTIPATH]) {
		print_route(route, of);
		printf(" hops=1 hop=0 weight=0 flags=%u", route->rtm_flags);
		print_interface(number(of[RTA_OIF]));
		print_gateway(route->rtm_family, of);
		putchar('\n');
		return;
	}
	for (int pass = 0; pass < 2; pass++) {
		struct rtnexthop *hop = RTA_DATA(of[RTA_MULTIPATH]);
		int left = RTA_PAYLOAD(of[RTA_MULTIPATH]);

		for (; RTNH_OK(hop, left); left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
			if (!pass) {
				count++;
				continue;
			}
			sort(RTNH_DATA(hop), hop->rtnh_len - sizeof *hop, of_hop);
			print_route(route, of);
			printf(" hops=%d hop=%d weight=%d flags=%u", count, index++, hop->rtnh_hops + 1,
			       hop->rtnh_flags | (route->rtm_flags & ~0xffu));
			print_interface(hop->rtnh_ifindex);
			print_gateway(route->rtm_family, of_hop);
			putchar('\n');
		}
	}
}

/* Asks for all of a kind, and shows each. */
static void dump(int type, const void *request, size_t length, void (*show)(const struct nlmsghdr *))
{
	static char buffer[1 << 20];
	struct nlmsghdr *head = (void *)buffer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		fail("netlink");
	memset(buffer, 0, NLMSG_SPACE(length));
	head->nlmsg_len = NLMSG_LENGTH(length);
	head->nlmsg_type = type;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	memcpy(NLMSG_DATA(head), request, length);
	if (send(fd, buffer, head->nlmsg_len, 0) < 0)
		fail("netlink");
	for (;;) {
		int got = recv(fd, buffer, sizeof buffer, 0);

		if (got <= 0)
			fail("netlink");
		for (head = (void *)buffer; NLMSG_OK(head, (unsigned)got); head = NLMSG_NEXT(head, got)) {
			if (head->nlmsg_flags & NLM_F_DUMP_INTR) {
				errno = EINTR;
				fail("the tables change");
			}
			if (head->nlmsg_type == NLMSG_ERROR) {
				errno = -((struct nlmsgerr *)NLMSG_DATA(head))->error;
				fail("netlink");
			}
			if (head->nlmsg_type == NLMSG_DONE) {
				close(fd);
				return;
			}
			show(head);
		}
	}
}

void show_routes(void)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++) {
		struct rtmsg request = { .rtm_family = families[i] };

		dump(RTM_GETROUTE, &request, sizeof request, one_route);
	}
}

static void one_neighbour(const struct nlmsghdr *head)
{
	const struct ndmsg *entry = NLMSG_DATA(head);
	struct rtattr *of[MOST_ATTRIBUTES];
	int length;

	sort((void *)((char *)entry + NLMSG_ALIGN(sizeof *entry)), NLMSG_PAYLOAD(head, sizeof *entry), of);
	printf("family=%d state=%d flags=%u protocol=%d", entry->ndm_family, entry->ndm_state,
	       entry->ndm_flags | number(of[NDA_FLAGS_EXT]) << 8,
	       of[NDA_PROTOCOL] ? *(unsigned char *)RTA_DATA(of[NDA_PROTOCOL]) : 0);
	print_address("address", entry->ndm_family, of[NDA_DST] ? RTA_DATA(of[NDA_DST]) : NULL);
	length = of[NDA_LLADDR] ? RTA_PAYLOAD(of[NDA_LLADDR]) : 0;
	printf(" mac=%s", length ? "" : "-");
	for (int i = 0; i < length; i++)
		printf("%s%02x", i ? ":" : "", ((unsigned char *)RTA_DATA(of[NDA_LLADDR]))[i]);
	print_interface(entry->ndm_ifindex);
	putchar('\n');
}

void show_neighbours(void)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++)
		for (int proxies = 0; proxies < 2; proxies++) {
			struct ndmsg request = {
				.ndm_family = families[i],
				.ndm_flags = proxies ? NTF_PROXY : 0,
			};

			dump(RTM_GETNEIGH, &request, sizeof request, one_neighbour);
		}
}
