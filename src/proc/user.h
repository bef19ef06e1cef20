/*
 * Names of users. /etc/passwd is read here, not through getpwuid: that one loads name services at
 * run time, which a static binary cannot, and may ask a network. Read again when the file changes.
 */
#ifndef PROC_USER_H
#define PROC_USER_H

#include <stdint.h>

struct user_table;

/* NULL for /etc/passwd. Aborts without memory: it belongs to start-up. */
struct user_table *user_table_new(const char *path);
void user_table_free(struct user_table *users);

/*
 * NULL when the user has no name there. Good until the next call. `now` is any clock in ns: the
 * file is looked at once a second at most.
 */
const char *user_name(struct user_table *users, uint32_t uid, uint64_t now);
/* A name, or a number: 0, or -ENOENT. */
int user_number(struct user_table *users, const char *text, uint32_t *uid);

#endif
