/* Who typed sudo: the user a command is run as, so that its files are not root's. */
#ifndef CMD_INVOKER_H
#define CMD_INVOKER_H

#include <stdbool.h>
#include <sys/types.h>

struct invoker {
	uid_t user;
	gid_t group;
	gid_t *groups;
	size_t group_count;
	char *name, *home;	/* NULL: not in /etc/passwd */
};

/* False: sonde was not started by sudo. */
bool invoker_find(struct invoker *invoker);
/* Who uses sonde: the invoker, or the user that sonde is. */
uid_t invoker_user(void);
void invoker_free(struct invoker *invoker);
/* Makes this process the invoker's, for good, with HOME, USER and LOGNAME if they were root's. 0 or -errno. */
int invoker_become(const struct invoker *invoker);

#endif
