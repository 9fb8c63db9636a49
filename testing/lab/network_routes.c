/*
 * network routes DEVICE: routes of every sort, and next hop objects, through a device that has 192.168.77.1/24
 * and, if IPv6 is wanted, fd00:77::1/64. busybox's ip knows few of them. Nothing is sent.
 *
 * They are written as for ip(8), numbers for names: [TYPE] PREFIX [from PREFIX] [table N] [metric N] [proto N]
 * [scope N] [tos N] [mtu N] [src ADDRESS] [nhid N] [via ADDRESS] [dev DEVICE] [onlink]
 * { nexthop [via ADDRESS] [weight N] [onlink] }.
 */
#include "network.h"

#include <arpa/inet.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const objects[] = {
	"10 4 via 192.168.77.2", "11 4 via 192.168.77.3", "20 0 group 10 3 11 7", "30 4 blackhole",
	"22 0 group 10 1", NULL,
};
static const char *const objects6[] = {
	"12 6 via fd00:77::2", "13 6 via fd00:77::3", "21 0 group 12 2 13 200", "31 6 blackhole", NULL,
};
static const char *const routes[] = {
	"198.51.100.0/24 nexthop via 192.168.77.2 weight 1 nexthop via 192.168.77.3 weight 5",
	"198.51.100.0/24 metric 9 proto 186 nexthop via 192.168.77.2 weight 256 nexthop via 10.99.0.1 onlink",
	"198.51.100.0/25 table 100 metric 50 proto 16 mtu 1300 src 192.168.77.1 via 192.168.77.2",
	"198.51.100.128/25 table 100 tos 16 via 192.168.77.2", "198.51.100.128/25 table 100 via 192.168.77.3",
	"0.0.0.0/0 table 100 via 192.168.77.3", "0.0.0.0/1 table 100 via 192.168.77.3",
	"198.51.100.0/24 table 356 via 192.168.77.2", "198.51.100.7/32 table 1000 via 192.168.77.2",
	"198.51.100.9/32 table 4294967295 proto 250 scope 253", "blackhole 203.0.113.0/28",
	"unreachable 203.0.113.16/28 metric 4278198272", "prohibit 203.0.113.32/28 table 100",
	"throw 203.0.113.48/28 table 100", "multicast 239.1.0.0/16 scope 253",
	"198.18.0.0/24 nhid 10", "198.18.1.0/24 nhid 20", "198.18.2.0/24 nhid 30", "198.18.3.0/24 nhid 22",
	"198.18.4.0/24 via 10.99.0.2 onlink", "local 198.18.5.5/32 table 255 scope 254", NULL,
};
static const char *const routes6[] = {
	"198.18.6.0/24 via fd00:77::2", /* a gateway of the other family */
	"2001:db8:1::/64 nexthop via fd00:77::2 weight 1 nexthop via fd00:77::3 weight 9",
	"2001:db8:1::/64 metric 7 proto 42 via fd00:77::2", "2001:db8:1::/48 via fe80::2",
	"2001:db8:3::/64 from 2001:db8:f::/48 via fd00:77::2", "2001:db8:3::/64 from 2001:db8:e::/56",
	"2001:db8:3::/64 via fd00:77::3 mtu 1300 src fd00:77::1", "::/0 table 100 via fd00:77::2",
	"2001:db8:4::/64 table 356 metric 5", "2001:db8:4:5:6:7:8:9/128 table 1000 metric 4294967295",
	"blackhole 2001:db8:5::/64", "unreachable 2001:db8:6::/64", "prohibit 2001:db8:7::/64 table 100",
	"throw 2001:db8:8::/64 table 100", "anycast 2001:db8:9::9/128", "2001:db8:a::/64 nhid 12",
	"2001:db8:b::/64 nhid 21", "2001:db8:c::/64 nhid 31", "2001:db8:d::/64 via fd00:ffff::1 onlink", NULL,
};
static const char *const types[] = {
	"", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw",
};

static unsigned device;

/* An address's bytes; its family. */
static int address_of(const char *text, void *address, int *length)
{
	char host[64];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	snprintf(host, sizeof host, "%s", text);
	strtok(host, "/");
	if (inet_pton(family, host, address) != 1)
		exit(3);
	*length = strchr(text, '/') ? atoi(strchr(text, '/') + 1) : 0;
	return family;
}

static int size_of(int family)
{
	return family == AF_INET ? 4 : 16;
}

static void put_number(struct request *request, int type, const char *text)
{
	unsigned number = strtoul(text, NULL, 10);

	put(request, type, &number, sizeof number);
}

static void put_gateway(struct request *request, int family, const char *text)
{
	struct { unsigned short family; unsigned char address[16]; } via = { 0 };
	int length;

	via.family = address_of(text, via.address, &length);
	if (via.family == family)
		put(request, RTA_GATEWAY, via.address, size_of(family));
	else
		put(request, RTA_VIA, &via, 2 + size_of(via.family));
}

