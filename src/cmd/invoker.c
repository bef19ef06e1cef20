/*
 * The groups are those of the session sudo was typed in, read from the nearest ancestor that is the user's own: that is exact,
 * wherever they come from. Without such an ancestor they are those of /etc/group. The C library's own functions for both would
 * load name services at run time, which a static binary cannot.
 */
#define _GNU_SOURCE
#include "cmd/invoker.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define ANCESTORS_MAX 64

static bool read_id(const char *name, unsigned int *id)
{
	const char *text = getenv(name);
	unsigned long value;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	*id = value;
	return !errno && !*end && value < (unsigned int)-1;
}

static void find_names(struct invoker *invoker)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;

	while (file && !invoker->name && (entry = fgetpwent(file))) {
		if (entry->pw_uid != invoker->user)
			continue;
		invoker->name = xstrdup(entry->pw_name);
		invoker->home = xstrdup(entry->pw_dir);
	}
	if (file)
		fclose(file);
}

static void add_group(struct invoker *invoker, gid_t group)
{
	invoker->groups = xrealloc(invoker->groups, invoker->group_count + 1, sizeof(*invoker->groups));
	invoker->groups[invoker->group_count++] = group;
}

static void add_groups(struct invoker *invoker, const char *list)
{
	char *end;

	for (;; list = end) {
		unsigned long group = strtoul(list, &end, 10);

		if (end == list)
			return;
		add_group(invoker, group);
	}
}

/* Of a process: its parent, 0 at the end; its groups if it is the invoker's. */
static pid_t look_at(struct invoker *invoker, pid_t pid, bool *found)
{
	char path[64], *line = NULL;
	unsigned int user = -1;
	size_t size = 0;
	pid_t parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && getline(&line, &size, file) > 0) {
		sscanf(line, "PPid: %d", &parent);
		sscanf(line, "Uid: %u", &user);
		if (user == invoker->user && !strncmp(line, "Groups:", 7)) {
			add_groups(invoker, line + 7);
			*found = true;
		}
	}
	free(line);
	if (file)
		fclose(file);
	return parent;
}

static void find_groups(struct invoker *invoker)
{
	struct group *entry;
	bool found = false;
	pid_t pid = getppid();
	FILE *file;

	for (int i = 0; i < ANCESTORS_MAX && pid && !found; i++)
		pid = look_at(invoker, pid, &found);
	if (found || !invoker->name)
		return;
	add_group(invoker, invoker->group);
	file = fopen("/etc/group", "re");
	while (file && (entry = fgetgrent(file)))
		for (char **member = entry->gr_mem; *member; member++)
			if (!strcmp(*member, invoker->name))
				add_group(invoker, entry->gr_gid);
	if (file)
		fclose(file);
}

bool invoker_find(struct invoker *invoker)
{
	unsigned int user, group;

	*invoker = (struct invoker){ 0 };
	if (geteuid() || !read_id("SUDO_UID", &user) || !read_id("SUDO_GID", &group) || !user)
		return false;
	invoker->user = user;
	invoker->group = group;
	find_names(invoker);
	find_groups(invoker);
	return true;
}

uid_t invoker_user(void)
{
	unsigned int user;

	return !geteuid() && read_id("SUDO_UID", &user) ? user : geteuid();
}

void invoker_free(struct invoker *invoker)
{
	free(invoker->groups);
	free(invoker->name);
	free(invoker->home);
}

/* A value that sudo was told to keep stays. */
static void set_unless_kept(const char *name, const char *of_root, const char *value)
{
	const char *now = getenv(name);

	if (value && (!now || !strcmp(now, of_root)))
		setenv(name, value, 1);
}

int invoker_become(const struct invoker *invoker)
{
	if (setgroups(invoker->group_count, invoker->groups) ||
	    setresgid(invoker->group, invoker->group, invoker->group) ||
	    setresuid(invoker->user, invoker->user, invoker->user))
		return -errno;
	set_unless_kept("HOME", "/root", invoker->home);
	set_unless_kept("USER", "root", invoker->name);
	set_unless_kept("LOGNAME", "root", invoker->name);
	return 0;
}
