/* What the parts of the program network have in common: messages to netlink. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct request {
	struct nlmsghdr head;
	char rest[1024];
};

/* A message that makes something new. */
struct request begin(int type);
/* Its body, of zeros. */
void *body(struct request *request, int size);
/* So many more bytes of zeros. */
void *room(struct request *request, int size);
/* One more attribute. */
struct rtattr *put(struct request *request, int type, const void *value, int length);
/* Where the message ends so far. */
char *end_of(struct request *request);
/* An attribute holds all that came after it. */
void close_nest(struct request *request, struct rtattr *nest);
/* Sends it; ends the program if the kernel refuses. */
void call(struct request *request, const char *what);

/* network_routes.c */
void add_routes(const char *name, int ipv6);

/* network_neighbours.c */
void add_neighbours(const char *name, char **prefixes);
