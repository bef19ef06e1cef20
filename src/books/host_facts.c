/*
 * What a run is given: processors it may run on and memory it may have, by the machine and by every control group above it. Both
 * versions of control groups are asked, for where they are mixed the controllers can be in either.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "books/host.h"

#define PATH_MOST 4096

/* The first bytes of a file, NUL-terminated; "" if there is none. */
static size_t read_file(const char *root, const char *path, char *buffer, size_t size)
{
	char whole[2 * PATH_MOST];
	ssize_t got = -1;
	int fd;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		got = read(fd, buffer, size - 1);
		close(fd);
	}
	buffer[got > 0 ? got : 0] = '\0';
	return got > 0 ? got : 0;
}

static FILE *open_file(const char *root, const char *path)
{
	char whole[2 * PATH_MOST];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	return fopen(whole, "re");
}

static u32 first_line(const char *root, const char *path, struct run *run)
{
	char buffer[256];

	read_file(root, path, buffer, sizeof(buffer));
	buffer[strcspn(buffer, "\n")] = '\0';
	return buffer[0] ? run_text_add(run, buffer, strlen(buffer)) : RUN_NONE;
}

/* x86 names it in every processor's block; on others the board's name is the best there is. */
static u32 find_model(const char *root, struct run *run)
{
	FILE *file = open_file(root, "/proc/cpuinfo");
	char line[512], name[256] = "";

	while (file && !name[0] && fgets(line, sizeof(line), file))
		if (!strncmp(line, "model name", 10) || !strncmp(line, "Model\t", 6))
			sscanf(line, "%*[^:]: %255[^\n]", name);
	if (file)
		fclose(file);
	return name[0] ? run_text_add(run, name, strlen(name)) : first_line(root, "/proc/device-tree/model", run);
}

static u32 count_online(const char *root)
{
	FILE *file = open_file(root, "/proc/stat");
	char line[512];
	u32 count = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "cpu", 3))
			break;
		count += line[3] >= '0' && line[3] <= '9';
	}
	if (file)
		fclose(file);
	return count;
}

/* "Cpus_allowed_list:	0-3,8" */
static u32 count_allowed(const char *root, const char *process)
{
	static const char name[] = "Cpus_allowed_list:";
	char path[64], line[4096];
	FILE *file;
	u32 count = 0;

	snprintf(path, sizeof(path), "%s/status", process);
	file = open_file(root, path);
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, sizeof(name) - 1))
			continue;
		for (char *at = line + sizeof(name) - 1; at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
			unsigned int from, to;
			int parts = sscanf(at, "%u-%u", &from, &to);

			if (parts == 2 && to >= from)
				count += to - from + 1;
			else if (parts == 1)
				count++;
		}
	}
	if (file)
		fclose(file);
	return count;
}

static void find_memory(const char *root, struct run_host *facts)
{
	FILE *file = open_file(root, "/proc/meminfo");
	char line[256];
	unsigned long long kilobytes;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemTotal: %llu kB", &kilobytes) == 1)
			facts->memory = kilobytes * 1024;
		if (sscanf(line, "SwapTotal: %llu kB", &kilobytes) == 1)
			facts->swap = kilobytes * 1024;
	}
	if (file)
		fclose(file);
}

/* ~0: no limit. */
static u64 number_in(const char *root, const char *directory, const char *name)
{
	char path[2 * PATH_MOST], buffer[64], *end;
	unsigned long long number;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	read_file(root, path, buffer, sizeof(buffer));
	number = strtoull(buffer, &end, 10);
	return end == buffer || buffer[0] == '-' ? UINT64_MAX : number;
}

struct limits {
	u64 memory;
	u64 thousandths;	/* of a processor */
};

static void lower(u64 *limit, u64 to)
{
	if (to < *limit)
		*limit = to;
}

static void lower_quota(struct limits *limits, u64 quota, u64 period)
{
	if (quota != UINT64_MAX && period && period != UINT64_MAX && quota < UINT64_MAX / 1000)
		lower(&limits->thousandths, quota * 1000 / period);
}

/* What the group itself sets, in the names of either version. */
static void limit_by_group(const char *root, const char *directory, struct limits *limits)
{
	char path[2 * PATH_MOST], buffer[64];
	unsigned long long quota, period;

	lower(&limits->memory, number_in(root, directory, "memory.max"));
	lower(&limits->memory, number_in(root, directory, "memory.limit_in_bytes"));
	lower_quota(limits, number_in(root, directory, "cpu.cfs_quota_us"),
		    number_in(root, directory, "cpu.cfs_period_us"));
	snprintf(path, sizeof(path), "%s/cpu.max", directory);
	read_file(root, path, buffer, sizeof(buffer));
	if (sscanf(buffer, "%llu %llu", &quota, &period) == 2)
		lower_quota(limits, quota, period);
}

