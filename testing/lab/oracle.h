/* What the parts of the program oracle have in common. */

/* The pages of a file that are in the page cache. */
void show_cached(const char *path);
/* Every route of the network namespace, by netlink. */
void show_routes(void);
/* Every neighbour of it, by netlink. */
void show_neighbours(void);
