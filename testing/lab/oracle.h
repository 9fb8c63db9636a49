/* What the parts of the program oracle have in common. */

/* The pages of a file that are in the page cache. */
void show_cached(const char *path);
/* Has the kernel put the first half of a file of tmpfs into swap. */
void page_out(const char *path);
void set_xattr(const char *path, const char *name, const char *value);
/* The extended attributes of a file. */
void show_xattrs(const char *path);
/* Every route of the network namespace, by netlink. */
void show_routes(void);
/* Every neighbour of it, by netlink. */
void show_neighbours(void);
