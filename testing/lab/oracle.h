/* What the parts of the program oracle have in common. */

/* Every route of the network namespace, by netlink. */
void show_routes(void);
/* Every neighbour of it, by netlink. */
void show_neighbours(void);
