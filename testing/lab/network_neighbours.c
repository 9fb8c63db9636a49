/*
 * network neighbours DEVICE PREFIX...: entries of ARP (of a PREFIX like 192.168.77) and of neighbour discovery (of one
 * like fd00:77:) in every state that rests, with every flag that does no work, and proxy entries. Nothing is sent.
 */
#include "network.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int host, state, flags, protocol;
} entries[] = {
	{ 21, NUD_PERMANENT, 0, 0 },
	{ 22, NUD_NOARP, 0, 0 },
	{ 23, NUD_STALE, NTF_ROUTER, RTPROT_STATIC },
	{ 24, NUD_FAILED, 0, 0 },
	{ 25, NUD_STALE, NTF_EXT_LEARNED, RTPROT_BGP },
	{ 26, NUD_PERMANENT, NTF_EXT_LEARNED | NTF_ROUTER, 0 },
	{ 27, 0, NTF_PROXY, 0 },
	{ 28, 0, NTF_PROXY, RTPROT_STATIC },
};

static void add_one(const char *prefix, int device, size_t which)
{
	struct request request = begin(RTM_NEWNEIGH);
	struct ndmsg *entry = body(&request, sizeof *entry);
	unsigned char mac[] = { 2, 0, 0, 0, 1, entries[which].host }, address[16], protocol = entries[which].protocol;
	int six = strchr(prefix, ':') != NULL;
	char text[64];

	snprintf(text, sizeof text, six ? "%s:%d" : "%s.%d", prefix, entries[which].host);
	entry->ndm_family = six ? AF_INET6 : AF_INET;
	entry->ndm_ifindex = device;
	entry->ndm_state = entries[which].state;
	entry->ndm_flags = entries[which].flags;
	if (inet_pton(entry->ndm_family, text, address) != 1)
		exit(3);
	put(&request, NDA_DST, address, six ? 16 : 4);
	if (entry->ndm_state != NUD_FAILED && !(entry->ndm_flags & NTF_PROXY))
		put(&request, NDA_LLADDR, mac, sizeof mac);
	if (protocol)
		put(&request, NDA_PROTOCOL, &protocol, 1);
	call(&request, text);
}

void add_neighbours(const char *name, char **prefixes)
{
	int device = if_nametoindex(name);

	for (; *prefixes; prefixes++)
		for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
			add_one(*prefixes, device, i);
}
