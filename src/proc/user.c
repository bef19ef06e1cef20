/*
 * The names are kept in one array sorted by uid; the file is small and the look-ups are many. A file
 * that cannot be read leaves what was known: an editor replaces it in two steps.
 */

#include "user.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

#define LOOK_AGAIN 1000000000ull
#define MOST_USERS 65536

struct user {
	uint32_t uid;
	uint32_t order;		/* in the file: the first name of a uid is its name */
	char *name;
};

struct user_table {
	char *path;
	struct user *users;
	size_t count;
	uint64_t looked;
	bool loaded;
	struct timespec changed;
	ino_t inode;
	off_t size;
};

static int by_uid(const void *left, const void *right)
{
	const struct user *a = left, *b = right;

	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool parse_uid(const char *text, uint32_t *uid)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		/* the last number means "no user" to the kernel */
		if (value >= UINT32_MAX)
			return false;
	}
	*uid = (uint32_t)value;
	return true;
}

/* name:password:uid:... ; the name is cut out in place. */
static bool parse_line(char *line, uint32_t *uid)
{
	char *first = strchr(line, ':');
	char *second = first ? strchr(first + 1, ':') : NULL;
	char *third = second ? strchr(second + 1, ':') : NULL;

	if (!third || first == line)
		return false;
	*first = *third = '\0';
	return parse_uid(second + 1, uid);
}

static void forget(struct user *users, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(users[i].name);
	free(users);
}

static bool read_users(struct user_table *table, FILE *file)
{
	struct user *users = NULL;
	size_t count = 0, capacity = 0, size = 0;
	char *line = NULL;

	while (count < MOST_USERS && getline(&line, &size, file) >= 0) {
		uint32_t uid;
		if (!parse_line(line, &uid))
			continue;
		if (count == capacity) {
			size_t more = capacity ? capacity * 2 : 32;
			struct user *grown = realloc(users, more * sizeof(*users));
			if (!grown)
				goto failed;
			users = grown;
			capacity = more;
		}
		users[count] = (struct user){uid, (uint32_t)count, strdup(line)};
		if (!users[count].name)
			goto failed;
		count++;
	}
	free(line);
	if (count)
		qsort(users, count, sizeof(*users), by_uid);
	forget(table->users, table->count);
	table->users = users;
	table->count = count;
	return true;
failed:
	free(line);
	forget(users, count);
	return false;
}

static void refresh(struct user_table *table)
{
	struct stat status;

	if (stat(table->path, &status))
		return;
	if (table->loaded && status.st_mtim.tv_sec == table->changed.tv_sec &&
	    status.st_mtim.tv_nsec == table->changed.tv_nsec && status.st_ino == table->inode &&
	    status.st_size == table->size)
		return;
	FILE *file = fopen(table->path, "re");
	if (!file)
		return;
	if (read_users(table, file)) {
		table->changed = status.st_mtim;
		table->inode = status.st_ino;
		table->size = status.st_size;
		table->loaded = true;
	}
	fclose(file);
}

struct user_table *user_table_new(const char *path)
{
	struct user_table *table = xcalloc(1, sizeof(*table));

	table->path = xstrdup(path ? path : "/etc/passwd");
	refresh(table);
	return table;
}

void user_table_free(struct user_table *table)
{
	if (!table)
		return;
	forget(table->users, table->count);
	free(table->path);
	free(table);
}

const char *user_name(struct user_table *table, uint32_t uid, uint64_t now)
{
	if (!table->looked || now - table->looked >= LOOK_AGAIN) {
		if (table->looked)
			refresh(table);
		table->looked = now ? now : 1;
	}
	size_t low = 0, high = table->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->users[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table->count && table->users[low].uid == uid ? table->users[low].name : NULL;
}

int user_number(struct user_table *table, const char *text, uint32_t *uid)
{
	refresh(table);
	for (size_t i = 0; i < table->count; i++) {
		if (!strcmp(table->users[i].name, text)) {
			*uid = table->users[i].uid;
			return 0;
		}
	}
	return parse_uid(text, uid) ? 0 : -ENOENT;
}