/* An old kernel may know no next hop objects; each supported kernel does. */
static void add_object(const char *line)
{
	struct request request = begin(RTM_NEWNEXTHOP);
	struct nhmsg *hop = body(&request, sizeof *hop);
	char text[256], *word, *rest = text;

	snprintf(text, sizeof text, "%s", line);
	put_number(&request, NHA_ID, strtok_r(rest, " ", &rest));
	word = strtok_r(rest, " ", &rest);
	hop->nh_family = *word == '4' ? AF_INET : *word == '6' ? AF_INET6 : AF_UNSPEC;
	hop->nh_protocol = RTPROT_STATIC;
	word = strtok_r(rest, " ", &rest);
	if (!strcmp(word, "via")) {
		unsigned char gateway[16];
		int length, family = address_of(strtok_r(rest, " ", &rest), gateway, &length);

		put(&request, NHA_GATEWAY, gateway, size_of(family));
		put(&request, NHA_OIF, &device, sizeof device);
	} else if (!strcmp(word, "blackhole")) {
		put(&request, NHA_BLACKHOLE, NULL, 0);
	} else {
		struct nexthop_grp members[4] = { 0 };
		int count = 0;

		while ((word = strtok_r(rest, " ", &rest))) {
			members[count].id = atoi(word);
			members[count++].weight = atoi(strtok_r(rest, " ", &rest)) - 1;
		}
		put(&request, NHA_GROUP, members, count * sizeof *members);
	}
	call(&request, line);
}

static void add_hops(struct request *request, int family, char *rest)
{
	struct rtattr *all = put(request, RTA_MULTIPATH, NULL, 0);
	struct rtnexthop *hop = NULL;

	for (char *word = "nexthop"; word; word = strtok_r(rest, " ", &rest)) {
		if (!strcmp(word, "nexthop")) {
			hop = room(request, sizeof *hop);
			hop->rtnh_ifindex = device;
		} else if (!strcmp(word, "via")) {
			put_gateway(request, family, strtok_r(rest, " ", &rest));
		} else if (!strcmp(word, "weight")) {
			hop->rtnh_hops = atoi(strtok_r(rest, " ", &rest)) - 1;
		} else if (!strcmp(word, "onlink")) {
			hop->rtnh_flags |= RTNH_F_ONLINK;
		}
		hop->rtnh_len = end_of(request) - (char *)hop;
	}
	close_nest(request, all);
}

static void add_route(const char *line)
{
	struct request request = begin(RTM_NEWROUTE);
	struct rtmsg *route = body(&request, sizeof *route);
	char text[256], *word, *rest = text, address[16];
	int length, family, leads = 1;

	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = RTN_UNICAST;
	snprintf(text, sizeof text, "%s", line);
	word = strtok_r(rest, " ", &rest);
	for (size_t i = 1; i < sizeof types / sizeof *types; i++)
		if (!strcmp(word, types[i])) {
			route->rtm_type = i;
			word = strtok_r(rest, " ", &rest);
			leads = i < RTN_BLACKHOLE;
		}
	family = route->rtm_family = address_of(word, address, &length);
	route->rtm_dst_len = length;
	put(&request, RTA_DST, address, size_of(family));
	while ((word = strtok_r(rest, " ", &rest))) {
		char *value;

		if (!strcmp(word, "onlink")) {
			route->rtm_flags |= RTNH_F_ONLINK;
			continue;
		}
		if (!strcmp(word, "nexthop")) {
			add_hops(&request, family, rest);
			leads = 0;
			break;
		}
		value = strtok_r(rest, " ", &rest);
		if (!strcmp(word, "from")) {
			address_of(value, address, &length);
			route->rtm_src_len = length;
			put(&request, RTA_SRC, address, size_of(family));
		} else if (!strcmp(word, "src")) {
			address_of(value, address, &length);
			put(&request, RTA_PREFSRC, address, size_of(family));
		} else if (!strcmp(word, "mtu")) {
			struct rtattr *metrics = put(&request, RTA_METRICS, NULL, 0);

			put_number(&request, RTAX_MTU, value);
			close_nest(&request, metrics);
		} else if (!strcmp(word, "table")) {
			put_number(&request, RTA_TABLE, value);
		} else if (!strcmp(word, "metric")) {
			put_number(&request, RTA_PRIORITY, value);
		} else if (!strcmp(word, "proto")) {
			route->rtm_protocol = atoi(value);
		} else if (!strcmp(word, "scope")) {
			route->rtm_scope = atoi(value);
		} else if (!strcmp(word, "tos")) {
			route->rtm_tos = atoi(value);
		} else if (!strcmp(word, "nhid")) {
			put_number(&request, RTA_NH_ID, value);
			leads = 0;
		} else if (!strcmp(word, "via")) {
			put_gateway(&request, family, value);
		} else {
			exit(3);
		}
	}
	if (leads)
		put(&request, RTA_OIF, &device, sizeof device);
	call(&request, line);
}

void add_routes(const char *name, int ipv6)
{
	char line[64];

	device = if_nametoindex(name);
	for (int i = 0; objects[i]; i++)
		add_object(objects[i]);
	for (int i = 0; routes[i]; i++)
		add_route(routes[i]);
	/* As many as make a node of the trie choose by several bits. */
	for (int i = 0; i < 48; i++) {
		snprintf(line, sizeof line, "198.19.%d.0/24 via 192.168.77.2", i);
		add_route(line);
	}
	for (int i = 0; ipv6 && objects6[i]; i++)
		add_object(objects6[i]);
	for (int i = 0; ipv6 && routes6[i]; i++)
		add_route(routes6[i]);
}