/* A group and all above it, up to where the hierarchy is mounted. */
static void limit_by_groups(const char *root, const char *mount, const char *below, struct limits *limits)
{
	char directory[PATH_MOST];
	size_t least = strlen(mount);

	if ((size_t)snprintf(directory, sizeof(directory), "%s%s", mount, below) >= sizeof(directory))
		return;
	for (;;) {
		char *slash;

		limit_by_group(root, directory, limits);
		slash = strrchr(directory, '/');
		if (!slash || (size_t)(slash - directory) < least)
			break;
		*slash = '\0';
	}
}

static bool has_word(const char *list, const char *word, size_t length)
{
	for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
		if (!strncmp(at, word, length) && (at[length] == ',' || at[length] == '\0' || at[length] == '\n'))
			return true;
	return false;
}

/*
 * Where the hierarchy of a line of /proc/self/cgroup is mounted. In a container the mount can begin at the container's own group: its
 * path is then not repeated below it.
 */
static void limit_by_line(const char *root, char *line, struct limits *limits)
{
	FILE *file = open_file(root, "/proc/self/mountinfo");
	char mount[PATH_MOST], from[PATH_MOST], type[32], options[1024], entry[2 * PATH_MOST + 1024];
	char *controllers = strchr(line, ':'), *path = controllers ? strchr(++controllers, ':') : NULL;

	if (path) {
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
	}
	while (file && path && fgets(entry, sizeof(entry), file)) {
		const char *rest = strstr(entry, " - ");
		bool old;

		if (!rest || sscanf(entry, "%*s %*s %*s %4095s %4095s", from, mount) != 2 ||
		    sscanf(rest, " - %31s %*s %1023s", type, options) != 2)
			continue;
		old = !strcmp(type, "cgroup");
		if (old ? !*controllers || !has_word(options, controllers, strcspn(controllers, ",")) :
			  *controllers || strcmp(type, "cgroup2"))
			continue;
		if (strcmp(from, "/") && !strncmp(path, from, strlen(from)) && strchr("/", path[strlen(from)]))
			path += strlen(from);
		limit_by_groups(root, mount, strcmp(path, "/") ? path : "", limits);
		break;
	}
	if (file)
		fclose(file);
}

/* The limits of all groups that a process is in. */
static struct limits find_limits(const char *root, const char *process)
{
	struct limits limits = { .memory = UINT64_MAX, .thousandths = UINT64_MAX };
	char path[64], line[PATH_MOST];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup", process);
	file = open_file(root, path);
	while (file && fgets(line, sizeof(line), file))
		limit_by_line(root, line, &limits);
	if (file)
		fclose(file);
	return limits;
}

/* What it may use of a machine of which the rest is known. */
static void find_allowed(const char *root, const char *process, struct run_host *facts)
{
	struct limits limits = find_limits(root, process);

	facts->cpus_allowed = count_allowed(root, process);
	if (!facts->cpus_allowed || facts->cpus_allowed > facts->cpus)
		facts->cpus_allowed = facts->cpus;
	/* More than there is is no limit; version 1 says "none" with a number like that. */
	if (limits.memory < facts->memory)
		facts->memory_limit = limits.memory;
	if (limits.thousandths / 1000 < facts->cpus_allowed)
		facts->cpus_allowed = limits.thousandths > 1000 ? (limits.thousandths + 999) / 1000 : 1;
}

void host_describe(const char *root, struct run *run)
{
	struct run_host *facts = &run->host;

	memset(facts, 0, sizeof(*facts));
	facts->name = first_line(root, "/proc/sys/kernel/hostname", run);
	facts->kernel = first_line(root, "/proc/sys/kernel/osrelease", run);
	facts->model = find_model(root, run);
	facts->cpus = count_online(root);
	find_memory(root, facts);
	find_allowed(root, "/proc/self", facts);
}

void host_given(const char *root, u32 pid, u64 *cpus, u64 *memory)
{
	struct run_host facts = { .cpus = count_online(root) };
	char process[32];

	snprintf(process, sizeof(process), "/proc/%u", pid);
	find_memory(root, &facts);
	find_allowed(root, process, &facts);
	*cpus = facts.cpus_allowed < facts.cpus ? facts.cpus_allowed : 0;
	*memory = facts.memory_limit;
}
